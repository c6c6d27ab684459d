"""The Jacobian J = Dv of a field, in the blocks that the players make of it: J_ij = dv_i / dz_j.

The diagonal blocks are minus the Hessians of the losses, each in its own player; the others are how
the players act on each other. Only products with vectors are ever taken.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .._types import Key, Players
from ._field import AbstractField


def interaction(
    field: AbstractField, players: Players, key: Key = None
) -> tuple[Players, Callable[[Players], Players]]:
    """v, and the product u -> J_o u with the Jacobian without its diagonal blocks."""
    v, jacobian = jax.linearize(lambda z: field(z, key), players)
    return v, lambda u: tuple(jacobian(without(u, i))[i] for i in range(len(u)))


def without(players: Players, i: int) -> Players:
    """The players with zero in place of player i."""
    return put(players, i, jax.tree.map(jnp.zeros_like, players[i]))


def put(players: Players, i: int, player: PyTree) -> Players:
    """The players with another one in place of player i."""
    return (*players[:i], player, *players[i + 1 :])
