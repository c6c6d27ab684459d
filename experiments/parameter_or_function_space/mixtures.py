"""What mixtures of T leave: of T atoms the least distance to the uniform law on [0, 1], found from
random starts, and of T copies of both players the gap between their values."""

import itertools
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

from ._game import MODES
from ._options import Options


def measure(options: Options) -> Found:
    counts = [2**i for i in range(options.atoms.bit_length()) if 2**i <= options.atoms]
    return {
        "T": counts,
        "atoms": np.stack([distances(t, options.starts) for t in counts]),
        "teams": [gap(t) for t in counts],
    }


def distances(t: int, starts: int) -> np.ndarray:
    """W_1 of t atoms to the uniform law after a descent from each start."""
    law = (jnp.arange(64 * t) + 0.5) / (64 * t)  # W1 to it is that to the uniform law, at best

    def away(x: Any) -> Any:
        return gd.distances.wasserstein(x, law)

    def step(x: Any, i: Any) -> Any:
        # Each atom weighs 1/T; its force is at most that. Steps that sum up, and vanish.
        return x - t * 0.5 / (i + 10) * jax.grad(away)(x), away(x)

    def descend(key: Any) -> Any:
        return jnp.min(jax.lax.scan(step, jr.uniform(key, (t,)), jnp.arange(400.0))[1])

    return np.asarray(jax.jit(jax.vmap(descend))(jr.split(jr.key(t), starts)))


def gap(t: int) -> float:
    """min-max minus max-min where both players mix t copies of themselves, in the game of a
    generator on one of three modes and a discriminator that trusts one of them."""
    k = len(MODES)
    copies = np.array(list(itertools.combinations_with_replacement(range(k), t)))
    shares = (copies[:, :, None] == np.arange(k)).mean(1)
    payoff = shares @ (1 / k - np.eye(k)) @ shares.T
    return payoff.max(1).min() - payoff.min(0).max()


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    k = len(MODES)
    for t, seen, gaps in zip(found["T"], found["atoms"], found["teams"], strict=True):
        ledger.record(f"{t} atoms: least W1, each start", seen)
        ledger.compare(f"{t} atoms: T x least W1", t * seen.min(), 0.25, 2e-2)
        ledger.state(f"{t} atoms: none below 1/(4T)", bool(seen.min() > 0.25 / t - 1e-9), True)
        # Each side can hold the other to the value 0 to the extent that three divides T.
        theory = (np.ceil(t / k) - np.floor(t / k)) / t
        ledger.compare(f"{t} copies of both players: gap", gaps, theory, 1e-9)


def draw(options: Options, found: Found, ax: Axes) -> None:
    counts, dots = found["T"], {"ms": 2.5, "mew": 0}
    atoms, teams = ({**dots, "color": plots.COLORS[who]} for who in ("discriminator", "generator"))
    ax.loglog(counts, found["atoms"], "o", **atoms, alpha=0.5)
    ax.loglog([], [], "o", **atoms, label="$T$ atoms, $W_1$")
    ax.loglog(counts, found["teams"], "o", **teams, label="$T$ of both, gap")
    for height, law in ((0.25, "$1/(4T)$, $1/T$"), (1.0, None)):
        line = height / np.array(counts)
        ax.loglog(counts, line, color=plots.COLORS["theory"], zorder=0, label=law)
    ax.minorticks_off()
    ax.set_xticks(counts, [str(t) for t in counts])
    ax.set(xlabel="mixture of $T$", ylabel="least distance, gap", ylim=(None, 6))
    ax.legend(loc="upper right", labelspacing=0.2)
