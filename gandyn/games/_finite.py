"""Finite games: each player chooses one of finitely many actions, and may mix.

    L_k = -sum_{a, b, ...} U_k[a, b, ...] q_a d_b ...

In mixed strategies the losses are multilinear, the equilibria those of Nash, "Non-cooperative
games", 1951. The same game through softmax logits is one that gradient rules can play.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import _checks as checks
from .._types import Key, Players, Scalar
from ._game import AbstractGame, Custom, checked_game, losses


class _Multilinear(eqx.Module):
    payoffs: tuple[Array, ...]

    def __call__(self, players: Players, key: Key = None) -> tuple[Scalar, ...]:
        actions = self.payoffs[0].shape
        checks.number_of("this finite game", players, len(actions))
        if tuple(map(jnp.shape, players)) != tuple((n,) for n in actions):
            raise ValueError(
                f"the players must be mixed strategies, vectors with {actions} entries, but have "
                f"the shapes {tuple(map(jnp.shape, players))}."
            )

        def loss(payoff: Array) -> Scalar:
            value = payoff.astype(jnp.result_type(*players))
            for strategy in reversed(players):
                value = value @ strategy
            return -value

        return tuple(map(loss, self.payoffs))


def finite(*payoffs: Any) -> Custom:
    """A finite game in mixed strategies; the players are probability vectors.

    They are points of a simplex, which the gradient does not know: play it by
    `gandyn.methods.hedge`, on the field `gandyn.fields.Mirror`, by `gandyn.rules.BestResponse`
    with the candidates `jnp.eye(n)`, or as `Logits(game)` by any method.

    **Arguments:**

    - `payoffs`: one array per player, all of the shape (actions of player 0, of player 1, ...):
      `payoffs[k][i, j, ...]` is what player k gets. A single matrix P is the zero-sum game in which
      `P[i, j]` is what the row, player 0, pays the column, player 1, as in `gandyn.values(P)`.
    """
    arrays = tuple(checks.array(f"payoffs[{k}]", p) for k, p in enumerate(payoffs))
    if len(arrays) == 1:
        arrays = (-arrays[0], arrays[0])
    shapes = {a.shape for a in arrays}
    if len(shapes) != 1 or any(len(s) != len(arrays) or 0 in s for s in shapes):
        raise ValueError(
            "`payoffs` must be one array per player with one axis per player, all of one shape and "
            "not empty, or one matrix for a zero-sum game, but have the shapes "
            f"{tuple(a.shape for a in arrays)}."
        )
    return Custom(_Multilinear(arrays))


def softmax(players: Players) -> Players:
    """Mixed strategies from logits: e^x / sum e^x along the last axis of every array x of
    `players`."""
    return jax.tree.map(_softmax, checks.players(players))


def hardmax(players: Players) -> Players:
    """All weight on the largest entry along the last axis of every array of `players`; of several,
    on the first."""
    return jax.tree.map(_hardmax, checks.players(players))


def _softmax(x: Float[Array, "*batch n"]) -> Float[Array, "*batch n"]:
    return jax.nn.softmax(_checked_actions(x))


def _hardmax(x: Float[Array, "*batch n"]) -> Float[Array, "*batch n"]:
    return jax.nn.one_hot(jnp.argmax(_checked_actions(x), axis=-1), x.shape[-1], dtype=x.dtype)


def _checked_actions(x: Array) -> Array:
    if jnp.ndim(x) == 0 or x.shape[-1] == 0:
        raise ValueError(
            "`players` must have one entry per action along their last axis, but one is a number."
        )
    return x


class Logits(AbstractGame):
    """A game in mixed strategies, L(softmax(x)): the players are logits, without constraints, so
    that every gradient method can play it. Adding a constant to a player's logits changes nothing.

    **Arguments:**

    - `game`: a game whose players are mixed strategies, such as `finite(payoff)`.
    - `strategies`: the map from logits to strategies.
    """

    game: AbstractGame
    strategies: Callable[[Players], Players]

    def __init__(self, game: AbstractGame, strategies: Callable[[Players], Players] = softmax):
        self.game = checked_game(game)
        self.strategies = checks.function("strategies", strategies, "players")

    def losses(self, players: Players, key: Key = None) -> tuple[Scalar, ...]:
        return losses(self.game, self.strategies(players), key)

    def equilibria(self) -> tuple[Players, ...]:
        return ()
