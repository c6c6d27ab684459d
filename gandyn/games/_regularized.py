"""Regularized players: a game in which each player pays for its own parameters besides."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .. import _checks as checks
from .._types import Key, Number, Players, Scalar
from ._game import AbstractGame, checked_game, losses


class Regularized(AbstractGame):
    """L_i + R_i(z_i). Its equilibria are in general not those of the game.

    **Arguments:**

    - `game`: any game.
    - `regularizers`: a function of one player's parameters for everybody, or a tuple with one per
      player, `None` for a player without; `WeightDecay` and `Entropy` are two.
    """

    game: AbstractGame
    regularizers: Any

    def __init__(self, game: AbstractGame, regularizers: Any):
        several = isinstance(regularizers, tuple | list)
        for r in regularizers if several else (regularizers,):
            if r is not None and not callable(r):
                raise TypeError(
                    "`regularizers` must be a function of one player's parameters, or one per "
                    f"player (or None), but has {checks.shown(r)}."
                )
        self.game = checked_game(game)
        self.regularizers = tuple(regularizers) if several else regularizers

    def losses(self, players: Players, key: Key = None) -> tuple[Scalar, ...]:
        each = checks.spread("regularizers", self.regularizers, len(players))
        return tuple(
            loss if r is None else loss + r(player)
            for loss, r, player in zip(losses(self.game, players, key), each, players, strict=True)
        )

    def equilibria(self) -> tuple[Players, ...]:
        return ()


class WeightDecay(eqx.Module):
    """c |z|^2 / 2, which pulls the parameters to 0.

    **Arguments:**

    - `strength`: c, not negative.
    """

    strength: Float[Array, ""]

    def __init__(self, strength: Number):
        self.strength = checks.number("strength", strength, low=0)

    def __call__(self, player: PyTree) -> Scalar:
        squares = [jnp.sum(x**2) for x in jax.tree.leaves(player)]
        total = sum(squares[1:], squares[0])
        return self.strength.astype(total.dtype) * total / 2


class Entropy(eqx.Module):
    """c sum_a q_a log q_a with q the softmax of the parameters, logits of a mixed strategy: it
    rewards mixing.

    **Arguments:**

    - `strength`: c, the temperature of the logit response; not negative.
    """

    strength: Float[Array, ""]

    def __init__(self, strength: Number):
        self.strength = checks.number("strength", strength, low=0)

    def __call__(self, player: Float[Array, " action"]) -> Scalar:
        return self.strength.astype(player.dtype) * jnp.sum(
            jax.nn.softmax(player) * jax.nn.log_softmax(player)
        )
