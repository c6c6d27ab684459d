"""The elementary move: every player takes one step along its field, through its own optimizer."""

from typing import Any

import jax
import optax
from jaxtyping import PyTree

from .. import _checks as checks
from .._opened import is_transformation, start
from .._phase import State
from .._step import optimizer, spread, taken
from .._types import Key, Players
from ..fields import AbstractField
from ..fields._field import checked_field
from ._rule import AbstractRule

Optimizer = optax.GradientTransformation | None


class Descend(AbstractRule):
    """All players at once: z_i <- z_i + u_i, where u_i is what optimizer i makes of v_i.

    **Arguments:**

    - `field`: the field v.
    - `step_size`: a number h, which stands for u = h v, a schedule, which is one for every step, or
      any optax transformation (which is given -v as the gradient), any of them `projected` onto a
      set, or `None` for a player who stands still; one for everybody or a tuple with one per
      player.
    """

    field: AbstractField
    optimizers: Any

    def __init__(self, field: AbstractField, step_size: Any):
        self.field = checked_field(field)
        self.optimizers = optimizer("step_size", step_size)

    def init(self, players: Players) -> State:
        memory = tuple(
            None if o is None else start(o, p)
            for o, p in zip(self._spread(len(players)), players, strict=True)
        )
        return State(players, memory if jax.tree.leaves(memory) else None)

    def step(self, state: State, key: Key = None) -> State:
        n = len(state.players)
        optimizers = self._spread(n)
        memories = optimizers_memory(optimizers, state)
        direction = checks.same_structure(
            f"the direction of {type(self.field).__name__}",
            self.field(state.players, key),
            state.players,
            "the players",
        )
        players, memory = [], []
        for o, p, v, m in zip(optimizers, state.players, direction, memories, strict=True):
            if o is not None:
                p, m = taken(p, o, v, m)
            players.append(p)
            memory.append(m)
        return State(tuple(players), None if state.memory is None else tuple(memory))

    def _spread(self, n: int) -> tuple[Optimizer, ...]:
        each = self.optimizers
        several = isinstance(each, tuple) and not is_transformation(each)
        if several and None in each and len(each) != n:
            raise ValueError(
                f"`order`, and with it `step_size`, is for {len(each)} players, but there are {n}: "
                f"where players take turns, give `order` for all of them, as "
                f"`order={tuple(range(n))[::-1]}`, and `repeats` with as many counts."
            )
        return spread("step_size", each, n)


def optimizers_memory(optimizers: tuple[Optimizer, ...], state: State) -> tuple[PyTree, ...]:
    """The memory of each optimizer; those that remember nothing are asked for their empty one."""
    if state.memory is not None:
        return state.memory
    return tuple(
        None if o is None else start(o, p) for o, p in zip(optimizers, state.players, strict=True)
    )
