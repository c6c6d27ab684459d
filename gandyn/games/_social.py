"""Two general-sum games of two who could get along: what opponent shaping is tried on.

Foerster, Chen, Al-Shedivat, Whiteson, Abbeel, Mordatch, "Learning with Opponent-Learning
Awareness", 2018; Letcher, Foerster, Balduzzi, Rocktaschel, Whiteson, "Stable Opponent Shaping in
Differentiable Games", 2019.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import _checks as checks
from .._types import Key, Number, Players, Scalar
from ._game import Custom


def _tandem(players: Players, key: Key = None) -> tuple[Scalar, Scalar]:
    checks.number_of("the tandem game", players, 2)
    x, y = players
    return (x + y) ** 2 - 2 * x, (x + y) ** 2 - 2 * y


def tandem() -> Custom:
    """L_1 = (x + y)^2 - 2 x,   L_2 = (x + y)^2 - 2 y: two on a tandem.

    It rests wherever x + y = 1, with L_1 + L_2 = 0. Both players shaping each other with steps h
    push to x + y = (1 - 2 h) / (1 - 4 h) instead, where both are worse off (Letcher et al. 2019).
    """
    return Custom(_tandem)


class _Dilemma(eqx.Module):
    payoff: Float[Array, "2 2"]
    discount: Float[Array, ""]

    def __call__(self, players: Players, key: Key = None) -> tuple[Scalar, Scalar]:
        checks.number_of("the iterated prisoner's dilemma", players, 2)
        for i, player in enumerate(players):
            if jnp.shape(player) != (5,):
                raise ValueError(
                    f"player {i} must have five logits of cooperating - at first, and after CC, "
                    f"CD, DC and DD, its own action first - but has shape {jnp.shape(player)}."
                )
        mine, theirs = (jax.nn.sigmoid(x) for x in players)
        dtype = jnp.result_type(mine, theirs)
        payoff, discount = self.payoff.astype(dtype), self.discount.astype(dtype)
        # The states are CC, CD, DC, DD, what the first player did first; the second sees them the
        # other way round.
        theirs = theirs[jnp.array([0, 1, 3, 2, 4])]
        next_state = jax.vmap(_outcomes)(mine, theirs)
        start, transition = next_state[0], next_state[1:]
        visits = jnp.linalg.solve(jnp.eye(4, dtype=dtype) - discount * transition.T, start)
        return -visits @ payoff.ravel(), -visits @ payoff.T.ravel()


def _outcomes(p: Scalar, q: Scalar) -> Float[Array, "4"]:
    """The law of the next state, if the players cooperate with probabilities p and q."""
    return jnp.stack([p * q, p * (1 - q), (1 - p) * q, (1 - p) * (1 - q)])


def iterated_prisoners_dilemma(
    discount: Number = 0.96, payoff: Any = ((-1.0, -3.0), (0.0, -2.0))
) -> Custom:
    """A symmetric game of two actions, cooperate and defect, played for ever by players who
    remember one round: each is five logits of cooperating, at first and after CC, CD, DC and DD
    (its own action first).

        L_i = -sum_t discount^t E r_i(t)

    in closed form, by one linear equation in four states. Times 1 - discount it is a mean loss per
    round: 2 where both always defect, 1 where they always cooperate, or play tit for tat.

    **Arguments:**

    - `discount`: in [0, 1).
    - `payoff`: what a player gets in one round, its own action counting the rows.
    """
    number = checks.number("discount", discount, low=0, high=1)
    if checks.is_concrete(number) and not number < 1:
        raise ValueError(
            f"`discount` must be below 1, for the sum to be finite, but is {discount}."
        )
    table = checks.array("payoff", payoff)
    if table.shape != (2, 2):
        raise ValueError(f"`payoff` must have shape (2, 2), but has shape {table.shape}.")
    return Custom(_Dilemma(table, number))
