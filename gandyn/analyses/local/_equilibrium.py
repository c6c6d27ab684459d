"""Equilibria: states at which a dynamics rests, found from a guess."""

from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
import lineax as lx
import optimistix as optx
from jaxtyping import Array, Bool, Float

from ... import _checks as checks
from ... import _numerics as numerics
from ..._door import begin
from ..._dynamics import AbstractDynamics
from ..._phase import State, coordinates, vector
from ..._reads import compiled
from ..._result import Result
from ..._types import Key, Players

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
    max_steps: int = 256,
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
    state = begin(dynamics, players, key)
    return _equilibrium(dynamics, state, key, checks.count("max_steps", max_steps))


@compiled
def _equilibrium(dynamics: AbstractDynamics, state: State, key: Key, max_steps: int) -> Equilibrium:
    guess, back = coordinates(state)
    tolerance = numerics.solved(guess.dtype)
    scale = 1 + jnp.max(jnp.abs(guess), initial=0)

    posed = dynamics.continuous()
    singular = lx.AutoLinearSolver(well_posed=None)

    def residual(x: Array) -> Array:
        return coordinates(posed.residual(back(x), key))[0]

    # Optimistix keeps its own numbers in the default precision, and mixes them with ours.
    wide = jnp.result_type(float)

    def wide_residual(x: Array, args: None) -> Array:
        return residual(x.astype(guess.dtype)).astype(wide)

    def judged(x: Array) -> Equilibrium:
        rest = jnp.abs(residual(x))
        # Each component must be a rounding error of the coordinates, seen through its own slopes:
        # a field that merely fades out far away has small values everywhere, but no equilibrium.
        slopes = jnp.sum(jnp.abs(jax.jacfwd(residual)(x)), axis=1)
        small = jnp.all(rest <= 10 * tolerance * slopes * scale)
        near = jnp.all(jnp.abs(x - guess) <= _NEAR * scale)
        return Equilibrium(back(x), jnp.max(rest, initial=0), small & near)

    def solve(
        solver: optx.AbstractRootFinder | optx.AbstractLeastSquaresSolver,
        start: Array = guess,
        most: int = max_steps,
    ) -> Equilibrium:
        found = optx.root_find(
            wide_residual, solver, start.astype(wide), max_steps=most, throw=False
        )
        return judged(found.value.astype(guess.dtype))

    def undamped(better: Equilibrium) -> Equilibrium:
        # In a batch, where all are tried on all, what has arrived stays.
        start = jnp.where(better.converged, vector(better.state), guess)
        newton = optx.Newton(tolerance, tolerance, linear_solver=singular)
        found = solve(newton, start, _PLAIN)
        return jax.tree.map(
            lambda new, old: jnp.where(found.converged & ~better.converged, new, old),
            found,
            better,
        )

    # Newton's steps within a trust region reach most equilibria, degenerate ones among them; the
    # damped steps of Levenberg and Marquardt reach some of the rest; and where both are caught by a
    # residual that is small but does not vanish, undamped steps leap across.
    first = solve(optx.Dogleg(rtol=tolerance, atol=tolerance, linear_solver=singular))
    return jax.lax.cond(
        first.converged,
        lambda: first,
        lambda: undamped(solve(optx.LevenbergMarquardt(rtol=tolerance, atol=tolerance))),
    )
