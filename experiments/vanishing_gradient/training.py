"""The gradient as an affine discriminator is trained from nothing, the generator waiting."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found

from ._game import COLORS, LOSSES, STEP, game
from ._options import Options
from ._theory import at_the_best_line

DASHES = {2.0: "-", 6.0: "--"}  # of the separations


def measure(options: Options) -> Found:
    ks = np.unique(np.concatenate([[0], np.geomspace(1, options.steps, 49).astype(int)]))
    slopes = {d: {name: trained(name, d, ks) for name in LOSSES} for d in DASHES}
    return {"steps": ks, "gradients": slopes, "best": at_the_best_line(2.0)}


def trained(name: str, d: float, ks: np.ndarray) -> np.ndarray:
    """The generator's gradient after ks steps of the discriminator."""
    field = gd.fields.Gradient(game(LOSSES[name]))
    # Steps near the largest stable ones; the features 1 and x have a mean square 1 + d^2.
    step: Any = 1.0 / (1 + d**2)
    if name == "Wasserstein":
        step = gd.rules.projected(step, lambda w: jnp.clip(w, -1, 1))
    run = gd.simulate(gd.rules.Descend(field, (None, step)), (d, np.zeros(2)), ks)
    return np.abs(eqx.filter_jit(jax.vmap(lambda players: -field(players)[0]))(run.players))


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    ledger.record("discriminator steps after which its gradient is measured", found["steps"])
    for d, gradients in found["gradients"].items():
        for name, seen in gradients.items():
            ledger.record(f"{name}: gradient as D is trained, d = {d:g}", seen)
            if d == 6:
                ledger.record(f"{name}: largest gradient on the way, d = 6", seen.max())
                continue
            # What is left after so many steps decays with them. A support vector machine puts its
            # margin, 1 / gradient, on a node: right up to the nodes' distance.
            best = found["best"][name]
            tolerance = 2e-2 if options.steps < 10_000 else 2e-3
            if name == "hinge":
                tolerance += best**2 * STEP
            line = f"{name}: gradient of the trained discriminator, d = 2"
            ledger.compare(line, seen[-1], best, tolerance)


def draw(options: Options, found: Found, ax: Axes) -> None:
    ks = found["steps"]
    for d, gradients in found["gradients"].items():
        for name, seen in gradients.items():
            ax.semilogx(ks[1:], seen[1:], DASHES[d], color=COLORS[name], lw=1)
    for name, best in found["best"].items():
        ax.plot(ks[-1], best, ">", color=COLORS[name], ms=3.5, clip_on=False)
    ax.set(xlabel="discriminator steps", ylabel="gradient", yscale="log", ylim=(1e-3, 20))
    for d, dash in DASHES.items():
        ax.plot([], [], dash, color="black", lw=1, label=f"$d = {d:g}$")
    ax.legend(loc="lower right", labelspacing=0.2)
