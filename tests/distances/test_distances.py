"""Distances: closed forms, metric laws, and the same number by another route."""

import itertools
from fractions import Fraction

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.scipy.special import xlogy
from numpy.testing import assert_allclose
from scipy.optimize import linear_sum_assignment
from scipy.special import erf, gammaln

import gandyn as gd
from gandyn import distances
from gandyn._linear_program import exact as exact_numbers
from gandyn.distances import jensen_shannon, wasserstein
from gandyn.measures import (
    DensityMixture,
    Gaussian,
    Points,
    Sampled,
    Uniform,
    empirical,
    gaussian,
    ring,
)

orders = st.sampled_from([1, 1.5, 2, 3])
seeds = st.integers(0, 2**31)
# Each shape is compiled once, numbers are drawn anew. Of samples that can be looked at, transport
# needs no program.
transport = jax.jit(wasserstein)
divergence = jax.jit(jensen_shannon)
slopes = eqx.filter_jit(lambda f, *at: jax.grad(f, tuple(range(len(at))))(*at))


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from([1, 4]), st.sampled_from([1, 3]), orders)
def test_wasserstein_is_the_best_of_all_matchings(seed, n, d, order):
    x, y = draw(seed, n, d), draw(seed + 1, n, d)
    apart = np.linalg.norm(x[:, None] - y[None], axis=-1) ** order
    best = min(apart[range(n), p].mean() for p in itertools.permutations(range(n)))
    assert_allclose(wasserstein(x, y, order), best ** (1 / order), rtol=1e-12)


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from([1, 4]), st.sampled_from([4, 6]), orders)
def test_a_line_in_the_plane_is_a_line(seed, n, m, order):
    """Sorting and transport are two algorithms for one number; the sizes may differ."""
    x, y = draw(seed, n), draw(seed + 1, m)
    direction = np.array([0.6, 0.8])
    assert_allclose(
        wasserstein(x[:, None] * direction, y[:, None] * direction, order),
        wasserstein(x, y, order),
        rtol=1e-9,
    )


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from([1, 4]), st.sampled_from([4, 6]))
def test_on_the_line_it_is_the_area_between_the_distribution_functions(seed, n, m):
    x, y = np.sort(draw(seed, n)), np.sort(draw(seed + 1, m))
    knots = np.sort(np.concatenate([x, y]))
    below = [np.searchsorted(s, knots[:-1], side="right") / len(s) for s in (x, y)]
    assert_allclose(
        wasserstein(x, y), np.abs(below[0] - below[1]) @ np.diff(knots), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("d", [1, 3])
def test_wasserstein_is_a_metric(d):
    x, y, z = (draw(seed, 8, d) for seed in range(3))
    for order in (1, 2):
        assert wasserstein(x, x, order) == 0
        assert_allclose(wasserstein(x, y, order), wasserstein(y, x, order), rtol=1e-14)
        assert wasserstein(x, z, order) < wasserstein(x, y, order) + wasserstein(y, z, order)
        shift = np.ones(d)
        assert_allclose(wasserstein(x, x + shift, order), np.sqrt(d), rtol=1e-12)


@pytest.mark.parametrize("d", [1, 2])
def test_derivative_of_wasserstein(d):
    x, y, along = draw(0, 6, d), draw(1, 6, d), draw(2, 6, d)
    (slope,) = slopes(lambda x: wasserstein(x, jnp.asarray(y), 2), x)
    ahead, behind = wasserstein(x + 1e-6 * along, y, 2), wasserstein(x - 1e-6 * along, y, 2)
    assert_allclose(np.sum(slope * along), (ahead - behind) / 2e-6, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize(("m", "weighted"), [(4, False), (6, False), (6, True)])
def test_wasserstein_of_many_samples_is_that_of_each(d, m, weighted):
    """By programs that know shapes only, and of numbers that can be looked at."""
    x, y = draw(0, 4, 4, d), draw(1, 4, m, d)
    if weighted:
        rng = np.random.default_rng(2)
        weights = (rng.dirichlet(np.ones(z.shape[1]), 4) for z in (x, y))
        x, y = (jax.vmap(Points)(z, w) for z, w in zip((x, y), weights, strict=True))
    orders = np.array([1, 1.5, 2, 3])
    together = jax.jit(jax.vmap(wasserstein))(x, y, orders)
    one_by_one = [
        wasserstein(*jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf)[i], (x, y)), order)
        for i, order in enumerate(orders)
    ]
    assert_allclose(together, one_by_one, rtol=1e-12)


@pytest.mark.parametrize("near", [1e-12, 1e-6, 1e-2, 0.3, 0.49, 0.51, 0.9, 1])
def test_jensen_shannon_of_two_coins(near):
    """(1 + e)/2 against (1 - e)/2: log 2 minus the entropy of either, e^2/2 + e^4/12 + ... ."""
    p = jnp.array([1 + near, 1 - near]) / 2
    if near < 0.1:
        exact = sum(near ** (2 * k) / (2 * k * (2 * k - 1)) for k in range(1, 8))
    else:
        exact = np.log(2) + sum(x * np.log(x) for x in p if x > 0)
    # p itself is rounded, by up to eps/4 of its size.
    assert_allclose(divergence(p, p[::-1]), exact, rtol=1e-13 + 2e-16 / near)


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from([2, 5]))
def test_jensen_shannon_is_the_mean_divergence_from_the_mean(seed, n):
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(n), 2)
    mean = (p + q) / 2
    assert_allclose(divergence(p, q), (p @ np.log(p / mean) + q @ np.log(q / mean)) / 2, atol=1e-14)
    assert_allclose(divergence(p, q), divergence(q, p), rtol=1e-14)


@pytest.mark.parametrize(("modes", "covered"), [(3, 1), (3, 2), (8, 1), (8, 5)])
def test_jensen_shannon_of_a_generator_that_misses_modes(modes, covered):
    """Arora et al. 2017: what minimax GANs minimize, for a uniform law on some of the modes."""
    k, t = modes, covered
    exact = (
        (1 - t / k) * np.log(2) + t / k * np.log(2 * t / (t + k)) + np.log(2 * k / (t + k))
    ) / 2
    p, q = (np.where(np.arange(8) < n, 1 / n, 0) for n in (k, t))
    assert_allclose(divergence(p, q), exact, rtol=1e-14)
    slope, _ = slopes(jensen_shannon, p, q)
    assert_allclose(slope[:k], np.log(2 * p[:k] / (p + q)[:k]) / 2, atol=1e-14)


def test_where_neither_has_mass_nothing_is_nan():
    p, q = np.eye(8)[0] / 2 + np.eye(8)[1] / 2, np.eye(8)[3]
    assert_allclose(divergence(p, q), np.log(2), rtol=1e-15)
    assert not np.any(np.isnan(slopes(jensen_shannon, p, q)))


def test_single_precision_stays():
    x = jnp.ones((3, 2), jnp.float32)
    for ask in (
        lambda x: wasserstein(x, 2 * x),
        lambda x: wasserstein(x[:, 0], 2 * x[:2, 0]),
        lambda x: jensen_shannon(x[0] / 2, x[0] / 2),
    ):
        assert jax.eval_shape(ask, x).dtype == jnp.float32
    assert wasserstein(x, 2 * x).dtype == jnp.float32


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: wasserstein([], [1.0]), "`x` must be a sample .* not empty"),
        (lambda: wasserstein([1.0], jnp.ones((2, 2, 2))), "`y` must be a sample"),
        (lambda: wasserstein([1.0], jnp.ones((2, 2))), "one dimension, but `x` has 1 and `y` 2"),
        (lambda: wasserstein([1.0, jnp.nan], [1.0]), "`x` must be finite"),
        (lambda: wasserstein([1.0], [1.0], order=0.5), "`order` must be at least 1"),
        (lambda: jensen_shannon([0.5, 0.6], [0.5, 0.5]), "`p` must not be negative and must sum"),
        (lambda: jensen_shannon([0.5, 0.5], [1.5, -0.5]), "`q` must not be negative"),
        (lambda: jensen_shannon([1.0], [0.5, 0.5]), "on one support"),
    ],
)
def test_what_is_no_sample_or_no_law(ask, said):
    with pytest.raises(ValueError, match=said):
        ask()


# Divergences between laws


CLOSED = {  # of N(m, s) from N(0, 1), with d = m where s = 1
    "kl": lambda m, s: (s**2 + m**2 - 1) / 2 - np.log(s),
    "reverse_kl": lambda m, s: np.log(s) + (1 + m**2) / (2 * s**2) - 0.5,
    "squared_hellinger": lambda m, s: (
        1 - np.sqrt(2 * s / (1 + s**2)) * np.exp(-(m**2) / (4 * (1 + s**2)))
    ),
    "chi_squared": lambda m, s: np.exp(m**2 / (2 - s**2)) / (s * np.sqrt(2 - s**2)) - 1,
}


@jax.jit
def gaussians(m, s):
    p, q = gaussian(m, s), gaussian(0.0, 1.0)
    return {name: getattr(distances, name)(p, q) for name in [*CLOSED, "total_variation"]}


@pytest.mark.parametrize(("m", "s"), [(0.0, 1.0), (1e-6, 1.0), (1.0, 0.5), (4.0, 1.0), (8.0, 0.1)])
def test_divergences_of_normal_laws(m, s):
    found = gaussians(m, s)
    for name, exact in CLOSED.items():
        # The closed forms cancel where the laws are close; the quadratures do not.
        assert_allclose(found[name], exact(m, s), rtol=1e-11, atol=2e-16, err_msg=name)
    if s == 1:
        assert_allclose(found["total_variation"], erf(m / np.sqrt(8)), rtol=1e-7, atol=1e-15)
        assert_allclose(found["kl"], m**2 / 2, rtol=1e-9, atol=1e-16)


@jax.jit
@jax.value_and_grad
def shifted(m):
    return jensen_shannon(gaussian(0.0, 1.0), gaussian(m, 1.0))


@pytest.mark.parametrize(
    ("d", "exact", "overlap"),
    [
        (1, 0.11142148218474, 0.39797286718325),
        (2, 0.33683082034683, 0.22479975460334),
        (4, 0.63272019373687, 0.034298704395369),
        (8, 0.69305364548292, 4.9109342009099e-5),
    ],
)
def test_jensen_shannon_of_shifted_normal_laws(d, exact, overlap):
    """And its slope, which is all that the minimax generator sees: d/2 times the overlap."""
    value, slope = shifted(float(d))
    assert_allclose(value, exact, rtol=1e-13)
    assert_allclose(slope, d * overlap / 2, rtol=1e-10)


@eqx.filter_jit
def every(p, q):
    """All the divergences, as one program."""
    names = ("kl", "total_variation", "squared_hellinger", "chi_squared", "jensen_shannon")
    return {name: getattr(distances, name)(p, q) for name in names}


@pytest.mark.slow
def test_divergences_by_two_roads():
    """Densities with their mass in boxes are probability vectors."""
    p, q = np.array([0.1, 0.2, 0.0, 0.7]), np.array([0.25, 0.25, 0.25, 0.25])
    boxes = [Uniform(float(i), i + 1.0) for i in range(4)]
    laws = DensityMixture(boxes, p), DensityMixture(boxes, q)
    atoms = Points([0.0, 1.0, 2.0, 3.0], p), Points([3.0, 2.0, 1.0, 0.0], q)
    f = {"kl": (lambda u: xlogy(u, u), jnp.inf), "total_variation": (lambda u: abs(u - 1) / 2, 0.5)}
    expected, backwards = every(p, q), every(q, p)
    for pair in (laws, atoms):
        found = every(*pair)
        for name, value in expected.items():
            assert_allclose(found[name], value, rtol=1e-12, err_msg=name)
    for name, (function, slope) in f.items():
        one = eqx.filter_jit(lambda p, q, f=function, s=slope: distances.f_divergence(f, p, q, s))
        assert_allclose(one(p, q), expected[name])
        assert_allclose(one(q, p), backwards[name])
    assert backwards["kl"] == distances.reverse_kl(p, q) == jnp.inf


@pytest.mark.slow
def test_disjoint_laws_are_as_far_apart_as_can_be_and_nothing_is_nan():
    x = empirical(draw(0, 4))
    pairs = [
        (Uniform(0.0, 1.0), Uniform(2.0, 3.0)),
        (x, empirical(draw(1, 4))),
        (x, gaussian(0.0, 1.0)),
        (gaussian(0.0, 1.0), x),
        (np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0, 0.0])),
        (gaussian([0.0, 0.0], 0.1, 4), gaussian([90.0, 0.0], 0.1, 4)),
    ]
    for p, q in pairs:
        found = every(p, q)
        assert_allclose(found["jensen_shannon"], np.log(2), rtol=1e-12)
        assert_allclose(found["total_variation"], 1, rtol=1e-12)
        assert_allclose(found["squared_hellinger"], 1, rtol=1e-12)
        if not isinstance(q, Gaussian) or not isinstance(p, Gaussian):
            assert found["kl"] == found["chi_squared"] == jnp.inf
    assert_allclose(every(x, x)["jensen_shannon"], 0, atol=1e-15)
    # Atoms that are met twice, in one sample and in both.
    assert_allclose(
        every(empirical([0.0, 0.0, 1.0, 2.0]), empirical([0.0, 1.0, 0.0, 1.0]))["jensen_shannon"],
        every(np.array([0.5, 0.25, 0.25, 0.0]), np.array([0.5, 0.5, 0.0, 0.0]))["jensen_shannon"],
        rtol=1e-14,
    )


def test_divergences_in_the_plane_are_sums_over_independent_coordinates():
    @jax.jit
    def in_the_plane():
        p, q = gaussian([0.5, -0.3], [0.8, 1.0], 24), gaussian([0.0, 0.0], 1.0, 24)
        turned = gaussian([0.6, 0.8], 1.0, 40), gaussian([0.0, 0.0], 1.0, 40)
        return distances.kl(p, q), jensen_shannon(*turned)

    independent, turned = in_the_plane()
    assert_allclose(independent, CLOSED["kl"](0.5, 0.8) + 0.3**2 / 2, rtol=1e-7)
    assert_allclose(turned, shifted(1.0)[0], rtol=1e-7)


@pytest.mark.slow
def test_modes_far_apart_are_atoms():
    """Three modes at -5, 0, 5, and a generator that has some of them."""
    law = gd.measures.line(3, 5.0, 0.2)
    some = jax.jit(lambda w: jensen_shannon(law, DensityMixture(law.components, w)))
    for covered, exact in ((1, 0.31825708414741), (2, 0.1323041247189)):
        weights = np.array([1 / covered] * covered + [0.0] * (3 - covered))
        assert_allclose(some(weights), exact, rtol=1e-12)


# Transport on the line


between_laws = jax.jit(wasserstein, static_argnums=2)  # of which order 1 has a road of its own
normal_laws = jax.jit(
    jax.value_and_grad(lambda m, s, order: wasserstein(gaussian(m, s), gaussian(0.0, 1.0), order)),
    static_argnums=2,
)


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2])
def test_shifted_laws_are_as_far_apart_as_they_are_shifted(order):
    law = gd.measures.line(2, 5.0, 0.3)
    shifted = DensityMixture([gaussian(c + 0.7, 0.3) for c in law.centers])
    assert_allclose(between_laws(law, shifted, order), 0.7, rtol=1e-9)
    assert_allclose(between_laws(law, law, order), 0, atol=1e-12)


@pytest.mark.slow
def test_wasserstein_of_normal_laws():
    """W_2 is that of means and deviations; W_1 = |1 - s| sqrt(2/pi) where the means agree, and
    else, where the distribution functions cross away from all knots, that of a folded normal law.
    In the mean it grows by the mean push."""
    far, slope = normal_laws(-3.0, 4.0, 2)
    assert_allclose(far, np.hypot(3, 3), rtol=1e-9)
    assert_allclose(slope, -3 / np.hypot(3, 3), rtol=1e-6)
    s, m = 0.3, 0.2345
    t = 1 - s
    assert_allclose(normal_laws(0.0, s, 1)[0], t * np.sqrt(2 / np.pi), rtol=1e-12)
    folded = t * np.sqrt(2 / np.pi) * np.exp(-((m / t) ** 2) / 2) + m * erf(m / t / np.sqrt(2))
    assert_allclose(normal_laws(m, s, 1)[0], folded, rtol=1e-12)
    assert_allclose(normal_laws(0.8, 1.0, 1)[1], 1, rtol=1e-9)


@pytest.mark.slow
def test_a_law_is_the_limit_of_its_quantiles():
    law, other = gd.measures.line(2, 3.0, 0.4), DensityMixture([gaussian(0.3, 1.0)] * 2)
    u = (np.arange(2000) + 0.5) / 2000
    quantiles = jax.jit(lambda law: law.quantile(u))
    x, y = quantiles(law), quantiles(other)
    for order in (1, 2):
        exact = between_laws(law, other, order)
        assert_allclose(between_laws(Points(x), other, order), exact, rtol=2e-4)
        assert_allclose(wasserstein(x, y, order), exact, rtol=1e-3)


@pytest.mark.slow
def test_one_point_and_samples_of_a_law_are_as_far_from_it_as_theory_says():
    """W_p(delta_x, p) is the p-th absolute moment about x, since there is only one coupling; and
    of two points of N(0, 1), E W_1 and E W_2^2 to the law and between two samples."""

    @jax.jit
    @jax.vmap
    def measured(x, y):
        law = gaussian(0.0, 1.0)
        each = [[wasserstein(x, at, order) ** order for order in (1, 2)] for at in (law, y)]
        return *each, wasserstein(law, x, 2) ** 2

    runs = 1000
    x, y = draw(2, runs, 2), draw(3, runs, 2)
    x[0], x[1] = 0.0, 1.5
    to_law, between, from_law = map(np.asarray, measured(x, y))
    assert_allclose(to_law[0, 0], np.sqrt(2 / np.pi), rtol=1e-12)
    assert_allclose(to_law[1, 1], 1 + 1.5**2, rtol=1e-12)
    assert_allclose(from_law, to_law[1], rtol=1e-12)
    for found, exact in (
        (to_law, (0.8284406807856, 1.0996836838426)),
        (between, (0.9303715789, 2 - 2 / np.pi)),
    ):
        error = 4 * found[:, 2:].std(1) / np.sqrt(runs - 2)
        assert np.all(abs(found[:, 2:].mean(1) - exact) < error)


# Other distances between samples


@pytest.mark.slow
def test_sliced_transport():
    x, y = draw(0, 12, 2), draw(1, 12, 2)
    sliced = jax.jit(distances.sliced_wasserstein)
    assert sliced(x, y) <= wasserstein(x, y, 2) / np.sqrt(2) + 1e-12
    assert_allclose(sliced(x, x), 0)
    # Of a shift: the mean square of a cosine is 1/2.
    assert_allclose(sliced(x, x + np.array([3.0, 4.0])), 5 / np.sqrt(2), rtol=1e-12)

    @jax.jit
    def others(x, y, key):
        return (
            distances.sliced_wasserstein(x[:, 0], y[:, 0], 1),
            distances.sliced_wasserstein(x, y, 1, directions=np.eye(2)),
            distances.sliced_wasserstein(x, y, key=key, directions=2000),
        )

    line, axes, drawn = others(x, y, jr.key(0))
    each = [wasserstein(x[:, i], y[:, i]) for i in range(2)]
    assert_allclose(line, each[0])
    assert_allclose(axes, np.mean(each), rtol=1e-12)
    assert_allclose(drawn, sliced(x, y), rtol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("d", "runs"), [(1, 400), (10, 400), (300, 100)])
def test_between_samples_of_one_law_kernels_and_linear_critics_see_one_over_root_m(d, runs):
    m = 20
    x, y = (draw(seed, runs, m, d) / np.sqrt(d) for seed in (d, d + 1))
    seen = jax.jit(
        jax.vmap(lambda x, y: (distances.mmd(x, y) ** 2, distances.linear_distance(x, y)))
    )
    for found, exact in zip(
        seen(x, y),
        (
            2 / m * (1 - (1 + 2 / d) ** (-d / 2)),
            np.sqrt(2 / (m * d)) * np.sqrt(2) * np.exp(gammaln((d + 1) / 2) - gammaln(d / 2)),
        ),
        strict=True,
    ):
        assert abs(found.mean() - exact) < 4 * found.std() / np.sqrt(runs)


@pytest.mark.slow
def test_the_kernel_sees_what_its_definition_says():
    x, y = draw(0, 5, 3), draw(1, 7, 3)

    def k(x, y):
        return np.exp(-(np.linalg.norm(x[:, None] - y[None], axis=-1) ** 2) / 8).mean()

    assert_allclose(distances.mmd(x, y, 2.0) ** 2, k(x, x) + k(y, y) - 2 * k(x, y), rtol=1e-12)
    assert_allclose(distances.mmd(x, x[::-1]), 0, atol=1e-7)
    assert_allclose(distances.mmd(x + 1e5, y + 1e5), distances.mmd(x, y), rtol=1e-8)


@pytest.mark.slow
def test_trained_linear_critics_find_the_closed_form():
    x, y = draw(0, 30, 3), draw(1, 30, 3) + 1
    found = distances.neural_distance(jnp.dot, jnp.zeros(3), x, y, steps=300)
    exact = distances.linear_distance(x, y)
    assert found <= exact + 1e-12
    assert_allclose(found, exact, rtol=1e-5)
    half = distances.neural_distance(jnp.dot, jnp.zeros(3), x, y, steps=300, radius=0.5)
    assert_allclose(half, exact / 2, rtol=1e-5)


def test_histograms_count_every_point():
    histogram = jax.jit(distances.histogram)
    x, edges = draw(0, 450), np.linspace(-1, 1, 7)
    shares = histogram(x, edges)
    assert_allclose(shares.sum(), 1, rtol=1e-12)
    assert_allclose(shares[1:-1] * 450, np.histogram(x, edges)[0], rtol=1e-12)
    assert_allclose(shares[0] * 450, np.sum(x < -1))
    # Of many points the histogram's divergence is nearly that of the laws.
    x, y = draw(0, 40_000), draw(1, 40_000) + 1
    coarse = divergence(*(histogram(z, np.linspace(-4, 5, 60)) for z in (x, y)))
    assert_allclose(coarse, shifted(1.0)[0], rtol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: distances.kl(gaussian(0.0, 1.0), ring()), "laws of points of one shape"),
        (lambda: distances.kl(gaussian(0.0, 1.0), [0.5, 0.5]), "both be measures or both be"),
        (lambda: distances.kl([0.5, 0.6], [0.5, 0.5]), "`p` must not be negative and must sum"),
        (lambda: jensen_shannon(empirical([0.0]), empirical([[0.0, 1.0]])), "of one shape"),
        (lambda: jensen_shannon(empirical([[0.0, 1.0]]), gaussian(0.0, 1.0)), "of one shape"),
        (lambda: distances.kl(gaussian(0.0, 0.0), gaussian(0.0, 1.0)), "a law without width"),
        (
            lambda: distances.neural_distance(lambda w, x: w * x, [0.0, 0.0], *np.ones((2, 3, 2))),
            "a number for each point",
        ),
        (lambda: jensen_shannon(Sampled(draw, 3), gaussian(0.0, 1.0)), "a new law for every key"),
        (lambda: wasserstein(ring(), [0.0]), "laws on the line"),
        (
            lambda: wasserstein(np.ones((3, 2)), gaussian(0.0, 1.0)),
            "draw a sample from the density",
        ),
        (lambda: distances.mmd([0.0], [1.0], width=0.0), "`width` must be positive"),
        (lambda: distances.mmd([], [1.0]), "`x` must be a sample .* not empty"),
        (lambda: distances.sliced_wasserstein(np.ones((2, 3)), np.ones((2, 3))), "pass `key="),
        (
            lambda: distances.sliced_wasserstein([0.0], [1.0], 2, directions=0),
            "`directions` must be at least",
        ),
        (
            lambda: distances.sliced_wasserstein([0.0], [1.0], directions=[[0.0]]),
            "vectors with a direction",
        ),
        (lambda: distances.linear_distance([0.0], np.ones((1, 2))), "one dimension"),
        (lambda: distances.histogram([0.0], [1.0, 0.0]), "`edges` must increase"),
        (lambda: distances.histogram([], [1.0]), "must be vectors and not empty"),
    ],
)
@pytest.mark.usefixtures("as_installed")
def test_what_cannot_be_compared(ask, said):
    with pytest.raises(ValueError, match=said):
        ask()


mmd, linear_distance, sliced_wasserstein = map(
    jax.jit, (distances.mmd, distances.linear_distance, distances.sliced_wasserstein)
)
BETWEEN_SAMPLES = (
    wasserstein,
    distances.sliced_wasserstein,
    distances.mmd,
    distances.linear_distance,
)
DIVERGENCES = (
    jensen_shannon,
    distances.kl,
    distances.reverse_kl,
    distances.total_variation,
    distances.squared_hellinger,
    distances.chi_squared,
)


@pytest.mark.parametrize("distance", BETWEEN_SAMPLES + DIVERGENCES)
def test_a_run_that_blew_up_is_not_near(distance):
    """Within a transformation nan cannot be refused; it may not be taken for a distance 0."""
    lost, other = jnp.array([jnp.nan, 0.5]), jnp.array([0.5, 0.5])
    assert np.isnan(jax.jit(distance)(lost, other))


@pytest.mark.parametrize("scale", [1e-3, 1e3])
@pytest.mark.parametrize("d", [1, 2])
def test_wasserstein_grows_with_the_samples_at_all_orders(d, scale):
    """Its powers are beyond single precision here."""
    x, y = np.float32(draw(0, 5, d)), np.float32(draw(1, 5, d) + 1)
    scaled = transport(np.float32(scale) * x, np.float32(scale) * y, 20)
    assert_allclose(scaled, scale * transport(x, y, 20), rtol=1e-5)
    assert_allclose(transport(x, x + np.float32(scale), 20), scale * d**0.5, rtol=1e-4)


def test_slopes_where_one_has_no_mass():
    """sum |p - q| / 2 and sum (p - q)^2 / q have slopes at p = 0, sum sqrt(p q) has one in q."""
    p, q = jnp.array([0.0, 1.0]), jnp.array([0.5, 0.5])

    @jax.jit
    def found(p, q):
        square = lambda p: distances.f_divergence(lambda u: (u - 1) ** 2, p, q)  # noqa: E731
        return (
            jax.grad(distances.total_variation)(p, q),
            jax.grad(distances.chi_squared)(p, q),
            jax.grad(square)(p),
            jax.grad(distances.squared_hellinger, 1)(p, q),
        )

    variation, chi, square, hellinger = found(p, q)
    assert_allclose(variation, [-0.5, 0.5])
    assert_allclose(chi, [-2, 2])
    assert_allclose(square, [-2, 2])
    assert_allclose(hellinger, [0.5, 0.5 - 0.5**0.5], rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_no_slope_is_nan(divergence):
    laws = np.array([[0.0, 0.5, 0.5], [0.5, 0, 0.5], [0, 0, 1]])
    p, q = np.moveaxis(list(itertools.permutations(laws, 2)), 1, 0)
    assert not np.isnan(jax.jit(jax.vmap(jax.grad(divergence, (0, 1))))(p, q)).any()


def test_an_f_that_is_nan_at_zero_has_a_limit_there():
    p, q = [0.0, 0.25, 0.75], [0.5, 0.25, 0.25]
    same = distances.f_divergence(lambda u: u * jnp.log(u), p, q)
    assert_allclose(same, distances.kl(p, q), rtol=1e-14)
    backwards = distances.f_divergence(lambda u: -jnp.log(u), p, q)
    assert float(backwards) == float(distances.reverse_kl(p, q)) == np.inf


def test_an_f_that_overflows_is_infinite_and_not_nan():
    p, q = gaussian(np.float32(6), np.float32(1)), gaussian(np.float32(0), np.float32(1))
    far = jax.jit(lambda p, q: distances.f_divergence(lambda u: (u - 1) ** 2, p, q))
    assert not np.isnan(far(p, q))


@pytest.mark.slow
def test_slopes_of_intervals_that_move():
    """[m, m + 1] against [0, 1]: m times a constant while they overlap, constant beyond."""
    moving = {
        distances.total_variation: [1, -1, 0],
        jensen_shannon: [np.log(2), -np.log(2), 0],
        distances.squared_hellinger: [1, -1, 0],
        wasserstein: [1, -1, 1],
    }

    @jax.jit
    @jax.vmap
    def found(m):
        still = Uniform(0.0, 1.0)
        return [jax.grad(lambda m, f=f: f(Uniform(m, m + 1), still))(m) for f in moving]

    for f, slope in zip(moving, found(jnp.array([0.3, -0.6, 1.7])), strict=True):
        assert_allclose(slope, moving[f], atol=1e-12, err_msg=f.__name__)


@pytest.mark.slow
def test_the_slope_of_transport_in_a_sample_and_in_a_weight():
    """A point at x is (x^2 + (1 - x)^2) / 2 from [0, 1]; and what a weight moves goes the whole
    way between two modes."""
    (slope,) = slopes(lambda x: wasserstein(x, Uniform(0.0, 1.0)), jnp.array([0.3]))
    assert_allclose(slope, [-0.4], rtol=1e-12)

    @jax.jit
    @jax.value_and_grad
    def away(w):
        modes = [Uniform(-5.0, -4.0), Uniform(4.0, 5.0)]
        return wasserstein(DensityMixture(modes, jnp.stack([w, 1 - w])), Uniform(-5.0, 5.0), 2)

    change = (away(0.4 + 1e-5)[0] - away(0.4 - 1e-5)[0]) / 2e-5
    assert_allclose(away(0.4)[1], change, rtol=1e-6)


@pytest.mark.slow
def test_total_variation_of_normal_laws_of_two_widths():
    """Their densities cross at +-x, where x^2 (1 - 1 / s^2) = 2 log s."""
    s = 2.0
    x = np.sqrt(2 * np.log(s) / (1 - 1 / s**2))
    exact = erf(x / np.sqrt(2)) - erf(x / s / np.sqrt(2))
    normal = gaussian(0.0, 1.0), gaussian(0.0, s)
    assert_allclose(distances.total_variation(*normal), exact, rtol=1e-12)
    kinked = distances.f_divergence(lambda u: jnp.abs(u - 1) / 2, *normal, slope=0.5)
    assert_allclose(kinked, exact, rtol=1e-12)


@pytest.mark.slow
def test_the_curvature_of_total_variation():
    """2 Phi(d / 2) - 1 has the second derivative -phi(d / 2) d / 4: the crossing moves with d."""
    d = 1.3

    def distance(m):
        return distances.total_variation(gaussian(m, 1.0), gaussian(0.0, 1.0))

    exact = -d / 4 * np.exp(-(d**2) / 8) / np.sqrt(2 * np.pi)
    assert_allclose(jax.jit(jax.hessian(distance))(d), exact, rtol=1e-10)


# Couplings that are proven


def replicated(x, y, order):
    """W_p of n and m points: of lcm(n, m), each as often as it takes, matched one to one."""
    size = np.lcm(len(x), len(y))
    x, y = (np.repeat(z, size // len(z), axis=0) for z in (x, y))
    apart = np.linalg.norm(x[:, None] - y[None], axis=-1)
    i, j = linear_sum_assignment((apart / apart.max()) ** order)
    used = apart[i, j]
    return used.max() * np.mean((used / used.max()) ** order) ** (1 / order)


def modes(seed, n, std):
    """n points on eight modes of a ring of radius 2, as many on each."""
    turn = 2 * np.pi * np.arange(n) / 8
    return 2 * np.stack([np.cos(turn), np.sin(turn)], -1) + std * draw(seed, n, 2)


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("std", [2e-2, 1e-3, 4e-4, 1e-6])
def test_transport_within_modes_that_are_far_apart(std, order):
    """Costs (std / diameter)^p are far below the tolerances of any solver."""
    for n, m in ((16, 32), (8, 24)):
        x, y = modes(n, n, std), modes(m + 1, m, std)
        assert_allclose(wasserstein(x, y, order), replicated(x, y, order), rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("far", [1e4, 1e8])
def test_transport_within_two_clusters(far, order):
    x, y = draw(0, 6, 2), draw(1, 9, 2)
    x[:2] += far
    y[:3] += far
    assert_allclose(wasserstein(x, y, order), replicated(x, y, order), rtol=1e-12)
    y[3] += far  # one more than can be met
    assert_allclose(wasserstein(x, y, order), replicated(x, y, order), rtol=1e-12)


def test_a_sample_repeated_is_that_sample():
    x = draw(0, 5, 2)
    assert wasserstein(x, np.repeat(x, 3, axis=0), 2) == 0
    assert wasserstein(np.ones((3, 2)), np.ones((4, 2))) == 0


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("sizes", [(5, 5), (5, 7)])
def test_distances_of_any_size(scale, sizes):
    """Their squares are beyond double precision."""
    x, y = draw(0, sizes[0], 2), draw(1, sizes[1], 2)
    for order in (1, 2, 20):
        assert_allclose(
            wasserstein(scale * x, scale * y, order) / scale, wasserstein(x, y, order), rtol=1e-14
        )
    for distance in (transport, linear_distance, sliced_wasserstein):
        assert_allclose(distance(scale * x, scale * y) / scale, distance(x, y), rtol=1e-13)
    assert_allclose(mmd(scale * x, scale * y, scale), mmd(x, y, 1.0), rtol=1e-13)


def test_a_kernel_of_any_width():
    assert distances.mmd([0.0, 1.0], [1.0, 0.0], width=1e-200) == 0
    assert_allclose(distances.mmd([0.0, 1.0], [2.0, 3.0], width=1e-200), 1, rtol=1e-15)
    # Ten digits closer than the sample is wide.
    near = distances.mmd([0.0, 1e5], [1e-5, 1e5], width=1e-5)
    assert_allclose(near**2, (1 - np.exp(-0.5)) / 2, rtol=1e-7)


@pytest.mark.slow
def test_weighted_points_are_points_that_are_met_more_than_once():
    x, y = draw(0, 4, 2), draw(1, 3, 2)
    often_x, often_y = np.array([1, 2, 3, 2]), np.array([5, 1, 2])
    laws = Points(x, often_x / 8), Points(y, often_y / 8)
    met = np.repeat(x, often_x, axis=0), np.repeat(y, often_y, axis=0)
    for distance in (wasserstein, mmd, linear_distance, sliced_wasserstein):
        assert_allclose(distance(*laws), distance(*met), rtol=1e-12)
    for distance in (wasserstein, mmd, lambda x, y: wasserstein(x, y, 3)):
        assert_allclose(distance(laws[0], met[1]), distance(*met), rtol=1e-12)
    on_the_line = [Points(law.x[:, 0], law.w) for law in laws]
    rare = Points(np.append(on_the_line[0].x, np.arange(4.0)), np.append(often_x / 8, np.zeros(4)))
    for order in (1, 2.5):
        exact = wasserstein(met[0][:, 0], met[1][:, 0], order)
        assert_allclose(wasserstein(*on_the_line, order), exact, rtol=1e-13)
        to_law = jax.jit(lambda law, p=order: wasserstein(law, gaussian(0.0, 1.0), p))
        assert_allclose(
            to_law(rare),
            to_law(Points(met[0][:, 0])),
            rtol=1e-12 if order == 1 else 1e-6,  # by a quadrature with other knots
        )


def test_a_mixture_of_points_has_distances():
    law = gd.measures.mixture([empirical([0.0, 1.0]), gd.measures.dirac(4.0)], [0.5, 0.5])
    assert_allclose(wasserstein(law, [0.0]), 2.25, rtol=1e-14)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("small", [1e-3, 1e-9, 1e-12, 1e-30])
def test_a_small_mass_that_goes_far(small, d):
    """All else stays nearly where it is: W_2^2 = small 6^2 + (what moves from 1 to 0)."""
    x = np.zeros((3, d))
    x[:, 0] = [0.0, 1.0, 7.0]
    weights = np.array([0.5, 0.5 - small, small])  # their sum may be rounded
    moved = float(Fraction(1, 2) - Fraction(0.5) / sum(map(Fraction, weights)))
    found = wasserstein(Points(x, weights), Points(x[:2], [0.5, 0.5]), 2)
    assert_allclose(found, np.sqrt(small * 36 + moved), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 2])
def test_slopes_of_transport_in_points_and_in_weights(d):
    x, y = draw(0, 4, d), draw(1, 5, d)
    rng = np.random.default_rng(2)
    a, b = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(5))
    along, shift = rng.normal(size=(4, d)), rng.normal(size=4)
    shift -= shift.mean()

    def away(x, a):
        return wasserstein(Points(x, a), Points(y, b), 2)

    in_points, in_weights = slopes(away, x, a)
    h = 1e-6
    change = (away(x + h * along, a) - away(x - h * along, a)) / (2 * h)
    assert_allclose(np.sum(in_points * along), change, atol=1e-8)
    change = (away(x, a + h * shift) - away(x, a - h * shift)) / (2 * h)
    assert_allclose(in_weights @ shift, change, atol=1e-8)


def test_a_coupling_without_a_proof_is_nan_and_says_so(monkeypatch):
    monkeypatch.setattr("gandyn._linear_program._round", lambda *program: None)
    monkeypatch.setattr("gandyn.distances._plan._attempt", lambda *problem: None)
    with pytest.warns(UserWarning, match="no coupling of 3 and 4 points was found"):
        assert np.isnan(wasserstein(draw(0, 3, 2), draw(1, 4, 2)))


def test_a_first_attempt_that_is_wrong_is_mended(monkeypatch):
    """The coupling of whatever proposes one is held to the proof as well."""
    x, y = draw(0, 4, 2), draw(1, 6, 2)
    best = wasserstein(x, y, 2)
    anyhow = np.zeros((4, 6))
    anyhow[0] = 0.25
    attempt = exact_numbers(anyhow.ravel()), exact_numbers(np.ones(10))
    monkeypatch.setattr("gandyn.distances._plan._attempt", lambda *problem: attempt)
    assert_allclose(wasserstein(x, y, 2), best, rtol=1e-13)


def test_the_network_simplex_of_pot_is_held_to_the_proof():
    pytest.importorskip("ot")
    for order in (1, 4):
        x, y = modes(0, 16, 1e-3), modes(1, 32, 1e-3)
        assert_allclose(wasserstein(x, y, order), replicated(x, y, order), rtol=1e-12)


# Critics that are trained


def relu(params, x):
    w, b = params
    return jax.nn.relu(w @ x + b)


def best_relu(x, y):
    """sup over |(w, b)| <= 1 on the line, by all directions of (w, b)."""
    turn = np.linspace(0, 2 * np.pi, 20_001)
    w, b = np.cos(turn)[:, None], np.sin(turn)[:, None]
    return np.max(np.maximum(w * x + b, 0).mean(1) - np.maximum(w * y + b, 0).mean(1))


@pytest.mark.parametrize("start", [(1.0, 0.0), (-0.5, -0.8), (0.0, -1.0), (0.1, 0.1)])
def test_one_unlucky_start_does_not_decide(start):
    """From a critic that is 0 on all of the data nobody goes uphill."""
    x, y = draw(0, 60) + 1, draw(1, 60) - 1
    params = (jnp.asarray([start[0]]), jnp.asarray(start[1]))
    for pair in ((x, y), (y, x)):
        found = distances.neural_distance(relu, params, *pair, steps=200)
        assert_allclose(found, best_relu(*pair), rtol=1e-4)


def test_critics_of_one_sample_in_another_order_agree():
    """On nothing but rounding."""
    x = draw(0, 20) + 1
    params = (jnp.asarray([1.0]), jnp.asarray(0.5))
    assert abs(distances.neural_distance(relu, params, x, x[::-1], steps=20)) < 1e-15


@pytest.mark.slow
def test_critics_that_do_not_agree_are_undecided():
    def needle(w, x):
        """Seen from one direction only, and nowhere else a slope."""
        return jnp.where(w[0] > 0.95 * jnp.linalg.norm(w), w[0] * x[0], 0)

    x, y = np.ones((3, 1)), np.zeros((3, 1))
    start = jnp.array([1.0] + [0.0] * 7)
    with pytest.warns(UserWarning, match="the critics do not agree"):
        assert np.isnan(distances.neural_distance(needle, start, x, y, steps=5))
    one = distances.neural_distance(needle, start, x, y, steps=5, agree=1.0)
    assert_allclose(one, 1, rtol=1e-6)
