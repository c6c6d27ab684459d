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
import optimistix as optx
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, PyTree

from .. import _checks as checks
from .._dynamics import AbstractDynamics, Frame, factors, pushed, whole
from .._phase import State, in_precision, precision
from .._reads import compiled
from .._types import Key, Players
from ._derivative import beside_a_frame, solution
from ._integrator import MAX_STEPS, Integrator

_MOST = 2**31  # steps of a fixed length: beyond, they could not be counted


class AbstractFlow(AbstractDynamics):
    """A continuous-time idealisation of training. With a key, one frozen sample of the game."""

    unit: ClassVar[str] = "unit time"
    integrator: eqx.AbstractVar[Integrator]

    @abc.abstractmethod
    def velocity(self, state: State, key: Key = None) -> State:
        """f(z), with the structure of the state."""

    def term(self, velocity: Callable[..., Any], state: State, key: Key) -> dfx.AbstractTerm:
        """What diffrax integrates: `velocity(t, state, args)`, and the noise of those that have
        some."""
        return dfx.ODETerm(velocity)

    def evolve(
        self,
        state: State,
        ts: Any,
        key: Key = None,
        observe: Callable[[State], PyTree] = whole,
    ) -> PyTree:
        times = self.clock.times(ts)
        dtype = precision(state)
        self.integrator.tolerances(dtype)  # looked at here, where they are not yet traced
        return _integrate(
            in_precision(self, dtype), state, times, key, observe, _steps(self.integrator, times)
        )

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
        both = _Variational(flow=self, integrator=self.integrator)
        return _last(both, State((state, frame)), start, time, key).players

    def stretch(
        self, state: State, frame: Frame, start: Any, time: Any, key: Key = None
    ) -> tuple[State, Frame, Float[Array, " k"]]:
        """The same. What has shrunk below the absolute tolerance of adaptive steps would be lost in
        V = Q R, and so would what has turned toward what grows faster; so Q and log diag R are
        integrated, which stay within reach however much grows or shrinks meanwhile."""
        if self.integrator.dt is not None:
            return super().stretch(state, frame, start, time, key)
        flow = _Orthonormal(flow=self, integrator=self.integrator)
        begun = State((state, frame, jnp.zeros_like(frame[0])))
        state, frame, logs = _last(flow, begun, start, time, key).players
        frame, more = factors(frame)
        return state, frame, logs + more

    def unfinished(self, values: PyTree) -> Bool[Array, ""]:
        leaves = [x for x in jax.tree.leaves(values) if eqx.is_inexact_array(x)]
        nowhere = jnp.any(jnp.stack([jnp.any(jnp.isnan(x)) for x in leaves]))
        return nowhere & (self.integrator.dt is None)

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


class _Variational(AbstractFlow):
    """z' = f(z), V' = Df(z) V: as a flow whose players are (z, V)."""

    flow: AbstractFlow
    integrator: Integrator

    def init(self, players: Players) -> State:
        return State(players)

    def velocity(self, state: State, key: Key = None) -> State:
        point, frame = state.players
        return State(pushed(lambda point: self.flow.velocity(point, key), point, frame))


class _Orthonormal(AbstractFlow):
    """z' = f(z), Q' = Df Q - Q T, (log R_jj)' = T_jj with T upper triangular, which keeps Q
    orthonormal in V = Q R: as a flow whose players are z, Q and log diag R.

    Dieci, Russell, Van Vleck, "On the computation of Lyapunov exponents for continuous dynamical
    systems", SIAM Journal on Numerical Analysis 34, 1997.
    """

    flow: AbstractFlow
    integrator: Integrator

    def init(self, players: Players) -> State:
        return State(players)

    def velocity(self, state: State, key: Key = None) -> State:
        point, q, _ = state.players
        v, swept = pushed(lambda point: self.flow.velocity(point, key), point, q)
        w = q.T @ swept
        rate = _upper(w + w.T)
        # Q^T Q = 1 + E, and E is kept from growing: to first order in E nothing of T moves it.
        strayed = (q.T @ q - jnp.eye(len(w), dtype=w.dtype)) @ rate
        rate = rate - _upper(strayed + strayed.T)
        return State((v, swept - q @ rate, jnp.diagonal(rate)))


def _upper(matrix: Float[Array, "k k"]) -> Float[Array, "k k"]:
    """The upper triangular T with T + T^T the given symmetric matrix."""
    return jnp.triu(matrix) - jnp.diag(jnp.diagonal(matrix)) / 2


def _last(flow: AbstractFlow, state: State, start: Any, time: Any, key: Key) -> State:
    seen = flow.evolve(state, jnp.stack([jnp.asarray(start), jnp.asarray(start + time)]), key)
    return jax.tree.map(lambda leaf: leaf[-1], seen)


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
    ts = ts.astype(precision(state))
    if len(ts) == 1:
        return jax.tree.map(lambda x: jnp.asarray(x)[None], observe(state))

    def velocity(state: State) -> State:
        return checks.same_structure("the velocity", flow.velocity(state, key), state, "the state")

    plan = flow.integrator
    solve = partial(_solve, max_steps=max_steps)
    if plan.dt is None:
        # As pytrees, since what a function only refers to has no derivative.
        whole_velocity, whole_observe = (
            eqx.filter_closure_convert(f, state) for f in (velocity, observe)
        )
        problem = (whole_velocity, state, ts, whole_observe)
        if isinstance(plan.adjoint, dfx.DirectAdjoint | dfx.ForwardMode):
            return solution(problem, plan, solve=solve)
        # Where JAX takes the derivative in its own way, it is not known whether it is asked for.
        return beside_a_frame(*eqx.partition(problem, eqx.is_inexact_array), plan, solve)
    term = flow.term(lambda t, state, args: velocity(state), state, key)
    return solve(term, state, ts, observe, plan, lambda solver: solver)


def _solve(
    term: dfx.AbstractTerm,
    state: PyTree,
    ts: Float[Array, " t"],
    observe: Callable[[Any], PyTree],
    plan: Integrator,
    wrap: Callable[[dfx.AbstractSolver], dfx.AbstractSolver],
    times: int = 1,
    *,
    max_steps: int,
) -> PyTree:
    rtol, atol = plan.tolerances(ts.dtype)
    solver = plan.solver
    if plan.dt is None:
        controller, dt = dfx.PIDController(rtol=rtol, atol=atol), None
    else:
        controller = dfx.ConstantStepSize()
        dt = plan.dt.astype(ts.dtype) * jnp.sign(ts[-1] - ts[0])
        solver = _with_tolerances(solver, rtol, atol)
    seen = dfx.SubSaveAt(ts=ts, fn=lambda t, state, args: observe(state))
    last = dfx.SubSaveAt(t1=True)
    found = dfx.diffeqsolve(
        term,
        wrap(solver),
        ts[0],
        ts[-1],
        dt,
        state,
        saveat=dfx.SaveAt(subs=(seen,) if plan.dt is not None else (seen, last)),
        stepsize_controller=controller,
        adjoint=plan.adjoint,
        # Beyond the default, more levels of the loop would have to be compiled.
        max_steps=max(max_steps, min(times * max_steps, MAX_STEPS)),
        throw=False,
    )
    assert found.ys is not None
    if plan.dt is not None:
        return found.ys[0]
    ys, end = found.ys[0], jax.tree.map(lambda x: jax.lax.stop_gradient(x[0]), found.ys[1])
    gave_up = found.result == dfx.RESULTS.max_steps_reached
    gave_up = gave_up & _goes_on(term, end, ts, rtol, atol)
    return jax.tree.map(lambda y: jnp.where(gave_up & jnp.isinf(y), jnp.nan, y), ys)


def _goes_on(
    term: dfx.AbstractTerm, state: PyTree, ts: Float[Array, " t"], rtol: Any, atol: Any
) -> Array:
    """Whether a solution goes on from where its steps ran out. Steps that shrink without bound run
    out as well: where the solution goes to infinity it moves by more than the tolerance within the
    rounding of the time, and where it leaves the domain, the velocity ahead is not finite."""
    # Of the first and the last of the times, and then some.
    ahead = 1e3 * float(jnp.finfo(ts.dtype).eps) * jnp.maximum(jnp.abs(ts[0]), jnp.abs(ts[-1]))
    ahead = ahead * jnp.sign(ts[-1] - ts[0])
    here, back = ravel_pytree(state)
    step = ahead * ravel_pytree(term.vf(ts[0], state, None))[0]
    there = ravel_pytree(term.vf(ts[0], back(here + step), None))[0]
    return jnp.all((jnp.abs(step) <= atol + rtol * jnp.abs(here)) & jnp.isfinite(there))


def _with_tolerances(solver: dfx.AbstractSolver, rtol: Any, atol: Any) -> dfx.AbstractSolver:
    """An implicit solver that solves the equation within a step to the given tolerances, unless it
    has its own. Diffrax would take them from the step-size controller, and a fixed step has none.
    """
    finder = getattr(solver, "root_finder", None)
    if finder is None or eqx.is_array_like(finder.rtol):
        return solver
    own = eqx.tree_at(lambda f: (f.rtol, f.atol, f.norm), finder, (rtol, atol, optx.max_norm))
    return eqx.tree_at(lambda s: s.root_finder, solver, own)
