"""The elementary move: every player takes one step along its field, through its own optimizer."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from .. import _checks as checks
from .._phase import State
from .._types import Key, Number, Players
from ..fields import AbstractField
from ..fields._field import is_field
from ._rule import AbstractRule

Optimizer = optax.GradientTransformation | None


class Descend(AbstractRule):
    """All players at once: z_i <- z_i + u_i, where u_i is what optimizer i makes of v_i.

    **Arguments:**

    - `field`: the field v.
    - `optimizers`: a number h, which stands for u = h v, or any optax transformation (which is
      given -v as the gradient), or `None` for a player who stands still; one for everybody or a
      tuple with one per player.
    """

    field: AbstractField
    optimizers: Any

    def __init__(self, field: AbstractField, optimizers: Any):
        self.field = is_field(field)
        self.optimizers = optimizer("step_size", optimizers)

    def init(self, players: Players) -> State:
        memory = tuple(
            None if o is None else o.init(p)
            for o, p in zip(self._spread(len(players)), players, strict=True)
        )
        return State(players, memory if jax.tree.leaves(memory) else None)

    def step(self, state: State, key: Key = None) -> State:
        n = len(state.players)
        optimizers = self._spread(n)
        memories = optimizers_memory(optimizers, state)
        direction = checks.same_structure(
            f"the direction of {type(self.field).__name__}",
            self.field(state.players, key),
            state.players,
            "the players",
        )
        players, memory = [], []
        for o, p, v, m in zip(optimizers, state.players, direction, memories, strict=True):
            if o is not None:
                # Optax mixes its own dtypes; what comes back is cast to ours.
                with jax.numpy_dtype_promotion("standard"):
                    updates, new = o.update(jax.tree.map(jnp.negative, v), m, p)
                    p, m = optax.apply_updates(p, updates), optax.tree.cast_like(new, m)
            players.append(p)
            memory.append(m)
        return State(tuple(players), None if state.memory is None else tuple(memory))

    def _spread(self, n: int) -> tuple[Optimizer, ...]:
        if is_transformation(self.optimizers):
            return (self.optimizers,) * n
        return checks.spread("step_size", self.optimizers, n)


def optimizers_memory(optimizers: tuple[Optimizer, ...], state: State) -> tuple[PyTree, ...]:
    """The memory of each optimizer; those that remember nothing are asked for their empty one."""
    if state.memory is not None:
        return state.memory
    return tuple(
        None if o is None else o.init(p) for o, p in zip(optimizers, state.players, strict=True)
    )


class _Times(eqx.Module):
    """u = -h g, with h a leaf, in the precision of g."""

    size: Float[Array, ""]

    def __call__(self, updates: PyTree, state: Any, params: Any = None) -> tuple[PyTree, Any]:
        return jax.tree.map(lambda g: -self.size.astype(g.dtype) * g, updates), state


def _remembers_nothing(params: PyTree) -> optax.EmptyState:
    return optax.EmptyState()


def is_transformation(value: Any) -> bool:
    """Whether `value` is an optax transformation (which is a tuple, too)."""
    return isinstance(value, optax.GradientTransformation | optax.GradientTransformationExtraArgs)


def plain(name: str, step_size: Number) -> optax.GradientTransformation:
    """Plain gradient steps of a given size, as an optax transformation whose size is a leaf."""
    return optax.GradientTransformation(
        _remembers_nothing, _Times(checks.number(name, step_size, low=0))
    )


def optimizer(name: str, value: Any) -> Any:
    """A number, an optax transformation or `None`, or a tuple of these, as pytrees.

    Optax's transformations hold their numbers in closures; these are opened, and the numbers made
    arrays, so that another value does not mean another program.
    """
    if value is None:
        return None
    if is_transformation(value):
        _fill(value)
        opened = eqxi.closure_to_pytree(value)
        return jax.tree.map(lambda x: jnp.asarray(x) if isinstance(x, float) else x, opened)
    if isinstance(value, Callable):
        raise TypeError(
            f"`{name}` must be a number or an optax transformation, but is {checks.shown(value)}: "
            "a schedule goes into one, as in `optax.sgd(schedule)`."
        )
    if isinstance(value, tuple | list) or getattr(value, "ndim", 0) == 1:
        return tuple(optimizer(f"{name}[{i}]", v) for i, v in enumerate(value))
    return plain(name, value)


def _fill(tree: PyTree) -> None:
    """Fill the variables of closures that were never assigned, such as those for an end value that
    `optax.exponential_decay` was not given: equinox opens no closure that has some."""
    for function in jax.tree.leaves(tree):
        for cell in getattr(function, "__closure__", None) or ():
            try:
                content = cell.cell_contents
            except ValueError:
                cell.cell_contents = None
            else:
                _fill(content)
