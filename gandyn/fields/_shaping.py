"""Opponent shaping: players who know that the others learn, and use it.

With plain steps of size h of all players, xi_j = grad_j L_j, player i descends

    L_i(z_i, z_-i - h xi_-i)   to first order in h,

whose gradient has two terms beyond xi_i: what the others' steps do to it (LookAhead), and what it
does to the others' steps (shaping),

    xi_i - h sum_j (D_ij L_i) xi_j - h chi_i,    chi_i = sum_j (D_i xi_j)^T grad_j L_i,   j != i.

Foerster et al., "Learning with Opponent-Learning Awareness", 2018; Letcher, Foerster, Balduzzi,
Rocktaschel, Whiteson, "Stable Opponent Shaping in Differentiable Games", 2019.
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from .. import _checks as checks
from .._types import Key, Number, Players, Scalar
from ..games import AbstractGame
from ..games._game import losses
from ._blocks import put
from ._field import AbstractField, Gradient, moved


class LOLA(AbstractField):
    """Learning with opponent-learning awareness, both terms included: on a bilinear game it bends
    the field inwards twice as strongly as LookAhead, which is `Anticipated`, or shaping alone.

    **Arguments:**

    - `game`: any game.
    - `step`: h, not negative.
    """

    game: AbstractGame
    step: Float[Array, ""]

    def __init__(self, game: AbstractGame, step: Number):
        self.game = Gradient(game).game
        self.step = checks.number("step", step, low=0)

    def __call__(self, players: Players, key: Key = None) -> Players:
        ahead, shaping = _ahead_and_shaping(self.game, players, key, self.step)
        return _plus(ahead, 1, shaping)


class SOS(AbstractField):
    """Stable opponent shaping: LookAhead, and as much of the shaping term as does no harm: it never
    turns against LookAhead, and fades out where the gradients do, so that unlike LOLA it rests
    where plain play rests.

    **Arguments:**

    - `game`: any game.
    - `step`: h, not negative.
    - `agreement`: a in (0, 1), how much of LookAhead is left where the two disagree; 0.5 in the
      paper.
    - `radius`: b in (0, 1), below which size of the gradient shaping fades out; 0.1 in the paper's
      experiments.
    """

    game: AbstractGame
    step: Float[Array, ""]
    agreement: Float[Array, ""]
    radius: Float[Array, ""]

    def __init__(
        self, game: AbstractGame, step: Number, agreement: Number = 0.5, radius: Number = 0.1
    ):
        self.game = Gradient(game).game
        self.step = checks.number("step", step, low=0)
        self.agreement = checks.number("agreement", agreement, low=0, high=1)
        self.radius = checks.number("radius", radius, low=0, high=1)

    def __call__(self, players: Players, key: Key = None) -> Players:
        ahead, shaping = _ahead_and_shaping(self.game, players, key, self.step)
        dtype = jnp.result_type(*jax.tree.leaves(players))
        agreement, radius = (x.astype(dtype) for x in (self.agreement, self.radius))
        inner = _dot(shaping, ahead)
        against = inner < 0
        most = -agreement * _dot(ahead, ahead) / jnp.where(against, inner, -1)
        harmless = jnp.where(against, jnp.minimum(1, most), 1)
        v = Gradient(self.game)(players, key)
        square = _dot(v, v)
        near = jnp.where(square < radius**2, square, 1)
        return _plus(ahead, jnp.minimum(harmless, near), shaping)


def _ahead_and_shaping(
    game: AbstractGame, players: Players, key: Key, step: Number
) -> tuple[Players, Players]:
    """v + h J_o v, and -h chi: LookAhead's direction, and what shaping adds to it."""
    v = Gradient(game)(players, key)

    def of(i: int) -> tuple[PyTree, PyTree]:
        others = [j for j in range(len(players)) if j != i]

        def slopes(mine: PyTree) -> list[PyTree]:
            """grad_j L_i."""
            all_slopes = jax.grad(lambda z: losses(game, z, key)[i])(put(players, i, mine))
            return [all_slopes[j] for j in others]

        def steps(mine: PyTree) -> list[PyTree]:
            """v_j."""
            all_steps = Gradient(game)(put(players, i, mine), key)
            return [all_steps[j] for j in others]

        # Of sum_j <grad_j L_i, v_j> in my parameters, either factor held. (A gradient stopped
        # inside would be stopped for those who differentiate the field, too.)
        mine = players[i]
        held_slopes, held_steps = slopes(mine), [v[j] for j in others]
        turn = jax.grad(lambda mine: _dot(slopes(mine), held_steps))(mine)
        shaping = jax.grad(lambda mine: _dot(held_slopes, steps(mine)))(mine)
        return turn, shaping

    if len(players) == 1:
        return v, jax.tree.map(jnp.zeros_like, v)
    turns, shapings = zip(*(of(i) for i in range(len(players))), strict=True)
    nothing = jax.tree.map(jnp.zeros_like, v)
    return _plus(v, -step, turns), _plus(nothing, -step, shapings)


def _plus(v: Players, c: Number, u: Players) -> Players:
    return tuple(moved(x, c, y) for x, y in zip(v, u, strict=True))


def _dot(u: PyTree, v: PyTree) -> Scalar:
    return jnp.asarray(optax.tree.vdot(u, v))
