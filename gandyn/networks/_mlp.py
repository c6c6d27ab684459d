"""Multi-layer perceptrons: affine maps with a nonlinear function s between any two.

    f(params, x) = A_depth s A_(depth-1) s ... s A_0 x,    A_i x = x W_i + b_i

The parameters are the weights W_i and the biases b_i.
"""

import dataclasses
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .. import _checks as checks
from .. import _numerics as numerics
from .._phase import precision
from ._initial import Orthogonal
from ._network import AbstractNetwork, checked_start

Size = int | Literal["scalar"]
Layer = dict[str, Float[Array, "..."]]

_ORTHOGONAL = Orthogonal(np.float64(1.4))


class Maxout(eqx.Module):
    """The largest of every few neighbors in a vector."""

    pieces: int = eqx.field(static=True)

    def __call__(self, h: Float[Array, " n"]) -> Float[Array, " units"]:
        if h.ndim != 1 or h.shape[0] % self.pieces:
            raise ValueError(
                f"`maxout({self.pieces})` takes the largest of every {self.pieces} numbers in a "
                f"vector, but was given an array of shape {h.shape}."
            )
        return jnp.max(h.reshape(-1, self.pieces), axis=1)


def maxout(pieces: int) -> Maxout:
    """The activation that takes the largest of every `pieces` neighbors in a vector, so that a unit
    is a convex, piecewise linear function: in `mlp` each hidden unit has so many affine maps.
    Goodfellow, Warde-Farley, Mirza, Courville, Bengio, "Maxout Networks", 2013."""
    return Maxout(checks.count("pieces", pieces))


class MLP(AbstractNetwork):
    """A multi-layer perceptron, of which only the architecture is here."""

    inputs: Size = eqx.field(static=True)
    outputs: Size = eqx.field(static=True)
    width: int = eqx.field(static=True)
    depth: int = eqx.field(static=True)
    activation: Callable[[Array], Array]
    init: Callable[..., Array]

    def __call__(self, params: tuple[Layer, ...], x: Array) -> Array:
        if jnp.shape(x) != _event(self.inputs):
            raise ValueError(
                f"a point of this network has shape {_event(self.inputs)}, because `inputs` is "
                f"{self.inputs!r}, but was given with shape {jnp.shape(x)}."
            )
        shapes = jax.tree.map(jnp.shape, params)
        if shapes != self._shapes():
            raise ValueError(
                f"the parameters of this network have shapes {self._shapes()}, but were given with "
                f"{shapes}: `network.start(key)` makes them."
            )
        dtype, (*hidden, last) = precision(params), params
        h = jnp.asarray(x, dtype).reshape(-1)
        for layer in hidden:
            # Constants of the activation do not decide on the precision.
            h = self.activation(h @ layer["weight"] + layer["bias"]).astype(dtype)
        return (h @ last["weight"] + last["bias"]).reshape(_event(self.outputs))

    def start(self, key: PRNGKeyArray, dtype: Any = None) -> tuple[Layer, ...]:
        key, dtype = checked_start(key, dtype)
        shapes = self._shapes()
        keys = jr.split(key, len(shapes))
        return tuple(self._layer(k, shape, dtype) for k, shape in zip(keys, shapes, strict=True))

    def __reduce__(self) -> Any:
        """For `pickle`, which does not find compiled functions, `jax.numpy.tanh` say, by name."""
        return _restored, tuple(_by_name(getattr(self, f.name)) for f in dataclasses.fields(self))

    def _layer(self, key: PRNGKeyArray, shapes: dict[str, Any], dtype: Any) -> Layer:
        weight = self.init(key, shapes["weight"], numerics.at_least_single(dtype))
        if jnp.shape(weight) != shapes["weight"]:
            raise ValueError(
                f"`init` must return a weight of shape {shapes['weight']}, as it was asked, but "
                f"returned an array of shape {jnp.shape(weight)}."
            )
        return {"weight": weight.astype(dtype), "bias": jnp.zeros(shapes["bias"], dtype)}

    def _shapes(self) -> tuple[dict[str, tuple[int, ...]], ...]:
        """Those of the parameters, layer by layer."""
        ends = [int(np.prod(_event(size))) for size in (self.inputs, self.outputs)]
        into = [ends[0], *[self.width] * self.depth]
        out = [*[self.width * pieces(self.activation)] * self.depth, ends[1]]
        return tuple({"weight": (n, m), "bias": (m,)} for n, m in zip(into, out, strict=True))


class _Name(NamedTuple):
    module: str
    name: str


def _by_name(value: Any) -> Any:
    """Where a function is found, if it is found by its name."""
    module, name = (getattr(value, what, None) for what in ("__module__", "__name__"))
    found = getattr(sys.modules.get(str(module)), str(name), None) is value
    return _Name(str(module), str(name)) if found else value


def _restored(*parts: Any) -> MLP:
    """The network of what it was taken apart into."""
    return MLP(
        *(getattr(import_module(p.module), p.name) if isinstance(p, _Name) else p for p in parts)
    )


def mlp(
    inputs: Size,
    outputs: Size,
    width: int = 128,
    depth: int = 2,
    activation: Callable[[Array], Array] = jnp.tanh,
    init: Callable[..., Array] = _ORTHOGONAL,
) -> MLP:
    """A multi-layer perceptron: `depth` hidden layers of `width` units, and an affine map.

    Two layers of 128 tanh units, orthogonal with gain 1.4, are those of the notebook that came with
    Metz et al., "Unrolled Generative Adversarial Networks", 2017. The parameters are one
    `{"weight": ..., "bias": ...}` for each layer, `weight` of shape `(inputs, outputs)`; biases
    start at 0.

    **Arguments:**

    - `inputs`, `outputs`: the size of a point and of its image, or `"scalar"` for numbers without
      an axis: a discriminator has `outputs="scalar"`.
    - `width`: of the hidden layers.
    - `depth`: how many hidden layers there are; with 0 the network is an affine map.
    - `activation`: what comes after each hidden layer, a function of the vector of its units, such
      as `jnp.tanh`, `jax.nn.relu` or `gandyn.networks.maxout(5)`.
    - `init`: `init(key, shape, dtype)` draws a weight: one of `gandyn.networks.orthogonal`, `he`,
      `lecun` and `normal`, or of `jax.nn.initializers`.
    """
    inputs, outputs = _size("inputs", inputs), _size("outputs", outputs)
    width, depth = checks.count("width", width), checks.count("depth", depth, low=0)
    checks.function("activation", activation, "h", example="jax.numpy.tanh")
    checks.function("init", init, "key", "shape", "dtype", example="gandyn.networks.he()")
    units = jax.ShapeDtypeStruct((width * pieces(activation),), jnp.result_type(float))
    made = jax.eval_shape(activation, units)
    if jnp.shape(made) != (width,):
        raise ValueError(
            f"`activation` must return one number for each of {width} units, shape ({width},), but "
            f"returned an array of shape {jnp.shape(made)}."
        )
    return MLP(inputs, outputs, width, depth, activation, init)


def pieces(activation: Callable) -> int:
    """How many affine maps a unit with this activation has."""
    return activation.pieces if isinstance(activation, Maxout) else 1


def _event(size: Size) -> tuple[int, ...]:
    return () if size == "scalar" else (size,)


def _size(name: str, value: Any) -> Size:
    if isinstance(value, str) and value == "scalar":
        return "scalar"
    try:
        return checks.count(name, value)
    except TypeError:
        raise TypeError(
            f'`{name}` must be a whole number (a Python int), or "scalar" for numbers without an '
            f"axis, but is {checks.shown(value)}."
        ) from None
