"""Opponent shaping: players who know that the others learn, and use it.

With steps d_j = -h xi_j of all players, xi_j = grad_j L_j, player i descends

    L_i(z_i, z_-i + d_-i)   to first order in d,

whose gradient has two terms beyond xi_i: what the others' steps do to it (LookAhead), and what it
does to the others' steps (shaping),

    xi_i + sum_j (D_ij L_i) d_j + chi_i,    chi_i = sum_j (D_i d_j)^T grad_j L_i,   j != i.

Players who stay in sets step there, d_j = P(z_j - h xi_j) - z_j.

Foerster et al., "Learning with Opponent-Learning Awareness", 2018; Letcher, Foerster, Balduzzi,
Rocktaschel, Whiteson, "Stable Opponent Shaping in Differentiable Games", 2019.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from .. import _checks as checks
from .. import _step as stepping
from .._step import moved
from .._types import Key, Number, Players, Scalar
from ..games import AbstractGame
from ..games._game import losses
from ._blocks import put
from ._field import AbstractField, Gradient, with_losses


class LOLA(AbstractField):
    """Learning with opponent-learning awareness, both terms included: on a bilinear game it bends
    the field inwards twice as strongly as LookAhead, which is `Anticipated`, or shaping alone.

    **Arguments:**

    - `game`: any game.
    - `step_size`: h, not negative, one number for everybody or one per player; `projected` for
      players who stay in a set.
    """

    game: AbstractGame
    step_size: Any

    def __init__(self, game: AbstractGame, step_size: Any):
        self.game = with_losses("LOLA", game)
        self.step_size = stepping.checked_steps("step_size", step_size)

    def __call__(self, players: Players, key: Key = None) -> Players:
        ahead, shaping = _ahead_and_shaping(self.game, players, key, self.step_size)
        return _plus(ahead, 1, shaping)


class SOS(AbstractField):
    """Stable opponent shaping: LookAhead, and as much of the shaping term as does no harm: it never
    turns against LookAhead, and fades out where the gradients do, so that unlike LOLA it rests
    where plain play rests.

    **Arguments:**

    - `game`: any game.
    - `step_size`: h, not negative, one number for everybody or one per player; `projected` for
      players who stay in a set.
    - `agreement`: a in (0, 1), how much of LookAhead is left where the two disagree; 0.5 in the
      paper.
    - `radius`: b in (0, 1), below which size of the gradient shaping fades out; 0.1 in the paper's
      experiments.
    """

    game: AbstractGame
    step_size: Any
    agreement: Float[Array, ""]
    radius: Float[Array, ""]

    def __init__(
        self, game: AbstractGame, step_size: Any, agreement: Number = 0.5, radius: Number = 0.1
    ):
        self.game = with_losses("SOS", game)
        self.step_size = stepping.checked_steps("step_size", step_size)
        self.agreement = checks.number("agreement", agreement, low=0, high=1)
        self.radius = checks.number("radius", radius, low=0, high=1)

    def __call__(self, players: Players, key: Key = None) -> Players:
        ahead, shaping = _ahead_and_shaping(self.game, players, key, self.step_size)
        dtype = jnp.result_type(*jax.tree.leaves(players))
        agreement, radius = (x.astype(dtype) for x in (self.agreement, self.radius))
        inner = _dot(shaping, ahead)
        against = inner < 0
        most = -agreement * _dot(ahead, ahead) / jnp.where(against, inner, -1)
        harmless = jnp.where(against, jnp.minimum(1, most), 1)
        felt = stepping.all_feasible(players, self.step_size, Gradient(self.game)(players, key))
        square = _dot(felt, felt)
        near = jnp.where(square < radius**2, square, 1)
        return _plus(ahead, jnp.minimum(harmless, near), shaping)


def _ahead_and_shaping(
    game: AbstractGame, players: Players, key: Key, step_size: Any
) -> tuple[Players, Players]:
    """v - (D L) d, and -chi: LookAhead's direction, and what shaping adds to it."""
    v = Gradient(game)(players, key)
    moves = stepping.all_moves(players, step_size, v)

    def of(i: int) -> tuple[PyTree, PyTree]:
        others = [j for j in range(len(players)) if j != i]

        def slopes(mine: PyTree) -> list[PyTree]:
            """grad_j L_i."""
            all_slopes = jax.grad(lambda z: losses(game, z, key)[i])(put(players, i, mine))
            return [all_slopes[j] for j in others]

        def foreseen(mine: PyTree) -> list[PyTree]:
            """d_j."""
            z = put(players, i, mine)
            everybody = stepping.all_moves(z, step_size, Gradient(game)(z, key))
            return [everybody[j] for j in others]

        # Of sum_j <grad_j L_i, d_j> in my parameters, either factor held. (A gradient stopped
        # inside would be stopped for those who differentiate the field, too.)
        mine = players[i]
        held_slopes, held_moves = slopes(mine), [moves[j] for j in others]
        lookahead = jax.grad(lambda mine: _dot(slopes(mine), held_moves))(mine)
        shaping = jax.grad(lambda mine: _dot(held_slopes, foreseen(mine)))(mine)
        return lookahead, shaping

    if len(players) == 1:
        return v, jax.tree.map(jnp.zeros_like, v)
    lookaheads, shapings = zip(*(of(i) for i in range(len(players))), strict=True)
    nothing = jax.tree.map(jnp.zeros_like, v)
    return _plus(v, -1, lookaheads), _plus(nothing, -1, shapings)


def _plus(v: Players, c: Number, u: Players) -> Players:
    return tuple(moved(x, c, y) for x, y in zip(v, u, strict=True))


def _dot(u: PyTree, v: PyTree) -> Scalar:
    return jnp.asarray(optax.tree.vdot(u, v))
