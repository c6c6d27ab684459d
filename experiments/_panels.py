"""Panels of a figure, computed side by side: compiling is most of the work, and is parallel."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

Panel = TypeVar("Panel")
Solved = TypeVar("Solved")


def side_by_side(
    solve: Callable[[Panel], Solved], panels: Iterable[Panel], what: str
) -> list[Solved]:
    """What `solve` makes of each panel, in their order, with a bar on a terminal. Whoever
    interrupts does not wait for the panels that are being computed, and no other is begun."""
    panels = list(panels)
    pool = ThreadPoolExecutor()
    try:
        solved = pool.map(solve, panels)
        return list(tqdm(solved, desc=what, total=len(panels), leave=False, disable=None))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
