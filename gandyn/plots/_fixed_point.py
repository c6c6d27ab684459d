"""The drawing of `gandyn.results.FixedPoint`: what a fixed point is, against a parameter."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..results import FixedPoint
from ._axes import COLORS, name_axes, plot, positions


@plot(batch=1)
def fixed_point(result: FixedPoint, ax: Axes, *, along: Any = None, **style: Any) -> Axes:
    """Its type at each value of the parameter: filled where it attracts, empty where it does not.

    **Arguments:**

    - `result`: a fixed point, or ones that went through `vmap` over a parameter.
    - `ax`: where to draw; a new figure if left out.
    - `along`: the values of the parameter, shape `(values,)`; if left out, they are counted.
    - `style`: what `Axes.plot` takes.
    """
    types, stable = np.atleast_1d(result.type), np.atleast_1d(result.stable)
    at = positions(along, result)
    present = sorted(set(types.tolist()))
    height = np.searchsorted(present, types)
    looks = (
        (stable, {"color": COLORS["stable"], "label": "attracts"}),
        (~stable, {"color": COLORS["generator"], "mfc": "none", "label": "does not"}),
    )
    for which, look in looks:
        if which.any():
            ax.plot(at[which], height[which], "o", **{"ms": 4, **look, **style})
    ax.set_yticks(
        range(len(present)), [FixedPoint.Type(t).name.lower().replace("_", " ") for t in present]
    )
    ax.set_ylim(-0.5, max(len(present), 1) - 0.5)
    name_axes(ax, None, ("parameter", "type"))
    if len(types):
        ax.legend()
    return ax
