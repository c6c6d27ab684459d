"""The values of a finite zero-sum game: what it is worth to move first, second, or at once.

    min-max   min_i max_j P_ij      the row moves first, and pays for it
    max-min   max_j min_i P_ij      the column moves first
    mixed     min_x max_y x^T P y = max_y min_x x^T P y      both may mix

The three are ordered, max-min <= mixed <= min-max, and equal if and only if the game has an
equilibrium without mixing. Von Neumann, "Zur Theorie der Gesellschaftsspiele", 1928.
"""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Bool, Float

from ... import _checks as checks
from ... import _numerics as numerics
from ..._linear_program import BITS, Exact, Program, exact, rounded, solve
from ..._result import Result


class Values(Result):
    """The values of a finite zero-sum game, and optimal mixed strategies.

    **Fields:**

    - `minmax`: min_i max_j P_ij, the least that the row can promise to pay at most.
    - `maxmin`: max_j min_i P_ij, the most that the column can promise to get at least.
    - `mixed`: the value when both may mix, between the two; nan where no proof of it was found.
    - `row`, `column`: optimal mixed strategies; where there are several, one of them. They are the
      proof: `(row @ P).max()` and `(P @ column).min()` agree to rounding.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "row": ("row_action",),
        "column": ("column_action",),
    }

    minmax: Float[Array, "*batch"]
    maxmin: Float[Array, "*batch"]
    mixed: Float[Array, "*batch"]
    row: Float[Array, "*batch row"]
    column: Float[Array, "*batch column"]

    @property
    def gap(self) -> Float[Array, "*batch"]:
        """min-max minus max-min: what it is worth to move second. Zero if and only if there is an
        equilibrium without mixing."""
        return self.minmax - self.maxmin


def values(payoff: Any) -> Values:
    """The values of a matrix game, by a linear program that is solved to rounding for the mixed
    one.

    Strategies that are not unique have the derivative of one of the choices; values have that of
    the envelope theorem, d mixed / d P = row column^T.

    **Arguments:**

    - `payoff`: shape `(rows, columns)`; `payoff[i, j]` is what the row pays the column. The row
      minimizes it, the column maximizes it.

    **Raises:** `ValueError` if `payoff` is not a matrix, is empty or is not finite. Where two
    strategies that prove the value to rounding are not found, a warning, and nan.
    """
    payoff = checks.array("payoff", payoff)
    if payoff.ndim != 2 or 0 in payoff.shape:
        raise ValueError(
            "`payoff` must be a matrix of shape (rows, columns), not empty, but has shape "
            f"{payoff.shape}."
        )
    if checks.is_concrete(payoff):
        # Nothing is compiled for numbers that are known.
        known = np.asarray(payoff)
        row, column, mixed = _solve(known)
        found = known.max(axis=1).min(), known.min(axis=0).max(), mixed, row, column
        return Values(*map(jnp.asarray, found))
    rows, columns, number = (jax.ShapeDtypeStruct(n, payoff.dtype) for n in _shapes(payoff))
    row, column, mixed = jax.pure_callback(
        _solve,
        (rows, columns, number),
        jax.lax.stop_gradient(payoff),
        vmap_method="sequential",
    )
    in_row, in_column = row > 0, column > 0
    return Values(
        minmax=jnp.min(jnp.max(payoff, axis=1)),
        maxmin=jnp.max(jnp.min(payoff, axis=0)),
        mixed=mixed + _only_slope(row @ payoff @ column),
        row=_indifferent(payoff.T, row, mixed, in_row, in_column),
        column=_indifferent(payoff, column, mixed, in_column, in_row),
    )


def _shapes(payoff: Array) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    rows, columns = payoff.shape
    return (rows,), (columns,), ()


def _only_slope(x: Array) -> Array:
    """Zero, with the derivative of x."""
    return x - jax.lax.stop_gradient(x)


def _indifferent(
    payoff: Float[Array, "n m"],
    strategy: Float[Array, " m"],
    value: Float[Array, ""],
    played: Bool[Array, " m"],
    answers: Bool[Array, " n"],
) -> Float[Array, " m"]:
    """A strategy with the derivative of what defines it, which the solver has not: the opponent is
    indifferent between all the answers that it plays."""
    m = payoff.shape[1]
    # Each equation in its own unit: payoffs may differ by many orders of magnitude.
    size = jnp.max(jnp.where(played, jnp.abs(payoff), 0), axis=1)
    scale = jax.lax.stop_gradient(jnp.where(size > 0, size, 1))

    def equations(z: Array, payoff: Array) -> Array:
        y, v = z[:m], z[m]
        played_against = jnp.where(played, payoff, 0) @ y
        return jnp.concatenate(
            [
                jnp.where(answers, (played_against - v) / scale, 0),
                jnp.where(played, 0, y),
                jnp.sum(y)[None] - 1,
            ]
        )

    z = jax.lax.stop_gradient(jnp.append(strategy, value))
    slopes = jax.jacfwd(equations)(z, jax.lax.stop_gradient(payoff))
    step = jnp.linalg.pinv(slopes, rtol=1e3 * numerics.rounding(z.dtype)) @ equations(z, payoff)
    return jnp.where(played, strategy - _only_slope(step[:m]), 0)


def _solve(payoff: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Optimal strategies of row and column, and the value, on the host."""
    payoff = np.asarray(payoff)
    dtype, scale = payoff.dtype, _scale(payoff)
    row, column, value, proven = _optimal(np.asarray(payoff, float) / scale)
    if not proven:
        if np.all(np.isfinite(payoff)):
            warnings.warn(
                f"no strategies were found that prove the value of a payoff of shape "
                f"{payoff.shape} to rounding, and it is nan: leave out actions that are never "
                "played, or give payoffs that differ by fewer orders of magnitude.",
                stacklevel=2,
            )
        row, column, value = (np.full_like(x, np.nan) for x in (row, column, value))
    return row.astype(dtype), column.astype(dtype), np.asarray(value * scale, dtype)


def _scale(payoff: np.ndarray) -> float:
    """A power of two above all payoffs."""
    top = np.max(np.abs(payoff))
    return float(np.exp2(np.frexp(top)[1] - 1.0)) if 0 < top < np.inf else 1.0


def _optimal(payoff: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Strategies and value of payoffs of order one, and whether they are proven."""
    n, m = payoff.shape
    if not np.all(np.isfinite(payoff)):
        return np.full(n, np.nan), np.full(m, np.nan), np.asarray(np.nan), False
    game = exact(payoff)

    def prove(x: Exact, y: Exact) -> tuple[Exact, Exact] | None:
        """Strategies to which no answer is better than the value, up to the rounding of what is
        paid."""
        row, column = _strategy(x[:n]), _strategy(-y[:m])
        most, least = max(row @ game) >> BITS, min(game @ column) >> BITS
        paid = ((row @ np.abs(game)) >> BITS) @ column >> BITS
        return (row, column) if (most - least) << 48 <= paid else None

    solved = solve(_program(payoff), prove)
    if solved.proof is None:
        # Where all that is played pays nearly the same: the game without what everything pays.
        rest = rounded(game - _value(game, solved.x, solved.y))
        solved = solve(_program(rest), prove)
    row, column = _strategy(solved.x[:n]), _strategy(-solved.y[:m])
    value = np.asarray(_value(game, solved.x, solved.y) / 2**BITS)
    return rounded(row), rounded(column), value, solved.proof is not None


def _value(game: Exact, x: Exact, y: Exact) -> int:
    """Between what the row and what the column can promise."""
    n, m = game.shape
    row, column = _strategy(x[:n]), _strategy(-y[:m])
    return (max(row @ game) + min(game @ column)) >> (BITS + 1)


def _program(payoff: np.ndarray) -> Program:
    """Of a strategy x, numbers s and v: the least v such that no column j gets more,

    sum_i P_ij x_i + s_j = v,   sum_i x_i = 1,   x, s >= 0.
    """
    n, m = payoff.shape
    i, j = np.nonzero(payoff)
    columns, ones = np.arange(m), np.ones(m)
    a = scipy.sparse.coo_array(
        (
            np.concatenate([payoff[i, j], ones, -ones, np.ones(n)]),
            (
                np.concatenate([j, columns, columns, np.full(n, m)]),
                np.concatenate([i, n + columns, np.full(m, n + m), np.arange(n)]),
            ),
        ),
        (m + 1, n + m + 1),
    )
    v, mass = np.zeros(n + m + 1), np.zeros(m + 1)
    v[-1] = mass[-1] = 1
    return Program(exact(v), a, exact(mass), v > 0)


def _strategy(weights: Exact) -> Exact:
    """Weights, of which rounding made some negative, as probabilities; without any, the first."""
    weights = np.maximum(weights, 0)
    total = weights.sum()
    if total == 0:
        weights[0] = total = 1
    return (weights << BITS) // total
