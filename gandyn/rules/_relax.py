"""Relaxation: a rule followed only part of the way, z + a (G(z) - z).

Krasnosel'skii, "Two remarks on the method of successive approximations", 1955; Mann, "Mean value
methods in iteration", 1953.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import _checks as checks
from .._phase import State
from .._types import Key, Number, Players
from ._compose import checked_rule
from ._rule import AbstractRule


class Relaxed(AbstractRule):
    """F(z) = z + a (G(z) - z) for the players; the memory is that of G, as G left it.

    Every eigenvalue l of G's map becomes 1 + a (l - 1): what turns too fast is drawn inside the
    unit circle.

    **Arguments:**

    - `rule`: G.
    - `fraction`: a in [0, 1], the part of the way that is kept; 1 is the rule itself.
    """

    rule: AbstractRule
    fraction: Float[Array, ""]

    def __init__(self, rule: AbstractRule, fraction: Number):
        self.rule = checked_rule("Relaxed", rule)
        self.fraction = checks.number("fraction", fraction, low=0, high=1)

    def init(self, players: Players) -> State:
        return self.rule.init(players)

    def step(self, state: State, key: Key = None) -> State:
        new = self.rule.step(state, key)

        def between(start: Array, end: Array) -> Array:
            return start + jnp.asarray(self.fraction, start.dtype) * (end - start)

        return State(jax.tree.map(between, state.players, new.players), new.memory)
