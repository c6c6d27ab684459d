"""Claim: which player moves last decides whether a GAN hops between modes: min-max play stays at
one mode above a time scale that the spectrum predicts, max-min play goes round all of them.

Three modes at -5, 0 and 5, a discriminator that may be any function on a grid, and a generator that
is one narrow bump. If D is all but solved before the generator moves (min-max), the generator
descends the Jensen-Shannon divergence to the nearest mode and rests there for good. If the
generator answers every small move of D (max-min), it runs to where D is highest, D goes down there
and up elsewhere, and it runs again: mode hopping is the order of play, made visible.

In numbers: the two orders have different values, with that of mixed strategies between them; D's
ascent against best responses has the exact period K, the number of modes, whatever the ties; and
the generator leaves a mode only if D is slower than a critical ratio of time scales, at which a
pair of exponents crosses the axis (Hopf). R1 and unrolling stop the hops, and the bump stays at one
mode; optimism does nothing against them, and three bumps in the place of one hop less.

Arora et al., "Generalization and Equilibrium in GANs", 2017; Jin, Netrapalli, Jordan, "What is
Local Optimality in Nonconvex-Nonconcave Minimax Optimization?", 2020; Fiez and Ratliff, "Local
Convergence Analysis of Gradient Descent Ascent with Finite Timescale Separation", 2021.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots
from gandyn.rules import BestResponse, Descend, Project, Repeat, Sequential

Remedy = Literal["plain", "optimism", "R1", "unrolled", "3 bumps"]


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    nodes: int = 37
    """Of the grid from -9 to 9 on which D is a free function."""
    rounds: int = 600
    """Rounds of play of which hops are counted."""
    steps: int = 13
    """How many step sizes of D, between 0.01 and 1."""
    most: int = 16
    """The most steps that one player makes per step of the other."""
    starts: int = 16
    """Random starts of the generator."""
    modes: int = 5
    """The most modes of which the period is measured."""
    against: tuple[Remedy, ...] = get_args(Remedy)
    """What is tried against hops."""
    store: Path | None = None
    """Folder in which finished parts of the sweep are kept: the same command again goes on from
    there."""


QUICK = Options(steps=4, most=2, modes=3, against=("plain", "R1"))

MODES = np.array([-5.0, 0.0, 5.0])
STD, WIDTH = 1.0, 0.6  # of a mode, of the bump
STEP = 0.1  # of the generator
HIGHEST = 35.0  # logits beyond it are certain, in double precision


def bumps(options: Options, std: float = STD, width: float = WIDTH, loss: Any = None) -> Any:
    """The game: data on a grid, a free D, one bump."""
    nodes = jnp.linspace(-9, 9, options.nodes)
    data = jax.jit(lambda: gd.families.on_grid(gd.measures.line(3, 5.0, std).cdf, nodes))()
    loss = gd.losses.minimax if loss is None else loss
    return gd.games.bump(data, gd.families.Free(nodes), nodes, width, loss)


@eqx.filter_jit
def solved(game: gd.games.MeasureGAN, players: Any) -> Any:
    """The discriminator at its optimum, log(p / q) at every node."""
    batch = game.batch(players)
    best = gd.optimal_discriminator(game.loss, batch.real[1], batch.fake[1])
    return players[0], jnp.clip(best, -HIGHEST, HIGHEST)


def divergence(game: gd.games.MeasureGAN, place: Any) -> Any:
    """max_D of the discriminator's score, at a place of the bump: 2 JS - 2 log 2."""
    batch = game.batch((place, jnp.zeros_like(game.data.points()[1])))
    js = gd.distances.jensen_shannon(*(w / w.sum() for w in (batch.real[1], batch.fake[1])))
    return 2 * js - 2 * jnp.log(2.0)


def play(field: Any, sizes: tuple[Any, Any], moves: tuple[int, int], order: tuple[int, int]) -> Any:
    """Rounds in which player i makes moves[i] steps, in the given order."""

    def turn(i: int) -> Any:
        alone = tuple(size if j == i else None for j, size in enumerate(sizes))
        move = Descend(field, alone)
        return move if moves[i] == 1 else Repeat(move, moves[i])

    return Sequential(*(turn(i) for i in order))


def hops(places: Any) -> Any:
    """How often the mode last visited changes; a mode is visited within 1.5 of its middle."""
    near = gd.modes.assign(places, MODES)
    there = jnp.abs(places - jnp.asarray(MODES)[near]) < 1.5
    return jnp.sum(gd.modes.hopping(jnp.where(there, near, -1), len(MODES)).hopped)


def values(ledger: Ledger, options: Options) -> dict[str, gd.results.Values]:
    """Min-max, mixed and max-min value of three games, the last two by the library's own losses."""
    k = len(MODES)
    worth = jax.jit(gd.values)
    found = {"indicator": worth(1 / k - np.eye(k))}
    # All mass on one mode, against a D that is certain, right on average, or undecided there.
    sure = HIGHEST
    choices = jnp.array(list(itertools.product((-np.log(k), 0.0, sure), repeat=k)))
    atoms = gd.games.location(gd.measures.empirical(MODES), gd.families.Free(MODES))
    score = jax.vmap(jax.vmap(lambda x, d: -atoms.losses((x, d))[1], (None, 0)), (0, None))
    found["points"] = worth(jax.jit(score)(jnp.asarray(MODES), choices))
    # The bump, as wide as the modes, against the best responses to each of its places.
    game = bumps(options, STD, STD)
    places = jnp.linspace(-7, 7, 57)
    answer = jax.vmap(lambda x: solved(game, (x, jnp.zeros(options.nodes)))[1])
    answers = jax.jit(answer)(places)
    answers = jnp.concatenate([jnp.zeros((1, options.nodes)), answers])
    score = jax.vmap(jax.vmap(lambda x, d: -game.losses((x, d))[1], (None, 0)), (0, None))
    found["bump"] = worth(jax.jit(score)(places, answers))

    undecided = -2 * np.log(2)
    best = float(jnp.min(jax.jit(jax.vmap(lambda x: divergence(game, x)))(places)))
    theory = {
        "indicator": (1 / k, 0, 1 / k - 1),
        "points": (np.log(1 / (k + 1)) / k + np.log(k / (k + 1)), undecided, undecided),
        "bump": (best, undecided, undecided),
    }
    for name, v in found.items():
        for what, value in zip(("minmax", "mixed", "maxmin"), theory[name], strict=True):
            # The data of the bump's game is a mixture of bumps up to what lies beyond the grid.
            tolerance = 1e-4 if name == "bump" else 1e-9
            ledger.compare(f"{name}: {what} value", getattr(v, what), value, tolerance)
    return found


def periods(ledger: Ledger, options: Options) -> None:
    """D's ascent against best responses visits all K modes, each once every K rounds."""
    for k in range(2, options.modes + 1):
        modes = jnp.linspace(0.0, 5.0 * (k - 1), k)
        data = gd.measures.empirical(modes)
        loss = gd.losses.wasserstein
        game = gd.games.location(data, gd.families.Free(modes), loss=loss)
        ascend = Descend(gd.fields.Gradient(game), (None, 0.3))
        rule = Sequential(BestResponse(game, 0, modes), ascend)

        def path(key: Any, rule: Any = rule, modes: Any = modes) -> Any:
            # Ties are broken by a hair's preference of D's at the start, not left to rounding.
            start = (modes[0], 1e-6 * jr.uniform(key, modes.shape))
            return gd.simulate(rule, start, np.arange(6 * len(modes) + 1)).players

        keys = jr.split(jr.key(k), 16)
        places, logits = map(np.asarray, jax.jit(jax.vmap(path))(keys))
        answers = places[:, 1:]
        seen = sorted({period(p) for p in answers})
        ledger.state(f"K = {k}: periods, over 16 ways to break ties", seen, [k])
        visits = np.sort(answers.reshape(16, 6, k), -1)
        once = bool(np.all(visits == np.asarray(modes)))
        ledger.state(f"K = {k}: each mode once in every K rounds", once, True)
        ledger.state(f"K = {k}: |D| stays below its step", bool(np.abs(logits).max() < 0.3), True)


def period(path: np.ndarray) -> int:
    """The least n after which a sequence repeats; 0 if it does not twice."""
    n = len(path)
    return next((k for k in range(1, n // 2 + 1) if np.array_equal(path[k:], path[:-k])), 0)


def threshold(game: gd.games.MeasureGAN, mode: float) -> tuple[float, Any, Any]:
    """The ratio of D's time scale to the generator's above which the bump rests at a mode: where
    the leading exponents cross the axis."""
    rest = solved(game, (jnp.asarray(mode), jnp.zeros_like(game.data.points()[1])))
    field = gd.fields.natural(game)

    @jax.jit
    def leading(ratio: Any) -> Any:
        flow = gd.flows.GradientFlow(gd.fields.Scaled(field, (1.0, ratio)))
        exponents = gd.spectrum(flow, rest).exponents
        return exponents[jnp.argmax(exponents.real)]

    low, high = 0.01, 100.0
    for _ in range(40):
        middle = np.sqrt(low * high)
        # Where neither law is, D hardly moves: rates of rounding size are no instability.
        low, high = (middle, high) if leading(middle).real > 1e-9 else (low, middle)
    return float(high), leading(low), rest


def rate_of_hops(game: Any, options: Options, moves: tuple[int, int], steps: np.ndarray) -> Any:
    """Hops per round against D's step, for random starts; min-max order if D makes more moves."""
    order = (1, 0) if moves[1] >= moves[0] else (0, 1)
    field = gd.fields.natural(game)

    def one(step: Any, seed: Any) -> dict[str, Any]:
        start = jr.uniform(jr.key(seed), minval=-6.0, maxval=6.0)
        rule = play(field, (STEP, step), moves, order)
        rounds = np.arange(options.rounds + 1)
        path = gd.simulate(rule, (start, jnp.zeros(options.nodes)), rounds).players[0]
        return {"hops": hops(path) / options.rounds, "end": path[-1]}

    name = f"generator {moves[0]}, discriminator {moves[1]}"
    store = None if options.store is None else options.store / name.replace(", ", " ")
    axes = {"step": steps, "seed": np.arange(options.starts)}
    return gd.sweep(one, axes, store=store, configuration={"moves": name, "n": options.nodes})


def remedies(game: Any, options: Options, step: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Hops of alternating play where it hops, and with what is said to help against it; and where
    the bumps are in the end."""
    masses = gd.fields.natural(game).masses

    def metric(other: Any) -> Any:
        return gd.fields.Metric(gd.fields.Gradient(other), masses)

    def foresight(size: float) -> Any:
        return optax.chain(optax.scale_by_optimistic_gradient(), optax.sgd(size))

    nodes, width = game.latent, game.generator

    def three(theta: Any, points: Any) -> Any:
        z, _ = points
        return z, jnp.mean(jax.vmap(lambda x: width(x, points)[1])(theta), 0)

    mixture = gd.games.MeasureGAN(three, game.discriminator, game.data, nodes, game.loss)
    penalized = gd.games.Penalized(game, gd.games.R1(1.0))
    alone = {
        "plain": (metric(game), (STEP, step)),
        "optimism": (metric(game), (foresight(STEP), foresight(step))),
        "R1": (metric(penalized), (STEP, step)),
        "unrolled": (metric(gd.games.Unrolled(game, 10, 10.0)), (STEP, step)),
        "3 bumps": (gd.fields.natural(mixture), (3 * STEP, step)),
    }
    found = {}
    for name in options.against:
        field, sizes = alone[name]
        rule = play(field, sizes, (1, 1), (1, 0))

        def count(key: Any, rule: Any = rule, many: bool = name == "3 bumps") -> Any:
            start = jr.uniform(key, (3,) if many else (), minval=-6.0, maxval=6.0)
            rounds = np.arange(options.rounds + 1)
            path = gd.simulate(rule, (start, jnp.zeros(options.nodes)), rounds).players[0]
            each = path if many else path[:, None]
            return jnp.mean(jax.vmap(hops, 1)(each)) / options.rounds, each[-1]

        keys = jax.vmap(jr.key)(jnp.arange(options.starts))
        found[name] = tuple(map(np.asarray, jax.jit(jax.vmap(count))(keys)))
    return found


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    fig = plots.figure(size=(7.0, 6.2))[0]
    fig.clf()
    axes = fig.subplots(3, 4)
    worth = values(ledger, options)
    periods(ledger, options)

    game = bumps(options)
    critical, leading, rest = threshold(game, 0.0)
    ledger.record("critical ratio of time scales, D's over the generator's", critical)
    ledger.record("frequency at the critical ratio (Hopf)", abs(leading.imag))

    # Min-max play with D solved exactly: descent of the Jensen-Shannon divergence.
    solve = Project(partial(solved, game))
    step = Descend(gd.fields.Gradient(game), (0.3, None))
    starts = jr.uniform(jr.key(0), (options.starts,), minval=-6.0, maxval=6.0)
    minmax = Sequential(solve, step)
    run_one = jax.jit(
        jax.vmap(lambda x: gd.simulate(minmax, (x, rest[1]), np.arange(options.rounds + 1)).players)
    )
    places = np.asarray(run_one(starts)[0])
    js = jax.jit(jax.vmap(jax.vmap(lambda x: divergence(game, x))))(jnp.asarray(places))
    hopped = jax.jit(jax.vmap(hops))(places)
    ledger.state("D solved: hops in all", int(np.sum(hopped)), 0)
    rises = float(jnp.max(jnp.diff(js, axis=1)))
    ledger.compare("D solved: largest rise of max_D in a step", max(rises, 0), 0, 1e-12)
    slope = jax.jit(jax.vmap(jax.grad(lambda x: divergence(game, x))))
    at_end = np.abs(slope(jnp.asarray(places[:, -1])))
    ledger.compare("D solved: largest slope of max_D at the end", at_end.max(), 0, 1e-6)
    # The envelope theorem: the generator's gradient at D* is that of max_D.
    here = jnp.linspace(-7.5, 7.5, 31)
    fields = jax.jit(
        jax.vmap(lambda x: gd.fields.Gradient(game)(solved(game, (x, jnp.zeros(options.nodes))))[0])
    )
    error = float(jnp.abs(fields(here) + slope(here)).max())
    ledger.compare("D solved: generator's gradient against d max_D", error, 0, 1e-9)

    # How often, for how many steps of whom.
    sizes = np.geomspace(0.01, 1, options.steps)
    counts = [2**i for i in range(options.most.bit_length())]
    moves = [(k, 1) for k in reversed(counts[1:])] + [(1, k) for k in counts]
    grid = [rate_of_hops(game, options, m, sizes) for m in moves]
    rates = np.stack([g["hops"].mean("seed").values for g in grid])
    ratios = np.array([[d / g * s / STEP for s in sizes] for g, d in moves])
    # Just below the critical ratio the bump swings about its mode and does not hop (a limit cycle);
    # and a D that hardly moves in the whole run has no time to send it away.
    fast, slow = ratios > 1.5 * critical, ratios < critical / 5
    clocks = options.rounds * np.array([[min(d * s, g * STEP) for s in sizes] for g, d in moves])
    ledger.compare("most hops where D is fast enough", rates[fast].max(), 0, 0)
    least = rates[slow & (clocks > 15)].min()
    ledger.state("hops wherever D is five times too slow, and has time", bool(least > 0), True)
    ledger.record("steps of D, along the following lists", sizes)
    for m, r in zip(moves, rates, strict=True):
        ledger.record(f"hops per round, moves {m} (generator, discriminator)", r)

    helped = remedies(game, options, critical * STEP / 10)
    for name, (r, ends) in helped.items():
        ledger.record(f"hops per round, 1:1, {name}", r)
        ledger.record(f"places at the end, 1:1, {name}", ends)

    film_of_minmax(axes[0], ledger, game, solve, step)
    cycle = film_of_maxmin(axes[1], ledger, options, out)
    ledger.record("places of the bump, min-max play, each start", places[:, : len(cycle)])
    ledger.record("places of the bump, max-min play", cycle)
    draw_paths(axes[2, 0], places, cycle)
    draw_map(fig, axes[2, 1], moves, sizes, rates, critical)
    draw_values(axes[2, 2], worth)
    draw_remedies(axes[2, 3], helped)
    plots.save(fig, out)
    return ledger


@eqx.filter_jit
def look(game: Any, players: Any) -> gd.results.Frame:
    return gd.frame(game, players, game.discriminator.nodes)


def strip(
    row: Any, ledger: Ledger, game: Any, play: str, states: Any, logits: tuple[float, float]
) -> None:
    """Some frames of a film, side by side."""
    for i, (ax, (state, title)) in enumerate(zip(row, states, strict=True)):
        frame = look(game, state.players)
        plots.frame(frame, ax, top=0.75, logits=logits, labels=False)
        ax.tick_params(labelbottom=True)
        ax.set(xticks=MODES, title=title)
        for what in ("x", "data", "generator", "discriminator"):
            ledger.record(f"{play} play, frame {i} ({title}): {what}", getattr(frame, what))
    row[0].set_ylabel(f"{play} play")


def film_of_minmax(row: Any, ledger: Ledger, game: Any, solve: Any, step: Any) -> None:
    """Before and after D and the generator have moved, and after many rounds."""
    state = solve.init((jnp.asarray(1.8), jnp.zeros(len(game.latent.points()[0]))))
    states = [(state, "start")]
    state = solve.step(state)
    states.append((state, "D is solved"))
    state = eqx.filter_jit(Repeat(step, 3).step)(state)
    states.append((state, "G takes 3 steps"))
    state = eqx.filter_jit(Repeat(Sequential(solve, step), 100).step)(state)
    states.append((solve.step(state), "100 rounds later"))
    strip(row, ledger, game, "min-max", states, (-8, 8))
    row[0].legend(loc="upper left", handlelength=1)


def film_of_maxmin(row: Any, ledger: Ledger, options: Options, out: Path) -> np.ndarray:
    """D takes one step, the generator answers with its best response: round and round."""
    game = bumps(options, WIDTH, WIDTH, gd.losses.wasserstein)
    places = jnp.linspace(-7, 7, 141)
    ascend = Descend(gd.fields.Gradient(game), (None, 8.0))
    answer = BestResponse(game, 0, places)
    climb, reply = eqx.filter_jit(ascend.step), eqx.filter_jit(answer.step)
    # A hair's preference, so that ties between modes are not left to rounding.
    start = jnp.zeros(options.nodes)
    hills = jax.jit(jax.vmap(lambda x: game.batch((x, start)).fake[1]))(MODES)
    state = ascend.init((MODES[-1], 1e-3 * np.array([1.0, 2.0, 3.0]) @ hills))
    states, path = [(state, "start")], []
    for _ in range(18):
        state = climb(state)
        states.append((state, "D takes a step"))
        state = reply(state)
        states.append((state, "G answers"))
        path.append(float(state.players[0]))
    found = period(np.round(path, 6))
    ledger.state("bump against D's ascent: period", found, len(MODES))
    visited = sorted({float(x) + 0.0 for x in np.round(path, 6)})  # no -0
    ledger.state("bump against D's ascent: places", visited, MODES.tolist())
    strip(row, ledger, game, "max-min", states[1:5], (-2, 2.2))
    for ax in row:
        ax.set_xlabel("$x$")

    def pictures() -> Iterator[Figure]:
        for state, title in states[1 : 2 * len(MODES) + 1]:
            fig, ax = plots.figure(size=(3.4, 2.2))
            plots.frame(look(game, state.players), ax, top=0.95, logits=(-2, 2.8))
            ax.set(title=f"max-min play: {title}", xticks=MODES)
            ax.legend(loc="upper center", ncols=3)
            yield fig

    plots.film(pictures(), out / "cycle.gif", seconds=0.8, dpi=200)
    size = (out / "cycle.gif").stat().st_size
    ledger.state("the animation is below 1 MB", size < 1e6, True)
    return np.array([MODES[-1], *path])


def draw_paths(ax: Axes, minmax: np.ndarray, maxmin: np.ndarray) -> None:
    color = plots.COLORS
    shown = len(maxmin)
    ax.plot(minmax[:, :shown].T, color=color["stable"], lw=0.6, alpha=0.7)
    ax.step(range(shown), maxmin, where="post", color=color["generator"], lw=1)
    ax.plot([], [], color=color["stable"], label="min-max")
    ax.plot([], [], color=color["generator"], label="max-min")
    ax.set(xlabel="round", ylabel="place of the bump", yticks=MODES, ylim=(-7.5, 12))
    ax.legend(loc="upper left", handlelength=1, labelspacing=0.2)


def draw_map(
    fig: Figure, ax: Axes, moves: Any, sizes: np.ndarray, rates: np.ndarray, critical: float
) -> None:
    k = np.arange(len(moves))
    image = ax.pcolormesh(sizes, k, rates, cmap="magma_r", vmin=0, rasterized=True)
    bound = [critical * STEP * g / d for g, d in moves]
    ax.plot(bound, k, color=plots.COLORS["stable"], lw=1.2, label="spectrum")
    ax.set(xscale="log", xlim=(sizes[0], sizes[-1]), xlabel="step of D", ylabel="moves G:D")
    ax.set_yticks(k, [f"{g}:{d}" for g, d in moves])
    ax.legend(loc="upper right", handlelength=1)
    fig.colorbar(image, ax=ax, location="top", label="hops per round", aspect=18, pad=0.02)


def draw_values(ax: Axes, worth: dict[str, gd.results.Values]) -> None:
    for i, v in enumerate(worth.values()):
        ax.plot([i, i], [v.maxmin, v.minmax], color="0.7", lw=3, zorder=0, solid_capstyle="butt")
        marks = (("minmax", "^", "stable"), ("maxmin", "v", "generator"), ("mixed", "o", "flow"))
        for what, mark, color in marks:
            label = {"minmax": "min-max", "maxmin": "max-min"}.get(what, what) if i == 0 else None
            style = {"ms": 5 if what != "mixed" else 3, "ls": "", "color": plots.COLORS[color]}
            ax.plot(i, float(getattr(v, what)), mark, label=label, **style)
    names = ("trust one\nmode", "point\non a mode", "bump")
    ax.set_xticks(range(len(worth)), names, rotation=40, ha="right")
    ax.set(xlim=(-0.5, len(worth) - 0.5), ylabel="value of the game", ylim=(-1.6, 1.2))
    ax.legend(loc="upper right", handlelength=1)


def draw_remedies(ax: Axes, helped: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    for i, (r, _) in enumerate(helped.values()):
        spread = np.linspace(-0.2, 0.2, len(r))
        ax.plot(i + spread, 100 * r, "o", ms=2, color=plots.COLORS["generator"], alpha=0.6, mew=0)
        ax.plot([i - 0.3, i + 0.3], [100 * r.mean()] * 2, color="black", lw=1)
    ax.set_xticks(range(len(helped)), list(helped), rotation=40, ha="right")
    ax.set(ylabel="hops per 100 rounds", ylim=(-0.02, None))
