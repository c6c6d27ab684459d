"""Branches of equilibria and their bifurcations against normal forms and closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from generic import along

import gandyn as gd
from gandyn import plots
from gandyn.analyses.branches._branch import meet
from gandyn.analyses.branches._curves import equilibrium_curve
from gandyn.analyses.branches._switch import _crossing

pytestmark = pytest.mark.slow

SLOPE = 0.5  # f'(0) of the logistic loss
ORIGIN = (0.0, 0.0)


class Polynomial(gd.fields.AbstractField):
    """x' = sum_ij a_ij x^i p^j, for one player."""

    a: jax.Array
    p: jax.Array

    def __call__(self, players, key=None):
        x, a = players[0], self.a.astype(players[0].dtype)
        p, one = self.p.astype(x.dtype), jnp.ones_like(players[0])
        return (jnp.stack([one, x, x**2, x**3]) @ a @ jnp.stack([one, p, p**2]),)


class Polynomials(eqx.Module):
    """A family in p; the numbers are leaves, so that all families share one program."""

    a: jax.Array

    def __call__(self, p):
        return gd.flows.GradientFlow(Polynomial(self.a, p))


def family(**terms):
    """`family(x2p1=3.0)` is x' = 3 x^2 p."""
    a = np.zeros((4, 3))
    for name, value in terms.items():
        a[int(name[1]), int(name[3])] = value
    return Polynomials(jnp.asarray(a))


def followed(make, at, bounds, resolution=8, **options):
    return along(gd.continuation, make, at, bounds, resolution=resolution, **options)


def passed(branch):
    return [b.kind for b in branch.bifurcations]


def test_around_a_fold():
    branch = followed(family(x0p1=1.0, x2p0=-1.0), (1.0,), (-1.0, 1.0), start=1.0)
    x = np.asarray(branch.players[0])
    np.testing.assert_allclose(x**2, branch.parameter, atol=1e-14)
    np.testing.assert_allclose(np.asarray(branch.exponents)[:, 0], -2 * x, atol=1e-14)
    np.testing.assert_array_equal(branch.stable, x > 0)
    assert sorted(x[[0, -1]]) == [-1, 1]
    assert passed(branch) == ["fold"]
    assert abs(branch.bifurcations[0].parameter) < 1e-12
    assert branch.ends == ("left the bounds at 1", "started at 1")


def test_an_s_has_two_folds_and_a_circle_closes():
    curve = followed(family(x0p1=1.0, x1p0=1.0, x3p0=-1.0), (-1.3,), (-1.0, 1.0))
    folds = [float(b.parameter) for b in curve.bifurcations]
    assert passed(curve) == ["fold", "fold"]
    np.testing.assert_allclose(folds, np.array([2, -2]) / 3**1.5, atol=1e-12)
    x = np.asarray(curve.players[0])
    np.testing.assert_allclose(curve.parameter, x**3 - x, atol=1e-13)
    np.testing.assert_allclose([x[0] ** 3 - x[0], x[-1] ** 3 - x[-1]], [-1, 1], atol=1e-14)

    make = family(x0p0=1.0, x0p2=-1.0, x2p0=-1.0)
    circle = followed(make, (1.0,), (-2.0, 2.0), resolution=32, start=0.0)
    assert circle.ends == ("closed on itself",) * 2
    x, p = np.asarray(circle.players[0]), np.asarray(circle.parameter)
    np.testing.assert_allclose(x**2 + p**2, 1, atol=1e-13)
    assert sorted(round(float(b.parameter), 12) for b in circle.bifurcations) == [-1, 1]
    assert passed(circle) == ["fold", "fold"]
    # All the way around, and once.
    turn = np.ptp(np.unwrap(np.arctan2(p, x)))
    assert 2 * np.pi - 0.2 < turn < 2 * np.pi + 0.2


@pytest.mark.parametrize("place", [0.0, 0.37])
def test_branch_points_are_told_apart(place):
    # x ((p - place) - x^n): n = 2 a pitchfork, n = 1 an exchange of stability.
    pitchfork = family(x1p1=1.0, x1p0=-place, x3p0=-1.0)
    exchange = family(x1p1=1.0, x1p0=-place, x2p0=-1.0)
    linear = family(x1p1=1.0, x1p0=-place)
    outer = (float(np.sqrt(1 - place)),)
    for make, start, players, kind in (
        (pitchfork, -1.0, (0.0,), "pitchfork"),
        (pitchfork, 1.0, outer, "pitchfork"),
        (exchange, -1.0, (0.0,), "transcritical"),
        (linear, -1.0, (0.0,), "branch point"),
    ):
        branch = followed(make, players, (-1.0, 1.0), start=start)
        assert passed(branch) == [kind]
        np.testing.assert_allclose(branch.bifurcations[0].parameter, place, atol=1e-10)
        np.testing.assert_allclose(branch.bifurcations[0].players[0], 0, atol=1e-6)
    # The outer branch is stable on both sides of its vertex, and comes back.
    outer = followed(pitchfork, outer, (-1.0, 1.0), start=1.0)
    x, p = np.asarray(outer.players[0]), np.asarray(outer.parameter)
    np.testing.assert_allclose(x**2, p - place, atol=1e-12)
    np.testing.assert_allclose(p[[0, -1]], 1)
    assert outer.stable.sum() >= len(outer.stable) - 1


def test_the_branch_that_crosses():
    # x (p - x^2) and x (p - x): from either branch the other one, both ways.
    pitchfork, exchange = family(x1p1=1.0, x3p0=-1.0), family(x1p1=1.0, x2p0=-1.0)
    for make, other, players in (
        (pitchfork, lambda x: x**2, (0.9**0.5,)),
        (exchange, lambda x: x, (-1.0,)),
    ):
        trivial = followed(make, (0.0,), (-1.0, 0.9))
        (found,) = trivial.bifurcations
        cubic = -1 if make is pitchfork else np.nan
        np.testing.assert_allclose(found.coefficient, cubic, atol=1e-9)
        branch = followed(make, found, (-1.0, 0.9))
        np.testing.assert_allclose(
            branch.parameter, other(np.asarray(branch.players[0])), atol=1e-9
        )
        assert passed(branch) == []
        ends = np.asarray(branch.parameter)[[0, -1]]
        np.testing.assert_allclose(ends, [0.9, 0.9] if make is pitchfork else [-1, 0.9])
        start = 0.9 if make is pitchfork else -1.0
        outer = followed(make, players, (-1.0, 0.9), start=start)
        back = followed(make, outer.bifurcations[0], (-1.0, 0.9))
        np.testing.assert_allclose(back.players[0], 0, atol=1e-6)
        np.testing.assert_allclose(np.asarray(back.parameter)[[0, -1]], [-1, 0.9])
    fold = family(x0p1=1.0, x2p0=-1.0)
    branch = followed(fold, (1.0,), (-1.0, 1.0), start=1.0)
    with pytest.raises(ValueError, match="the only one there"):
        followed(fold, branch.bifurcations[0], (-1.0, 1.0))
    with pytest.raises(ValueError, match="the parameter of the bifurcation"):
        followed(fold, branch.bifurcations[0], (0.5, 1.0))


class Plane(gd.fields.AbstractField):
    """z' = (A + p B) z + f(z), for two players of a number each, f of second and third order."""

    p: jax.Array
    a: jax.Array
    b: jax.Array
    f: jax.Array

    def __call__(self, players, key=None):
        x, y = players
        terms = jnp.stack([x**2, x * y, y**2, x**3, x**2 * y, x * y**2, y**3])
        z = jnp.stack(players)
        return tuple((self.a + self.p * self.b) @ z + self.f @ terms)


class Planes(eqx.Module):
    """Their flows, in p; or, if there is a step size s + p t, steps along them."""

    a: jax.Array
    b: jax.Array
    f: jax.Array
    step: jax.Array | None

    def __call__(self, p):
        field = Plane(p, self.a, self.b, self.f)
        if self.step is None:
            return gd.flows.GradientFlow(field)
        return gd.rules.Descend(field, self.step[0] + p * self.step[1])


def plane(a=((0, 0), (0, 0)), b=((0, 0), (0, 0)), f=((0,) * 7, (0,) * 7), step=None):
    return Planes(*(None if v is None else jnp.asarray(v, float) for v in (a, b, f, step)))


def turning(w, f):
    """x' = p x - w y + f, y' = w x + p y + g."""
    return plane([[0, -w], [w, 0]], np.eye(2), f)


def test_hopf_and_a_pitchfork_on_a_bent_manifold():
    """r' = p r - r^3, turned; and a pitchfork whose cubic term comes from a second, quick
    variable."""
    make = turning(1.7, [[0, 0, 0, -1, 0, -1, 0], [0, 0, 0, 0, -1, 0, -1]])
    branch = followed(make, ORIGIN, (-0.9, 1.0))
    assert passed(branch) == ["Hopf"]
    (hopf,) = branch.bifurcations
    np.testing.assert_allclose([hopf.parameter, hopf.exponent], [0, 1.7j], atol=1e-11)
    make = plane([[0, 0], [0, -1]], [[1, 0], [0, 0]], [[0, -1] + [0] * 5, [1] + [0] * 6])
    bent = followed(make, ORIGIN, (-0.9, 1.0))
    assert passed(bent) == ["pitchfork"]
    assert abs(bent.bifurcations[0].parameter) < 1e-11


class Copies(gd.fields.AbstractField):
    """u' = (r p - s + i w + c |u|^2) u for several u at once, complex or, of one player, real."""

    p: jax.Array
    rate: jax.Array
    shift: jax.Array
    turn: jax.Array
    cubic: jax.Array

    def __call__(self, players, key=None):
        growth = self.rate * self.p - self.shift + self.cubic * sum(x**2 for x in players)
        if len(players) == 1:
            return (growth * players[0],)
        x, y = players
        return growth * x - self.turn * y, growth * y + self.turn * x


class Symmetric(eqx.Module):
    terms: tuple

    def __call__(self, p):
        return gd.flows.GradientFlow(Copies(p, *self.terms))


def copies(turn, cubic, rate=(1.0, 1.0), shift=(0.0, 0.0)):
    return Symmetric(tuple(jnp.asarray(v, float) for v in (rate, shift, turn or (0, 0), cubic)))


@pytest.mark.parametrize(
    ("turn", "cubic", "others", "kind", "crossing"),
    [
        (None, (-1, 1), {}, "branch point", 2),  # a pitchfork each way
        (None, (-1, -1), {}, "branch point", 2),
        (None, (-1, -1), {"rate": (1.0, 3.0)}, "branch point", 2),
        (None, (-1, 1), {"rate": (1.0, 0.0)}, "branch point", 2),  # one of them neutral all along
        ((1, 1), (-2, 6), {}, "Hopf", 4),
        ((1, 2.5), (-2, 6), {}, "Hopf", 4),
        ((0.3, 0.3), (6, -2), {"rate": (2.0, 1.0)}, "Hopf", 4),
    ],
)
def test_exponents_that_cross_together_have_no_single_coefficient(
    turn, cubic, others, kind, crossing
):
    make = copies(turn, cubic, **others)
    rest = (jnp.zeros(2),) if turn is None else (jnp.zeros(2), jnp.zeros(2))
    branch = followed(make, rest, (-0.9, 1.0))
    (found,) = branch.bifurcations
    assert (found.kind, int(found.crossing), found.simple) == (kind, crossing, False)
    assert jnp.isnan(found.coefficient)
    assert not found.supercritical
    np.testing.assert_allclose(found.parameter, 0, atol=1e-10)
    with pytest.raises(ValueError, match=f"{crossing} exponents are on the edge there together"):
        followed(make, found, (-0.9, 1.0))


def test_exponents_that_cross_one_after_the_other_have_one_each():
    for turn, kind in ((None, "pitchfork"), ((1.0, 1.0), "Hopf")):
        make = copies(turn, (-2, 6), shift=(0.0, 1e-3))
        rest = (jnp.zeros(2),) if turn is None else (jnp.zeros(2), jnp.zeros(2))
        branch = followed(make, rest, (-0.9, 1.0))
        assert passed(branch) == [kind] * 2
        places = [float(b.parameter) for b in branch.bifurcations]
        np.testing.assert_allclose(places, [0, 1e-3], atol=1e-10)
        assert all(b.simple for b in branch.bifurcations)
        one = 1 if turn is None else 2  # for a Hopf bifurcation with v = (1, -i) / sqrt(2), r^2 x 2
        coefficients = [float(b.coefficient) for b in branch.bifurcations]
        np.testing.assert_allclose(coefficients, np.array([-2, 6]) * one, rtol=1e-6)


class Published(gd.fields.AbstractField):
    """Lorenz' equations in r, with 10 and 8/3, and coordinates in other units."""

    r: jax.Array
    units: jax.Array

    def __call__(self, players, key=None):
        x, y, z = players[0] / self.units
        return (self.units * jnp.stack([10 * (y - x), x * (self.r - z) - y, x * y - 8 * z / 3]),)


class Lorenz(eqx.Module):
    units: jax.Array

    def __call__(self, r):
        return gd.flows.GradientFlow(Published(r, self.units))


@pytest.mark.parametrize("units", [(1.0, 1.0, 1.0), (1e3, 1.0, 0.1)])
def test_both_branches_of_lorenz_in_few_points(units):
    """AUTO takes 45. Hopf bifurcations at 10 (10 + 8/3 + 3) / (10 - 8/3 - 1)."""
    make = Lorenz(jnp.asarray(units))
    published = units == (1.0, 1.0, 1.0)
    trivial = followed(make, (jnp.zeros(3),), (0.0, 30.0))
    assert passed(trivial) == ["pitchfork"]
    resolution = 32 if published else 8
    branch = followed(make, trivial.bifurcations[0], (0.0, 30.0), resolution)
    if published:
        assert len(branch.parameter) <= 90
    x, y, z = np.asarray(branch.players[0]).T / np.asarray(units)[:, None]
    r = np.asarray(branch.parameter)
    np.testing.assert_allclose(z, r - 1, atol=1e-9)
    np.testing.assert_allclose([x * y, x], [8 / 3 * (r - 1), y], atol=1e-7)
    assert passed(branch) == ["Hopf", "Hopf"]
    place = 10 * (10 + 8 / 3 + 3) / (10 - 8 / 3 - 1)
    np.testing.assert_allclose([float(b.parameter) for b in branch.bifurcations], place, rtol=1e-9)
    assert not any(b.supercritical for b in branch.bifurcations)


@pytest.mark.parametrize("length", [1.0, 1e3, 1e6])
def test_a_straight_line_of_any_length(length):
    """The generator that follows the mean of the data."""
    make = family(x0p1=1.0, x1p0=-1.0)
    for resolution in (10, 32):
        branch = followed(make, (0.0,), (0.0, length), resolution)
        np.testing.assert_allclose(branch.players[0], branch.parameter, rtol=1e-9, atol=1e-9)
        assert branch.ends == ("started at 0", f"left the bounds at {length:g}")
        assert resolution <= len(branch.parameter) <= max(2 * resolution, resolution + 25)


def test_a_cusp_in_few_points():
    """AUTO takes 47 for p + x - x^3 = 0."""
    for bound in (1.0, 2.0):
        start = float(np.roots([-1, 0, 1, -bound]).real.min())
        make = family(x0p1=1.0, x1p0=1.0, x3p0=-1.0)
        branch = followed(make, (start,), (-bound, bound), resolution=32)
        assert len(branch.parameter) <= 94
        assert passed(branch) == ["fold", "fold"]
        folds = [float(b.parameter) for b in branch.bifurcations]
        np.testing.assert_allclose(folds, np.array([2, -2]) / 3**1.5, atol=1e-12)


def guckenheimer_holmes(w, f, g):
    """r' = a r^3, formula (3.4.11) of their book, by the partial derivatives of f and g."""
    fxx, fxy, fyy, fxxx, _, fxyy, _ = f * np.array([2, 1, 2, 6, 2, 2, 6])
    gxx, gxy, gyy, _, gxxy, _, gyyy = g * np.array([2, 1, 2, 6, 2, 2, 6])
    mixed = fxy * (fxx + fyy) - gxy * (gxx + gyy) - fxx * gxx + fyy * gyy
    return (fxxx + fxyy + gxxy + gyyy) / 16 + mixed / (16 * w)


@pytest.mark.parametrize("seed", range(4))
def test_first_lyapunov_coefficient_with_quadratic_terms(seed):
    """They can turn a supercritical Hopf bifurcation into a subcritical one. A disturbance r (e v +
    e* v*) with v of length 1 is at the distance r sqrt(2)."""
    rng = np.random.default_rng(seed)
    w, f, g = rng.uniform(0.5, 3), rng.normal(size=7), rng.normal(size=7)
    (hopf,) = followed(turning(w, [f, g]), ORIGIN, (-0.4, 0.5), resolution=4).bifurcations
    expected = 2 * guckenheimer_holmes(w, f, g)
    np.testing.assert_allclose(hopf.coefficient, expected, rtol=1e-6)
    assert bool(hopf.supercritical) == (expected < 0)


@pytest.mark.parametrize("small", [1.0, 1e-2, 1e-3])
def test_a_small_quadratic_term_makes_an_exchange_of_stability(small):
    branch = followed(family(x1p1=1.0, x2p0=-small, x3p0=-1.0), (0.0,), (-0.9, 1.0))
    assert passed(branch) == ["transcritical"]
    assert jnp.isnan(branch.bifurcations[0].coefficient)


@pytest.mark.parametrize("slope", [0.2, 1.0, -3.0])
def test_the_direction_of_the_branch_that_crosses(slope):
    """Of x (p - slope x) = 0, from either branch."""
    make = family(x1p1=1.0, x2p0=-slope)
    curve = equilibrium_curve(
        make, gd.State((jnp.asarray(0.0),)), (jnp.asarray(-2.0), jnp.asarray(3.0)), None
    )
    u = curve.point(jnp.zeros(1), jnp.asarray(0.0))
    trivial, outer = (curve.scaled(np.asarray(d)) for d in ([0.0, 1.0], [1.0, slope]))
    for known, other in ((trivial, outer), (outer, trivial)):
        known = known / np.linalg.norm(known)
        found, _ = meet(curve, u, known)
        way = _crossing(curve, u, np.asarray(found.matrix), known)
        cross = way[0] * other[1] - way[1] * other[0]
        assert abs(cross) < 1e-9 * np.linalg.norm(other)


def test_steps_on_the_dirac_gan():
    """With R1 of strength gamma, whose linear part is that of simultaneous steps h."""

    def pass_by(gamma):
        make = plane([[0, -SLOPE], [SLOPE, -gamma]], step=(0, 1))
        branch = followed(make, ORIGIN, (0.1, 12.0), resolution=10)
        assert branch.unit == "step"
        return passed(branch), [float(b.parameter) for b in branch.bifurcations]

    kinds, steps = pass_by(0.3)
    assert kinds == ["Neimark-Sacker"]
    np.testing.assert_allclose(steps, 0.3 / SLOPE**2, atol=1e-10)
    # Two real multipliers pass -1, one after the other.
    kinds, steps = pass_by(1.5)
    assert kinds == ["period doubling"] * 2
    apart = np.sqrt(1.5**2 - 4 * SLOPE**2)
    np.testing.assert_allclose(steps, np.array([1.5 - apart, 1.5 + apart]) / SLOPE**2, atol=1e-9)


def test_a_branch_that_is_reached_in_one_step():
    branch = followed(
        lambda p: gd.rules.Project(lambda players: (p + 0 * players[0],)),
        (0.0,),
        (-1.0, 1.0),
        resolution=5,
    )
    np.testing.assert_allclose(branch.players[0], branch.parameter, atol=1e-12)
    exponents = np.asarray(branch.exponents)
    np.testing.assert_array_equal(exponents.real, -np.inf)
    assert not np.any(np.isnan(exponents))
    assert np.all(branch.stable)


def test_where_a_branch_ends_is_said_in_words():
    with pytest.raises(ValueError, match=r"no equilibrium near `players` at the parameter -1"):
        followed(family(x0p1=1.0, x2p0=-1.0), (1.0,), (-1.0, 1.0))
    # x = 1 / p has no end, and no p either.
    with pytest.warns(UserWarning, match="was given up after 12 points.*`max_points`"):
        branch = followed(
            family(x0p0=1.0, x1p1=-1.0),
            (1.0,),
            (-1.0, 1.0),
            start=1.0,
            max_points=12,
        )
    inverse = np.asarray(branch.players[0]) * np.asarray(branch.parameter)
    np.testing.assert_allclose(inverse, 1, rtol=1e-12)

    def corner(p):
        return gd.flows.GradientFlow(gd.fields.Custom(lambda z: (jnp.sqrt(p) - z[0],)))

    with pytest.warns(UserWarning, match="was lost at"):
        branch = followed(corner, (1.0,), (-1.0, 1.0), start=1.0)
    assert np.min(branch.parameter) >= 0


def test_precision_export_and_plot():
    make = family(x0p1=1.0, x2p0=-1.0)
    single = followed(make, (jnp.float32(1),), (-1.0, 1.0), start=1.0)
    assert single.players[0].dtype == jnp.float32
    assert passed(single) == ["fold"]
    assert abs(single.bifurcations[0].parameter) < 1e-5
    data = gd.to_xarray(single)
    assert data.exponents.dims == ("point", "mode")
    assert data.sizes["point"] == len(single.parameter)
    _, ax = plt.subplots()
    assert plots.continuation(single, ax) is ax
    assert {line.get_linestyle() for line in ax.lines} >= {"-", "--"}
    assert ax.get_legend_handles_labels()[1] == ["fold"]
    assert plots.continuation(single).get_xlabel() == single.name
    plt.close("all")


C, S = np.cos(np.pi / 20), np.sin(np.pi / 20)
OPPOSITE = {
    "decoupled": plane(b=[[1, 0], [0, -1]]),
    "in steps": plane(b=[[1, 0], [0, -1]], step=(0.3, 0)),
    # Of directions that are a tenth of a right angle apart.
    "nearly parallel": plane(b=[[1, -2 * C / S], [0, -1]]),
    "symmetric": plane(b=[[0, 1], [1, 0]]),
}


@pytest.mark.parametrize("name", OPPOSITE)
def test_one_exponent_up_and_one_down_at_one_place(name):
    """As many grow before as after, but not the same."""
    branch = followed(OPPOSITE[name], ORIGIN, (-1.0, 0.7), resolution=4)
    (found,) = branch.bifurcations
    assert found.kind == "branch point"
    assert found.crossing == 2
    np.testing.assert_allclose(found.parameter, 0, atol=1e-7)


def test_one_exponent_up_and_one_down_within_a_step():
    make = plane([[-0.013, 0], [0, -0.017]], [[1, 0], [0, -1]])
    branch = followed(make, ORIGIN, (-1.0, 0.7), resolution=2)
    np.testing.assert_allclose([b.parameter for b in branch.bifurcations], [-0.017, 0.013])


def test_what_grows_may_change_its_direction():
    """Exponents 1 and -1 all along, of directions that go round: nothing crosses."""

    def rotating(p):
        c, s = jnp.cos(4 * p), jnp.sin(4 * p)
        field = gd.fields.Custom(lambda z: (c * z[0] + s * z[1], s * z[0] - c * z[1]))
        return gd.flows.GradientFlow(field)

    assert not followed(rotating, ORIGIN, (-1.0, 0.7), resolution=4).bifurcations
