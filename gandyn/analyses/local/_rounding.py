"""What rounding leaves open: whether exponents that are computed near the edge of stability decay.

A matrix is known to a rounding error d of its entries, and so are its eigenvalues, but by as much
as they are ill-conditioned: a double one that is defective to the root of d. A point z of the edge
may be an eigenvalue of the true matrix if some matrix as near as d has it, which is if the least
singular value of A - z is no greater than d. Trefethen and Embree, "Spectra and Pseudospectra",
2005, chapter 2.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float

from ... import _numerics as numerics
from ..._clock import AbstractClock

_ERRORS = 8  # of rounding, per row of a matrix: what evaluating it and its eigenvalues takes
_MODES = 8  # the fastest growing ones, whose places on the edge are looked at


def undecided(
    slopes: Float[Array, "n n"],
    exponents: Complex[Array, " n"],
    rounding: Float[Array, ""],
    clock: AbstractClock,
) -> Bool[Array, ""]:
    """Whether an exponent may lie on the edge: of a dynamics with such a D residual and these
    exponents, fastest growing first."""
    n = len(slopes)
    if n == 0:
        return jnp.zeros((), bool)
    held = jnp.isneginf(jnp.diagonal(slopes))
    matrix = jnp.where(held[:, None] | held[None], 0, clock.linear(slopes))
    matrix = jnp.where(jnp.isfinite(matrix), matrix, 0)  # all exponents are nan then
    error = _ERRORS * n * rounding * jnp.linalg.norm(matrix)
    # What a wall holds is nowhere near the edge.
    far = 1 + 2 * jnp.max(jnp.abs(matrix))
    matrix = jax.lax.complex(matrix + jnp.diag(jnp.where(held, far, 0)), jnp.zeros_like(matrix))

    def distance(frequency: Array) -> Array:
        shifted = matrix - jnp.diag(jnp.broadcast_to(clock.edge(frequency), n))
        return jnp.linalg.svd(shifted, compute_uv=False)[-1]

    frequencies = jnp.nan_to_num(exponents[:_MODES].imag)
    return jnp.any(jax.vmap(distance)(frequencies) <= error)


def close(
    exponents: Complex[Array, "*batch mode"],
    rounding: Float[Array, "*batch"] | None,
    clock: AbstractClock,
) -> Bool[Array, "*batch"]:
    """The same of a few exponents, as far as it can be told without the matrix: as if they were
    well-conditioned."""
    if rounding is None:
        error = numerics.rounding(exponents.dtype)
        rounding = jnp.full(exponents.shape[:-1], error, exponents.real.dtype)
    sizes = jnp.where(jnp.isfinite(exponents), jnp.abs(exponents), 0)
    size = 1 if clock.whole else jnp.max(sizes, axis=-1, keepdims=True, initial=0)
    return jnp.any(jnp.abs(exponents.real) <= _ERRORS * rounding[..., None] * size, axis=-1)


def decays(
    exponents: Complex[Array, "*batch mode"], neutral: Bool[Array, "*batch"]
) -> Bool[Array, "*batch"]:
    """What stable means: all disturbances decay, beyond what rounding could make of those that do
    not."""
    return jnp.all(exponents.real < 0, axis=-1) & ~neutral
