"""Samples at the door."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import _checks as checks
from ..measures import AbstractDensity, AbstractMeasure


def sample(name: str, value: Any) -> Float[Array, "n d"]:
    """A sample as points in d dimensions; numbers are points in one."""
    value = checks.array(name, value)
    if value.ndim not in (1, 2) or 0 in value.shape:
        raise ValueError(
            f"`{name}` must be a sample of shape (n,) or (n, d), not empty, but has shape "
            f"{value.shape}."
        )
    return value.reshape(len(value), -1)


Weights = Float[Array, "..."] | None
"""Of points; `None` if they are equal."""


def weighted(name: str, value: Any) -> tuple[Float[Array, "n d"], Weights]:
    """A sample, or the points of a measure, in d dimensions; and their weights."""
    if isinstance(value, AbstractDensity):
        raise ValueError(
            f"`{name}` must be a sample or weighted points, but is a density: give points of it, "
            "`law.sample(key, n)` or `gandyn.measures.Points(*law.points())`."
        )
    if not isinstance(value, AbstractMeasure):
        return sample(name, value), None
    if value.random:
        raise ValueError(
            f"`{name}` is a new sample for every key: give one, `measure.points(key)[0]`."
        )
    x, w = value.points()
    w = checks.probabilities("w", w)
    x = sample(name, x.reshape(len(x), -1) if x.ndim > 2 else x)
    if checks.is_concrete(w) and len(set(np.asarray(w).tolist())) == 1:
        return x, None
    return x, w.astype(x.dtype) / jnp.sum(w).astype(x.dtype)


def pair(x: Any, y: Any) -> tuple[Float[Array, "n d"], Float[Array, "m d"], Weights, Weights]:
    """Two samples of one dimension, in the precision of the finer one, and their weights."""
    (x, a), (y, b) = weighted("x", x), weighted("y", y)
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"`x` and `y` must have one dimension, but `x` has {x.shape[1]} and `y` {y.shape[1]}."
        )
    dtype = jnp.promote_types(x.dtype, y.dtype)
    x, y = x.astype(dtype), y.astype(dtype)
    return x, y, a if a is None else a.astype(dtype), b if b is None else b.astype(dtype)


def mean(x: Float[Array, "n *event"], w: Weights) -> Float[Array, "*event"]:
    """The mean of points of these weights."""
    return jnp.mean(x, 0) if w is None else jnp.tensordot(w, x, 1)


def norm(x: Float[Array, "... d"]) -> Float[Array, "..."]:
    """|x|, with derivative 0 where it has none; each in its own unit, so that squares stay in
    range."""
    top = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axis=-1))
    unit = jnp.where((top > 0) & jnp.isfinite(top), top, 1)
    return unit * root(jnp.sum((x / unit[..., None]) ** 2, -1))


def root(square: Float[Array, "..."], order: Any = 2) -> Float[Array, "..."]:
    """The root of a number that is not negative, with derivative 0 at 0, where it has none."""
    some = square != 0
    return jnp.where(some, jnp.where(some, square, 1) ** (1 / jnp.asarray(order, square.dtype)), 0)
