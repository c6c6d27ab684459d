"""A rule: a map of the phase space, z -> F(z), applied step after step."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array, Complex, Int, PyTree

from .. import _checks as checks
from .. import _linear as linear
from .._dynamics import AbstractDynamics, whole
from .._phase import State, coordinates, in_precision, precision
from .._reads import compiled
from .._types import Key

_SETTLING_STEPS = 10_000
_LATE = 2**30  # a clock that reads this has outlived every warm-up and every bias correction


class AbstractRule(AbstractDynamics):
    """A discrete training method. Step t of a realisation uses `fold_in(key, t)`."""

    unit: ClassVar[str] = "step"

    @abc.abstractmethod
    def step(self, state: State, key: Key = None) -> State:
        """F(z): one step of training."""

    def settle(self, state: State, key: Key = None) -> State:
        """The players held, and the memory iterated until it rests, its clocks far ahead."""
        if not jax.tree.leaves(state.memory):
            return state
        memory = state.memory
        if optax.tree.get_all_with_path(memory, "count"):  # optax's name for a clock
            memory = optax.tree.set(memory, count=jnp.asarray(_LATE, jnp.int32))
        # Flags flip in the first step; from then on only what moves is iterated.
        memory = self.step(State(state.players, memory), key).memory
        fresh, back = coordinates(memory)
        if fresh.size == 0:
            return State(state.players, memory)

        def change(x: Array) -> Array:
            return coordinates(self.step(State(state.players, back(x)), key).memory)[0] - x

        def iterated(change: Callable[[Array], Array], x: Array) -> Array:
            def moves(carry: tuple) -> Array:
                _, dx, n = carry
                return (jnp.max(jnp.abs(dx)) > 0) & (n < _SETTLING_STEPS)

            def once(carry: tuple) -> tuple:
                x, dx, n = carry
                return x + dx, change(x + dx), n + 1

            return jax.lax.while_loop(moves, once, (x, change(x), 0))[0]

        # Derivatives are those of where the memory rests, not of the way there.
        rest = jax.lax.custom_root(change, fresh, iterated, linear.solve)
        return State(state.players, back(rest))

    def evolve(
        self,
        state: State,
        ts: Any,
        key: Key = None,
        observe: Callable[[State], PyTree] = whole,
    ) -> PyTree:
        times = whole_numbers(ts)
        rule = in_precision(self, precision(state))
        # One gap between all the times is known before anything runs, so that the loop can be
        # differentiated backwards; otherwise its length is data.
        if isinstance(times, np.ndarray) and len(set(np.diff(times).tolist())) <= 1:
            gap = int(times[1] - times[0]) if len(times) > 1 else 0
            return _march(rule, state, jnp.asarray(times[0]), key, observe, gap, len(times) - 1)
        return _march_unevenly(rule, state, jnp.asarray(times), key, observe)

    def advance(self, state: State, start: Int[Array, ""], count: int, key: Key = None) -> State:
        """The state `count` steps after step number `start`."""
        step = stepper(in_precision(self, precision(state)), key)
        return jax.lax.fori_loop(0, count, lambda i, s: step(start + i, s), state)

    def residual(self, state: State, key: Key = None) -> State:
        def change(new: Any, old: Any) -> Any:
            return new - old if eqx.is_inexact_array(old) else new

        return jax.tree.map(change, self.step(state, key), state)

    def exponents(self, eigenvalues: Complex[Array, " n"]) -> Complex[Array, " n"]:
        # A multiplier that rounding cannot tell from 0 is 0: its exponent is no number.
        size = jnp.max(jnp.abs(eigenvalues), axis=-1, keepdims=True, initial=1.0)
        rounding = eigenvalues.shape[-1] * jnp.finfo(eigenvalues.dtype).eps * size
        vanishes = jnp.abs(1 + eigenvalues) <= rounding
        return jnp.where(vanishes, -jnp.inf, jnp.log1p(jnp.where(vanishes, 0, eigenvalues)))


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


def whole_numbers(ts: Any) -> np.ndarray | Int[Array, " t"]:
    """Times as steps: whole, never decreasing. A numpy array wherever they can be looked at."""
    if checks.is_concrete(ts):
        ts = np.asarray(ts)
    shape = jnp.shape(ts)
    if len(shape) != 1 or shape[0] == 0:
        raise ValueError(
            f"`ts` must be a vector of at least one step number, but has shape {shape}: "
            "`ts=jnp.arange(501)` asks for 500 steps, each observed."
        )
    if not checks.is_concrete(ts):
        if not jnp.issubdtype(ts.dtype, jnp.integer):
            raise TypeError(
                "`ts` must be integers for a rule, whose time is counted in steps, but has dtype "
                f"{ts.dtype}."
            )
        return ts
    if ts.dtype.kind not in "iuf" or not np.all(np.isfinite(ts)) or np.any(ts != np.round(ts)):
        raise ValueError(
            f"`ts` must be whole numbers for a rule, whose time is counted in steps, but is {ts}: "
            "`jnp.arange(501)` asks for 500 steps."
        )
    if np.any(np.diff(ts) < 0):
        raise ValueError(
            f"`ts` must not decrease, because a step cannot be taken back, but is {ts}."
        )
    return ts.astype(int)
