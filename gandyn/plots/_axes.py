"""What all plots share: the style, its colors, figures and the optional `ax`."""

from collections.abc import Callable
from functools import wraps
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLE = str(files("gandyn.plots") / "gandyn.mplstyle")

COLORS = {
    "generator": "#D55E00",
    "discriminator": "#0072B2",
    "flow": "#222222",
    "simultaneous": "#D55E00",
    "alternating": "#0072B2",
    "theory": "#888888",
    "stable": "#009E73",
}
"""One color per idea, distinguishable to the color-blind (Okabe and Ito)."""

PLAYERS = (r"generator $\theta$", r"discriminator $\psi$")


def figure(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (3.4, 2.6), **kwargs: Any
) -> tuple[Figure, Any]:
    """A figure in the library's style with a grid of axes; `size` in inches."""
    with plt.style.context(STYLE):
        fig, axes = plt.subplots(rows, columns, figsize=size, **kwargs)
    return fig, axes


def save(fig: Figure, folder: Path, name: str = "figure") -> None:
    """The figure as PNG and PDF."""
    with plt.style.context(STYLE):
        for suffix in ("png", "pdf"):
            fig.savefig(folder / f"{name}.{suffix}")
    plt.close(fig)


def plot(function: Callable[..., Axes]) -> Callable[..., Axes]:
    """A plot draws a result into `ax`, or into a new figure if there is none, in the style."""

    @wraps(function)
    def styled(result: Any, ax: Axes | None = None, **kwargs: Any) -> Axes:
        with plt.style.context(STYLE):
            if ax is None:
                _, ax = plt.subplots()
            return function(result, ax, **kwargs)

    return styled
