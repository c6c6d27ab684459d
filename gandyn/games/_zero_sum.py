"""Zero-sum games: what one player loses, the other gains."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
from jaxtyping import PyTree

from .. import _checks as checks
from .._types import Key, Players, Scalar
from ._game import Custom


class _ZeroSum(eqx.Module):
    function: Callable[[Any, Any], Scalar]

    def __call__(self, players: Players, key: Key = None) -> tuple[Scalar, Scalar]:
        checks.number_of("a zero-sum game", players, 2)
        value = self.function(*players)
        return value, -value


def zero_sum(function: Callable[[PyTree, PyTree], Scalar], known: Sequence[Players] = ()) -> Custom:
    """The game min_x max_y f(x, y).

    **Arguments:**

    - `function`: f(x, y), a scalar; x minimizes, y maximizes.
    - `known`: the equilibria known in closed form.
    """
    return Custom(_ZeroSum(checks.function("function", function, "x", "y")), known)
