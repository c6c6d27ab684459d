"""What can be chosen about the order of play."""

import dataclasses
from typing import Literal, get_args

from experiments._panels import Stored

Remedy = Literal["plain", "optimism", "R1", "unrolled", "3 bumps"]


@dataclasses.dataclass(frozen=True)
class Options(Stored):
    """What can be chosen."""

    nodes: int = 37
    """Of the grid from -9 to 9 on which D is a free function."""
    rounds: int = 600
    """Rounds of play of which hops are counted."""
    steps: int = 13
    """How many step sizes of D, between 0.01 and 1."""
    most: int = 16
    """The most steps that one player makes per step of the other."""
    starts: int = 16
    """Random starts of the generator."""
    modes: int = 5
    """The most modes of which the period is measured."""
    against: tuple[Remedy, ...] = get_args(Remedy)
    """What is tried against hops."""


QUICK = Options(rounds=1600, steps=3, most=1, modes=2, starts=8, against=("R1",))
