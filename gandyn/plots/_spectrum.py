"""The drawing of a `gandyn.results.Spectrum`: the eigenvalues and the edge of stability."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle

from ..results import Spectrum
from ._axes import COLORS, batch_shape, name_axes, numbers, plot

_FAR = 1e6  # where the half-plane is cut off


@plot(batch=math.inf)
def spectrum(
    result: Spectrum,
    ax: Axes,
    *,
    along: Any = None,
    colorbar: str | None = None,
    cmap: str = "viridis",
    **style: Any,
) -> Axes:
    """Eigenvalues in the complex plane: those of the flow with the stable half-plane shaded, those
    of a rule's map with the unit disk shaded.

    **Arguments:**

    - `result`: a spectrum, or one that went through `vmap` over a parameter: its path.
    - `ax`: where to draw; a new figure if left out.
    - `along`: the values of the parameter, which then color the path.
    - `colorbar`: the parameter's name, for a color bar.
    - `cmap`: the color map of the path.
    - `style`: what `Axes.scatter` takes.
    """
    is_map = result.unit == "step"
    values = np.asarray(result.multipliers if is_map else result.exponents)
    if along is not None:
        at = numbers("along", along, batch_shape(result))
        style["c"] = np.broadcast_to(at[..., None], values.shape).ravel()
        style["cmap"] = cmap
    flat = values.ravel()
    plane(ax, result.unit)
    points = ax.scatter(
        np.real(flat), np.imag(flat), **{"s": 9, "linewidths": 0, "zorder": 3, **style}
    )
    if colorbar is not None:
        ax.figure.colorbar(points, ax=ax, label=colorbar)
    return ax


def plane(ax: Axes, unit: str) -> None:
    """The eigenvalue plane of a rule ("step") or of a flow, its boundary of stability drawn once
    per axes."""
    is_map = unit == "step"
    quantity = "multiplier" if is_map else "exponent (1/time)"
    name_axes(ax, None, (f"Re {quantity}", f"Im {quantity}"))
    name = "unit circle" if is_map else "imaginary axis"
    if any(line.get_gid() == name for line in ax.lines):
        return
    shade = {"color": COLORS["stable"], "alpha": 0.12, "lw": 0, "zorder": 0}
    edge = {"color": COLORS["stable"], "lw": 0.8, "zorder": 1, "gid": name}
    if is_map:
        ax.set_aspect("equal")  # or the disk would be an ellipse
        ax.add_patch(Circle((0, 0), 1, **shade))
        angle = np.linspace(0, 2 * np.pi, 721)
        ax.plot(np.cos(angle), np.sin(angle), **edge)
    else:
        # Added as an artist, and not as a patch, it does not count among what the axes must show.
        half_plane = {"transform": ax.get_xaxis_transform(), **shade}
        ax.add_artist(Rectangle((-_FAR, 0), _FAR, 1, **half_plane))
        ax.axvline(0, **edge)
    ax.axhline(0, color="0.8", lw=0.5, zorder=0)
