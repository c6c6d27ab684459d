"""Matrices of bounded spectral norm, as a set for `projected` steps.

The projected sibling of the spectral normalization of Miyato et al., "Spectral Normalization for
Generative Adversarial Networks", 2018.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .. import _checks as checks
from .._types import Number


class SpectralBall(eqx.Module):
    """The projection, for `projected`, of a player's weight matrices onto those of spectral norm at
    most `radius`: larger singular values are cut down to it. Arrays with other than two axes stay.

    A network of such layers and 1-Lipschitz activations is `radius**layers`-Lipschitz.

    **Arguments:**

    - `radius`: positive.
    """

    radius: Float[Array, ""]

    def __init__(self, radius: Number = 1.0):
        self.radius = checks.positive("radius", radius)

    def __call__(self, player: PyTree) -> PyTree:
        return jax.tree.map(self._matrix, player)

    def _matrix(self, w: Array) -> Array:
        if w.ndim != 2:
            return w
        u, s, v = jnp.linalg.svd(w, full_matrices=False)
        return (u * jnp.minimum(s, self.radius.astype(w.dtype))[None]) @ v
