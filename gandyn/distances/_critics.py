"""Distances seen by a class of critics: integral probability metrics.

    d_F(x, y) = sup over f in F of E f(x) - E f(y)

With networks as critics this is the neural-net distance of Arora, Ge, Liang, Ma, Zhang,
"Generalization and Equilibrium in Generative Adversarial Nets (GANs)", 2017: what a discriminator
of bounded size can tell apart, and therefore what it can teach.
"""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from .. import _checks as checks
from .. import _numerics as numerics
from .._compiled import compiled
from .._types import Key, Number, Scalar
from ._sample import Weights, mean, norm, pair


def linear_distance(x: Any, y: Any) -> Scalar:
    """The distance seen by critics f(x) = w.x with |w| <= 1: the distance of the two means.

    Between two samples of m points of N(0, I / d) its mean is

        sqrt(2 / (m d)) sqrt(2) Gamma((d + 1) / 2) / Gamma(d / 2) <= sqrt(2 / m)

    in every dimension d.

    **Arguments:**

    - `x`, `y`: samples of shape `(n, d)` or `(n,)`, or weighted points.
    """
    x, y, a, b = pair(x, y)
    return norm(mean(x, a) - mean(y, b))


def neural_distance(
    critic: Callable[[PyTree, Array], Scalar],
    start: PyTree,
    x: Any,
    y: Any,
    *,
    radius: Number = 1.0,
    steps: int = 500,
    step_size: Number = 0.1,
    starts: int = 32,
    agree: Number = 1e-2,
    key: Key = None,
) -> Scalar:
    """The distance seen by critics `critic(params, .)` with |params| <= `radius`, by training many
    of them.

    Steps of a length that decreases to zero go up E f(x) - E f(y), and after each the parameters
    are put back into the ball. Of all starts the largest value on the way is returned: a lower
    bound of the supremum. The best of the critics of even number and of those of odd number, who
    know nothing of one another, agree; where they do not, it is undecided, and the distance nan.

    **Arguments:**

    - `critic`: `critic(params, point)` is a number, for one point of shape `(d,)`.
    - `start`: the parameters to begin with; the other starts have the same shapes.
    - `x`, `y`: samples, shape `(n,)` or `(n, d)`, `(m,)` or `(m, d)`; or weighted points.
    - `radius`: of the ball of parameters, all of them together.
    - `steps`: how many.
    - `step_size`: the length of the first one, in units of the radius.
    - `starts`: how many critics are trained: from `start`, from its opposite, and from points drawn
      in the ball.
    - `agree`: how far the two bests may be apart, in units of the larger one; of 1 nothing is
      asked.
    - `key`: draws the starts; `jax.random.key(0)` if left out.
    """
    checks.function("critic", critic, "params", "point", example="lambda w, x: jnp.dot(w, x)")
    x, y, a, b = pair(x, y)
    radius = checks.positive("radius", radius)
    params = checks.parameters("start", start)
    first = checks.positive("step_size", step_size) * radius
    starts, steps = checks.count("starts", starts), checks.count("steps", steps)
    agree = checks.number("agree", agree, low=0, high=1)
    drawn = jr.key(0) if key is None else checks.key(key)
    found, sizes = _trained(critic, params, x, y, a, b, radius, first, steps, starts, drawn)
    best = jnp.max(found)
    if starts == 1:
        return best
    other = jnp.minimum(jnp.max(found[::2]), jnp.max(found[1::2]))
    rounding = 64 * numerics.rounding(best.dtype) * jnp.max(sizes)
    apart = best - other > agree.astype(best.dtype) * jnp.abs(best) + rounding
    if checks.is_concrete(apart) and apart:
        warnings.warn(
            f"the critics do not agree: half of the starts find {float(best):.6g}, the others "
            f"{float(other):.6g}. The distance is undecided, and nan: give more `starts` or "
            "`steps`, or a larger `agree`, to take the larger one as a lower bound.",
            stacklevel=2,
        )
    return jnp.where(apart, jnp.nan, best)


@compiled
def _trained(
    critic: Callable[[PyTree, Array], Scalar],
    start: PyTree,
    x: Float[Array, "n d"],
    y: Float[Array, "m d"],
    a: Weights,
    b: Weights,
    radius: Scalar,
    first: Scalar,
    steps: int,
    starts: int,
    key: Any,
) -> tuple[Float[Array, " starts"], Float[Array, " starts"]]:
    """What the critics see that are trained from each start, and their size on the data."""

    def heights(params: PyTree, x: Array) -> Array:
        values = jax.vmap(lambda x: critic(params, x))(x)
        if values.ndim != 1:
            raise ValueError(
                "`critic` must return a number for each point, but returned an array of shape "
                f"{values.shape[1:]}: index it."
            )
        return values

    def seen(params: PyTree) -> Scalar:
        return mean(heights(params, x), a) - mean(heights(params, y), b)

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

    def train(params: PyTree) -> tuple[Scalar, Scalar]:
        begin = (held(params), jnp.asarray(-jnp.inf, x.dtype))
        lengths = jnp.linspace(1, 0, steps, dtype=x.dtype)
        (params, best), _ = jax.lax.scan(step, begin, lengths)
        return jnp.maximum(best, seen(params)), jnp.max(jnp.abs(heights(params, x)))

    return jax.vmap(train)(_spread(start, radius, starts, key))


def _spread(start: PyTree, radius: Scalar, n: int, key: Any) -> PyTree:
    """`n` starts: the given one, its opposite, and points spread evenly in the ball."""
    flat, back = ravel_pytree(start)
    to, out = jr.split(key)
    direction = jr.normal(to, (n, flat.size), flat.dtype)
    share = jr.uniform(out, (n, 1), flat.dtype) ** (1 / max(flat.size, 1))
    drawn = radius.astype(flat.dtype) * share * direction / norm(direction)[:, None]
    given = jnp.stack([flat, -flat])[:n]
    return jax.vmap(back)(jnp.concatenate([given, drawn[len(given) :]]))
