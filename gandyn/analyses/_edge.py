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

from .. import _checks as checks
from .._dynamics import AbstractDynamics, begin
from .._phase import State
from .._types import Key, Players
from ._equilibrium import equilibrium
from ._spectrum import spectrum

Make = Callable[..., AbstractDynamics]
"""A dynamics for each value of its hyper-parameters."""


def neutral(dtype: Any) -> float:
    """Growth that cannot be told from none: what rounding makes of an exponent on the edge."""
    return float(jnp.finfo(dtype).eps) ** 0.75


def crossing(exponent: Any, unit: str) -> str:
    """How an exponent crosses the edge: "real" (at 0), "period doubling", or as a pair."""
    turn = abs(np.imag(exponent))
    rounding = float(np.finfo(np.asarray(turn).dtype).eps) ** 0.5
    if turn <= rounding:
        return "real"
    if unit != "step":
        return "Hopf"
    return "period doubling" if np.pi - turn <= rounding else "Neimark-Sacker"


def settled(dynamics: AbstractDynamics, players: Players | State, key: Key) -> State:
    """Where the search for an equilibrium begins, with the memory that belongs to it."""
    state = begin(dynamics, players, key)
    return state if isinstance(players, State) else dynamics.settle(state, key)


def at_rest(
    dynamics: AbstractDynamics, state: State, key: Key
) -> tuple[State, Complex[Array, " mode"], Bool[Array, ""]]:
    """The equilibrium near a state, its exponents, nan if there is none, and whether one of them
    cannot be told from a neutral one."""
    found = equilibrium(dynamics, state, key)
    seen = spectrum(dynamics, found.state, key)
    exponents = jnp.where(found.converged, seen.exponents, jnp.nan)
    return found.state, exponents, seen.neutral


def interval(name: str, bounds: Any) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The lower and the upper bound of one hyper-parameter."""
    ends = checks.array(name, bounds)
    if ends.shape != (2,):
        raise ValueError(f"`{name}` must be (low, high), but has shape {ends.shape}.")
    if checks.is_concrete(ends) and not float(ends[0]) < float(ends[1]):
        raise ValueError(f"`{name}` must increase, but is ({ends[0]:g}, {ends[1]:g}).")
    return ends[0], ends[1]


def growth(exponents: Complex[Array, "*batch mode"]) -> Float[Array, "*batch"]:
    """The growth of the disturbance that grows most; nan if any exponent is."""
    return jnp.max(exponents.real, axis=-1)


def is_make(make: Make) -> Make:
    """`make`, held to be a function."""
    if isinstance(make, AbstractDynamics) or not callable(make):
        raise TypeError(
            "`make` must be a function that returns a dynamics for each value of the "
            f"hyper-parameter, such as `lambda h: gandyn.methods.simultaneous(game, h)`, but is "
            f"{checks.shown(make)}."
        )
    return make
