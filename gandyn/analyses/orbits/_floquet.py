"""Floquet multipliers: the eigenvalues of what a cycle makes of small disturbances in one turn,

    M = A_m ... A_1,    each A_i the derivative of the way along one piece of the cycle.

In M itself what shrinks is lost below the rounding of what grows, and below the tolerance of the
integrator. In the pieces nothing shrinks much, and frames orthonormalized after each of them keep
it: A_i Q_(i-1) = Q_i R_i. After a few turns the frame lies along the directions of M, from the
largest multiplier to the least, up to directions of about equal ones. Then, as M Q_0 = Q_m R with
R = R_m ... R_1, the eigenvalues of

    Q_0^T M Q_0 = (Q_0^T Q_m) R

are known each to its own size, since this matrix is graded like them.

Fairgrieve, Jepson, "O.K. Floquet multipliers", SIAM Journal on Numerical Analysis 28, 1991;
Lust, "Improved numerical Floquet multipliers", International Journal of Bifurcation and Chaos 11,
2001.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from ... import _numerics as numerics
from ..._dynamics import AbstractDynamics, random_frame
from ..._phase import State, coordinates
from ..._types import Key
from ..local._spectrum import eigenvalues

PIECES = 60  # of a turn of a flow; the divisors are the shares of a turn that `cycle` tries
_TURNS = 5  # of the frame; a ratio of multipliers of more than eps^(-1/5) is then told exactly
_UNKNOWN = 100  # times the tolerance: what has shrunk below this in one piece is not known


def pieces(
    dynamics: AbstractDynamics, state: State, period: Float[Array, ""], key: Key
) -> tuple[State, Float[Array, "m n n"]]:
    """The states at both ends of the pieces of a turn, one after the other, and the maps."""
    n = coordinates(state)[0].size
    one = jnp.eye(n, dtype=period.dtype)
    start, time = jnp.zeros_like(period), period / PIECES

    def piece(state: State, _: None) -> tuple[State, tuple[State, Array]]:
        end, pushed = dynamics.tangent(state, one, start, time, key)
        return end, (end, pushed)

    _, (ends, maps) = jax.lax.scan(piece, state, length=PIECES)
    first = jax.tree.map(lambda x: jnp.asarray(x)[None], state)
    return jax.tree.map(lambda *both: jnp.concatenate(both), first, ends), maps


def multipliers(maps: Float[Array, "m n n"], accuracy: Any) -> Complex[Array, " n"]:
    """The eigenvalues of the product of maps that are known to a relative error, the last map
    leftmost. 0 is what shrinks in one piece so much that it is not known how much."""
    n, dtype = maps.shape[1], maps.dtype
    frame = random_frame(n, n, dtype)

    def piece(frame: Array, slopes: Array) -> tuple[Array, Array]:
        return jnp.linalg.qr(slopes @ frame)

    def turn(frame: Array, _: None) -> tuple[Array, None]:
        return jax.lax.scan(piece, frame, maps)[0], None

    finite = jnp.all(jnp.isfinite(maps))
    maps = jnp.where(finite, maps, 0)
    frame = jax.lax.scan(turn, frame, length=_TURNS - 1)[0]
    turned, factors = jax.lax.scan(piece, frame, maps)
    sizes = jnp.abs(jnp.diagonal(factors, axis1=1, axis2=2))
    unknown = sizes <= _UNKNOWN * accuracy * jnp.max(sizes, axis=1, keepdims=True)
    factors = jnp.where(unknown[:, :, None], 0, factors)
    product = jax.lax.scan(lambda p, r: (r @ p, None), jnp.eye(n, dtype=dtype), factors)[0]
    back = frame.T @ turned
    rounding = 10 * n * numerics.rounding(dtype)
    below = np.tri(n, k=-1, dtype=bool)
    back = jnp.where(below & (jnp.abs(back) <= rounding), 0, back)
    return jnp.where(finite, eigenvalues(back @ product), jnp.nan)
