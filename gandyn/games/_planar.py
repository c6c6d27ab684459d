"""Games in the plane with several equilibria or limit cycles, on which the others are tried.

Each player is one number. What the trajectories end on depends on the method, the step and the
start; that is what these games are for.
"""

import equinox as eqx
import jax.numpy as jnp

from .. import _checks as checks
from .._types import Key, Number, Players, Scalar
from ._game import Custom
from ._zero_sum import zero_sum


class _AlmostBilinear(eqx.Module):
    strength: Scalar

    def __call__(self, x: Scalar, y: Scalar) -> Scalar:
        return x * y + self.strength.astype(jnp.result_type(x, y)) * (y**2 / 2 - y**4 / 4)


class _Forsaken(eqx.Module):
    center: Scalar

    def __call__(self, x: Scalar, y: Scalar) -> Scalar:
        return x * (y - self.center.astype(jnp.result_type(x, y))) + _wells(x) - _wells(y)


def _wells(z: Scalar) -> Scalar:
    return z**2 / 4 - z**4 / 2 + z**6 / 6


class _Polar(eqx.Module):
    strength: Scalar

    def __call__(self, players: Players, key: Key = None) -> tuple[Scalar, Scalar]:
        checks.number_of("the polar game", players, 2)
        x, y = players
        square = x**2 + y**2
        # Its derivative along the radius is r (r^2 - 1) (16 r^2 - 9) / 16.
        well = (16 * square**3 / 3 - 25 * square**2 / 2 + 9 * square) / 32
        well = self.strength.astype(jnp.result_type(x, y)) * well
        return well - x * y, well + x * y


class _Parabolas(eqx.Module):
    a: Scalar
    b: Scalar
    decay: Scalar

    def __call__(self, x: Scalar, y: Scalar) -> Scalar:
        a, b, decay = (
            number.astype(jnp.result_type(x, y)) for number in (self.a, self.b, self.decay)
        )
        fade = jnp.exp(-decay * (x**2 + y**2))
        return -fade * ((a * x**2 + y) ** 2 + (b * y**2 + x) ** 2)


def almost_bilinear(strength: Number = 0.1) -> Custom:
    """min_x max_y of x y + e (y^2/2 - y^4/4): a bilinear game with an attracting limit cycle.

    Its flow is van der Pol's equation, y'' - e (1 - 3 y^2) y' + y = 0: the only equilibrium, 0,
    repels, and everything ends on one cycle, of radius 2/sqrt(3) as e -> 0. Hsieh, Mertikopoulos,
    Cevher, "The Limits of Min-Max Optimization Algorithms", 2021.

    **Arguments:**

    - `strength`: e, not negative.
    """
    e = checks.number("strength", strength, low=0)
    return zero_sum(_AlmostBilinear(e), known=((0.0, 0.0),))


def forsaken(center: Number = 0.45) -> Custom:
    """min_x max_y of x (y - c) + p(x) - p(y), p(z) = z^2/4 - z^4/2 + z^6/6.

    Its only critical point, near (0.078, 0.412) for c = 0.45, attracts, but a repelling cycle
    encloses it and an attracting one encloses that: from most starts training never finds it. It is
    a local max-min, no local min-max point. Hsieh, Mertikopoulos, Cevher, 2021.

    **Arguments:**

    - `center`: c.
    """
    return zero_sum(_Forsaken(checks.number("center", center)))


def polar(strength: Number = 1 / 3) -> Custom:
    """A general-sum game whose gradient flow turns, and moves only along the radius besides.

        r' = -a r (r^2 - 1) (16 r^2 - 9) / 16,     angle' = -1

    0 attracts, the circle r = 3/4 repels, the circle r = 1 attracts, with the Floquet multiplier
    exp(-7 pi a / 4). Pethick, Latafat, Patrinos, Fercoq, Cevher, "Escaping limit cycles: Global
    convergence for constrained nonconvex-nonconcave minimax problems", 2022.

    **Arguments:**

    - `strength`: a, positive.
    """
    return Custom(_Polar(checks.positive("strength", strength)), known=((0.0, 0.0),))


def parabolas(a: Number = 0.3, b: Number = 0.3, decay: Number = 0.01) -> Custom:
    """min_x max_y of -exp(-c (x^2 + y^2)) ((a x^2 + y)^2 + (b y^2 + x)^2).

    Eleven critical points of all kinds, and a field that fades out far away. Fiez and Ratliff,
    "Local Convergence Analysis of Gradient Descent Ascent with Finite Timescale Separation", 2021.

    **Arguments:**

    - `a`, `b`: how strongly the two parabolas bend.
    - `decay`: c, not negative.
    """
    numbers = checks.number("a", a), checks.number("b", b), checks.number("decay", decay, low=0)
    return zero_sum(_Parabolas(*numbers), known=((0.0, 0.0),))
