"""The drawing of a `gandyn.results.Portrait`."""

import numpy as np
from matplotlib.axes import Axes

from .. import _checks as checks
from ..results import Portrait
from ._axes import COLORS, name_axes, plot


@plot
def portrait(
    result: Portrait,
    ax: Axes,
    *,
    nullclines: bool = True,
    legs: bool = True,
    density: float = 1.0,
    labels: tuple[str, str] | None = None,
) -> Axes:
    """Streamlines, the nullcline of either coordinate, the half-steps of a rule with several moves
    and the known equilibria.

    **Arguments:**

    - `result`: a portrait.
    - `ax`: where to draw; a new figure if left out.
    - `nullclines`, `legs`: whether to draw them.
    - `density`: of the streamlines.
    - `labels`: of the two axes; if left out, axes without names get those of the coordinates.
    """
    density = float(checks.positive("density", density))
    u, v = np.asarray(result.arrows)
    x, y = np.asarray(result.x, float), np.asarray(result.y, float)
    if np.any(np.hypot(u, v) > 0):
        ax.streamplot(
            x, y, u, v, density=density, color="#C4C4C4", linewidth=0.5, arrowsize=0.5, zorder=0
        )
    if nullclines:
        for curves, player in zip(result.nullclines, ("generator", "discriminator"), strict=True):
            for curve in curves:
                ax.plot(*curve.T, color=COLORS[player], lw=0.7, ls=(0, (4, 2)), zorder=1)
    if legs:
        _draw_legs(result, ax)
    ax.plot(*np.asarray(result.equilibria).T, "*", color="black", ms=5, mew=0, zorder=4)
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    name_axes(ax, labels, result.names)
    return ax


def _draw_legs(result: Portrait, ax: Axes) -> None:
    legs = np.asarray(result.legs)
    if not legs.size:  # a flow has no moves, and a rule of one move has no half-steps
        return
    for a, b in zip(legs[:, :-1].swapaxes(0, 1), legs[:, 1:].swapaxes(0, 1), strict=True):
        # A leg along one coordinate takes the color of the player who moves along it.
        along = np.abs(b - a).max(axis=0)
        player = "generator" if along[0] > along[1] else "discriminator"
        ax.quiver(
            *a.T,
            *(b - a).T,
            color=COLORS[player],
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.006,
            zorder=2,
        )
