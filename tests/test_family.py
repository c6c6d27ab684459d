"""Families of dynamics: functions of named numbers, some of them fixed."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gandyn as gd

ORIGIN = (0.0, 0.0)


def alternating(h, g=0.3):
    game = gd.games.Penalized(gd.games.dirac(), gd.games.R1(g))
    return gd.methods.alternating(game, h)


FAMILY = gd.family(alternating)


def radius(dynamics):
    return gd.spectrum(dynamics, ORIGIN).radius


def test_a_call_is_the_function():
    for numbers in ({"h": 0.1}, {"h": 0.2, "g": 0.5}):
        np.testing.assert_array_equal(radius(FAMILY(**numbers)), radius(alternating(**numbers)))


def test_fixed_numbers_are_given_already_and_may_be_given_anew():
    fixed = FAMILY.at(g=0.5)
    np.testing.assert_array_equal(radius(fixed(h=0.2)), radius(FAMILY(h=0.2, g=0.5)))
    np.testing.assert_array_equal(radius(fixed.at(h=0.2)()), radius(fixed(h=0.2)))
    np.testing.assert_array_equal(radius(fixed(h=0.2, g=0.1)), radius(FAMILY(h=0.2, g=0.1)))


def test_fixed_numbers_are_leaves():
    leaves = jax.tree.leaves(eqx.filter(FAMILY.at(h=1, g=0.5), eqx.is_array))
    assert sorted(map(float, leaves)) == [0.5, 1.0]
    assert all(jnp.issubdtype(x.dtype, jnp.inexact) for x in leaves)
    strengths = jnp.array([0.1, 0.5])
    many = jax.vmap(lambda g: radius(FAMILY.at(g=g)(h=0.2)))(strengths)
    np.testing.assert_allclose(many, [radius(FAMILY(h=0.2, g=g)) for g in strengths], rtol=1e-12)


def test_a_family_of_a_family_is_itself():
    assert gd.family(FAMILY) is FAMILY


def test_modules_and_partials_make_families():
    class Made(eqx.Module):
        slope: jax.Array

        def __call__(self, h):
            return alternating(h, self.slope)

    for make in (Made(jnp.asarray(0.3)), functools.partial(alternating, g=0.3)):
        np.testing.assert_allclose(radius(gd.family(make)(h=0.2)), radius(FAMILY(h=0.2)))


def test_any_names_may_be_taken():
    fam = gd.family(lambda **numbers: alternating(numbers["h"] + numbers["more"]))
    assert fam.names is None
    np.testing.assert_allclose(radius(fam(h=0.1, more=0.1)), radius(alternating(0.2)))


@pytest.mark.slow
def test_a_sweep_over_a_family():
    steps, strengths = np.array([0.1, 0.5]), np.array([0.2, 0.4, 0.8])
    found = gd.sweep(
        lambda h, g: {"radius": radius(FAMILY(h=h, g=g))}, {"h": steps, "g": strengths}
    )
    exact = [[radius(alternating(h, g)) for g in strengths] for h in steps]
    np.testing.assert_allclose(found.radius, exact, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: FAMILY(), TypeError, "also needs `h`: give it in the call"),
        (lambda: FAMILY(step=0.1), TypeError, "no number `step`, but `h`, `g`"),
        (lambda: FAMILY.at(step=0.1), TypeError, "no number `step`, but `h`, `g`"),
        (lambda: FAMILY(h="a"), TypeError, "`h` must be numbers"),
        (lambda: FAMILY(h=np.nan), ValueError, "`h` must be finite"),
        (lambda: gd.family(lambda h: h)(h=0.1), TypeError, "must return a rule or a flow"),
        (lambda: gd.family(alternating(0.1)), TypeError, "`function` must be a function"),
        (lambda: gd.family(3), TypeError, "`function` must be a function"),
        (lambda: gd.family(max), TypeError, "does not say how it is called"),
        (lambda: gd.family(lambda h, /: alternating(h)), TypeError, "by name"),
        (lambda: gd.spectrum(FAMILY, ORIGIN), TypeError, r"a family is one with its numbers"),
        (
            lambda: gd.critical(alternating, ORIGIN, {"h": (0.1, 5.0)}),
            TypeError,
            "`family` must be a family of dynamics",
        ),
        (
            lambda: gd.critical(FAMILY, ORIGIN, {"step": (0.1, 5.0)}),
            TypeError,
            "no number `step`, but `h`, `g`",
        ),
        (
            lambda: gd.critical(FAMILY, ORIGIN, {"h": (0.1, 5.0), "g": (0.1, 1.0)}),
            ValueError,
            "must name one hyper-parameter, but names 2",
        ),
        (
            lambda: gd.continuation(FAMILY, ORIGIN, {"h": 5.0}),
            ValueError,
            r"`bounds` of `h` must be \(low, high\)",
        ),
    ],
)
@pytest.mark.usefixtures("as_installed")
def test_misuse_is_told(call, error, words):
    with pytest.raises(error, match=words):
        call()
