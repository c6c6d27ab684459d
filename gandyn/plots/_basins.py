"""The drawing of `gandyn.results.Basins`."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from ..results import Basins
from ._axes import PALETTE, name_axes, plot

ATTRACTORS = tuple(
    PALETTE[name] for name in ("sky", "orange", "green", "purple", "blue", "vermilion", "yellow")
)
ESCAPES, NOTHING = "#D4D4D4", "white"


@plot
def basins(
    result: Basins,
    ax: Axes,
    *,
    colors: Sequence[str] | None = None,
    labels: tuple[str, str] | None = None,
) -> Axes:
    """Every start in the color of what it ends on: gray if it escapes, white if it is undecided.
    Equilibria are stars, cycles the boxes that they fill.

    **Arguments:**

    - `result`: basins in a plane.
    - `ax`: where to draw; a new figure if left out.
    - `colors`: one for each attractor, to have the same in several panels.
    - `labels`: of the two axes; if left out, axes without names get those of the coordinates.
    """
    n = len(result.centers)
    if colors is None:
        colors = [ATTRACTORS[i % len(ATTRACTORS)] for i in range(n)]
    elif len(colors) != n:
        raise ValueError(
            f"`colors` must have one color for each of the {n} attractors, but has {len(colors)}."
        )
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
        sizes = (result.high - result.low) / 2
        boxes = (np.asarray(box)[:, list(result.plane)] for box in (result.centers, sizes))
        for center, extent in zip(*boxes, strict=True):
            if extent.max() > 0:
                corners = center + extent * [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]
                ax.plot(*corners.T, color="black", lw=0.7, ls=":")
            else:
                ax.plot(*center, "*", color="black", ms=5, mew=0)
    ax.spines[:].set_visible(True)  # or undecided starts would run into the paper
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    name_axes(ax, labels, result.names)
    return ax
