"""What rounding leaves open: whether exponents that are computed near the edge of stability decay.

A matrix is known to a rounding error d of its entries, and so are its eigenvalues, but by as much
as they are ill-conditioned: a double one that is defective to the root of d. A point z of the edge
may be an eigenvalue of the true matrix if some matrix as near as d has it, which is if the least
singular value of A - z is no greater than d. Trefethen and Embree, "Spectra and Pseudospectra",
2005, chapter 2.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float

from .._dynamics import AbstractDynamics
from ..flows import AbstractFlow, Integrator
from ..rules import AbstractRule, TimeMap

_ERRORS = 8  # of rounding, per row of a matrix: what evaluating it and its eigenvalues takes
_MODES = 8  # the fastest growing ones, whose places on the edge are looked at


def known_to(dynamics: AbstractDynamics, dtype: Any) -> Float[Array, ""]:
    """The relative error of the derivative of a dynamics: rounding, or the tolerance of what is
    integrated adaptively within a rule."""
    finest = jnp.finfo(dtype).eps
    error = jnp.asarray(finest, dtype)
    if isinstance(dynamics, AbstractRule):
        nodes = jax.tree.leaves(dynamics, is_leaf=lambda node: isinstance(node, Integrator))
        for plan in nodes:
            if isinstance(plan, Integrator) and plan.dt is None:
                error = jnp.maximum(error, jnp.asarray(plan.tolerances(dtype)[0], dtype))
    return error


def integrated_to(dynamics: AbstractDynamics, dtype: Any) -> Any:
    """What the logarithm of a growth is known to, relative to the growth in a unit of time."""
    if isinstance(dynamics, TimeMap):
        return integrated_to(dynamics.dynamics, dtype)
    if isinstance(dynamics, AbstractFlow) and dynamics.integrator.dt is None:
        return sum(dynamics.integrator.tolerances(dtype))
    return float(jnp.finfo(dtype).eps)


def undecided(
    slopes: Float[Array, "n n"],
    exponents: Complex[Array, " n"],
    rounding: Float[Array, ""],
    steps: bool,
) -> Bool[Array, ""]:
    """Whether an exponent may lie on the edge: of a dynamics with such a D residual, in `steps` or
    in units of time, with these exponents, fastest growing first."""
    n = len(slopes)
    if n == 0:
        return jnp.zeros((), bool)
    held = jnp.isneginf(jnp.diagonal(slopes))
    one = jnp.eye(n, dtype=slopes.dtype)
    matrix = jnp.where(held[:, None] | held[None], 0, slopes + one if steps else slopes)
    matrix = jnp.where(jnp.isfinite(matrix), matrix, 0)  # all exponents are nan then
    error = _ERRORS * n * rounding * jnp.linalg.norm(matrix)
    # What a wall holds is nowhere near the edge.
    far = 1 + 2 * jnp.max(jnp.abs(matrix))
    matrix = jax.lax.complex(matrix + jnp.diag(jnp.where(held, far, 0)), jnp.zeros_like(matrix))

    def distance(turn: Array) -> Array:
        place = (jnp.cos(turn), jnp.sin(turn)) if steps else (jnp.zeros_like(turn), turn)
        edge = jax.lax.complex(*place)
        shifted = matrix - jnp.diag(jnp.broadcast_to(edge, n))
        return jnp.linalg.svd(shifted, compute_uv=False)[-1]

    turns = jnp.nan_to_num(exponents[:_MODES].imag)
    return jnp.any(jax.vmap(distance)(turns) <= error)


def close(
    exponents: Complex[Array, "*batch mode"], rounding: Float[Array, "*batch"] | None, steps: bool
) -> Bool[Array, "*batch"]:
    """The same of a few exponents, as far as it can be told without the matrix: as if they were
    well-conditioned."""
    if rounding is None:
        rounding = jnp.full(exponents.shape[:-1], jnp.finfo(exponents.dtype).eps)
    rounding = rounding[..., None].astype(exponents.real.dtype)
    sizes = jnp.where(jnp.isfinite(exponents), jnp.abs(exponents), 0)
    size = 1 if steps else jnp.max(sizes, axis=-1, keepdims=True, initial=0)
    return jnp.any(jnp.abs(exponents.real) <= _ERRORS * rounding * size, axis=-1)
