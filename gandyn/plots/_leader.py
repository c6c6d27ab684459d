"""The drawing of a `gandyn.Leader`: the cell of the table that leader and follower end on."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..analyses import Leader
from ._axes import COLORS, plot


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
    table = np.asarray(losses)
    x, y = (
        np.arange(n) if actions is None else np.asarray(actions)
        for n, actions in zip(table.shape, (row, column), strict=True)
    )
    look = {"cmap": "Greys", "shading": "nearest", "rasterized": True, **style}
    mesh = ax.pcolormesh(x, y, table.T, **look)
    i, j = (int(k) for k in result.actions)
    ax.plot(x[i], y[j], "*", color=COLORS["generator"], ms=9, mec="white")
    ax.figure.colorbar(mesh, ax=ax, label="the leader's loss")
    worth, other = (float(value) + 0.0 for value in (result.value, result.follower))  # no -0
    title = f"leader {worth:.4g}, follower {other:.4g}"
    ax.set(xlabel="action of player 0", ylabel="action of player 1", title=title)
    return ax
