"""The drawing of `gandyn.results.Rotation`: the rotation number against a parameter."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..results import Rotation
from ._axes import COLORS, finite, name_axes, plot, positions


@plot(batch=1)
def rotation(result: Rotation, ax: Axes, *, along: Any = None, **style: Any) -> Axes:
    """Turns per step or unit of time, with their errors. Where a rule locks to a periodic orbit it
    is a whole fraction over a stretch of the parameter: a step of the devil's staircase.

    **Arguments:**

    - `result`: a rotation, or ones that went through `vmap` over a parameter.
    - `ax`: where to draw; a new figure if left out.
    - `along`: the values of the parameter, shape `(values,)`; if left out, they are counted.
    - `style`: what `Axes.errorbar` takes.
    """
    bars = {"fmt": "o-", "color": COLORS["flow"], "ms": 3, "lw": 0.8, "elinewidth": 0.7, **style}
    turns, error = (np.atleast_1d(finite(v)) for v in (result.rotation, result.error))
    ax.errorbar(positions(along, result), turns, error, **bars)
    name_axes(ax, None, ("parameter", "rotation (turns per step or time)"))
    return ax
