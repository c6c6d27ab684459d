"""Equilibria: states at which a dynamics rests, found from a guess."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import optimistix as optx
from jaxtyping import Array, Bool, Float

from ... import _checks as checks
from ... import _numerics as numerics
from ..._compiled import compiled_with
from ..._door import begin
from ..._dynamics import AbstractDynamics
from ..._phase import State, coordinates, vector
from ..._result import Result
from ..._stacked import put, take
from ..._types import Key, Players

MAX_STEPS = 256
_SINGULAR = lx.AutoLinearSolver(well_posed=None)
_PLAIN = 50  # undamped steps, the last attempt
_NEAR = 1000  # a root further away than this, in units of the guess, is none near the guess


class Equilibrium(Result):
    """A state at rest, stable or not.

    **Fields:**

    - `state`: the state; `players` are its players.
    - `residual`: the largest component of what should vanish, f(z) or F(z) - z.
    - `converged`: whether it does, up to rounding, relative to the Jacobian's size.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {"residual": (), "converged": ()}

    state: State
    residual: Float[Array, ""]
    converged: Bool[Array, ""]

    @property
    def players(self) -> Players:
        """The players at rest."""
        return self.state.players


def equilibrium(
    dynamics: AbstractDynamics,
    players: Players | State,
    *,
    key: Key = None,
    max_steps: int = MAX_STEPS,
) -> Equilibrium:
    """The equilibrium of a dynamics near a guess, whether training would be drawn to it or not.

    Where equilibria are not isolated, one of them. If there is none near, `converged` is false and
    the state is the best one found.

    **Arguments:**

    - `dynamics`: a rule or a flow.
    - `players`: the guess, or a `State`.
    - `key`: one realization of everything random.
    - `max_steps`: of the root finder.
    """
    dynamics, state = begin(dynamics, players, key)
    max_steps = checks.count("max_steps", max_steps)
    first = within_trust(dynamics, state, key, max_steps)
    if not checks.is_concrete(first.converged):
        return jax.lax.cond(
            first.converged,
            lambda: first,
            lambda: _by_other_means(dynamics, state, key, max_steps),
        )
    return first if first.converged else _by_other_means(dynamics, state, key, max_steps)


def equilibrium_of_each(
    dynamics: AbstractDynamics, points: np.ndarray, like: Players, key: Key
) -> Equilibrium:
    """The equilibria near points, shape `(point, coordinate)`, of players of a structure, as arrays
    of the host."""
    found = jax.device_get(_each(within_trust, dynamics, jnp.asarray(points), like, key))
    left = np.flatnonzero(~found.converged)
    if not left.size:
        return found
    # Filled up, for it to be the same program however many are left.
    again = jnp.asarray(points[np.resize(left, len(points))])
    further = _each(_by_other_means, dynamics, again, like, key)
    return put(found, left, take(further, slice(left.size)))


@compiled_with("little")
def within_trust(
    dynamics: AbstractDynamics, state: State, key: Key, max_steps: int = MAX_STEPS
) -> Equilibrium:
    """By Newton's steps within a trust region, which reach most equilibria, degenerate ones among
    them."""
    problem = _Problem(dynamics, state, key)
    tolerance = problem.tolerance
    solver = optx.Dogleg(rtol=tolerance, atol=tolerance, linear_solver=_SINGULAR)
    return problem.solve(solver, problem.guess, max_steps)


@compiled_with("little")
def _by_other_means(
    dynamics: AbstractDynamics, state: State, key: Key, max_steps: int = MAX_STEPS
) -> Equilibrium:
    """By the damped steps of Levenberg and Marquardt, which reach some of the rest; and where both
    are caught by a residual that is small but does not vanish, undamped steps leap across."""
    problem = _Problem(dynamics, state, key)
    tolerance = problem.tolerance
    damped = optx.LevenbergMarquardt(rtol=tolerance, atol=tolerance)
    better = problem.solve(damped, problem.guess, max_steps)
    # In a batch, where all are tried on all, what has arrived stays.
    start = jnp.where(better.converged, vector(better.state), problem.guess)
    newton = optx.Newton(tolerance, tolerance, linear_solver=_SINGULAR)
    leapt = problem.solve(newton, start, _PLAIN)
    return jax.tree.map(
        lambda new, old: jnp.where(leapt.converged & ~better.converged, new, old), leapt, better
    )


@compiled_with("little")
def _each(
    search: Callable[..., Equilibrium],
    dynamics: AbstractDynamics,
    points: Float[Array, "point n"],
    like: Players,
    key: Key,
) -> Equilibrium:
    """What a search finds near each of many points."""
    back = coordinates(like)[1]
    return jax.vmap(lambda x: search(dynamics, dynamics.init(back(x)), key))(points)


class _Problem(eqx.Module):
    """The root of a residual near a state."""

    dynamics: AbstractDynamics
    state: State
    key: Key

    @property
    def guess(self) -> Float[Array, " n"]:
        return vector(self.state)

    @property
    def tolerance(self) -> float:
        return numerics.solved(self.guess.dtype)

    def residual(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        _, back = coordinates(self.state)
        return vector(self.dynamics.continuous().residual(back(x), self.key))

    def solve(
        self,
        solver: optx.AbstractRootFinder | optx.AbstractLeastSquaresSolver,
        start: Float[Array, " n"],
        most: int,
    ) -> Equilibrium:
        # Optimistix keeps its own numbers in the default precision, and mixes them with ours.
        wide = jnp.result_type(float)

        def residual(x: Array, args: None) -> Array:
            return self.residual(x.astype(start.dtype)).astype(wide)

        found = optx.root_find(residual, solver, start.astype(wide), max_steps=most, throw=False)
        return self.judged(found.value.astype(start.dtype))

    def judged(self, x: Float[Array, " n"]) -> Equilibrium:
        """What was found, and whether it is an equilibrium near the guess."""
        scale = 1 + jnp.max(jnp.abs(self.guess), initial=0)
        rest = jnp.abs(self.residual(x))
        # Each component must be a rounding error of the coordinates, seen through its own slopes:
        # a field that merely fades out far away has small values everywhere, but no equilibrium.
        slopes = jnp.sum(jnp.abs(jax.jacfwd(self.residual)(x)), axis=1)
        small = jnp.all(rest <= 10 * self.tolerance * slopes * scale)
        near = jnp.all(jnp.abs(x - self.guess) <= _NEAR * scale)
        _, back = coordinates(self.state)
        return Equilibrium(back(x), jnp.max(rest, initial=0), small & near)
