"""The drawing of `gandyn.monitors.PathAngle`: the cosine and the norm along a segment."""

import numpy as np
from matplotlib.axes import Axes

from ..monitors import PathAngle
from ._axes import COLORS, name_axes, plot


@plot
def path_angle(result: PathAngle, ax: Axes) -> Axes:
    """The cosine on the left scale, the norm of the field on one of its own at the right.

    **Arguments:**

    - `result`: a path-angle.
    - `ax`: where to draw; a new figure if left out.
    """
    u = np.asarray(result.positions)
    ax.axhline(0, color="0.8", lw=0.5, zorder=0)
    ax.axvline(1, color="0.8", lw=0.5, ls=":", zorder=0)
    ax.plot(u, np.asarray(result.cosine), color=COLORS["discriminator"], lw=1.0)
    ax.set_ylim(-1.05, 1.05)
    name_axes(ax, None, ("position: 0 start, 1 end", "cosine with the segment"))
    ax.yaxis.label.set_color(COLORS["discriminator"])
    right = ax.twinx()
    right.spines["right"].set_visible(True)
    right.plot(u, np.asarray(result.norm), color=COLORS["generator"], lw=1.0)
    right.set_ylim(0, None)
    right.set_ylabel("norm of the field", color=COLORS["generator"])
    return ax
