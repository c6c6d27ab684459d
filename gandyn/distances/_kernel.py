"""Maximum mean discrepancy: how far apart the means of two laws are in a space of functions.

    MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),    k(x, y) = exp(-|x - y|^2 / (2 width^2))

Gretton et al., "A Kernel Two-Sample Test", 2012.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import _checks as checks
from .._compiled import compiled
from .._types import Number, Scalar
from ._sample import Weights, mean, pair, root

_FAR = 1e6  # in units of the width, where the kernel is 0 in any precision


def mmd(x: Any, y: Any, width: Number = 1.0) -> Scalar:
    """The maximum mean discrepancy between two samples, or weighted points, with a Gaussian kernel.

    Between two samples of m points of one law, E MMD^2 = (2 / m) (1 - E k(x, y)): it falls like
    1 / sqrt(m) in any dimension.

    **Arguments:**

    - `x`, `y`: samples, shape `(n,)` or `(n, d)`, `(m,)` or `(m, d)`; or weighted points.
    - `width`: of the kernel, positive. A good value is the typical distance between two points.
    """
    x, y, a, b = pair(x, y)
    width, least = checks.positive("width", width), jnp.finfo(x.dtype).tiny
    if checks.is_concrete(width) and float(width) < least:
        raise ValueError(
            f"`width` must be at least {least:.3g} in the precision of the samples, but is "
            f"{float(width):.3g}."
        )
    return _mmd(x, y, a, b, width.astype(x.dtype))


@compiled
def _mmd(
    x: Float[Array, "n d"], y: Float[Array, "m d"], a: Weights, b: Weights, width: Scalar
) -> Scalar:
    def between(x: Float[Array, "n d"], y: Float[Array, "m d"], a: Weights, b: Weights) -> Scalar:
        # Differences first: of |x|^2 + |y|^2 - 2 x.y nothing is left where points are close. In
        # units of the width, beyond which they may go as far as they like.
        apart = jnp.clip((x[:, None] - y[None]) / width, -_FAR, _FAR)
        return mean(mean(jnp.exp(-jnp.sum(apart**2, -1) / 2), a), b)

    square = between(x, x, a, a) + between(y, y, b, b) - 2 * between(x, y, a, b)
    return root(jnp.maximum(square, 0))
