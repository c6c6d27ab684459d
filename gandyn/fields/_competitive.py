"""Competitive gradient descent: everybody plays the equilibrium of the local bilinear game.

Schaefer and Anandkumar, "Competitive Gradient Descent", 2019.
"""

import jax
import jax.numpy as jnp

from .. import _checks as checks
from .._linear import solve
from .._types import Key, PerPlayer, Players
from ._blocks import interaction
from ._field import AbstractField, is_field, scaled


class Competitive(AbstractField):
    """w = (1 - J_o h)^-1 v, with J_o the Jacobian of v without its diagonal blocks: the steps h w
    are the Nash equilibrium of

        min over d_i of   -v_i d_i - sum_{j != i} d_i J_ij d_j + |d_i|^2 / (2 h_i),

    for any number of players and any losses. Up to 64 parameters the equation is solved by LU,
    beyond by GMRES, which asks only for products with J_o.

    **Arguments:**

    - `field`: the field v.
    - `step`: h, not negative, one number for everybody or one per player.
    """

    field: AbstractField
    step: PerPlayer

    def __init__(self, field: AbstractField, step: PerPlayer):
        self.field = is_field(field)
        self.step = checks.per_player("step", step, low=0)

    def __call__(self, players: Players, key: Key = None) -> Players:
        steps = checks.spread("step", self.step, len(players))
        v, react = interaction(self.field, players, key)

        def operator(w: Players) -> Players:
            moves = tuple(scaled(h, x) for h, x in zip(steps, w, strict=True))
            return jax.tree.map(jnp.subtract, w, react(moves))

        return solve(operator, v)
