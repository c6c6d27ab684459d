"""Distances seen by a class of critics: integral probability metrics.

    d_F(x, y) = sup over f in F of E f(x) - E f(y)

With networks as critics this is the neural-net distance of Arora, Ge, Liang, Ma, Zhang,
"Generalization and Equilibrium in Generative Adversarial Nets (GANs)", 2017: what a discriminator
of bounded size can tell apart, and therefore what it can teach.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from .. import _checks as checks
from .._types import Number, Scalar
from ._sample import norm, pair


def linear_distance(x: Any, y: Any) -> Scalar:
    """The distance seen by critics f(x) = w.x with |w| <= 1: the distance of the two means.

    Between two samples of m points of N(0, I / d) its mean is

        sqrt(2 / (m d)) sqrt(2) Gamma((d + 1) / 2) / Gamma(d / 2) <= sqrt(2 / m)

    in every dimension d.
    """
    x, y = pair(x, y)
    return norm(jnp.mean(x, 0) - jnp.mean(y, 0))


def neural_distance(
    critic: Callable[[PyTree, Array], Scalar],
    start: PyTree,
    x: Any,
    y: Any,
    *,
    radius: Number = 1.0,
    steps: int = 500,
    step_size: Number = 0.1,
) -> Scalar:
    """The distance seen by critics `critic(params, .)` with |params| <= `radius`, by training them.

    Steps of a length that decreases to zero go up E f(x) - E f(y), and after each the parameters
    are put back into the ball. The largest value on the way is returned: a lower bound of the
    supremum.

    **Arguments:**

    - `critic`: `critic(params, point)` is a number, for one point of shape `(d,)`.
    - `start`: the parameters to begin with.
    - `x`, `y`: samples, shape `(n,)` or `(n, d)`, `(m,)` or `(m, d)`.
    - `radius`: of the ball of parameters, all of them together.
    - `steps`: how many.
    - `step_size`: the length of the first one, in units of the radius.
    """
    x, y = pair(x, y)
    checks.function("critic", critic, "params", "point")
    radius = checks.positive("radius", radius)
    params = checks.parameters("start", start)
    first = checks.positive("step_size", step_size) * radius
    return _trained(critic, params, x, y, radius, first, checks.count("steps", steps))


def _trained(
    critic: Callable[[PyTree, Array], Scalar],
    params: PyTree,
    x: Float[Array, "n d"],
    y: Float[Array, "m d"],
    radius: Scalar,
    first: Scalar,
    steps: int,
) -> Scalar:
    def seen(params: PyTree) -> Scalar:
        def mean(x: Array) -> Scalar:
            values = jax.vmap(lambda x: critic(params, x))(x)
            if values.ndim != 1:
                raise ValueError(
                    "`critic` must return a number for each point, but returned an array of shape "
                    f"{values.shape[1:]}: index it."
                )
            return jnp.mean(values)

        return mean(x) - mean(y)

    def held(params: PyTree) -> PyTree:
        size = optax.tree.norm(params)
        most = radius.astype(size.dtype) / jnp.where(size > 0, size, 1)
        return jax.tree.map(lambda p: p * jnp.minimum(1, most).astype(p.dtype), params)

    def step(carried: tuple[PyTree, Scalar], left: Scalar) -> tuple[tuple[PyTree, Scalar], None]:
        params, best = carried
        value, slope = jax.value_and_grad(seen)(params)
        size = optax.tree.norm(slope)
        length = (first * left).astype(size.dtype) / jnp.where(size > 0, size, 1)
        moved = jax.tree.map(lambda p, s: p + length.astype(p.dtype) * s, params, slope)
        return (held(moved), jnp.maximum(best, value)), None

    start = (held(params), jnp.asarray(-jnp.inf, x.dtype))
    (params, best), _ = jax.lax.scan(step, start, jnp.linspace(1, 0, steps, dtype=x.dtype))
    return jnp.maximum(best, seen(params))
