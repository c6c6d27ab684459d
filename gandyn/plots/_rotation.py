"""The drawing of `gandyn.Rotation`: the rotation number against a parameter."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..analyses import Rotation
from ._axes import COLORS, plot


@plot
def rotation(result: Rotation, ax: Axes, *, along: Any, **style: Any) -> Axes:
    """Turns per step or unit of time, with their errors. Where a rule locks to a periodic orbit it
    is a whole fraction over a stretch of the parameter: a step of the devil's staircase.

    **Arguments:**

    - `result`: rotations that went through `vmap` over a parameter.
    - `ax`: where to draw; a new figure if left out.
    - `along`: the values of the parameter, shape `(values,)`.
    - `style`: what `Axes.errorbar` takes.
    """
    bars = {"fmt": "o-", "color": COLORS["flow"], "ms": 3, "lw": 0.8, "elinewidth": 0.7, **style}
    ax.errorbar(np.asarray(along), np.asarray(result.rotation), np.asarray(result.error), **bars)
    ax.set(xlabel="parameter", ylabel="rotation (turns per step or time)")
    return ax
