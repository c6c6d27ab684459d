"""Distances between measures: how far apart two laws, two samples, or a sample and a law are.

Divergences compare densities point by point, and saturate where the supports are disjoint;
transport, kernels and classes of critics compare where the mass is.
"""

from ._critics import linear_distance, neural_distance
from ._divergences import (
    chi_squared,
    f_divergence,
    histogram,
    jensen_shannon,
    kl,
    reverse_kl,
    squared_hellinger,
    total_variation,
)
from ._kernel import mmd
from ._transport import sliced_wasserstein, wasserstein

__all__ = [
    "chi_squared",
    "f_divergence",
    "histogram",
    "jensen_shannon",
    "kl",
    "linear_distance",
    "mmd",
    "neural_distance",
    "reverse_kl",
    "sliced_wasserstein",
    "squared_hellinger",
    "total_variation",
    "wasserstein",
]


def __dir__() -> list[str]:
    return __all__
