"""The bilinear game min_x max_y x^T A y: the rotation that all minimax training has in it.

Along each singular value s of A the field is z' = i s z: the flow turns around, simultaneous steps
spiral out, alternating steps stay on an ellipse.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import _checks as checks
from .._types import Scalar
from ._game import Custom
from ._zero_sum import zero_sum


class _BilinearForm(eqx.Module):
    matrix: Float[Array, "n m"]

    def __call__(self, x: Float[Array, " n"], y: Float[Array, " m"]) -> Scalar:
        if (jnp.shape(x), jnp.shape(y)) != ((self.matrix.shape[0],), (self.matrix.shape[1],)):
            raise ValueError(
                f"with a `matrix` of shape {self.matrix.shape} the players must be two vectors of "
                f"shapes ({self.matrix.shape[0]},) and ({self.matrix.shape[1]},), but have shapes "
                f"{jnp.shape(x)} and {jnp.shape(y)}."
            )
        return x @ self.matrix.astype(jnp.result_type(x, y)) @ y


def bilinear(matrix: Any) -> Custom:
    """The zero-sum game x^T A y; its equilibrium is the origin (and the null spaces of A).

    **Arguments:**

    - `matrix`: A, of shape `(n, m)`; the players are vectors of shapes `(n,)` and `(m,)`.
    """
    matrix = checks.array("matrix", matrix)
    if matrix.ndim != 2:
        raise ValueError(
            f"`matrix` must have two axes, but has shape {matrix.shape}: "
            "for two numbers as players, use `zero_sum(lambda x, y: a * x * y)`."
        )
    origin = (np.zeros(matrix.shape[0]), np.zeros(matrix.shape[1]))
    return zero_sum(_BilinearForm(matrix), known=(origin,))
