"""The drawing of a `gandyn.Trajectory` in a plane of the players' coordinates."""

from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes

from .._simulate import Trajectory
from ._axes import PLAYERS, plot


@plot
def trajectory(
    result: Trajectory,
    ax: Axes,
    *,
    plane: tuple[int, int] = (0, 1),
    labels: tuple[str, str] = PLAYERS,
    **style: Any,
) -> Axes:
    """The path of the players, its start marked by an open circle.

    **Arguments:**

    - `result`: a trajectory; a leading axis of an ensemble gives one path per member.
    - `ax`: where to draw; a new figure if left out.
    - `plane`: which two coordinates, counted through the players' arrays in order.
    - `labels`: of the two axes.
    - `style`: what `Axes.plot` takes, such as `color`, `label`, `marker`.
    """
    for path in _paths(result):
        (line,) = ax.plot(*path[:, list(plane)].T, **{"lw": 0.9, "rasterized": True, **style})
        start = path[0, list(plane)]
        ax.plot(*start, "o", mfc="white", mec=line.get_color(), ms=3.5, mew=0.8, zorder=3)
        style.pop("label", None)
        style.setdefault("color", line.get_color())
    ax.set(xlabel=labels[0], ylabel=labels[1])
    return ax


def _paths(result: Trajectory) -> np.ndarray:
    """The coordinates of the players, shape `(members, time, coordinate)`."""
    members = 1 if result.ts.ndim == 1 else result.ts.shape[0]
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(result.players)]
    time = result.ts.shape[-1]
    return np.concatenate([leaf.reshape(members, time, -1) for leaf in leaves], axis=-1)
