"""Gradient penalties: the discriminator pays for the slope of D.

    L_D <- L_D + penalty(batch)

R1 and R2: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?",
2018, section 4.1. The penalty of WGAN-GP: Gulrajani et al., "Improved Training of Wasserstein
GANs", 2017.
"""

import abc
import dataclasses
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from .. import _checks as checks
from .._types import Key, Number, Players, Scalar, WeightedPoints, split
from ..measures._measure import crossed, expectation
from ..measures._mixtures import chosen
from ._gan import AbstractGAN, Batch, checked_gan


class Penalized(AbstractGAN):
    """A GAN whose discriminator also pays `penalty(batch)`. Penalties stack by nesting.

    **Arguments:**

    - `game`: a `GAN`, or one that is penalized or noised already.
    - `penalty`: any function of a `Batch`; an `AbstractPenalty` says besides whether the known
      equilibria of the game are equilibria of the penalized one, as they are with R1 and R2.
    """

    game: AbstractGAN
    penalty: Callable[[Batch], Scalar]

    def __init__(self, game: AbstractGAN, penalty: Callable[[Batch], Scalar]):
        self.game = checked_gan("Penalized", game)
        self.penalty = checks.function("penalty", penalty, "batch", example="gandyn.games.R1(0.1)")

    def batch(self, players: Players, key: Key = None) -> Batch:
        return self.game.batch(players, key)

    def score(self, batch: Batch) -> tuple[Scalar, Scalar]:
        mine, further = split(batch.key, 2)
        generator, discriminator = self.game.score(_with_key(batch, further))
        return generator, discriminator + self.penalty(_with_key(batch, mine))

    def equilibria(self) -> tuple[Players, ...]:
        penalty = self.penalty
        keeps = isinstance(penalty, AbstractPenalty) and penalty.keeps_equilibria
        return self.game.equilibria() if keeps else ()


class AbstractPenalty(eqx.Module):
    """A function of a `Batch` that says what becomes of the equilibria of the game.

    A penalty of your own is a subclass with `__call__` and
    `keeps_equilibria: ClassVar[bool] = True`, or `False`: whether the penalty and its slope vanish
    at every equilibrium that a game knows, as those on |grad_x D| do where D is flat.
    """

    keeps_equilibria: eqx.AbstractClassVar[bool]

    @abc.abstractmethod
    def __call__(self, batch: Batch) -> Scalar:
        """What the discriminator pays."""


class R1(AbstractPenalty):
    """gamma/2 E_data |grad_x D(x)|^2.

    **Arguments:**

    - `gamma`: the strength, not negative. The Dirac-GAN with the logistic loss is critically
      damped at `gamma = 1`.
    """

    gamma: Float[Array, ""]
    keeps_equilibria: ClassVar[bool] = True

    def __init__(self, gamma: Number):
        self.gamma = checks.number("gamma", gamma, low=0)

    def __call__(self, batch: Batch) -> Scalar:
        return _mean_square_slope(self.gamma, batch, batch.real)


class R2(AbstractPenalty):
    """gamma/2 E_gen |grad_x D(x)|^2.

    **Arguments:**

    - `gamma`: the strength, not negative.
    """

    gamma: Float[Array, ""]
    keeps_equilibria: ClassVar[bool] = True

    def __init__(self, gamma: Number):
        self.gamma = checks.number("gamma", gamma, low=0)

    def __call__(self, batch: Batch) -> Scalar:
        return _mean_square_slope(self.gamma, batch, batch.fake)


class GradientPenalty(AbstractPenalty):
    """gamma/2 E (|grad_x D(x)| - target)^2 over x = a real + (1 - a) fake, a uniform on [0, 1].

    In a drawn batch each pair draws its own `a`; of samples of one size, real point i is paired
    with fake point i, otherwise each point of the larger of the two sets with one that is drawn
    from the other. For the population all pairs are taken, and `a` by Gauss-Legendre quadrature;
    more than 2^22 points are refused. Where the slope vanishes, the derivative of its norm is taken
    as zero.

    **Arguments:**

    - `gamma`: the strength, not negative.
    - `target`: the slope that costs nothing; 1 is WGAN-GP.
    - `nodes`: of the quadrature over `a`.
    """

    gamma: Float[Array, ""]
    target: Float[Array, ""]
    nodes: int = eqx.field(static=True)
    keeps_equilibria: ClassVar[bool] = False

    def __init__(self, gamma: Number, target: Number = 1.0, nodes: int = 8):
        self.gamma = checks.number("gamma", gamma, low=0)
        self.target = checks.number("target", target, low=0)
        self.nodes = checks.count("nodes", nodes)

    def __call__(self, batch: Batch) -> Scalar:
        def square(x: Array) -> Scalar:
            slope = _norm(jax.grad(batch.critic)(x))
            return (slope - self.target.astype(slope.dtype)) ** 2

        return _halved(self.gamma, expectation(square, _between(batch, self.nodes)))


def _with_key(batch: Batch, key: Key) -> Batch:
    return dataclasses.replace(batch, key=key)


def _mean_square_slope(gamma: Float[Array, ""], batch: Batch, points: WeightedPoints) -> Scalar:
    def square(x: Array) -> Scalar:
        return jnp.sum(jax.grad(batch.critic)(x) ** 2)

    return _halved(gamma, expectation(square, points))


def _halved(gamma: Float[Array, ""], value: Scalar) -> Scalar:
    return gamma.astype(value.dtype) / 2 * value


def _norm(v: Float[Array, "*event"]) -> Scalar:
    """|v|, with derivative zero at zero."""
    square = jnp.sum(v**2)
    somewhere = square > 0
    return jnp.where(somewhere, jnp.sqrt(jnp.where(somewhere, square, 1)), 0)


def _between(batch: Batch, nodes: int) -> WeightedPoints:
    """The points a real + (1 - a) fake of `GradientPenalty`, with their weights."""
    (x, p), (y, q) = batch.real, batch.fake
    if batch.key is None:
        t, v = np.polynomial.legendre.leggauss(nodes)
        uniform = jnp.asarray((t + 1) / 2, x.dtype), jnp.asarray(v / 2, x.dtype)
        (a, x, y), w = crossed("`GradientPenalty`", uniform, batch.real, batch.fake)
    else:
        for_a = batch.key
        if batch.paired:
            w = len(p) * p * q
        else:
            for_a, for_pairs = jr.split(batch.key)
            if len(p) < len(q):
                x, w = x[chosen(for_pairs, len(q), p)], q
            else:
                y, w = y[chosen(for_pairs, len(p), q)], p
        a = jr.uniform(for_a, w.shape, x.dtype)
    a = a.reshape(-1, *(1,) * (x.ndim - 1))
    return a * x + (1 - a) * y, w
