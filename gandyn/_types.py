"""The words that every signature uses.

A *player* is a pytree of inexact arrays; the players of a game are a tuple, generator first. A
*key* is one realization of everything random; `None` is the population dynamics.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

Players: TypeAlias = tuple[PyTree, ...]
"""One pytree of inexact arrays per player; the generator is 0, the discriminator is 1."""

Key: TypeAlias = PRNGKeyArray | None
"""One realization of all that is random, or `None`: the population dynamics."""

Scalar: TypeAlias = Float[Array, ""]

WeightedPoints: TypeAlias = tuple[Float[Array, "n *event"], Float[Array, " n"]]
"""Points x, one after the other, and their weights w."""

Number: TypeAlias = Any
"""A number: a Python scalar, or an array without axes, traced or not."""

PerPlayer: TypeAlias = Number | Sequence[Number]
"""One number for everybody, or one per player."""


def split(key: Key, n: int) -> tuple[Key, ...]:
    """`n` keys from one; nothing random stays nothing random."""
    return (None,) * n if key is None else tuple(jr.split(key, n))
