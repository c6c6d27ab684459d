"""Maximum mean discrepancy: how far apart the means of two laws are in a space of functions.

    MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),    k(x, y) = exp(-|x - y|^2 / (2 width^2))

Gretton et al., "A Kernel Two-Sample Test", 2012.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import _checks as checks
from .._types import Number, Scalar
from ._sample import pair, root


def mmd(x: Any, y: Any, width: Number = 1.0) -> Scalar:
    """The maximum mean discrepancy between two equally weighted samples, with a Gaussian kernel.

    Between two samples of m points of one law, E MMD^2 = (2 / m) (1 - E k(x, y)): it falls like
    1 / sqrt(m) in any dimension.

    **Arguments:**

    - `x`, `y`: samples, shape `(n,)` or `(n, d)`, `(m,)` or `(m, d)`.
    - `width`: of the kernel, positive. A good value is the typical distance between two points.
    """
    x, y = pair(x, y)
    width = checks.positive("width", width).astype(x.dtype)

    def mean(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Scalar:
        # |x|^2 + |y|^2 - 2 x.y needs no array of shape (n, m, d).
        square = jnp.sum(x**2, 1)[:, None] + jnp.sum(y**2, 1)[None] - 2 * x @ y.T
        return jnp.mean(jnp.exp(-jnp.maximum(square, 0) / width / width / 2))

    # From a point between the two, so that far away nothing is lost to rounding.
    middle = (jnp.mean(x, 0) + jnp.mean(y, 0))[None] / 2
    x, y = x - middle, y - middle
    return root(jnp.maximum(mean(x, x) + mean(y, y) - 2 * mean(x, y), 0))
