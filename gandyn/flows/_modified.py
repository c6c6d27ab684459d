"""The modified flow: backward error analysis of any rule without memory.

    f = U - DU U / 2,    U(z) = F(z) - z

is the logarithm of the map F to second order in U: the flow that training really follows, up to
O(step^3) in every step. For simultaneous and alternating steps, at equal or unequal rates, it has
the coefficients of Rosca, Wu, Dherin, Barrett, "Discretization Drift in Two-Player Games", 2021;
for simultaneous ones with the other players ignored those of Barrett and Dherin, "Implicit Gradient
Regularization", 2021. Backward error analysis: Hairer, Lubich, Wanner, "Geometric Numerical
Integration", chapter IX.
"""

import jax
from jaxtyping import PyTree

from .._phase import State
from .._types import Key, Players
from ..fields._field import moved
from ..rules import AbstractRule
from ..rules._compose import is_rule
from ..rules._descend import is_transformation
from ._flow import AbstractFlow, Integrator, is_integrator


class ModifiedFlow(AbstractFlow):
    """The flow whose time-one map agrees with one step of a rule to O(step^3); one unit of its time
    is one step.

    **Arguments:**

    - `rule`: any rule whose memory is empty. With a key, one frozen realisation of its noise.
    - `integrator`: tolerances, solver, or a fixed step.
    """

    rule: AbstractRule
    integrator: Integrator

    def __init__(self, rule: AbstractRule, integrator: Integrator | None = None):
        self.rule = is_rule("modified", rule)
        self.integrator = is_integrator(integrator)
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

        u = change(state.players)
        _, along = jax.jvp(change, (state.players,), (u,))
        return State(moved(u, -0.5, along))


modified = ModifiedFlow
"""What one says: `modified(rule)` is the modified flow of a rule."""


def _forgetful(rule: AbstractRule, memory: PyTree) -> None:
    if jax.tree.leaves(memory):
        raise ValueError(
            f"`rule` must have no memory, but this {type(rule).__name__} remembers momenta, "
            "previous gradients, averages or a clock: its steps are no map of the players alone, "
            "and so no flow of them. Analyse the rule itself (`gandyn.spectrum(rule, players)`), "
            "or a flow with inertia, `gandyn.flows.MomentumFlow`."
        )
