"""Equilibria of flows on a box: they solve the variational inequality, and are as stable as the
field is on the face that they lie on."""

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import expm
from scipy.optimize import lsq_linear

import gandyn as gd

Type = gd.results.FixedPoint.Type


def confined(game, low, high):
    return gd.flows.GradientFlow(gd.fields.Confined(gd.fields.Gradient(game), low, high))


HELD = confined(
    gd.games.zero_sum(lambda x, y: (x - 3) ** 2 / 2 + x * y), (-jnp.inf, -1.0), (jnp.inf, 1.0)
)


@pytest.mark.parametrize("start", [(0.0, 0.0), (0.0, 3.0), (-10.0, 1.0), (5.0, -1.0), (2.0, 1.0)])
def test_the_equilibrium_is_the_solution_and_not_where_the_force_vanishes(start):
    """Without the box both would rest at (0, 3)."""
    found = gd.equilibrium(HELD, start)
    assert found.converged
    assert_allclose(found.players, (2.0, 1.0), atol=1e-12)


def test_stability_at_a_wall_is_that_on_the_face():
    spectrum = gd.spectrum(HELD, (2.0, 1.0))
    assert_allclose(spectrum.exponents, [-1, -np.inf])
    assert spectrum.stable
    assert_allclose(gd.jacobian(HELD, (2.0, 1.0)), [[-1, 0], [0, -np.inf]])
    found = gd.fixed_point(HELD, (2.0, 1.0))
    assert (found.type, found.decaying) == (Type.NODE, 2)


@pytest.mark.slow
def test_from_everywhere_in_the_box():
    found = gd.equilibria(HELD, (0.0, 0.0), (-5.0, 5.0), starts=64)
    assert_allclose(found.players, [[2.0], [1.0]], atol=1e-12)
    assert found.spectrum.stable[0]
    basins = gd.basins(HELD, (0.0, 0.0), ((-3.0, 3.0), (-0.9, 0.9)), nodes=4)
    assert basins.attracts.tolist() == [True]
    assert jnp.all(basins.labels == 0)


def linear(players, matrix, shift):
    """Losses of three numbers, the velocity of which is matrix z + shift."""
    z = jnp.stack(players)
    own = jnp.diagonal(matrix) * z
    return tuple(-z * (matrix @ z - own / 2 + shift))


@jax.jit
def on_the_unit_box(matrix, shift):
    game = gd.games.Custom(lambda players, key: linear(players, matrix, shift))
    flow = confined(game, -1.0, 1.0)
    found = gd.equilibrium(flow, (0.0, 0.0, 0.0))
    return found, gd.spectrum(flow, found.players)


@pytest.mark.slow
def test_least_squares_in_a_box():
    """The gradient flow of |A z - b|^2 / 2, against SciPy's active sets: interior, faces, edges and
    corners."""
    rng = np.random.default_rng(0)
    sizes = []
    for scale in (0.1, 0.5, 1.0, 2.0, 5.0):
        for _ in range(4):
            a, b = np.eye(3) + 0.4 * rng.normal(size=(3, 3)), scale * rng.normal(size=3)
            exact = lsq_linear(a, b, (-1, 1), tol=1e-15, lsmr_tol=1e-15)
            found, spectrum = on_the_unit_box(-a.T @ a, a.T @ b)
            assert found.converged
            assert_allclose(found.players, exact.x, atol=1e-7)
            free = np.abs(exact.x) < 1 - 1e-6
            on_face = np.linalg.eigvalsh(-(a.T @ a)[np.ix_(free, free)])[::-1]
            off_face = np.full(3 - free.sum(), -np.inf)
            assert_allclose(spectrum.exponents, np.append(on_face, off_face), atol=1e-10)
            assert spectrum.stable
            sizes.append(free.sum())
    assert set(sizes) == {0, 1, 2, 3}


@pytest.mark.slow
def test_what_repels_or_turns_on_its_face():
    held = np.array([0.0, 0.0, 3.0])  # the third against its upper wall
    for block in ([[0.5, 1], [-1, 0.5]], [[-0.5, 1], [-1, -0.5]], [[0.0, 1], [-1, 0]]):
        matrix = np.zeros((3, 3))
        matrix[:2, :2] = block
        found, spectrum = on_the_unit_box(matrix, held)
        assert_allclose(found.players, [0, 0, 1], atol=1e-12)
        growth = block[0][0]
        assert_allclose(spectrum.exponents, [growth + 1j, growth - 1j, -np.inf], atol=1e-12)
        assert bool(spectrum.stable) is (growth < 0)
        assert bool(spectrum.neutral) is (growth == 0)


def test_a_wall_that_is_touched_with_no_force_has_no_derivative():
    flow = confined(gd.games.zero_sum(lambda x, y: x**2 / 2 - y**2 / 2), 0.0, 1.0)
    with pytest.warns(UserWarning, match="no derivative"):
        spectrum = gd.spectrum(flow, (0.0, 0.0))
    assert jnp.all(jnp.isnan(spectrum.exponents))
    assert not spectrum.stable


def test_on_the_wall_nothing_points_outward():
    field = HELD.field
    for y, psi in ((1.0, 0.0), (1.5, 0.0), (0.5, 2.0), (-1.0, 2.0)):
        z = jnp.asarray(2.0), jnp.asarray(y)
        assert_allclose(field(z), (1 - y, psi))
        assert_allclose(field((-z[0], -z[1]))[1], -psi)


def test_time_scales_do_not_move_the_solution():
    slower = gd.flows.GradientFlow(gd.fields.Scaled(HELD.field, (0.5, 2.0)))
    found = gd.equilibrium(slower, (0.0, 0.0))
    assert_allclose(found.players, (2.0, 1.0), atol=1e-12)
    assert_allclose(gd.spectrum(slower, found.players).exponents, [-0.5, -np.inf])


# Time maps, directions and transients see the walls, too.


@pytest.mark.parametrize("start", [(0.0, 0.0), (0.0, 3.0), (5.0, -1.0), (2.0, 1.0)])
def test_a_time_map_rests_where_its_flow_does(start):
    found = gd.equilibrium(gd.rules.TimeMap(HELD, 0.7), start)
    assert found.converged
    assert_allclose(found.players, (2.0, 1.0), atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("wrapped", [1, 2])
def test_multipliers_of_a_time_map_are_those_on_the_face(wrapped):
    """exp(-T) along the face; what is off it does not outlive the time T."""
    rule = gd.rules.TimeMap(HELD, 0.7)
    for _ in range(1, wrapped):
        rule = gd.rules.TimeMap(rule, 2)
    spectrum = gd.spectrum(rule, (2.0, 1.0))
    assert_allclose(spectrum.multipliers, [np.exp(-0.7 * wrapped), 0], atol=1e-8)
    assert spectrum.stable
    assert_allclose(gd.jacobian(rule, (2.0, 1.0))[1], [0, -1])
    found = gd.fixed_point(rule, (2.0, 1.0))
    assert (found.type, found.decaying) == (Type.NODE, 2)


@pytest.mark.slow
def test_the_time_map_of_euler_has_its_multipliers():
    """1 - h on the face, with the error of the integrator."""
    coarse = gd.flows.GradientFlow(HELD.field, gd.flows.Integrator(solver=dfx.Euler(), dt=0.1))
    multipliers = gd.spectrum(gd.rules.TimeMap(coarse, 0.1), (2.0, 1.0)).multipliers
    assert_allclose(multipliers, [0.9, 0], atol=1e-12)


@pytest.mark.slow
def test_a_time_map_that_comes_to_a_wall_on_its_way_has_no_derivative_told():
    rule = gd.rules.TimeMap(HELD, 0.7)
    with pytest.warns(UserWarning, match="moves to one"):
        assert jnp.all(jnp.isnan(gd.spectrum(rule, (3.0, 0.8)).exponents))
    inside = gd.spectrum(rule, (0.3, 0.0)).multipliers
    free = gd.flows.GradientFlow(HELD.field.field)
    assert_allclose(inside, gd.spectrum(gd.rules.TimeMap(free, 0.7), (0.3, 0.0)).multipliers)


def slowing(players, key):
    """Forces 1 - z_1 and 4 against the upper wall of the second, the others -k z_k; the first moves
    the third."""
    x, y, z = players
    rates = jnp.arange(3.0, 3.0 + z.size)
    return (x - 1) ** 2 / 2 + x * y, -4 * y + y * x, jnp.sum(rates * z**2) / 2 - 20 * z[0] * x


SLOWING = confined(gd.games.Custom(slowing), (-jnp.inf, -0.5, -10.0), (jnp.inf, 0.5, 10.0))
REST = (0.5, 0.5, jnp.zeros(5).at[0].set(20 * 0.5 / 3))


@pytest.mark.slow
def test_leading_exponents_are_those_on_the_face():
    """The second of three players is held; -1 of the first, -3, -4, ... of the third."""
    rest = gd.equilibrium(SLOWING, (0.0, 0.0, jnp.zeros(5))).players
    for found, exact in zip(rest, REST, strict=True):
        assert_allclose(found, exact, atol=1e-10)
    for k in (1, 3, 4):
        exact = [-1, -3, -4, -5, -6][:k]
        leading = gd.spectrum(SLOWING, REST, leading=k)
        assert_allclose(leading.exponents, exact, atol=1e-9)
        assert leading.stable
        mapped = gd.spectrum(gd.rules.TimeMap(SLOWING, 0.5), REST, leading=k)
        assert_allclose(mapped.exponents.real / 0.5, exact, atol=1e-6)


@pytest.mark.slow
def test_lyapunov_exponents_at_a_wall_are_nan_and_said_so():
    ts = np.linspace(0.0, 4.0, 41)
    for dynamics, times in ((HELD, ts), (gd.rules.TimeMap(HELD, 0.1), np.arange(41))):
        with pytest.warns(UserWarning, match="comes to a wall"):
            found = gd.lyapunov(dynamics, (1.0, 0.0), times)
        assert jnp.all(jnp.isnan(found.exponents))
    wide = gd.flows.GradientFlow(gd.fields.Confined(HELD.field.field, -9.0, 9.0))
    free = gd.flows.GradientFlow(HELD.field.field)
    found, exact = (gd.lyapunov(flow, (1.0, 0.0), ts).exponents for flow in (wide, free))
    assert_allclose(found, exact, atol=1e-8)


def test_leading_exponents_are_refused_where_there_is_no_derivative():
    game = gd.games.Custom(lambda players, key: (jnp.sum(players[0] ** 2),))
    with pytest.raises(ValueError, match="touches a wall with no force"):
        gd.spectrum(confined(game, 0.0, 1.0), (jnp.zeros(5),), leading=2)


@pytest.mark.slow
def test_transient_growth_is_that_on_the_face():
    """Of the face alone the derivative is ((-1, 0), (20, -3)), beside which others decay; growth is
    2-norms of its exponential, which SciPy has, and its first rate the numerical abscissa."""
    ts = np.linspace(0.0, 2.0, 9)
    block = np.array([[-1.0, 0.0], [20.0, -3.0]])
    exact = [np.linalg.norm(expm(t * block), 2) for t in ts]
    found = gd.transient(SLOWING, REST, ts)
    assert_allclose(found.amplification, exact, rtol=1e-8)
    assert found.peak > 3
    assert_allclose(found.reactivity, np.linalg.eigvalsh((block + block.T) / 2)[-1])
    full = np.diag([-1.0, -3, -4, -5, -6, -7])
    full[1, 0] = 20
    departure = np.sqrt(1 - np.sum(np.diag(full) ** 2) / np.sum(full**2))
    assert_allclose(found.departure, departure)
    mapped = gd.transient(gd.rules.TimeMap(SLOWING, 0.25), REST, np.arange(9))
    assert_allclose(mapped.amplification, exact, rtol=1e-6)


@pytest.mark.slow
def test_nothing_grows_in_a_corner():
    flow = confined(gd.games.zero_sum(lambda x, y: y - x), -1.0, 1.0)
    found = gd.transient(flow, gd.equilibrium(flow, (0.0, 0.0)).players, [0.0, 1.0])
    assert_allclose(found.amplification, [1, 0])
    assert found.reactivity == -jnp.inf
    assert found.departure == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda field: gd.rules.Descend(field, 0.1),
        lambda field: gd.flows.MomentumFlow(field, 1.0),
        lambda field: gd.flows.LangevinFlow(field, 0.1, 0.1),
        lambda field: gd.flows.optimistic(field, 0.1),
        lambda field: gd.fields.Extrapolated(field, 0.1),
        lambda field: gd.fields.Confined(field, -1.0, 1.0),
    ],
)
def test_walls_are_refused_where_they_would_hold_nobody(make):
    for field in (HELD.field, gd.fields.Scaled(HELD.field, 0.5)):
        with pytest.raises(ValueError, match=r"`field` must not be `Confined`.*rules.projected"):
            make(field)
