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
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import csr_array, eye_array, kron, vstack
from scipy.spatial.distance import cdist

from .. import _checks as checks
from .._reads import compiled
from .._types import Key, Scalar
from ..measures import AbstractDensity
from ..measures._quadrature import cut, panels
from ._sample import norm, pair, root, sample


def wasserstein(x: Any, y: Any, order: Any = 1) -> Scalar:
    """The Wasserstein distance W_p between two equally weighted samples, exact; or between laws on
    the line, or a sample and a law.

    In one dimension by sorting, under any transformation. In more by solving the assignment problem
    (samples of one size) or the transport problem (of two sizes) on the host; derivatives are those
    of the optimal coupling held. Of laws by quadrature, with digits to rounding for order 1.

    **Arguments:**

    - `x`: a sample, shape `(n,)` or `(n, d)`, or a density on the line.
    - `y`: a sample, shape `(m,)` or `(m, d)`, or a density on the line.
    - `order`: p, at least 1. The result is W_p, not its p-th power.

    **Raises:** `ValueError` if a sample is empty or not finite, or if the dimensions differ.
    """
    order = checks.number("order", order, low=1)
    if isinstance(x, AbstractDensity) or isinstance(y, AbstractDensity):
        one = bool(order == 1) if checks.is_concrete(order) else None
        return _between_laws(_law("x", x), _law("y", y), order, one)
    x, y = pair(x, y)
    order = order.astype(x.dtype)
    if x.shape[1] == 1:
        x, y = jnp.sort(x, axis=0), jnp.sort(y, axis=0)
        i, j, mass = _monotone(len(x), len(y))
        apart = jnp.abs(x[i, 0] - y[j, 0])
    else:
        i, j, mass = _optimal(x, y, order)
        apart = norm(x[i] - y[j])
    return _mean(apart, jnp.asarray(mass, x.dtype), order)


def _mean(apart: Float[Array, " k"], mass: Float[Array, " k"], order: Scalar) -> Scalar:
    """(sum_i mass_i apart_i^order)^(1/order), in units of the largest: its powers stay in range."""
    top = jax.lax.stop_gradient(jnp.max(apart))
    unit = jnp.where((top > 0) & jnp.isfinite(top), top, 1)
    return unit * root(jnp.sum(mass * (apart / unit) ** order), order)


def sliced_wasserstein(
    x: Any, y: Any, order: Any = 2, directions: Any = 64, key: Key = None
) -> Scalar:
    """The sliced Wasserstein distance: (E_u W_p(u.x, u.y)^p)^(1/p) over directions u on the sphere.

    A distance between laws in any dimension d at the price of sorting, never more than W_p, and at
    order 2 never more than W_2 / sqrt(d).

    **Arguments:**

    - `x`, `y`: samples, shape `(n, d)` and `(m, d)`.
    - `order`: p, at least 1.
    - `directions`: how many directions; or unit vectors, shape `(directions, d)`.
    - `key`: draws the directions. It may be left out in the plane, where they are then evenly
      spaced, and on the line, where there is one.
    """
    x, y = pair(x, y)
    order = checks.number("order", order, low=1).astype(x.dtype)
    u = _directions(directions, x.shape[1], key).astype(x.dtype)
    apart = jax.vmap(lambda u: wasserstein(x @ u, y @ u, order))(u)
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
    """A sample on the line as a law: its distribution function is a flight of steps."""

    x: Float[Array, " n"]  # sorted

    def cdf(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        below = jnp.searchsorted(self.x, x.reshape(-1), side="right").reshape(x.shape)
        return below.astype(x.dtype) / len(self.x)

    def quantile(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        i = jnp.ceil(u * len(self.x)).astype(int) - 1
        return self.x[jnp.clip(i, 0, len(self.x) - 1)]

    def knots(self) -> Float[Array, " n"]:
        return self.x


def _law(name: str, value: Any) -> Any:
    """A law on the line."""
    if isinstance(value, AbstractDensity):
        value.on_the_line()
        return value
    x = sample(name, value)
    if x.shape[1] != 1:
        raise ValueError(
            f"`{name}` must be a sample on the line to be compared with a density, but has "
            f"{x.shape[1]} dimensions: draw a sample from the density, `law.sample(key, n)`."
        )
    return _Steps(jnp.sort(x[:, 0]))


@compiled
def _between_laws(p: Any, q: Any, order: Scalar, one: bool | None) -> Scalar:
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


def _cdf(law: Any, x: Float[Array, "..."]) -> Float[Array, "..."]:
    return law.cdf(x if isinstance(law, _Steps) else x.reshape(*x.shape, *law.event))


def _quantile(law: Any, u: Float[Array, "..."]) -> Float[Array, "..."]:
    return law.quantile(u).reshape(u.shape)


def _area(p: Any, q: Any, knots: Float[Array, " k"]) -> Scalar:
    """int |F - G| dx, with a cut wherever F - G changes its sign."""

    def apart(x: Float[Array, "..."]) -> Float[Array, "..."]:
        return _cdf(p, x) - _cdf(q, x)

    x, dx = panels(cut(knots, apart))
    return jnp.sum(dx * jnp.abs(apart(x)))


def _between_quantiles(p: Any, q: Any, knots: list[Array], order: Scalar) -> Scalar:
    """(int_0^1 |F^-1 - G^-1|^order du)^(1/order)."""
    levels = [_cdf(law, k) for law, k in zip((p, q), knots, strict=True)]
    levels += [
        jnp.arange(len(law.x) + 1, dtype=order.dtype) / len(law.x)
        for law in (p, q)
        if isinstance(law, _Steps)
    ]
    ends = jnp.asarray([0, 1], order.dtype)
    u, du = panels(jnp.clip(jnp.concatenate([*levels, ends]), 0, 1))
    # The last numbers before 0 and 1 carry no more mass than rounding.
    inside = (u > 0) & (u < 1)
    u = jnp.where(inside, u, 0.5)
    apart = jnp.abs(_quantile(p, u) - _quantile(q, u))
    return _mean(apart.reshape(-1), jnp.where(inside, du, 0).reshape(-1), order)


def _monotone(
    n: int, m: int
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The monotone coupling of n and m sorted points: which pairs, and their mass."""
    # Quantile levels in units of 1 / (n m), where they are whole numbers.
    levels = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
    return levels[:-1] // m, levels[:-1] // n, np.diff(levels) / (n * m)


def _optimal(
    x: Float[Array, "n d"], y: Float[Array, "m d"], order: Scalar
) -> tuple[Int[Array, " k"], Int[Array, " k"], Float[Array, " k"]]:
    """The optimal coupling of two equally weighted samples: which pairs, and their mass."""
    k = len(x) if len(x) == len(y) else len(x) + len(y) - 1
    index, mass = (jax.ShapeDtypeStruct((k,), dtype) for dtype in (jnp.int32, x.dtype))
    held = jax.lax.stop_gradient((x, y, order))
    return jax.pure_callback(_solve, (index, index, mass), *held, vmap_method="sequential")


def _solve(x: Any, y: Any, order: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The assignment problem or the transport problem, on the host."""
    x, y = np.asarray(x), np.asarray(y)
    n, m, dtype = len(x), len(y), x.dtype
    cost = cdist(x, y)
    if not np.all(np.isfinite(cost)):
        k = n if n == m else n + m - 1
        return np.zeros(k, np.int32), np.zeros(k, np.int32), np.full(k, np.nan, dtype)
    # In units of the largest distance: its powers stay in range, and tolerances are absolute.
    cost = (cost / max(cost.max(), np.finfo(float).tiny)) ** float(order)
    if n == m:
        i, j = linear_sum_assignment(cost)
        return i.astype(np.int32), j.astype(np.int32), np.full(n, 1 / n, dtype)
    rows = kron(eye_array(n), np.ones((1, m)))
    columns = kron(np.ones((1, n)), eye_array(m))
    mass = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    constraints = csr_array(vstack([rows, columns]))
    solved = linprog(np.ravel(cost), A_eq=constraints, b_eq=mass, method="highs-ds")
    if not solved.success:
        raise RuntimeError(f"the transport problem was not solved: {solved.message}")
    # A vertex: no more pairs than one less than there are points.
    plan = np.maximum(solved.x, 0)
    pairs = np.argsort(-plan, kind="stable")[: n + m - 1]
    return (pairs // m).astype(np.int32), (pairs % m).astype(np.int32), plan[pairs].astype(dtype)
