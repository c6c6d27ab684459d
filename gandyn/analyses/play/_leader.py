"""The value of moving first: a leader commits to an action, the follower answers with its best.

    min_i L_lead[i, j(i)],    j(i) in argmin_j L_follow[i, j]

In a zero-sum game these are the min-max and the max-min; in any other game it can be better to lead
than to follow. Where the follower has several best answers, the leader counts on the worst of them
(the weak value) or on the best (the strong one). Von Stackelberg, "Marktform und Gleichgewicht",
1934.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ... import _checks as checks
from ... import _numerics as numerics
from ..._result import Result


class Leader(Result):
    """What a leader can commit to, and what becomes of it.

    **Fields:**

    - `value`: the leader's loss.
    - `follower`: the follower's loss.
    - `actions`: which actions they take, player 0's first.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "value": (),
        "follower": (),
        "actions": ("player",),
    }

    value: Float[Array, ""]
    follower: Float[Array, ""]
    actions: Int[Array, " player"]


def leader(losses: Any, player: int = 0, *, strong: bool = False) -> Leader:
    """The value of leading in a two-player game given by tables.

    **Arguments:**

    - `losses`: a table per player, as from `gandyn.tabulate(game, xs, ys)`: `losses[k][i, j]` is
      what player k loses. A single matrix P is the zero-sum game in which `P[i, j]` is what player
      0 pays player 1, as in `gandyn.values`.
    - `player`: who leads; the generator is 0.
    - `strong`: whether the follower breaks ties in favor of the leader, not against it.
    """
    tables = list(losses) if isinstance(losses, tuple | list) and _is_pair(losses) else [losses]
    tables = [checks.array("losses", table) for table in tables]
    if len(tables) == 1:
        tables = [tables[0], -tables[0]]
    shapes = {table.shape for table in tables}
    if len(shapes) != 1 or any(len(s) != 2 or 0 in s for s in shapes):
        raise ValueError(
            "`losses` must be two tables of one shape, or one matrix for a zero-sum game, not "
            f"empty, but have the shapes {[t.shape for t in tables]}."
        )
    strong = checks.flag("strong", strong)
    if checks.count("player", player, low=0) > 1:
        raise ValueError(f"`player` must be 0 or 1, but is {player}.")
    mine, theirs = (tables[0], tables[1]) if player == 0 else (tables[1].T, tables[0].T)
    least = jnp.min(theirs, axis=1, keepdims=True)
    rounding = 8 * numerics.rounding(theirs.dtype) * jnp.max(jnp.abs(theirs))
    sign = 1 if strong else -1
    answers = jnp.where(theirs <= least + rounding, sign * mine, jnp.inf)
    answer = jnp.argmin(answers, axis=1)
    action = jnp.argmin(jnp.take_along_axis(mine, answer[:, None], axis=1)[:, 0])
    pair = (action, answer[action])
    return Leader(mine[pair], theirs[pair], jnp.stack(pair if player == 0 else pair[::-1]))


def _is_pair(losses: Any) -> bool:
    """Two tables, not one matrix written as a list of rows."""
    return len(losses) == 2 and all(jnp.ndim(jnp.asarray(table)) == 2 for table in losses)
