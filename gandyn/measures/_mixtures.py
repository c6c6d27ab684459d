"""Mixtures of densities: sum_k w_k p_k, the modes of a multi-modal law.

The components are any densities, one after the other, or normal laws, whose numbers are stacked: a
point then costs d + 1 random numbers, however many modes there are.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .. import _checks as checks
from .. import _numerics as numerics
from .._types import Key, Scalar
from ._density import AbstractDensity, Gaussian, checked_density
from ._measure import AbstractMeasure, Mixture, blur, in_range, several_points, weights_of


class AbstractDensityMixture(AbstractDensity):
    """sum_k w_k p_k, as far as it does not matter how the components p_k are held."""

    components: eqx.AbstractVar[tuple[AbstractDensity, ...]]
    centers: eqx.AbstractVar[Float[Array, "k *event"]]
    weights: eqx.AbstractVar[Float[Array, " k"]]

    @abc.abstractmethod
    def of_each(self, function: Callable[[Any], Array]) -> Float[Array, "k ..."]:
        """The values of a `function` of a density, one for each component."""

    @property
    def mean(self) -> Float[Array, "*event"]:
        """The mean of the law."""
        return jnp.tensordot(self.weights, self.centers, 1)

    def log_density(self, x: Float[Array, "*event"]) -> Scalar:
        # Written so that it has a derivative, 0, where there is no mass.
        w, logs = self.weights.astype(x.dtype), self.of_each(lambda p: p.log_density(x))
        logs = jnp.where(w > 0, jnp.log(jnp.where(w > 0, w, 1)) + logs, -jnp.inf)
        top = jax.lax.stop_gradient(jnp.max(logs))
        some = jnp.isfinite(top)
        terms = jnp.exp(jnp.where(jnp.isfinite(logs), logs, -jnp.inf) - jnp.where(some, top, 0))
        return jnp.where(some, jnp.log(jnp.where(some, jnp.sum(terms), 1)) + top, top)

    def below(self, x: Scalar) -> Scalar:
        return jnp.sum(self.weights.astype(x.dtype) * self.of_each(lambda p: p.below(x)))

    def bounds(self, u: Scalar) -> tuple[Scalar, Scalar]:
        ends = self.of_each(lambda p: jnp.stack(p.bounds(u)))
        present = self.weights > 0
        return (
            jnp.min(jnp.where(present, ends[:, 0], jnp.inf)),
            jnp.max(jnp.where(present, ends[:, 1], -jnp.inf)),
        )


class DensityMixture(AbstractDensityMixture):
    """sum_k w_k p_k of any densities.

    **Arguments:**

    - `components`: the densities p_k, of points of one shape.
    - `weights`: w_k, not negative, with sum one; equal if left out.
    """

    components: tuple[AbstractDensity, ...]
    weights: Float[Array, " k"]

    def __init__(self, components: Any, weights: Any = None):
        several = checks.several("components", components, "densities")
        self.components = tuple(
            checked_density(f"components[{k}]", p) for k, p in enumerate(several)
        )
        shapes = {p.event for p in self.components}
        if len(shapes) != 1:
            raise ValueError(
                "`components` must be densities of points of one shape, but have "
                f"{sorted(shapes) or 'none'}."
            )
        w = weights_of("weights", weights, len(self.components))
        self.weights = w.astype(self.components[0].mean.dtype)

    @property
    def centers(self) -> Float[Array, "k *event"]:
        """The means of the components."""
        return self.of_each(lambda p: p.mean)

    @property
    def event(self) -> tuple[int, ...]:
        return self.components[0].event

    def of_each(self, function: Callable[[Any], Array]) -> Float[Array, "k ..."]:
        return jnp.stack([function(p) for p in self.components])

    def points(self, key: Key = None) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
        return Mixture(self.components, self.weights).points(key)

    def sample(self, key: PRNGKeyArray, n: int) -> Float[Array, "n *event"]:
        which, *keys = jr.split(key, len(self.components) + 1)
        drawn = jnp.stack([p.sample(k, n) for p, k in zip(self.components, keys, strict=True)])
        return drawn[chosen(which, n, self.weights), jnp.arange(n)]

    def knots(self) -> Float[Array, " k"]:
        return jnp.concatenate([p.knots() for p in self.components])


class Gaussians(AbstractDensityMixture):
    """sum_k w_k N(c_k, s_k^2), with independent coordinates: the law of c_i + s_i z, z standard
    normal and i drawn with the weights.

    **Arguments:**

    - `centers`: c_k, shape `(k,)` on the line or `(k, d)`.
    - `std`: the standard deviations s_k, not negative: one number, one per mode, shape `(k,)`, or
      one per mode and coordinate.
    - `weights`: w_k, not negative, with sum one; equal if left out.
    - `nodes`: of the Gauss-Hermite quadrature of a mode, per coordinate: `k nodes**d` points.
    """

    centers: Float[Array, "k *event"]
    std: Float[Array, "..."]
    weights: Float[Array, " k"]
    nodes: int = eqx.field(static=True)

    def __init__(self, centers: Any, std: Any, weights: Any = None, nodes: int = 32):
        self.centers = several_points("centers", centers)
        n, dtype = len(self.centers), self.centers.dtype
        self.std = checks.array("std", std).astype(dtype)
        if checks.is_concrete(self.std) and np.any(np.asarray(self.std) < 0):
            raise ValueError(f"`std` must not be negative, but is {checks.shown(self.std)}.")
        if self.std.shape not in ((), (n,), self.centers.shape):
            raise ValueError(
                f"`std` must be one number, one for each of {n} modes, or one per mode and "
                f"coordinate, shape {self.centers.shape}, but has shape {self.std.shape}."
            )
        in_range(self.centers, self.std)
        self.weights = weights_of("weights", weights, n).astype(dtype)
        self.nodes = checks.count("nodes", nodes)

    @property
    def event(self) -> tuple[int, ...]:
        return self.centers.shape[1:]

    @property
    def components(self) -> tuple[Gaussian, ...]:
        """The modes, one by one."""
        return tuple(
            Gaussian(c, s, self.nodes) for c, s in zip(self.centers, self._stds(), strict=True)
        )

    def of_each(self, function: Callable[[Any], Array]) -> Float[Array, "k ..."]:
        return jax.vmap(lambda c, s: function(Gaussian(c, s, self.nodes)))(
            self.centers, self._stds()
        )

    def points(self, key: Key = None) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
        return blur(self.centers, self.weights, self._spread(), self.nodes)

    def sample(self, key: PRNGKeyArray, n: int) -> Float[Array, "n *event"]:
        which, around = jr.split(key)
        i = chosen(which, n, self.weights)
        z = jr.normal(around, (n, *self.event), self.centers.dtype)
        return self.centers[i] + self._spread()[i] * z

    def knots(self) -> Float[Array, " k"]:
        return self.of_each(lambda p: p.knots()).reshape(-1)

    def _stds(self) -> Float[Array, "k *#event"]:
        """What each mode has for its standard deviation."""
        return self.std if self.std.ndim else jnp.broadcast_to(self.std, len(self.centers))

    def _spread(self) -> Float[Array, "k *event"]:
        """The standard deviation in every coordinate of every mode."""
        alike = self.centers.ndim - self.std.ndim if self.std.ndim else 0
        std = self.std.reshape(*self.std.shape, *(1,) * alike)
        return jnp.broadcast_to(std, self.centers.shape)


def stacked(
    components: tuple[AbstractMeasure, ...], weights: Float[Array, " k"]
) -> Gaussians | None:
    """The mixture of normal laws, and of mixtures of them, as `Gaussians`; `None` of others, and of
    normal laws of points of several kinds or with several quadratures."""
    parts: list[Gaussians] = []
    for p in components:
        p = Gaussians(p.mean[None], p.std[None], nodes=p.nodes) if isinstance(p, Gaussian) else p
        if not isinstance(p, Gaussians):
            return None
        parts.append(p)
    if len({(p.event, p.centers.dtype, p.nodes) for p in parts}) > 1:
        return None
    stds = [p._stds() for p in parts]
    if len({std.ndim for std in stds}) > 1:
        stds = [p._spread() for p in parts]
    centers = jnp.concatenate([p.centers for p in parts])
    shares = [w.astype(p.weights.dtype) * p.weights for w, p in zip(weights, parts, strict=True)]
    return Gaussians(centers, jnp.concatenate(stds), jnp.concatenate(shares), parts[0].nodes)


def chosen(key: PRNGKeyArray, n: int, weights: Float[Array, " k"]) -> Int[Array, " n"]:
    """`n` independent indices, drawn with weights: the first up to which these sum to a random
    number, so that none without weight is."""
    sums = jnp.cumsum(weights.astype(numerics.at_least_single(weights.dtype)))
    return jnp.searchsorted(sums, sums[-1] * (1 - jr.uniform(key, (n,), sums.dtype)))
