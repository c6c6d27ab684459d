"""The generator's gradient against the best discriminator, in closed form."""

from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

from ._game import LOSSES


def mean_under_generator(h: Callable[[np.ndarray], np.ndarray], d: float) -> float:
    """E_q h(D*) with D* = 1 / (1 + exp(d z + d^2/2)), z normal: sums over even steps, which for
    analytic functions are right to rounding."""
    z = np.arange(-40, 40, 0.005)
    D = 1 / (1 + np.exp(np.minimum(d * z + d**2 / 2, 700)))
    return float(np.sum(stats.norm.pdf(z) * h(D)) * 0.005)


def at_the_optimum(d: float) -> dict[str, float]:
    """The gradient in the generator's mean that each loss gives at D*."""
    overlap = mean_under_generator(lambda D: D, d)
    gradients = (
        d * overlap,
        d * (1 - overlap),
        d * mean_under_generator(lambda D: D * (1 - D) ** 2, d),
        float(2 * stats.norm.pdf(d / 2)),
        1.0,
    )
    return dict(zip(LOSSES, gradients, strict=True))


def at_the_best_line(d: float) -> dict[str, float]:
    """The same for the best discriminator that is affine, and for Wasserstein of slope at most 1.

    D* of the minimax loss is affine; least squares is Fisher's discriminant, hinge a support vector
    machine.
    """
    fisher = d / (4 + d**2)

    def margin(c: float) -> float:
        return float(d / 2 * stats.norm.cdf(c - d / 2) - stats.norm.pdf(c - d / 2))

    return at_the_optimum(d) | {
        "least squares": fisher * (1 + fisher * d) / 2,
        "hinge": 1 / float(optimize.brentq(margin, -10, 10 + d)),  # pyright: ignore[reportArgumentType]
    }
