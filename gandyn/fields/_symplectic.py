"""Symplectic gradient adjustment: the field turned towards its stable side.

Balduzzi et al., "The Mechanics of n-Player Differentiable Games", 2018.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from .. import _checks as checks
from .. import _step as stepping
from .._step import moved
from .._types import Key, Number, Players
from ._field import AbstractField, checked_field


class Symplectic(AbstractField):
    """v - (c/2) (J^T - J) r with J = Dv and r = v: the antisymmetric part of the Jacobian, which
    makes players turn, bent inwards. On a bilinear game it contracts like consensus of strength c.
    In players' sets r is what is left of v there, (P(z + h v) - z)/h.

    **Arguments:**

    - `field`: the field v.
    - `strength`: c.
    - `align`: whether c takes the sign that pulls towards stable and pushes away from unstable
      points, that of `<v, J^T v> <(J - J^T) v, J^T v> / (2 n) + 0.1` with n the number of
      parameters (appendix of the paper; its code divides by the number of arrays instead).
    - `step_size`: that of the method, if `projected`, which says what the players' sets are; one
      for everybody or one per player.
    """

    field: AbstractField
    strength: Float[Array, ""]
    align: bool = eqx.field(static=True)
    step_size: Any

    def __init__(
        self,
        field: AbstractField,
        strength: Number = 1.0,
        align: bool = False,
        step_size: Any = None,
    ):
        self.field = checked_field(field)
        self.strength = checks.number("strength", strength, low=0)
        self.align = checks.flag("align", align)
        self.step_size = stepping.optimizer("step_size", step_size)

    def __call__(self, players: Players, key: Key = None) -> Players:
        v, transposed = jax.vjp(lambda z: self.field(z, key), players)
        felt = stepping.all_feasible(players, self.step_size, v)
        _, along = jax.jvp(lambda z: self.field(z, key), (players,), (felt,))
        (against,) = transposed(felt)
        # The difference first: far out, either of the two alone would drown v in rounding errors.
        bend = jax.tree.map(jnp.subtract, along, against)
        if not self.align:
            return moved(v, self.strength / 2, bend)
        n = sum(x.size for x in jax.tree.leaves(players))
        inner = [jnp.asarray(optax.tree.vdot(u, against)) for u in (felt, bend)]
        sign = jnp.where(inner[0] * inner[1] / (2 * n) + 0.1 < 0, -1, 1)
        return moved(v, sign * self.strength / 2, bend)
