"""Laws by name: the normal law, mixtures, and the multi-modal laws on which mode collapse is shown.

Equal modes on a line, on a ring and on a grid: eight modes on a ring of radius 2 with standard
deviation 0.02 (Metz et al., "Unrolled Generative Adversarial Networks", 2017), 25 on a grid (Lin et
al., "PacGAN", 2018), three on a line at -5, 0 and 5.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .. import _checks as checks
from ._density import AbstractDensity, Gaussian
from ._measure import AbstractMeasure, Mixture, checked_measures, product, weights_of
from ._mixtures import DensityMixture, Gaussians, stacked


def gaussian(mean: Any, std: Any, nodes: int = 32) -> Gaussian:
    """The normal law N(mean, std^2), by Gauss-Hermite quadrature.

    **Arguments:**

    - `mean`: a number, or a vector of shape `(d,)`.
    - `std`: the standard deviation, a number or one per coordinate.
    - `nodes`: quadrature nodes per coordinate (`nodes**d` points in all): polynomials up to
      degree `2 nodes - 1` are integrated exactly.

    **Raises:** `ValueError` if the quadrature is too large to hold; as a law without a quadrature,
    `gandyn.measures.Gaussian(mean, std)` has any dimension.
    """
    law = Gaussian(mean, std, nodes)
    product(*np.polynomial.hermite_e.hermegauss(law.nodes), law.event)
    return law


def normal(d: int, nodes: int = 32) -> Gaussian:
    """The standard normal law in d dimensions: a latent law, as `minibatch(normal(16), 512)`, or in
    few dimensions by its quadrature.

    **Arguments:**

    - `d`: the number of dimensions; a point has shape `(d,)`.
    - `nodes`: quadrature nodes per coordinate.
    """
    return Gaussian(jnp.zeros(checks.count("d", d)), 1.0, nodes)


def mixture(components: Sequence[AbstractMeasure], weights: Any = None) -> AbstractMeasure:
    """sum_k w_k mu_k, a density if all of the components are, `Gaussians` if all are normal.

    **Arguments:**

    - `components`: the measures mu_k, of points of one shape.
    - `weights`: w_k, not negative, with sum one; equal if left out.
    """
    components = checked_measures(components)
    weights = weights_of("weights", weights, len(components))
    if (together := stacked(components, weights)) is not None:
        return together
    if all(isinstance(m, AbstractDensity) for m in components):
        return DensityMixture(components, weights)
    return Mixture(components, weights)


def line(modes: int = 3, spacing: Any = 5.0, std: Any = 0.1, nodes: int = 32) -> Gaussians:
    """Equal normal modes on the line, `spacing` apart, about 0: by default at -5, 0 and 5.

    **Arguments:**

    - `modes`: how many there are.
    - `spacing`: the distance of neighbors.
    - `std`: the standard deviation of every mode.
    - `nodes`: of the quadrature of a mode, per coordinate.
    """
    offsets = np.arange(checks.count("modes", modes)) - (modes - 1) / 2
    return _modes(checks.positive("spacing", spacing), offsets, std, nodes)


def ring(modes: int = 8, radius: Any = 2.0, std: Any = 0.02, nodes: int = 8) -> Gaussians:
    """Equal normal modes on a circle about 0, the first at `(radius, 0)`.

    Neighbors are `2 radius sin(pi / modes)` apart, all around: no mode is counted twice.

    **Arguments:**

    - `modes`: how many there are.
    - `radius`: of the circle.
    - `std`: the standard deviation of every mode.
    - `nodes`: of the quadrature of a mode, per coordinate.
    """
    angle = 2 * np.pi * np.arange(checks.count("modes", modes)) / modes
    offsets = np.stack([np.cos(angle), np.sin(angle)], -1)
    return _modes(checks.positive("radius", radius), offsets, std, nodes)


def grid(side: int = 5, spacing: Any = 2.0, std: Any = 0.05, nodes: int = 8) -> Gaussians:
    """`side`^2 equal normal modes on a square grid about 0, neighbors `spacing` apart.

    **Arguments:**

    - `side`: how many modes are in a row.
    - `spacing`: the distance of neighbors.
    - `std`: the standard deviation of every mode.
    - `nodes`: of the quadrature of a mode, per coordinate.
    """
    offsets = np.arange(checks.count("side", side)) - (side - 1) / 2
    square = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), -1).reshape(-1, 2)
    return _modes(checks.positive("spacing", spacing), square, std, nodes)


def _modes(scale: Array, offsets: np.ndarray, std: Any, nodes: int) -> Gaussians:
    std = checks.positive("std", std)
    return Gaussians(scale * jnp.asarray(offsets, scale.dtype), std, nodes=nodes)
