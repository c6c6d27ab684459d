"""What can be chosen about speed."""

import dataclasses

from experiments._panels import Stored


@dataclasses.dataclass(frozen=True)
class Options(Stored):
    """What can be chosen."""

    steps: int = 1000
    """Training steps of every member."""
    members: tuple[int, ...] = (64, 512, 4096, 16384, 65536)
    """Sizes of the ensemble."""
    repeats: int = 15
    """Timings, of which the best counts, taken in turns."""
    width: int = 128
    """Of the networks, which have two hidden layers."""
    trained: int = 40
    """Training steps of the networks."""
    methods: int = 10
    """How many of the methods are timed."""
    only: tuple[str, ...] = ()
    """Analyses whose calls are timed; all if left out."""
    processes: int = 5
    """Fresh processes for each call, of which the median counts."""


QUICK = Options(
    steps=100,
    members=(64,),
    repeats=3,
    width=16,
    trained=4,
    methods=2,
    only=("values",),
    processes=1,
)
