"""The drawing of `gandyn.results.Equilibria` in a plane of the players."""

import numpy as np
from matplotlib.axes import Axes

from ..results import Equilibria
from ._axes import COLORS, name_axes, plot
from ._plane import flat, in_plane, named


@plot
def equilibria(
    result: Equilibria,
    ax: Axes,
    *,
    plane: tuple[int, int] = (0, 1),
    labels: tuple[str, str] | None = None,
) -> Axes:
    """Equilibria that attract as full dots, the others as open ones. A square around one says local
    Nash, a triangle that points up local min-max, one that points down local max-min.

    **Arguments:**

    - `result`: the equilibria in a box.
    - `ax`: where to draw; a new figure if left out.
    - `plane`: which two coordinates, counted through the players' arrays in order.
    - `labels`: of the two axes; if left out, axes without names get those of the coordinates.
    """
    x, y = in_plane(flat(result.players), plane).T
    stable = np.asarray(result.spectrum.stable)
    for which, name, fill in ((stable, "attracts", "black"), (~stable, "does not", "white")):
        ax.plot(x[which], y[which], "o", mfc=fill, mec="black", ms=3.5, mew=0.8, label=name)
    kind = result.kind
    if kind is not None:
        shapes = (
            (kind.local_nash, "s", "local Nash", COLORS["stable"]),
            (kind.local_minmax, "^", "local min-max", COLORS["discriminator"]),
            (kind.local_maxmin, "v", "local max-min", COLORS["generator"]),
        )
        for which, marker, name, color in shapes:
            here = np.asarray(which)
            if here.any():
                ring = {"mfc": "none", "mec": color, "ms": 9, "mew": 0.8, "zorder": 1}
                ax.plot(x[here], y[here], marker, label=name, **ring)
    name_axes(ax, labels, named(result.players, plane))
    return ax
