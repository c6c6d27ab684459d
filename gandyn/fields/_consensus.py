"""Consensus optimization: everybody also descends |v|^2 / 2.

Mescheder, Nowozin, Geiger, "The Numerics of GANs", 2017.
"""

import jax
from jaxtyping import Array, Float

from .. import _checks as checks
from .._types import Key, Number, Players
from ._field import AbstractField, is_field, moved


class Consensus(AbstractField):
    """v - c J^T v with J = Dv, that is v - c grad(|v|^2 / 2).

    **Arguments:**

    - `field`: the field v.
    - `strength`: c, not negative.
    """

    field: AbstractField
    strength: Float[Array, ""]

    def __init__(self, field: AbstractField, strength: Number):
        self.field = is_field(field)
        self.strength = checks.number("strength", strength, low=0)

    def __call__(self, players: Players, key: Key = None) -> Players:
        v, transposed = jax.vjp(lambda z: self.field(z, key), players)
        return moved(v, -self.strength, transposed(v)[0])
