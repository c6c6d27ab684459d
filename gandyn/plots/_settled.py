"""The drawing of a `gandyn.results.Settled`: the box that a trajectory fills in the end."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..results import Settled
from ._axes import COLORS, name_axes, plot
from ._plane import in_plane, named


@plot
def settled(
    result: Settled,
    ax: Axes,
    *,
    plane: tuple[int, int] = (0, 1),
    labels: tuple[str, str] | None = None,
    **style: Any,
) -> Axes:
    """A star for an equilibrium, the box that a cycle or chaos fills, and nothing else; the title
    says what it is.

    **Arguments:**

    - `result`: what a trajectory settles on.
    - `ax`: where to draw, such as the axes of its trajectory; a new figure if left out.
    - `plane`: which two coordinates, counted through the players' arrays in order.
    - `labels`: of the two axes; if left out, axes without names get those of the coordinates.
    - `style`: what `Axes.plot` takes.
    """
    Kind = result.Kind
    kind = Kind(int(result.kind))
    center, amplitude = (in_plane(np.asarray(a), plane) for a in (result.center, result.amplitude))
    title = kind.name.lower()
    if kind is Kind.EQUILIBRIUM:
        ax.plot(*center, "*", **{"color": "black", "ms": 6, "mew": 0, **style})
    elif kind in (Kind.CYCLE, Kind.CHAOS):
        corners = center + amplitude * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
        ax.plot(*corners.T, **{"color": COLORS["flow"], "lw": 0.7, "ls": ":", **style})
        title += (
            f", period {float(result.period):.4g}"
            if kind is Kind.CYCLE
            else f", exponent {float(result.growth):.3g}"
        )
    ax.set_title(title)
    name_axes(ax, labels, named(result.state.players, plane, leading=0))
    return ax
