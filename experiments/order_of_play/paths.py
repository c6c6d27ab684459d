"""The bump in both orders of play. With D solved before each of its steps (min-max) it descends the
Jensen-Shannon divergence and rests; where it answers D's steps (max-min) it goes round."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots
from gandyn.rules import Sequential

from . import _periods
from ._game import MODES, bumps, divergence, hops
from ._options import Options
from .maxmin import play
from .minmax import moves


def measure(options: Options) -> Found:
    game, nothing = bumps(options), jnp.zeros(options.nodes)
    rounds = np.arange(options.rounds + 1)
    minmax = Sequential(*moves(game))
    starts = jr.uniform(jr.key(0), (options.starts,), minval=-6.0, maxval=6.0)
    run = jax.jit(jax.vmap(lambda x: gd.simulate(minmax, (x, nothing), rounds).players[0]))
    places = run(starts)
    score = jax.jit(jax.vmap(jax.vmap(lambda x: divergence(game, x))))
    slope = jax.jit(jax.vmap(jax.grad(lambda x: divergence(game, x))))
    field = gd.fields.Gradient(game)
    pull = jax.jit(jax.vmap(lambda x: field(gd.optimal.solved(game, (x, nothing)))[0]))
    here = jnp.linspace(-7.5, 7.5, 31)
    return {
        "periods": _periods.periods(options.modes),
        "maxmin": play(options)[1],
        "minmax": np.asarray(places),
        "hops": int(np.sum(jax.jit(jax.vmap(hops))(places))),
        "rise": float(jnp.max(jnp.diff(score(places), axis=1))),
        "slope": float(jnp.abs(slope(places[:, -1])).max()),
        "error": float(jnp.abs(pull(here) + slope(here)).max()),
    }


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    _periods.judge(ledger, found["periods"])
    ledger.state("D solved: hops in all", found["hops"], 0)
    rise = max(found["rise"], 0)
    ledger.compare("D solved: largest rise of max_D in a step", rise, 0, 1e-12)
    ledger.compare("D solved: largest slope of max_D at the end", found["slope"], 0, 1e-6)
    # The envelope theorem: the generator's gradient at D* is that of max_D.
    line = "D solved: generator's gradient against d max_D"
    ledger.compare(line, found["error"], 0, 1e-9)
    shown = len(found["maxmin"])
    ledger.record("places of the bump, min-max play, each start", found["minmax"][:, :shown])
    ledger.record("places of the bump, max-min play", found["maxmin"])


def draw(options: Options, found: Found, ax: Axes) -> None:
    color, maxmin = plots.COLORS, found["maxmin"]
    shown = len(maxmin)
    ax.plot(found["minmax"][:, :shown].T, color=color["stable"], lw=0.6, alpha=0.7)
    ax.step(range(shown), maxmin, where="post", color=color["generator"], lw=1)
    ax.plot([], [], color=color["stable"], label="min-max")
    ax.plot([], [], color=color["generator"], label="max-min")
    ax.set(xlabel="round", ylabel="place of the bump", yticks=MODES, ylim=(-7.5, 12))
    ax.legend(loc="upper left", handlelength=1, labelspacing=0.2)
