"""A game's cycles and circles in the plane, and their radii against the step size."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from scipy.signal import resample

from experiments._panels import Found
from gandyn import plots

from ._cycles import radii
from ._options import Options, step_sizes

COLORS = plots.COLORS
DASHES: dict[str, Any] = {"attracts": "-", "repels": (0, (3, 1.5))}
THEORY = {"color": COLORS["theory"], "lw": 2.5, "alpha": 0.5}


def draw(
    title: str,
    options: Options,
    found: Found,
    axes: Any,
    longer: Mapping[tuple[str, str], list[float]] | None = None,
) -> None:
    """`longer`: radii for further steps, where there are no circles, by kind and rule."""
    above, below = axes
    steps = step_sizes(options)
    above.plot(*found["rest"], "*", color="black", ms=5, mew=0)
    for kind, of in found["kinds"].items():
        _ring(above, of["path"], "flow", kind)
        below.plot(0, of["radius"], "o", color=COLORS["flow"], ms=3, zorder=4, clip_on=False)
        for rule, circles in of["circles"].items():
            line = [of["radius"], *radii(circles), *(longer or {}).get((kind, rule), ())]
            h = [0, *steps][: len(line)]
            below.plot(h, line, color=COLORS[rule], ls=DASHES[kind], zorder=3)
            if circles.converged[options.shown - 1]:
                ring = [p[options.shown - 1] for p in circles.players]
                _ring(above, np.stack(ring, -1), rule, kind)
    shown = steps[options.shown - 1]
    size = max(abs(x) for x in (*above.get_xlim(), *above.get_ylim()))
    below.axvline(shown, color="0.8", lw=0.6, ls=":", zorder=0)
    above.set(title=f"{title}, $h = {shown:g}$", xlabel="$x$", aspect="equal")
    above.set(xlim=(-size, size), ylim=(-size, size), xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    below.set(xlabel="step size $h$", xlim=(0, options.largest), ylim=(0, None))


def _ring(ax: Axes, path: np.ndarray, what: str, kind: str) -> None:
    smooth: Any = resample(path, 512)
    ring = np.concatenate([smooth, smooth[:1]])
    under = what == "flow"
    style = {"color": COLORS[what], "ls": DASHES[kind], "lw": 1.8 if under else 0.8}
    ax.plot(*ring.T, **style, zorder=3 - under)


def theory(ax: Axes, options: Options, highest: float, zeros: Callable[..., list[Any]]) -> None:
    """Where functions of h and r, up to the highest r, vanish."""
    h, r = np.meshgrid(np.linspace(1e-6, options.largest, 400), np.linspace(0, highest, 500))
    style = {"colors": THEORY["color"], "linewidths": THEORY["lw"], "alpha": THEORY["alpha"]}
    for level in zeros(h, r):
        ax.contour(h, r, level / np.abs(level).max(), [0], **style, zorder=1)


def names(options: Options) -> list[Line2D]:
    styles = {name: (COLORS[name], "-") for name in ("flow", *options.rules)}
    styles |= {kind: ("0.5", dash) for kind, dash in DASHES.items()}
    lines = [Line2D([], [], color=c, ls=d, label=k) for k, (c, d) in styles.items()]
    return [*lines, Line2D([], [], **THEORY, label="theory")]
