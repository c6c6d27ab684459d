"""Instance noise sigma on both: d becomes d / sqrt(1 + sigma^2), and what it costs near 0."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots

from ._game import THEORY, game
from ._options import Options
from ._theory import at_the_optimum

SIGMAS = np.linspace(0, 8, 33)
SOME = slice(4, None, 4)  # of them are measured
FAR, NEAR = 8.0, 0.25
COLORS = {FAR: plots.PALETTE["black"], NEAR: plots.PALETTE["sky"]}


def measure(options: Options) -> Found:
    return {d: {"gradients": noised(d), "theory": theory(d, SIGMAS)} for d in COLORS}


def theory(d: float, sigmas: np.ndarray) -> np.ndarray:
    wide = np.sqrt(1 + sigmas**2)
    return np.array([at_the_optimum(d / s)["minimax"] / s for s in wide])


def noised(d: float) -> np.ndarray:
    @eqx.filter_jit
    def gradient(sigma: Array) -> Array:
        s2 = 1 + sigma**2
        players = (jnp.asarray(d), jnp.stack([d**2 / (2 * s2), -d / s2]))
        field = gd.fields.Gradient(gd.games.Noised(game(gd.losses.minimax), sigma, nodes=32))
        return -field(players)[0]

    return np.abs([float(gradient(jnp.asarray(s))) for s in SIGMAS[SOME]])


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    far, near = found[FAR]["theory"], found[NEAR]["theory"]
    best = np.argmax(far)
    for d, of in found.items():
        exact = of["theory"][SOME]
        # Gauss-Hermite nodes resolve a sigmoid of slope d to exp(-c sqrt(nodes) / d).
        line = f"instance noise 1 .. 8, separation {d:g}: gradient"
        ledger.compare(line, of["gradients"], exact, 1e-3 * exact)
    ledger.record("instance noise that is best at separation 8", SIGMAS[best])
    ledger.record("what it gains there, as a factor", far[best] / far[0])
    ledger.record("what it leaves at separation 0.25, as a factor", near[best] / near[0])


def draw(options: Options, found: Found, ax: Axes) -> None:
    for d, color in COLORS.items():
        exact = found[d]["theory"]
        seen = found[d]["gradients"] / exact.max()
        ax.semilogy(SIGMAS, exact / exact.max(), **THEORY)
        ax.semilogy(SIGMAS[SOME], seen, "o", color=color, ms=3, mew=0, label=f"$d = {d:g}$")
    ax.set(xlabel=r"instance noise $\sigma$", ylabel="gradient / its largest", ylim=(1e-4, 2))
    ax.legend(loc="lower right")
