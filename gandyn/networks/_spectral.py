"""Spectral normalization: every weight over its largest singular value.

    f(params, x) with W / sigma(W) in place of W,    sigma(W) = max |W x| / |x|

Miyato, Kataoka, Koyama, Yoshida, "Spectral Normalization for Generative Adversarial Networks",
2018, where sigma is followed by power iteration. Here it is computed anew each time, to rounding:
nothing is remembered, and the game is a function of its players alone.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .. import _checks as checks
from .. import _numerics as numerics
from .._types import Scalar
from ._network import AbstractNetwork


class Spectral(AbstractNetwork):
    """A network whose weights are those of another one, each over its largest singular value."""

    network: AbstractNetwork

    def __call__(self, params: PyTree, x: Array) -> Array:
        return self.network(jax.tree.map(_normalized, params), x)

    def start(self, key: PRNGKeyArray, dtype: Any = None) -> PyTree:
        return self.network.start(key, dtype)


def spectral(network: AbstractNetwork) -> Spectral:
    """The network with every weight divided by its largest singular value, where it is applied:
    with activations of slope at most one, |D(x) - D(y)| <= |x - y|.

    Weights are all parameters with two axes or more; those with more, such as kernels of
    convolutions, are matrices with the first axis as rows, as in Miyato et al. 2018. Biases are
    left as they are. Where the largest singular value is a multiple one, as it is at an orthogonal
    start, there is a kink: the slope is one of those around it, and the curvature leaves out what
    turns among equal ones. The scale of a weight does not count.

    **Arguments:**

    - `network`: `gandyn.networks.mlp(...)`, `gandyn.networks.family(make)`, or one of your own.
    """
    return Spectral(
        checks.instance(
            "network",
            network,
            AbstractNetwork,
            "a network",
            "`gandyn.networks.mlp(2, 'scalar')` is one, and `gandyn.networks.family(make)` makes "
            "one of a module of Equinox",
        )
    )


def _normalized(weight: Float[Array, "..."]) -> Float[Array, "..."]:
    """W / sigma(W); a weight of zeros stays one."""
    if weight.ndim < 2:
        return weight
    w = weight.astype(numerics.at_least_single(weight.dtype)).reshape(weight.shape[0], -1)
    # The scale, which does not count, is taken out before squares leave the range of numbers.
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(w)))
    w = w / jnp.where(largest > 0, largest, 1)
    tall = w if w.shape[0] >= w.shape[1] else w.T
    top, _ = _leading(_product(tall.T, tall))
    return (w / jnp.sqrt(jnp.where(largest > 0, top, 1))).reshape(weight.shape).astype(weight.dtype)


@jax.custom_jvp
def _leading(a: Float[Array, "n n"]) -> tuple[Scalar, Float[Array, " n"]]:
    """The largest eigenvalue of a positive semidefinite matrix, and a unit vector of it.

        A^p / tr A^p -> the projection on its space,    p = 1, 2, 4, 8, ...

    of which any column will do. However close the next eigenvalue is, the largest is missed by no
    more than the share log(n) / p. Squarings are products of matrices, of which few are needed, and
    together take a small part of the time of LAPACK's `eigh`.
    """
    n, eps = len(a), numerics.rounding(a.dtype)

    def squared(b: Array, _: Any) -> tuple[Array, Array]:
        further = _product(b, b)
        further = further / jnp.trace(further)
        return further, ~(jnp.max(jnp.abs(further - b)) > 4 * eps * jnp.max(jnp.abs(b)))

    most = int(np.ceil(np.log2(np.log(n + 1) / eps)))
    total = jnp.trace(a)
    start = jnp.where(total > 0, a / jnp.where(total > 0, total, 1), jnp.eye(n, dtype=a.dtype) / n)
    b, _ = numerics.iterated(squared, start, most)
    column = b[:, jnp.argmax(jnp.diagonal(b))]
    v = column / jnp.sqrt(jnp.sum(column**2))
    return v @ _product(a, v), v


@_leading.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> Any:
    """d top = v . dA v,  dv = (top - A)^+ dA v. JAX's own derivative of eigenvectors divides by the
    differences of all eigenvalues, of equal ones as well."""
    (a,), (da,) = primals, tangents
    top, v = _leading(a)
    pushed = da @ v
    values, vectors = jnp.linalg.eigh(a)
    gaps = top - values
    apart = gaps > numerics.half_the_digits(a.dtype) * top
    turned = jnp.where(apart, pushed @ vectors / jnp.where(apart, gaps, 1), 0)
    return (top, v), (v @ pushed, vectors @ turned)


def _product(a: Float[Array, "..."], b: Float[Array, "..."]) -> Float[Array, "..."]:
    """A product to rounding, which GPUs do not give unless they are told to."""
    return jnp.matmul(a, b, precision="highest")
