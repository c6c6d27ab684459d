"""Optax's transformations as pytrees, whose numbers are leaves.

Optax holds numbers in closures, of which JAX sees nothing: another learning rate would be another
program, and no rate could be swept. Here the closures of transformations and of Optax's own
functions are opened; what users hand to Optax - masks, schedules of their own - stays the functions
that Optax asks for.
"""

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from ._reads import Compared

_LATE = 2**30  # a clock that reads this has outlived every warm-up and every bias correction


def is_transformation(value: Any) -> bool:
    """Whether `value` is an optax transformation (which is a tuple, too)."""
    return isinstance(value, optax.GradientTransformation | optax.GradientTransformationExtraArgs)


def opened(transformation: optax.GradientTransformation) -> optax.GradientTransformation:
    """The transformation with its numbers as leaves; as it is, if it asks for the values of its
    numbers while it is traced (`if momentum > 0`)."""
    result = jax.tree.map(
        lambda x: jnp.asarray(x) if isinstance(x, float) else x, _open(transformation)
    )
    if _is_traceable(result):
        return result
    init, update = transformation
    return type(transformation)(_Known(init), _Known(update))


def _open(x: Any) -> Any:
    if is_transformation(x):
        return type(x)(*map(_open_part, x))
    if isinstance(x, types.FunctionType):
        local = x.__module__.startswith("optax.") and "<locals>" in x.__qualname__
        return _Opened(x) if local else x
    if type(x) in (tuple, list):
        return type(x)(map(_open, x))
    if type(x) is dict:
        return {name: _open(part) for name, part in x.items()}
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*map(_open, x))
    return x


def _open_part(function: Any) -> Any:
    ours = str(getattr(function, "__module__", "")).startswith("gandyn.")
    return function if ours or not isinstance(function, types.FunctionType) else _Opened(function)


class _Opened(eqx.Module):
    """A function whose closure's contents are a part of it, as a pytree."""

    body: Compared
    contents: tuple[Any, ...]

    def __init__(self, function: types.FunctionType):
        self.body = Compared(function, closed=False)
        self.contents = tuple(_open(_content(cell)) for cell in function.__closure__ or ())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        f = self.body.function
        closure = tuple(map(types.CellType, self.contents))
        again = types.FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, closure)
        again.__kwdefaults__ = f.__kwdefaults__
        return again(*args, **kwargs)


def _content(cell: types.CellType) -> Any:
    """What a cell holds; `None` for a variable that was never assigned, such as that for an end
    value that `optax.exponential_decay` was not given."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


class _Known(eqx.Module):
    """A function that needs to know its numbers: with others it is another program."""

    body: Compared

    def __init__(self, function: Any):
        self.body = Compared(function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.body.function(*args, **kwargs)


def _is_traceable(transformation: optax.GradientTransformation) -> bool:
    """Whether a step can be traced whatever the numbers of a transformation are."""

    def step(transformation: optax.GradientTransformation, player: PyTree) -> Any:
        memory = transformation.init(player)
        return transformation.update(player, memory, player)[0]

    numbers, rest = eqx.partition(transformation, eqx.is_inexact_array)
    with jax.numpy_dtype_promotion("standard"):
        try:
            jax.eval_shape(lambda n, p: step(eqx.combine(n, rest), p), numbers, jnp.ones((2, 2)))
        except (jax.errors.ConcretizationTypeError, jax.errors.TracerBoolConversionError):
            return False
        except TypeError as error:
            return "unhashable" not in str(error)
        except Exception:  # for reasons of its own, of which a run will tell
            return True
    return True


def start(transformation: optax.GradientTransformation, player: PyTree) -> Any:
    """What a transformation remembers at first."""
    with _in_our_words(player):
        return transformation.init(player)


def update(
    transformation: optax.GradientTransformation, gradient: PyTree, memory: Any, player: PyTree
) -> tuple[PyTree, Any]:
    """What a transformation makes of a gradient, and what it remembers."""
    with _in_our_words(player):
        return transformation.update(gradient, memory, player)


def applied(player: PyTree, move: PyTree) -> PyTree:
    """The player after a move that a transformation made."""
    with _in_our_words(player):
        return optax.apply_updates(player, move)


def late(memory: PyTree) -> PyTree:
    """What is remembered when all clocks are far ahead: a clock is what is called `count`, as in
    optax, so that a transformation or a rule of one's own has one by that name."""
    if not optax.tree.get_all_with_path(memory, "count"):
        return memory
    return optax.tree.set(memory, count=jnp.asarray(_LATE, jnp.int32))


@contextlib.contextmanager
def _in_our_words(player: PyTree) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        said = str(error).partition("\n")[0]
        if "required keyword-only argument" in said or "must be provided" in said:
            raise TypeError(
                f"this optax transformation asks for more than the gradient ({said}): line "
                "searches and steps that depend on a loss are not defined for a game, in which "
                "there is no one loss that all descend. Give a transformation of the gradient "
                "alone."
            ) from error
        raise ValueError(
            "this optax transformation does not take these gradients and parameters, "
            f"{eqx.tree_pformat(player)}: {said}"
        ) from error
