"""A field on a box: what a flow does when weights are clipped.

The continuous-time limit of a step followed by a projection is the field projected onto the
tangent cone of the box: at a wall, the part that points through it is dropped, and the player
slides along. Dupuis and Nagurney, "Dynamical systems and variational inequalities", 1993.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .. import _checks as checks
from .._types import Key, Number, Players
from ._field import AbstractField, is_field


class Confined(AbstractField):
    """v, without its part that points out of a box.

    **Arguments:**

    - `field`: the field v.
    - `boxes`: for each player `(low, high)`, between which its parameters stay, or `None` for a
      player who is free.
    """

    field: AbstractField
    boxes: tuple[Any, ...]

    def __init__(self, field: AbstractField, boxes: Sequence[tuple[Number, Number] | None]):
        self.field = is_field(field)
        self.boxes = tuple(_box(f"boxes[{i}]", box) for i, box in enumerate(boxes))

    def __call__(self, players: Players, key: Key = None) -> Players:
        boxes = checks.spread("boxes", self.boxes, len(players))

        def confined(v: Any, p: Any, box: Any) -> Any:
            if box is None:
                return v
            low, high = (jnp.asarray(side, p.dtype) for side in box)
            inside = jnp.where(p >= high, jnp.minimum(v, 0), v)
            return jnp.where(p <= low, jnp.maximum(inside, 0), inside)

        return tuple(
            jax.tree.map(lambda v, p, box=box: confined(v, p, box), direction, player)
            for direction, player, box in zip(self.field(players, key), players, boxes, strict=True)
        )


def _box(name: str, box: Any) -> Any:
    if box is None:
        return None
    if not isinstance(box, tuple | list) or len(box) != 2:
        raise TypeError(f"`{name}` must be (low, high) or None, but is {box!r}.")
    low, high = (checks.number(f"{name}[{i}]", side) for i, side in enumerate(box))
    if checks.is_concrete((low, high)) and not float(low) < float(high):
        raise ValueError(f"`{name}` must have its low side below its high side, but is {box!r}.")
    return low, high
