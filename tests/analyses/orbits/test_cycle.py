"""Periodic orbits against closed forms, and none where there is none."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from generic import along
from scipy.integrate import solve_ivp
from scipy.special import iv

import gandyn as gd

pytestmark = pytest.mark.slow

FINE = gd.flows.Integrator(rtol=1e-10, atol=1e-10)
ROTATION = gd.games.bilinear([[1.0]])
ONE = (jnp.ones(1), jnp.ones(1))


class Cubic(gd.fields.AbstractField):
    """x' and y' are sums of c[i, j] x^i y^j. The coefficients are leaves: all flows of the plane
    that are asked for here are one program."""

    coefficients: tuple[jax.Array, jax.Array]

    def __call__(self, players, key=None):
        xs, ys = (jnp.stack([jnp.ones_like(z), z, z**2, z**3]) for z in players)
        return tuple(xs @ c.astype(xs.dtype) @ ys for c in self.coefficients)


def cubic(*components):
    """The flow of two sums of monomials, {(i, j): c}."""
    made = (sum_of(component) for component in components)
    return gd.flows.GradientFlow(Cubic(tuple(made)), FINE)


def sum_of(component):
    c = jnp.zeros((4, 4))
    for powers, value in component.items():
        c = c.at[powers].set(value)
    return c


def van_der_pol(eps):
    """Of the game x y + eps (y^2/2 - y^4/4): eliminating x leaves van der Pol's equation."""
    return cubic({(0, 1): -1.0}, {(1, 0): 1.0, (0, 1): eps, (0, 3): -eps})


class Between(eqx.Module):
    """The family of flows whose coefficients are those of `zero` at 0, and of `one` at 1."""

    zero: gd.flows.GradientFlow
    one: gd.flows.GradientFlow

    def __call__(self, p):
        fields = self.zero.field, self.one.field
        field = jax.tree.map(lambda a, b: a + p * (b - a), *fields)
        return gd.flows.GradientFlow(field, FINE)


def relaxing(mu):
    """x'' = mu (1 - x^2) x' - x."""
    return cubic({(0, 1): 1.0}, {(1, 0): -1.0, (0, 1): mu, (2, 1): -mu})


def polar(growth):
    """r' = growth r (1 - r^2), angle' = 1: a unit circle with the multiplier exp(-4 pi growth)."""
    return cubic(
        {(0, 1): -1.0, (1, 0): growth, (3, 0): -growth, (1, 2): -growth},
        {(1, 0): 1.0, (0, 1): growth, (2, 1): -growth, (0, 3): -growth},
    )


DIRAC = gd.flows.GradientFlow(gd.fields.Gradient(gd.games.dirac()), FINE)


def test_van_der_pol_period_radius_and_multipliers():
    eps = 0.05
    found = gd.cycle(van_der_pol(eps), (1.0, 0.5), 6.3)
    assert found.converged
    series = 2 * np.pi * (1 + eps**2 / 16 - 5 * eps**4 / 3072)
    np.testing.assert_allclose(found.period, series, atol=1e-9)
    np.testing.assert_allclose(jnp.hypot(*found.players), 2 / np.sqrt(3), atol=eps / 4)
    assert jnp.max(found.orbit.players[1]) == pytest.approx(2 / np.sqrt(3), abs=eps**2)
    # One multiplier is 1; Liouville: their product is exp of the integral of the divergence.
    divergence = eps * (1 - 3 * found.orbit.players[1][:-1] ** 2)
    expected = jnp.exp(found.period * jnp.mean(divergence))
    np.testing.assert_allclose(found.multipliers, [1, expected], atol=1e-8)


@pytest.mark.parametrize("growth", [1.0, -1.0])
def test_a_cycle_is_found_however_strongly_it_attracts_or_repels(growth):
    found = gd.cycle(polar(growth), (1.1, 0.2), 6.0)
    assert found.converged
    np.testing.assert_allclose(found.period, 2 * np.pi, rtol=1e-8)
    expected = sorted([1, np.exp(-4 * np.pi * growth)], reverse=True)
    np.testing.assert_allclose(found.multipliers, expected, rtol=1e-4, atol=1e-9)
    angles = jnp.unwrap(jnp.arctan2(*found.orbit.players[::-1]))
    np.testing.assert_allclose(jnp.diff(angles), 2 * np.pi / 60, rtol=1e-6)


def multiplier_of_van_der_pol(mu):
    """Liouville: exp of the integral of mu (1 - x^2) over a turn, by DOP853; a point, a period."""

    def velocity(t, z):
        x, y, _ = z
        return [y, mu * (1 - x**2) * y - x, mu * (1 - x**2)]

    def falls(t, z):
        return z[1]

    falls.direction = -1
    exact = {"rtol": 1e-12, "atol": 1e-12, "method": "DOP853"}
    there = solve_ivp(velocity, (0, 60), [2, 0, 0], **exact).y[:2, -1]
    path = solve_ivp(velocity, (0, 40), [*there, 0], events=falls, **exact)
    (before, last), seen = path.t_events[0][-2:], path.y_events[0][-2:]
    return seen[1, :2], last - before, np.exp(seen[1, 2] - seen[0, 2])


@pytest.mark.parametrize("mu", [1.0, 3.0, 5.0])
def test_multipliers_are_known_to_their_own_size(mu):
    """Down to 8e-38: next to 1 nothing below 1e-16 is known of a sum, nor 1e-10 of the integral."""
    (x, y), period, factor = multiplier_of_van_der_pol(mu)
    found = gd.cycle(relaxing(mu), (x, y), period)
    np.testing.assert_allclose(found.period, period, rtol=1e-8)
    np.testing.assert_allclose(found.multipliers, [1, factor], rtol=1e-5)
    branch = along(
        gd.continuation, Between(relaxing(0), relaxing(1)), found, (mu, mu + 0.01), resolution=2
    )
    # A branch knows it to what the integrator leaves of the derivative of a turn.
    left = np.finfo(float).eps ** 0.6
    growth = np.log(factor) / period if factor > left else -np.inf
    known = left / factor / period
    np.testing.assert_allclose(branch.exponents[0, 0].real, growth, atol=known)


class Decaying(gd.fields.AbstractField):
    """A field of the plane, and beside it z' = -rate z."""

    plane: Cubic
    rate: jax.Array

    def __call__(self, players, key=None):
        *plane, z = players
        return *self.plane(tuple(plane)), -self.rate * z


def test_a_multiplier_beside_others_that_is_far_below_rounding():
    """exp(-40 pi) is 3e-55; where a part of the turn takes all digits, nothing is made up."""
    start = (1.0, 0.2, 0.1)

    def found(rate):
        field = Decaying(polar(1.0).field, rate)
        return gd.cycle(gd.flows.GradientFlow(field, FINE), start, 6.0)

    factors = np.exp([0, -4 * np.pi, -40 * np.pi])
    np.testing.assert_allclose(found(jnp.asarray(20.0)).multipliers, factors, rtol=1e-5)
    lost = found(jnp.asarray(1000.0))
    np.testing.assert_allclose(lost.multipliers, [*factors[:2], 0], rtol=1e-5)
    assert lost.exponents[-1].real == -np.inf


def test_a_multiplier_of_a_rule_that_rounding_cannot_tell_from_0_is_0():
    """x -> 3.2 x (1 - x) beside y -> a y, x with the multiplier 0.16, and 1e-20 of y."""
    rule = gd.rules.Project(
        lambda players: (3.2 * players[0] * (1 - players[0]), 1e-10 * players[1])
    )
    found = gd.cycle(rule, (0.5, 0.0), 2)
    np.testing.assert_allclose(found.multipliers, [4 + 2 * 3.2 - 3.2**2, 0], atol=0, rtol=1e-10)


def test_a_branch_of_cycles_ends_in_the_cycle_that_is_found_there():
    start = gd.cycle(van_der_pol(0.5), (1.0, 0.5), 6.3)
    family = Between(van_der_pol(0), van_der_pol(1))
    branch = along(gd.continuation, family, start, (0.5, 1.2), resolution=10)
    last = tuple(x[-1] for x in branch.players)
    found = gd.cycle(van_der_pol(1.2), last, branch.period[-1])
    assert branch.ends == ("started at 0.5", "left the bounds at 1.2")
    np.testing.assert_allclose(found.players, last, atol=1e-8)
    np.testing.assert_allclose(branch.period[jnp.array([0, -1])], [start.period, found.period])
    for exponents, cycle in ((branch.exponents[0], start), (branch.exponents[-1], found)):
        np.testing.assert_allclose(exponents, cycle.exponents[1:], atol=1e-7)


def test_unstable_cycle_is_found_as_well():
    # Time runs backwards when the players swap what they want: the cycle repels.
    found = gd.cycle(van_der_pol(-0.05), (1.0, 0.5), 6.3)
    forward = gd.cycle(van_der_pol(0.05), (1.0, 0.5), 6.3)
    assert found.converged
    np.testing.assert_allclose(found.period, forward.period, atol=1e-8)
    np.testing.assert_allclose(jnp.max(jnp.abs(found.multipliers[0])), 1 / forward.multipliers[1])


def test_floquet_exponents_are_lyapunov_exponents():
    flow = van_der_pol(0.5)
    found = gd.cycle(flow, (1.0, 0.5), 6.3)
    growth = gd.lyapunov(flow, found.players, jnp.linspace(0, 200, 201)).exponents
    np.testing.assert_allclose(growth, found.exponents.real, atol=1e-6)


@pytest.mark.parametrize("guess", [11.0, 28.5])
def test_dirac_gan_keeps_its_radius_and_has_its_period(guess):
    found = gd.cycle(DIRAC, (1.0, 1.0), guess)
    assert found.converged
    np.testing.assert_allclose(found.players, (1, 1), atol=1e-6)
    np.testing.assert_allclose(found.period, 2 * np.pi * (1 + iv(0, 1)), atol=1e-7)
    np.testing.assert_allclose(found.multipliers, [1, 1], atol=1e-4)


def test_alternating_rotation_closes_after_its_own_number_of_steps():
    # The angle of a step is arccos(1 - h^2/2).
    for p in (3, 5):
        rule = gd.methods.alternating(ROTATION, 2 * np.sin(np.pi / p))
        found = gd.cycle(rule, ONE, p)
        assert found.converged
        assert found.period == p
        np.testing.assert_allclose(found.multipliers, 1, atol=1e-7)
    twice = gd.cycle(gd.methods.alternating(ROTATION, 1.0), ONE, 12)
    assert twice.converged
    assert twice.period == 6


def test_logistic_map_of_period_two():
    # Its points are (r + 1 +- sqrt((r - 3)(r + 1))) / 2r, its multiplier 4 + 2r - r^2.
    r = 3.2
    rule = gd.rules.Project(lambda players: (r * players[0] * (1 - players[0]),))
    found = gd.cycle(rule, (0.5,), 2)
    points = (r + 1 + np.array([-1, 1]) * np.sqrt((r - 3) * (r + 1))) / (2 * r)
    np.testing.assert_allclose(np.sort(found.orbit.players[0][:2]), points, atol=1e-12)
    np.testing.assert_allclose(found.multipliers, [4 + 2 * r - r**2], atol=1e-10)
    twice = gd.cycle(rule, (0.5,), 4)  # the same cycle, with its least period and its multiplier
    assert twice.period == 2
    np.testing.assert_allclose(twice.multipliers, found.multipliers, atol=1e-10)


def test_a_multiplier_of_zero_has_the_exponent_minus_infinity():
    # x -> x^2 - 1 has the superstable cycle 0 -> -1 -> 0.
    rule = gd.rules.Project(lambda players: (players[0] ** 2 - 1,))
    found = gd.cycle(rule, (0.0,), 2)
    np.testing.assert_array_equal(found.multipliers, [0])
    np.testing.assert_array_equal(found.exponents.real, [-np.inf])
    assert not np.any(np.isnan(found.exponents))


def test_time_map_of_a_flow_has_its_cycle():
    flow = van_der_pol(0.5)
    turn = gd.cycle(flow, (1.0, 0.5), 6.3)
    steps = gd.rules.TimeMap(flow, turn.period / 3)
    found = gd.cycle(steps, turn.players, 3)
    assert found.converged
    np.testing.assert_allclose(found.multipliers, turn.multipliers, atol=1e-6)


def test_no_cycle_is_told_and_nothing_invented():
    damped = cubic({(1, 0): -0.1, (0, 1): -1.0}, {(1, 0): 1.0})
    for dynamics, near, period in (
        (DIRAC, (0.0, 0.0), 12.0),  # an equilibrium
        (damped, (1.0, 1.0), 6.3),  # a focus
        (gd.methods.simultaneous(ROTATION, 0.3), ONE, 6),
        (gd.methods.alternating(ROTATION, 1.0), ONE, 5),
    ):
        with pytest.warns(UserWarning, match=f"no cycle was found .* a period near {period:g}"):
            found = gd.cycle(dynamics, near, period)
        assert not found.converged
        assert jnp.isnan(found.period)
        assert jnp.all(jnp.isnan(found.multipliers))


def test_single_precision():
    single = tuple(x.astype(jnp.float32) for x in ONE)
    found = gd.cycle(gd.methods.alternating(ROTATION, 1.0), single, 6)
    assert found.converged
    assert found.period.dtype == jnp.float32


def test_cycles_of_the_logistic_map_are_differentiated_backwards():
    """x -> r x (1 - x) has a cycle of two steps, with the multiplier 4 + 2 r - r^2."""

    def multiplier(r):
        game = gd.games.Custom(lambda p, key: (p[0] ** 2 / 2 * (1 - r) + r * p[0] ** 3 / 3,))
        found = gd.cycle(gd.methods.simultaneous(game, 1.0), (0.51,), 2)
        return found.multipliers[0].real

    r = jnp.array([3.1, 3.2, 3.3])
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(multiplier)))(r)
    np.testing.assert_allclose(values, 4 + 2 * r - r**2, atol=1e-12)
    np.testing.assert_allclose(slopes, 2 - 2 * r, atol=1e-11)


def isolated(m):
    """z' = (m + i) z - |z|^2 z: the circle |z|^2 = m, with the period 2 pi and exp(-4 pi m)."""
    return cubic(
        {(1, 0): m, (0, 1): -1.0, (3, 0): -1.0, (1, 2): -1.0},
        {(1, 0): 1.0, (0, 1): m, (2, 1): -1.0, (0, 3): -1.0},
    )


def one_of_many(speed):
    """z' = i speed (1 + |z|^2) z: all circles, of which 2 pi / speed (1 + |z|^2) is the period."""
    return cubic(
        {(0, 1): -speed, (2, 1): -speed, (0, 3): -speed},
        {(1, 0): speed, (3, 0): speed, (1, 2): speed},
    )


def test_cycles_of_flows_are_mapped_over_and_differentiated_backwards():
    """In a family of cycles only the period adapts."""

    def seen(p, many):
        fields = one_of_many(p).field, isolated(p).field
        field = jax.tree.map(lambda a, b: jnp.where(many, a, b), *fields)
        found = gd.cycle(gd.flows.GradientFlow(field, FINE), (0.6, 0.1), 5.3)
        values = jnp.stack([jnp.hypot(*found.players), found.period, found.multipliers[1].real])
        return values, values

    m, square = 0.3, 0.6**2 + 0.1**2
    slopes, values = jax.jit(jax.vmap(jax.jacrev(seen, has_aux=True)))(
        jnp.array([m, 1.0]), jnp.array([False, True])
    )
    factor, period = np.exp(-4 * np.pi * m), 2 * np.pi / (1 + square)
    np.testing.assert_allclose(values[0], [np.sqrt(m), 2 * np.pi, factor], atol=1e-7)
    np.testing.assert_allclose(slopes[0], [0.5 / np.sqrt(m), 0, -4 * np.pi * factor], atol=1e-7)
    np.testing.assert_allclose(values[1, :2], [np.sqrt(square), period], rtol=1e-8)
    np.testing.assert_allclose(slopes[1, :2], [0, -period], rtol=1e-8, atol=1e-7)


def test_derivatives_of_a_cycle_in_single_precision():
    def seen(m):
        flow = gd.flows.GradientFlow(isolated(m.astype(float)).field)
        start = (jnp.asarray(0.6, jnp.float32), jnp.asarray(0.1, jnp.float32))
        found = gd.cycle(flow, start, 6.0)
        return jnp.stack([jnp.hypot(*found.players), found.period, found.multipliers[1].real])

    m = 0.3
    slopes = jax.jit(jax.jacrev(seen))(jnp.asarray(m, jnp.float32))
    assert slopes.dtype == jnp.float32
    steep = -4 * np.pi * np.exp(-4 * np.pi * m)
    np.testing.assert_allclose(slopes, [0.5 / np.sqrt(m), 0, steep], atol=2e-4)


@pytest.mark.parametrize("way", [jax.jacfwd, jax.jacrev])
def test_derivatives_of_a_cycle_in_what_only_a_function_reads(way):
    """They are those of the equations, and not of the iteration: exact to the integrator."""

    def radius(m):
        def field(players, key=None):
            x, y = players
            free = m - x**2 - y**2
            return free * x - y, x + free * y

        flow = gd.flows.GradientFlow(gd.fields.Custom(field), FINE)
        return jnp.hypot(*gd.cycle(flow, (0.6, 0.1), 6.0).players)

    np.testing.assert_allclose(jax.jit(way(radius))(0.3), 0.5 / np.sqrt(0.3), rtol=1e-8)


def test_bad_periods_are_refused_by_name():
    rule = gd.methods.alternating(ROTATION, 1.0)
    with pytest.raises(TypeError, match="`period` must be a whole number"):
        gd.cycle(rule, ONE, 2.5)
    with pytest.raises(ValueError, match="`period` must be at least 2"):
        gd.cycle(rule, ONE, 1)
    with pytest.raises(ValueError, match="`period` must be positive"):
        gd.cycle(DIRAC, (1.0, 1.0), -3.0)
