"""What can be chosen about limit cycles."""

import dataclasses
from typing import Literal, get_args

import numpy as np

from experiments._panels import Stored

Game = Literal["almost bilinear", "forsaken", "polar"]
Rule = Literal["simultaneous", "alternating", "extragradient"]


@dataclasses.dataclass(frozen=True)
class Options(Stored):
    """What can be chosen."""

    games: tuple[Game, ...] = get_args(Game)
    """Which of the three games."""
    rules: tuple[Rule, ...] = get_args(Rule)
    """Which of the three methods."""
    sizes: int = 32
    """How many step sizes, evenly spaced."""
    largest: float = 0.16
    """The largest of them."""
    shown: int = 5
    """Which of the step sizes, counted from 1, has its circles drawn in the plane."""


QUICK = Options(games=("polar",), rules=("simultaneous",), sizes=8, shown=2)


def step_sizes(options: Options) -> np.ndarray:
    return np.linspace(0, options.largest, options.sizes + 1)[1:]
