"""Distances: closed forms, metric laws, and the same number by another route."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from gandyn.distances import jensen_shannon, wasserstein

orders = st.sampled_from([1, 1.5, 2, 3])
seeds = st.integers(0, 2**31)
# Each shape is compiled once, numbers are drawn anew.
transport = jax.jit(wasserstein)
divergence = jax.jit(jensen_shannon)


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from([1, 4]), st.sampled_from([1, 3]), orders)
def test_wasserstein_is_the_best_of_all_matchings(seed, n, d, order):
    x, y = draw(seed, n, d), draw(seed + 1, n, d)
    apart = np.linalg.norm(x[:, None] - y[None], axis=-1) ** order
    best = min(apart[range(n), p].mean() for p in itertools.permutations(range(n)))
    assert_allclose(transport(x, y, order), best ** (1 / order), rtol=1e-12)


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from([1, 4]), st.sampled_from([4, 6]), orders)
def test_a_line_in_the_plane_is_a_line(seed, n, m, order):
    """Sorting and transport are two algorithms for one number; the sizes may differ."""
    x, y = draw(seed, n), draw(seed + 1, m)
    direction = np.array([0.6, 0.8])
    assert_allclose(
        transport(x[:, None] * direction, y[:, None] * direction, order),
        transport(x, y, order),
        rtol=1e-9,
    )


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from([1, 4]), st.sampled_from([4, 6]))
def test_on_the_line_it_is_the_area_between_the_distribution_functions(seed, n, m):
    x, y = np.sort(draw(seed, n)), np.sort(draw(seed + 1, m))
    knots = np.sort(np.concatenate([x, y]))
    below = [np.searchsorted(s, knots[:-1], side="right") / len(s) for s in (x, y)]
    assert_allclose(
        transport(x, y), np.abs(below[0] - below[1]) @ np.diff(knots), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("d", [1, 3])
def test_wasserstein_is_a_metric(d):
    x, y, z = (draw(seed, 8, d) for seed in range(3))
    for order in (1, 2):
        assert transport(x, x, order) == 0
        assert_allclose(transport(x, y, order), transport(y, x, order), rtol=1e-14)
        assert transport(x, z, order) < transport(x, y, order) + transport(y, z, order)
        shift = np.ones(d)
        assert_allclose(transport(x, x + shift, order), np.sqrt(d), rtol=1e-12)


@pytest.mark.parametrize("d", [1, 2])
def test_derivative_of_wasserstein(d):
    x, y, along = draw(0, 6, d), draw(1, 6, d), draw(2, 6, d)
    _, slope = jax.jvp(lambda x: wasserstein(x, y, 2), (x,), (along,))
    ahead, behind = wasserstein(x + 1e-6 * along, y, 2), wasserstein(x - 1e-6 * along, y, 2)
    assert_allclose(slope, (ahead - behind) / 2e-6, atol=1e-8)
    assert np.all(np.isfinite(jax.grad(lambda x: wasserstein(x, jnp.asarray(y), 2))(y)))


def test_wasserstein_of_many_samples():
    x, y = draw(0, 3, 5, 2), draw(1, 3, 5, 2)
    together = jax.jit(jax.vmap(wasserstein))(x, y)
    assert_allclose(together, [wasserstein(a, b) for a, b in zip(x, y, strict=True)])


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
    p = jnp.full(k, 1 / k)
    q = jnp.where(jnp.arange(k) < t, 1 / t, 0)
    assert_allclose(divergence(p, q), exact, rtol=1e-14)
    slope = jax.grad(lambda p: jensen_shannon(p, q))(p)
    assert_allclose(slope, np.log(2 * p / (p + q)) / 2, atol=1e-14)


def test_where_neither_has_mass_nothing_is_nan():
    p, q = jnp.array([0.5, 0.5, 0, 0]), jnp.array([0, 0, 0, 1.0])
    assert_allclose(divergence(p, q), np.log(2), rtol=1e-15)
    assert not np.any(np.isnan(jax.grad(jensen_shannon)(p, q)))


def test_single_precision_stays():
    x = jnp.ones((3, 2), jnp.float32)
    assert wasserstein(x, 2 * x).dtype == jnp.float32
    assert wasserstein(x[:, 0], 2 * x[:2, 0]).dtype == jnp.float32
    assert jensen_shannon(x[0] / 2, x[0] / 2).dtype == jnp.float32


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
