"""High-resolution flows: second-order equations that tell methods apart which share a first-order
one.

    z' = w,    w' = (2/h) (v(z) + h Dv(z) u - w)

with u = 0 for simultaneous steps of size h, u = v for extragradient, and u = w for optimistic
steps. Chavdarova, Jordan, Zampetakis, "Last-iterate convergence of saddle-point optimizers via
high-resolution differential equations", 2021. The slow eigenvalues are those of the methods, log of
the multiplier per unit of time h, up to O(h^2). Those of first order (Lu, "An O(s^r)-resolution ODE
framework", 2022) are the modified flows of the methods: `gandyn.flows.modified`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import _checks as checks
from .._phase import State
from .._step import moved, scaled
from .._types import Key, Number, Players
from ..fields import AbstractField
from ..fields._field import checked_field
from ._flow import AbstractFlow
from ._integrator import Integrator, checked_integrator


class HighResolutionFlow(AbstractFlow):
    """z' = w, w' = (2/h) (v + h Dv u - w); the memory is the velocity w, which starts at v.

    **Arguments:**

    - `field`: the field v.
    - `step_size`: h, positive: that of the method.
    - `ahead`: u, a function of (v, w): where the method looks before it steps.
      `gandyn.flows.simultaneous`, `extragradient` and `optimistic` make the published flows.
    - `integrator`: tolerances, solver, or a fixed step.
    """

    field: AbstractField
    step_size: Float[Array, ""]
    ahead: Callable[[Players, Players], Players]
    integrator: Integrator

    def __init__(
        self,
        field: AbstractField,
        step_size: Number,
        ahead: Callable[[Players, Players], Players],
        integrator: Integrator | None = None,
    ):
        self.field = checked_field(field)
        self.step_size = checks.positive("step_size", step_size)
        self.ahead = checks.function("ahead", ahead, "v", "w")
        self.integrator = checked_integrator(integrator)

    def init(self, players: Players) -> State:
        return State(players, self.field(players))

    def velocity(self, state: State, key: Key = None) -> State:
        w = state.memory
        v, jacobian = jax.linearize(lambda z: self.field(z, key), state.players)
        wanted = moved(v, self.step_size, jacobian(self.ahead(v, w)))
        change = scaled(2 / self.step_size, jax.tree.map(jnp.subtract, wanted, w))
        return State(w, change)


def _nowhere(v: Players, w: Players) -> Players:
    return jax.tree.map(jnp.zeros_like, v)


def _along_the_field(v: Players, w: Players) -> Players:
    return v


def _along_the_path(v: Players, w: Players) -> Players:
    return w


def simultaneous(
    field: AbstractField, step_size: Number, integrator: Integrator | None = None
) -> HighResolutionFlow:
    """The high-resolution flow of simultaneous steps: w' = (2/h)(v - w). On a bilinear game it
    grows at the rate h s^2/2.

    **Arguments:**

    - `field`, `step_size`, `integrator`: as in `HighResolutionFlow`.
    """
    return HighResolutionFlow(field, step_size, _nowhere, integrator)


def extragradient(
    field: AbstractField, step_size: Number, integrator: Integrator | None = None
) -> HighResolutionFlow:
    """The high-resolution flow of extragradient: w' = (2/h)(v - w) + 2 Dv v. On a bilinear game it
    decays at the rate h s^2/2.

    **Arguments:**

    - `field`, `step_size`, `integrator`: as in `HighResolutionFlow`.
    """
    return HighResolutionFlow(field, step_size, _along_the_field, integrator)


def optimistic(
    field: AbstractField, step_size: Number, integrator: Integrator | None = None
) -> HighResolutionFlow:
    """The high-resolution flow of optimistic steps: w' = (2/h)(v - w) + 2 Dv w. On a bilinear game
    it decays at the rate h s^2/2.

    **Arguments:**

    - `field`, `step_size`, `integrator`: as in `HighResolutionFlow`.
    """
    return HighResolutionFlow(field, step_size, _along_the_path, integrator)
