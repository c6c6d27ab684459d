"""Modes and hops: processes whose statistics are known, by clock and by chance."""

import itertools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import erf

import gandyn as gd
from gandyn.measures import line, ring
from gandyn.modes import assign, coverage, dominant, hopping, occupation

seeds = st.integers(0, 2**31)
CENTERS = np.array([-5.0, 0.0, 5.0])
# Each shape is compiled once, as a whole.
covered, occupied = jax.jit(coverage), jax.jit(occupation)


def clock(modes, dwell, n):
    """Mode after mode, each for the same time."""
    return (np.arange(n) // dwell) % modes


def chain(P, n, seed):
    """A Markov chain with transition matrix P, which forgets all but where it is."""
    rng = np.random.default_rng(seed)
    s = [0]
    for _ in range(n - 1):
        s.append(rng.choice(len(P), p=P[s[-1]]))
    return np.array(s)


# Coverage


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "share"), [(ring(), 1 - np.exp(-9 / 2)), (line(), erf(3 / np.sqrt(2)))]
)
def test_of_a_right_generator_the_share_within_three_deviations_is_known(law, share):
    x = law.sample(jr.key(0), 20_000)
    found = covered(x, law.centers, law.components[0].std)
    assert found.count == len(law.components)
    assert abs(found.quality - share) < 4 * np.sqrt(share * (1 - share) / len(x))
    error = np.sqrt(len(law.components) / len(x))
    assert_allclose(found.occupation, share * law.weights, atol=4 * error / len(law.components))
    assert_allclose(occupied(x, law.centers).sum(), 1)


def test_a_collapsed_generator_covers_one_mode():
    law = ring()
    x = jnp.broadcast_to(law.centers[3], (100, 2))
    found = covered(x, law.centers, 0.02)
    assert found.count == 1
    assert found.covered[3]
    assert_allclose(found.quality, 1)
    # Bounded by the missed modes, as in a sample that has none of them.
    p = jnp.full(8, 1 / 8)
    exact = (7 / 8 * np.log(2) + np.log(2 / 9) / 8 + np.log(16 / 9)) / 2
    assert_allclose(
        jax.jit(gd.distances.jensen_shannon)(p, occupied(x, law.centers)), exact, rtol=1e-12
    )


def test_a_share_of_the_points_covers_a_mode_and_stray_points_cover_none():
    x = jnp.array([-5.0, -5.1, 0.0, 2.5, jnp.inf, jnp.nan, 5.2, -5.0, 5.0, -4.9])
    found = covered(x, CENTERS, 0.1, least=0.1)
    assert_allclose(found.occupation, [0.4, 0.1, 0.2], rtol=1e-12)
    assert_array_equal(found.covered, [True, False, True])
    assert_allclose(found.quality, 0.7)
    # Outliers belong to the nearest mode, points that are no numbers to none.
    assert_allclose(occupied(x, CENTERS), [0.4, 0.2, 0.2], rtol=1e-12)
    assert_array_equal(assign(x, CENTERS)[3:7], [1, -1, -1, 2])
    # A standard deviation for each mode.
    assert_allclose(covered(x, CENTERS, [0.1, 1.0, 0.01]).occupation, [0.4, 0.2, 0.1], rtol=1e-12)


def test_weights_count_points_and_grids_carry_densities():
    law = line(3, 5.0, 0.3)
    grid = jnp.linspace(-8, 8, 2001)
    w = law.prob(grid)
    shares = occupied(grid, CENTERS, w / w.sum())
    assert_allclose(shares, 1 / 3, atol=1e-9)
    many = occupied(grid, CENTERS, jnp.stack([w, w[::-1]]) / w.sum())
    assert_allclose(many, jnp.stack([shares, shares[::-1]]), atol=1e-12)
    twice = occupied(jnp.array([0.0, 0.0, 5.0]), CENTERS)
    assert_allclose(occupied(jnp.array([0.0, 5.0]), CENTERS, [2 / 3, 1 / 3]), twice, rtol=1e-12)


# Hops


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(st.sampled_from([2, 3, 8]), st.sampled_from([1, 2, 5]), st.integers(0, 7))
def test_a_clock_is_a_cycle_of_its_own_period(modes, dwell, start):
    n = 400
    found = hopping(np.roll(clock(modes, dwell, 480), -start)[:n], modes, 0.5 * np.arange(n))
    assert_allclose(found.period, modes * dwell / 2)
    assert_allclose(found.coherence, 1)
    assert found.cyclic
    assert_allclose(found.dwell, dwell / 2)
    assert_allclose(found.irregularity, 0, atol=1e-12)
    assert_allclose(found.rate, int(found.hops) / (0.5 * (n - 1)))
    assert_allclose(found.transitions, np.roll(np.eye(modes), 1, axis=1), atol=1e-12)
    assert abs(int(found.hops) - (n - 1) / dwell) < 1 + 1e-9
    if n % (modes * dwell) == 0:
        assert_allclose(found.occupation, 1 / modes)


def test_an_order_that_visits_a_mode_twice_has_the_period_of_the_whole():
    turn = np.array([0, 0, 1, 1, 0, 0, 2, 2])
    found = hopping(np.tile(turn, 50), 3)
    assert found.period == 8
    assert_allclose(found.transitions[0], [0, 0.5, 0.5], atol=0.01)
    assert_allclose(found.transitions[1:], [[1, 0, 0], [1, 0, 0]], atol=1e-12)


@pytest.mark.parametrize("seed", range(2))
def test_hops_at_random_moments_are_no_cycle(seed):
    """Of a Markov chain that stays with probability a, dwell times are geometric: mean 1/(1 - a),
    irregularity sqrt(a); its jumps go anywhere else."""
    a, n = 0.9, 6000
    P = a * np.eye(3) + (1 - a) / 2 * (1 - np.eye(3))
    found = hopping(chain(P, n, seed), 3)
    visits = float(found.hops)
    assert not found.cyclic
    assert found.coherence < 0.3
    assert np.isnan(found.period)
    assert abs(found.dwell - 1 / (1 - a)) < 4 * np.sqrt(a) / (1 - a) / np.sqrt(visits)
    assert abs(found.irregularity - np.sqrt(a)) < 0.15
    assert abs(found.rate - (1 - a)) < 4 * np.sqrt(a * (1 - a) / n)
    off = np.asarray(found.transitions)[~np.eye(3, dtype=bool)]
    assert_allclose(off, 0.5, atol=4 * np.sqrt(0.25 / (visits / 3)))


def test_a_cycle_with_little_noise_is_one_and_with_much_noise_is_none():
    """One order, but dwell times that vary: what is left after a turn is the clock's coherence."""
    rng = np.random.default_rng(0)
    for spread, cyclic in ((0.02, True), (1.0, False)):
        dwell = 40 * rng.gamma(1 / spread**2, spread**2, 400)
        process = np.searchsorted(np.cumsum(dwell), np.arange(9000), side="right") % 3
        found = hopping(process, 3)
        assert found.cyclic == cyclic
        assert abs(found.irregularity - spread) < 4 * spread / np.sqrt(float(found.hops))
        if cyclic:
            assert abs(found.period - 120) < 3


def test_times_without_a_mode_belong_to_the_visit_before():
    process = np.array([-1, 0, 0, -1, 0, -1, 1, 1, -1, 2, 2, 2, 0])
    found = hopping(process, 3)
    assert_array_equal(np.flatnonzero(found.hopped), [6, 9, 12])
    assert_array_equal(np.asarray(found.dwells)[[6, 9, 12]], [np.nan, 3, 3])
    assert_allclose(found.occupation, np.array([4, 2, 3]) / 13)
    resting = hopping(np.zeros(20, int), 3)
    assert resting.hops == 0
    assert resting.rate == 0
    assert not resting.cyclic
    assert np.all(resting.transitions == 0)


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_transitions_are_shares_of_the_hops(seed):
    process = np.random.default_rng(seed).integers(-1, 4, 200)
    found = hopping(process, 4)
    seen = process[process >= 0]
    pairs = [(a, b) for a, b in itertools.pairwise(seen) if a != b]
    counts = np.zeros((4, 4))
    np.add.at(counts, tuple(np.array(pairs).T), 1)
    assert_allclose(found.transitions, counts / counts.sum(1, keepdims=True), rtol=1e-12)
    assert found.hops == len(pairs)
    assert np.all(np.diag(found.transitions) == 0)


@pytest.mark.slow
def test_from_samples_to_hops():
    """A generator that rotates through the ring, one mode after the other, as after Metz et al."""
    law = ring(8)
    at = clock(8, 4, 320)
    noise = 0.02 * jr.normal(jr.key(0), (320, 30, 2))
    x = law.centers[at][:, None] + noise
    process = dominant(occupation(x, law.centers))
    assert_array_equal(process, at)
    found = hopping(process, 8)
    assert found.period == 32
    assert_array_equal(coverage(x, law.centers, 0.02).count, 1)
    assert_array_equal(assign(x[:, 0], law.centers), at)


def test_a_generator_of_all_modes_is_at_none_of_them():
    shares = [[0.4, 0.3, 0.3], [0.3, 0.4, 0.3], [0.6, 0.2, 0.2], [0.0, 0.0, 0.0]]
    assert_array_equal(dominant(shares), [-1, -1, 0, -1])
    assert_array_equal(dominant(shares, 0.0), [0, 1, 0, -1])


@pytest.mark.slow
def test_under_transformations_and_in_single_precision():
    law = ring()
    x = law.sample(jr.key(1), 60).reshape(3, 20, 2)
    together = jax.jit(jax.vmap(lambda x: occupation(x, law.centers)))(x)
    assert_allclose(together, occupation(x, law.centers))
    processes = jnp.stack([jnp.asarray(clock(3, k, 120)) for k in (1, 2, 4)])
    found = jax.jit(jax.vmap(lambda s: hopping(s, 3)))(processes)
    assert_allclose(found.period, [3, 6, 12])
    assert_allclose(found.dwell, [1, 2, 4])
    single = x.astype(jnp.float32)
    assert occupation(single, law.centers).dtype == jnp.float32
    assert hopping(processes[0], 3, jnp.arange(120, dtype=jnp.float32)).period.dtype == jnp.float32
    dataset = gd.to_xarray(hopping(processes[0], 3))
    assert dataset.transitions.dims == ("mode", "next")


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: assign([0.0], []), "`centers` must have shape"),
        (lambda: occupation([], CENTERS), "`x` must be points"),
        (lambda: occupation(np.ones((4, 3)), np.ones((2, 2))), r"a center, \(2,\)"),
        (lambda: occupation([0.0, 1.0], CENTERS, [0.5, 0.6]), "`w` must not be negative and must"),
        (lambda: occupation([0.0, 1.0], CENTERS, [1.0]), "one weight for each of the 2 points"),
        (lambda: coverage([0.0], CENTERS, 0.0), "`std` must be positive"),
        (lambda: coverage([0.0], CENTERS, [1.0, 1.0]), "one for each of 3 modes"),
        (lambda: coverage([0.0], CENTERS, 1.0, least=1.5), "`least` must be between 0 and 1"),
        (lambda: dominant([0.5, 0.5], share=2.0), "`share` must be between"),
        (lambda: dominant(0.5), "shares of the modes along its last axis"),
        (lambda: hopping([0, 3], 3), "from 0 to 3"),
        (lambda: hopping([0.5, 1.0], 3), "`process` must be whole numbers"),
        (lambda: hopping([1], 3), "at two times or more"),
        (lambda: hopping([0, 1, 2], 3, [0.0, 1.0, 3.0]), "even steps"),
        (lambda: hopping([0, 1, 2], 3, [0.0, 1.0]), "one time for each"),
    ],
)
def test_what_is_no_sample_and_no_process(ask, said):
    with pytest.raises(ValueError, match=said):
        ask()


def test_late_times_in_single_precision_are_even():
    """Near 1000 they are rounded to multiples of 6e-5."""
    ts = np.float32(1000 + 0.01 * np.arange(60))
    process = np.arange(60) // 5 % 3
    assert_allclose(hopping(process, 3, ts).period, 0.15, rtol=1e-3)
