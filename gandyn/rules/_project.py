"""A map of all players at once, for what is no step of anyone's."""

from collections.abc import Callable

from .. import _checks as checks
from .._phase import State
from .._types import Key, Players
from ._rule import AbstractRule


class Project(AbstractRule):
    """F(z) = P(z), a move to be put into a `Sequential`: weights that are rescaled, tied or set
    back, a symmetry. A map that is a whole step is `gandyn.rules.Custom`.

    A player who stays in a set steps there instead, `gandyn.rules.projected(step, projection)`: a
    projection after the steps of a rule is another method, which for all that look at a player who
    has moved does not rest where the problem is solved.

    **Arguments:**

    - `projection`: a function `players -> players`.
    """

    projection: Callable[[Players], Players]

    def __init__(self, projection: Callable[[Players], Players]):
        self.projection = checks.function("projection", projection, "players")

    def init(self, players: Players) -> State:
        return State(players)

    def step(self, state: State, key: Key = None) -> State:
        new = self.projection(state.players)
        new = checks.same_structure("what `projection` returns", new, state.players, "the players")
        return State(new, state.memory)
