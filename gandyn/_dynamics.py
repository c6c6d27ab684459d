"""A dynamics: a state carried through time. Two kinds, one contract.

A **rule** is a map, z -> F(z): discrete training. A **flow** is an ODE, z' = f(z). They differ in
how they advance, in what vanishes at rest and in what "stable" means; each of these is written
once, in `AbstractRule` and `AbstractFlow`. Everything else in the library - simulation, spectra,
portraits - is a function of a dynamics and a state that uses this contract and nothing more.

**For developers.** A new rule is a subclass of `AbstractRule` with `init` and `step`; a new flow is
a subclass of `AbstractFlow` with `init`, `velocity` and an `integrator`. The contract:

- `evolve` is a cocycle: evolving over [a, b] and then [b, c] with one key is evolving over [a, c].
- `residual` vanishes exactly at rest, has the structure of the state, and is differentiable.
- Memory that is empty is `None` or has no array leaves; everything that moves is an inexact leaf.
- Divergence is data: a state that blew up is inf or nan, never an exception.
"""

import abc
import functools
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Complex, PyTree

from . import _checks as checks
from ._phase import State
from ._types import Key, Players


def whole(state: State) -> State:
    """The observable that keeps everything."""
    return state


class AbstractDynamics(eqx.Module):
    """What every rule and every flow can do."""

    unit: ClassVar[str]
    """What a growth rate is measured per: "step" or "unit time"."""

    @abc.abstractmethod
    def init(self, players: Players) -> State:
        """The state from which training starts: the players, and a fresh memory."""

    @abc.abstractmethod
    def settle(self, state: State, key: Key = None) -> State:
        """The state with the memory that the dynamics has if the players stay where they are."""

    @abc.abstractmethod
    def evolve(
        self,
        state: State,
        ts: Any,
        key: Key = None,
        observe: Callable[[State], PyTree] = whole,
    ) -> PyTree:
        """What was observed at the times `ts`, stacked; `state` is the state at `ts[0]`."""

    @abc.abstractmethod
    def residual(self, state: State, key: Key = None) -> State:
        """What vanishes exactly at rest: f(z) for a flow, F(z) - z for a rule."""

    @abc.abstractmethod
    def exponents(self, eigenvalues: Complex[Array, " n"]) -> Complex[Array, " n"]:
        """Growth rates from the eigenvalues of D residual: themselves for a flow, their log1p for
        a rule."""


def begin(dynamics: Any, players: Players | State, key: Key = None) -> State:
    """The state of `dynamics` that a caller means by `players`; the door of every analysis."""
    checks.key(key)
    dynamics = is_dynamics(dynamics)
    if isinstance(players, State):
        return _going_on(dynamics, checks.players(players.players), players.memory)
    players = checks.players(players)
    if not any(x.size for x in jax.tree.leaves(players)):
        raise ValueError("`players` must have at least one number to move, but has none.")
    return dynamics.init(players)


def _going_on(dynamics: AbstractDynamics, players: Players, memory: PyTree) -> State:
    """Players with a memory, held to be of the kind that `dynamics` has for them."""
    fresh = _fresh(*_kinds((dynamics, players)))
    if _kinds(memory) == _kinds(fresh):
        return State(players, memory)
    if not _arrays((memory, fresh)):
        return dynamics.init(players)  # there are several ways to remember nothing
    raise ValueError(
        f"`players` is a State with the memory of another dynamics: it has {_text(memory)}, but "
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


def is_dynamics(dynamics: Any) -> AbstractDynamics:
    """`dynamics`, held to be one."""
    return checks.instance(
        "dynamics",
        dynamics,
        AbstractDynamics,
        "a rule or a flow",
        "from a game, make one with `gandyn.methods.alternating(game, step_size)` or "
        "`gandyn.flows.GradientFlow(gandyn.fields.Gradient(game))`",
    )
