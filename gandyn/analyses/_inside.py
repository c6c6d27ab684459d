"""What is inside a dynamics: the game that it plays."""

import jax

from .._dynamics import AbstractDynamics
from ..games import AbstractGame


def game_inside(dynamics: AbstractDynamics) -> AbstractGame | None:
    """The outermost game of a dynamics; `None` for one that is not made from a game."""
    nodes = jax.tree.leaves(dynamics, is_leaf=lambda node: isinstance(node, AbstractGame))
    return next((node for node in nodes if isinstance(node, AbstractGame)), None)
