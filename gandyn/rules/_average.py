"""Averages of the iterates, carried along as memory.

Uniform averages converge where the players only turn: of alternating or optimistic steps on a
bilinear game, of no-regret play in any zero-sum game. Nemirovski and Yudin, 1983; for GANs Yazici
et al., "The Unusual Effectiveness of Averaging in GAN Training", 2019; Gidel et al., 2019.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from .. import _checks as checks
from .._phase import State
from .._types import Key, Number, Players
from ._compose import checked_rule
from ._rule import AbstractRule


class Average(NamedTuple):
    """The memory of `Averaged`.

    **Fields:**

    - `average`: of the players, with their structure.
    - `count`: how many steps are in it; a clock, by the name that optax gives to its own.
    - `inner`: the memory of the rule.
    """

    average: Players
    count: Int[Array, ""]
    inner: PyTree


class Averaged(AbstractRule):
    """A rule, and the average of its iterates, which is in `state.memory.average`; the players
    themselves move as they did.

        uniform          a_t = a_{t-1} + (z_t - a_{t-1}) / t
        exponential      a_t = b a_{t-1} + (1 - b) z_t,   from the start a_0 = z_0
        restarted        uniform, and every n steps the players jump to the average

    **Arguments:**

    - `rule`: the rule whose iterates are averaged.
    - `decay`: b in [0, 1) for exponential averages; uniform ones if left out.
    - `restart`: n for restarted averages; never if left out.
    """

    rule: AbstractRule
    decay: Float[Array, ""] | None
    restart: int | None = eqx.field(static=True)

    def __init__(self, rule: AbstractRule, decay: Number | None = None, restart: int | None = None):
        self.rule = checked_rule("Averaged", rule)
        if decay is not None and restart is not None:
            raise ValueError("restarted averages are uniform: give `decay` or `restart`, not both.")
        self.decay = None if decay is None else checks.decay("decay", decay)
        self.restart = None if restart is None else checks.count("restart", restart)

    def init(self, players: Players) -> State:
        inner = self.rule.init(players)
        return State(players, Average(players, jnp.asarray(0, jnp.int32), inner.memory))

    def step(self, state: State, key: Key = None) -> State:
        memory: Any = state.memory
        new = self.rule.step(State(state.players, memory.inner), key)
        count = memory.count + 1

        def share(dtype: Any) -> Array:
            if self.decay is None:
                return 1 / count.astype(dtype)
            return 1 - self.decay.astype(dtype)

        average = jax.tree.map(
            lambda a, z: a + share(a.dtype) * (z - a), memory.average, new.players
        )
        players = new.players
        if self.restart is not None:
            jump = count >= self.restart
            players = jax.tree.map(lambda a, z: jnp.where(jump, a, z), average, players)
            count = jnp.where(jump, 0, count)
        return State(players, Average(average, count, new.memory))
