"""Losses of a GAN: functions of the logits l = D(x), which score *realness*.

    discriminator:  min  E_data real(l) + E_gen fake(l)
    generator:      min  E_gen generator(l) + E_data generator_real(l)

The last term, which makes the zero-sum losses zero-sum, is no matter to a generator that takes the
discriminator as it is, but to one that foresees how it will respond: unrolled, shaping, leading.

A loss is a value, not a class: write `Loss(real, fake, generator)` for one of your own. Not all are
sums over points: a relativistic one compares every real with every fake point,

    discriminator:  min  E discriminator(D(x) - D(y))
    generator:      min  E generator(D(x) - D(y)),      x ~ data, y ~ gen, independently.
"""

import abc
from collections.abc import Callable
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from . import _checks as checks
from ._types import Scalar
from .measures._measure import crossed, expectation

__all__ = [
    "AbstractLoss",
    "Loss",
    "Relativistic",
    "hinge",
    "jensen_shannon",
    "kl",
    "least_squares",
    "minimax",
    "nonsaturating",
    "pearson",
    "relativistic",
    "reverse_kl",
    "softplus",
    "squared_hellinger",
    "total_variation",
    "wasserstein",
]


def __dir__() -> list[str]:
    return __all__


Real: TypeAlias = tuple[Float[Array, " n"], Float[Array, " n"]]
Fake: TypeAlias = tuple[Float[Array, " m"], Float[Array, " m"]]


class AbstractLoss(eqx.Module):
    """What both players pay, read off the logits of all points of a batch.

    A loss of your own is a subclass with `score`, or, if it is a sum over points, a `Loss`.
    """

    @abc.abstractmethod
    def score(self, real: Real, fake: Fake, paired: bool) -> tuple[Scalar, Scalar]:
        """The losses of generator and discriminator.

        **Arguments:**

        - `real`, `fake`: the logits of points and their weights, `(l, w)`; the weights of either
          sum to one.
        - `paired`: whether both are samples of one size, of which the points may be taken in pairs,
          the i-th with the i-th. The law of independent points is otherwise that of all pairs.
        """


class Loss(AbstractLoss):
    """Functions of the discriminator's logit, each to be minimized in the mean.

    **Arguments:**

    - `real`: the discriminator's loss on real points.
    - `fake`: the discriminator's loss on fake points.
    - `generator`: the generator's loss on fake points.
    - `optimal`: the logit that is best where the log of the density ratio, real over fake, is
      given; it is found numerically if left out (`gandyn.optimal`).
    - `generator_real`: the generator's loss on real points; none if left out.
    """

    real: Callable[[Float[Array, "..."]], Float[Array, "..."]]
    fake: Callable[[Float[Array, "..."]], Float[Array, "..."]]
    generator: Callable[[Float[Array, "..."]], Float[Array, "..."]]
    optimal: Callable[[Float[Array, "..."]], Float[Array, "..."]] | None = None
    generator_real: Callable[[Float[Array, "..."]], Float[Array, "..."]] | None = None

    def __check_init__(self) -> None:
        for name in ("real", "fake", "generator"):
            checks.function(name, getattr(self, name), "l", example="lambda l: -l")
        for name in ("optimal", "generator_real"):
            if (part := getattr(self, name)) is not None:
                checks.function(name, part, "log_ratio" if name == "optimal" else "l")

    def score(self, real: Real, fake: Fake, paired: bool) -> tuple[Scalar, Scalar]:
        generator = expectation(self.generator, fake)
        if self.generator_real is not None:
            generator = expectation(self.generator_real, real) + generator
        return generator, expectation(self.real, real) + expectation(self.fake, fake)


class Relativistic(AbstractLoss):
    """Functions of how much more real a real point looks than a fake one, l = D(x) - D(y), each to
    be minimized in the mean over independent x and y: over all pairs of points, or, in drawn
    batches of one size, over the i-th real with the i-th fake point.

    **Arguments:**

    - `discriminator`: the discriminator's loss.
    - `generator`: the generator's loss.
    """

    discriminator: Callable[[Float[Array, "..."]], Float[Array, "..."]]
    generator: Callable[[Float[Array, "..."]], Float[Array, "..."]]

    def __check_init__(self) -> None:
        for name in ("discriminator", "generator"):
            checks.function(name, getattr(self, name), "l", example="lambda l: -l")

    def score(self, real: Real, fake: Fake, paired: bool) -> tuple[Scalar, Scalar]:
        if paired:
            (x, p), (y, q) = real, fake
            w = len(p) * p * q
        else:
            (x, y), w = crossed("a relativistic loss", real, fake)
        margins = x - y, w
        return expectation(self.generator, margins), expectation(self.discriminator, margins)


# All that a loss holds is a function with a name, or a module: so games can be pickled.


def softplus(l: Float[Array, "..."]) -> Float[Array, "..."]:
    """log(1 + e^l) of logits `l`, with its derivative given as the sigmoid.

    The derivative of `jax.nn.softplus` goes through that of `logaddexp`, whose guards for
    infinities keep XLA from fusing a whole training step into one loop.
    """
    return _softplus(checks.numbers("l", l))


@jax.custom_jvp
def _softplus(l: Array) -> Array:
    return jnp.maximum(l, 0) + jnp.log1p(jnp.exp(-jnp.abs(l)))


@_softplus.defjvp
def _softplus_jvp(primals: tuple, tangents: tuple) -> tuple:
    (l,), (dl,) = primals, tangents
    return _softplus(l), jax.nn.sigmoid(l) * dl


def _softplus_of_negative(l: Float[Array, "..."]) -> Float[Array, "..."]:
    return softplus(-l)


def _identity(l: Float[Array, "..."]) -> Float[Array, "..."]:
    return l


def _half_square(l: Float[Array, "..."]) -> Float[Array, "..."]:
    return l**2 / 2


def _half_square_from_one(l: Float[Array, "..."]) -> Float[Array, "..."]:
    return (l - 1) ** 2 / 2


def _margin_above(l: Float[Array, "..."]) -> Float[Array, "..."]:
    return jax.nn.relu(1 - l)


def _margin_below(l: Float[Array, "..."]) -> Float[Array, "..."]:
    return jax.nn.relu(1 + l)


def _all_or_nothing(log_ratio: Float[Array, "..."]) -> Float[Array, "..."]:
    return jnp.where(log_ratio == 0, 0, jnp.sign(log_ratio) * jnp.inf)


def _negative(l: Float[Array, "..."]) -> Float[Array, "..."]:
    return -l


def _sign(log_ratio: Float[Array, "..."]) -> Float[Array, "..."]:
    return jnp.sign(log_ratio)


def _sigmoid(l: Float[Array, "..."]) -> Float[Array, "..."]:
    return jax.nn.sigmoid(l)


class _Minus(eqx.Module):
    """-h."""

    h: Callable[[Array], Array]

    def __call__(self, l: Array) -> Array:
        return -self.h(l)


def _zero_sum(
    real: Callable[[Array], Array],
    fake: Callable[[Array], Array],
    optimal: Callable[[Array], Array],
) -> Loss:
    """The generator loses what the discriminator gains."""
    return Loss(real, fake, _Minus(fake), optimal, _Minus(real))


minimax = _zero_sum(_softplus_of_negative, softplus, _identity)
"""The zero-sum loss of Goodfellow et al. (2014): D is a classifier with probability sigmoid(l),
and the generator minimizes log(1 - D), which saturates where D is sure."""

nonsaturating = Loss(_softplus_of_negative, softplus, _softplus_of_negative, _identity)
"""The same discriminator; the generator minimizes -log D (Goodfellow et al. 2014, section 3)."""

wasserstein = _zero_sum(_negative, _identity, _all_or_nothing)
"""E_gen l - E_data l: the dual form of the 1-Wasserstein distance, once D is held 1-Lipschitz
(Arjovsky, Chintala, Bottou 2017)."""

least_squares = Loss(_half_square_from_one, _half_square, _half_square_from_one, _sigmoid)
"""(l - 1)^2/2 on real points, l^2/2 on fake points, (l - 1)^2/2 for the generator: the 0-1 coding
of Mao et al. (2017)."""

hinge = Loss(_margin_above, _margin_below, _negative, _sign)
"""max(0, 1 - l) on real points, max(0, 1 + l) on fake points, -l for the generator
(Lim and Ye 2017; Miyato et al. 2018)."""

relativistic = Relativistic(_softplus_of_negative, softplus)
"""RpGAN: log(1 + e^-l) of l = D(x) - D(y) for the discriminator, log(1 + e^l) for the generator
(Jolicoeur-Martineau, "The relativistic discriminator", 2019); with `R1` and `R2` it is R3GAN (Huang
et al. 2024)."""


def _f_gan(
    activation: Callable[[Array], Array],
    conjugate: Callable[[Array], Array],
    optimal: Callable[[Array], Array],
) -> Loss:
    """The zero-sum loss of an f-divergence, E_data g(l) - E_gen f*(g(l)), from g and f* o g."""
    return _zero_sum(_Minus(activation), conjugate, optimal)


def _exp_less_one(l: Array) -> Array:
    return jnp.exp(l - 1)


def _one_more(log_ratio: Array) -> Array:
    return 1 + log_ratio


def _minus_exp_of_negative(l: Array) -> Array:
    return -jnp.exp(-l)


def _less_one(l: Array) -> Array:
    return l - 1


def _quarter_square(l: Array) -> Array:
    return l**2 / 4 + l


def _twice_expm1(log_ratio: Array) -> Array:
    return 2 * jnp.expm1(log_ratio)


def _minus_expm1_of_negative(l: Array) -> Array:
    return -jnp.expm1(-l)


def _expm1(l: Array) -> Array:
    return jnp.expm1(l)


def _half(log_ratio: Array) -> Array:
    return log_ratio / 2


def _log_of_twice_the_probability(l: Array) -> Array:
    return jnp.log(2.0) - softplus(-l)


def _softplus_less_log_two(l: Array) -> Array:
    return softplus(l) - jnp.log(2.0)


def _half_tanh(l: Array) -> Array:
    return jnp.tanh(l) / 2


# Nowozin, Cseke, Tomioka, "f-GAN: Training Generative Neural Samplers using Variational Divergence
# Minimization", 2016, tables 1 and 2: against the optimal discriminator, g(l) = f'(p/q), the
# generator descends the f-divergence E_gen f(p/q) of the data p from its own law q.

kl = _f_gan(_identity, _exp_less_one, _one_more)
"""The f-GAN of KL(p | q), f = u log u; at the optimum l = 1 + log(p/q)."""

reverse_kl = _f_gan(_minus_exp_of_negative, _less_one, _identity)
"""The f-GAN of KL(q | p), f = -log u; at the optimum l = log(p/q)."""

pearson = _f_gan(_identity, _quarter_square, _twice_expm1)
"""The f-GAN of Pearson's E_q (p/q - 1)^2, f = (u - 1)^2; at the optimum l = 2 (p/q - 1)."""

squared_hellinger = _f_gan(_minus_expm1_of_negative, _expm1, _half)
"""The f-GAN of sum (sqrt p - sqrt q)^2, f = (sqrt u - 1)^2; at the optimum l = log(p/q) / 2."""

jensen_shannon = _f_gan(_log_of_twice_the_probability, _softplus_less_log_two, _identity)
"""The f-GAN of 2 JS(p, q): `minimax` but for a constant; at the optimum l = log(p/q)."""

total_variation = _f_gan(_half_tanh, _half_tanh, _all_or_nothing)
"""The f-GAN of sum |p - q| / 2, f = |u - 1| / 2; at the optimum l = +-inf."""
