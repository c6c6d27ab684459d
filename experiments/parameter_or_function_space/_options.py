"""What can be chosen about players that are functions, or have parameters."""

import dataclasses
from typing import Literal, get_args

from experiments._panels import Stored

Generator = Literal["a density", "one bump", "three bumps", "one bump, D quartic"]


@dataclasses.dataclass(frozen=True)
class Options(Stored):
    """What can be chosen."""

    starts: int = 16
    """Random starts of each play."""
    time: float = 60.0
    """How long to play."""
    degrees: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 18)
    """Of the polynomials that D may be."""
    mixtures: int = 4
    """The most bumps that the generator is made of."""
    generators: tuple[Generator, ...] = get_args(Generator)
    """Who plays."""
    atoms: int = 32
    """The most atoms against the uniform law."""


QUICK = Options(time=30.0, generators=("one bump",), degrees=(4,), mixtures=2, atoms=2)
