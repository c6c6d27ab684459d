"""Minibatches: a few points of a data set, or of a law, that are fresh for every key."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .. import _checks as checks
from ._density import AbstractDensity
from ._measure import AbstractMeasure, Sampled, several_points
from ._mixtures import chosen


class DataSet(eqx.Module):
    """A sampler that draws points of a data set, none of them twice."""

    data: Float[Array, "m *event"]

    def __call__(self, key: PRNGKeyArray, n: int) -> Float[Array, "n *event"]:
        return self.data[_distinct(key, n, len(self.data))]


class Weighted(eqx.Module):
    """A sampler that draws independent points with their weights."""

    x: Float[Array, "m *event"]
    w: Float[Array, " m"]

    def __call__(self, key: PRNGKeyArray, n: int) -> Float[Array, "n *event"]:
        return self.x[chosen(key, n, self.w)]


def minibatch(data: Any, n: int) -> Sampled:
    """A fresh minibatch for every key: `n` points of a data set, none of them twice, or `n`
    independent points of a law.

    **Arguments:**

    - `data`: the points of a data set, an array of shape `(m, *event)` with m at least `n`; or a
      law: a density, such as `gandyn.measures.ring()` or `gandyn.measures.normal(16)`, or any
      measure of weighted points.
    - `n`: the size of the minibatch.
    """
    if isinstance(data, AbstractDensity):
        return Sampled(data.sample, n)
    if isinstance(data, AbstractMeasure):
        if data.random:
            raise ValueError(
                f"`data` must be an array of points or a law, but is {checks.shown(data)}, which "
                "is drawn at random already."
            )
        return Sampled(Weighted(*data.points()), n)
    data, n = several_points("data", data), checks.count("n", n)
    if n > len(data):
        raise ValueError(
            f"`n` must be at most {len(data)}, because `data` has no more points and none is drawn "
            f"twice, but is {n}: all of them are `gandyn.measures.empirical(data)`."
        )
    return Sampled(DataSet(data), n)


def _distinct(key: PRNGKeyArray, n: int, m: int) -> Int[Array, " n"]:
    """`n` of the numbers below m, in random order, none of them twice."""
    if 2 * n > m:
        return jr.permutation(key, m)[:n]
    # To sort m random numbers takes longer than a step of training. Of numbers that agree the first
    # one stays, whatever they are, so that in the end all choices are equally likely.
    places = jnp.arange(n)

    def redrawn(drawing: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        key, chosen, twice = drawing
        key, now = jr.split(key)
        chosen = jnp.where(twice, jr.randint(now, (n,), 0, m, places.dtype), chosen)
        first = jnp.full(m, n, places.dtype).at[chosen].min(places)[chosen]
        return key, chosen, first < places

    start = key, jnp.zeros_like(places), jnp.ones(n, bool)
    return jax.lax.while_loop(lambda drawing: jnp.any(drawing[2]), redrawn, start)[1]
