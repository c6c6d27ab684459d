"""The divergence of data and generator over time, from random starts, for several players."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots

from ._game import FREE, NODES, SHADES, WIDTH, modes
from ._options import Options


def measure(options: Options) -> Found:
    return {
        "time": times(options),
        "js": {name: play(name, options)[0] for name in options.generators},
    }


def times(options: Options) -> np.ndarray:
    return np.linspace(0, options.time, 241)


@cache
def play(name: str, options: Options) -> tuple[np.ndarray, np.ndarray]:
    """The divergence over time, and how far the generator still moves in the second half."""
    copies = 3 if name == "three bumps" else 1
    few = gd.families.Polynomial(4, 0.0, 9.0) if name == "one bump, D quartic" else FREE
    game = (
        gd.games.density(modes(), FREE, NODES)
        if name == "a density"
        else gd.games.bump(modes(), few, NODES, WIDTH, copies=copies)
    )
    flow = gd.flows.GradientFlow(gd.fields.natural(game), gd.flows.Integrator(1e-6, 1e-6))

    def start(key: Any) -> Any:
        if name == "a density":
            return 2 * jr.normal(key, (len(NODES),))
        return jr.uniform(key, (copies,), minval=-7.0, maxval=7.0)

    def path(key: Any) -> Any:
        ts = jnp.asarray(times(options))
        players = gd.simulate(flow, (start(key), game.discriminator.start()), ts).players
        late = jnp.ptp(players[0][len(ts) // 2 :], axis=0)
        return jax.vmap(lambda p: distance(game, p))(players), jnp.max(late)

    js, late = jax.jit(jax.vmap(path))(jr.split(jr.key(0), options.starts))
    return np.asarray(js), np.asarray(late)


def distance(game: Any, players: Any) -> Any:
    """The Jensen-Shannon divergence of data and generator."""
    batch = game.batch(players)
    return gd.distances.jensen_shannon(*(w / w.sum() for w in (batch.real[1], batch.fake[1])))


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    for name, js in found["js"].items():
        ledger.record(f"{name}: divergence over the time, each start", js)


def draw(options: Options, found: Found, ax: Axes) -> None:
    ts = found["time"]
    for name, js in found["js"].items():
        ax.semilogy(ts, np.maximum(js, 1e-9).T, color=SHADES[name], lw=0.5, alpha=0.6)
    rate = {"color": plots.COLORS["theory"], "ls": "--", "label": r"$e^{-t/2}$"}
    ax.semilogy(ts, 0.05 * np.exp(-ts / 2), **rate)
    ax.set(xlabel="time", ylabel="JS(data, generator)", ylim=(1e-9, 3), xlim=(0, ts[-1]))
    ax.legend(loc="lower left")
