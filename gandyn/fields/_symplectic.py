"""Symplectic gradient adjustment: the field turned towards its stable side.

Balduzzi et al., "The Mechanics of n-Player Differentiable Games", 2018.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import _checks as checks
from .._types import Key, Number, Players
from ._field import AbstractField, is_field, moved


class Symplectic(AbstractField):
    """v - (c/2) (J^T - J) v with J = Dv: the antisymmetric part of the Jacobian, which makes
    players turn, bent inwards. On a bilinear game it contracts like consensus of strength c.

    **Arguments:**

    - `field`: the field v.
    - `strength`: c. Its sign is not adapted to the alignment with the Hessian.
    """

    field: AbstractField
    strength: Float[Array, ""]

    def __init__(self, field: AbstractField, strength: Number = 1.0):
        self.field = is_field(field)
        self.strength = checks.number("strength", strength, low=0)

    def __call__(self, players: Players, key: Key = None) -> Players:
        v, transposed = jax.vjp(lambda z: self.field(z, key), players)
        _, along = jax.jvp(lambda z: self.field(z, key), (players,), (v,))
        (against,) = transposed(v)
        # The difference first: far out, either of the two alone would drown v in rounding errors.
        turn = jax.tree.map(jnp.subtract, along, against)
        return moved(v, self.strength / 2, turn)
