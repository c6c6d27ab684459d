"""What all plots share: the style, its colors, figures and the optional `ax`."""

import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial, wraps
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import _checks as checks
from .. import analyses, monitors
from .._result import Result
from .._simulate import simulate

STYLE = str(files("gandyn.plots") / "gandyn.mplstyle")

PALETTE = {
    "vermilion": "#D55E00",
    "orange": "#E69F00",
    "yellow": "#F0E442",
    "green": "#009E73",
    "sky": "#56B4E9",
    "blue": "#0072B2",
    "purple": "#CC79A7",
    "black": "#222222",
    "gray": "#888888",
}
"""Colors that the color-blind can tell apart: Okabe and Ito, "Color Universal Design", 2008."""

COLORS = {
    "generator": PALETTE["vermilion"],
    "discriminator": PALETTE["blue"],
    "flow": PALETTE["black"],
    "simultaneous": PALETTE["vermilion"],
    "alternating": PALETTE["blue"],
    "extragradient": PALETTE["purple"],
    "theory": PALETTE["gray"],
    "stable": PALETTE["green"],
}
"""One color per idea, of the palette."""


def figure(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (3.4, 2.6), **kwargs: Any
) -> tuple[Figure, Any]:
    """A figure in the library's style with a grid of axes.

    **Arguments:**

    - `rows`, `columns`: of the grid.
    - `size`: the width and the height of the figure, in inches.
    - `kwargs`: as for `matplotlib.pyplot.subplots`.
    """
    with plt.style.context(STYLE):
        fig, axes = plt.subplots(rows, columns, figsize=size, **kwargs)
    return fig, axes


def letter(ax: Axes, name: str) -> Axes:
    """The letter by which a text refers to a panel, above its left corner.

    **Arguments:**

    - `ax`: the panel.
    - `name`: the letter, such as "a".
    """
    if not isinstance(name, str):
        raise TypeError(f'`name` must be a letter, such as "a", but is {checks.shown(name)}.')
    with plt.style.context(STYLE):
        _checked_axes(ax).set_title(name, loc="left", fontweight="bold")
    return ax


def save(fig: Figure, folder: str | Path, name: str = "figure") -> None:
    """The figure as PNG and PDF in a folder, which is made if there is none.

    **Arguments:**

    - `fig`: the figure.
    - `folder`: where to.
    - `name`: of the files, without their endings.
    """
    if not isinstance(fig, Figure):
        raise TypeError(f"`fig` must be a figure, such as `ax.figure`, but is {_kind(fig)}.")
    folder = made(folder)
    with plt.style.context(STYLE):
        for suffix in ("png", "pdf"):
            fig.savefig(folder / f"{name}.{suffix}")
            fig.set_layout_engine("none")  # arranged once: it takes as long as to draw
    plt.close(fig)


def made(folder: str | Path) -> Path:
    """A folder, made if there is none; `~` is the user's home."""
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def plot(function: Any = None, *, batch: float = 0) -> Any:
    """A plot draws a result into `ax`, or into a new figure if there is none, in the style.

    Which results it draws is the annotation of its first argument. Of those that went through
    `vmap` it draws the ones with up to `batch` axes in front.
    """
    if function is None:
        return partial(plot, batch=batch)
    annotation = inspect.signature(function).parameters["result"].annotation
    kinds = get_args(annotation) or (annotation,)

    @wraps(function)
    def styled(result: Any, ax: Axes | None = None, **kwargs: Any) -> Axes:
        _check_result(function.__name__, result, kinds, batch)
        if ax is not None:
            _checked_axes(ax)
        # What blew up is left out where it is not finite, which is no news to whoever looks.
        quiet = np.errstate(over="ignore", invalid="ignore")
        with plt.style.context(STYLE), quiet:
            if ax is None:
                _, ax = plt.subplots()
            return function(result, ax, **kwargs)

    return styled


def _checked_axes(ax: Axes) -> Axes:
    if not isinstance(ax, Axes):
        raise TypeError(
            "`ax` must be the axes to draw into, such as `plt.subplots()[1]` or one of "
            f"`figure.axes`, but is {_kind(ax)}."
        )
    return ax


def _check_result(name: str, result: Any, kinds: Sequence[type[Result]], batch: float) -> None:
    if not isinstance(result, tuple(kinds)):
        wanted = ", or ".join(f"a {kind.__name__}{_origin(kind)}" for kind in kinds)
        raise TypeError(f"`result` must be {wanted}, but is {_kind(result)}.")
    checks.untraced(f"`plots.{name}`", result)
    shape = batch_shape(result)
    if len(shape) > batch:
        raise ValueError(
            f"`result` went through `vmap`, with axes {shape} in front, but `plots.{name}` draws "
            f"{'one' if batch == 0 else 'those with one such axis'}: the first is "
            "`jax.tree.map(lambda x: x[0], result)`."
        )


def batch_shape(result: Result) -> tuple[int, ...]:
    """The lengths of the axes that `vmap` put in front of those of a result."""
    for name, axes in result.axes.items():
        value = getattr(result, name)
        if hasattr(value, "ndim"):
            return value.shape[: value.ndim - len(axes)]
    return ()


def _kind(value: Any) -> str:
    """What something is that should have been something else."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def _origin(kind: type[Result]) -> str:
    """Which function returns such a result, for a message."""
    functions = {"gandyn.simulate": simulate}
    for place, module in (("gandyn", analyses), ("gandyn.monitors", monitors)):
        functions |= {f"{place}.{name}": value for name, value in vars(module).items()}
    for name, function in functions.items():
        if callable(function) and _returns(function) is kind:
            return f", as `{name}` returns it"
    return ""


def _returns(function: Callable[..., Any]) -> Any:
    try:
        return inspect.signature(function).return_annotation
    except (TypeError, ValueError):  # some callables have no signature
        return None


def name_axes(ax: Axes, labels: Sequence[str] | None, known: Sequence[str]) -> None:
    """Name both axes: as asked for, or else, if they have no names yet, as far as is `known`."""
    if labels is None:
        labels = [old or new for old, new in zip(_names(ax), known, strict=True)]
    elif isinstance(labels, str) or not _are_two(labels):
        raise ValueError(
            "`labels` must be two texts, of the horizontal and the vertical axis, but is "
            f"{checks.shown(labels)}."
        )
    ax.set(xlabel=labels[0], ylabel=labels[1])


def _are_two(labels: Any) -> bool:
    return (
        isinstance(labels, Sequence)
        and len(labels) == 2
        and all(isinstance(label, str) for label in labels)
    )


def _names(ax: Axes) -> tuple[str, str]:
    return ax.get_xlabel(), ax.get_ylabel()


def numbers(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Real numbers of a shape."""
    try:
        array = np.asarray(value)
        array = array if array.dtype.kind in "biuf" else np.asarray(value, float)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must be numbers, but is {checks.shown(value)}.") from None
    if array.shape != shape:
        raise ValueError(f"`{name}` must have shape {shape}, but has shape {array.shape}.")
    return array


def finite(values: Any) -> np.ndarray:
    """Numbers, and nan, which is not drawn, where they are infinite."""
    array = np.asarray(values)
    return np.where(np.isfinite(array), array, np.nan)


def positions(along: Any, result: Result) -> np.ndarray:
    """Where the results of a batch are drawn: at the values of the parameter, or counted from 0."""
    shape = batch_shape(result)
    if along is None:
        return np.arange(math.prod(shape))
    return numbers("along", along, shape).reshape(-1)
