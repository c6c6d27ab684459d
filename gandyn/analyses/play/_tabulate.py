"""A game as a table: the losses of all players at all combinations of what they may choose from."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from ... import _checks as checks
from ..._compiled import compiled_with
from ..._types import Key, Players
from ...fields import Gradient
from ...games import AbstractGame
from ...games._game import losses


def tabulate(
    game: AbstractGame, *candidates: Any, key: Key = None
) -> tuple[Float[Array, "..."], ...]:
    """One table of losses per player; entry [i, j, ...] is where player 0 chooses its candidate i,
    player 1 its candidate j.

    Of a zero-sum game the first is a payoff: `gandyn.values(tabulate(game, xs, ys)[0])` are its
    min-max, max-min and mixed values on the grid. `gandyn.games.finite(*(-t for t in tables))` is
    the game between the candidates in mixed strategies.

    **Arguments:**

    - `game`: any game.
    - `candidates`: for every player its parameters with a leading axis; `jnp.linspace(0, 1, 101)`
      for a number.
    - `key`: one realization of everything random, the same for all entries.

    **Raises:** `ValueError` if a loss is not finite.
    """
    game, key = Gradient(game).game, checks.key(key)
    if not candidates:
        raise ValueError("`candidates` must be given for every player, but are none.")
    grids = [checks.candidates(f"candidates[{i}]", c) for i, c in enumerate(candidates)]

    tables = _tables(game, tuple(grids), key)
    for i, table in enumerate(tables):
        if checks.is_concrete(table) and not np.all(np.isfinite(table)):
            where = tuple(map(int, np.argwhere(~np.isfinite(np.asarray(table)))[0]))
            raise ValueError(
                f"the loss of player {i} is {float(table[where]):g} at the candidates {where}: "
                "leave out candidates at which the game is not finite."
            )
    return tables


@compiled_with("little")
def _tables(game: AbstractGame, grids: Players, key: Key) -> tuple[Float[Array, "..."], ...]:
    def at(*players: Any) -> tuple[Array, ...]:
        return losses(game, players, key)

    for i in reversed(range(len(grids))):
        at = jax.vmap(at, in_axes=tuple(0 if i == j else None for j in range(len(grids))))
    return at(*grids)


def one_player(game: AbstractGame, players: Players, i: int, key: Key) -> Any:
    """The loss of player i as a function of its own parameters, the others held."""

    def loss(mine: Any) -> Array:
        return losses(game, (*players[:i], mine, *players[i + 1 :]), key)[i]

    return loss
