"""Every number that a function reads is seen: where it has changed, so have the answers."""

import functools
import itertools
import sys
import types
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gandyn as gd
from gandyn._phase import State
from gandyn._reads import FrozenWarning, reads

STEPS = np.arange(3)
number = 1.0
table = {"strength": [1.0]}


class Settings:
    shared = 1.0

    def __init__(self):
        self.own = 1.0
        self.array = np.ones(2)

    @property
    def through(self):
        return 1 * self.own

    def method(self):
        return self.own


class Slotted:
    __slots__ = ("own",)


settings = Settings()
slotted = Slotted()
slotted.own = 1.0
sized = np.ones(3)
on_device = jnp.ones(3)
elsewhere = types.ModuleType("users_settings")
elsewhere.strength = 1.0
default = 1.0


def helper():
    return number


def by_default(strength=1.0):
    return strength


def by_keyword(*, strength=1.0):
    return strength


@jax.jit
def jitted():
    return number * jnp.ones(())


@eqx.filter_jit
def filter_jitted():
    return number * jnp.ones(())


def set_global(name):
    def put(value):
        globals()[name] = value

    return put


def closed():
    inside = 1.0

    def put(value):
        nonlocal inside
        inside = value

    return lambda: inside, put


def partial():
    held = np.ones(1)
    return functools.partial(lambda x: x[0], held), lambda value: held.fill(value)


def body(x, _):
    return number * x, None


READERS = {
    "loop": (lambda: jax.lax.scan(body, jnp.ones(()), length=1)[0], set_global("number")),
    "global": (lambda: number, set_global("number")),
    "helper": (lambda: helper(), set_global("number")),
    "nested function": (lambda: next(number for _ in range(1)), set_global("number")),
    "closure": closed(),
    "array in place": (lambda: sized[1], lambda value: sized.fill(value)),
    "array of JAX": (
        lambda: on_device[1],
        lambda value: set_global("on_device")(jnp.full(3, value)),
    ),
    "attribute": (lambda: settings.own, lambda value: setattr(settings, "own", value)),
    "method": (settings.method, lambda value: setattr(settings, "own", value)),
    "property": (lambda: settings.through, lambda value: setattr(settings, "own", value)),
    "class": (lambda: Settings.shared, lambda value: setattr(Settings, "shared", value)),
    "class, by an object": (
        lambda: settings.shared,
        lambda value: setattr(Settings, "shared", value),
    ),
    "array of an object": (lambda: settings.array[0], lambda value: settings.array.fill(value)),
    "slot": (lambda: slotted.own, lambda value: setattr(slotted, "own", value)),
    "item": (lambda: table["strength"][0], lambda value: table.update(strength=[value])),
    "module": (lambda: elsewhere.strength, lambda value: setattr(elsewhere, "strength", value)),
    "default": (by_default, lambda value: setattr(by_default, "__defaults__", (value,))),
    "keyword": (by_keyword, lambda value: by_keyword.__kwdefaults__.update(strength=value)),
    "partial": partial(),
    "jitted": (lambda: jitted(), set_global("number")),
    "jitted by equinox": (lambda: filter_jitted(), set_global("number")),
    "mapped": (lambda: jax.vmap(lambda x: number * x)(jnp.ones(1))[0], set_global("number")),
}


def last(rule, start=(1.0, 1.0)):
    return float(gd.simulate(rule, start, STEPS).players[0][-1])


def played(game):
    return last(gd.methods.simultaneous(game, 0.1))


class Game(gd.games.AbstractGame):
    read: staticmethod = eqx.field(static=True)

    def losses(self, players, key=None):
        x, y = players
        return x * y + self.read() * x**2, -x * y

    def equilibria(self):
        return ()


class Field(gd.fields.AbstractField):
    def __call__(self, players, key=None):
        return jax.tree.map(lambda x: -number * x, players)


class Rule(gd.rules.AbstractRule):
    def init(self, players):
        return State(players)

    def step(self, state, key=None):
        return State(jax.tree.map(lambda x: number * x / 2, state.players))


class Flow(gd.flows.AbstractFlow):
    integrator: gd.flows.Integrator = gd.flows.Integrator(dt=0.1)

    def init(self, players):
        return State(players)

    def velocity(self, state, key=None):
        return jax.tree.map(lambda x: -number * x, state)


def gan(read, part):
    def times(name, value):
        return value * (read() if part == name else 1)

    return gd.games.GAN(
        lambda theta, z: times("generator", theta) + z,
        lambda psi, x: times("discriminator", psi) * x,
        gd.measures.dirac(0.25),
        gd.measures.Sampled(lambda key, n: times("sampler", jnp.ones(n)), 2)
        if part == "sampler"
        else gd.measures.dirac(0.5),
        gd.losses.Loss(lambda l: times("loss", jax.nn.softplus(-l)), jax.nn.softplus, lambda l: -l),
    )


def penalized(read):
    game = gan(read, None)
    return gd.games.Penalized(game, lambda batch: read() * batch.critic(jnp.ones(())) ** 2)


def own_optimizer(read):
    def update(gradient, memory, params=None):
        return jax.tree.map(lambda g: -0.1 * read() * g, gradient), memory

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


PLAIN = gd.games.zero_sum(lambda x, y: x * y)
HOLDERS = {
    "zero_sum": lambda read: played(gd.games.zero_sum(lambda x, y: x * y + read() * x**2)),
    "Custom": lambda read: played(
        gd.games.Custom(lambda z, key: (z[0] * z[1] + read() * z[0] ** 2, -z[0] * z[1]))
    ),
    "game of one's own": lambda read: played(Game(read)),
    "generator": lambda read: played(gan(read, "generator")),
    "discriminator": lambda read: played(gan(read, "discriminator")),
    "sampler": lambda read: float(
        gd.simulate(
            gd.methods.simultaneous(gan(read, "sampler"), 0.1),
            (1.0, 1.0),
            STEPS,
            key=jax.random.key(0),
        ).players[1][-1]
    ),
    "loss": lambda read: float(
        gd.simulate(gd.methods.simultaneous(gan(read, "loss"), 0.1), (1.0, 1.0), STEPS).players[1][
            -1
        ]
    ),
    "penalty": lambda read: float(
        gd.simulate(gd.methods.simultaneous(penalized(read), 0.1), (1.0, 1.0), STEPS).players[1][-1]
    ),
    "projection": lambda read: last(gd.rules.Project(lambda z: (z[0] * read() / 2, z[1]))),
    "optimizer": lambda read: last(gd.methods.simultaneous(PLAIN, own_optimizer(read))),
    "schedule": lambda read: last(
        gd.methods.simultaneous(PLAIN, optax.sgd(lambda t: 0.1 * read() / (t + 1)))
    ),
    "spectrum": lambda read: float(
        gd.spectrum(
            gd.methods.simultaneous(gd.games.zero_sum(lambda x, y: x * y + read() * x**2), 0.1),
            (0.0, 0.0),
        ).radius
    ),
    "equilibrium": lambda read: float(
        gd.equilibrium(
            gd.methods.simultaneous(
                gd.games.Custom(lambda z, key: ((z[0] - read()) ** 2, z[1] ** 2)), 0.1
            ),
            (0.1, 0.1),
        ).players[0]
    ),
}


@functools.cache
def written_out(holder):
    """The answer of what says 3 in its own words."""
    return HOLDERS[holder](lambda: 3.0)


def follows(holder, reader):
    """The answer follows the number, there and back."""
    read, put = READERS[reader]
    put(1.0)
    first = HOLDERS[holder](read)
    put(3.0)
    second = HOLDERS[holder](read)
    put(1.0)
    np.testing.assert_allclose(second, written_out(holder), rtol=1e-14)
    assert first != second
    assert HOLDERS[holder](read) == first


def agrees_with_fresh_programs(answer, put):
    """The answer follows the number, to what a process that knew no other would say."""
    put(1.0)
    first = answer()
    put(3.0)
    second = answer()
    jax.clear_caches()
    fresh = answer()
    put(1.0)
    assert second == fresh
    assert first != second
    assert answer() == first


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_a_game_follows_what_its_function_reads(reader):
    follows("zero_sum", reader)


@pytest.mark.slow
@pytest.mark.parametrize("holder", HOLDERS)
def test_whatever_holds_a_function_follows_what_it_reads(holder):
    follows(holder, "attribute")


@pytest.mark.slow
@pytest.mark.parametrize(
    "dynamics", [gd.methods.simultaneous(PLAIN, 0.1), Rule(), Flow()], ids=["field", "rule", "flow"]
)
def test_classes_of_ones_own_are_read_too(dynamics):
    if isinstance(dynamics, gd.rules.Descend):
        dynamics = gd.rules.Descend(Field(), 0.1)
    agrees_with_fresh_programs(lambda: last(dynamics), set_global("number"))


def test_one_object_follows_what_changes_under_it():
    """Not only what is built anew: the same game, the same rule."""
    rule = gd.methods.alternating(gd.games.zero_sum(lambda x, y: x * y + number * x**2), 0.1)
    agrees_with_fresh_programs(lambda: last(rule), set_global("number"))


def test_what_is_observed_is_read_too():
    def observe(state):
        return number * state.players[0]

    rule = gd.methods.simultaneous(PLAIN, 0.1)
    state = rule.init((jnp.ones(()), jnp.ones(())))
    agrees_with_fresh_programs(
        lambda: float(rule.evolve(state, STEPS, None, observe)[-1]), set_global("number")
    )


def test_what_does_not_change_is_compiled_once():
    traced = itertools.count()  # which nobody can read without counting

    def f(x, y):
        next(traced)
        return x * y + number * x**2 * settings.array[0] * sized[0]

    def count_of(value):
        set_global("number")(value)
        before = repr(traced)
        last(gd.methods.simultaneous(gd.games.zero_sum(f), 0.1))
        set_global("number")(1.0)
        return repr(traced) != before

    assert [count_of(x) for x in (1.0, 1.0, 2.0, 2.0, 1.0)] == [True, False, True, False, False]


def test_a_function_that_notes_its_calls_is_compiled_once():
    """What it writes to while it is traced is no other program."""
    calls = []

    def f(x, y):
        calls.append(1)
        return x * y

    counts = []
    for _ in range(4):
        game = gd.games.zero_sum(f)
        game.losses((jnp.ones(()), jnp.ones(())))  # evaluated, not compiled: noted as well
        last(gd.methods.simultaneous(game, 0.1))
        counts.append(len(calls))
    assert set(np.diff(counts)) == {1}


def test_records_are_equal_exactly_where_nothing_changed():
    def f():
        return number, settings, table, sized

    assert reads(f) == reads(f)
    assert hash(reads(f)) == hash(reads(f))
    before = reads(f)
    for put, back in (
        (lambda: set_global("number")(1), lambda: set_global("number")(1.0)),  # another type
        (lambda: table.update(other=1), lambda: table.pop("other")),
        (lambda: setattr(settings, "new", 1), lambda: delattr(settings, "new")),
    ):
        put()
        assert reads(f) != before
        back()
        assert reads(f) == before


def test_what_holds_itself_is_read_to_its_end():
    loop = [1.0]
    loop.append(loop)

    def f():
        return loop, f

    before = reads(f)
    assert reads(f) == before
    loop[0] = 2.0
    assert reads(f) != before


@pytest.mark.parametrize(
    "draw",
    [
        lambda: np.random.normal(),  # noqa: NPY002
        lambda: np.random.default_rng(0).normal(),
        functools.partial(lambda rng: rng.normal(), np.random.default_rng(0)),
    ],
)
def test_random_numbers_that_would_be_one_for_ever_are_told(draw):
    game = gd.games.zero_sum(lambda x, y: x * y + draw() * x)
    with pytest.warns(FrozenWarning, match=r"`jax.random.normal\(key\)`"):
        played(game)


@pytest.mark.slow
def test_more_than_can_be_looked_through_is_told():
    many = [[i] for i in range(100_001)]
    with pytest.warns(FrozenWarning, match="more than 100,000 objects"):
        played(gd.games.zero_sum(lambda x, y: x * y + many[0][0] * x))


def test_numpy_without_its_random_numbers_says_nothing():
    assert "numpy" in sys.modules
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reads(lambda x: np.sin(x) + np.pi)
