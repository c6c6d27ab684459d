"""Fields, maps and step sizes that are functions of the user's, and methods of any field."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from generic import GENERAL, START, assert_close, one_step
from numpy.testing import assert_allclose
from scipy.linalg import expm

import gandyn as gd
from gandyn import methods, theory
from gandyn.fields import Consensus, Gradient, Mirror
from gandyn.flows import GradientFlow

SIZES = (2, 1)
J = np.array([[-0.3, 0.9, -0.4], [-0.7, 0.2, 0.5], [0.8, 0.1, -0.2]])  # of no game: not symmetric

# What methods ask for beside a step, and those that ask for losses or for mixed strategies.
HYPER = {"consensus": {"strength": 0.3}, "unrolled": {"unroll": 2, "inner_step": 0.1}}
OF_LOSSES = {"lola", "sos", "stackelberg", "unrolled", "best_response"}
OF_STRATEGIES = {"hedge", "fictitious_play", "best_response"}
OF_A_FIELD = sorted(set(methods.__all__) - OF_LOSSES - OF_STRATEGIES - {"lookahead"})


def turned(players):
    """v(z) = J z, a field that is nobody's gradient."""
    z = jnp.concatenate(players)
    v = jnp.asarray(J, z.dtype) @ z
    return v[:2], v[2:]


# A field in place of a game


def test_every_method_is_of_a_field_or_of_losses():
    assert len(OF_A_FIELD) >= 18
    for name in methods.__all__:
        first = next(iter(inspect.signature(getattr(methods, name)).parameters))
        assert first == ("rule" if name == "lookahead" else "game")


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_A_FIELD)
def test_a_method_of_a_game_is_the_method_of_its_gradient(name):
    method, hyper = getattr(methods, name), HYPER.get(name, {})
    plain = one_step(method(GENERAL, 0.1, **hyper), START)
    assert_close(one_step(method(Gradient(GENERAL), 0.1, **hyper), START), plain)
    assert max(float(jnp.abs(a - b).max()) for a, b in zip(plain, START, strict=True)) > 1e-3


@pytest.mark.parametrize("name", ["hedge", "fictitious_play"])
def test_a_method_in_strategies_is_one_of_its_field(name):
    game, start = gd.games.finite([[1.0, -2.0], [-1.0, 3.0]]), (jnp.array([0.3, 0.1]),) * 2
    steps = (0.1,) if name == "hedge" else ()
    one, other = (getattr(methods, name)(g, *steps) for g in (game, Gradient(game)))
    assert_close(one_step(one, start), one_step(other, start))


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize("name", sorted(OF_LOSSES))
def test_what_asks_for_losses_says_so_of_a_field(name):
    more = {"actions": (2, 2)} if name == "best_response" else {"step_size": 0.1}
    with pytest.raises(TypeError, match="needs its losses, but is a Gradient"):
        getattr(methods, name)(Gradient(GENERAL), **more, **HYPER.get(name, {}))


@pytest.mark.usefixtures("as_installed")
def test_what_is_neither_a_game_nor_a_field_is_refused():
    with pytest.raises(TypeError, match="`game` must be a game or a field, but is 3"):
        methods.extragradient(3, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alternating", "extragradient", "proximal_point", "consensus"])
def test_maps_of_fields_that_are_no_gradients(name):
    """A function of the user's, in the closed form of the method."""
    steps, hyper = (0.1, 0.3), HYPER.get(name, {})
    rule = getattr(methods, name)(gd.fields.Custom(turned), steps, **hyper)
    found = np.eye(3) + np.asarray(gd.jacobian(rule, (jnp.zeros(2), jnp.zeros(1))))
    assert_allclose(found, theory.METHODS[name].map(J, steps, SIZES, **hyper), atol=1e-12)


def test_alternating_mirror_descent_is_one_call():
    """The second player multiplies its weights first, the first one answers what it did."""
    payoff, h = np.array([[1.0, -2.0, 0.5], [-1.0, 3.0, 0.0]]), 0.3
    game = gd.games.finite(payoff)
    start = (jnp.array([0.2, -0.1]), jnp.array([0.3, 0.0, -0.5]))
    x, y = one_step(methods.alternating(Mirror(Gradient(game)), h), start)
    p, q = (np.exp(z) / np.exp(z).sum() for z in map(np.asarray, start))
    signs = np.sign([float(v) for v in (p @ payoff @ q, -game.losses((p, q))[0])])
    pays = signs[0] * signs[1] * payoff  # to the first player
    q = q * np.exp(-h * p @ pays)
    p = p * np.exp(h * pays @ (q / q.sum()))
    assert_allclose(jax.nn.softmax(y), q / q.sum(), rtol=1e-12)
    assert_allclose(jax.nn.softmax(x), p / p.sum(), rtol=1e-12)


def test_momentum_on_consensus_is_one_call():
    field, h, b = Consensus(Gradient(GENERAL), 0.3), 0.1, 0.5
    path = gd.simulate(methods.heavy_ball(field, h, b), START, np.arange(4)).players
    z, before = START, START
    for t in range(3):
        ahead = jax.tree.map(lambda z, v, w: z + h * v + b * (z - w), z, field(z), before)
        z, before = ahead, z
        assert_close(jax.tree.map(lambda x, t=t: x[t + 1], path), z)


# Functions of the players


@pytest.mark.slow
def test_any_ordinary_differential_equation_is_a_flow():
    flow = GradientFlow(gd.fields.Custom(turned), gd.flows.Integrator(rtol=1e-10, atol=1e-12))
    start = np.array([1.0, -0.5, 0.3])
    end = gd.simulate(flow, (start[:2], start[2:]), [0.0, 2.0]).final.players
    assert_allclose(np.concatenate(end), expm(2 * J) @ start, atol=1e-8)


def test_any_map_is_a_rule():
    """Arnold's cat: (x, y) -> (2 x + y, x + y)."""
    rule = gd.rules.Custom(lambda z: (2 * z[0] + z[1], z[0] + z[1]))
    end = gd.simulate(rule, (1.0, 0.0), np.array([0, 5])).final.players
    assert_allclose(end, np.linalg.matrix_power([[2, 1], [1, 1]], 5) @ [1, 0])
    golden = (1 + np.sqrt(5)) / 2
    assert_allclose(gd.lyapunov(rule, (0.0, 0.0), np.arange(41)).exponents[0], 2 * np.log(golden))


@pytest.mark.parametrize("make", [gd.fields.Custom, gd.rules.Custom])
def test_functions_take_the_key_or_do_not(make):
    players, key = (1.0, 2.0), jr.key(3)

    def found(function):
        made = make(function)
        return made(players, key) if make is gd.fields.Custom else one_step(made, players, key)

    draw = (float(jr.normal(key)), 0.0)
    assert_close(found(lambda players, key: (jr.normal(key), 0)), draw)
    assert_close(found(lambda players, key=None: (jr.normal(key), 0)), draw)
    assert_close(found(lambda *given: (jr.normal(given[1]), 0)), draw)
    assert_close(found(lambda players: [0.5, 1]), (0.5, 1.0))  # numbers, in a list
    assert_close(found(lambda players, strength=0.5: (strength, 1)), (0.5, 1.0))


def test_a_random_map_draws_anew_at_every_step():
    rule = gd.rules.Custom(lambda z, key: (z[0] + jr.normal(key, (), z[0].dtype),))
    key = jr.key(5)
    path = gd.simulate(rule, (0.0,), np.arange(4), key=key).players[0]
    draws = [float(jr.normal(jr.fold_in(key, t))) for t in range(3)]
    assert_allclose(np.diff(path), draws, rtol=1e-12)


class Pull(eqx.Module):
    strength: jax.Array

    def __call__(self, players):
        return jax.tree.map(lambda z: -self.strength * z, players)


@pytest.mark.slow
def test_numbers_of_a_module_are_leaves():
    """End of z' = -a z and of z -> z - a z, and how they depend on a."""

    def after(make, a):
        dynamics = make(Pull(a))
        return gd.simulate(dynamics, (jnp.asarray(2.0),), np.array([0, 1])).final.players[0]

    def flow(pull):
        return GradientFlow(gd.fields.Custom(pull), gd.flows.Integrator(rtol=1e-10, atol=1e-12))

    def step(pull):
        return methods.simultaneous(gd.fields.Custom(pull), 1.0)

    assert_allclose(jax.grad(lambda a: after(flow, a))(0.3), -2 * np.exp(-0.3), rtol=1e-6)
    assert_allclose(jax.grad(lambda a: after(step, a))(0.3), -2, rtol=1e-12)
    many = jax.vmap(lambda a: after(gd.rules.Custom, a))(jnp.array([0.1, 0.4]))
    assert_allclose(many, [-0.2, -0.8])


@pytest.mark.parametrize(
    "make", [lambda f: methods.simultaneous(gd.fields.Custom(f), 1.0), gd.rules.Custom]
)
def test_numbers_that_functions_read_are_read_anew(make):
    held = {"strength": 0.5}
    dynamics = make(lambda z: (held["strength"] * z[0],))

    def end():
        return float(gd.simulate(dynamics, (1.0,), np.array([0, 1])).final.players[0])

    before = end()
    held["strength"] = 0.25
    assert end() == before - 0.25


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize("make", [gd.fields.Custom, gd.rules.Custom])
@pytest.mark.parametrize(
    ("function", "said"),
    [
        (3, "`function` must be a function, but is 3"),
        (lambda: 1, r"function\(players, key\) or function\(players\), which it does not take"),
        (lambda a, b, c: 1, r"or function\(players\), which it does not take"),
        (lambda z: z[0], "must be a tuple with one entry per player"),
        (lambda z: (z[0],), "must have the structure and the shapes of the players"),
        (lambda z: (1j, z[1]), "must be real"),
        (lambda z, key: (jr.normal(key), z[1]), "random, but `key` is None"),
    ],
)  # fmt: skip
def test_misuse_is_told_in_words(make, function, said):
    def run():
        made = make(function)
        rule = made if make is gd.rules.Custom else methods.simultaneous(made, 0.1)
        return gd.simulate(rule, (1.0, 0.5), np.arange(3))

    with pytest.raises((TypeError, ValueError), match=said):
        run()


# Schedules


SCHEDULE = optax.exponential_decay(0.3, 2, 0.5)


def ends(*rules):
    return [gd.simulate(rule, START, np.array([0, 4])).final.players for rule in rules]


def test_a_schedule_is_a_rate_for_every_step():
    one, other = ends(
        methods.simultaneous(GENERAL, SCHEDULE), methods.simultaneous(GENERAL, optax.sgd(SCHEDULE))
    )
    assert_close(one, other)
    z = START
    for t in range(4):
        h = float(SCHEDULE(t))
        z = jax.tree.map(lambda z, v, h=h: z + h * v, z, Gradient(GENERAL)(z))
    assert_close(one, z, 1e-6)  # optax counts in single precision


@pytest.mark.slow
def test_a_player_may_have_a_schedule_and_another_a_number():
    steps, by_hand = (0.1, SCHEDULE), (optax.sgd(0.1), optax.sgd(SCHEDULE))
    for method in (methods.alternating, methods.optimistic):
        assert_close(*ends(method(GENERAL, steps), method(GENERAL, by_hand)))


@pytest.mark.slow
def test_methods_that_are_defined_by_the_rate_of_each_step_take_schedules():
    same = optax.constant_schedule(0.1)
    for name in (
        "heavy_ball",
        "negative_momentum",
        "complex_momentum",
        "optimistic_adam",
        "extra_adam",
    ):
        method = getattr(methods, name)
        assert_close(*ends(method(GENERAL, same), method(GENERAL, 0.1)))
        assert_close(*ends(method(GENERAL, (0.2, same)), method(GENERAL, (0.2, 0.1))))
    ball = optax.sgd(SCHEDULE, momentum=0.5)
    assert_close(
        *ends(methods.heavy_ball(GENERAL, SCHEDULE, 0.5), methods.simultaneous(GENERAL, ball))
    )


@pytest.mark.slow
def test_a_schedule_of_the_users_may_be_projected():
    step = gd.rules.projected(lambda t: 0.3 / (1 + t), lambda z: z.clip(-0.8, 0.8))
    (end,) = ends(methods.simultaneous(GENERAL, step))
    z = START
    for t in range(4):
        z = jax.tree.map(
            lambda z, v, h=0.3 / (1 + t): (z + h * v).clip(-0.8, 0.8), z, Gradient(GENERAL)(z)
        )
    assert_close(end, z)
