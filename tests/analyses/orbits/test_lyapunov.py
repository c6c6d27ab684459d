"""Lyapunov exponents against closed forms, spectra at rest and Floquet multipliers on cycles."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.stats import t as student

import gandyn as gd

E = 0.3
ROTATION = gd.games.bilinear([[1.0]])
START = (jnp.array([1.0]), jnp.array([0.5]))
METHODS = {
    "simultaneous": (gd.methods.simultaneous, np.log1p(E**2) / 2),
    "alternating": (gd.methods.alternating, 0.0),
    "extragradient": (gd.methods.extragradient, np.log(1 - E**2 + E**4) / 2),
}


def van_der_pol(eps=0.5):
    game = gd.games.zero_sum(lambda x, y: x * y + eps * (y**2 / 2 - y**4 / 4))
    return gd.flows.GradientFlow(gd.fields.Gradient(game))


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_bilinear_closed_forms(name):
    method, expected = METHODS[name]
    result = gd.lyapunov(method(ROTATION, E), START, jnp.arange(1001))
    np.testing.assert_allclose(result.exponents, expected, atol=1e-12)
    assert jnp.all(jnp.abs(result.exponents - expected) <= result.error)
    assert jnp.all(result.error < 1e-5)


@pytest.mark.slow
def test_rule_at_rest_is_the_real_part_of_its_spectrum():
    # Sheared, with all growth rates apart; the memory of optimism has exponents of its own.
    eigenvalues = [-0.3 + 1j, -0.3 - 1j, -1.0, -2.0]
    rule = gd.methods.optimistic(gd.games.prescribed(eigenvalues, jr.key(1)), 0.1)
    rest = (jnp.zeros(2), jnp.zeros(2))
    result = gd.lyapunov(rule, rest, jnp.arange(4001))
    np.testing.assert_allclose(result.exponents, gd.spectrum(rule, rest).exponents.real, atol=1e-6)


@pytest.mark.slow
def test_flow_and_its_time_map_have_the_same_exponents():
    flow, start = van_der_pol(), (1.0, 1.0)
    per_time = gd.lyapunov(flow, start, jnp.linspace(0, 200, 201))
    per_step = gd.lyapunov(gd.rules.TimeMap(flow, 0.5), start, jnp.arange(401))
    np.testing.assert_allclose(per_step.exponents, per_time.exponents / 2, atol=1e-6)


@pytest.mark.slow
def test_leading_exponents_are_the_first_of_all():
    rule = gd.methods.simultaneous(gd.games.prescribed([-0.5, -1.0, -1.5, -2.0], jr.key(0)), 0.1)
    start = (jnp.ones(2), jnp.ones(2))
    every = gd.lyapunov(rule, start, jnp.arange(501)).exponents
    leading = gd.lyapunov(rule, start, jnp.arange(501), k=2).exponents
    np.testing.assert_allclose(leading, every[:2], atol=1e-12)


def test_neighbors_see_the_same_noise():
    # The losses are noisy, the curvatures are not: every realization has the same exponents.
    def function(players, key):
        x, y = players
        return x * y + x * jr.normal(key), -x * y

    rule = gd.methods.simultaneous(gd.games.Custom(function), E)
    result = gd.lyapunov(rule, (1.0, 0.0), jnp.arange(201), key=jr.key(3))
    np.testing.assert_allclose(result.exponents, np.log1p(E**2) / 2, atol=1e-12)


def test_logistic_map_has_log_two():
    def logistic(players):
        return tuple(4 * p * (1 - p) for p in players)

    rule = gd.rules.Project(logistic)
    result = gd.lyapunov(rule, (0.1234, 0.4321), jnp.arange(20_001))
    np.testing.assert_allclose(result.exponents, np.log(2), atol=0.01)


def test_what_vanishes_in_a_step_has_exponent_minus_infinity():
    rule = gd.methods.simultaneous(gd.games.quadratic([[-1.0, 0.0], [0.0, -0.5]]), 1.0)
    result = gd.lyapunov(rule, (jnp.ones(1), jnp.ones(1)), jnp.arange(11))
    np.testing.assert_allclose(result.exponents, [np.log(0.5), -np.inf])


@pytest.mark.slow
def test_times_too_far_apart_are_told_not_guessed():
    rule = gd.methods.simultaneous(gd.games.quadratic([[1.0, 0.0], [0.0, -0.9]]), 1.0)
    start = (jnp.zeros(1), jnp.zeros(1))
    with pytest.warns(UserWarning, match="choose more times"):
        result = gd.lyapunov(rule, start, jnp.array([0, 50, 100]))
    assert jnp.isnan(result.exponents).any()
    fine = gd.lyapunov(rule, start, jnp.arange(101)).exponents
    np.testing.assert_allclose(fine, np.log([2, 0.1]))


@pytest.mark.slow
def test_jit_vmap_and_single_precision():
    def exponents(h):
        return gd.lyapunov(gd.methods.simultaneous(ROTATION, h), START, np.arange(101)).exponents

    steps = jnp.array([0.1, 0.2, 0.4])
    expected = np.stack([np.log1p(steps**2) / 2] * 2, axis=1)
    np.testing.assert_allclose(eqx.filter_jit(jax.vmap(exponents))(steps), expected, atol=1e-12)
    start = jax.tree.map(lambda x: x.astype(jnp.float32), START)
    result = gd.lyapunov(gd.methods.simultaneous(ROTATION, E), start, jnp.arange(101))
    assert result.exponents.dtype == jnp.float32
    np.testing.assert_allclose(result.exponents, np.log1p(E**2) / 2, atol=1e-5)


@pytest.mark.slow
def test_exponents_are_differentiated_backwards():
    """log sqrt(1 + h^2) of simultaneous steps, -a of the flow of a (x^2 - y^2)/2 + 3 x y."""

    def of_steps(h):
        rule = gd.methods.simultaneous(ROTATION, h)
        return gd.lyapunov(rule, START, np.arange(0, 40, 2)).exponents[0]

    def of_flow(a):
        game = gd.games.zero_sum(lambda x, y: a * x * x / 2 + 3 * x * y - a * y * y / 2)
        flow = gd.flows.GradientFlow(gd.fields.Gradient(game))
        return gd.lyapunov(flow, (1.0, 1.0), jnp.linspace(0, 5, 6)).exponents[0]

    np.testing.assert_allclose(jax.jit(jax.grad(of_steps))(E), E / (1 + E**2), rtol=1e-10)
    np.testing.assert_allclose(jax.jit(jax.grad(of_flow))(0.3), -1, rtol=1e-6)


@pytest.mark.parametrize("ts", [[0], [0, 2, 1], [3, 3], [0.0, 0.5], [[0, 1]], [0, np.nan]])
def test_bad_times_are_refused_by_name(ts):
    with pytest.raises(ValueError, match="`ts`"):
        gd.lyapunov(gd.methods.simultaneous(ROTATION, E), START, np.array(ts))


def test_bad_counts_are_refused_by_name(as_installed):
    rule = gd.methods.simultaneous(ROTATION, E)
    with pytest.raises(ValueError, match="`k` must be at most 2"):
        gd.lyapunov(rule, START, jnp.arange(5), k=3)
    with pytest.raises(TypeError, match="`dynamics`"):
        gd.lyapunov(ROTATION, START, jnp.arange(5))


# What shrinks or grows beyond all tolerances between two times


class Rates(gd.fields.AbstractField):
    """Everybody grows at a rate of its own, x' = a x + (tilt) y, y' = b y."""

    rates: jax.Array
    tilt: float = 0.0

    def __call__(self, players, key=None):
        x, y = players
        a, b = self.rates
        return a * x + self.tilt * y, b * y


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize(
    ("rates", "gap"),
    [
        ((-1.0, -1.0), 20.0),
        ((-1.0, -1.0), 50.0),
        ((-1.0, -1.0), 1000.0),
        ((-0.1, -3.0), 10.0),
        ((-0.1, -3.0), 300.0),
        ((2.0, -5.0), 400.0),
        ((-1.0, -300.0), 5.0),
    ],
)
def test_exponents_of_a_flow_do_not_depend_on_the_gaps(rates, gap, dtype):
    """exp(-50), exp(-3000) and exp(800) are beyond tolerances and numbers; rates are not."""
    flow = gd.flows.GradientFlow(Rates(jnp.asarray(rates, dtype), 1.0))
    rest = (jnp.zeros((), dtype), jnp.zeros((), dtype))
    found = gd.lyapunov(flow, rest, gap * np.arange(21))
    rounding = 1e-4 if dtype == jnp.float32 else 1e-8
    # The columns of a Jordan block draw near each other only like 1/time.
    rtol = 1 / gap if rates[0] == rates[1] else rounding
    np.testing.assert_allclose(found.exponents, rates, rtol=rtol)


@pytest.mark.slow
def test_exponents_far_from_rest_keep_what_decays_below_the_tolerances():
    """x' = -x^3 / 3 - x decays to exp(-time); steps of 50 units of time are a rule like any."""

    def losses(players, key):
        return tuple(x**4 / 12 + x**2 / 2 for x in players)

    flow = gd.flows.GradientFlow(gd.fields.Gradient(gd.games.Custom(losses)))
    for dynamics, ts in (
        (flow, 50.0 * np.arange(41)),
        (gd.rules.TimeMap(flow, 50.0), np.arange(41)),
    ):
        found = gd.lyapunov(dynamics, (1.0, 2.0), ts)
        unit = 1 if dynamics is flow else 50
        np.testing.assert_allclose(found.exponents, -unit, rtol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("factors", [(0.5, 0.4), (3.0, 2.0), (1.0, 1e-7)])
def test_a_rule_whose_gaps_underflow_or_overflow_is_nan(factors):
    rule = gd.rules.Descend(Rates(jnp.asarray(factors) - 1), 1.0)
    with pytest.warns(UserWarning, match="choose more times"):
        far = gd.lyapunov(rule, (0.0, 0.0), 2000 * np.arange(21))
    assert np.isnan(far.exponents).any()
    near = gd.lyapunov(rule, (0.0, 0.0), np.arange(401))
    np.testing.assert_allclose(near.exponents, np.log(factors), rtol=1e-8, atol=1e-12)


# The error bar


def henon(players):
    x, y = players
    return 1 - 1.4 * x**2 + y, 0.3 * x


def test_the_error_is_students_quantile_of_blocks():
    """Of ten means with the weights of a bump, over tenths of the last nine tenths."""
    n = 500
    rule = gd.rules.Project(lambda players: (4 * players[0] * (1 - players[0]),))
    x = gd.simulate(rule, (0.3,), np.arange(n)).players[0]
    growth = np.log(np.abs(4 - 8 * np.asarray(x)))
    u = (np.arange(n) + 0.5) / n

    def mean(low, high):
        v = (u - low) / (high - low)
        inside = (v > 0) & (v < 1)
        w = np.exp(-1 / (v * (1 - v))[inside])
        return np.sum(w * growth[inside]) / np.sum(w)

    found = gd.lyapunov(rule, (0.3,), np.arange(n + 1))
    np.testing.assert_allclose(found.exponents, mean(0, 1), rtol=1e-10)
    means = [mean(0.1 + 0.09 * i, 0.19 + 0.09 * i) for i in range(10)]
    expected = student.ppf(0.975, 9) * np.sqrt(0.09) * np.std(means, ddof=1)
    np.testing.assert_allclose(found.error, expected, rtol=1e-8)


def test_too_few_times_tell_no_error():
    result = gd.lyapunov(gd.methods.simultaneous(ROTATION, E), START, np.arange(11))
    assert np.isnan(result.error).all()
    np.testing.assert_allclose(result.exponents, np.log1p(E**2) / 2, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [200, 2000])
def test_the_truth_lies_within_the_error_as_often_as_it_says(steps):
    """Henon's map: 0.41922 (Sprott 2003), and both sum to log 0.3; the sides of the logistic map's
    partition telescope, so that log 2 is met more often."""
    runs = 400
    starts = jr.uniform(jr.key(0), (2, runs), minval=0.05, maxval=0.2)
    henons = gd.rules.Project(henon)
    found = jax.vmap(lambda x, y: gd.lyapunov(henons, (x, y), np.arange(steps + 1)))(*starts)
    np.testing.assert_allclose(jnp.sum(found.exponents, axis=1), np.log(0.3), rtol=1e-9)
    for exponent in (0.41922, np.log(0.3) - 0.41922):
        off = jnp.min(jnp.abs(found.exponents - exponent) - found.error, axis=1)
        assert 0.91 < np.mean(off <= 0) < 0.985
    logistic = gd.rules.Project(lambda players: (4 * players[0] * (1 - players[0]),))
    found = jax.vmap(lambda x: gd.lyapunov(logistic, (x,), np.arange(steps + 1)))(starts[0])
    assert np.mean(jnp.abs(found.exponents - np.log(2)) <= found.error) > 0.95


def test_the_cat_map_grows_evenly():
    def cat(players):
        x, y = players
        return (2 * x + y) % 1, (x + y) % 1

    found = gd.lyapunov(gd.rules.Project(cat), (0.1, 0.2), np.arange(401))
    expected = np.log((3 + np.sqrt(5)) / 2)
    np.testing.assert_allclose(found.exponents, [expected, -expected], rtol=1e-12)
    assert jnp.all(found.error < 1e-12)
