"""The noun itself: measures, and those that are nothing but points."""

import abc
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .. import _checks as checks
from .._types import Key, Number, Scalar, WeightedPoints, split

# Further out than this, in units of its standard deviation, a normal density underflows.
REACH = 40

# More points than these no quadrature and no product of measures has.
_MOST = 2**22


class AbstractMeasure(eqx.Module):
    """A probability measure, as a recipe for weighted points."""

    @abc.abstractmethod
    def points(self, key: Key = None) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
        """Points and their weights; the weights sum to one."""

    @property
    @abc.abstractmethod
    def random(self) -> bool:
        """Whether `points` depends on the key."""


def checked_measure(name: str, value: Any) -> AbstractMeasure:
    """`value`, held to be a measure."""
    return checks.instance(
        name, value, AbstractMeasure, "a measure", "`gandyn.measures.empirical(array)` makes one"
    )


def checked_measures(components: Any) -> tuple[AbstractMeasure, ...]:
    """`components`, held to be measures, at least one."""
    several = checks.several("components", components, "measures")
    if not several:
        raise ValueError("`components` must have at least one measure, but is empty.")
    return tuple(checked_measure(f"components[{k}]", m) for k, m in enumerate(several))


class Points(AbstractMeasure):
    """Fixed weighted points: sum_i w_i delta_{x_i}.

    **Arguments:**

    - `x`: the points, shape `(n, *event)`.
    - `w`: their weights, shape `(n,)`, not negative, with sum one; equal if left out.
    """

    x: Float[Array, "n *event"]
    w: Float[Array, " n"]

    def __init__(self, x: Any, w: Any = None):
        self.x = several_points("x", x)
        n = self.x.shape[0]
        self.w = jnp.full(n, 1 / n, self.x.dtype) if w is None else weights_of("w", w, n)

    def points(self, key: Key = None) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
        return self.x, self.w

    @property
    def random(self) -> bool:
        return False


class Sampled(AbstractMeasure):
    """A fresh sample of size `n` for every key: the minibatch.

    **Arguments:**

    - `sampler`: `sampler(key, n)` draws `n` points, shape `(n, *event)`.
    - `n`: the size of the sample.
    """

    sampler: Callable[[PRNGKeyArray, int], Float[Array, "n *event"]]
    n: int = eqx.field(static=True)

    def __init__(self, sampler: Callable[[PRNGKeyArray, int], Float[Array, "n *event"]], n: int):
        self.sampler = checks.function(
            "sampler", sampler, "key", "n", example="lambda key, n: jax.random.normal(key, (n,))"
        )
        self.n = checks.count("n", n)

    def points(self, key: Key = None) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
        if key is None:
            raise ValueError(
                "a `Sampled` measure needs randomness, but `key` is None: pass "
                "`key=jax.random.key(seed)`, or use a quadrature (`gandyn.measures.gaussian`) "
                "or a data set (`gandyn.measures.empirical`) for the population dynamics."
            )
        x = checks.floating(self.sampler(key, self.n))
        return x, jnp.full(self.n, 1 / self.n, x.dtype)

    @property
    def random(self) -> bool:
        return True


class Mixture(AbstractMeasure):
    """sum_k w_k mu_k. Random components each draw their own sample (stratified sampling).

    **Arguments:**

    - `components`: the measures mu_k.
    - `weights`: w_k, not negative, with sum one; equal if left out.
    """

    components: tuple[AbstractMeasure, ...]
    weights: Float[Array, " k"]

    def __init__(self, components: Sequence[AbstractMeasure], weights: Any = None):
        self.components = checked_measures(components)
        self.weights = weights_of("weights", weights, len(self.components))

    def points(self, key: Key = None) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
        keys = split(key, len(self.components))
        x, w = zip(*(m.points(k) for m, k in zip(self.components, keys, strict=True)), strict=True)
        shapes = {points.shape[1:] for points in x}
        if len(shapes) != 1:
            raise ValueError(
                f"`components` must be measures of points of one shape, but have {sorted(shapes)}."
            )
        scaled = [v * jnp.asarray(c, v.dtype) for v, c in zip(w, self.weights, strict=True)]
        return jnp.concatenate(x), jnp.concatenate(scaled)

    @property
    def random(self) -> bool:
        return any(m.random for m in self.components)


def several_points(name: str, x: Any) -> Float[Array, "n *event"]:
    """Points one after the other."""
    x = checks.array(name, x)
    if x.ndim == 0 or 0 in x.shape:
        raise ValueError(
            f"`{name}` must be points of shape (n, *event), n at least 1, but has shape {x.shape}."
        )
    return x


def weights_of(name: str, w: Any, n: int) -> Float[Array, " n"]:
    """Weights of `n` components, equal if there are none."""
    if w is None:
        return jnp.full(n, 1 / n)
    w = checks.probabilities(name, w)
    if w.shape != (n,):
        raise ValueError(f"`{name}` must have shape ({n},), one weight each, but has {w.shape}.")
    return w


def dirac(x: Any) -> Points:
    """All mass on the point `x`, of any shape."""
    return Points(several_points("x", checks.array("x", x)[None]))


def empirical(data: Any) -> Points:
    """Equal mass on each of the n points of `data`, of shape `(n, *event)`."""
    return Points(several_points("data", data))


def blurred(measure: AbstractMeasure, std: Any, nodes: int = 32) -> Points:
    """The convolution of the points of a measure with N(0, std^2), by Gauss-Hermite quadrature.

    **Arguments:**

    - `measure`: of points that are not random.
    - `std`: a number, or one per coordinate, not negative.
    - `nodes`: of the quadrature, per coordinate.
    """
    x, w = checked_measure("measure", measure).points()
    std = checks.array("std", std)
    if std.shape not in ((), x.shape[1:]):
        raise ValueError(
            f"`std` must be one number, or one per coordinate of a point, shape {x.shape[1:]}, but "
            f"has shape {std.shape}."
        )
    if checks.is_concrete(std) and np.any(np.asarray(std) < 0):
        raise ValueError(f"`std` must not be negative, but is {std}.")
    in_range(x, std)
    return Points(*blur(x, w, std, checks.count("nodes", nodes)))


def expectation(h: Callable[[Array], Scalar], points: WeightedPoints) -> Scalar:
    """E h = sum_i w_i h(x_i).

    A sum of products, not a dot product, and a sum of one term without its axis: in this form XLA
    fuses a whole training step of many games at once into one pass, in place.
    """
    x, w = points
    if x.shape[0] == 1:
        return w[0] * h(x[0])
    return jnp.sum(w * jax.vmap(h)(x))


def crossed(what: str, *factors: tuple[Array, Array]) -> tuple[tuple[Array, ...], Array]:
    """The product of measures: all combinations of their points, the last running fastest, in one
    array per measure, and their weights. It is refused if it is too large to hold."""
    sizes = tuple(len(w) for _, w in factors)
    if math.prod(sizes) > _MOST:
        raise ValueError(
            f"{what} takes all combinations of {' x '.join(map(str, sizes))} points, which are too "
            "many: draw them afresh, as `gandyn.measures.minibatch(data, n)` does, or take fewer."
        )

    def along(k: int, x: Array) -> Array:
        axes = tuple(n if i == k else 1 for i, n in enumerate(sizes))
        spread = jnp.broadcast_to(x.reshape(*axes, *x.shape[1:]), (*sizes, *x.shape[1:]))
        return spread.reshape(-1, *x.shape[1:])

    points = tuple(along(k, x) for k, (x, _) in enumerate(factors))
    weights = (along(k, w) for k, (_, w) in enumerate(factors))
    return points, functools.reduce(jnp.multiply, weights)


def blur(
    x: Float[Array, "n *event"], w: Float[Array, " n"], std: Number, nodes: int
) -> tuple[Float[Array, "m *event"], Float[Array, " m"]]:
    """Every point replaced by the Gauss-Hermite nodes of N(x, std^2): m = n nodes^d points. `std`
    is a number, or one per coordinate, of every point or of each."""
    event = x.shape[1:]
    offsets, mass = product(*np.polynomial.hermite_e.hermegauss(nodes), event, len(x))
    std = jnp.broadcast_to(jnp.asarray(std, x.dtype), x.shape)
    moved = x[:, None] + std[:, None] * jnp.asarray(offsets, x.dtype)[None]
    return moved.reshape(-1, *event), (w[:, None] * jnp.asarray(mass, w.dtype)[None]).reshape(-1)


def in_range(x: Array, std: Array) -> None:
    """Hold a normal law to be one of numbers, as far out as it has mass."""
    if not checks.is_concrete((x, std)):
        return
    with np.errstate(over="ignore"):
        most = np.max(np.abs(np.asarray(x))) + REACH * np.asarray(std)
    if not np.all(np.isfinite(most)):
        raise ValueError(f"`std` must leave the law within the range of {x.dtype}, but is {std}.")


def product(
    t: np.ndarray, v: np.ndarray, event: tuple[int, ...], copies: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """A quadrature on the line in every coordinate of a point, with weights that sum to one."""
    nodes, d = len(t), int(np.prod(event))
    if d > 32 or nodes**d * copies > _MOST:
        raise ValueError(
            f"a quadrature with {nodes} nodes in each of {d} coordinates around {copies} points "
            "is too large: use fewer `nodes`, or a `Sampled` measure."
        )
    points = np.stack(np.meshgrid(*[t] * d, indexing="ij"), -1).reshape(-1, *event)
    return points, np.prod(np.meshgrid(*[v / v.sum()] * d, indexing="ij"), 0).reshape(-1)
