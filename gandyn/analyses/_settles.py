"""What a trajectory settles on: an equilibrium, a cycle, infinity - or nothing yet."""

import enum
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .. import _checks as checks
from .._dynamics import AbstractDynamics, begin
from .._phase import State, coordinates
from .._result import Result
from .._status import status
from .._types import Key, Number, Players
from ..rules import AbstractRule
from ._cycle import cycle
from ._ends import ESCAPED, UNDECIDED, follow
from ._rotation import turning

_LOOKS = 4096  # at the players, to see them turn
_LEAST = 32  # looks at each turn, for a flow


class Kind(enum.IntEnum):
    """What a trajectory settles on."""

    EQUILIBRIUM = 0
    CYCLE = 1
    ESCAPE = 2
    UNDECIDED = 3


class Settled(Result):
    """What a trajectory settles on, with the evidence.

    **Fields:**

    - `kind`: see `Kind`.
    - `state`: the last state.
    - `time`: when it was known; nan if undecided.
    - `center`: of the box that the players fill at the end; the equilibrium itself.
    - `amplitude`: how far the box reaches to either side, 0 for an equilibrium.
    - `period`: of one turn, for a cycle; nan otherwise. For a rule a mean over many turns, which
      need not be whole: 2 pi over this is the rotation number of an invariant circle.
    - `residual`: the largest component of what vanishes at rest, at the last state.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "kind": (),
        "time": (),
        "center": ("coordinate",),
        "amplitude": ("coordinate",),
        "period": (),
        "residual": (),
    }

    kind: Int[Array, ""]
    state: State
    time: Float[Array, ""]
    center: Float[Array, " coordinate"]
    amplitude: Float[Array, " coordinate"]
    period: Float[Array, ""]
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
    """
    state = begin(dynamics, players, key)
    numbers = {"duration": duration, "tolerance": tolerance, "escape": escape}
    duration, tolerance, escape = (float(checks.positive(n, v)) for n, v in numbers.items())
    alone = jax.tree.map(lambda x: jnp.asarray(x)[None], state)
    ends, last = follow(dynamics, alone, duration, tolerance, escape, key, False)
    last = jax.tree.map(lambda x: jnp.asarray(x[0]), last)
    here, _ = coordinates(last.players)
    label, nothing = int(ends.labels[0]), jnp.full(here.shape, jnp.nan, here.dtype)
    kind, center, amplitude, period = Kind.UNDECIDED, nothing, nothing, np.nan
    if label == ESCAPED:
        kind = Kind.ESCAPE
    elif label != UNDECIDED and label < len(ends.roots):
        kind, center, amplitude = Kind.EQUILIBRIUM, ends.roots[label][0], 0 * here
    elif label != UNDECIDED:
        low, high = ends.boxes[label - len(ends.roots)]
        kind, center, amplitude = Kind.CYCLE, (low + high) / 2, (high - low) / 2
        period = _period(dynamics, last, duration / 4, key)
    return Settled(
        jnp.asarray(int(kind)),
        last,
        jnp.asarray(ends.times[0], here.dtype),
        jnp.asarray(center, here.dtype),
        jnp.asarray(amplitude, here.dtype),
        jnp.asarray(period, here.dtype),
        jnp.max(jnp.abs(coordinates(dynamics.residual(last, key))[0])),
    )


def _period(dynamics: AbstractDynamics, state: State, window: float, key: Key) -> float:
    """The time of one turn in the plane in which the players move most."""
    if isinstance(dynamics, AbstractRule):
        return _turn(dynamics, state, np.arange(_LOOKS + 1), key)
    for _ in range(8):
        looks = np.linspace(0, window, _LOOKS + 1)
        guess = _turn(dynamics, state, looks, key)
        if guess >= _LEAST * looks[1]:
            break
        window /= 8  # turns too fast to be seen
    found = cycle(dynamics, state, guess, key)
    return float(found.period) if found.converged else guess


def _turn(dynamics: AbstractDynamics, state: State, ts: np.ndarray, key: Key) -> float:
    path = dynamics.evolve(state, ts, key, lambda s: coordinates(s.players)[0])
    return float(turning(path, jnp.asarray(ts[1], path.dtype)).period)


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
    path = dynamics.evolve(state, ts, key, lambda s: coordinates(s.players)[0])
    return status(checks.floating(ts), path, bound=bound.astype(path.dtype)).escape
