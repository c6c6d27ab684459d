"""The edge of stability against closed forms, for rules and for flows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gandyn as gd

pytestmark = pytest.mark.slow

ORIGIN = (0.0, 0.0)
ONE = (jnp.zeros(1), jnp.zeros(1))
SLOPE = 0.5  # f'(0) of the logistic loss


def r1(strength):
    return gd.games.Penalized(gd.games.dirac(), gd.games.R1(strength))


@jax.jit
def simultaneous(strength):
    def make(h):
        return gd.methods.simultaneous(r1(strength), h)

    return gd.critical(make, ORIGIN, (0.01, 100.0)).parameter


def test_critical_step_of_simultaneous_steps_with_r1():
    strengths = jnp.array([0.1, 0.3, 0.9, 1.0, 1.5, 4.0])
    real = jnp.sqrt(jnp.maximum(0, strengths**2 - 4 * SLOPE**2))
    exact = (strengths - real) / SLOPE**2
    np.testing.assert_allclose(jax.vmap(simultaneous)(strengths), exact, rtol=1e-13)
    # h = g / f'^2 while the pair is complex.
    assert jax.grad(simultaneous)(0.3) == pytest.approx(1 / SLOPE**2, rel=1e-8)
    assert jax.jacfwd(simultaneous)(0.3) == pytest.approx(1 / SLOPE**2, rel=1e-8)


def test_how_stability_is_lost_depends_on_the_method():
    def sim(h):
        return gd.methods.simultaneous(r1(0.3), h)

    def alt(h):
        return gd.methods.alternating(r1(0.3), h)

    turning = gd.critical(sim, ORIGIN, (0.1, 3.0))
    assert turning.kind == "Neimark-Sacker"
    assert turning.parameter == pytest.approx(0.3 / SLOPE**2, abs=1e-14)
    multiplier = jnp.exp(turning.exponent)
    h = turning.parameter
    assert abs(multiplier) == pytest.approx(1, abs=1e-14)
    assert multiplier.real == pytest.approx(float(1 - h * 0.3 / 2), abs=1e-14)
    assert turning.bracket[0] <= turning.parameter <= turning.bracket[1]
    assert np.ptp(turning.bracket) < 1e-14
    np.testing.assert_array_equal(np.sign(turning.growth), [-1, 1])

    flipping = gd.critical(alt, ORIGIN, (0.1, 5.0))
    h = flipping.parameter
    assert flipping.kind == "period doubling"
    np.testing.assert_allclose(h**2 * SLOPE**2 + 2 * h * 0.3, 4, atol=1e-13)


def test_a_neutral_side_is_told_from_a_stable_one():
    # Alternating steps on the Dirac-GAN neither grow nor decay up to h = 4.
    found = gd.critical(lambda h: gd.methods.alternating(gd.games.dirac(), h), ORIGIN, (0.1, 5.0))
    assert found.kind == "period doubling"
    assert found.parameter == pytest.approx(4, abs=1e-7)
    assert abs(found.growth[0]) < 1e-12


def test_memory_is_settled_first():
    found = gd.critical(
        lambda e: gd.methods.optimistic(gd.games.bilinear([[1.0]]), e), ONE, (0.1, 0.9)
    )
    assert found.kind == "Neimark-Sacker"
    assert found.parameter == pytest.approx(1 / np.sqrt(3), abs=1e-14)


def scaled(a, b, c, tau):
    """Gradient descent and ascent on a x^2 / 2 + c x y + b y^2 / 2, the ascent tau times faster."""
    game = gd.games.quadratic(jnp.stack([jnp.stack([-a, -c]), jnp.stack([c, b])]))
    return gd.flows.GradientFlow(gd.fields.Scaled(gd.fields.Gradient(game), (1.0, tau)))


@jax.jit
def ratio(a, b, c):
    return gd.critical(lambda tau: scaled(a, b, c, tau), ONE, (1e-3, 1e3))


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
        gd.critical(pair, (2.0, 2.0), (-0.5, 1.0))
    with pytest.raises(ValueError, match=r"does not change .* stable at 0\.1"):
        gd.critical(pair, (2.0, 2.0), (0.1, 1.0))

    # A tilted well p x - x^2/2: the step is critical at 2 wherever the bottom has moved to.
    def tilted(h):
        game = gd.games.Custom(
            lambda players, key: ((players[0] - h) ** 4 + (players[0] - h) ** 2,)
        )
        return gd.methods.simultaneous(game, h)

    found = gd.critical(tilted, (0.0,), (0.1, 3.0))
    np.testing.assert_allclose([found.parameter, found.players[0]], [1, 1], atol=1e-12)


def test_only_a_function_makes_dynamics(as_installed):
    with pytest.raises(TypeError, match="`make` must be a function"):
        gd.critical(gd.methods.simultaneous(r1(0.3), 0.1), ORIGIN, (0.1, 1.0))


def test_precision_and_bad_input():
    single = (jnp.float32(0), jnp.float32(0))
    bounds = jnp.array([0.1, 3.0], jnp.float32)
    found = gd.critical(lambda h: gd.methods.simultaneous(r1(0.3), h), single, bounds)
    assert found.parameter.dtype == found.players[0].dtype == jnp.float32
    assert found.parameter == pytest.approx(1.2, abs=1e-5)
    with pytest.raises(ValueError, match="`bounds` must increase"):
        gd.critical(lambda h: gd.methods.simultaneous(r1(0.3), h), ORIGIN, (1.0, 0.1))
    # Within a transformation there is no error, but nothing is made up either.
    assert jnp.isnan(
        jax.jit(
            lambda g: (
                gd.critical(
                    lambda h: gd.methods.simultaneous(r1(g), h), ORIGIN, (0.01, 0.02)
                ).parameter
            )
        )(0.3)
    )
