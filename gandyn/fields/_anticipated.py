"""Anticipation: the field where the others will be after a plain step, to first order.

Zhang and Lesser, "Multi-Agent Learning with Policy Prediction", 2010 (LookAhead); linearized
competitive gradient descent in Schaefer and Anandkumar, "Competitive Gradient Descent", 2019.
"""

from .. import _checks as checks
from .._types import Key, PerPlayer, Players
from ._blocks import interaction
from ._field import AbstractField, is_field, moved, scaled


class Anticipated(AbstractField):
    """v + J_o h v, with J_o the Jacobian of v without its diagonal blocks: every player takes for
    granted that the others make a plain step of size h.

    **Arguments:**

    - `field`: the field v.
    - `step`: h, not negative, one number for everybody or one per player.
    """

    field: AbstractField
    step: PerPlayer

    def __init__(self, field: AbstractField, step: PerPlayer):
        self.field = is_field(field)
        self.step = checks.per_player("step", step, low=0)

    def __call__(self, players: Players, key: Key = None) -> Players:
        steps = checks.spread("step", self.step, len(players))
        v, react = interaction(self.field, players, key)
        turn = react(tuple(scaled(h, x) for h, x in zip(steps, v, strict=True)))
        return tuple(moved(x, 1, t) for x, t in zip(v, turn, strict=True))
