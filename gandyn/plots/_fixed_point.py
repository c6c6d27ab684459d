"""The drawing of `gandyn.FixedPoint`: what a fixed point is, against a parameter."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..analyses import FixedPoint, Type
from ._axes import COLORS, plot


@plot
def fixed_point(result: FixedPoint, ax: Axes, *, along: Any, **style: Any) -> Axes:
    """Its type at each value of the parameter: filled where it attracts, empty where it does not.

    **Arguments:**

    - `result`: fixed points that went through `vmap` over a parameter.
    - `ax`: where to draw; a new figure if left out.
    - `along`: the values of the parameter, shape `(values,)`.
    - `style`: what `Axes.plot` takes.
    """
    types, stable, at = (np.asarray(v) for v in (result.type, result.stable, along))
    present = sorted(set(types.tolist()))
    height = np.searchsorted(present, types)
    looks = (
        (stable, {"color": COLORS["stable"], "label": "attracts"}),
        (~stable, {"color": COLORS["generator"], "mfc": "none", "label": "does not"}),
    )
    for which, look in looks:
        if which.any():
            ax.plot(at[which], height[which], "o", **{"ms": 4, **look, **style})
    ax.set_yticks(range(len(present)), [Type(t).name.lower().replace("_", " ") for t in present])
    ax.set(xlabel="parameter", ylabel="type", ylim=(-0.5, len(present) - 0.5))
    ax.legend()
    return ax
