"""A rule: a map of the phase space, z -> F(z), applied step after step."""

import abc
import functools
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PyTree, Real

from .. import _checks as checks
from .. import _numerics as numerics
from .._compiled import compiled
from .._dynamics import AbstractDynamics, Frame, factors, pushed, whole
from .._opened import late
from .._phase import State, as_precise, coordinates, difference, players_vector
from .._types import Key

_SETTLING_STEPS = 10_000


class AbstractRule(AbstractDynamics):
    """A discrete training method. Step t of a realization uses `fold_in(key, t)`."""

    unit: ClassVar[str] = "step"

    @abc.abstractmethod
    def step(self, state: State, key: Key = None) -> State:
        """F(z): one step of training."""

    def settle(self, state: State, key: Key = None) -> State:
        """The players held, and the memory iterated until it rests, its clocks far ahead."""
        if not jax.tree.leaves(state.memory):
            return state
        memory = late(state.memory)
        # Flags flip in the first step; from then on only what moves is iterated.
        memory = self.step(State(state.players, memory), key).memory
        fresh, back = coordinates(memory)
        if fresh.size == 0:
            return State(state.players, memory)

        def change(x: Array) -> Array:
            return coordinates(self.step(State(state.players, back(x)), key).memory)[0] - x

        def once(x: Array, _: Any) -> tuple[Array, Array]:
            dx = change(x)
            moves = jnp.max(jnp.abs(dx)) > 0  # not to nan
            return jnp.where(moves, x + dx, x), ~moves

        def search(x: Array) -> tuple[Array, None]:
            return numerics.iterated(once, x, _SETTLING_STEPS)[0], None

        # Derivatives are those of where the memory rests, not of the way there.
        rest, _ = numerics.implicit(change, fresh, search, numerics.solve)
        return State(state.players, back(rest))

    def evolve(
        self,
        state: State,
        ts: Any,
        key: Key = None,
        observe: Callable[[State], PyTree] = whole,
    ) -> PyTree:
        times = self.clock.times(ts)
        rule = as_precise(self, state)
        # One gap between all the times is known before anything runs, so that the loop can be
        # differentiated backwards; otherwise its length is data.
        if isinstance(times, np.ndarray) and len(set(np.diff(times).tolist())) <= 1:
            gap = int(times[1] - times[0]) if len(times) > 1 else 0
            return _march(rule, state, jnp.asarray(times[0]), key, observe, gap, len(times) - 1)
        return _march_unevenly(rule, state, jnp.asarray(times), key, observe)

    def advance(self, state: State, start: Any, count: Any, key: Key = None) -> State:
        """Where a `state` is `count` steps after step number `start`."""
        step = stepper(as_precise(self, state), key)
        return jax.lax.fori_loop(0, count, lambda i, s: step(start + i, s), state)

    def residual(self, state: State, key: Key = None) -> State:
        return difference(self.step(state, key), state)

    def accuracy(self, dtype: Any) -> Any:
        # That of whatever is evolved within a step.
        def inner(node: Any) -> bool:
            return isinstance(node, AbstractDynamics) and node is not self

        nodes = jax.tree.leaves(self, is_leaf=inner)
        parts = [node.accuracy(dtype) for node in nodes if inner(node)]
        return functools.reduce(jnp.maximum, parts, super().accuracy(dtype))

    def slopes_accuracy(self, dtype: Any) -> Any:
        return self.accuracy(dtype)

    def tangent(
        self, state: State, frame: Frame, start: Any, time: Any, key: Key = None
    ) -> tuple[State, Frame]:
        """The same; differentiable backwards if the time is known, as an `int`."""
        return pushed(lambda state: self.advance(state, start, time, key), state, frame)

    def stretch(
        self, state: State, frame: Frame, start: Any, time: Any, key: Key = None
    ) -> tuple[State, Frame, Float[Array, " k"]]:
        """The same, but -inf for what vanished in a single step."""
        state, carried = self.tangent(state, frame, start, time, key)
        return state, *factors(carried, at_once=time <= 1)

    def extent(
        self, state: State, size: Any, start: Any, time: Any, key: Key = None
    ) -> tuple[Float[Array, " p"], Float[Array, " p"], State, Real[Array, ""]]:
        """The same, looked at after every step."""
        step = stepper(as_precise(self, state), key)
        here = players_vector(state)
        start, count = (jnp.asarray(t).astype(int) for t in (start, jnp.ceil(time)))

        def once(i: Array, carried: tuple) -> tuple:
            state, low, high = carried
            state = step(start + i, state)
            here = players_vector(state)
            return state, jnp.minimum(low, here), jnp.maximum(high, here)

        state, low, high = jax.lax.fori_loop(0, count, once, (state, here, here))
        return low, high, state, start + count

    def stages(self, state: State, key: Key = None) -> tuple[State, ...]:
        return (self.step(state, key),)


def stepper(rule: AbstractRule, key: Key) -> Callable[[Array, State], State]:
    def step(t: Array, state: State) -> State:
        new = rule.step(state, None if key is None else jr.fold_in(key, t))
        return checks.same_structure("what `step` returns", new, state, "the state")

    return step


@compiled
def _march(
    rule: AbstractRule,
    state: State,
    start: Int[Array, ""],
    key: Key,
    observe: Callable[[State], PyTree],
    gap: int,
    blocks: int,
) -> PyTree:
    """`blocks` times `gap` steps, observed at the start and after each block."""
    step = stepper(rule, key)

    def block(state: State, first: Array) -> tuple[State, PyTree]:
        state = jax.lax.fori_loop(0, gap, lambda i, s: step(first + i, s), state)
        return state, observe(state)

    _, seen = jax.lax.scan(block, state, start + gap * jnp.arange(blocks))
    return jax.tree.map(
        lambda first, rest: jnp.concatenate([jnp.asarray(first)[None], rest]), observe(state), seen
    )


@compiled
def _march_unevenly(
    rule: AbstractRule,
    state: State,
    ts: Int[Array, " t"],
    key: Key,
    observe: Callable[[State], PyTree],
) -> PyTree:
    step = stepper(rule, key)

    def block(state: State, ends: tuple[Array, Array]) -> tuple[State, PyTree]:
        state = jax.lax.fori_loop(*ends, step, state)
        return state, observe(state)

    return jax.lax.scan(block, state, (jnp.concatenate([ts[:1], ts[:-1]]), ts))[1]
