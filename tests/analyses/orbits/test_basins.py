"""What trajectories end on: equilibria in a box, basins, single starts, escapes."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from generic import along
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

import gandyn as gd
from gandyn.fields import AbstractField, Gradient
from gandyn.flows import GradientFlow

Kind = gd.results.Settled.Kind


def flow(game):
    return GradientFlow(Gradient(game))


LINEAR, QUADRATIC = ("", "x", "y", "z"), ("xx", "xy", "xz", "yy", "yz", "zz")
MONOMIALS = (*LINEAR, *QUADRATIC, "xxx", "xxy", "xyy", "yyy", "zzz")


class Cubic(AbstractField):
    """x', y' and z' are sums of c[i, j] times the monomial j. The coefficients are leaves: all
    flows of such sums are one program, and all rules."""

    coefficients: jax.Array

    def __call__(self, players, key=None):
        place = dict(zip("xyz", players, strict=True))
        monomials = [math.prod(place[letter] for letter in letters) for letters in MONOMIALS]
        return tuple(
            sum(c * m for c, m in zip(row, monomials, strict=True)) for row in self.coefficients
        )


def cubic(x, y, z=None, speed=1.0):
    """The field of sums of monomials, c x^2 y as {"xxy": c}. Beside the plane, z' = -z."""
    terms = (x, y, {"z": -1} if z is None else z)
    c = [[speed * each.get(letters, 0) for letters in MONOMIALS] for each in terms]
    return Cubic(jnp.asarray(c))


STEPS, TIME = 2048, 250  # for how long all rules and all flows are followed: one program, too
ORIGIN = (0.0, 0.0, 0.0)


def van_der_pol(stiffness, speed=1.0):
    """x'' - m (1 - x^2) x' + x = 0, in x and y = x'."""
    return cubic({"y": 1}, {"x": -1, "y": stiffness, "xxy": -stiffness}, speed=speed)


def turning(angle):
    """What a turn of the plane by an angle adds to it."""
    cos, sin = np.cos(angle), np.sin(angle)
    return cubic({"x": cos - 1, "y": -sin}, {"x": sin, "y": cos - 1})


# Two players who each fall into the nearer of two wells, at +-1.
WELLS = cubic({"x": 1, "xxx": -1}, {"y": 1, "yyy": -1})
# r' = r (z - r^2) and z' = z - z^3: above, the circle r = 1 attracts, and below, the point r = 0.
EITHER = cubic(
    {"xz": 1, "xxx": -1, "xyy": -1, "y": -1},
    {"yz": 1, "xxy": -1, "yyy": -1, "x": 1},
    {"z": 1, "zzz": -1},
)


# Planar games


def test_the_polar_game_moves_along_the_radius_by_its_formula():
    a = 0.4
    angle = np.linspace(0, 6, 7)[:, None]
    r = np.linspace(0.2, 1.5, 5)[None]
    x, y = r * np.cos(angle), r * np.sin(angle)
    field = Gradient(gd.games.polar(a))
    u, v = map(np.asarray, jax.jit(jax.vmap(jax.vmap(lambda x, y: field((x, y)))))(x, y))
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

    dz, ddz = jax.jit(lambda z: jax.jvp(velocity, (z,), (velocity(z),)))(np.array([x, y]))
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


class Wells(AbstractField):
    """Every player falls into the nearer of two wells, at +-1, as fast as its well is deep."""

    depths: jax.Array

    def __call__(self, players, key=None):
        return tuple(d * (z - z**3) for d, z in zip(self.depths, players, strict=True))


def equilibria_of_wells(depths, starts):
    """Of a rule with a memory."""
    rule = gd.rules.Descend(Wells(jnp.asarray(depths)), optax.optimistic_gradient_descent(0.1))
    return gd.equilibria(rule, (0.0, 0.0), (-2.0, 2.0), starts=starts)


@pytest.mark.slow
def test_equilibria_that_are_a_line_are_said_to_be_so():
    with pytest.warns(UserWarning, match="do not seem to be isolated"):
        equilibria_of_wells([1.0, 0.0], 300)


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
    few, more = (equilibria_of_wells([1.0, 2.0], n) for n in (300, 512))
    assert (few.reached.sum(), more.reached.sum()) == (300, 512)
    for found in (few, more):
        places = np.round(np.stack(found.players, -1), 9) + 0.0
        assert sorted(map(tuple, places)) == [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]


# Basins


def steps(field, size=0.1):
    return gd.rules.Descend(field, size)


def basins(field, box, size=0.1, **more):
    """Of 45 starts, odd numbers of them along both axes."""
    at = {"players": ORIGIN, "nodes": (9, 5), "duration": STEPS, **more}
    return gd.basins(steps(field, size), box=box, **at)


@pytest.mark.slow
def test_every_start_falls_into_its_own_well():
    found = basins(WELLS, (-2.0, 2.1))
    assert found.labels.shape == (5, 9)
    assert len(found.centers) == 4
    at = np.asarray(found.centers)[np.asarray(found.labels)]
    x, y = np.meshgrid(found.x, found.y)
    assert_allclose(at[..., 0], np.sign(x), atol=1e-9)
    assert_allclose(at[..., 1], np.sign(y), atol=1e-9)
    shares = np.bincount(np.asarray(found.labels).ravel()) / 45
    np.testing.assert_array_equal(np.sort(shares), np.array([8, 10, 12, 15]) / 45)
    assert_allclose(found.shares, shares, rtol=1e-15)
    assert_allclose(found.errors, np.sqrt(shares * (1 - shares) / 45))
    assert found.shares.dtype == found.errors.dtype == found.boundary.dtype == jnp.float64
    assert found.attracts.all()
    # Two lines of the grid on either side of each axis, 2 x 5 + 2 x 9 less the 4 counted twice.
    assert_allclose(found.boundary, (10 + 18 - 4) / 45)


@pytest.mark.slow
def test_the_basin_of_squaring_is_the_disk():
    """z -> z^2 draws what lies in the unit disk to 0 and all else to infinity, in every direction,
    as fast as numbers last."""
    square = cubic({"xx": 1, "yy": -1, "x": -1}, {"xy": 2, "y": -1})
    found = basins(square, ((-1.5, 1.4), (-1.5, 1.4)), 1.0)
    x, y = np.meshgrid(found.x, found.y)
    np.testing.assert_array_equal(found.labels, np.where(x**2 + y**2 < 1, 0, -1))


def test_what_is_come_to_slowly_is_one_equilibrium():
    """In a 64th of the time its distance halves: the box that it fills is about as far away."""
    found = basins(cubic({"x": -1}, {"y": -1}), (-1.0, 1.0), 0.02)
    assert_allclose(found.centers, [ORIGIN], atol=1e-12)
    np.testing.assert_array_equal(found.labels, 0)


@pytest.mark.slow
def test_starts_on_saddles_stay_where_they_are():
    """An odd grid has starts on the stable lines of the saddles, and on the maximum."""
    found = basins(WELLS, (-1.0, 1.0))
    centers = np.asarray(found.centers)[np.asarray(found.labels)]
    x, y = np.meshgrid(found.x, found.y)
    assert_allclose(centers[..., :2], np.sign(np.stack([x, y], -1)), atol=1e-9)
    assert int(found.attracts.sum()) == 4


def test_another_plane_holds_the_other_coordinates():
    found = basins(WELLS, ((0.5, 2.0), (-1.0, 1.0)), players=(0.0, -0.5, 0.0), plane=(0, 2))
    assert_allclose(found.centers, [[1.0, -1.0, 0.0]], atol=1e-9)
    assert found.attracts.all()


@pytest.mark.slow
def test_basins_are_invariant_under_the_map():
    """F(z) ends where z ends."""
    whirling = cubic({"x": 1, "xxx": -1, "y": -0.1}, {"y": 1, "yyy": -1, "x": 0.1})
    found = basins(whirling, (-6.0, 6.0))
    assert set(np.unique(found.labels)) == {-1, 0, 1, 2, 3, 4}
    rule = steps(whirling)
    step = eqx.filter_jit(rule.step)
    for i, j in [(i, j) for i, j in np.ndindex(found.labels.shape) if (i + j) % 3 == 0]:
        later = step(rule.init((found.x[j], found.y[i], np.zeros(()))))
        label = int(found.labels[i, j])
        end = gd.settles_on(rule, later, STEPS)
        assert int(end.kind) == (Kind.ESCAPE if label == -1 else Kind.EQUILIBRIUM)
        if label >= 0:
            assert_allclose(end.center, found.centers[label], atol=1e-6)


@pytest.mark.slow
def test_two_attractors_an_equilibrium_and_a_cycle():
    h = 0.05
    found = basins(EITHER, (-1.2, 1.3), h, players=(0.0, 0.1, 0.0), plane=(0, 2))
    above = np.broadcast_to(np.asarray(found.y)[:, None] > 0, found.labels.shape)
    np.testing.assert_array_equal(found.labels, above)  # equilibria come first
    assert_allclose(found.low[0], [0, 0, -1], atol=1e-9)
    assert_allclose(found.high[0], found.low[0])
    # On the circle |1 + h (1 - r^2) + i h| = 1.
    r = np.sqrt(1 + (1 - np.sqrt(1 - h**2)) / h)
    assert_allclose(found.low[1], [-r, -r, 1], rtol=1e-3)
    assert_allclose(found.high[1], [r, r, 1], rtol=1e-3)


@pytest.mark.slow
def test_the_flow_on_a_center_is_undecided_and_not_a_crowd_of_cycles():
    """Circles of all radii: they are no attractors."""
    found = basins(turning(0.1), (0.1, 9.0), 1.0)
    assert len(found.centers) == 0
    assert found.undecided == 1
    assert found.crawling == 0


@pytest.mark.slow
@pytest.mark.parametrize("angle", [0.3, 0.5])
def test_a_few_circles_around_a_center_are_no_attractors_either(angle):
    """Symmetric starts are on few of them, which do not bring back what is displaced."""
    found = basins(turning(angle), ((-2.0, 2.0), (-1.0, 1.0)), 1.0)
    assert_allclose(found.centers, [ORIGIN], atol=1e-12)
    assert not found.attracts.any()  # the start on the equilibrium itself
    assert_allclose(found.undecided, 44 / 45, rtol=1e-15)


LOGARITHM = gd.games.zero_sum(lambda x, y: x * y + jnp.log(x))


def test_basins_of_what_has_no_value_there():
    rule = gd.methods.simultaneous(LOGARITHM, 0.1)
    with pytest.raises(ValueError, match="outside of the game's domain"):
        gd.basins(rule, (1.0, 1.0), ((-1.0, 1.0), (0.5, 1.0)), nodes=3)


class VanDerPol(AbstractField):
    """That of `van_der_pol`, written out; 45 trajectories beside each other take their time."""

    stiffness: jax.Array

    def __call__(self, players, key=None):
        x, y = players
        return y, self.stiffness * (1 - x**2) * y - x


def heights_of_van_der_pol(m):
    """How far x and x' reach on the cycle, by LSODA."""
    exact = {"method": "LSODA", "rtol": 1e-9, "atol": 1e-9, "t_eval": np.linspace(40, 80, 100_001)}
    path = solve_ivp(
        lambda t, z: (z[1], m * (1 - z[0] ** 2) * z[1] - z[0]), (0, 80), [2, 0], **exact
    )
    return np.abs(path.y).max(axis=1)


@pytest.mark.slow
def test_a_cycle_of_sharp_humps_is_one_for_all_starts():
    """Van der Pol: the height of x is 2 and a little more (Krogdahl 1960: below 2.0235)."""
    for stiffness, duration in ((5.0, 500), (20.0, 1000)):
        flow = GradientFlow(VanDerPol(jnp.asarray(stiffness)))
        found = gd.basins(flow, (0.0, 0.0), (-3.0, 2.9), nodes=(9, 5), duration=duration)
        assert float(found.undecided) == 0
        assert len(found.centers) == 1
        assert 2 < found.high[0, 0] < 2.0235
        heights = heights_of_van_der_pol(stiffness)
        assert_allclose(found.centers, 0, atol=1e-4)
        assert_allclose((found.high - found.low)[0] / 2, heights, rtol=1e-4)


def test_small_steps_miss_no_hump_either():
    found = basins(van_der_pol(5.0), (-3.0, 2.9), 0.02, duration=4 * STEPS)
    assert float(found.undecided) == 0
    assert len(found.centers) == 1


def test_a_saddle_that_is_only_passed_is_not_listed():
    """Long stretches near the saddle, on which no start ends."""
    found = basins(WELLS, ((-1e-6, 1.1e-6), (-1.0, 1.1)))
    assert np.all(found.shares > 0)
    assert found.attracts.all()
    assert_allclose(np.abs(found.centers), [[1, 1, 0]] * 4, atol=1e-6)


def test_what_turns_nan_within_bounds_has_escaped():
    """x' = sqrt(1 - x) + 1/2, in steps, which has no value beyond 1."""
    field = gd.fields.Custom(lambda players: (jnp.sqrt(1 - players[0]) + 0.5, -players[1]))
    rule = gd.rules.Descend(field, 0.1)
    found = gd.basins(rule, (0.0, 0.0), ((-0.5, 0.5), (-1.0, 1.0)), nodes=4, duration=512)
    end = gd.settles_on(rule, (0.0, 0.5), duration=512)
    assert float(found.escaped) == 1
    assert int(end.kind) == Kind.ESCAPE


@pytest.mark.parametrize("analysis", ["basins", "settles_on"])
@pytest.mark.parametrize("duration", [1, 63, 2**31, 1e308])
def test_durations_that_are_none(analysis, duration):
    with pytest.raises(ValueError, match="`duration` must be between 64 and"):
        getattr(gd, analysis)(steps(WELLS), ORIGIN, duration=duration)
    with pytest.raises(ValueError, match="`duration` must be between 0 and 1e"):
        getattr(gd, analysis)(GradientFlow(WELLS), ORIGIN, duration=1e308)


@pytest.mark.slow
def test_a_short_duration_is_kept():
    found = gd.settles_on(steps(WELLS), (0.3, 0.2, 0.1), duration=64, tolerance=1e-9)
    assert int(found.kind) == Kind.UNDECIDED
    assert np.isnan(found.time)


# Single starts


@pytest.mark.slow
def test_one_start_on_each_kind():
    inward = gd.settles_on(GradientFlow(WELLS), (0.3, -0.2, 0.1), TIME)
    assert int(inward.kind) == Kind.EQUILIBRIUM
    assert_allclose(inward.center, (1, -1, 0), atol=1e-9)
    assert_allclose(inward.amplitude, 0)

    outward = gd.settles_on(GradientFlow(EITHER), (0.9, 0.0, 0.5), TIME)
    assert int(outward.kind) == Kind.CYCLE
    assert_allclose(outward.center, [0, 0, 1], atol=1e-4)
    assert_allclose(outward.amplitude, [1, 1, 0], atol=1e-4)
    assert_allclose(outward.period, 2 * np.pi, rtol=1e-7)

    away = gd.settles_on(steps(EITHER, 2.0), (3.0, 0.0, 0.5), STEPS)
    assert int(away.kind) == Kind.ESCAPE
    assert np.isnan(away.period)


def test_a_rotation_turns_by_its_exact_angle():
    found = gd.settles_on(steps(turning(0.1), 1.0), (1.0, 1.0, 0.0), STEPS)
    assert int(found.kind) == Kind.CYCLE
    assert_allclose(found.period, 2 * np.pi / 0.1, rtol=1e-10)


def logistic(r: float) -> gd.AbstractDynamics:
    """The map x -> r x (1 - x)."""
    return steps(cubic({"x": r - 1, "xx": -r}, {"y": -1}), 1.0)


@pytest.mark.slow
def test_the_period_of_a_map_does_not_depend_on_when_it_is_looked_at():
    """The cycle of two steps of the logistic map: (r + 1 -+ sqrt((r - 3) (r + 1))) / 2 r."""
    r = 3.2
    for duration in (1601, 1800, 1999, STEPS, 10_000):
        found = gd.settles_on(logistic(r), (0.3, 0.0, 0.0), duration)
        assert (int(found.kind), float(found.period)) == (Kind.CYCLE, 2), duration
        assert_allclose(found.center, [(r + 1) / (2 * r), 0, 0], rtol=1e-12)
        expected = [np.sqrt((r - 3) * (r + 1)) / (2 * r), 0, 0]
        assert_allclose(found.amplitude, expected, rtol=1e-12)


@pytest.mark.slow
def test_chaos_is_no_cycle():
    """May 1976: a window of period 3 at r = 3.83; at r = 4 the exponent is log 2."""
    assert float(gd.settles_on(logistic(3.83), (0.3, 0.0, 0.0), STEPS).period) == 3
    chaos = gd.settles_on(logistic(4.0), (0.3, 0.0, 0.0), STEPS)
    assert int(chaos.kind) == Kind.CHAOS
    assert np.isnan(chaos.period)
    assert_allclose(chaos.growth, np.log(2), atol=0.02)
    assert_allclose(chaos.center, [0.5, 0, 0], atol=1e-3)
    # In so short a time it need not come as far again as it has been.
    short = gd.settles_on(logistic(4.0), (0.3, 0.0, 0.0), 200)
    assert int(short.kind) == Kind.CHAOS
    assert abs(short.growth - np.log(2)) < short.error < 1e-2


def lorenz84(players):
    """Lorenz 1984, at F = 6.886, G = 1.347: chaos beside a cycle of the period 9.204.

    Written down, for long times: that runs faster than sums."""
    x, y, z = players
    return (
        -(y**2) - z**2 - 0.255 * (x - 6.886),
        x * y - 4 * x * z - y + 1.347,
        4 * x * y + x * z - z,
    )


@pytest.mark.slow
def test_chaos_beside_a_cycle():
    """A cycle near which the chaos passes is none that it settles on."""
    flow = GradientFlow(gd.fields.Custom(lorenz84))
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
def test_roesslers_cascade_of_cycles():
    """Against SciPy's DOP853 at 1e-11, from crossing to crossing."""
    speed = 4.0
    for c, period in ((2.5, 5.748991), (3.5, 11.545218), (4.0, 23.177001)):
        roessler = cubic({"y": -1, "z": -1}, {"x": 1, "y": 0.2}, {"": 0.2, "xz": 1, "z": -c}, speed)
        found = gd.settles_on(GradientFlow(roessler), (1.0, 1.0, 0.0), TIME)
        assert int(found.kind) == Kind.CYCLE, c
        assert_allclose(found.period * speed, period, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_the_period_of_a_stiff_cycle(speed):
    found = gd.settles_on(GradientFlow(van_der_pol(5.0, speed)), (0.5, 0.0, 0.0), TIME)
    assert int(found.kind) == Kind.CYCLE
    assert_allclose(found.period * speed, 11.6122, atol=1e-4)
    assert_allclose(found.amplitude, [2.02151, 7.6372, 0], rtol=1e-4)


@pytest.mark.slow
def test_a_torus_is_no_chaos():
    """With s = x^2 + y^2 it turns by the angle sqrt(2) in a unit of time, while s and z go round:
    s' = -s z and z' = s - 1 + z / 2 - z^3."""
    x, y = {"xz": -0.5, "y": -np.sqrt(2)}, {"yz": -0.5, "x": np.sqrt(2)}
    torus = cubic(x, y, {"xx": 1, "yy": 1, "": -1, "z": 0.5, "zzz": -1}, speed=2.0)
    found = gd.settles_on(GradientFlow(torus), (1.0, 0.0, 0.3), TIME)
    path = solve_ivp(
        lambda t, a: (-a[0] * a[1], a[0] - 1 + a[1] / 2 - a[1] ** 3),
        (0, 99),
        [1, 0.3],
        rtol=1e-8,
        max_step=0.01,
    )
    s, z = path.y[:, path.t > 50]
    assert int(found.kind) == Kind.CYCLE
    r = np.sqrt(s.max())
    assert_allclose(found.high, [r, r, z.max()], atol=1e-2)
    assert_allclose(found.low, [-r, -r, z.min()], atol=1e-2)
    assert abs(found.growth) < 1e-4


def test_a_start_outside_of_the_domain():
    with pytest.raises(ValueError, match="outside of the game's domain"):
        gd.settles_on(gd.methods.simultaneous(LOGARITHM, 0.1), (-1.0, 1.0))


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
def test_what_only_crawls_is_not_at_rest():
    """x' = (10 - x) / 10^8 is at rest far from where it crawls, and x' = 10^-8 + x^2 nowhere."""
    for crawling in ({"": 1e-7, "x": -1e-8}, {"": 1e-8, "xx": 1}):
        found = gd.settles_on(steps(cubic(crawling, {"y": -1})), ORIGIN, STEPS)
        assert int(found.kind) == Kind.UNDECIDED, crawling


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
