"""Paths at an even pace: looked at whenever they have gone a certain way.

At equal times, a path of sharp humps is seen hardly anywhere but between them. In the clock s with

    ds = sqrt(|f(z)|^2 / size^2 + slow^2) dt

nothing moves by more than `size` in a unit, and nothing takes longer than 1/slow: between looks a
hundredth of a unit apart no hump is missed, however sharp, and a rest is not waited for either.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._phase import State, coordinates, players_vector
from .._types import Key, Players
from ..flows import AbstractFlow, Integrator

PACE = 0.01  # between two looks, in units of the size


class _Paced(AbstractFlow):
    """(z, t) in the clock s: z' = f(z) / rate, t' = 1 / rate."""

    flow: AbstractFlow
    size: Float[Array, ""]
    slow: Float[Array, ""]
    integrator: Integrator

    def init(self, players: Players) -> State:
        return State(players)

    def velocity(self, state: State, key: Key = None) -> State:
        v = self.flow.velocity(state.players[0], key)
        moved = coordinates(v)[0] / self.size
        rate = jnp.sqrt(jnp.sum(moved**2) + self.slow**2)
        return State((jax.tree.map(lambda x: x / rate, v), 1 / rate))


def paced(
    flow: AbstractFlow,
    state: State,
    size: Any,
    time: Any,
    looks: int,
    key: Key,
    start: Any = 0,
) -> tuple[Float[Array, "look n"], Float[Array, " look"], State]:
    """The players, and the time, at so many looks, `PACE` apart and one at the start, and the last
    state. At rest the looks take that `time`, and on the way less. At a flow of fixed steps they
    are equally spaced in time, because its steps are."""
    x, _ = coordinates(state)
    size, time, start = (jnp.asarray(value, x.dtype) for value in (size, time, start))
    plan = flow.integrator
    if plan.dt is not None:
        gap = jnp.maximum(plan.dt.astype(x.dtype), time / looks)
        ts = start + gap * np.arange(looks + 1)
        path, end = flow.evolve(state, ts, key, _players_and_state)
    else:
        clock = _Paced(flow=flow, size=size, slow=PACE * looks / time, integrator=plan)
        begun = State((state, start))
        seen = clock.evolve(begun, PACE * np.arange(looks + 1), key, _players_and_state)
        path, (end, ts) = seen[0][:, :-1], seen[1].players
    return path, ts, jax.tree.map(lambda leaf: leaf[-1], end)


def _players_and_state(state: State) -> tuple[Array, State]:
    return players_vector(state), state


def box(path: Float[Array, "look n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """The corners of the box that a path fills, its humps rounded off by parabolas."""
    low, high = jnp.min(path, axis=0), jnp.max(path, axis=0)
    before, at, after = path[:-2], path[1:-1], path[2:]
    slope, bend = (after - before) / 2, before - 2 * at + after
    turns = (jnp.abs(slope) <= jnp.abs(bend)) & jnp.isfinite(bend)
    top = at - slope**2 / (2 * jnp.where(turns, bend, 1))
    top = jnp.where(turns, top, at)
    return jnp.minimum(low, jnp.min(top, axis=0)), jnp.maximum(high, jnp.max(top, axis=0))


def distances(points: np.ndarray, loop: np.ndarray) -> np.ndarray:
    """How far each of some points lies from a line through others."""
    starts, along = loop[:-1], np.diff(loop, axis=0)
    squares = np.sum(along**2, axis=1)
    squares = np.where(squares > 0, squares, 1)
    found = np.empty(len(points))
    for part in np.array_split(np.arange(len(points)), max(1, len(points) * len(loop) // 2**20)):
        apart = points[part, None] - starts[None]
        share = np.clip(np.sum(apart * along, axis=2) / squares, 0, 1)
        apart -= share[:, :, None] * along
        found[part] = np.sqrt(np.sum(apart**2, axis=2).min(axis=1))
    return found
