"""A field on a box: what a flow does when weights are clipped.

The continuous-time limit of a step followed by a projection is the field projected onto the
tangent cone of the box: at a wall, the part that points through it is dropped, and the player
slides along. Dupuis and Nagurney, "Dynamical systems and variational inequalities", 1993.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .. import _checks as checks
from .._types import Key, PerPlayer, Players
from ._field import AbstractField, is_field


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
        self.field = is_field(field)
        self.low = checks.per_player("low", low, infinite=True)
        self.high = checks.per_player("high", high, infinite=True)
        if checks.is_concrete((self.low, self.high)) and not np.all(
            np.asarray(self.low) < np.asarray(self.high)
        ):
            raise ValueError(f"`low` must be below `high`, but they are {low} and {high}.")

    def __call__(self, players: Players, key: Key = None) -> Players:
        n = len(players)

        def confined(v: Array, p: Array, low: Array, high: Array) -> Array:
            inside = jnp.where(p >= high.astype(p.dtype), jnp.minimum(v, 0), v)
            return jnp.where(p <= low.astype(p.dtype), jnp.maximum(inside, 0), inside)

        return tuple(
            jax.tree.map(lambda v, p, low=low, high=high: confined(v, p, low, high), v, p)
            for v, p, low, high in zip(
                self.field(players, key),
                players,
                checks.spread("low", self.low, n),
                checks.spread("high", self.high, n),
                strict=True,
            )
        )
