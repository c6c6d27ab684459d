"""The digest of a program: all that it computes with counts, and nothing else does."""

import functools
import os
import subprocess
import sys
import threading
import types
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import gandyn as gd
from gandyn._digest import digest

X = jax.ShapeDtypeStruct((), float)


def _powers(x, strength):
    return {"x": strength * x, "y": x**2}


def _noise(x, key):
    return x * jr.normal(key)


class Damped:
    """A function that is an object."""

    offset = 1.0

    def __init__(self, strength):
        self.strength = strength

    def __call__(self, x):
        return self.strength * x + self.offset

    def method(self, x):
        return self(x)


def _jitted(s):
    return jax.jit(lambda x: s * x)


def _scanned(s):
    return lambda x: jax.lax.scan(lambda c, _: (c + s * x, None), x, length=3)[0]


def _branching(s):
    return lambda x: jax.lax.cond(x > 0, lambda x: s * x, lambda x: x, x)


def _custom_jvp(s):
    function = jax.custom_jvp(lambda x: s * x)
    function.defjvp(lambda p, t: (function(*p), t[0]))
    return function


def _custom_vjp(s):
    function = jax.custom_vjp(lambda x: s * x)
    function.defvjp(lambda x: (function(x), None), lambda _, g: (g,))
    return function


def _called_back(s, make=lambda s: lambda x: s * x):
    return lambda x: jax.pure_callback(make(s), X, x, vmap_method="sequential")


def _batched_by_hand(s):
    function = jax.custom_batching.custom_vmap(lambda x: x)
    function.def_vmap(lambda n, batched, x: (s * x, batched[0]))
    return function


def _closure_converted(s):
    return eqx.filter_closure_convert(lambda x: s * x, X)


def _global(s):
    return types.FunctionType(_reads_global.__code__, {"strength": s, "jnp": jnp})


def _reads_global(x):
    return strength * jnp.sin(x)  # pyright: ignore


def _module(s):
    module = types.ModuleType("study")
    module.strength = s
    return types.FunctionType(_reads_module.__code__, {"study": module})


def _reads_module(x):
    return study.strength * x  # pyright: ignore


# Each makes a function that has a number in it.
HOLDERS = {
    "a closure": lambda s: lambda x: s * x,
    "a default": lambda s: lambda x, a=s: a * x,
    "a keyword default": lambda s: lambda x, *, a=s: a * x,
    "a global": _global,
    "a module": _module,
    "a partial": lambda s: functools.partial(_powers, strength=s),
    "an object": Damped,
    "a method": lambda s: Damped(s).method,
    "an array": lambda s: lambda x: jnp.sum(x * np.array([1.0, 2.0, s])),
    "a long array": lambda s: lambda x: jnp.sum(x * jnp.ones(5000).at[4000].set(s)),
    "a helper": lambda s: lambda x: _powers(x, s)["x"],
    "jit": _jitted,
    "scan": _scanned,
    "cond": _branching,
    "a function with a derivative of its own": _custom_jvp,
    "a function with a transpose of its own": _custom_vjp,
    "a callback": _called_back,
    "an object called back": lambda s: _called_back(s, Damped),
    "a method called back": lambda s: _called_back(s, lambda s: Damped(s).method),
    "a partial called back": lambda s: _called_back(s, lambda s: functools.partial(np.multiply, s)),
    "a global called back": lambda s: _called_back(s, _global),
    "a module called back": lambda s: _called_back(s, _module),
    "a rule of vmap": _batched_by_hand,
    "a converted closure": _closure_converted,
    "a penalized game": lambda s: (
        lambda x: gd.games.Penalized(gd.games.dirac(), gd.games.R1(s)).losses((x, x))
    ),
    "the seed of a key": lambda s: lambda x: x * jr.normal(jr.key(int(1e6 * s))),
    "a key": lambda s: functools.partial(_noise, key=jr.key(int(1e6 * s))),
    "an optimizer": lambda s: (
        lambda x: (
            gd.simulate(
                gd.methods.simultaneous(gd.games.dirac(), optax.adam(s)), (x, x), np.arange(3)
            ).players
        )
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("holder", HOLDERS)
def test_every_number_that_is_read_counts(holder):
    make = HOLDERS[holder]
    assert digest(make(0.1), X) == digest(make(0.1), X)
    assert digest(make(0.1), X) != digest(make(0.2), X)
    if "key" not in holder:  # which is made from a number with fewer digits
        assert digest(make(0.1), X) != digest(make(float(np.nextafter(0.1, 1))), X)


def test_a_number_that_changes_after_the_first_look_counts():
    """Although jax remembers what it traced."""
    held = Damped(1.0)
    before = digest(held, X)
    held.strength = 2.0
    after = digest(held, X)
    held.strength = 1.0
    assert before != after
    assert before == digest(held, X)


# Each is the same computation, written twice.
def _named(x):
    y = 2.0 * x
    return y + jnp.tanh(y)


def _renamed(position):
    """The same, in other words."""
    # Here a comment.
    twice = 2.0 * position
    return twice + jnp.tanh(twice)


def _plain(x):
    y = x + 1.0
    return y * y


def _plainly(position):
    moved = position + 1.0
    return moved * moved


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_named, _renamed),
        (jax.jit(_named), jax.jit(_renamed)),
        (jax.checkpoint(_named), jax.checkpoint(_renamed)),
        (_called_back(0, lambda _: _plain), _called_back(0, lambda _: _plainly)),
    ],
)
def test_names_do_not_count(one, other):
    assert digest(one, X) == digest(other, X)


# Pairs that differ in one thing.
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (jnp.sin, jnp.cos),
        (lambda x: x - 1.0, lambda x: 1.0 - x),
        (lambda x: {"a": x, "b": 2 * x}, lambda x: {"b": x, "a": 2 * x}),
        (lambda x: {"a": x}, lambda x: {"b": x}),
        (lambda x: x + 0.0, lambda x: x + -0.0),
        (lambda x: x.astype("float32"), lambda x: x.astype("float16")),
        (lambda x: x * np.nan, lambda x: x * np.inf),
        (lambda x: x > 0, lambda x: x >= 0),
        (lambda x: jnp.dot(x, x), lambda x: jnp.dot(x, x, precision="highest")),
        (lambda x: jnp.sort(x * jnp.ones(3)), lambda x: jnp.sort(x * jnp.ones(3), descending=True)),
        (
            lambda x: _called_back(0, lambda _: np.sin)(x),
            lambda x: _called_back(0, lambda _: np.cos)(x),
        ),
        (
            lambda x: x + jr.normal(jr.key(0, impl="threefry2x32")),
            lambda x: x + jr.normal(jr.key(0, impl="rbg")),
        ),
    ],
)
def test_what_is_computed_counts(one, other):
    assert digest(one, X) != digest(other, X)


def test_shapes_and_precisions_count_but_not_values():
    shapes = [jnp.ones(2), jnp.ones(3), jnp.ones((2, 1)), jnp.ones(2, "float32"), jnp.ones(2, int)]
    assert len({digest(jnp.sin, a.astype(a.dtype)) for a in shapes}) == len(shapes)
    assert digest(jnp.sin, jnp.ones(2)) == digest(jnp.sin, jnp.zeros(2))
    assert digest(jnp.sin, X) == digest(jnp.sin, jnp.zeros(()))


def test_the_rule_of_a_derivative_counts_in_the_derivative():
    def with_slope(s):
        function = jax.custom_jvp(lambda x: x)
        function.defjvp(lambda p, t: (p[0], s * t[0]))
        return function

    assert digest(with_slope(1.0), X) == digest(with_slope(2.0), X)
    assert digest(jax.grad(with_slope(1.0)), X) != digest(jax.grad(with_slope(2.0)), X)


def test_what_has_no_lasting_form_is_refused():
    lock = threading.Lock()

    def locked(x):
        with lock:
            return x

    with pytest.raises(TypeError, match="has no lasting form"):
        digest(_called_back(0, lambda _: locked), X)


def test_the_methods_of_an_object_that_is_called_back_count():
    def make(slope, base=eqx.Module):
        class Line(base):
            offset: float = 1.0

            def __call__(self, x):
                return self.raised(slope * x)

            def raised(self, x):
                return x + self.offset

        return Line()

    for base in (eqx.Module, object):
        one, same, other = (
            digest(_called_back(s, lambda s, b=base: make(s, b)), X) for s in (1.0, 1.0, 2.0)
        )
        assert one == same != other


def test_a_callback_that_calls_itself():
    def make(s):
        def factorial(n):
            return s if n <= 1 else n * factorial(n - 1)

        return factorial

    assert digest(_called_back(1.0, make), X) == digest(_called_back(1.0, make), X)
    assert digest(_called_back(1.0, make), X) != digest(_called_back(2.0, make), X)


SCRIPT = """
import jax; jax.config.update("jax_enable_x64", True)
import numpy as np, jax.random as jr, gandyn as gd
from gandyn._digest import digest
def function(x):
    game = gd.games.Penalized(gd.games.dirac(), gd.games.R1(0.3))
    flow = gd.flows.GradientFlow(gd.fields.Gradient(game))
    yield gd.simulate(flow, (x, x), np.linspace(0.0, 1.0, 3)).players
    yield gd.simulate(gd.methods.competitive(game, 0.1), (x, x), np.arange(3)).players
    yield gd.values(x * np.arange(6.0).reshape(2, 3)).mixed
    yield jr.normal(jr.key(3)) * gd.distances.wasserstein(x * np.ones((5, 2)), np.ones((4, 2)))
print(digest(lambda x: tuple(function(x)), 1.0))
"""


@pytest.mark.slow
def test_every_process_finds_the_same_digest(tmp_path):
    """Wherever the file lies and whatever the order of sets."""
    path = os.pathsep.join([str(Path(gd.__file__).parents[1]), *filter(None, sys.path)])
    found = set()
    for seed in "12":
        file = tmp_path / f"{seed}" / "study.py"
        file.parent.mkdir()
        file.write_text("\n" * int(seed) + SCRIPT)
        environment = os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": seed}
        found.add(subprocess.check_output([sys.executable, file], env=environment))
    assert len(found) == 1
