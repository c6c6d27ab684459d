"""Packing: the discriminator sees several points of one law at once.

    L_D = E real(D(x_1, .., x_m)) + E fake(D(y_1, .., y_m)),    x_i ~ data and y_i ~ gen independent

A law without some of the modes is further from the data in m independent points than in one. Lin,
Khetan, Fanti, Oh, "PacGAN: The power of two samples in generative adversarial networks", 2018.
"""

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .. import _checks as checks
from .._types import Key, Players, Scalar, split
from ..measures._measure import crossed
from ._gan import AbstractGAN, Batch, checked_gan


class Packed(AbstractGAN):
    """A GAN whose discriminator looks at `m` independent points at once, joined along their last
    axis: vectors of d numbers become one of m d, numbers one vector of m. With `m = 1` it is the
    game as it is.

    A law that is no sample is packed to its product with itself, all combinations of its points; of
    a sample of n points n packs are made, of m samples.

    **Arguments:**

    - `game`: a `GAN`, or one that is penalized or noised already, with a discriminator written for
      one pack.
    - `m`: how many points it is shown.
    """

    game: AbstractGAN
    m: int = eqx.field(static=True)

    def __init__(self, game: AbstractGAN, m: int):
        self.game = checked_gan("Packed", game)
        self.m = checks.count("m", m)

    def batch(self, players: Players, key: Key = None) -> Batch:
        if key is None or self.m == 1:
            parts = [self.game.batch(players, key)] * self.m
        else:
            parts = [self.game.batch(players, k) for k in split(key, self.m)]
        real = _packed([part.real for part in parts], parts[0].drawn[0])
        fake = _packed([part.fake for part in parts], parts[0].drawn[1])
        return dataclasses.replace(parts[0], real=real, fake=fake)

    def score(self, batch: Batch) -> tuple[Scalar, Scalar]:
        return self.game.score(batch)

    def equilibria(self) -> tuple[Players, ...]:
        return self.game.equilibria()


def _packed(several: Sequence[tuple[Array, Array]], drawn: bool) -> tuple[Array, Array]:
    """The packs of several weighted points of one law."""
    if len(several) == 1:
        return several[0]
    if drawn:
        x, w = tuple(x for x, _ in several), several[0][1]
    else:
        x, w = crossed("`Packed`", *several)
    join = jnp.stack if x[0].ndim == 1 else jnp.concatenate
    return join(x, axis=-1), w
