"""The noun itself: a network is a family of functions of one point."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax.dtypes import canonicalize_dtype
from jaxtyping import Array, PRNGKeyArray, PyTree

from .. import _checks as checks


class AbstractNetwork(eqx.Module):
    """A family of functions f(params, x), one for each value of its parameters, and where training
    starts.

    It fits as a generator and as a discriminator of a `gandyn.games.GAN`. A network of your own is
    a subclass with `__call__` and `start`; one of Equinox becomes one by `gandyn.networks.family`.
    """

    @abc.abstractmethod
    def __call__(self, params: PyTree, x: Array) -> Array:
        """f(params, x) at one point, in the precision of the parameters.

        **Arguments:**

        - `params`: those of `start`, or what training has made of them.
        - `x`: one point.
        """

    @abc.abstractmethod
    def start(self, key: PRNGKeyArray, dtype: Any = None) -> PyTree:
        """Parameters drawn at random: a player.

        **Arguments:**

        - `key`: a random key; `jax.vmap(network.start)(keys)` is an ensemble of players.
        - `dtype`: their precision, such as `jnp.float32` or `jnp.bfloat16`; JAX's default if left
          out. The network computes in the precision of its parameters, whatever that of its points.
        """


def checked_start(key: Any, dtype: Any) -> tuple[Any, Any]:
    """A key and a precision to start with."""
    if key is None:
        raise TypeError(
            "`key` must be a random key, because a network starts at random, but is None: pass "
            "`jax.random.key(seed)`."
        )
    try:
        # Double precision is single precision where JAX is set to that.
        chosen = canonicalize_dtype(float if dtype is None else dtype)
    except TypeError:
        chosen = None
    if chosen is None or not jnp.issubdtype(chosen, jnp.floating):
        raise TypeError(
            "`dtype` must be a precision, such as `jnp.float32`, `jnp.float64` or `jnp.bfloat16`, "
            f"but is {checks.shown(dtype)}."
        )
    return checks.key(key), chosen
