"""Equilibria of flows on a box: they solve the variational inequality, and are as stable as the
field is on the face that they lie on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import lsq_linear

import gandyn as gd


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
    assert (found.type, found.decaying) == (gd.Type.NODE, 2)


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
