"""The edge of stability against closed forms, for rules and for flows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from generic import along
from hypothesis import given, settings
from hypothesis import strategies as st

import gandyn as gd

pytestmark = pytest.mark.slow

ONE = (jnp.zeros(1), jnp.zeros(1))
SLOPE = 0.5  # f'(0) of the logistic loss


def r1(strength):
    """The linear part of the Dirac-GAN with R1, on which its stability hangs."""
    slope = jnp.full_like(strength, SLOPE)
    rows = jnp.stack([0 * slope, -slope]), jnp.stack([slope, -jnp.asarray(strength)])
    return gd.games.quadratic(jnp.stack(rows))


def simultaneous(strength, bounds):
    return along(gd.critical, lambda h: gd.methods.simultaneous(r1(strength), h), ONE, bounds)


@jax.jit
def alternating(strength):
    return along(gd.critical, lambda h: gd.methods.alternating(r1(strength), h), ONE, (0.1, 5.0))


def test_critical_step_of_simultaneous_steps_with_r1():
    strengths = np.array([0.3, 0.1, 0.9, 1.0, 1.5, 4.0, 0.3])
    bounds = np.array([(0.01, 100.0)] * 6 + [(0.01, 0.02)])
    found = jax.jit(jax.vmap(simultaneous))(strengths, bounds)
    first, *others, nothing = (jax.tree.map(lambda x, i=i: x[i], found) for i in range(7))
    apart = np.sqrt(np.maximum(0, strengths**2 - 4 * SLOPE**2))
    exact = (strengths - apart) / SLOPE**2
    np.testing.assert_allclose(found.parameter[:6], exact[:6], rtol=1e-13)
    turning, flipping = "Neimark-Sacker", "period doubling"
    kinds = [f.kind for f in (first, *others)]
    assert kinds[:3] + kinds[4:] == [turning] * 3 + [flipping] * 2  # both at once at 1

    multiplier = jnp.exp(first.exponent)
    assert abs(multiplier) == pytest.approx(1, abs=1e-14)
    assert multiplier.real == pytest.approx(1 - 0.3**2 / SLOPE**2 / 2, abs=1e-14)
    assert first.bracket[0] <= first.parameter <= first.bracket[1]
    assert np.ptp(first.bracket) < 1e-14
    np.testing.assert_array_equal(np.sign(first.growth), [-1, 1])
    # Where stability does not change, nothing is made up.
    assert jnp.isnan(nothing.parameter)
    assert jnp.all(jnp.isnan(nothing.bracket))


def test_the_edge_can_be_differentiated():
    # h = g / f'^2 while the pair is complex.
    slope = jax.jit(jax.grad(lambda g: simultaneous(g, (0.01, 100.0)).parameter))(0.3)
    assert slope == pytest.approx(1 / SLOPE**2, rel=1e-12)


def test_alternating_steps_flip():
    found = alternating(0.3)
    h = found.parameter
    assert found.kind == "period doubling"
    np.testing.assert_allclose(h**2 * SLOPE**2 + 2 * h * 0.3, 4, atol=1e-13)
    # Without R1 they neither grow nor decay up to h = 4: neutral is told from stable.
    found = alternating(0.0)
    assert found.kind == "period doubling"
    assert found.parameter == pytest.approx(4, abs=1e-7)
    assert abs(found.growth[0]) < 1e-12


def test_memory_is_settled_first():
    found = along(
        gd.critical, lambda e: gd.methods.optimistic(gd.games.bilinear([[1.0]]), e), ONE, (0.1, 0.9)
    )
    assert found.kind == "Neimark-Sacker"
    assert found.parameter == pytest.approx(gd.theory.METHODS["optimistic"].limit(1.0), abs=1e-14)


def scaled(a, b, c, tau):
    """Gradient descent and ascent on a x^2 / 2 + c x y + b y^2 / 2, the ascent tau times faster."""
    game = gd.games.quadratic(jnp.stack([jnp.stack([-a, -c]), jnp.stack([c, b])]))
    return gd.flows.GradientFlow(gd.fields.Scaled(gd.fields.Gradient(game), (1.0, tau)))


@jax.jit
def ratio(a, b, c):
    return along(gd.critical, lambda tau: scaled(a, b, c, tau), ONE, (1e-3, 1e3))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(1.1, 5), st.sampled_from([-1.0, 1.0]))
def test_critical_ratio_of_time_scales_is_the_ratio_of_curvatures(a, b, c, sign):
    # Min-max points (both negative) attract above it, max-min points (both positive) below it.
    found = ratio(*(jnp.asarray(x) for x in (sign * a, sign * b, c * np.sqrt(a * b))))
    np.testing.assert_allclose(found.parameter, a / b, rtol=1e-12)
    np.testing.assert_array_equal(np.sign(found.growth), [-sign, sign])
    assert found.kind == "Hopf"


def test_the_equilibrium_moves_with_the_parameter():
    # x' = p - x^2 + y,  y' = x - y: at rest y = x and x^2 - x = p; the Jacobian is singular at
    # x = 1/2, p = -1/4: no equilibrium is left beyond.
    def pair(p):
        def losses(players, key):
            x, y = players
            return x**3 / 3 - p * x - x * y, y**2 / 2 - x * y

        return gd.flows.GradientFlow(gd.fields.Gradient(gd.games.Custom(losses)))

    with pytest.raises(ValueError, match=r"bound -0\.5 .*continuation"):
        along(gd.critical, pair, (2.0, 2.0), (-0.5, 1.0))
    with pytest.raises(ValueError, match=r"does not change .* stable at 0\.1"):
        along(gd.critical, pair, (2.0, 2.0), (0.1, 1.0))

    # A tilted well p x - x^2/2: the step is critical at 2 wherever the bottom has moved to.
    def tilted(h):
        game = gd.games.Custom(
            lambda players, key: ((players[0] - h) ** 4 + (players[0] - h) ** 2,)
        )
        return gd.methods.simultaneous(game, h)

    found = along(gd.critical, tilted, (0.0,), (0.5, 3.0))
    np.testing.assert_allclose([found.parameter, found.players[0]], [1, 1], atol=1e-12)
    assert found.growth[0] == -jnp.inf


def test_only_a_family_has_a_critical_value(as_installed):
    with pytest.raises(TypeError, match="`family` must be a family of dynamics"):
        gd.critical(gd.methods.simultaneous(r1(0.3), 0.1), ONE, {"h": (0.1, 1.0)})


def test_precision_and_bad_input():
    single = (jnp.zeros(1, jnp.float32),) * 2
    bounds = jnp.array([0.1, 3.0], jnp.float32)
    found = along(gd.critical, lambda h: gd.methods.simultaneous(r1(0.3), h), single, bounds)
    assert found.parameter.dtype == found.players[0].dtype == jnp.float32
    assert found.parameter == pytest.approx(1.2, abs=1e-5)
    for ends in ((1.0, 0.1), (0.3, 0.3)):
        with pytest.raises(ValueError, match="`bounds` of `h` must increase"):
            along(gd.critical, lambda h: gd.methods.simultaneous(r1(0.3), h), ONE, ends)
