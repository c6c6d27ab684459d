"""A flow: an ordinary differential equation z' = f(z), integrated by diffrax."""

import abc
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree, Real

from .. import _checks as checks
from .. import _numerics as numerics
from .._compiled import compiled
from .._dynamics import AbstractDynamics, Frame, factors, pushed, whole
from .._paths import box
from .._phase import State, as_precise, players_vector, precision
from .._types import Key, Players
from ._beside import PACE, Paced, Rates, orthonormal
from ._derivative import beside_a_frame, solution
from ._integrator import MAX_STEPS, AdaptiveSteps, Integrator

_PIECES = 50  # in which the extent of a flow is seen
_LOOKS = 256  # in each of them
_MOST = 2**31  # steps of a fixed length: beyond, they could not be counted


class AbstractFlow(AbstractDynamics):
    """A continuous-time idealisation of training. With a key, one frozen sample of the game."""

    unit: ClassVar[str] = "unit time"
    integrator: eqx.AbstractVar[Integrator]

    @abc.abstractmethod
    def velocity(self, state: State, key: Key = None) -> State:
        """f(z), with the structure of the state."""

    def term(self, velocity: Callable[..., Any], state: State, key: Key) -> dfx.AbstractTerm:
        """What diffrax integrates from a `state` on: `velocity(t, state, args)`, and the noise of
        those that have some."""
        return dfx.ODETerm(velocity)

    def evolve(
        self,
        state: State,
        ts: Any,
        key: Key = None,
        observe: Callable[[State], PyTree] = whole,
    ) -> PyTree:
        times = self.clock.times(ts)
        self.integrator.tolerances(precision(state))  # looked at here: they are not yet traced
        flow, times = as_precise((self, times), state)
        return _integrate(flow, state, times, key, observe, _steps(self.integrator, times))

    def residual(self, state: State, key: Key = None) -> State:
        return self.velocity(state, key)

    def accuracy(self, dtype: Any) -> Any:
        adaptive = self.integrator.dt is None
        return sum(self.integrator.tolerances(dtype)) if adaptive else super().accuracy(dtype)

    def tangent(
        self, state: State, frame: Frame, start: Any, time: Any, key: Key = None
    ) -> tuple[State, Frame]:
        """By the variational equation V' = Df(z) V, integrated along with z' = f(z): its own error
        counts in the choice of steps, which at rest z alone would not restrain."""
        return self._beside(pushed, (state, frame), start, time, key)

    def stretch(
        self, state: State, frame: Frame, start: Any, time: Any, key: Key = None
    ) -> tuple[State, Frame, Float[Array, " k"]]:
        """The same. What has shrunk below the absolute tolerance of adaptive steps would be lost in
        V = Q R, and so would what has turned toward what grows faster; so Q and log diag R are
        integrated, which stay within reach however much grows or shrinks meanwhile."""
        if self.integrator.dt is not None:
            return super().stretch(state, frame, start, time, key)
        begun = (state, frame, jnp.zeros_like(frame[0]))
        state, frame, logs = self._beside(orthonormal, begun, start, time, key)
        frame, more = factors(frame)
        return state, frame, logs + more

    def _beside(self, rates: Rates, players: Any, start: Any, time: Any, key: Key) -> Any:
        """What is integrated along with the flow, after a time."""
        both = _Beside(flow=self, rates=rates, integrator=self.integrator)
        seen = both.evolve(State(players), jnp.stack([start, start + time]), key)
        return jax.tree.map(lambda leaf: leaf[-1], seen.players)

    def looks(
        self, state: State, size: Any, start: Any, time: Any, n: int, key: Key = None
    ) -> tuple[Float[Array, "look p"], Real[Array, " look"], State]:
        """The same, at an even pace: at rest the looks take that `time`, and on the way less. Those
        at a flow of fixed steps are equally spaced in time, because its steps are."""
        x, plan = players_vector(state), self.integrator
        size, start, time = (jnp.asarray(value, x.dtype) for value in (size, start, time))
        if plan.dt is not None:
            gap = jnp.maximum(plan.dt.astype(x.dtype), time / n)
            return super().looks(state, size, start, gap * n, n, key)
        clock = Paced(size, PACE * n / time)
        both = _Beside(flow=self, rates=clock, integrator=plan)
        begun = State((state, start))
        seen, states = both.evolve(begun, PACE * np.arange(n + 1), key, _point_and_state)
        end, ts = states.players
        return seen, ts, jax.tree.map(lambda leaf: leaf[-1], end)

    def extent(
        self, state: State, size: Any, start: Any, time: Any, key: Key = None
    ) -> tuple[Float[Array, " p"], Float[Array, " p"], State, Real[Array, ""]]:
        """The same, piece by piece."""
        here = players_vector(state)

        def piece(carried: tuple, _: None) -> tuple[tuple, None]:
            state, now, before, low, high = carried
            path, ts, state = self.looks(state, size, now, time / _PIECES, _LOOKS, key)
            least, most = box(jnp.concatenate([before[None], path]))
            low, high = jnp.minimum(low, least), jnp.maximum(high, most)
            return (state, ts[-1], path[-2], low, high), None

        carried = (state, jnp.asarray(start, here.dtype), here, here, here)
        (state, now, _, low, high), _ = jax.lax.scan(piece, carried, length=_PIECES)
        return low, high, state, now

    @property
    def limited(self) -> bool:
        return self.integrator.dt is None

    def warn_unfinished(self, what: str) -> None:
        most = self.integrator.max_steps
        warnings.warn(
            f"the integrator used up its max_steps={most}, and {what}: give the flow "
            f"`integrator=gandyn.flows.Integrator(max_steps={16 * most})`, or a coarser tolerance.",
            stacklevel=4,
        )

    def forward_only(self) -> "AbstractFlow":
        flow = super().forward_only()
        return eqx.tree_at(lambda flow: flow.integrator.adjoint, flow, dfx.ForwardMode())


def _point_and_state(state: State) -> tuple[Array, State]:
    """The observable of the players of a flow beside which something is integrated, and of all."""
    return players_vector(state.players[0]), state


class _Beside(AbstractFlow):
    """A flow, and what is integrated along with it: all of it the players of this one."""

    flow: AbstractFlow
    rates: Rates
    integrator: Integrator

    def init(self, players: Players) -> State:
        return State(players)

    def velocity(self, state: State, key: Key = None) -> State:
        return State(self.rates(lambda point: self.flow.velocity(point, key), *state.players))


def _steps(integrator: Integrator, ts: Array) -> int:
    """An upper bound for the number of steps: what the fixed step needs, where that is known."""
    if integrator.dt is None or not checks.is_concrete((integrator.dt, ts)):
        return integrator.max_steps
    span, dt = abs(float(ts[-1] - ts[0])), float(integrator.dt)
    needed = span / dt
    if not needed < _MOST:
        raise ValueError(
            f"`dt` is {dt:g}, of which a time of {span:g} takes {needed:g} steps: make `dt` longer,"
            " or the time (`ts`, `duration`) shorter."
        )
    return max(integrator.max_steps, int(needed * 1.001) + 16)


@compiled
def _integrate(
    flow: AbstractFlow,
    state: State,
    ts: Float[Array, " t"],
    key: Key,
    observe: Callable[[State], PyTree],
    max_steps: int,
) -> PyTree:
    if len(ts) == 1:
        return jax.tree.map(lambda x: jnp.asarray(x)[None], observe(state))

    def velocity(state: State) -> State:
        return checks.same_structure("the velocity", flow.velocity(state, key), state, "the state")

    plan = flow.integrator
    if plan.dt is not None:
        term = flow.term(lambda t, state, args: velocity(state), state, key)
        return _in_fixed_steps(term, state, ts, observe, plan, max_steps)
    # As pytrees, since what a function only refers to has no derivative.
    whole_velocity, whole_observe = (
        eqx.filter_closure_convert(f, state) for f in (velocity, observe)
    )
    problem = (whole_velocity, state, ts, whole_observe)
    solve = partial(_adaptively, max_steps=max_steps)
    if isinstance(plan.adjoint, dfx.DirectAdjoint | dfx.ForwardMode):
        return solution(problem, plan, solve=solve)
    # Where JAX takes the derivative in its own way, it is not known whether it is asked for.
    return beside_a_frame(*eqx.partition(problem, eqx.is_inexact_array), plan, solve)


def _in_fixed_steps(
    term: dfx.AbstractTerm,
    state: PyTree,
    ts: Float[Array, " t"],
    observe: Callable[[Any], PyTree],
    plan: Integrator,
    max_steps: int,
) -> PyTree:
    assert plan.dt is not None
    found = dfx.diffeqsolve(
        term,
        _with_tolerances(plan.solver, *plan.tolerances(ts.dtype)),
        ts[0],
        ts[-1],
        plan.dt.astype(ts.dtype) * jnp.sign(ts[-1] - ts[0]),
        state,
        saveat=dfx.SaveAt(ts=ts, fn=lambda t, state, args: observe(state)),
        adjoint=plan.adjoint,
        max_steps=max_steps,
        throw=False,
    )
    assert found.ys is not None
    return found.ys


def _adaptively(
    velocity: Callable[[Any], PyTree],
    state: PyTree,
    ts: Float[Array, " t"],
    observe: Callable[[Any], PyTree],
    plan: Integrator,
    wrap: Callable[[dfx.AbstractSolver], dfx.AbstractSolver],
    more: int = 1,
    *,
    max_steps: int,
) -> PyTree:
    """What is observed, in the clock s = (t - t_0) / (t_1 - t_0) from 0 to 1: the hundred numbers
    before the end, which diffrax finds one by one, are constants to the compiler then, and else
    about a third of its work."""
    rtol, atol = plan.tolerances(ts.dtype)
    span = ts[-1] - ts[0]
    shares = (ts - ts[0]) / jnp.where(span == 0, 1, span)

    def rate(s: Any, state: PyTree, span: Array) -> PyTree:
        return jax.tree.map(lambda v: span.astype(v.dtype) * v, velocity(state))

    ends = len(ts) == 2  # these are steps: nothing need be interpolated
    seen = dfx.SubSaveAt(
        t0=ends, t1=ends, ts=None if ends else shares, fn=lambda s, state, args: observe(state)
    )
    found = dfx.diffeqsolve(
        dfx.ODETerm(rate),
        wrap(plan.solver),
        np.zeros((), ts.dtype),
        np.ones((), ts.dtype),
        None,
        state,
        span,
        saveat=dfx.SaveAt(subs=(seen, dfx.SubSaveAt(t1=True))),
        stepsize_controller=AdaptiveSteps(rtol, atol),
        adjoint=plan.adjoint,
        # Beyond the default, more levels of the loop would have to be compiled.
        max_steps=max(max_steps, min(more * max_steps, MAX_STEPS)),
        throw=False,
    )
    assert found.ys is not None
    ys, end = found.ys[0], jax.tree.map(lambda x: jax.lax.stop_gradient(x[0]), found.ys[1])
    if ends:  # the second is where the steps end, be it on the way
        done = found.result == dfx.RESULTS.successful
        ys = jax.tree.map(
            lambda y: jnp.stack([y[0], jnp.where(done, y[1], jnp.full_like(y[1], jnp.inf))]), ys
        )
    gave_up = found.result != dfx.RESULTS.successful
    gave_up = gave_up & _goes_on(lambda z: rate(0, z, span), end, rtol, atol)
    return jax.tree.map(lambda y: jnp.where(gave_up & jnp.isinf(y), jnp.nan, y), ys)


def _goes_on(velocity: Callable[[Any], PyTree], state: PyTree, rtol: Any, atol: Any) -> Array:
    """Whether a solution goes on from where its steps ended: where it goes to infinity it moves by
    more than the tolerance within the rounding of the time, and where it leaves the domain, the
    velocity ahead is not finite."""
    here, back = ravel_pytree(state)
    ahead = 1e3 * numerics.rounding(here.dtype)  # of all the time, and then some

    def further(z: Array, _: None) -> tuple[Array, Array]:
        change = ahead * ravel_pytree(velocity(back(z)))[0]
        return z + change, change

    _, (first, second) = jax.lax.scan(further, here, length=2)
    return jnp.all((jnp.abs(first) <= atol + rtol * jnp.abs(here)) & jnp.isfinite(second))


def _with_tolerances(solver: dfx.AbstractSolver, rtol: Any, atol: Any) -> dfx.AbstractSolver:
    """An implicit solver that solves the equation within a step to the given tolerances, unless it
    has its own. Diffrax would take them from the step-size controller, and a fixed step has none.
    """
    if not isinstance(solver, dfx.AbstractImplicitSolver):
        return solver
    finder = solver.root_finder
    if eqx.is_array_like(finder.rtol):
        return solver
    own = eqx.tree_at(lambda f: (f.rtol, f.atol, f.norm), finder, (rtol, atol, optx.max_norm))
    return eqx.tree_at(lambda s: s.root_finder, solver, own)
