"""Anticipation: the field where the others will be after a plain step, to first order.

Zhang and Lesser, "Multi-Agent Learning with Policy Prediction", 2010 (LookAhead); linearized
competitive gradient descent in Schaefer and Anandkumar, "Competitive Gradient Descent", 2019.
"""

import jax
import jax.numpy as jnp

from .. import _step as stepping
from .._types import Key, Players
from ._blocks import interaction
from ._stepped import AbstractStepped


class Anticipated(AbstractStepped):
    """v + J_o d, with J_o the Jacobian of v without its diagonal blocks: every player takes for
    granted that the others make a plain step, d = h v, or P(z + h v) - z in their sets.

    **Arguments:**

    - `field`: the field v.
    - `step_size`: h, not negative, one number for everybody or one per player; `projected` for
      players who stay in a set.
    """

    def __call__(self, players: Players, key: Key = None) -> Players:
        v, react = interaction(self.field, players, key)
        reaction = react(stepping.all_moves(players, self.step_size, v))
        return jax.tree.map(jnp.add, v, reaction)
