"""The drawing of a `gandyn.results.Continuation`: a bifurcation diagram."""

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from .. import _checks as checks
from ..analyses._names import coordinate_names
from ..results import Continuation
from ._axes import COLORS, name_axes, plot
from ._plane import flat

MARKERS = {
    "fold": "o",
    "pitchfork": "D",
    "transcritical": "X",
    "branch point": "P",
    "Hopf": "s",
    "Neimark-Sacker": "s",
    "period doubling": "^",
    "several": "*",
}


@plot
def continuation(
    result: Continuation,
    ax: Axes,
    *,
    coordinate: int = 0,
    labels: tuple[str, str] | None = None,
    **style: Any,
) -> Axes:
    """One coordinate of a branch against the parameter, solid where it is stable and dashed where
    it is not, with markers at its bifurcations. Of cycles the least and the greatest value that it
    takes on them, and what is between them lightly filled. Several branches go into the same axes.

    **Arguments:**

    - `result`: a branch.
    - `ax`: where to draw; a new figure if left out.
    - `coordinate`: which of the players' coordinates, counted through their arrays in order.
    - `labels`: of the two axes; if left out, axes without names are named.
    - `style`: what `Axes.plot` takes, for the branch.
    """
    names = coordinate_names(result.players, leading=1)
    if checks.count("coordinate", coordinate, low=0) >= len(names):
        raise ValueError(f"`coordinate` must be below {len(names)}, but is {coordinate}.")
    parameter, stable = np.asarray(result.parameter), np.asarray(result.stable)
    low, high = flat(result.low)[:, coordinate], flat(result.high)[:, coordinate]
    turning = np.any(result.period != 0)
    changes = np.flatnonzero(np.diff(stable)) + 1
    ends = np.array([0, len(stable)])
    parts = np.union1d(changes, ends)  # one, if there are no points
    for first, last in pairwise(parts.tolist()):
        part = slice(max(first - 1, 0), last)  # from the last point of the part before
        line = {"color": COLORS["stable"], "ls": "-"}
        if not stable[first]:
            line = {"color": COLORS["generator"], "ls": (0, (4, 2))}
        line = {**line, **style}
        ax.plot(parameter[part], high[part], **line)
        if turning:
            ax.plot(parameter[part], low[part], **line)
            ax.fill(
                np.concatenate([parameter[part], parameter[part][::-1]]),
                np.concatenate([low[part], high[part][::-1]]),
                color=line["color"],
                alpha=0.12,
                lw=0,
            )
    known = set(ax.get_legend_handles_labels()[1])
    for found in result.bifurcations:
        ends = np.unique([flat(p, 0)[coordinate] for p in (found.low, found.high)])
        ax.plot(
            np.full(len(ends), found.parameter),
            ends,
            MARKERS[found.kind],
            color="black",
            ms=4,
            mfc="white",
            ls="none",
            zorder=4,
            label=None if found.kind in known else found.kind,
        )
        known.add(found.kind)
    if known:
        ax.legend()
    name_axes(ax, labels, (result.name, names[coordinate]))
    return ax
