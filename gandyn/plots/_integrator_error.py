"""The drawing of `gandyn.monitors.IntegratorError` against time."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..monitors import IntegratorError
from ._axes import COLORS, name_axes, plot


@plot
def integrator_error(result: IntegratorError, ax: Axes, **style: Any) -> Axes:
    """The error against time, on a logarithmic scale.

    **Arguments:**

    - `result`: the error of an integrator.
    - `ax`: where to draw; a new figure if left out.
    - `style`: what `Axes.plot` takes, such as `color`, `label`.
    """
    ts, error = np.asarray(result.ts), np.asarray(result.error)
    known = error > 0  # at the start there is none
    ax.plot(ts[known], error[known], **{"color": COLORS["flow"], "lw": 1.0, **style})
    ax.set_yscale("log")
    name_axes(ax, None, ("time", "error of the integrator"))
    return ax
