"""The door of every analysis: what is given is checked, and becomes the state that is meant.

Here, and nowhere further in, is decided how precisely numbers are computed with: as precisely as
the players. A dynamics is taken at their precision, and so is whatever else is asked with numbers,
by `as_precise`.
"""

import functools
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from . import _checks as checks
from ._compiled import compiled
from ._dynamics import AbstractDynamics, checked_dynamics
from ._phase import State, as_precise
from ._types import Key, Players


def begin(
    dynamics: Any,
    players: Players | State,
    key: Key = None,
    *,
    settled: bool = False,
    name: str = "players",
) -> tuple[AbstractDynamics, State]:
    """A dynamics, in the precision of the state that a caller means by `players`, which may have
    another `name` there, and this state: a `State` as it is, players alone with a fresh memory, or,
    at a point of rest, with the `settled` one that it has there."""
    checks.key(key)
    dynamics = checked_dynamics(dynamics)
    if isinstance(players, State):
        state = _going_on(dynamics, checks.players(players.players, name), players.memory, name)
        return as_precise(dynamics, state), state
    players = checks.players(players, name)
    if not any(x.size for x in jax.tree.leaves(players)):
        raise ValueError(f"`{name}` must have at least one number to move, but has none.")
    state = dynamics.init(players)
    dynamics = as_precise(dynamics, state)
    if settled and jax.tree.leaves(state.memory):
        state = _settled(dynamics, state, key)
    return dynamics, state


@compiled
def _settled(dynamics: AbstractDynamics, state: State, key: Key) -> State:
    return dynamics.settle(state, key)


def _going_on(dynamics: AbstractDynamics, players: Players, memory: PyTree, name: str) -> State:
    """Players with a memory, held to be of the kind that `dynamics` has for them."""
    fresh = _fresh(*_kinds((dynamics, players)))
    if _kinds(memory) == _kinds(fresh):
        return State(players, memory)
    if not _arrays((memory, fresh)):
        return dynamics.init(players)  # there are several ways to remember nothing
    raise ValueError(
        f"`{name}` is a State with the memory of another dynamics: it has {_text(memory)}, but "
        f"that of this {type(dynamics).__name__} is {_text(fresh)}. Start with its own, "
        "`dynamics.init(state.players)`, or give the players alone."
    )


@functools.lru_cache(maxsize=256)  # to trace `init` takes a hundred times as long
def _fresh(structure: Any, leaves: tuple) -> PyTree:
    """A memory that has just begun, its arrays told by shapes and dtypes."""
    dynamics, players = jax.tree.unflatten(
        structure, (jax.ShapeDtypeStruct(*x) if isinstance(x, tuple) else x for x in leaves)
    )
    return eqx.filter_eval_shape(lambda d, p: d.init(p).memory, dynamics, players)


def _kinds(tree: PyTree) -> tuple[Any, tuple]:
    """A tree as a structure and its leaves; an array as its shape and its dtype."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, tuple((x.shape, x.dtype) if hasattr(x, "dtype") else x for x in leaves)


def _arrays(tree: PyTree) -> list[tuple[Any, Any]]:
    """Where the arrays of a tree are, and what they are."""
    return [pair for pair in jax.tree_util.tree_leaves_with_path(tree) if hasattr(pair[1], "dtype")]


def _text(memory: PyTree) -> str:
    each = [f"{jax.tree_util.keystr(path)} {x.dtype}{list(x.shape)}" for path, x in _arrays(memory)]
    return ", ".join(each[:8] + ["..."] * (len(each) > 8)) or "none"
