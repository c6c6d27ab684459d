"""Consensus optimization: everybody also descends |v|^2 / 2.

Mescheder, Nowozin, Geiger, "The Numerics of GANs", 2017.
"""

from typing import Any

import jax
from jaxtyping import Array, Float

from .. import _checks as checks
from .. import _step as stepping
from .._step import moved
from .._types import Key, Number, Players
from ._field import AbstractField, checked_field


class Consensus(AbstractField):
    """v - c J^T r with J = Dv and r = v, that is v - c grad(|v|^2 / 2); in players' sets r is what
    is left of v there, (P(z + h v) - z)/h.

    **Arguments:**

    - `field`: the field v.
    - `strength`: c, not negative.
    - `step_size`: that of the method, if `projected`, which says what the players' sets are; one
      for everybody or one per player.
    """

    field: AbstractField
    strength: Float[Array, ""]
    step_size: Any

    def __init__(self, field: AbstractField, strength: Number, step_size: Any = None):
        self.field = checked_field(field)
        self.strength = checks.number("strength", strength, low=0)
        self.step_size = stepping.optimizer("step_size", step_size)

    def __call__(self, players: Players, key: Key = None) -> Players:
        v, transposed = jax.vjp(lambda z: self.field(z, key), players)
        felt = stepping.all_feasible(players, self.step_size, v)
        return moved(v, -self.strength, transposed(felt)[0])
