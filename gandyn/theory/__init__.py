"""What is known of the methods in closed form, as data: `METHODS[name]` is, of the method of this
name in `gandyn.methods`, its map on a linear field v(z) = J z, its limit and its best step on the
bilinear game, what a step costs, and who published it.

    METHODS["optimistic"].map(J, 0.1)             # on (z, memory), a matrix of twice the size
    METHODS["optimistic"].limit([1.0, 0.4])       # 1/sqrt(3): the step up to which it converges
    METHODS["consensus"].best(1.0, strength=0.5)  # (step, radius)

A new method has its entry in a file of its family here, or, if it has no such map, in `WITHOUT`,
with the reason. With numpy alone; experiments and tests compare the library with it. The facts on
bilinear games are for one step of all players.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ._linear import bilinear as bilinear
from ._lookahead import INNER, LOOKAHEAD
from ._method import Best as Best
from ._method import Cost as Cost
from ._method import Method as Method
from ._table import tabulated

__all__ = ["METHODS", "WITHOUT", "Best", "Cost", "Method", "bilinear", "table"]


def __dir__() -> list[str]:
    return sorted(__all__)


METHODS: Mapping[str, Method] = MappingProxyType({**INNER, LOOKAHEAD.name: LOOKAHEAD})
"""Of every method that has a map on a linear field, by its name, what is known."""

WITHOUT: Mapping[str, str] = MappingProxyType(
    {
        "optimistic_adam": "divides by the size of the gradients: at rest it has no derivative",
        "extra_adam": "divides by the size of the gradients: at rest it has no derivative",
        "hedge": "is defined on logits of strategies, in which no field is linear",
        "fictitious_play": "jumps from one best action to another",
        "best_response": "jumps from one best action to another",
    }
)
"""The methods that have none, and why."""


def table() -> str:
    """The methods as a table in Markdown. The steps, up to which players converge and at which they
    do fastest, are those on the bilinear game of singular value 1, with the default values of the
    methods; the cost is that of two players with a number each, gradients + second-order products.
    """
    return tabulated(METHODS.values())
