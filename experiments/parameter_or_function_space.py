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
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots
from gandyn.flows import GradientFlow


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    starts: int = 16
    """Random starts of each play."""
    time: float = 60.0
    """How long to play."""
    features: tuple[int, ...] = (1, 2, 3, 5, 7, 9, 13, 19)
    """Numbers of bumps that D is made of."""
    mixtures: int = 4
    """The most bumps that the generator is made of."""
    atoms: int = 32
    """The most atoms against the uniform law."""


QUICK = Options(time=30.0, features=(1, 3, 9), mixtures=3, atoms=4)

NODES = jnp.linspace(-9, 9, 37)
STD = 0.5
MODES = jnp.array([-5.0, 0.0, 5.0])
DATA = gd.families.on_grid(gd.measures.line(3, 5.0, STD).cdf, NODES)
FREE = gd.families.Free(NODES)
UNDECIDED = -2 * np.log(2)


def bumps() -> gd.games.MeasureGAN:
    """The generator is a mixture of bumps, as many as it has parameters, each as wide as a mode."""
    one = gd.games.bump(DATA, FREE, NODES, STD)

    def mixed(places: Any, points: Any) -> Any:
        return points[0], jnp.mean(jax.vmap(lambda x: one.generator(x, points)[1])(places), 0)

    return gd.games.MeasureGAN(mixed, FREE, one.data, one.latent, one.loss)


def distance(game: Any, players: Any) -> Any:
    """The Jensen-Shannon divergence of data and generator."""
    batch = game.batch(players)
    return gd.distances.jensen_shannon(*(w / w.sum() for w in (batch.real[1], batch.fake[1])))


def plays(ledger: Ledger, options: Options) -> tuple[np.ndarray, dict[str, Any]]:
    """Divergence over time, from random starts, for three generators against a free D."""
    ts = jnp.linspace(0, options.time, 241)
    keys = jr.split(jr.key(0), options.starts)
    function, mixture = gd.games.density(DATA, FREE, NODES), bumps()
    flat = jnp.zeros(len(NODES))
    ranges = {"minval": -7.0, "maxval": 7.0}
    starts = {
        "a density": (function, lambda k: 2 * jr.normal(k, (len(NODES),))),
        "one bump": (mixture, lambda k: jr.uniform(k, (1,), **ranges)),
        "three bumps": (mixture, lambda k: jr.uniform(k, (3,), **ranges)),
    }
    found = {}
    for name, (game, start) in starts.items():
        flow = GradientFlow(gd.fields.natural(game), gd.flows.Integrator(1e-6, 1e-6))

        def path(key: Any, flow: Any = flow, game: Any = game, start: Any = start) -> Any:
            players = gd.simulate(flow, (start(key), flat), ts).players
            return jax.vmap(lambda p: distance(game, p))(players)

        found[name] = np.asarray(jax.jit(jax.vmap(path))(keys))
    least = np.log(2) / 2 * (1 - 1 / 3) + np.log(2 / 3) / 6 + np.log(1.5) / 2  # all on one mode
    ledger.compare(
        "a density: largest divergence at the end", found["a density"][:, -1].max(), 0, 1e-4
    )
    late = found["one bump"][:, len(ts) // 2 :]
    ledger.state(
        "one bump: never closer than all on one mode", bool(late.min() > least - 1e-3), True
    )
    moves = np.ptp(late, axis=1)
    ledger.state("one bump: none of the starts comes to rest", bool(moves.min() > 0.01), True)
    for name, js in found.items():
        ledger.record(f"{name}: divergence at the end, each start", js[:, -1])
    return np.asarray(ts), found


def rest(ledger: Ledger) -> dict[str, gd.Spectrum]:
    """Exponents of the natural flow where it is at rest."""
    function = gd.games.density(DATA, FREE, NODES)
    (matched,) = function.equilibria()
    spectra = {"a density": gd.spectrum(GradientFlow(gd.fields.natural(function)), matched)}
    known = np.array([0, -0.5, -0.25 + np.sqrt(3) / 4 * 1j, -0.25 - np.sqrt(3) / 4 * 1j])
    apart = np.abs(np.asarray(spectra["a density"].exponents)[:, None] - known).min(1)
    ledger.compare("a density: exponents against closed form", apart.max(), 0, 1e-6)

    linear = gd.games.density(DATA, FREE, NODES, gd.losses.wasserstein)
    turning = gd.spectrum(GradientFlow(gd.fields.natural(linear)), matched).exponents
    known = np.array([0, 1j, -1j])
    apart = np.abs(np.asarray(turning)[:, None] - known).min(1)
    # A pair at zero is one Jordan block: exact to the root of a rounding error.
    ledger.compare("a density, linear loss: exponents against +-i", apart.max(), 0, 1e-6)
    flow = GradientFlow(gd.fields.natural(linear), gd.flows.Integrator(1e-9, 1e-9))
    start = (matched[0] + 0.5 * jnp.sin(NODES), matched[1])
    errors = []
    for turns in (1, 4, 16):
        ts = jnp.linspace(0, turns * 4.0, 64 * turns + 1)
        laws = jax.nn.softmax(gd.simulate(flow, start, ts).players[0], -1)
        mean = jnp.trapezoid(laws, ts, axis=0) / ts[-1]
        errors.append(float(jnp.abs(mean - DATA.w).sum() * ts[-1]))
    ledger.record("a density, linear loss: |mean law - data| x time, at 4, 16, 64", errors)
    ledger.state("a density, linear loss: the mean converges as 1/time", max(errors) < 2.0, True)

    one = gd.games.bump(DATA, FREE, NODES, STD)
    curvatures = []
    for mode in MODES:
        q = one.batch((mode, jnp.zeros(len(NODES)))).fake[1]
        best = jnp.clip(jnp.log(DATA.w) - jnp.log(q), -30, 30)
        own = jax.grad(jax.grad(lambda x, d=best: one.losses((x, d))[0]))
        curvatures.append(float(own(mode)))
        if mode == 0:
            spectra["one bump"] = gd.spectrum(GradientFlow(gd.fields.natural(one)), (mode, best))
    ledger.record("one bump: curvature of its loss at each mode, D solved", curvatures)
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
    worth = gd.values(payoff)
    ledger.compare("a point against two: min-max", worth.minmax, 1, 1e-9)
    ledger.compare("a point against two: max-min", worth.maxmin, 0, 1e-9)
    ledger.compare("a point against two: mixed", worth.mixed, 0, 1e-9)
    most = payoff.max(axis=1)
    error = np.abs(most - np.maximum(1, np.abs(nodes))).max()
    ledger.compare("a point against two: max over critics is max(1, |x|)", error, 0, 1e-9)

    # N(theta, 1) against N(0, s^2), and the critic |x|, best at theta = 0, where s > 1.
    s, fine = 2.0, jnp.linspace(-12, 12, 961)
    wide = gd.families.on_grid(gd.measures.gaussian(0.0, s).cdf, fine)
    normal = gd.games.bump(wide, gd.families.Free(fine), fine, 1.0, gd.losses.wasserstein)
    critic = jnp.abs(fine)
    value = -normal.losses((jnp.asarray(0.0), critic))[1]
    ledger.compare("normal laws: min-max", value, (s - 1) * np.sqrt(2 / np.pi), 1e-3)
    bend = jax.grad(jax.grad(lambda x: normal.losses((x, critic))[0]))(0.0)
    ledger.compare(
        "normal laws: curvature of the generator's loss", bend, -np.sqrt(2 / np.pi), 1e-3
    )
    return nodes, most


def best_score(features: np.ndarray, p: Any, q: Any) -> Any:
    """max over D in the span of the features of E_p log sigmoid(D) + E_q log sigmoid(-D), by
    Newton's method; concave, so that it is the max whatever the start."""
    f = jnp.asarray(features)

    def step(psi: Any, _: Any) -> Any:
        s = jax.nn.sigmoid(f @ psi)
        slope = f.T @ (p * (1 - s) - q * s)
        bend = (f * ((p + q) * s * (1 - s))[:, None]).T @ f
        move = jnp.linalg.solve(bend + 1e-9 * jnp.eye(f.shape[1]), slope)
        # Damped, because far from the optimum the steps of Newton's method overshoot.
        return psi + move / (1 + jnp.sqrt(jnp.abs(slope @ move))), None

    psi = jax.lax.scan(step, jnp.zeros(f.shape[1]), length=60)[0]
    d = f @ psi
    return -jnp.sum(p * jax.nn.softplus(-d) + q * jax.nn.softplus(d))


def capacity(ledger: Ledger, options: Options) -> dict[int, list[float]]:
    """min-max minus max-min against the number of D's features, for each number of bumps. Max-min is
    -2 log 2 throughout: D = 0 promises it, and a mixture of bumps holds D to it."""
    game = gd.games.bump(DATA, FREE, NODES, STD)
    places = jnp.arange(-5.0, 5.1, 1.0)
    flat = jnp.zeros(len(NODES))
    laws = jax.vmap(lambda x: game.batch((x, flat)).fake[1])(places)
    p = DATA.w
    gaps: dict[int, list[float]] = {}
    separated = {}
    for t in range(1, options.mixtures + 1):
        chosen = np.array(list(itertools.combinations_with_replacement(range(len(places)), t)))
        mixed = laws[chosen].mean(1)
        js = jax.jit(jax.vmap(lambda q: gd.distances.jensen_shannon(p / p.sum(), q / q.sum())))
        separated[t] = 2 * float(js(mixed).min())
        gaps[t] = []
        for n in options.features:
            centers = jnp.linspace(-8, 8, n + 2)[1:-1]
            family = gd.families.Radial(centers, 16.0 / (n + 1))
            features = jax.vmap(family.features)(NODES)
            score = jax.jit(jax.vmap(lambda q, f=features: best_score(f, p, q)))
            gaps[t].append(float(score(mixed).min()) - UNDECIDED)
        gaps[t].append(separated[t])
    for t in range(1, min(3, options.mixtures) + 1):
        share = t / 3
        js = (1 - share) * np.log(2) + share * np.log(2 * t / (t + 3)) + np.log(6 / (t + 3))
        # Twice the divergence of a law that is uniform on t of 3 modes; they overlap a little.
        ledger.compare(f"free D, {t} bumps: gap", separated[t], js, 1e-4)
    for t, g in gaps.items():
        ledger.record(f"{t} bumps: gap against D's features {options.features}, and free", g)
        # The widths differ, so that the families are not nested; none beats the free function.
        ledger.state(f"{t} bumps: no D does more than a free one", max(g) <= g[-1] + 1e-6, True)
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
        ledger.compare(f"{t} atoms: T x least W1", t * found[-1].min(), 0.25, 2e-2)
        ledger.state(f"{t} atoms: none below 1/(4T)", bool(found[-1].min() > 0.25 / t - 1e-9), True)
    return counts, np.stack(found)


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    ts, paths = plays(ledger, options)
    spectra = rest(ledger)
    nodes, most = proofs(ledger)
    gaps = capacity(ledger, options)
    counts, found = atoms(ledger, options)

    fig, axes = plots.figure(2, 3, size=(7.0, 4.4))
    color = plots.COLORS
    shades = {"a density": "stable", "one bump": "generator", "three bumps": "discriminator"}
    over, plane, proof, wide, fine, text = axes.flat
    for name, js in paths.items():
        over.semilogy(ts, np.maximum(js, 1e-9).T, color=color[shades[name]], lw=0.5, alpha=0.6)
        over.plot([], [], color=color[shades[name]], label=name)
    over.semilogy(ts, 0.05 * np.exp(-ts / 2), color=color["theory"], ls="--", label=r"$e^{-t/2}$")
    over.set(xlabel="time", ylabel="JS(data, generator)", ylim=(1e-8, 1), xlim=(0, ts[-1]))
    over.legend(loc="lower left")
    draw_plane(plane, spectra)
    x = np.linspace(-2, 2, 101)
    proof.plot(x, np.maximum(1, np.abs(x)), color=color["theory"], label=r"$\max(1, |x|)$")
    proof.plot(nodes, most, "^", color=color["stable"], label="D moves last")
    proof.axhline(0, color=color["generator"], label="G moves last")
    proof.set(xlabel="place of the point", ylabel="value", ylim=(-0.2, 2.8))
    proof.legend(loc="upper center", ncols=1)
    for t, g in gaps.items():
        wide.plot(range(len(g)), np.maximum(g, 0), "o-", label=f"{t} bump{'s' * (t > 1)}")
    names = [*map(str, options.features), "free"]
    wide.set_xticks(range(len(names)), names)
    wide.set(xlabel="bumps of D", ylabel="min-max $-$ max-min")
    wide.legend()
    fine.loglog(counts, found, "o", ms=2, mew=0, color=color["discriminator"], alpha=0.5)
    fine.loglog(counts, 0.25 / np.array(counts), color=color["theory"], label="$1/(4T)$")
    fine.set(xlabel="atoms $T$", ylabel="least $W_1$ to the uniform law")
    fine.legend()
    for name in ("one bump", "three bumps"):
        text.hist(
            paths[name][:, -1], np.linspace(0, 0.7, 29), color=color[shades[name]], label=name
        )
    text.set(xlabel="JS at the end", ylabel="starts")
    text.legend()
    plots.save(fig, out)
    return ledger


def draw_plane(ax: Axes, spectra: dict[str, gd.Spectrum]) -> None:
    for name, shade in (("one bump", "generator"), ("a density", "stable")):
        plots.spectrum(spectra[name], ax, color=plots.COLORS[shade], label=name, s=16)
    ax.set(xlim=(-0.8, 0.6), ylim=(-0.9, 0.9))
    ax.legend(loc="upper left")
