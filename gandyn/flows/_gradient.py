"""The flow of a field, z' = v(z): training with infinitely small steps."""

from jaxtyping import Array

from .._dynamics import AbstractDynamics, Face
from .._phase import State
from .._types import Key, Players
from ..fields import AbstractField
from ..fields._confined import confined_inside
from ..fields._field import checked_field
from ._flow import AbstractFlow
from ._integrator import Integrator, checked_integrator
from ._walls import continuous, face, walls


class GradientFlow(AbstractFlow):
    """z' = v(z), whatever the field: with `gandyn.fields.Custom(function)` any ordinary
    differential equation.

    **Arguments:**

    - `field`: the field v, such as `gandyn.fields.Gradient(game)`.
    - `integrator`: tolerances, solver, or a fixed step.
    """

    field: AbstractField
    integrator: Integrator

    def __init__(self, field: AbstractField, integrator: Integrator | None = None):
        self.field = checked_field(field, walls=True)
        self.integrator = checked_integrator(integrator)

    def init(self, players: Players) -> State:
        return State(players)

    def velocity(self, state: State, key: Key = None) -> State:
        return State(self.field(state.players, key))

    def continuous(self) -> AbstractDynamics:
        confined = confined_inside(self.field)
        return self if confined is None else continuous(self, confined)

    def walls(self, state: State) -> tuple[Array, Array] | None:
        confined = confined_inside(self.field)
        return None if confined is None else walls(confined, state)

    def face(self, state: State, key: Key = None) -> Face | None:
        confined = confined_inside(self.field)
        return None if confined is None else face(self, confined, state, key)
