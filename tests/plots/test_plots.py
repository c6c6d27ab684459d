"""What is drawn is what was found: the plots of analyses, on given axes or a new figure."""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.quiver import Quiver
from numpy.testing import assert_allclose

import gandyn as gd
from gandyn import monitors, plots

ROTATION = gd.games.bilinear([[1.0]])
ONE, ORIGIN = (jnp.ones(1), jnp.ones(1)), (jnp.zeros(1), jnp.zeros(1))
TURN = gd.methods.alternating(ROTATION, 1.0)  # a sixth of a turn
GROWS = gd.methods.simultaneous(ROTATION, 0.3)
FLOW = gd.flows.GradientFlow(gd.fields.Gradient(ROTATION))


@pytest.fixture(autouse=True)
def no_figures():
    yield
    plt.close("all")


RESULTS = {
    plots.lyapunov: lambda: gd.lyapunov(GROWS, ONE, np.arange(50)),
    plots.transient: lambda: gd.transient(GROWS, ORIGIN, np.arange(20)),
    plots.path_angle: lambda: monitors.path_angle(FLOW, ONE, ORIGIN, np.linspace(0.5, 1.5, 11)),
    plots.integrator_error: lambda: monitors.integrator_error(FLOW, ONE, np.arange(5.0)),
    plots.values: lambda: gd.values(jnp.eye(3)),
}


@pytest.mark.slow
@pytest.mark.parametrize("plot", RESULTS, ids=lambda plot: plot.__name__)
def test_plots_draw_into_the_given_axes_or_a_new_figure(plot):
    result = RESULTS[plot]()
    _, ax = plt.subplots()
    assert plot(result, ax) is ax
    assert ax.get_ylabel()
    assert plot(result) is not ax


def test_mixed_strategies_are_drawn_at_their_actions():
    grid = np.linspace(0, 1, 3)
    found = gd.values((grid[:, None] - grid[None]) ** 2)
    ax = plots.values(found, row=grid, column=grid)
    row, column = (line.get_xydata() for line in ax.lines)
    assert_allclose(row, np.column_stack([grid, found.row]))
    assert_allclose(column, np.column_stack([grid, found.column]))
    assert ax.get_title() == "min-max 0.25, mixed 0.25, max-min 0"


def test_a_cycle_is_drawn_through_its_points():
    found = gd.cycle(TURN, ONE, 6)
    _, ax = plt.subplots()
    assert plots.cycle(found, ax) is ax
    drawn = ax.lines[0].get_xydata()
    assert_allclose(drawn.T, jnp.concatenate(found.orbit.players, axis=1).T)
    assert_allclose(drawn[0], drawn[-1], atol=1e-6)
    assert ax.lines[0].get_linestyle() == "-"


def test_a_circle_is_closed_and_dashed_if_it_repels():
    squares = jnp.stack([jnp.asarray([jnp.cos(a), jnp.sin(a)]) for a in np.arange(5.0)])
    for multiplier, dashed in ((0.5, False), (2.0, True)):
        circle = gd.results.Circle(
            gd.State((squares[:, 0], squares[:, 1])),
            jnp.asarray(0.2),
            jnp.zeros(2),
            jnp.asarray(1.0),
            jnp.log(jnp.asarray([1.0, multiplier])) / 5,
            jnp.asarray(0.0),
            jnp.asarray(True),
            "step",
        )
        (line,) = plots.cycle(circle).lines
        assert_allclose(line.get_xydata()[0], line.get_xydata()[-1])
        assert line.is_dashed() is dashed


def test_growth_is_drawn_with_its_first_slope():
    result = RESULTS[plots.transient]()
    ax = plots.transient(result)
    assert ax.get_yscale() == "log"
    assert_allclose(ax.lines[-1].get_ydata(), result.amplification)
    # The map of simultaneous steps is normal: it grows as it starts.
    assert_allclose(ax.lines[1].get_ydata(), result.amplification)


def test_lyapunov_exponents_along_a_parameter():
    steps = jnp.asarray([0.1, 0.2, 0.4])
    result = jax.vmap(
        lambda h: gd.lyapunov(gd.methods.simultaneous(ROTATION, h), ONE, np.arange(30))
    )(steps)
    ax = plots.lyapunov(result, along=steps)
    assert len(ax.containers) == 2
    for container in ax.containers:
        assert_allclose(container[0].get_ydata(), np.log1p(steps**2) / 2, atol=1e-12)
    assert "1/step" in ax.get_ylabel()


@pytest.mark.slow
def test_equilibria_are_marked_by_what_they_are():
    """Of f = x^4/4 - x^2/2 - y^2/2 the two wells are Nash, 0 is not."""
    game = gd.games.zero_sum(lambda x, y: x**4 / 4 - x**2 / 2 - y**2 / 2)
    flow = gd.flows.GradientFlow(gd.fields.Gradient(game))
    found = gd.equilibria(flow, (0.0, 0.0), (-2.0, 2.0), starts=64)
    assert len(found) == 3
    ax = plots.equilibria(found)
    drawn = {line.get_label(): line.get_xydata() for line in ax.lines}
    assert_allclose(np.sort(drawn["attracts"][:, 0]), [-1, 1], atol=1e-9)
    assert_allclose(drawn["does not"], [[0, 0]], atol=1e-9)
    assert_allclose(np.sort(drawn["local Nash"][:, 0]), [-1, 1], atol=1e-9)


@pytest.mark.slow
def test_what_a_trajectory_settles_on_is_named():
    rest = gd.settles_on(gd.methods.extragradient(ROTATION, 0.5), ONE, 2000)
    ax = plots.settled(rest)
    assert ax.get_title() == "equilibrium"
    assert_allclose(ax.lines[0].get_xydata(), [[0, 0]], atol=1e-9)
    turns = gd.settles_on(gd.methods.alternating(ROTATION, 0.9), ONE, 2000)
    ax = plots.settled(turns)
    assert ax.get_title().startswith("cycle, period 6.7")
    low, high = ax.lines[0].get_xydata().min(axis=0), ax.lines[0].get_xydata().max(axis=0)
    assert_allclose((high - low) / 2, turns.amplitude)


def test_what_each_player_could_gain_falls_as_they_converge():
    """Of f = x y on [-1, 1]^2 the gap is |x| + |y|."""
    start = (jnp.full(1, 0.5),) * 2
    path = gd.simulate(gd.methods.extragradient(ROTATION, 0.5), start, np.arange(20)).players
    ends = (jnp.asarray([[-1.0], [1.0]]),) * 2
    found = jax.vmap(lambda players: gd.exploitability(ROTATION, players, ends))(path)
    ax = plots.exploitability(found, along=np.arange(20))
    assert_allclose(ax.lines[-1].get_ydata(), np.abs(np.hstack(path)).sum(1), atol=1e-12)
    first = jax.tree.map(lambda x: x[0], found)
    ax = plots.exploitability(first)
    assert [bar.get_height() for bar in ax.patches] == first.gains.tolist()
    assert ax.get_title() == "gap 1"


def test_a_leader_ends_in_its_cell():
    losses = (np.array([[2.0, 4.0], [1.0, 3.0]]), np.array([[1.0, 0.0], [0.0, 2.0]]))
    found = gd.leader(losses)
    ax = plots.leader(found, losses=losses[0], row=[0.0, 0.5])
    assert_allclose(ax.lines[0].get_xydata(), [[0.5, 0.0]])
    assert ax.get_title() == "leader 1, follower 0"


def test_types_along_a_parameter():
    """Damped descent turns while the coupling exceeds half the damping of one player."""
    couplings = jnp.asarray([0.0, 0.2, 0.4, 0.6, 1.0])

    def kind(c):
        game = gd.games.Custom(lambda z, key: (c * z[0] * z[1] + z[0] ** 2 / 2, -c * z[0] * z[1]))
        return gd.fixed_point(gd.flows.GradientFlow(gd.fields.Gradient(game)), (0.0, 0.0))

    ax = plots.fixed_point(jax.vmap(kind)(couplings), along=couplings)
    names = [label.get_text() for label in ax.get_yticklabels()]
    drawn = {x: names[int(y)] for line in ax.lines for x, y in line.get_xydata()}
    assert [drawn[c] for c in couplings.tolist()] == ["flat", "node", "node", "focus", "focus"]


def test_rotation_along_a_parameter():
    """Alternating steps on x y turn by 2 arcsin(h / 2)."""
    steps = jnp.asarray([0.2, 0.5, 1.0])

    def turns(h):
        rule = gd.methods.alternating(ROTATION, h)
        return gd.rotation(gd.simulate(rule, ONE, np.arange(2000)))

    ax = plots.rotation(jax.vmap(turns)(steps), along=steps)
    (bars,) = ax.containers
    assert_allclose(bars[0].get_ydata(), np.arcsin(steps / 2) / np.pi, atol=1e-9)


@pytest.mark.slow
def test_the_edge_is_drawn_where_it_is_crossed():
    """On x^2 / 2 + 3 x y - y^2 / 2 simultaneous steps are stable up to 1/5, and fastest at 1/10."""
    game = gd.games.zero_sum(lambda x, y: x**2 / 2 + 3 * x * y - y**2 / 2)
    family = gd.family(lambda h: gd.methods.simultaneous(game, h))
    found = gd.critical(family, (0.0, 0.0), {"h": (0.01, 1.0)})
    ax = plots.critical(found)
    crossing = ax.lines[-1].get_xydata()
    assert_allclose(np.hypot(*crossing.T), 1)
    assert_allclose(crossing, [[0.8, 0.6], [0.8, -0.6]], atol=1e-9)
    assert ax.get_title() == "Neimark-Sacker at h = 0.2"

    best = gd.fastest(family, (0.0, 0.0), {"h": (0.01, 0.5)})
    ax = plots.fastest(best)
    assert_allclose(np.hypot(*ax.lines[-1].get_xydata().T), np.sqrt(0.9))
    assert_allclose(np.hypot(*np.asarray(ax.collections[0].get_offsets()).T), np.sqrt(0.9))
    assert ax.get_title() == "h = 0.1"


def test_what_is_stable_along_a_branch_is_solid_and_the_rest_dashed():
    """x' = p x - x^3: 0 attracts for p < 0 only."""
    family = gd.family(
        lambda p: gd.flows.GradientFlow(
            gd.fields.Custom(lambda z, key=None: (p * z[0] - z[0] ** 3,))
        )
    )
    found = gd.continuation(family, (0.0,), {"p": (-1.0, 2.0)}, start=-1.0)
    first, second = plots.continuation(found).lines[:2]
    assert (first.get_linestyle(), second.get_linestyle()) == ("-", "--")
    assert_allclose([min(first.get_xdata()), max(second.get_xdata())], [-1, 2])
    assert -0.5 < min(second.get_xdata()) == max(first.get_xdata()) < 0


def test_kinds_of_equilibrium_along_a_parameter():
    """0 of a x^2 / 2 + x y - y^2 / 2 is Nash for a > 0, and still min-max for -1 < a."""
    slopes = jnp.asarray([-2.0, -0.5, 0.0, 0.5])

    def kind(a):
        game = gd.games.zero_sum(lambda x, y: a * x**2 / 2 + x * y - y**2 / 2)
        return gd.classify(game, (0.0, 0.0))

    ax = plots.classification(jax.vmap(kind)(slopes), along=slopes)
    filled = {}
    for line in ax.lines:
        if line.get_mfc() != "none":
            row = set(line.get_ydata().tolist())
            filled.update({-int(y): sorted(line.get_xdata().tolist()) for y in row})
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[1:3] == ["local Nash", "local min-max"]
    assert filled == {
        0: [-2.0, -0.5, 0.0, 0.5],
        1: [0.5],
        2: [-0.5, 0.0, 0.5],
        3: [0.5],
        4: [0.0],
    }


@pytest.mark.parametrize(
    "rule",
    [
        gd.methods.simultaneous(ROTATION, 0.3),
        gd.methods.extragradient(ROTATION, 0.3),
        gd.methods.optimistic(ROTATION, 0.3),
        gd.methods.negative_momentum(ROTATION, 0.3),
        gd.methods.lookahead(gd.methods.simultaneous(ROTATION, 0.3), 3, 0.5),
    ],
    ids=["simultaneous", "extragradient", "optimistic", "momentum", "lookahead"],
)
@pytest.mark.slow
def test_half_steps_are_drawn_of_rules_that_have_them(rule):
    """One arrow a move from each start; none of a rule of one move."""
    found = gd.portrait(rule, ONE, nodes=5, nullclines=False)
    starts, points = found.legs.shape[:2]
    drawn = [patch for patch in plots.portrait(found).collections if isinstance(patch, Quiver)]
    assert sum(len(arrows.U) for arrows in drawn) == starts * (points - 1)


@pytest.mark.slow
def test_no_equilibria_are_drawn_as_none():
    """x^2 + x y - y^2 has its only one at 0."""
    game = gd.games.zero_sum(lambda x, y: x**2 + x * y - y**2)
    none = gd.equilibria(gd.methods.simultaneous(game, 0.1), (0.0, 0.0), (3.0, 4.0), starts=4)
    assert len(none) == 0
    assert all(len(line.get_xdata()) == 0 for line in plots.equilibria(none).lines)
