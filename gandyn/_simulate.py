"""Simulation: a dynamics carried through time, and what was seen on the way."""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Real

from . import _checks as checks
from ._door import begin
from ._dynamics import AbstractDynamics
from ._phase import State, as_precise
from ._result import Result
from ._sweep._memory import of_devices, text
from ._types import Key, Players

_MUCH = 2**28  # bytes, from which on it is asked how much memory there is


class Trajectory(Result):
    """The states of a dynamics at some times.

    From its escape on, a trajectory that diverges is inf or nan; nan, too, is that of a flow from
    where its integrator has used up its steps.

    **Fields:**

    - `ts`: the times.
    - `states`: the states; every leaf has a leading axis for the times.
    - `unit`: of the times, "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {"ts": ("time",), "states": ("time",)}
    coordinates: ClassVar[Mapping[str, str]] = {"time": "ts"}

    ts: Real[Array, " time"]
    states: State
    unit: str = eqx.field(static=True)

    @property
    def players(self) -> Players:
        """The players at every time."""
        return self.states.players

    @property
    def final(self) -> State:
        """The last state, memory included: simulate from it to go on."""
        return jax.tree.map(lambda x: x[-1], self.states)


def simulate(
    dynamics: AbstractDynamics, players: Players | State, ts: Any, *, key: Key = None
) -> Trajectory:
    """The trajectory of a rule or a flow from a start.

    **Arguments:**

    - `dynamics`: a rule (`gandyn.methods`, `gandyn.rules`) or a flow (`gandyn.flows`).
    - `players`: the start, one pytree per player, or a `State` to go on from.
    - `ts`: the times that are kept, shape `(time,)`; `ts[0]` is the time of the start. For a rule,
      whole numbers of steps that do not decrease; for a flow, times that increase, or that
      decrease to run backwards.
    - `key`: one realization of everything random; `None` for the population dynamics. Step t of a
      rule uses `fold_in(key, t)`, so that a run cut in two is the same run; a flow sees one frozen
      sample.

    **Warns:** if the integrator of a flow used up its `max_steps`, outside of transformations.

    To differentiate a rule backwards, evenly spaced `ts` must be known when the program is traced
    (a numpy array, or any array outside of `jit`).
    """
    dynamics, state = begin(dynamics, players, key)
    ts = as_precise(dynamics.clock.times(ts), state)
    _fits(state, ts.size)
    states = dynamics.evolve(state, ts, key)
    found = Trajectory(jnp.asarray(ts), states, dynamics.unit)
    known = dynamics.limited and checks.is_concrete(states)
    if known and bool(dynamics.unfinished(found.final)):
        dynamics.warn_unfinished("the trajectory is nan from there on")
    return found


def _fits(state: State, n: int) -> None:
    """Refuse to keep more states than there is memory for, before it is used up."""
    one = sum(x.nbytes for x in jax.tree.leaves(state) if hasattr(x, "nbytes"))
    if one * n < _MUCH or not checks.is_concrete(state):
        return
    there = of_devices(jax.local_devices()[:1])
    if one * n > there:
        raise ValueError(
            f"`ts` asks for {n} states of {text(one)}, {text(one * n)} together, but there "
            f"are {text(there)} of memory: keep fewer times, or go on from `.final` in parts."
        )


def checked_trajectory(trajectory: Any) -> Trajectory:
    """`trajectory`, held to be one."""
    if not isinstance(trajectory, Trajectory):
        raise TypeError(
            "`trajectory` must be a trajectory, as `gandyn.simulate` returns it, but is "
            f"{checks.shown(trajectory)}."
        )
    if trajectory.ts.ndim != 1:
        raise ValueError(
            "`trajectory` must be one trajectory, but has times of shape "
            f"{trajectory.ts.shape}: map over an ensemble with `jax.vmap`."
        )
    return trajectory
