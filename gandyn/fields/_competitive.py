"""Competitive gradient descent: everybody plays the equilibrium of the local bilinear game.

Schaefer and Anandkumar, "Competitive Gradient Descent", 2019.
"""

import jax
import jax.numpy as jnp

from .. import _step as stepping
from .._numerics import root, solve
from .._types import Key, Players
from ._blocks import interaction
from ._stepped import AbstractStepped


class Competitive(AbstractStepped):
    """w = (1 - J_o h)^-1 v, with J_o the Jacobian of v without its diagonal blocks.

    The steps h w are the Nash equilibrium of

        min over d_i of   -v_i d_i - sum_{j != i} d_i J_ij d_j + |d_i|^2 / (2 h_i),

    for any number of players and any losses. In the players' sets it is the equilibrium over the
    steps that end there, w = v + J_o d with d = P(z + h w) - z. Up to 64 parameters the equation is
    solved by LU, beyond by GMRES, which asks only for products with J_o.

    **Arguments:**

    - `field`: the field v.
    - `step_size`: h, not negative, one number for everybody or one per player; `projected` for
      players who stay in a set.
    """

    def __call__(self, players: Players, key: Key = None) -> Players:
        steps = stepping.spread("step_size", self.step_size, len(players))
        v, react = interaction(self.field, players, key)

        if any(map(stepping.is_projected, steps)):

            def residual(w: Players) -> Players:
                moves = stepping.all_moves(players, self.step_size, w)
                return jax.tree.map(lambda w, v, u: w - v - u, w, v, react(moves))

            return root(residual, v)

        def operator(w: Players) -> Players:
            moves = tuple(map(stepping.scaled, steps, w))
            return jax.tree.map(jnp.subtract, w, react(moves))

        return solve(operator, v)
