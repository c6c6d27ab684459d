"""The hyper-parameters with which training converges fastest, near an equilibrium."""

from collections.abc import Mapping
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
from ..._family import Family, checked_family
from ..._phase import State, as_precise, vector
from ..._result import Result
from ..._types import Key, Players
from ..local._rounding import decays
from ._edge import at_rest, growth, intervals, sought

_NODES = 33  # in each direction, in each round
_SHRINK = 4  # how much narrower the grid is in the next round


class Fastest(Result):
    """The hyper-parameters at which the slowest disturbance decays fastest.

    **Fields:**

    - `parameters`: their values by name.
    - `growth`: the growth rate that is least there, negative if it decays.
    - `exponents`: the spectrum there, complex, per `unit`. Often two of them meet.
    - `neutral`: whether a disturbance neither grows nor decays there, as far as rounding can tell.
    - `state`: the equilibrium there; `players` are its players.
    - `unit`: "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "growth": (),
        "exponents": ("mode",),
        "neutral": (),
    }

    parameters: dict[str, Float[Array, ""]]
    growth: Float[Array, ""]
    exponents: Complex[Array, " mode"]
    neutral: Bool[Array, ""]
    state: State
    unit: str = eqx.field(static=True)

    @property
    def players(self) -> Players:
        """The players at the equilibrium."""
        return self.state.players

    @property
    def converged(self) -> Bool[Array, "*batch"]:
        """Whether an equilibrium was found at all."""
        return jnp.isfinite(self.growth)

    @property
    def stable(self) -> Bool[Array, ""]:
        """Whether all disturbances decay there: nowhere within the bounds, if they do not."""
        return decays(self.exponents, self.neutral)

    @property
    def radius(self) -> Float[Array, "*batch"]:
        """The factor per unit by which errors shrink."""
        return jnp.exp(self.growth)


def fastest(
    family: Family, players: Players | State, bounds: Mapping[str, Any], *, key: Key = None
) -> Fastest:
    """The values of one or two hyper-parameters, within bounds, at which training converges
    fastest near an equilibrium.

    The largest growth rate has corners where it is least, so that it is looked at on a grid, then
    on a finer grid about its least value, and so on; a dip narrower than a 32nd part of the bounds
    may be missed. If the best value is a bound, better ones may lie beyond. The growth rate has the
    derivative of the envelope theorem; the parameters, found by search, have none (it is 0).

    **Arguments:**

    - `family`: the dynamics: `gandyn.family(lambda step_size: optimistic(game, step_size))`.
    - `players`: the equilibrium, or near it, or a `State`.
    - `bounds`: `{"step_size": (low, high)}`, for one or two hyper-parameters.
    - `key`: one realization of everything random.

    **Raises:** `ValueError` if no equilibrium is found anywhere. Within a transformation the result
    is nan instead.
    """
    checked_family(family)
    names, ends = intervals(bounds)
    if len(names) > 2:
        raise ValueError(
            f"`bounds` must name one or two hyper-parameters, but names {len(names)}: {names}. "
            "Fix the others by `family.at`, or sweep them with `gandyn.sweep`."
        )
    first = family(**dict(zip(names, ends[:, 0], strict=True)))
    _, start = begin(first, players, key, settled=True)
    ends = as_precise(ends, start)
    result = sought(
        lambda thorough: _fastest(family, names, start, ends, key, thorough),
        *(family, start, ends, key),
    )
    if checks.is_concrete(result.growth) and bool(jnp.isnan(result.growth)):
        raise ValueError(
            f"no equilibrium near `players` was found for any {' and '.join(names)} within "
            "`bounds`, or the dynamics has no derivative there."
        )
    return result


@compiled_with("some")
def _fastest(
    family: Family,
    names: tuple[str, ...],
    start: State,
    bounds: Float[Array, "n 2"],
    key: Key,
    thorough: bool,
) -> tuple[Fastest, Bool[Array, ""]]:
    low, high = bounds.T

    def named(values: Array) -> dict[str, Array]:
        return dict(zip(names, values, strict=True))

    def measure(values: Array) -> tuple[State, Array, Array]:
        return at_rest(family(**named(values)), start, key, thorough)

    line = jnp.linspace(-1, 1, _NODES, dtype=bounds.dtype)
    offsets = jnp.stack(jnp.meshgrid(*[line] * len(names), indexing="ij"), -1)
    offsets = offsets.reshape(-1, len(names))

    def narrow(_: Any, carried: tuple) -> tuple:
        center, half, _, lost = carried
        tried = jnp.clip(center[None] + half[None] * offsets, low[None], high[None])
        states, exponents, neutral = jax.vmap(measure)(tried)
        rates = growth(exponents)
        best = jnp.argmin(jnp.where(jnp.isnan(rates), jnp.inf, rates))
        return (
            tried[best],
            half / _SHRINK,
            jax.tree.map(lambda x: x[best], (states, exponents, neutral)),
            lost | jnp.any(jnp.isnan(exponents)),
        )

    rounds = int(-np.log(numerics.rounding(bounds.dtype)) / np.log(_SHRINK))
    none = jnp.zeros((), bool)
    modes = jnp.zeros(vector(start).size, np.result_type(bounds.dtype, np.complex64))
    carried = ((low + high) / 2, (high - low) / 2, (start, modes, none), none)
    best, _, seen, lost = jax.lax.fori_loop(0, rounds, narrow, carried)
    state, exponents, neutral = seen
    unit = family(**named(low)).unit
    return Fastest(named(best), growth(exponents), exponents, neutral, state, unit), lost
