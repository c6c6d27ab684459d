"""Unrolling: a player who takes into account how the others will respond.

    L_i <- L_i(z_i, R_i^k(z)),    R_i: one gradient step of everybody but i, with z_i as it is

Metz, Poole, Pfau, Sohl-Dickstein, "Unrolled Generative Adversarial Networks", 2017.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .. import _checks as checks
from .._types import Key, Number, Players, Scalar
from ._game import AbstractGame, losses


class Unrolled(AbstractGame):
    """A game in which some players see what the others would do next: their loss is taken after
    the others have made `unroll` gradient steps, together, in the plain game, and its gradient runs
    through those steps. All steps see one sample of whatever is random.

    **Arguments:**

    - `game`: any game.
    - `unroll`: k, the number of steps, at least one.
    - `inner_step`: their size, not negative.
    - `players`: those who look ahead; by default the generator alone, `(0, 1)` for both.
    """

    game: AbstractGame
    unroll: int
    inner_step: Float[Array, ""]
    players: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        game: AbstractGame,
        unroll: int,
        inner_step: Number,
        players: Sequence[int] = (0,),
    ):
        if not isinstance(game, AbstractGame):
            raise TypeError(
                f"`game` must be a game, but is {game!r}: "
                "`gandyn.games.Custom(function)` makes one from a function of the players."
            )
        self.game = game
        self.unroll = checks.count("unroll", unroll)
        self.inner_step = checks.number("inner_step", inner_step, low=0)
        self.players = tuple(checks.count(f"players[{i}]", p, low=0) for i, p in enumerate(players))

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
        """What player i reckons with: itself as it is, and the others after their steps."""
        if i not in self.players:
            return players

        def step(j: int, z: Players) -> PyTree:
            def mine(x: PyTree) -> Scalar:
                return losses(self.game, (*z[:j], x, *z[j + 1 :]), key)[j]

            return jax.tree.map(self._less, z[j], jax.grad(mine)(z[j]))

        def follow(z: Players, _: None) -> tuple[Players, None]:
            return tuple(z[j] if j == i else step(j, z) for j in range(len(z))), None

        return jax.lax.scan(follow, players, length=self.unroll)[0]

    def _less(self, x: Array, gradient: Array) -> Array:
        return x - jnp.asarray(self.inner_step, x.dtype) * gradient

    def equilibria(self) -> tuple[Players, ...]:
        # A response that is felt moves the equilibria, unless the game is zero-sum.
        return ()
