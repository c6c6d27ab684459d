"""Networks of Equinox, split into their parameters and their function."""

import types
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
import jax.tree_util as jtu
from jaxtyping import Array, PRNGKeyArray, PyTree

from .. import _checks as checks
from .._phase import as_precise, in_precision
from .._reads import Compared
from ._network import AbstractNetwork, checked_start

_REFUSED = {
    eqx.nn.Dropout: "draws at random in each call, and a network is a function of its parameters "
    "and a point: leave it out, or switch it off by `equinox.nn.inference_mode(network)`",
    eqx.nn.BatchNorm: "keeps running statistics of whole batches beside its parameters: use "
    "`equinox.nn.LayerNorm`, or take the statistics in a generator that sees its whole batch, that "
    "of a `gandyn.games.MeasureGAN`",
    eqx.nn.SpectralNorm: "keeps the vectors of a power iteration beside its parameters: leave it "
    "out, and normalize the network by `gandyn.networks.spectral(gandyn.networks.family(make))`, "
    "which remembers nothing",
    **dict.fromkeys(
        (eqx.nn.StateIndex, eqx.nn.State),
        "is kept beside the parameters: use layers without a state, such as "
        "`equinox.nn.LayerNorm`, `gandyn.networks.spectral` for spectral normalization, or "
        "`gandyn.games.MeasureGAN` for statistics of a batch",
    ),
}
"""Layers that make a network more than a function of its parameters and a point, and what to do."""


class Made(AbstractNetwork):
    """A network of Equinox, without the parameters that `make` gives it."""

    make: Any
    still: PyTree

    def __call__(self, params: PyTree, x: Array) -> Array:
        return _apply(self.still, params, x)

    def start(self, key: PRNGKeyArray, dtype: Any = None) -> PyTree:
        key, dtype = checked_start(key, dtype)
        return in_precision(partition(_function(self.make)(key))[0], dtype)

    def __reduce__(self) -> Any:
        """For `pickle`, which may know parts of the network by no name."""
        return _made, (self.make,)


def family(make: Callable[[PRNGKeyArray], Callable[..., Any]]) -> Made:
    """The family of all networks of one architecture of Equinox's, or of your own modules.

        family(lambda key: equinox.nn.MLP(2, 2, 128, 2, key=key))

    The parameters are the inexact arrays of the module, in its own structure.

    **Arguments:**

    - `make`: `make(key)` builds the module, as it starts; it is called with one point.
    """
    checks.function(
        "make", make, "key", example="lambda key: equinox.nn.MLP(2, 2, 128, 2, key=key)"
    )
    if any(map(eqx.is_inexact_array, jax.tree.leaves(make))):
        raise TypeError(
            f"`make` must build a network with its key, but is {checks.shown(make)}, which is one: "
            "`gandyn.networks.partition(network)` splits it into parameters and function."
        )
    # Compared by what it does, so that a family that is built again is the same one.
    return _made(Compared(make) if isinstance(make, types.FunctionType) else make)


def _made(make: Any) -> Made:
    made = _function(make)(jr.key(0))
    _refuse_memory("what `make` returns", made)
    if not callable(made):
        raise TypeError(
            "`make` must return a network, a module of Equinox that is called with a point, but "
            f"returned {checks.shown(made)}."
        )
    _, apply = partition(made)
    return Made(make, apply.args[0])


def _function(make: Any) -> Callable[[PRNGKeyArray], Any]:
    return make.function if isinstance(make, Compared) else make


def partition(network: Callable[..., Any]) -> tuple[PyTree, Callable[..., Any]]:
    """`(params, apply)` with `apply(params, x) == network(x)`, of a `network` of Equinox's.

    `params` holds the inexact arrays of the network and nothing else, so it is a player; `apply`
    has the signature that `GAN` asks of a generator and a discriminator. Networks that remember
    something, or draw at random, are refused: a game is a function of its players.
    """
    checks.function("network", network)
    _refuse_memory("`network`", network)
    params, still = eqx.partition(network, eqx.is_inexact_array)
    return params, jtu.Partial(_apply, still)


def _apply(still: PyTree, params: PyTree, *args: Any) -> Any:
    """The network at a point, in the precision of its parameters, whatever that of the point and
    of constants."""
    return as_precise(eqx.combine(params, still)(*as_precise(args, params)), params)


def _refuse_memory(what: str, network: Any) -> None:
    """Hold a module to be a function of its parameters and a point."""
    kinds = tuple(_REFUSED)
    for layer in jax.tree.leaves(network, is_leaf=lambda x: isinstance(x, kinds)):
        kind = next((kind for kind in kinds if isinstance(layer, kind)), None)
        if kind is None or (kind is eqx.nn.Dropout and _is_off(layer)):
            continue
        raise ValueError(f"{what} has a `{kind.__name__}`, which {_REFUSED[kind]}.")


def _is_off(dropout: eqx.nn.Dropout) -> bool:
    return dropout.inference or (checks.is_concrete(dropout.p) and float(dropout.p) == 0)
