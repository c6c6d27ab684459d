"""The best coupling of two weighted samples, on the host, and exactly.

    minimize sum_ij pi_ij |x_i - y_j|^p   with   sum_j pi_ij = a_i,  sum_i pi_ij = b_j,  pi >= 0

It is proven by prices u, v with u_i + v_j <= |x_i - y_j|^p: the coupling costs what they promise,
to rounding. POT's network simplex makes the first attempt where it is installed.

Peyré and Cuturi, "Computational Optimal Transport", 2019.
"""

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import scipy
from jaxtyping import Float, Int

from .._linear_program import BITS, Exact, Program, exact, rounded, solve

_SMALL = 1e-140  # distances below, in units of the largest coordinate, have a square that is lost
_ATTEMPTS = 8
_DEAR = 1e7  # costs in units of what is paid, above which nothing is bought
_GRAIN = 2**64  # units of 2^-BITS that rounding leaves


class Plan(NamedTuple):
    """A coupling: pairs (i, j) and their mass; and the slopes of its cost in the weights, in units
    of the largest distance between two points of a pair."""

    i: Int[np.ndarray, " k"]
    j: Int[np.ndarray, " k"]
    mass: Float[np.ndarray, " k"]
    u: Float[np.ndarray, " n"]
    v: Float[np.ndarray, " m"]


def pairs(n: int, m: int, equal: bool) -> int:
    """How many pairs a plan has room for."""
    return n if n == m and equal else n + m - 1


def monotone(
    n: int, m: int
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The monotone coupling of n and m sorted points of equal weight: which pairs, and their
    mass."""
    # Quantile levels in units of 1 / (n m), where they are whole numbers.
    levels = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
    return levels[:-1] // m, levels[:-1] // n, np.diff(levels) / (n * m)


def monotone_weighted(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " m"]
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The monotone coupling of sorted points of these weights."""
    a, b = shares(a, b)
    above, below = np.cumsum(a), np.cumsum(b)
    levels = np.sort(np.concatenate([[0], above, below[:-1]]))
    i, j = (np.searchsorted(s, levels[:-1], side="right") for s in (above, below))
    mass = rounded(np.diff(levels))
    i, j = np.minimum(i, len(a) - 1), np.minimum(j, len(b) - 1)
    return i[mass > 0], j[mass > 0], mass[mass > 0]


def shares(a: np.ndarray, b: np.ndarray) -> tuple[Exact, Exact]:
    """Two lists of weights, exactly, each as shares of its sum, and in one unit."""
    a, b = exact(a), exact(b)
    whole_a, whole_b = a.sum(), b.sum()
    whole = whole_a * whole_b
    return (a * whole_b << BITS) // whole, (b * whole_a << BITS) // whole


def between(x: np.ndarray, y: np.ndarray) -> tuple[Float[np.ndarray, "n m"], float]:
    """The distances of all pairs, in units of a number, and that number."""
    top = max(np.max(np.abs(x)), np.max(np.abs(y)))
    unit = float(np.exp2(np.frexp(top)[1] - 1.0)) if 0 < top < np.inf else 1.0
    x, y = x / unit, y / unit
    apart = scipy.spatial.distance.cdist(x, y)
    i, j = np.nonzero(apart < _SMALL)
    apart[i, j] = norms(x[i] - y[j])
    return apart, unit


def norms(x: Float[np.ndarray, "k d"]) -> Float[np.ndarray, " k"]:
    """|x| of each row, each in its own unit."""
    top = np.max(np.abs(x), axis=1, initial=0)
    unit = np.where((top > 0) & np.isfinite(top), top, 1)
    return unit * np.sqrt(np.sum((x / unit[:, None]) ** 2, axis=1))


def mean(apart: np.ndarray, mass: np.ndarray, order: float) -> float:
    """(sum_i mass_i apart_i^order)^(1/order), in units of the largest."""
    apart, mass = apart[mass != 0], mass[mass != 0]
    top = np.max(apart, initial=0)
    unit = top if 0 < top < np.inf else 1.0
    return float(unit * np.sum(mass * (apart / unit) ** order) ** (1 / order))


def best(x: Any, y: Any, a: Any, b: Any, order: Any) -> Plan:
    """The best coupling of two samples; of equally weighted ones if `a` and `b` are `None`."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    n, m, order = len(x), len(y), float(order)
    k = pairs(n, m, a is None and b is None)
    weights = [np.ones(len(z)) if w is None else np.asarray(w, float) for z, w in ((x, a), (y, b))]
    lost = Plan(*(np.zeros(k, np.int32),) * 2, *(np.full(s, np.nan) for s in (k, n, m)))
    if not all(np.all(np.isfinite(z)) for z in (x, y, *weights)):
        return lost
    apart, _ = between(x, y)
    top = apart.max()
    cost = (apart / (top or 1.0)) ** order
    if k == n == m and a is None:
        i, j = scipy.optimize.linear_sum_assignment(cost)
        return Plan(i, j, np.full(n, 1 / n), np.zeros(n), np.zeros(m))
    mass = shares(*weights)
    flows, prices = _proven(cost, *mass)
    if flows is None:
        warnings.warn(
            f"no coupling of {n} and {m} points was found that can be proven to be the best, and "
            "their distance is nan: the orders of magnitude of distances and weights are too many.",
            stacklevel=2,
        )
        return lost
    i, j, flow = _padded(flows, k)
    used = apart[i, j][flow > 0].max()
    # The prices in units of the largest distance of a pair, not of the largest of all.
    larger = (top / used) ** order if used > 0 else 0.0
    return Plan(i, j, flow, prices[:n] * larger, prices[n:] * larger)


def _proven(
    cost: np.ndarray, a: Exact, b: Exact
) -> tuple[dict[tuple[int, int], int] | None, np.ndarray]:
    """The masses of a best coupling by pair, and the prices that prove it."""
    n, m = cost.shape
    i, j = (index.ravel() for index in np.indices((n, m)))
    pairs = np.arange(n * m)
    c = exact(cost)
    program = Program(
        c.ravel(),
        scipy.sparse.coo_array(
            (np.ones(2 * n * m), (np.concatenate([i, n + j]), np.concatenate([pairs, pairs]))),
            (n + m, n * m),
        ),
        np.concatenate([a, b]),
        np.zeros(n * m, bool),
    )

    def prove(x: Exact, y: Exact) -> tuple[dict[tuple[int, int], int], np.ndarray] | None:
        flows = _flows(np.argwhere(x.reshape(n, m) > 0), a, b)
        if flows is None:
            return None
        u = y[:n]
        # The highest prices that the costs allow.
        v = (c - u[:, None]).min(axis=0)
        u = (c - v).min(axis=1)
        pays = sum(flow * c[pair] for pair, flow in flows.items()) >> BITS
        gap = sum(f * (c[s, t] - u[s] - v[t]) for (s, t), f in flows.items()) >> BITS
        # Prices 0 are always allowed.
        gap = min(gap, pays)
        return (flows, rounded(np.concatenate([u, v]))) if gap <= (pays >> 40) + _GRAIN else None

    solved = solve(program, prove, _attempt(c, a, b, prove))
    return solved.proof if solved.proof is not None else (None, np.zeros(n + m))


def _attempt(
    c: Exact, a: Exact, b: Exact, prove: Callable[[Exact, Exact], Any]
) -> tuple[Exact, Exact] | None:
    """A coupling and prices by POT's network simplex, first for the costs, then for what the prices
    leave of them, in units of what is paid; `None` where POT is not installed."""
    if find_spec("ot") is None:
        return None
    import ot  # pyright: ignore[reportMissingImports]

    masses = [w / w.sum() for w in (rounded(a), rounded(b))]
    u, v, unit = np.full(len(a), 0, object), np.full(len(b), 0, object), 1.0
    x = np.full(c.size, 0, object)
    for _ in range(_ATTEMPTS):
        left = rounded(c - u[:, None] - v)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plan, log = ot.emd(
                *masses, np.minimum(left / unit, _DEAR), numItermax=10_000_000, log=True
            )
        x, u = exact(plan.ravel()), u + exact(log["u"] * unit)
        v = (c - u[:, None]).min(axis=0)
        if prove(x, np.concatenate([u, v])) is not None:
            break
        paid = np.max(rounded(c - u[:, None] - v)[plan > 0])
        unit = max(min(unit, paid), unit / _DEAR)
    return x, np.concatenate([u, v])


def _flows(edges: np.ndarray, a: Exact, b: Exact) -> dict[tuple[int, int], int] | None:
    """The masses on the pairs of a forest, from its leaves on; `None` if it cannot carry them."""
    n = len(a)
    left = [*a.tolist(), *b.tolist()]
    near: list[set[int]] = [set() for _ in left]
    for s, t in edges.tolist():
        near[s].add(n + t)
        near[n + t].add(s)
    leaves = [node for node, others in enumerate(near) if len(others) == 1]
    flows = {}
    while leaves:
        leaf = leaves.pop()
        if not near[leaf]:
            continue
        (other,) = near[leaf]
        near[other].discard(leaf)
        near[leaf].clear()
        flows[(min(leaf, other), max(leaf, other) - n)] = left[leaf]
        left[other] -= left[leaf]
        left[leaf] = 0
        if len(near[other]) == 1:
            leaves.append(other)
    fits = max(map(abs, left)) <= _GRAIN and min(flows.values(), default=0) >= -_GRAIN
    return flows if fits and len(flows) == len(edges) else None


def _padded(flows: dict[tuple[int, int], int], k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs and their masses, k of them."""
    i, j, mass = np.zeros(k, np.int32), np.zeros(k, np.int32), np.zeros(k)
    for at, ((s, t), flow) in enumerate(flows.items()):
        i[at], j[at], mass[at] = s, t, max(flow, 0) / 2**BITS
    return i, j, mass
