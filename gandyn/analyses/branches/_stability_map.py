"""The stability of an equilibrium over a plane of two hyper-parameters."""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float

from ... import _checks as checks
from ..._compiled import compiled_with
from ..._door import begin
from ..._family import Family, checked_family
from ..._phase import State, as_precise
from ..._result import Result
from ..._types import Key, Players
from ..local._rounding import decays
from ._edge import at_rest, growth, sought


class StabilityMap(Result):
    """Exponents at an equilibrium for all pairs of two hyper-parameters.

    **Fields:**

    - `first`, `second`: the values of either hyper-parameter.
    - `exponents`: complex, fastest growing first, per `unit`; nan where no equilibrium was found.
    - `neutral`: where a disturbance neither grows nor decays, as far as rounding can tell.
    - `names`: of the two hyper-parameters.
    - `unit`: "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "first": ("first",),
        "second": ("second",),
        "exponents": ("first", "second", "mode"),
        "neutral": ("first", "second"),
    }
    coordinates: ClassVar[Mapping[str, str]] = {"first": "first", "second": "second"}

    first: Float[Array, " first"]
    second: Float[Array, " second"]
    exponents: Complex[Array, "first second mode"]
    neutral: Bool[Array, "first second"]
    names: tuple[str, str] = eqx.field(static=True)
    unit: str = eqx.field(static=True)

    @property
    def growth(self) -> Float[Array, "first second"]:
        """The growth rate of the disturbance that grows most: the abscissa of the spectrum."""
        return growth(self.exponents)

    @property
    def radius(self) -> Float[Array, "first second"]:
        """The factor per unit by which errors grow: the spectral radius of a rule's map."""
        return jnp.exp(self.growth)

    @property
    def stable(self) -> Bool[Array, "first second"]:
        """Whether all disturbances decay, beyond what rounding could make of those that do not."""
        return decays(self.exponents, self.neutral)


def stability_map(
    family: Family, players: Players | State, axes: Mapping[str, Any], *, key: Key = None
) -> StabilityMap:
    """The spectrum at an equilibrium over two hyper-parameters, the equilibrium found anew for
    each pair.

    **Arguments:**

    - `family`: the dynamics, such as
      `gandyn.family(lambda step_size, gamma: simultaneous(Penalized(gan, R1(gamma)), step_size))`.
    - `players`: the equilibrium, or near it, or a `State`.
    - `axes`: the values of the two: `{"step_size": array, "gamma": array}`.
    - `key`: one realization of everything random.
    """
    checked_family(family)
    checks.mapping("axes", axes, '{"step_size": array, "gamma": array}')
    if len(axes) != 2:
        raise ValueError(
            f"`axes` must name two hyper-parameters, but names {len(axes)}: {tuple(axes)}. "
            "`gandyn.sweep` takes any number of them."
        )
    one, two = axes
    first, second = (values(name, axes[name]) for name in (one, two))
    _, start = begin(family(**{one: first[0], two: second[0]}), players, key, settled=True)
    first, second = as_precise((first, second), start)
    exponents, neutral = sought(
        lambda thorough: _spectra(family, (one, two), (first, second), start, key, thorough),
        *(family, first, second, start, key),
    )
    unit = family(**{one: first[0], two: second[0]}).unit
    return StabilityMap(first, second, exponents, neutral, (one, two), unit)


@compiled_with("some")
def _spectra(
    family: Family,
    names: tuple[str, str],
    axes: tuple[Float[Array, " first"], Float[Array, " second"]],
    start: State,
    key: Key,
    thorough: bool,
) -> tuple[tuple[Complex[Array, "first second mode"], Bool[Array, "first second"]], Array]:
    def one_pair(a: Array, b: Array) -> tuple[Complex[Array, " mode"], Bool[Array, ""]]:
        return at_rest(family(**dict(zip(names, (a, b), strict=True))), start, key, thorough)[1:]

    # Row by row, so that memory does not grow with the map.
    found = jax.lax.map(lambda a: jax.vmap(lambda b: one_pair(a, b))(axes[1]), axes[0])
    return found, jnp.any(jnp.isnan(found[0]))


def values(name: str, value: Any) -> Float[Array, " value"]:
    """The values of one hyper-parameter."""
    value = checks.array(name, value)
    if value.ndim != 1 or value.size == 0:
        raise ValueError(
            f"`axes` must map each hyper-parameter to a vector of its values, but `{name}` has "
            f"shape {value.shape}."
        )
    return value
