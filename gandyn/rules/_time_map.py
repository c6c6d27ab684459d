"""Any dynamics seen stroboscopically: the bridge from flows to rules."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import _checks as checks
from .._dynamics import AbstractDynamics, Frame, is_dynamics
from .._phase import State
from .._types import Key, Number, Players
from ._rule import AbstractRule


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
        self.dynamics = is_dynamics(dynamics)
        if isinstance(dynamics, AbstractRule):
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
