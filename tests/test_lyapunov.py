"""Lyapunov exponents against closed forms, spectra at rest and Floquet multipliers on cycles."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

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


@pytest.mark.parametrize("name", METHODS)
def test_bilinear_closed_forms(name):
    method, expected = METHODS[name]
    result = gd.lyapunov(method(ROTATION, E), START, jnp.arange(1001))
    np.testing.assert_allclose(result.exponents, expected, atol=1e-12)
    assert jnp.all(jnp.abs(result.exponents - expected) <= result.error)
    assert jnp.all(result.error < 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("make", [gd.methods.simultaneous, gd.methods.optimistic])
def test_rule_at_rest_is_the_real_part_of_its_spectrum(make):
    # Sheared, with all growth rates apart; the memory of optimism has exponents of its own.
    eigenvalues = [-0.3 + 1j, -0.3 - 1j, -1.0, -2.0]
    rule = make(gd.games.prescribed(eigenvalues, jr.key(1)), 0.1)
    rest = (jnp.zeros(2), jnp.zeros(2))
    result = gd.lyapunov(rule, rest, jnp.arange(2001))
    np.testing.assert_allclose(result.exponents, gd.spectrum(rule, rest).exponents.real, atol=1e-6)


@pytest.mark.slow
def test_flow_at_rest_is_the_real_part_of_its_spectrum():
    game = gd.games.prescribed([-0.2 + 1j, -0.2 - 1j, -1.0, 0.5], jr.key(1))
    flow = gd.flows.GradientFlow(gd.fields.Gradient(game))
    rest = (jnp.zeros(2), jnp.zeros(2))
    result = gd.lyapunov(flow, rest, jnp.linspace(0, 200, 201))
    np.testing.assert_allclose(result.exponents, gd.spectrum(flow, rest).exponents.real, atol=1e-6)


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
    result = gd.lyapunov(rule, (1.0, 0.0), jnp.arange(201), jr.key(3))
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

    np.testing.assert_allclose(jax.grad(of_steps)(E), E / (1 + E**2), rtol=1e-10)
    np.testing.assert_allclose(jax.grad(of_flow)(0.3), -1, rtol=1e-6)


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
