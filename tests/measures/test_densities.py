"""Densities: pdf, cdf, quantiles, score and samples are of one and the same law."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import gandyn as gd
from gandyn.measures import (
    DensityMixture,
    Gaussian,
    Gaussians,
    Uniform,
    blurred,
    gaussian,
    grid,
    line,
    mixture,
    ring,
)

LINE = {
    "three modes": lambda: line(3, 5.0, 0.5),
    "uneven": lambda: DensityMixture(
        [Gaussian(-1.0, 0.1), Uniform(0.0, 2.0), line(2, 3.0, 0.3)], [0.2, 0.3, 0.5]
    ),
}
PLANE = {
    "normal": lambda: Gaussian([1.0, -2.0], [0.5, 2.0]),
    "ring": lambda: ring(5, std=0.4, nodes=16),
}
on_the_line = pytest.mark.parametrize("law", LINE.values(), ids=LINE)
in_the_plane = pytest.mark.parametrize("law", PLANE.values(), ids=PLANE)


@pytest.mark.slow
@on_the_line
def test_the_distribution_function_is_the_integral_of_the_density(law):
    p, b = law(), 0.3
    knots = np.sort(np.asarray(p.knots()))
    breaks = np.concatenate([knots[knots < b], [b]])
    t, w = np.polynomial.legendre.leggauss(16)
    half = np.diff(breaks)[:, None] / 2
    x = breaks[:-1, None] + half * (1 + t)
    assert_allclose(p.cdf(b), np.sum(half * w * p.prob(x)), rtol=1e-12)


@pytest.mark.slow
@on_the_line
def test_quantiles_invert_the_distribution_function(law):
    p = law()
    u = jnp.linspace(0.01, 0.99, 23)
    x = p.quantile(u)
    assert_allclose(p.cdf(x), u, rtol=1e-13)
    inside = p.prob(x) > 0
    slope = jax.vmap(jax.grad(p.quantile))(u)
    assert_allclose(slope[inside], 1 / p.prob(x)[inside], rtol=1e-9)


@pytest.mark.slow
@on_the_line
def test_samples_are_of_the_law(law):
    p = law()
    x = np.asarray(p.sample(jr.key(0), 4000))
    assert stats.kstest(x, lambda t: np.asarray(p.cdf(t))).pvalue > 1e-3


@pytest.mark.slow
@in_the_plane
def test_samples_and_quadrature_have_the_same_moments(law):
    p = law()
    x = np.asarray(p.sample(jr.key(1), 4000))
    nodes, w = p.points()
    for h in (lambda x: x[:, 0], lambda x: x[:, 1] ** 2, lambda x: x[:, 0] * x[:, 1]):
        assert abs(h(x).mean() - jnp.sum(w * h(nodes))) < 4 * h(x).std() / np.sqrt(len(x))
    assert_allclose(p.mean, w @ nodes, atol=1e-13)


@pytest.mark.parametrize("law", [PLANE["normal"], PLANE["ring"]])
def test_in_the_plane_the_density_integrates_to_one(law):
    p = law()
    t, w = np.polynomial.legendre.leggauss(600)
    x = 20 * np.stack(np.meshgrid(t, t, indexing="ij"), -1)
    total = np.asarray(p.prob(x)) @ w @ w * 400
    assert_allclose(total, 1, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("law", [LINE["three modes"], PLANE["ring"]])
def test_the_score_is_the_mean_pull_of_the_modes(law):
    """Each mode pulls by (center - x) / variance, weighted by its share of the density at x."""
    p = law()
    x = p.sample(jr.key(2), 50)
    parts = jnp.stack([q.prob(x) * w for q, w in zip(p.components, p.weights, strict=True)])
    pulls = jnp.stack([q.score(x) for q in p.components])
    parts = parts.reshape(*parts.shape, *[1] * (x.ndim - 1))
    assert_allclose(p.score(x), (parts * pulls).sum(0) / parts.sum(0), rtol=1e-10)
    q = p.components[0]
    assert_allclose(q.score(x), -(x - q.mean[None]) / q.std**2, rtol=1e-12)


@pytest.mark.slow
def test_mixtures_of_mixtures_are_mixtures():
    a, b, c = Gaussian(-1.0, 0.3), Gaussian(0.0, 0.1), Gaussian(2.0, 0.5)
    nested = mixture([mixture([a, b], [0.25, 0.75]), c], [0.4, 0.6])
    flat = mixture([a, b, c], [0.1, 0.3, 0.6])
    assert isinstance(nested, Gaussians)
    apart = DensityMixture([DensityMixture([a, b], [0.25, 0.75]), c], [0.4, 0.6])
    x = jnp.linspace(-3, 3, 31)
    for method in ("log_prob", "score", "cdf"):
        for other in (flat, apart):
            assert_allclose(getattr(nested, method)(x), getattr(other, method)(x), rtol=1e-12)
    # A quantile near 0 is as accurate as its neighbors, which are of order 1.
    u = x / 8 + 0.5
    assert_allclose(nested.quantile(u), flat.quantile(u), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("weight", [0.5, 0.25, 0.75])
def test_a_quantile_is_the_least_number_below_which_there_is_so_much(weight):
    """F is flat between two modes: F^-1 of that height is where the gap begins."""
    law = DensityMixture([Uniform(0.0, 1.0), Uniform(2.0, 3.0)], [weight, 1 - weight])
    assert_allclose(law.quantile(weight), 1, rtol=1e-12)


# The laws on which modes are counted


def test_a_ring_of_eight_has_eight_modes():
    """Angles from 0 to 2 pi with both ends would make seven, one of them of double weight."""
    p = ring(8, radius=2.0)
    centers = np.asarray(p.centers)
    apart = np.linalg.norm(centers[:, None] - centers[None], axis=-1)
    assert_allclose(np.sort(apart, axis=1)[:, 1:3], 2 * 2 * np.sin(np.pi / 8), rtol=1e-14)
    assert len({tuple(c) for c in np.round(centers, 9)}) == 8
    assert_allclose(np.linalg.norm(centers, axis=1), 2)
    assert_allclose(p.weights, 1 / 8)
    assert_allclose(centers[0], [2, 0], atol=1e-15)
    assert_allclose(centers[2], [0, 2], atol=1e-15)
    assert_allclose(-np.sum(p.weights * np.log(p.weights)), np.log(8))


@pytest.mark.parametrize(("side", "neighbors"), [(4, 1.0), (5, 2.0)])
def test_a_grid_is_square_and_centered(side, neighbors):
    p = grid(side, neighbors)
    centers = np.asarray(p.centers)
    apart = np.linalg.norm(centers[:, None] - centers[None], axis=-1)
    assert centers.shape == (side**2, 2)
    assert_allclose(apart[apart > 0].min(), neighbors)
    assert_allclose(p.mean, 0, atol=1e-14)
    assert_allclose(centers.max(0), neighbors * (side - 1) / 2)


def test_three_modes_on_a_line():
    assert_allclose(line().centers, [-5, 0, 5])
    assert_allclose(line(4, 2.0).centers, [-3, -1, 1, 3])


def test_quadratures_of_modes_keep_them_apart():
    """A quadrature has the moments of every mode, not only of the whole."""
    p = ring(8, std=0.02)
    x, w = p.points()
    z = (x.reshape(8, -1, 2) - p.centers[:, None]) / 0.02
    assert_allclose(w.reshape(8, -1).sum(1), 1 / 8)
    assert_allclose(8 * jnp.sum(w.reshape(8, -1, 1) * z**2, axis=1), 1, rtol=1e-12)


def test_minibatches_and_populations_of_a_density_are_one_game():
    p = line(3, 5.0, 0.3)
    sampled = gd.measures.Sampled(p.sample, 5000)
    x, w = sampled.points(jr.key(3))
    nodes, v = p.points()
    error = jnp.std(jnp.cos(x)) / np.sqrt(len(x))
    assert abs(jnp.sum(w * jnp.cos(x)) - jnp.sum(v * jnp.cos(nodes))) < 4 * error


# Edges


@pytest.mark.slow
def test_where_there_is_no_mass_nothing_is_nan():
    p = DensityMixture([Uniform(0.0, 1.0), Uniform(2.0, 3.0)])
    assert p.log_prob(1.5) == -jnp.inf
    assert p.score(1.5) == 0
    assert p.prob(1.5) == 0
    assert_allclose(p.quantile(0.5), 1, rtol=1e-12)
    assert_allclose(p.quantile(jnp.array([0.0, 1.0])), [0, 3], atol=1e-12)
    assert np.all(np.isneginf(line().quantile(0.0)))
    lost = DensityMixture([Gaussian(0.0, 1.0), Gaussian(9.0, 1.0)], [0.0, 1.0])
    assert_allclose(lost.log_prob(-9.0), Gaussian(9.0, 1.0).log_prob(-9.0))


def test_far_out_the_logarithm_survives_the_density():
    p = line(3, 5.0, 0.01)
    assert p.prob(100.0) == 0
    assert_allclose(p.log_prob(100.0), p.components[-1].log_prob(100.0) - np.log(3), rtol=1e-14)
    assert_allclose(p.score(100.0), -95 / 0.01**2, rtol=1e-12)


def test_a_normal_law_without_width_is_a_point():
    p = Gaussian(1.0, 0.0)
    assert_allclose(jax.vmap(p.cdf)(jnp.array([0.9, 1.0, 1.1])), [0, 1, 1])
    assert p.log_prob(1.0) == jnp.inf
    assert p.log_prob(2.0) == -jnp.inf
    assert_allclose(p.cdf(jnp.array([0.9, 1.0, 1.1])), [0, 1, 1])
    assert p.quantile(0.3) == 1
    assert_allclose(p.points()[0], 1)


@pytest.mark.slow
def test_single_precision_stays_in_densities():
    x = jnp.asarray(0.5, jnp.float32)
    for p in (line(), DensityMixture([Gaussian(x, x), Uniform(x, 2 * x)], [0.5, 0.5])):
        for method in (p.log_prob, p.score, p.cdf, p.quantile):
            assert method(x).dtype == jnp.float32
    law = Gaussian(x, 0.1)
    assert law.sample(jr.key(0), 3).dtype == law.points()[0].dtype == jnp.float32


def test_ensembles_of_densities():
    """A density with a leading axis on its leaves is an ensemble of densities."""
    stds = jnp.array([0.1, 0.5, 1.0])
    together = jax.jit(jax.vmap(lambda s: line(3, 5.0, s).log_prob(1.0)))(stds)
    assert_allclose(together, [line(3, 5.0, s).log_prob(1.0) for s in stds])
    slope = jax.grad(lambda s: Gaussian(0.0, s).log_prob(1.0))(2.0)
    assert_allclose(slope, 1 / 2.0**3 - 1 / 2.0)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: Gaussian([0.0, 1.0], [1.0, 1.0, 1.0]), "`std` must be one number or have"),
        (lambda: Uniform(1.0, 0.0), "`low` must be below `high`"),
        (lambda: Uniform([0.0, 0.0], [1.0]), "`low` and `high` must have one shape"),
        (lambda: DensityMixture([]), "`components` must be densities"),
        (lambda: mixture([Gaussian(0.0, 1.0), ring()]), "points of one shape"),
        (lambda: mixture([Gaussian(0.0, 1.0)], [0.9]), "must sum to one"),
        (lambda: line(0), "`modes` must be at least 1"),
        (lambda: ring(radius=-1.0), "`radius` must be positive"),
        (lambda: grid(std=0.0), "`std` must be positive"),
        (lambda: ring().cdf(jnp.zeros(2)), "laws on the line"),
        (lambda: ring().quantile(0.5), "laws on the line"),
        (lambda: ring().log_prob(jnp.zeros(3)), r"points of shape \(2,\)"),
        (lambda: line().quantile(1.5), "`u` must be probabilities"),
        (lambda: blurred(gaussian([0.0, 0.0], 1.0), jnp.ones(3)), "`std` must be one number"),
        (lambda: blurred(gaussian(0.0, 1.0), jnp.ones(2)), "`std` must be one number"),
        (lambda: blurred(gaussian(0.0, 1.0), -1.0), "`std` must not be negative"),
    ],
)
@pytest.mark.usefixtures("as_installed")
def test_laws_that_are_none(ask, said):
    with pytest.raises(ValueError, match=said):
        ask()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: blurred(0.5, 1.0), "`measure` must be a measure, but is 0.5"),
        (lambda: mixture(0.5), "`components` must be a sequence of measures, but is 0.5"),
        (lambda: mixture("a"), "`components` must be a sequence of measures"),
        (lambda: mixture([0.5]), r"`components\[0\]` must be a measure"),
        (lambda: gd.measures.Sampled(0.5, 3), "`sampler` must be a function"),
        (lambda: gd.measures.Sampled(lambda: 0.5, 3), r"`sampler` is called as sampler\(key, n\)"),
    ],
)
@pytest.mark.usefixtures("as_installed")
def test_what_is_no_measure(ask, said):
    with pytest.raises(TypeError, match=said):
        ask()


def test_a_law_without_quadrature_has_any_dimension():
    law = Gaussian(jnp.zeros(1000), 1.0)
    assert_allclose(law.log_prob(jnp.zeros(1000)), -500 * np.log(2 * np.pi))
    assert law.sample(jr.key(0), 2).shape == (2, 1000)
    with pytest.raises(ValueError, match="too large"):
        law.points()
    with pytest.raises(ValueError, match="too large"):
        gaussian(jnp.zeros(1000), 1.0)


def test_points_of_any_measure_can_be_blurred():
    """N(0, 3^2) convolved with N(0, 4^2) is N(0, 5^2)."""
    x, w = gd.measures.blurred(gaussian(1.0, 3.0, nodes=4), 4.0, nodes=4).points()
    assert_allclose([w @ x, w @ x**2, w @ x**3], [1, 26, 76], rtol=1e-12)


def test_points_of_two_shapes_are_no_mixture():
    two = mixture([gd.measures.dirac(0.0), gd.measures.dirac([0.0, 1.0])])
    with pytest.raises(ValueError, match="measures of points of one shape"):
        two.points()
