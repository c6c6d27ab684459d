"""Rules from rules: one after the other, and again. The order of play is nothing else."""

import jax
import jax.random as jr

from .. import _checks as checks
from .._phase import State
from .._types import Key, Players, split
from ._rule import AbstractRule


class Sequential(AbstractRule):
    """F = F_n o ... o F_1: the rules one after the other, each with its own memory and noise.

    **Arguments:**

    - `rules`: in the order in which they are applied.
    """

    rules: tuple[AbstractRule, ...]

    def __init__(self, *rules: AbstractRule):
        if not rules:
            raise ValueError("`Sequential` must be given at least one rule, but was given none.")
        self.rules = tuple(checked_rule("Sequential", rule) for rule in rules)

    def init(self, players: Players) -> State:
        memory = tuple(rule.init(players).memory for rule in self.rules)
        return State(players, memory if jax.tree.leaves(memory) else None)

    def step(self, state: State, key: Key = None) -> State:
        n = len(self.rules)
        players, memory = state.players, []
        olds = (None,) * n if state.memory is None else state.memory
        for rule, old, k in zip(self.rules, olds, split(key, n), strict=True):
            new = rule.step(State(players, old), k)
            players = new.players
            memory.append(new.memory)
        return State(players, None if state.memory is None else tuple(memory))

    def stages(self, state: State, key: Key = None) -> tuple[State, ...]:
        n = len(self.rules)
        memory = [None] * n if state.memory is None else list(state.memory)
        players, seen = state.players, []
        for i, (rule, k) in enumerate(zip(self.rules, split(key, n), strict=True)):
            for stage in rule.stages(State(players, memory[i]), k):
                players, memory[i] = stage.players, stage.memory
                seen.append(State(players, None if state.memory is None else tuple(memory)))
        return tuple(seen)


class Repeat(AbstractRule):
    """F = G o ... o G: `repeats` steps of a rule as one, each with noise of its own.

    **Arguments:**

    - `rule`: G.
    - `repeats`: how often, at least once.
    """

    rule: AbstractRule
    repeats: int

    def __init__(self, rule: AbstractRule, repeats: int):
        self.rule = checked_rule("Repeat", rule)
        self.repeats = checks.count("repeats", repeats)

    def init(self, players: Players) -> State:
        return self.rule.init(players)

    def step(self, state: State, key: Key = None) -> State:
        keys = None if key is None else jr.split(key, self.repeats)

        def once(state: State, key: Key) -> tuple[State, None]:
            return self.rule.step(state, key), None

        return jax.lax.scan(once, state, keys, length=self.repeats)[0]

    def stages(self, state: State, key: Key = None) -> tuple[State, ...]:
        keys = None if key is None else jr.split(key, self.repeats)

        def once(state: State, key: Key) -> tuple[State, tuple[State, ...]]:
            seen = self.rule.stages(state, key)
            return seen[-1], seen

        _, each = jax.lax.scan(once, state, keys, length=self.repeats)
        return tuple(
            jax.tree.map(lambda x, i=i: x[i], seen) for i in range(self.repeats) for seen in each
        )


def checked_rule(wrapper: str, rule: AbstractRule) -> AbstractRule:
    """`rule`, held to be one."""
    if not isinstance(rule, AbstractRule):
        raise TypeError(
            f"`rule` of `{wrapper}` must be a rule, but is {checks.shown(rule)}: "
            "a flow becomes a rule by `gandyn.rules.TimeMap(flow, duration)`."
        )
    return rule
