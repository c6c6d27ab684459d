"""What plots in a plane share: the coordinates of players, and two of them."""

import math
from typing import Any

import jax
import numpy as np

from .._types import Players
from ..analyses._names import coordinate_names
from ..analyses._plane import two_of


def flat(players: Players, leading: int = 1) -> np.ndarray:
    """The coordinates of players in order, behind the leading axes that all their arrays share;
    there may be no points at all."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(players)]
    return np.concatenate(
        [leaf.reshape(*leaf.shape[:leading], math.prod(leaf.shape[leading:])) for leaf in leaves],
        axis=-1,
    )


def in_plane(points: np.ndarray, plane: Any) -> np.ndarray:
    """Two coordinates of points, on the last axis."""
    size = points.shape[-1]
    if size < 2:
        raise ValueError(f"a plane needs two coordinates, but there is {size}.")
    return points[..., list(two_of(size, plane))]


def named(players: Players, plane: Any, leading: int = 1) -> tuple[str, str]:
    """What two coordinates of players are called, as far as players alone tell."""
    names = coordinate_names(players, leading=leading)
    return names[plane[0]], names[plane[1]]
