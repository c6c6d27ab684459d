"""The derivatives of a solution z(t) of z' = f(z, p), as accurate as the solution itself.

Differentiating the steps of a solver gives what the solver makes of the variational equation

    V' = D_z f V + D_p f P,    V(0) = 1,  P = 1,

along the same steps. An adaptive solution chooses its steps for z alone: at rest, where z stands
still and V does not, any step will do. So where a derivative is asked for, the equation is solved
once more with a frame of directions beside it, whose errors count in the choice of steps, and those
steps are differentiated.

An explicit solver carries the frame from the identity afresh in every step: the Jacobian of each
step is right, and with it their product, however much it grows or shrinks on the way. An implicit
one, which is there for directions that die out fast, carries the frame along, so that the steps
grow when they have.
"""

from collections.abc import Callable
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

DIRECTIONS = 16
"""The frame has a direction for every number, up to so many; beyond, so many random ones."""

_LONGER = 16  # times the steps of the solution are allowed: the frame needs more of them

Solve = Callable[..., PyTree]


@eqx.filter_custom_jvp
def solution(problem: PyTree, settings: PyTree, *, solve: Solve) -> PyTree:
    """What was observed of z' = velocity(z), with derivatives of any order in whatever `problem`
    holds, forwards and backwards; the `settings` of the solver have none.

    **Arguments:**

    - `problem`: `(velocity, z, ts, observe)`, the functions pytrees that hold all that they read.
    - `solve`: a function `solve(velocity, z, ts, observe, settings, wrap, more)` that solves
      z' = velocity(z) by a solver that `wrap` may change, in `more` times the steps that the
      settings allow; it must hold no array itself.
    """
    return solve(*problem, settings, lambda solver: solver)


@solution.def_jvp
def _derivative(primals: Any, tangents: Any, *, solve: Solve) -> tuple[PyTree, PyTree]:
    problem, settings = primals
    varied = jax.tree.map(lambda t: t is not None, tangents[0], is_leaf=lambda t: t is None)
    free, held = eqx.partition(problem, varied)
    return jax.jvp(
        lambda free: beside_a_frame(free, held, settings, solve), (free,), (tangents[0],)
    )


def beside_a_frame(free: PyTree, held: PyTree, settings: Any, solve: Solve) -> PyTree:
    """What `solution` is, in steps that derivatives in all that is `free` need as well; `free` and
    `held` are together a problem."""
    velocity, start, ts, observe = eqx.combine(free, held)
    numbers, fixed = free[0], held[0]
    frame, forcing = _frame(start, numbers)

    def pushed(z: PyTree, frame: PyTree) -> PyTree:
        """V' in every direction; the derivatives of V itself are nobody's concern."""
        dynamic, static = eqx.partition((numbers, fixed, z), eqx.is_array)
        numbers_, fixed_, z = eqx.combine(jax.lax.stop_gradient(dynamic), static)

        def f(z: PyTree, numbers: PyTree) -> PyTree:
            return eqx.combine(numbers, fixed_)(z)

        return jax.vmap(lambda v, p: jax.jvp(f, (z, numbers_), (v, p))[1])(frame, forcing)

    def carrying(solver: dfx.AbstractSolver) -> dfx.AbstractSolver:
        implicit = isinstance(solver, dfx.AbstractImplicitSolver)
        return solver if implicit else _Afresh(_differentiable(solver, settings), frame)

    def together(both: PyTree) -> PyTree:
        return velocity(both[0]), pushed(*both)

    def observed(both: PyTree) -> PyTree:
        return observe(both[0])

    return solve(together, (start, frame), ts, observed, settings, carrying, _LONGER)


def _frame(start: PyTree, numbers: PyTree) -> tuple[PyTree, PyTree]:
    """Directions V and P, with a leading axis: all of them, or random ones of length 1."""
    flat, back = ravel_pytree((start, numbers))
    n = flat.size
    if n <= DIRECTIONS:
        rows = jnp.eye(n, dtype=flat.dtype)
    else:
        rows = jr.normal(jr.key(0), (DIRECTIONS, n), flat.dtype)
        rows = rows * jnp.sqrt(jnp.asarray(DIRECTIONS / n, flat.dtype))
    return jax.vmap(back)(rows)


def _differentiable(solver: dfx.AbstractSolver, settings: Any) -> dfx.AbstractSolver:
    """The solver with a loop over its stages of the kind that diffrax gives to those that it knows,
    which a wrapped one is not."""
    kinds = {dfx.ForwardMode: "lax", dfx.DirectAdjoint: "bounded"}
    kind = kinds.get(type(settings.adjoint))
    settled = not isinstance(solver, dfx.AbstractRungeKutta) or solver.scan_kind is not None
    if kind is None or settled:
        return solver
    return eqx.tree_at(lambda s: s.scan_kind, solver, kind, is_leaf=lambda x: x is None)


class _Afresh(dfx.AbstractAdaptiveSolver, dfx.AbstractWrappedSolver):
    """A solver of (z, V) that begins every step with the same V."""

    solver: dfx.AbstractSolver
    frame: PyTree

    @property
    def scan_kind(self) -> Any:
        if isinstance(self.solver, dfx.AbstractRungeKutta):
            return self.solver.scan_kind
        return "lax"

    @property
    def term_structure(self) -> Any:
        return self.solver.term_structure

    @property
    def interpolation_cls(self) -> Any:
        return self.solver.interpolation_cls

    @property
    def term_compatible_contr_kwargs(self) -> Any:
        return self.solver.term_compatible_contr_kwargs

    def order(self, terms: Any) -> Any:
        return self.solver.order(terms)

    def strong_order(self, terms: Any) -> Any:
        return self.solver.strong_order(terms)

    def error_order(self, terms: Any) -> Any:
        return self.solver.error_order(terms)

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any) -> Any:
        return self.solver.init(terms, t0, t1, y0, args)

    def step(
        self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any, solver_state: Any, made_jump: Any
    ) -> Any:
        # What the solver remembers of the velocity is that of another V: a jump was made.
        y1, *rest = self.solver.step(terms, t0, t1, y0, args, solver_state, True)
        return (y1[0], self.frame), *rest

    def func(self, terms: Any, t0: Any, y0: Any, args: Any) -> Any:
        return self.solver.func(terms, t0, y0, args)
