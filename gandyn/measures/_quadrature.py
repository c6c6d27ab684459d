"""Quadrature on the line, for modes of any width: Gauss-Legendre between the knots of the laws."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

PANEL = 16  # nodes between two knots


def panels(
    knots: Float[Array, " k"], nodes: int = PANEL
) -> tuple[Float[Array, "panels nodes"], Float[Array, "panels nodes"]]:
    """Nodes and weights of an integral over all the panels between sorted knots."""
    knots = jnp.sort(jax.lax.stop_gradient(knots))
    return between(knots[:-1], knots[1:], nodes)


def between(
    low: Float[Array, " panels"], high: Float[Array, " panels"], nodes: int = PANEL
) -> tuple[Float[Array, "panels nodes"], Float[Array, "panels nodes"]]:
    """Nodes and weights of the integrals from `low` to `high`."""
    t, w = (jnp.asarray(v, low.dtype)[None] for v in np.polynomial.legendre.leggauss(nodes))
    half = (high - low)[:, None] / 2
    return (low + high)[:, None] / 2 + half * t, half * w


def lebesgue(*laws: Any) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
    """Points on the line and the lengths that they stand for, right for all of the laws."""
    x, dx = panels(jnp.concatenate([p.knots() for p in laws]))
    return x.reshape(-1, *laws[0].event), dx.reshape(-1)
