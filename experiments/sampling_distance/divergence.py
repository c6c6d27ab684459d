"""Jensen-Shannon between two samples, and on the line between their histograms."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Array
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import distances

from ._options import CRITICS, Options
from ._samples import COLORS, THEORY, between, dots, dress, record


def measure(options: Options) -> Found:
    def js(m: int, d: int) -> Callable[..., dict[str, Array]]:
        return lambda x, y, key: {
            "js": distances.jensen_shannon(*map(gd.measures.empirical, (x, y)))
        }

    def bins(m: int, d: int) -> Callable[..., dict[str, Array]]:
        edges = np.linspace(-3, 3, 15)
        return lambda x, y, key: {
            "js bins": distances.jensen_shannon(
                *(distances.histogram(s[:, 0], edges) for s in (x, y))
            )
        }

    return {
        "samples": between(js, options, "divergence", CRITICS),
        "bins": between(bins, options, "bins", dimensions=(1,)),
    }


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    for (_, d), means in found["samples"].items():
        worst = max(abs(mean - np.log(2)) for mean, _ in means.values())
        ledger.compare(f"JS of two samples, distance from log 2, d = {d}", worst, 0, 1e-12)
    record(ledger, found["samples"] | found["bins"])


def draw(options: Options, found: Found, ax: Axes) -> None:
    for ((_, d), means), color in zip(found["samples"].items(), COLORS, strict=False):
        dots(ax, means, color=color, label=f"$d = {d}$")
    dots(ax, found["bins"]["js bins", 1], color="0.4", label="$d = 1$, 16 bins")
    ax.axhline(np.log(2), **THEORY)
    dress(ax, options.sizes, "Jensen-Shannon", yscale="linear")
    ax.set(ylim=(0, 0.8), ylabel="nats")
    ax.text(ax.get_xlim()[0] * 1.2, np.log(2) + 0.02, r"$\log 2$", fontsize=7, color="0.4")
    ax.legend(loc="center right", labelspacing=0.2, handletextpad=0.1)
