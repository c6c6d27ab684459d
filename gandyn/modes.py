"""Modes: which ones a generator covers, and how it hops from one to the next.

Points belong to the mode whose center is nearest. From the shares of the modes in every sample of a
training run follows a process, the mode that dominates at each time, and from that the hops: how
often, after how long a stay, to which mode, and whether the order and the timing repeat.

    samples (time, n, d) --occupation--> shares (time, mode) --dominant--> process (time,)
    points  (time, d)    --assign------------------------------------------> process (time,)
    process (time,)      --hopping--> rate, dwell times, transitions, period, coherence

Metz et al., "Unrolled Generative Adversarial Networks", 2017, for generators that rotate through
the modes; Srivastava et al., "VEEGAN", 2017, for the share within three standard deviations.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import rel_entr
from jaxtyping import Array, Bool, Float, Int

from . import _checks as checks
from . import _numerics as numerics
from ._compiled import compiled
from ._phase import State
from ._result import Result
from ._types import Number
from .games import AbstractGAN
from .games._gan import as_gan
from .games._generated import generated
from .measures import Gaussians
from .measures._measure import weights_of

__all__ = [
    "Coverage",
    "Hopping",
    "Watch",
    "assign",
    "coverage",
    "dominant",
    "hopping",
    "occupation",
]


def __dir__() -> list[str]:
    return __all__


_CYCLIC = 0.7


class Coverage(Result):
    """Which modes a sample covers.

    **Fields:**

    - `occupation`: the share of the points that lie near each mode; what is missing from one lies
      near none.
    - `covered`: whether a mode has more than the least share.
    - `weights`: the share of each mode in the law.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "occupation": ("mode",),
        "covered": ("mode",),
        "weights": ("mode",),
    }

    occupation: Float[Array, "*batch mode"]
    covered: Bool[Array, "*batch mode"]
    weights: Float[Array, "*batch mode"]

    @property
    def quality(self) -> Float[Array, "*batch"]:
        """The share of the points that lie near any mode."""
        return jnp.sum(self.occupation, axis=-1)

    @property
    def count(self) -> Int[Array, "*batch"]:
        """How many modes are covered."""
        return jnp.sum(self.covered, axis=-1)

    @property
    def shares(self) -> Float[Array, "*batch mode"]:
        """The share of each mode in the points that lie near any; nan if none does."""
        return self.occupation / self.quality[..., None]

    @property
    def reverse_kl(self) -> Float[Array, "*batch"]:
        """KL(shares | weights), in nats: 0 if the modes are hit as the law has them, log(8 / m) if
        m of 8 equal ones are, equally often; it does not see points that are near no mode."""
        return self._known(rel_entr(self.shares, self.weights))

    @property
    def jensen_shannon(self) -> Float[Array, "*batch"]:
        """The Jensen-Shannon divergence of shares and weights, in nats."""
        middle = (self.shares + self.weights) / 2
        return self._known(rel_entr(self.shares, middle) + rel_entr(self.weights, middle)) / 2

    def _known(self, each: Float[Array, "*batch mode"]) -> Float[Array, "*batch"]:
        """The sum over the modes, if there are shares."""
        return jnp.where(self.quality > 0, jnp.sum(each, axis=-1), jnp.nan)

    @property
    def dominant(self) -> Int[Array, "*batch"]:
        """The mode that half of the points or more lie near; -1 if there is none."""
        return dominant(self.occupation)


class Hopping(Result):
    """How a process of modes hops.

    A hop is a change from one mode to another, with or without a time without mode in between.

    **Fields:**

    - `process`: the mode at each time, -1 where there is none.
    - `hopped`: whether the process arrived at a new mode at this time.
    - `dwells`: how long the visit was that a hop ended, at the time of the hop; nan where there is
      none, and for the first visit, whose beginning nobody saw.
    - `transitions`: `transitions[a, b]`, the share of the hops from mode a that went to b; zero in
      the rows of modes that were never left.
    - `occupation`: the share of the time in each mode.
    - `rate`: hops per unit of time.
    - `lag`: the time after which the process repeats itself best, after it was least alike.
    - `coherence`: by how much it then is more alike than at its least: 1 if everything repeats, 0
      (up to fluctuations) for a process that forgets.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "process": ("time",),
        "hopped": ("time",),
        "dwells": ("time",),
        "transitions": ("mode", "next"),
        "occupation": ("mode",),
        "rate": (),
        "lag": (),
        "coherence": (),
    }

    process: Int[Array, "*batch time"]
    hopped: Bool[Array, "*batch time"]
    dwells: Float[Array, "*batch time"]
    transitions: Float[Array, "*batch mode next"]
    occupation: Float[Array, "*batch mode"]
    rate: Float[Array, "*batch"]
    lag: Float[Array, "*batch"]
    coherence: Float[Array, "*batch"]

    @property
    def hops(self) -> Int[Array, "*batch"]:
        """How many there are."""
        return jnp.sum(self.hopped, axis=-1)

    @property
    def dwell(self) -> Float[Array, "*batch"]:
        """The mean length of the complete visits; nan if there is none."""
        return jnp.nanmean(self.dwells, axis=-1)

    @property
    def irregularity(self) -> Float[Array, "*batch"]:
        """The standard deviation of the dwell times over their mean: 0 for a clock, 1 for hops at
        random moments, as noise drives them over a barrier."""
        return jnp.nanstd(self.dwells, axis=-1) / self.dwell

    @property
    def cyclic(self) -> Bool[Array, "*batch"]:
        """Whether the hopping is a cycle, with a coherence above 0.7; if there are hops without a
        cycle, they are driven by noise or by chaos."""
        return self.coherence > _CYCLIC

    @property
    def period(self) -> Float[Array, "*batch"]:
        """The time of one turn through the modes; nan if there is no cycle."""
        return jnp.where(self.cyclic, self.lag, jnp.nan)


def assign(x: Any, centers: Any) -> Int[Array, "..."]:
    """The mode that each point belongs to, the one with the nearest center; -1 for a point that is
    not finite.

    **Arguments:**

    - `x`: points, shape `(..., *event)`, or the trajectory of one: `(time, *event)`.
    - `centers`: one per mode, shape `(modes, *event)`; of a mixture, `mixture.centers`.
    """
    x, centers = _points(x, centers)
    return _nearest(x, centers)[0]


def occupation(x: Any, centers: Any, w: Any = None) -> Float[Array, "... mode"]:
    """The share of the points that belong to each mode; points that are not finite count nowhere.

    **Arguments:**

    - `x`: samples, shape `(..., n, *event)`: one sample, or one at each time.
    - `centers`: one per mode, shape `(modes, *event)`.
    - `w`: the weights of the points, shape `(..., n)`; equal if left out. With the nodes of a grid
      as `x` and their probabilities as `w`, shares of a density.
    """
    x, centers = _points(x, centers, axes=1)
    which, _ = _nearest(x, centers)
    return _shares(which, _weights(w, which, x.dtype), len(centers))


def coverage(
    x: Any,
    centers: Any,
    std: Any,
    w: Any = None,
    *,
    weights: Any = None,
    within: Number = 3.0,
    least: Number = 0.0,
) -> Coverage:
    """Which modes a sample covers, and the share of its points that are of high quality.

    Of a law that is right, normal modes in the plane, 1 - exp(-9/2) = 0.98889 of the points lie
    within three standard deviations.

    **Arguments:**

    - `x`: samples, shape `(..., n, *event)`: one sample, or one at each time.
    - `centers`: one per mode, shape `(modes, *event)`.
    - `std`: the standard deviation of the modes, a number or one per mode.
    - `w`: the weights of the points, shape `(..., n)`; equal if left out.
    - `weights`: the share of each mode in the law, not negative, with sum one; equal if left out.
    - `within`: how near to the nearest center, in standard deviations, a point is near it.
    - `least`: the share of the points that a mode must exceed to be covered.
    """
    x, centers = _points(x, centers, axes=1)
    std = checks.array("std", std)
    if std.shape not in ((), (len(centers),)) or (
        checks.is_concrete(std) and np.any(np.asarray(std) <= 0)
    ):
        raise ValueError(
            f"`std` must be positive, one number or one for each of {len(centers)} modes, but is "
            f"{checks.shown(std)}."
        )
    which, apart = _nearest(x, centers)
    within = checks.positive("within", within).astype(x.dtype)
    least = checks.number("least", least, low=0, high=1).astype(x.dtype)
    reach = within * jnp.broadcast_to(std.astype(x.dtype), len(centers))
    near = apart <= reach[which]  # nothing is nearer than -1's infinite distance
    shares = _shares(jnp.where(near, which, -1), _weights(w, which, x.dtype), len(centers))
    weights = weights_of("weights", weights, len(centers)).astype(x.dtype)
    return Coverage(shares, shares > least, jnp.broadcast_to(weights, shares.shape))


class Watch(eqx.Module):
    """An observer of the modes that a GAN's generator covers, for `gandyn.record`: a `State` to a
    `Coverage`, whose arrays have an axis for the looks in `Record.seen`.

    The latent points are the same at every look, so that what hops are the players.

    **Arguments:**

    - `gan`: whose generator it is, penalized or noised as it may be.
    - `law`: of the data, with its modes: `gandyn.measures.ring()`.
    - `n`: how many points are looked at, of a latent law that is drawn from; all of fixed ones.
    - `within`: how near to the nearest center, in standard deviations, a point is near it.
    - `least`: the share of the points that a mode must exceed to be covered.
    """

    gan: AbstractGAN
    law: Gaussians
    n: int = eqx.field(static=True)
    within: Float[Array, ""]
    least: Float[Array, ""]

    def __init__(
        self,
        gan: AbstractGAN,
        law: Gaussians,
        n: int = 2500,
        within: Number = 3.0,
        least: Number = 0.0,
    ):
        self.gan = as_gan(gan)
        remedy = "`gandyn.measures.ring()` is one, so is `gandyn.measures.Gaussians(centers, std)`"
        self.law = checks.instance("law", law, Gaussians, "a law of normal modes", remedy)
        self.n = checks.count("n", n)
        self.within = checks.positive("within", within)
        self.least = checks.number("least", least, low=0, high=1)

    def __call__(self, state: State) -> Coverage:
        x, w = generated(self.gan, state.players, self.n)
        law = self.law
        return coverage(
            x, law.centers, law.std, w, weights=law.weights, within=self.within, least=self.least
        )


def dominant(occupation: Any, share: Number = 0.5) -> Int[Array, "..."]:
    """The mode that dominates: the most occupied one, if it has at least a `share`; otherwise -1.

    With a share of one half or more, a generator that covers many modes is at none of them, and
    does not seem to hop as its largest one changes.

    **Arguments:**

    - `occupation`: the shares of the modes, shape `(..., modes)`.
    - `share`: the least that makes a mode dominant; 0 for the most occupied one.
    """
    occupation = checks.array("occupation", occupation)
    if occupation.ndim == 0 or 0 in occupation.shape:
        raise ValueError(
            "`occupation` must have the shares of the modes along its last axis, but has shape "
            f"{occupation.shape}."
        )
    share = checks.number("share", share, low=0, high=1).astype(occupation.dtype)
    top = jnp.max(occupation, axis=-1)
    return jnp.where((top >= share) & (top > 0), jnp.argmax(occupation, axis=-1), -1)


def hopping(process: Any, modes: int, ts: Any = None) -> Hopping:
    """How a process hops between modes: rate, dwell times, transitions, period, and whether it is a
    cycle.

    How alike the process is to itself after a time tau is the share of times at which it is where
    it was before, A(tau). In a cycle of period T, A(T) = 1, after A has been near 0. Where noise
    drives the hops, A falls to the level of chance and stays there. The rise of A over its least
    value before is the `coherence`; lags of at most half the record are looked at.

    **Arguments:**

    - `process`: the mode at each time, shape `(time,)`, whole numbers; -1 for none.
    - `modes`: how many there are.
    - `ts`: the times, evenly spaced; 0, 1, 2, ... if left out.
    """
    modes = checks.count("modes", modes)
    if not (hasattr(process, "dtype") or isinstance(process, tuple | list)):
        raise TypeError(
            f"`process` must be whole numbers, one at each time, but is {checks.shown(process)}."
        )
    process = jnp.asarray(process)
    if process.ndim != 1 or len(process) < 2 or not jnp.issubdtype(process.dtype, jnp.integer):
        raise ValueError(
            "`process` must be whole numbers of shape (time,) at two times or more, but has dtype "
            f"{process.dtype} and shape {process.shape}: `gandyn.modes.assign` and "
            "`gandyn.modes.dominant` make it, and `jax.vmap` maps over runs."
        )
    if checks.is_concrete(process):
        seen = np.asarray(process)
        if seen.min() < -1 or seen.max() >= modes:
            raise ValueError(
                f"`process` must be between -1 (no mode) and {modes - 1}, because there are "
                f"{modes} `modes`, but goes from {seen.min()} to {seen.max()}."
            )
    ts = checks.array("ts", jnp.arange(len(process)) if ts is None else ts)
    if ts.shape != process.shape:
        raise ValueError(
            f"`ts` must have one time for each entry of `process`, shape {process.shape}, but has "
            f"{ts.shape}."
        )
    if checks.is_concrete(ts):
        gaps = np.diff(np.asarray(ts, float))
        # Late times in single precision are even up to their rounding.
        rounding = 4 * numerics.rounding(ts.dtype) * float(abs(ts[-1]))
        if not np.all(gaps > 0) or np.ptp(gaps) > 1e-3 * gaps.mean() + rounding:
            raise ValueError(f"`ts` must increase in even steps, but is {checks.shown(ts)}.")
    return _hopping(process, modes, ts)


@compiled
def _hopping(process: Int[Array, " time"], modes: int, ts: Float[Array, " time"]) -> Hopping:
    n, dtype = len(process), ts.dtype
    # The mode last seen: times without mode belong to the visit before.
    last = jax.lax.cummax(jnp.where(process >= 0, jnp.arange(n), -1))
    visited = jnp.where(last >= 0, process[jnp.maximum(last, 0)], -1)
    before, after = visited[:-1], visited[1:]
    hopped = jnp.append(False, (before >= 0) & (before != after))

    arrival = jax.lax.cummax(jnp.where(hopped, ts, -jnp.inf))
    dwells = jnp.where(hopped[1:], ts[1:] - arrival[:-1], jnp.nan)
    dwells = jnp.append(jnp.nan, jnp.where(jnp.isfinite(dwells), dwells, jnp.nan))

    counts = jnp.zeros((modes, modes), dtype).at[before, after].add(hopped[1:].astype(dtype))
    left = jnp.sum(counts, axis=1, keepdims=True)
    lag, coherence = _recurrence(process, modes, dtype)
    step = (ts[-1] - ts[0]) / (n - 1)
    return Hopping(
        process=process,
        hopped=hopped,
        dwells=dwells,
        transitions=counts / jnp.where(left > 0, left, 1),
        occupation=jnp.mean(jax.nn.one_hot(process, modes, dtype=dtype), axis=0),
        rate=jnp.sum(hopped, dtype=dtype) / (ts[-1] - ts[0]),
        lag=lag * step,
        coherence=coherence,
    )


def _recurrence(
    process: Int[Array, " time"], modes: int, dtype: Any
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The lag at which a process is most alike to itself above its least before, and that rise."""
    n = len(process)
    lags = jnp.arange(n // 2 + 1)
    # No mode is a symbol of its own.
    symbols = jax.nn.one_hot(jnp.where(process < 0, modes, process), modes + 1, dtype=dtype)
    spectrum = jnp.abs(jnp.fft.rfft(symbols, 2 * n, axis=0)) ** 2
    matches = jnp.sum(jnp.fft.irfft(spectrum, 2 * n, axis=0), axis=1)[: n // 2 + 1]
    alike = jnp.round(matches) / (n - lags).astype(dtype)
    rise = alike - jax.lax.cummin(alike)
    top = jnp.max(rise)
    # The first peak that is as high as any but for fluctuations: not a multiple of the period.
    high = rise >= 0.95 * top
    first = jnp.argmax(high)
    ended = jnp.cumsum((~high) & (lags > first)) > 0
    peak = jnp.argmax(jnp.where((lags >= first) & ~ended, rise, -1))
    return jnp.where(top > 0, peak.astype(dtype), jnp.nan), top


def _nearest(
    x: Float[Array, "..."], centers: Float[Array, "modes *event"]
) -> tuple[Int[Array, "..."], Float[Array, "..."]]:
    """The nearest center and its distance; -1 and infinity for points that are not finite."""
    modes, d = len(centers), int(np.prod(centers.shape[1:]))
    shape = x.shape[: x.ndim - (centers.ndim - 1)]
    apart = x.reshape(*shape, 1, d) - centers.reshape(*[1] * len(shape), modes, d)
    square = jnp.sum(apart**2, axis=-1)
    least = jnp.min(square, axis=-1)
    finite = jnp.isfinite(least)
    which = jnp.argmin(square, axis=-1)
    return jnp.where(finite, which, -1), jnp.where(finite, jnp.sqrt(least), jnp.inf)


def _shares(
    which: Int[Array, "... n"], w: Float[Array, "..."], modes: int
) -> Float[Array, "... modes"]:
    belongs = jax.nn.one_hot(which, modes, dtype=w.dtype)
    return jnp.einsum("...n,...nk->...k", w, belongs)


def _weights(w: Any, which: Int[Array, "... n"], dtype: Any) -> Float[Array, "..."]:
    """Weights of the points: one for each, or many sets of them for the same points."""
    n = which.shape[-1]
    if w is None:
        return jnp.full(n, 1 / n, dtype)
    w = checks.array("w", w).astype(dtype)
    one_of_them_is_alone = w.shape[-1:] == (n,) and 1 in (w.ndim, which.ndim)
    if w.shape != which.shape and not one_of_them_is_alone:
        raise ValueError(
            f"`w` must be one weight for each of the {n} points of a sample, shape {which.shape}, "
            f"but has shape {w.shape}."
        )
    if checks.is_concrete(w):
        total = np.sum(np.asarray(w), axis=-1)
        if np.any(np.asarray(w) < 0) or np.any(abs(total - 1) > 1e-6):
            raise ValueError(
                "`w` must not be negative and must sum to one over the points of each sample, but "
                f"its sums go from {total.min():g} to {total.max():g}: divide it by them."
            )
    return w


def _points(x: Any, centers: Any, axes: int = 0) -> tuple[Array, Float[Array, "modes *event"]]:
    """Points and centers, held to be of one dimension; points need not be finite."""
    centers = checks.array("centers", centers)
    if centers.ndim == 0 or 0 in centers.shape:
        raise ValueError(
            "`centers` must have shape (modes, *event) with at least one mode, but has shape "
            f"{centers.shape}."
        )
    event = centers.shape[1:]
    x = checks.numbers("x", x)
    n = x.ndim - len(event)
    if n < axes or x.shape[n:] != event or 0 in x.shape:
        wanted = "(..., n, *event)" if axes else "(..., *event)"
        raise ValueError(
            f"`x` must be points of shape {wanted}, not empty, where a point has the shape of a "
            f"center, {event}, but has shape {x.shape}."
        )
    return x, centers.astype(x.dtype)
