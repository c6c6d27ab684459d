"""What analyses of equilibria ask of a flow with walls (`gandyn.fields.Confined`), and of its time
map: where it rests, and how it changes around there.

At rest a player whose force points through a wall is held by it. A disturbance off the wall is gone
after a finite time, faster than any exponent: there the derivative is that of the field on the
face, and -inf off it; that of a time map, which such disturbances do not outlive, has multipliers 0
off it. Where a wall is touched with no force it holds to one side only, and there is no derivative.
Dupuis and Nagurney, "Dynamical systems and variational inequalities", 1993.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .._dynamics import AbstractDynamics
from .._phase import State, coordinates, players_vector, vector
from .._types import Key, Players
from ..fields import AbstractField
from ..fields._confined import Confined, NaturalMap, confined_inside
from ..flows import GradientFlow
from ..rules import TimeMap

_LOOKS = 64  # for walls, along the path of a time map that does not rest


class _Face(AbstractField):
    """v, without the components that walls hold."""

    field: AbstractField
    held: Bool[Array, " n"]

    def __call__(self, players: Players, key: Key = None) -> Players:
        v, back = coordinates(self.field(players, key))
        return back(jnp.where(self.held, 0, v))


def confined_in(dynamics: AbstractDynamics) -> Confined | None:
    """The field of a flow with walls, or of its time map; `None` for any other dynamics."""
    if isinstance(dynamics, TimeMap):
        return confined_in(dynamics.dynamics)
    return confined_inside(dynamics.field) if isinstance(dynamics, GradientFlow) else None


def continuous(dynamics: AbstractDynamics) -> AbstractDynamics:
    """A dynamics whose residual is continuous and vanishes where that of another rests, within its
    walls only; without walls, the other one."""
    confined = confined_in(dynamics)
    if confined is None:
        return dynamics
    if isinstance(dynamics, TimeMap):
        return continuous(dynamics.dynamics)
    return _with_field(dynamics, NaturalMap(confined))


def derivative(dynamics: AbstractDynamics, state: State, key: Key) -> Float[Array, "n n"]:
    """D residual. At a wall the rows and columns of what is held are 0 but in the diagonal, that is
    -inf for a flow and -1 for a rule, and the rows nan where the wall is touched with no force. Of
    a time map all is nan where the path moves and comes to a wall."""
    x, back = coordinates(state)
    confined = confined_in(dynamics)
    if confined is None:
        return jax.jacfwd(lambda x: vector(dynamics.residual(back(x), key)))(x)
    slopes = jax.jacfwd(lambda x: vector(confined.field(back(x).players, key)))(x)
    held, loose = _at_walls(confined, state, key, jnp.sum(jnp.abs(slopes), axis=1))
    matrix, gone = slopes, -jnp.inf
    if isinstance(dynamics, TimeMap):
        free, gone = _on_face(dynamics, confined, held), -1.0
        matrix = jax.jacfwd(lambda x: vector(free.residual(back(x), key)))(x)
        loose |= _moves_to_walls(dynamics, confined, state, key)
    matrix = jnp.where(held[:, None] | held[None], jnp.diag(jnp.where(held, gone, 0)), matrix)
    return jnp.where(loose[:, None], jnp.nan, matrix)


def free_coordinates(
    dynamics: AbstractDynamics, state: State, key: Key
) -> tuple[
    Float[Array, " free"], Callable[[Array], State], Callable[[State], Array], AbstractDynamics
]:
    """The coordinates of the face that a state lies on, all without walls: them, the way back, how
    they are read, and the dynamics there. For the host."""
    x, back = coordinates(state)
    confined = confined_in(dynamics)
    if confined is None:
        return x, back, vector, dynamics
    below, above, _ = _touched(confined, state, x)
    _, pull = jax.vjp(lambda x: vector(confined.field(back(x).players, key)), x)
    there = np.flatnonzero(below | above)
    rows = jax.lax.map(
        lambda i: jnp.sum(jnp.abs(pull(jax.nn.one_hot(i, x.size, dtype=x.dtype))[0])), there
    )
    held, loose = _at_walls(confined, state, key, jnp.zeros_like(x).at[there].set(rows))
    if isinstance(dynamics, TimeMap):
        loose |= _moves_to_walls(dynamics, confined, state, key)
    if np.any(loose):
        raise ValueError(
            "the dynamics has no derivative at `players`: the state touches a wall with no force "
            "against it, or moves to one."
        )
    free = np.flatnonzero(~held)
    return (
        x[free],
        lambda y: back(x.at[free].set(y)),
        lambda state: vector(state)[free],
        _on_face(dynamics, confined, held),
    )


def _on_face(
    dynamics: AbstractDynamics, confined: Confined, held: Bool[Array, " n"]
) -> AbstractDynamics:
    """A dynamics on the face on which these components are held, without its other walls."""
    return _with_field(dynamics, _Face(confined.field, held))


def _at_walls(
    confined: Confined, state: State, key: Key, slopes: Float[Array, " n"]
) -> tuple[Bool[Array, " n"], Bool[Array, " n"]]:
    """Which components a wall holds, and which touch one with no force, up to rounding, to which
    `slopes` are the sums of the sizes of each row of Dv."""
    x, force = vector(state), vector(confined.field(state.players, key))
    below, above, reach = _touched(confined, state, x)
    none = reach * slopes
    held = (above & (force > none)) | (below & (force < -none))
    return held, (above | below) & (jnp.abs(force) <= none)


def is_at_wall(dynamics: AbstractDynamics, state: State) -> Bool[Array, ""]:
    """Whether a state touches a wall of the dynamics, if that has some."""
    confined = confined_in(dynamics)
    if confined is None:
        return jnp.zeros((), bool)
    below, above, _ = _touched(confined, state, vector(state))
    return jnp.any(below | above)


def _touched(
    confined: Confined, state: State, x: Float[Array, "*path n"]
) -> tuple[Bool[Array, "*path n"], Bool[Array, "*path n"], Float[Array, ""]]:
    """Where points are at lower and at upper walls, and how near that is."""
    low, high = (vector(wall) for wall in confined.walls(state.players))
    reach = float(jnp.finfo(x.dtype).eps) ** 0.5 * (1 + jnp.max(jnp.abs(x), initial=0))
    low, high = (jnp.broadcast_to(wall, x.shape) for wall in (low, high))
    return x <= low + reach, x >= high - reach, reach


def _moves_to_walls(
    dynamics: TimeMap, confined: Confined, state: State, key: Key
) -> Bool[Array, ""]:
    """Whether a path does not stay where it is and comes to a wall."""
    time = dynamics.duration
    ts = np.arange(time + 1) if isinstance(time, int) else time * np.linspace(0, 1, _LOOKS)
    path = dynamics.dynamics.evolve(state, ts, key, players_vector)
    below, above, reach = _touched(confined, state, path)
    moves = jnp.max(jnp.abs(path[-1] - path[0]), initial=0) > reach
    return moves & jnp.any(below | above)


def _with_field(dynamics: AbstractDynamics, field: AbstractField) -> AbstractDynamics:
    if isinstance(dynamics, TimeMap):
        return eqx.tree_at(lambda d: d.dynamics, dynamics, _with_field(dynamics.dynamics, field))
    return eqx.tree_at(lambda flow: flow.field, dynamics, field)
