"""Claim: one game converges when its players are functions, and has no equilibrium to converge to
when they have few parameters; mixtures of T players close the gap, as 1/(4T) for atoms.

Three modes on the line. If the generator may be any density and D any function, the game is convex
in the one and concave in the other, and the natural flow goes to p_g = p_data at a rate that is the
same for all data: exponents -1/4 +- i sqrt(3)/4. If the generator is one narrow bump, it can be at
one mode only, D tells it so, and the two turn round each other for ever: there is nowhere to rest.

In between lies capacity. Few features of D do not notice what is missing, many do; a few more bumps
for the generator and there is nothing to notice. The gap between min-max and max-min is what it
costs that the generator cannot mix. Goodfellow et al., "Generative Adversarial Nets", 2014; Arora
et al., "Generalization and Equilibrium in GANs", 2017.
"""

import dataclasses
import itertools
from pathlib import Path
from typing import Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots
from gandyn.flows import GradientFlow

Generator = Literal["a density", "one bump", "three bumps", "one bump, D quartic"]


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    starts: int = 16
    """Random starts of each play."""
    time: float = 60.0
    """How long to play."""
    degrees: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 18)
    """Of the polynomials that D may be."""
    mixtures: int = 4
    """The most bumps that the generator is made of."""
    generators: tuple[Generator, ...] = get_args(Generator)
    """Who plays."""
    atoms: int = 32
    """The most atoms against the uniform law."""


QUICK = Options(time=30.0, generators=("a density", "one bump"), degrees=(4,), mixtures=2, atoms=2)

NODES = jnp.linspace(-9, 9, 37)
MODES = jnp.array([-5.0, 0.0, 5.0])
FREE = gd.families.Free(NODES)
UNDECIDED = -2 * np.log(2)
SHADES = {
    "a density": plots.COLORS["stable"],
    "one bump": plots.COLORS["generator"],
    "three bumps": plots.COLORS["discriminator"],
    "one bump, D quartic": "#CC79A7",
}
BUMPS = (SHADES["one bump"], "#E69F00", SHADES["three bumps"], "#56B4E9")


def modes(std: float) -> gd.measures.Points:
    """The data, on the grid."""
    return jax.jit(lambda: gd.families.on_grid(gd.measures.line(3, 5.0, std).cdf, NODES))()


def bumps(discriminator: Any) -> gd.games.MeasureGAN:
    """The generator is a mixture of bumps, narrower than the modes, one for each parameter."""
    one = gd.games.bump(modes(1.0), discriminator, NODES, 0.6)

    def mixed(places: Any, points: Any) -> Any:
        return points[0], jnp.mean(jax.vmap(lambda x: one.generator(x, points)[1])(places), 0)

    return gd.games.MeasureGAN(mixed, discriminator, one.data, one.latent, one.loss)


def distance(game: Any, players: Any) -> Any:
    """The Jensen-Shannon divergence of data and generator."""
    batch = game.batch(players)
    return gd.distances.jensen_shannon(*(w / w.sum() for w in (batch.real[1], batch.fake[1])))


def plays(ledger: Ledger, options: Options) -> tuple[np.ndarray, dict[str, Any]]:
    """Divergence over time, from random starts, for three generators against a free D."""
    ts = jnp.linspace(0, options.time, 241)
    keys = jr.split(jr.key(0), options.starts)
    function, mixture = gd.games.density(modes(1.0), FREE, NODES), bumps(FREE)
    few = gd.families.Polynomial(4, 0.0, 9.0)

    def anywhere(n: int) -> Any:
        return lambda key: jr.uniform(key, (n,), minval=-7.0, maxval=7.0)

    games = {
        "a density": (function, lambda k: 2 * jr.normal(k, (len(NODES),))),
        "one bump": (mixture, anywhere(1)),
        "three bumps": (mixture, anywhere(3)),
        "one bump, D quartic": (bumps(few), anywhere(1)),
    }
    found, moves = {}, {}
    for name in options.generators:
        game, start = games[name]
        flow = GradientFlow(gd.fields.natural(game), gd.flows.Integrator(1e-6, 1e-6))

        def path(key: Any, flow: Any = flow, game: Any = game, start: Any = start) -> Any:
            players = gd.simulate(flow, (start(key), game.discriminator.start()), ts).players
            late = jnp.ptp(players[0][len(ts) // 2 :], axis=0)
            return jax.vmap(lambda p: distance(game, p))(players), jnp.max(late)

        js, late = jax.jit(jax.vmap(path))(keys)
        found[name], moves[name] = np.asarray(js), np.asarray(late)
    if "a density" in found:
        worst = found["a density"][:, -1].max()
        ledger.compare("a density: largest divergence at the end", worst, 0, 1e-4)
    if "one bump" in moves:
        # Its place swings by more than half its width in the second half of the play.
        restless = bool(moves["one bump"].min() > 0.3)
        ledger.state("one bump: none of the starts comes to rest", restless, True)
    for name, late in moves.items():
        if name != "a density":
            ledger.record(f"{name}: how far it still moves, each start", late)
    for name, js in found.items():
        ledger.record(f"{name}: divergence over the time, each start", js)
    return np.asarray(ts), found


def rest(ledger: Ledger) -> dict[str, gd.results.Spectrum]:
    """Exponents of the natural flow where it is at rest."""
    spectrum = eqx.filter_jit(gd.spectrum)
    data = modes(1.0)
    function = gd.games.density(data, FREE, NODES)
    (matched,) = function.equilibria()
    spectra = {"a density": spectrum(GradientFlow(gd.fields.natural(function)), matched)}
    known = np.array([0, -0.5, -0.25 + np.sqrt(3) / 4 * 1j, -0.25 - np.sqrt(3) / 4 * 1j])
    apart = np.abs(np.asarray(spectra["a density"].exponents)[:, None] - known).min(1)
    ledger.compare("a density: exponents against closed form", apart.max(), 0, 1e-6)

    # D in the metric of the data alone: p D' = p - q adds up what the law has missed so far, and
    # stays bounded, because KL(p, q) + E_p D^2 / 2 is conserved. In that of (p + q) / 2 it drifts.
    linear = gd.games.density(data, FREE, NODES, gd.losses.wasserstein)
    fisher = gd.fields.natural(linear).masses
    field = gd.fields.Metric(
        gd.fields.Gradient(linear), lambda players, key: (fisher(players, key)[0], data.w)
    )
    turning = spectrum(GradientFlow(field), matched).exponents
    known = np.array([0, 1j, -1j])
    apart = np.abs(np.asarray(turning)[:, None] - known).min(1)
    # A pair at zero is one Jordan block: exact to the root of a rounding error.
    ledger.compare("a density, linear loss: exponents against +-i", apart.max(), 0, 1e-6)
    flow = GradientFlow(field, gd.flows.Integrator(1e-9, 1e-9))
    start = (matched[0] + 0.5 * jnp.sin(NODES), matched[1])
    ts = jnp.linspace(0, 64.0, 1025)
    laws = jax.nn.softmax(gd.simulate(flow, start, ts).players[0], -1)
    errors = []
    for end in (64, 256, 1024):
        mean = (laws[1:end].sum(0) + (laws[0] + laws[end]) / 2) / end
        errors.append(float(jnp.abs(mean - data.w).sum() * ts[end]))
    ledger.record("a density, linear loss: |mean law - data| x time, at 4, 16, 64", errors)
    bound = float(jnp.sqrt(2 * data.w @ jnp.log(data.w / laws[0])))
    ledger.record("the same, at most, by theory", bound)
    ledger.state("a density, linear loss: the mean converges as 1/time", max(errors) < bound, True)

    one = gd.games.bump(data, FREE, NODES, 0.6)

    @jax.jit
    def content(place: Any) -> Any:
        q = one.batch((place, FREE.start())).fake[1]
        best = jnp.clip(gd.optimal_discriminator(one.loss, data.w, q), -30, 30)
        own = jax.grad(jax.grad(lambda x: one.losses((x, best))[0]))
        return own(place), best

    curvatures = [float(content(mode)[0]) for mode in MODES]
    middle = (MODES[1], content(MODES[1])[1])
    spectra["one bump"] = spectrum(GradientFlow(gd.fields.natural(one)), middle)
    for name, found in spectra.items():
        for part in ("real", "imag"):
            values = getattr(np.asarray(found.exponents), part)
            ledger.record(f"{name}: exponents at rest, {part}", values)
    ledger.record("one bump: curvature of its loss at each mode, D solved", curvatures)
    ledger.state("one bump: at no mode is it content, once D is", max(curvatures) < -0.1, True)
    return spectra


def proofs(ledger: Ledger) -> tuple[np.ndarray, np.ndarray]:
    """Two games of which it is proved that they have no pure equilibrium."""
    # A point against {-1, 1}, and all critics on a grid with slopes 1 and -1: the extreme points of
    # those that are 1-Lipschitz.
    nodes = np.linspace(-2, 2, 9)
    slopes = np.array(list(itertools.product((-1.0, 1.0), repeat=8)))
    critics = np.concatenate([np.zeros((256, 1)), np.cumsum(slopes * 0.5, axis=1)], axis=1)
    data = gd.measures.empirical([-1.0, 1.0])
    game = gd.games.location(data, gd.families.Free(nodes), loss=gd.losses.wasserstein)
    score = jax.vmap(jax.vmap(lambda x, d: game.losses((x, d))[1], (None, 0)), (0, None))
    payoff = -np.asarray(jax.jit(score)(jnp.asarray(nodes), jnp.asarray(critics)))
    worth = jax.jit(gd.values)(payoff)
    ledger.compare("a point against two: min-max", worth.minmax, 1, 1e-9)
    ledger.compare("a point against two: max-min", worth.maxmin, 0, 1e-9)
    ledger.compare("a point against two: mixed", worth.mixed, 0, 1e-9)
    most = payoff.max(axis=1)
    error = np.abs(most - np.maximum(1, np.abs(nodes))).max()
    ledger.compare("a point against two: max over critics is max(1, |x|)", error, 0, 1e-9)

    # N(theta, 1) against N(0, s^2), and the critic |x|, best at theta = 0, where s > 1.
    s, fine = 2.0, jnp.linspace(-12, 12, 961)

    @jax.jit
    def at(x: Any) -> Any:
        """The critic's score, and the curvature of the generator's loss."""
        wide = gd.families.on_grid(gd.measures.gaussian(0.0, s).cdf, fine)
        normal = gd.games.bump(wide, gd.families.Free(fine), fine, 1.0, gd.losses.wasserstein)
        own, critics = (lambda x, i=i: normal.losses((x, jnp.abs(fine)))[i] for i in range(2))
        return -critics(x), jax.grad(jax.grad(own))(x)

    value, bend = at(0.0)
    ledger.compare("normal laws: min-max", value, (s - 1) * np.sqrt(2 / np.pi), 1e-3)
    ledger.compare(
        "normal laws: curvature of the generator's loss", bend, -np.sqrt(2 / np.pi), 1e-3
    )
    return nodes, most


def best_score(features: Any, p: Any, q: Any) -> Any:
    """max over D in the span of the features of E_p log sigmoid(D) + E_q log sigmoid(-D), by
    Newton's method on orthonormal features. It is concave, so that there is one maximum."""
    ridge = 1e-10  # the maximum lies at infinity where a feature tells p and q apart for sure
    shorter = 0.5 ** jnp.arange(16.0)

    def score(psi: Any) -> Any:
        d = features @ psi
        return -jnp.sum(p * jax.nn.softplus(-d) + q * jax.nn.softplus(d))

    def step(psi: Any, _: Any) -> Any:
        s = jax.nn.sigmoid(features @ psi)
        slope = features.T @ (p * (1 - s) - q * s) - ridge * psi
        bend = (features * ((p + q) * s * (1 - s))[:, None]).T @ features
        move = jnp.linalg.solve(bend + ridge * jnp.eye(len(psi)), slope)
        tried = psi + shorter[:, None] * move
        worth = jax.vmap(score)(tried) - ridge / 2 * jnp.sum(tried**2, 1)
        return tried[jnp.argmax(worth)], None

    return score(jax.lax.scan(step, jnp.zeros(features.shape[1]), length=60)[0])


def capacity(ledger: Ledger, options: Options) -> dict[int, list[float]]:
    """min-max minus max-min against the degree of D, for each number of bumps, now as wide as the
    modes. Max-min is -2 log 2 throughout: D = 0 promises it, and a mixture of bumps on all modes
    holds every D to it."""
    data = modes(0.5)
    game = gd.games.bump(data, FREE, NODES, 0.5)
    places = jnp.arange(-5.0, 5.1, 1.0)
    laws = jax.jit(jax.vmap(lambda x: game.batch((x, FREE.start())).fake[1]))(places)
    p = data.w / data.w.sum()
    gaps: dict[int, list[float]] = {}
    for t in range(1, options.mixtures + 1):
        chosen = np.array(list(itertools.combinations_with_replacement(range(len(places)), t)))
        mixed = laws[chosen].mean(1)
        gaps[t] = []
        for degree in options.degrees:
            family = gd.families.Polynomial(degree, 0.0, 9.0)
            features = np.linalg.qr(jax.jit(jax.vmap(family.features))(NODES))[0]
            score = jax.jit(jax.vmap(lambda q, f=features: best_score(f, p, q)))
            gaps[t].append(float(score(mixed).min()) - UNDECIDED)
        js = jax.jit(jax.vmap(lambda q: gd.distances.jensen_shannon(p, q / q.sum())))
        gaps[t].append(2 * float(js(mixed).min()))
    for t in range(1, min(3, options.mixtures) + 1):
        share = t / 3
        js = (1 - share) * np.log(2) + share * np.log(2 * t / (t + 3)) + np.log(6 / (t + 3))
        # Twice the divergence of a law that is uniform on t of 3 modes; they overlap a little.
        ledger.compare(f"free D, T = {t}: gap", gaps[t][-1], js, 1e-4)
    for t, g in gaps.items():
        ledger.record(f"T = {t}: gap against D's degree {options.degrees}, and free", g)
        # A polynomial is one of a higher degree, too.
        fall = float(np.max(-np.diff([0, *g]), initial=0))
        ledger.compare(f"T = {t}: largest fall of the gap with D's capacity", fall, 0, 1e-6)
    return gaps


def atoms(ledger: Ledger, options: Options) -> tuple[list[int], np.ndarray]:
    """The least distance W1 of T atoms to the uniform law on [0, 1], found from random starts."""
    counts = [2**i for i in range(options.atoms.bit_length()) if 2**i <= options.atoms]
    found = []
    for t in counts:
        law = (jnp.arange(64 * t) + 0.5) / (64 * t)  # W1 to it is that to the uniform law, at best

        def descend(key: Any, t: int = t, law: Any = law) -> Any:
            def away(x: Any) -> Any:
                return gd.distances.wasserstein(x, law)

            def step(x: Any, i: Any) -> Any:
                # Each atom weighs 1/T; its force is at most that. Steps that sum up, and vanish.
                return x - t * 0.5 / (i + 10) * jax.grad(away)(x), away(x)

            start = jr.uniform(key, (t,))
            return jnp.min(jax.lax.scan(step, start, jnp.arange(400.0))[1])

        found.append(np.asarray(jax.jit(jax.vmap(descend))(jr.split(jr.key(t), options.starts))))
        ledger.record(f"{t} atoms: least W1, each start", found[-1])
        ledger.compare(f"{t} atoms: T x least W1", t * found[-1].min(), 0.25, 2e-2)
        ledger.state(f"{t} atoms: none below 1/(4T)", bool(found[-1].min() > 0.25 / t - 1e-9), True)
    return counts, np.stack(found)


def teams(ledger: Ledger, counts: list[int]) -> list[float]:
    """min-max minus max-min where both players mix T copies of themselves, in the game of a
    generator on one of three modes and a discriminator that trusts one of them. Each side can hold
    the other to the value 0 to the extent that three divides T."""
    k, gaps = len(MODES), []
    trust = 1 / k - np.eye(k)
    for t in counts:
        copies = np.array(list(itertools.combinations_with_replacement(range(k), t)))
        shares = (copies[:, :, None] == np.arange(k)).mean(1)
        payoff = shares @ trust @ shares.T
        gaps.append(payoff.max(1).min() - payoff.min(0).max())
        theory = (np.ceil(t / k) - np.floor(t / k)) / t
        ledger.compare(f"{t} copies of both players: gap", gaps[-1], theory, 1e-9)
    return gaps


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    ts, paths = plays(ledger, options)
    spectra = rest(ledger)
    nodes, most = proofs(ledger)
    gaps = capacity(ledger, options)
    counts, found = atoms(ledger, options)
    copies = teams(ledger, counts)

    fig, axes = plots.figure(2, 3, size=(7.0, 4.4))
    color = plots.COLORS
    over, plane, proof, wide, fine, last = axes.flat
    for name, js in paths.items():
        over.semilogy(ts, np.maximum(js, 1e-9).T, color=SHADES[name], lw=0.5, alpha=0.6)
    rate = {"color": color["theory"], "ls": "--", "label": r"$e^{-t/2}$"}
    over.semilogy(ts, 0.05 * np.exp(-ts / 2), **rate)
    over.set(xlabel="time", ylabel="JS(data, generator)", ylim=(1e-9, 3), xlim=(0, ts[-1]))
    over.legend(loc="lower left")
    for name in ("one bump", "a density"):
        plots.spectrum(spectra[name], plane, color=SHADES[name], label=name, s=16)
    plane.set(xlim=(-0.8, 0.5), ylim=(-0.8, 1.1))
    plane.legend(loc="upper left", ncols=2, columnspacing=0.5, handletextpad=0.1)
    x = np.linspace(-2, 2, 101)
    proof.plot(x, np.maximum(1, np.abs(x)), color=color["theory"], label=r"$\max(1, |x|)$")
    proof.plot(nodes, most, "^", color=color["stable"], label="D moves last")
    proof.axhline(0, color=color["generator"], label="G moves last")
    proof.set(xlabel="place of a point, data at $\\pm 1$", ylabel="value", ylim=(-0.2, 3.4))
    proof.legend(loc="upper center", labelspacing=0.2)
    for t, g in gaps.items():
        wide.plot(
            range(len(g)),
            g,
            "o-",
            color=BUMPS[(t - 1) % len(BUMPS)],
            label=f"{t} bump{'s' * (t > 1)}",
        )
    names = [*map(str, options.degrees), "free"]
    wide.set_xticks(range(len(names)), names)
    wide.set(xlabel="degree of D", ylabel="min-max $-$ max-min", ylim=(-0.03, 1.0))
    wide.legend(loc="upper left", ncols=2)
    fine.loglog(counts, found, "o", ms=2.5, mew=0, color=color["discriminator"], alpha=0.5)
    fine.loglog([], [], "o", ms=2.5, mew=0, color=color["discriminator"], label="$T$ atoms, $W_1$")
    fine.loglog(counts, copies, "o", ms=2.5, mew=0, color=color["generator"],
                label="$T$ of both, gap")  # fmt: skip
    for height, law in ((0.25, "$1/(4T)$, $1/T$"), (1.0, None)):
        fine.loglog(counts, height / np.array(counts), color=color["theory"], zorder=0, label=law)
    fine.minorticks_off()
    fine.set_xticks(counts, [str(t) for t in counts])
    fine.set(xlabel="mixture of $T$", ylabel="least distance, gap", ylim=(None, 6))
    fine.legend(loc="upper right", labelspacing=0.2)
    for i, (name, js) in enumerate(paths.items()):
        aside = i + np.linspace(-0.25, 0.25, len(js))
        last.plot(aside, js[:, -1], "o", ms=2.5, mew=0, color=SHADES[name], alpha=0.7)
    last.set(ylabel="JS at the end, each start", ylim=(-0.02, 0.72), xticks=())
    names = [last.plot([], [], color=SHADES[name], label=name)[0] for name in paths]
    fig.legend(handles=names, loc="outside lower center", ncols=len(names))
    for ax, letter in zip(axes.flat, "abcdef", strict=True):
        ax.set_title(letter, loc="left", fontweight="bold")
    plots.save(fig, out)
    return ledger
