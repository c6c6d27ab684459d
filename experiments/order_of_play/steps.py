"""How often the bump hops, against D's step and for how many steps of whom."""

from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots

from ._game import STEP, bumps, hops, threshold
from ._options import Options


def measure(options: Options) -> Found:
    sizes = np.geomspace(0.01, 1, options.steps)
    counts = [2**i for i in range(options.most.bit_length())]
    moves = [(k, 1) for k in reversed(counts[1:])] + [(1, k) for k in counts]
    rates = np.stack([rate_of_hops(options, m, sizes) for m in moves])
    critical, leading = threshold(options)
    return {
        "critical": critical,
        "frequency": abs(leading.imag),
        "sizes": sizes,
        "moves": moves,
        "rates": rates,
    }


def rate_of_hops(options: Options, moves: tuple[int, int], sizes: np.ndarray) -> np.ndarray:
    """Hops per round, mean over random starts; min-max order if D makes more moves."""
    order = (1, 0) if moves[1] >= moves[0] else (0, 1)
    field = gd.fields.natural(bumps(options))

    def one(step: Any, seed: Any) -> dict[str, Any]:
        start = jr.uniform(jr.key(seed), minval=-6.0, maxval=6.0)
        rule = gd.methods.alternating(field, (STEP, step), moves, order)
        rounds = np.arange(options.rounds + 1)
        path = gd.simulate(rule, (start, jnp.zeros(options.nodes)), rounds).players[0]
        return {"hops": hops(path) / options.rounds}

    name = f"generator {moves[0]}, discriminator {moves[1]}"
    store = None if options.store is None else options.store / "steps" / name.replace(", ", " ")
    axes = {"step": sizes, "seed": np.arange(options.starts)}
    swept = gd.sweep(one, axes, store=store, configuration={"moves": name, "n": options.nodes})
    return swept["hops"].mean("seed").values


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    critical, moves, sizes, rates = (found[k] for k in ("critical", "moves", "sizes", "rates"))
    ledger.record("critical ratio of time scales, D's over the generator's", critical)
    ledger.record("frequency at the critical ratio (Hopf)", found["frequency"])
    # Just below the critical ratio the bump swings about its mode and does not hop (a limit cycle);
    # and a D that hardly moves in the whole run has no time to send it away.
    ratios = np.array([[d / g * s / STEP for s in sizes] for g, d in moves])
    fast, slow = ratios > 1.5 * critical, ratios < critical / 5
    clocks = options.rounds * np.array([[min(d * s, g * STEP) for s in sizes] for g, d in moves])
    ledger.compare("most hops where D is fast enough", rates[fast].max(), 0, 0)
    least = rates[slow & (clocks > 15)].min()
    ledger.state("hops wherever D is five times too slow, and has time", bool(least > 0), True)
    ledger.record("steps of D, along the following lists", sizes)
    for m, rate in zip(moves, rates, strict=True):
        ledger.record(f"hops per round, moves {m} (generator, discriminator)", rate)


def draw(options: Options, found: Found, ax: Axes) -> None:
    sizes, moves, k = found["sizes"], found["moves"], np.arange(len(found["moves"]))
    image = ax.pcolormesh(sizes, k, found["rates"], cmap="magma_r", vmin=0, rasterized=True)
    bound = [found["critical"] * STEP * g / d for g, d in moves]
    ax.plot(bound, k, color=plots.COLORS["stable"], lw=1.2, label="spectrum")
    ax.set(xscale="log", xlim=(sizes[0], sizes[-1]), xlabel="step of D", ylabel="moves G:D")
    ax.set_yticks(k, [f"{g}:{d}" for g, d in moves])
    ax.legend(loc="upper right", handlelength=1)
    bar = {"location": "top", "aspect": 18, "pad": 0.02}
    ax.figure.colorbar(image, ax=ax, label="hops per round", **bar)
