"""The implicit field: the direction that players will still approve of when they have followed it.

Martinet, "Regularisation d'inequations variationnelles par approximations successives", 1970;
Rockafellar, "Monotone operators and the proximal point algorithm", 1976.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optimistix as optx

from .. import _checks as checks
from .. import _linear as linear
from .._types import Key, PerPlayer, Players
from ._field import AbstractField, is_field, moved


class Implicit(AbstractField):
    """The root w of w = v(z + h w), to rounding, by Newton's method; it is nan where no root was
    found. `Extrapolated` is one fixed-point iteration for it. Up to 64 parameters Newton's equation
    is solved by LU, beyond by GMRES, without forming a Jacobian.

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

        def residual(w: Players) -> Players:
            ahead = tuple(moved(*args) for args in zip(players, steps, w, strict=True))
            return jax.tree.map(jnp.subtract, w, self.field(ahead, key))

        def root(residual: Callable[[Players], Players], guess: Players) -> Players:
            tolerance = linear.precision(players)
            newton = optx.Newton(tolerance, tolerance, linear_solver=linear.solver(players))
            found = optx.root_find(lambda w, args: residual(w), newton, guess, throw=False)
            solved = found.result == optx.RESULTS.successful
            return jax.tree.map(lambda w: jnp.where(solved, w, jnp.nan), found.value)

        return jax.lax.custom_root(residual, self.field(players, key), root, linear.solve)
