"""Best response: the move of a player who solves its problem before anyone else moves again.

It is what k gradient steps per step of the others become as k grows without bound, if they do not
get stuck. Brown, "Iterative solution of games by fictitious play", 1951 (there against the average
of what the others played).
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .. import _checks as checks
from .._phase import State
from .._types import Key, Players
from ..games._game import AbstractGame, checked_game, losses
from ._rule import AbstractRule


class BestResponse(AbstractRule):
    """F(z): player i at the candidate where its loss is least, the others being as they are.

    Put into a `Sequential` with the others' moves. Of several that are best the first is taken. A
    map that jumps: it has no derivative where the best candidate changes, and 0 elsewhere.

    **Arguments:**

    - `game`: any game.
    - `player`: i; the generator is 0.
    - `candidates`: what the player may choose from, its parameters with a leading axis.
    """

    game: AbstractGame
    player: int
    candidates: PyTree

    def __init__(self, game: AbstractGame, player: int, candidates: Any):
        self.game = checked_game(game)
        self.player = checks.count("player", player, low=0)
        self.candidates = checks.candidates("candidates", candidates)

    def init(self, players: Players) -> State:
        return State(players)

    def step(self, state: State, key: Key = None) -> State:
        players, i = state.players, self.player
        if i >= len(players):
            raise ValueError(
                f"`player` is {i}, but the game has {len(players)} players: 0 .. "
                f"{len(players) - 1}."
            )
        checks.same_structure(
            "each of the `candidates`",
            jax.tree.map(lambda c: c[0], self.candidates),
            players[i],
            "the player",
        )
        candidates = jax.tree.map(lambda c, p: c.astype(p.dtype), self.candidates, players[i])

        def loss(candidate: PyTree) -> jax.Array:
            return losses(self.game, (*players[:i], candidate, *players[i + 1 :]), key)[i]

        best = jnp.argmin(jax.vmap(loss)(candidates))
        chosen = jax.tree.map(lambda c: c[best], candidates)
        return State((*players[:i], chosen, *players[i + 1 :]), state.memory)
