"""The flow of a field with inertia: the continuous-time idealisation of heavy-ball momentum.

Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import _checks as checks
from .._phase import State
from .._step import moved
from .._types import Key, Number, Players
from ..fields import AbstractField
from ..fields._field import checked_field
from ._flow import AbstractFlow
from ._integrator import Integrator, checked_integrator


class MomentumFlow(AbstractFlow):
    """z'' = v(z) - c z'; the memory is the velocity z', which starts at zero.

    **Arguments:**

    - `field`: the field v, now a force.
    - `friction`: c. Heavy ball with step h and momentum b follows it, in units of time of
      sqrt(h), with c = (1 - b)/sqrt(h); negative momentum has no such limit.
    - `integrator`: tolerances, solver, or a fixed step.
    """

    field: AbstractField
    friction: Float[Array, ""]
    integrator: Integrator

    def __init__(
        self, field: AbstractField, friction: Number, integrator: Integrator | None = None
    ):
        self.field = checked_field(field)
        self.friction = checks.number("friction", friction)
        self.integrator = checked_integrator(integrator)

    def init(self, players: Players) -> State:
        return State(players, jax.tree.map(jnp.zeros_like, players))

    def velocity(self, state: State, key: Key = None) -> State:
        force = self.field(state.players, key)
        return State(state.memory, moved(force, -self.friction, state.memory))
