"""What trajectories end on: equilibria in a box, basins, single starts, escapes."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from generic import along
from numpy.testing import assert_allclose

import gandyn as gd
from gandyn.fields import AbstractField, Gradient
from gandyn.flows import GradientFlow

Kind = gd.results.Settled.Kind


def flow(game):
    return GradientFlow(Gradient(game))


class Written(AbstractField):
    """A field that is written down."""

    function: Callable

    def __call__(self, players, key=None):
        return self.function(*players)


def written(function):
    return GradientFlow(Written(function))


class VanDerPol(AbstractField):
    """x'' - m (1 - x^2) x' + x = 0, in x and x'."""

    stiffness: float

    def __call__(self, players, key=None):
        x, v = players
        return v, self.stiffness * (1 - x**2) * v - x


def van_der_pol(stiffness):
    return GradientFlow(VanDerPol(stiffness))


# Planar games


def test_the_polar_game_moves_along_the_radius_by_its_formula():
    a = 0.4
    angle = jnp.linspace(0, 6, 7)[:, None]
    r = jnp.linspace(0.2, 1.5, 5)[None]
    x, y = r * jnp.cos(angle), r * jnp.sin(angle)
    field = Gradient(gd.games.polar(a))
    u, v = jax.vmap(jax.vmap(lambda x, y: field((x, y))))(x, y)
    radial = -a / 16 * r * (r**2 - 1) * (16 * r**2 - 9)
    assert_allclose((x * u + y * v) / r, radial + 0 * angle, atol=1e-13)
    assert_allclose((x * v - y * u) / r**2, -1 + 0 * angle * r, atol=1e-13)


def test_the_almost_bilinear_game_is_van_der_pols_equation():
    """y'' - e (1 - 3 y^2) y' + y = 0, x eliminated."""
    e = 0.3
    field = Gradient(gd.games.almost_bilinear(e))
    x, y = 0.7, -0.4

    def velocity(z):
        return jnp.stack(field((z[0], z[1])))

    z = jnp.array([x, y])
    dz, ddz = jax.jvp(velocity, (z,), (velocity(z),))
    assert_allclose(ddz[1] - e * (1 - 3 * y**2) * dz[1] + y, 0, atol=1e-14)


@pytest.mark.slow
def test_the_forsaken_point_is_a_max_min_point():
    game = gd.games.forsaken()
    rest = gd.equilibrium(flow(game), (0.1, 0.4))
    assert_allclose(rest.players, (0.078026668738, 0.411933851366), atol=1e-11)
    kind = gd.classify(game, rest.players)
    assert kind.local_maxmin
    assert not kind.local_minmax
    assert gd.spectrum(flow(game), rest.players).stable


# Equilibria in a box


@pytest.mark.slow
def test_all_eleven_critical_points():
    """Fiez and Ratliff 2021. By symmetry they come in mirror pairs or lie on the diagonal."""
    found = gd.equilibria(flow(gd.games.parabolas()), (0.0, 0.0), (-15.0, 15.0))
    assert len(found) == 11
    places = np.stack(found.players, -1)
    mirrored = places[:, ::-1]
    assert all(np.abs(places - m).max(1).min() < 1e-9 for m in mirrored)
    assert np.sum(np.abs(places[:, 0] - places[:, 1]) < 1e-9) == 5
    assert np.asarray(found.kind.stationary).all()
    # On the diagonal the players are exchanged by symmetry: traceless, a center or a saddle.
    diagonal = np.abs(places[:, 0] - places[:, 1]) < 1e-9
    trace = found.spectrum.exponents.sum(-1).real[diagonal]
    assert_allclose(trace, 0, atol=1e-8)
    assert found.reached.sum() <= 1024


@pytest.mark.slow
def test_a_rule_and_its_flow_have_the_same_equilibria():
    game = gd.games.forsaken()
    of_flow = gd.equilibria(flow(game), (0.0, 0.0), (-2.0, 2.0), starts=64)
    of_rule = gd.equilibria(gd.methods.optimistic(game, 0.1), (0.0, 0.0), (-2.0, 2.0), starts=64)
    assert len(of_flow) == len(of_rule) == 1
    assert_allclose(of_flow.players, of_rule.players, atol=1e-9)


@pytest.mark.slow
def test_equilibria_that_are_a_line_are_said_to_be_so():
    game = gd.games.bilinear([[1.0, 0.0]])
    with pytest.warns(UserWarning, match="do not seem to be isolated"):
        gd.equilibria(flow(game), (jnp.zeros(1), jnp.zeros(2)), (-1.0, 1.0), starts=64)


@pytest.mark.parametrize("box", [(1.0, -1.0), ((-1.0, 1.0),) * 3, (0.0, np.inf)])
def test_what_is_no_box(box):
    with pytest.raises(ValueError, match="`box` must be"):
        gd.equilibria(flow(gd.games.forsaken()), (0.0, 0.0), box)


@pytest.mark.parametrize("box", ["box", None, ((0.0, 1.0), (2.0,))])
def test_boxes_that_are_no_numbers(as_installed, box):
    for search in (gd.equilibria, gd.basins, gd.portrait):
        with pytest.raises((TypeError, ValueError), match="`box` must be"):
            search(flow(gd.games.forsaken()), (0.0, 0.0), box)


@pytest.mark.slow
def test_fewer_starts_are_the_first_of_more():
    """Also where their number is no power of two."""
    few, more = (
        gd.equilibria(WELLS, (0.0, 0.0), (-2.0, 2.0), starts=n, progress=False) for n in (3, 64)
    )
    assert few.reached.sum() == 3
    assert len(few) < len(more) == 9


# Basins


def double_well(players, key=None):
    """Two players who each fall into the nearer of two wells, at +-1."""
    x, y = players
    return (x**2 - 1) ** 2 / 4, (y**2 - 1) ** 2 / 4


WELLS = gd.methods.simultaneous(gd.games.Custom(double_well), 0.1)


@pytest.mark.slow
def test_every_start_falls_into_its_own_well():
    found = gd.basins(WELLS, (0.0, 0.0), nodes=(8, 6), duration=2000)
    assert found.labels.shape == (6, 8)
    assert len(found.centers) == 4
    at = np.asarray(found.centers)[np.asarray(found.labels)]
    x, y = np.meshgrid(found.x, found.y)
    assert_allclose(at[..., 0], np.sign(x), atol=1e-9)
    assert_allclose(at[..., 1], np.sign(y), atol=1e-9)
    assert_allclose(found.shares, 0.25)
    assert_allclose(found.errors, np.sqrt(0.25 * 0.75 / 48))
    assert found.attracts.all()
    # Two lines of the grid on either side of each axis, 2 x 6 + 2 x 8 less the 4 counted twice.
    assert_allclose(found.boundary, (12 + 16 - 4) / 48)


@pytest.mark.slow
def test_the_basin_of_squaring_is_the_disk():
    """z -> z^2 draws what lies in the unit disk to 0 and all else to infinity, in every direction,
    as fast as numbers last."""

    def square(players, key=None):
        """Of the real and the imaginary part: losses of which z^2 - z is the descent."""
        x, y = players
        return x**2 / 2 - x**3 / 3 + x * y**2, y**2 / 2 - x * y**2

    rule = gd.methods.simultaneous(gd.games.Custom(square), 1.0)
    box = ((-1.5, 1.5), (-1.5, 1.5))
    found = gd.basins(rule, (0.0, 0.0), box, nodes=[20, 10], duration=512)
    x, y = np.meshgrid(found.x, found.y)
    np.testing.assert_array_equal(found.labels, np.where(x**2 + y**2 < 1, 0, -1))


@pytest.mark.slow
def test_starts_on_saddles_stay_where_they_are():
    """An odd grid has starts on the stable lines of the saddles, and on the maximum."""
    found = gd.basins(WELLS, (0.0, 0.0), nodes=3, box=((-1.0, 1.0), (-1.0, 1.0)), duration=500)
    centers = np.asarray(found.centers)[np.asarray(found.labels)]
    x, y = np.meshgrid(found.x, found.y)
    assert_allclose(centers, np.stack([x, y], -1), atol=1e-9)
    assert int(found.attracts.sum()) == 4


@pytest.mark.slow
def test_another_plane_holds_the_other_coordinates():
    def losses(players, key=None):
        x, y = players
        return (x**2 - 1) ** 2 / 4, jnp.sum(y**2) / 2

    rule = gd.methods.simultaneous(gd.games.Custom(losses), 0.1)
    start = (-0.5, jnp.zeros(2))
    found = gd.basins(rule, start, nodes=4, plane=(1, 2), duration=2000)
    assert_allclose(found.centers, [[-1.0, 0, 0]], atol=1e-9)


@pytest.mark.slow
def test_basins_are_invariant_under_the_map():
    """F(z) ends where z ends."""
    rule = gd.methods.alternating(gd.games.parabolas(), (2e-3, 1e-2))
    around = {"nodes": 6, "duration": 20_000, "escape": 30.0}
    side = ((-9.0, 9.0), (-9.0, 9.0))
    found = gd.basins(rule, (0.0, 0.0), side, **around)
    step = eqx.filter_jit(rule.step)
    for i, j in np.ndindex(found.labels.shape):
        later = step(rule.init((found.x[j], found.y[i])))
        label = int(found.labels[i, j])
        end = gd.settles_on(rule, later, duration=20_000, escape=30.0)
        kinds = {-1: Kind.ESCAPE, -2: Kind.UNDECIDED}
        assert int(end.kind) == kinds.get(label, Kind.EQUILIBRIUM)
        if label >= 0:
            assert_allclose(end.center, found.centers[label], atol=1e-6)


@pytest.mark.slow
def test_two_attractors_an_equilibrium_and_a_cycle():
    """The polar game: inside of the repelling circle r = 3/4 to 0, outside to the circle r = 1."""
    rule = gd.methods.extragradient(gd.games.polar(1.0), 0.01)
    found = gd.basins(rule, (0.0, 0.0), ((-1.2, 1.2), (-1.2, 1.2)), nodes=6, duration=8000)
    x, y = np.meshgrid(found.x, found.y)
    inside = x**2 + y**2 < 0.7**2
    assert np.all(np.asarray(found.labels)[inside] == 0)
    assert np.all(np.asarray(found.labels)[~inside] == 1)
    assert_allclose(found.centers, 0, atol=1e-2)
    assert_allclose(found.high[0], found.low[0])
    assert_allclose((found.high - found.low)[1] / 2, 1, atol=0.02)


def test_the_flow_on_a_center_is_undecided_and_not_a_crowd_of_cycles():
    """Circles of all radii: they are no attractors."""
    rule = gd.methods.alternating(gd.games.zero_sum(lambda x, y: x * y), 0.1)
    found = gd.basins(rule, (0.0, 0.0), ((0.1, 9.0), (0.1, 9.0)), nodes=12, duration=2048)
    assert len(found.centers) == 0
    assert found.undecided == 1
    assert found.crawling == 0


@pytest.mark.parametrize("step", [0.3, 0.5])
def test_a_few_circles_around_a_center_are_no_attractors_either(step):
    """Symmetric starts are on few of them, which do not bring back what is displaced."""
    found = gd.basins(
        gd.methods.alternating(gd.games.dirac(), step), (0.0, 0.0), nodes=5, duration=4096
    )
    assert_allclose(found.centers, [[0.0, 0.0]], atol=1e-12)
    assert not found.attracts.any()  # the start on the equilibrium itself
    assert float(found.undecided) == 24 / 25


def test_basins_of_what_has_no_value_there():
    game = gd.games.zero_sum(lambda x, y: x * y + jnp.log(x))
    with pytest.raises(ValueError, match="outside of the game's domain"):
        gd.basins(
            gd.methods.simultaneous(game, 0.1), (1.0, 1.0), ((-1.0, 1.0), (0.5, 1.0)), nodes=3
        )


@pytest.mark.slow
@pytest.mark.parametrize(("stiffness", "duration"), [(5.0, 500), (5.0, 2000), (20.0, 1000)])
def test_a_cycle_of_sharp_humps_is_one_for_all_starts(stiffness, duration):
    """Van der Pol: the height of x is 2 and a little more (Krogdahl 1960: below 2.0235)."""
    flow = van_der_pol(stiffness)
    found = gd.basins(flow, (0.0, 0.0), ((-3.0, 3.0), (-3.0, 3.0)), nodes=8, duration=duration)
    assert float(found.undecided) == 0
    assert len(found.centers) == 1
    assert_allclose(found.centers, 0, atol=1e-4)
    assert 2 < found.high[0, 0] < 2.0235
    turn = gd.cycle(flow, (2.0, 0.0), {5.0: 11.6, 20.0: 34.7}[stiffness])
    path = gd.simulate(flow, turn.players, np.linspace(0, float(turn.period), 100_001))
    heights = [np.abs(x).max() for x in path.players]
    assert_allclose((found.high - found.low)[0] / 2, heights, rtol=1e-4)


@pytest.mark.slow
def test_small_steps_miss_no_hump_either():
    rule = gd.methods.simultaneous(gd.games.almost_bilinear(5.0), 0.01)
    box = ((-3.0, 3.0), (-3.0, 3.0))
    found = gd.basins(rule, (0.0, 0.0), box, nodes=4, duration=20_000)
    assert float(found.undecided) == 0
    assert len(found.centers) == 1


@pytest.mark.slow
def test_shares_are_in_the_precision_of_the_grid():
    found = gd.basins(WELLS, (0.0, 0.0), nodes=(10, 10), box=((-1.0, 2.0), (-1.0, 2.0)))
    assert found.shares.dtype == found.errors.dtype == found.boundary.dtype == jnp.float64
    counts = np.bincount(np.asarray(found.labels).ravel())
    np.testing.assert_array_equal(found.shares, counts / 100)
    one = tuple(x.astype(jnp.float32) for x in (jnp.zeros(()), jnp.zeros(())))
    assert gd.basins(WELLS, one, nodes=4, duration=512).shares.dtype == jnp.float32


@pytest.mark.slow
def test_a_saddle_that_is_only_passed_is_not_listed():
    """Long stretches near the saddle of a slow double well, on which no start ends."""
    slow = gd.methods.simultaneous(gd.games.Custom(double_well), 1e-2)
    box = ((-1e-4, 1.1e-4), (-1.0, 1.1))
    found = gd.basins(slow, (0.0, 0.0), box, nodes=6, duration=20_000)
    assert np.all(found.shares > 0)
    assert found.attracts.all()
    assert_allclose(np.abs(found.centers), 1, atol=1e-6)


@pytest.mark.slow
def test_what_turns_nan_within_bounds_has_escaped():
    """x' = sqrt(1 - x) + 1/2, in steps, which has no value beyond 1."""

    def losses(players, key=None):
        x, y = players
        return 2 / 3 * (1 - x) ** 1.5 - x / 2, y**2 / 2

    rule = gd.methods.simultaneous(gd.games.Custom(losses), 0.1)
    found = gd.basins(rule, (0.0, 0.0), ((-0.5, 0.5), (-1.0, 1.0)), nodes=4, duration=512)
    end = gd.settles_on(rule, (0.0, 0.5), duration=512)
    assert float(found.escaped) == 1
    assert int(end.kind) == Kind.ESCAPE


@pytest.mark.parametrize("analysis", ["basins", "settles_on"])
@pytest.mark.parametrize("duration", [1, 63, 2**31, 1e308])
def test_durations_that_are_none(analysis, duration):
    with pytest.raises(ValueError, match="`duration` must be between 64 and"):
        getattr(gd, analysis)(WELLS, (0.1, 0.2), duration=duration)
    with pytest.raises(ValueError, match="`duration` must be between 0 and 1e"):
        getattr(gd, analysis)(flow(gd.games.forsaken()), (0.1, 0.2), duration=1e308)


def test_a_short_duration_is_kept():
    found = gd.settles_on(WELLS, (0.3, 0.2), duration=64, tolerance=1e-9)
    assert int(found.kind) == Kind.UNDECIDED
    assert np.isnan(found.time)


# Single starts


@pytest.mark.slow
def test_one_start_on_each_kind():
    inward = gd.settles_on(flow(gd.games.forsaken()), (0.1, 0.4), duration=1000)
    assert int(inward.kind) == Kind.EQUILIBRIUM
    assert_allclose(inward.center, (0.078026668738, 0.411933851366), atol=1e-9)
    assert_allclose(inward.amplitude, 0)

    outward = gd.settles_on(flow(gd.games.polar()), (0.9, 0.0), duration=300)
    assert int(outward.kind) == Kind.CYCLE
    assert_allclose(outward.amplitude, 1, atol=1e-4)
    assert_allclose(outward.period, 2 * np.pi, rtol=1e-7)

    away = gd.settles_on(gd.methods.simultaneous(gd.games.polar(), 2.0), (3.0, 0.0), duration=512)
    assert int(away.kind) == Kind.ESCAPE
    assert np.isnan(away.period)


def test_alternation_turns_by_its_exact_angle():
    """Gidel et al. 2019: alternating steps of x y turn by arccos(1 - h^2 / 2) each."""
    rule = gd.methods.alternating(gd.games.zero_sum(lambda x, y: x * y), 0.1)
    found = gd.settles_on(rule, (1.0, 1.0), duration=4096)
    assert int(found.kind) == Kind.CYCLE
    assert_allclose(found.period, 2 * np.pi / np.arccos(1 - 0.1**2 / 2), rtol=1e-10)


def logistic(r: float) -> gd.AbstractDynamics:
    """The map x -> r x (1 - x), as gradient steps of size 1 of one player."""
    game = gd.games.Custom(lambda p, key: (p[0] ** 2 / 2 - r * (p[0] ** 2 / 2 - p[0] ** 3 / 3),))
    return gd.methods.simultaneous(game, 1.0)


@pytest.mark.parametrize("duration", [1000, 4096, 6144, 10_000])
def test_the_period_of_a_map_does_not_depend_on_when_it_is_looked_at(duration: int):
    """The cycle of two steps of the logistic map: (r + 1 -+ sqrt((r - 3) (r + 1))) / 2 r."""
    r = 3.2
    found = gd.settles_on(logistic(r), (0.3,), duration=duration)
    assert int(found.kind) == Kind.CYCLE
    assert float(found.period) == 2
    assert_allclose(found.center, (r + 1) / (2 * r), rtol=1e-12)
    assert_allclose(found.amplitude, np.sqrt((r - 3) * (r + 1)) / (2 * r), rtol=1e-12)


def test_chaos_is_no_cycle():
    """May 1976: a window of period 3 at r = 3.83; at r = 4 the exponent is log 2."""
    assert float(gd.settles_on(logistic(3.83), (0.3,), duration=8192).period) == 3
    chaos = gd.settles_on(logistic(4.0), (0.3,), duration=8192)
    assert int(chaos.kind) == Kind.CHAOS
    assert np.isnan(chaos.period)
    assert_allclose(chaos.growth, np.log(2), atol=0.02)
    assert_allclose(chaos.center, 0.5, atol=1e-3)


@pytest.mark.slow
def test_chaos_of_a_flow():
    """Lorenz 1963 is gradient play of three players; its leading exponent is 0.9056."""

    def losses(players, key):
        x, y, z = players
        return (
            10 * (x**2 / 2 - x * y),
            y**2 / 2 - x * y * (28 - z),
            4 / 3 * z**2 - x * y * z,
        )

    found = gd.settles_on(flow(gd.games.Custom(losses)), (1.0, 1.0, 20.0), duration=400)
    assert int(found.kind) == Kind.CHAOS
    assert_allclose(found.growth, 0.9056, atol=0.1)


def lorenz84(x, y, z):
    """Lorenz 1984, at F = 6.886, G = 1.347: chaos beside a cycle of the period 9.204."""
    return (
        -(y**2) - z**2 - 0.255 * (x - 6.886),
        x * y - 4 * x * z - y + 1.347,
        4 * x * y + x * z - z,
    )


@pytest.mark.slow
def test_chaos_beside_a_cycle():
    """A cycle near which the chaos passes is none that it settles on."""
    flow = written(lorenz84)
    chaos = gd.settles_on(flow, (-2.0, 1.0, 0.0), duration=2000)
    assert int(chaos.kind) == Kind.CHAOS
    assert np.isnan(chaos.period)
    # The exponent of 16 times as long a time, which agrees with those published, 0.056 - 0.064.
    assert abs(chaos.growth - 0.0622) < 2 * chaos.error
    assert chaos.error < 0.02
    cycle = gd.settles_on(flow, (2.0, 1.0, 0.0), duration=2000)
    assert int(cycle.kind) == Kind.CYCLE
    assert_allclose(cycle.period, 9.204, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("c", "period"),
    [(2.5, 5.748991), (3.5, 11.545218), (4.0, 23.177001)],
    ids=["one", "two", "four"],
)
def test_roesslers_cascade_of_cycles(c, period):
    """Against SciPy's DOP853 at 1e-11, from crossing to crossing."""
    flow = written(lambda x, y, z: (-y - z, x + 0.2 * y, 0.2 + z * (x - c)))
    found = gd.settles_on(flow, (1.0, 1.0, 0.0), duration=1500)
    assert int(found.kind) == Kind.CYCLE
    assert_allclose(found.period, period, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("duration", [200, 900])
def test_the_period_of_a_stiff_cycle(duration):
    found = gd.settles_on(van_der_pol(5.0), (0.5, 0.0), duration=duration)
    assert int(found.kind) == Kind.CYCLE
    assert_allclose(found.period, 11.6122, atol=1e-4)
    assert_allclose(found.amplitude, [2.02151, 7.6372], rtol=1e-4)


@pytest.mark.slow
def test_a_torus_is_no_chaos():
    def two_circles(x, y, u, v):
        r, s, w = 1 - x**2 - y**2, 1 - u**2 - v**2, np.sqrt(2)
        return x * r - y, y * r + x, u * s - w * v, v * s + w * u

    found = gd.settles_on(written(two_circles), (0.5, 0.0, 0.3, 0.0), duration=1000)
    assert int(found.kind) == Kind.CYCLE
    assert_allclose(found.amplitude, 1, atol=1e-2)
    assert abs(found.growth) < 1e-4


def test_a_start_outside_of_the_domain():
    game = gd.games.zero_sum(lambda x, y: x * y + jnp.log(x))
    with pytest.raises(ValueError, match="outside of the game's domain"):
        gd.settles_on(gd.methods.simultaneous(game, 0.1), (-1.0, 1.0))


def test_what_runs_on_the_host_says_so():
    rule = gd.methods.alternating(gd.games.dirac(), 0.1)
    for analysis in (
        lambda x: gd.settles_on(rule, (x, x)),
        lambda x: gd.basins(rule, (x, x)),
        lambda x: gd.equilibria(rule, (x, x), (-1, 1)),
        lambda x: gd.portrait(rule, (x, x)),
        lambda x: gd.cost(rule, (x, x)),
        lambda x: gd.spectrum(rule, (x, x), leading=1),
        lambda x: along(gd.continuation, lambda h: gd.methods.alternating(rule, h), (x, x), (0, 1)),
    ):
        with pytest.raises(ValueError, match="cannot be traced"):
            jax.jit(analysis)(0.1)


@pytest.mark.slow
def test_a_field_that_fades_out_is_not_at_rest():
    """x' = exp(-x): it crawls ever more slowly, and goes on for ever."""
    game = gd.games.Custom(lambda players, key: (jnp.exp(-players[0]), players[1] ** 2))
    found = gd.settles_on(gd.methods.simultaneous(game, 0.1), (12.0, 1.0), duration=4096)
    assert int(found.kind) == Kind.UNDECIDED


@pytest.mark.slow
def test_escape_times_of_an_ensemble():
    """Simultaneous steps of x y: |z| grows by sqrt(1 + h^2) a step."""
    h, bound = 0.1, 10.0
    rule = gd.methods.simultaneous(gd.games.zero_sum(lambda x, y: x * y), h)
    starts = jnp.array([1.0, 0.1, 0.0])
    times = jax.vmap(lambda x: gd.escape_time(rule, (x, x), np.arange(1201), bound))(starts)
    least = np.log(bound / np.sqrt(2) / np.array([1.0, 0.1])) / np.log(np.sqrt(1 + h**2))
    # A coordinate exceeds the bound within a quarter turn of the radius doing so.
    assert np.all((times[:2] >= least) & (times[:2] <= least + np.pi / 2 / h + 80))
    assert np.isnan(times[2])


@pytest.mark.slow
def test_what_a_flow_with_memory_settles_on():
    """x'' = -x - c x': where it goes is told by the position, which alone is a player."""
    spring = gd.fields.Custom(lambda players: (-players[0],))
    flow = gd.flows.MomentumFlow(spring, -0.1)  # grows for ever
    assert gd.settles_on(flow, (0.1,), 400.0, escape=10.0).kind == Kind.ESCAPE
    damped = gd.flows.MomentumFlow(spring, 0.5)
    assert gd.settles_on(damped, (0.1,), 400.0).kind == Kind.EQUILIBRIUM
    center = gd.flows.MomentumFlow(spring, 0.0)
    found = gd.settles_on(center, (1.0,), 400.0)
    assert found.kind == Kind.CYCLE
    assert_allclose(found.period, 2 * np.pi, rtol=1e-6)
