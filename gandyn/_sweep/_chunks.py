"""Work units: blocks of the grid whose points follow one another."""

import dataclasses
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Chunks:
    """The grid cut into equal blocks, the last ones perhaps cut short by the edge.

    A block spans the fast dimensions whole, a part of one dimension, and a single value of
    the slow ones. So it is an interval of point indices and a rectangle of the grid at once:
    easy to compute, and a chunk of an ordinary array in the store.
    """

    shape: tuple[int, ...]
    block: tuple[int, ...]

    @classmethod
    def at_most(cls, points: int, shape: tuple[int, ...]) -> "Chunks":
        """The fewest, and among these the most equal, chunks of at most `points` points."""
        block: list[int] = []
        for n in reversed(shape):
            parts = math.ceil(n / min(n, points))
            block.insert(0, math.ceil(n / parts))
            points = points // n if parts == 1 else 1
        return cls(shape, tuple(block))

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(math.ceil(n / b) for n, b in zip(self.shape, self.block, strict=True))

    @property
    def points(self) -> int:
        """How many points a full chunk has."""
        return math.prod(self.block)

    def __len__(self) -> int:
        return math.prod(self.counts)

    def region(self, i: int) -> tuple[slice, ...]:
        place = np.unravel_index(i, self.counts)
        return tuple(
            slice(int(p) * b, min((int(p) + 1) * b, n))
            for p, b, n in zip(place, self.block, self.shape, strict=True)
        )

    def extent(self, i: int) -> tuple[int, ...]:
        """The shape of chunk `i`."""
        return tuple(s.stop - s.start for s in self.region(i))

    def first(self, i: int) -> int:
        """The index of the first point of chunk `i`."""
        return int(np.ravel_multi_index([s.start for s in self.region(i)], self.shape))

    def spread(self, flags: np.ndarray) -> np.ndarray:
        """One flag per chunk, given to each of its points."""
        flags = flags.reshape(self.counts)
        for axis, (b, n) in enumerate(zip(self.block, self.shape, strict=True)):
            flags = flags.repeat(b, axis).take(range(n), axis)
        return flags
