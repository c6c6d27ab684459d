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
import numpy as np
from jaxtyping import Array, Bool, Float, Real

from ... import _checks as checks
from ..._compiled import compiled_with
from ..._door import begin
from ..._dynamics import AbstractDynamics, at_walls, random_frame
from ..._phase import State, as_precise, coordinates, vector
from ..._result import Result
from ..._types import Key, Players
from ._birkhoff import SHARES_FROM, birkhoff, confidence

_BLOCKS = 10  # of the time
_FEWEST = 5  # of them that tell an error
_GAPS = 4  # between times, in a block


class Lyapunov(Result):
    """Mean growth rates of small disturbances along a trajectory, largest first.

    **Fields:**

    - `exponents`: per `unit`.
    - `error`: the exponent of an infinitely long trajectory lies within this of `exponents` with a
      confidence of 95 %: Student's quantile times the standard error from ten blocks of the time,
      and what the integrator's tolerances leave open. Trust it where a block, a tenth of the time,
      is longer than what the trajectory remembers. nan with fewer than 20 gaps between times,
      which are too few to tell, and of infinite exponents.
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
    *,
    key: Key = None,
    k: int | None = None,
) -> Lyapunov:
    """The Lyapunov exponents of a dynamics along a trajectory, memory included.

    At an equilibrium they are the real parts of its spectrum, on a cycle those of its Floquet
    exponents. A trajectory that diverges, or comes to a wall of `gandyn.fields.Confined`, has nan.

    **Arguments:**

    - `dynamics`: a rule or a flow.
    - `players`: the start, or a `State`.
    - `ts`: increasing times between which growth is seen, shape `(time,)`. A rule's frame is made
      orthonormal at these times only, and so is a flow's of fixed steps: in between disturbances
      may part by a factor of 1e12 (in double precision, 1e5 in single); what is lost below that is
      nan, except that what vanishes within one step of a rule has exponent -inf.
    - `key`: one realization of everything random, the same for neighbors.
    - `k`: how many exponents, the leading ones; all by default.
    """
    dynamics, state = begin(dynamics, players, key)
    times = _times(dynamics, ts)
    ts = as_precise(jnp.asarray(times), state)
    n = coordinates(state)[0].size
    k = n if k is None else checks.count("k", k)
    if k > n:
        raise ValueError(f"`k` must be at most {n}, the dimension of the phase space, but is {k}.")
    # One gap between all the times of a rule is known before anything runs, as in `evolve`.
    gaps = set(np.diff(times).tolist()) if isinstance(times, np.ndarray) else set()
    gap = int(min(gaps)) if dynamics.clock.whole and len(gaps) == 1 else None
    result, finite, walled = _lyapunov(dynamics, state, ts, key, k, gap)
    if checks.is_concrete(walled) and bool(walled):
        warnings.warn(
            "the exponents are nan, because the trajectory comes to a wall, off which disturbances "
            "end in a finite time: `gandyn.spectrum` has those of an equilibrium on its face.",
            stacklevel=2,
        )
    elif checks.is_concrete(finite) and bool(finite) and bool(jnp.any(jnp.isnan(result.exponents))):
        warnings.warn(
            "some exponents are nan, because between two of the times in `ts` disturbances parted "
            "by more than rounding leaves: choose more times in between, or fewer exponents `k`.",
            stacklevel=2,
        )
    return result


def _times(dynamics: AbstractDynamics, ts: Any) -> Any:
    """The times, increasing; a numpy array if whole and known."""
    ts = dynamics.clock.times(ts)
    if len(ts) < 2:
        raise ValueError(
            f"`ts` must be a vector of at least two times, but has shape {ts.shape}: "
            "`jnp.linspace(0, 1000, 1001)` is one."
        )
    if checks.is_concrete(ts) and not ts[-1] > ts[0]:
        raise ValueError(f"`ts` must increase, but is {ts}.")
    return ts


@compiled_with("some")
def _lyapunov(
    dynamics: AbstractDynamics,
    state: State,
    ts: Real[Array, " t"],
    key: Key,
    k: int,
    gap: int | None,
) -> tuple[Lyapunov, Array, Array]:
    x, _ = coordinates(state)
    frame = random_frame(x.size, k, x.dtype)

    def block(both: tuple[State, Array], ends: Array) -> tuple[tuple[State, Array], tuple]:
        time = ends[1] - ends[0] if gap is None else gap
        state, frame, growth = dynamics.stretch(*both, ends[0], time, key)
        return (state, frame), (growth, _touches(dynamics, state))

    (final, _), (growth, walls) = jax.lax.scan(
        block, (state, frame), jnp.stack([ts[:-1], ts[1:]], axis=1)
    )
    ts = ts.astype(x.dtype)
    walled = jnp.any(walls)
    growth = jnp.where(walled, jnp.nan, growth)
    exponents, deviation = _means(growth, ts)
    fastest = jnp.max(jnp.abs(growth) / jnp.diff(ts)[:, None])
    error = deviation + dynamics.accuracy(x.dtype) * fastest
    order = jnp.argsort(-exponents)
    finite = jnp.all(jnp.isfinite(coordinates(final)[0]))
    return Lyapunov(exponents[order], error[order], dynamics.unit), finite, walled


def _touches(dynamics: AbstractDynamics, state: State) -> Bool[Array, ""]:
    """Whether a state is at a wall of the dynamics."""
    walls = dynamics.walls(state)
    if walls is None:
        return jnp.zeros((), bool)
    below, above, _ = at_walls(vector(state), *walls)
    return jnp.any(below | above)


def _means(
    growth: Float[Array, "t k"], ts: Float[Array, " t+1"]
) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """The rates of growth, as means weighted with a bump over the whole time, and how far they lie
    from their limits, with the confidence of the error, as told by those over blocks of it."""
    blocks = min(_BLOCKS, len(growth) // _GAPS)
    known = blocks >= _FEWEST
    # What comes first counts nothing in the mean, so that it may say nothing in the blocks.
    shares = np.linspace(SHARES_FROM, 1, blocks + 1) if known else np.zeros(1)
    starts, ends = np.append(0, shares[:-1]), np.append(1, shares[1:])

    middle = ((ts[1:] + ts[:-1]) / 2 - ts[0]) / (ts[-1] - ts[0])

    def mean(start: Array, end: Array) -> Float[Array, " k"]:
        u = (middle - start) / (end - start)
        return birkhoff(growth, u) / birkhoff(jnp.diff(ts), u)

    means = jax.vmap(mean)(jnp.asarray(starts, ts.dtype), jnp.asarray(ends, ts.dtype))
    if not known:
        return means[0], jnp.full_like(means[0], jnp.nan)
    return means[0], confidence(means[1:], float(shares[1] - shares[0]))
