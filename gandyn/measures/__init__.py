"""Measures: recipes for weighted points `(x, w)`.

    E[h] = sum_i w_i h(x_i)

A Dirac, the nodes of a quadrature, a data set and a fresh minibatch are all weighted points.
The population objective of a game and its sampled objective differ in nothing else. Densities are
measures of which more is known: log p, the score, samples, quantiles.
"""

from ._density import AbstractDensity, Gaussian, Uniform
from ._laws import gaussian, grid, line, mixture, normal, ring
from ._measure import AbstractMeasure, Mixture, Points, Sampled, blurred, dirac, empirical
from ._minibatch import minibatch
from ._mixtures import DensityMixture, Gaussians

__all__ = [
    "AbstractDensity",
    "AbstractMeasure",
    "DensityMixture",
    "Gaussian",
    "Gaussians",
    "Mixture",
    "Points",
    "Sampled",
    "Uniform",
    "blurred",
    "dirac",
    "empirical",
    "gaussian",
    "grid",
    "line",
    "minibatch",
    "mixture",
    "normal",
    "ring",
]


def __dir__() -> list[str]:
    return __all__
