"""What a trajectory settles on: an equilibrium, a cycle, chaos, infinity - or nothing yet."""

import enum
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ... import _checks as checks
from ..._compiled import compiled_with
from ..._door import begin
from ..._dynamics import AbstractDynamics
from ..._paths import box as corners
from ..._paths import distances
from ..._phase import State, as_precise, coordinates, players_vector, vector
from ..._result import Result
from ..._stacked import take
from ..._status import status
from ..._types import Key, Number, Players
from ._cycle import Cycle, cycle_near
from ._ends import ESCAPED, STRETCHES, UNDECIDED, Runner, follow, outside
from ._lyapunov import lyapunov
from ._rotation import rotation_of

_LOOKS = 4096  # at the players, to see them turn
_PACES = 25_600  # looks at a flow at an even pace
_MOST_STEPS = 64  # of a cycle of a rule; longer ones are taken for circles
_NEAR = 0.02  # how nearly a path comes back, in units of its size, for a cycle to be looked for
_ON = 1e-3  # a path that is on a cycle is as near to it as this
_NEUTRAL = 1e-3  # what the integrator leaves of a multiplier that is 1
_TRIES = 4  # returns from which a cycle is looked for
_PARTED = 10  # neighbors that part by e to this have parted exponentially
_TOGETHER = 1  # those that part by no more than e to this have not
_ALIKE = 0.25  # boxes of chaos agree to this share of their size

Box = tuple[np.ndarray, np.ndarray]


class Kind(enum.IntEnum):
    """What a trajectory settles on."""

    EQUILIBRIUM = 0
    CYCLE = 1
    ESCAPE = 2
    UNDECIDED = 3
    CHAOS = 4


class Settled(Result):
    """What a trajectory settles on, with the evidence.

    **Fields:**

    - `kind`: see `Kind`. What is bounded and recurs, but is no equilibrium, is chaos if neighbors
      part exponentially, and a cycle (an invariant circle, a torus) otherwise.
    - `state`: the last state.
    - `time`: when it was known; nan if undecided.
    - `low`, `high`: the corners of the box that the players fill in the end; of an equilibrium,
      itself.
    - `period`: of a cycle; nan otherwise. Of a rule that comes back to the same points after some
      steps, up to 64, their number; on an invariant circle the mean of one turn, which need not be
      whole: 1 over this is the rotation number.
    - `growth`: how fast neighbors part in the end, per step or unit of time: the leading Lyapunov
      exponent, about 0 on a torus, positive for chaos; nan where nobody need look.
    - `error`: of `growth`, with a confidence of 95 %, see `Lyapunov`: of chaos, a run that differs
      by rounding has another value, within this error.
    - `residual`: the largest component of what vanishes at rest, at the last state.
    - `unit`: "step" for a rule, "unit time" for a flow.
    """

    Kind = Kind

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "kind": (),
        "time": (),
        "low": ("coordinate",),
        "high": ("coordinate",),
        "period": (),
        "growth": (),
        "error": (),
        "residual": (),
    }

    kind: Int[Array, ""]
    state: State
    time: Float[Array, ""]
    low: Float[Array, " coordinate"]
    high: Float[Array, " coordinate"]
    period: Float[Array, ""]
    growth: Float[Array, ""]
    error: Float[Array, ""]
    residual: Float[Array, ""]
    unit: str = eqx.field(static=True)

    @property
    def center(self) -> Float[Array, "*batch coordinate"]:
        """The middle of the box."""
        return (self.low + self.high) / 2

    @property
    def amplitude(self) -> Float[Array, "*batch coordinate"]:
        """How far the box reaches to either side."""
        return (self.high - self.low) / 2


def settles_on(
    dynamics: AbstractDynamics,
    players: Players | State,
    duration: Number = 10_000,
    *,
    key: Key = None,
    tolerance: Number = 1e-3,
    escape: Number = 1e6,
) -> Settled:
    """What the trajectory from a start settles on; not to be traced. See `basins` for many starts
    and for what the criteria are.

    **Arguments:**

    - `dynamics`: a rule or a flow.
    - `players`: the start, or a `State`.
    - `duration`: how long it may take, in steps, at least 64, or in units of time, at most 1e9. For
      a cycle it must be long enough to reach it and, in a quarter of it, to go round; for chaos
      long enough for neighbors to part by e to the 10, and for a torus for them not to.
    - `tolerance`: how close to an equilibrium counts as there, in units of the players.
    - `escape`: the trajectory has escaped when a coordinate exceeds this, or is not finite.
    - `key`: one realization of everything random.

    **Warns:** if the integrator of a flow used up its `max_steps`, which leaves it undecided.

    **Raises:** `ValueError` if the start is outside of the game's domain, where the dynamics or a
    loss is not finite.
    """
    checks.untraced("`settles_on`", dynamics, players)
    dynamics, state = begin(dynamics, players, key)
    duration, _ = dynamics.clock.lasting(duration, STRETCHES)
    tolerance, escape = (
        float(checks.positive(name, value))
        for name, value in (("tolerance", tolerance), ("escape", escape))
    )
    alone = jax.tree.map(lambda x: np.asarray(x)[None], state)
    if outside(dynamics, alone, key).any():
        raise ValueError(
            "the start is outside of the game's domain, where the dynamics or a loss is not "
            "finite: give other `players`."
        )
    runner = _Alone(dynamics, key)
    ends, last = follow(runner, alone, duration, tolerance, escape, False, attract=False)
    last = jax.tree.map(lambda x: jnp.asarray(x[0]), last)
    here, _ = coordinates(last.players)
    label, nothing = int(ends.labels[0]), jnp.full(here.shape, jnp.nan, here.dtype)
    kind, low, high = Kind.UNDECIDED, nothing, nothing
    period, growth, error = np.nan, np.nan, np.nan
    if ends.unfinished[0]:
        dynamics.warn_unfinished("it is undecided what the trajectory settles on")
    elif label == ESCAPED:
        kind = Kind.ESCAPE
    elif label != UNDECIDED and label < len(ends.roots):
        kind, low = Kind.EQUILIBRIUM, ends.roots[label][0]
        high = low
    else:
        box = None if label == UNDECIDED else ends.boxes[label - len(ends.roots)]
        size = max(float(ends.sizes[0]), tolerance)
        kind, box, period, growth, error = _moving(runner, last, duration, size, box)
        if box is not None:
            low, high = box
    return Settled(
        jnp.asarray(int(kind)),
        last,
        jnp.asarray(ends.times[0], here.dtype),
        jnp.asarray(low, here.dtype),
        jnp.asarray(high, here.dtype),
        jnp.asarray(period, here.dtype),
        jnp.asarray(growth, here.dtype),
        jnp.asarray(error, here.dtype),
        _residual(dynamics, last, key),
        dynamics.unit,
    )


@compiled_with("little")
def _residual(dynamics: AbstractDynamics, state: State, key: Key) -> Float[Array, ""]:
    return jnp.max(jnp.abs(vector(dynamics.residual(state, key))))


class _Way(NamedTuple):
    """What is seen of the players on their way: points, times, and the corners of their box."""

    path: np.ndarray
    times: np.ndarray
    box: Box


class _Alone(Runner):
    """The programs of a single trajectory: of a flow, each way that is watched is kept."""

    batches = (1,)

    def __init__(self, dynamics: AbstractDynamics, key: Key):
        super().__init__(dynamics, key)
        self.ways: list[_Way] = []

    def watch(
        self, states: State, now: Any, time: float, sizes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, State, np.ndarray]:
        if self.dynamics.clock.whole:
            return super().watch(states, now, time, sizes)
        way, end = self.seen(take(states, 0), float(sizes[0]), np.ravel(now)[0], time)
        self.ways.append(way)
        low, high = way.box
        return low[None], high[None], jax.tree.map(lambda x: x[None], end), way.times[-1:]

    def seen(self, state: State, size: float, start: Any, time: float) -> tuple[_Way, State]:
        """The way from a state on, and the state at its end."""
        looks = _LOOKS if self.dynamics.clock.whole else _PACES
        found = _looked(
            self.dynamics,
            state,
            jnp.asarray(size, float),
            jnp.asarray(start, float),
            jnp.asarray(time, float),
            looks,
            self.key,
        )
        path, times, end, box = jax.device_get(found)
        return _Way(path, times, box), end


def _moving(
    runner: _Alone, state: State, duration: float, size: float, box: Box | None
) -> tuple[Kind, Box | None, float, float, float]:
    """What it is that moves on for ever, of about a size, in a box if one is known: its kind, box,
    period, growth and the error of that.

    Chaos comes as far as it has gone before only now and then, so that it may have no box yet.
    """
    dynamics, key = runner.dynamics, runner.key
    way = runner.ways[0] if runner.ways else runner.seen(state, size, 0, duration / 4)[0]
    path, times = way.path, way.times
    if dynamics.clock.whole:
        found = _cycle_in_steps(dynamics, state, path, key)
        ts = np.arange(max(_LOOKS, math.ceil(duration)) + 1)
    else:
        found = _cycle_in_time(runner, state, way, duration / 4)
        ts = np.linspace(0, duration, _LOOKS // 4 + 1)
    if found is not None:
        return Kind.CYCLE, *found, np.nan, np.nan
    at = np.linspace(times[0], times[-1], _LOOKS + 1)
    even = np.stack([np.interp(at, times, x) for x in path.T], axis=1)
    parting = lyapunov(dynamics, state, ts, key=key, k=1)
    growth, error = float(parting.exponents[0]), float(parting.error[0])
    parted = growth * ts[-1]
    if parted > _PARTED and growth > error and (box is not None or _stays(even)):
        return Kind.CHAOS, box or way.box, np.nan, growth, error
    if box is not None and abs(parted) < _TOGETHER:
        return Kind.CYCLE, box, _turn(even, at[1] - at[0], dynamics.unit), growth, error
    return Kind.UNDECIDED, box, np.nan, growth, error


def _cycle_in_steps(
    dynamics: AbstractDynamics, state: State, path: np.ndarray, key: Key
) -> tuple[Box, float] | None:
    """The cycle that a path in steps is on, if it is: its box and its period."""
    size = np.ptp(path, axis=0).max()
    for steps in range(2, _MOST_STEPS + 1):
        if np.abs(path[steps:] - path[:-steps]).max() <= _ON * size:
            break
    else:
        return None
    found = cycle_near(dynamics, state, steps, key)
    orbit = np.asarray(jax.vmap(players_vector)(found.orbit))
    apart = np.abs(path[-len(orbit) :, None] - orbit[None]).max(axis=2).min(axis=1).max()
    if not found.converged or not apart <= _ON * size or _repels(found):
        return None
    return (orbit.min(axis=0), orbit.max(axis=0)), float(found.period)


def _cycle_in_time(
    runner: _Alone, state: State, way: _Way, time: float
) -> tuple[Box, float] | None:
    """The cycle that a path in continuous time is on, if it is: its box and its period.

    Where the path comes back to its start for the first time, it may be one; where all of it lies
    on this first turn, it is looked for; and it is one if all of the path lies on what was found,
    and that does not repel.
    """
    path, times, _ = way
    size = np.ptp(path, axis=0).max()
    tried = 0
    for turn, closed in _returns(path, size):
        if distances(path[::16], path[: turn + 1]).max() > _NEAR * size:
            continue
        period = np.interp(closed, np.arange(len(times)), times) - times[0]
        found = cycle_near(runner.dynamics, state, jnp.asarray(period), runner.key)
        if found.converged:
            orbit, at, box = runner.seen(found.state, size, 0, time)[0]
            orbit = orbit[: np.searchsorted(at - at[0], float(found.period)) + 2]
            late = path[len(path) // 2 :]
            if distances(late[::8], orbit).max() <= _ON * size and not _repels(found):
                return box, float(found.period)
        tried += 1
        if tried == _TRIES:
            break
    return None


def _returns(path: np.ndarray, size: float) -> Iterator[tuple[int, float]]:
    """After which looks a path is back at its start, and where exactly between two looks, as it
    crosses the plane through its start across its way."""
    away = path - path[0]
    ahead = away @ away[1]
    crossed = np.flatnonzero((ahead[:-1] < 0) & (ahead[1:] >= 0))
    for i in crossed:
        share = ahead[i] / (ahead[i] - ahead[i + 1])
        if np.abs(away[i] + share * (away[i + 1] - away[i])).max() <= _NEAR * size:
            yield int(i) + 1, float(i + share)


def _repels(found: Cycle) -> bool:
    """Whether some neighbors of a cycle leave it."""
    return bool(np.abs(np.asarray(found.multipliers)).max() > 1 + _NEUTRAL)


@compiled_with("some")
def _looked(
    dynamics: AbstractDynamics,
    state: State,
    size: Array,
    start: Array,
    time: Array,
    looks: int,
    key: Key,
) -> tuple[Array, Array, State, tuple[Array, Array]]:
    path, times, end = dynamics.looks(state, size, start, time, looks, key)
    return path, times, end, corners(path)


def _stays(path: np.ndarray) -> bool:
    """Whether both halves of a path fill about the same box."""
    early, late = (np.array([p.min(axis=0), p.max(axis=0)]) for p in np.array_split(path, 2))
    return bool(np.abs(late - early).max() <= _ALIKE * np.ptp(path, axis=0).max())


def _turn(path: np.ndarray, gap: float, unit: str) -> float:
    """The time of one turn in the plane in which the players move most."""
    return float(rotation_of(jnp.asarray(path), jnp.asarray(gap, path.dtype), unit).period)


def escape_time(
    dynamics: AbstractDynamics,
    players: Players | State,
    ts: Any,
    escape: Number,
    *,
    key: Key = None,
) -> Float[Array, ""]:
    """The first of the times `ts` at which a coordinate of the players exceeds `escape` in size or
    is not finite; nan if none does. Under `vmap` it is the escape times of an ensemble.

    **Arguments:**

    - `dynamics`: a rule or a flow.
    - `players`: the start, or a `State`.
    - `ts`: the times that are looked at, as for `simulate`.
    - `escape`: the size of a coordinate, positive.
    - `key`: one realization of everything random.

    **Warns:** if the integrator of a flow used up its `max_steps`, outside of transformations.
    """
    dynamics, state = begin(dynamics, players, key)
    escape = as_precise(checks.positive("escape", escape), state)
    path = dynamics.evolve(state, ts, key, players_vector)
    cut = dynamics.unfinished(path[-1])
    times = as_precise(checks.floating(ts), state)
    time = status(times, path, bound=escape, unfinished=cut).escape
    if checks.is_concrete((cut, time)) and bool(cut & jnp.isnan(time)):
        dynamics.warn_unfinished("no escape is known of up to there, nor from there on")
    return time
