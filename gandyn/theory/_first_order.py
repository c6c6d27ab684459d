"""Methods without memory that ask for gradients alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _edges as edges
from ._linear import Linear
from ._method import Cost, Method


def _simultaneous(of: Linear) -> np.ndarray:
    return of.eye + of.H @ of.J


def _alternating(
    of: Linear, repeats: Sequence[int] = (1, 1), order: Sequence[int] = (1, 0)
) -> np.ndarray:
    found = of.eye
    for i in order:
        move = of.eye + of.only(i) @ of.H @ of.J
        found = np.linalg.matrix_power(move, repeats[i]) @ found
    return found


def _alternating_limit(
    m: float, M: float, repeats: Sequence[int] = (1, 1), order: Sequence[int] = (1, 0)
) -> float:
    # Of k moves of one player, whom its own place does not concern, each is like the first.
    return 2 / (M * np.sqrt(np.prod(repeats)))


def _extragradient(of: Linear, extrapolation: Any = None) -> np.ndarray:
    look = of.H if extrapolation is None else of.diagonal(extrapolation)
    return of.eye + of.H @ of.J @ (of.eye + look @ of.J)


def _extragradient_limit(m: float, M: float, extrapolation: Any = None) -> float | None:
    return edges.bent(1, m, M) if extrapolation is None else edges.damped(extrapolation, m, M)


def _extragradient_best(m: float, M: float, extrapolation: Any = None) -> Any:
    if extrapolation is None:
        return edges.best_bent(1, m, M)
    return edges.best_damped(extrapolation, m, M)


_RK4 = np.diag([0.5, 0.5, 1.0], -1), np.array([1, 2, 2, 1]) / 6


def _tableau(solver: Any) -> tuple[np.ndarray, np.ndarray]:
    """How the stages of a Runge-Kutta method build on each other, and how they are added up."""
    if solver is None:
        return _RK4
    tableau = solver.tableau
    n = len(tableau.b_sol)
    built = np.zeros((n, n))
    for i, row in enumerate(tableau.a_lower, 1):
        built[i, : len(row)] = row
    diagonal = getattr(tableau, "a_diagonal", None)
    return built if diagonal is None else built + np.diag(diagonal), np.asarray(tableau.b_sol)


def _runge_kutta(of: Linear, solver: Any = None) -> np.ndarray:
    built, added = _tableau(solver)
    step, n = of.H @ of.J, len(added)
    stages = np.linalg.solve(
        np.eye(n * len(step)) - np.kron(built, step), np.kron(np.ones((n, 1)), step)
    )
    return of.eye + np.kron(added[None], of.eye) @ stages


def _runge_kutta_limit(m: float, M: float, solver: Any = None) -> float | None:
    """|1 + l + ... + l^4/24|^2 = 1 - x^3/72 + x^4/576."""
    return np.sqrt(8) / M if solver is None else None


def _runge_kutta_best(m: float, M: float, solver: Any = None) -> tuple[float, float] | None:
    if solver is not None:
        return None
    u, v = m**2, M**2  # where the squared modulus is the same at both
    square = 8 * (u**2 + u * v + v**2) / ((u + v) * (u**2 + v**2))
    x = square * v
    return np.sqrt(square), np.sqrt(1 - x**3 / 72 + x**4 / 576)


def _of_stages(sizes: tuple[int, ...], solver: Any = None) -> Cost:
    return Cost((len(_tableau(solver)[1]),) * len(sizes))


FIRST_ORDER = (
    Method(
        name="simultaneous",
        formula="1 + h J",
        paper="Arrow, Hurwicz, Uzawa 1958",
        of_field=_simultaneous,
        of_sizes=lambda sizes: Cost((1,) * len(sizes)),
        of_edges=edges.nowhere,
    ),
    Method(
        name="alternating",
        formula="product of (1 + h_i J_i)^k_i over the players i in turn",
        paper="Goodfellow et al. 2014; on bilinear games Gidel et al. 2019",
        of_field=_alternating,
        of_sizes=lambda sizes, repeats=(1, 1), order=(1, 0): Cost(tuple(repeats)),
        of_edges=_alternating_limit,
        turns=lambda **hyper: True,
    ),
    Method(
        name="extragradient",
        formula="1 + h J (1 + g J)",
        paper="Korpelevich 1976; for GANs Gidel et al. 2019",
        of_field=_extragradient,
        of_sizes=lambda sizes, extrapolation=None: Cost((2,) * len(sizes)),
        of_edges=_extragradient_limit,
        at_best=_extragradient_best,
    ),
    Method(
        name="runge_kutta",
        formula="1 + h J + (h J)^2/2 + (h J)^3/6 + (h J)^4/24",
        paper="Qin et al. 2020",
        of_field=_runge_kutta,
        of_sizes=_of_stages,
        of_edges=_runge_kutta_limit,
        at_best=_runge_kutta_best,
    ),
)
