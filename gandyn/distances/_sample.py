"""Samples at the door."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import _checks as checks


def sample(name: str, value: Any) -> Float[Array, "n d"]:
    """A sample as points in d dimensions; numbers are points in one."""
    value = checks.array(name, value)
    if value.ndim not in (1, 2) or 0 in value.shape:
        raise ValueError(
            f"`{name}` must be a sample of shape (n,) or (n, d), not empty, but has shape "
            f"{value.shape}."
        )
    return value.reshape(len(value), -1)


def pair(x: Any, y: Any) -> tuple[Float[Array, "n d"], Float[Array, "m d"]]:
    """Two samples of one dimension, in the precision of the finer one."""
    x, y = sample("x", x), sample("y", y)
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"`x` and `y` must have one dimension, but `x` has {x.shape[1]} and `y` {y.shape[1]}."
        )
    dtype = jnp.promote_types(x.dtype, y.dtype)
    return x.astype(dtype), y.astype(dtype)


def norm(x: Float[Array, "... d"]) -> Float[Array, "..."]:
    """|x|, with derivative 0 where it has none."""
    return root(jnp.sum(x**2, -1))


def root(square: Float[Array, "..."], order: Any = 2) -> Float[Array, "..."]:
    """The root of a number that is not negative, with derivative 0 at 0, where it has none."""
    some = square != 0
    return jnp.where(some, jnp.where(some, square, 1) ** (1 / jnp.asarray(order, square.dtype)), 0)
