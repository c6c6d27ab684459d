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
from jaxtyping import Array, Bool, Complex, Float, PyTree

from .. import _checks as checks
from .._dynamics import AbstractDynamics, whole
from .._phase import State, in_precision, precision
from .._reads import compiled
from .._types import Key, Number
from ._derivative import beside_a_frame, solution

_MOST = 2**31  # steps of a fixed length: beyond, they could not be counted


_MAX_STEPS = 65_536


class Integrator(eqx.Module):
    """How a flow is integrated: adaptively to a tolerance, or with a fixed step.

    **Arguments:**

    - `rtol`, `atol`: relative and absolute tolerance of an adaptive step. Left out, 1e-8 in double
      and 1e-5 in single precision, which can keep no tolerance below 1e-6.
    - `solver`: any diffrax solver, explicit or implicit.
    - `dt`: a fixed step instead. The tolerances are then those of the equation within a step of an
      implicit solver; left out, 1e-12 in double and 1e-6 in single precision.
    - `max_steps`: after so many steps an adaptive solution is given up, and is nan from there on.
      Where it diverges, or leaves the domain of the velocity, it is inf.
    - `adjoint`: diffrax's means of differentiation. The default can be differentiated forwards and
      backwards; with others than it and `diffrax.ForwardMode` an adaptive flow costs as much as its
      derivatives, asked for or not.
    """

    solver: dfx.AbstractSolver
    rtol: Float[Array, ""] | None
    atol: Float[Array, ""] | None
    dt: Float[Array, ""] | None
    max_steps: int = eqx.field(static=True)
    adjoint: dfx.AbstractAdjoint

    def __init__(
        self,
        rtol: Number | None = None,
        atol: Number | None = None,
        solver: dfx.AbstractSolver | None = None,
        dt: Number | None = None,
        max_steps: int = _MAX_STEPS,
        adjoint: dfx.AbstractAdjoint | None = None,
    ):
        if solver is not None and not isinstance(solver, dfx.AbstractSolver):
            raise TypeError(
                "`solver` must be a diffrax solver, such as `diffrax.Tsit5()`, but is "
                f"{checks.shown(solver)}."
            )
        self.solver = dfx.Tsit5() if solver is None else solver
        self.rtol = None if rtol is None else checks.positive("rtol", rtol)
        self.atol = None if atol is None else checks.positive("atol", atol)
        self.dt = None if dt is None else checks.positive("dt", dt)
        self.max_steps = checks.count("max_steps", max_steps)
        self.adjoint = (
            dfx.DirectAdjoint()
            if adjoint is None
            else checks.instance(
                "adjoint",
                adjoint,
                dfx.AbstractAdjoint,
                "one of diffrax's adjoints",
                "`diffrax.ForwardMode()` is one",
            )
        )

    def tolerances(self, dtype: Any) -> tuple[Any, Any]:
        """(rtol, atol) for states of a dtype."""
        single = jnp.finfo(dtype).eps > 1e-10
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if value is None or not single or not checks.is_concrete(value):
                continue
            if float(value) < 1e-6:
                raise ValueError(
                    f"`{name}` is {float(value):g}, finer than players in {jnp.dtype(dtype).name} "
                    "can keep: make it 1e-6 or more, or use double precision, "
                    "`jax.config.update('jax_enable_x64', True)`."
                )
        # The equation within a fixed implicit step is cheap to solve well.
        fine, coarse = (1e-12, 1e-6) if self.dt is not None else (1e-8, 1e-5)
        default = coarse if single else fine
        rtol = default if self.rtol is None else self.rtol.astype(dtype)
        atol = default if self.atol is None else self.atol.astype(dtype)
        return rtol, atol


def forwards(dynamics: AbstractDynamics) -> AbstractDynamics:
    """A dynamics whose flows can be differentiated forwards only: compiled and integrated faster,
    for analyses that nobody could differentiate backwards."""

    def simpler(node: Any) -> Any:
        if not isinstance(node, Integrator):
            return node
        return eqx.tree_at(lambda plan: plan.adjoint, node, dfx.ForwardMode())

    return jax.tree.map(simpler, dynamics, is_leaf=lambda node: isinstance(node, Integrator))


def ran_out(dynamics: Any, values: PyTree) -> Bool[Array, ""]:
    """Whether the integrator of a flow used up its steps before all of some values were reached."""
    if not isinstance(dynamics, AbstractFlow) or dynamics.integrator.dt is not None:
        return jnp.asarray(False)
    leaves = [x for x in jax.tree.leaves(values) if eqx.is_inexact_array(x)]
    return jnp.any(jnp.stack([jnp.any(jnp.isnan(x)) for x in leaves]))


def warn_of_steps(flow: Any, what: str) -> None:
    """Say that the integrator used up its steps, what is not known for that, and the remedy."""
    most = flow.integrator.max_steps
    warnings.warn(
        f"the integrator used up its max_steps={most}, and {what}: give the flow "
        f"`integrator=gandyn.flows.Integrator(max_steps={16 * most})`, or a coarser tolerance.",
        stacklevel=3,
    )


def is_integrator(integrator: Integrator | None) -> Integrator:
    """`integrator`, held to be one; `None` is the default."""
    if integrator is None:
        return Integrator()
    if not isinstance(integrator, Integrator):
        raise TypeError(
            f"`integrator` must be a `gandyn.flows.Integrator`, but is {checks.shown(integrator)}: "
            "a diffrax solver goes into one, as in `Integrator(solver=diffrax.Heun(), dt=0.1)`."
        )
    return integrator


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

    def settle(self, state: State, key: Key = None) -> State:
        return state

    def evolve(
        self,
        state: State,
        ts: Any,
        key: Key = None,
        observe: Callable[[State], PyTree] = whole,
    ) -> PyTree:
        times = _times(ts)
        dtype = precision(state)
        self.integrator.tolerances(dtype)  # looked at here, where they are not yet traced
        return _integrate(
            in_precision(self, dtype), state, times, key, observe, _steps(self.integrator, times)
        )

    def residual(self, state: State, key: Key = None) -> State:
        return self.velocity(state, key)

    def exponents(self, eigenvalues: Complex[Array, " n"]) -> Complex[Array, " n"]:
        return eigenvalues


def _times(ts: Any) -> Float[Array, " t"]:
    ts = checks.array("ts", ts)
    if ts.ndim != 1 or ts.shape[0] == 0:
        raise ValueError(
            f"`ts` must be a vector of at least one time, but has shape {ts.shape}: "
            "`jnp.linspace(0, 100, 501)` is one."
        )
    if checks.is_concrete(ts):
        gaps = np.diff(np.asarray(ts, float))
        if np.any(gaps <= 0) and np.any(gaps >= 0):
            raise ValueError(
                f"`ts` must be strictly increasing (or, to run backwards, decreasing), but is {ts}."
            )
    return ts


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
        max_steps=max(max_steps, min(times * max_steps, _MAX_STEPS)),
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
