"""What can be chosen about distances between samples."""

import dataclasses

from experiments._panels import Stored


@dataclasses.dataclass(frozen=True)
class Options(Stored):
    """What can be chosen."""

    sizes: tuple[int, ...] = (2, 16, 128, 512, 4096)
    """Points in a sample. W_1 beyond the line is an assignment problem and stops at 512, from where
    on a lower bound is measured; trained critics stop at 128."""
    dimensions: tuple[int, ...] = (1, 10, 100, 1000)
    """The dimensions."""
    seeds: int = 24
    """Pairs of samples per point; error bars are two standard errors of their mean."""
    steps: int = 10_000
    """Steps of the training of the generator that is fitted to a sample."""


QUICK = Options(sizes=(32,), dimensions=(100,), seeds=16)

TRANSPORT, CRITICS = 512, 128  # the largest sizes of what is slow
