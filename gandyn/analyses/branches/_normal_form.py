"""Normal forms: to what a dynamics reduces at a bifurcation, to third order, by projection.

With J = D residual, a right eigenvector q of length 1 and a left one p, <p, q> = 1, and B and C
the second and third derivatives of the residual,

    z' = i w z + c z |z|^2,    c = <p, C(q, q, q*) + 2 B(q, h) + B(q*, g)> / 2,

with h = -J^-1 B(q, q*) and g = (m - J)^-1 B(q, q): m = 2 i w for a flow, and e^{2 i w} - 1 for a
map, for which z -> e^{i w} z + c z |z|^2. Where the eigenvalue is real,

    z' = l z + b z^2 + c z^3,    b = <p, B(q, q)> / 2,    c = <p, C(q, q, q) + 3 B(q, h)> / 6,

z' being z next minus z for a map, and h taken across q if l = 0. Kuznetsov, "Elements of Applied
Bifurcation Theory", sections 5.4 and 8.7.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ... import _numerics as numerics
from ..._compiled import compiled_with

Field = Callable[[Array], Array]


def of_pair(
    f: Field, x: Float[Array, " n"], jacobian: np.ndarray, angle: float, steps: bool
) -> float:
    """Re c of a Hopf bifurcation with angular velocity w, Re(e^{-i w} c) of a Neimark-Sacker one:
    the growth per |z|^2. nan in resonance, where the normal form is another."""
    values = np.linalg.eigvals(jacobian)
    p, q = eigenvectors(jacobian, np.exp(1j * angle) - 1 if steps else 1j * angle)
    double = np.exp(2j * angle) - 1 if steps else 2j * angle
    rounding = numerics.half_the_digits(x.dtype) * np.max(np.abs(values))
    if min(np.min(np.abs(values - shift)) for shift in (0, double)) <= rounding:
        return float("nan")
    one, a, b = np.eye(len(q)), np.real(q), np.imag(q)

    def bilinear(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        (a, b), (c, d) = ((np.real(w), np.imag(w)) for w in (u, v))
        rr, ii, ri, ir = derivative(f, x, [(a, c), (b, d), (a, d), (b, c)])
        return rr - ii + 1j * (ri + ir)

    aaa, abb, aab, bbb = derivative(f, x, [(a, a, a), (a, b, b), (a, a, b), (b, b, b)])
    h = np.linalg.solve(-jacobian, bilinear(q, q.conj()))
    g = np.linalg.solve(double * one - jacobian, bilinear(q, q))
    cubic = aaa + abb + 1j * (aab + bbb) + 2 * bilinear(q, h) + bilinear(q.conj(), g)
    c = np.sum(p * cubic) / 2
    return float((c * np.exp(-1j * angle) if steps else c).real)


def of_real(
    f: Field, x: Float[Array, " n"], jacobian: np.ndarray, eigenvalue: float
) -> tuple[float, float]:
    """b and c, for an eigenvalue l of J that is 0, or -2 (of a map that doubles its period)."""
    p, q = (np.real(v) for v in eigenvectors(jacobian, eigenvalue))
    (second,) = derivative(f, x, [(q, q)])
    b = np.sum(p * second) / 2
    if eigenvalue == 0:
        h = np.linalg.lstsq(-jacobian, second - 2 * b * q, rcond=1e-9)[0]
        h = h - q * np.sum(p * h)
    else:
        h = np.linalg.solve(-jacobian, second)
    (third,) = derivative(f, x, [(q, q, q)])
    (bent,) = derivative(f, x, [(q, h)])
    return float(b), float(np.sum(p * (third + 3 * bent)) / 6)


def eigenvectors(matrix: np.ndarray, eigenvalue: complex) -> tuple[np.ndarray, np.ndarray]:
    """The left and the right one of the eigenvalue next to a given one: the right one of length 1,
    their product 1. Real if the eigenvalue is."""

    def nearest(matrix: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eig(matrix)
        return vectors[:, np.argmin(np.abs(values - eigenvalue))].astype(complex)

    right, left = nearest(matrix), nearest(matrix.T)
    return left / np.sum(left * right), right


def derivative(f: Field, x: Float[Array, " n"], along: Any) -> np.ndarray:
    """As many derivatives as each of k tuples has vectors, along these."""
    return np.asarray(_derivative(f, x, jnp.asarray(np.asarray(along), x.dtype)), float)


@compiled_with("little")
def _derivative(f: Field, x: Array, along: Float[Array, "k order n"]) -> Float[Array, "k m"]:
    def pushed(f: Field, v: Array) -> Field:
        return lambda x: jax.jvp(f, (x,), (v,))[1]

    def once(vectors: Array) -> Array:
        g = f
        for v in vectors:
            g = pushed(g, v)
        return g(x)

    return jax.vmap(once)(along)
