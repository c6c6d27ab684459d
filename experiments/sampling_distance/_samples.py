"""Pairs of samples, what is measured on them, and means over the pairs."""

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax.random as jr
import numpy as np
from jaxtyping import Array
from matplotlib.axes import Axes
from scipy import stats

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots

from ._options import Options

Means = dict[int, tuple[float, float]]  # by m: the mean over the pairs, and its standard error

COLORS = [plots.PALETTE[name] for name in ("vermilion", "orange", "green", "blue")]
THEORY = {"color": plots.COLORS["theory"], "lw": 0.7, "zorder": 3}


def swept(
    function: Callable[..., Mapping[str, Array]],
    options: Options,
    panel: str,
    name: str,
    chunk: int,
) -> dict[str, tuple[float, float]]:
    """Means over runs, of all that the function returns. Panels with one name see one sample."""
    runs = gd.sweep(
        function,
        {"run": np.arange(options.seeds)},
        seed=zlib.crc32(name.encode()),
        chunk=chunk,
        store=None if options.store is None else options.store / panel / name,
        configuration={"name": name},
    )
    return {str(k): _mean(np.asarray(v, float)) for k, v in runs.data_vars.items()}


def _mean(runs: np.ndarray) -> tuple[float, float]:
    return runs.mean(), runs.std(ddof=1) / np.sqrt(len(runs))


def between(
    measured: Callable[[int, int], Callable[[Array, Array, Array], Mapping[str, Array]]],
    options: Options,
    panel: str,
    most: float = np.inf,
    dimensions: Iterable[int] | None = None,
) -> dict[tuple[str, int], Means]:
    """`measured(m, d)(x, y, key)` for pairs of samples of N(0, I/d), up to the size `most`; by what
    was measured and by d."""
    found = {}
    for d in options.dimensions if dimensions is None else dimensions:
        for m in (m for m in options.sizes if m <= most):

            def pair(run: Array, key: Array, m: int = m, d: int = d) -> Mapping[str, Array]:
                x, y = jr.normal(key, (2, m, d)) / np.sqrt(d)
                return measured(m, d)(x, y, key)

            chunk = max(1, min(options.seeds, 2**22 // (m * d)))
            for name, mean in swept(pair, options, panel, f"m{m}-d{d}", chunk).items():
                found.setdefault((name, d), {})[m] = mean
    return found


def test(
    ledger: Ledger, runs: int, means: Means, theory: Callable[[int], float], text: str
) -> None:
    """The mean over runs against its expectation at each m.

    A miss has to be as improbable as four standard deviations of a normal variable; errors that
    are themselves estimated, from few runs, follow Student's law.
    """
    wide = float(stats.t.ppf(stats.norm.cdf(4), runs - 1))
    for m, (mean, error) in means.items():
        ledger.compare(f"{text}, m = {m}", mean, theory(m), wide * float(error))


def record(ledger: Ledger, found: Mapping[Any, Means]) -> None:
    for name, means in found.items():
        text = name if isinstance(name, str) else f"{name[0]}, d = {name[1]}"
        ledger.record(f"{text}: m, mean, its standard error", [(m, *v) for m, v in means.items()])


def dots(ax: Axes, means: Means, fmt: str = "o", **style: Any) -> None:
    """Means with error bars of two standard errors."""
    mean, error = np.array(list(means.values())).T
    ax.errorbar(list(means), mean, 2 * error, fmt=fmt, ms=2.6, mew=0, elinewidth=0.7, **style)


def dress(ax: Axes, sizes: Iterable[int], title: str, yscale: str = "log") -> None:
    sizes = list(sizes)
    ax.set(xscale="log", yscale=yscale, xlabel="sample size $m$", ylabel="distance", title=title)
    ax.set_xlim(sizes[0] / 1.6, sizes[-1] * 1.6)
    ax.set_xticks(sizes, map(str, sizes))
    ax.xaxis.minorticks_off()
