"""The drawing of a `gandyn.results.StabilityMap`: where an equilibrium attracts, and how fast."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm

from .. import _checks as checks
from ..results import StabilityMap
from ._axes import name_axes, plot


@plot
def stability_map(
    result: StabilityMap,
    ax: Axes,
    *,
    labels: tuple[str, str] | None = None,
    limit: float | None = None,
    colorbar: bool = True,
    **style: Any,
) -> Axes:
    """Decay in green and growth in brown, white where they balance; a line along the edge. Axes are
    in the units of the hyper-parameters, so that closed forms can be drawn over it.

    **Arguments:**

    - `result`: a map over two hyper-parameters: the first along the horizontal axis.
    - `ax`: where to draw; a new figure if left out.
    - `labels`: of the two axes, by default the names of the hyper-parameters.
    - `limit`: the growth rate at the ends of the colors, by default the largest decay.
    - `colorbar`: whether to draw one.
    - `style`: what `Axes.contour` takes, for the edge.
    """
    x, y, z = (np.asarray(v, float) for v in (result.first, result.second, result.growth.T))
    if not z.size:
        raise ValueError(f"`result` must have values to draw, but has {len(x)} by {len(y)}.")
    finite = z[np.isfinite(z)]
    if limit is None:
        limit = float(max(-finite.min(initial=0), 1e-12)) if finite.size else 1.0
    limit = float(checks.positive("limit", limit))
    mesh = ax.pcolormesh(
        x,
        y,
        z,
        cmap="BrBG_r",
        norm=TwoSlopeNorm(0, -limit, limit),
        shading="nearest",
        rasterized=True,
    )
    if min(z.shape) > 1 and finite.size and finite.min() < 0 < finite.max():
        ax.contour(x, y, z, levels=[0], **{"colors": "black", "linewidths": 1.0, **style})
    if colorbar:
        bar = ax.figure.colorbar(mesh, ax=ax, extend="both")
        bar.set_label(f"growth rate (1/{'step' if result.unit == 'step' else 'time'})")
    name_axes(ax, labels, result.names)
    return ax
