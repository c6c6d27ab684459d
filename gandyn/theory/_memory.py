"""Methods that remember: maps of the players z and what is remembered m, z first."""

from typing import Any

import numpy as np

from ._edges import nowhere
from ._linear import Linear
from ._method import Cost, Method


def _plain(sizes: tuple[int, ...], **hyper: Any) -> Cost:
    return Cost((1,) * len(sizes))


def _optimistic(of: Linear) -> np.ndarray:
    """m = v, the last direction."""
    return np.block([[of.eye + 2 * of.H @ of.J, -of.H], [of.J, 0 * of.eye]])


def _optimistic_limit(m: float, M: float) -> float:
    return 1 / (np.sqrt(3) * M)


def _optimistic_best(m: float, M: float) -> tuple[float, float]:
    """The larger root of x^2 - (1 + 2 l) x + l falls with h s up to 1/2, and then grows: it is the
    same at m and M if, with 2 h m = sin a, 2 cos^2 a - (1 - r^2) (1 + cos a) = 0, r = m/M."""
    q = 1 - (m / M) ** 2
    c = (q + np.sqrt(q**2 + 8 * q)) / 4
    return np.sqrt(1 - c**2) / (2 * m), np.sqrt((1 + c) / 2)


def _heavy_ball(of: Linear, momentum: Any = 0.9, nesterov: bool = False) -> np.ndarray:
    """m' = b m + v, and the players step along m', or along v + b m'."""
    B, J, H = of.diagonal(momentum), of.J, of.H
    if nesterov:
        return np.block([[of.eye + H @ (of.eye + B) @ J, H @ B @ B], [J, B]])
    return np.block([[of.eye + H @ J, H @ B], [J, B]])


def _negative_momentum(of: Linear, momentum: Any = -0.5) -> np.ndarray:
    """The same, one player after the other, of two the second one first."""
    B, J, H = of.diagonal(momentum), of.J, of.H
    found = np.eye(2 * len(J))
    for i in reversed(range(len(of.sizes))):
        me = of.only(i)
        move = np.block([[H @ me @ J, H @ me @ B], [me @ J, me @ (B - of.eye)]])
        found = (np.eye(2 * len(J)) + move) @ found
    return found


def _pair(momentum: Any) -> np.ndarray:
    return np.broadcast_to(np.asarray(momentum, dtype=float), 2)


def _negative_momentum_limit(m: float, M: float, momentum: Any = -0.5) -> float:
    """(x - 1)^2 (x - b_1) (x - b_2) + (h s)^2 x^3 = 0: short steps converge if b_1 + b_2 is less
    than 2 b_1 b_2, and on the circle there is no root but -1."""
    b = _pair(momentum)
    return 2 * np.sqrt(np.prod(1 + b)) / M if b.sum() < 2 * b.prod() or not b.any() else 0.0


def _complex_momentum(of: Linear, momentum: float = 0.9, angle: float = np.pi / 8) -> np.ndarray:
    """m' = b e^(i a) m + v, in two real parts."""
    c, s = (momentum * part(angle) * of.eye for part in (np.cos, np.sin))
    zero = 0 * of.eye
    return np.block([[of.eye + of.H @ of.J, of.H @ c, -of.H @ s], [of.J, c, -s], [zero, s, c]])


def _complex_momentum_limit(
    m: float, M: float, momentum: float = 0.9, angle: float = np.pi / 8
) -> float:
    """(x - 1)(x^2 - 2 c x + c^2 + d^2) = h l x (x - c), c = b cos a and d = b sin a: beside x = 1
    one pair of x on the circle has h l on the axis, that of the cosine below."""
    c, d = momentum * np.cos(angle), momentum * np.sin(angle)
    cosine = ((1 + c) * (1 + c**2) - d**2 * (1 - c)) / (2 * (d**2 + c * (1 + c)))
    if not abs(cosine) < 1:
        return 0.0
    x = cosine + 1j * np.sqrt(1 - cosine**2)
    return float(abs((x - 1) * (x**2 - 2 * c * x + c**2 + d**2) / (x * (x - c)))) / M


def _lead(of: Linear, momentum: float = 0.0, coupling: float | None = None) -> np.ndarray:
    """m = d, the last step."""
    if coupling is None and np.ndim(of.step):
        raise ValueError("`coupling` is `step` by default, which then must be one number.")
    across = momentum * of.eye + (of.step if coupling is None else coupling) * of.J_o
    return np.block([[of.eye + of.H @ of.J, across], [of.H @ of.J, across]])


def _lead_limit(m: float, M: float, momentum: float = 0.0, coupling: float | None = None) -> float:
    """x^2 - (1 + b + (h + a) l) x + b + a l, by Schur's criterion."""
    b = momentum
    if coupling is None:
        return np.sqrt(max(0.0, (1 + b) * (1 - 3 * b) / 3)) / M
    square = (coupling * M) ** 2
    return max(0.0, 2 * coupling * (1 - b**2 - square) / ((1 + b) ** 2 + square))


def _lead_best(m: float, M: float, momentum: float = 0.0, coupling: float | None = None) -> Any:
    return _optimistic_best(m, M) if momentum == 0 and coupling is None else None


MEMORY = (
    Method(
        name="optimistic",
        formula="z + h (2 J z - m), m' = J z",
        paper="Popov 1980; Daskalakis et al. 2018",
        of_field=_optimistic,
        of_sizes=_plain,
        of_edges=_optimistic_limit,
        at_best=_optimistic_best,
    ),
    Method(
        name="heavy_ball",
        formula="z + h m', m' = b m + J z",
        paper="Polyak 1964; Nesterov 1983",
        of_field=_heavy_ball,
        of_sizes=_plain,
        of_edges=nowhere,
    ),
    Method(
        name="negative_momentum",
        formula="z_i + h m_i', m_i' = b m_i + J_i z, the players i in turn",
        paper="Gidel, Askari Hemmat et al. 2019",
        of_field=_negative_momentum,
        of_sizes=_plain,
        of_edges=_negative_momentum_limit,
        turns=lambda momentum=-0.5: not _pair(momentum).any(),
    ),
    Method(
        name="complex_momentum",
        formula="z + h Re m', m' = b e^(i a) m + J z",
        paper="Lorraine, Acuna, Vicol, Duvenaud 2022",
        of_field=_complex_momentum,
        of_sizes=_plain,
        of_edges=_complex_momentum_limit,
    ),
    Method(
        name="lead",
        formula="z + m', m' = h J z + (b + a J_o) m",
        paper="Hemmat, Mitra, Lajoie, Mitliagkas 2020",
        of_field=_lead,
        of_sizes=lambda sizes, **hyper: Cost((1,) * len(sizes), len(sizes)),
        of_edges=_lead_limit,
        at_best=_lead_best,
    ),
)
