"""Instance noise: the discriminator compares the two laws convolved with a Gaussian.

Sonderby et al., "Amortised MAP Inference for Image Super-resolution", 2017; Arjovsky and Bottou,
"Towards Principled Methods for Training Generative Adversarial Networks", 2017.
"""

import dataclasses

import equinox as eqx
import jax.random as jr
from jaxtyping import Array, Float

from .. import _checks as checks
from .._types import Key, Number, Players, Scalar, WeightedPoints, split
from ..measures._measure import blur
from ._gan import AbstractGAN, Batch, checked_gan


class Noised(AbstractGAN):
    """Instance noise: real and fake points are blurred by N(0, std^2) before D sees them.

    Points of the population are blurred by Gauss-Hermite quadrature, points of a drawn batch by
    one draw each. Penalties inside and outside of the noise see the blurred points.

    **Arguments:**

    - `game`: a `GAN`, or one that is penalized or noised already.
    - `std`: the standard deviation of the noise in every coordinate, not negative.
    - `nodes`: of the quadrature, per coordinate.
    """

    game: AbstractGAN
    std: Float[Array, ""]
    nodes: int = eqx.field(static=True)

    def __init__(self, game: AbstractGAN, std: Number, nodes: int = 32):
        self.game = checked_gan("Noised", game)
        self.std = checks.number("std", std, low=0)
        self.nodes = checks.count("nodes", nodes)

    def batch(self, players: Players, key: Key = None) -> Batch:
        batch = self.game.batch(players, key)
        on_real, on_fake, left = split(batch.key, 3)

        def noised(
            points: WeightedPoints, key: Key
        ) -> tuple[Float[Array, "m *event"], Float[Array, " m"]]:
            x, w = points
            if key is None:
                return blur(x, w, self.std, self.nodes)
            return x + self.std.astype(x.dtype) * jr.normal(key, x.shape, x.dtype), w

        real, fake = noised(batch.real, on_real), noised(batch.fake, on_fake)
        return dataclasses.replace(batch, real=real, fake=fake, key=left)

    def score(self, batch: Batch) -> tuple[Scalar, Scalar]:
        return self.game.score(batch)

    def equilibria(self) -> tuple[Players, ...]:
        return self.game.equilibria()
