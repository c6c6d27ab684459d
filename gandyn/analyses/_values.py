"""The values of a finite zero-sum game: what it is worth to move first, second, or at once.

    min-max   min_i max_j P_ij      the row moves first, and pays for it
    max-min   max_j min_i P_ij      the column moves first
    mixed     min_x max_y x^T P y = max_y min_x x^T P y      both may mix

The three are ordered, max-min <= mixed <= min-max, and equal if and only if the game has an
equilibrium without mixing. Von Neumann, "Zur Theorie der Gesellschaftsspiele", 1928.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.optimize import linprog

from .. import _checks as checks
from .._result import Result


class Values(Result):
    """The values of a finite zero-sum game, and optimal mixed strategies.

    **Fields:**

    - `minmax`: min_i max_j P_ij, the least that the row can promise to pay at most.
    - `maxmin`: max_j min_i P_ij, the most that the column can promise to get at least.
    - `mixed`: the value when both may mix, between the two.
    - `row`, `column`: optimal mixed strategies; where there are several, one of them.
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
    """The values of a matrix game, by linear programming (HiGHS) for the mixed one.

    Strategies that are not unique have the derivative of one of the choices; values have that of
    the envelope theorem, d mixed / d P = row column^T.

    **Arguments:**

    - `payoff`: shape `(rows, columns)`; `payoff[i, j]` is what the row pays the column. The row
      minimizes it, the column maximizes it.

    **Raises:** `ValueError` if `payoff` is not a matrix, is empty or is not finite.
    """
    payoff = checks.array("payoff", payoff)
    if payoff.ndim != 2 or 0 in payoff.shape:
        raise ValueError(
            "`payoff` must be a matrix of shape (rows, columns), not empty, but has shape "
            f"{payoff.shape}."
        )
    rows, columns = (jax.ShapeDtypeStruct((n,), payoff.dtype) for n in payoff.shape)
    row, column = jax.pure_callback(
        _solve, (rows, columns), jax.lax.stop_gradient(payoff), vmap_method="sequential"
    )
    mixed = row @ payoff @ column
    in_row, in_column = row > 0, column > 0
    return Values(
        minmax=jnp.min(jnp.max(payoff, axis=1)),
        maxmin=jnp.max(jnp.min(payoff, axis=0)),
        mixed=mixed,
        row=_indifferent(payoff.T, row, mixed, in_row, in_column),
        column=_indifferent(payoff, column, mixed, in_column, in_row),
    )


def _indifferent(
    payoff: Float[Array, "n m"],
    strategy: Float[Array, " m"],
    value: Float[Array, ""],
    played: Bool[Array, " m"],
    answers: Bool[Array, " n"],
) -> Float[Array, " m"]:
    """One Newton step of a strategy on what defines it: the opponent is indifferent between all the
    answers that it plays. It takes the solver's last digits away, and has the derivative that the
    solver has not."""
    m = payoff.shape[1]

    def equations(z: Array, payoff: Array) -> Array:
        y, v = z[:m], z[m]
        return jnp.concatenate(
            [jnp.where(answers, payoff @ y - v, 0), jnp.where(played, 0, y), jnp.sum(y)[None] - 1]
        )

    z = jax.lax.stop_gradient(jnp.append(strategy, value))
    slopes = jax.jacfwd(equations)(z, jax.lax.stop_gradient(payoff))
    step = jnp.linalg.pinv(slopes, rtol=1e3 * jnp.finfo(z.dtype).eps) @ equations(z, payoff)
    return jnp.where(played, strategy - step[:m], 0)


def _solve(payoff: Any) -> tuple[np.ndarray, np.ndarray]:
    """Optimal strategies of row and column, on the host."""
    payoff = np.asarray(payoff)
    n, m = payoff.shape
    if not np.all(np.isfinite(payoff)):
        return np.full(n, np.nan, payoff.dtype), np.full(m, np.nan, payoff.dtype)
    # In units of its own range: the solver's tolerances are absolute.
    span = np.ptp(payoff.astype(float)) or 1.0
    scaled = (payoff.astype(float) - payoff.min()) / span
    # min v over strategies x and numbers v, such that no column gets more than v.
    solved = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=np.column_stack([scaled.T, -np.ones(m)]),
        b_ub=np.zeros(m),
        A_eq=np.append(np.ones(n), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * n + [(None, None)],
        method="highs-ds",
    )
    if not solved.success:
        raise RuntimeError(f"the linear program was not solved: {solved.message}")
    row, column = _cleaned(solved.x[:n]), _cleaned(-solved.ineqlin.marginals)
    return row.astype(payoff.dtype), column.astype(payoff.dtype)


def _cleaned(strategy: np.ndarray) -> np.ndarray:
    """A vertex of the simplex's faces has exact zeros, up to rounding."""
    strategy = np.where(strategy > 1e-10, strategy, 0)
    return strategy / strategy.sum()
