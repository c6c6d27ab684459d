"""W_1 between two samples, or what it is never below where they are too many to be matched."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from matplotlib.axes import Axes

from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import distances

from ._options import TRANSPORT, Options
from ._samples import COLORS, THEORY, between, dots, dress, record
from ._theory import between_samples, lower_bound


def measure(options: Options) -> Found:
    def measured(m: int, d: int) -> Callable[..., dict[str, Array]]:
        if d == 1 or m <= TRANSPORT:
            return lambda x, y, key: {"w1": distances.wasserstein(x, y)}
        return lambda x, y, key: {"nearest": nearest(x, y)}

    found = between(measured, options, "transport")
    every = np.geomspace(options.sizes[0], options.sizes[-1], 200)
    far = [d for d in options.dimensions if d >= 100]
    return {
        "means": found,
        "theory": {m: between_samples(m) for m in found.get(("w1", 1), {})},
        "bounds": {d: (every, np.array([lower_bound(m, d) for m in every])) for d in far},
    }


def nearest(x: Array, y: Array) -> Array:
    """The mean distance of a point of x from the nearest of y, which W_1 is never below. Where the
    samples are too many to be matched, in single precision: it is off by a millionth."""
    x, y = (s.astype(jnp.float32) for s in (x, y))
    squares = jnp.sum(y**2, 1)

    def squared_distance(point: Array) -> Array:
        return jnp.min(squares - 2 * y @ point) + point @ point

    return jnp.mean(jnp.sqrt(jax.lax.map(squared_distance, x, batch_size=256)))


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    means = found["means"]
    for d in found["bounds"]:
        exact = means["w1", d]
        seen = {m: mean for m, (mean, _) in (exact | means.get(("nearest", d), {})).items()}
        for m, mean in seen.items():
            bound = lower_bound(m, d)
            if bound > 0:
                ledger.state(f"W1 is above {bound:.3g}, m = {m}, d = {d}", mean >= bound, True)
        ledger.record(f"W1 of two samples, m = {max(exact)}, d = {d}", exact[max(exact)][0])
        if d == 1000:
            above = min(seen.values()) > 1.1
            ledger.state("W1 is above 1.1 in 1000 dimensions at all m", above, True)
    record(ledger, means)


def draw(options: Options, found: Found, ax: Axes) -> None:
    for d, color in zip(options.dimensions, COLORS, strict=False):
        dots(ax, found["means"]["w1", d], color=color, label=f"$d = {d}$")
        if ("nearest", d) in found["means"]:
            dots(ax, found["means"]["nearest", d], "^", color=color)
        if d in found["bounds"]:
            m, bounds = found["bounds"][d]
            ax.plot(m[bounds > 0.3], bounds[bounds > 0.3], color=color, lw=0.7, ls="--")
    ax.plot(*zip(*found["theory"].items(), strict=True), **THEORY)
    least = ax.plot([], [], "^", ms=2.6, mew=0, color="0.4", label="at least")
    least += ax.plot([], [], color="0.4", lw=0.7, ls="--", label="at least, theory")
    ax.legend(handles=least, loc="lower left", labelspacing=0.2)
    dress(ax, options.sizes, "$W_1$, two samples")
    ax.set_ylim(0.02, 2)
