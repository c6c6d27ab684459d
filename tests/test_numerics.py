"""How equations are solved: roots that are known, and their derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from gandyn import _numerics as numerics


def square_root(a):
    """By bisection, with the derivative by one step of Newton's method."""
    zero = jnp.zeros_like(a)
    _, x = numerics.bisection(lambda x: x**2 >= a, zero, 1 + a)
    return numerics.refined(x, x**2 - a, 2 * x, x > 0)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_what_is_bisected_and_refined_has_the_value_and_the_slope_of_the_root(dtype):
    a = jnp.asarray(2.0, dtype)
    x, slope = jax.value_and_grad(square_root)(a)
    assert x.dtype == dtype
    assert_allclose(x, np.sqrt(2), rtol=2 * numerics.rounding(dtype))
    assert_allclose(slope, 1 / np.sqrt(8), rtol=4 * numerics.rounding(dtype))


def test_where_the_slope_is_not_regular_what_was_found_stays():
    flat = jnp.asarray(False)
    assert numerics.refined(jnp.asarray(3.0), jnp.asarray(1.0), jnp.asarray(0.0), flat) == 3
    assert (
        numerics.refined(jnp.asarray(jnp.inf), jnp.asarray(jnp.nan), jnp.asarray(0.0), flat)
        == jnp.inf
    )


def test_newton_doubles_the_digits_of_each_step_and_stops_when_all_are_there():
    def step(x, _):
        new = (x + 2 / x) / 2
        return new, jnp.abs(new - x)

    x, steps = numerics.newton(step, jnp.asarray(1.0), 100)
    assert_allclose(x, np.sqrt(2), rtol=2 * numerics.rounding(x.dtype))
    assert steps == 5  # 1 digit, 2, 5, 11, all
    assert numerics.newton(step, jnp.asarray(1.0), 3)[1] == 3
    # What is lost is not followed.
    assert numerics.newton(step, jnp.asarray(jnp.nan), 100)[1] == 1


@pytest.mark.slow
def test_a_root_has_the_derivatives_of_its_equation():
    def root(a):
        return numerics.root(lambda z: {"x": z["x"] ** 2 - a}, {"x": jnp.asarray(1.0)})["x"]

    a = jnp.asarray(2.0)
    assert_allclose([root(a), jax.grad(root)(a)], [np.sqrt(2), 1 / np.sqrt(8)], rtol=1e-14)
    assert_allclose(jax.jvp(root, (a,), (jnp.ones(()),))[1], 1 / np.sqrt(8), rtol=1e-14)
    assert jnp.isnan(root(jnp.asarray(-2.0)))
