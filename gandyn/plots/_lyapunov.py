"""The drawing of a `gandyn.results.Lyapunov`: its exponents, or those against a parameter."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..results import Lyapunov
from ._axes import COLORS, batch_shape, finite, name_axes, plot, positions


@plot(batch=1)
def lyapunov(result: Lyapunov, ax: Axes, *, along: Any = None, **style: Any) -> Axes:
    """The exponents with their errors, and the border between what parts and what meets.

    **Arguments:**

    - `result`: Lyapunov exponents, or ones that went through `vmap` over a parameter.
    - `ax`: where to draw; a new figure if left out.
    - `along`: the values of the parameter, shape `(values,)`; if left out, they are counted.
    - `style`: what `Axes.errorbar` takes.
    """
    exponents, error = finite(result.exponents), finite(result.error)
    ax.axhline(0, color=COLORS["stable"], lw=0.8, zorder=0)
    bars = {"color": COLORS["flow"], "ms": 3, "elinewidth": 0.7, **style}
    unit = "step" if result.unit == "step" else "time"
    rate = f"Lyapunov exponent (1/{unit})"
    if along is None and not batch_shape(result):
        numbers = np.arange(1, exponents.shape[-1] + 1)
        ax.errorbar(numbers, exponents, error, **{"fmt": "o", **bars})
        ax.set_xticks(numbers)
        name_axes(ax, None, ("exponent", rate))
    else:
        at = positions(along, result)
        for value, width in zip(exponents.T, error.T, strict=True):
            ax.errorbar(at, value, width, **{"fmt": "o-", "lw": 0.8, **bars})
            bars.pop("label", None)
        name_axes(ax, None, ("parameter", rate))
    return ax
