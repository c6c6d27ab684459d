"""f-divergences between two laws, by quadrature, and between probability vectors.

    D_f(p | q) = E_q f(p / q) = E_m phi(a, b),    m = (p + q) / 2,  a = p / m,  b = q / m,

with phi(a, b) = b f(a / b), which is finite or inf where one of the laws has no mass, never nan.
Slopes that are infinite there, as that of sqrt(p) at p = 0, are left out or cut off, and so are
those of what is infinite itself.

Csiszár 1967; for GANs Nowozin, Cseke, Tomioka, "f-GAN", 2016. The Jensen-Shannon divergence: Lin,
"Divergence measures based on the Shannon entropy", 1991.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import _checks as checks
from .._compiled import compiled
from .._types import Number, Scalar
from ..measures import AbstractDensity, AbstractMeasure
from ..measures._quadrature import crossings, lebesgue
from ._sample import root


class _Shares(eqx.Module):
    """Two laws seen from their mean m: what either contributes at each point, a + b = 2."""

    m: Float[Array, " n"]
    a: Float[Array, " n"]
    b: Float[Array, " n"]
    difference: Float[Array, " n"]  # a - b, of which nothing is lost where p and q are close
    ratio: Float[Array, " n"]  # p / q
    log_ratio: Float[Array, " n"]

    @compiled
    def mean(self, phi: Float[Array, " n"]) -> Scalar:
        """E_m phi; where there is no mass, infinities do not count. They have no derivative."""
        infinite = jnp.isinf(phi)
        finite = jnp.sum(self.m * jnp.where(infinite, 0, phi))
        return finite + jnp.where(jnp.any(infinite & (self.m != 0)), jnp.inf, 0)


def jensen_shannon(p: Any, q: Any) -> Scalar:
    """The Jensen-Shannon divergence, in nats.

        JS = KL(p | m) / 2 + KL(q | m) / 2,   m = (p + q) / 2,

    between 0 (equal) and log 2 (disjoint, such as the empirical measure of a sample and any law
    with a density).

    **Arguments:**

    - `p`, `q`: two laws. Either probability vectors on one support, none negative, each with sum
      one; or densities (`gandyn.measures.gaussian`, ...), on the line by quadrature to rounding, in
      more dimensions by the points of the two quadratures (more `nodes` are more digits); or
      measures that are points (`gandyn.measures.empirical`), whose atoms are compared.

    **Raises:** `ValueError` if they are no probabilities, or not on one support.
    """
    if isinstance(p, AbstractMeasure) or isinstance(q, AbstractMeasure):
        s = _shares(p, q)
        return s.mean(_lens(s.a, s.b, s.difference / 2)) / 2
    return _jensen_shannon(*_vectors(p, q))


def kl(p: Any, q: Any) -> Scalar:
    """The Kullback-Leibler divergence E_p log(p / q), in nats; inf where p has mass and q none.

    **Arguments:**

    - `p`, `q`: as for `jensen_shannon`.
    """
    s = _shares(p, q)
    alone = jnp.isinf(s.log_ratio)
    there = s.a * jnp.where(alone, 0, s.log_ratio)
    return s.mean(jnp.where(alone, jnp.where(s.log_ratio > 0, jnp.inf, 0), there))


def reverse_kl(p: Any, q: Any) -> Scalar:
    """E_q log(q / p): the Kullback-Leibler divergence the other way round.

    **Arguments:**

    - `p`, `q`: as for `jensen_shannon`.
    """
    for name, law in (("p", p), ("q", q)):
        if not isinstance(law, AbstractMeasure):
            checks.array(name, law)
    return kl(q, p)


def total_variation(p: Any, q: Any) -> Scalar:
    """max over events A of |p(A) - q(A)| = E_m |a - b| / 2, between 0 and 1.

    **Arguments:**

    - `p`, `q`: as for `jensen_shannon`.
    """
    s = _shares(p, q)
    return s.mean(jnp.abs(s.difference)) / 2


def squared_hellinger(p: Any, q: Any) -> Scalar:
    """1 - E_m sqrt(a b), between 0 and 1.

    **Arguments:**

    - `p`, `q`: as for `jensen_shannon`.
    """
    s = _shares(p, q)
    # (sqrt(a) - sqrt(b))^2 / 2, written so that nothing cancels where p and q are close.
    return s.mean((s.difference / (root(s.a) + root(s.b))) ** 2) / 2


def chi_squared(p: Any, q: Any) -> Scalar:
    """Pearson's E_q (p / q - 1)^2; inf where p has mass and q none.

    **Arguments:**

    - `p`, `q`: as for `jensen_shannon`.
    """
    s = _shares(p, q)
    alone = jnp.isposinf(s.ratio)
    # 1 / b = (1 + p / q) / 2
    there = s.difference**2 * (1 + jnp.where(alone, 0, s.ratio)) / 2
    return s.mean(jnp.where(alone, jnp.inf, there))


def f_divergence(f: Callable[[Array], Array], p: Any, q: Any, slope: Number = jnp.inf) -> Scalar:
    """E_q f(p / q) for any convex f with f(1) = 0.

    **Arguments:**

    - `f`: a function of the density ratio, at numbers from 0 on; where it is nan at 0, as u log u
      is, its limit is taken.
    - `p`, `q`: as for `jensen_shannon`.
    - `slope`: the limit of f(u) / u for large u, what mass of p costs where q has none.
    """
    if not callable(f):
        raise TypeError(
            f"`f` must be a function of the density ratio, but is {checks.shown(f)}: "
            "`lambda u: u * jnp.log(u)` is that of the Kullback-Leibler divergence."
        )
    s = _shares(p, q)
    slope = checks.number("slope", slope, infinite=True).astype(s.m.dtype)
    alone, none = jnp.isposinf(s.ratio) | (s.b == 0), s.ratio == 0
    ratio = jnp.where(alone, 1, s.ratio) + jnp.where(none, jnp.finfo(s.m.dtype).tiny, 0)
    there = jnp.where(none & jnp.isinf(f(jnp.zeros_like(ratio))), jnp.inf, s.b * f(ratio))
    return s.mean(jnp.where(alone, 2 * slope, there))


def histogram(x: Any, edges: Any) -> Float[Array, " bins"]:
    """The shares of a sample in the bins between edges: a probability vector, of which two can be
    compared. The first and the last bin are those of what lies below and above all edges, so that
    every point is counted.

    **Arguments:**

    - `x`: a sample of numbers, shape `(n,)`.
    - `edges`: in increasing order, shape `(bins - 1,)`; an edge belongs to the bin above it.
    """
    x, edges = checks.array("x", x), checks.array("edges", edges)
    if x.ndim != 1 or edges.ndim != 1 or 0 in x.shape + edges.shape:
        raise ValueError(
            "`x` and `edges` must be vectors and not empty, but have shapes "
            f"{x.shape} and {edges.shape}."
        )
    if checks.is_concrete(edges) and np.any(np.diff(np.asarray(edges, float)) <= 0):
        raise ValueError(f"`edges` must increase, but are {checks.shown(edges)}.")
    bins = jnp.searchsorted(edges.astype(x.dtype), x, side="right")
    return jnp.zeros(len(edges) + 1, x.dtype).at[bins].add(1 / len(x))


def _vectors(p: Any, q: Any) -> tuple[Float[Array, "*support"], Float[Array, "*support"]]:
    p, q = checks.probabilities("p", p), checks.probabilities("q", q)
    if p.shape != q.shape:
        raise ValueError(
            f"`p` and `q` must be on one support, but have shapes {p.shape} and {q.shape}."
        )
    dtype = jnp.promote_types(p.dtype, q.dtype)
    return p.astype(dtype), q.astype(dtype)


def _shares(p: Any, q: Any) -> _Shares:
    """Two laws of whatever kind, seen from their mean."""
    if isinstance(p, AbstractDensity) and isinstance(q, AbstractDensity):
        shares = _of_densities(p, q)
        if checks.is_concrete(shares.m):
            found = float(jnp.sum(shares.m))
            if not abs(found - 1) < 1e-3:
                raise ValueError(
                    f"`p` and `q` must be densities of mass one, but between their knots a mean "
                    f"mass of {found:.3g} is found: a law without width has no density "
                    "(`gandyn.measures.dirac`), and the `knots` of one of your own must reach as "
                    "far as its mass."
                )
        return shares
    if isinstance(p, AbstractMeasure) and isinstance(q, AbstractMeasure):
        if p.random or q.random:
            raise ValueError(
                "a `Sampled` measure is a new law for every key: compare its points, "
                "`gandyn.measures.empirical(measure.points(key)[0])`."
            )
        for law, infinity in ((p, jnp.inf), (q, -jnp.inf)):
            if isinstance(law, AbstractDensity):
                # A law with a density gives no mass to points: the two are disjoint.
                _one_shape(_event(p), _event(q))
                ratio = jnp.asarray([infinity, -infinity], law.dtype)
                return _seen(ratio, jnp.full(2, 0.5, law.dtype))
        return _of_points(p, q)
    if isinstance(p, AbstractMeasure) or isinstance(q, AbstractMeasure):
        raise ValueError(
            "`p` and `q` must both be measures or both be probability vectors, but are "
            f"{checks.shown(p)} and {checks.shown(q)}: the density of a law on a grid is "
            "`law.prob(grid)`, to be divided by its sum."
        )
    p, q = _vectors(p, q)
    return _compared(p.reshape(-1), q.reshape(-1))


def _event(law: AbstractMeasure) -> tuple[int, ...]:
    return law.event if isinstance(law, AbstractDensity) else law.points()[0].shape[1:]


def _one_shape(p: tuple[int, ...], q: tuple[int, ...]) -> None:
    if p != q:
        raise ValueError(
            "`p` and `q` must be laws of points of one shape, but a point of `p` has shape "
            f"{p} and one of `q` {q}."
        )


def _compared(p: Float[Array, " n"], q: Float[Array, " n"]) -> _Shares:
    """Two vectors of masses."""
    a, b, tilt = _ratios(p, q)
    log_p, log_q = (jnp.where(x == 0, -jnp.inf, jnp.log(jnp.where(x == 0, 1, x))) for x in (p, q))
    alone = jnp.where(p == 0, 1, jnp.inf)
    ratio = jnp.where(q == 0, alone, p / jnp.where(q == 0, 1, q))
    return _Shares((p + q) / 2, a, b, 2 * tilt, ratio, _log_ratio(log_p, log_q))


def _seen(log_ratio: Float[Array, " n"], m: Float[Array, " n"]) -> _Shares:
    """Two laws by the log of their density ratio."""
    beyond = log_ratio >= np.log(jnp.finfo(log_ratio.dtype).max)
    ratio = jnp.where(beyond, jnp.inf, jnp.exp(jnp.where(beyond, 0, log_ratio)))
    a, b = 2 * jax.nn.sigmoid(log_ratio), 2 * jax.nn.sigmoid(-log_ratio)
    return _Shares(m, a, b, 2 * jnp.tanh(log_ratio / 2), ratio, log_ratio)


def _log_ratio(log_p: Float[Array, " n"], log_q: Float[Array, " n"]) -> Float[Array, " n"]:
    """log p - log q; 0 where neither has mass."""
    neither = jnp.isneginf(log_p) & jnp.isneginf(log_q)
    return jnp.where(neither, 0, log_p) - jnp.where(neither, 0, log_q)


@compiled
def _of_densities(p: AbstractDensity, q: AbstractDensity) -> _Shares:
    _one_shape(p.event, q.event)
    if np.prod(p.event) == 1:
        x, dx = lebesgue(crossings(p, q), p.event)
        log_p, log_q = p.log_prob(x), q.log_prob(x)
        return _seen(_log_ratio(log_p, log_q), dx * (jnp.exp(log_p) + jnp.exp(log_q)) / 2)
    points = [law.points() for law in (p, q)]
    x, w = (jnp.concatenate(part) for part in zip(*points, strict=True))
    return _seen(_log_ratio(p.log_prob(x), q.log_prob(x)), w / 2)


def _of_points(p: AbstractMeasure, q: AbstractMeasure) -> _Shares:
    (x, v), (y, w) = p.points(), q.points()
    _one_shape(x.shape[1:], y.shape[1:])
    atoms = jnp.concatenate([x, y]).reshape(len(x) + len(y), -1)
    # One row after another: all differences at once are too many in high dimension.
    same = jax.lax.map(lambda atom: jnp.all(atoms == atom[None], axis=-1), atoms)
    # Every atom once, where it comes first.
    first = jnp.argmax(same, axis=1) == jnp.arange(len(atoms))
    of_x, of_y = (
        jnp.sum(jnp.where(s, m[None], 0), 1)
        for s, m in ((same[:, : len(x)], v), (same[:, len(x) :], w))
    )
    return _compared(jnp.where(first, of_x, 0), jnp.where(first, of_y, 0))


@jax.custom_jvp
def _jensen_shannon(p: Float[Array, "*support"], q: Float[Array, "*support"]) -> Scalar:
    a, b, tilt = _ratios(p, q)
    return jnp.sum((p + q) * _lens(a, b, tilt)) / 4


def _lens(a: Array, b: Array, tilt: Array) -> Array:
    """(1+t) log(1+t) + (1-t) log(1-t), written so that nothing cancels where p and q are close."""
    close = jnp.abs(tilt) < 0.5
    t = jnp.where(close, tilt, 0)
    near = 2 * t * jnp.arctanh(t) + jnp.log1p(-(t**2))
    return jnp.where(close, near, _x_log_x(a) + _x_log_x(b))


def _x_log_x(x: Array) -> Array:
    """x log x, with a slope that is cut off at the smallest number."""
    return x * jnp.log(jnp.maximum(x, jnp.finfo(x.dtype).tiny))


@_jensen_shannon.defjvp
def _(at: tuple[Array, Array], along: tuple[Array, Array]) -> tuple[Array, Array]:
    # The slopes log(a)/2 and log(b)/2 are -inf where p or q vanishes alone. They are cut off at the
    # smallest number, so that a probability that underflows has no derivative instead of nan.
    tiny = jnp.finfo(at[0].dtype).tiny
    a, b, _ = _ratios(*at)
    slope_p, slope_q = (jnp.log(jnp.maximum(ratio, tiny)) / 2 for ratio in (a, b))
    return _jensen_shannon(*at), jnp.sum(slope_p * along[0] + slope_q * along[1])


def _ratios(p: Array, q: Array) -> tuple[Array, Array, Array]:
    """2p / (p + q), 2q / (p + q) and half their difference; 1, 1 and 0 where there is no mass."""
    empty = p + q == 0
    both = jnp.where(empty, 1, p + q)
    a, b = (jnp.where(empty, 1, 2 * x / both) for x in (p, q))
    return a, b, (p - q) / both
