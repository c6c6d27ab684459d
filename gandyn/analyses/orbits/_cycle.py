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
from ..._door import begin
from ..._dynamics import AbstractDynamics
from ..._phase import State, as_precise, coordinates, vector
from ..._reads import compiled
from ..._result import Result
from ..._types import Key, Number, Players
from ..local._spectrum import eigenvalues, per
from ._floquet import PIECES, multipliers, pieces

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
    max_steps: int = 128,
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
    max_steps = checks.count("max_steps", max_steps)
    period = as_precise(dynamics.clock.period(period), state)
    if dynamics.clock.whole:
        found = _cycle(dynamics, state, jnp.asarray(period), key, period, max_steps)
        tried = ""
    else:
        found = _cycle(dynamics, state, period, key, PIECES, max_steps)
        tried = ", and backwards in time"
    if checks.is_concrete(found.converged) and not found.converged:
        warn_of_none("cycle", period, found.residual, tried)
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
    rule F^p(x) = x, in z = (x, p), with p known. A turn is looked at in so many `phases`."""

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

    def turn(self, x: Float[Array, " n"], period: Array) -> Float[Array, "phase n"]:
        """One turn from x, both ends included."""
        shares = np.arange(self.phases + 1)
        ts = shares if self.whole else period * jnp.asarray(shares / self.phases, x.dtype)
        return self.dynamics.evolve(self.state(x), ts, self.key, vector)

    def later(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """Where the dynamics has arrived after 16 periods."""
        return jax.lax.fori_loop(0, 16, lambda _, x: self.turn(x, self.period)[-1], x)

    def residual(self, z: Float[Array, " z"]) -> Float[Array, " z"]:
        """What vanishes on a cycle: how far it is from closed, and how far x slides along it."""
        x, period = z[:-1], z[-1]
        here = jax.lax.stop_gradient(x)
        end = self.turn(x, period)[-1]
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

    def search(self, max_steps: int) -> tuple[Array, Array, Array, Array]:
        """x, the least period, the residual, and whether that is a cycle near the guess: of the
        first attempt that finds one, or of the last."""

        def attempt(_: tuple, i: Array) -> tuple[tuple, Array]:
            x = jax.lax.cond(i == 1, lambda x: self.later(x), lambda x: x, self.guess)
            period = jnp.where(i == 2, -self.period, self.period)
            found = self.judged(*self.newton(x, period, max_steps))
            return found, found[-1]

        nothing = jnp.asarray(jnp.inf, self.guess.dtype)
        start = (self.guess, self.period, nothing, jnp.asarray(False))
        return numerics.iterated(attempt, start, 2 if self.whole else 3)[0]

    def newton(self, x: Float[Array, " n"], period: Array, most: int) -> tuple[Array, Array]:
        one = jnp.eye(x.size, dtype=x.dtype)
        unchanged = _unchanged(x.dtype)
        reach = 0.5 * extent(self.turn(x, period))

        def step(z: tuple, _: Any) -> tuple[tuple, Array]:
            x, period = z
            start = self.state(x)
            end, matrix = self.dynamics.tangent(start, one, 0 * period, period, self.key)
            end = coordinates(end)[0]
            f, g = self.velocity(x), self.velocity(end)
            # To where the orbit meets the section through x across the flow, before anything else.
            early = jnp.abs(jnp.sum(f * (end - x)) / _along(f, g)) > unchanged * jnp.abs(period)
            dx, dt = _closing(matrix - one, f, g, end - x, jnp.where(early, jnp.inf, unchanged))
            # No further in one step than a good part of the cycle.
            slower = jnp.abs(dt / period)
            far = jnp.maximum(jnp.max(jnp.abs(dx)) / reach, slower / 0.2)
            shorter = jnp.where(far > 1, 1 / far, 1)
            x = x + shorter * dx
            period = period if self.whole else period + shorter * dt
            change = jnp.max(jnp.abs(dx)) / (1 + jnp.max(jnp.abs(x))) + slower
            return (x, period), change

        return numerics.newton(step, (x, period), most)[0]

    def judged(self, x: Float[Array, " n"], period: Array) -> tuple[Array, Array, Array, Array]:
        """x, the least period, the residual, and whether that is a cycle near the guess."""
        closed = numerics.integrated(x.dtype)
        points = self.turn(x, period)
        size = extent(points)
        gaps = jnp.max(jnp.abs(points - x[None]), axis=1) / size
        exists = size > numerics.half_the_digits(x.dtype) * (1 + jnp.max(jnp.abs(x)))
        near = jnp.max(jnp.abs(x - self.guess)) <= _FAR * size
        # The least share of the turn after which the orbit has closed already.
        divisors = np.asarray([i for i in range(1, self.phases + 1) if self.phases % i == 0])
        least = jnp.asarray(divisors)[jnp.argmax(gaps[divisors] <= closed)]
        found = exists & near & (gaps[-1] <= closed) & ~(self.whole & (least == 1))
        period = least if self.whole else period * (least.astype(x.dtype) / self.phases)
        return x, period, gaps[-1], found


@compiled
def _cycle(
    dynamics: AbstractDynamics,
    state: State,
    period: Array,
    key: Key,
    phases: int,
    max_steps: int,
) -> Cycle:
    guess, back = coordinates(state)
    equations = _Shooting(dynamics, state, period, key, phases)

    def search(_: Array) -> tuple[Array, tuple[Array, Array, Array]]:
        # It is iterated; derivatives of what it finds are those of the equations.
        quick = _Shooting(dynamics.forward_only(), state, period, key, phases)
        x, least, residual, found = quick.search(max_steps)
        least = least.astype(x.dtype)
        return jnp.append(x, least), (residual, found.astype(x.dtype), least)

    start = jnp.append(guess, period.astype(guess.dtype))
    z, (residual, found, least) = numerics.implicit(
        equations.residual, start, search, equations.tangent
    )
    x, period, found = z[:-1], z[-1], found > 0
    if dynamics.clock.whole:
        orbit, factors = _around_in_steps(equations, x, period, least)
    else:
        orbit, factors = _around_in_time(equations, x, period)
    order = jnp.lexsort((-factors.imag, -jnp.abs(factors)))
    return Cycle(
        back(jnp.where(found, x, jnp.nan)),
        jnp.where(found, jnp.abs(period), jnp.nan),
        jnp.where(found, factors[order], jnp.nan),
        jax.vmap(lambda x: back(jnp.where(found, x, jnp.nan)))(orbit),
        residual,
        found,
        dynamics.unit,
    )


def _around_in_steps(
    cycle: _Shooting, x: Float[Array, " n"], period: Array, least: Array
) -> tuple[Array, Array]:
    """The orbit of a rule, and its multipliers over the least period."""
    orbit = cycle.turn(x, period)
    matrix = jax.jacfwd(lambda x: cycle.turn(x, period))(x)[least.astype(int)]
    # What rounding cannot tell from 0 is 0, as in the spectrum of a rule.
    factors = eigenvalues(matrix)
    size = jnp.maximum(jnp.max(jnp.abs(factors)), 1)
    vanishes = jnp.abs(factors) <= x.size * cycle.dynamics.slopes_accuracy(x.dtype) * size
    return orbit, jnp.where(vanishes, 0, factors)


def _around_in_time(cycle: _Shooting, x: Float[Array, " n"], period: Array) -> tuple[Array, Array]:
    """The orbit of a flow, and its multipliers, forwards in time even if it was found backwards."""
    states, maps = pieces(cycle.dynamics, cycle.state(x), period, cycle.key)
    orbit = jax.vmap(vector)(states)
    factors = multipliers(maps, cycle.dynamics.accuracy(x.dtype))
    back_in_time = period < 0
    inverse = jnp.where(factors == 0, jnp.inf, 1 / jnp.where(factors == 0, 1, factors))
    return (
        jnp.where(back_in_time, orbit[::-1], orbit),
        jnp.where(back_in_time, inverse, factors),
    )


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
