"""Uniform laws on unit intervals: JS is m log 2 while they overlap, and constant beyond."""

import jax
import numpy as np
from jaxtyping import Array
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn.measures import Uniform

from ._game import COLORS, THEORY
from ._options import Options


def measure(options: Options) -> Found:
    ms = np.linspace(0, 2, 21)
    data = Uniform(0.0, 1.0)

    @jax.jit
    @jax.vmap
    def at(m: Array) -> tuple[Array, Array]:
        law = Uniform(m, m + 1)
        return gd.distances.jensen_shannon(data, law), gd.distances.wasserstein(data, law)

    js, w1 = (np.asarray(v) for v in at(ms))
    return {"shift": ms, "js": js, "w1": w1, "theory": np.minimum(ms, 1) * np.log(2)}


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    ledger.compare("uniform laws: JS, shifts 0 .. 2", found["js"], found["theory"], 1e-12)
    ledger.compare("uniform laws: W1, shifts 0 .. 2", found["w1"], found["shift"], 1e-12)


def draw(options: Options, found: Found, ax: Axes) -> None:
    ms = found["shift"]
    ax.plot(ms, np.stack([found["theory"], ms], -1), **THEORY)
    ax.plot(ms, found["js"], "o", color=COLORS["minimax"], ms=3, mew=0, label="Jensen-Shannon")
    ax.plot(ms, found["w1"], "o", color=COLORS["Wasserstein"], ms=3, mew=0, label="$W_1$")
    ax.axhline(np.log(2), color="0.7", lw=0.6, ls=":")
    ax.text(0.02, np.log(2) + 0.03, r"$\log 2$", fontsize=7, color="0.4")
    ax.axvspan(1, 2, color="0.93", lw=0, zorder=0)
    ax.text(1.5, 0.12, "disjoint", ha="center", fontsize=7, color="0.4")
    ax.set(xlabel="shift $m$ of a unit interval", ylabel="distance", xlim=(0, 2))
    ax.legend(loc="upper left")
