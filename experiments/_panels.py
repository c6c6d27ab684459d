"""Panels: the parts of a long experiment, each a file with the same three functions.

    measure(options) -> found           numbers, in dicts of any depth
    judge(options, found, ledger)       each beside what theory says of it
    draw(options, found, axes)          into the cells of the figure that are the panel's own

Only `measure` takes time, and what it found can be kept: the same command again goes on from there.
The experiment is a package that lists its panels in `PANELS`, says where they are in a `Layout` and
has `run(options, out, panel=None)`, by which one of them can be had alone.
"""

import dataclasses
import hashlib
import json
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import ascii_lowercase
from types import ModuleType
from typing import Any, TypeVar

import jax
import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots

Found = dict[Any, Any]
Panel = TypeVar("Panel")
Solved = TypeVar("Solved")


def side_by_side(
    solve: Callable[[Panel], Solved], panels: Iterable[Panel], what: str
) -> list[Solved]:
    """What `solve` makes of each panel, in their order, with a bar on a terminal: compiling is most
    of the work, and is parallel. Whoever interrupts does not wait for the panels that are being
    computed, and no other is begun."""
    panels = list(panels)
    pool = ThreadPoolExecutor()
    try:
        solved = pool.map(solve, panels)
        return list(tqdm(solved, desc=what, total=len(panels), leave=False, disable=None))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@dataclasses.dataclass(frozen=True)
class Stored:
    """The options of an experiment whose panels can be kept."""

    store: Path | None = None
    """Folder in which what is finished is kept: the same command again goes on from there, as long
    as the code is the same, that of the experiment and that of gandyn."""


def measured(
    panels: Mapping[str, ModuleType], options: Stored, chosen: str | None = None
) -> tuple[Ledger, dict[str, Found]]:
    """The numbers of all panels, or of the chosen one, judged."""
    ledger, found = Ledger(), {}
    for name in panels if chosen is None else (chosen,):
        found[name] = _kept(name, panels[name], options)
        panels[name].judge(options, found[name], ledger)
    return ledger, found


def _kept(name: str, panel: ModuleType, options: Stored) -> Found:
    """What a panel measures, or what it has measured before with these options and this code."""
    if options.store is None:
        return panel.measure(options)
    path = options.store / f"{name}-{_digest(panel, options)}.pickle"
    if path.exists():
        return pickle.loads(path.read_bytes())
    found = panel.measure(options)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(pickle.dumps(found))
    part.rename(path)  # all of it or nothing
    return found


def _digest(panel: ModuleType, options: Stored) -> str:
    """Of what decides the numbers: the options, and the code of the experiment and of the library,
    but for its plots, in which nothing is computed."""
    chosen = dataclasses.asdict(dataclasses.replace(options, store=None))
    library = Path(str(gd.__file__)).parent
    code = [file for file in library.rglob("*.py") if file.parent != library / "plots"]
    files = [*sorted(Path(str(panel.__file__)).parent.glob("*.py")), *sorted(code)]
    texts = [jax.__version__, json.dumps(chosen), *(file.read_text() for file in files)]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Layout:
    """A grid of axes, and which of them belong to which panel."""

    shape: tuple[int, int]
    """Rows and columns."""
    size: tuple[float, float]
    """Of the figure, in inches."""
    cells: Mapping[str, Any]
    """The index of a panel's axes in the grid: a cell, or a row or column of it."""
    letters: bool = False
    """Whether the axes are lettered, from a on."""
    heights: Sequence[float] | None = None
    """Of the rows, relative to each other."""

    @classmethod
    def in_order(
        cls, shape: tuple[int, int], size: tuple[float, float], panels: Iterable[str]
    ) -> "Layout":
        """A cell for each panel, row by row, lettered."""
        cells = {name: divmod(i, shape[1]) for i, name in enumerate(panels)}
        return cls(shape, size, cells, letters=True)

    def draw(
        self, panels: Mapping[str, ModuleType], options: Stored, found: Mapping[str, Found]
    ) -> tuple[Figure, np.ndarray]:
        """The figure and its axes; of one panel alone as much of the grid as is its own."""
        grid = np.arange(self.shape[0] * self.shape[1]).reshape(self.shape)
        own = grid if len(found) > 1 else grid[self.cells[next(iter(found))]]
        rows, columns = np.unique(own // self.shape[1]), np.unique(own % self.shape[1])
        share = len(columns) / self.shape[1], len(rows) / self.shape[0]
        fig, axes = plots.figure(
            len(rows),
            len(columns),
            size=(self.size[0] * share[0], self.size[1] * share[1]),
            squeeze=False,
            height_ratios=self.heights and [self.heights[i] for i in rows],
        )
        place = dict(zip(grid[np.ix_(rows, columns)].flat, axes.flat, strict=True))
        for name, numbers in found.items():
            cells = np.vectorize(place.get, otypes=[object])(grid[self.cells[name]])
            panels[name].draw(options, numbers, cells[()])
        for i, ax in place.items():
            if self.letters:
                plots.letter(ax, ascii_lowercase[i])
        return fig, axes


def finished(
    panels: Mapping[str, ModuleType],
    layout: Layout,
    options: Stored,
    out: Path,
    chosen: str | None,
) -> tuple[Ledger, dict[str, Found]]:
    """All panels, or the chosen one, measured, judged, drawn and saved."""
    ledger, found = measured(panels, options, chosen)
    fig, _ = layout.draw(panels, options, found)
    plots.save(fig, out)
    return ledger, found
