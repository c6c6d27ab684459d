"""Weighted Birkhoff means: along quasi-periodic orbits they converge faster than any power of time.

Their errors come from such means over blocks of the time, shorter by the share a of it that one
block takes: where what happens in one is forgotten in the next, as in chaos, their variance is 1/a
times that of the mean over all. On quasi-periodic orbits, which forget nothing, they differ by more
than that, and the error bar is longer than need be.

Das, Saiki, Sander, Yorke, "Quantitative quasiperiodicity", Nonlinearity 30, 2017.
"""

import jax.numpy as jnp
import scipy
from jaxtyping import Array, Float

CONFIDENCE = 0.95  # with which the truth lies within an error
SHARES_FROM = 0.1  # before this share of the time the weights vanish, as good as


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


def confidence(means: Float[Array, "block *k"], share: float) -> Float[Array, "*k"]:
    """How far the mean over all the time lies from its limit, at 95 %, as told by the means over
    blocks that each take a share of it: Student's quantile times the standard error."""
    quantile = float(scipy.special.stdtrit(len(means) - 1, (1 + CONFIDENCE) / 2))
    return quantile * share**0.5 * jnp.std(means, axis=0, ddof=1)
