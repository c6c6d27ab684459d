"""Claim: inequalities in step size, strength of R1 and number of discriminator steps say exactly
where the Dirac-GAN is stable; too long a simultaneous step can turn it out, an alternating never.

Step size h against the strength g of R1, for a discriminator that moves k times as far
(simultaneous) or k times (alternating) for each step of the generator. With s = f'(0) = 1/2,

    simultaneous   h s^2 < g   and   2 k h g < 4 + k h^2 s^2,
    alternating    h g < 2     and   h^2 s^2 (1 + q + ... + q^(k-1)) < 2 (1 + q^k),   q = 1 - h g,

by Jury's conditions. A pair of multipliers crosses at the first edge of simultaneous steps; -1 is
one at the second edge of either. At h g = 2 an even number of discriminator steps cancel, so that 1
is a double multiplier. The first edges are solid, the second dashed; colors are measured. For k = 1
see Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", 2018.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from scipy.optimize import brentq

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    nodes: int = 160
    """Values of the step size and of the strength, each."""
    repeats: tuple[int, ...] = (1, 2, 5)
    """How much more the discriminator moves than the generator."""


QUICK = Options(nodes=24, repeats=(1,))

SLOPE = 0.5  # f'(0) of the logistic loss
STRENGTHS = (0.2, 0.6, 1.1, 2.3)  # at which the critical steps are measured
MOST = {"step_size": 6.0, "strength": 3.0}
# At the first edge either way the multipliers' product is 1 in size.
EDGES = {"product of multipliers $\\pm 1$": "-", "one multiplier $-1$": (0, (4, 2))}


def penalized(strength: float) -> gd.games.Penalized:
    return gd.games.Penalized(gd.games.dirac(), gd.games.R1(strength))


def simultaneous(step_size: float, strength: float, k: int) -> gd.AbstractDynamics:
    return gd.methods.simultaneous(penalized(strength), (step_size, k * step_size))


def alternating(step_size: float, strength: float, k: int) -> gd.AbstractDynamics:
    return gd.methods.alternating(penalized(strength), step_size, repeats=(1, k))


def conditions(name: str, h: Any, g: Any, k: int) -> tuple[Any, Any]:
    """The two expressions that are negative where training is stable."""
    if name == "simultaneous":
        return h * SLOPE**2 - g, 2 * k * h * g - 4 - k * (h * SLOPE) ** 2
    q = 1 - h * g
    return h * g - 2, (h * SLOPE) ** 2 * sum(q**j for j in range(k)) - 2 * (1 + q**k)


def critical(name: str, g: float, k: int) -> tuple[float, str, float]:
    """The first step at which a condition fails, how it does, and a step beyond, still unstable."""
    steps = np.linspace(1e-3, 20, 20_000)
    roots = []
    for i, values in enumerate(conditions(name, steps, g, k)):
        for j in np.flatnonzero(np.diff(np.sign(values))):
            between = steps[j], steps[j + 1]
            root = brentq(lambda h, i=i: conditions(name, h, g, k)[i], *between, xtol=1e-14)
            roots.append((root, i))
    (first, which), *later = sorted(roots)
    beyond = min([2 * first, *((first + root) / 2 for root, _ in later)])
    turns = "Neimark-Sacker" if name == "simultaneous" else "real"
    return first, (turns, "period doubling")[which], beyond


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    # At irrational places, so that none lies on an edge.
    axes = {
        name: most * (np.arange(options.nodes) + 1 / np.sqrt(2)) / options.nodes
        for name, most in MOST.items()
    }
    fig, grid = plots.figure(
        2, len(options.repeats), size=(7.0, 4.2), sharex=True, sharey=True, squeeze=False
    )
    fine = np.meshgrid(*(np.linspace(0.005, most, 600) for most in MOST.values()), indexing="ij")
    for row, make in zip(grid, (simultaneous, alternating), strict=True):
        name = make.__name__
        for ax, k in zip(row, options.repeats, strict=True):

            def dynamics(step_size, strength, k=k, make=make):
                return make(step_size, strength, k)

            family = gd.family(dynamics)
            atlas = gd.stability_map(family, (0.0, 0.0), axes)
            nodes = np.meshgrid(*axes.values(), indexing="ij")
            first, second = conditions(name, nodes[0], nodes[1], k)
            theory = (first < 0) & (second < 0)
            wrong = int(np.sum(np.asarray(atlas.stable) != theory))
            ledger.state(f"{name}, k = {k}: of {theory.size} pairs, classed otherwise", wrong, 0)
            ledger.record(f"{name}, k = {k}: share of stable pairs", float(theory.mean()))
            known = [critical(name, g, k) for g in STRENGTHS]
            found = edges(family, known)
            errors = [
                abs(float(f.parameter) - step) for f, (step, _, _) in zip(found, known, strict=True)
            ]
            ledger.compare(f"{name}, k = {k}: critical steps, largest error", max(errors), 0, 1e-9)
            ledger.state(
                f"{name}, k = {k}: how stability is lost at strengths {STRENGTHS}",
                [f.kind for f in found],
                [way for _, way, _ in known],
            )

            plots.stability_map(atlas, ax, limit=1.0, colorbar=False, linewidths=0)
            both = conditions(name, fine[0], fine[1], k)
            for condition, style in zip(both, EDGES.values(), strict=True):
                line = {"colors": "black", "linewidths": 0.9, "linestyles": [style]}
                edge = ax.contour(*fine, condition, levels=[0], **line)
                edge.set_path_effects([withStroke(linewidth=2, foreground="white")])
            ax.set(xlabel="", ylabel="", xlim=(0, MOST["step_size"]), ylim=(0, MOST["strength"]))
    for ax, k in zip(grid[0], options.repeats, strict=True):
        ax.set_title(f"$k = {k}$")
    for ax in grid[1]:
        ax.set_xlabel("step size $h$")
    for row, name in zip(grid[:, 0], ("simultaneous", "alternating"), strict=True):
        row.set_ylabel(f"{name}\nstrength of R1, $\\gamma$")
    fig.colorbar(
        grid[0, 0].collections[0],
        ax=grid,
        label="growth rate (1/step)",
        extend="both",
        aspect=40,
        pad=0.01,
    )
    lines = [
        Line2D([], [], color="black", lw=0.9, ls=ls, label=label) for label, ls in EDGES.items()
    ]
    fig.legend(handles=lines, loc="outside lower center", ncols=2)
    plots.save(fig, out)
    return ledger


def edges(family: gd.Family, known: list[tuple[float, str, float]]) -> list[gd.results.Critical]:
    """The measured critical steps at the strengths, from half of what is known to beyond it."""
    bounds = np.array([(step / 2, beyond) for step, _, beyond in known])

    @jax.jit
    @jax.vmap
    def measured(g: jax.Array, bounds: jax.Array) -> gd.results.Critical:
        return gd.critical(family.at(strength=g), (0.0, 0.0), {"step_size": bounds})

    found = measured(np.array(STRENGTHS), bounds)
    return [jax.tree.map(lambda x, i=i: x[i], found) for i in range(len(known))]
