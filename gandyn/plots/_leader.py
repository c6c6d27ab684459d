"""The drawing of a `gandyn.results.Leader`: where in the table leader and follower end."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..results import Leader
from ._axes import COLORS, name_axes, numbers, plot


@plot
def leader(
    result: Leader, ax: Axes, *, losses: Any, row: Any = None, column: Any = None, **style: Any
) -> Axes:
    """The leader's losses as a map, its value in the title, and a star where play ends.

    **Arguments:**

    - `result`: what a leader can commit to.
    - `ax`: where to draw; a new figure if left out.
    - `losses`: the leader's table, shape `(rows, columns)`: one of those that `gandyn.leader` was
      given. Rows are actions of player 0 and go along the horizontal axis.
    - `row`, `column`: the players' actions as numbers, such as the grid of a tabulated game; their
      indices if left out.
    - `style`: what `Axes.pcolormesh` takes.
    """
    table = numbers("losses", losses, np.shape(losses))
    i, j = (int(k) for k in result.actions)
    if table.ndim != 2 or not (i < table.shape[0] and j < table.shape[1]):
        raise ValueError(
            f"`losses` must be the table of which this is the result, with an action {i} of player "
            f"0 and an action {j} of player 1, but has shape {table.shape}."
        )
    x, y = (
        np.arange(n) if actions is None else numbers(name, actions, (n,))
        for n, name, actions in zip(table.shape, ("row", "column"), (row, column), strict=True)
    )
    look = {"cmap": "Greys", "shading": "nearest", "rasterized": True, **style}
    mesh = ax.pcolormesh(x, y, table.T, **look)
    ax.plot(x[i], y[j], "*", color=COLORS["generator"], ms=9, mec="white")
    ax.figure.colorbar(mesh, ax=ax, label="the leader's loss")
    worth, other = (float(value) + 0.0 for value in (result.value, result.follower))  # no -0
    title = f"leader {worth:.4g}, follower {other:.4g}"
    ax.set_title(title)
    name_axes(ax, None, ("action of player 0", "action of player 1"))
    return ax
