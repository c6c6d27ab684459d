"""Claim: on one and the same game the flow contracts, simultaneous steps diverge and alternating
steps converge: the order of play alone decides.

x' = -eps x + y, y' = -x - eps y with eps = 0.09 and step 0.2. Rosca, Wu, Dherin, Barrett,
"Discretization Drift in Two-Player Games", 2021.
"""

import dataclasses
from pathlib import Path

import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    damping: float = 0.09
    """eps, how strongly each player is drawn back by its own loss."""
    step: float = 0.2
    """Step size of both players."""
    steps: int = 300
    """How long to play."""


QUICK = Options(steps=100)

START = ([0.07], [-0.09])


def run(options: Options, out: Path) -> Ledger:
    eps, h = options.damping, options.step
    ledger = Ledger()
    J = np.array([[-eps, 1.0], [-1.0, -eps]])
    game = gd.games.quadratic(J)
    players = {
        "flow": gd.flows.GradientFlow(gd.fields.Gradient(game)),
        "simultaneous": gd.methods.simultaneous(game, h),
        "alternating": gd.methods.alternating(game, h, order=(0, 1)),
    }
    known = gd.theory.METHODS
    radii = {  # per step, the flow over one step's time
        "flow": np.exp(-eps * h),
        "simultaneous": known["simultaneous"].radius(J, h),
        "alternating": known["alternating"].radius(J, h, order=(0, 1)),
    }
    fates = {name: "contracts" if radius < 1 else "diverges" for name, radius in radii.items()}

    fig, (plane, decay) = plots.figure(1, 2, size=(7.0, 3.0), width_ratios=(1, 1.25))
    drawn = gd.portrait(players["flow"], START, box=((-0.16, 0.16), (-0.16, 0.16)))
    plots.portrait(drawn, plane, labels=("$x$, moves first", "$y$, moves second"))
    steps = np.arange(options.steps + 1)
    for name, dynamics in players.items():
        unit = h if name == "flow" else 1
        trajectory = gd.simulate(dynamics, START, unit * steps)
        distance = np.hypot(*(np.asarray(p)[:, 0] for p in trajectory.players))
        measured = float(gd.spectrum(dynamics, START).radius) ** unit
        ledger.compare(f"{name}: factor per step, from the spectrum", measured, radii[name], 1e-12)
        slope = np.polyfit(steps, np.log(distance), 1)[0]
        # The alternating map is not normal: its distance swings about the exponential.
        tolerance = 2e-3 if name == "alternating" else 1e-6
        ledger.compare(
            f"{name}: factor per step, from the path", np.exp(slope), radii[name], tolerance
        )
        seen = "contracts" if distance[-1] < distance[0] else "diverges"
        ledger.state(f"{name}: fate", seen, fates[name])

        color = plots.COLORS[name]
        plots.trajectory(
            trajectory, plane, color=color, labels=("$x$, moves first", "$y$, moves second")
        )
        label = f"{name}: {radii[name]:.4f} per step"
        decay.semilogy(steps, distance, color=color, label=label)
        theory = distance[0] * radii[name] ** steps
        decay.semilogy(steps, theory, color=plots.COLORS["theory"], lw=0.7, ls="--", zorder=3)
    plane.set(aspect="equal")
    decay.set(xlabel="step", ylabel="distance to the equilibrium", xlim=(0, options.steps))
    decay.plot([], [], color=plots.COLORS["theory"], lw=0.7, ls="--", label="theory")
    decay.legend(loc="lower left")
    plots.save(fig, out)
    return ledger
