"""A field on a box: what a flow does when weights are clipped.

The continuous-time limit of a step followed by a projection is the field projected onto the
tangent cone of the box: at a wall, the part that points through it is dropped, and the player
slides along. Dupuis and Nagurney, "Dynamical systems and variational inequalities", 1993.

A wall drops velocity. It is a wall to a `GradientFlow` alone: a step leaps across, and momentum and
noise go on through it, so that rules and other flows refuse a field that has some.

It jumps at the walls, where it has no derivative. Its zeros in the box, which are the solutions of
the variational inequality, are those of the natural map P(z + v) - z, where P moves a point into
the box: that one is continuous, and vanishes nowhere else. Facchinei and Pang, "Finite-Dimensional
Variational Inequalities and Complementarity Problems", 2003, section 1.5.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .. import _checks as checks
from .._types import Key, PerPlayer, Players
from ._field import AbstractField, Scaled, checked_field


class Confined(AbstractField):
    """v, without its part that points out of the box low <= z <= high.

    **Arguments:**

    - `field`: the field v.
    - `low`, `high`: the walls, one number for everybody or one per player; infinite for a player
      who is free.
    """

    field: AbstractField
    low: PerPlayer
    high: PerPlayer

    def __init__(self, field: AbstractField, low: PerPlayer, high: PerPlayer):
        self.field = checked_field(field)
        self.low = checks.per_player("low", low, infinite=True)
        self.high = checks.per_player("high", high, infinite=True)
        if checks.is_concrete((self.low, self.high)) and not np.all(
            np.asarray(self.low) < np.asarray(self.high)
        ):
            raise ValueError(f"`low` must be below `high`, but they are {low} and {high}.")

    @property
    def walled(self) -> bool:
        return True

    def __call__(self, players: Players, key: Key = None) -> Players:
        def confined(v: Array, p: Array, low: Array, high: Array) -> Array:
            inside = jnp.where(p >= high, jnp.minimum(v, 0), v)
            return jnp.where(p <= low, jnp.maximum(inside, 0), inside)

        return jax.tree.map(confined, self.field(players, key), players, *self.walls(players))

    def walls(self, players: Players) -> tuple[Players, Players]:
        """`low` and `high` for every array of the players."""
        n = len(players)

        def walls(name: str, wall: PerPlayer) -> Players:
            spread = checks.spread(name, wall, n)
            return tuple(
                jax.tree.map(lambda x, wall=wall: jnp.full_like(x, wall), player)
                for wall, player in zip(spread, players, strict=True)
            )

        return walls("low", self.low), walls("high", self.high)


class NaturalMap(AbstractField):
    """P(z + v) - z, for the field v and the box of a `Confined`."""

    confined: Confined

    def __call__(self, players: Players, key: Key = None) -> Players:
        def step(v: Array, p: Array, low: Array, high: Array) -> Array:
            return jnp.clip(v, low - p, high - p)

        v = self.confined.field(players, key)
        return jax.tree.map(step, v, players, *self.confined.walls(players))


def confined_inside(field: AbstractField) -> Confined | None:
    """A field with walls as a `Confined`; `None` for one that has none."""
    if isinstance(field, Confined):
        return field
    if isinstance(field, Scaled) and (inside := confined_inside(field.field)) is not None:
        # To slow down and to drop a part are the same in either order.
        scaled = Scaled(inside.field, field.scales)
        return eqx.tree_at(lambda f: f.field, inside, scaled)
    return None
