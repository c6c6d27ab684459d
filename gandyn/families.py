"""Families of players on the line, from a free function down to a few parameters.

A discriminator of any of these families is linear in its parameters,

    D(x) = sum_k psi_k phi_k(x),

so that they differ in nothing but their features phi: hat functions on a grid (`Free`: a function,
given by its values), polynomials, bumps. One game played with fewer and fewer features is the way
from function space, where it is concave in D as it stands, to parameter space. A small network is a
discriminator of `gandyn.networks`.
"""

import abc
import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from . import _checks as checks
from ._types import Number, Scalar, WeightedPoints
from .measures import Points

__all__ = [
    "AbstractLinear",
    "AbstractMetricFamily",
    "Free",
    "Polynomial",
    "Radial",
    "on_grid",
]


def __dir__() -> list[str]:
    return __all__


class AbstractMetricFamily(eqx.Module):
    """A family of generators or discriminators whose parameters have a metric of their own.

        <u, v> = sum_k m_k u_k v_k

    The masses m depend on where the family is looked at; `gandyn.fields.natural` is the gradient in
    this metric. A family of your own is a subclass with `masses`, and is called as any other
    generator or discriminator.
    """

    @abc.abstractmethod
    def masses(self, parameters: PyTree, points: WeightedPoints) -> PyTree:
        """m, one number for each of the parameters.

        **Arguments:**

        - `parameters`: of this player.
        - `points`: weighted points `(x, w)`: for a generator its own, for a discriminator those of
          the data and of the generator, each law with half its weight.
        """


class AbstractLinear(eqx.Module):
    """A discriminator D(x) = psi . phi(x) for points x that are numbers."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """How many features there are."""

    @abc.abstractmethod
    def features(self, x: Scalar) -> Float[Array, " size"]:
        """phi(x)."""

    def __call__(self, psi: Float[Array, " size"], x: Scalar) -> Scalar:
        """D at a point `x`, of the parameters `psi`."""
        if jnp.shape(x) != ():
            raise ValueError(
                f"{type(self).__name__} is a family of functions on the line, but a point has "
                f"shape {jnp.shape(x)}: for points in more dimensions, use a network "
                "(`gandyn.networks.mlp`)."
            )
        if jnp.shape(psi) != (self.size,):
            raise ValueError(
                f"the parameters of a {type(self).__name__} discriminator are one number for each "
                f"of its {self.size} features, but have shape {jnp.shape(psi)}: `start()` makes "
                "them."
            )
        return jnp.sum(psi * self.features(x))

    def start(self) -> Float[Array, " size"]:
        """The parameters of D = 0, which knows nothing."""
        return jnp.zeros(self.size)


class Free(AbstractLinear, AbstractMetricFamily):
    """A free function on a grid: its values at the nodes are the parameters.

    Between nodes it is linear, beyond the last ones constant; its slope at a node is the mean of
    those on either side. The gradient in the values is weighted by the mass near each node (the
    metric is that of l2): where there is no mass nothing is learned. See `gandyn.fields.natural`
    for the gradient that does not depend on how the mass is spread.

    **Arguments:**

    - `grid`: its nodes, increasing, shape `(n,)`.
    """

    grid: Float[Array, " n"]

    def __init__(self, grid: Any):
        self.grid = checked_grid("grid", grid)

    @property
    def size(self) -> int:
        return self.grid.shape[0]

    def features(self, x: Scalar) -> Float[Array, " n"]:
        return hats(self.grid.astype(jnp.result_type(x)), x)

    def masses(
        self, parameters: Float[Array, " size"], points: WeightedPoints
    ) -> Float[Array, " size"]:
        """The mass that each node holds: E phi."""
        x, w = points
        return jnp.sum(w[:, None] * jax.vmap(self.features)(x), 0)


class Polynomial(AbstractLinear):
    """Polynomials, in Chebyshev's T_0 .. T_degree of (x - center) / scale.

    **Arguments:**

    - `degree`: at least 1.
    - `center`, `scale`: of the interval in which the polynomials are of the order of one; the
      middle and half the width of where the data is are good values.
    """

    degree: int = eqx.field(static=True)
    center: Float[Array, ""]
    scale: Float[Array, ""]

    def __init__(self, degree: int, center: Number = 0.0, scale: Number = 1.0):
        self.degree = checks.count("degree", degree)
        self.center = checks.number("center", center)
        self.scale = checks.positive("scale", scale)

    @property
    def size(self) -> int:
        return self.degree + 1

    def features(self, x: Scalar) -> Float[Array, " n"]:
        dtype = jnp.result_type(x)
        t = (x - self.center.astype(dtype)) / self.scale.astype(dtype)
        terms = [jnp.ones_like(t), t]
        for _ in range(self.degree - 1):
            terms.append(2 * t * terms[-1] - terms[-2])
        return jnp.stack(terms)


class Radial(AbstractLinear):
    """A constant, and Gaussian bumps: 1, exp(-(x - c_k)^2 / (2 width^2)).

    **Arguments:**

    - `centers`: c, shape `(n,)`.
    - `width`: of the bumps; the distance of the centers is a good value.
    """

    centers: Float[Array, " n"]
    width: Float[Array, ""]

    def __init__(self, centers: Any, width: Number):
        self.centers = checks.array("centers", centers)
        if self.centers.ndim != 1 or self.centers.shape[0] == 0:
            raise ValueError(
                f"`centers` must be a vector, not empty, but has shape {self.centers.shape}."
            )
        self.width = checks.positive("width", width)

    @property
    def size(self) -> int:
        return self.centers.shape[0] + 1

    def features(self, x: Scalar) -> Float[Array, " n"]:
        dtype = jnp.result_type(x)
        t = (x - self.centers.astype(dtype)) / self.width.astype(dtype)
        return jnp.concatenate([jnp.ones(1, dtype), jnp.exp(-(t**2) / 2)])


def hats(grid: Float[Array, " n"], x: Scalar) -> Float[Array, " n"]:
    """The hat functions of a grid at x, which sum to one; the outer ones go on for ever."""
    gaps = jnp.diff(grid)
    always = jnp.ones(1, grid.dtype)
    rising = jnp.concatenate([always, (x - grid[:-1]) / gaps])
    falling = jnp.concatenate([(grid[1:] - x) / gaps, always])
    # Where the two meet, at a node, JAX takes the mean of the slopes, and so half of each hat's.
    return jnp.maximum(jnp.minimum(rising, falling), 0)


def checked_grid(name: str, grid: Any) -> Float[Array, " n"]:
    """Increasing numbers, at least two."""
    grid = checks.array(name, grid)
    if grid.ndim != 1 or grid.shape[0] < 2:
        raise ValueError(
            f"`{name}` must be a vector of at least two numbers, but has shape {grid.shape}: "
            "`jnp.linspace(-8, 8, 65)` is a grid."
        )
    if checks.is_concrete(grid) and np.any(np.diff(np.asarray(grid, float)) <= 0):
        raise ValueError(f"`{name}` must increase, but is {checks.shown(grid)}.")
    return grid


def on_grid(cdf: Callable[[Array], Array], grid: Any) -> Points:
    """A law on the line as masses on a grid: each node holds what lies in its cell, which ends half
    way to the next node.

    **Arguments:**

    - `cdf`: the distribution function of the law, of arrays, such as that of a density.
    - `grid`: its nodes, increasing, shape `(n,)`.

    **Warns:** if more than 1e-3 of the mass lies beyond the grid; what lies on it is scaled to one.
    """
    grid = checked_grid("grid", grid)
    checks.function("cdf", cdf, "x")
    below = cdf(cell_edges(grid))
    held = below[-1] - below[0]
    look_for_mass(grid, held, "what it holds is scaled to one")
    return Points(grid, jnp.diff(below) / held)


def look_for_mass(grid: Float[Array, " n"], held: Scalar, consequence: str) -> None:
    """Warn if a grid misses mass, refuse it if it misses all."""
    if not checks.is_concrete((grid, held)):
        return
    lost, ends = 1 - float(held), f"{float(grid[0]):g} to {float(grid[-1]):g}"
    if not lost < 1:
        raise ValueError(
            f"`grid`, from {ends}, holds no mass of the data: move it to where the law is."
        )
    if lost > 1e-3:
        warnings.warn(
            f"`grid`, from {ends}, misses {lost:.3g} of the mass of the data: "
            f"{consequence}. Make it wider to keep all modes.",
            stacklevel=3,
        )


def cell_edges(grid: Float[Array, " n"]) -> Float[Array, " m"]:
    """The ends of the cells of a grid, half way between nodes, and as far beyond the last ones."""
    gaps = jnp.diff(grid) / 2
    return jnp.concatenate([grid[:1] - gaps[:1], grid[:-1] + gaps, grid[-1:] + gaps[-1:]])
