"""Portraits: what is drawn is what the dynamics does."""

import diffrax as dfx
import equinox as eqx
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import pytest

import gandyn as gd
from gandyn import plots

ORIGIN = (0.0, 0.0)


def forsaken_potential(z):
    return z**2 / 4 - z**4 / 2 + z**6 / 6


GAMES = {
    "dirac": gd.games.dirac(),
    "r1": gd.games.Penalized(gd.games.dirac(), gd.games.R1(0.3)),
    "forsaken": gd.games.zero_sum(
        lambda x, y: x * (y - 0.45) + forsaken_potential(x) - forsaken_potential(y)
    ),
}
DYNAMICS = {
    "flow": lambda game: gd.flows.GradientFlow(gd.fields.Gradient(game)),
    "simultaneous": lambda game: gd.methods.simultaneous(game, 0.3),
    "alternating": lambda game: gd.methods.alternating(game, 0.3, repeats=(1, 2)),
    "momentum": lambda game: gd.methods.simultaneous(game, optax.sgd(0.1, momentum=0.5)),
}


def displacement(dynamics, point):
    state = dynamics.settle(dynamics.init(tuple(map(jnp.asarray, point))))
    return np.stack(dynamics.residual(state).players)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "game"),
    [("flow", "dirac"), ("simultaneous", "r1"), ("momentum", "r1"), ("alternating", "forsaken")],
)
def test_nullclines_are_zero_sets(kind, game):
    dynamics = DYNAMICS[kind](GAMES[game])
    portrait = gd.portrait(dynamics, ORIGIN, box=((-1.4, 1.3), (-1.2, 1.5)), nodes=24)
    scale = np.abs(portrait.arrows).max()
    for component, curves in enumerate(portrait.nullclines):
        assert curves
        for curve in curves:
            for point in curve[:: max(1, len(curve) // 5)]:
                value = displacement(dynamics, point)[component]
                assert abs(value) < 1e-12 * max(scale, 1)


@pytest.mark.parametrize("kind", DYNAMICS)
def test_arrows_are_the_residual(kind):
    dynamics = DYNAMICS[kind](GAMES["forsaken"])
    portrait = gd.portrait(dynamics, ORIGIN, nodes=5, nullclines=False)
    for i, j in [(0, 0), (1, 3), (4, 2)]:
        expected = displacement(dynamics, (portrait.x[i], portrait.y[j]))
        np.testing.assert_allclose(portrait.arrows[:, j, i], expected, rtol=1e-13, atol=1e-15)


@pytest.mark.slow
def test_legs_end_where_the_step_ends_and_move_one_player_each():
    rule = DYNAMICS["alternating"](GAMES["forsaken"])
    legs = gd.portrait(rule, ORIGIN, nodes=5, nullclines=False).legs
    start, once, twice, end = np.moveaxis(legs, 1, 0)
    np.testing.assert_array_equal(start[:, 0], once[:, 0])  # the discriminator moves first, twice
    np.testing.assert_array_equal(once[:, 0], twice[:, 0])
    np.testing.assert_array_equal(twice[:, 1], end[:, 1])
    for a, b in zip(start, end, strict=True):
        np.testing.assert_allclose(b - a, displacement(rule, a), rtol=1e-12, atol=1e-14)


def test_a_rule_of_one_move_has_no_legs():
    assert gd.portrait(DYNAMICS["simultaneous"](GAMES["r1"]), ORIGIN, nodes=5).legs.shape[0] == 0


def test_either_axis_has_its_own_bounds():
    flow = gd.flows.GradientFlow(gd.fields.Gradient(gd.games.dirac(gd.losses.wasserstein)))
    found = gd.portrait(flow, ORIGIN, box=((-1.0, 2.0), (3.0, 7.0)), nodes=5, nullclines=False)
    np.testing.assert_allclose(found.x, np.linspace(-1, 2, 5))
    np.testing.assert_allclose(found.y, np.linspace(3, 7, 5))
    x, y = np.meshgrid(found.x, found.y)
    np.testing.assert_allclose(np.abs(found.arrows), np.abs([y, x]), atol=1e-14)
    assert found.legs.shape[0] == 0


class Touching(gd.fields.AbstractField):
    """x' = f(x - 0.0137, y), so that no grid meets the zeros of f; y' = -y."""

    f: object = eqx.field(static=True)

    def __call__(self, players, key=None):
        x, y = players
        return self.f(x - 0.0137, y), -y


def touching(f):
    return gd.portrait(gd.flows.GradientFlow(Touching(f)), ORIGIN, nodes=41, legs=False)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x**2,
        lambda x, y: (x - 0.3 * y) ** 2,
        lambda x, y: -((x**2 + y**2 - 1) ** 2),
        lambda x, y: 1 - jnp.cos(x),
        lambda x, y: x**2 + y**2,
        lambda x, y: (x - 0.5) * (x + 0.5) ** 2,
    ],
)
def test_a_nullcline_that_is_touched_is_told(f):
    with pytest.warns(UserWarning, match=r"component 0 .* without changing its sign"):
        touching(f)


def test_what_comes_near_zero_and_does_not_touch_it_is_not_told():
    for f in (lambda x, y: x**2 + 1e-4, lambda x, y: x**3 + 0 * y, lambda x, y: x * (y**2 + 0.01)):
        assert len(touching(f).nullclines[1]) == 1


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
    portrait = gd.portrait(DYNAMICS["alternating"](GAMES["r1"]), ORIGIN, nodes=5)
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
        gd.portrait(DYNAMICS["flow"](GAMES["dirac"]), ORIGIN, **wrong)


# --- the figures -------------------------------------------------------------------------------


@pytest.mark.slow
def test_plots_draw_into_the_given_axes_or_a_new_figure():
    rule = DYNAMICS["alternating"](GAMES["r1"])
    results = {
        plots.portrait: gd.portrait(rule, ORIGIN, nodes=7),
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
    trajectory = gd.simulate(DYNAMICS["alternating"](GAMES["r1"]), (-1.0, 1.0), np.arange(20))
    ax = plots.trajectory(trajectory)
    path, circle = ax.lines
    np.testing.assert_array_equal(path.get_xydata().T, trajectory.players)
    np.testing.assert_array_equal(circle.get_xydata(), [(-1.0, 1.0)])
    assert (circle.get_marker(), circle.get_mfc()) == ("o", "white")
    plt.close("all")


def test_the_drawn_eigenvalues_are_multipliers_of_maps_and_exponents_of_flows():
    for kind, name in (("alternating", "multipliers"), ("flow", "exponents")):
        spectrum = gd.spectrum(DYNAMICS[kind](GAMES["r1"]), ORIGIN)
        ax = plots.spectrum(spectrum)
        drawn = ax.collections[-1].get_offsets() @ np.array([1, 1j])
        np.testing.assert_allclose(drawn, getattr(spectrum, name), atol=1e-15)
    plt.close("all")


@pytest.mark.slow
def test_a_box_confines_the_flow_which_slides_along_its_wall():
    # z' = i z from (-1, 1), |psi| <= 1: straight along the wall to (0, 1) in time 1, then around.
    field = gd.fields.Confined(
        gd.fields.Gradient(gd.games.dirac(gd.losses.wasserstein)), (-jnp.inf, -1.0), (jnp.inf, 1.0)
    )
    exact = gd.flows.GradientFlow(field)
    theta, psi = gd.simulate(exact, (-1.0, 1.0), [0.0, 0.5, 1.0, 1.0 + np.pi / 2]).players
    np.testing.assert_allclose(theta, [-1, -0.5, 0, 1], atol=1e-5)
    np.testing.assert_allclose(psi, [1, 1, 1, 0], atol=1e-5)
    # The limit of small steps, each followed by the projection.
    small = gd.flows.Integrator(solver=dfx.Euler(), dt=1e-3)
    steps = gd.rules.Sequential(
        gd.rules.TimeMap(gd.flows.GradientFlow(field.field, small), 1e-3),
        gd.rules.Project(lambda players: (players[0], jnp.clip(players[1], -1, 1))),
    )
    end = gd.simulate(steps, (-1.0, 1.0), [0, 2000]).players
    near = gd.simulate(exact, (-1.0, 1.0), [0.0, 2.0]).players
    np.testing.assert_allclose(end, near, atol=2e-3)
