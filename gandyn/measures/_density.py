"""Densities: laws of which more is known than their points.

A density p gives log p, the score grad log p and samples, and on the line its distribution function
F(x) = P(X <= x) and the quantiles F^-1. It is a measure as well: its `points` are a quadrature,
and `minibatch(p, n)` draws from it.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Float, PRNGKeyArray

from .. import _checks as checks
from .. import _numerics as numerics
from .._compiled import compiled
from .._types import Key, Scalar
from ._measure import REACH, AbstractMeasure, blur, in_range, product


class AbstractDensity(AbstractMeasure):
    """A law on the line or in d dimensions that has a density.

    A density of your own is a subclass with `mean`, `event`, `points`, `sample` and `log_density`,
    and, if it lives on the line, `below`, `bounds` and `knots`, which nobody asks of the others.
    """

    mean: eqx.AbstractVar[Float[Array, "..."]]

    @property
    @abc.abstractmethod
    def event(self) -> tuple[int, ...]:
        """The shape of one point; `()` for numbers."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray, n: int) -> Float[Array, "n *event"]:
        """`n` independent points."""

    @abc.abstractmethod
    def log_density(self, x: Float[Array, "*event"]) -> Scalar:
        """log p at one point, in the precision of the point; -inf where there is no mass."""

    def below(self, x: Scalar) -> Scalar:
        """F(x), for a law on the line."""
        raise _unwritten(self, "below(self, x)", "its distribution function")

    def bounds(self, u: Scalar) -> tuple[Scalar, Scalar]:
        """Two numbers with the u-quantile of a law on the line between them."""
        raise _unwritten(self, "bounds(self, u)", "bounds of its quantiles")

    def knots(self) -> Float[Array, " k"]:
        """Numbers so dense that a law on the line is smooth between two of them."""
        raise _unwritten(self, "knots(self)", "between which numbers it is smooth")

    @property
    def random(self) -> bool:
        return False

    @property
    def dtype(self) -> Any:
        """The precision of the law's own numbers."""
        return self.mean.dtype

    def log_prob(self, x: Any) -> Float[Array, "..."]:
        """log p(x), for one point or for an array of points of shape `(..., *event)`."""
        return self._each(self.log_density, x)

    def prob(self, x: Any) -> Float[Array, "..."]:
        """p(x), for one point or for an array of points."""
        return jnp.exp(self.log_prob(x))

    def score(self, x: Any) -> Float[Array, "..."]:
        """grad log p(x), for one point or for an array of points; 0 where there is no mass."""
        return self._each(self._slope, x)

    def cdf(self, x: Any) -> Float[Array, "..."]:
        """F(x) = P(X <= x), for one number or for an array of numbers."""
        self.on_the_line()
        return self._each(self._share, x)

    def quantile(self, u: Any) -> Float[Array, "..."]:
        """F^-1(u), for one probability or for an array of them."""
        self.on_the_line()
        u = checks.array("u", u if hasattr(u, "dtype") else jnp.asarray(u, self.dtype))
        if checks.is_concrete(u) and not np.all((np.asarray(u) >= 0) & (np.asarray(u) <= 1)):
            raise ValueError(f"`u` must be probabilities, between 0 and 1, but is {u}.")
        return _mapped(self._quantile, u.reshape(-1), 1).reshape(*u.shape, *self.event)

    def on_the_line(self) -> None:
        """Refuses laws in more than one dimension."""
        if np.prod(self.event) != 1:
            raise ValueError(
                "distribution functions and quantiles are those of laws on the line, but a point "
                f"of this {type(self).__name__} has shape {self.event}."
            )

    def _quantile(self, u: Scalar) -> Scalar:
        low, high = jax.lax.stop_gradient(self.bounds(u))

        settled = (low == high) | ~jnp.isfinite(low) | ~jnp.isfinite(high)
        ends = jnp.where(settled, 0, low), jnp.where(settled, 0, high)
        _, found = numerics.bisection(lambda x: self.below(x) >= u, *ends)
        slope = jnp.exp(self.log_density(found.reshape(self.event)))
        found = numerics.refined(found, self.below(found) - u, slope, slope > 0)
        return jnp.where(settled, jnp.where(low == high, low, low + high), found)

    def _each(self, function: Callable[[Array], Array], x: Any) -> Float[Array, "..."]:
        """A function of one point, for an array of points."""
        x = checks.floating(x) if hasattr(x, "dtype") else jnp.asarray(x, self.dtype)
        n = x.ndim - len(self.event)
        if n < 0 or x.shape[n:] != self.event:
            raise ValueError(
                f"`x` must be points of shape {self.event}, with any axes in front, but has shape "
                f"{x.shape}."
            )
        return _mapped(function, x, n)

    def _slope(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return jax.grad(self.log_density)(x)

    def _share(self, x: Float[Array, "*event"]) -> Scalar:
        return self.below(x.reshape(()))


def _unwritten(law: AbstractDensity, method: str, what: str) -> NotImplementedError:
    """What a law on the line is asked for, and does not say."""
    name = type(law).__name__
    return NotImplementedError(f"{name} does not say {what}: write `{method}` in the class {name}.")


def checked_density(name: str, value: Any) -> AbstractDensity:
    """`value`, held to be a density."""
    return checks.instance(
        name, value, AbstractDensity, "a density", "`gandyn.measures.gaussian(0., 1.)` is one"
    )


@compiled
def _mapped(function: Callable[[Array], Array], x: Array, n: int) -> Array:
    """A function of one point over the first `n` axes of `x`, as one program."""
    for _ in range(n):
        function = jax.vmap(function)
    return function(x)


class Gaussian(AbstractDensity):
    """The normal law N(mean, std^2), with independent coordinates.

    **Arguments:**

    - `mean`: a number, or a vector of shape `(d,)`.
    - `std`: the standard deviation, a number or one per coordinate, not negative; where it is 0
      the density is infinite at the mean.
    - `nodes`: of the Gauss-Hermite quadrature, per coordinate: `nodes**d` points in all.
    """

    mean: Float[Array, "*event"]
    std: Float[Array, "*#event"]
    nodes: int = eqx.field(static=True)

    def __init__(self, mean: Any, std: Any, nodes: int = 32):
        self.mean = checks.array("mean", mean)
        if 0 in self.mean.shape:
            raise ValueError(f"`mean` must be a point, but has shape {self.mean.shape}.")
        self.std = checks.array("std", std).astype(self.mean.dtype)
        if checks.is_concrete(self.std) and np.any(np.asarray(self.std) < 0):
            raise ValueError(f"`std` must not be negative, but is {self.std}.")
        if self.std.shape not in ((), self.mean.shape):
            raise ValueError(
                f"`std` must be one number or have the shape of `mean`, {self.mean.shape}, but has "
                f"shape {self.std.shape}."
            )
        in_range(self.mean, self.std)
        self.nodes = checks.count("nodes", nodes)

    @property
    def event(self) -> tuple[int, ...]:
        return self.mean.shape

    def points(self, key: Key = None) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
        return blur(self.mean[None], jnp.ones(1, self.mean.dtype), self.std, self.nodes)

    def sample(self, key: PRNGKeyArray, n: int) -> Float[Array, "n *event"]:
        dtype = self.mean.dtype
        z = jr.normal(key, (n, *self.event), dtype)
        return self.mean[None] + self._std(dtype)[None] * z

    def log_density(self, x: Float[Array, "*event"]) -> Scalar:
        std, z = self._std(x.dtype), self._standard(x)
        whole = -jnp.sum(jnp.where(jnp.isinf(z), 0, z) ** 2) / 2 - jnp.sum(jnp.log(std))
        return jnp.where(
            jnp.any(jnp.isinf(z)), -jnp.inf, whole - x.size * np.log(2 * np.pi).item() / 2
        )

    def below(self, x: Scalar) -> Scalar:
        z = self._standard(x.reshape(self.event)).reshape(())
        return jnp.where(self._std(x.dtype).reshape(()) > 0, ndtr(z), (z >= 0).astype(z.dtype))

    def bounds(self, u: Scalar) -> tuple[Scalar, Scalar]:
        at = self._quantile(u)
        return at, at

    def knots(self) -> Float[Array, " k"]:
        near = np.arange(-12, 12.5, 0.5)
        offsets = np.concatenate([-np.arange(REACH, 12, -2), near, np.arange(14, REACH + 1, 2)])
        dtype = self.mean.dtype
        return self.mean.reshape(1) + self._std(dtype).reshape(1) * jnp.asarray(offsets, dtype)

    def _quantile(self, u: Scalar) -> Scalar:
        z = jnp.where(self._std(u.dtype).reshape(()) > 0, ndtri(u), 0)
        return self.mean.astype(u.dtype).reshape(()) + self._std(u.dtype).reshape(()) * z

    def _std(self, dtype: Any) -> Float[Array, "*event"]:
        return jnp.broadcast_to(self.std.astype(dtype), self.event)

    def _standard(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """(x - mean) / std, infinite away from the mean where std is 0."""
        std, apart = self._std(x.dtype), x - self.mean.astype(x.dtype)
        flat = std == 0
        far = jnp.where(apart == 0, 0, jnp.copysign(jnp.inf, apart))
        return jnp.where(flat, far, apart / jnp.where(flat, 1, std))


class Uniform(AbstractDensity):
    """The uniform law on an interval or a box.

    **Arguments:**

    - `low`, `high`: the ends, numbers or vectors of shape `(d,)`; `low` is below `high`.
    - `nodes`: of the Gauss-Legendre quadrature, per coordinate: `nodes**d` points in all.
    """

    low: Float[Array, "*event"]
    high: Float[Array, "*event"]
    nodes: int = eqx.field(static=True)

    def __init__(self, low: Any, high: Any, nodes: int = 32):
        self.low = checks.array("low", low)
        if 0 in self.low.shape:
            raise ValueError(f"`low` must be a point, but has shape {self.low.shape}.")
        self.high = checks.array("high", high).astype(self.low.dtype)
        if self.low.shape != self.high.shape:
            raise ValueError(
                f"`low` and `high` must have one shape, but have {self.low.shape} and "
                f"{self.high.shape}."
            )
        if checks.is_concrete((self.low, self.high)) and not np.all(
            np.asarray(self.low) < np.asarray(self.high)
        ):
            raise ValueError(f"`low` must be below `high`, but they are {low} and {high}.")
        self.nodes = checks.count("nodes", nodes)

    @property
    def mean(self) -> Float[Array, "*event"]:
        """The mean of the law."""
        return (self.low + self.high) / 2

    @property
    def event(self) -> tuple[int, ...]:
        return self.low.shape

    def points(self, key: Key = None) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
        dtype = self.low.dtype
        t, w = product(*np.polynomial.legendre.leggauss(self.nodes), self.event)
        half = (self.high - self.low) / 2
        return self.mean[None] + half[None] * jnp.asarray(t, dtype), jnp.asarray(w, dtype)

    def sample(self, key: PRNGKeyArray, n: int) -> Float[Array, "n *event"]:
        u = jr.uniform(key, (n, *self.event), self.low.dtype)
        return self.low[None] + (self.high - self.low)[None] * u

    def log_density(self, x: Float[Array, "*event"]) -> Scalar:
        low, high = self.low.astype(x.dtype), self.high.astype(x.dtype)
        inside = jnp.all((low <= x) & (x <= high))
        return jnp.where(inside, -jnp.sum(jnp.log(high - low)), -jnp.inf)

    def below(self, x: Scalar) -> Scalar:
        low, high = (end.astype(x.dtype).reshape(()) for end in (self.low, self.high))
        return jnp.clip((x - low) / (high - low), 0, 1)

    def bounds(self, u: Scalar) -> tuple[Scalar, Scalar]:
        at = self._quantile(u)
        return at, at

    def knots(self) -> Float[Array, " k"]:
        return jnp.stack([self.low.reshape(()), self.high.reshape(())])

    def _quantile(self, u: Scalar) -> Scalar:
        low, high = (end.astype(u.dtype).reshape(()) for end in (self.low, self.high))
        inside = low + (high - low) * jnp.clip(u, 0, 1)
        return jnp.where((u >= 0) & (u <= 1), inside, jnp.nan)
