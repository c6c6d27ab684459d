"""The GAN: a generator pushes a latent measure forward, a discriminator scores realness.

    L_D = E_{x ~ data} real(D(x)) + E_{z ~ latent} fake(D(G(z)))
    L_G = E_{z ~ latent} generator(D(G(z)))    (+ E_data generator_real(D(x)), `gandyn.losses`)

Goodfellow et al., "Generative Adversarial Nets", 2014.
"""

import abc
import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array, Float, PyTree

from .. import _checks as checks
from .._types import Key, Players, Scalar, WeightedPoints, split
from ..losses import AbstractLoss, minimax
from ..measures import AbstractMeasure, Sampled
from ._game import AbstractGame


class Batch(eqx.Module):
    """What a discriminator is confronted with in one evaluation of the losses.

    **Arguments:**

    - `critic`: x -> D(x), for one point.
    - `real`, `fake`: weighted points `(x, w)`.
    - `key`: the randomness left for penalties and noise; `None` if the points are the population.
    - `drawn`: whether the real and the fake points are independent draws, all of one weight.
    """

    critic: Callable[[Float[Array, "*event"]], Scalar]
    real: WeightedPoints
    fake: tuple[Float[Array, "m *event"], Float[Array, " m"]]
    key: Key = None
    drawn: tuple[bool, bool] = eqx.field(static=True, default=(False, False))

    @property
    def paired(self) -> bool:
        """Whether real point i with fake point i, for all i, is a sample of independent pairs."""
        return any(self.drawn) and len(self.real[1]) == len(self.fake[1])


class AbstractGAN(AbstractGame):
    """A two-player game whose losses are read off one batch, so that penalties and noise stack."""

    @abc.abstractmethod
    def batch(self, players: Players, key: Key = None) -> Batch:
        """The points that the losses are taken on, and the discriminator as a function."""

    @abc.abstractmethod
    def score(self, batch: Batch) -> tuple[Scalar, Scalar]:
        """The losses of generator and discriminator on a batch."""

    def losses(self, players: Players, key: Key = None) -> tuple[Scalar, ...]:
        return self.score(self.batch(players, key))


class GAN(AbstractGAN):
    """A generator against a discriminator, both written for one point.

    **Arguments:**

    - `generator`: `generator(theta, z)` is one point x, of the shape of a point of the data.
    - `discriminator`: `discriminator(psi, x)` is the logit of one point, a scalar that scores
      realness.
    - `data`, `latent`: measures. Fixed points give the population dynamics, a `Sampled` measure a
      minibatch for every key.
    - `loss`: see `gandyn.losses`.
    - `known`: the equilibria `(theta, psi)` known in closed form.
    """

    generator: Callable[[PyTree, Array], Array]
    discriminator: Callable[[PyTree, Array], Scalar]
    data: AbstractMeasure
    latent: AbstractMeasure
    loss: AbstractLoss
    known: tuple[Players, ...]

    def __init__(
        self,
        generator: Callable[[PyTree, Array], Array],
        discriminator: Callable[[PyTree, Array], Scalar],
        data: AbstractMeasure,
        latent: AbstractMeasure,
        loss: AbstractLoss = minimax,
        known: Sequence[Players] = (),
    ):
        check_parts(data, latent, loss)
        self.generator = checks.function("generator", generator, "theta", "z")
        self.discriminator = checks.function("discriminator", discriminator, "psi", "x")
        self.data, self.latent, self.loss = data, latent, loss
        self.known = checks.known(known)

    def batch(self, players: Players, key: Key = None) -> Batch:
        def generate(
            theta: PyTree, points: tuple[Float[Array, "n *latent"], Float[Array, " n"]]
        ) -> WeightedPoints:
            z, w = points
            return jax.vmap(partial(self.generator, theta))(z), w

        batch = confront(generate, self.discriminator, self.data, self.latent, players, key)
        drawn = isinstance(self.data, Sampled), isinstance(self.latent, Sampled)
        return dataclasses.replace(batch, drawn=drawn)

    def score(self, batch: Batch) -> tuple[Scalar, Scalar]:
        return scores(self.loss, batch)

    def equilibria(self) -> tuple[Players, ...]:
        return self.known


def as_gan(gan: object) -> AbstractGAN:
    """`gan`, held to be one."""
    remedy = "`gandyn.games.GAN(generator, discriminator, data, latent)` is one"
    return checks.instance("gan", gan, AbstractGAN, "a GAN", remedy)


def check_parts(data: AbstractMeasure, latent: AbstractMeasure, loss: AbstractLoss) -> None:
    """The two measures and the loss of a GAN, held to be such."""
    for name, value, kind, remedy in (
        ("data", data, AbstractMeasure, "`gandyn.measures.empirical(array)` makes one"),
        ("latent", latent, AbstractMeasure, "`gandyn.measures.gaussian(0., 1.)` makes one"),
        ("loss", loss, AbstractLoss, "`gandyn.losses.minimax` is one"),
    ):
        if not isinstance(value, kind):
            raise TypeError(
                f"`{name}` must be a {kind.__name__}, but is {checks.shown(value)}: {remedy}."
            )


def confront(
    generate: Callable[[PyTree, WeightedPoints], WeightedPoints],
    discriminator: Callable[[PyTree, Array], Scalar],
    data: AbstractMeasure,
    latent: AbstractMeasure,
    players: Players,
    key: Key,
) -> Batch:
    """The batch of a generator that takes the weighted points of the latent measure to its own."""
    checks.number_of("a GAN", players, 2)
    theta, psi = players
    dtype = jnp.result_type(*jax.tree.leaves(players))

    def points(measure: AbstractMeasure, key: Key) -> WeightedPoints:
        x, w = measure.points(key)
        return x.astype(dtype), w.astype(dtype)

    for_data, for_latent, left = split(key, 3)
    fake = generate(theta, points(latent, for_latent))
    real = points(data, for_data)
    if fake[0].shape[1:] != real[0].shape[1:]:
        raise ValueError(
            f"a point of the generator has shape {fake[0].shape[1:]}, but a point of the data "
            f"has shape {real[0].shape[1:]}: both functions are written for one point."
        )
    random = data.random or latent.random
    return Batch(jtu.Partial(discriminator, psi), real, fake, left if random else None)


def scores(loss: AbstractLoss, batch: Batch) -> tuple[Scalar, Scalar]:
    """The losses of generator and discriminator on a batch."""
    real, fake = (logits(batch.critic, points) for points in (batch.real, batch.fake))
    return loss.score(real, fake, batch.paired)


def logits(critic: Callable[[Array], Scalar], points: WeightedPoints) -> tuple[Array, Array]:
    """D(x) of points, one without the axis of several."""
    x, w = points
    if len(w) == 1:
        return logit(critic, x[0])[None], w
    return jax.vmap(partial(logit, critic))(x), w


def logit(critic: Callable[[Array], Scalar], x: Float[Array, "*event"]) -> Scalar:
    """D(x), held to be a scalar."""
    value = critic(x)
    if jnp.shape(value) != ():
        raise ValueError(
            "the discriminator must return one logit per point, a scalar, but returned an array "
            f"of shape {jnp.shape(value)}: index it, or give the network `outputs='scalar'`, "
            "one of Equinox `out_size='scalar'`."
        )
    return value


def checked_gan(wrapper: str, game: AbstractGAN) -> AbstractGAN:
    """`game`, held to be something that has a discriminator."""
    if not isinstance(game, AbstractGAN):
        raise TypeError(
            f"`{wrapper}` acts on the discriminator of a GAN, but `game` is a "
            f"{type(game).__name__}, which has none: build it with `gandyn.games.GAN`."
        )
    return game
