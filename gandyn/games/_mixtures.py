"""Mixtures of players: each side holds several, and chooses among them at random.

    L_k = sum_{a, b} w_a u_b L_k(G_a, D_b),    w = softmax(logits)

A game without a pure equilibrium has one in mixtures, and finitely many players come near to it:
Arora, Ge, Liang, Ma, Zhang, "Generalization and equilibrium in generative adversarial nets
(GANs)", 2017, section 5 (MIX+GAN).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from .. import _checks as checks
from .._types import Key, Players, Scalar
from ._game import AbstractGame, checked_game, losses


class Mixtures(AbstractGame):
    """A game between mixtures of players: the expected loss when everybody draws one of its copies,
    independently. Each player is a pair `(copies, logits)`: its parameters with a leading axis,
    one entry per copy, and the logits of their weights, shape `(copies,)`. The numbers of copies
    may differ, and one copy is the plain game. All pairs see one sample of whatever is random.

    **Arguments:**

    - `game`: any game, of two or more players.
    """

    game: AbstractGame

    def __init__(self, game: AbstractGame):
        self.game = checked_game(game)

    def losses(self, players: Players, key: Key = None) -> tuple[Scalar, ...]:
        copies, logits = zip(*(_parts(i, p) for i, p in enumerate(players)), strict=True)

        def of(*chosen: PyTree) -> tuple[Scalar, ...]:
            return losses(self.game, chosen, key)

        # Of every profile of copies: one axis per player, the first outermost.
        table = of
        for i in reversed(range(len(players))):
            axes = tuple(0 if j == i else None for j in range(len(players)))
            table = jax.vmap(table, in_axes=axes)
        weights = [jax.nn.softmax(x) for x in logits]

        def expected(values: Array) -> Scalar:
            for w in reversed(weights):
                values = values @ w.astype(values.dtype)
            return values

        return tuple(map(expected, table(*copies)))

    def equilibria(self) -> tuple[Players, ...]:
        return ()


def _parts(i: int, player: PyTree) -> tuple[PyTree, Array]:
    """The copies of a player and their logits, held to be as many."""
    if not isinstance(player, tuple | list) or len(player) != 2:
        raise ValueError(
            f"player {i} must be a pair (copies, logits of their weights), but is "
            f"{checks.shown(player)}."
        )
    copies, logits = player
    if jnp.ndim(logits) != 1 or any(
        jnp.shape(leaf)[:1] != jnp.shape(logits) for leaf in jax.tree.leaves(copies)
    ):
        raise ValueError(
            f"player {i} must have one logit per copy, and the copies along the leading axis of "
            f"its parameters, but the logits have shape {jnp.shape(logits)} and the parameters "
            f"{jax.tree.map(jnp.shape, copies)}."
        )
    return copies, logits
