"""Where a flow of a field with walls (`gandyn.fields.Confined`) rests, and how it changes around
there.

At rest a player whose force points through a wall is held by it. A disturbance off the wall is gone
after a finite time, faster than any exponent: what can be told by exponents is on the face. Where a
wall is touched with no force it holds to one side only, and there is no derivative. Dupuis and
Nagurney, "Dynamical systems and variational inequalities", 1993.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .._dynamics import AbstractDynamics, Face, at_walls
from .._phase import State, coordinates, vector
from .._types import Key, Players
from ..fields import AbstractField
from ..fields._confined import Confined, NaturalMap


class _OnFace(AbstractField):
    """v, without the components that walls hold."""

    field: AbstractField
    held: Bool[Array, " n"]

    def __call__(self, players: Players, key: Key = None) -> Players:
        v, back = coordinates(self.field(players, key))
        return back(jnp.where(self.held, 0, v))


def face(flow: AbstractDynamics, confined: Confined, state: State, key: Key) -> Face:
    """The face on which a state lies, and the flow on it, without its other walls."""
    x, back = coordinates(state)
    force, pull = jax.vjp(lambda x: vector(confined.field(back(x).players, key)), x)
    below, above, reach = at_walls(x, *walls(confined, state))

    def slope(i: Array) -> Array:
        return jnp.sum(jnp.abs(pull(jax.nn.one_hot(i, x.size, dtype=x.dtype))[0]))

    # Up to rounding, a force is none that the rounding of x makes of none; asked at walls only.
    slopes = jax.lax.map(
        lambda i: jax.lax.cond((below | above)[i], slope, lambda i: jnp.zeros((), x.dtype), i),
        jnp.arange(x.size),
    )
    none = reach * slopes
    held = (above & (force > none)) | (below & (force < -none))
    loose = (above | below) & (jnp.abs(force) <= none)
    return Face(held, loose, with_field(flow, _OnFace(confined.field, held)))


def walls(confined: Confined, state: State) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    low, high = (vector(wall) for wall in confined.walls(state.players))
    return low, high


def continuous(flow: AbstractDynamics, confined: Confined) -> AbstractDynamics:
    """A flow whose residual is continuous, and vanishes where the confined one rests only."""
    return with_field(flow, NaturalMap(confined))


def with_field(flow: Any, field: AbstractField) -> AbstractDynamics:
    return eqx.tree_at(lambda flow: flow.field, flow, field)
