"""Invariant circles of rules against closed forms, and none where there is none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gandyn as gd

ROTATION = gd.games.bilinear([[1.0]])
ONE = (jnp.ones(1), jnp.ones(1))
POLAR = gd.games.polar()


@jax.jit
def turning(step, players):
    """Alternating steps on x y."""
    rule = gd.methods.alternating(ROTATION, step)
    return gd.circle(rule, players, 2 * jnp.pi / step, nodes=17)


@jax.jit
def widened(step, radius):
    """Simultaneous steps on the polar game."""
    rule = gd.methods.simultaneous(POLAR, step)
    return gd.circle(rule, (radius, jnp.zeros_like(radius)), 2 * jnp.pi / step, nodes=17)


def radii_of_simultaneous_polar(step, a=1 / 3):
    """The map is z -> z (1 + h G(r) - i h), with G = -a (r^2 - 1) (16 r^2 - 9) / 16; on a circle
    |1 + h G - i h| = 1. Radii, and the factors by which what is near one parts in a step."""
    growth = (np.sqrt(1 - step**2) - 1) / step
    squares = np.roots([-a, 25 * a / 16, -9 * a / 16 - growth])
    slopes = -a * (32 * squares - 25) / 16  # dG / d(r^2)
    radii = np.sqrt(squares)
    return radii, 1 + step * 2 * squares * slopes * np.sqrt(1 - step**2)


@pytest.mark.slow
@pytest.mark.parametrize("step", [0.05, 0.3, 0.9])
def test_alternating_rotation_turns_by_its_angle(step):
    found = turning(step, ONE)
    assert found.converged
    assert_allclose(found.rotation, np.arccos(1 - step**2 / 2) / (2 * np.pi), rtol=1e-12)
    assert_allclose(found.exponents, 0, atol=1e-10)
    # Of the family of ellipses x^2 + y^2 + h x y it is the one through the start.
    x, y = (p[:, 0] for p in found.players)
    level = x**2 + y**2 + step * x * y
    assert_allclose(level, level[0], rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("step", [0.02, 0.1, 0.3])
def test_circles_of_the_polar_game(step):
    """The outer one attracts, the inner one repels; both turn by arcsin h a step."""
    for radius, factor in zip(*radii_of_simultaneous_polar(step), strict=True):
        found = widened(step, jnp.asarray(1.02 * radius))
        assert found.converged
        assert_allclose(jnp.hypot(*found.players), radius, rtol=1e-11)
        assert_allclose(found.radius, radius, rtol=1e-11)
        assert_allclose(found.center, 0, atol=1e-11)
        assert_allclose(found.rotation, np.arcsin(step) / (2 * np.pi), rtol=1e-12)
        assert_allclose(np.sort(found.exponents), np.sort([0, np.log(factor)]), atol=1e-9)


def test_beyond_a_fold_there_is_no_circle():
    """With a < 0 the roots in r^2 meet at r^2 = 25/32; just above that step the rule almost
    closes."""
    reversed_radius = jax.tree.map(lambda a: -a, POLAR)

    @jax.jit
    def found(step, radius):
        rule = gd.methods.simultaneous(reversed_radius, step)
        return gd.circle(rule, (radius, 0 * radius), 2 * jnp.pi / step, nodes=17).converged

    growth = (25 / 32 - 1) * (16 * 25 / 32 - 9) / 48  # -G at its minimum
    fold = -2 * growth / (1 + growth**2)  # (1 - sqrt(1 - h^2)) / h = tan(arcsin(h) / 2)
    radius = np.sqrt(25 / 32)
    assert found(fold * (1 - 1e-3), radius * 1.03)
    for beyond in (1e-7, 1e-6, 1e-5, 1e-4):
        assert not found(fold * (1 + beyond), radius)


@pytest.mark.slow
def test_every_third_step_is_on_the_same_circle():
    rule = gd.methods.simultaneous(gd.games.almost_bilinear(0.5), 0.05)
    one = gd.circle(rule, (1.5, 0.5), 125.0)
    # Held at too few phases it is not mapped to itself between them, and that is told.
    with pytest.warns(UserWarning, match=r"no circle was found .* a period near 125"):
        assert not gd.circle(rule, (1.5, 0.5), 125.0, nodes=7).converged
    third = gd.circle(gd.rules.Repeat(rule, 3), (1.5, 0.5), 42.0)
    assert one.converged & third.converged
    assert_allclose(third.rotation, 3 * one.rotation, rtol=1e-12)
    assert_allclose(third.exponents, 3 * one.exponents, atol=1e-10)
    assert_allclose(third.multipliers, one.multipliers, atol=1e-9)


@pytest.mark.slow
def test_exponents_are_lyapunovs_with_memory():
    rule = gd.methods.optimistic(gd.games.almost_bilinear(0.5), 0.05)
    found = gd.circle(rule, (1.0, 0.5), 2 * np.pi / 0.05)
    assert found.converged
    start = jax.tree.map(lambda x: x[0], found.states)
    growth = gd.lyapunov(rule, start, np.arange(0, 4001, 4)).exponents
    assert found.exponents.shape == (4,)
    assert_allclose(growth, found.exponents, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("step", [0.05, 0.3, 0.9])
def test_rotation_of_a_trajectory_is_that_of_its_circle(step):
    path = gd.simulate(gd.methods.alternating(ROTATION, step), ONE, np.arange(8001))
    found = gd.rotation(path)
    assert_allclose(found.rotation, np.arccos(1 - step**2 / 2) / (2 * np.pi), rtol=1e-12)
    assert found.error < 1e-12
    assert_allclose(found.center, 0, atol=1e-12)
    # On x^2 + y^2 + h x y = c the mean of x^2 is that of y^2, c / (2 - h^2 / 2).
    assert_allclose(found.radius**2, 2 * (2 + step) / (2 - step**2 / 2), rtol=1e-12)
    there, back = gd.rotation(path, plane=(0, 1)), gd.rotation(path, plane=(1, 0))
    assert_allclose(there.rotation, found.rotation, rtol=1e-12)  # x' = -y, y' = x
    assert_allclose(back.rotation, -found.rotation, rtol=1e-12)


@pytest.mark.slow
def test_the_error_of_a_rotation_holds_the_truth_as_often_as_it_says():
    """Of walks on the circle by Omega and a chance, forgotten at once, in 95 of 100; and always of
    rotations seen through another angle, theta + a sin theta."""
    omega, n = np.sqrt(2) - 1.2, 800
    ts = np.arange(201)

    def found(angles):
        states = gd.State((jnp.cos(angles), jnp.sin(angles)))
        path = gd.results.Trajectory(jnp.asarray(ts), states, "step")
        return gd.rotation(path, plane=(0, 1))

    chances = 0.3 * np.random.default_rng(0).normal(size=(n, len(ts)))
    walks = jax.vmap(found)(jnp.asarray(2 * np.pi * omega * ts + np.cumsum(chances, axis=1)))
    held = np.abs(walks.rotation - omega) <= walks.error
    assert abs(held.mean() - 0.95) < 0.03
    starts = np.linspace(0, 6, 50)[:, None]
    angles = starts + 2 * np.pi * omega * ts
    turned = jax.vmap(found)(jnp.asarray(angles + 0.5 * np.sin(angles)))
    assert (np.abs(turned.rotation - omega) <= turned.error).all()
    assert (turned.error < 1e-3).all()


@pytest.mark.slow
def test_what_turns_by_more_than_half_a_turn_turns_by_less_the_other_way():
    """0.51 of a turn in a step are 0.49 backwards. The first search from 0.42 ends on the one, and
    only the second on the other, which alone is a period above 2 as the guess is."""
    grow, turn = 0.3, 2 * np.pi * 0.5104088994471501

    def step(players):
        x, y = players
        wider = 1 + grow * (1 - x**2 - y**2)
        a = wider * (np.cos(turn) * x - np.sin(turn) * y) + 0.1 * grow * x**2
        return a, wider * (np.sin(turn) * x + np.cos(turn) * y)

    start = (jnp.asarray(0.9543041453630887), jnp.asarray(0.1))
    found = gd.circle(gd.rules.Project(step), start, 1 / 0.4204200117961889, nodes=17)
    assert found.converged
    path = gd.simulate(gd.rules.Project(step), start, np.arange(2001))
    assert_allclose(found.rotation, gd.rotation(path).rotation, rtol=1e-9)


@pytest.mark.slow
def test_no_circle_is_told_and_nothing_invented():
    for found in (
        turning(0.1, (jnp.zeros(1), jnp.zeros(1))),  # an equilibrium
        turning(2.1, ONE),  # escapes
        widened(0.1, jnp.asarray(jnp.nan)),
    ):
        assert not found.converged
        assert jnp.all(jnp.isnan(found.rotation))
        assert jnp.all(jnp.isnan(found.players[0]))


@pytest.mark.slow
@pytest.mark.parametrize("search", [gd.circle, gd.cycle])
def test_what_is_not_found_is_told_under_derivatives(search):
    def period(step):
        return search(gd.methods.simultaneous(ROTATION, step), ONE, 6).period

    with pytest.warns(UserWarning, match="found near `players` with a period near 6"):
        assert jnp.isnan(jax.jvp(period, (0.3,), (1.0,))[0])


@pytest.mark.slow
def test_single_precision_and_a_sweep_of_steps():
    single = turning(jnp.float32(0.3), tuple(x.astype(jnp.float32) for x in ONE))
    assert single.converged
    assert single.rotation.dtype == jnp.float32
    steps = jnp.asarray([0.02, 0.3])
    radii = [max(radii_of_simultaneous_polar(float(h))[0]) for h in steps]
    found = jax.vmap(widened)(steps, jnp.asarray(radii))
    assert_allclose(found.period, 2 * np.pi / np.arcsin(steps), rtol=1e-12)


def test_bad_input_is_told(as_installed):
    rule = gd.methods.alternating(ROTATION, 1.0)
    with pytest.raises(TypeError, match="finds the cycles of a flow"):
        gd.circle(gd.flows.GradientFlow(gd.fields.Gradient(ROTATION)), ONE, 6.3)
    with pytest.raises(ValueError, match="`period` must be above 2 steps"):
        gd.circle(rule, ONE, 2)
    with pytest.raises(ValueError, match="16 turns of which can be counted"):
        gd.circle(rule, ONE, 1e308)
    with pytest.raises(ValueError, match="`nodes` must be odd"):
        gd.circle(rule, ONE, 6.0, nodes=8)
    path = gd.simulate(rule, ONE, [0, 1, 2, 4, 5])
    with pytest.raises(ValueError, match="must be equally spaced"):
        gd.rotation(path)
    with pytest.raises(ValueError, match="`plane` must be two different coordinates below 2"):
        gd.rotation(gd.simulate(rule, ONE, np.arange(9)), plane=(0, 2))


def polar_circles(method, near, steps, time=2 * jnp.pi):
    """What becomes of the cycle of the polar game at a radius near the given one."""
    flow = gd.flows.GradientFlow(gd.fields.Gradient(POLAR))
    turn = gd.cycle(flow, (near, 0.0), time)
    family = gd.family(lambda step_size: method(POLAR, step_size))
    return gd.circles(family, turn, {"step_size": steps}, nodes=17)


@pytest.mark.slow
def test_a_cycle_is_followed_through_step_sizes_that_are_too_far_to_reach_it_from_the_flow():
    steps = np.linspace(0.05, 0.4, 8)
    outer, inner = (polar_circles(gd.methods.simultaneous, r, steps) for r in (1.0, 0.75))
    known = [radii_of_simultaneous_polar(h)[0] for h in steps[:-1]]
    assert outer.converged.all()
    assert_allclose(outer.radius[:-1], np.max(known, 1), rtol=1e-11)
    assert_allclose(outer.rotation, np.arcsin(steps) / (2 * np.pi), rtol=1e-11)
    # The inner one shrinks to the equilibrium at (1 - sqrt(1 - h^2)) / h = 3/16.
    np.testing.assert_array_equal(inner.converged, steps < 2 * 48 / (256 + 9))
    assert_allclose(inner.radius[:-1], np.min(known, 1), rtol=1e-9)
    assert jnp.isnan(inner.radius[-1])


@pytest.mark.slow
def test_a_cycle_is_followed_up_to_where_it_meets_another():
    """|1 + h g(|k| r) k| = 1 on a circle of extragradient steps, with k = 1 + h g(r): it has no
    solution near r = 1 once its largest value over r is below 1."""

    def factor(r, h):
        def g(r):
            return -(r**2 - 1) * (16 * r**2 - 9) / 48 - 1j

        k = 1 + h * g(r)
        return np.abs(1 + h * g(np.abs(k) * r) * k)

    steps = np.linspace(0.004, 0.04, 10)
    found = polar_circles(gd.methods.extragradient, 1.0, steps)
    exists = np.array([factor(np.linspace(0.6, 1.1, 5001), h).max() > 1 for h in steps])
    assert 2 < exists.sum() < len(steps)
    np.testing.assert_array_equal(found.converged, exists)
    assert_allclose(factor(np.asarray(found.radius)[exists], steps[exists]), 1, atol=1e-12)


@pytest.mark.usefixtures("as_installed")
def test_circles_are_followed_from_the_cycle_of_a_flow():
    family = gd.family(lambda step_size: gd.methods.alternating(ROTATION, step_size))
    turn = gd.cycle(family(step_size=1.0), ONE, 6)
    with pytest.raises(ValueError, match="is one of a rule"):
        gd.circles(family, turn, {"step_size": [0.1]})
    with pytest.raises(TypeError, match="`players` must be a limit cycle"):
        gd.circles(family, ONE, {"step_size": [0.1]})
    with pytest.raises(ValueError, match="must name one number, the step size"):
        gd.circles(family, turn, {"step_size": [0.1], "gamma": [1.0]})
