"""What analyses of equilibria ask of a flow with walls (`gandyn.fields.Confined`): where it rests,
and how it changes around there.

At rest a player whose force points through a wall is held by it. A disturbance off the wall is gone
after a finite time, faster than any exponent: there the derivative is that of the field on the
face, and -inf off it. Where a wall is touched with no force it holds to one side only, and there is
no derivative. Dupuis and Nagurney, "Dynamical systems and variational inequalities", 1993.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._dynamics import AbstractDynamics
from .._phase import State, coordinates, vector
from .._types import Key
from ..fields import AbstractField
from ..fields._confined import Confined, NaturalMap, confined_inside
from ..flows import GradientFlow


def confined_in(dynamics: AbstractDynamics) -> Confined | None:
    """The field of a flow with walls; `None` for any other dynamics."""
    return confined_inside(dynamics.field) if isinstance(dynamics, GradientFlow) else None


def continuous(dynamics: AbstractDynamics) -> AbstractDynamics:
    """A dynamics whose residual is continuous and vanishes where that of another does, within its
    walls only; without walls, the other one."""
    confined = confined_in(dynamics)
    return dynamics if confined is None else _with_field(dynamics, NaturalMap(confined))


def derivative(dynamics: AbstractDynamics, state: State, key: Key) -> Float[Array, "n n"]:
    """D residual. At a wall the rows and columns of what is held are 0 but for -inf in the
    diagonal, and the rows nan where the wall is touched with no force."""
    x, back = coordinates(state)
    confined = confined_in(dynamics)
    if confined is not None:
        dynamics = _with_field(dynamics, confined.field)
    matrix = jax.jacfwd(lambda x: vector(dynamics.residual(back(x), key)))(x)
    if confined is None:
        return matrix
    low, high = (vector(wall) for wall in confined.walls(state.players))
    force = vector(dynamics.residual(state, key))
    small = float(jnp.finfo(x.dtype).eps) ** 0.5
    reach = small * (1 + jnp.max(jnp.abs(x), initial=0))
    below, above = x <= low + reach, x >= high - reach
    none = reach * jnp.sum(jnp.abs(matrix), axis=1)
    held = (above & (force > none)) | (below & (force < -none))
    loose = (above | below) & (jnp.abs(force) <= none)
    free = jnp.where(held[:, None] | held[None], jnp.diag(jnp.where(held, -jnp.inf, 0)), matrix)
    return jnp.where(loose[:, None], jnp.nan, free)


def _with_field(flow: AbstractDynamics, field: AbstractField) -> AbstractDynamics:
    return eqx.tree_at(lambda flow: flow.field, flow, field)
