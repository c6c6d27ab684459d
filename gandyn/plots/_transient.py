"""The drawing of `gandyn.results.Transient`: growth against time, between its bounds."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..results import Transient
from ._axes import COLORS, name_axes, plot


@plot
def transient(result: Transient, ax: Axes, **style: Any) -> Axes:
    """The most that a disturbance grows, against time, with the slope at which it starts.

    **Arguments:**

    - `result`: transient growth.
    - `ax`: where to draw; a new figure if left out.
    - `style`: what `Axes.plot` takes, such as `color`, `label`.
    """
    ts, growth = np.asarray(result.ts), np.asarray(result.amplification)
    start = np.exp(np.clip(float(result.reactivity) * ts, None, 700))
    ax.axhline(1, color=COLORS["stable"], lw=0.8, zorder=0)
    shown = start <= 2 * growth.max(initial=0, where=np.isfinite(growth))
    ax.plot(ts[shown], start[shown], color=COLORS["theory"], lw=0.7, ls=":", zorder=1)
    ax.plot(ts, growth, **{"color": COLORS["flow"], "lw": 1.0, **style})
    time = "steps" if result.unit == "step" else "time"
    ax.set_yscale("log")
    name_axes(ax, None, (time, "growth of a disturbance"))
    return ax
