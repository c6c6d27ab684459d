"""The implicit field: the direction that players will still approve of when they have followed it.

Martinet, "Regularisation d'inequations variationnelles par approximations successives", 1970;
Rockafellar, "Monotone operators and the proximal point algorithm", 1976.
"""

import jax
import jax.numpy as jnp

from .. import _step as stepping
from .._numerics import root
from .._types import Key, Players
from ._stepped import AbstractStepped


class Implicit(AbstractStepped):
    """v(z + d) at the step d that it makes itself, d = h v(z + d), or P(z + h v(z + d)) - z in the
    players' sets, to rounding, by Newton's method; it is nan where no root was found.
    `Extrapolated` is one fixed-point iteration for it. Up to 64 parameters Newton's equation is
    solved by LU, beyond by GMRES, without forming a Jacobian.

    **Arguments:**

    - `field`: the field v.
    - `step_size`: h, not negative, one number for everybody or one per player; `projected` for
      players who stay in a set.
    """

    def __call__(self, players: Players, key: Key = None) -> Players:
        def field_at(w: Players) -> Players:
            """The field where the steps along w lead."""
            return self.field(stepping.all_landed(players, self.step_size, w), key)

        def residual(w: Players) -> Players:
            return jax.tree.map(jnp.subtract, w, field_at(w))

        return root(residual, self.field(players, key))
