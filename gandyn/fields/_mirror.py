"""The mirror field: what the strategies that logits stand for make their players want.

    x' = v(q),  q = softmax(x),    which is    q_i' = q_i (v_i - q . v),

the replicator equation of Taylor and Jonker, "Evolutionarily stable strategies and game dynamics",
1978. In the logits x the simplex is never left; in q itself it repels a player who minimizes. Its
explicit steps are multiplicative weights: Freund and Schapire, "Adaptive game playing using
multiplicative weights", 1999.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from .. import _checks as checks
from .._types import Key, Players
from ..games import softmax
from ._field import AbstractField, checked_field


class Mirror(AbstractField):
    """v(q(x)) for players who are logits x of mixed strategies q, less its mean over the actions:
    strategies do not feel a constant, and without it the field vanishes where all actions are
    equally good.

    **Arguments:**

    - `field`: a field on mixed strategies, such as `Gradient(gandyn.games.finite(payoff))`.
    - `strategies`: q, a function of the players that does not feel a constant. With
      `gandyn.games.softmax` the flow is the replicator's, and steps are multiplicative weights;
      with `gandyn.games.hardmax` the flow is best-response dynamics in the payoffs, and steps are
      fictitious play.
    """

    field: AbstractField
    strategies: Callable[[Players], Players]

    def __init__(self, field: AbstractField, strategies: Callable[[Players], Players] = softmax):
        self.field = checked_field(field)
        self.strategies = checks.function(
            "strategies", strategies, "players", example="gandyn.games.softmax"
        )

    def __call__(self, players: Players, key: Key = None) -> Players:
        def centered(v: Array) -> Array:
            # A number is a single action: there is nothing to choose.
            return v - (jnp.mean(v, axis=-1, keepdims=True) if v.ndim else v)

        return jax.tree.map(centered, self.field(self.strategies(players), key))
