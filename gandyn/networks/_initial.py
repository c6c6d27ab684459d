"""Initializers: the laws that weights are drawn from at the start.

An initializer is a function `init(key, shape, dtype)` of the shape `(inputs, outputs)` of a weight,
as those of `jax.nn.initializers` are.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .. import _checks as checks
from .._types import Number

Shape = tuple[int, int]
Weight = Float[Array, "inputs outputs"]


class Orthogonal(eqx.Module):
    """gain Q with orthonormal rows or columns."""

    gain: Number

    def __call__(self, key: PRNGKeyArray, shape: Shape, dtype: Any) -> Weight:
        inputs, outputs = shape
        return jnp.asarray(self.gain, dtype) * jr.orthogonal(key, inputs, (), dtype, outputs)


class Normal(eqx.Module):
    """N(0, std^2), or N(0, std^2 / inputs) if it is `scaled`."""

    std: Number
    scaled: bool = eqx.field(static=True, default=False)

    def __call__(self, key: PRNGKeyArray, shape: Shape, dtype: Any) -> Weight:
        std = jnp.asarray(self.std, dtype) / np.sqrt(shape[0] if self.scaled else 1).item()
        return std * jr.normal(key, shape, dtype)


def orthogonal(gain: Number = 1.0) -> Orthogonal:
    """A random matrix with orthonormal rows or columns, whichever are fewer, times `gain`: all its
    singular values are `gain`. Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear
    dynamics of learning in deep linear neural networks", 2014."""
    checks.positive("gain", gain)
    return Orthogonal(_leaf(gain))


def he() -> Normal:
    """N(0, 2 / inputs), for rectifiers. He, Zhang, Ren, Sun, "Delving Deep into Rectifiers",
    2015."""
    return Normal(np.sqrt(2), scaled=True)


def lecun() -> Normal:
    """N(0, 1 / inputs), for tanh and linear units. LeCun, Bottou, Orr, Müller, "Efficient
    BackProp", 1998."""
    return Normal(np.float64(1), scaled=True)


def normal(std: Number) -> Normal:
    """N(0, `std`^2), whatever the size of the layer; 0.02 in Radford, Metz, Chintala, "Unsupervised
    Representation Learning with Deep Convolutional GANs", 2016."""
    checks.number("std", std, low=0)
    return Normal(_leaf(std))


def _leaf(value: Any) -> Number:
    """A number that can be compared and hashed, as long as it is known."""
    return np.float64(value) if checks.is_concrete(value) else value
