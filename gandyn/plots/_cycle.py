"""The drawing of a `gandyn.results.Cycle` or `gandyn.results.Circle` in a plane of the players."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..results import Circle, Cycle
from ._axes import COLORS, name_axes, plot
from ._plane import flat, in_plane, named


@plot
def cycle(
    result: Cycle | Circle,
    ax: Axes,
    *,
    plane: tuple[int, int] = (0, 1),
    labels: tuple[str, str] | None = None,
    **style: Any,
) -> Axes:
    """The closed curve: a line if it attracts or is neutral, dashed if it repels. The points of a
    periodic orbit of a rule are drawn as points, joined in their order.

    **Arguments:**

    - `result`: a cycle, or the invariant circle of a rule.
    - `ax`: where to draw; a new figure if left out.
    - `plane`: which two coordinates, counted through the players' arrays in order.
    - `labels`: of the two axes; if left out, axes without names get those of the coordinates.
    - `style`: what `Axes.plot` takes, such as `color`, `label`.
    """
    players = result.orbit.players if isinstance(result, Cycle) else result.players
    path = in_plane(flat(players), plane)
    if isinstance(result, Circle):
        path = np.concatenate([path, path[:1]])
    x, y = path.T
    # The one along the curve is 1 up to the errors of the integrator.
    repels = bool(np.max(np.abs(np.asarray(result.multipliers)), initial=0) > 1 + 1e-4)
    dashes = (0, (3, 1.5)) if repels else "-"
    ax.plot(x, y, **{"color": COLORS["flow"], "lw": 1.0, "ls": dashes, **style})
    name_axes(ax, labels, named(players, plane))
    return ax
