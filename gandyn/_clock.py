"""How time goes: in whole steps, or continuously. What growth and decay are follows from that.

Near a point of rest, with J the derivative of the residual there,

                         in steps              continuously
    a disturbance        z -> (1 + J) z        z' = J z
    after a time t       (1 + J)^t             exp(t J)
    grows at the rates   log eig (1 + J)       eig J
    on the edge at       exp(i w)              i w

Every dynamics has a clock, and this is all that tells a map from a flow.
"""

import abc
import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from . import _checks as checks
from . import _numerics as numerics
from ._types import Number

Slopes = Float[Array, "n n"]  # the derivative of a residual


class AbstractClock(eqx.Module):
    """How time goes."""

    unit: ClassVar[str]
    """What a rate is measured per: "step" or "unit time"."""
    whole: ClassVar[bool]
    """Whether times are whole numbers."""
    gone: ClassVar[float]
    """The slope of a disturbance that is gone at once."""

    @abc.abstractmethod
    def times(self, ts: Any) -> Any:
        """The times `ts`, checked: a vector in order, a numpy array if whole and known."""

    @abc.abstractmethod
    def shares(self, duration: float, shares: np.ndarray) -> np.ndarray:
        """Shares of a duration as times."""

    @abc.abstractmethod
    def looks(self, duration: Any, n: int) -> Any:
        """Times from 0 on for n more looks, as close together as a duration allows."""

    @abc.abstractmethod
    def lasting(self, duration: Number, parts: int) -> tuple[Any, Any]:
        """A checked duration, and the length of one of so many parts of it that can be looked at
        eight times each."""

    @abc.abstractmethod
    def period(self, value: Any) -> Any:
        """The checked period of a cycle."""

    @abc.abstractmethod
    def linear(self, slopes: Slopes) -> Slopes:
        """The derivative of the map, or of the field, from that of the residual."""

    @abc.abstractmethod
    def exponents(self, of_slopes: Complex[Array, "*b n"]) -> Complex[Array, "*b n"]:
        """Growth rates and turns from the eigenvalues of the slopes."""

    @abc.abstractmethod
    def eigenvalues(self, exponents: Complex[Array, "*b n"]) -> Complex[Array, "*b n"]:
        """The eigenvalues of `linear(slopes)` from the exponents."""

    @abc.abstractmethod
    def growth(self, eigenvalues: Complex[Array, "*b n"]) -> Float[Array, "*b n"]:
        """Growth rates from the eigenvalues of `linear(slopes)`."""

    @abc.abstractmethod
    def edge(self, frequency: Float[Array, ""]) -> Complex[Array, ""]:
        """The eigenvalue of `linear(slopes)` that turns at a rate, and neither grows nor decays."""

    @abc.abstractmethod
    def propagator(self, slopes: Slopes, time: Array) -> Slopes:
        """What has become of each disturbance after a time."""

    @abc.abstractmethod
    def reactivity(self, slopes: Slopes) -> Float[Array, ""]:
        """The largest growth rate in the Euclidean norm, at first."""


class Steps(AbstractClock):
    """Time in whole steps, which cannot be taken back."""

    unit: ClassVar[str] = "step"
    whole: ClassVar[bool] = True
    gone: ClassVar[float] = -1.0

    def times(self, ts: Any) -> np.ndarray | Int[Array, " t"]:
        if checks.is_concrete(ts):
            ts = np.asarray(ts)
        shape = jnp.shape(ts)
        if len(shape) != 1 or shape[0] == 0:
            raise ValueError(
                f"`ts` must be a vector of at least one step number, but has shape {shape}: "
                "`ts=jnp.arange(501)` asks for 500 steps, each observed."
            )
        if not checks.is_concrete(ts):
            if not jnp.issubdtype(ts.dtype, jnp.integer):
                raise TypeError(
                    "`ts` must be integers for a rule, whose time is counted in steps, but has "
                    f"dtype {ts.dtype}."
                )
            return ts
        if ts.dtype.kind not in "iuf" or not np.all(np.isfinite(ts)) or np.any(ts != np.round(ts)):
            raise ValueError(
                "`ts` must be whole numbers for a rule, whose time is counted in steps, but is "
                f"{ts}: `jnp.arange(501)` asks for 500 steps."
            )
        if np.any(np.diff(ts) < 0):
            raise ValueError(
                f"`ts` must not decrease, because a step cannot be taken back, but is {ts}."
            )
        return ts.astype(int)

    def shares(self, duration: float, shares: np.ndarray) -> np.ndarray:
        return np.floor(duration * shares)

    def looks(self, duration: Any, n: int) -> Any:
        return np.arange(n + 1)

    def lasting(self, duration: Number, parts: int) -> tuple[Any, Any]:
        value = _within(duration, parts, 2**31 - 1, "steps", parts)
        return value, math.ceil(value / parts / _LOOKS) * _LOOKS

    def period(self, value: Any) -> Any:
        if isinstance(value, float | np.ndarray | jax.Array) and checks.is_concrete(value):
            value = int(value) if float(value).is_integer() else value
        return checks.count("period", value, low=2)

    def linear(self, slopes: Slopes) -> Slopes:
        return slopes + jnp.eye(len(slopes), dtype=slopes.dtype)

    def exponents(self, of_slopes: Complex[Array, "*b n"]) -> Complex[Array, "*b n"]:
        # A multiplier that rounding cannot tell from 0 is 0: its exponent is no number.
        size = jnp.max(jnp.abs(of_slopes), axis=-1, keepdims=True, initial=1.0)
        rounding = of_slopes.shape[-1] * numerics.rounding(of_slopes.dtype) * size
        vanishes = jnp.abs(1 + of_slopes) <= rounding
        return jnp.where(vanishes, -jnp.inf, jnp.log1p(jnp.where(vanishes, 0, of_slopes)))

    def eigenvalues(self, exponents: Complex[Array, "*b n"]) -> Complex[Array, "*b n"]:
        return jnp.exp(exponents)

    def growth(self, eigenvalues: Complex[Array, "*b n"]) -> Float[Array, "*b n"]:
        return jnp.log(jnp.abs(eigenvalues))

    def edge(self, frequency: Float[Array, ""]) -> Complex[Array, ""]:
        return jax.lax.complex(jnp.cos(frequency), jnp.sin(frequency))

    def propagator(self, slopes: Slopes, time: Array) -> Slopes:
        # By repeated squaring.
        def halve(carried: tuple) -> tuple:
            result, square, t = carried
            result = jnp.where(t % 2 == 1, result @ square, result)
            return result, square @ square, t // 2

        one = jnp.eye(len(slopes), dtype=slopes.dtype)
        start = (one, slopes + one, time)
        return jax.lax.while_loop(lambda carried: carried[2] > 0, halve, start)[0]

    def reactivity(self, slopes: Slopes) -> Float[Array, ""]:
        return jnp.log(jnp.linalg.norm(self.linear(slopes), 2))


class Continuous(AbstractClock):
    """Time on the line, which can be followed either way."""

    unit: ClassVar[str] = "unit time"
    whole: ClassVar[bool] = False
    gone: ClassVar[float] = -np.inf

    def times(self, ts: Any) -> Float[Array, " t"]:
        ts = checks.array("ts", ts)
        if ts.ndim != 1 or ts.shape[0] == 0:
            raise ValueError(
                f"`ts` must be a vector of at least one time, but has shape {ts.shape}: "
                "`jnp.linspace(0, 100, 501)` is one."
            )
        if checks.is_concrete(ts):
            gaps = np.diff(np.asarray(ts, float))
            if np.any(gaps <= 0) and np.any(gaps >= 0):
                raise ValueError(
                    "`ts` must be strictly increasing (or, to run backwards, decreasing), but is "
                    f"{ts}."
                )
        return ts

    def shares(self, duration: float, shares: np.ndarray) -> np.ndarray:
        return duration * shares

    def looks(self, duration: Any, n: int) -> Any:
        return duration * np.linspace(0, 1, n + 1)

    def lasting(self, duration: Number, parts: int) -> tuple[Any, Any]:
        value = _within(duration, 0.0, _LONGEST, "units of time", parts)
        return value, value / parts

    def period(self, value: Any) -> Any:
        return checks.positive("period", value)

    def linear(self, slopes: Slopes) -> Slopes:
        return slopes

    def exponents(self, of_slopes: Complex[Array, "*b n"]) -> Complex[Array, "*b n"]:
        return of_slopes

    def eigenvalues(self, exponents: Complex[Array, "*b n"]) -> Complex[Array, "*b n"]:
        return exponents

    def growth(self, eigenvalues: Complex[Array, "*b n"]) -> Float[Array, "*b n"]:
        return eigenvalues.real

    def edge(self, frequency: Float[Array, ""]) -> Complex[Array, ""]:
        return jax.lax.complex(jnp.zeros_like(frequency), frequency)

    def propagator(self, slopes: Slopes, time: Array) -> Slopes:
        held, free = _without_held(slopes)
        grown = jax.scipy.linalg.expm(time * free)
        return jnp.where((time > 0) & held[None], 0, grown)

    def reactivity(self, slopes: Slopes) -> Float[Array, ""]:
        held, free = _without_held(slopes)
        least = -jnp.linalg.norm(free)
        away = jnp.diag(jnp.where(held, 2 * least - 1, 0))
        largest = jnp.linalg.eigvalsh((free + free.T) / 2 + away)[-1]
        return jnp.where(largest < 1.5 * least - 0.5, -jnp.inf, largest)


def _without_held(slopes: Slopes) -> tuple[Bool[Array, " n"], Slopes]:
    """Which coordinates a wall holds, with -inf in the diagonal, and the slopes without them."""
    held = jnp.isneginf(jnp.diagonal(slopes))
    return held, jnp.where(held[:, None] | held[None], 0, slopes)


_CLOCKS = (Steps(), Continuous())


def clock(unit: str) -> AbstractClock:
    """The clock whose rates are per a unit, "step" or "unit time"."""
    for known in _CLOCKS:
        if known.unit == unit:
            return known
    raise ValueError(
        f'the `unit` of a dynamics must be "step" or "unit time", but is {checks.shown(unit)}.'
    )


_LOOKS = 8  # at a part of a duration
_LONGEST = 1e9  # time that is followed


def _within(duration: Number, low: float, high: float, unit: str, parts: int) -> float:
    value = float(checks.positive("duration", duration))
    if not low <= value <= high:
        raise ValueError(
            f"`duration` must be between {low:g} and {high:g} {unit}, but is {value:g}: a start is "
            f"followed in {parts} stretches, each seen several times."
        )
    return value
