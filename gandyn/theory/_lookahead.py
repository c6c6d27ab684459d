"""Lookahead, which is made of another method."""

from typing import Any

import numpy as np

from ._first_order import FIRST_ORDER
from ._linear import Linear
from ._memory import MEMORY
from ._method import Cost, Method
from ._second_order import SECOND_ORDER

INNER = {method.name: method for method in FIRST_ORDER + SECOND_ORDER + MEMORY}


def _lookahead(
    of: Linear, every: int, fraction: float, rule: str = "simultaneous", **inner: Any
) -> np.ndarray:
    """1 + a (F^k - 1) for the players; what F remembers goes on as it is."""
    found = np.linalg.matrix_power(INNER[rule].of_field(of, **inner), every)
    n = len(of.J)
    found[:n] = fraction * found[:n] + (1 - fraction) * np.eye(n, len(found))
    return found


def _cost(
    sizes: tuple[int, ...], every: int, fraction: float, rule: str = "simultaneous", **inner: Any
) -> Cost | None:
    one = INNER[rule].cost(sizes, **inner)
    return (
        None if one is None else Cost(tuple(every * n for n in one.gradients), every * one.products)
    )


LOOKAHEAD = Method(
    name="lookahead",
    formula="1 + a (F^k - 1), F the map of a rule",
    paper="Zhang et al. 2019; for games Chavdarova et al. 2021",
    of_field=_lookahead,
    of_sizes=_cost,
)
