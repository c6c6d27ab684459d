"""Quadrature on the line, for modes of any width: Gauss-Legendre between the knots of the laws.

The nodes move with the knots, so that a law whose support ends at one has the right derivative.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import _numerics as numerics
from ._density import AbstractDensity

PANEL = 16  # nodes between two knots


def panels(
    knots: Float[Array, " k"], nodes: int = PANEL
) -> tuple[Float[Array, "panels nodes"], Float[Array, "panels nodes"]]:
    """Nodes and weights of an integral over all the panels between sorted knots."""
    knots = jnp.sort(knots)
    return between(knots[:-1], knots[1:], nodes)


def between(
    low: Float[Array, " panels"], high: Float[Array, " panels"], nodes: int = PANEL
) -> tuple[Float[Array, "panels nodes"], Float[Array, "panels nodes"]]:
    """Nodes and weights of the integrals from `low` to `high`."""
    t, w = (jnp.asarray(v, low.dtype)[None] for v in np.polynomial.legendre.leggauss(nodes))
    half = (high - low)[:, None] / 2
    return (low + high)[:, None] / 2 + half * t, half * w


def lebesgue(
    knots: Float[Array, " k"], event: tuple[int, ...]
) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
    """Points of a law on the line, one after the other, and the lengths that they stand for."""
    x, dx = panels(knots)
    return x.reshape(-1, *event), dx.reshape(-1)


def cut(
    knots: Float[Array, " k"], function: Callable[[Float[Array, "..."]], Float[Array, "..."]]
) -> Float[Array, " m"]:
    """Knots with one more between every two: where a function changes its sign, or the middle."""
    knots = jnp.sort(knots)
    inside, _ = jax.lax.stop_gradient(panels(knots))
    left, right = inside[:, 0], inside[:, -1]
    sign = jnp.sign(function(left))
    crosses = sign * jnp.sign(function(right)) < 0

    def beyond(x: Array) -> Array:
        return jnp.sign(function(x)) != sign

    left, right = numerics.bisection(beyond, left, right)
    found = (left + right) / 2
    # Nothing but the derivative: what is missed is counted from where it is.
    value, slope = jax.lax.stop_gradient(jax.jvp(function, (found,), (jnp.ones_like(found),)))
    steep = crosses & (slope != 0)
    found = numerics.refined(found, function(found) - value, slope, steep)
    middle = jnp.where(crosses, found, (knots[:-1] + knots[1:]) / 2)
    return jnp.concatenate([knots, middle])


def crossings(p: AbstractDensity, q: AbstractDensity) -> Float[Array, " k"]:
    """Knots of two laws, for what has a kink or a jump where they have the same density, too."""

    def apart(x: Float[Array, "..."]) -> Float[Array, "..."]:
        x = x.reshape(*x.shape, *p.event)
        return p.prob(x) - q.prob(x)

    return cut(jnp.concatenate([p.knots(), q.knots()]), apart)
