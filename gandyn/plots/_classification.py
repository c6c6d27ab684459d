"""The drawing of a `gandyn.results.Classification`: which kinds of equilibrium a point is."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..results import Classification
from ._axes import COLORS, name_axes, plot, positions

_ROWS = {
    "stationary": ("stationary", "0.3"),
    "local_nash": ("local Nash", COLORS["stable"]),
    "local_minmax": ("local min-max", COLORS["discriminator"]),
    "local_maxmin": ("local max-min", COLORS["generator"]),
    "degenerate": ("not decided", "0.6"),
}


@plot(batch=1)
def classification(result: Classification, ax: Axes, *, along: Any = None, **style: Any) -> Axes:
    """The kinds that a point is at each value of a parameter: filled where it is, empty where it is
    not; the last row says where a curvature vanishes, so that the second order does not decide.

    **Arguments:**

    - `result`: a classification, or ones that went through `vmap` over a parameter.
    - `ax`: where to draw; a new figure if left out.
    - `along`: the values of the parameter, shape `(values,)`; if left out, they are counted.
    - `style`: what `Axes.plot` takes.
    """
    at = positions(along, result)
    for row, (kind, (_, color)) in enumerate(_ROWS.items()):
        holds = np.atleast_1d(getattr(result, kind))
        for which, fill in ((holds, color), (~holds, "none")):
            look = {"color": color, "mfc": fill, "ms": 4, "mew": 0.6}
            ax.plot(at[which], np.full(which.sum(), -row), "o", **{**look, **style})
    ax.set_yticks(-np.arange(len(_ROWS)), [name for name, _ in _ROWS.values()])
    ax.set_ylim(0.5 - len(_ROWS), 0.5)
    name_axes(ax, None, ("parameter", ""))
    return ax
