"""The modified flow of a rule: published coefficients, and the order of its error, measured."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from generic import GENERAL, START, START_OF_THREE, THREE, assert_close, random_quadratic

import gandyn as gd
from gandyn import methods

pytestmark = pytest.mark.slow

FINE = gd.flows.Integrator(rtol=1e-12, atol=1e-14)


@jax.jit
def fields_and_blocks(players):
    """v_i and J_ij v_j for the two players of `GENERAL`, by hand."""
    v = gd.fields.Gradient(GENERAL)(players)
    J = jax.jacfwd(gd.fields.Gradient(GENERAL))(players)
    return v, [[J[i][j] @ v[j] for j in range(2)] for i in range(2)]


@eqx.filter_jit
def drift(rule):
    """The modified velocity at `START`."""
    return gd.flows.modified(rule).velocity(gd.State(START)).players


@pytest.mark.parametrize(("a", "l"), [(1.0, 1.0), (1.0, 2.5), (0.7, 1.6)])
def test_simultaneous_drift_has_the_published_coefficients(a, l):
    """One time for both players: a f - (h/2)(a^2 f_p f + a l f_t g), and so for the other."""
    h = 0.1
    (f, g), ((ff, fg), (gf, gg)) = fields_and_blocks(START)
    rule = methods.simultaneous(GENERAL, (a * h, l * h))
    found = drift(rule)
    expected = (
        h * (a * f - h / 2 * (a**2 * ff + a * l * fg)),
        h * (l * g - h / 2 * (l**2 * gg + a * l * gf)),
    )
    assert_close(found, expected)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(
    ("a", "l", "m", "k"), [(1.0, 1.0, 1, 1), (1.0, 2.5, 1, 1), (0.7, 1.6, 3, 2)]
)
def test_alternating_drift_has_the_published_coefficients(a, l, m, k, first):
    """Player `first` makes m updates of a h / m, the other then k of l h / k. The published terms
    are those of h^2; the rest of the difference is of h^3."""

    def error(h):
        steps, repeats = ((a * h / m, l * h / k), (m, k))
        if first == 1:
            steps, repeats = steps[::-1], repeats[::-1]
        rule = methods.alternating(GENERAL, steps, repeats, order=(first, 1 - first))
        found = drift(rule)
        v, blocks = fields_and_blocks(START)
        p, t = first, 1 - first
        expected = {
            p: h * a * v[p] - h**2 / 2 * (a**2 * blocks[p][p] / m + a * l * blocks[p][t]),
            t: h * l * v[t] - h**2 / 2 * (l**2 * blocks[t][t] / k - a * l * blocks[t][p]),
        }
        return max(float(jnp.max(jnp.abs(found[i] - expected[i]))) for i in (0, 1))

    errors = [error(h) for h in (2e-3, 1e-3)]
    assert abs(np.log2(errors[0] / errors[1]) - 3) < 0.05


@pytest.mark.parametrize(
    ("alternate", "a", "l", "m", "k"), [(False, 1.0, 2.5, 1, 1), (True, 0.7, 1.6, 3, 2)]
)
def test_published_fields_are_read_at_different_times(alternate, a, l, m, k):
    """Rosca et al. 2021 write one field for both players, follow it for a h to read the first and
    for l h to read the second. So read it is as close as the modified flow, which has one time for
    both; read at one time, with unequal rates, it is no closer than the plain flow."""
    mixed = 1 - 2 * a / l if alternate else 1

    @jax.jit
    def errors(h):
        def published(*players):
            v, blocks = fields_and_blocks(players)
            return (
                v[0] - a * h / 2 * (blocks[0][0] / m + blocks[0][1]),
                v[1] - l * h / 2 * (mixed * blocks[1][0] + blocks[1][1] / k),
            )

        steps = (a * h / m, l * h / k)
        rule = (
            methods.alternating(GENERAL, steps, (m, k), order=(0, 1))
            if alternate
            else methods.simultaneous(GENERAL, steps)
        )
        end = rule.step(rule.init(START)).players
        at_two_times = (
            _followed(published, (a * h, a * h))[0],
            _followed(published, (l * h, l * h))[1],
        )
        at_once = _followed(published, (a * h, l * h))
        return jnp.stack(
            [jnp.linalg.norm(jnp.stack(z) - jnp.stack(end)) for z in (at_two_times, at_once)]
        )

    orders = jnp.log2(errors(4e-3) / errors(2e-3))
    np.testing.assert_allclose(orders, [3, 2], atol=0.1)


def _followed(field, scales):
    """Where the flow of the field, times one number per player, is at time 1, up to O(scale^5): the
    classic Runge-Kutta step."""

    def moved(c, slope):
        return tuple(x + c * r * v for x, r, v in zip(START, scales, slope, strict=True))

    one = field(*START)
    two = field(*moved(1 / 2, one))
    three = field(*moved(1 / 2, two))
    four = field(*moved(1, three))
    return moved(
        1 / 6, jax.tree.map(lambda a, b, c, d: a + 2 * b + 2 * c + d, one, two, three, four)
    )


def test_equal_rates_are_the_published_implicit_losses():
    """Zero-sum E, simultaneous: -E + (h/4)|E_p|^2 - (h/4)|E_t|^2 for the one who maximizes E,
    E - (h/4)|E_p|^2 + (h/4)|E_t|^2 for the other."""
    h = 0.1

    def E(p, t):
        return jnp.sum(jnp.sin(p) * t) + 0.2 * jnp.sum(p**2) * jnp.sum(t**3)

    game = gd.games.Custom(lambda z, key: (-E(*z), E(*z)))

    def implicit(z, key):
        p, t = (jnp.sum(jax.grad(E, i)(*z) ** 2) for i in (0, 1))
        return -E(*z) + h / 4 * (p - t), E(*z) - h / 4 * (p - t)

    found = drift(methods.simultaneous(game, h))
    expected = gd.fields.Gradient(gd.games.Custom(implicit))(START)
    assert_close(found, jax.tree.map(lambda x: h * x, expected))


def test_linear_modified_flow_starts_the_logarithm():
    """f = (h J - (h J)^2/2) z, the first terms of log(1 + h J) z."""
    game, _, J, _ = random_quadratic()
    z = (jnp.array([0.3, -1.0]), jnp.array([0.5, 0.2, -0.8]))
    found = gd.flows.modified(methods.simultaneous(game, 0.2)).velocity(gd.State(z)).players
    hJ = 0.2 * J
    np.testing.assert_allclose(
        np.concatenate(found), (hJ - hJ @ hJ / 2) @ np.concatenate(z), atol=1e-14
    )


def test_the_order_of_play_alone_decides_stability():
    """x' = -eps x + y, y' = -x - eps y with eps = 0.09, h = 0.2: simultaneous steps drift out,
    alternating ones in, the flow in; the modified flows say so."""
    eps, h = 0.09, 0.2
    game = gd.games.quadratic([[-eps, 1.0], [-1.0, -eps]])
    origin = game.equilibria()[0]
    sim = gd.flows.modified(methods.simultaneous(game, h))
    alt = gd.flows.modified(methods.alternating(game, h, order=(0, 1)))
    np.testing.assert_allclose(
        gd.jacobian(sim, origin) / h, [[0.00919, 1.018], [-1.018, 0.00919]], atol=1e-12
    )
    assert not gd.spectrum(sim, origin).stable
    assert gd.spectrum(alt, origin).stable
    assert gd.spectrum(gd.flows.GradientFlow(gd.fields.Gradient(game)), origin).stable


RULES = {
    "simultaneous": lambda g, h: methods.simultaneous(g, h),
    "alternating": lambda g, h: methods.alternating(g, h),
    "alternating, repeats": lambda g, h: methods.alternating(g, (h / 2, h / 3), (2, 3)),
    "extragradient": lambda g, h: methods.extragradient(g, h),
    "proximal point": lambda g, h: methods.proximal_point(g, h),
    "consensus": lambda g, h: methods.consensus(g, h, 0.5),
    "symplectic": lambda g, h: methods.symplectic(g, h, 0.5),
    "competitive": lambda g, h: methods.competitive(g, h),
    "unrolled": lambda g, h: methods.unrolled(g, h, 2, 0.2),
    "lookahead": lambda g, h: methods.lookahead(methods.simultaneous(g, h / 2), 2, 0.7),
}


def _follow(velocity, z):
    """One unit of time by one classical Runge-Kutta step: h is small, and its error is O(h^5)."""

    def stage(slope, c):
        slope = velocity(jax.tree.map(lambda z, k: z + c * k, z, slope))
        return slope, slope

    still = jax.tree.map(jnp.zeros_like, z)
    _, slopes = jax.lax.scan(stage, still, jnp.array([0, 1 / 2, 1 / 2, 1]))
    weights = jnp.array([1, 2, 2, 1]) / 6
    return jax.tree.map(lambda z, k: z + jnp.tensordot(weights, k, 1), z, slopes)


def _orders(build, game, start, terms=(2,)):
    """The orders in h with which one step leaves the flow that it discretizes, and the modified
    flows of so many terms."""

    @jax.jit
    def errors(h):
        rule = build(game, h)
        end = rule.step(gd.State(start)).players

        def plain(z):  # the direction of the rule itself: its derivative in h at h = 0
            return jax.jvp(lambda h: build(game, h).step(gd.State(z)).players, (0.0,), (h,))[1]

        def modified(order):
            flow = gd.flows.modified(rule, order=order)
            return lambda z: flow.velocity(gd.State(z)).players

        def distance(velocity):
            gaps = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b)), _follow(velocity, start), end)
            return jnp.max(jnp.stack(gaps))

        return jnp.stack([distance(velocity) for velocity in (plain, *map(modified, terms))])

    return np.log2(np.asarray(errors(0.02)) / np.asarray(errors(0.01)))


SMOOTH = ("alternating", "extragradient")


@pytest.mark.parametrize("name", RULES)
def test_every_term_of_the_modified_flow_is_one_order(name):
    terms = (1, 2, 3) if name in SMOOTH else (2,)
    plain, *found = _orders(RULES[name], GENERAL, START, terms)
    assert abs(plain - 2) < 0.2
    np.testing.assert_allclose(found, np.array(terms) + 1, atol=0.2)


@pytest.mark.parametrize("name", ["simultaneous", "competitive"])
def test_modified_flow_of_three_players_is_one_order_closer(name):
    np.testing.assert_allclose(_orders(RULES[name], THREE, START_OF_THREE), [2, 3], atol=0.2)


def test_modified_flow_follows_a_long_run_one_order_closer():
    """Over a fixed time the error is O(h^2), where that of the plain flow is O(h)."""

    def error(h):
        rule = methods.alternating(GENERAL, h)
        n = round(0.4 / h)
        end = gd.simulate(rule, START, np.array([0, n])).final.players
        flow = gd.flows.modified(rule, FINE)
        near = gd.simulate(flow, START, np.array([0.0, float(n)])).final.players
        return float(jnp.max(jnp.abs(jnp.stack(near) - jnp.stack(end))))

    assert abs(np.log2(error(0.02) / error(0.01)) - 2) < 0.2


def test_linear_logarithm_has_its_third_term():
    game, _, J, _ = random_quadratic()
    z = (jnp.array([0.3, -1.0]), jnp.array([0.5, 0.2, -0.8]))
    flow = gd.flows.modified(methods.simultaneous(game, 0.2), order=3)
    found = flow.velocity(gd.State(z)).players
    M = 0.2 * J
    np.testing.assert_allclose(
        np.concatenate(found), (M - M @ M / 2 + M @ M @ M / 3) @ np.concatenate(z), atol=1e-14
    )


@pytest.mark.parametrize(("name", "order"), [("proximal point", 3), ("extragradient", 2)])
def test_resolved_to_first_order_methods_damp_what_gradient_steps_drive(name, order):
    """v - (h/2) J v for simultaneous steps, v + (h/2) J v for extragradient and the proximal point
    (Lu 2022), up to O(h^2) or better."""
    v, blocks = fields_and_blocks(START)
    Jv = tuple(row[0] + row[1] for row in blocks)

    def error(h):
        found = drift(RULES[name](GENERAL, h))
        rest = [f / h - v - h / 2 * j for f, v, j in zip(found, v, Jv, strict=True)]
        return float(jnp.max(jnp.abs(jnp.stack(rest))))

    assert abs(np.log2(error(2e-3) / error(1e-3)) - order) < 0.05


def test_orders_that_there_are_not_are_errors():
    for order in (0, 4):
        with pytest.raises(ValueError, match="`order` must be"):
            gd.flows.modified(methods.simultaneous(GENERAL, 0.1), order=order)


def test_modified_flow_is_mapped_and_differentiated():
    def end(h):
        flow = gd.flows.modified(methods.alternating(GENERAL, h))
        final = gd.simulate(flow, START, np.array([0.0, 3.0])).final.players
        return jnp.sum(final[0] ** 2)

    sizes = jnp.array([0.05, 0.1, 0.1 + 1e-5, 0.1 - 1e-5])
    ends = jax.jit(jax.vmap(end))(sizes)
    value, slope = jax.jit(jax.value_and_grad(end))(0.1)
    np.testing.assert_allclose(value, ends[1], rtol=1e-8)
    np.testing.assert_allclose(slope, (ends[2] - ends[3]) / 2e-5, rtol=1e-5)


def test_modified_flow_keeps_single_precision():
    single = jax.tree.map(lambda x: x.astype(jnp.float32), START)
    flow = gd.flows.modified(methods.competitive(GENERAL, 0.1))
    final = gd.simulate(flow, single, np.array([0.0, 2.0])).final.players
    assert {x.dtype for x in final} == {jnp.dtype(jnp.float32)}


@pytest.mark.parametrize(
    "rule",
    [
        methods.negative_momentum(GENERAL, 0.1),
        methods.optimistic(GENERAL, 0.1),
        methods.simultaneous(GENERAL, optax.adam(0.1)),
        methods.simultaneous(GENERAL, (0.1, optax.sgd(0.1, momentum=0.9))),
        methods.lookahead(methods.optimistic(GENERAL, 0.1), 2, 0.5),
    ],
)
def test_modified_flow_of_a_rule_with_memory_is_an_error_at_once(rule):
    with pytest.raises(ValueError, match=r"`rule` must have no memory.*remembers"):
        gd.flows.modified(rule)


def test_modified_flow_of_a_flow_with_inertia_is_an_error_once_there_are_players():
    rule = gd.rules.TimeMap(gd.flows.MomentumFlow(gd.fields.Gradient(GENERAL), 1.0), 0.1)
    flow = gd.flows.modified(rule)
    with pytest.raises(ValueError, match="must have no memory"):
        gd.simulate(flow, START, np.array([0.0, 1.0]))


def test_modified_flow_of_a_flow_is_an_error():
    with pytest.raises(TypeError, match="rules"):
        gd.flows.modified(gd.flows.GradientFlow(gd.fields.Gradient(GENERAL)))
