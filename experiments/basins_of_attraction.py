"""Claim: the time scales of the players decide which points of a game attract, and a slip in the
order of moves shifts much of a basin where they are equal and little where they are not.

The starts of a grid, on the polynomial game of Fiez and Ratliff, "Local Convergence Analysis of
Gradient Descent Ascent with Finite Timescale Separation", 2021: eleven critical points, all found
here from scratch; with equal time scales one attracts, with a faster discriminator three do.
Simultaneous steps above, alternating ones below. Far out the field fades: what passes the radius 30
has left, and crawls outward for ever.

With equal time scales the flow turns around three more points, on the line x = y, where the two
players' own curvatures, a and -a, cancel. Simultaneous steps flee from them. Alternating ones have
there the determinant 1 - (h a)^2 and creep in, by less than 2e-5 in a step: open stars, whose
basins are still undecided in the end, and white.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.patches import Patch

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    nodes: int = 200
    """Starts along either side of the square from -15 to 15."""
    steps: int = 75_000
    """The most steps that a start may take."""
    step: float = 1e-3
    """Step size of the generator."""
    ratios: tuple[float, ...] = (1, 2, 5, 20)
    """Step size of the discriminator over that of the generator."""


QUICK = Options(nodes=20, steps=20_000, step=2e-3, ratios=(20,))

SIDE, FAR = 15.0, 30.0


def simultaneous(step: float, ratio: float) -> gd.AbstractDynamics:
    return gd.methods.simultaneous(GAME, (step, step * ratio))


def alternating(step: float, ratio: float) -> gd.AbstractDynamics:
    return gd.methods.alternating(GAME, (step, step * ratio), order=(0, 1))


GAME = gd.games.parabolas()


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    flow = gd.flows.GradientFlow(gd.fields.Gradient(GAME))
    points = gd.equilibria(flow, (0.0, 0.0), (-SIDE, SIDE))
    ledger.state("critical points found", len(points), 11)
    places = np.stack([np.asarray(p) for p in points.players], -1)

    fig, axes = plots.figure(
        2, len(options.ratios), size=(7.0, 3.7), sharex=True, sharey=True, squeeze=False
    )
    largest = {}
    for column, ratio in zip(axes.T, options.ratios, strict=True):
        for ax, make in zip(column, (simultaneous, alternating), strict=True):
            rule = make(options.step, ratio)
            found = gd.basins(
                rule,
                (0.0, 0.0),
                ((-SIDE, SIDE), (-SIDE, SIDE)),
                nodes=options.nodes,
                duration=options.steps,
                escape=FAR,
            )
            which = [int(np.abs(places - c).max(1).argmin()) for c in np.asarray(found.centers)]
            name = f"{make.__name__}, ratio {ratio:g}"
            at = np.abs(places[which] - np.asarray(found.centers)).max(initial=0)
            ledger.compare(f"{name}: attractors are critical points", at, 0, 1e-6)
            stable = set(np.flatnonzero(attracting(rule, points.players)))
            ledger.state(f"{name}: the spectrum says that they attract", set(which) <= stable, True)
            ledger.state(f"{name}: how many", len(which), 1 if ratio == 1 else 3)
            slow = sorted(stable - set(which))
            creeps = 3 if ratio == 1 and make is alternating else 0
            ledger.state(f"{name}: how many attract too slowly to be reached", len(slow), creeps)
            largest[name] = float(found.shares.max())
            for i, share, error in zip(which, found.shares, found.errors, strict=True):
                ledger.record(
                    f"{name}: share that ends at ({places[i][0]:.3f}, {places[i][1]:.3f})",
                    [float(share), float(error)],
                )
            for what in ("escaped", "undecided", "boundary"):
                ledger.record(f"{name}: share, {what}", getattr(found, what))
            plots.basins(found, ax, colors=[COLORS[i] for i in which], labels=("", ""))
            ax.plot(*places[slow].T, "*", mfc="white", mec="black", mew=0.6, ms=5)
            ax.set(xticks=(-15, 0, 15), yticks=(-15, 0, 15), aspect="equal")
        moved = abs(largest[f"simultaneous, ratio {ratio:g}"] - largest[name])
        ledger.record(f"ratio {ratio:g}: change of the largest share by the order of moves", moved)
        much = moved > 0.05
        ledger.state(f"ratio {ratio:g}: it is more than 0.05", much, ratio == 1)
        column[0].set_title(f"$\\tau = {ratio:g}$")
        column[1].set_xlabel("generator $x$")
    for ax, make in zip(axes[:, 0], (simultaneous, alternating), strict=True):
        ax.set_ylabel(f"{make.__name__}\ndiscriminator $y$")
    (star,) = ax.plot(
        [], [], "*", color="black", ms=5, mew=0, label="attractor, its basin in color"
    )
    (open_star,) = ax.plot(
        [], [], "*", mfc="white", mec="black", mew=0.6, ms=5, label="slow attractor"
    )
    gray = Patch(fc=plots.ESCAPES, label="escapes")
    white = Patch(fc=plots.NOTHING, ec="black", lw=0.6, label="undecided")
    fig.legend(handles=[star, open_star, gray, white], loc="outside lower center", ncols=4)
    plots.save(fig, out)
    return ledger


COLORS = [plots.ATTRACTORS[i % len(plots.ATTRACTORS)] for i in range(11)]


def attracting(rule: gd.AbstractDynamics, players: Any) -> np.ndarray:
    return np.asarray(jax.jit(jax.vmap(lambda p: gd.spectrum(rule, p).stable))(players))
