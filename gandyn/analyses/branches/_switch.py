"""Branch switching: the first points of the branch that crosses another at a bifurcation, or is
born there.

At a branch point (phi_1 the direction of the known branch, phi_2 the other one in which DF
vanishes, w the left null vector of DF) the curves of F = 0 run along a phi_1 + b phi_2 with

    2 a <w, D2F(phi_1, phi_2)> + b <w, D2F(phi_2, phi_2)> = 0,

and b = 0. At a Hopf bifurcation and at a period doubling the branch starts along the eigenvector of
the exponent that crosses. Kuznetsov, "Elements of Applied Bifurcation Theory", section 10.2.
"""

import jax.numpy as jnp
import numpy as np

from ..._phase import coordinates
from ..._types import Key
from ._branch import AbstractCurve, Bifurcation, Point, meet
from ._curves import Bounds, EquilibriumCurve, cycle_curve, equilibrium_curve
from ._edge import Make
from ._normal_form import derivative, eigenvectors

_CROSSINGS = ("pitchfork", "transcritical", "branch point")
_HALVINGS = 10  # of the distance of the first point from the bifurcation
_REASONS = {
    "fold": ": the branch that was followed is the only one there.",
    "Neimark-Sacker": (
        ": what is born there turns at its own rate, an invariant circle of a rule, which "
        "`gandyn.circle` finds, or a torus."
    ),
    "branch point": ": branches of cycles of a flow that cross are not told apart.",
}
_AHEAD = 0.9  # the cosine of the angle between the branch there and the direction it starts in


def switched(
    make: Make, at: Bifurcation, bounds: Bounds, key: Key, step: float
) -> tuple[AbstractCurve, list[Point | None]]:
    """The curve, and its first point either way, facing away from the bifurcation; one only where
    the other way leads to the same cycles. None where there is none."""
    p = at.parameter
    if not at.simple:
        raise ValueError(
            f"no branch is followed from the {at.kind} at {float(p):g}, because {int(at.crossing)} "
            "exponents are on the edge there together, as symmetries make them be: more than one "
            "branch may start, and their directions are not told by one exponent. Follow those "
            "that there are from a point on them (`gandyn.equilibria`, `gandyn.cycle`), or break "
            "the symmetry."
        )
    rule = make(p).clock.whole
    steps = int(at.period) if rule else 0
    if at.period and not rule:
        curve = cycle_curve(make, at.state, at.period, bounds, key)
    else:
        curve = equilibrium_curve(make, at.state, bounds, key, steps)
    x, _ = coordinates(at.state)
    u = curve.point(x, p)
    known = curve.scaled(np.asarray(at.tangent))
    known = known / np.linalg.norm(known)
    point, _ = meet(curve, u, known)
    if point is None or np.max(np.abs(point.u - u)) > curve.rounding**0.25:
        raise ValueError(
            f"the family has no equilibrium or cycle at the {at.kind}, at the value "
            f"{float(p):g}: it must be the family of dynamics that the bifurcation was found in."
        )
    matrix, along = np.asarray(point.matrix, float), np.asarray(point.along, float)
    if at.kind in _CROSSINGS and isinstance(curve, EquilibriumCurve):
        way = _crossing(curve, u, matrix, known)
        return curve, [_first(curve, u, sign * way, step) for sign in (-1, 1)]
    slopes = matrix[: x.size, : x.size]
    if at.kind == "Hopf" and not rule:
        angle = jnp.abs(at.exponent.imag)
        _, q = eigenvectors(slopes, 1j * float(angle))
        # The phase at which the real and the imaginary part are at right angles.
        q = np.real(q * np.exp(-0.5j * np.angle(np.sum(q * q))))
        born = cycle_curve(make, at.state, 2 * jnp.pi / angle, bounds, key)
    elif at.kind == "period doubling":
        q = np.real(eigenvectors(slopes, -2)[1])
        q = q - along * np.sum(along * q)
        if rule:
            born = equilibrium_curve(make, at.state, bounds, key, 2 * max(steps, 1))
        else:
            born = cycle_curve(make, at.state, 2 * at.period, bounds, key)
    else:
        raise ValueError(
            f"no branch that could be followed starts at the {at.kind} at {float(p):g}"
            + _REASONS.get(at.kind, ".")
        )
    u = born.point(x, p)
    way = np.zeros_like(u)
    way[: x.size] = q / np.linalg.norm(q)
    return born, [_first(born, u, way, step)]


def _first(curve: AbstractCurve, u: np.ndarray, way: np.ndarray, step: float) -> Point | None:
    """The first point from u in some direction."""
    for _ in range(_HALVINGS):
        point, _ = meet(curve, u + step * way, way)
        if point is not None and np.sum(point.tangent * way) > _AHEAD:
            return point
        step /= 2
    return None


def _crossing(
    curve: EquilibriumCurve, u: np.ndarray, matrix: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """The tangent of the branch that crosses a known one, upwards in the parameter."""
    left, _, right = np.linalg.svd(matrix)
    flat = right[-2:]
    other = flat.T @ np.array([[0, -1], [1, 0]]) @ flat @ known
    other = other / np.linalg.norm(other)
    second = derivative(curve.residual, jnp.asarray(u), [(known, other), (other, other)])
    mixed, own = second @ left[:, -1]
    way = own * known - 2 * mixed * other
    if not np.linalg.norm(way) > curve.rounding**0.5:
        raise ValueError(
            f"the branches that meet at {curve.named(u)} cannot be told apart by their directions: "
            "they touch, or coincide."
        )
    way = way / np.linalg.norm(way)
    return (way if way[-1] >= 0 else -way).astype(u.dtype)
