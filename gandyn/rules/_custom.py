"""A rule from a function: any map of the players."""

from collections.abc import Callable, Sequence

import equinox as eqx
from jaxtyping import PyTree

from .. import _checks as checks
from .._phase import State
from .._types import Key, Players
from ._rule import AbstractRule


class Custom(AbstractRule):
    """F(z), any map of the players, random or not.

    **Arguments:**

    - `function`: `function(players, key)` or `function(players)` returns the players after a step.
      Arrays that it holds as an equinox module are leaves of the rule and can be swept.
    """

    function: Callable[..., Sequence[PyTree]]
    takes_key: bool = eqx.field(static=True)

    def __init__(self, function: Callable[..., Sequence[PyTree]]):
        self.function, self.takes_key = checks.of_players("function", function)

    def init(self, players: Players) -> State:
        return State(players)

    def step(self, state: State, key: Key = None) -> State:
        players = state.players
        with checks.told_of_the_key("the steps of Custom are", key):
            new = self.function(players, key) if self.takes_key else self.function(players)
        return State(checks.one_per_player("the players after a step of Custom", new, players))
