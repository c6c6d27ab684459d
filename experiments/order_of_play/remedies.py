"""Hops of alternating play where it hops, and with what is said to help against it; and where the
bumps are in the end."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots

from ._game import STEP, bumps, hops, threshold
from ._options import Options


def measure(options: Options) -> Found:
    slow = threshold(options)[0] * STEP / 10
    return {name: played(name, options, slow) for name in options.against}


def method(name: str, options: Options, step: float) -> gd.rules.AbstractRule:
    """Alternating play with a remedy; `step` is D's."""
    game = bumps(options)
    natural = gd.fields.natural(game)
    match name:
        case "plain":
            return gd.methods.alternating(natural, (STEP, step))
        case "optimism":
            foresight = optax.scale_by_optimistic_gradient()
            sizes = tuple(optax.chain(foresight, optax.sgd(size)) for size in (STEP, step))
            return gd.methods.alternating(natural, sizes)
        case "3 bumps":
            field = gd.fields.natural(bumps(options, copies=3))
            return gd.methods.alternating(field, (3 * STEP, step))
        case "R1":
            other = gd.games.Penalized(game, gd.games.R1(1.0))
        case _:
            other = gd.games.Unrolled(game, 10, 10.0)
    field = gd.fields.Metric(gd.fields.Gradient(other), natural.masses)
    return gd.methods.alternating(field, (STEP, step))


def played(name: str, options: Options, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Hops per round of each start, the mean over the bumps, and where they end."""
    many = name == "3 bumps"
    rule = method(name, options, step)

    def count(key: Any) -> Any:
        start = jr.uniform(key, (3,) if many else (), minval=-6.0, maxval=6.0)
        rounds = np.arange(options.rounds + 1)
        path = gd.simulate(rule, (start, jnp.zeros(options.nodes)), rounds).players[0]
        each = path if many else path[:, None]
        return jnp.mean(jax.vmap(hops, 1)(each)) / options.rounds, each[-1]

    keys = jax.vmap(jr.key)(jnp.arange(options.starts))
    rates, ends = jax.jit(jax.vmap(count))(keys)
    return np.asarray(rates), np.asarray(ends)


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    for name, (rates, ends) in found.items():
        ledger.record(f"hops per round, 1:1, {name}", rates)
        ledger.record(f"places at the end, 1:1, {name}", ends)


def draw(options: Options, found: Found, ax: Axes) -> None:
    for i, (rates, _) in enumerate(found.values()):
        spread = np.linspace(-0.2, 0.2, len(rates))
        dots = {"ms": 2, "color": plots.COLORS["generator"], "alpha": 0.6, "mew": 0}
        ax.plot(i + spread, 100 * rates, "o", **dots)
        ax.plot([i - 0.3, i + 0.3], [100 * rates.mean()] * 2, color="black", lw=1)
    ax.set_xticks(range(len(found)), list(found), rotation=40, ha="right")
    ax.set(ylabel="hops per 100 rounds", ylim=(-0.02, None))
