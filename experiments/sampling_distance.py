"""Claim: between two samples of one law Jensen-Shannon is log 2 and W_1 in 1000 dimensions is above
1.1, at all sizes m tried, while what a linear critic sees falls like 1/sqrt(m) in all dimensions.

The law is N(0, I/d), the samples have m points. If you have trained a GAN: it never met the data's
law, only a sample of it, and by the distances in the theorems sample and law are as far apart as
can be. That training generalizes at all is owed to a discriminator too small to see the difference;
the price is that it cannot see a generator that repeats a few points either.

Arora, Ge, Liang, Ma, Zhang, "Generalization and Equilibrium in Generative Adversarial Nets (GANs)",
2017, lemma 1 and theorem 3.1. Expected distances on the line: del Barrio, Giné, Matrán 1999.
"""

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array
from scipy import stats
from scipy.special import gammaln

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import distances, plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    sizes: tuple[int, ...] = (2, 16, 128, 512, 4096)
    """Points in a sample. W_1 beyond the line is an assignment problem and stops at 512, from where
    on a lower bound is measured; trained critics stop at 128."""
    dimensions: tuple[int, ...] = (1, 10, 100, 1000)
    """The dimensions."""
    seeds: int = 24
    """Pairs of samples per point; error bars are two standard errors of their mean."""
    steps: int = 10_000
    """Steps of the training of the generator that is fitted to a sample."""
    store: Path | None = None
    """Folder in which finished parts of the sweep are kept: the same command again goes on from
    there."""


QUICK = Options(sizes=(32,), dimensions=(1, 100), seeds=16)

COLORS = ("#D55E00", "#E69F00", "#009E73", "#0072B2")
TRANSPORT, CRITICS = 512, 128


# --- expected values -----------------------------------------------------------------------------

U = np.linspace(0, 1, 200_001)[1:-1]  # levels: sums over them are integrals over the law
X = np.linspace(-9, 9, 36_001)


def to_the_law(m: int) -> float:
    """E W_1 of m points of N(0, 1) to the law itself: the mean deviation of a binomial variable, in
    closed form (de Moivre), over the line."""
    p = stats.norm.cdf(X)
    nu = np.minimum(np.floor(m * p) + 1, m)
    choose = gammaln(m + 1) - gammaln(nu + 1) - gammaln(m - nu + 1)
    logs = choose + nu * stats.norm.logcdf(X) + (m - nu + 1) * stats.norm.logsf(X)
    return float(np.sum(2 / m * nu * np.exp(logs)) * (X[1] - X[0]))


def between_samples(m: int) -> float:
    """E W_1 of two m-samples of N(0, 1): the mean difference of two binomial variables, over the
    line. It is an integral over their characteristic function, a polynomial in cos t."""
    x = np.linspace(-9, 9, 1801)
    pq = stats.norm.cdf(x) * stats.norm.sf(x)
    n = max(4 * m, 64)
    t = np.pi * (np.arange(n) + 0.5) / n
    s = 1 - np.cos(t)
    means = np.array([np.mean((1 - (1 - 2 * v * s) ** m) / s) for v in pq])
    return float(np.sum(means) * (x[1] - x[0]) / m)


def order_statistics(m: int) -> np.ndarray:
    """E X_(i) of m points of N(0, 1)."""
    x = np.linspace(-9, 9, 3601)
    i = np.arange(1, m + 1)[:, None]
    logs = gammaln(m + 1) - gammaln(i) - gammaln(m - i + 1) + stats.norm.logpdf(x)
    logs = logs + (i - 1) * stats.norm.logcdf(x) + (m - i) * stats.norm.logsf(x)
    return np.sum(x * np.exp(logs), axis=1) * (x[1] - x[0])


def squared(m: int) -> tuple[float, float]:
    """E W_2^2 of m points of N(0, 1) to the law, and of two samples."""
    means = order_statistics(m)
    heights = stats.norm.pdf(stats.norm.ppf(np.arange(m + 1) / m))
    return 2 - 2 * float(means @ -np.diff(heights)), 2 - 2 * float(means @ means) / m


def linear(m: int, d: int) -> float:
    """E |mean x - mean y| of two m-samples of N(0, I/d)."""
    return float(2 / np.sqrt(m * d) * np.exp(gammaln((d + 1) / 2) - gammaln(d / 2)))


def kernel(m: int, d: int) -> float:
    """E MMD^2 of two m-samples of N(0, I/d) with a kernel of width 1."""
    return 2 / m * (1 - (1 + 2 / d) ** (-d / 2))


def lower_bound(m: int, d: int) -> float:
    """E W_1 >= 1.2 (1 - m P(|x - y| < 1.2)): a fresh point is far from all of a sample."""
    return float(1.2 * (1 - m * stats.chi2.cdf(0.72 * d, d)))


def fitted(m: int) -> float:
    """E W_2^2 from N(0, 1) to the normal law with the mean and the deviation of an m-sample."""
    deviation = np.sqrt(2 / m) * np.exp(gammaln(m / 2) - gammaln((m - 1) / 2))
    return float(1 / m + 1 - 2 * deviation + (m - 1) / m)


# --- measurements --------------------------------------------------------------------------------


class Mean:
    """Means over runs with their standard errors, by the name of what was measured and by m."""

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self.values: dict[Any, dict[int, tuple[float, float]]] = {}

    def add(self, name: Any, m: int, runs: Any) -> None:
        runs = np.asarray(runs, float)
        self.values.setdefault(name, {})[m] = (runs.mean(), runs.std(ddof=1) / np.sqrt(len(runs)))

    def test(self, ledger: Ledger, name: Any, theory: Callable[[int], float], text: str) -> None:
        """The mean over runs against its expectation at each m.

        A miss has to be as improbable as four standard deviations of a normal variable; errors that
        are themselves estimated, from few runs, follow Student's law.
        """
        wide = float(stats.t.ppf(stats.norm.cdf(4), self.runs - 1))
        for m, (mean, error) in self.values[name].items():
            ledger.compare(f"{text}, m = {m}", mean, theory(m), wide * float(error))

    def draw(self, ax: Any, name: Any, fmt: str = "o", **style: Any) -> None:
        ms = np.array(list(self.values[name]))
        mean, error = np.array(list(self.values[name].values())).T
        ax.errorbar(ms, mean, 2 * error, fmt=fmt, ms=2.6, mew=0, elinewidth=0.7, **style)


def swept(
    function: Callable[..., Mapping[str, Array]], options: Options, name: str, chunk: int
) -> dict[str, np.ndarray]:
    store = None if options.store is None else options.store / name
    axes = {"run": np.arange(options.seeds)}
    found = gd.sweep(
        function,
        axes,
        seed=zlib.crc32(name.encode()),
        chunk=chunk,
        store=store,
        configuration={"name": name},
    )
    return {str(k): np.asarray(v) for k, v in found.data_vars.items()}


def pair(key: Array, m: int, d: int) -> tuple[Array, Array]:
    x, y = jr.normal(key, (2, m, d)) / np.sqrt(d)
    return x, y


def nearest(x: Array, y: Array) -> Array:
    """The mean distance of a point of x from the nearest of y, which W_1 is never below. Where the
    samples are too many to be matched, in single precision: it is off by a millionth."""
    x, y = (s.astype(jnp.float32) for s in (x, y))
    squares = jnp.sum(y**2, 1)

    def squared_distance(point: Array) -> Array:
        return jnp.min(squares - 2 * y @ point) + point @ point

    return jnp.mean(jnp.sqrt(jax.lax.map(squared_distance, x, batch_size=256)))


def network(params: dict[str, Array], x: Array) -> Array:
    return params["out"] @ jnp.tanh(params["in"] @ x)


def between(m: int, d: int) -> Callable[..., dict[str, Array]]:
    """Distances between two samples, each up to the size that it can be had for."""

    def measured(run: Array, key: Array) -> dict[str, Array]:
        x, y = pair(key, m, d)
        found = {"linear": distances.linear_distance(x, y)}
        if d == 1 or m <= TRANSPORT:
            found["w1"] = distances.wasserstein(x, y)
        else:
            found["nearest"] = nearest(x, y)
        if m <= TRANSPORT:
            found["mmd2"] = distances.mmd(x, y) ** 2
        if m <= CRITICS:
            found["js"] = distances.jensen_shannon(*map(gd.measures.empirical, (x, y)))
        if m <= CRITICS:
            a, b = jr.split(jr.fold_in(key, 1))
            start = {"in": jr.normal(a, (8, d)) / np.sqrt(8 * d), "out": jr.normal(b, (8,)) / 3}
            found["network"] = distances.neural_distance(
                network, start, x, y, radius=2.0, steps=100, starts=1
            )
        if d == 1:
            law, edges = gd.measures.gaussian(0.0, 1.0), np.linspace(-3, 3, 15)
            found["w1 law"] = distances.wasserstein(x, law)
            found["w2 law"] = distances.wasserstein(x, law, 2) ** 2
            found["w2"] = distances.wasserstein(x, y, 2) ** 2
            found["js bins"] = distances.jensen_shannon(
                *(distances.histogram(s[:, 0], edges) for s in (x, y))
            )
        return found

    return measured


def moments(psi: Array, x: Array) -> Array:
    return psi[0] * x + psi[1] * x**2


def affine(theta: Array, z: Array) -> Array:
    return theta[0] + theta[1] * z


def trained(m: int, steps: int) -> Callable[..., dict[str, Array]]:
    """A normal generator, fitted by a GAN with a critic of two parameters to a sample of m."""

    def measured(run: Array, key: Array) -> dict[str, Array]:
        x = jr.normal(key, (m,))
        latent = gd.measures.gaussian(0.0, 1.0, nodes=4)
        gan = gd.games.GAN(affine, moments, gd.measures.empirical(x), latent, gd.losses.wasserstein)
        rule = gd.methods.alternating(gd.games.Penalized(gan, gd.games.R1(1.0)), 0.1)
        start = (jnp.array([0.5, 0.5]), jnp.zeros(2))
        final = gd.simulate(rule, start, np.array([0, steps])).final.players
        shift, scale = final[0]
        law = gd.measures.gaussian(shift, scale)
        return {
            "to the law": distances.wasserstein(law, gd.measures.gaussian(0.0, 1.0), 2) ** 2,
            "to the sample": distances.wasserstein(x, law, 2) ** 2,
            "unfinished": jnp.hypot(shift - jnp.mean(x), scale - jnp.std(x)),
        }

    return measured


def run(options: Options, out: Path) -> Ledger:
    ledger, seen = Ledger(), Mean(options.seeds)
    for d in options.dimensions:
        for m in options.sizes:
            small = max(1, min(options.seeds, 2**22 // (m * d)))
            for name, runs in swept(between(m, d), options, f"m{m}-d{d}", small).items():
                seen.add((name, d), m, runs)
    few = [m for m in options.sizes if 8 <= m <= TRANSPORT]
    for m in few:
        for name, runs in swept(trained(m, options.steps), options, f"fit{m}", 64).items():
            seen.add(name, m, runs)
    judge(ledger, seen, options)
    figure(seen, options, out, few)
    return ledger


def transported(seen: Mean, d: int) -> dict[int, float]:
    """The mean of W_1 between two samples, or of what it is never below, for each m."""
    found = seen.values["w1", d] | seen.values.get(("nearest", d), {})
    return {m: mean for m, (mean, _) in found.items()}


def judge(ledger: Ledger, seen: Mean, options: Options) -> None:
    for d in options.dimensions:
        worst = max(abs(mean - np.log(2)) for mean, _ in seen.values["js", d].values())
        ledger.compare(f"JS of two samples, distance from log 2, d = {d}", worst, 0, 1e-12)
        seen.test(ledger, ("linear", d), lambda m, d=d: linear(m, d), f"linear critics, d = {d}")
        seen.test(ledger, ("mmd2", d), lambda m, d=d: kernel(m, d), f"squared MMD, d = {d}")
        for m, (mean, _) in seen.values["network", d].items():
            ledger.record(f"network critics: sqrt(m) d_F, m = {m}, d = {d}", np.sqrt(m) * mean)
        if d >= 100:
            for m, mean in transported(seen, d).items():
                bound = lower_bound(m, d)
                if bound > 0:
                    ledger.state(f"W1 is above {bound:.3g}, m = {m}, d = {d}", mean >= bound, True)
            last = max(seen.values["w1", d])
            ledger.record(f"W1 of two samples, m = {last}, d = {d}", seen.values["w1", d][last][0])
    if max(options.dimensions) >= 1000:
        least = min(transported(seen, 1000).values())
        ledger.state("W1 is above 1.1 in 1000 dimensions at all m", least > 1.1, True)
    seen.test(ledger, ("w1 law", 1), to_the_law, "W1 of sample and law")
    seen.test(ledger, ("w1", 1), between_samples, "W1 of two samples on the line")
    seen.test(ledger, ("w2 law", 1), lambda m: squared(m)[0], "squared W2 of sample and law")
    seen.test(ledger, ("w2", 1), lambda m: squared(m)[1], "squared W2 of two samples on the line")
    seen.test(ledger, "to the law", fitted, "squared W2 of the fitted generator to the law")
    unfinished = max(mean for mean, _ in seen.values["unfinished"].values())
    ledger.compare("the generator has the moments of its sample, up to", unfinished, 0, 1e-6)
    m = max(seen.values["to the law"])
    ratio = seen.values["to the law"][m][0] / squared(m)[0]
    ledger.record(f"fitted generator over sample, squared W2 to the law, m = {m}", ratio)
    for name, found in seen.values.items():
        text = name if isinstance(name, str) else f"{name[0]}, d = {name[1]}"
        ledger.record(f"{text}: m, mean, its standard error", [(m, *v) for m, v in found.items()])


def figure(seen: Mean, options: Options, out: Path, few: list[int]) -> None:
    fig, axes = plots.figure(2, 3, size=(7.0, 4.6))
    grey = {"color": plots.COLORS["theory"], "lw": 0.7, "zorder": 3}
    js, transport, line, critic, networks, fit = axes.flat
    for d, color in zip(options.dimensions, COLORS, strict=False):
        style = {"color": color, "label": f"$d = {d}$"}
        for ax, name in ((js, "js"), (transport, "w1"), (critic, "linear"), (networks, "network")):
            seen.draw(ax, (name, d), **style)
        if ("nearest", d) in seen.values:
            seen.draw(transport, ("nearest", d), "^", color=color)
        ms = np.array(list(seen.values["linear", d]))
        critic.loglog(ms, [linear(m, d) for m in ms], **grey)
        if d >= 100:
            all_m = np.geomspace(options.sizes[0], options.sizes[-1], 200)
            bounds = np.array([lower_bound(m, d) for m in all_m])
            shown = bounds > 0.3
            transport.plot(all_m[shown], bounds[shown], color=color, lw=0.7, ls="--")
    seen.draw(js, ("js bins", 1), color="0.4", label="$d = 1$, 16 bins")
    js.axhline(np.log(2), **grey)
    ms = np.array(list(seen.values["w1", 1]))
    transport.plot(ms, [between_samples(m) for m in ms], **grey)
    least = transport.plot([], [], "^", ms=2.6, mew=0, color="0.4", label="at least")
    least += transport.plot([], [], color="0.4", lw=0.7, ls="--", label="at least, theory")
    transport.legend(handles=least, loc="lower left", labelspacing=0.2)
    slope = networks.plot(ms, 3 / np.sqrt(ms), **grey, ls=":", label=r"$3 / \sqrt{m}$")
    networks.legend(handles=slope, loc="lower left")
    names = {("w1 law", 1): "$W_1$, law", ("w1", 1): "$W_1$, two samples",
             ("w2 law", 1): "$W_2^2$, law", ("w2", 1): "$W_2^2$, two samples"}  # fmt: skip
    theories = (to_the_law, between_samples, lambda m: squared(m)[0], lambda m: squared(m)[1])
    for (key, label), theory, color in zip(names.items(), theories, COLORS, strict=True):
        seen.draw(line, key, color=color, label=label)
        line.plot(ms, [theory(m) for m in ms], **grey)
    seen.draw(fit, "to the law", color=COLORS[0], label="fitted, to the law")
    seen.draw(fit, "to the sample", color=COLORS[2], label="fitted, to its sample")
    fit.plot(few, [fitted(m) for m in few], **grey)
    fit.plot(few, [squared(m)[0] for m in few], color="0.2", lw=0.8, ls=":",
             label="memorized, to the law")  # fmt: skip
    titles = (
        "Jensen-Shannon", "$W_1$, two samples", "on the line, $d = 1$", "linear critics",
        "trained networks", "$W_2^2$ of generators",
    )  # fmt: skip
    for ax, letter, title in zip(axes.flat, "abcdef", titles, strict=True):
        ax.set(xscale="log", yscale="linear" if ax is js else "log", xlabel="sample size $m$")
        ax.set_xlim(options.sizes[0] / 1.6, options.sizes[-1] * 1.6)
        shown = few if ax is fit else options.sizes
        ax.set_xticks(shown, map(str, shown))
        ax.xaxis.minorticks_off()
        ax.set_title(letter, loc="left", fontweight="bold")
        ax.set_title(title)
    fit.set_xlim(few[0] / 1.6, few[-1] * 1.6)
    js.set(ylim=(0, 0.8), ylabel="nats")
    js.text(js.get_xlim()[0] * 1.2, np.log(2) + 0.02, r"$\log 2$", fontsize=7, color="0.4")
    transport.set(ylabel="distance", ylim=(0.02, 2))
    for ax in (line, critic, networks, fit):
        ax.set_ylabel("distance")
    js.legend(loc="center right", labelspacing=0.2, handletextpad=0.1)
    for ax in (line, critic):
        ax.legend(loc="lower left", labelspacing=0.2, handletextpad=0.1)
    networks.set_ylim(0.08, 4)
    fit.set_ylim(1e-3, 2)
    fit.legend(loc="upper right", labelspacing=0.2, handletextpad=0.4)
    plots.save(fig, out)
