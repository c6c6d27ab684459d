"""A plane of two of the players' coordinates, the others held."""

from collections.abc import Iterable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import _checks as checks
from .._phase import coordinates
from .._types import Players


class Plane(eqx.Module):
    """The players at each point of a plane: those of one of its points, but for two coordinates."""

    players: Players
    chosen: tuple[int, int] = eqx.field(static=True)

    def __call__(self, point: Float[Array, "2"]) -> Players:
        base, back = coordinates(self.players)
        return back(base.at[np.asarray(self.chosen)].set(point))

    def seen(self, players: Players) -> Float[Array, "2"]:
        """The two coordinates of any players."""
        return coordinates(players)[0][np.asarray(self.chosen)]


def plane_of(
    players: Players, box: Any, nodes: Sequence[int], plane: Any
) -> tuple[Float[Array, " x"], Float[Array, " y"], Plane]:
    """The grid along both axes, and the plane."""
    base, _ = coordinates(players)
    chosen = two_of(base.size, plane)
    x, y = (
        jnp.linspace(low, high, n, dtype=base.dtype)
        for low, high, n in zip(*corners(box, 2), nodes, strict=True)
    )
    return x, y, Plane(players, chosen)


def corners(box: Any, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The lower and the upper corner of a box of `size` coordinates: one pair (low, high) for all
    of them, or one for each."""
    pairs = np.asarray(checks.array("box", box), float)
    if pairs.shape not in ((2,), (size, 2)):
        raise ValueError(
            f"`box` must be (low, high), or one such pair for each of the {size} coordinates, but "
            f"has shape {pairs.shape}."
        )
    low, high = np.broadcast_to(pairs, (size, 2)).T
    if np.any(low >= high):
        raise ValueError(f"`box` must be increasing, but is {box}.")
    return low, high


def two_of(size: int, plane: Any) -> tuple[int, int]:
    """Two coordinates of players that have `size` of them."""
    chosen = checks.counts("plane", plane, low=0) if isinstance(plane, Iterable) else ()
    if len(chosen) != 2 or chosen[0] == chosen[1] or max(chosen) >= size:
        raise ValueError(
            f"`plane` must be two different coordinates below {size}, the number that the players "
            f"have, but is {checks.shown(plane)}."
        )
    return chosen[0], chosen[1]
