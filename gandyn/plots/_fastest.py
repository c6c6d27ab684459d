"""The drawing of a `gandyn.results.Fastest`: the spectrum at the best hyper-parameters."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..results import Fastest, Spectrum
from ._axes import COLORS, plot
from ._spectrum import spectrum


@plot
def fastest(result: Fastest, ax: Axes, **style: Any) -> Axes:
    """The spectrum there, and dashed the boundary that no eigenvalue passes: the circle of the
    spectral radius, or the line of the least decay. The title gives the hyper-parameters.

    **Arguments:**

    - `result`: the best values found.
    - `ax`: where to draw; a new figure if left out.
    - `style`: what `Axes.scatter` takes.
    """
    spectrum(Spectrum(result.exponents, result.unit), ax, **style)
    dashes = {"color": COLORS["theory"], "lw": 0.8, "ls": (0, (4, 2))}
    if result.unit == "step":
        angle = np.linspace(0, 2 * np.pi, 721)
        radius = float(result.radius)
        ax.plot(radius * np.cos(angle), radius * np.sin(angle), **dashes)
    else:
        ax.axvline(float(result.growth), **dashes)
    values = ", ".join(f"{name} = {float(v):.4g}" for name, v in result.parameters.items())
    ax.set_title(values)
    return ax
