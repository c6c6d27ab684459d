"""The curves that branches are: of equilibria, and of cycles, in (x, ..., p).

Equilibria solve r(x, p) = 0, r being f for a flow and F(x) - x for a rule; cycles of a rule, of a
known period, are equilibria of so many of its steps. Cycles of a flow solve

    phi_T(x, p) = x,

with x, log T and p unknown; x does not slide along the cycle, f(x) . dx = 0. phi and its derivative
come from one integration of the variational equation, p being a coordinate that rests. The Floquet
multiplier that belongs to f(x) is left away: the others are those of the derivative of phi on what
is across f(x). Kuznetsov, "Elements of Applied Bifurcation Theory", section 10.2.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ... import _numerics as numerics
from ..._dynamics import AbstractDynamics, pushed, whole
from ..._phase import State, coordinates, difference, vector
from ..._types import Key, Players
from ..local._spectrum import eigenvalues, ranked
from . import _normal_form as normal_form
from ._branch import (
    AbstractCurve,
    End,
    Point,
    Seen,
    between,
    bifurcation,
    last_share,
    meet,
    sizes,
    upwards,
)
from ._edge import Make

Bounds = tuple[Float[Array, ""], Float[Array, ""]]

_PHASES = 240  # points on a cycle among which its extremes are looked for
_STILL = 1e-3  # a parameter that changes so little while only the period grows has its limit
_ALONE = 0.99  # the share of a tangent from which only the period changes


class _ReturnMap(AbstractDynamics):
    """So many steps of a dynamics as one."""

    unit: ClassVar[str] = "step"

    dynamics: AbstractDynamics
    steps: int = eqx.field(static=True)

    def init(self, players: Players) -> State:
        return self.dynamics.init(players)

    def evolve(
        self,
        state: State,
        ts: Any,
        key: Key = None,
        observe: Callable[[State], PyTree] = whole,
    ) -> PyTree:
        return self.dynamics.evolve(state, self.steps * np.asarray(ts), key, observe)

    def residual(self, state: State, key: Key = None) -> State:
        seen = self.evolve(state, np.array([0, 1]), key)
        return difference(jax.tree.map(lambda x: x[1], seen), state)


class EquilibriumCurve(AbstractCurve):
    """Equilibria, or cycles of a rule of a given period, in u = (x / scale, share of p)."""

    make: Make
    like: State
    scale: Float[Array, " n"]
    low: Float[Array, ""]
    high: Float[Array, ""]
    key: Key
    steps: int = eqx.field(static=True)  # of a cycle of a rule; 0 for equilibria

    @property
    def rounding(self) -> float:
        return numerics.rounding(self.scale.dtype)

    def point(self, x: Float[Array, " n"], p: Float[Array, ""]) -> np.ndarray:
        """The u of a state and a parameter."""
        return np.asarray(jnp.append(x / self.scale, self.share(p)))

    def unscaled(self, du: Float[Array, " u"]) -> Float[Array, " u"]:
        return jnp.append(du[:-1] * self.scale, du[-1] * (self.high - self.low))

    def state(self, u: Float[Array, " u"]) -> State:
        return coordinates(self.like)[1](u[:-1] * self.scale)

    def dynamics(self, p: Float[Array, ""]) -> Any:
        dynamics = self.make(p)
        return _ReturnMap(dynamics, self.steps) if self.steps else dynamics

    def field(self, p: Float[Array, ""], x: Float[Array, " n"]) -> Float[Array, " n"]:
        """r(x, p)."""
        state = coordinates(self.like)[1](x)
        dynamics = self.dynamics(p)
        posed = dynamics if self.steps else dynamics.continuous()  # which has no cycles
        return coordinates(posed.residual(state, self.key))[0]

    def residual(self, u: Float[Array, " u"]) -> Float[Array, " n"]:
        return self.field(self.parameter(u), u[:-1] * self.scale) / self.scale

    def look(self, u: Float[Array, " u"]) -> Seen:
        matrix = jax.jacfwd(self.residual)(u)
        slopes = matrix[:, :-1]
        dynamics = self.dynamics(self.parameter(u))
        if dynamics.face(self.state(u), self.key) is not None:
            slopes = dynamics.slopes(self.state(u), self.key)
        exponents = ranked(dynamics.clock.exponents(eigenvalues(slopes)))
        return self.residual(u), matrix, exponents, jnp.zeros_like(u[:-1])

    def period(self, u: Float[Array, " u"]) -> Float[Array, ""]:
        return jnp.full_like(self.low, self.steps)

    def return_time(self, u: Float[Array, " u"]) -> Float[Array, ""]:
        return jnp.maximum(self.period(u), 1)

    def extremes(self, u: Float[Array, " u"]) -> tuple[Players, Players]:
        if not self.steps:
            players = self.state(u).players
            return players, players
        ts = np.arange(self.steps)
        return _extremes(self.make(self.parameter(u)).evolve(self.state(u), ts, self.key).players)

    @property
    def unit(self) -> str:
        return self.make(self.low).unit

    def branching(self, at: Point) -> str:
        quadratic, cubic = (abs(c) for c in self._straight(at, 0.0))
        scale = float(jnp.max(self.scale, initial=1))
        if max(quadratic, cubic * scale) * scale**2 <= 1e3 * self.rounding:
            return "branch point"
        return "pitchfork" if quadratic <= self.rounding**0.25 * cubic * scale else "transcritical"

    def coefficient(self, kind: str, at: Point, exponent: complex) -> float:
        if kind == "pitchfork":
            return self._straight(at, 0.0)[1]
        if kind == "period doubling":
            return -self._straight(at, -2.0)[1]
        if kind in ("Hopf", "Neimark-Sacker"):
            return normal_form.of_pair(*self._jet(at), exponent.imag, self.unit == "step")
        return float("nan")

    def _jet(self, at: Point) -> tuple[Any, Array, np.ndarray]:
        """r and x, and what is known already of its derivative."""
        u = jnp.asarray(at.u)
        field = eqx.Partial(self.field, self.parameter(u))
        scale = np.asarray(self.scale, float)
        slopes = np.asarray(at.matrix[:, :-1], float) * scale[:, None] / scale[None]
        return field, u[:-1] * self.scale, slopes

    def _straight(self, at: Point, eigenvalue: float) -> tuple[float, float]:
        return normal_form.of_real(*self._jet(at), eigenvalue)

    def ended(self, here: Point, new: Point) -> End | None:
        if self.steps % 2 or not self.steps:
            return None
        half = _equilibria_on(self, self.steps // 2 if self.steps > 2 else 0)
        return _halved(self, half, here, new)


class CycleCurve(AbstractCurve):
    """Cycles of a flow, in u = (x / scale, log(T / time), share of p)."""

    make: Make
    like: State
    scale: Float[Array, " n"]
    time: Float[Array, ""]
    low: Float[Array, ""]
    high: Float[Array, ""]
    key: Key

    @property
    def rounding(self) -> float:
        # What integrators of the default tolerances leave of the derivative of phi.
        return numerics.rounding(self.scale.dtype) ** 0.6

    def point(self, x: Float[Array, " n"], p: Float[Array, ""]) -> np.ndarray:
        """The u of a state on a cycle of the period `time`, and a parameter."""
        ends = jnp.stack([jnp.zeros_like(self.low), self.share(p)])
        return np.asarray(jnp.append(x / self.scale, ends))

    def unscaled(self, du: Float[Array, " u"]) -> Float[Array, " u"]:
        ends = jnp.stack([du[-2], du[-1] * (self.high - self.low)])
        return jnp.append(du[:-2] * self.scale, ends)

    def state(self, u: Float[Array, " u"]) -> State:
        return coordinates(self.like)[1](u[:-2] * self.scale)

    def look(self, u: Float[Array, " u"]) -> Seen:
        period, one = self.period(u), jnp.eye(u.size - 1, dtype=u.dtype)
        ts = jnp.stack([jnp.zeros_like(period), period])
        x, width = u[:-2] * self.scale, self.high - self.low

        def returned(both: tuple[State, Array]) -> State:
            state, share = both
            end = self.make(self.zero + share * width).evolve(state, ts, self.key)
            return jax.tree.map(lambda leaf: leaf[-1], end)

        end, moved = pushed(returned, (self.state(u), u[-1]), one)
        there, dynamics = coordinates(end)[0], self.make(self.parameter(u))
        slopes, swept = moved[:, :-1] * self.scale[None] / self.scale[:, None], moved[:, -1]

        def velocity(x: Array) -> Array:
            state = coordinates(self.like)[1](x)
            return coordinates(dynamics.residual(state, self.key))[0]

        along = velocity(x) / self.scale
        along = along / jnp.linalg.norm(along)
        columns = [slopes - one[:-1, :-1], (period * velocity(there) / self.scale)[:, None]]
        matrix = jnp.concatenate([*columns, (swept / self.scale)[:, None]], axis=1)
        row = jnp.append(along, jnp.zeros(2, u.dtype))
        value = jnp.append((there - x) / self.scale, jnp.zeros_like(period))
        across = jnp.linalg.qr(along[:, None], mode="complete")[0][:, 1:]
        factors = eigenvalues(across.T @ slopes @ across)
        # A multiplier that the integrator does not tell from 0 is 0, as in the spectrum of a rule.
        size = jnp.maximum(jnp.max(jnp.abs(factors), initial=0), 1)
        factors = jnp.where(jnp.abs(factors) <= self.rounding * size, 0, factors)
        exponents = ranked(jnp.log(factors))
        return value, jnp.concatenate([matrix, row[None]]), exponents, along

    def period(self, u: Float[Array, " u"]) -> Float[Array, ""]:
        return self.time * jnp.exp(u[-2])

    def return_time(self, u: Float[Array, " u"]) -> Float[Array, ""]:
        return self.period(u)

    def extremes(self, u: Float[Array, " u"]) -> tuple[Players, Players]:
        ts = self.period(u) * jnp.arange(_PHASES, dtype=u.dtype) / _PHASES
        return _extremes(self.make(self.parameter(u)).evolve(self.state(u), ts, self.key).players)

    @property
    def unit(self) -> str:
        return "step"

    def branching(self, at: Point) -> str:
        return "branch point"

    def coefficient(self, kind: str, at: Point, exponent: complex) -> float:
        return float("nan")

    def ended(self, here: Point, new: Point) -> End | None:
        # Where a cycle has shrunk to a point, the branch goes on as the same cycles, half a turn
        # later: their velocities are the opposite ones.
        if np.sum(here.along * new.along) < 0:
            found = self._shrunk(here, new)
            if found is not None:
                return found
        found = _halved(self, eqx.tree_at(lambda c: c.time, self, self.time / 2), here, new)
        if found is not None:
            return found
        tangent = new.tangent
        if tangent[-2] > _ALONE and abs(tangent[-1]) < _STILL:
            u = jnp.asarray(new.u)
            words = (
                f"goes on at {self.named(new.u)} with a period that grows without bound, as far as "
                f"can be told where it is {float(self.period(u)):.3g}: toward a homoclinic orbit, "
                "or one between equilibria"
            )
            return words, [new], []
        return None

    def _shrunk(self, here: Point, new: Point) -> End | None:
        """The Hopf bifurcation between two points, if there is one."""
        end = _last(here, new, lambda point: np.sum(point.along * here.along) > 0, 6)
        if end is None:
            return None
        u = jnp.asarray(end.u)
        curve = _equilibria_on(self, 0)
        found = _hopf(curve, np.delete(end.u, -2), float(2 * jnp.pi / self.period(u)))
        reach = np.linalg.norm(new.u - here.u)
        if found is None or np.max(np.abs(found[0].u - np.delete(end.u, -2))) > reach:
            return None
        passed = bifurcation(curve, "Hopf", *found)
        words = f"shrank to the equilibrium of a Hopf bifurcation at {float(passed.parameter):g}"
        return words, [end], [passed]


def equilibrium_curve(
    make: Make, state: State, bounds: Bounds, key: Key, steps: int = 0
) -> EquilibriumCurve:
    """The curve of equilibria in units of one of them; or of cycles of so many steps."""
    return EquilibriumCurve(make=make, like=state, key=key, steps=steps, **_units(state, bounds))


def cycle_curve(make: Make, state: State, period: Array, bounds: Bounds, key: Key) -> CycleCurve:
    """The curve of cycles of a flow in units of one of them."""
    return CycleCurve(make=make, like=state, time=period, key=key, **_units(state, bounds))


def _equilibria_on(curve: EquilibriumCurve | CycleCurve, steps: int) -> EquilibriumCurve:
    """The curve of equilibria, or of cycles of so many steps, in the units of another curve."""
    return EquilibriumCurve(
        make=curve.make,
        like=curve.like,
        scale=curve.scale,
        low=curve.low,
        high=curve.high,
        key=curve.key,
        steps=steps,
    )


def _units(state: State, bounds: Bounds) -> dict[str, Array]:
    return {"scale": sizes(vector(state)), "low": bounds[0], "high": bounds[1]}


def _last(here: Point, new: Point, before: Callable[[Point], Any], halvings: int) -> Point | None:
    """About the last point on the way from one to the next before something happens."""
    return between(here, new, last_share(here, new, before, halvings))


def _halved(curve: AbstractCurve, half: AbstractCurve, here: Point, new: Point) -> End | None:
    """The period doubling between two points, in which cycles end that have twice the period.

    The parameter turns there, no growth changes sign, and the branch goes on as the same cycles,
    half a turn later.
    """
    if here.rising == new.rising or here.growing != new.growing:
        return None
    end = _last(here, new, lambda point: point.rising == here.rising, 20)
    if end is None:
        return None
    point, _ = meet(half, end.u, upwards(end.u))
    near = 0.1 * np.linalg.norm(new.u - here.u)
    if point is None or np.linalg.norm(point.u - end.u) > near:
        return None
    values = point.exponents
    exponent = complex(values[np.argmin(np.abs(values - 1j * np.pi))])
    passed = bifurcation(half, "period doubling", point, exponent)
    words = f"shrank to the cycle of half the period at {half.named(point.u)}, a period doubling"
    return words, [end], [passed]


def _hopf(curve: EquilibriumCurve, u: np.ndarray, angle: float) -> tuple[Point, complex] | None:
    """Where near u a pair of exponents that turns at about a given rate does not grow, by the
    secant method, and the one of them that turns forward."""
    shares, growths = [u[-1], u[-1] + 1e-4], []
    for i in range(20):
        u = np.append(u[:-1], shares[i])
        point, _ = meet(curve, u, upwards(u))
        if point is None:
            return None
        u, values = point.u, point.exponents
        exponent = values[np.argmin(np.abs(values - 1j * angle))]
        growths.append(exponent.real)
        if abs(exponent.real) <= 10 * curve.rounding * angle:
            return point, complex(exponent)
        if i:
            slope = (growths[-1] - growths[-2]) / (shares[-1] - shares[-2])
            if slope == 0:
                return None
            shares.append(shares[-1] - growths[-1] / slope)
            if abs(shares[-1] - shares[-2]) <= curve.rounding:
                return point, complex(exponent)
    return None


def _extremes(orbit: Players) -> tuple[Players, Players]:
    low = jax.tree.map(lambda x: jnp.min(x, axis=0), orbit)
    return low, jax.tree.map(lambda x: jnp.max(x, axis=0), orbit)
