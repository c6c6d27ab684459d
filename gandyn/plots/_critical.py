"""The drawing of a `gandyn.results.Critical`: where the edge of stability is crossed."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..results import Critical
from ._axes import plot
from ._spectrum import plane


@plot
def critical(result: Critical, ax: Axes, **style: Any) -> Axes:
    """The eigenvalue plane with the exponent or multiplier that crosses, and its partner; the title
    says at which value, and how.

    **Arguments:**

    - `result`: one critical value.
    - `ax`: where to draw; a new figure if left out.
    - `style`: what `Axes.plot` takes.
    """
    exponent = complex(result.exponent)
    at = np.exp(exponent) if result.unit == "step" else exponent
    plane(ax, result.unit)
    ax.plot([at.real] * 2, [at.imag, -at.imag], "o", **{"color": "black", "ms": 5, **style})
    ax.set_title(f"{result.kind} at {result.name} = {float(result.parameter):.6g}")
    return ax
