"""Continuation: a branch of equilibria followed through a hyper-parameter, around its folds.

The equilibria of a family of dynamics with residual F(x, p) - f for a flow, F(x) - x for a rule -
form curves in (x, p). From a point u on one and its tangent t the next point solves

    F(u') = 0,    t . (u' - u) = s,

so that s, about the length along the curve, is the coordinate and not p, of which a curve need not
be a function. Where the number of growing disturbances or the sign of dp/ds changes between two
points, bisection in s locates the change. Keller, "Numerical solution of bifurcation and nonlinear
eigenvalue problems", 1977; Kuznetsov, "Elements of Applied Bifurcation Theory", chapter 10.
"""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from .. import _checks as checks
from .._phase import State, coordinates
from .._result import Result
from .._types import Key, Number, Players
from ._edge import Make, crossing, interval, is_make, neutral, settled
from ._equilibrium import equilibrium
from ._spectrum import spectrum

_NEWTON = 12  # steps of Newton's method for one point
_SMALLEST = 1e-7  # a step along the branch, in units of the longest
_TURN = 0.9  # the cosine of the angle by which the branch may turn within a step


class Bifurcation(Result):
    """A point of a branch at which stability changes, or the branch turns back or meets another.

    **Fields:**

    - `kind`: "fold", "pitchfork", "transcritical", "branch point" (where an exponent passes 0 and
      neither is told by the second and third derivatives), "Hopf", "Neimark-Sacker" or "period
      doubling".
    - `parameter`: where it is.
    - `players`: the equilibrium there.
    - `exponent`: the one that crosses: growth (about 0) and turn.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {"parameter": (), "exponent": ()}

    kind: str = eqx.field(static=True)
    parameter: Float[Array, ""]
    players: Players
    exponent: Complex[Array, ""]


class Continuation(Result):
    """A branch of equilibria, stable or not, in the order in which it runs.

    **Fields:**

    - `parameter`: of each point; it need not increase.
    - `players`: of each point; every leaf has a leading axis for them.
    - `exponents`: the spectrum at each, complex, fastest growing first, per `unit`.
    - `bifurcations`: what was passed, in order.
    - `ends`: in words, why the branch was not followed beyond its first and its last point.
    - `unit`: "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "parameter": ("point",),
        "players": ("point",),
        "exponents": ("point", "mode"),
    }

    parameter: Float[Array, " point"]
    players: Players
    exponents: Complex[Array, "point mode"]
    bifurcations: tuple[Bifurcation, ...]
    ends: tuple[str, str] = eqx.field(static=True)
    unit: str = eqx.field(static=True)

    @property
    def stable(self) -> Bool[Array, " point"]:
        """Whether all disturbances decay, faster than rounding could tell."""
        growth = jnp.max(self.exponents.real, axis=-1)
        return growth < -neutral(growth.dtype)


def continuation(
    make: Make,
    players: Players | State,
    bounds: Any,
    start: Number | None = None,
    key: Key = None,
    resolution: int = 50,
    max_points: int = 2000,
) -> Continuation:
    """The branch of equilibria through a given one, as a hyper-parameter varies; not to be traced.

    It is followed, around folds, until the parameter leaves the bounds, the branch closes on
    itself, or no next point is found. Bifurcations are located to half the digits or better. Two
    that lie within one step and undo each other's trace are missed, as they are with any method
    that looks at points: a larger `resolution` tells them apart. At a branch point it goes on
    along the same branch; start on the other one to follow that.

    **Arguments:**

    - `make`: the dynamics, a rule or a flow, for each value: `lambda h: simultaneous(game, h)`.
    - `players`: the equilibrium at `start`, or near it, or a `State`.
    - `bounds`: `(low, high)` of the parameter.
    - `start`: where the branch is entered, by default the lower bound. From within the bounds it
      is followed both ways. Not where it turns back, or meets another.
    - `key`: one realisation of everything random.
    - `resolution`: how many points, at least, a branch has from one bound to the other.
    - `max_points`: when to give up, either way.

    **Raises:** `ValueError` if there is no equilibrium near `players` to start from.

    **Warns:** if the branch ends within the bounds.
    """
    low, high = interval("bounds", bounds)
    if start is None:
        start = low
    else:
        start = checks.number("start", start, low=float(low), high=float(high))
    first = settled(is_make(make)(start), players, key)
    found = equilibrium(make(start), first, key)
    if not found.converged:
        raise ValueError(
            f"there is no equilibrium near `players` at the parameter {float(start):g}, from which "
            f"to follow a branch: the root finder ended with a residual of {found.residual:.2g}. "
            "Give players nearer to one, or another `start`."
        )
    resolution = checks.count("resolution", resolution)
    max_points = checks.count("max_points", max_points)
    x, _ = coordinates(found.state)
    scale = 1 + jnp.max(jnp.abs(x), initial=0)
    ends = low.astype(x.dtype), high.astype(x.dtype)
    branch = _Branch(make, found.state, scale, ends[0], ends[1], key)
    origin = _look(branch, branch.point(x, start), branch.upwards)
    if not np.all(np.isfinite(origin.tangent)):
        raise ValueError(
            f"the branch has no direction at the parameter {float(start):g}: the dynamics has no "
            "derivative there."
        )
    down = up = _Walk([], [], f"started at {float(start):g}")
    if start > low:
        down = _walk(branch, origin, -1, resolution, max_points)
    if start < high and down.end != _CLOSED:
        up = _walk(branch, origin, 1, resolution, max_points)
    elif down.end == _CLOSED:
        up = _Walk([], [], _CLOSED)
    for walk in (down, up):
        if walk.broken:
            warnings.warn(f"the branch {walk.end}.", stacklevel=2)

    points = [*down.points[::-1], origin, *up.points]
    us = jnp.stack([point.u for point in points])
    return Continuation(
        branch.parameter(us).astype(low.dtype),
        jax.vmap(lambda u: branch.state(u).players)(us),
        jnp.stack([point.exponents for point in points]),
        (*down.bifurcations[::-1], *up.bifurcations),
        (down.end, up.end),
        make(start).unit,
    )


class _Branch(eqx.Module):
    """The curve F(x, p) = 0 in the coordinates u = (x / scale, (p - low) / (high - low))."""

    make: Make
    like: State
    scale: Float[Array, ""]
    low: Float[Array, ""]
    high: Float[Array, ""]
    key: Key

    def point(self, x: Float[Array, " n"], p: Number) -> Float[Array, " u"]:
        share = (p.astype(x.dtype) - self.low) / (self.high - self.low)
        return jnp.append(x / self.scale, share)

    def parameter(self, u: Float[Array, "*batch u"]) -> Float[Array, "*batch"]:
        return self.low + u[..., -1] * (self.high - self.low)

    def state(self, u: Float[Array, " u"]) -> State:
        return coordinates(self.like)[1](u[:-1] * self.scale)

    def residual(self, u: Float[Array, " u"]) -> Float[Array, " n"]:
        state = self.make(self.parameter(u)).residual(self.state(u), self.key)
        return coordinates(state)[0]

    def exponents(self, u: Float[Array, " u"]) -> Complex[Array, " mode"]:
        return spectrum(self.make(self.parameter(u)), self.state(u), self.key).exponents

    @property
    def upwards(self) -> Float[Array, " u"]:
        """The direction of the parameter."""
        x, _ = coordinates(self.like)
        return jnp.append(jnp.zeros_like(x), jnp.ones((), x.dtype))


class _Point(eqx.Module):
    """A point of a branch, the unit tangent there, the spectrum, and what bifurcations change."""

    u: Float[Array, " u"]
    tangent: Float[Array, " u"]
    exponents: Complex[Array, " mode"]
    signature: Int[Array, "2"]  # how many disturbances grow, and whether the parameter does


class _Walk(eqx.Module):
    """The points of a branch one way, without the first, and why it ended."""

    points: list[_Point]
    bifurcations: list[Bifurcation]
    end: str
    broken: bool = False


_CLOSED = "closed on itself"


@eqx.filter_jit
def _look(branch: _Branch, u: Array, along: Array) -> _Point:
    """What there is at a point, the tangent in the direction of another one."""
    matrix = jnp.concatenate([jax.jacfwd(branch.residual)(u), along[None]])
    tangent = _solve(matrix, jnp.zeros_like(u).at[-1].set(1))
    tangent = tangent / jnp.linalg.norm(tangent)
    exponents = branch.exponents(u)
    growing = jnp.sum(exponents.real > neutral(u.dtype))
    return _Point(u, tangent, exponents, jnp.stack([growing, (tangent[-1] > 0).astype(int)]))


def _solve(matrix: Float[Array, "n n"], y: Float[Array, " n"]) -> Float[Array, " n"]:
    """The shortest solution, which there is even at a branch point, or in a plane of equilibria."""
    matrix = jnp.where(jnp.isfinite(matrix), matrix, jnp.nan)
    return jnp.linalg.lstsq(matrix, y)[0]


@eqx.filter_jit
def _correct(
    branch: _Branch, guess: Array, normal: Array
) -> tuple[Float[Array, " u"], Int[Array, ""], Bool[Array, ""]]:
    """The point of the branch in the plane through a guess, in how many steps, and whether it is
    one."""
    eps = float(jnp.finfo(guess.dtype).eps)

    def step(carried: tuple) -> tuple:
        u, _, i = carried
        matrix = jnp.concatenate([jax.jacfwd(branch.residual)(u), normal[None]])
        rest = jnp.append(branch.residual(u), jnp.sum(normal * (u - guess)))
        du = _solve(matrix, rest)
        return u - du, jnp.max(jnp.abs(du)), i + 1

    def unfinished(carried: tuple) -> Array:
        return (carried[1] > eps**0.75) & (carried[2] < _NEWTON)

    start = (guess, jnp.asarray(jnp.inf, guess.dtype), jnp.asarray(0))
    u, change, steps = jax.lax.while_loop(unfinished, step, start)
    # Beside a branch point the last steps are no smaller than the root of rounding.
    return u, steps, jnp.all(jnp.isfinite(u)) & (change <= 10 * eps**0.5)


@eqx.filter_jit
def _advance(
    branch: _Branch, point: _Point, step: Array
) -> tuple[_Point, Int[Array, ""], Bool[Array, ""]]:
    """The next point, the steps that it took to correct it, and whether it is one."""
    u, steps, found = _correct(branch, point.u + step * point.tangent, point.tangent)
    new = _look(branch, u, point.tangent)
    return new, steps, found & jnp.all(jnp.isfinite(new.tangent))


def _walk(branch: _Branch, origin: _Point, sign: int, resolution: int, max_points: int) -> _Walk:
    """Along the branch until it ends."""
    here = origin = _look(branch, origin.u, sign * origin.tangent)
    longest = 1 / resolution
    step = longest / 10
    points, passed = [], []
    while len(points) < max_points:
        new, steps, found = _advance(branch, here, jnp.asarray(step, here.u.dtype))
        angle = float(jnp.sum(here.tangent * new.tangent))
        if not found or angle < _TURN:
            step /= 2
            if step < _SMALLEST * longest:
                return _Walk(points, passed, _lost(branch, here), True)
            continue
        share = float(new.u[-1])
        outside = not 0 <= share <= 1
        if outside:
            nearest = jnp.clip(jnp.round(new.u[-1]), 0, 1)
            new, found = _land(branch, here, new, nearest)
            if not found:
                return _Walk(points, passed, _lost(branch, here), True)
        passed += _passed(branch, here, new)
        points.append(new)
        if outside:
            bound = branch.low if share < 0 else branch.high
            return _Walk(points, passed, f"left the bounds at {float(bound):g}")
        apart = new.u - origin.u
        ahead = float(jnp.sum(apart * origin.tangent))
        if len(points) > 2 and 0 <= ahead < 2 * step and jnp.max(jnp.abs(apart)) < 2 * step:
            return _Walk(points, passed, _CLOSED)
        here = new
        if steps <= 4 and angle > (1 + _TURN) / 2:
            step = min(1.5 * step, longest)
    end = (
        f"was given up after {max_points} points at {float(branch.parameter(here.u)):g}: raise "
        "`max_points` to follow it further"
    )
    return _Walk(points, passed, end, True)


def _lost(branch: _Branch, here: _Point) -> str:
    """Why there is no next point."""
    return (
        f"was lost at {float(branch.parameter(here.u)):g}: however short the step, Newton's method "
        "found no next point, or the branch has a corner there"
    )


@eqx.filter_jit
def _land(
    branch: _Branch, here: _Point, beyond: _Point, share: Array
) -> tuple[_Point, Bool[Array, ""]]:
    """The point between two at which the parameter is at a bound."""
    part = (share - here.u[-1]) / (beyond.u[-1] - here.u[-1])
    guess = (here.u + part * (beyond.u - here.u)).at[-1].set(share)
    u, _, found = _correct(branch, guess, branch.upwards)
    return _look(branch, u, here.tangent), found


@eqx.filter_jit
def _change(
    branch: _Branch, here: _Point, new: _Point, first: Array, signature: Array
) -> tuple[Float[Array, ""], _Point]:
    """Where the signature first changes between two points, `first` of the way being clear: the
    share of the way that is clear then, and the points a little before, at and a little beyond it.
    """
    eps = float(jnp.finfo(first.dtype).eps)
    length = jnp.linalg.norm(new.u - here.u)

    def arc(share: Array) -> Array:
        """Hermite's cubic, so near to the branch that no other branch is nearer."""
        a, b = share**2 * (3 - 2 * share), share * (1 - share)
        ends = (1 - a) * here.u + a * new.u
        return ends + length * b * ((1 - share) * here.tangent - share * new.tangent)

    def at(share: Array) -> _Point:
        guess, along = jax.jvp(arc, (share,), (jnp.ones_like(share),))
        along = along / jnp.linalg.norm(along)
        u, _, _ = _correct(branch, guess, along)
        return _look(branch, u, along)

    def halve(_: Any, ends: Array) -> Array:
        middle = jnp.mean(ends)
        same = jnp.all(at(middle).signature == signature)
        return ends.at[jnp.where(same, 0, 1)].set(middle)

    ends = jnp.stack([first, jnp.ones_like(first)])
    share = jnp.mean(jax.lax.fori_loop(0, int(-np.log2(eps)), halve, ends))
    # A growth that counts and a parameter that turns change at one place only up to rounding.
    aside = jnp.minimum(eps**0.4 / length, 0.1) * jnp.arange(-1, 2).astype(first.dtype)
    around = jnp.clip(share + aside, 0, 1)
    return around[-1], jax.vmap(at)(around)


def _passed(branch: _Branch, here: _Point, new: _Point) -> list[Bifurcation]:
    """The bifurcations between two points."""
    first, signature = jnp.zeros_like(here.u[-1]), here.signature
    passed = []
    while first < 1 and np.any(signature != new.signature):
        first, around = _change(branch, here, new, first, signature)
        before, at, after = (jax.tree.map(lambda x, i=i: x[i], around) for i in range(3))
        kind, exponent = _kind(branch, before, at, after)
        if kind is not None:
            where = branch.parameter(at.u)
            passed.append(Bifurcation(kind, where, branch.state(at.u).players, exponent))
        signature = after.signature
    return passed


def _kind(
    branch: _Branch, before: _Point, at: _Point, after: _Point
) -> tuple[str | None, Complex[Array, ""]]:
    """What happens at a point, from what changes around it, and the exponent that crosses."""
    grow, turn = np.asarray(before.signature != after.signature)
    more = max(before, after, key=lambda point: int(point.signature[0]))
    i = int(more.signature[0]) - 1 if grow else int(jnp.argmin(jnp.abs(at.exponents.real)))
    exponent = at.exponents[i]
    exponent = jnp.where(exponent.imag < 0, exponent.conj(), exponent)
    if not grow and not turn:
        return None, exponent
    way = crossing(more.exponents[i], branch.make(branch.low).unit)
    if way != "real":
        return way, exponent
    return ("fold" if grow and turn else _branching(branch, at)), exponent


def _branching(branch: _Branch, at: _Point) -> str:
    """Which branch point it is, by the quadratic and the cubic coefficient of the flow on its
    center manifold."""
    quadratic, cubic = (float(c) for c in jnp.abs(_coefficients(branch, at)))
    eps = float(jnp.finfo(at.u.dtype).eps)
    if max(quadratic, cubic) <= 1e3 * eps:
        return "branch point"
    return "pitchfork" if quadratic <= eps**0.25 * cubic else "transcritical"


@eqx.filter_jit
def _coefficients(branch: _Branch, at: _Point) -> Float[Array, "2"]:
    x = at.u[:-1]

    def f(x: Array) -> Array:
        return branch.residual(jnp.append(x, at.u[-1]))

    def along(f: Any, v: Array) -> Any:
        return lambda x: jax.jvp(f, (x,), (v,))[1]

    matrix = jax.jacfwd(f)(x)
    left, _, right = jnp.linalg.svd(matrix)
    w, v = left[:, -1], right[-1]
    second = along(along(f, v), v)
    bent = jnp.linalg.lstsq(matrix, second(x) - w * jnp.sum(w * second(x)))[0]
    bent = bent - v * jnp.sum(v * bent)
    third = along(second, v)(x) - 3 * along(along(f, bent), v)(x)
    return jnp.stack([jnp.sum(w * second(x)) / 2, jnp.sum(w * third) / 6])
