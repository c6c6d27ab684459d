"""What a generator makes, to be looked at."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr

from .._types import Players, WeightedPoints
from ..measures import AbstractMeasure
from ._gan import AbstractGAN
from ._packed import Packed


def generated(gan: AbstractGAN, players: Players, n: int) -> WeightedPoints:
    """Points of the generator, one by one where a discriminator sees packs of them: all of a
    population, or `n` that are always of the same draws."""
    gan = _unpacked(gan)
    if not any(measure.random for measure in _measures(gan)):
        return gan.batch(players).fake
    once = jax.eval_shape(lambda: gan.batch(players, jr.key(0)).fake[0])
    draws = jnp.arange(-(-n // len(once)))
    x, w = jax.vmap(lambda i: gan.batch(players, jr.fold_in(jr.key(0), i)).fake)(draws)
    x, w = x.reshape(-1, *once.shape[1:])[:n], w.reshape(-1)[:n]
    return x, w / jnp.sum(w)


def _measures(gan: AbstractGAN) -> list[AbstractMeasure]:
    nodes = jax.tree.leaves(gan, is_leaf=lambda node: isinstance(node, AbstractMeasure))
    return [node for node in nodes if isinstance(node, AbstractMeasure)]


def _unpacked(gan: AbstractGAN) -> AbstractGAN:
    def one(node: Any) -> Any:
        return _unpacked(node.game) if isinstance(node, Packed) else node

    return jax.tree.map(one, gan, is_leaf=lambda node: isinstance(node, Packed))
