"""Invariant circles of rules: what a limit cycle becomes when time goes in steps.

On a closed curve on which a rule F turns every phase by the same angle,

    F(K(u)) = K(u + rho),    u in turns, K(u + 1) = K(u),

rho is the rotation number, 1/rho the period, not whole in general. Trigonometric polynomials K and
rho are found by Newton's method, attracting or not, at equally spaced phases; as u itself is free
to slide along the curve, of all steps the shortest is taken. Where circles come in families (of
different values of an invariant) that is one next to the guess.

Neighbors part along the circle at the rate 0, and across it at the Lyapunov exponents.

Haro, Canadell, Figueras, Luque, Mondelo, "The Parameterization Method for Invariant Manifolds",
2016, chapters 2 and 3; Kuznetsov, "Elements of Applied Bifurcation Theory", section 4.7.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ... import _checks as checks
from ... import _numerics as numerics
from ..._compiled import compiled
from ..._door import begin
from ..._dynamics import AbstractDynamics, random_frame
from ..._phase import State, as_precise, coordinates, players_vector, vector
from ..._result import Result
from ..._types import Key, Number, Players
from ._birkhoff import bump, middles
from ._cycle import across, extent, warn_of_none

_SLOWEST = 2.0**27  # steps of a turn, so that 16 of them are fewer than 2^31
_TURNS = 64  # over which growth across the circle is averaged


class Circle(Result):
    """An invariant circle of a rule, stable or not. All of it is nan where none was found.

    **Fields:**

    - `states`: at equally spaced phases; `players` are their players.
    - `rotation`: the rotation number, in turns per step.
    - `center`: the mean of the players' coordinates over the phases.
    - `radius`: the root of the mean square of the distance to it.
    - `exponents`: Lyapunov's, growth per step, largest first; one is 0, along the circle.
    - `residual`: how far the circle is from being mapped to itself, at and between the phases,
      relative to its size.
    - `converged`: whether at the phases it is 0 to rounding, as it is not beyond a fold, where
      there is no circle; and between them at most 6e-7 (in double precision), as it is not of too
      few phases; on a circle of a size above rounding.
    - `unit`: "step".
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "states": ("phase",),
        "rotation": (),
        "center": ("coordinate",),
        "radius": (),
        "exponents": ("mode",),
        "residual": (),
        "converged": (),
    }

    states: State
    rotation: Float[Array, ""]
    center: Float[Array, " coordinate"]
    radius: Float[Array, ""]
    exponents: Float[Array, " mode"]
    residual: Float[Array, ""]
    converged: Bool[Array, ""]
    unit: str = eqx.field(static=True)

    @property
    def players(self) -> Players:
        """The players at equally spaced phases."""
        return self.states.players

    @property
    def period(self) -> Float[Array, "*batch"]:
        """Steps of one turn."""
        return 1 / self.rotation

    @property
    def multipliers(self) -> Float[Array, "*batch mode"]:
        """The factors by which disturbances have grown after one turn: of a small step, the moduli
        of a flow's Floquet multipliers."""
        return jnp.exp(self.exponents * self.period[..., None])


def circle(
    dynamics: AbstractDynamics,
    players: Players | State,
    period: Number,
    *,
    key: Key = None,
    nodes: int = 65,
    max_steps: int = 64,
) -> Circle:
    """The invariant circle of a rule near a guess of one of its points and of its period.

    Where Newton's method does not reach one from the guess, it tries once more from where the rule
    has arrived after 16 periods. Where that fails too, `converged` is false and the rest nan. A
    circle on which the rule locks to a periodic orbit has no phase that turns evenly: see `cycle`.

    **Arguments:**

    - `dynamics`: a rule; its memory is settled first.
    - `players`: a point near the circle, or a `State`.
    - `period`: steps of one turn, above 2 and at most 2^27, not necessarily whole: for the circle
      that the cycle of a flow becomes, the period of the cycle over the step size.
    - `key`: one realization of everything random; see that it repeats itself.
    - `nodes`: at how many points the circle is held, an odd number. More of them where the circle
      has sharp bends.
    - `max_steps`: of Newton's method.

    Differentiable forwards (`jax.jvp`, `jax.jacfwd`), not backwards.

    **Warns:** if no circle was found, outside of transformations.
    """
    dynamics, state = begin(dynamics, players, key, settled=True)
    if not dynamics.clock.whole:
        raise TypeError(
            f"`dynamics` must be a rule, whose time goes in steps, but is "
            f"{checks.shown(dynamics)}: `gandyn.cycle` finds the cycles of a flow."
        )
    period = checks.positive("period", period)
    if checks.is_concrete(period) and not 2 < float(period) <= _SLOWEST:
        raise ValueError(
            f"`period` must be above 2 steps and at most {_SLOWEST:g}, 16 turns of which can be "
            f"counted, but is {float(period):g}."
        )
    nodes = checks.count("nodes", nodes, low=5)
    if nodes % 2 == 0:
        raise ValueError(f"`nodes` must be odd, but is {nodes}.")
    period, most = as_precise(period, state), checks.count("max_steps", max_steps)
    found = _circle(dynamics, state, period, key, nodes, most)
    if checks.is_concrete(found.converged) and not found.converged:
        warn_of_none("circle", period, found.residual)
    return found


class _Conjugacy(eqx.Module):
    """The equations F(K(u)) = K(u + rho) of a circle near a guess, at so many `phases`."""

    dynamics: AbstractDynamics
    start: State
    period: Float[Array, ""]
    key: Key
    phases: int = eqx.field(static=True)

    @property
    def even(self) -> Float[Array, " phase"]:
        return _even(self.phases, self.period.dtype)

    def state(self, x: Float[Array, " n"]) -> State:
        return coordinates(self.start)[1](x)

    def step(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        return x + vector(self.dynamics.residual(self.state(x), self.key))

    def path(self, x: Float[Array, " n"]) -> Float[Array, "phase n"]:
        """One turn from x, closed by taking away its drift."""
        u = jnp.append(self.even, 1)
        ts = jnp.ceil(self.period * u).astype(int)
        points = self.dynamics.evolve(self.state(x), ts, self.key, vector)
        at = ts.astype(u.dtype) / self.period
        turn = jax.vmap(lambda f: jnp.interp(u, at, f), in_axes=1, out_axes=1)(points)
        drift = turn[-1] - turn[0]
        return turn[:-1] - u[:-1, None] * drift[None]

    def later(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """Where the rule has arrived after 16 periods."""
        ts = jnp.stack([0 * self.period, jnp.round(16 * self.period)]).astype(int)
        path = self.dynamics.evolve(self.state(x), ts, self.key)
        return coordinates(jax.tree.map(lambda s: s[-1], path))[0]

    def gap(
        self, points: Float[Array, "phase n"], rotation: Float[Array, ""], u: Float[Array, " k"]
    ) -> Float[Array, "k n"]:
        """F(K(u)) - K(u + rho)."""
        return jax.vmap(self.step)(_at(points, u)) - _at(points, u + rotation)

    def slopes(
        self, points: Float[Array, "phase n"], rotation: Float[Array, ""]
    ) -> Float[Array, "gap z"]:
        """The derivative of the gaps at the phases in z = (K, rho)."""
        n, dtype = points.shape[1], points.dtype
        of_coordinates, of_phases = jnp.eye(n, dtype=dtype), jnp.eye(self.phases, dtype=dtype)
        own = jax.vmap(jax.jacfwd(self.step))(points)
        shift = _weights(self.phases, self.even + rotation)
        slid = jax.vmap(partial(_tangent, points))(self.even + rotation)
        slopes = jnp.einsum("jab,jl->jalb", own, of_phases)
        slopes = slopes - jnp.einsum("jl,ab->jalb", shift, of_coordinates)
        return jnp.column_stack([slopes.reshape(points.size, points.size), -slid.ravel()])

    def search(self, max_steps: int) -> tuple[Array, Array, Array, Array]:
        """Points, the rotation, the residual, and whether they are a circle: of the first attempt
        that finds one, or of the last."""

        def attempt(_: tuple, i: Array) -> tuple[tuple, Array]:
            x = jax.lax.cond(i > 0, lambda x: self.later(x), lambda x: x, guess)
            found = self.judged(*self.newton(self.path(x), 1 / self.period, max_steps))
            return found, found[-1]

        guess = coordinates(self.start)[0]
        nothing = jnp.full((self.phases, guess.size), jnp.nan, guess.dtype)
        start = (nothing, 1 / self.period, jnp.asarray(jnp.inf, guess.dtype), jnp.asarray(False))
        return numerics.iterated(attempt, start, 2)[0]

    def newton(
        self, points: Float[Array, "phase n"], rotation: Float[Array, ""], most: int
    ) -> tuple[Array, Array]:
        shape, dtype = points.shape, points.dtype

        def step(carried: tuple[Array, Array], _: Any) -> tuple[tuple[Array, Array], Array]:
            z, last = carried
            points, rotation = z[:-1].reshape(shape), z[-1]
            slopes = self.slopes(points, rotation)
            square = slopes @ slopes.T
            # Directions along a family of circles are left alone.
            least = numerics.rounding(dtype) * jnp.max(square)
            square = square + least * jnp.eye(len(square), dtype=dtype)
            gaps = self.gap(points, rotation, self.even).ravel()
            dz = -slopes.T @ jnp.linalg.solve(square, gaps)
            reach = 0.25 * extent(points)
            far = jnp.maximum(jnp.max(jnp.abs(dz[:-1])) / reach, 10 * jnp.abs(dz[-1]) / rotation)
            dz = dz / jnp.maximum(far, 1)
            change = jnp.max(jnp.abs(dz)) / (1 + jnp.max(jnp.abs(z)))
            # Small steps that do not become smaller are rounding.
            over = (change < numerics.half_the_digits(dtype)) & (change > last / 2)
            return (z + dz, change), jnp.where(over, 0, change)

        start = (jnp.append(points.ravel(), rotation), jnp.asarray(jnp.inf, dtype))
        (z, _), _ = numerics.newton(step, start, most)
        return z[:-1].reshape(shape), z[-1]

    def judged(
        self, points: Float[Array, "phase n"], rotation: Float[Array, ""]
    ) -> tuple[Array, Array, Array, Array]:
        """Points, the rotation, the residual, and whether they are a circle."""
        dtype = points.dtype
        size = extent(points)
        at_phases, apart = (
            jnp.max(jnp.abs(self.gap(points, rotation, u)))
            for u in (self.even, middles(self.phases, dtype))
        )
        residual = jnp.maximum(at_phases, apart) / size
        largest = jnp.max(jnp.abs(points))
        exists = size > numerics.half_the_digits(dtype) * (1 + largest)
        # As many equations as phases are solved, where there is a circle, but for the rounding of
        # their sums; between the phases what the resolution leaves out remains.
        solved = at_phases <= self.phases * numerics.rounding(dtype) * (1 + largest)
        closed = residual <= numerics.integrated(dtype)
        found = exists & solved & closed & (rotation > 0) & (rotation < 0.5)
        return points, rotation, residual, found


@compiled
def _circle(
    dynamics: AbstractDynamics, state: State, period: Array, key: Key, phases: int, max_steps: int
) -> Circle:
    guess, back = coordinates(state)
    equations = _Conjugacy(dynamics, state, period, key, phases)
    points, rotation, residual, found = equations.search(max_steps)
    fine = _at(points, _even(2 * phases + 1, guess.dtype))
    slopes = jax.vmap(jax.jacfwd(equations.step))(fine)
    exponents = _growth(slopes, points, rotation)
    states = jax.vmap(lambda x: back(jnp.where(found, x, jnp.nan)))(points)
    seen = jax.vmap(players_vector)(states)
    center = jnp.mean(seen, axis=0)
    radius = jnp.sqrt(jnp.mean(jnp.sum((seen - center[None]) ** 2, axis=1)))
    return Circle(
        states,
        jnp.where(found, rotation, jnp.nan),
        center,
        radius,
        jnp.where(found, exponents, jnp.nan),
        residual,
        found,
        dynamics.unit,
    )


def _at(points: Float[Array, "m n"], u: Float[Array, " k"]) -> Float[Array, "k n"]:
    """The trigonometric polynomial through the points at phases u."""
    return _weights(len(points), u) @ points


def _weights(m: int, u: Float[Array, " k"]) -> Float[Array, "k m"]:
    """The weight of each of m points in the value at each u: the Dirichlet kernel."""
    waves = np.arange(1, m // 2 + 1)
    here = 2 * np.pi * u[:, None] * jnp.asarray(waves, u.dtype)[None]
    there = 2 * np.pi * np.outer(waves, np.arange(m)) / m
    cos, sin = (jnp.asarray(f(there), u.dtype) for f in (np.cos, np.sin))
    return (1 + 2 * (jnp.cos(here) @ cos + jnp.sin(here) @ sin)) / m


def _even(n: int, dtype: Any) -> Float[Array, " n"]:
    """Phases that are equally spaced, from 0 on."""
    return jnp.arange(n, dtype=dtype) / n


def _growth(
    slopes: Float[Array, "k n n"], points: Float[Array, "m n"], rotation: Float[Array, ""]
) -> Float[Array, " n"]:
    """Lyapunov exponents: 0 along the circle, and those of a frame that is carried round across it.
    The points come from the circle, not from the rule, which would leave one that repels."""
    n, dtype = points.shape[1], points.dtype
    flat = slopes.reshape(len(slopes), n * n)

    def carried(u: Array, frame: Array) -> tuple[Array, Array]:
        """A frame across the circle at phase u, one step on, and how its vectors have grown."""
        pushed = _at(flat, u[None])[0].reshape(n, n) @ frame
        frame, r = jnp.linalg.qr(across(_tangent(points, u + rotation)) @ pushed)
        return frame, jnp.log(jnp.abs(jnp.diagonal(r)))

    if n == 2:  # the frame is the normal, known at all phases at once

        def growth(u: Array) -> Array:
            x, y = _tangent(points, u)
            return carried(u, jnp.stack([-y, x])[:, None] / jnp.hypot(x, y))[1]

        exponents = jnp.mean(jax.vmap(growth)(_even(len(slopes), dtype)), axis=0)
    else:
        steps = jnp.ceil(_TURNS / jnp.where(rotation > 0, rotation, 1)).astype(int)

        def once(i: Array, sums: tuple) -> tuple:
            frame, total, weight = sums
            frame, growth = carried(i.astype(dtype) * rotation, frame)
            # Over the first half the frame turns into place.
            w = bump((i - steps).astype(dtype) / steps.astype(dtype))
            return frame, total + jnp.where(w > 0, w * growth, 0), weight + w

        zero = jnp.zeros((), dtype)
        normal = across(_tangent(points, zero))
        frame = jnp.linalg.qr(normal @ random_frame(n, n - 1, dtype))[0]
        start = (frame, jnp.zeros(n - 1, dtype), zero)
        _, total, weight = jax.lax.fori_loop(0, 2 * steps, once, start)
        exponents = total / weight
    exponents = jnp.append(exponents, 0)
    return exponents[jnp.argsort(-exponents)]


def _tangent(points: Float[Array, "m n"], u: Float[Array, ""]) -> Float[Array, " n"]:
    return jax.jvp(lambda u: _at(points, u[None])[0], (u,), (jnp.ones_like(u),))[1]
