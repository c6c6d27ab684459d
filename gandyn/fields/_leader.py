"""Leader and follower: fields for games in which one player moves first.

With the follower's best response r(z_l), whose slope is r' = -(D_ff L_f)^-1 D_fl L_f.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .. import _checks as checks
from .. import _step as stepping
from .._numerics import solve
from .._types import Key, Players
from ..games import AbstractGame
from ..games._game import losses
from ._blocks import put
from ._field import AbstractField, Gradient, Scaled, checked_field, with_losses


class Ridge(AbstractField):
    """Follow the ridge: the follower moves along with its own best response.

        w_l = v_l,    w_f = v_f + r' v_l,

    It stays where it is best while the leader walks. In players' sets it walks as far
    as its set allows, r = (P(z + h v) - z)/h in place of v. For two players whose field v is a
    scaled gradient; its only stable points are local min-max points (local Stackelberg equilibria).
    Wang, Zhang, Ba, "On Solving Minimax Optimization Locally: A Follow-the-Ridge Approach", 2020.

    **Arguments:**

    - `field`: the field v; with `Scaled` the players may have step sizes of their own.
    - `leader`: which player leads, 0 or 1.
    - `step_size`: that of the method, if `projected`, which says what the players' sets are; one
      for everybody or one per player.
    """

    field: AbstractField
    leader: int = eqx.field(static=True)
    step_size: Any

    def __init__(self, field: AbstractField, leader: int = 0, step_size: Any = None):
        self.field = checked_field(field)
        self.leader = _leader(leader)
        self.step_size = stepping.optimizer("step_size", step_size)

    def __call__(self, players: Players, key: Key = None) -> Players:
        checks.number_of("`Ridge`, of a leader and a follower,", players, 2)
        follower = 1 - self.leader
        # The best response is no matter of the follower's own speed, which may be 0.
        plain = self.field.field if isinstance(self.field, Scaled) else self.field

        def reaction(z: Players) -> PyTree:
            return plain(z, key)[follower]

        v = self.field(players, key)
        walk = stepping.all_feasible(players, self.step_size, v)[self.leader]
        nothing = jax.tree.map(jnp.zeros_like, players)
        _, slopes = jax.linearize(reaction, players)
        # J_ff u = -J_fl r_l: what keeps the follower's slope at zero while the leader moves.
        pull = jax.tree.map(jnp.negative, slopes(put(nothing, self.leader, walk)))
        along = solve(lambda u: slopes(put(nothing, follower, u)), pull)
        return put(v, follower, jax.tree.map(jnp.add, v[follower], along))


class Stackelberg(AbstractField):
    """The leader descends its loss with the follower's best response to it differentiated.

        w_l = -(grad_l L_l + r'^T grad_f L_l),    w_f = -grad_f L_f.

    In a zero-sum game at the follower's optimum the two gradients agree. Fiez, Chasnov, Ratliff,
    "Implicit Learning Dynamics in Stackelberg Games", 2020.

    **Arguments:**

    - `game`: a game of two players.
    - `leader`: which player leads, 0 or 1.
    - `step_size`: that of the method, if `projected`, which says what the players' sets are; one
      for everybody or one per player. The follower's best response is then that in its set.
    """

    game: AbstractGame
    leader: int = eqx.field(static=True)
    step_size: Any

    def __init__(self, game: AbstractGame, leader: int = 0, step_size: Any = None):
        self.game = with_losses("Stackelberg", game)
        self.leader = _leader(leader)
        self.step_size = stepping.optimizer("step_size", step_size)

    def __call__(self, players: Players, key: Key = None) -> Players:
        checks.number_of("`Stackelberg`, of a leader and a follower,", players, 2)
        leader, follower = self.leader, 1 - self.leader

        step = stepping.spread("step_size", self.step_size, 2)[follower]

        def reaction(z: Players) -> PyTree:
            """What vanishes where the follower responds best."""
            slope = jax.grad(lambda mine: losses(self.game, put(z, follower, mine), key)[follower])(
                z[follower]
            )
            return stepping.feasible(z[follower], step, jax.tree.map(jnp.negative, slope))

        v = Gradient(self.game)(players, key)
        slopes = jax.grad(lambda z: losses(self.game, z, key)[leader])(players)
        _, transposed = jax.vjp(reaction, players)
        through = solve(lambda u: transposed(u)[0][follower], slopes[follower])
        back = transposed(through)[0][leader]
        return put(v, leader, jax.tree.map(jnp.add, v[leader], back))


def _leader(leader: int) -> int:
    if checks.count("leader", leader, low=0) > 1:
        raise ValueError(f"`leader` must be 0 or 1, one of two players, but is {leader}.")
    return int(leader)
