"""Where trajectories end: many starts followed together until each has come to rest, has escaped,
or its time is up.

A member is at rest when it has stayed within a tolerance for a stretch of time and there is a root
of the residual within that tolerance, found by `equilibrium`. A field that merely fades out has no
root, so what only crawls is not taken for what rests. Members that have ended leave the program, so
that the rest runs faster. What still moves when the time is up is watched over two more stretches,
a rule at every step, a flow at an even pace: where both fill the same box, it goes round.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..._compiled import compiled_with
from ..._dynamics import AbstractDynamics
from ..._phase import State, coordinates
from ..._progress import bar
from ..._stacked import join, put, rows, take
from ..._types import Key
from ...games._game import losses
from .._inside import game_inside
from ..local._equilibrium import equilibrium
from ..local._spectrum import spectrum_at

ESCAPED = -1
UNDECIDED = -2

STRETCHES = 64  # that the time is cut into
_LOOKS = 8  # at a member within a stretch
_LATE = 0.75  # from this share of the time on, what a member fills is what it will fill
_SAME = 0.01  # boxes are one if their ends agree to this share of their size
_TRIES = 16  # roots looked for after a stretch
_DISPLACED = 0.1  # of its size: to see whether a cycle attracts
_MOST_CYCLES = 16  # more of them are a continuum


class Ends:
    """What the members have come to, as it becomes known. Labels count `roots`, then `boxes`."""

    def __init__(self, n: int):
        self.labels = np.full(n, UNDECIDED)
        self.times = np.full(n, np.nan)
        self.sizes = np.full(n, np.nan)  # of the boxes that they filled late
        self.roots: list[tuple[np.ndarray, bool]] = []  # coordinates, whether it attracts
        self.boxes: list[tuple[np.ndarray, np.ndarray]] = []  # lower and upper corners
        self.crawling = 0
        self.unfinished = np.zeros(n, bool)  # of which the integrator used up its steps

    def forget(self) -> None:
        """Leave out the roots on which nothing has settled."""
        ended = [label for label in range(len(self.roots)) if np.any(self.labels == label)]
        renamed = dict(zip(ended, range(len(ended)), strict=True))
        gone = len(self.roots) - len(ended)
        self.labels = np.array([renamed.get(x, x - gone if x >= 0 else x) for x in self.labels])
        self.roots = [self.roots[label] for label in ended]

    def end(self, members: np.ndarray, label: int, time: Any) -> None:
        self.labels[members] = label
        self.times[members] = time


def outside(dynamics: AbstractDynamics, states: State, key: Key) -> np.ndarray:
    """Which of a batch of states are outside of the game's domain: the dynamics, or a loss of the
    game if there is one, is not finite there."""
    return ~np.asarray(_finite(dynamics, states, key))


@compiled_with("little")
def _finite(dynamics: AbstractDynamics, states: State, key: Key) -> Array:
    game = game_inside(dynamics)

    def finite(state: State) -> Array:
        paid = () if game is None else losses(game, state.players, key)
        seen = jnp.concatenate(
            [coordinates(dynamics.residual(state, key))[0], *map(jnp.ravel, paid)]
        )
        return jnp.all(jnp.isfinite(seen))

    return eqx.filter_vmap(finite)(states)


def follow(
    runner: "Runner",
    states: State,
    duration: float,
    tolerance: float,
    escape: float,
    progress: bool | None,
    attract: bool = True,
) -> tuple[Ends, State]:
    """Follow a batch of states; also returns where the members were last. What goes round must
    `attract` to be an end: bring back what is displaced from it."""
    dynamics = runner.dynamics
    _, stretch = dynamics.clock.lasting(duration, STRETCHES)
    late = _LATE * duration
    n = len(jax.tree.leaves(states)[0])
    ends, active, last, now = Ends(n), np.arange(n), states, 0 * stretch
    reach = (np.inf, -np.inf)
    with bar("starts", n, progress) as shown:
        while len(active) and now < duration:
            low, high, states = runner.run(states, now, stretch, _LOOKS)
            now += stretch
            last = put(last, active, states)
            cut = unfinished(dynamics, low, high)
            ends.unfinished[active[cut]] = True
            gone = ~cut & _escaped(low, high, escape)
            ends.end(active[gone], ESCAPED, now)
            low, high = _bounded(gone | cut, low, high)
            resting = ~gone & ~cut & (np.max(high - low, axis=1, initial=0) <= tolerance)
            settled = _at_rest(ends, runner, resting, states, tolerance)
            for i, (_, attracts) in enumerate(ends.roots):
                # One that repels keeps what starts on it only as long as rounding lets it.
                if attracts:
                    ends.end(active[settled == i], i, now)
            left = ~cut & (ends.labels[active] == UNDECIDED)
            shown.update(int(np.sum(~left)))
            least, most = reach if now > late else (np.inf, -np.inf)
            reach = np.minimum(low, least)[left], np.maximum(high, most)[left]
            if not left.all():
                active, states = active[left], take(states, left)
        if len(active):
            ends.sizes[active] = np.max(reach[1] - reach[0], axis=1, initial=0)
            boxes = _watch(ends, runner, active, states, now, duration, tolerance, escape)
            for members, times, (low, high), state in boxes:
                if attract and not _brings_back(runner, state, low, high, now, duration):
                    continue
                ends.end(members, len(ends.roots) + len(ends.boxes), times)
                ends.boxes.append((low, high))
    ends.forget()
    return ends, last


def unfinished(dynamics: AbstractDynamics, *values: np.ndarray) -> np.ndarray:
    """Which members are not known, because allowed steps were used up."""
    if not dynamics.limited:
        return np.zeros(len(values[0]), bool)
    return np.any([np.isnan(x).any(axis=1) for x in values], axis=0)


def _escaped(low: np.ndarray, high: np.ndarray, escape: float) -> np.ndarray:
    size = np.maximum(np.abs(low), np.abs(high)).max(axis=1, initial=0)
    return ~(size <= escape)  # true for nan, too


def _bounded(gone: np.ndarray, *sides: np.ndarray) -> list[np.ndarray]:
    """Boxes without those of what has escaped, or was not followed to the end: they
    may reach from -inf to inf."""
    return [np.where(gone[:, None], 0, side) for side in sides]


def _at_rest(
    ends: Ends, runner: "Runner", resting: np.ndarray, states: State, tolerance: float
) -> np.ndarray:
    """Which root each member is at, -1 if none; new roots are looked for where none is known."""
    here = rows(states.players)
    at = np.full(len(here), -1)
    for _ in range(_TRIES):
        for i, (root, _) in enumerate(ends.roots):
            at[resting & (np.abs(here - root).max(axis=1) <= tolerance)] = i
        unknown = np.flatnonzero(resting & (at < 0))
        if not len(unknown):
            break
        found = runner.root(take(states, unknown[0]), tolerance)
        if found is None:
            # Its siblings nearby crawl as it does.
            resting = resting & (np.abs(here - here[unknown[0]]).max(axis=1) > tolerance)
        else:
            ends.roots.append(found)
    return at


def _watch(
    ends: Ends,
    runner: "Runner",
    active: np.ndarray,
    states: State,
    now: Any,
    duration: float,
    tolerance: float,
    escape: float,
) -> list[tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray], State]]:
    """What has not ended in its time: at rest where nothing attracts, going round, or neither. For
    each box that is gone round in: the members that do, the times, the corners, and a state."""
    sizes = np.maximum(ends.sizes[active], tolerance)
    first_low, first_high, states, middle = runner.watch(states, now, duration / 4, sizes)
    low, high, states, now = runner.watch(states, middle, duration / 4, sizes)
    cut = unfinished(runner.dynamics, first_low, first_high, low, high)
    ends.unfinished[active[cut]] = True
    gone = ~cut & (_escaped(first_low, first_high, escape) | _escaped(low, high, escape))
    ends.end(active[gone], ESCAPED, now[gone])
    gone = gone | cut
    first_low, first_high, low, high = _bounded(gone, first_low, first_high, low, high)
    resting = ~gone & (np.max(high - low, axis=1, initial=0) <= tolerance)
    at = _at_rest(ends, runner, resting, states, tolerance)
    for i in range(len(ends.roots)):
        ends.end(active[at == i], i, now[at == i])

    size = (high - low).max(axis=1, initial=0)
    moved = np.maximum(np.abs(low - first_low), np.abs(high - first_high)).max(axis=1, initial=0)
    round_ = ~gone & ~resting & (moved <= _SAME * size)
    boxes = []
    which = np.full(len(active), -1)
    for member in np.flatnonzero(round_):
        if which[member] >= 0:
            continue
        apart = np.maximum(np.abs(low - low[member]), np.abs(high - high[member])).max(axis=1)
        which[round_ & (which < 0) & (apart <= 4 * _SAME * size[member])] = len(boxes)
        here = which == len(boxes)
        state = take(states, [member])
        boxes.append((active[here], now[here], (low[member], high[member]), state))
    ends.crawling = int(np.sum(resting & (at < 0)))
    return boxes if len(boxes) <= _MOST_CYCLES else []


def _brings_back(
    runner: "Runner", state: State, low: np.ndarray, high: np.ndarray, now: Any, duration: float
) -> bool:
    """Whether what goes round in a box does so again after it was displaced, outwards or inwards:
    on the circles of a center it goes round in another box."""
    center, size = (low + high) / 2, np.max(high - low)

    factors = jnp.array([1 + _DISPLACED, 1 - _DISPLACED], center.dtype)
    both = _displaced(take(state, 0), jnp.asarray(center), factors)
    _, stretch = runner.dynamics.clock.lasting(duration, 2)
    *_, both = runner.run(both, now, stretch, _LOOKS)
    sizes = np.full(2, size)
    lows, highs, *_ = runner.watch(both, now + stretch, duration / 4, sizes)
    away = np.maximum(np.abs(lows - low), np.abs(highs - high)).max(axis=1)
    known = away[np.isfinite(away)]  # what left the game's domain says nothing
    # Either end of the box was displaced by twice as much.
    return known.size > 0 and bool(np.all(known <= _DISPLACED * size / 4))


@compiled_with("little")
def _displaced(state: State, center: Array, factors: Array) -> State:
    """A state at so many times its distance from a center."""
    x, back = coordinates(state.players)
    return jax.vmap(lambda f: State(back(center + f * (x - center)), state.memory))(factors)


class Runner:
    """The compiled programs: a stretch of time for a batch of one of a few sizes, on all cores."""

    batches: ClassVar[tuple[int, ...]] = (64, 1024, 8192)  # the largest fits into a core's cache

    def __init__(self, dynamics: AbstractDynamics, key: Key):
        self.dynamics, self.key = dynamics, key

    def run(
        self, states: State, now: Any, length: Any, looks: int
    ) -> tuple[np.ndarray, np.ndarray, State]:
        """The boxes that the members fill in a stretch, and where they are at its end."""
        # Without a key nothing depends on the time.
        start = None if self.key is None else jnp.asarray(now)
        low, high, states = self._on_all_cores(
            lambda part: _advance(self.dynamics, part, start, self.key, length, looks), states
        )
        return low, high, states

    def watch(
        self, states: State, now: Any, time: float, sizes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, State, np.ndarray]:
        """The boxes that the members fill in about a time, looked at so closely that no hump is
        missed; where they are at its end, and when that is for each."""
        members = (states, sizes, np.array(np.broadcast_to(now, sizes.shape), sizes.dtype))
        low, high, (states, _, now) = self._on_all_cores(
            lambda part: _extents(self.dynamics, part, jnp.asarray(time), self.key), members
        )
        return low, high, states, now

    def _on_all_cores(self, one: Any, members: Any) -> Any:
        """Boxes and what else the members become, from a function of a batch of them."""

        def some(part: Any, n: int) -> tuple[np.ndarray, np.ndarray, Any]:
            low, high, end = one(part)
            return np.asarray(low)[:n], np.asarray(high)[:n], take(end, slice(n))

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            parts = pool.map(lambda p: some(*p), list(_batches(members, self.batches)))
            lows, highs, after = zip(*parts, strict=True)
        return np.concatenate(lows), np.concatenate(highs), join(after)

    def root(self, state: State, tolerance: float) -> tuple[np.ndarray, bool] | None:
        """The equilibrium within the tolerance of a state, and whether it attracts."""
        found = equilibrium(self.dynamics, state, key=self.key)
        here, _ = coordinates(state.players)
        root, _ = coordinates(found.players)
        if not found.converged or np.abs(np.asarray(root - here)).max(initial=0) > tolerance:
            return None
        return np.asarray(root), bool(spectrum_at(self.dynamics, found.state, self.key).stable)


@compiled_with("some")
def _advance(
    dynamics: AbstractDynamics,
    states: State,
    start: Array | None,
    key: Key,
    length: int | float,
    looks: int,
) -> tuple[Array, Array, State]:
    def one(state: State) -> tuple[Array, Array, State]:
        # At irregular times: at regular ones, a cycle may be seen in one place only.
        shares = np.linspace(0, 1, looks + 1)
        shares[1:-1] -= shares[1] * np.random.default_rng(0).random(looks - 1)
        ts = dynamics.clock.shares(length, shares)
        ts = ts if start is None else jnp.asarray(ts, start.dtype) + start
        seen = dynamics.evolve(state, ts, key)
        path = jax.vmap(lambda p: coordinates(p)[0])(seen.players)
        # nan in a path must show in its box.
        return path.min(axis=0), path.max(axis=0), jax.tree.map(lambda x: x[-1], seen)

    return _each(one, states)


@compiled_with("some")
def _extents(
    dynamics: AbstractDynamics, members: tuple[State, Array, Array], time: Array, key: Key
) -> tuple[Array, Array, tuple[State, Array, Array]]:
    """The boxes of members of given sizes, from given times on."""

    def one(state: State, size: Array, start: Array) -> tuple[Array, Array, tuple]:
        low, high, state, now = dynamics.extent(state, size, start, time, key)
        return low, high, (state, size, now)

    return _each(one, *members)


def _each(one: Callable[..., Any], *members: Any) -> Any:
    """What a function makes of each member; one alone is not vectorized, which takes twice as long
    to compile."""
    if len(jax.tree.leaves(members)[0]) > 1:
        return jax.vmap(one)(*members)
    alone = one(*jax.tree.map(lambda x: x[0], members))
    return jax.tree.map(lambda x: jnp.asarray(x)[None], alone)


def _batches(states: Any, sizes: tuple[int, ...]) -> Iterator[tuple[Any, int]]:
    """The members in batches of one of a few sizes, filled up with copies of the first."""
    n = len(jax.tree.leaves(states)[0])
    start = 0
    while start < n:
        size = next((s for s in sizes if s >= n - start), sizes[-1])
        members = np.arange(start, min(start + size, n))
        filled = np.concatenate([members, np.full(size - len(members), start)])
        yield take(states, filled), len(members)
        start += size
