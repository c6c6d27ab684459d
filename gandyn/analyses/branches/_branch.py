"""Branches: curves of solutions of F(u) = 0, one unknown more than equations, followed and watched.

From a point u on one and its tangent t the next point solves

    F(u') = 0,    t . (u' - u) = s,

so that s, about the length along the curve, is the coordinate and not the parameter, the last of
the coordinates, of which a curve need not be a function. Every coordinate is measured in units of
where the branch is; a step is as long as Newton's method and the straightness of the curve allow,
up to those units, and up to a part of the bounds.

Where the disturbances that grow, or the sign of dp/ds, are not the same at two points, bisection in
s locates the change. How many grow does not tell: one exponent may cross upwards and another one
downwards. With P the projector onto what grows, along what does not, trace(P P') is their number as
long as they are the same, and one less for each that another one has replaced. Keller, "Numerical
solution of bifurcation and nonlinear eigenvalue problems", 1977; Kuznetsov, "Elements of Applied
Bifurcation Theory", chapter 10.
"""

import abc
import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Bool, Complex, Float, Int
from tqdm import tqdm

from ... import _numerics as numerics
from ..._compiled import compiled_with
from ..._phase import State
from ..._result import Result
from ..._types import Players
from ._edge import Make, crossing

_NEWTON = 12  # steps of Newton's method for one point
_FAR = 1.0  # the longest step, in units of the sizes of the coordinates
_FIRST = 0.5  # the first step, in units of the longest
_SMALLEST = 1e-9  # a step along the branch
_STRAIGHT = 0.9  # the least cosine of the angle between the tangents at both ends of a step
_ASIDE = 0.3  # how far from its tangent the branch may be after a step, in units of the step

CLOSED = "closed on itself"

Seen = tuple[Float[Array, " m"], Float[Array, "m u"], Complex[Array, " mode"], Float[Array, " n"]]
End = tuple[str, list["Point"], list["Bifurcation"]]


class Bifurcation(Result):
    """A point of a branch at which stability changes, or the branch turns back or meets another.

    **Fields:**

    - `kind`: "fold", "pitchfork", "transcritical", "branch point" (where an exponent passes 0 and
      neither is told by the second and third derivatives, where several do, and on a branch of
      cycles of a flow), "Hopf", "Neimark-Sacker" (of cycles: a torus) or "period doubling";
      "several" where exponents cross in different ways at once.
    - `parameter`: where it is.
    - `state`: the equilibrium there, or a point on the cycle; `players` are its players.
    - `period`: of the cycle; 0 for an equilibrium.
    - `low`, `high`: how far each coordinate of the players goes along the cycle; for an
      equilibrium, the players.
    - `exponent`: the one that crosses: growth (about 0) and turn, per step or unit of time.
    - `crossing`: how many exponents are on the edge there: one, or a pair; more where several cross
      together, which symmetries make them do, or where one more is neutral all along.
    - `coefficient`: what becomes of the growth at a distance, to lowest order: a disturbance r v,
      or r (e^{i a} v + e^{-i a} v*) if it turns, with v of length 1, grows at the rate
      `coefficient` r^2 per step or unit of time. Of a Hopf bifurcation it is the first Lyapunov
      coefficient times the angular velocity. nan where it has no meaning (folds, transcritical
      bifurcations, all on cycles of flows), where more than one or a pair are on the edge, of which
      no single one says what becomes of the others, and where the one of a Neimark-Sacker
      bifurcation does not exist, at a third of a turn per step.
    - `tangent`: of the branch there, of length 1, in the coordinates of the state, the parameter,
      and between them, for cycles of a flow, the logarithm of the period.
    - `unit`: "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "parameter": (),
        "period": (),
        "exponent": (),
        "crossing": (),
        "coefficient": (),
    }
    partial: ClassVar[tuple[str, ...]] = ("coefficient",)

    kind: str = eqx.field(static=True)
    parameter: Float[Array, ""]
    state: State
    period: Float[Array, ""]
    low: Players
    high: Players
    exponent: Complex[Array, ""]
    crossing: Int[Array, ""]
    coefficient: Float[Array, ""]
    tangent: Float[Array, " u"]
    unit: str = eqx.field(static=True)

    @property
    def players(self) -> Players:
        """The players there."""
        return self.state.players

    @property
    def simple(self) -> bool:
        """Whether only one exponent is on the edge, or a pair."""
        return int(self.crossing) <= (2 if _turns(self.kind) else 1)

    @property
    def supercritical(self) -> Bool[Array, ""]:
        """Whether what is born is stable, if nothing else grows: the coefficient is negative. False
        as well where there is no coefficient."""
        return self.coefficient < -numerics.solved(self.coefficient.dtype)


class AbstractCurve(eqx.Module):
    """A curve F(u) = 0, u = (x / scale, ..., (p - zero) / (high - low)), in states and a parameter,
    with a unit for each coordinate of the state; `zero` is 0, or the bound next to it.

    Exponents are per `return_time` here: that of the cycle, and for equilibria the unit.
    """

    make: eqx.AbstractVar[Make]
    low: eqx.AbstractVar[Float[Array, ""]]
    high: eqx.AbstractVar[Float[Array, ""]]
    scale: eqx.AbstractVar[Float[Array, " n"]]

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
    def return_time(self, u: Float[Array, " u"]) -> Float[Array, ""]:
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
        """See `Bifurcation`; per `return_time`."""

    @abc.abstractmethod
    def ended(self, here: "Point", new: "Point") -> End | None:
        """Whether the branch ends between two points for a reason of its own: which, and the
        points and bifurcations up to there."""

    def scaled(self, direction: np.ndarray) -> np.ndarray:
        """A direction in the coordinates of u."""
        return direction / np.asarray(self.unscaled(jnp.ones(len(direction), direction.dtype)))

    def in_units_of(self, other: "AbstractCurve", u: np.ndarray) -> np.ndarray:
        """The u, or the direction, that is another curve's."""
        ratio = np.ones_like(u)
        ratio[: len(self.scale)] = np.asarray(other.scale) / np.asarray(self.scale)
        return u * ratio

    def at(self, u: np.ndarray) -> "AbstractCurve":
        """The curve in units of a point on it: 1 + |x|, for each coordinate its own."""
        scale = sizes(self.scale * u[: len(self.scale)])
        return eqx.tree_at(lambda curve: curve.scale, self, scale)

    @property
    def zero(self) -> Float[Array, ""]:
        """From where the parameter is measured: near 0 it would be known no better otherwise."""
        return jnp.clip(jnp.zeros_like(self.low), self.low, self.high)

    def parameter(self, u: Float[Array, "*batch u"]) -> Float[Array, "*batch"]:
        return self.zero + u[..., -1] * (self.high - self.low)

    def share(self, p: Float[Array, ""]) -> Float[Array, ""]:
        """The last coordinate of u."""
        return (p - self.zero) / (self.high - self.low)

    @property
    def ends(self) -> tuple[float, float]:
        """The last coordinate of u at the bounds."""
        return float(self.share(self.low)), float(self.share(self.high))

    def named(self, u: np.ndarray) -> str:
        """The parameter in words."""
        return f"{float(self.parameter(jnp.asarray(u))):g}"


def sizes(x: Float[Array, " n"]) -> Float[Array, " n"]:
    """In what each coordinate of a state is measured near a state."""
    return 1 + jnp.abs(x)


class Point(eqx.Module):
    """A point of a branch on the host: the curve in whose units it is, where it is, the unit
    tangent there, the derivative of F, the exponents, how many disturbances grow, and along what x
    is free to slide."""

    curve: AbstractCurve
    u: np.ndarray
    tangent: np.ndarray
    matrix: np.ndarray
    exponents: np.ndarray
    growing: int
    along: np.ndarray

    @property
    def rising(self) -> bool:
        """Whether the parameter increases along the branch."""
        return bool(self.tangent[-1] > 0)

    def like(self, other: "Point") -> bool:
        """Whether no bifurcation need lie between two points, as far as they tell."""
        alike = self.growing == other.growing and self.rising == other.rising
        return alike and not self.replaced(other)

    def replaced(self, other: "Point") -> int:
        """How many of what grows, as many here as at another point, do not grow there."""
        if self.growing in (0, len(self.exponents)) or self.growing != other.growing:
            return 0
        p, q = self.projector, other.projector
        return 0 if p is None or q is None else self.growing - round(float(np.sum(p * q.T)))

    @functools.cached_property
    def projector(self) -> np.ndarray | None:
        """That onto what grows, along what does not, both across what x is free to slide along;
        `None` where these are not told by the derivative of F, as at walls, or not told apart."""
        n, k, steps = len(self.curve.scale), self.growing, self.curve.unit == "step"
        edge = decided(self.exponents, self.curve.rounding)
        edge = np.exp(edge) if steps else edge
        across = scipy.linalg.null_space(np.asarray(self.along[None], float))
        linear = across.T @ np.asarray(self.matrix[:n, :n], float) @ across
        linear = linear + steps * np.eye(len(linear))
        try:
            sorted_: Any = scipy.linalg.schur(
                linear, sort=lambda re, im: (np.hypot(re, im) if steps else re) > edge
            )
        except np.linalg.LinAlgError:
            return None
        t, z, found = sorted_
        if found != k:
            return None
        aside = scipy.linalg.solve_sylvester(t[:k, :k], -t[k:, k:], t[:k, k:])
        z = across @ z
        return z[:, :k] @ np.hstack([np.eye(k), aside]) @ z.T

    def facing(self, way: np.ndarray) -> "Point":
        """With the tangent to the same side as a direction."""
        sign = -1 if np.sum(self.tangent * way) < 0 else 1
        return eqx.tree_at(lambda point: point.tangent, self, sign * self.tangent)

    def on(self, curve: AbstractCurve) -> "Point | None":
        """The same point in other units."""
        u, way = (curve.in_units_of(self.curve, v) for v in (self.u, self.tangent))
        return meet(curve, u, way / np.linalg.norm(way))[0]

    def in_its_units(self) -> "Point":
        """The same point in units of where it is, if its own are others by more than a factor 2."""
        curve = self.curve.at(self.u)
        ratio = np.asarray(curve.scale) / np.asarray(self.curve.scale)
        if np.all((ratio <= 2) & (ratio >= 0.5)):
            return self
        return self.on(curve) or self


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
    found = _meet(curve, jnp.asarray(guess), jnp.asarray(normal))
    u, tangent, matrix, exponents, along, steps, converged = (np.asarray(x) for x in found)
    if not converged:
        return None, int(steps)
    growing = int(np.sum(np.real(exponents) > decided(exponents, curve.rounding)))
    return Point(curve, u, tangent, matrix, exponents, growing, along), int(steps)


def decided(exponents: np.ndarray, rounding: float) -> float:
    """The growth beyond which exponents are not taken for neutral."""
    sizes = np.abs(exponents[np.isfinite(exponents)])
    return max(rounding**0.75, 100 * rounding * float(sizes.max(initial=0)))


@compiled_with("little")
def _meet(
    curve: AbstractCurve, guess: Float[Array, " u"], normal: Float[Array, " u"]
) -> tuple[Array, Array, Array, Array, Array, Int[Array, ""], Bool[Array, ""]]:
    def look(u: Array) -> tuple[Array, ...]:
        value, matrix, exponents, along = curve.look(u)
        rest = jnp.append(value, jnp.sum(normal * (u - guess)))
        return jnp.concatenate([matrix, normal[None]]), rest, exponents, along

    def step(carried: tuple, i: Array) -> tuple[tuple, Array]:
        u, du, _, _ = carried
        u = u - du
        seen = look(u)
        change = jnp.where(i == 0, jnp.inf, jnp.max(jnp.abs(du)))
        return (u, solve(seen[0], seen[1]), seen, change), change

    # What is returned was seen at the last point, from which the next step would be rounding.
    nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(look, guess))
    far = jnp.asarray(jnp.inf, guess.dtype)
    start = (guess, jnp.zeros_like(guess), nothing, far)
    (u, _, seen, change), looks = numerics.newton(step, start, _NEWTON + 1)
    matrix, _, exponents, along = seen
    tangent = solve(matrix, jnp.zeros_like(u).at[-1].set(1))
    tangent = tangent / jnp.linalg.norm(tangent)
    # Beside a branch point the last steps are no smaller than the root of rounding.
    small = change <= 10 * numerics.half_the_digits(u.dtype)
    converged = jnp.all(jnp.isfinite(jnp.append(u, tangent))) & small
    return u, tangent, matrix[:-1], exponents, along, looks - 1, converged


def walk(origin: Point, resolution: int, max_points: int, shown: tqdm) -> Walk:
    """Along the branch, the way the tangent of a point points, until it ends; every point is
    shown."""
    here = origin.in_its_units()
    curve = here.curve
    step = _FIRST * _longest(here, resolution)
    points, passed = [], []
    while len(points) < max_points:
        step = min(step, _longest(here, resolution))
        new, steps = _next(here, step)
        if new is None:
            step /= 2
            if step < _SMALLEST:
                return Walk(points, passed, _lost(curve, here), True)
            continue
        end = curve.ended(here, new)
        if end is not None:
            words, last, found = end
            return Walk(points + last, passed + found, words)
        around = _returned(origin, here, new) if len(points) > 2 else None
        if around is not None:
            return Walk([*points, around], passed + _passed(here, around), CLOSED)
        passed += _passed(here, new)
        points.append(new)
        shown.set_postfix_str(curve.named(new.u), refresh=False)
        shown.update()
        if new.u[-1] in curve.ends:
            bound = curve.low if new.u[-1] == curve.ends[0] else curve.high
            return Walk(points, passed, f"left the bounds at {float(bound):g}")
        if steps <= 4 and np.sum(here.tangent * new.tangent) > (1 + _STRAIGHT) / 2:
            step *= 1.5
        here = new.in_its_units()
        curve = here.curve
    end = (
        f"was given up after {max_points} points at {curve.named(here.u)}: raise "
        "`max_points` to follow it further"
    )
    return Walk(points, passed, end, True)


def _longest(here: Point, resolution: int) -> float:
    """The longest step: so that the parameter passes its bounds in no fewer than `resolution`, and
    no coordinate outgrows itself."""
    return float(min(_FAR, 1 / (resolution * max(abs(here.tangent[-1]), 1e-9))))


def _next(here: Point, step: float) -> tuple[Point | None, int]:
    """The point a step further, or at the bound of the parameter before that, if the branch goes
    there as straight as a step must be."""
    guess = here.u + step * here.tangent
    low, high = here.curve.ends
    new, steps = None, 0
    if low < guess[-1] < high:
        new, steps = meet(here.curve, guess, here.tangent)
    ahead = guess if new is None else new.u
    if not low < ahead[-1] < high:
        new = _land(here, ahead)
    if new is None or np.sum(here.tangent * new.tangent) < _STRAIGHT:
        return None, steps
    apart = new.u - here.u
    ahead = np.sum(apart * here.tangent)
    aside = np.linalg.norm(apart - ahead * here.tangent)
    return (new if 0 < ahead <= 2 * step and aside <= _ASIDE * step else None), steps


def _returned(origin: Point, here: Point, new: Point) -> Point | None:
    """The point that a branch started from, if it lies between two points."""
    curve = here.curve
    u, way = (curve.in_units_of(origin.curve, v) for v in (origin.u, origin.tangent))
    apart, length = u - here.u, np.linalg.norm(new.u - here.u)
    ahead = np.sum(apart * here.tangent)
    aside = np.linalg.norm(apart - ahead * here.tangent)
    facing = np.sum(way * here.tangent) > (2 * _STRAIGHT - 1) * np.linalg.norm(way)
    if not (facing and 0 < ahead <= length and aside <= _ASIDE * length):
        return None
    back = np.sum((u - new.u) * new.tangent)
    return origin.on(curve) if back <= 0 else None


def _lost(curve: AbstractCurve, here: Point) -> str:
    """Why there is no next point."""
    return (
        f"was lost at {curve.named(here.u)}: however short the step, Newton's method "
        "found no next point, or the branch has a corner there"
    )


def _land(here: Point, beyond: np.ndarray) -> Point | None:
    """The point at the bound of the parameter between a point and a place beyond it."""
    share = np.clip(beyond[-1], *here.curve.ends)
    if here.u[-1] == share:
        return None
    guess = here.u + (share - here.u[-1]) / (beyond[-1] - here.u[-1]) * (beyond - here.u)
    guess[-1] = share
    new, _ = meet(here.curve, guess, upwards(guess))
    if new is None:
        return None
    u = np.append(new.u[:-1], share)
    return eqx.tree_at(lambda point: point.u, new, u).facing(here.tangent)


def upwards(u: np.ndarray) -> np.ndarray:
    """The direction of the parameter."""
    way = np.zeros_like(u)
    way[-1] = 1
    return way


def between(here: Point, new: Point, share: float) -> Point | None:
    """The point that share of the way from one to the next, by Hermite's cubic, which is so near to
    the branch that no other branch is nearer."""
    length = np.linalg.norm(new.u - here.u)
    a, b = share**2 * (3 - 2 * share), share * (1 - share)
    guess = (1 - a) * here.u + a * new.u
    guess = guess + length * b * ((1 - share) * here.tangent - share * new.tangent)
    along = 6 * b * (new.u - here.u)
    along = along + length * (1 - share) * (1 - 3 * share) * here.tangent
    along = along + length * share * (3 * share - 2) * new.tangent
    return meet(here.curve, guess, along / np.linalg.norm(along))[0]


def last_share(
    here: Point, new: Point, before: Callable[[Point], Any], halvings: int, first: float = 0.0
) -> float:
    """About the last share of the way from one point to the next, by bisection, at which something
    has not happened yet."""
    last = 1.0
    for _ in range(halvings):
        middle = (first + last) / 2
        point = between(here, new, middle)
        if point is not None and before(point):
            first = middle
        else:
            last = middle
    return first


def _passed(here: Point, new: Point) -> list[Bifurcation]:
    """The bifurcations between two points, which are where they cease to be alike."""
    curve = here.curve
    length = float(np.linalg.norm(new.u - here.u))
    # A growth that counts and a parameter that turns change at one place only up to rounding.
    aside = min(curve.rounding**0.4 / length, 0.1)
    clear, last = 0.0, here
    passed = []
    while clear < 1 and not last.like(new):
        place = last_share(here, new, last.like, int(-np.log2(curve.rounding)), clear)
        shares = [min(max(place + d, 0), 1) for d in (-aside, 0, aside)]
        before, at, after = (between(here, new, share) for share in shares)
        if before is None or at is None or after is None:
            break
        found = _bifurcation(curve, (here, before, at, after, new))
        if found is not None:
            passed.append(found)
        clear, last = shares[-1], after
    return passed


def _bifurcation(
    curve: AbstractCurve, points: tuple[Point, Point, Point, Point, Point]
) -> Bifurcation | None:
    """What happens at a point, from what changes around it, and further away."""
    here, before, at, after, new = points
    if before.like(after):
        return None
    grow, fold = before.growing != after.growing, before.rising != after.rising
    less, more = sorted((before, after), key=lambda point: point.growing)
    i = more.growing - 1 if grow else int(np.argmin(np.abs(np.real(at.exponents))))
    ends = np.real(here.exponents)[i], np.real(new.exponents)[i]
    if grow and not fold and not here.replaced(new) and min(ends) > 0:
        return None  # what grew already, but less than rounding could tell
    exponent = complex(at.exponents[i])
    edge = _edge(curve, at, exponent)
    crossed = more.exponents[less.growing : more.growing] if grow else at.exponents[edge]
    kinds = {crossing(e, curve.unit) for e in crossed}
    kind = crossing(more.exponents[i], curve.unit) if len(kinds) < 2 else "several"
    count = max(more.growing - less.growing, int(edge.sum()))
    if kind == "real" and grow and fold:
        kind = "fold"
    elif kind == "real":
        kind = curve.branching(at) if count == 1 else "branch point"
    return bifurcation(curve, kind, at, exponent, count)


def _edge(curve: AbstractCurve, at: Point, exponent: complex) -> np.ndarray:
    """Which exponents at a point are as near to the edge as the one that crosses it there."""
    sizes = np.abs(at.exponents[np.isfinite(at.exponents)])
    scale = max(1.0, sizes.max(initial=0)) if curve.unit == "step" else sizes.max(initial=0)
    near = max(curve.rounding**0.75 * scale, 10 * abs(exponent.real))
    return np.abs(np.real(at.exponents)) <= near


def _turns(kind: str) -> bool:
    return kind in ("Hopf", "Neimark-Sacker")


def bifurcation(
    curve: AbstractCurve, kind: str, at: Point, exponent: complex, count: int = 0
) -> Bifurcation:
    """A bifurcation of a known kind, by an exponent that crosses: one of `count`, or of more."""
    u = jnp.asarray(at.u)
    state, lowest, highest, period, time = seen(curve, u)
    exponent = complex(exponent.real, abs(exponent.imag))
    one = 2 if _turns(kind) else 1
    count = max(count, one, int(_edge(curve, at, exponent).sum()))
    coefficient = curve.coefficient(kind, at, exponent) if count == one else float("nan")
    tangent = curve.unscaled(jnp.asarray(at.tangent))
    return Bifurcation(
        kind,
        curve.parameter(u),
        state,
        period,
        lowest,
        highest,
        jnp.asarray(exponent / float(time), at.exponents.dtype),
        jnp.asarray(count),
        jnp.asarray(coefficient / float(time), u.dtype),
        tangent / jnp.linalg.norm(tangent),
        curve.make(curve.low).unit,
    )


@compiled_with("little")
def seen(
    curve: AbstractCurve, u: Float[Array, " u"]
) -> tuple[State, Players, Players, Array, Array]:
    """The state, the extremes of the cycle, its period, and the time that exponents are per."""
    return curve.state(u), *curve.extremes(u), curve.period(u), curve.return_time(u)
