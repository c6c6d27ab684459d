"""Weighted Birkhoff means: along quasi-periodic orbits they converge faster than any power of time.

Das, Saiki, Sander, Yorke, "Quantitative quasiperiodicity", Nonlinearity 30, 2017.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def bump(u: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """exp(4 - 1 / (u (1 - u))) on (0, 1), 0 outside: smooth, and 1 in the middle."""
    spread = jnp.where((u > 0) & (u < 1), u * (1 - u), jnp.inf)
    return jnp.where(jnp.isfinite(spread), jnp.exp(4 - 1 / spread), 0)


def birkhoff(values: Float[Array, "n *k"], u: Float[Array, " n"]) -> Float[Array, "*k"]:
    """The mean of values that were seen at shares u of the whole time."""
    weights = bump(u).reshape(-1, *(1,) * (values.ndim - 1))
    # What has no weight may be infinite.
    total = jnp.sum(jnp.where(weights > 0, weights * values, 0), axis=0)
    return total / jnp.sum(weights)


def middles(n: int, dtype: jnp.dtype) -> Float[Array, " n"]:
    """The middles of n equal shares of the time."""
    return (jnp.arange(n, dtype=dtype) + 0.5) / n
