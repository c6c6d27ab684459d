"""Losses of a whole batch: the relativistic one, and one of the user's own."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from cases import affine, density_game, normal, normal_gan, normal_players, parabola
from generic import same_set
from numpy.testing import assert_allclose

import gandyn as gd
from gandyn.fields import Gradient
from gandyn.games import R1, R2, Noised, Penalized

KEY = jr.key(3)
relativistic: Any = gd.losses.relativistic
DIRAC = gd.games.dirac(relativistic)


def softplus(l: Any) -> Any:
    return np.logaddexp(0, l)


def test_dirac_field_by_hand():
    """v = (psi s(-u), -theta s(u)) with u = theta psi = D(y) - D(x) and s(u) = 1/(1 + e^-u)."""
    for theta, psi in ((0.3, 0.7), (-1.2, 0.4), (2.0, 3.0)):
        off, on = (1 / (1 + np.exp(sign * theta * psi)) for sign in (1, -1))
        v = Gradient(DIRAC)((jnp.asarray(theta), jnp.asarray(psi)))
        assert_allclose(v, (psi * off, -theta * on), rtol=1e-14)


@pytest.mark.parametrize("g", [0.3, 0.8])
def test_r3gan_turns_as_far_as_its_damping_lets_it(g: float):
    """R1 and R2, each of strength g, are -2 g psi: the exponents are -g +- sqrt(g^2 - 1/4)."""
    field = Gradient(Penalized(Penalized(DIRAC, R1(g)), R2(g)))
    root = np.emath.sqrt(g**2 - 1 / 4)
    found = gd.spectrum(gd.flows.GradientFlow(field), (0.0, 0.0)).exponents
    same_set(found, np.array([-g + root, -g - root]))


@pytest.mark.parametrize("name", ["population", "density", "noised", "sizes differ", "sampled"])
def test_all_pairs_but_those_of_samples_of_one_size(name: str):
    sample = lambda n: gd.measures.Sampled(normal, n)  # noqa: E731
    players = normal_players()
    if name == "density":
        game = density_game(relativistic)
        players = (jnp.array([0.3, -0.5, 0.2]), jnp.array([0.4, -0.2, 0.1]))
    elif name == "noised":
        game = Noised(normal_gan(loss=relativistic), 0.3, nodes=3)
    elif name == "sizes differ":
        game = gd.games.GAN(affine, parabola, sample(4), sample(6), relativistic)
    else:
        game = normal_gan(name == "sampled", relativistic)
    key = KEY if name in ("sampled", "sizes differ") else None
    batch = game.batch(players, key)
    d, g = (np.asarray(jax.vmap(batch.critic)(x)) for x, _ in (batch.real, batch.fake))
    w = np.outer(batch.real[1], batch.fake[1])
    if name == "sampled":
        w = np.eye(4) / 4
    margins = d[:, None] - g
    by_hand = np.sum(w * softplus(margins)), np.sum(w * softplus(-margins))
    assert_allclose(game.losses(players, key), by_hand, rtol=1e-13)


def test_no_constant_in_the_logits_counts():
    def raised(psi: Any, x: Any) -> Any:
        return parabola(psi, x) + 5

    plain = normal_gan(True, relativistic)
    game = eqx.tree_at(lambda game: game.discriminator, plain, raised)
    players = normal_players()
    assert_allclose(game.losses(players, KEY), plain.losses(players, KEY), rtol=1e-13)


class Average(gd.losses.AbstractLoss):
    """How much more real points look than the others do in the mean (the RaGAN)."""

    def score(self, real, fake, paired):
        (x, p), (y, q) = real, fake
        x, y = x - jnp.sum(q * y), y - jnp.sum(p * x)
        soft = gd.losses.softplus
        return (
            jnp.sum(q * soft(-y)) + jnp.sum(p * soft(x)),
            jnp.sum(p * soft(-x)) + jnp.sum(q * soft(y)),
        )


def test_a_loss_of_ones_own():
    """On one point each it is the relativistic loss twice."""
    players = (jnp.asarray(0.3), jnp.asarray(0.7))
    twice = [2 * float(loss) for loss in DIRAC.losses(players)]
    assert_allclose(gd.games.dirac(Average()).losses(players), twice, rtol=1e-14)


def test_what_asks_for_a_sum_over_points_says_so(as_installed: None):
    match = "`loss` must be a `Loss`, a sum over points, but is a Relativistic"
    with pytest.raises(TypeError, match=match):
        gd.optimal_discriminator(relativistic, [0.5, 0.5], [0.4, 0.6])
    with pytest.raises(TypeError, match=match):
        gd.optimal.solved(density_game(relativistic), (jnp.zeros(3), jnp.zeros(3)))


def test_too_many_pairs_are_refused_in_words():
    many = gd.measures.empirical(np.zeros(3000))
    game = gd.games.GAN(affine, parabola, many, many, relativistic)
    with pytest.raises(ValueError, match=r"relativistic loss .* 3000 x 3000 .*minibatch"):
        game.losses(normal_players())


LAWS = (
    gd.measures.Points([-1.0, -0.5, 0.5, 2.0], [0.2, 0.1, 0.4, 0.3]),
    gd.measures.Points([0.0, 1.0], [0.3, 0.7]),
)


@pytest.mark.parametrize(
    "data", [LAWS[0], gd.measures.minibatch(LAWS[0], 3)], ids=["fixed", "drawn"]
)
@pytest.mark.parametrize("n", [3, 5])
def test_a_gradient_penalty_of_drawn_pairs_is_that_of_all_in_the_mean(data: Any, n: int):
    penalty = gd.games.GradientPenalty(1.0, 0.0)
    whole = gd.games.GAN(affine, parabola, *LAWS)
    drawn = gd.games.GAN(affine, parabola, data, gd.measures.minibatch(LAWS[1], n))
    players = normal_players()
    each = jax.vmap(lambda key: penalty(drawn.batch(players, key)))(jr.split(KEY, 4000))
    error = float(each.mean()) - float(penalty(whole.batch(players)))
    assert abs(error) < 4 * float(each.std()) / np.sqrt(4000)
