"""A field: which way the players go, `players -> players`."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .. import _checks as checks
from .._step import scaled
from .._types import Key, PerPlayer, Players
from ..games._game import AbstractGame, is_game, losses


class AbstractField(eqx.Module):
    """A vector field on the players' parameters: a flow's velocity, a rule's direction."""

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
        self.game = is_game(game)

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
        self.field = is_field(field, walls=True)
        self.scales = checks.per_player("scales", scales)

    @property
    def walled(self) -> bool:
        return self.field.walled

    def __call__(self, players: Players, key: Key = None) -> Players:
        scales = checks.spread("scales", self.scales, len(players))
        return tuple(scaled(c, v) for c, v in zip(scales, self.field(players, key), strict=True))


def is_field(field: AbstractField, walls: bool = False) -> AbstractField:
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
