"""The drawing of a `gandyn.Continuation`: a bifurcation diagram."""

from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes

from ..analyses import Continuation
from ._axes import COLORS, plot

MARKERS = {
    "fold": "o",
    "pitchfork": "D",
    "transcritical": "X",
    "branch point": "P",
    "Hopf": "s",
    "Neimark-Sacker": "s",
    "period doubling": "^",
}


@plot
def continuation(
    result: Continuation,
    ax: Axes,
    *,
    coordinate: int = 0,
    labels: tuple[str, str] = ("parameter", "equilibrium"),
    **style: Any,
) -> Axes:
    """One coordinate of a branch against the parameter, solid where it is stable and dashed where
    it is not, with markers at its bifurcations. Several branches go into the same axes.

    **Arguments:**

    - `result`: a branch.
    - `ax`: where to draw; a new figure if left out.
    - `coordinate`: which of the players' coordinates, counted through their arrays in order.
    - `labels`: of the two axes.
    - `style`: what `Axes.plot` takes, for the branch.
    """
    parameter, stable = np.asarray(result.parameter), np.asarray(result.stable)
    leaves = [np.asarray(x).reshape(len(parameter), -1) for x in jax.tree.leaves(result.players)]
    height = np.concatenate(leaves, axis=1)[:, coordinate]
    changes = np.flatnonzero(np.diff(stable)) + 1
    for first, last in zip([0, *changes], [*changes, len(stable)], strict=True):
        part = slice(max(first - 1, 0), last)  # from the last point of the part before
        line = {"color": COLORS["stable"], "ls": "-"}
        if not stable[first]:
            line = {"color": COLORS["generator"], "ls": (0, (4, 2))}
        ax.plot(parameter[part], height[part], **{**line, **style})
    known = set(ax.get_legend_handles_labels()[1])
    for found in result.bifurcations:
        flat = [np.asarray(x).ravel() for x in jax.tree.leaves(found.players)]
        ax.plot(
            found.parameter,
            np.concatenate(flat)[coordinate],
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
    ax.set(xlabel=labels[0], ylabel=labels[1])
    return ax
