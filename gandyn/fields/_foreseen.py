"""Unrolling without back-propagation: a player who foresees the others' steps, and takes them as
given, whatever it does itself."""

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .. import _checks as checks
from .._types import Key, Players, Scalar
from ..games import Unrolled
from ..games._game import losses
from ._blocks import put
from ._field import AbstractField


class Foreseen(AbstractField):
    """w_i = -grad_i L_i(z_i, y) at the others' places y after `unroll` steps, in the notation of
    `gandyn.games.Unrolled`, whose own gradient runs through y(z) too. With one step it is
    `Anticipated` beyond first order; on a bilinear game with steps h its factor per singular value
    s is 1 - k (h s)^2 +- i h s, k the number of steps foreseen by both.

    **Arguments:**

    - `game`: an unrolled game.
    """

    game: Unrolled

    def __init__(self, game: Unrolled):
        if not isinstance(game, Unrolled):
            raise TypeError(
                f"`game` must be an unrolled game, but is {checks.shown(game)}: "
                "`gandyn.games.Unrolled(game, unroll, inner)` makes one."
            )
        self.game = game

    def __call__(self, players: Players, key: Key = None) -> Players:
        def direction(i: int) -> PyTree:
            seen = self.game.foreseen(i, players, key)

            def loss(mine: PyTree) -> Scalar:
                return losses(self.game.game, put(seen, i, mine), key)[i]

            return jax.tree.map(jnp.negative, jax.grad(loss)(players[i]))

        return tuple(direction(i) for i in range(len(players)))
