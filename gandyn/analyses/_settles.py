"""What a trajectory settles on: an equilibrium, a cycle, chaos, infinity - or nothing yet."""

import enum
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .. import _checks as checks
from .._dynamics import AbstractDynamics, begin
from .._phase import State, coordinates, players_vector, vector
from .._reads import compiled
from .._result import Result
from .._status import status
from .._types import Key, Number, Players
from ..flows._flow import forwards
from ..rules import AbstractRule
from ._cycle import cycle
from ._ends import ESCAPED, UNDECIDED, follow, outside
from ._lyapunov import lyapunov
from ._rotation import turning

_LOOKS = 4096  # at the players, to see them turn
_LEAST = 32  # looks at each turn, for a flow
_MOST_STEPS = 64  # of a cycle of a rule; longer ones are taken for circles
_CLOSED = 1e-3  # how nearly it comes back, in units of its size, for the cycle to be looked for
_PARTED = 10  # neighbors that part by e to this have parted exponentially
_ALIKE = 0.25  # boxes of chaos agree to this share of their size

_Box = tuple[np.ndarray, np.ndarray]


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
    - `center`: of the box that the players fill at the end; the equilibrium itself.
    - `amplitude`: how far the box reaches to either side, 0 for an equilibrium.
    - `period`: of a cycle; nan otherwise. Of a rule that comes back to the same points after some
      steps, up to 64, their number; on an invariant circle the mean of one turn, which need not be
      whole: 1 over this is the rotation number.
    - `growth`: how fast neighbors part in the end, per step or unit of time: the leading Lyapunov
      exponent, about 0 on a torus, positive for chaos; nan where nobody need look.
    - `residual`: the largest component of what vanishes at rest, at the last state.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "kind": (),
        "time": (),
        "center": ("coordinate",),
        "amplitude": ("coordinate",),
        "period": (),
        "growth": (),
        "residual": (),
    }

    kind: Int[Array, ""]
    state: State
    time: Float[Array, ""]
    center: Float[Array, " coordinate"]
    amplitude: Float[Array, " coordinate"]
    period: Float[Array, ""]
    growth: Float[Array, ""]
    residual: Float[Array, ""]


def settles_on(
    dynamics: AbstractDynamics,
    players: Players | State,
    duration: Number = 10_000,
    tolerance: Number = 1e-3,
    escape: Number = 1e6,
    key: Key = None,
) -> Settled:
    """What the trajectory from a start settles on; not to be traced. See `basins` for many starts
    and for what the criteria are.

    **Arguments:**

    - `dynamics`: a rule or a flow.
    - `players`: the start, or a `State`.
    - `duration`: how long it may take, in steps or in units of time. For a cycle it must be long
      enough to reach it, and a quarter of it long enough to go round.
    - `tolerance`: how close to an equilibrium counts as there, in units of the players.
    - `escape`: the trajectory has escaped when a coordinate exceeds this, or is not finite.
    - `key`: one realisation of everything random.

    **Raises:** `ValueError` if the start is outside of the game's domain, where the dynamics or a
    loss is not finite.
    """
    checks.untraced("`settles_on`", dynamics, players)
    state = begin(dynamics, players, key)
    dynamics = forwards(dynamics)
    numbers = {"duration": duration, "tolerance": tolerance, "escape": escape}
    duration, tolerance, escape = (float(checks.positive(n, v)) for n, v in numbers.items())
    alone = jax.tree.map(lambda x: jnp.asarray(x)[None], state)
    if outside(dynamics, alone, key).any():
        raise ValueError(
            "the start is outside of the game's domain, where the dynamics or a loss is not "
            "finite: give other `players`."
        )
    ends, last = follow(dynamics, alone, duration, tolerance, escape, key, False)
    last = jax.tree.map(lambda x: jnp.asarray(x[0]), last)
    here, _ = coordinates(last.players)
    label, nothing = int(ends.labels[0]), jnp.full(here.shape, jnp.nan, here.dtype)
    kind, center, amplitude = Kind.UNDECIDED, nothing, nothing
    period, growth = np.nan, np.nan
    if label == ESCAPED:
        kind = Kind.ESCAPE
    elif label != UNDECIDED and label < len(ends.roots):
        kind, center, amplitude = Kind.EQUILIBRIUM, ends.roots[label][0], 0 * here
    else:
        box = None if label == UNDECIDED else ends.boxes[label - len(ends.roots)]
        kind, box, period, growth = _moving(dynamics, last, duration / 4, box, key)
        if box is not None:
            center, amplitude = (box[0] + box[1]) / 2, (box[1] - box[0]) / 2
    return Settled(
        jnp.asarray(int(kind)),
        last,
        jnp.asarray(ends.times[0], here.dtype),
        jnp.asarray(center, here.dtype),
        jnp.asarray(amplitude, here.dtype),
        jnp.asarray(period, here.dtype),
        jnp.asarray(growth, here.dtype),
        _residual(dynamics, last, key),
    )


@compiled
def _residual(dynamics: AbstractDynamics, state: State, key: Key) -> Float[Array, ""]:
    return jnp.max(jnp.abs(vector(dynamics.residual(state, key))))


_cycle_near = compiled(cycle)  # which says nothing where there is none


def _moving(
    dynamics: AbstractDynamics, state: State, window: float, box: _Box | None, key: Key
) -> tuple[Kind, _Box | None, float, float]:
    """What it is that moves on for ever, in a box if one is known: its kind, box, period, growth.

    Chaos comes as far as it has gone before only now and then, so that it may have no box yet.
    """
    steps = isinstance(dynamics, AbstractRule)
    ts = np.arange(_LOOKS + 1) if steps else np.linspace(0, window, _LOOKS + 1)
    path = _path(dynamics, state, ts, key)
    turn = np.nan
    if box is not None:
        turn = _turn(path, 1) if steps else _turn_of_flow(dynamics, state, path, window, key)
        guess = _returns(path) if steps else turn
        if guess is not None:
            found = _cycle_near(dynamics, state, guess if steps else jnp.asarray(guess), key)
            if found.converged:
                return Kind.CYCLE, box, float(found.period), np.nan
    growth = float(lyapunov(dynamics, state, ts if steps else ts[::8], key, k=1).exponents[0])
    if growth * ts[-1] > _PARTED and (box is not None or _stays(path)):
        return Kind.CHAOS, box or (path.min(axis=0), path.max(axis=0)), np.nan, growth
    return Kind.UNDECIDED if box is None else Kind.CYCLE, box, turn, growth


def _returns(path: np.ndarray) -> int | None:
    """After how many steps a rule comes back to where it was, if it does."""
    near = _CLOSED * np.ptp(path, axis=0).max()
    closed = (p for p in range(2, _MOST_STEPS + 1) if np.abs(path[p:] - path[:-p]).max() <= near)
    return next(closed, None)


def _stays(path: np.ndarray) -> bool:
    """Whether both halves of a path fill about the same box."""
    early, late = (np.array([p.min(axis=0), p.max(axis=0)]) for p in np.array_split(path, 2))
    return bool(np.abs(late - early).max() <= _ALIKE * np.ptp(path, axis=0).max())


def _turn_of_flow(
    dynamics: AbstractDynamics, state: State, path: np.ndarray, window: float, key: Key
) -> float:
    for _ in range(8):
        gap = window / _LOOKS
        turn = _turn(path, gap)
        if turn >= _LEAST * gap:
            return turn
        window /= 8  # turns too fast to be seen
        path = _path(dynamics, state, np.linspace(0, window, _LOOKS + 1), key)
    return turn


def _turn(path: np.ndarray, gap: float) -> float:
    """The time of one turn in the plane in which the players move most."""
    return float(turning(jnp.asarray(path), jnp.asarray(gap, path.dtype)).period)


def _path(dynamics: AbstractDynamics, state: State, ts: np.ndarray, key: Key) -> np.ndarray:
    return np.asarray(dynamics.evolve(state, ts, key, players_vector))


def escape_time(
    dynamics: AbstractDynamics,
    players: Players | State,
    ts: Any,
    bound: Number,
    key: Key = None,
) -> Float[Array, ""]:
    """The first of the times `ts` at which a coordinate of the players exceeds `bound` in size or
    is not finite; nan if none does. Under `vmap` it is the escape times of an ensemble.

    **Arguments:**

    - `dynamics`: a rule or a flow.
    - `players`: the start, or a `State`.
    - `ts`: the times that are looked at, as for `simulate`.
    - `bound`: the size of a coordinate, positive.
    - `key`: one realisation of everything random.
    """
    bound = checks.positive("bound", bound)
    state = begin(dynamics, players, key)
    path = dynamics.evolve(state, ts, key, players_vector)
    return status(checks.floating(ts), path, bound=bound.astype(path.dtype)).escape
