"""Optimal transport: Wasserstein distances between samples, between laws on the line, and between a
sample and a law.

    W_p(x, y) = (min over couplings of E |x - y|^p)^(1/p)

On the line the best coupling is the monotone one, and

    W_1 = int |F - G| dx,    W_p^p = int_0^1 |F^-1 - G^-1|^p du.

Peyré and Cuturi, "Computational Optimal Transport", 2019. Sliced: Rabin et al., "Wasserstein
Barycenter and its Application to Texture Mixing", 2011.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int

from .. import _checks as checks
from .._compiled import compiled
from .._types import Key, Scalar
from ..measures import AbstractDensity
from ..measures._quadrature import cut, panels
from . import _plan
from ._sample import Weights, norm, pair, root, weighted


def wasserstein(x: Any, y: Any, order: Any = 1) -> Scalar:
    """The Wasserstein distance W_p between two samples, or weighted points, exact; or between laws
    on the line, or points and a law.

    In one dimension by quantile functions, under any transformation. In more by a coupling that is
    proven to be the best, on the host; derivatives in the points are those of that coupling held,
    derivatives in the weights its prices. Many points of two sizes, or of unequal weights, take
    long, unless POT is installed (`pip install gandyn[transport]`). Of laws by quadrature, with
    digits to rounding for order 1.

    **Arguments:**

    - `x`: a sample, shape `(n,)` or `(n, d)`; or a measure that is points, such as
      `gandyn.measures.Points(x, w)`; or a density on the line.
    - `y`: the same, of m points.
    - `order`: p, at least 1. The result is W_p, not its p-th power.

    **Raises:** `ValueError` if a sample is empty or not finite, or if the dimensions differ. Where
    no coupling can be proven to be the best, a warning, and nan.
    """
    order = checks.number("order", order, low=1)
    if isinstance(x, AbstractDensity) or isinstance(y, AbstractDensity):
        one = bool(order == 1) if checks.is_concrete(order) else None
        return _between_laws(_law("x", x), _law("y", y), order, one)
    x, y, a, b = pair(x, y)
    order = order.astype(x.dtype)
    if checks.is_concrete((x, y, a, b, order)):
        return jnp.asarray(_known(*jax.tree.map(np.asarray, (x, y, a, b, order))), x.dtype)
    return _traced(x, y, a, b, order)


def _known(x: Any, y: Any, a: Any, b: Any, order: Any) -> float:
    """W_p between points that can be looked at: nothing is compiled for them."""
    x, y = x.astype(float), y.astype(float)
    if x.shape[1] > 1:
        i, j, mass, _, _ = _plan.best(x, y, a, b, order)
    else:
        (x, a), (y, b) = _in_order(x, a), _in_order(y, b)
        if a is None and b is None:
            i, j, mass = _plan.monotone(len(x), len(y))
        else:
            i, j, mass = _plan.monotone_weighted(_all(a, len(x)), _all(b, len(y)))
    return _plan.mean(_plan.norms(x[i] - y[j]), mass, float(order))


def _in_order(x: np.ndarray, w: Any) -> tuple[np.ndarray, Any]:
    """Points on the line from left to right, and their weights."""
    order = np.argsort(x[:, 0], kind="stable")
    return x[order], w if w is None else w[order]


def _all(w: Any, n: int) -> np.ndarray:
    """The weights of n points."""
    return np.ones(n) if w is None else w.astype(float)


def _traced(
    x: Float[Array, "n d"], y: Float[Array, "m d"], a: Weights, b: Weights, order: Scalar
) -> Scalar:
    """W_p between points of which only the shapes are known."""
    if a is None and b is None and x.shape[1] == 1:
        x, y = jnp.sort(x, axis=0), jnp.sort(y, axis=0)
        i, j, mass = _plan.monotone(len(x), len(y))
        return _mean(jnp.abs(x[i, 0] - y[j, 0]), jnp.asarray(mass, x.dtype), order)
    if a is None and b is None:
        i, j, mass, _, _ = _optimal(x, y, a, b, order)
        return _mean(norm(x[i] - y[j]), mass, order)
    a = jnp.full(len(x), 1 / len(x), x.dtype) if a is None else a
    b = jnp.full(len(y), 1 / len(y), y.dtype) if b is None else b
    if x.shape[1] == 1:
        return _mean(*_monotone(x[:, 0], y[:, 0], a, b), order)
    i, j, mass, u, v = _optimal(x, y, a, b, order)
    paid = a @ u + b @ v
    return _mean(norm(x[i] - y[j]), mass, order, paid - jax.lax.stop_gradient(paid))


def _mean(
    apart: Float[Array, " k"], mass: Float[Array, " k"], order: Scalar, more: Any = 0
) -> Scalar:
    """(sum_i mass_i apart_i^order + more)^(1/order), in units of the largest: its powers stay in
    range."""
    top = jax.lax.stop_gradient(jnp.max(jnp.where(mass != 0, apart, 0)))
    unit = jnp.where((top > 0) & jnp.isfinite(top), top, 1)
    used = jnp.where(mass != 0, apart, 0)
    return unit * root(jnp.sum(mass * (used / unit) ** order) + more, order)


def _monotone(
    x: Float[Array, " n"], y: Float[Array, " m"], a: Float[Array, " n"], b: Float[Array, " m"]
) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """The monotone coupling of weighted points on the line: distances of pairs, and their mass."""
    at_x, at_y = jnp.argsort(x), jnp.argsort(y)
    x, a, y, b = x[at_x], a[at_x], y[at_y], b[at_y]
    above, below = (jnp.cumsum(w) / jnp.sum(w) for w in (a, b))
    levels = jnp.sort(jnp.concatenate([jnp.zeros(1, x.dtype), above, below[:-1]]))
    i, j = (jnp.searchsorted(s, levels[:-1], side="right") for s in (above, below))
    apart = jnp.abs(x[jnp.minimum(i, len(x) - 1)] - y[jnp.minimum(j, len(y) - 1)])
    return apart, jnp.diff(levels)


def sliced_wasserstein(
    x: Any, y: Any, order: Any = 2, *, key: Key = None, directions: Any = 64
) -> Scalar:
    """The sliced Wasserstein distance: (E_u W_p(u.x, u.y)^p)^(1/p) over directions u on the sphere.

    A distance between laws in any dimension d at the price of sorting, never more than W_p, and at
    order 2 never more than W_2 / sqrt(d).

    **Arguments:**

    - `x`, `y`: samples, shape `(n, d)` and `(m, d)`, or weighted points.
    - `order`: p, at least 1.
    - `directions`: how many directions; or unit vectors, shape `(directions, d)`.
    - `key`: draws the directions. It may be left out in the plane, where they are then evenly
      spaced, and on the line, where there is one.
    """
    x, y, a, b = pair(x, y)
    order = checks.number("order", order, low=1).astype(x.dtype)
    u = _directions(directions, x.shape[1], key).astype(x.dtype)
    apart = jax.vmap(lambda u: _traced((x @ u)[:, None], (y @ u)[:, None], a, b, order))(u)
    return _mean(apart, jnp.full(len(u), 1 / len(u), x.dtype), order)


def _directions(directions: Any, d: int, key: Key) -> Float[Array, "k d"]:
    key = checks.key(key)
    if not isinstance(directions, int | np.integer):
        u = checks.array("directions", directions)
        if u.ndim != 2 or u.shape[1] != d or 0 in u.shape:
            raise ValueError(
                f"`directions` must be a count, or vectors of shape (directions, {d}), but has "
                f"shape {u.shape}."
            )
        if checks.is_concrete(u) and not np.all(np.any(np.asarray(u) != 0, axis=1)):
            raise ValueError("`directions` must be vectors with a direction, but one is 0.")
        return u / norm(u)[:, None]
    n = checks.count("directions", directions)
    if d == 1:
        return jnp.ones((1, 1))
    if key is not None:
        u = jr.normal(key, (n, d))
        return u / norm(u)[:, None]
    if d > 2:
        raise ValueError(
            f"in {d} dimensions the `directions` are drawn: pass `key=jax.random.key(seed)`, or "
            f"vectors of shape (directions, {d})."
        )
    angles = jnp.linspace(0, jnp.pi, n, endpoint=False)
    return jnp.stack([jnp.cos(angles), jnp.sin(angles)], -1)


class _Steps(eqx.Module):
    """Points on the line as a law: its distribution function is a flight of steps."""

    x: Float[Array, " n"]  # sorted
    levels: Float[Array, " n+1"]  # of the distribution function, from 0 to 1

    def cdf(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        below = jnp.searchsorted(self.x, x.reshape(-1), side="right").reshape(x.shape)
        return self.levels[below].astype(x.dtype)

    def quantile(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        i = jnp.searchsorted(self.levels[1:], u.reshape(-1), side="left").reshape(u.shape)
        return self.x[jnp.minimum(i, len(self.x) - 1)]

    def knots(self) -> Float[Array, " n"]:
        return self.x


_Law = AbstractDensity | _Steps
"""A law on the line, with a `cdf`, a `quantile` and `knots`."""


def _law(name: str, value: Any) -> _Law:
    """A law on the line, from a density, a sample or weighted points."""
    if isinstance(value, AbstractDensity):
        value.on_the_line()
        return value
    x, w = weighted(name, value)
    if x.shape[1] != 1:
        raise ValueError(
            f"`{name}` must be a sample on the line to be compared with a density, but has "
            f"{x.shape[1]} dimensions: draw a sample from the density, `law.sample(key, n)`."
        )
    if w is None:
        return _Steps(jnp.sort(x[:, 0]), jnp.arange(len(x) + 1, dtype=x.dtype) / len(x))
    at = jnp.argsort(x[:, 0])
    total = jnp.cumsum(jnp.concatenate([jnp.zeros(1, x.dtype), w[at]]))
    return _Steps(x[at, 0], total / total[-1])


@compiled
def _between_laws(p: _Law, q: _Law, order: Scalar, one: bool | None) -> Scalar:
    """W_p between two laws; `one` says whether the order is 1, where that is known beforehand."""
    knots = [law.knots().reshape(-1) for law in (p, q)]
    dtype = jnp.promote_types(knots[0].dtype, knots[1].dtype)
    knots = [k.astype(dtype) for k in knots]
    order = order.astype(dtype)

    def area() -> Scalar:
        return _area(p, q, jnp.concatenate(knots))

    def between_quantiles() -> Scalar:
        return _between_quantiles(p, q, knots, order)

    if one is None:
        return jax.lax.cond(order == 1, area, between_quantiles)
    return area() if one else between_quantiles()


def _cdf(law: _Law, x: Float[Array, "..."]) -> Float[Array, "..."]:
    return law.cdf(x if isinstance(law, _Steps) else x.reshape(*x.shape, *law.event))


def _quantile(law: _Law, u: Float[Array, "..."]) -> Float[Array, "..."]:
    return law.quantile(u).reshape(u.shape)


def _area(p: _Law, q: _Law, knots: Float[Array, " k"]) -> Scalar:
    """int |F - G| dx, with a cut wherever F - G changes its sign."""

    def apart(x: Float[Array, "..."]) -> Float[Array, "..."]:
        return _cdf(p, x) - _cdf(q, x)

    x, dx = panels(cut(knots, apart))
    return jnp.sum(dx * jnp.abs(apart(x)))


def _between_quantiles(p: _Law, q: _Law, knots: list[Array], order: Scalar) -> Scalar:
    """(int_0^1 |F^-1 - G^-1|^order du)^(1/order)."""
    levels = [_cdf(law, k) for law, k in zip((p, q), knots, strict=True)]
    levels += [law.levels.astype(order.dtype) for law in (p, q) if isinstance(law, _Steps)]
    ends = jnp.asarray([0, 1], order.dtype)
    u, du = panels(jnp.clip(jnp.concatenate([*levels, ends]), 0, 1))
    # The last numbers before 0 and 1 carry no more mass than rounding.
    inside = (u > 0) & (u < 1)
    u = jnp.where(inside, u, 0.5)
    apart = jnp.abs(_quantile(p, u) - _quantile(q, u))
    return _mean(apart.reshape(-1), jnp.where(inside, du, 0).reshape(-1), order)


def _optimal(
    x: Float[Array, "n d"], y: Float[Array, "m d"], a: Weights, b: Weights, order: Scalar
) -> tuple[
    Int[Array, " k"], Int[Array, " k"], Float[Array, " k"], Float[Array, " n"], Float[Array, " m"]
]:
    """The best coupling of points in d dimensions: which pairs, their mass, and the prices."""
    k, dtype = _plan.pairs(len(x), len(y), a is None and b is None), x.dtype
    shapes = tuple(
        jax.ShapeDtypeStruct((n,), dtype)
        for n, dtype in (
            (k, jnp.int32),
            (k, jnp.int32),
            (k, dtype),
            (len(x), dtype),
            (len(y), dtype),
        )
    )

    def best(*held: Any) -> tuple[np.ndarray, ...]:
        found = _plan.best(*held)
        return tuple(np.asarray(v, s.dtype) for v, s in zip(found, shapes, strict=True))

    held = jax.lax.stop_gradient((x, y, a, b, order))
    return jax.pure_callback(best, shapes, *held, vmap_method="sequential")
