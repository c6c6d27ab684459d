"""The drawing of `gandyn.Basins`."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from ..analyses import Basins
from ._axes import PLAYERS, plot

ATTRACTORS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#F0E442")
ESCAPES, NOTHING = "#D4D4D4", "white"


@plot
def basins(
    result: Basins,
    ax: Axes,
    *,
    colors: Sequence[str] | None = None,
    labels: tuple[str, str] = PLAYERS,
) -> Axes:
    """Every start in the color of what it ends on: gray if it escapes, white if it is undecided.
    Equilibria are stars, cycles the boxes that they fill.

    **Arguments:**

    - `result`: basins in a plane.
    - `ax`: where to draw; a new figure if left out.
    - `colors`: one for each attractor, to have the same in several panels.
    - `labels`: of the two axes.
    """
    n = len(result.centers)
    if colors is None:
        colors = [ATTRACTORS[i % len(ATTRACTORS)] for i in range(n)]
    x, y = np.asarray(result.x, float), np.asarray(result.y, float)
    ax.pcolormesh(
        x,
        y,
        np.asarray(result.labels),
        cmap=ListedColormap([NOTHING, ESCAPES, *colors]),
        vmin=-2.5,
        vmax=n - 0.5,
        rasterized=True,
    )
    if result.centers.shape[1] == 2:  # in more dimensions an attractor need not be in the plane
        for center, extent in zip(*map(np.asarray, (result.centers, result.extents)), strict=True):
            if extent.max() > 0:
                corners = center + extent * [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]
                ax.plot(*corners.T, color="black", lw=0.7, ls=":")
            else:
                ax.plot(*center, "*", color="black", ms=5, mew=0)
    ax.spines[:].set_visible(True)  # or undecided starts would run into the paper
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), xlabel=labels[0], ylabel=labels[1])
    return ax
