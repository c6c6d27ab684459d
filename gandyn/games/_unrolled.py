"""Unrolling: a player who takes into account how the others will respond.

    L_i <- L_i(z_i, R_i^k(z)),    R_i: one step of everybody but i, with z_i as it is

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
from .._opened import start
from .._types import Key, Players, Scalar
from ._game import AbstractGame, checked_game, losses


class Unrolled(AbstractGame):
    """A game in which some players see what the others would do next: their loss is taken after
    the others have made `unroll` steps, together, in the plain game, and its gradient runs through
    those steps. All steps see one sample of whatever is random.

    What the others' optimizers remember starts afresh with the first step that is foreseen. Adam's
    steps have no derivative where a gradient vanishes, unless its `eps_root` is above zero.

    **Arguments:**

    - `game`: any game.
    - `unroll`: k, the number of steps, at least one.
    - `inner`: the steps: a number, not negative, a schedule or an optax transformation, any of
      them `projected` for players who stay in a set, for everybody or one per player; `None` for
      one of several players who is not foreseen to move.
    - `players`: those who look ahead; by default the generator alone, `(0, 1)` for both.
    """

    game: AbstractGame
    unroll: int
    inner: Any
    players: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        game: AbstractGame,
        unroll: int,
        inner: Any,
        players: Sequence[int] = (0,),
    ):
        self.game = checked_game(game)
        self.unroll = checks.count("unroll", unroll)
        self.inner = stepping.responses("inner", inner)
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

        optimizers = tuple(
            None if j == i else o
            for j, o in enumerate(stepping.spread("inner", self.inner, len(players)))
        )

        def step(j: int, z: Players, memory: Any) -> tuple[PyTree, Any]:
            def mine(x: PyTree) -> Scalar:
                return losses(self.game, (*z[:j], x, *z[j + 1 :]), key)[j]

            if (o := optimizers[j]) is None:
                return z[j], memory
            down = jax.tree.map(jnp.negative, jax.grad(mine)(z[j]))
            return stepping.taken(z[j], o, down, memory)

        def follow(state: tuple[Players, Any], _: None) -> tuple[tuple[Players, Any], None]:
            z, memories = state
            new = [step(j, z, memory) for j, memory in enumerate(memories)]
            return (tuple(x for x, _ in new), tuple(m for _, m in new)), None

        fresh = tuple(
            None if o is None else start(o, x) for o, x in zip(optimizers, players, strict=True)
        )
        return jax.lax.scan(follow, (players, fresh), length=self.unroll)[0][0]

    def equilibria(self) -> tuple[Players, ...]:
        # A response that is felt moves the equilibria, unless the game is zero-sum.
        return ()
