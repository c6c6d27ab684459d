"""The optimal discriminator: closed forms against the search, and the gradient it gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gandyn as gd
from gandyn.distances import jensen_shannon, kl, wasserstein
from gandyn.losses import Loss, hinge, least_squares, minimax, nonsaturating
from gandyn.losses import wasserstein as linear
from gandyn.measures import Uniform, gaussian, line
from gandyn.optimal import (
    Kantorovich,
    generator_gradient,
    optimal_discriminator,
    optimal_logit,
    pull,
)

LOSSES = {
    "minimax": minimax,
    "nonsaturating": nonsaturating,
    "least_squares": least_squares,
    "hinge": hinge,
    "wasserstein": linear,
}
RATIOS = jnp.array([-600.0, -30.0, -2.0, -1e-3, 0.0, 1e-9, 0.7, 5.0, 300.0])
OVERLAP = {1: 0.39797286718325, 2: 0.22479975460334, 4: 0.034298704395369, 8: 4.9109342009099e-5}


def searched(loss):
    """The same loss, of which the closed form is not known."""
    return Loss(loss.real, loss.fake, loss.generator)


def closed_forms(loss, ratios):
    return optimal_logit(loss, ratios), optimal_logit(searched(loss), ratios)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_search_finds_the_closed_form(loss):
    exact, found = jax.jit(lambda r: closed_forms(loss, r))(RATIOS)
    assert_allclose(found, exact, rtol=1e-12, atol=1e-15)
    if loss is not linear:
        slopes = jax.jit(jax.vmap(jax.grad(lambda r: optimal_logit(searched(loss), r))))(
            RATIOS[1:-1]
        )
        assert_allclose(slopes, jax.vmap(jax.grad(loss.optimal))(RATIOS[1:-1]), atol=1e-9)


def test_a_loss_of_ones_own():
    """Pearson's chi^2 as an f-GAN, by hand: E_p l - E_q (l^2/4 + l) is largest at 2 (p/q - 1)."""
    pearson = Loss(jnp.negative, lambda l: l**2 / 4 + l, jnp.negative)
    ratios = jnp.linspace(-5, 5, 11)
    assert_allclose(optimal_logit(pearson, ratios), 2 * jnp.expm1(ratios), rtol=1e-12, atol=1e-13)
    # Kullback and Leibler's: E_p l - E_q exp(l - 1).
    kullback = Loss(jnp.negative, lambda l: jnp.exp(l - 1), jnp.negative)
    assert_allclose(optimal_logit(kullback, ratios), 1 + ratios, atol=1e-12)


def test_the_optimum_is_the_divergence():
    """The discriminator's loss at its best is log 4 - 2 JS (Goodfellow et al., theorem 1)."""
    p, q = np.array([0.1, 0.2, 0.0, 0.7]), np.array([0.4, 0.4, 0.2, 0.0])
    logits = optimal_discriminator(minimax, p, q)
    assert_allclose(logits, [np.log(1 / 4), np.log(1 / 2), -np.inf, np.inf])
    paid = [
        jnp.where(v > 0, v * cost(logits), 0) for v, cost in ((p, minimax.real), (q, minimax.fake))
    ]
    assert_allclose(np.sum(paid), np.log(4) - 2 * jensen_shannon(p, q), rtol=1e-12)
    logits = optimal_discriminator(least_squares, p, q)
    assert_allclose(logits, p / (p + q), rtol=1e-12)
    hinged = optimal_discriminator(hinge, p, q)
    assert_allclose(p @ hinge.real(hinged) + q @ hinge.fake(hinged), 2 * np.minimum(p, q).sum())


def test_no_other_discriminator_does_better():
    p, q = line(3, 2.0, 0.4), gaussian(0.3, 1.0)
    x = jnp.linspace(-3, 3, 7)

    @jax.jit
    def paid():
        """In the best, and a little below and above it."""
        losses, away = (minimax, least_squares, hinge), jnp.array([[0.0], [-0.1], [0.1]])
        logits = [optimal_discriminator(loss, p, q)(x)[None] + away for loss in losses]
        seen = zip(losses, logits, strict=True)
        return [p.prob(x)[None] * loss.real(l) + q.prob(x)[None] * loss.fake(l) for loss, l in seen]

    for least, *worse in map(np.asarray, paid()):
        assert np.all(np.stack(worse) >= least - 1e-15)


WIDTH = 0.5


@jax.jit
def slopes_of_shifted(m):
    """What the generator is given, and the slopes of divergences."""

    def family(m):
        return gaussian(m, WIDTH)

    def divergences(m):
        js = 2 * jensen_shannon(family(0.0), family(m))
        return jnp.stack([js, kl(family(m), family(0.0)) - js])

    critic = optimal_discriminator(minimax, family(0.0), family(m))
    given = [generator_gradient(v, critic, family, m) for v in (minimax, nonsaturating)]
    return given, jax.jvp(divergences, (m,), (jnp.ones_like(m),))[1]


@pytest.mark.slow
@pytest.mark.parametrize("d", OVERLAP)
def test_gradients_of_the_shifted_normal_law(d):
    """With B the overlap: dB for the saturating loss, which vanishes, and d (1 - B) for -log D,
    which does not; the first is the slope of 2 JS, the second that of KL(q | p) - 2 JS."""
    given, expected = slopes_of_shifted(jnp.asarray(d * WIDTH))
    closed = [d * OVERLAP[d] / WIDTH, d * (1 - OVERLAP[d]) / WIDTH]
    assert_allclose(given, closed, rtol=1e-9)
    assert_allclose(expected, closed, rtol=1e-7)


@pytest.mark.slow
def test_the_gradient_is_the_mean_pull():
    """Two roads: the score of the density, and the points that a generator moves."""
    data, law = line(3, 5.0, 1.0), gaussian(1.0, 0.8)
    x = np.linspace(-9, 11, 4001)  # of smooth functions, sums converge fast
    for loss in (minimax, least_squares):

        @jax.jit
        def two_roads(theta, loss=loss):
            critic = optimal_discriminator(loss, data, law)
            given = generator_gradient(loss, critic, lambda t: gaussian(t[0], t[1]), theta)
            return given, law.prob(x) / 200 * pull(loss, critic, jnp.asarray(x))

        (shift, scale), pulls = two_roads((1.0, 0.8))
        assert_allclose(-np.sum(pulls), shift, rtol=1e-6)
        assert_allclose(-np.sum(pulls * (x - 1) / 0.8), scale, rtol=1e-6)


def test_in_the_plane():
    """Only the coordinate in which the laws differ is felt, as on the line."""
    data = gaussian([0.0, 0.0], 1.0, 40)

    def family(m):
        return gaussian(m, 1.0, 40)

    @jax.jit
    def slope(m):
        critic = optimal_discriminator(minimax, data, family(m))
        return generator_gradient(minimax, critic, family, m)

    m = np.array([0.6, 0.8])
    assert_allclose(slope(m), OVERLAP[1] * m, rtol=1e-6)


@pytest.mark.slow
def test_kantorovich_potentials():
    p, q = line(2, 5.0, 0.5), gaussian(1.0, 2.0)
    x, step = np.linspace(-30, 30, 20_001, retstep=True)
    seen = jax.jit(lambda x: (Kantorovich(p, q)(x), p.prob(x) - q.prob(x), wasserstein(p, q)))
    potential, difference, far = map(np.asarray, seen(x))
    assert_allclose(step * potential @ difference, far, rtol=1e-3)
    assert np.max(np.abs(np.diff(potential) / step)) <= 1 + 1e-9


@jax.jit
def slope_of_kantorovich(m, s):
    """Of N(m, s^2) seen by the critic between it and N(0, 1), and of their distance."""
    law, data = lambda t: gaussian(*t), gaussian(0.0, 1.0)
    given = generator_gradient(linear, Kantorovich(data, gaussian(m, s)), law, (m, s))
    return given, jax.grad(lambda t: wasserstein(data, law(t)))((m, s))


@pytest.mark.slow
def test_kantorovich_s_gradient_is_that_of_the_distance():
    """Also of a normal law that turns the critic at a place that is no knot of it."""
    given, expected = slope_of_kantorovich(0.2, 1.5)
    assert_allclose(given, expected, rtol=1e-9)
    # Shifted laws are told apart by a line, whose pull is one however far they are.
    for m in (0.01, 100.0):
        given, _ = slope_of_kantorovich(m, 1.0)
        assert_allclose(given[0], 1, rtol=1e-9)


def test_the_gradient_of_the_hinge_is_the_height_where_the_laws_cross():
    """D* = sign(p - q) jumps there, wherever it is: the gradient is 2 phi(d / 2)."""

    @jax.jit
    def slope(d):
        best = optimal_discriminator(hinge, gaussian(0.0, 1.0), gaussian(d, 1.0))
        return generator_gradient(hinge, best, lambda m: gaussian(m, 1.0), d)

    for d in (1.3, 2.77):
        assert_allclose(slope(d), 2 * np.exp(-(d**2) / 8) / np.sqrt(2 * np.pi), rtol=1e-12)


@pytest.mark.slow
def test_kantorovich_turns_where_the_distribution_functions_cross():
    """A bump within an interval: F and G cross once, at x = (x - 1/4) 4, which is 1/3."""
    potential = jax.jit(lambda x: Kantorovich(Uniform(0.0, 1.0), Uniform(0.25, 0.5))(x))
    assert_allclose(np.diff(potential(np.array([0.0, 1 / 3, 1.0]))), [-1 / 3, 2 / 3], rtol=1e-12)


@jax.jit
def beyond(p, q, x):
    potential = Kantorovich(gaussian(0.5, p), gaussian(-0.5, q))
    return potential(x), potential.knots()


@pytest.mark.parametrize(("p", "q"), [(1.0, 2.0), (2.0, 1.0), (0.3, 5.0)])
def test_kantorovich_goes_on_beyond_all_knots(p, q):
    """To the left the law that is wider has more mass below, to the right less."""
    far = 1e3
    x = np.array([-far - 1, -far, far, far + 1])
    values, knots = beyond(p, q, x)
    assert np.max(np.abs(knots)) < far
    left, _, right = np.diff(values)
    assert_allclose([left, right], [np.sign(q - p), np.sign(p - q)], rtol=1e-10)


@pytest.mark.slow
def test_where_only_one_has_mass_nothing_is_nan():
    ratios = jnp.array([-jnp.inf, jnp.inf])
    for loss, extreme in ((minimax, np.inf), (least_squares, 1), (hinge, 1), (linear, np.inf)):
        expected = [0 if loss is least_squares else -extreme, extreme]
        assert_allclose(optimal_logit(loss, ratios), expected)
        found = optimal_logit(searched(loss), ratios)
        assert not np.any(np.isnan(found))
        if loss is not minimax:  # whose slope underflows at a finite logit
            assert_allclose(found, expected, atol=1e-12)
    assert_allclose(optimal_discriminator(minimax, [0.0, 1.0], [0.0, 1.0]), 0)
    critic = optimal_discriminator(
        minimax, gd.measures.Uniform(0.0, 1.0), gd.measures.Uniform(2.0, 3.0)
    )
    assert_allclose(critic(jnp.array([0.5, 1.5, 2.5])), [np.inf, 0, -np.inf])


def test_single_precision_stays_in_logits():
    ratio = jnp.asarray(0.3, jnp.float32)
    for loss in (minimax, hinge, searched(least_squares)):
        assert optimal_logit(loss, ratio).dtype == jnp.float32


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda: optimal_logit("minimax", 0.0), TypeError, "`loss` must be a loss"),
        (lambda: optimal_logit(minimax, jnp.nan), ValueError, "`log_ratio` must not be nan"),
        (lambda: optimal_discriminator(minimax, [1.0], [0.5, 0.5]), ValueError, "on one support"),
        (lambda: optimal_discriminator(minimax, [-1.0], [1.0]), ValueError, "`p` must not be neg"),
        (
            lambda: optimal_discriminator(minimax, gaussian(0.0, 1.0), gd.measures.ring()),
            ValueError,
            "points of one shape",
        ),
        (lambda: Kantorovich(gd.measures.ring(), gd.measures.ring()), ValueError, "on the line"),
        (
            lambda: Kantorovich(0.0, gaussian(0.0, 1.0)),
            TypeError,
            "`p` must be a density, but is 0",
        ),
        (lambda: Kantorovich(gaussian(0.0, 1.0), "a"), TypeError, "`q` must be a density"),
    ],
)
@pytest.mark.usefixtures("as_installed")
def test_questions_without_an_answer(ask, error, said):
    with pytest.raises(error, match=said):
        ask()
