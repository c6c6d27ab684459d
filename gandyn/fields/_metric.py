"""The gradient in another metric: steepest for another measure of how far a step goes.

The gradient in the values of a function on a grid is weighted by the mass near each node: where
nobody looks nothing is learned, and the rates of a flow are those of the data. In the metric

    <u, v> = sum_k m_k u_k v_k

the gradient is divided by the masses m, and the grid, and how the mass is spread, drop out. Amari,
"Natural gradient works efficiently in learning", 1998.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from .. import _checks as checks
from .._types import Key, Players
from ..families import AbstractMetricFamily
from ..games import GAN, MeasureGAN
from ._field import AbstractField, Gradient, checked_field


class Metric(AbstractField):
    """v_i / m_i, entry by entry: the field, seen in the metric of the masses m.

    **Arguments:**

    - `field`: the field v, such as `Gradient(game)`.
    - `masses`: `masses(players, key)` has one entry per player: what its direction is divided by,
      of its structure, or `None` for a player whose metric is left as it is. Nothing moves where
      the mass is zero. Widths of cells make a gradient in the values on a grid that in L2(dx).
    """

    field: AbstractField
    masses: Callable[[Players, Key], tuple[PyTree, ...]]

    def __init__(self, field: AbstractField, masses: Callable[[Players, Key], tuple[PyTree, ...]]):
        self.field = checked_field(field)
        self.masses = checks.function("masses", masses, "players", "key")

    def __call__(self, players: Players, key: Key = None) -> Players:
        masses = self.masses(players, key)
        if len(masses) != len(players):
            raise ValueError(
                f"`masses` returned {len(masses)} entries, but there are {len(players)} players: "
                "one each, `None` for a player whose metric is left as it is."
            )
        velocity = self.field(players, key)
        return tuple(
            v
            if m is None
            else jax.tree.map(_over, v, checks.same_structure("the masses", m, v, "the players"))
            for v, m in zip(velocity, masses, strict=True)
        )


def _over(v: Array, m: Array) -> Array:
    return jnp.where(m > 0, v / jnp.where(m > 0, m, 1), 0)


def natural(game: GAN | MeasureGAN) -> Metric:
    """The gradient of a GAN in which every family of players has the metric that belongs to it.

    - a density (`gandyn.games.density`): Fisher's. Its flow is that of the replicator equation,
      q_i' = q_i (f_i - q . f), with f_i minus the generator's loss at node i.
    - atoms (`gandyn.games.atoms`): that of Wasserstein, each moves as if it had all the mass.
    - a `gandyn.families.Free` discriminator: that of L2(m), m the mean of the data's and the
      generator's law. With the minimax loss, D' = 2 (p / (p + q) - sigmoid(D)) at every node.

    A `gandyn.families.AbstractMetricFamily` of your own says its metric itself; all others are left
    as they are. For a penalized game or another field write
    `Metric(field, natural(game).masses)`.

    **Arguments:**

    - `game`: a `GAN` or a `MeasureGAN`.
    """
    if not isinstance(game, GAN | MeasureGAN):
        raise TypeError(
            f"`game` must be a GAN or a MeasureGAN, but is {checks.shown(game)}: for what wraps "
            "one, use `Metric(Gradient(wrapped), natural(game).masses)`."
        )
    return Metric(Gradient(game), _Masses(game))


class _Masses(eqx.Module):
    game: GAN | MeasureGAN

    def __call__(self, players: Players, key: Key = None) -> tuple[PyTree, ...]:
        batch = self.game.batch(players, key)
        (x, v), (y, w) = batch.real, batch.fake
        both = jnp.concatenate([x, y]), jnp.concatenate([v, w]) / 2
        families = self.game.generator, self.game.discriminator
        return tuple(
            family.masses(player, points) if isinstance(family, AbstractMetricFamily) else None
            for family, player, points in zip(families, players, (batch.fake, both), strict=True)
        )
