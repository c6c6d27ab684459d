"""Best rates of convergence against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gandyn as gd

pytestmark = pytest.mark.slow

ONE = (jnp.zeros(1), jnp.zeros(1))
ROTATION = gd.games.bilinear([[1.0]])


def test_bilinear_games_have_a_best_step():
    for name in ("optimistic", "extragradient"):
        method, best = getattr(gd.methods, name), gd.theory.METHODS[name].best(1.0)
        found = gd.fastest(
            gd.family(lambda e, method=method: method(ROTATION, e)), ONE, {"e": (0.05, 0.95)}
        )
        # Where two exponents meet the step is sharp and the rate right to half the digits; where
        # none do it is the other way around.
        np.testing.assert_allclose(found.parameters["e"], best.step, atol=1e-7)
        np.testing.assert_allclose(found.radius, best.radius, atol=1e-7)
        assert found.unit == "step"


def test_the_critical_strength_of_r1_is_the_best():
    def flow(gamma):
        game = gd.games.Penalized(gd.games.dirac(), gd.games.R1(gamma))
        return gd.flows.GradientFlow(gd.fields.Gradient(game))

    found = gd.fastest(gd.family(flow), (0.1, 0.1), {"gamma": (0.0, 3.0)})
    np.testing.assert_allclose(found.parameters["gamma"], 1, atol=1e-12)
    np.testing.assert_allclose(found.growth, -0.5, atol=1e-7)


def test_best_step_and_momentum_of_descent_on_quadratics():
    # Polyak: between curvatures m and M, step 4 / (sqrt M + sqrt m)^2 and momentum the square of
    # (sqrt M - sqrt m) / (sqrt M + sqrt m), which is the rate squared.
    game = gd.games.quadratic(-jnp.diag(jnp.array([1.0, 4.0])))

    @jax.jit
    def heavy_ball():
        return gd.fastest(
            gd.family(lambda h, momentum: gd.methods.negative_momentum(game, h, momentum)),
            ONE,
            {"h": (0.05, 0.95), "momentum": (-0.5, 0.5)},
        )

    found = heavy_ball()
    np.testing.assert_allclose(found.radius, 1 / 3, atol=1e-6)
    np.testing.assert_allclose(found.parameters["h"], 4 / 9, atol=1e-6)
    np.testing.assert_allclose(found.parameters["momentum"], 1 / 9, atol=1e-6)


def test_bad_bounds_are_named():
    def make(h):
        return gd.methods.simultaneous(ROTATION, h)

    with pytest.raises(ValueError, match="must name a hyper-parameter, but names none"):
        gd.fastest(gd.family(make), ONE, {})
    with pytest.raises(ValueError, match="`h` must increase"):
        gd.fastest(gd.family(make), ONE, {"h": (1.0, 0.1)})

    def nowhere(h):  # x' = h has no rest
        game = gd.games.Custom(lambda players, key: (-h * players[0],))
        return gd.flows.GradientFlow(gd.fields.Gradient(game))

    with pytest.raises(ValueError, match="no equilibrium near `players` was found for any h"):
        gd.fastest(gd.family(nowhere), (0.0,), {"h": (0.1, 1.0)})
