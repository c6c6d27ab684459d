"""The drawing of a `gandyn.results.Frame`: the two laws, and the discriminator above them."""

import numpy as np
from matplotlib.axes import Axes

from .. import _checks as checks
from ..results import Frame
from ._axes import COLORS, name_axes, numbers, plot


@plot
def frame(
    result: Frame,
    ax: Axes,
    *,
    top: float | None = None,
    logits: tuple[float, float] | None = None,
    labels: bool = True,
) -> Axes:
    """The data's density in gray, the generator's in its color, and D(x) as a line, on a scale of
    its own at the right, with D = 0, undecided, dashed.

    **Arguments:**

    - `result`: a frame.
    - `ax`: where to draw; a new figure if left out.
    - `top`: of the scale of densities; the same in all pictures of a film.
    - `logits`: the scale of D.
    - `labels`: whether the axes have labels and numbers, and the heights ticks.
    """
    x = np.asarray(result.x)
    data, fake = np.asarray(result.data), np.asarray(result.generator)
    ax.fill_between(x, data, color="0.82", lw=0, label=r"$p_\mathrm{data}$")
    ax.fill_between(x, fake, color=COLORS["generator"], lw=0, alpha=0.55, label=r"$p_g$")
    if top is None:
        heights = np.concatenate([data, fake])
        top = 1.1 * heights.max(initial=0, where=np.isfinite(heights)) or 1.0
    top = float(checks.positive("top", top))
    ax.set(xlim=(x[0], x[-1]), ylim=(0, top))
    right = ax.twinx()
    right.spines["right"].set_visible(True)
    right.plot(x, np.asarray(result.discriminator), color=COLORS["discriminator"], lw=1.0)
    right.axhline(0, color=COLORS["discriminator"], lw=0.5, ls=(0, (3, 3)))
    if logits is not None:
        right.set_ylim(*numbers("logits", logits, (2,)))
    ax.plot([], [], color=COLORS["discriminator"], lw=1.0, label=r"$D(x)$")
    if labels:
        name_axes(ax, None, ("$x$", "density"))
        right.set_ylabel(r"logit $D(x)$", color=COLORS["discriminator"])
    else:
        ax.tick_params(labelleft=False, left=False, labelbottom=False)
        right.tick_params(labelright=False, right=False)
    return ax
