"""The drawing of `gandyn.results.Values`: optimal mixed strategies, and what the game is worth."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..results import Values
from ._axes import COLORS, name_axes, numbers, plot


@plot
def values(result: Values, ax: Axes, *, row: Any = None, column: Any = None) -> Axes:
    """The weight that each player gives to each of its actions; min-max, max-min and the mixed
    value in the title.

    **Arguments:**

    - `result`: the values of a payoff.
    - `ax`: where to draw; a new figure if left out.
    - `row`, `column`: the players' actions as numbers, such as the grid of a tabulated game; their
      indices if left out.
    """
    strategies = (
        (result.row, row, "generator", "row"),
        (result.column, column, "discriminator", "column"),
    )
    for weights, actions, player, name in strategies:
        weights = np.asarray(weights)
        at = np.arange(len(weights)) if actions is None else numbers(name, actions, weights.shape)
        ax.vlines(at, 0, weights, color=COLORS[player], lw=1.0, alpha=0.7)
        ax.plot(at, weights, "o", color=COLORS[player], ms=3, label=name)
    worth = ((result.minmax, "min-max"), (result.mixed, "mixed"), (result.maxmin, "max-min"))
    title = ", ".join(f"{name} {float(value):.4g}" for value, name in worth)
    ax.set(ylim=(0, 1.05), title=title)
    name_axes(ax, None, ("action", "probability"))
    ax.legend()
    return ax
