"""Tangents: a state and a frame of small disturbances of it, carried through time together.

For a rule, V <- D(F^n) V. For a flow the variational equation V' = Df(z) V is integrated along with
z' = f(z): its own error counts in the choice of steps, which at rest z alone would not restrain.
"""

from collections.abc import Callable

import jax
from jaxtyping import Array, Float, Real

from .._dynamics import AbstractDynamics
from .._phase import State, coordinates
from .._types import Key, Players
from ..flows import AbstractFlow, Integrator
from ..rules import AbstractRule

Frame = Float[Array, "n k"]


class _Variational(AbstractFlow):
    """z' = f(z), V' = Df(z) V, as a flow whose players are (z, V)."""

    flow: AbstractFlow
    integrator: Integrator

    def init(self, players: Players) -> State:
        return State(players)

    def velocity(self, state: State, key: Key = None) -> State:
        point, frame = state.players
        x, back = coordinates(point)

        def velocity(x: Array) -> tuple[Array, State]:
            v = self.flow.velocity(back(x), key)
            return coordinates(v)[0], v

        v, pushed = _push(velocity, x, frame)
        return State((v, pushed))


def carry(
    dynamics: AbstractDynamics,
    state: State,
    frame: Frame,
    ts: Real[Array, " t"],
    key: Key,
    steps: int | None = None,
) -> tuple[State, Frame]:
    """The state and the frame, in its coordinates, at the last of the times `ts`. That of a rule
    can be differentiated backwards only if its number of `steps` is known."""
    if isinstance(dynamics, AbstractFlow):
        both = _Variational(flow=dynamics, integrator=dynamics.integrator)
        seen = both.evolve(State((state, frame)), ts, key)
        return jax.tree.map(lambda leaf: leaf[-1], seen.players)

    x, back = coordinates(state)

    def advanced(x: Array) -> tuple[Array, State]:
        if steps is not None and isinstance(dynamics, AbstractRule):
            new = dynamics.advance(back(x), ts[0], steps, key)
        else:
            new = jax.tree.map(lambda leaf: leaf[-1], dynamics.evolve(back(x), ts, key))
        return coordinates(new)[0], new

    return _push(advanced, x, frame)


def _push(
    function: Callable[[Array], tuple[Array, State]], x: Float[Array, " n"], frame: Frame
) -> tuple[State, Frame]:
    """What `function` says of x beside its value, and its derivative along every column."""

    def push(v: Array) -> tuple[State, Array]:
        _, pushed, value = jax.jvp(function, (x,), (v,), has_aux=True)
        return value, pushed

    return jax.vmap(push, in_axes=1, out_axes=(None, 1))(frame)
