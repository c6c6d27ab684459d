"""Extrapolation by an optimizer: two steps of it, of which the first is only a look ahead.

Gidel et al., "A Variational Inequality Perspective on Generative Adversarial Networks", 2019,
algorithm 4 (ExtraAdam).
"""

import equinox as eqx

from .. import _checks as checks
from .._phase import State
from .._types import Key, Players, split
from ..fields import AbstractField
from ._descend import Descend
from ._rule import AbstractRule


class Extra(AbstractRule):
    """z_{t+1/2} = z_t + u(v(z_t)),   z_{t+1} = z_t + u(v(z_{t+1/2})), where u is what the
    optimizers make of a direction; their memory sees both. With plain steps it is extragradient.
    The two evaluations see independent noise.

    **Arguments:**

    - `rule`: a `Descend`, with any optimizers.
    """

    rule: Descend

    def __init__(self, rule: Descend):
        if not isinstance(rule, Descend):
            raise TypeError(
                f"`rule` must be a `Descend`, one move of all players, but is {checks.shown(rule)}."
            )
        self.rule = rule

    def init(self, players: Players) -> State:
        return self.rule.init(players)

    def step(self, state: State, key: Key = None) -> State:
        first, second = split(key, 2)
        ahead = self.rule.step(state, first)
        elsewhere = _At(self.rule.field, ahead.players)
        again = eqx.tree_at(lambda rule: rule.field, self.rule, elsewhere)
        return again.step(State(state.players, ahead.memory), second)


class _At(AbstractField):
    """What the field is at other players."""

    field: AbstractField
    players: Players

    def __call__(self, players: Players, key: Key = None) -> Players:
        return self.field(self.players, key)
