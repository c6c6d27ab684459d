"""What fields have in common that ask where steps along another field would lead."""

from typing import Any

from .. import _step as stepping
from ._field import AbstractField, checked_field


class AbstractStepped(AbstractField):
    """A field made of another one, v, and of a step along it, one for everybody or one per player;
    `projected` for players who stay in a set."""

    field: AbstractField
    step_size: Any

    def __init__(self, field: AbstractField, step_size: Any):
        self.field = checked_field(field)
        self.step_size = stepping.checked_steps("step_size", step_size)
