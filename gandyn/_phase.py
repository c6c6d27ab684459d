"""The phase space of a dynamics: the players, and whatever an optimizer remembers about them."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Inexact, PyTree

from . import _checks as checks
from ._numerics import at_least_single
from ._opened import is_transformation
from ._types import Players


class State(eqx.Module):
    """One point of the phase space of a dynamics.

    **Arguments:**

    - `players`: one pytree per player, generator first.
    - `memory`: momenta, previous gradients, averages, clocks; `None` where nothing is remembered.
      With the memory in the state every dynamics is autonomous.
    """

    players: Players
    memory: PyTree = None

    def __check_init__(self) -> None:
        if not isinstance(self.players, tuple):
            raise TypeError(
                "`players` must be a tuple with one entry per player, generator first, but is "
                f"{checks.shown(self.players)}."
            )


def coordinates(tree: PyTree) -> tuple[Inexact[Array, " n"], Callable[[Array], PyTree]]:
    """The moving (inexact) leaves of a state as one vector, and the way back."""
    moving, still = eqx.partition(tree, eqx.is_inexact_array)
    vector, unravel = ravel_pytree(moving)
    return vector, lambda x: eqx.combine(unravel(x), still)


def vector(tree: PyTree) -> Inexact[Array, " n"]:
    """The moving leaves of a state as one vector."""
    return coordinates(tree)[0]


def difference(new: State, old: State) -> State:
    """What has moved, from an old state to a new one; clocks and the like are the new ones."""

    def change(new: Any, old: Any) -> Any:
        return new - old if eqx.is_inexact_array(old) else new

    return jax.tree.map(change, new, old)


def players_vector(state: State) -> Inexact[Array, " n"]:
    """The moving leaves of the players as one vector. To be observed along a run it must be this
    one function, not a new one in each call, for which the run would be compiled anew."""
    return coordinates(state.players)[0]


def precision(tree: PyTree) -> jnp.dtype:
    """The dtype that holds all that moves: of a state, or of players alone."""
    moving = [x for x in jax.tree.leaves(tree) if eqx.is_inexact_array(x)]
    return jnp.result_type(*moving) if moving else jnp.result_type(float)


def in_precision(tree: PyTree, dtype: jnp.dtype) -> PyTree:
    """The real numbers of a tree, such as a dynamics, in a precision; those of optimizers in no
    less than single precision, because in half of it 0.999, of which Adam asks for what is left to
    1, is 1.

    Constants stay constants under `jit`, so that XLA can put them into the loops that use them.
    """
    if all(x.dtype == dtype for x in jax.tree.leaves(tree) if eqx.is_inexact_array(x)):
        return tree
    least = at_least_single(dtype)

    def cast(x: Any, dtype: jnp.dtype) -> Any:
        real = eqx.is_inexact_array(x) and not jnp.iscomplexobj(x)
        return x.astype(dtype) if real and x.dtype != dtype else x

    def part(x: Any) -> Any:
        if is_transformation(x):
            return jax.tree.map(lambda y: cast(y, least), x)
        return cast(x, dtype)

    with jax.ensure_compile_time_eval():
        return jax.tree.map(part, tree, is_leaf=is_transformation)


def as_precise(tree: PyTree, like: PyTree) -> PyTree:
    """The real numbers of a tree in the precision of a state, or of players."""
    return in_precision(tree, precision(like))
