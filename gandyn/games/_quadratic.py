"""Quadratic games: those whose field is linear, v(z) = J z.

    L_i(z) = -(z_i^T J_ii z_i / 2 + z_i^T sum_{j != i} J_ij z_j),    J_ii symmetric

Every local question about a smooth game at an equilibrium is a question about one of these. With
one number per player, every matrix J is the field of a game.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .. import _checks as checks
from .._types import Key, Players, Scalar
from ._game import Custom


class _QuadraticForms(eqx.Module):
    jacobian: Float[Array, "n n"]
    sizes: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, players: Players, key: Key = None) -> tuple[Scalar, ...]:
        shapes = tuple(jnp.shape(p) for p in players)
        if shapes != tuple((n,) for n in self.sizes):
            raise ValueError(
                f"the players must be vectors of sizes {self.sizes}, but have shapes {shapes}."
            )
        ends = np.cumsum(self.sizes)
        total = []
        for i, (end, size) in enumerate(zip(ends, self.sizes, strict=True)):
            rows = self.jacobian[end - size : end].astype(jnp.result_type(*players))
            pulls = [
                rows[:, e - n : e] @ (p / 2 if i == j else p)
                for j, (e, n, p) in enumerate(zip(ends, self.sizes, players, strict=True))
            ]
            total.append(-jnp.sum(players[i] * sum(pulls)))
        return tuple(total)


def quadratic(jacobian: Any, sizes: Sequence[int] | None = None) -> Custom:
    """The game whose gradient field is v(z) = J z; its equilibrium is the origin.

    **Arguments:**

    - `jacobian`: J, shape `(n, n)`; the flow of the game is stable where the real parts of J's
      eigenvalues are negative. The diagonal block of each player must be symmetric.
    - `sizes`: the number of coordinates of each player, with sum n; by default n players with one
      each. Players are vectors of these sizes.
    """
    jacobian = checks.array("jacobian", jacobian)
    if jacobian.ndim != 2 or jacobian.shape[0] != jacobian.shape[1]:
        raise ValueError(f"`jacobian` must be a square matrix, but has shape {jacobian.shape}.")
    n = jacobian.shape[0]
    each = (1,) * n if sizes is None else checks.counts("sizes", sizes)
    if sum(each) != n:
        raise ValueError(f"`sizes` must have sum {n}, the size of `jacobian`, but is {each}.")
    if checks.is_concrete(jacobian):
        matrix = np.asarray(jacobian)
        for i, (end, size) in enumerate(zip(np.cumsum(each), each, strict=True)):
            block = matrix[end - size : end, end - size : end]
            if not np.allclose(block, block.T, rtol=1e-6, atol=1e-6 * np.abs(matrix).max()):
                raise ValueError(
                    f"the diagonal block of player {i} in `jacobian` must be symmetric, because "
                    f"it is minus the Hessian of a loss, but is {block}."
                )
    return Custom(_QuadraticForms(jacobian, each), (tuple(np.zeros(s) for s in each),))


def prescribed(eigenvalues: Any, key: PRNGKeyArray | None = None) -> Custom:
    """A two-player quadratic game whose field has the given spectrum.

    Each pair (c_1, c_2) of eigenvalues gives one coordinate to either player: a pair a +- ib the
    block ((a, -b), (b, a)), two real numbers a diagonal one. With a `key`, the coordinates of
    each player are turned by a random orthogonal matrix of its own.

    **Arguments:**

    - `eigenvalues`: 2n numbers, in n consecutive pairs, each conjugate or real.
    - `key`: of the rotations; `None` for none.
    """
    try:
        values = np.asarray(eigenvalues, dtype=complex)
    except (TypeError, ValueError):
        raise TypeError(
            f"`eigenvalues` must be numbers, real or complex, but is {checks.shown(eigenvalues)}."
        ) from None
    if values.ndim != 1 or len(values) % 2 or len(values) == 0:
        raise ValueError(
            f"`eigenvalues` must be an even number of them, but has shape {values.shape}."
        )
    if not np.all(np.isfinite(values)):
        raise ValueError(f"`eigenvalues` must be finite, but is {values}.")
    first, second = values[::2], values[1::2]
    for a, b in zip(first, second, strict=True):
        if a != b.conjugate() and (a.imag != 0 or b.imag != 0):
            raise ValueError(
                f"`eigenvalues` must come in consecutive pairs, conjugate or real, but has "
                f"({a}, {b})."
            )
    n = len(first)
    jacobian = jnp.block(
        [
            [jnp.diag(np.real(first)), jnp.diag(-np.imag(first))],
            [jnp.diag(np.imag(first)), jnp.diag(np.real(second))],
        ]
    )
    key = checks.key(key)
    if key is not None:
        bases = jr.orthogonal(key, n, (2,), jacobian.dtype)
        zero = jnp.zeros((n, n), jacobian.dtype)
        basis = jnp.block([[bases[0], zero], [zero, bases[1]]])
        jacobian = basis.T @ jacobian @ basis
        # Symmetric up to rounding in the new basis; made exactly so, as the Hessian of a loss is.
        for block in (slice(None, n), slice(n, None)):
            mine = jacobian[block, block]
            jacobian = jacobian.at[block, block].set((mine + mine.T) / 2)
    return quadratic(jacobian, (n, n))
