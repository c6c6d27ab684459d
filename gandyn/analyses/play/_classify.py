"""Classification: which kind of equilibrium of a two-player game a point is.

Strict, second-order conditions at a point (x, y), with each player's own loss L_x, L_y:

    local Nash       D_x L_x = 0,  D_y L_y = 0,  D_xx L_x > 0,  D_yy L_y > 0
    local min-max    D_y L_y = 0,  D_yy L_y > 0,  and d/dx = 0, d^2/dx^2 > 0 of L_x(x, r(x)),
    local max-min    the same with the players exchanged,

where r(x) is the follower's best response near y. In a zero-sum game f = L_x = -L_y the total
second derivative of the leader is the Schur complement f_xx - f_xy f_yy^{-1} f_yx, and these are
the strict local min-max points of Jin, Netrapalli, Jordan, "What is Local Optimality in
Nonconvex-Nonconcave Minimax Optimization?", 2020; in any other game the differential Stackelberg
equilibria of Fiez, Chasnov, Ratliff, "Implicit Learning Dynamics in Stackelberg Games", 2020, which
need not be equilibria of simultaneous play.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from ... import _checks as checks
from ... import _numerics as numerics
from ..._compiled import compiled_with
from ..._phase import as_precise
from ..._result import Result
from ..._types import Key, Number, Players
from ...fields import Gradient
from ...games import AbstractGame
from ...games._game import losses


class Classification(Result):
    """The kinds of equilibrium that a point is, by strict sufficient conditions.

    **Fields:**

    - `stationary`: no player can gain to first order: a rest point of the gradient field.
    - `local_nash`: no player can gain alone.
    - `local_minmax`: the generator leads and can gain nothing, the discriminator follows.
    - `local_maxmin`: the discriminator leads and can gain nothing, the generator follows.
    - `degenerate`: at least one of these is false only because a curvature vanishes, so that the
      second order does not decide.
    - `own`: the least curvature of each player's own loss, the others held.
    - `total`: the least curvature of each player's loss as a leader, the other following; nan
      where the other's best response is not defined to first order.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "stationary": (),
        "local_nash": (),
        "local_minmax": (),
        "local_maxmin": (),
        "degenerate": (),
        "own": ("player",),
        "total": ("player",),
    }
    partial: ClassVar[tuple[str, ...]] = ("total",)

    stationary: Bool[Array, ""]
    local_nash: Bool[Array, ""]
    local_minmax: Bool[Array, ""]
    local_maxmin: Bool[Array, ""]
    degenerate: Bool[Array, ""]
    own: Float[Array, " player"]
    total: Float[Array, " player"]


def classify(
    game: AbstractGame, players: Players, *, key: Key = None, tolerance: Number | None = None
) -> Classification:
    """Which kind of equilibrium of a two-player game `players` are.

    **Arguments:**

    - `game`: a game of two players.
    - `players`: the point, known to `tolerance` or better.
    - `key`: one realization of everything random.
    - `tolerance`: how far, relative to the point's size, a stationary point may be, and how small,
      relative to the largest curvature, one counts as zero; by default the root of rounding.
    """
    game = Gradient(game).game
    players, key = checks.players(players), checks.key(key)
    checks.number_of("`game` in `classify`", players, 2)
    if tolerance is not None:
        tolerance = as_precise(checks.positive("tolerance", tolerance), players)
    return _classify(game, players, key, tolerance)


@compiled_with("little")
def _classify(
    game: AbstractGame, players: Players, key: Key, tolerance: Number | None
) -> Classification:
    (x, back_x), (y, back_y) = map(ravel_pytree, players)
    small = numerics.half_the_digits(x.dtype) if tolerance is None else tolerance

    def generator(x: Array, y: Array) -> Array:
        return losses(game, (back_x(x), back_y(y)), key)[0]

    def discriminator(y: Array, x: Array) -> Array:
        return losses(game, (back_x(x), back_y(y)), key)[1]

    seats = (_seat(generator, discriminator, x, y), _seat(discriminator, generator, y, x))
    zero = small * jnp.maximum(seats[0].scale, seats[1].scale)
    reach = small * (1 + jnp.max(jnp.abs(jnp.concatenate([x, y])), initial=0))

    rest = [_flat(s.slope, s.slopes, reach) for s in seats]
    convex = [s.own > zero for s in seats]
    straight = [jnp.abs(s.own) <= zero for s in seats]
    stationary = rest[0] & rest[1]
    nash = stationary & convex[0] & convex[1]
    perhaps = [convex[i] | straight[i] for i in (0, 1)]
    undecided = stationary & perhaps[0] & perhaps[1] & ~nash

    total, led = [], []
    for leader, follower in ((0, 1), (1, 0)):
        s = seats[leader]
        leads = rest[follower] & convex[follower] & _flat(s.total_slope, s.total_slopes, reach)
        led.append(leads & (s.total > zero))
        undecided |= leads & (jnp.abs(s.total) <= zero)
        # Without a curvature of the follower's there is no best response to differentiate.
        undecided |= stationary & straight[follower]
        total.append(jnp.where(jnp.abs(seats[follower].least) <= zero, jnp.nan, s.total))
    return Classification(
        stationary,
        nash,
        led[0],
        led[1],
        undecided,
        jnp.stack([s.own for s in seats]),
        jnp.stack(total),
    )


class _Seat(eqx.Module):
    """What one player sees: slopes and least curvatures of its loss, the other held or following;
    `slopes` and `total_slopes` say how fast a slope changes, over all directions."""

    slope: Float[Array, " n"]
    slopes: Float[Array, " n"]
    own: Float[Array, ""]
    least: Float[Array, ""]
    scale: Float[Array, ""]
    total_slope: Float[Array, " n"]
    total_slopes: Float[Array, " n"]
    total: Float[Array, ""]


def _seat(
    mine: Callable[[Array, Array], Array],
    theirs: Callable[[Array, Array], Array],
    a: Float[Array, " n"],
    b: Float[Array, " m"],
) -> _Seat:
    def followed(a: Array, b: Array) -> tuple[tuple[Array, Array], tuple[Array, Array, Array]]:
        """The slope, and the derivative of a -> mine(a, r(a)) with the other's best response r, of
        which it also has the slopes; its own derivative along the same curve is d^2."""
        along_a, along_b = jax.grad(mine, (0, 1))(a, b)
        curvature, crossed = jax.jacfwd(jax.grad(theirs), (0, 1))(b, a)
        response = -jnp.linalg.solve(curvature, crossed)
        total = along_a + along_b @ response
        return (along_a, total), (along_a, total, response)

    changes, (slope, total, response) = jax.jacfwd(followed, (0, 1), has_aux=True)(a, b)
    (own, mixed), (of_a, of_b) = changes
    curvatures = _curvatures(own)
    return _Seat(
        slope,
        _sizes(own, mixed),
        curvatures[0],
        curvatures[jnp.argmin(jnp.abs(curvatures))],
        jnp.maximum(jnp.max(jnp.abs(own)), jnp.max(jnp.abs(mixed))),
        total,
        _sizes(of_a, of_b),
        _curvatures(of_a + of_b @ response)[0],
    )


def _curvatures(matrix: Float[Array, "n n"]) -> Float[Array, " n"]:
    """The eigenvalues of the symmetric part, smallest first."""
    return jnp.linalg.eigvalsh((matrix + matrix.T) / 2)


def _sizes(*matrices: Float[Array, "n _"]) -> Float[Array, " n"]:
    return jnp.sum(jnp.concatenate([jnp.abs(m) for m in matrices], axis=1), axis=1)


def _flat(slope: Float[Array, " n"], slopes: Float[Array, " n"], reach: Array) -> Bool[Array, ""]:
    """Whether the slopes vanish within `reach` of the point."""
    return jnp.all(jnp.abs(slope) <= reach * slopes)
