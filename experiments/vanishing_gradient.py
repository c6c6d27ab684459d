"""Claim: against an optimal discriminator the generator's gradient vanishes like exp(-d^2/8) in the
separation d for minimax, least squares and hinge, and does not for -log D and Wasserstein.

Data N(0, 1), generator N(d, 1). If you have trained a GAN: a generator that got nothing from a
discriminator "too good" was not unlucky, its signal is the overlap of two bell curves, and neither
patience nor precision brings it back. What helps is another loss for the generator, or noise on
both, which buys a signal from afar and pays with a weaker one near the goal.

Goodfellow et al., "Generative Adversarial Nets", 2014; Arjovsky and Bottou, "Towards Principled
Methods for Training Generative Adversarial Networks", 2017, theorems 2.4 and 2.5.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array
from scipy import optimize, stats

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots
from gandyn.measures import Sampled, Uniform, gaussian
from gandyn.optimal import Kantorovich, generator_gradient, optimal_discriminator


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    farthest: int = 12
    """The largest separation, in standard deviations."""
    steps: int = 10_000
    """How long the discriminator is trained."""
    seeds: int = 1024
    """How many minibatches the noise of the gradient is measured on."""
    batch: int = 64
    """Points in a minibatch."""


QUICK = Options(farthest=6, steps=1000, seeds=128)

LOSSES = {
    "minimax": gd.losses.minimax,
    "-log D": gd.losses.nonsaturating,
    "least squares": gd.losses.least_squares,
    "hinge": gd.losses.hinge,
    "Wasserstein": gd.losses.wasserstein,
}
COLORS = dict(zip(LOSSES, ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00"), strict=True))


# --- closed forms ----------------------------------------------------------------------------


def mean_under_generator(h: Callable[[np.ndarray], np.ndarray], d: float) -> float:
    """E_q h(D*) with D* = 1 / (1 + exp(d z + d^2/2)), z normal: sums over even steps, which for
    analytic functions are right to rounding."""
    z = np.arange(-40, 40, 0.005)
    D = 1 / (1 + np.exp(np.minimum(d * z + d**2 / 2, 700)))
    return float(np.sum(stats.norm.pdf(z) * h(D)) * 0.005)


def at_the_optimum(d: float) -> dict[str, float]:
    """The gradient in the generator's mean that each loss gives at D*."""
    overlap = mean_under_generator(lambda D: D, d)
    return dict(
        zip(
            LOSSES,
            (
                d * overlap,
                d * (1 - overlap),
                d * mean_under_generator(lambda D: D * (1 - D) ** 2, d),
                float(2 * stats.norm.pdf(d / 2)),
                1.0,
            ),
            strict=True,
        )
    )


def at_the_best_line(d: float) -> dict[str, float]:
    """The same for the best discriminator that is affine, and for Wasserstein of slope at most 1.

    D* of the minimax loss is affine; least squares is Fisher's discriminant, hinge a support vector
    machine.
    """
    fisher = d / (4 + d**2)

    def margin(c: float) -> float:
        return float(d / 2 * stats.norm.cdf(c - d / 2) - stats.norm.pdf(c - d / 2))

    exact = at_the_optimum(d)
    return exact | {
        "least squares": fisher * (1 + fisher * d) / 2,
        "hinge": 1 / float(optimize.brentq(margin, -10, 10 + d)),  # pyright: ignore[reportArgumentType]
    }


# --- the pieces of the figure ------------------------------------------------------------------


def affine(psi: Array, x: Array) -> Array:
    return psi[0] + psi[1] * x


def shifted(theta: Array, z: Array) -> Array:
    return theta + z


STEP = 0.02  # between the points of the population


def game(loss: gd.losses.Loss) -> gd.games.GAN:
    """Sums over even steps: for smooth losses as good as any quadrature, for the hinge better."""
    x = np.arange(-9, 9, STEP)
    law = gd.measures.Points(x, stats.norm.pdf(x) / stats.norm.pdf(x).sum())
    return gd.games.GAN(shifted, affine, law, law, loss)


def against_separation(options: Options, ledger: Ledger, ax) -> None:
    """The gradient at D*, measured by quadrature, closed forms over it."""
    ds = np.arange(1, options.farthest + 1)
    data = gaussian(0.0, 1.0)

    def family(m: Array) -> gd.measures.Gaussian:
        return gaussian(m, 1.0)

    @jax.jit
    def measured(m: Array) -> dict[str, Array]:
        def critic(loss: gd.losses.Loss):
            if loss is gd.losses.wasserstein:
                return Kantorovich(data, family(m))
            return optimal_discriminator(loss, data, family(m))

        return {k: generator_gradient(v, critic(v), family, m) for k, v in LOSSES.items()}

    found = [measured(jnp.asarray(float(d))) for d in ds]
    theory = [at_the_optimum(float(d)) for d in ds]
    smooth = np.linspace(0.5, options.farthest, 40)
    curves = [at_the_optimum(d) for d in smooth]
    for name, color in COLORS.items():
        seen = np.array([abs(float(f[name])) for f in found])
        exact = np.array([t[name] for t in theory])
        line = f"{name}: gradient at D*, d = 1 .. {options.farthest}"
        ledger.compare(line, seen, exact, 1e-6 * exact)
        ax.semilogy(smooth, [c[name] for c in curves], color=plots.COLORS["theory"], lw=0.7)
        ax.semilogy(ds, seen, "o", color=color, label=name, ms=3, mew=0)
    d = float(ds[-1])
    # pi, 3 pi / 8 and 2, over sqrt(2 pi): integrals over where the two laws cross.
    for name, limit in (("minimax", np.pi), ("least squares", 3 * np.pi / 8), ("hinge", 2)):
        scaled = abs(float(found[-1][name])) * np.exp(d**2 / 8)
        ledger.compare(
            f"{name}: gradient exp(d^2/8) at d = {d:g}, for d to infinity",
            scaled,
            limit / np.sqrt(2 * np.pi),
            10 / d**2 * limit / np.sqrt(2 * np.pi),
        )
    ax.plot([], [], color=plots.COLORS["theory"], lw=0.7, label="theory")
    ax.set(xlabel="separation $d$", ylabel="gradient at $D^*$", ylim=(1e-9, 60))
    ax.legend(loc="lower left", handletextpad=0.4, labelspacing=0.2)


def against_training(options: Options, ledger: Ledger, ax) -> None:
    """The gradient as an affine discriminator is trained from nothing, the generator waiting."""
    ks = np.unique(np.concatenate([[0], np.geomspace(1, options.steps, 49).astype(int)]))
    ledger.record("discriminator steps after which its gradient is measured", ks)
    for d, style in ((2.0, "-"), (6.0, "--")):
        best = at_the_best_line(d)
        for name, loss in LOSSES.items():
            field = gd.fields.Gradient(game(loss))
            # Steps near the largest stable ones; the features 1 and x have a mean square 1 + d^2.
            step: Any = 1.0 / (1 + d**2)
            if loss is gd.losses.wasserstein:
                step = gd.rules.projected(step, lambda w: jnp.clip(w, -1, 1))
            run = gd.simulate(gd.rules.Descend(field, (None, step)), (d, np.zeros(2)), ks)
            slope = eqx.filter_jit(jax.vmap(lambda p, f=field: -f(p)[0]))(run.players)
            ax.semilogx(ks[1:], np.abs(slope[1:]), style, color=COLORS[name], lw=1)
            ledger.record(f"{name}: gradient as D is trained, d = {d:g}", np.abs(slope))
            if d == 2:
                ax.plot(ks[-1], best[name], ">", color=COLORS[name], ms=3.5, clip_on=False)
                # What is left after so many steps decays with them. A support vector machine puts
                # its margin, 1 / gradient, on a node: right up to the nodes' distance.
                tolerance = 2e-2 if options.steps < 10_000 else 2e-3
                if loss is gd.losses.hinge:
                    tolerance += best[name] ** 2 * STEP
                line = f"{name}: gradient of the trained discriminator, d = 2"
                ledger.compare(line, abs(float(slope[-1])), best[name], tolerance)
            else:
                ledger.record(f"{name}: largest gradient on the way, d = 6", np.abs(slope).max())
    ax.set(xlabel="discriminator steps", ylabel="gradient", yscale="log", ylim=(1e-3, 20))
    ax.plot([], [], "k-", lw=1, label="$d = 2$")
    ax.plot([], [], "k--", lw=1, label="$d = 6$")
    ax.legend(loc="lower right", labelspacing=0.2)


def supports(ledger: Ledger, ax) -> None:
    """Uniform laws on unit intervals: JS is m log 2 while they overlap, and constant beyond."""
    ms = np.linspace(0, 2, 21)
    data = Uniform(0.0, 1.0)

    @jax.jit
    @jax.vmap
    def measured(m: Array) -> tuple[Array, Array]:
        law = Uniform(m, m + 1)
        return gd.distances.jensen_shannon(data, law), gd.distances.wasserstein(data, law)

    js, w1 = (np.asarray(v) for v in measured(ms))
    theory = np.minimum(ms, 1) * np.log(2)
    ledger.compare("uniform laws: JS, shifts 0 .. 2", js, theory, 1e-12)
    ledger.compare("uniform laws: W1, shifts 0 .. 2", w1, ms, 1e-12)
    ax.plot(ms, np.stack([theory, ms], -1), color=plots.COLORS["theory"], lw=0.7)
    ax.plot(ms, js, "o", color=COLORS["minimax"], ms=3, mew=0, label="Jensen-Shannon")
    ax.plot(ms, w1, "o", color=COLORS["Wasserstein"], ms=3, mew=0, label="$W_1$")
    ax.axhline(np.log(2), color="0.7", lw=0.6, ls=":")
    ax.text(0.02, np.log(2) + 0.03, r"$\log 2$", fontsize=7, color="0.4")
    ax.axvspan(1, 2, color="0.93", lw=0, zorder=0)
    ax.text(1.5, 0.12, "disjoint", ha="center", fontsize=7, color="0.4")
    ax.set(xlabel="shift $m$ of a unit interval", ylabel="distance", xlim=(0, 2))
    ax.legend(loc="upper left")


def bound(options: Options, ledger: Ledger, ax) -> None:
    """Disjoint supports: |grad E log(1 - D)| < eps / (1 - eps), eps = sup |D - D*| + |grad D|."""
    data, latent = Uniform(-0.5, 0.5), Uniform(-0.5, 0.5)
    gan = gd.games.GAN(shifted, affine, data, latent)
    field = gd.fields.Gradient(gan)
    ks = np.unique(np.append(0, np.geomspace(1, 100 * options.steps, 40).astype(int)))
    run = gd.simulate(gd.rules.Descend(field, (None, 0.5)), (3.0, np.zeros(2)), ks)
    slope = np.abs(eqx.filter_jit(jax.vmap(lambda p: field(p)[0]))(run.players))
    slope, psi = slope[1:], np.asarray(run.players[1])[1:]  # a discriminator of nothing is no case
    # D is monotone: it is furthest from D*, and steepest, at the inner ends of the supports.
    ends = np.array([0.5, 2.5])
    D = 1 / (1 + np.exp(-(psi[:, :1] + psi[:, 1:] * ends)))
    eps = np.max(np.abs(D - [1, 0]) + D * (1 - D) * np.abs(psi[:, 1:]), axis=1)
    known = eps < 1
    limit = eps[known] / (1 - eps[known])
    ledger.state("Arjovsky and Bottou's bound, violations", int(np.sum(slope[known] >= limit)), 0)
    ledger.record("epsilon of Arjovsky and Bottou's bound", eps[known])
    ledger.record("the bound on the gradient", limit)
    ledger.record("the gradient", slope[known])
    ledger.record("the bound is reached up to a factor of", np.min(limit / slope[known]))
    ax.loglog(eps[known], limit, color=plots.COLORS["theory"], lw=0.9, label="bound")
    ax.loglog(eps[known], slope[known], "o-", color=COLORS["minimax"], ms=2.5, label="minimax")
    ax.set(xlabel=r"$\varepsilon = \|D - D^*\|$", ylabel="gradient, disjoint supports")
    ax.invert_xaxis()
    ax.legend(loc="lower left")


def noise(options: Options, ledger: Ledger, ax) -> None:
    """Signal to noise of one sampled point's gradient at D*: mean over standard deviation."""
    ds = np.arange(1.0, options.farthest / 2 + 1)
    keys = jr.split(jr.key(0), options.seeds)
    data = gaussian(0.0, 1.0, nodes=1)  # the generator's gradient does not see it
    latent = Sampled(gaussian(0.0, 1.0).sample, options.batch)
    smooth = np.linspace(ds[0], ds[-1], 40)
    forms = {"minimax": lambda D: D, "-log D": lambda D: 1 - D}
    forms["least squares"] = lambda D: D * (1 - D) ** 2
    for name, form in forms.items():
        # Least squares at its D*, a probability: the logit is squashed first.
        squashed = name == "least squares"

        def critic(psi: Array, x: Array, squashed: bool = squashed) -> Array:
            l = affine(psi, x)
            return jax.nn.sigmoid(l) if squashed else l

        field = gd.fields.Gradient(gd.games.GAN(shifted, critic, data, latent, LOSSES[name]))

        @eqx.filter_jit
        def gradients(d: Array, field=field) -> Array:
            players = (d, jnp.stack([d**2 / 2, -d]))
            return jax.vmap(lambda key: -field(players, key)[0])(keys)

        def exact(d: float, form=form) -> float:
            mean = mean_under_generator(form, d)
            square = mean_under_generator(lambda D: form(D) ** 2, d)
            return mean / np.sqrt(square - mean**2)

        seen = []
        for d in ds:
            drawn = np.asarray(gradients(jnp.asarray(d)))
            seen.append(drawn.mean() / drawn.std() / np.sqrt(options.batch))
            if d <= 3:  # further out a batch of this size rarely meets the few points that count
                # Of n normal means: the error of mean/deviation is sqrt((1 + r^2/2) / n).
                r = exact(d) * np.sqrt(options.batch)
                error = np.sqrt((1 + r**2 / 2) / options.seeds / options.batch)
                ledger.compare(f"{name}: signal to noise, d = {d:g}", seen[-1], exact(d), 4 * error)
        ledger.record(f"{name}: signal to noise, d = 1 .. {ds[-1]:g}", seen)
        ledger.record(
            f"{name}: signal to noise, d = 1 .. {ds[-1]:g}, closed form", [exact(d) for d in ds]
        )
        ax.semilogy(smooth, [exact(d) for d in smooth], color=plots.COLORS["theory"], lw=0.7)
        ax.semilogy(ds, seen, "o", color=COLORS[name], ms=3, mew=0, label=name)
    ax.axhline(1 / np.sqrt(options.batch), color="0.7", lw=0.6, ls=":")
    label = f"1 in a batch of {options.batch}"
    at = 1.1 / np.sqrt(options.batch)
    ax.text(ds[0], at, label, fontsize=6, color="0.4", va="bottom")
    ax.set(xlabel="separation $d$", ylabel="signal / noise, one point")
    ax.legend(loc="upper left", handletextpad=0.1, labelspacing=0.2)


def remedy(ledger: Ledger, ax) -> None:
    """Instance noise sigma on both: d becomes d / sqrt(1 + sigma^2), and what it costs near 0."""
    sigmas = np.linspace(0, 8, 33)
    for m, color in ((8.0, "#222222"), (0.25, "#56B4E9")):
        wide = np.sqrt(1 + sigmas**2)
        exact = np.array([at_the_optimum(m / s)["minimax"] / s for s in wide])

        @eqx.filter_jit
        def seen(sigma: Array, m: float = m) -> Array:
            s2 = 1 + sigma**2
            players = (jnp.asarray(m), jnp.stack([m**2 / (2 * s2), -m / s2]))
            field = gd.fields.Gradient(gd.games.Noised(game(gd.losses.minimax), sigma, nodes=32))
            return -field(players)[0]

        some = slice(4, None, 4)
        found = np.abs([float(seen(jnp.asarray(s))) for s in sigmas[some]])
        # Gauss-Hermite nodes resolve a sigmoid of slope d to exp(-c sqrt(nodes) / d).
        ledger.compare(
            f"instance noise 1 .. 8, separation {m:g}: gradient",
            found,
            exact[some],
            1e-3 * exact[some],
        )
        ax.semilogy(sigmas, exact / exact.max(), color=plots.COLORS["theory"], lw=0.7)
        ax.semilogy(
            sigmas[some], found / exact.max(), "o", color=color, ms=3, mew=0, label=f"$d = {m:g}$"
        )
        if m > 1:
            best = sigmas[np.argmax(exact)]
            ledger.record("instance noise that is best at separation 8", float(best))
            ledger.record("what it gains there, as a factor", float(exact.max() / exact[0]))
    near = at_the_optimum(0.25 / np.sqrt(1 + best**2))["minimax"] / np.sqrt(1 + best**2)
    ledger.record("what it leaves at separation 0.25, as a factor", float(near / exact[0]))
    ax.set(xlabel=r"instance noise $\sigma$", ylabel="gradient / its largest", ylim=(1e-4, 2))
    ax.legend(loc="lower right")


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    fig, axes = plots.figure(2, 3, size=(7.0, 4.6))
    against_separation(options, ledger, axes[0, 0])
    against_training(options, ledger, axes[0, 1])
    supports(ledger, axes[0, 2])
    bound(options, ledger, axes[1, 0])
    noise(options, ledger, axes[1, 1])
    remedy(ledger, axes[1, 2])
    for ax, letter in zip(axes.flat, "abcdef", strict=True):
        ax.set_title(letter, loc="left", fontweight="bold")
    plots.save(fig, out)
    return ledger
