"""Branches: curves of solutions of F(u) = 0, one unknown more than equations, followed and watched.

From a point u on one and its tangent t the next point solves

    F(u') = 0,    t . (u' - u) = s,

so that s, about the length along the curve, is the coordinate and not the parameter, the last of
the coordinates, of which a curve need not be a function. Where the number of growing disturbances
or the sign of dp/ds changes between two points, bisection in s locates the change. Keller,
"Numerical solution of bifurcation and nonlinear eigenvalue problems", 1977; Kuznetsov, "Elements of
Applied Bifurcation Theory", chapter 10.
"""

import abc
from collections.abc import Mapping
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int
from tqdm import tqdm

from .._phase import State
from .._reads import compiled
from .._result import Result
from .._types import Players
from ._edge import crossing, neutral

_NEWTON = 12  # steps of Newton's method for one point
_SMALLEST = 1e-7  # a step along the branch, in units of the longest
_TURN = 0.9  # the cosine of the angle by which the branch may turn within a step

CLOSED = "closed on itself"

Seen = tuple[Float[Array, " m"], Float[Array, "m u"], Complex[Array, " mode"], Float[Array, " n"]]
End = tuple[str, list["Point"], list["Bifurcation"]]


class Bifurcation(Result):
    """A point of a branch at which stability changes, or the branch turns back or meets another.

    **Fields:**

    - `kind`: "fold", "pitchfork", "transcritical", "branch point" (where an exponent passes 0 and
      neither is told by the second and third derivatives, and on a branch of cycles of a flow),
      "Hopf", "Neimark-Sacker" (of cycles: a torus) or "period doubling".
    - `parameter`: where it is.
    - `state`: the equilibrium there, or a point on the cycle; `players` are its players.
    - `period`: of the cycle; 0 for an equilibrium.
    - `lowest`, `highest`: how far each coordinate of the players goes along the cycle; for an
      equilibrium, the players.
    - `exponent`: the one that crosses: growth (about 0) and turn, per step or unit of time.
    - `coefficient`: what becomes of the growth at a distance, to lowest order: a disturbance r v,
      or r (e^{i a} v + e^{-i a} v*) if it turns, with v of length 1, grows at the rate
      `coefficient` r^2 per step or unit of time. Of a Hopf bifurcation it is the first Lyapunov
      coefficient times the angular velocity. nan where it has no meaning (folds, transcritical
      bifurcations, all on cycles of flows), and where the one of a Neimark-Sacker bifurcation does
      not exist, at a third of a turn per step.
    - `tangent`: of the branch there, of length 1, in the coordinates of the state, the parameter,
      and between them, for cycles of a flow, the logarithm of the period.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "parameter": (),
        "period": (),
        "exponent": (),
        "coefficient": (),
    }

    kind: str = eqx.field(static=True)
    parameter: Float[Array, ""]
    state: State
    period: Float[Array, ""]
    lowest: Players
    highest: Players
    exponent: Complex[Array, ""]
    coefficient: Float[Array, ""]
    tangent: Float[Array, " u"]

    @property
    def players(self) -> Players:
        """The players there."""
        return self.state.players

    @property
    def supercritical(self) -> Bool[Array, ""]:
        """Whether what is born is stable, if nothing else grows: the coefficient is negative."""
        return self.coefficient < -neutral(self.coefficient.dtype)


class AbstractCurve(eqx.Module):
    """A curve F(u) = 0, u = (x / scale, ..., (p - low) / (high - low)), in states and a parameter.

    Exponents are per turn here: for the time in which a cycle returns, for equilibria per unit.
    """

    low: eqx.AbstractVar[Float[Array, ""]]
    high: eqx.AbstractVar[Float[Array, ""]]
    scale: eqx.AbstractVar[Float[Array, ""]]

    @property
    @abc.abstractmethod
    def rounding(self) -> float:
        """What an exponent is known to, relatively."""

    @abc.abstractmethod
    def look(
        self, u: Float[Array, " u"]
    ) -> tuple[
        Float[Array, " m"], Float[Array, "m u"], Complex[Array, " mode"], Float[Array, " n"]
    ]:
        """F and its derivative, with a row 0 = t . du in addition if x is free to slide along t;
        the exponents, fastest growing first; and t, of length 1, or 0."""

    @abc.abstractmethod
    def state(self, u: Float[Array, " u"]) -> State:
        """The equilibrium, or the point on the cycle."""

    @abc.abstractmethod
    def period(self, u: Float[Array, " u"]) -> Float[Array, ""]:
        """Of the cycle; 0 for an equilibrium."""

    @abc.abstractmethod
    def turn(self, u: Float[Array, " u"]) -> Float[Array, ""]:
        """The time that exponents are per."""

    @abc.abstractmethod
    def extremes(self, u: Float[Array, " u"]) -> tuple[Players, Players]:
        """The least and the greatest that the players' coordinates become along the cycle."""

    @abc.abstractmethod
    def unscaled(self, du: Float[Array, " u"]) -> Float[Array, " u"]:
        """A direction, in the coordinates of the state and the parameter themselves."""

    @property
    @abc.abstractmethod
    def unit(self) -> str:
        """What makes exponents turn: "step" for the multipliers of a map."""

    @abc.abstractmethod
    def branching(self, at: "Point") -> str:
        """Which branch point it is."""

    @abc.abstractmethod
    def coefficient(self, kind: str, at: "Point", exponent: complex) -> float:
        """See `Bifurcation`; per turn."""

    @abc.abstractmethod
    def ended(self, here: "Point", new: "Point") -> End | None:
        """Whether the branch ends between two points for a reason of its own: which, and the
        points and bifurcations up to there."""

    def scaled(self, direction: np.ndarray) -> np.ndarray:
        """A direction in the coordinates of u."""
        return direction / np.asarray(self.unscaled(jnp.ones(len(direction), direction.dtype)))

    def parameter(self, u: Float[Array, "*batch u"]) -> Float[Array, "*batch"]:
        return self.low + u[..., -1] * (self.high - self.low)

    def share(self, p: Float[Array, ""]) -> Float[Array, ""]:
        """The last coordinate of u."""
        return (p.astype(self.low.dtype) - self.low) / (self.high - self.low)

    def named(self, u: np.ndarray) -> str:
        """The parameter in words."""
        return f"{float(self.parameter(jnp.asarray(u))):g}"


class Point(eqx.Module):
    """A point of a branch on the host: where it is, the unit tangent there, the derivative of F,
    the exponents, how many disturbances grow, and along what x is free to slide."""

    u: np.ndarray
    tangent: np.ndarray
    matrix: np.ndarray
    exponents: np.ndarray
    growing: int
    along: np.ndarray

    @property
    def signature(self) -> tuple[int, bool]:
        """What bifurcations change."""
        return self.growing, bool(self.tangent[-1] > 0)

    def facing(self, way: np.ndarray) -> "Point":
        """With the tangent to the same side as a direction."""
        sign = -1 if np.sum(self.tangent * way) < 0 else 1
        return eqx.tree_at(lambda point: point.tangent, self, sign * self.tangent)


class Walk(eqx.Module):
    """The points of a branch one way, without the first, and why it ended."""

    points: list[Point]
    bifurcations: list[Bifurcation]
    end: str
    broken: bool = False


def solve(matrix: Float[Array, "m n"], y: Float[Array, " m"]) -> Float[Array, " n"]:
    """The shortest solution, which there is even at a branch point, or in a plane of equilibria."""
    matrix = jnp.where(jnp.isfinite(matrix), matrix, jnp.nan)
    return jnp.linalg.lstsq(matrix, y)[0]


def meet(curve: AbstractCurve, guess: np.ndarray, normal: np.ndarray) -> tuple[Point | None, int]:
    """The point of the branch in the plane through a guess, facing the normal of the plane, and in
    how many steps it was found."""
    dtype = guess.dtype
    found = _meet(curve, jnp.asarray(guess), jnp.asarray(normal.astype(dtype)))
    u, tangent, matrix, exponents, along, steps, converged = (np.asarray(x) for x in found)
    if not converged:
        return None, int(steps)
    growing = int(np.sum(np.real(exponents) > curve.rounding**0.75))
    return Point(u, tangent, matrix, exponents, growing, along), int(steps)


@compiled
def _meet(
    curve: AbstractCurve, guess: Float[Array, " u"], normal: Float[Array, " u"]
) -> tuple[Array, Array, Array, Array, Array, Int[Array, ""], Bool[Array, ""]]:
    eps = float(jnp.finfo(guess.dtype).eps)

    def look(u: Array) -> tuple[Array, ...]:
        value, matrix, exponents, along = curve.look(u)
        rest = jnp.append(value, jnp.sum(normal * (u - guess)))
        return jnp.concatenate([matrix, normal[None]]), rest, exponents, along

    def step(carried: tuple) -> tuple:
        u, du, _, _, i = carried
        u = u - du
        seen = look(u)
        change = jnp.where(i == 0, jnp.inf, jnp.max(jnp.abs(du)))
        return u, solve(seen[0], seen[1]), seen, change, i + 1

    def unfinished(carried: tuple) -> Array:
        return (carried[3] > eps**0.75) & (carried[4] <= _NEWTON)

    # What is returned was seen at the last point, from which the next step would be rounding.
    nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(look, guess))
    far = jnp.asarray(jnp.inf, guess.dtype)
    start = (guess, jnp.zeros_like(guess), nothing, far, jnp.asarray(0))
    u, _, seen, change, i = jax.lax.while_loop(unfinished, step, start)
    matrix, _, exponents, along = seen
    tangent = solve(matrix, jnp.zeros_like(u).at[-1].set(1))
    tangent = tangent / jnp.linalg.norm(tangent)
    # Beside a branch point the last steps are no smaller than the root of rounding.
    converged = jnp.all(jnp.isfinite(jnp.append(u, tangent))) & (change <= 10 * eps**0.5)
    return u, tangent, matrix[:-1], exponents, along, i - 1, converged


def walk(
    curve: AbstractCurve, origin: Point, resolution: int, max_points: int, shown: tqdm
) -> Walk:
    """Along the branch, the way its tangent points, until it ends; every point is shown."""
    here = origin
    longest = 1 / resolution
    step = longest / 10
    points, passed = [], []
    while len(points) < max_points:
        new, steps = meet(curve, here.u + step * here.tangent, here.tangent)
        angle = -1.0 if new is None else float(np.sum(here.tangent * new.tangent))
        if new is None or angle < _TURN:
            step /= 2
            if step < _SMALLEST * longest:
                return Walk(points, passed, _lost(curve, here), True)
            continue
        share = float(new.u[-1])
        outside = not 0 <= share <= 1
        if outside:
            new = _land(curve, here, new)
            if new is None:
                return Walk(points, passed, _lost(curve, here), True)
        end = curve.ended(here, new)
        if end is not None:
            words, last, found = end
            return Walk(points + last, passed + found, words)
        passed += _passed(curve, here, new)
        points.append(new)
        shown.set_postfix_str(curve.named(new.u), refresh=False)
        shown.update()
        if outside:
            bound = curve.low if share < 0 else curve.high
            return Walk(points, passed, f"left the bounds at {float(bound):g}")
        apart = new.u - origin.u
        ahead = float(np.sum(apart * origin.tangent))
        if len(points) > 2 and 0 <= ahead < 2 * step and np.max(np.abs(apart)) < 2 * step:
            return Walk(points, passed, CLOSED)
        here = new
        if steps <= 4 and angle > (1 + _TURN) / 2:
            step = min(1.5 * step, longest)
    end = (
        f"was given up after {max_points} points at {curve.named(here.u)}: raise "
        "`max_points` to follow it further"
    )
    return Walk(points, passed, end, True)


def _lost(curve: AbstractCurve, here: Point) -> str:
    """Why there is no next point."""
    return (
        f"was lost at {curve.named(here.u)}: however short the step, Newton's method "
        "found no next point, or the branch has a corner there"
    )


def _land(curve: AbstractCurve, here: Point, beyond: Point) -> Point | None:
    """The point between two at which the parameter is at a bound."""
    share = np.clip(np.round(beyond.u[-1]), 0, 1)
    guess = here.u + (share - here.u[-1]) / (beyond.u[-1] - here.u[-1]) * (beyond.u - here.u)
    guess[-1] = share
    new, _ = meet(curve, guess, upwards(guess))
    return None if new is None else new.facing(here.tangent)


def upwards(u: np.ndarray) -> np.ndarray:
    """The direction of the parameter."""
    way = np.zeros_like(u)
    way[-1] = 1
    return way


def between(curve: AbstractCurve, here: Point, new: Point, share: float) -> Point | None:
    """The point that share of the way from one to the next, by Hermite's cubic, which is so near to
    the branch that no other branch is nearer."""
    length = np.linalg.norm(new.u - here.u)
    a, b = share**2 * (3 - 2 * share), share * (1 - share)
    guess = (1 - a) * here.u + a * new.u
    guess = guess + length * b * ((1 - share) * here.tangent - share * new.tangent)
    along = 6 * b * (new.u - here.u)
    along = along + length * (1 - share) * (1 - 3 * share) * here.tangent
    along = along + length * share * (3 * share - 2) * new.tangent
    return meet(curve, guess, along / np.linalg.norm(along))[0]


def _passed(curve: AbstractCurve, here: Point, new: Point) -> list[Bifurcation]:
    """The bifurcations between two points, which are where the signature changes."""
    length = float(np.linalg.norm(new.u - here.u))
    # A growth that counts and a parameter that turns change at one place only up to rounding.
    aside = min(curve.rounding**0.4 / length, 0.1)
    clear, signature = 0.0, here.signature
    passed = []
    while clear < 1 and signature != new.signature:
        first, last = clear, 1.0
        for _ in range(int(-np.log2(curve.rounding))):
            middle = (first + last) / 2
            point = between(curve, here, new, middle)
            if point is not None and point.signature == signature:
                first = middle
            else:
                last = middle
        shares = [min(max(first + d, 0), 1) for d in (-aside, 0, aside)]
        before, at, after = (between(curve, here, new, share) for share in shares)
        if before is None or at is None or after is None:
            break
        found = _bifurcation(curve, (here, before, at, after, new))
        if found is not None:
            passed.append(found)
        clear, signature = shares[-1], after.signature
    return passed


def _bifurcation(
    curve: AbstractCurve, points: tuple[Point, Point, Point, Point, Point]
) -> Bifurcation | None:
    """What happens at a point, from what changes around it, and further away."""
    here, before, at, after, new = points
    grow = before.growing != after.growing
    turn = before.signature[1] != after.signature[1]
    if not grow and not turn:
        return None
    more = max(before, after, key=lambda point: point.growing)
    i = more.growing - 1 if grow else int(np.argmin(np.abs(np.real(at.exponents))))
    if not turn and min(np.real(here.exponents)[i], np.real(new.exponents)[i]) > 0:
        return None  # what grew already, but less than rounding could tell
    kind = crossing(more.exponents[i], curve.unit)
    if kind == "real":
        kind = "fold" if grow and turn else curve.branching(at)
    return bifurcation(curve, kind, at, complex(at.exponents[i]))


def bifurcation(curve: AbstractCurve, kind: str, at: Point, exponent: complex) -> Bifurcation:
    """A bifurcation of a known kind, by the exponent that crosses."""
    u = jnp.asarray(at.u)
    state, lowest, highest, period, turn = seen(curve, u)
    exponent = complex(exponent.real, abs(exponent.imag))
    coefficient = curve.coefficient(kind, at, exponent)
    tangent = curve.unscaled(jnp.asarray(at.tangent))
    return Bifurcation(
        kind,
        curve.parameter(u),
        state,
        period,
        lowest,
        highest,
        jnp.asarray(exponent / float(turn), at.exponents.dtype),
        jnp.asarray(coefficient / float(turn), u.dtype),
        tangent / jnp.linalg.norm(tangent),
    )


@compiled
def seen(
    curve: AbstractCurve, u: Float[Array, " u"]
) -> tuple[State, Players, Players, Array, Array]:
    """The state, the extremes of the cycle, its period, and the time of a turn."""
    return curve.state(u), *curve.extremes(u), curve.period(u), curve.turn(u)
