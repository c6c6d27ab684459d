"""The law of bad input: of every public callable each argument in turn is replaced by what it
cannot be, and that is refused in words that name it."""

import inspect
import re
import subprocess
import sys
import warnings
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from calls import CALLS, ELSEWHERE, SADDLE, START, STEPS, call, callables, modules, public

import gandyn as gd

pytestmark = pytest.mark.usefixtures("as_installed")


class Thing:
    """Neither a number nor anything else of ours."""


# No argument is any of these, whatever it is.
NEVER: dict[str, Any] = {"nan": np.nan, "complex": 1j, "text": "a", "thing": Thing()}

# No number is any of these.
NO_NUMBER: dict[str, Any] = {
    "True": True,
    "a matrix": np.ones((2, 2)),
    "nan in an array": jnp.asarray(np.nan),
    "negative": -0.1,
}
# What the refusal of a number tells, beside its name.
TOLD = {
    "nan": "nan",
    "inf": "inf",
    "text": "'a'",
    "thing": "Thing",
    "None": "None",
    "True": "True",
    "negative": "-0.1",
}

# These are right for some: what counts then is that nothing comes of it that is no number.
SOMETIMES: dict[str, Any] = {
    "inf": np.inf,
    "None": None,
    "minus one": -1,
    "zero": 0,
    "True": True,
    "nothing": [],
    "a wrong shape": np.ones((2, 3, 1)),
    "integers": np.array([1, 2]),
    "huge": 1e308,
    "tiny": 1e-320,
}

# Walls, slopes and ratios of densities are infinite with a good meaning.
INFINITE = {
    "fields.Confined": {"low", "high"},
    "distances.f_divergence": {"slope"},
    "optimal.optimal_logit": {"log_ratio"},
    "status": {"bound"},
}

# Numbers of either sign.
SIGNED = {
    "measures.Uniform": {"low"},
    "games.forsaken": {"center"},
    "games.parabolas": {"a", "b"},
    "fields.Confined": {"low", "high"},
    "fields.Scaled": {"scales"},
    "rules.LEAD": {"momentum"},
    "flows.MomentumFlow": {"friction"},
    "methods.complex_momentum": {"momentum", "angle"},
    "methods.heavy_ball": {"momentum"},
    "methods.lead": {"momentum"},
    "methods.negative_momentum": {"momentum"},
    "families.Polynomial": {"center"},
}

# What may be a number, and arrays as well.
ARRAYS = {
    "measures.Gaussian": {"mean"},
    "measures.dirac": {"x"},
    "measures.gaussian": {"mean"},
    "losses.softplus": {"l"},
    "distances.neural_distance": {"start"},
    "distances.sliced_wasserstein": {"directions"},
    "optimal.generator_gradient": {"theta"},
    "optimal.optimal_logit": {"log_ratio"},
}

# Functions that are applied to arrays in training, where what has diverged is data.
DATA = {
    "losses.softplus": {"l"},
    "modes.assign": {"x"},
    "modes.coverage": {"x"},
    "modes.occupation": {"x"},
    "status": {"values"},
}

# A memory is whatever a rule of one's own remembers, a name of an axis or a directory any text.
ANYTHING = {"State": {"memory"}, "to_xarray": {"batch"}, "record": {"store"}}

# A player without a step stands still, one without a regularizer is free.
NOBODY = {
    **{f"methods.{name}": {"step_size"} for name in gd.methods.__all__},
    "rules.Descend": {"step_size"},
    "fields.Consensus": {"step"},
    "games.Regularized": {"regularizers"},
}

# Searches and simulations are compiled anew for other numbers, so that only refusals are quick.
SLOW = {name for name in CALLS if "." not in name} | {
    "monitors.integrator_error",
    "monitors.path_angle",
    "optimal.Kantorovich",
}


def refusal(name: str, argument: str, value: Any) -> str | None:
    """What is said of an argument; `None` if it is taken."""
    try:
        with warnings.catch_warnings(), jax.numpy_dtype_promotion("standard"):
            warnings.simplefilter("ignore")  # which is to be told in words, too
            made = call(name, **{argument: value})
    except (TypeError, ValueError) as error:
        return str(error)
    jax.block_until_ready([x for x in jax.tree.leaves(made) if isinstance(x, jax.Array)])
    return None


def names_it(message: str, argument: str) -> bool:
    several = argument.startswith("*")  # of which each is one
    word = argument[1:].removesuffix("s") if several else argument
    return f"`{word}" in message


def of(table: dict[str, set[str]], name: str) -> set[str]:
    return table.get(name, set())


def is_number(name: str, argument: str) -> bool:
    example = CALLS[name][argument]
    number = isinstance(example, float | int) and not isinstance(example, bool)
    return number and argument not in of(ARRAYS, name)


def must_refuse(name: str, argument: str) -> dict[str, Any]:
    """The values that this argument must not take."""
    if argument in of(ANYTHING, name):
        return {}
    wrong = dict(NEVER)
    if argument in of(DATA, name):
        del wrong["nan"]
    if argument not in of(INFINITE, name) | of(DATA, name):
        wrong["inf"] = SOMETIMES["inf"]
    parameter = inspect.signature(attrgetter(name)(gd)).parameters[argument.lstrip("*")]
    optional = parameter.default is None or argument in of(NOBODY, name)
    if not optional:
        wrong["None"] = None
    if is_number(name, argument):
        wrong |= NO_NUMBER
        if argument in of(SIGNED, name):
            del wrong["negative"]
    if argument == "key":
        wrong |= {what: SOMETIMES[what] for what in ("zero", "minus one", "True", "integers")}
    return wrong


def test_every_public_callable_has_a_right_call() -> None:
    found = set(callables())
    assert found - ELSEWHERE == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_every_argument_has_an_example(name: str) -> None:
    parameters = inspect.signature(attrgetter(name)(gd)).parameters
    given = {argument.lstrip("*") for argument in CALLS[name]}
    assert given <= set(parameters)
    left_out = {n for n, p in parameters.items() if n not in given}
    assert not left_out - {"slope", "stacklevel"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CALLS if CALLS[name]])
def test_what_an_argument_cannot_be_is_refused_in_its_name(name: str) -> None:
    silent, unclear = [], []
    for argument in CALLS[name]:
        for what, value in must_refuse(name, argument).items():
            message = refusal(name, argument, value)
            if message is None:
                silent.append((argument, what))
            elif not names_it(message, argument) or (
                is_number(name, argument) and TOLD.get(what, "") not in message
            ):
                unclear.append((argument, what, message))
    assert (silent, unclear) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CALLS if CALLS[name] and name not in SLOW])
def test_what_an_argument_may_be_is_taken_or_refused_in_words(name: str) -> None:
    """If two arguments do not fit, either may be named."""
    unclear = []
    for argument in CALLS[name]:
        for what, value in SOMETIMES.items():
            if value is CALLS[name][argument]:
                continue
            message = refusal(name, argument, value)
            if message is not None and not any(names_it(message, other) for other in CALLS[name]):
                unclear.append((argument, what, message))
    assert unclear == []


# Tab completion


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.__name__)
def test_only_what_is_public_is_listed(module: ModuleType) -> None:
    """Everything listed is gandyn's own."""
    for name in public(module):
        value = getattr(module, name)
        if isinstance(value, Mapping):  # of whose values the kind tells
            value = next(iter(value.values()))
            if isinstance(value, str):
                continue
        home = value.__name__ if isinstance(value, ModuleType) else type(value).__module__
        home = getattr(value, "__module__", None) or home
        assert str(home).startswith("gandyn"), (module.__name__, name, home)
        assert not isinstance(value, ModuleType) or module is gd


@pytest.mark.slow
def test_plots_are_there_without_an_import_and_matplotlib_only_then() -> None:
    program = (
        "import sys, gandyn as gd\n"
        "assert 'matplotlib' not in sys.modules and 'plots' in dir(gd)\n"
        "gd.plots.portrait\n"
        "assert 'matplotlib' in sys.modules\n"
        "try:\n    gd.no_such_thing\n"
        "except AttributeError as error:\n    assert 'no_such_thing' in str(error)\n"
        "else:\n    raise SystemExit(1)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


# Names in docstrings


def sources() -> list[Path]:
    assert gd.__file__ is not None
    return sorted(Path(gd.__file__).parent.rglob("*.py"))


def test_everything_that_a_docstring_names_exists() -> None:
    missing = []
    for path in sources():
        for name in re.findall(r"`gandyn\.([A-Za-z_][\w.]*)", path.read_text()):
            try:
                attrgetter(name)(gd)
            except AttributeError:
                missing.append((path.name, name))
    assert missing == []
    assert any("gandyn.losses" in path.read_text() for path in sources())


@pytest.mark.parametrize("name", CALLS)
def test_formulas_in_angle_brackets_are_code(name: str) -> None:
    """Markdown takes `<v, w>` for a tag and drops it; code, and what is set off, it leaves."""
    text = inspect.getdoc(attrgetter(name)(gd)) or ""
    prose = "\n".join(line for line in text.split("\n") if not re.match(r" {4}\S| {6,}", line))
    assert re.findall(r"<[a-zA-Z][^<>\n]*>", re.sub(r"`[^`]*`", "", prose)) == []


# Kinds of their own


def three(x: Any, y: Any, z: Any) -> Any:
    return x * y + y * z


def test_no_players_are_refused() -> None:
    rule = gd.methods.simultaneous(SADDLE, 0.1)
    for none in ((), (jnp.zeros(0), jnp.zeros(0)), ({}, {}), (None, None), gd.State(())):
        for ask in (
            lambda p: gd.simulate(rule, p, STEPS),
            lambda p: gd.spectrum(rule, p),
            lambda p: gd.equilibrium(rule, p),
            lambda p: gd.settles_on(rule, p),
        ):
            with pytest.raises(ValueError, match="`players`"):
                ask(none)


def takes_a_state(name: str) -> bool:
    parameters = inspect.signature(attrgetter(name)(gd)).parameters
    return gd.State in get_args(getattr(parameters.get("players"), "annotation", None))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CALLS if takes_a_state(name)])
def test_the_memory_of_another_dynamics_is_refused(name: str) -> None:
    """None of the dynamics in these calls remembers anything."""
    adam = gd.methods.simultaneous(SADDLE, optax.adam(0.1))
    state = gd.simulate(adam, START, STEPS).final
    with pytest.raises(ValueError, match=r"`players` is a State .*\.mu float64\[\].* none.*init"):
        call(name, players=state)


def test_a_memory_is_of_the_right_kind() -> None:
    rule = gd.methods.simultaneous(SADDLE, optax.adam(0.1))
    start = (jnp.asarray(1.0), jnp.asarray(1.0))
    state = gd.simulate(rule, start, STEPS).final
    wrong = {
        "nothing": None,
        "another optimizer": gd.methods.simultaneous(SADDLE, optax.sgd(0.1, 0.9)).init(start),
        "other shapes": jax.tree.map(lambda x: jnp.stack([x, x]), state),
        "another precision": jax.tree.map(lambda x: x.astype(jnp.float32), state),
        "other players": rule.init((jnp.ones(2), jnp.ones(3))),
    }
    for memory in wrong.values():
        memory = memory.memory if isinstance(memory, gd.State) else memory
        with pytest.raises(ValueError, match="`players` is a State with the memory of another"):
            gd.simulate(rule, gd.State(state.players, memory), STEPS)
    sgd = gd.methods.alternating(SADDLE, 0.1)
    for empty in (None, (), (None, (None, optax.EmptyState()))):
        gd.spectrum(sgd, gd.State(state.players, empty))


@pytest.mark.slow
def test_a_memory_of_ones_own_goes_on_in_every_transformation() -> None:
    rule = gd.methods.negative_momentum(SADDLE, 0.1)
    states = gd.simulate(rule, START, STEPS).states
    each = [jax.tree.map(lambda x, i=i: x[i], states) for i in STEPS]

    def exponents(state: gd.State) -> Any:
        return gd.spectrum(rule, state).exponents.real

    found = jax.vmap(jax.jit(exponents))(states)
    np.testing.assert_allclose(found, [exponents(state) for state in each], rtol=1e-12)
    slope = jax.grad(lambda state: gd.simulate(rule, state, STEPS).players[0][-1])(each[1])
    assert np.isfinite(jax.tree.leaves(slope)).all()


@pytest.mark.parametrize("wrong", [0, jnp.zeros(2, int), np.float32(1), jr.split(jr.key(0), 3), 1j])
def test_only_a_key_is_a_key(wrong: Any) -> None:
    rule = gd.methods.simultaneous(SADDLE, 0.1)
    for ask in (
        lambda k: gd.simulate(rule, START, STEPS, key=k),
        lambda k: gd.cycle(rule, START, 3, key=k),
        lambda k: gd.circle(rule, START, 9.0, key=k),
        lambda k: gd.lyapunov(rule, START, STEPS, key=k),
        lambda k: gd.cost(rule, START, key=k),
        lambda k: gd.classify(SADDLE, START, key=k),
        lambda k: gd.exploitability(SADDLE, START, key=k),
        lambda k: gd.tabulate(SADDLE, jnp.ones(2), jnp.ones(2), key=k),
        lambda k: gd.frame(gd.games.dirac(), START, jnp.arange(3.0), key=k),
        lambda k: gd.games.prescribed([1j, -1j], key=k),
    ):
        with pytest.raises(TypeError, match=r"`key` must be a random key"):
            ask(wrong)


def test_keys_of_either_kind_are_taken() -> None:
    for key in (jr.key(0), jr.PRNGKey(0), np.asarray(jr.PRNGKey(3)), jr.key(0, impl="rbg")):
        assert gd.games.prescribed([1j, -1j], key=key).equilibria()


@pytest.mark.parametrize("step", [0.1, optax.sgd(0.1), (0.1, 0.1)])
def test_three_players_who_take_turns_are_told_of_their_order(step: Any) -> None:
    game = gd.games.Custom(lambda p, key: (three(*p), -three(*p), three(*p)))
    with pytest.raises(ValueError, match=r"^`order`.*for 2 players, but there are 3.*\(2, 1, 0\)"):
        gd.simulate(gd.methods.alternating(game, step), (1.0, 1.0, 1.0), STEPS)
    with pytest.raises(ValueError, match=r"`order` names 2 players.*\(2, 1, 0\)"):
        gd.methods.alternating(game, (0.1, 0.1, 0.1))


@pytest.mark.slow
@pytest.mark.parametrize("leader", [0, 1])
def test_a_follower_who_stands_still_is_carried_along_its_ridge(leader: int) -> None:
    """f = x y + x^2/4 - y^2/4: the response to x is y = 2 x, that to y is x = -2 y."""
    slope = 2.0 if leader == 0 else -2.0
    steps = (0.1, 0.0) if leader == 0 else (0.0, 0.1)
    rule = gd.methods.follow_the_ridge(SADDLE, steps, leader)
    start = (jnp.asarray(0.3), jnp.asarray(-0.7))
    moved = [a - b for a, b in zip(rule.step(rule.init(start)).players, start, strict=True)]
    np.testing.assert_allclose(moved[1 - leader], slope * moved[leader], rtol=1e-12)
    assert float(abs(moved[leader])) > 0.01


@pytest.mark.parametrize("width", [1e-200, 1e-300, 1e200])
def test_widths_of_any_size_have_a_discrepancy(width: float) -> None:
    """Far points are orthogonal: 1/2 + 1/2 between two pairs. All are one to a wide kernel."""
    x, y = jnp.array([0.0, 1.0]), jnp.array([2.0, 3.0])
    right = 1.0 if width < 1 else 0.0
    np.testing.assert_allclose(gd.distances.mmd(x, y, width), right, atol=1e-7)


def test_a_torch_function_is_told_what_it_is() -> None:
    class Module:
        __module__ = "torch.nn.modules.linear"

        def __call__(self, *args: Any) -> Any:
            return args[0]

    for make in (
        lambda f: gd.games.GAN(f, f, gd.measures.dirac(0.0), gd.measures.dirac(0.0)),
        gd.games.Custom,
        gd.games.zero_sum,
        gd.networks.partition,
    ):
        with pytest.raises(TypeError, match="PyTorch"):
            make(Module())


def test_a_random_loss_without_a_key_is_told_of_it() -> None:
    game = gd.games.Custom(lambda p, key: (jr.normal(key) * p[0], p[1]))
    with pytest.raises(ValueError, match=r"Custom.*`key` is None.*jax.random.key"):
        gd.simulate(gd.methods.simultaneous(game, 0.1), START, STEPS)
    gd.simulate(gd.methods.simultaneous(game, 0.1), START, STEPS, key=jr.key(0))


def test_more_than_memory_holds_is_told_beforehand() -> None:
    rule = gd.methods.simultaneous(gd.games.zero_sum(lambda x, y: x @ y), 0.1)
    start = (jnp.ones(1_000_000), jnp.ones(1_000_000))
    with pytest.raises(ValueError, match=r"`ts` .* 1.6 TB"):
        gd.simulate(rule, start, np.arange(100_000))


def test_times_beyond_counting_are_refused() -> None:
    flow = gd.flows.GradientFlow(gd.fields.Gradient(SADDLE), gd.flows.Integrator(dt=0.1))
    with pytest.raises(ValueError, match=r"`dt`.*steps"):
        gd.simulate(flow, START, [0.0, 1e308])
