"""LEAD: momentum, and a force across to the motion of the others.

Hemmat, Mitra, Lajoie, Mitliagkas, "LEAD: Min-Max Optimization from a Physical Perspective", 2020.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .. import _checks as checks
from .. import _step as stepping
from .._phase import State
from .._types import Key, Number, Players
from ..fields import AbstractField
from ..fields._blocks import interaction
from ..fields._field import checked_field
from ._rule import AbstractRule


class LEAD(AbstractRule):
    """z' = z + h v + b d + a J_o d, with d the last step and J_o the Jacobian of v without its
    diagonal blocks; in players' sets z' is projected, and d the step that was made. The first step
    is a plain one, d = 0.

    **Arguments:**

    - `field`: the field v.
    - `step_size`: h, not negative, one number for everybody or one per player; `projected` for
      players who stay in a set.
    - `momentum`: b, strictly between -1 and 1.
    - `coupling`: a, not negative.
    """

    field: AbstractField
    step_size: Any
    momentum: Float[Array, ""]
    coupling: Float[Array, ""]

    def __init__(self, field: AbstractField, step_size: Any, momentum: Number, coupling: Number):
        self.field = checked_field(field)
        self.step_size = stepping.checked_steps("step_size", step_size)
        self.momentum = checks.below_one("momentum", momentum)
        self.coupling = checks.number("coupling", coupling, low=0)

    def init(self, players: Players) -> State:
        return State(players, jax.tree.map(jnp.zeros_like, players))

    def step(self, state: State, key: Key = None) -> State:
        z, last = state.players, state.memory
        steps = stepping.spread("step_size", self.step_size, len(z))
        v, react = interaction(self.field, z, key)

        def ahead(z: PyTree, h: Any, v: PyTree, d: PyTree, across: PyTree) -> PyTree:
            pushed = stepping.moved(z, self.momentum, d)
            return stepping.landed(stepping.moved(pushed, self.coupling, across), h, v)

        new = tuple(map(ahead, z, steps, v, last, react(last)))
        return State(new, jax.tree.map(jnp.subtract, new, z))
