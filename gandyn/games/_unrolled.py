"""Unrolling: a player who takes into account how the others will respond.

    L_i <- L_i(z_i, R_i^k(z)),    R_i: one gradient step of everybody but i, with z_i as it is

Metz, Poole, Pfau, Sohl-Dickstein, "Unrolled Generative Adversarial Networks", 2017.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .. import _checks as checks
from .. import _step as stepping
from .._types import Key, Players, Scalar
from ._game import AbstractGame, checked_game, losses


class Unrolled(AbstractGame):
    """A game in which some players see what the others would do next: their loss is taken after
    the others have made `unroll` gradient steps, together, in the plain game, and its gradient runs
    through those steps. All steps see one sample of whatever is random.

    **Arguments:**

    - `game`: any game.
    - `unroll`: k, the number of steps, at least one.
    - `inner_step`: their size, not negative, one number for everybody or one per player;
      `projected` for players who stay in a set.
    - `players`: those who look ahead; by default the generator alone, `(0, 1)` for both.
    """

    game: AbstractGame
    unroll: int
    inner_step: Any
    players: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        game: AbstractGame,
        unroll: int,
        inner_step: Any,
        players: Sequence[int] = (0,),
    ):
        self.game = checked_game(game)
        self.unroll = checks.count("unroll", unroll)
        self.inner_step = stepping.checked_steps("inner_step", inner_step)
        self.players = checks.counts("players", players, low=0)

    def losses(self, players: Players, key: Key = None) -> tuple[Scalar, ...]:
        n = len(players)
        if any(i >= n for i in self.players):
            raise ValueError(
                f"`players` names those who look ahead, {self.players}, but the game has {n} "
                f"players: 0 .. {n - 1}."
            )

        def loss(i: int) -> Scalar:
            return losses(self.game, self.foreseen(i, players, key), key)[i]

        return tuple(loss(i) for i in range(n))

    def foreseen(self, i: int, players: Players, key: Key = None) -> Players:
        """What player `i` reckons with: itself as it is, and the others after their steps, from
        `players` on."""
        if i not in self.players:
            return players

        steps = stepping.spread("inner_step", self.inner_step, len(players))

        def step(j: int, z: Players) -> PyTree:
            def mine(x: PyTree) -> Scalar:
                return losses(self.game, (*z[:j], x, *z[j + 1 :]), key)[j]

            down = jax.tree.map(jnp.negative, jax.grad(mine)(z[j]))
            return stepping.landed(z[j], steps[j], down)

        def follow(z: Players, _: None) -> tuple[Players, None]:
            return tuple(z[j] if j == i else step(j, z) for j in range(len(z))), None

        return jax.lax.scan(follow, players, length=self.unroll)[0]

    def equilibria(self) -> tuple[Players, ...]:
        # A response that is felt moves the equilibria, unless the game is zero-sum.
        return ()
