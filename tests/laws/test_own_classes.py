"""Users' own classes: a law, a penalty, a family with a metric, a critic with kinks go through
everything that asks for one, and what a class does not say is asked for in words."""

from typing import ClassVar

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array, Float
from numpy.testing import assert_allclose
from scipy import integrate, stats

import gandyn as gd
from gandyn.distances import jensen_shannon, kl, total_variation, wasserstein
from gandyn.losses import minimax, nonsaturating
from gandyn.optimal import Kantorovich, generator_gradient, optimal_discriminator


class Exponential(gd.measures.AbstractDensity):
    """exp(-x/mean)/mean on x > 0."""

    mean: Float[Array, ""]

    def __init__(self, mean: float):
        self.mean = jnp.asarray(mean)

    @property
    def event(self):
        return ()

    def points(self, key=None):
        x, w = np.polynomial.laguerre.laggauss(32)
        return self.mean * jnp.asarray(x, self.mean.dtype), jnp.asarray(w, self.mean.dtype)

    def sample(self, key, n):
        return self.mean * jr.exponential(key, (n,), self.mean.dtype)

    def log_density(self, x):
        mean = self.mean.astype(x.dtype)
        return jnp.where(x >= 0, -x / mean - jnp.log(mean), -jnp.inf)

    def below(self, x):
        return jnp.where(x > 0, -jnp.expm1(-x / self.mean.astype(x.dtype)), 0)

    def bounds(self, u):
        at = -self.mean.astype(u.dtype) * jnp.log1p(-u)
        return at / 2, 2 * at

    def knots(self):
        return self.mean * jnp.concatenate([jnp.zeros(1), jnp.arange(1.0, 64.0)])


P, Q = Exponential(1.0), Exponential(2.0)
X = np.linspace(0.1, 4.0, 5)


def test_own_law_has_what_is_derived_from_it():
    u = 1 - np.exp(-X / 2)
    assert_allclose(Q.prob(X), np.exp(-X / 2) / 2, rtol=1e-12)
    assert_allclose(Q.cdf(X), u, rtol=1e-12)
    assert_allclose(Q.quantile(u), X, rtol=1e-9)
    assert_allclose(Q.score(X), -np.ones(5) / 2, rtol=1e-12)


@pytest.mark.slow
def test_own_law_is_as_far_from_another_as_it_is():
    """For exponential laws: KL = log(b/a) + a/b - 1, and W_p = |b - a| Gamma(p + 1)^(1/p)."""
    assert float(kl(P, Q)) == pytest.approx(np.log(2) - 1 / 2, rel=1e-10)
    assert float(wasserstein(P, Q)) == pytest.approx(1.0, rel=1e-8)
    assert float(wasserstein(P, Q, order=2)) == pytest.approx(np.sqrt(2), rel=1e-3)
    # The densities cross at 2 log 2, where the distribution functions are 3/4 and 1/2.
    assert float(total_variation(P, Q)) == pytest.approx(1 / 4, rel=1e-10)
    gaussian = gd.measures.gaussian(1.0, 1.0)
    cdfs = lambda x: abs(stats.expon.cdf(x) - stats.norm.cdf(x, 1.0))  # noqa: E731
    area = integrate.quad(cdfs, -9, 40, limit=400)[0]
    assert float(wasserstein(P, gaussian)) == pytest.approx(area, rel=1e-6)


@pytest.mark.slow
def test_own_law_has_a_best_discriminator_and_mixes_with_others():
    critic = optimal_discriminator(minimax, P, Q)
    assert_allclose(critic(X), np.log(2) - X / 2, rtol=1e-12)
    # Where F < G between two exponential laws, the potential falls.
    potential = Kantorovich(P, Q)
    assert_allclose(np.diff(potential(X)), -np.diff(X), rtol=1e-9)
    mixed = gd.measures.DensityMixture([P, gd.measures.gaussian(0.0, 1.0)], [0.3, 0.7])
    assert_allclose(mixed.cdf(X), 0.3 * stats.expon.cdf(X) + 0.7 * stats.norm.cdf(X), rtol=1e-12)
    assert 0 < float(jensen_shannon(mixed, Q)) < np.log(2)
    on_grid = gd.families.on_grid(P.cdf, np.linspace(-1.0, 30.0, 63))
    assert float(jnp.sum(on_grid.w)) == pytest.approx(1.0)


def test_own_law_is_data_and_is_sampled():
    data = gd.measures.Sampled(P.sample, 5)
    for measure, key in ((P, None), (data, jr.key(0))):
        game = gd.games.GAN(
            lambda theta, z: theta + z, lambda psi, x: psi * x, measure, gd.measures.dirac(0.0)
        )
        assert np.all(np.isfinite(game.losses((jnp.asarray(0.5), jnp.asarray(0.1)), key)))


class Nowhere(Exponential):
    """A law that keeps to itself where it lies on the line."""

    below = gd.measures.AbstractDensity.below
    bounds = gd.measures.AbstractDensity.bounds
    knots = gd.measures.AbstractDensity.knots


@pytest.mark.parametrize(
    ("asked", "method"),
    [
        (lambda law: law.cdf(1.0), "below"),
        (lambda law: law.quantile(0.5), "bounds"),
        (lambda law: kl(law, Q), "knots"),
        (lambda law: wasserstein(law, Q), "knots"),
        (lambda law: Kantorovich(law, Q), "knots"),
    ],
)
def test_what_a_law_does_not_say_is_asked_for(asked, method):
    with pytest.raises(NotImplementedError, match=rf"Nowhere .*write `{method}\(self"):
        asked(Nowhere(jnp.asarray(1.0)))


class Lasso(gd.games.AbstractPenalty):
    """E_data |grad_x D|^4."""

    keeps_equilibria: ClassVar[bool] = True

    def __call__(self, batch):
        return gd.games.R1(1.0)(batch) ** 2


def test_own_penalty_says_whether_it_keeps_equilibria():
    dirac = gd.games.dirac()
    (rest,) = dirac.equilibria()
    game = gd.games.Penalized(dirac, Lasso())
    assert game.equilibria() == (rest,)
    assert_allclose(gd.fields.Gradient(game)(rest), 0, atol=1e-15)
    stacked = gd.games.Penalized(gd.games.Penalized(dirac, gd.games.R2(0.1)), Lasso())
    assert stacked.equilibria() == (rest,)
    assert gd.games.Penalized(dirac, lambda batch: Lasso()(batch)).equilibria() == ()
    assert gd.games.Penalized(dirac, gd.games.GradientPenalty(1.0)).equilibria() == ()


def test_a_penalty_that_does_not_say_it_cannot_be_made():
    class Silent(gd.games.AbstractPenalty):
        def __call__(self, batch):
            return jnp.zeros(())

    with pytest.raises(TypeError, match="keeps_equilibria"):
        Silent()  # pyright: ignore[reportCallIssue]


NODES = np.linspace(-2.0, 2.0, 5)
DATA = gd.measures.Points(jnp.array([-1.0, 0.0, 1.5]), jnp.array([0.2, 0.3, 0.5]))


class Half(gd.families.AbstractMetricFamily):
    """psi x with the metric E x^2, as a generator or as a discriminator."""

    def __call__(self, parameter, x):
        return parameter * x

    def masses(self, parameters, points):
        x, w = points
        return jnp.sum(w * x**2)


def test_own_family_has_its_metric_as_a_generator_and_as_a_discriminator():
    """In the metric E x^2 of linear functions, steps do not depend on the scale of the points."""
    players = (jnp.asarray(0.7), jnp.asarray(0.4))
    latent = gd.measures.Points(jnp.array([-0.5, 1.0]))
    game = gd.games.GAN(Half(), Half(), DATA, latent, gd.losses.wasserstein)
    plain, natural = (f(players) for f in (gd.fields.Gradient(game), gd.fields.natural(game)))
    of_fake = 0.7**2 * (0.25 + 1) / 2
    of_real = float(jnp.sum(DATA.w * DATA.x**2))
    assert_allclose(natural[0], plain[0] / of_fake, rtol=1e-12)
    assert_allclose(natural[1], plain[1] / ((of_real + of_fake) / 2), rtol=1e-12)


@pytest.mark.slow
def test_own_family_of_weighted_points_has_its_metric():
    """Weights that are the parameters, in the metric of the weights: Fisher's up to a constant."""

    class Weights(gd.families.AbstractMetricFamily):
        def __call__(self, theta, points):
            return points[0], theta

        def masses(self, parameters, points):
            return 1 / points[1]

    free = gd.families.Free(NODES)
    game = gd.games.MeasureGAN(Weights(), free, DATA, gd.measures.Points(jnp.asarray(NODES)))
    players = (jnp.asarray([0.1, 0.2, 0.3, 0.2, 0.2]), jnp.arange(5.0))
    plain, natural = (f(players) for f in (gd.fields.Gradient(game), gd.fields.natural(game)))
    assert_allclose(natural[0], players[0] * plain[0], rtol=1e-12)
    assert_allclose(gd.fields.natural(game).masses(players, None)[1].sum(), 1, rtol=1e-12)


def test_a_free_function_among_own_ones_keeps_its_metric():
    """The mass near a node is the mean of the data's and the generator's."""
    free = gd.families.Free(NODES)
    game = gd.games.GAN(lambda theta, z: theta + z, free, DATA, gd.measures.dirac(0.0))
    theta, psi = jnp.asarray(1.0), jnp.zeros(5)
    masses = gd.fields.natural(game).masses((theta, psi), None)
    assert masses[0] is None
    assert_allclose(masses[1], [0, 0.1, 0.15, 0.5 + 0.125, 0.125], atol=1e-15)


class Kinked(gd.optimal.AbstractCritic):
    """|x - 1/3|."""

    def __call__(self, x):
        return jnp.abs(x - 1 / 3)

    def knots(self):
        return jnp.asarray([1 / 3])


@pytest.mark.slow
def test_own_critic_is_integrated_between_its_kinks():
    """d/dtheta E |x - 1/3| over N(theta, 1) is 2 Phi(theta - 1/3) - 1."""
    family = lambda theta: gd.measures.gaussian(theta, 1.0)  # noqa: E731
    exact = -(2 * stats.norm.cdf(0.5 - 1 / 3) - 1)
    by_class = generator_gradient(gd.losses.wasserstein, Kinked(), family, 0.5)
    by_function = generator_gradient(gd.losses.wasserstein, Kinked().__call__, family, 0.5)
    assert float(by_class) == pytest.approx(exact, abs=1e-13)
    assert abs(float(by_function) - exact) > 1e-8  # which has nobody to tell it of the kink


def test_own_critic_pulls_points():
    assert_allclose(gd.optimal.pull(gd.losses.wasserstein, Kinked(), [0.0, 1.0]), [-1, 1])
    assert np.all(np.isfinite(gd.optimal.pull(nonsaturating, Kinked(), X)))
