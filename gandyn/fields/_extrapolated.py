"""Extrapolation: the field one step ahead, v(z + h v(z)).

Korpelevich, "The extragradient method for finding saddle points and other problems", 1976; Gidel
et al., "A Variational Inequality Perspective on Generative Adversarial Networks", 2019.
"""

import equinox as eqx

from .. import _checks as checks
from .._types import Key, PerPlayer, Players, split
from ._field import AbstractField, is_field, moved


class Extrapolated(AbstractField):
    """v(z + h v(z)): what the players will want after a step.

    **Arguments:**

    - `field`: the field v.
    - `step`: h, not negative, one number for everybody or one per player.
    - `fresh`: whether the two evaluations see independent noise, or the same.
    """

    field: AbstractField
    step: PerPlayer
    fresh: bool = eqx.field(static=True)

    def __init__(self, field: AbstractField, step: PerPlayer, fresh: bool = True):
        self.field = is_field(field)
        self.step = checks.per_player("step", step, low=0)
        self.fresh = fresh

    def __call__(self, players: Players, key: Key = None) -> Players:
        first, second = split(key, 2) if self.fresh else (key, key)
        steps = checks.spread("step", self.step, len(players))
        directions = self.field(players, first)
        ahead = tuple(moved(*args) for args in zip(players, steps, directions, strict=True))
        return self.field(ahead, second)
