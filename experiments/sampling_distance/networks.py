"""What small trained networks see of two samples: no closed form, but the same fall with m."""

from collections.abc import Callable

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array
from matplotlib.axes import Axes

from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import distances

from ._options import CRITICS, Options
from ._samples import COLORS, THEORY, between, dots, dress, record


def network(params: dict[str, Array], x: Array) -> Array:
    return params["out"] @ jnp.tanh(params["in"] @ x)


def measure(options: Options) -> Found:
    def measured(m: int, d: int) -> Callable[..., dict[str, Array]]:
        def seen(x: Array, y: Array, key: Array) -> dict[str, Array]:
            a, b = jr.split(jr.fold_in(key, 1))
            start = {"in": jr.normal(a, (8, d)) / np.sqrt(8 * d), "out": jr.normal(b, (8,)) / 3}
            trained = distances.neural_distance(
                network, start, x, y, radius=2.0, steps=100, starts=1
            )
            return {"network": trained}

        return seen

    return {"means": between(measured, options, "networks", CRITICS)}


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    for (_, d), means in found["means"].items():
        for m, (mean, _) in means.items():
            ledger.record(f"network critics: sqrt(m) d_F, m = {m}, d = {d}", np.sqrt(m) * mean)
    record(ledger, found["means"])


def draw(options: Options, found: Found, ax: Axes) -> None:
    for d, color in zip(options.dimensions, COLORS, strict=False):
        dots(ax, found["means"]["network", d], color=color)
    ms = np.array(options.sizes)
    slope = ax.plot(ms, 3 / np.sqrt(ms), **THEORY, ls=":", label=r"$3 / \sqrt{m}$")
    ax.legend(handles=slope, loc="lower left")
    dress(ax, options.sizes, "trained networks")
    ax.set_ylim(0.08, 4)
