"""Cycles: periodic orbits, attracting or not, found from a guess by shooting.

For a flow z' = f(z), a point x on the cycle and the period T solve

    phi_T(x) = x,    f(x) . (dx) = 0,

the second so that x does not slide along the cycle; for a rule F^p(x) = x, with p known. Newton's
method solves them, with M = D phi_T(x) from the variational equation. In directions in which M is
the identity to rounding, x stays where it is: where cycles come in families (of different values
of an invariant) the one through the guess is found, and only its period adapts.

The Floquet multipliers, eig M, say by which factors disturbances have grown after one turn. For a
flow one of them is 1, along the cycle; if the others lie inside the unit circle, it attracts.

Kuznetsov, "Elements of Applied Bifurcation Theory", sections 1.5 and 10.1.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from ... import _checks as checks
from ... import _numerics as numerics
from ..._compiled import compiled_with
from ..._door import begin
from ..._dynamics import AbstractDynamics, forward_only
from ..._phase import State, as_precise, coordinates, vector
from ..._result import Result
from ..._types import Key, Number, Players
from ..local._spectrum import eigenvalues, per
from ._floquet import PIECES, multipliers, pieces

MAX_STEPS = 128
_FAR = 10  # a cycle further away than this, in units of its own size, is none near the guess


class Cycle(Result):
    """A periodic orbit, stable or not. All of it is nan where none was found.

    **Fields:**

    - `state`: a point on the cycle; `players` are its players.
    - `period`: the least one, in units of time or steps.
    - `multipliers`: Floquet's, complex, largest modulus first; for a flow one of them is 1. One of
      0 is too small to be told, and has the exponent -inf.
    - `orbit`: the states along one turn, both ends included: for a flow equally spaced in time,
      for a rule every step.
    - `residual`: how far from closed the orbit is, relative to its size.
    - `converged`: whether it is closed up to rounding, of a size above rounding (an equilibrium is
      no cycle), and near the guess.
    - `unit`: "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "period": (),
        "multipliers": ("mode",),
        "orbit": ("phase",),
        "residual": (),
        "converged": (),
    }

    state: State
    period: Float[Array, ""]
    multipliers: Complex[Array, " mode"]
    orbit: State
    residual: Float[Array, ""]
    converged: Bool[Array, ""]
    unit: str = eqx.field(static=True)

    @property
    def players(self) -> Players:
        """The players at one point of the cycle."""
        return self.state.players

    @property
    def exponents(self) -> Complex[Array, "*batch mode"]:
        """Floquet's exponents, log(multipliers) / period: growth per step or unit of time."""
        return per(self.period, jnp.log(self.multipliers))


def cycle(
    dynamics: AbstractDynamics,
    players: Players | State,
    period: Number,
    *,
    key: Key = None,
    max_steps: int = MAX_STEPS,
) -> Cycle:
    """The cycle of a dynamics near a guess of one of its points and of its period.

    Where Newton's method does not reach one from the guess, it tries once more from where the
    dynamics has arrived after 16 periods, and a flow backwards from the guess, by which what repels
    attracts. Where all fail, `converged` is false and the rest nan. A guess of twice the period
    finds the same cycle with its least period.

    **Warns:** if no cycle was found, outside of transformations.

    **Arguments:**

    - `dynamics`: a flow, or a rule. The memory of a rule is settled first.
    - `players`: a point near the cycle, or a `State`.
    - `period`: for a flow a positive number; for a rule a whole number of steps, at least 2.
    - `key`: one realization of everything random; for a rule, see that it repeats itself.
    - `max_steps`: of Newton's method.

    Accurate to the tolerances of the flow's integrator, whose `rtol` should be 1e-8 or less. Where
    a cycle crosses a kink of the loss, such as that of WGAN-GP where a slope vanishes, the velocity
    jumps: the cycle and its period are right, but the multipliers lack the jump.
    """
    dynamics, state = begin(dynamics, players, key, settled=True)
    period = dynamics.clock.period(period)
    max_steps = checks.count("max_steps", max_steps)
    found = cycle_near(dynamics, state, period, key, max_steps)
    if checks.is_concrete(found.converged) and not found.converged:
        tried = "" if dynamics.clock.whole else ", and backwards in time"
        warn_of_none("cycle", period, found.residual, tried)
    return found


def cycle_near(
    dynamics: AbstractDynamics, state: State, period: Any, key: Key, max_steps: int = MAX_STEPS
) -> Cycle:
    """The same from a state, without a word where there is none."""
    phases = period if dynamics.clock.whole else PIECES
    time = as_precise(jnp.asarray(period, float), state)
    equations = _Shooting(dynamics, state, time, key, phases)
    if not checks.is_concrete(equations):
        return _differentiable(equations, max_steps)
    for attempt in _attempts(equations):
        x = _later(equations) if attempt == _LATER else equations.guess
        sign = -1 if attempt == _BACKWARDS else 1
        found = _from(equations, x, sign * equations.period, max_steps)
        if not checks.is_concrete(found):  # since something that functions read is traced
            return _differentiable(equations, max_steps)
        if found.converged:
            break
    return found


def warn_of_none(what: str, period: Any, residual: Array, tried: str = "") -> None:
    """Say what was tried where no cycle or circle was found, and what to try next."""
    period, residual = jax.lax.stop_gradient((period, residual))  # of which jvp hides the values
    warnings.warn(
        f"no {what} was found near `players` with a period near {float(period):g}. Newton's "
        "method was tried from there and from where the dynamics arrives after 16 periods"
        f"{tried}; it ended on an orbit that misses closing by {float(residual):.2g} of its size. "
        "`gandyn.settles_on` tells what a trajectory settles on, and with which period.",
        stacklevel=3,
    )


class _Shooting(eqx.Module):
    """The equations of a cycle near a guess, phi_T(x) = x and f(x) . dx = 0, in z = (x, T); of a
    rule F^p(x) = x, in z = (x, p), with p known. A turn is seen in so many `phases`."""

    dynamics: AbstractDynamics
    start: State
    period: Array
    key: Key
    phases: int = eqx.field(static=True)

    @property
    def whole(self) -> bool:
        return self.dynamics.clock.whole

    @property
    def guess(self) -> Float[Array, " n"]:
        return coordinates(self.start)[0]

    def state(self, x: Float[Array, " n"]) -> State:
        return coordinates(self.start)[1](x)

    def velocity(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """The direction in which phase is free: none for a rule."""
        if self.whole:
            return jnp.zeros_like(x)
        return coordinates(self.dynamics.residual(self.state(x), self.key))[0]

    def end(self, x: Float[Array, " n"], period: Array) -> Float[Array, " n"]:
        """Where x is after a turn."""
        ts = np.array([0, self.phases]) if self.whole else jnp.stack([0 * period, period])
        return self.dynamics.evolve(self.state(x), ts, self.key, vector)[-1]

    def turn(self, x: Float[Array, " n"], period: Array) -> tuple[Array, Array]:
        """The phases of a turn from x, both ends included; and the derivatives of the pieces
        between them, or, of a rule, of all steps until then."""
        if self.whole:
            steps = np.arange(self.phases + 1)

            def path(x: Array) -> tuple[Array, Array]:
                points = self.dynamics.evolve(self.state(x), steps, self.key, vector)
                return points, points

            maps, points = jax.jacfwd(path, has_aux=True)(x)
            return points, maps
        states, maps = pieces(self.dynamics, self.state(x), period, self.key)
        return jax.vmap(vector)(states), maps

    def slopes(self, maps: Float[Array, "_ n n"]) -> Float[Array, "n n"]:
        """The derivative of the whole turn."""
        if self.whole:
            return maps[-1]
        one = jnp.eye(maps.shape[-1], dtype=maps.dtype)
        return jax.lax.scan(lambda product, piece: (piece @ product, None), one, maps)[0]

    def later(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """Where the dynamics has arrived after 16 periods."""
        return jax.lax.fori_loop(0, 16, lambda _, x: self.end(x, self.period), x)

    def residual(self, z: Float[Array, " z"]) -> Float[Array, " z"]:
        """What vanishes on a cycle: how far it is from closed, and how far x slides along it."""
        x, period = z[:-1], z[-1]
        here = jax.lax.stop_gradient(x)
        end = self.end(x, period)
        if self.whole:
            slid = period - jax.lax.stop_gradient(period)
        else:
            slid = self.velocity(here) @ (x - here)
        return jnp.append(end - x, slid)

    def tangent(self, linear: Callable[[Array], Array], y: Float[Array, " z"]) -> Array:
        """What the derivative of the residual, a linear function, takes to y."""
        matrix = jax.jacfwd(linear)(y)
        f, g = matrix[-1, :-1], matrix[:-1, -1]
        dx, dt = _closing(matrix[:-1, :-1], f, g, -y[:-1], _unchanged(y.dtype))
        return jnp.append(dx, dt)

    def search(self, x: Float[Array, " n"], period: Array, most: int) -> "_Turn":
        """What Newton's method ends on."""
        nothing = jnp.zeros((self.phases + 1, x.size), x.dtype)
        maps = jnp.zeros((self.phases + self.whole, x.size, x.size), x.dtype)
        largest = jnp.asarray(jnp.inf, x.dtype)
        start = _Turn(x, period, nothing, maps, largest, largest, jnp.asarray(False))

        def step(turn: _Turn, i: Array) -> tuple[_Turn, Array]:
            turn = self.looked(turn, i == 0)
            last = ~(turn.change > numerics.solved(x.dtype)) | (i >= most)
            least = self.least(turn)
            # The steps of a rule are those of the least period as they are.
            shorter = jnp.where(self.whole, 1, least.astype(x.dtype) / self.phases)
            done = last & (turn.least | (shorter == 1))
            following = jax.lax.cond(
                last,
                lambda: turn.at(turn.x, turn.period * shorter, turn.change, last),
                lambda: self.newton(turn),
            )
            return jax.tree.map(lambda new, old: jnp.where(done, old, new), following, turn), done

        return numerics.iterated(step, start, most + 3)[0]

    def looked(self, turn: "_Turn", first: Array) -> "_Turn":
        """The turn as it is where it was moved to; the size of the first says by how much."""
        points, maps = self.turn(turn.x, turn.period)
        reach = jnp.where(first, 0.5 * extent(points), turn.reach)
        return _Turn(turn.x, turn.period, points, maps, reach, turn.change, turn.least)

    def newton(self, turn: "_Turn") -> "_Turn":
        """The turn after one step of Newton's method."""
        x, period, end = turn.x, turn.period, turn.points[-1]
        unchanged = _unchanged(x.dtype)
        f, g = self.velocity(x), self.velocity(end)
        # To where the orbit meets the section through x across the flow, before anything else.
        early = jnp.abs(jnp.sum(f * (end - x)) / _along(f, g)) > unchanged * jnp.abs(period)
        slopes = self.slopes(turn.maps) - jnp.eye(x.size, dtype=x.dtype)
        dx, dt = _closing(slopes, f, g, end - x, jnp.where(early, jnp.inf, unchanged))
        # No further in one step than a good part of the cycle.
        slower = jnp.abs(dt / period)
        far = jnp.maximum(jnp.max(jnp.abs(dx)) / turn.reach, slower / 0.2)
        shorter = jnp.where(far > 1, 1 / far, 1)
        x = x + shorter * dx
        period = period if self.whole else period + shorter * dt
        change = jnp.max(jnp.abs(dx)) / (1 + jnp.max(jnp.abs(x))) + slower
        return turn.at(x, period, change, turn.least)

    def gaps(self, turn: "_Turn") -> Float[Array, " phase"]:
        """How far from closed the orbit is at each phase, relative to its size."""
        return jnp.max(jnp.abs(turn.points - turn.x[None]), axis=1) / extent(turn.points)

    def least(self, turn: "_Turn") -> Array:
        """The phases after which the orbit has closed already, the fewest that divide the turn."""
        closed = self.gaps(turn) <= numerics.integrated(turn.x.dtype)
        divisors = np.asarray([i for i in range(1, self.phases + 1) if self.phases % i == 0])
        first = jnp.asarray(divisors)[jnp.argmax(closed[divisors])]
        return jnp.where(closed[-1], first, self.phases)

    def judged(self, turn: "_Turn") -> tuple[Array, Array, Array]:
        """The least period, how far from closed the orbit is, and whether it is a cycle near the
        guess."""
        x, size, gap = turn.x, extent(turn.points), self.gaps(turn)[-1]
        exists = size > numerics.half_the_digits(x.dtype) * (1 + jnp.max(jnp.abs(x)))
        near = jnp.max(jnp.abs(x - self.guess)) <= _FAR * size
        least = self.least(turn)
        found = exists & near & (gap <= numerics.integrated(x.dtype)) & ~(self.whole & (least == 1))
        return (least.astype(x.dtype) if self.whole else turn.period), gap, found

    def cycle(
        self,
        period: Array,
        points: Float[Array, "phase n"],
        maps: Float[Array, "_ n n"],
        residual: Array,
        found: Array,
    ) -> Cycle:
        """What is reported of a turn."""
        x, orbit = points[0], points
        if self.whole:
            # What rounding cannot tell from 0 is 0, as in the spectrum of a rule.
            accuracy = self.dynamics.slopes_accuracy(points.dtype)
            factors = eigenvalues(maps[jax.lax.stop_gradient(period).astype(int)])
            size = jnp.maximum(jnp.max(jnp.abs(factors)), 1)
            vanishes = jnp.abs(factors) <= points.shape[1] * accuracy * size
            factors = jnp.where(vanishes, 0, factors)
        else:
            # Forwards in time even if it was found backwards.
            backwards = period < 0
            factors = multipliers(maps, self.dynamics.accuracy(points.dtype))
            inverse = jnp.where(factors == 0, jnp.inf, 1 / jnp.where(factors == 0, 1, factors))
            factors = jnp.where(backwards, inverse, factors)
            orbit = jnp.where(backwards, points[::-1], points)
        order = jnp.lexsort((-factors.imag, -jnp.abs(factors)))
        return Cycle(
            self.state(jnp.where(found, x, jnp.nan)),
            jnp.where(found, jnp.abs(period), jnp.nan),
            jnp.where(found, factors[order], jnp.nan),
            jax.vmap(lambda x: self.state(jnp.where(found, x, jnp.nan)))(orbit),
            residual,
            found,
            self.dynamics.unit,
        )


class _Turn(eqx.Module):
    """A turn on its way to a cycle: its phases and derivatives, by how much it may be moved and by
    how much it was, relatively; and whether it is over the least period already."""

    x: Float[Array, " n"]
    period: Float[Array, ""]
    points: Float[Array, "phase n"]
    maps: Float[Array, "_ n n"]
    reach: Float[Array, ""]
    change: Float[Array, ""]
    least: Bool[Array, ""]

    def at(self, x: Array, period: Array, change: Array, least: Array) -> "_Turn":
        """The turn moved elsewhere, where it was not looked at yet."""
        return _Turn(x, period, self.points, self.maps, self.reach, change, least)


_GUESS, _LATER, _BACKWARDS = range(3)


def _attempts(equations: _Shooting) -> list[int]:
    return [_GUESS, _LATER] if equations.whole else [_GUESS, _LATER, _BACKWARDS]


@compiled_with("little")
def _from(
    equations: _Shooting, x: Float[Array, " n"], period: Float[Array, ""], max_steps: int
) -> Cycle:
    turn = equations.search(x, period, max_steps)
    period, residual, found = equations.judged(turn)
    return equations.cycle(period, turn.points, turn.maps, residual, found)


@compiled_with("little")
def _later(equations: _Shooting) -> Float[Array, " n"]:
    return equations.later(equations.guess)


@compiled_with("little")
def _differentiable(equations: _Shooting, max_steps: int) -> Cycle:
    """What the attempts find, with the derivatives of the equations: it is iterated."""
    guess = equations.guess

    def search(_: Array) -> tuple[Array, tuple[Array, Array, Array]]:
        quick = eqx.tree_at(lambda e: e.dynamics, equations, replace_fn=forward_only)

        def attempt(_: tuple, i: Array) -> tuple[tuple, Array]:
            x = jax.lax.cond(i == _LATER, lambda x: quick.later(x), lambda x: x, guess)
            period = jnp.where(i == _BACKWARDS, -equations.period, equations.period)
            turn = quick.search(x, period, max_steps)
            period, residual, found = quick.judged(turn)
            return (turn.x, period, residual, found), found

        start = (guess, equations.period, jnp.asarray(jnp.inf, guess.dtype), jnp.asarray(False))
        found = numerics.iterated(attempt, start, len(_attempts(equations)))[0]
        return jnp.append(found[0], found[1]), (found[2], found[3].astype(guess.dtype), found[1])

    z, (residual, found, least) = numerics.implicit(
        equations.residual, jnp.append(guess, equations.period), search, equations.tangent
    )
    period = least if equations.whole else z[-1]
    points, maps = equations.turn(z[:-1], period)
    return equations.cycle(period, points, maps, residual, found > 0)


def _unchanged(dtype: Any) -> float:
    """What the default integrators show of M - 1 along a family of cycles: eps^(1/3)."""
    return numerics.rounding(dtype) ** (1 / 3)


def _closing(
    slopes: Float[Array, "n n"],
    f: Float[Array, " n"],
    g: Float[Array, " n"],
    gap: Float[Array, " n"],
    least: Number,
) -> tuple[Float[Array, " n"], Float[Array, ""]]:
    """The dx across the flow and the dt with slopes dx + g dt = -gap, where f and g are the
    velocities at both ends: dx in the section, with what phi says of it projected along the flow,
    and not at all in directions in which the slopes are at most `least`."""
    section = jnp.eye(len(f), dtype=f.dtype) - jnp.outer(g, f) / _along(f, g)
    u, s, v = jnp.linalg.svd(section @ slopes @ across(f))
    keep = s > least * jnp.maximum(1, s[0])
    dx = -v.T @ jnp.where(keep, (u.T @ section @ gap) / jnp.where(keep, s, 1), 0)
    return dx, -jnp.sum(f * (gap + slopes @ dx)) / _along(f, g)


def _along(f: Float[Array, " n"], g: Float[Array, " n"]) -> Float[Array, ""]:
    ahead = jnp.sum(f * g)
    return jnp.where(ahead == 0, 1, ahead)


def extent(points: Float[Array, "k n"]) -> Float[Array, ""]:
    """The longest side of the box that points fill."""
    return jnp.max(jnp.max(points, axis=0) - jnp.min(points, axis=0))


def across(along: Float[Array, " n"]) -> Float[Array, "n n"]:
    """The projector onto what is orthogonal to a direction; the identity if there is none."""
    square = jnp.sum(along**2)
    shadow = jnp.outer(along, along) / jnp.where(square > 0, square, 1)
    return jnp.eye(along.size, dtype=along.dtype) - shadow
