"""Networks as players: an equinox network split once, at the door, into parameters and function."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.tree_util as jtu
from jaxtyping import PyTree

from . import _checks as checks

__all__ = ["partition"]


def __dir__() -> list[str]:
    return __all__


def _apply(still: PyTree, params: PyTree, *args: Any) -> Any:
    return eqx.combine(params, still)(*args)


def partition(network: Callable[..., Any]) -> tuple[PyTree, Callable[..., Any]]:
    """`(params, apply)` with `apply(params, x) == network(x)`, of a `network` of Equinox's.

    `params` holds the inexact arrays of the network and nothing else, so it is a player; `apply`
    has the signature that `GAN` asks of a generator and a discriminator.
    """
    checks.function("network", network)
    params, still = eqx.partition(network, eqx.is_inexact_array)
    return params, jtu.Partial(_apply, still)
