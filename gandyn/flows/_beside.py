"""What is integrated along with a flow z' = f(z), its own error counted in the choice of steps.

The **variational equation** of a frame V of disturbances, V' = Df(z) V, is what `pushed` makes of
the velocity. What has shrunk below the
absolute tolerance is lost in it, and so is what has turned toward what grows faster.

The **orthonormal frame** of V = Q R, for growth: with T upper triangular,

    Q' = Df Q - Q T,    (log R_jj)' = T_jj,

keeps Q orthonormal and all logarithms within reach, however much grows or shrinks meanwhile. Dieci,
Russell, Van Vleck, "On the computation of Lyapunov exponents for continuous dynamical systems",
SIAM Journal on Numerical Analysis 34, 1997.

The **even pace**. At equal times, a path of sharp humps is seen hardly anywhere but between them.
In the clock s with

    ds = sqrt(|f(z)|^2 / size^2 + slow^2) dt

nothing moves by more than `size` in a unit, and nothing takes longer than 1/slow: between looks a
hundredth of a unit apart no hump is missed, however sharp, and a rest is not waited for either.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._dynamics import Frame, pushed
from .._phase import State, vector

Velocity = Callable[[State], State]
Rates = Callable[..., tuple[Any, ...]]
"""The rates of a point and of what goes along with it, from the velocity and all of these."""

PACE = 0.01  # between two looks, in units of the size


def orthonormal(
    velocity: Velocity, point: State, q: Frame, logs: Float[Array, " k"]
) -> tuple[State, Frame, Float[Array, " k"]]:
    v, swept = pushed(velocity, point, q)
    w = q.T @ swept
    rate = _upper(w + w.T)
    # Q^T Q = 1 + E, and E is kept from growing: to first order in E nothing of T moves it.
    strayed = (q.T @ q - jnp.eye(len(w), dtype=w.dtype)) @ rate
    rate = rate - _upper(strayed + strayed.T)
    return v, swept - q @ rate, jnp.diagonal(rate)


def _upper(matrix: Float[Array, "k k"]) -> Float[Array, "k k"]:
    """The upper triangular T with T + T^T the given symmetric matrix."""
    return jnp.triu(matrix) - jnp.diag(jnp.diagonal(matrix)) / 2


class Paced(eqx.Module):
    """The rates of (z, t) in the clock s."""

    size: Float[Array, ""]
    slow: Float[Array, ""]

    def __call__(self, velocity: Velocity, point: State, t: Array) -> tuple[State, Array]:
        v = velocity(point)
        rate = jnp.sqrt(jnp.sum((vector(v) / self.size) ** 2) + self.slow**2)
        return jax.tree.map(lambda x: x / rate, v), 1 / rate
