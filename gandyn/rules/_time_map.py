"""Any dynamics seen stroboscopically: the bridge from flows to rules."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import _checks as checks
from .._dynamics import AbstractDynamics, Face, Frame, at_walls, checked_dynamics
from .._phase import State, vector
from .._types import Key, Number, Players
from ._rule import AbstractRule

_LOOKS = 64  # for walls, along the path of a step


class TimeMap(AbstractRule):
    """F(z) = where the dynamics takes z in a given time.

    A Runge-Kutta method as a training rule is the time map of a flow over one step `dt`; the
    proximal point method is that of implicit Euler.

    **Arguments:**

    - `dynamics`: a flow or a rule.
    - `duration`: in the dynamics' own time; for a rule, a whole number of steps.
    """

    dynamics: AbstractDynamics
    duration: Array | int

    def __init__(self, dynamics: AbstractDynamics, duration: Number):
        self.dynamics = checked_dynamics(dynamics)
        if dynamics.clock.whole:
            self.duration = checks.count("duration", duration)
        else:
            self.duration = checks.positive("duration", duration)

    def init(self, players: Players) -> State:
        return self.dynamics.init(players)

    def step(self, state: State, key: Key = None) -> State:
        if isinstance(self.duration, int):
            ts: Any = np.array([0, self.duration])
        else:
            ts = jnp.stack([jnp.zeros_like(self.duration), self.duration])
        return jax.tree.map(lambda x: x[-1], self.dynamics.evolve(state, ts, key))

    def continuous(self) -> AbstractDynamics:
        inner = self.dynamics.continuous()
        return self if inner is self.dynamics else inner

    def walls(self, state: State) -> tuple[Array, Array] | None:
        return self.dynamics.walls(state)

    def face(self, state: State, key: Key = None) -> Face | None:
        face, walls = self.dynamics.face(state, key), self.walls(state)
        if face is None or walls is None:
            return None
        # Of a path that moves and comes to a wall nothing is known by derivatives.
        time = self.duration
        ts: Any = np.arange(time + 1) if isinstance(time, int) else time * np.linspace(0, 1, _LOOKS)
        path = self.dynamics.evolve(state, ts, key, vector)
        below, above, reach = at_walls(path, *walls)
        moves = jnp.max(jnp.abs(path[-1] - path[0]), initial=0) > reach
        comes = moves & jnp.any(below | above)
        free = eqx.tree_at(lambda rule: rule.dynamics, self, face.dynamics)
        return Face(face.held, face.loose | comes, free)

    def stretch(
        self, state: State, frame: Frame, start: Any, time: Any, key: Key = None
    ) -> tuple[State, Frame, Float[Array, " k"]]:
        if isinstance(self.duration, int) or key is not None:
            return super().stretch(state, frame, start, time, key)
        # Without a key, what a flow does step after step it does at once.
        start, time = (
            jnp.asarray(t).astype(frame.dtype) * self.duration.astype(frame.dtype)
            for t in (start, time)
        )
        return self.dynamics.stretch(state, frame, start, time, key)
