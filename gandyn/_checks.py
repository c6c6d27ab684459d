"""Checks at the door: values where they are concrete, shapes and structure always.

Inside, everything is trusted. A message says which argument it is, what it was, and what it may be.
What is called `is_x`, here or where x is defined, says yes or no; `checked_x` is the x.
"""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, PyTree

from ._types import Players

T = TypeVar("T")


def is_concrete(x: Any) -> bool:
    """Whether the value of `x` can be looked at (it is not being traced)."""
    return not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(x))


def untraced(call: str, *values: Any) -> None:
    """Hold what a function of the host is given to be known."""
    if not is_concrete(values):
        raise ValueError(
            f"{call} runs on the host and cannot be traced: call it outside of `jit`, `vmap` and "
            "`grad`."
        )


def shown(value: Any) -> str:
    """A value in a message: short, whatever it is."""
    if isinstance(value, eqx.Module):
        return f"a {type(value).__name__}"
    if isinstance(value, Tracer):
        return f"an array of shape {value.shape}"
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def floating(x: Any) -> Array:
    """An inexact array: floating input keeps its dtype, integers take JAX's default float."""
    if isinstance(x, str):  # some letters are names of dtypes
        raise TypeError(f"{x!r} is no number")
    x = jnp.asarray(x)
    return x.astype(x.dtype if jnp.issubdtype(x.dtype, jnp.inexact) else jnp.result_type(float))


def numbers(name: str, value: Any) -> Array:
    """A real array, of whatever values."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        value = floating(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"`{name}` must be numbers or an array of numbers, but is {shown(value)}."
        ) from None
    if jnp.iscomplexobj(value):
        raise TypeError(f"`{name}` must be real, but has dtype {value.dtype}.")
    return value


def array(name: str, value: Any, *, infinite: bool = False) -> Array:
    """A real array, finite unless it may be `infinite`; never nan."""
    value = numbers(name, value)
    if is_concrete(value) and not np.all(~np.isnan(value) if infinite else np.isfinite(value)):
        raise ValueError(
            f"`{name}` must {'not be nan' if infinite else 'be finite'}, but is {value}."
        )
    return value


def instance(name: str, value: Any, kind: type[T], what: str, remedy: str) -> T:
    """`value`, held to be of a kind, `what` in words."""
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be {what}, but is {shown(value)}: {remedy}.")
    return value


def flag(name: str, value: Any) -> bool:
    """True or False; nothing that merely counts as one of them."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"`{name}` must be True or False, but is {shown(value)}.")
    return bool(value)


def several(name: str, value: Any, what: str) -> tuple[Any, ...]:
    """A tuple, from a sequence of `what`."""
    try:
        if isinstance(value, str | Mapping):  # letters and names
            raise TypeError
        return tuple(value)
    except TypeError:
        raise TypeError(f"`{name}` must be a sequence of {what}, but is {shown(value)}.") from None


def counts(name: str, value: Any, *, low: int = 1) -> tuple[int, ...]:
    """Several whole numbers."""
    each = several(name, value, "whole numbers")
    return tuple(count(f"{name}[{i}]", n, low=low) for i, n in enumerate(each))


def number(
    name: str,
    value: Any,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    infinite: bool = False,
) -> Array:
    """A number in [low, high], as an array without axes, so that it is a leaf."""
    value = array(name, value, infinite=infinite)
    if value.ndim != 0:
        raise ValueError(
            f"`{name}` must be one number, but has shape {value.shape}. "
            "To try many at once, map over the construction with `equinox.filter_vmap`."
        )
    if is_concrete(value) and not low <= float(value) <= high:
        if high < np.inf:
            domain = f"must be between {low:g} and {high:g}"
        else:
            domain = "must not be negative" if low == 0 else f"must be at least {low:g}"
        raise ValueError(f"`{name}` {domain}, but is {float(value):g}.")
    return value


def positive(name: str, value: Any) -> Array:
    """A finite number above zero."""
    value = number(name, value)
    # Compiled programs take what is smaller than any normal number for 0.
    if is_concrete(value) and not float(value) >= float(jnp.finfo(value.dtype).tiny):
        none = ", which is 0 to compiled programs" if float(value) > 0 else ""
        raise ValueError(f"`{name}` must be positive, but is {float(value):g}{none}.")
    return value


def decay(name: str, value: Any) -> Array:
    """What is left of a weight after a step, in [0, 1)."""
    value = number(name, value, low=0, high=1)
    if is_concrete(value) and not float(value) < 1:
        raise ValueError(f"`{name}` must be below 1, but is {float(value):g}.")
    return value


def below_one(name: str, value: Any) -> Array:
    """A momentum: strictly between -1 and 1."""
    value = number(name, value)
    if is_concrete(value) and not abs(float(value)) < 1:
        raise ValueError(
            f"`{name}` must be strictly between -1 and 1, but is {float(value):g}: at 1 and beyond "
            "a step never forgets the ones before."
        )
    return value


def probabilities(name: str, value: Any) -> Array:
    """Numbers that are not negative and sum to one."""
    value = array(name, value)
    if not is_concrete(value):
        return value
    # By numpy, because within a transformation JAX would trace the sum of known numbers as well.
    known = np.asarray(value)
    if np.any(known < 0) or abs(known.sum() - 1) > 1e-6:
        raise ValueError(
            f"`{name}` must not be negative and must sum to one, but is {shown(value)}, with sum "
            f"{known.sum():g}: divide it by its sum."
        )
    return value


def count(name: str, value: Any, *, low: int = 1) -> int:
    """A whole number, known before anything is traced."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(
            f"`{name}` must be a whole number (a Python int), but is {shown(value)}: "
            "counts shape the program, so they cannot be traced."
        )
    if value < low:
        raise ValueError(f"`{name}` must be at least {low}, but is {value}.")
    return int(value)


def mapping(name: str, value: Any, example: str) -> None:
    """Something by name, such as the `example`."""
    if not isinstance(value, Mapping):
        raise TypeError(f"`{name}` must be a mapping such as {example}, but is {shown(value)}.")


def per_player(name: str, value: Any, **limits: Any) -> Array | tuple[Array, ...]:
    """One number for everybody, or a tuple with one per player."""
    if is_several(value):
        not_empty(name, value)
        return tuple(number(f"{name}[{i}]", v, **limits) for i, v in enumerate(value))
    return number(name, value, **limits)


def is_several(value: Any) -> bool:
    """Whether a value is one per player, a sequence or a vector, and not one for everybody."""
    return isinstance(value, tuple | list) or getattr(value, "ndim", 0) == 1


def not_empty(name: str, value: Any) -> None:
    """One for each of some players."""
    if len(value) == 0:
        raise ValueError(f"`{name}` must be one for everybody or one per player, but is empty.")


def spread(name: str, value: Any, n: int) -> tuple[Any, ...]:
    """`n` values, one per player, from one for everybody or from exactly `n`."""
    if not isinstance(value, tuple):
        return (value,) * n
    if len(value) != n:
        raise ValueError(
            f"`{name}` has {len(value)} entries, but there are {n} players: "
            "give one for everybody, or one per player."
        )
    return value


def misfit(function: Callable[..., Any], *names: str, **keywords: Any) -> str | None:
    """Why a function cannot be called with so many arguments, or with these keywords, as far as
    that can be told without calling it."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some callables have none to look at
        return None
    try:
        signature.bind(*names, **keywords)
    except TypeError as error:
        return str(error)
    return None


def _is_foreign(value: Any) -> bool:
    """Whether a function or a network belongs to PyTorch."""
    owner = getattr(value, "__self__", None)  # of a builtin, the module that it is in
    homes = (type(value).__module__, getattr(value, "__module__", None), type(owner).__module__)
    names = (*homes, getattr(owner, "__name__", None))
    return any(str(name).split(".")[0] == "torch" for name in names)


def function(name: str, value: Any, *names: str, example: str = "") -> Any:
    """A function of arguments of these names, of which only the order counts; without names, of
    whatever it likes."""
    call = f"{name}({', '.join(names)})"
    form = f", {call}" if names else ""
    if _is_foreign(value):
        raise TypeError(
            f"`{name}` must be a function of JAX arrays, but is {shown(value)} of PyTorch, which "
            "JAX cannot differentiate: write it with `jax.numpy`, a network with Equinox "
            "(`gandyn.networks.partition`)."
        )
    if not callable(value):
        such = f", such as `{example}`" if example else ""
        raise TypeError(f"`{name}` must be a function{form}{such}, but is {shown(value)}.")
    if names and (reason := misfit(value, *names)):
        raise TypeError(f"`{name}` is called as {call}, which it does not take: {reason}.")
    return value


def of_players(name: str, value: Any) -> tuple[Any, bool]:
    """A function of the players, and of the key or not: the function, and whether it takes a key.
    One that can be called without it is given one only if it calls it `key`."""
    function(name, value)
    alone, both = misfit(value, "players"), misfit(value, "players", "key")
    if alone and both:
        raise TypeError(
            f"`{name}` is called as {name}(players, key) or {name}(players), which it does not "
            f"take: {both}."
        )
    if alone or both:
        return value, bool(alone)
    try:
        second = list(inspect.signature(value).parameters.values())[:2][-1]
    except (TypeError, ValueError):  # some callables have none to look at
        return value, False
    return value, second.name == "key" or second.kind is inspect.Parameter.VAR_POSITIONAL


@contextlib.contextmanager
def told_of_the_key(what: str, key: Any) -> Iterator[None]:
    """That `what` is random, where JAX would only miss a key."""
    try:
        yield
    except TypeError as error:
        if key is None and "PRNG key" in str(error):
            raise ValueError(
                f"{what} random, but `key` is None: pass `key=jax.random.key(seed)`."
            ) from error
        raise


def one_per_player(what: str, value: Any, players: Players) -> Players:
    """What a function of the players returned, held to be real and of their structure."""
    if not isinstance(value, tuple | list):
        raise TypeError(f"{what} must be a tuple with one entry per player, but is {shown(value)}.")
    for leaf in jax.tree.leaves(value):
        if jnp.iscomplexobj(leaf):
            raise TypeError(
                f"{what} must be real, but has dtype {jnp.asarray(leaf).dtype}: take the real part."
            )
    return same_structure(what, tuple(value), players, "the players")


def players(value: Any, name: str = "players") -> Players:
    """A tuple with one pytree of inexact arrays per player, whatever was given as numbers."""
    if not isinstance(value, tuple | list):
        raise TypeError(
            f"`{name}` must be a tuple with one entry per player, generator first, "
            f"but is {shown(value)}."
        )
    if len(value) == 0:
        raise ValueError(f"`{name}` must have one entry per player, but is empty.")

    def leaf(x: Any) -> Array:
        if callable(x):
            raise TypeError(
                f"`{name}` must hold arrays only, but holds the function {shown(x)}. "
                "Of a network the parameters are a player: `network.start(key)`, or of one of "
                "Equinox's those of `gandyn.networks.partition`."
            )
        try:
            if isinstance(x, bool | np.bool_):
                raise TypeError
            x = floating(x)
        except (TypeError, ValueError):
            raise TypeError(
                f"`{name}` must hold numbers or arrays, but holds {shown(x)}."
            ) from None
        if jnp.iscomplexobj(x):
            raise TypeError(
                f"`{name}` must be real, but has dtype {x.dtype}: give real and imaginary parts as "
                "two arrays."
            )
        return x

    # A list of numbers is a vector; any other list is a tree, as it is for JAX.
    return tuple(jax.tree.map(leaf, player, is_leaf=_is_array_like) for player in value)


def parameters(name: str, value: Any) -> PyTree:
    """Those of one player or one function: finite numbers, at least one."""
    (value,) = players((value,), name)
    leaves = jax.tree.leaves(value)
    if not leaves:
        raise ValueError(f"`{name}` must hold at least one number, but holds none.")
    for leaf in leaves:
        array(name, leaf)
    return value


def known(value: Any, name: str = "known") -> tuple[Players, ...]:
    """Equilibria, each a tuple of players."""
    return tuple(players(p, name) for p in several(name, value, "tuples of players"))


def _is_array_like(x: Any) -> bool:
    return isinstance(x, list | float | int) and (not isinstance(x, list) or _all_array_like(x))


def _all_array_like(x: list) -> bool:
    return len(x) > 0 and all(map(_is_array_like, x))


def key(value: Any) -> Any:
    """One realization of everything random, or `None`."""
    if value is None or _is_key(value):
        return value
    many = " To try many, map over them with `jax.vmap`." if are_keys(value) else ""
    raise TypeError(
        f"`key` must be a random key such as `jax.random.key(0)`, or None for the population "
        f"dynamics, but is {shown(value)}.{many}"
    )


def are_keys(value: Any) -> bool:
    """Whether it is a random key of today's kind, or an array of such."""
    return isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)


def _is_key(value: Any) -> bool:
    """Whether it is one key, of today's kind or the numbers of an old one."""
    if are_keys(value):
        return value.ndim == 0
    old = isinstance(value, jax.Array | np.ndarray) and value.dtype == np.uint32
    return old and value.shape in ((2,), (4,))


def number_of(game: str, value: Sequence[Any], n: int) -> None:
    """`value` are the `n` players of a game."""
    if len(value) != n:
        raise ValueError(f"{game} is a game of {n} players, but `players` has {len(value)}.")


def same_structure(name: str, value: PyTree, like: PyTree, source: str) -> PyTree:
    """`value` has the tree, the shapes and the dtypes of `like`; dtypes are cast."""

    def shapes(tree: PyTree) -> PyTree:
        return jax.tree.map(jnp.shape, tree)

    if jax.tree.structure(value) != jax.tree.structure(like) or shapes(value) != shapes(like):
        raise ValueError(
            f"{name} must have the structure and the shapes of {source}, "
            f"{eqx.tree_pformat(like)}, but is {eqx.tree_pformat(value)}."
        )
    return jax.tree.map(lambda v, like: jnp.asarray(v).astype(jnp.asarray(like).dtype), value, like)


def candidates(name: str, value: PyTree) -> PyTree:
    """What a player may choose from: its parameters with one leading axis, the same in all."""
    (value,) = players((value,), name)
    numbers = {leaf.shape[:1] for leaf in jax.tree.leaves(value)}
    if len(numbers) != 1 or numbers & {(), (0,)}:
        raise ValueError(
            f"`{name}` must be the player's parameters with one leading axis, the same in all "
            f"arrays and not empty, but the leading axes are {sorted(numbers)}: "
            "`jnp.linspace(-8, 8, 161)` are candidates for a number."
        )
    return value
