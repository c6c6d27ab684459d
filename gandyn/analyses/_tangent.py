"""Tangents: a state and a frame of small disturbances of it, carried through time together.

For a rule, V <- D(F^n) V. For a flow the variational equation V' = Df(z) V is integrated along with
z' = f(z): its own error counts in the choice of steps, which at rest z alone would not restrain.

What has shrunk below the absolute tolerance of an adaptive flow is lost in V, and so is what has
turned toward what grows faster. Growth is therefore that of an orthonormal frame: V = Q R, and

    Q' = Df Q - Q T,    (log R_jj)' = T_jj,    T upper triangular,

keeps Q orthonormal and all logarithms within reach, however much grows or shrinks meanwhile.

Dieci, Russell, Van Vleck, "On the computation of Lyapunov exponents for continuous dynamical
systems", SIAM Journal on Numerical Analysis 34, 1997.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Real

from .._dynamics import AbstractDynamics
from .._phase import State, coordinates
from .._types import Key, Players
from ..flows import AbstractFlow, Integrator
from ..rules import AbstractRule, TimeMap

Frame = Float[Array, "n k"]


class _Variational(AbstractFlow):
    """z' = f(z), V' = Df(z) V, as a flow whose players are (z, V)."""

    flow: AbstractFlow
    integrator: Integrator

    def init(self, players: Players) -> State:
        return State(players)

    def velocity(self, state: State, key: Key = None) -> State:
        point, frame = state.players
        v, pushed = _velocities(self.flow, point, frame, key)
        return State((v, pushed))


class _Orthonormal(AbstractFlow):
    """z' = f(z), and the factors Q and log diag R of V, as a flow whose players are these three."""

    flow: AbstractFlow
    integrator: Integrator

    def init(self, players: Players) -> State:
        return State(players)

    def velocity(self, state: State, key: Key = None) -> State:
        point, q, _ = state.players
        v, pushed = _velocities(self.flow, point, q, key)
        w = q.T @ pushed
        rate = _upper(w + w.T)
        # Q^T Q = 1 + E, and E is kept from growing: to first order in E nothing of T moves it.
        strayed = (q.T @ q - jnp.eye(len(w), dtype=w.dtype)) @ rate
        rate = rate - _upper(strayed + strayed.T)
        return State((v, pushed - q @ rate, jnp.diagonal(rate)))


def _upper(matrix: Float[Array, "k k"]) -> Float[Array, "k k"]:
    """The upper triangular T with T + T^T the given symmetric matrix."""
    return jnp.triu(matrix) - jnp.diag(jnp.diagonal(matrix)) / 2


def _velocities(flow: AbstractFlow, point: State, frame: Frame, key: Key) -> tuple[State, Frame]:
    """f(z), and Df(z) V."""
    x, back = coordinates(point)

    def velocity(x: Array) -> tuple[Array, State]:
        v = flow.velocity(back(x), key)
        return coordinates(v)[0], v

    return _push(velocity, x, frame)


def carry(
    dynamics: AbstractDynamics,
    state: State,
    frame: Frame,
    ts: Real[Array, " t"],
    key: Key,
    steps: int | None = None,
) -> tuple[State, Frame]:
    """The state and the frame, in its coordinates, at the last of the times `ts`. That of a rule
    can be differentiated backwards only if its number of `steps` is known."""
    if isinstance(dynamics, AbstractFlow):
        both = _Variational(flow=dynamics, integrator=dynamics.integrator)
        seen = both.evolve(State((state, frame)), ts, key)
        return jax.tree.map(lambda leaf: leaf[-1], seen.players)

    x, back = coordinates(state)

    def advanced(x: Array) -> tuple[Array, State]:
        if steps is not None and isinstance(dynamics, AbstractRule):
            new = dynamics.advance(back(x), ts[0], steps, key)
        else:
            new = jax.tree.map(lambda leaf: leaf[-1], dynamics.evolve(back(x), ts, key))
        return coordinates(new)[0], new

    return _push(advanced, x, frame)


def _push(
    function: Callable[[Array], tuple[Array, State]], x: Float[Array, " n"], frame: Frame
) -> tuple[State, Frame]:
    """What `function` says of x beside its value, and its derivative along every column."""

    def push(v: Array) -> tuple[State, Array]:
        _, pushed, value = jax.jvp(function, (x,), (v,), has_aux=True)
        return value, pushed

    return jax.vmap(push, in_axes=1, out_axes=(None, 1))(frame)


def grow(
    dynamics: AbstractDynamics,
    state: State,
    frame: Frame,
    ts: Real[Array, " 2"],
    key: Key,
    steps: int | None = None,
) -> tuple[State, Frame, Float[Array, " k"]]:
    """The state and the orthonormal frame at the later of two times, and the logarithms by which
    its directions have grown: nan for what rounding has lost, -inf for what vanished in a step."""
    if isinstance(dynamics, TimeMap) and not isinstance(dynamics.duration, int) and key is None:
        # Without a key, what a flow does step after step it does at once.
        ts = ts.astype(frame.dtype) * dynamics.duration.astype(frame.dtype)
        return grow(dynamics.dynamics, state, frame, ts, key)
    if isinstance(dynamics, AbstractFlow) and dynamics.integrator.dt is None:
        flow = _Orthonormal(flow=dynamics, integrator=dynamics.integrator)
        start = State((state, frame, jnp.zeros_like(frame[0])))
        seen = flow.evolve(start, ts, key)
        state, frame, logs = jax.tree.map(lambda leaf: leaf[-1], seen.players)
        frame, r = jnp.linalg.qr(frame)
        return state, frame, logs + jnp.log(jnp.abs(jnp.diagonal(r)))
    state, pushed = carry(dynamics, state, frame, ts, key, steps)
    frame, r = jnp.linalg.qr(pushed)
    sizes = jnp.abs(jnp.diagonal(r))
    limits = jnp.finfo(sizes.dtype)
    largest = jnp.max(sizes)
    vanished = sizes <= len(pushed) * float(limits.eps) * largest
    vanished = vanished & isinstance(dynamics, AbstractRule) & (ts[1] - ts[0] <= 1)
    # Next to the largest of them, or to the least of all numbers, sizes have few digits left.
    least = float(limits.tiny / limits.eps)
    lost = sizes <= jnp.maximum(float(limits.eps) ** 0.75 * largest, least)
    kept = jnp.log(jnp.where(lost, 1, sizes))
    return state, frame, jnp.where(lost, jnp.where(vanished, -jnp.inf, jnp.nan), kept)
