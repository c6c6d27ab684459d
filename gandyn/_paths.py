"""The geometry of paths that are looked at now and then."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def box(path: Float[Array, "look n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """The corners of the box that a path fills, its humps rounded off by parabolas."""
    low, high = jnp.min(path, axis=0), jnp.max(path, axis=0)
    before, at, after = path[:-2], path[1:-1], path[2:]
    slope, bend = (after - before) / 2, before - 2 * at + after
    within = (jnp.abs(slope) <= jnp.abs(bend)) & jnp.isfinite(bend)
    top = at - slope**2 / (2 * jnp.where(within, bend, 1))
    top = jnp.where(within, top, at)
    return jnp.minimum(low, jnp.min(top, axis=0)), jnp.maximum(high, jnp.max(top, axis=0))


def distances(points: np.ndarray, loop: np.ndarray) -> np.ndarray:
    """How far each of some points lies from a line through others."""
    starts, along = loop[:-1], np.diff(loop, axis=0)
    squares = np.sum(along**2, axis=1)
    squares = np.where(squares > 0, squares, 1)
    found = np.empty(len(points))
    for part in np.array_split(np.arange(len(points)), max(1, len(points) * len(loop) // 2**20)):
        apart = points[part, None] - starts[None]
        share = np.clip(np.sum(apart * along, axis=2) / squares, 0, 1)
        apart -= share[:, :, None] * along
        found[part] = np.sqrt(np.sum(apart**2, axis=2).min(axis=1))
    return found
