"""A game: n losses in everybody's parameters, each to be minimized by its own player."""

import abc
from collections.abc import Callable, Sequence

import equinox as eqx
import jax.numpy as jnp

from .. import _checks as checks
from .._types import Key, Players, Scalar


class AbstractGame(eqx.Module):
    """n players, each of whom minimizes a loss that depends on the parameters of all.

    A game of your own is a subclass with these two methods, or a function wrapped by `Custom`.
    """

    @abc.abstractmethod
    def losses(self, players: Players, key: Key = None) -> tuple[Scalar, ...]:
        """One scalar per player."""

    @abc.abstractmethod
    def equilibria(self) -> tuple[Players, ...]:
        """The equilibria known in closed form; `()` if there are none."""


class Custom(AbstractGame):
    """A game from a function of the players.

    **Arguments:**

    - `function`: `function(players, key)` returns one loss per player. Arrays that it holds as an
      equinox module are leaves of the game and can be swept.
    - `known`: the equilibria known in closed form.
    """

    function: Callable[[Players, Key], Sequence[Scalar]]
    known: tuple[Players, ...]

    def __init__(
        self,
        function: Callable[[Players, Key], Sequence[Scalar]],
        known: Sequence[Players] = (),
    ):
        self.function = checks.function("function", function, "players", "key")
        self.known = checks.known(known)

    def losses(self, players: Players, key: Key = None) -> tuple[Scalar, ...]:
        values = self.function(players, key)
        # What is neither is refused with the rest, by `losses` below.
        return tuple(values) if isinstance(values, list) else values  # pyright: ignore[reportReturnType]

    def equilibria(self) -> tuple[Players, ...]:
        return self.known


def checked_game(game: AbstractGame) -> AbstractGame:
    """`game`, held to be one."""
    return checks.instance(
        "game",
        game,
        AbstractGame,
        "a game",
        "`gandyn.games.Custom(function)` makes one from a function of the players, "
        "`gandyn.games.finite(payoff)` from a matrix",
    )


def losses(game: AbstractGame, players: Players, key: Key = None) -> tuple[Scalar, ...]:
    """The losses of a game, held to be one scalar per player."""
    name = type(game).__name__
    with checks.told_of_the_key(f"the losses of {name} are", key):
        values = game.losses(players, key)
    if not isinstance(values, tuple | list):
        raise TypeError(
            f"the losses of {name} must be a tuple with one scalar per player, but are "
            f"{checks.shown(values)}."
        )
    if len(values) != len(players):
        raise ValueError(
            f"{name} has {len(values)} losses, but `players` has {len(players)}: "
            "give one loss per player."
        )
    for i, value in enumerate(values):
        if jnp.shape(value) != ():
            raise ValueError(
                f"the loss of player {i} in {name} must be a scalar, but has shape "
                f"{jnp.shape(value)}: take its sum or its mean."
            )
        if jnp.iscomplexobj(value):
            raise TypeError(
                f"the loss of player {i} in {name} must be real, but has dtype "
                f"{jnp.asarray(value).dtype}: take its real part or its modulus."
            )
    return tuple(checks.floating(value) for value in values)
