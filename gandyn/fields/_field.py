"""A field: which way the players go, `players -> players`."""

import abc
from collections.abc import Callable, Sequence
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .. import _checks as checks
from .._step import scaled
from .._types import Key, PerPlayer, Players
from ..games._game import AbstractGame, checked_game, losses


class AbstractField(eqx.Module):
    """A vector field on the players' parameters: a flow's velocity, a rule's direction. A field of
    your own is a subclass with `__call__`, or `gandyn.fields.Custom` of a function."""

    @abc.abstractmethod
    def __call__(self, players: Players, key: Key = None) -> Players:
        """The direction of every player, a tree of the same structure."""

    @property
    def walled(self) -> bool:
        """Whether there are walls at which it drops what points through them."""
        return False


class Gradient(AbstractField):
    """v_i = -grad_i L_i: everybody descends its own loss, the others being as they are.

    **Arguments:**

    - `game`: any game.
    """

    game: AbstractGame

    def __init__(self, game: AbstractGame):
        self.game = checked_game(game)

    def __call__(self, players: Players, key: Key = None) -> Players:
        def gradient(i: int) -> PyTree:
            def loss(mine: PyTree) -> jax.Array:
                return losses(self.game, (*players[:i], mine, *players[i + 1 :]), key)[i]

            return jax.tree.map(jnp.negative, jax.grad(loss)(players[i]))

        return tuple(gradient(i) for i in range(len(players)))


class Scaled(AbstractField):
    """c_i v_i: a time scale for each player.

    **Arguments:**

    - `field`: the field v.
    - `scales`: c, one number for everybody or one per player.
    """

    field: AbstractField
    scales: PerPlayer

    def __init__(self, field: AbstractField, scales: PerPlayer):
        self.field = checked_field(field, walls=True)
        self.scales = checks.per_player("scales", scales)

    @property
    def walled(self) -> bool:
        return self.field.walled

    def __call__(self, players: Players, key: Key = None) -> Players:
        scales = checks.spread("scales", self.scales, len(players))
        return tuple(scaled(c, v) for c, v in zip(scales, self.field(players, key), strict=True))


class Custom(AbstractField):
    """A field from a function of the players. With it any ordinary differential equation z' = f(z)
    is a flow, `gandyn.flows.GradientFlow(Custom(f))`, and every method that asks for a field only
    is one for it, `gandyn.methods.extragradient(Custom(f), 0.1)`.

    **Arguments:**

    - `function`: `function(players, key)` or `function(players)` returns one velocity per player,
      of the player's structure. Arrays that it holds as an equinox module are leaves of the field
      and can be swept.
    """

    function: Callable[..., Sequence[PyTree]]
    takes_key: bool = eqx.field(static=True)

    def __init__(self, function: Callable[..., Sequence[PyTree]]):
        self.function, self.takes_key = checks.of_players("function", function)

    def __call__(self, players: Players, key: Key = None) -> Players:
        with checks.told_of_the_key("the velocities of Custom are", key):
            found = self.function(players, key) if self.takes_key else self.function(players)
        return checks.one_per_player("the velocities of Custom", found, players)


GameOrField: TypeAlias = AbstractGame | AbstractField
"""What players go along, or what it is the gradient of."""


def as_field(game: GameOrField) -> AbstractField:
    """What players of a game, or of a field, go along: everybody's gradient, or the field."""
    if isinstance(game, AbstractField):
        return game
    return Gradient(
        checks.instance(
            "game",
            game,
            AbstractGame,
            "a game or a field",
            "`gandyn.games.Custom(function)` makes a game from a function of the players, "
            "`gandyn.fields.Custom(function)` a field",
        )
    )


def with_losses(name: str, game: AbstractGame) -> AbstractGame:
    """A game, for what asks for more than its field."""
    if isinstance(game, AbstractField):
        raise TypeError(
            f"`game` must be a game for {name}, which needs its losses, but is "
            f"{checks.shown(game)}: of a field nobody knows what the players lose."
        )
    return checked_game(game)


def checked_field(field: AbstractField, walls: bool = False) -> AbstractField:
    """`field`, held to be one, and one without walls where they would hold nobody."""
    if not isinstance(field, AbstractField):
        raise TypeError(
            f"`field` must be a field, but is {checks.shown(field)}: "
            "`gandyn.fields.Gradient(game)` is that of a game."
        )
    if field.walled and not walls:
        raise ValueError(
            "`field` must not be `Confined` here: its walls hold a `GradientFlow` alone, for a "
            "step leaps across them, and momentum and noise go on through them. Confine a rule by "
            "its steps, `gandyn.rules.projected(step, projection)`, and another field last, as "
            "`Confined(another(field), low, high)`."
        )
    return field
