"""The edge of stability: what counts as lying on it, and the names of the ways across.

An exponent l of a flow crosses the imaginary axis at 0 or in a pair +-i w; exp(l) of a rule crosses
the unit circle at 1, at -1, or in a pair. Kuznetsov, "Elements of Applied Bifurcation Theory",
chapters 3 and 4.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from ... import _checks as checks
from ... import _numerics as numerics
from ..._dynamics import AbstractDynamics
from ..._phase import State, as_precise
from ..._types import Key
from ..local._equilibrium import equilibrium, within_trust
from ..local._spectrum import spectrum

Make = Callable[[Any], AbstractDynamics]
"""A dynamics for each value of one hyper-parameter."""


def crossing(exponent: Any, unit: str) -> str:
    """How an exponent crosses the edge: "real" (at 0), "period doubling", or as a pair."""
    frequency = abs(np.imag(exponent))
    rounding = numerics.half_the_digits(np.asarray(frequency).dtype)
    if frequency <= rounding:
        return "real"
    if unit != "step":
        return "Hopf"
    return "period doubling" if np.pi - frequency <= rounding else "Neimark-Sacker"


def at_rest(
    dynamics: AbstractDynamics, state: State, key: Key, thorough: bool
) -> tuple[State, Complex[Array, " mode"], Bool[Array, ""]]:
    """The equilibrium near a state, its exponents, nan if none is found, and whether one of them
    cannot be told from a neutral one."""
    dynamics = as_precise(dynamics, state)
    found = (equilibrium if thorough else within_trust)(dynamics, state, key=key)
    seen = spectrum(dynamics, found.state, key=key)
    exponents = jnp.where(found.converged, seen.exponents, jnp.nan)
    return found.state, exponents, seen.neutral


def sought(search: Callable[[bool], tuple[Any, Bool[Array, ""]]], *given: Any) -> Any:
    """What a search finds that also says whether it lost an equilibrium: by the one means that
    reaches most of them, a third of the program, and `thorough` if that has lost one, or if it
    cannot be told because something that is `given` is traced."""
    if checks.is_concrete(given):
        found, lost = search(False)
        if checks.is_concrete(lost) and not lost:
            return found
    return search(True)[0]


def intervals(bounds: Any) -> tuple[tuple[str, ...], Float[Array, "n 2"]]:
    """The names of hyper-parameters, and the lower and the upper bound of each."""
    checks.mapping("bounds", bounds, '{"step_size": (low, high)}')
    if not bounds:
        raise ValueError("`bounds` must name a hyper-parameter, but names none.")
    ends = [checks.array(f"bounds of `{name}`", pair) for name, pair in bounds.items()]
    for name, pair in zip(bounds, ends, strict=True):
        if pair.shape != (2,):
            raise ValueError(
                f"`bounds` of `{name}` must be (low, high), but has shape {pair.shape}."
            )
        if checks.is_concrete(pair) and not float(pair[0]) < float(pair[1]):
            raise ValueError(
                f"`bounds` of `{name}` must increase, but is ({pair[0]:g}, {pair[1]:g})."
            )
    return tuple(bounds), jnp.stack(ends)


def one_interval(bounds: Any) -> tuple[str, Float[Array, ""], Float[Array, ""]]:
    """The name and the bounds of the one hyper-parameter that varies."""
    names, ends = intervals(bounds)
    if len(names) != 1:
        raise ValueError(
            f"`bounds` must name one hyper-parameter, but names {len(names)}: {names}. Fix the "
            "others by `family.at`."
        )
    return names[0], ends[0, 0], ends[0, 1]


def growth(exponents: Complex[Array, "*batch mode"]) -> Float[Array, "*batch"]:
    """The growth of the disturbance that grows most; nan if any exponent is."""
    return jnp.max(exponents.real, axis=-1)
