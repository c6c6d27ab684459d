"""Extrapolation: the field one step ahead, v(z + h v(z)).

Korpelevich, "The extragradient method for finding saddle points and other problems", 1976; Gidel
et al., "A Variational Inequality Perspective on Generative Adversarial Networks", 2019.
"""

from typing import Any

import equinox as eqx

from .. import _checks as checks
from .. import _step as stepping
from .._types import Key, Players, split
from ._field import AbstractField
from ._stepped import AbstractStepped


class Extrapolated(AbstractStepped):
    """v(z + h v(z)), or v(P(z + h v(z))): what the players will want after a step.

    **Arguments:**

    - `field`: the field v.
    - `step_size`: h, not negative, one number for everybody or one per player; `projected` for
      players who stay in a set.
    - `fresh`: whether the two evaluations see independent noise, or the same.
    """

    fresh: bool = eqx.field(static=True)

    def __init__(self, field: AbstractField, step_size: Any, fresh: bool = True):
        super().__init__(field, step_size)
        self.fresh = checks.flag("fresh", fresh)

    def __call__(self, players: Players, key: Key = None) -> Players:
        first, second = split(key, 2) if self.fresh else (key, key)
        ahead = stepping.all_landed(players, self.step_size, self.field(players, first))
        return self.field(ahead, second)
