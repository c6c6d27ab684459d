"""Portraits: what is drawn is what the dynamics does."""

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import pytest

import gandyn as gd
from gandyn import plots

ORIGIN = (0.0, 0.0)


def potential(z):
    return z**2 / 4 - z**4 / 2 + z**6 / 6


def losses(players, key=None):
    """Of a zero-sum game at rest in the origin, with nullclines that bend."""
    x, y = players
    score = x * y + potential(x) / 2 - potential(y)
    return score, -score


GAME = gd.games.Custom(losses, known=(ORIGIN,))
DYNAMICS = {
    "flow": gd.flows.GradientFlow(gd.fields.Gradient(GAME)),
    "simultaneous": gd.methods.simultaneous(GAME, 0.3),
    "alternating": gd.methods.alternating(GAME, 0.3, repeats=(1, 2)),
    "momentum": gd.methods.simultaneous(GAME, optax.sgd(0.1, momentum=0.5)),
}
BOX = ((-1.4, 1.3), (-1.2, 1.5))
NODES = 24


@eqx.filter_jit
def displacements(dynamics, points):
    def one(point):
        state = dynamics.settle(dynamics.init(tuple(point)))
        return jnp.stack(dynamics.residual(state).players)

    return jax.vmap(one)(points)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DYNAMICS)
def test_arrows_are_the_residual_and_nullclines_its_zero_sets(kind):
    dynamics = DYNAMICS[kind]
    portrait = gd.portrait(dynamics, ORIGIN, box=BOX, nodes=NODES)
    nodes = np.array([(0, 0), (1, 3), (4, 2)])
    points = [np.stack([portrait.x[nodes[:, 0]], portrait.y[nodes[:, 1]]], -1)]
    for curves in portrait.nullclines:
        assert curves
        points.append(np.concatenate([c[:: max(1, len(c) // 5)] for c in curves]))
    at = np.cumsum([len(p) for p in points])[:-1]
    here, *zero = np.split(displacements(dynamics, np.concatenate(points)), at)
    arrows = np.asarray(portrait.arrows)
    np.testing.assert_allclose(arrows[:, nodes[:, 1], nodes[:, 0]].T, here, rtol=1e-13, atol=1e-15)
    for component, values in enumerate(zero):
        assert np.all(abs(values[:, component]) < 1e-12 * max(abs(arrows).max(), 1))
    assert bool(len(portrait.legs)) == (kind == "alternating")  # the others make one move


@pytest.mark.slow
def test_legs_end_where_the_step_ends_and_move_one_player_each():
    rule = DYNAMICS["alternating"]
    portrait = gd.portrait(rule, ORIGIN, box=BOX, nodes=NODES)
    start, once, twice, end = np.moveaxis(np.asarray(portrait.legs), 1, 0)
    np.testing.assert_array_equal(start[:, 0], once[:, 0])  # the discriminator moves first, twice
    np.testing.assert_array_equal(once[:, 0], twice[:, 0])
    np.testing.assert_array_equal(twice[:, 1], end[:, 1])
    np.testing.assert_allclose(end - start, displacements(rule, start), rtol=1e-12, atol=1e-14)


def test_either_axis_has_its_own_bounds():
    field = gd.fields.Custom(lambda z: (z[1], -z[0]))
    flow = gd.flows.GradientFlow(field)
    found = gd.portrait(flow, ORIGIN, box=((-1.0, 2.0), (3.0, 7.0)), nodes=5, nullclines=False)
    np.testing.assert_allclose(found.x, np.linspace(-1, 2, 5))
    np.testing.assert_allclose(found.y, np.linspace(3, 7, 5))
    x, y = np.meshgrid(found.x, found.y)
    np.testing.assert_allclose(found.arrows, [y, -x], atol=1e-14)


class Touching(gd.fields.AbstractField):
    """x' = f(x - 0.0137, y), so that no grid meets the zeros of f; y' = -y. f is a polynomial, of
    x and of cos x."""

    a: jax.Array
    cosine: jax.Array

    def __call__(self, players, key=None):
        x, y = players
        x = x - 0.0137
        powers = (jnp.stack([jnp.ones_like(z), z, z**2, z**3, z**4]) for z in (x, y))
        return jnp.einsum("ij,i,j", self.a, *powers) + self.cosine * jnp.cos(x), -y


def touching(cosine=0.0, **terms):
    """`touching(x2y1=3.0)` is f = 3 x^2 y."""
    a = np.zeros((5, 5))
    for name, value in terms.items():
        a[int(name[1]), int(name[3])] = value
    flow = gd.flows.GradientFlow(Touching(jnp.asarray(a), jnp.asarray(cosine)))
    return gd.portrait(flow, ORIGIN, nodes=41, legs=False)


@pytest.mark.parametrize(
    "terms",
    [
        {"x2y0": 1.0},
        {"x2y0": 1.0, "x1y1": -0.6, "x0y2": 0.09},  # (x - 0.3 y)^2
        # -(x^2 + y^2 - 1)^2
        {"x4y0": -1.0, "x0y4": -1.0, "x2y2": -2.0, "x2y0": 2.0, "x0y2": 2.0, "x0y0": -1.0},
        {"x0y0": 1.0, "cosine": -1.0},
        {"x2y0": 1.0, "x0y2": 1.0},
        {"x3y0": 1.0, "x2y0": 0.5, "x1y0": -0.25, "x0y0": -0.125},  # (x - 1/2) (x + 1/2)^2
    ],
)
def test_a_nullcline_that_is_touched_is_told(terms):
    with pytest.warns(UserWarning, match=r"component 0 .* without changing its sign"):
        touching(**terms)


def test_what_comes_near_zero_and_does_not_touch_it_is_not_told():
    for terms in (
        {"x2y0": 1.0, "x0y0": 1e-4},
        {"x3y0": 1.0},
        {"x1y2": 1.0, "x1y0": 0.01},  # x (y^2 + 0.01)
    ):
        assert len(touching(**terms).nullclines[1]) == 1


def test_the_plane_cuts_through_any_two_coordinates():
    jacobian = np.array([[-1.0, 2, 3], [4, -5, 6], [7, 8, -9]])
    flow = gd.flows.GradientFlow(gd.fields.Gradient(gd.games.quadratic(jacobian)))
    at = ([1.0], [2.0], [3.0])
    portrait = gd.portrait(flow, at, plane=(2, 0), nodes=4, nullclines=False)
    x, y = portrait.x[1], portrait.y[3]
    expected = jacobian @ np.array([y, 2.0, x])
    np.testing.assert_allclose(portrait.arrows[:, 3, 1], expected[[2, 0]], rtol=1e-13, atol=1e-13)


@pytest.mark.slow
def test_known_equilibria_of_the_game_are_shown():
    portrait = gd.portrait(DYNAMICS["alternating"], ORIGIN, box=BOX, nodes=NODES)
    np.testing.assert_array_equal(portrait.equilibria, [[0.0, 0.0]])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"plane": (0, 0)}, "two different coordinates"),
        ({"plane": (0, 2)}, "below 2"),
        ({"box": ((1.0, -1.0), (0.0, 1.0))}, "increasing"),
        ({"box": ((0.0, np.inf), (0.0, 1.0))}, "finite"),
        ({"nodes": 2}, "at least 3"),
    ],
)
def test_bad_planes_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        gd.portrait(DYNAMICS["flow"], ORIGIN, **wrong)


# --- the figures -------------------------------------------------------------------------------


@pytest.mark.slow
def test_plots_draw_into_the_given_axes_or_a_new_figure():
    rule = DYNAMICS["alternating"]
    results = {
        plots.portrait: gd.portrait(rule, ORIGIN, box=BOX, nodes=NODES),
        plots.trajectory: gd.simulate(rule, (-1.0, 1.0), np.arange(20)),
        plots.spectrum: gd.spectrum(rule, ORIGIN),
    }
    for plot, result in results.items():
        _, ax = plt.subplots()
        assert plot(result, ax) is ax
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        assert plot(result) is not ax
    plt.close("all")


def test_the_drawn_path_is_the_trajectory_from_an_open_circle():
    trajectory = gd.simulate(DYNAMICS["alternating"], (-1.0, 1.0), np.arange(20))
    ax = plots.trajectory(trajectory)
    path, circle = ax.lines
    np.testing.assert_array_equal(path.get_xydata().T, trajectory.players)
    np.testing.assert_array_equal(circle.get_xydata(), [(-1.0, 1.0)])
    assert (circle.get_marker(), circle.get_mfc()) == ("o", "white")
    plt.close("all")


def test_the_drawn_eigenvalues_are_multipliers_of_maps_and_exponents_of_flows():
    for kind, name in (("alternating", "multipliers"), ("flow", "exponents")):
        spectrum = gd.spectrum(DYNAMICS[kind], ORIGIN)
        ax = plots.spectrum(spectrum)
        drawn = ax.collections[-1].get_offsets() @ np.array([1, 1j])
        np.testing.assert_allclose(drawn, getattr(spectrum, name), atol=1e-15)
    plt.close("all")


@pytest.mark.slow
def test_a_box_confines_the_flow_which_slides_along_its_wall():
    # z' = i z from (-1, 1), |psi| <= 1: straight along the wall to (0, 1) in time 1, then around.
    field = gd.fields.Custom(lambda z: (z[1], -z[0]))
    confined = gd.fields.Confined(field, (-jnp.inf, -1.0), (jnp.inf, 1.0))
    times = [0.0, 0.5, 1.0, 1.0 + np.pi / 2]
    theta, psi = gd.simulate(gd.flows.GradientFlow(confined), (-1.0, 1.0), times).players
    np.testing.assert_allclose(theta, [-1, -0.5, 0, 1], atol=1e-5)
    np.testing.assert_allclose(psi, [1, 1, 1, 0], atol=1e-5)
    # It is the limit of small steps, each followed by the projection.
    small = gd.rules.Sequential(
        gd.rules.Descend(field, 1e-3),
        gd.rules.Project(lambda players: (players[0], jnp.clip(players[1], -1, 1))),
    )
    end = gd.simulate(small, (-1.0, 1.0), [0, 1500]).players
    np.testing.assert_allclose([z[-1] for z in end], [np.sin(0.5), np.cos(0.5)], atol=2e-3)
