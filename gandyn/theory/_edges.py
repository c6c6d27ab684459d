"""Limits and best steps that several methods share, on bilinear games with singular values from m
to M. With l = i s every one of these is a polynomial in x = (h s)^2 or in h."""

from typing import Any

import numpy as np


def nowhere(m: float, M: float, **hyper: Any) -> float:
    """Players flee, however short the step."""
    return 0.0


def everywhere(m: float, M: float, **hyper: Any) -> float:
    """Players converge, however long the step."""
    return np.inf


def bent(a: float, m: float, M: float) -> float:
    """Of 1 + h l + a (h l)^2, whose squared modulus is 1 - (2 a - 1) x + a^2 x^2."""
    return np.sqrt(max(0.0, 2 * a - 1)) / (a * M)


def best_bent(a: float, m: float, M: float) -> tuple[float, float]:
    """The parabola is as high at (h m)^2 as at (h M)^2."""
    top = (2 * a - 1) / a**2
    x = top * m**2 / (m**2 + M**2)
    return np.sqrt(top / (m**2 + M**2)), np.sqrt(1 - (2 * a - 1) * x + (a * x) ** 2)


def damped(c: Any, m: float, M: float) -> float | None:
    """Of 1 + h (l + c l^2), whose squared modulus is 1 - 2 c s^2 h + (s^2 + c^2 s^4) h^2."""
    return None if np.ndim(c) else 2 * c / (1 + (c * M) ** 2)


def best_damped(c: Any, m: float, M: float) -> tuple[float, float] | None:
    """The parabola is convex in s^2, too: at its largest at m or at M. It is as low as can be at
    the bottom of either, or where the two cross."""
    if np.ndim(c):
        return None
    squares = np.array([m**2, M**2])
    bottoms = c / (1 + c**2 * squares)
    crossing = 2 * c / (1 + c**2 * squares.sum())
    return min(
        (
            (h, np.sqrt(np.max((1 - c * squares * h) ** 2 + squares * h**2)))
            for h in (*bottoms, crossing)
        ),
        key=lambda pair: pair[1],
    )
