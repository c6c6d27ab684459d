"""Projection: the players brought back to where they are allowed to be, such as clipped weights."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from .. import _checks as checks
from .._phase import State
from .._types import Key, Number, Players
from ._rule import AbstractRule


class Project(AbstractRule):
    """F(z) = P(z), a move to be put into a `Sequential` after the step that may leave the set.

    **Arguments:**

    - `projection`: a function `players -> players`; `optax.projections` has those onto boxes, balls
      and simplices, each for one pytree.
    """

    projection: Callable[[Players], Players]

    def __init__(self, projection: Callable[[Players], Players]):
        self.projection = checks.function("projection", projection, "players")

    def init(self, players: Players) -> State:
        return State(players)

    def step(self, state: State, key: Key = None) -> State:
        new = self.projection(state.players)
        new = checks.same_structure("what `projection` returns", new, state.players, "the players")
        return State(new, state.memory)


def spectral_ball(radius: Number = 1.0, player: int = 1) -> Callable[[Players], Players]:
    """The projection, for `Project`, of a player's weight matrices onto those of spectral norm at
    most `radius`: larger singular values are cut down to it. Arrays with other than two axes stay.

    A network of such layers and 1-Lipschitz activations is `radius**layers`-Lipschitz. The
    projected sibling of the spectral normalization of Miyato et al., 2018.

    **Arguments:**

    - `radius`: positive.
    - `player`: whose weights; the discriminator's by default.
    """
    radius = checks.positive("radius", radius)
    player = checks.count("player", player, low=0)

    def project(players: Players) -> Players:
        if player >= len(players):
            raise ValueError(f"`player` is {player}, but there are only {len(players)} players.")

        def matrix(w: Array) -> Array:
            if w.ndim != 2:
                return w
            u, s, v = jnp.linalg.svd(w, full_matrices=False)
            return (u * jnp.minimum(s, radius.astype(w.dtype))[None]) @ v

        mine = jax.tree.map(matrix, players[player])
        return (*players[:player], mine, *players[player + 1 :])

    return project
