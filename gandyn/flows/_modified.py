"""The modified flow: backward error analysis of any rule without memory.

    f = U - DU U / 2,    U(z) = F(z) - z

is the logarithm of the map F to second order in U: the flow that training really follows, up to
O(step^3) in every step. The third order is

    + D(DU U) U / 12 + DU (DU U) / 4,

which on linear maps is U^3/3. For simultaneous and alternating steps, at equal or unequal rates, it
has the coefficients of Rosca, Wu, Dherin, Barrett, "Discretization Drift in Two-Player Games",
2021; for simultaneous ones with the other players ignored those of Barrett and Dherin, "Implicit
Gradient Regularization", 2021. Backward error analysis: Hairer, Lubich, Wanner, "Geometric
Numerical Integration", chapter IX.
"""

from collections.abc import Callable

import jax
from jaxtyping import PyTree

from .. import _checks as checks
from .._opened import is_transformation
from .._phase import State
from .._step import moved
from .._types import Key, Players
from ..rules import AbstractRule
from ..rules._compose import checked_rule
from ._flow import AbstractFlow
from ._integrator import Integrator, checked_integrator


class ModifiedFlow(AbstractFlow):
    """The flow whose time-one map agrees with one step of a rule to O(step^3), or to the order that
    is asked for; one unit of its time is one step.

    **Arguments:**

    - `rule`: any rule whose memory is empty. With a key, one frozen realization of its noise.
    - `integrator`: tolerances, solver, or a fixed step.
    - `order`: 1, 2 or 3, the terms that are kept: an error of O(step^(order + 1)) in every step.
      With 1 it is the plain flow of the steps themselves, U. The third, which costs second
      derivatives of the rule, pays where steps are long.
    """

    rule: AbstractRule
    integrator: Integrator
    order: int

    def __init__(self, rule: AbstractRule, integrator: Integrator | None = None, order: int = 2):
        self.rule = checked_rule("modified", rule)
        self.order = checks.count("order", order)
        if self.order > 3:
            raise ValueError(
                f"`order` must be 1, 2 or 3, but is {order}: the series converges for short steps "
                "only, and further terms help less than shorter steps."
            )
        self.integrator = checked_integrator(integrator)
        # Memory is only known once there are players; but optimizers tell by themselves.
        for optimizer in jax.tree.leaves(rule, is_leaf=is_transformation):
            if is_transformation(optimizer):
                _forgetful(rule, optimizer.init(0.0))

    def init(self, players: Players) -> State:
        _forgetful(self.rule, self.rule.init(players).memory)
        return State(players)

    def velocity(self, state: State, key: Key = None) -> State:
        def change(players: Players) -> Players:
            return self.rule.residual(State(players), key).players

        def along(f: Callable[[Players], Players], z: Players, direction: Players) -> Players:
            return jax.jvp(f, (z,), (direction,))[1]

        def bend(players: Players) -> Players:
            return along(change, players, change(players))

        z = state.players
        velocity = u = change(z)
        if self.order > 1:
            bent = along(change, z, u)
            velocity = moved(velocity, -1 / 2, bent)
        if self.order > 2:
            velocity = moved(velocity, 1 / 12, along(bend, z, u))
            velocity = moved(velocity, 1 / 4, along(change, z, bent))
        return State(velocity)


modified = ModifiedFlow
"""What one says: `modified(rule)` is the modified flow of a rule."""


def _forgetful(rule: AbstractRule, memory: PyTree) -> None:
    if jax.tree.leaves(memory):
        raise ValueError(
            f"`rule` must have no memory, but this {type(rule).__name__} remembers momenta, "
            "previous gradients, averages or a clock: its steps are no map of the players alone, "
            "and so no flow of them. Analyze the rule itself (`gandyn.spectrum(rule, players)`), "
            "or a flow with inertia, `gandyn.flows.MomentumFlow`."
        )
