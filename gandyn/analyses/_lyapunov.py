"""Lyapunov exponents: the mean rates at which neighboring trajectories part or meet.

A random orthonormal frame is carried along by the tangent map and made orthonormal again at every
time of a grid, V_i R_i = D phi(V_{i-1}); the exponents are the mean growth rates of the diagonal,

    lambda_j = sum_i w_i log |R_i[j, j]| / sum_i w_i (t_i - t_{i-1}).

The weights w are a smooth bump over the whole time that vanishes at both ends: the frame turns into
place, and a transient passes, before anything counts. On equilibria, cycles and tori such a mean
converges faster than any power of the time; a plain one only like 1/time.

Benettin, Galgani, Giorgilli, Strelcyn, "Lyapunov characteristic exponents", Meccanica 15, 1980;
Das, Saiki, Sander, Yorke, "Quantitative quasiperiodicity", Nonlinearity 30, 2017.
"""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Real

from .. import _checks as checks
from .._dynamics import AbstractDynamics, begin
from .._phase import State, coordinates
from .._reads import compiled
from .._result import Result
from .._types import Key, Players
from ..rules import AbstractRule
from ..rules._rule import whole_numbers
from ._birkhoff import birkhoff
from ._tangent import carry


class Lyapunov(Result):
    """Mean growth rates of small disturbances along a trajectory, largest first.

    **Fields:**

    - `exponents`: per `unit`.
    - `error`: half the difference between the exponents of the first and of the second half of the
      time: how far they are from having converged.
    - `unit`: "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {"exponents": ("mode",), "error": ("mode",)}

    exponents: Float[Array, " mode"]
    error: Float[Array, " mode"]
    unit: str = eqx.field(static=True)


def lyapunov(
    dynamics: AbstractDynamics,
    players: Players | State,
    ts: Any,
    key: Key = None,
    k: int | None = None,
) -> Lyapunov:
    """The Lyapunov exponents of a dynamics along a trajectory, memory included.

    At an equilibrium they are the real parts of its spectrum, on a cycle those of its Floquet
    exponents. A trajectory that diverges has nan.

    **Arguments:**

    - `dynamics`: a rule or a flow.
    - `players`: the start, or a `State`.
    - `ts`: increasing times at which the frame is made orthonormal again, shape `(time,)`. Between
      two of them disturbances may part by a factor of 1e15 (in double precision); what is lost
      below that is nan, except that what vanishes within one step of a rule has exponent -inf.
    - `key`: one realisation of everything random, the same for neighbors.
    - `k`: how many exponents, the leading ones; all by default.
    """
    state = begin(dynamics, players)
    ts = _times(dynamics, ts)
    n = coordinates(state)[0].size
    k = n if k is None else checks.count("k", k)
    if k > n:
        raise ValueError(f"`k` must be at most {n}, the dimension of the phase space, but is {k}.")
    # One gap between all the times of a rule is known before anything runs, as in `evolve`.
    gaps = set(np.diff(ts).tolist()) if checks.is_concrete(ts) else set()
    gap = int(min(gaps)) if dynamics.unit == "step" and len(gaps) == 1 else None
    result, finite = _lyapunov(dynamics, state, ts, key, k, gap)
    if checks.is_concrete(finite) and bool(finite) and bool(jnp.any(jnp.isnan(result.exponents))):
        warnings.warn(
            "some exponents are nan, because between two of the times in `ts` disturbances parted "
            "by more than rounding leaves: choose more times in between, or fewer exponents `k`.",
            stacklevel=2,
        )
    return result


def _times(dynamics: AbstractDynamics, ts: Any) -> Real[Array, " t"]:
    steps = isinstance(dynamics, AbstractRule)
    ts = jnp.asarray(whole_numbers(ts)) if steps else checks.floating(ts)
    if ts.ndim != 1 or len(ts) < 2:
        raise ValueError(
            f"`ts` must be a vector of at least two times, but has shape {ts.shape}: "
            "`jnp.linspace(0, 1000, 1001)` is one."
        )
    if checks.is_concrete(ts):
        gaps = np.diff(np.asarray(ts, float))
        bad = not np.all(np.isfinite(ts)) or np.any(gaps < 0 if steps else gaps <= 0)
        if bad or not ts[-1] > ts[0]:
            raise ValueError(f"`ts` must be finite and increasing, but is {ts}.")
    return ts


@compiled
def _lyapunov(
    dynamics: AbstractDynamics,
    state: State,
    ts: Real[Array, " t"],
    key: Key,
    k: int,
    gap: int | None,
) -> tuple[Lyapunov, Array]:
    x, _ = coordinates(state)
    frame = jnp.linalg.qr(jr.normal(jr.key(0), (x.size, x.size), x.dtype))[0][:, :k]
    smallest = x.size * jnp.finfo(x.dtype).eps
    steps = isinstance(dynamics, AbstractRule)

    def block(both: tuple[State, Array], ends: Array) -> tuple[tuple[State, Array], Array]:
        state, pushed = carry(dynamics, *both, ends, key, gap)
        frame, r = jnp.linalg.qr(pushed)
        sizes = jnp.abs(jnp.diagonal(r))
        lost = sizes <= smallest * jnp.max(sizes)
        vanished = steps & (ends[1] - ends[0] <= 1)
        kept = jnp.log(jnp.where(lost, 1, sizes))
        growth = jnp.where(lost, jnp.where(vanished, -jnp.inf, jnp.nan), kept)
        return (state, frame), growth

    (final, _), growth = jax.lax.scan(block, (state, frame), jnp.stack([ts[:-1], ts[1:]], axis=1))
    ts = ts.astype(x.dtype)
    middle = (ts[0] + ts[-1]) / 2
    halves = (_mean(growth, ts, ts[0], middle), _mean(growth, ts, middle, ts[-1]))
    exponents = _mean(growth, ts, ts[0], ts[-1])
    order = jnp.argsort(-exponents)
    error = jnp.abs(halves[0] - halves[1]) / 2
    finite = jnp.all(jnp.isfinite(coordinates(final)[0]))
    return Lyapunov(exponents[order], error[order], dynamics.unit), finite


def _mean(
    growth: Float[Array, "t k"], ts: Float[Array, " t+1"], start: Array, end: Array
) -> Float[Array, " k"]:
    """The rate of growth over [start, end], weighted with a bump."""
    u = ((ts[1:] + ts[:-1]) / 2 - start) / (end - start)
    return birkhoff(growth, u) / birkhoff(jnp.diff(ts), u)
