"""The phase space of a dynamics: the players, and whatever an optimizer remembers about them."""

from collections.abc import Callable

import equinox as eqx
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Inexact, PyTree

from ._types import Players


class State(eqx.Module):
    """One point of the phase space of a dynamics.

    **Arguments:**

    - `players`: one pytree per player, generator first.
    - `memory`: momenta, previous gradients, averages, clocks; `None` where nothing is remembered.
      With the memory in the state every dynamics is autonomous.
    """

    players: Players
    memory: PyTree = None


def coordinates(tree: PyTree) -> tuple[Inexact[Array, " n"], Callable[[Array], PyTree]]:
    """The moving (inexact) leaves of a state as one vector, and the way back."""
    moving, still = eqx.partition(tree, eqx.is_inexact_array)
    vector, unravel = ravel_pytree(moving)
    return vector, lambda x: eqx.combine(unravel(x), still)
