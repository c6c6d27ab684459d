"""Equilibria from one guess and from many: which are found, and how many there are."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gandyn as gd


class Function(gd.fields.AbstractField):
    """x' = f(x, p)."""

    f: object = eqx.field(static=True)
    p: jax.Array

    def __call__(self, players, key=None):
        return (self.f(players[0], self.p.astype(players[0].dtype)),)


def flow(f, p=0.0):
    return gd.flows.GradientFlow(Function(f, jnp.asarray(p)))


def catalysis(v, q2):
    """The catalytic oscillator of Bykov, Yablonskii and Kim."""
    x, y, s = v
    z = 1 - x - y - s
    return jnp.stack(
        [
            5 * z**2 - 2 * x**2 - 10 * x * y,
            q2 * z - 0.1 * y - 10 * x * y,
            0.0675 * z - 0.4 * 0.0675 * s,
        ]
    )


GUESS = np.array([0.001137, 0.891483, 0.062345])


@pytest.mark.slow
@pytest.mark.parametrize("q2", [0.9, 1.0, 1.06, 1.2])
def test_what_plain_newton_finds_is_found(q2):
    x = jnp.asarray(GUESS)
    for _ in range(50):
        x = x - jnp.linalg.solve(jax.jacfwd(catalysis)(x, q2), catalysis(x, q2))
    assert jnp.max(jnp.abs(catalysis(x, q2))) < 1e-14
    found = gd.equilibrium(flow(catalysis, q2), (GUESS,))
    assert found.converged
    assert jnp.max(jnp.abs(catalysis(found.players[0], q2))) < 1e-13
    if q2 == 1:
        assert_allclose(found.players[0], [0.1066035, 0.1758265, 0.5125499], atol=1e-7)


@pytest.mark.slow
def test_a_map_has_what_only_the_second_search_reaches():
    family = gd.family(lambda q2, other: flow(catalysis, q2 + 0 * other))
    found = gd.stability_map(family, (GUESS,), {"q2": [0.9, 1.0], "other": [1.0]})
    for i, q2 in enumerate((0.9, 1.0)):
        there = gd.equilibrium(flow(catalysis, q2), (GUESS,)).state
        expected = gd.spectrum(flow(catalysis, q2), there).exponents
        assert_allclose(found.exponents[i, 0], expected, atol=1e-9)


@pytest.mark.slow
def test_what_is_far_from_the_guess_is_not_near_it():
    """A thousand units of 1 + |guess| away, and no further."""
    for guess, root, near in ((0.0, 900.0, True), (0.0, 1100.0, False), (9.0, 9900.0, True)):
        found = gd.equilibrium(flow(lambda x, p: p - x, root), (guess,))
        assert_allclose(found.players[0], root)
        assert bool(found.converged) is near


@pytest.mark.slow
@pytest.mark.parametrize(
    "f",
    [
        lambda x: 1e6 * (jnp.sin(x) - x),
        lambda x: 1e-6 * (jnp.tanh(x) - x),
        lambda x: x * (1 - jnp.cos(x)),
        lambda x: jnp.exp(x) - 1 - x,
        lambda x: jnp.arctan(x) - jnp.sin(x),
    ],
)
def test_a_multiple_root_is_one(f):
    """Rounding spreads a root of order m by its m-th root."""
    found = gd.equilibria(flow(lambda x, p: f(x - p), 0.3), (0.0,), (-0.8, 1.2), starts=32)
    assert len(found) == 1
    assert_allclose(found.players[0], 0.3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("apart", [1e-2, 1e-4, 1e-6])
def test_two_roots_that_are_close_are_two(apart):
    roots = 0.3 + np.array([-apart, apart])
    found = gd.equilibria(
        flow(lambda x, p: (x - 0.3) ** 2 - p**2, apart), (0.0,), (-1.3, 1.5), starts=32
    )
    assert_allclose(np.sort(found.players[0]), roots, atol=1e-9)


@pytest.mark.slow
def test_a_triple_root_of_a_rule_of_two_players():
    """A pitchfork at its critical value."""
    game = gd.games.zero_sum(lambda x, y: x**4 / 4 + x * y - y**2 / 2 - x**2 / 2)
    found = gd.equilibria(gd.methods.alternating(game, 0.1), (0.0, 0.0), (-1.0, 1.0), starts=32)
    assert_allclose(found.players, [[0], [0]], atol=1e-4)
