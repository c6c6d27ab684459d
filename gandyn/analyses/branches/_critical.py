"""The critical value of a hyper-parameter: where an equilibrium gains or loses its stability.

With g(p) the largest growth rate at the equilibrium z(p) of the dynamics with the hyper-parameter
p, the edge is the p at which g changes sign. It is found by bisection, which is right to the last
digit however g is shaped: it has corners where exponents meet, and slopes without bound where a
pair is born.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from ... import _checks as checks
from ... import _numerics as numerics
from ..._compiled import compiled_with
from ..._door import begin
from ..._family import Family, Line, checked_family
from ..._phase import State, as_precise, coordinates
from ..._result import Result
from ..._types import Key, Players
from ..local._spectrum import spectrum
from ._edge import at_rest, crossing, growth, one_interval, sought


class Critical(Result):
    """Where an equilibrium changes its stability, and how.

    **Fields:**

    - `parameter`: the critical value.
    - `bracket`: the two values, a rounding error apart, between which it lies.
    - `growth`: the largest growth rate at the two ends of the bounds.
    - `side`: of the edge, on which they are: -1 for stable, 1 for unstable, and 0 on it, as far as
      rounding can tell.
    - `exponent`: the one that crosses: growth (about 0) and turn per `unit`.
    - `state`: the equilibrium at the critical value; `players` are its players.
    - `name`: of the hyper-parameter.
    - `unit`: "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "parameter": (),
        "bracket": ("end",),
        "growth": ("end",),
        "side": ("end",),
        "exponent": (),
    }

    parameter: Float[Array, ""]
    bracket: Float[Array, " end"]
    growth: Float[Array, " end"]
    side: Float[Array, " end"]
    exponent: Complex[Array, ""]
    state: State
    name: str = eqx.field(static=True)
    unit: str = eqx.field(static=True)

    @property
    def players(self) -> Players:
        """The players at the equilibrium."""
        return self.state.players

    @property
    def converged(self) -> Bool[Array, "*batch"]:
        """Whether a value was found at which stability changes."""
        return jnp.isfinite(self.parameter)

    @property
    def kind(self) -> str:
        """How it crosses: "real" (an exponent passes 0: a fold, a pitchfork or the like), "Hopf" (a
        pair of a flow), "Neimark-Sacker" (a pair of a rule) or "period doubling" (a multiplier
        passes -1)."""
        if self.exponent.ndim:
            raise ValueError("`kind` is that of one critical value: take one of the batch.")
        return crossing(self.exponent, self.unit)


def critical(
    family: Family, players: Players | State, bounds: Mapping[str, Any], *, key: Key = None
) -> Critical:
    """The value of a hyper-parameter at which an equilibrium changes its stability.

    The equilibrium is found anew at every value tried. If stability changes several times within
    the bounds, one of the changes is found; `gandyn.stability_map` shows them all. Differentiable
    where the exponent crosses at a finite speed.

    **Arguments:**

    - `family`: the dynamics, rules or flows: `gandyn.family(lambda h: simultaneous(game, h))`; all
      its numbers but one fixed, by `at`.
    - `players`: the equilibrium at the lower bound, or near it, or a `State`.
    - `bounds`: `{name: (low, high)}`: the number that varies, and between what its stability
      changes.
    - `key`: one realization of everything random.

    **Raises:** `ValueError` if no equilibrium is found at a value tried, or if it is as stable at
    one bound as at the other. Within a transformation the result is nan instead.
    """
    name, low, high = one_interval(bounds)
    make = Line(checked_family(family), name)
    _, start = begin(make(low), players, key, settled=True)
    low, high = as_precise((low, high), start)
    given = (make, start, low, high, key)
    result = sought(lambda thorough: _critical(*given, thorough), *given)
    if checks.is_concrete(result.parameter):
        _explain(result, float(low), float(high))
    return result


class _Bracket(eqx.Module):
    """Two values of the hyper-parameter, and what is seen at each: the equilibrium and its
    exponents; and at the two bounds the growth, and the side of the edge."""

    values: Float[Array, " end"]
    x: Float[Array, "end n"]
    exponents: Complex[Array, "end mode"]
    growth: Float[Array, " end"]
    ranks: Float[Array, " end"]


class _Edge(eqx.Module):
    """The equations of an edge, r(z, p) = 0 and g(z, p) = 0, and the bisection that solves them."""

    make: Line
    start: State
    low: Float[Array, ""]
    high: Float[Array, ""]
    key: Key
    thorough: bool = eqx.field(static=True)

    def state(self, x: Float[Array, " n"]) -> State:
        return coordinates(self.start)[1](x)

    def residual(self, z: Float[Array, " z"]) -> Float[Array, " z"]:
        """r and g: of these two the edge is a root, and so differentiable."""
        dynamics, state = self.make(z[-1]), self.state(z[:-1])
        rest = coordinates(dynamics.continuous().residual(state, self.key))[0]
        largest = growth(spectrum(dynamics, state, key=self.key).exponents)
        return jnp.concatenate([rest, largest[None]])

    def search(self) -> _Bracket:
        """First the lower bound, then the upper one, then always the middle of the two, so that
        what is looked at is one program."""
        x = coordinates(self.start)[0]
        start = _Bracket(
            jnp.stack([self.low, self.high]),
            jnp.stack([x, x]),
            jnp.zeros((2, x.size), np.result_type(x.dtype, np.complex64)),
            jnp.zeros(2, x.dtype),
            jnp.zeros(2, x.dtype),
        )
        eps = numerics.rounding(self.low.dtype)
        least = eps**2 * (self.high - self.low)
        most = 3 + int(-2 * np.log2(eps))  # looks, until halves are as narrow as that

        def look(bracket: _Bracket, i: Array) -> tuple[_Bracket, Array]:
            bracket = self.look(bracket, i)
            finest = jnp.maximum(eps * jnp.max(jnp.abs(bracket.values)), least)
            ended = ~(bracket.values[1] - bracket.values[0] > finest) | ~_changes(bracket.ranks)
            return bracket, (i > 0) & ended

        return numerics.iterated(look, start, most)[0]

    def look(self, at: _Bracket, i: Int[Array, ""]) -> _Bracket:
        """The bracket after look number i."""
        tried = jnp.concatenate([at.values, jnp.mean(at.values, keepdims=True)])
        guesses = jnp.stack([at.x[0], at.x[0], jnp.mean(at.x, axis=0)])
        which = jnp.minimum(i, 2)
        state, new, even = at_rest(
            self.make(tried[which]), self.state(guesses[which]), self.key, self.thorough
        )
        rank = jnp.where(even & ~jnp.isnan(growth(new)), 0, jnp.sign(growth(new)))
        first = jnp.arange(2) == i
        ranks = jnp.where(first, rank, at.ranks)
        # The edge is half-way between the two: from stable to unstable, where growth begins.
        middle = jnp.sum(ranks) / 2
        beyond = jnp.where(middle == 0, growth(new) > 0, rank > middle)
        side = jnp.where(i < 2, i, jnp.where(beyond == (ranks[1] > middle), 1, 0))
        lost = jnp.any(jnp.isnan(new))
        return _Bracket(
            at.values.at[side].set(jnp.where(lost, jnp.nan, tried[which])),
            at.x.at[side].set(coordinates(state)[0]),
            at.exponents.at[side].set(new),
            jnp.where(first, growth(new), at.growth),
            ranks,
        )


@compiled_with("little")
def _critical(
    make: Line, start: State, low: Array, high: Array, key: Key, thorough: bool
) -> tuple[Critical, Bool[Array, ""]]:
    guess, back = coordinates(start)
    equations = _Edge(make, start, low, high, key, thorough)

    def search(_: Array) -> tuple[Array, tuple]:
        found = equations.search()
        differ = _changes(found.ranks)
        values = jnp.where(differ, found.values, jnp.nan)
        leading = found.exponents[jnp.argmax(growth(found.exponents))]
        exponent = jnp.where(differ, leading[jnp.argmax(leading.real)], jnp.nan)
        z = jnp.append(jnp.mean(found.x, axis=0), jnp.mean(values))
        # As a number: what is no number has no derivative to be asked for.
        lost = jnp.sum(jnp.isnan(found.values), dtype=z.dtype)
        return z, (values, found.growth, found.ranks, exponent, lost)

    def tangent(linear: Callable[[Array], Array], y: Array) -> Array:
        return jnp.linalg.solve(jax.jacfwd(linear)(y), y)

    z, (bracket, ends, ranks, exponent, lost) = numerics.implicit(
        equations.residual, jnp.append(guess, low), search, tangent
    )
    unit = make(low).unit
    return Critical(z[-1], bracket, ends, ranks, exponent, back(z[:-1]), make.name, unit), lost > 0


def _changes(ranks: Float[Array, " end"]) -> Bool[Array, ""]:
    """Whether stability is not the same at both ends, and known."""
    return (ranks[0] != ranks[1]) & ~jnp.any(jnp.isnan(ranks))


def _explain(result: Critical, low: float, high: float) -> None:
    """Why there is no critical value, if there is none."""
    ends = np.asarray(result.growth)
    for value, end in zip((low, high), ends, strict=True):
        if np.isnan(end):
            raise ValueError(
                f"there is no critical value to be found: at the bound {value:g} the root finder "
                "reached no equilibrium near `players`, or the dynamics has no derivative there. "
                "Start from players nearer to it, or narrow the `bounds`; where a branch of "
                "equilibria ends within them, `gandyn.continuation` follows it around the fold."
            )
    if np.isnan(result.parameter):
        words = [("neutral", "unstable", "stable")[int(rank)] for rank in result.side]
        if words[0] == words[1]:
            raise ValueError(
                f"stability does not change between `bounds`: the equilibrium is {words[0]} at "
                f"{low:g} (growth {ends[0]:g} per {result.unit}) and at {high:g} (growth "
                f"{ends[1]:g}). Widen the bounds, or look where it changes with "
                "`gandyn.stability_map`."
            )
        raise ValueError(
            f"the equilibrium was lost between `bounds`, {low:g} and {high:g}: between them the "
            "root finder reached none. `gandyn.continuation` follows a branch of equilibria."
        )
