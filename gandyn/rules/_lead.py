"""LEAD: momentum, and a force across to the motion of the others.

Hemmat, Mitra, Lajoie, Mitliagkas, "LEAD: Min-Max Optimization from a Physical Perspective", 2020.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .. import _checks as checks
from .._phase import State
from .._types import Key, Number, PerPlayer, Players
from ..fields import AbstractField
from ..fields._blocks import interaction
from ..fields._field import is_field, moved
from ._rule import AbstractRule


class LEAD(AbstractRule):
    """z' = z + h v + b d + a J_o d, with d the last step and J_o the Jacobian of v without its
    diagonal blocks. The first step is a plain one, d = 0.

    **Arguments:**

    - `field`: the field v.
    - `step_size`: h, not negative, one number for everybody or one per player.
    - `momentum`: b, strictly between -1 and 1.
    - `coupling`: a, not negative.
    """

    field: AbstractField
    step_size: PerPlayer
    momentum: Float[Array, ""]
    coupling: Float[Array, ""]

    def __init__(
        self, field: AbstractField, step_size: PerPlayer, momentum: Number, coupling: Number
    ):
        self.field = is_field(field)
        self.step_size = checks.per_player("step_size", step_size, low=0)
        self.momentum = checks.below_one("momentum", momentum)
        self.coupling = checks.number("coupling", coupling, low=0)

    def init(self, players: Players) -> State:
        return State(players, jax.tree.map(jnp.zeros_like, players))

    def step(self, state: State, key: Key = None) -> State:
        z, last = state.players, state.memory
        steps = checks.spread("step_size", self.step_size, len(z))
        v, react = interaction(self.field, z, key)

        def change(h: Number, v: PyTree, d: PyTree, across: PyTree) -> PyTree:
            pushed = moved(jax.tree.map(jnp.zeros_like, v), h, v)
            return moved(moved(pushed, self.momentum, d), self.coupling, across)

        moves = tuple(map(change, steps, v, last, react(last)))
        return State(jax.tree.map(jnp.add, z, moves), moves)
