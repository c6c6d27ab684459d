"""Distances between measures: how far apart two laws, or two samples, are.

Wasserstein distances are those of optimal transport between equally weighted samples,

    W_p(x, y) = (min over couplings of E |x - y|^p)^(1/p),

and the Jensen-Shannon divergence compares two laws on one support. Peyré and Cuturi, "Computational
Optimal Transport", 2019; Lin, "Divergence measures based on the Shannon entropy", 1991.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import xlogy
from jaxtyping import Array, Float, Int
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import csr_array, eye_array, kron, vstack

from . import _checks as checks
from ._types import Scalar


def wasserstein(x: Any, y: Any, order: Any = 1) -> Scalar:
    """The Wasserstein distance W_p between two equally weighted samples, exact.

    In one dimension by sorting, under any transformation. In more by solving the assignment problem
    (samples of one size) or the transport problem (of two sizes) on the host; derivatives are those
    of the optimal coupling held.

    **Arguments:**

    - `x`: a sample, shape `(n,)` or `(n, d)`.
    - `y`: a sample, shape `(m,)` or `(m, d)`.
    - `order`: p, at least 1. The result is W_p, not its p-th power.

    **Raises:** `ValueError` if a sample is empty or not finite, or if the dimensions differ.
    """
    x, y = sample("x", x), sample("y", y)
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"`x` and `y` must have one dimension, but `x` has {x.shape[1]} and `y` {y.shape[1]}."
        )
    dtype = jnp.promote_types(x.dtype, y.dtype)
    x, y = x.astype(dtype), y.astype(dtype)
    order = checks.number("order", order, low=1).astype(dtype)
    if x.shape[1] == 1:
        i, j, mass = _monotone(len(x), len(y))
        apart = jnp.abs(jnp.sort(x[:, 0])[i] - jnp.sort(y[:, 0])[j])
        cost = jnp.sum(jnp.asarray(mass, dtype) * apart**order)
    else:
        cost = _transport(x, y, order)
    # At zero distance the root has no derivative; zero is one of its subgradients.
    return jnp.where(cost > 0, jnp.where(cost > 0, cost, 1) ** (1 / order), 0)


def jensen_shannon(p: Any, q: Any) -> Scalar:
    """The Jensen-Shannon divergence of two probability vectors on one support, in nats.

        JS = KL(p | m) / 2 + KL(q | m) / 2,   m = (p + q) / 2,

    between 0 (equal) and log 2 (disjoint).

    **Arguments:**

    - `p`, `q`: probabilities of one shape; none is negative, each sums to one.

    **Raises:** `ValueError` if they are no probabilities, or of different shapes.
    """
    p, q = checks.probabilities("p", p), checks.probabilities("q", q)
    if p.shape != q.shape:
        raise ValueError(
            f"`p` and `q` must be on one support, but have shapes {p.shape} and {q.shape}."
        )
    dtype = jnp.promote_types(p.dtype, q.dtype)
    return _jensen_shannon(p.astype(dtype), q.astype(dtype))


@jax.custom_jvp
def _jensen_shannon(p: Float[Array, "*support"], q: Float[Array, "*support"]) -> Scalar:
    a, b, tilt = _ratios(p, q)
    # (1+t) log(1+t) + (1-t) log(1-t), written so that nothing cancels where p and q are close.
    close = jnp.abs(tilt) < 0.5
    t = jnp.where(close, tilt, 0)
    near = 2 * t * jnp.arctanh(t) + jnp.log1p(-(t**2))
    return jnp.sum((p + q) * jnp.where(close, near, xlogy(a, a) + xlogy(b, b))) / 4


@_jensen_shannon.defjvp
def _(at: tuple[Array, Array], along: tuple[Array, Array]) -> tuple[Array, Array]:
    # The slopes log(a)/2 and log(b)/2 are -inf where p or q vanishes alone. They are cut off at the
    # smallest number, so that a probability that underflows has no derivative instead of nan.
    tiny = jnp.finfo(at[0].dtype).tiny
    a, b, _ = _ratios(*at)
    slope_p, slope_q = (jnp.log(jnp.maximum(ratio, tiny)) / 2 for ratio in (a, b))
    return _jensen_shannon(*at), jnp.sum(slope_p * along[0] + slope_q * along[1])


def _ratios(p: Array, q: Array) -> tuple[Array, Array, Array]:
    """2p / (p + q), 2q / (p + q) and half their difference; 1, 1 and 0 where there is no mass."""
    empty = p + q == 0
    both = jnp.where(empty, 1, p + q)
    a, b = (jnp.where(empty, 1, 2 * x / both) for x in (p, q))
    return a, b, (p - q) / both


def sample(name: str, value: Any) -> Float[Array, "n d"]:
    """A sample as points in d dimensions; numbers are points in one."""
    value = checks.array(name, value)
    if value.ndim not in (1, 2) or 0 in value.shape:
        raise ValueError(
            f"`{name}` must be a sample of shape (n,) or (n, d), not empty, but has shape "
            f"{value.shape}."
        )
    return value.reshape(len(value), -1)


def _monotone(
    n: int, m: int
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The monotone coupling of n and m sorted points: which pairs, and their mass."""
    # Quantile levels in units of 1 / (n m), where they are whole numbers.
    levels = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
    return levels[:-1] // m, levels[:-1] // n, np.diff(levels) / (n * m)


def _transport(x: Float[Array, "n d"], y: Float[Array, "m d"], order: Scalar) -> Scalar:
    """min over couplings of E |x - y|^order; for its derivative the coupling is held."""
    n, m = len(x), len(y)
    apart = _norm(x[:, None] - y[None])
    shape = jax.ShapeDtypeStruct((n, m), apart.dtype)
    plan = jax.pure_callback(
        _coupling, shape, jax.lax.stop_gradient(apart**order), vmap_method="sequential"
    )
    return jnp.sum(plan * apart**order)


def _norm(x: Float[Array, "... d"]) -> Float[Array, "..."]:
    """|x|, with derivative 0 where it has none."""
    square = jnp.sum(x**2, -1)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)


def _coupling(cost: Any) -> np.ndarray:
    """The optimal coupling of two equally weighted samples, on the host."""
    cost = np.asarray(cost)
    n, m = cost.shape
    plan = np.zeros_like(cost)
    if not np.all(np.isfinite(cost)):
        return np.full_like(cost, np.nan)
    if n == m:
        plan[linear_sum_assignment(cost)] = 1 / n
        return plan
    rows = kron(eye_array(n), np.ones((1, m)))
    columns = kron(np.ones((1, n)), eye_array(m))
    mass = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    # In units of its largest entry: the solver's tolerances are absolute.
    scaled = np.ravel(cost / max(cost.max(), np.finfo(cost.dtype).tiny)).astype(float)
    solved = linprog(scaled, A_eq=csr_array(vstack([rows, columns])), b_eq=mass, method="highs-ds")
    if not solved.success:
        raise RuntimeError(f"the transport problem was not solved: {solved.message}")
    return np.maximum(solved.x, 0).reshape(n, m).astype(cost.dtype)
