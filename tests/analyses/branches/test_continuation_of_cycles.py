"""Branches of cycles against closed forms, and what is born at their bifurcations and at those of
equilibria."""

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from generic import along
from scipy.special import ellipk

import gandyn as gd
from gandyn import plots
from gandyn.analyses.branches import _branch

pytestmark = pytest.mark.slow

FINE = gd.flows.Integrator(rtol=1e-10, atol=1e-10)
MIX = jnp.asarray(np.eye(4) + np.random.default_rng(1).normal(size=(4, 4)) / 3)
UNMIX = jnp.linalg.inv(MIX)
BENT = 0.1


def bent(z):
    """A smooth change of coordinates, to first order a linear one."""
    a, b, c, d = z
    a = a + BENT * c**2
    b = b + BENT * a**2
    return MIX.astype(z.dtype) @ jnp.stack([a, b, c, d])


def straightened(z):
    a, b, c, d = UNMIX.astype(z.dtype) @ z
    b = b - BENT * a**2
    return jnp.stack([a - BENT * c**2, b, c, d])


class Circles(gd.fields.AbstractField):
    """Circles in a plane, and across them a second plane that turns, or turns half, with them:

        r' = r (mu g1 + g0 + g2 r^2 + g4 r^4),    angle' = 1 + r^2 / 2 + mu w,
        n' = (A + B m) n - C (e . n)^2 (e . n) e,

    e = (cos, sin) of half the angle and m the reflection that leaves it in its place, on the circle
    r = 1 of which more is not asked.
    """

    numbers: dict[str, jax.Array]
    mu: jax.Array

    def __call__(self, players, key=None):
        z = jnp.concatenate(players)
        k = {name: value.astype(z.dtype) for name, value in self.numbers.items()}
        mu = self.mu.astype(z.dtype)

        def velocity(z):
            x, y, n = z[0], z[1], z[2:]
            s = x**2 + y**2
            grow = k["g0"] + k["g1"] * mu + k["g2"] * s + k["g4"] * s**2
            turn = 1 + s / 2 + k["w"] * mu
            mirrored = jnp.stack([x * n[0] + y * n[1], y * n[0] - x * n[1]])
            along = (n + mirrored) / 2
            m = (k["a0"] + k["a1"] * mu) * n + (k["b0"] + k["b1"] * mu) * mirrored
            m = m + (k["c0"] + turn / 2) * jnp.stack([-n[1], n[0]])
            m = m - k["cubic"] * jnp.sum(n * along) * along
            return jnp.stack([grow * x - turn * y, turn * x + grow * y, m[0], m[1]])

        inner = straightened(z)
        pushed = jax.jvp(bent, (inner,), (velocity(inner),))[1]
        return pushed[:2], pushed[2:]


class Family(eqx.Module):
    """The numbers are leaves, so that all families share one program."""

    numbers: dict[str, jax.Array]

    def __call__(self, mu):
        return gd.flows.GradientFlow(Circles(self.numbers, mu), FINE)


def family(**numbers):
    zero = dict.fromkeys(("g0", "g1", "g2", "g4", "w", "b0", "b1", "a1", "c0", "cubic"), 0.0)
    numbers = {**zero, "a0": -0.1, **numbers}
    return Family({name: jnp.asarray(float(value)) for name, value in numbers.items()})


def circle(r, turn, error=1e-4):
    """A cycle as `gandyn.cycle` would find it, but for its error."""
    angles = np.linspace(0, 2 * np.pi, 61)
    points = np.stack([r * np.cos(angles), r * np.sin(angles), 0 * angles, 0 * angles], axis=1)
    z = jax.vmap(bent)(jnp.asarray(points)) + error
    orbit = gd.State((z[:, :2], z[:, 2:]))
    return gd.results.Cycle(
        jax.tree.map(lambda x: x[0], orbit),
        jnp.asarray(2 * np.pi / turn),
        jnp.ones(4, complex),
        orbit,
        jnp.asarray(0.0),
        jnp.asarray(True),
        "unit time",
    )


def planes(branch):
    """The squares of the distances in either plane."""
    z = np.asarray(jax.vmap(straightened)(jnp.concatenate(branch.players, axis=1)))
    return np.sum(z[:, :2] ** 2, axis=1), np.sum(z[:, 2:] ** 2, axis=1)


def multipliers(branch):
    """After one turn, largest modulus first."""
    return np.exp(np.asarray(branch.exponents) * np.asarray(branch.period)[:, None])


def passed(branch):
    return [b.kind for b in branch.bifurcations]


# r' = r (mu + r^2 - r^4): cycles at mu = r^4 - r^2, from a subcritical Hopf bifurcation at 0 around
# a fold at r^2 = 1/2.
RADIAL = family(g1=1.0, g2=1.0, g4=-1.0, w=0.5)


def radial_laws(branch):
    s, n = planes(branch)
    mu, period = np.asarray(branch.parameter), np.asarray(branch.period)
    np.testing.assert_allclose(mu, s**2 - s, atol=1e-8)
    np.testing.assert_allclose(n, 0, atol=1e-12)
    np.testing.assert_allclose(period, 2 * np.pi / (1 + s / 2 + mu / 2), atol=1e-8)
    growth = np.sort(np.stack([2 * s - 4 * s**2, -0.1 + 0 * s, -0.1 + 0 * s]), axis=0)[::-1]
    np.testing.assert_allclose(np.abs(multipliers(branch)), np.exp(growth * period).T, atol=1e-6)
    clear = np.abs(s - 0.5) > 1e-6
    np.testing.assert_array_equal(branch.stable[clear], (s > 0.5)[clear])


@pytest.fixture(scope="module")
def radial():
    s = (1 + np.sqrt(1 + 4 * 0.3)) / 2
    cycle = circle(np.sqrt(s), 1.15 + s / 2)
    return along(gd.continuation, RADIAL, cycle, (-0.4, 0.3), start=0.3), cycle


def test_around_a_fold_of_cycles_to_the_equilibrium(radial):
    branch, cycle = radial
    radial_laws(branch)
    assert passed(branch) == ["Hopf", "fold"]
    hopf, fold = branch.bifurcations
    np.testing.assert_allclose(fold.parameter, -0.25, atol=1e-8)
    np.testing.assert_allclose(fold.period, 2 * np.pi / (1.25 - 0.125), atol=1e-6)
    assert hopf.period == 0
    np.testing.assert_allclose([hopf.parameter, hopf.exponent], [0, 1j], atol=1e-12)
    assert branch.ends[0].startswith("shrank to the equilibrium of a Hopf bifurcation")
    assert branch.ends[1] == "started at 0.3"
    # The extremes are those of the orbit, up to how finely either was looked at.
    for seen, orbit in zip(branch.high, cycle.orbit.players, strict=True):
        np.testing.assert_allclose(seen[-1], jnp.max(orbit, axis=0), atol=5e-3)
    assert jnp.all(jnp.concatenate(branch.low, 1) <= jnp.concatenate(branch.players, 1))


def test_a_cycle_that_grows_is_followed_as_far_as_it_goes():
    """r' = r (mu - r^2): from a radius of 1 to one of 10."""
    grows = family(g1=1.0, g2=-1.0)
    branch = along(gd.continuation, grows, circle(1.0, 1.5), (1.0, 100.0), resolution=8)
    s, _ = planes(branch)
    np.testing.assert_allclose(s, branch.parameter, rtol=1e-7)
    assert branch.ends == ("started at 1", "left the bounds at 100")
    assert len(branch.parameter) <= 16
    assert passed(branch) == []


def test_the_hopf_bifurcation_and_what_is_born_there(radial):
    hopf = radial[0].bifurcations[0]
    assert not hopf.supercritical
    # r' = r^3, and r = sqrt(2) |z| where the eigenvector has length 1.
    length = np.linalg.norm(np.asarray(MIX)[:, :2] @ np.array([1, -1j]) / np.sqrt(2))
    np.testing.assert_allclose(hopf.coefficient, 2 / length**2, rtol=1e-9)
    born = along(gd.continuation, RADIAL, hopf, (-0.4, 0.3))
    radial_laws(born)
    assert passed(born) == ["fold"]
    assert born.ends[0].startswith("was born in the Hopf at ")
    assert born.ends[1] == "left the bounds at 0.3"
    np.testing.assert_allclose(born.bifurcations[0].parameter, -0.25, atol=1e-8)
    np.testing.assert_allclose(born.period[-1], radial[0].period[-1], atol=1e-8)


def test_growth_that_rounding_hides_at_first_is_no_bifurcation(radial, monkeypatch):
    # r' = r (mu + r^2 / 1000): nothing but a cycle that repels, at first ever so little, so that
    # what grows is nearly parallel to the cycle itself; and nothing else is looked for.
    make, looked = family(g1=1.0, g2=0.001), []
    meet = _branch.meet
    monkeypatch.setattr(_branch, "meet", lambda *args: looked.append(args) or meet(*args))
    born = along(gd.continuation, make, radial[0].bifurcations[0], (-0.002, 0.002))
    assert len(looked) < 100
    np.testing.assert_allclose(born.parameter, -planes(born)[0] / 1000, atol=1e-8)
    assert passed(born) == []


def test_period_doubling_of_a_flow_and_the_cycle_of_twice_the_period():
    # On the circle r = 1 a direction that turns half as fast grows at the rate mu.
    make = family(g0=1.0, g2=-1.0, a0=-0.5, a1=0.5, b0=0.5, b1=0.5, cubic=1.0)
    single = along(gd.continuation, make, circle(1.0, 1.5), (-0.5, 0.4))
    assert passed(single) == ["period doubling"]
    (doubling,) = single.bifurcations
    np.testing.assert_allclose(doubling.parameter, 0, atol=1e-7)
    np.testing.assert_allclose(doubling.exponent.imag, np.pi / doubling.period, atol=1e-8)
    double = along(gd.continuation, make, doubling, (-0.5, 0.4))
    s, n = planes(double)
    np.testing.assert_allclose(s, 1, atol=1e-8)
    np.testing.assert_allclose(n, double.parameter, atol=1e-7)
    np.testing.assert_allclose(double.period, 2 * single.period[-1], atol=1e-7)
    expected = np.exp(-2 * double.parameter * double.period)
    np.testing.assert_allclose(multipliers(double)[:, 0], expected, atol=1e-6)
    assert double.ends == (
        f"was born in the period doubling at {float(doubling.parameter):g}",
        "left the bounds at 0.4",
    )
    # Back again, from its last point.
    last = gd.State(tuple(x[-1] for x in double.players)), double.period[-1]
    cycle = eqx.tree_at(lambda c: (c.state, c.period), circle(1.0, 1.5), last)
    back = along(gd.continuation, make, cycle, (-0.5, 0.4), start=0.4)
    assert back.ends[0].startswith("shrank to the cycle of half the period")
    (end,) = back.bifurcations
    np.testing.assert_allclose([end.parameter, end.period], [0, single.period[-1]], atol=1e-7)


def test_torus_bifurcation_and_what_cannot_be_followed(radial):
    make = family(g0=1.0, g2=-1.0, a0=0.0, a1=1.0, c0=-0.4)
    branch = along(gd.continuation, make, circle(1.0, 1.5), (-0.2, 0.2))
    assert passed(branch) == ["Neimark-Sacker"]
    (torus,) = branch.bifurcations
    np.testing.assert_allclose(torus.parameter, 0, atol=1e-7)
    np.testing.assert_allclose(torus.exponent, 0.35j, atol=1e-7)
    with pytest.raises(ValueError, match=r"starts at the Neimark-Sacker at .*torus"):
        along(gd.continuation, make, torus, (-0.2, 0.2))
    with pytest.raises(ValueError, match=r"starts at the fold at -0\.25: .* is the only one there"):
        along(gd.continuation, RADIAL, radial[0].bifurcations[1], (-0.4, 0.3))


class Loop(gd.fields.AbstractField):
    """H = y^2/2 - x^2/2 + x^3/3 is drawn to the level h, on which there is a cycle as long as
    -1/6 < h < 0: from a Hopf bifurcation to a homoclinic orbit."""

    h: jax.Array

    def __call__(self, players, key=None):
        x, y = players
        return y, x - x**2 - y * (y**2 / 2 - x**2 / 2 + x**3 / 3 - self.h)


def test_from_a_hopf_bifurcation_to_a_homoclinic_orbit():
    def make(h):
        return gd.flows.GradientFlow(Loop(h), FINE)

    rest = along(gd.continuation, make, (1.0, 0.0), (-0.25, 0.05), resolution=20)
    (hopf,) = rest.bifurcations
    np.testing.assert_allclose(hopf.parameter, -1 / 6, atol=1e-11)
    # r' = -r^3 / 4, and r = sqrt(2) |z|.
    np.testing.assert_allclose(hopf.coefficient, -0.5, atol=1e-9)
    assert hopf.supercritical
    branch = along(gd.continuation, make, hopf, (-0.25, 0.05))
    assert passed(branch) == []
    assert branch.ends[1].startswith("goes on at ")
    assert "a period that grows without bound" in branch.ends[1]
    assert jnp.all(branch.stable)
    h, (x, y) = np.asarray(branch.parameter), branch.players
    np.testing.assert_allclose(y**2 / 2 - x**2 / 2 + x**3 / 3, h, atol=1e-9)
    # Between the roots of H(x, 0) = h there is an elliptic integral.
    roots = np.sort([np.roots([-2 / 3, 1, 0, 2 * level]).real for level in h], axis=1)
    c, b, a = roots.T
    period = 4 * np.sqrt(1.5 / (a - c)) * ellipk((a - b) / (a - c))
    near = branch.period < 12
    np.testing.assert_allclose(branch.period[near], period[near], atol=1e-6)
    np.testing.assert_allclose(branch.high[0][near], a[near], atol=2e-3)
    np.testing.assert_allclose(branch.low[0][near], b[near], atol=2e-3)
    assert branch.period[-1] > 14
    assert abs(h[-1]) < 1e-4


class Logistic(eqx.Module):
    """x -> r x (1 - x)."""

    def __call__(self, r):
        def step(r, players):
            return (r.astype(players[0].dtype) * players[0] * (1 - players[0]),)

        return gd.rules.Project(eqx.Partial(step, jnp.asarray(r)))


def test_cycles_of_a_rule_double_and_double_again():
    make = Logistic()
    one = along(gd.continuation, make, (0.5,), (1.5, 3.7))
    (first,) = one.bifurcations
    assert first.kind == "period doubling"
    np.testing.assert_allclose([first.parameter, first.coefficient], [3, -9], atol=1e-9)
    two = along(gd.continuation, make, first, (1.5, 3.7))
    r, root = two.parameter, np.sqrt((two.parameter - 3) * (two.parameter + 1))
    np.testing.assert_array_equal(two.period, 2)
    np.testing.assert_allclose(two.high[0], (r + 1 + root) / (2 * r), atol=1e-12)
    np.testing.assert_allclose(two.low[0], (r + 1 - root) / (2 * r), atol=1e-12)
    np.testing.assert_allclose(multipliers(two)[:, 0], 4 + 2 * r - r**2, atol=1e-12)
    back = along(gd.continuation, make, gd.cycle(make(3.2), (0.5,), 2), (2.5, 3.4), start=3.2)
    assert back.ends == (
        "shrank to the cycle of half the period at 3, a period doubling",
        "left the bounds at 3.4",
    )
    (end,) = back.bifurcations
    assert (end.kind, float(end.period)) == ("period doubling", 0)
    np.testing.assert_allclose([end.parameter, end.coefficient], [3, -9], atol=1e-8)
    (second,) = two.bifurcations
    np.testing.assert_allclose(second.parameter, 1 + np.sqrt(6), atol=1e-11)
    assert second.supercritical
    assert jnp.all(along(gd.continuation, make, second, (1.5, 3.7)).period == 4)


def test_a_cycle_of_a_rule_is_a_fixed_point_of_its_time_map():
    make = Logistic()
    cycle = gd.cycle(make(3.83), (0.5,), 3)
    branch = along(gd.continuation, make, cycle, (3.5, 3.84), start=3.83)
    assert passed(branch) == ["fold"]
    np.testing.assert_allclose(branch.bifurcations[0].parameter, 1 + np.sqrt(8), atol=1e-11)
    assert branch.ends == ("left the bounds at 3.84",) * 2
    same = along(
        gd.continuation,
        lambda r: gd.rules.TimeMap(make(r), 3),
        cycle.players,
        (3.5, 3.84),
        start=3.83,
    )
    np.testing.assert_allclose(same.players[0], branch.players[0], atol=1e-12)
    np.testing.assert_allclose(same.exponents, 3 * branch.exponents, atol=1e-9)
    assert jnp.all(same.period == 0)
    single = gd.cycle(make(3.83), (jnp.float32(0.5),), 3)
    single = along(gd.continuation, make, single, (3.5, 3.84), start=3.83)
    assert single.players[0].dtype == single.period.dtype == jnp.float32
    np.testing.assert_allclose(single.bifurcations[0].parameter, 1 + np.sqrt(8), atol=1e-5)


class Map(eqx.Module):
    """The normal forms of maps in other coordinates: z -> e^{ia} (1 + mu) z + c z |z|^2, and beside
    it two that only decay."""

    angle: jax.Array
    c: jax.Array

    def __call__(self, mu):
        def step(angle, c, mu, players):
            x, y, u, v = straightened(jnp.concatenate(players))
            s, grow = x**2 + y**2, 1 + mu
            a, b = grow + c[0] * s, c[1] * s
            x, y = a * x - b * y, a * y + b * x
            cos, sin = jnp.cos(angle), jnp.sin(angle)
            z = bent(jnp.stack([cos * x - sin * y, sin * x + cos * y, u / 2 + s, -v / 3]))
            return z[:2], z[2:]

        return gd.rules.Project(eqx.Partial(step, self.angle, self.c, jnp.asarray(mu)))


def test_criticality_of_neimark_sacker():
    length = np.linalg.norm(np.asarray(MIX)[:, :2] @ np.array([1, -1j]) / np.sqrt(2))
    for angle, c in ((1.0, -0.7), (2.5, 0.4), (2 * np.pi / 3, -0.7)):
        make = Map(jnp.asarray(angle), jnp.asarray([c, 0.3]))
        branch = along(
            gd.continuation, make, (jnp.zeros(2), jnp.zeros(2)), (-0.1, 0.1), resolution=10
        )
        (found,) = branch.bifurcations
        assert found.kind == "Neimark-Sacker"
        np.testing.assert_allclose(found.exponent, 1j * angle, atol=1e-10)
        resonant = abs(angle - 2 * np.pi / 3) < 1e-9
        expected = np.nan if resonant else 2 * c / length**2
        np.testing.assert_allclose(found.coefficient, expected, rtol=1e-8)
        assert found.supercritical == (c < 0 and not resonant)
    with pytest.raises(ValueError, match=r"`gandyn\.circle`"):
        along(gd.continuation, make, found, (-0.1, 0.1))


def test_what_is_no_cycle_of_the_family_is_told(radial):
    branch, cycle = radial
    nothing = jax.jit(lambda x: gd.cycle(Logistic()(2.5), (x,), 2))(0.4)
    with pytest.raises(ValueError, match="a Cycle that was not found"):
        along(gd.continuation, Logistic(), nothing, (2.0, 3.0))
    with pytest.raises(ValueError, match=r"no cycle near `players` at the parameter -0\.4"):
        along(gd.continuation, RADIAL, cycle, (-0.4, 0.3))
    with pytest.raises(ValueError, match=r"no cycle near `players` at the parameter 3\.5"):
        along(gd.continuation, Logistic(), gd.cycle(Logistic()(3.83), (0.5,), 3), (3.5, 3.84))
    with pytest.raises(ValueError, match="one of rules, but `players` is a Cycle of a flow"):
        along(gd.continuation, Logistic(), cycle, (2.0, 3.0))
    with pytest.raises(ValueError, match="one of flows, but `players` is a Cycle of a rule"):
        along(gd.continuation, RADIAL, gd.cycle(Logistic()(3.2), (0.5,), 2), (-0.4, 0.3))
    with pytest.raises(ValueError, match="`start` must be left out"):
        along(gd.continuation, RADIAL, branch.bifurcations[0], (-0.4, 0.3), start=0.0)
    with pytest.raises(ValueError, match="family has no equilibrium or cycle"):
        along(gd.continuation, family(g0=0.1, w=1.0), branch.bifurcations[1], (-0.4, 0.3))
    # Without growth there is a circle of every radius.
    still = family()
    with pytest.raises(ValueError, match="there is a family of cycles"):
        along(gd.continuation, still, circle(1.0, 1.5, error=0.0), (0.0, 1.0))


def test_export_and_plot(radial):
    branch, _ = radial
    data = gd.to_xarray(branch)
    assert data.period.dims == ("point",)
    _, ax = plt.subplots()
    assert plots.continuation(branch, ax) is ax
    assert {line.get_linestyle() for line in ax.lines} >= {"-", "--"}
    assert sorted(ax.get_legend_handles_labels()[1]) == ["Hopf", "fold"]
    heights = np.concatenate([line.get_ydata() for line in ax.lines])
    assert np.max(heights) == np.max(branch.high[0][:, 0])
    assert np.min(heights) == np.min(branch.low[0][:, 0])
    plt.close("all")
