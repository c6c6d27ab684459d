"""Rotation: how fast a trajectory turns, and on what radius.

The rotation number is the mean angle that is turned per step, or unit of time, about the center of
what the trajectory goes round, in turns. By weighted Birkhoff means it is known to rounding after a
few hundred turns of a cycle or an invariant circle, and no faster than 1/time on anything else.

Das, Saiki, Sander, Yorke, "Quantitative quasiperiodicity", Nonlinearity 30, 2017.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ... import _checks as checks
from ... import _numerics as numerics
from ..._compiled import compiled
from ..._phase import coordinates
from ..._result import Result
from ..._simulate import Trajectory, checked_trajectory
from .._plane import two_of
from ._birkhoff import SHARES_FROM, birkhoff, confidence, middles

_BLOCKS = 3  # of the time: as few as tell an error, because on a circle long ones are exact
_FEWEST = 20  # times that tell an error


class Rotation(Result):
    """How a trajectory turns.

    **Fields:**

    - `rotation`: turns per step or unit of time.
    - `error`: the rotation of an infinitely long trajectory lies within this of `rotation` with a
      confidence of 95 %: Student's quantile times the standard error from three blocks of the time.
      Trust it where a block is longer than what the trajectory remembers; on a cycle or a circle
      it is longer than need be. nan with fewer than 20 times, which are too few to tell.
    - `center`: the mean of the players' coordinates.
    - `radius`: the root of the mean square of the distance to it.
    - `unit`: "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "rotation": (),
        "error": (),
        "center": ("coordinate",),
        "radius": (),
    }

    rotation: Float[Array, ""]
    error: Float[Array, ""]
    center: Float[Array, " coordinate"]
    radius: Float[Array, ""]
    unit: str = eqx.field(static=True)

    @property
    def period(self) -> Float[Array, "*batch"]:
        """The mean time of one turn, in steps or units of time."""
        return 1 / jnp.abs(self.rotation)


def rotation(trajectory: Trajectory, *, plane: tuple[int, int] | None = None) -> Rotation:
    """The rotation of a trajectory that goes round.

    **Arguments:**

    - `trajectory`: at equally spaced times, with more than two of them to a turn: of a rule, at
      every step. To let a transient pass, go on from the `final` state of a first run.
    - `plane`: in which two coordinates of the players to look; turns from the first to the second
      are positive. By default in the plane in which the trajectory moves most, and positive.
    """
    ts = checked_trajectory(trajectory).ts
    if len(ts) < 4:
        raise ValueError(f"`trajectory` must have at least 4 times, but has {len(ts)}.")
    if checks.is_concrete(ts):
        gaps = np.diff(np.asarray(ts, float))
        if not np.allclose(gaps, gaps[0], rtol=1e-6, atol=0) or gaps[0] == 0:
            raise ValueError(f"the times of `trajectory` must be equally spaced, but are {ts}.")
    path = jax.vmap(lambda players: coordinates(players)[0])(trajectory.players)
    chosen = None if plane is None else two_of(path.shape[1], plane)
    gap = (ts[1] - ts[0]).astype(path.dtype)
    return rotation_of(path, gap, trajectory.unit, chosen)


@compiled
def rotation_of(
    path: Float[Array, "t n"],
    gap: Float[Array, ""],
    unit: str,
    plane: tuple[int, int] | None = None,
) -> Rotation:
    """The rotation of a path that is looked at with a gap of time between two points."""
    u = middles(len(path), path.dtype)
    center = birkhoff(path, u)
    around = path - center[None]
    radius = jnp.sqrt(birkhoff(jnp.sum(around**2, axis=1), u))
    if plane is not None:
        x, y = around[:, plane[0]], around[:, plane[1]]
    elif path.shape[1] == 1:  # one coordinate turns in the plane of itself and its change
        x, y = around[:-1, 0], jnp.diff(around[:, 0])
    else:
        safe = jnp.where(jnp.isfinite(around), around, 0)
        x, y = jnp.linalg.svd(safe, full_matrices=False)[2][:2] @ around.T
    # An angle of a step lies within half a turn; half turns are forward ones, whatever rounding
    # says of them, so that what changes sides at every step has the rotation 1/2.
    half_turn = jnp.pi + numerics.half_the_digits(path.dtype)
    angles = half_turn - jnp.mod(half_turn - jnp.diff(jnp.arctan2(y, x)), 2 * jnp.pi)
    sign = 1 if plane is not None else jnp.sign(birkhoff(angles, middles(len(angles), path.dtype)))

    def mean(angles: Array) -> Array:
        return sign * birkhoff(angles, middles(len(angles), path.dtype)) / (2 * jnp.pi * gap)

    # What comes first counts nothing in the mean, so that it may say nothing here.
    ends = np.linspace(SHARES_FROM, 1, _BLOCKS + 1)
    cuts = (ends * len(angles)).astype(int)
    if len(path) < _FEWEST:
        error = jnp.full_like(radius, jnp.nan)
    else:
        means = [mean(angles[start:end]) for start, end in pairwise(cuts)]
        error = confidence(jnp.stack(means), float(ends[1] - ends[0]))
    return Rotation(mean(angles), error, center, radius, unit)
