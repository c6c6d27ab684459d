"""Projection: the players brought back to where they are allowed to be, such as clipped weights."""

from collections.abc import Callable

from .. import _checks as checks
from .._phase import State
from .._types import Key, Players
from ._rule import AbstractRule


class Project(AbstractRule):
    """F(z) = P(z), a move to be put into a `Sequential` after the step that may leave the set.

    **Arguments:**

    - `projection`: a function `players -> players`; `optax.projections` has those onto boxes, balls
      and simplices, each for one pytree.
    """

    projection: Callable[[Players], Players]

    def __init__(self, projection: Callable[[Players], Players]):
        if not callable(projection):
            raise TypeError(
                "`projection` must be a function of the players, but is "
                f"{checks.shown(projection)}."
            )
        self.projection = projection

    def init(self, players: Players) -> State:
        return State(players)

    def step(self, state: State, key: Key = None) -> State:
        new = self.projection(state.players)
        new = checks.same_structure("what `projection` returns", new, state.players, "the players")
        return State(new, state.memory)
