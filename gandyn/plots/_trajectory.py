"""The drawing of a `gandyn.results.Trajectory` in a plane of the players' coordinates."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from .._simulate import Trajectory
from ..analyses._names import coordinate_names
from ._axes import batch_shape, name_axes, plot
from ._plane import flat, in_plane, named


@plot(batch=math.inf)
def trajectory(
    result: Trajectory,
    ax: Axes,
    *,
    plane: tuple[int, int] = (0, 1),
    labels: tuple[str, str] | None = None,
    **style: Any,
) -> Axes:
    """The path of the players, its start marked by an open circle; of players that have one
    coordinate only, against time.

    **Arguments:**

    - `result`: a trajectory; a leading axis of an ensemble gives one path per member.
    - `ax`: where to draw; a new figure if left out.
    - `plane`: which two coordinates, counted through the players' arrays in order.
    - `labels`: of the two axes; if left out, axes without names get those of the coordinates.
    - `style`: what `Axes.plot` takes, such as `color`, `label`, `marker`.
    """
    members = len(batch_shape(result))
    paths = flat(result.players, members + 1)
    if paths.shape[-1] == 1:
        paths = np.concatenate([np.asarray(result.ts)[..., None], paths], axis=-1)
        known = ("time", *coordinate_names(result.players, leading=members + 1))
    else:
        paths = in_plane(paths, plane)
        known = named(result.players, plane, members + 1)
    for path in paths.reshape(-1, *paths.shape[-2:]):
        (line,) = ax.plot(*path.T, **{"lw": 0.9, "rasterized": True, **style})
        ax.plot(*path[:1].T, "o", mfc="white", mec=line.get_color(), ms=3.5, mew=0.8, zorder=3)
        style.pop("label", None)
        style.setdefault("color", line.get_color())
    name_axes(ax, labels, known)
    return ax
