"""Linear programs to the last digit.

    minimize c.x   subject to   A x = b,   x_i >= 0 except for free i

A solver in double precision stops at tolerances that are absolute. What is left is a program of the
same matrix: residuals on the right, reduced costs as costs, both blown up until they are of order
one. Its solution, made as small again, is added; and so on until a certificate holds. Residuals are
exact: numbers are held as integers, in units of 2^-BITS.

Gleixner, Steffy, Wolter, "Iterative Refinement for Linear Programming", 2016.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy
from jaxtyping import Bool, Float

BITS = 1000
_ROUNDS = 20
_GROWTH = 2.0**16  # of what is left, from one round to the next
_DEAR = 1e6  # no cost is larger: what is so dear is not bought
_INFINITE = 1e12  # to the solver, where bounds are
_LEAST = 2.0**-BITS
# The smallest that the solver accepts.
_TOLERANCES = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}

Exact = np.ndarray  # of Python's integers, in units of 2^-BITS


class Program(NamedTuple):
    """A linear program: costs `c`, matrix `a`, right side `b`, and which variables are free."""

    c: Exact
    a: "scipy.sparse.coo_array"
    b: Exact
    free: Bool[np.ndarray, " variables"]


def exact(values: Any) -> Exact:
    """Numbers as integers in units of 2^-BITS, of which none is lost down to 2^(52 - BITS)."""
    mantissa, exponent = np.frexp(np.asarray(values, float))
    return shifted(np.ldexp(mantissa, 53).astype(np.int64).astype(object), exponent - 53 + BITS)


def shifted(values: Exact, by: Any) -> Exact:
    """Integers times 2^by."""
    by = np.broadcast_to(by, values.shape)
    return (values << np.maximum(by, 0).astype(object)) >> np.maximum(-by, 0).astype(object)


def rounded(values: Exact) -> Float[np.ndarray, "..."]:
    """Integers in units of 2^-BITS as floating numbers."""
    return np.asarray(values / 2**BITS, float)


class Solution(NamedTuple):
    """A solution `x`, its multipliers `y`, one per row of the matrix, and what proves them: `None`
    if nothing does."""

    x: Exact
    y: Exact
    proof: Any


def solve(
    program: Program,
    prove: Callable[[Exact, Exact], Any],
    guess: tuple[Exact, Exact] | None = None,
) -> Solution:
    """A linear program, solved until its solution is proven, or for a number of rounds.

    **Arguments:**

    - `program`: bounded and feasible, with numbers of at most about one.
    - `prove`: `prove(x, y)` is a proof that nothing is left to gain, or `None`.
    - `guess`: x and y to begin with.
    """
    c, a, b, free = program
    entries = exact(a.data)
    x, y = (np.full(n, 0, object) for n in (len(c), len(b)))
    if guess is not None:
        x, y = guess
        if (proof := prove(x, y)) is not None:
            return Solution(x, y, proof)
    rows, columns = _scales(a)
    scaled = scipy.sparse.coo_array(
        (a.data * rows[a.row] * columns[a.col], (a.row, a.col)), a.shape
    ).tocsc()
    blown: tuple[float, float] | None = None
    for _ in range(_ROUNDS):
        lacks = b - _sums(entries * x[a.col], a.row, len(b))
        costs = c - _sums(entries * y[a.row], a.col, len(c))
        right, prices, floor = (
            rounded(lacks) * rows,
            rounded(costs) * columns,
            -rounded(x) / columns,
        )
        # How far the two sides are from what they must be: nothing lacks, nothing is negative,
        # and no price is, nor other than 0 where something is bought.
        wrong = max(np.abs(right).max(), np.where(free, 0, floor).max())
        cheap = np.where(free | (x > 0), np.abs(prices), -prices).max()
        if blown is None:
            wrong, cheap = np.abs(right).max(), np.abs(prices).max()
            blown = np.inf, np.inf
        primal = _power(min(blown[0] * _GROWTH, 1 / max(wrong, _LEAST)))
        dual = _power(min(blown[1] * _GROWTH, 1 / max(cheap, _LEAST)))
        blown = primal, dual
        # Where the solver gives up, the costs alone are blown up.
        for scale in (primal, 1.0):
            least = np.where(free | (floor * scale < -_INFINITE), -np.inf, floor * scale)
            found = _round(np.clip(prices * dual, -_DEAR, _DEAR), scaled, right * scale, least)
            if found is not None:
                break
        else:
            break
        z, w = found
        # What is at its bound is at it exactly.
        x = np.where(z <= least, 0, x + exact(z * columns / scale))
        y = y + exact(w * rows / dual)
        if (proof := prove(x, y)) is not None:
            return Solution(x, y, proof)
    return Solution(x, y, None)


def _round(c: Any, a: Any, b: Any, least: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """A program to the solver's tolerances; `None` where it gives up."""
    bounds = np.stack([least, np.full(len(c), np.inf)], -1)
    for options in ({}, {"presolve": False}):
        solved = scipy.optimize.linprog(
            c, A_eq=a, b_eq=b, bounds=bounds, method="highs-ds", options={**_TOLERANCES, **options}
        )
        if solved.x is not None and solved.success:
            return solved.x, solved.eqlin.marginals
    return None


def _sums(products: Exact, index: np.ndarray, n: int) -> Exact:
    """Products of two exact numbers, summed over those of one index."""
    sums = np.full(n, 0, object)
    np.add.at(sums, index, products)
    return sums >> BITS


def _scales(a: "scipy.sparse.coo_array", rounds: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Powers of two by which rows and columns have entries around one."""
    logs = np.log2(np.abs(a.data))
    n, m = int(a.row.max()) + 1, int(a.col.max()) + 1
    rows, columns = np.zeros(n), np.zeros(m)
    for _ in range(rounds):
        rows = -_middle(logs + columns[a.col], a.row, len(rows))
        columns = -_middle(logs + rows[a.row], a.col, len(columns))
    return np.exp2(np.round(rows)), np.exp2(np.round(columns))


def _middle(logs: np.ndarray, index: np.ndarray, n: int) -> np.ndarray:
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, index, logs)
    np.maximum.at(high, index, logs)
    return (low + high) / 2


def _power(x: float) -> float:
    """The power of two below a positive number."""
    return 2.0 ** np.floor(np.log2(x))
