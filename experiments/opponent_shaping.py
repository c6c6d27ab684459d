"""Claim: players who shape each other's learning do not stop where nobody can gain, unless they are
stable about it (SOS), and do cooperate in the iterated prisoner's dilemma, where naive ones defect.

Left, the tandem game: everything with x + y = 1 is at rest for naive play and LookAhead, while LOLA
pushes on to where both are worse off. Middle, the iterated prisoner's dilemma of two players with a
memory of one round, from random policies: the loss per round is 1 if both cooperate, 2 if both
defect. Right, the policies that they end with: tit for tat, where they were shaped.

Foerster et al., "Learning with Opponent-Learning Awareness", 2018; Letcher, Foerster, Balduzzi,
Rocktaschel, Whiteson, "Stable Opponent Shaping in Differentiable Games", 2019; their settings.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import methods, plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    runs: int = 100
    """Random starts in the tandem game."""
    rides: int = 30
    """Steps in the tandem game."""
    policies: int = 50
    """Random starts in the prisoner's dilemma."""
    steps: int = 100
    """Steps in the prisoner's dilemma."""


QUICK = Options(runs=16, policies=16)

STEP, DISCOUNT = 0.1, 0.96
METHODS = {
    "naive": (methods.simultaneous, "#D55E00"),
    "LookAhead": (methods.linearized_competitive, "#E69F00"),
    "LOLA": (methods.lola, "#0072B2"),
    "SOS": (methods.sos, "#009E73"),
}


def ride(ledger: Ledger, options: Options, ax: Any) -> None:
    """The tandem game: x + y over time, its limit and its rate in closed form."""
    game, h = gd.games.tandem(), STEP
    # Of x + y: where it rests, and the factor by which the distance to that shrinks in a step.
    theory = {
        "naive": (1, 1 - 4 * h),
        "LookAhead": (1, 1 - 4 * h * (1 - 2 * h)),
        "LOLA": ((1 - 2 * h) / (1 - 4 * h), 1 - 4 * h * (1 - 4 * h)),
        "SOS": (1, None),
    }
    starts = 0.1 * jr.normal(jr.key(0), (2, options.runs))
    for name, (method, color) in METHODS.items():
        rule, (rest, factor) = method(game, h), theory[name]

        def path(x: Any, y: Any, rule: Any = rule) -> Any:
            return gd.simulate(rule, (x, y), np.arange(options.rides + 1)).players

        players = jax.jit(jax.vmap(path))(*starts)
        s = np.asarray(players[0] + players[1])
        if factor is not None:
            predicted = rest + (s[:, :1] - rest) * factor ** np.arange(options.rides + 1)
            worst = np.abs(s - predicted).max()
            ledger.compare(f"tandem, {name}: largest error of x + y", worst, 0, 1e-12)
        else:
            worst = np.abs(s[:, -1] - rest).max()
            ledger.compare(f"tandem, {name}: x + y - 1 at the end", worst, 0, 1e-3)
        ends = tuple(p[:, -1] for p in players)
        loss = float(jnp.mean(jnp.stack(jax.jit(jax.vmap(lambda *z: game.losses(z)))(*ends))))
        ledger.compare(f"tandem, {name}: mean loss at the end", loss, rest**2 - rest, 1e-2)
        ax.plot(s.T, color=color, lw=0.3, alpha=0.3)
        ax.plot(s.mean(0), color=color, lw=1.2, label=name)
        ax.axhline(rest, color=plots.COLORS["theory"], lw=0.6, ls=":")
    ax.set(xlabel="step", ylabel="$x + y$", xlim=(0, options.rides), ylim=(-0.5, 1.6))
    ax.legend(loc="lower right")


def dilemma(ledger: Ledger, options: Options, over: Any, policies: Any) -> None:
    game = gd.games.iterated_prisoners_dilemma(DISCOUNT)
    starts = jr.normal(jr.key(1), (2, options.policies, 5))
    for i, (name, (method, color)) in enumerate(METHODS.items()):
        rule = method(game, 1.0)

        def path(x: Any, y: Any, rule: Any = rule) -> Any:
            players = gd.simulate(rule, (x, y), np.arange(options.steps + 1)).players
            both = jax.vmap(lambda *z: jnp.stack(game.losses(z)))(*players)
            return (1 - DISCOUNT) * both.mean(1), jnp.stack([p[-1] for p in players])

        losses, ends = map(np.asarray, jax.jit(jax.vmap(path))(*starts))
        final = losses[:, -1]
        ledger.record(f"dilemma, {name}: mean loss", final.mean())
        ledger.record(f"dilemma, {name}: quartiles", np.quantile(final, [0.25, 0.5, 0.75]).tolist())
        if name == "naive":
            share = float(np.mean(final > 1.95))
            ledger.state("dilemma, naive: most defect (loss above 1.95)", share > 0.9, True)
        if name in ("LOLA", "SOS"):
            share = np.mean(final < 1.2)
            ledger.state(f"dilemma, {name}: most cooperate (loss below 1.2)", share > 0.75, True)
        low, middle, high = np.quantile(losses, [0.25, 0.5, 0.75], axis=0)
        over.fill_between(range(len(middle)), low, high, color=color, lw=0, alpha=0.25)
        over.plot(middle, color=color, lw=1.2, label=name)
        chance = 1 / (1 + np.exp(-ends.reshape(-1, 5)))
        aside = np.arange(5) + 0.16 * (i - 1.5)
        low, middle, high = np.quantile(chance, [0.25, 0.5, 0.75], axis=0)
        errors = [middle - low, high - middle]
        policies.errorbar(aside, middle, errors, fmt="o", ms=3, lw=0.7, color=color, label=name)
        ledger.record(f"dilemma, {name}: median chances to cooperate", middle.tolist())
        if name in ("LOLA", "SOS"):
            likely = (np.array([1, 1, 0, 1, 0]) == middle.round()).all()
            ledger.state(f"dilemma, {name}: tit for tat, in the median", bool(likely), True)
    for loss, text in ((1, "both cooperate"), (2, "both defect")):
        over.axhline(loss, color=plots.COLORS["theory"], lw=0.6, ls=":")
        over.text(
            options.steps, loss + 0.02, text, ha="right", va="bottom", fontsize=6, color="0.4"
        )
    over.set(xlabel="step", ylabel="loss per round", xlim=(0, options.steps), ylim=(0.9, 2.3))
    over.legend(loc="upper left", ncols=2, columnspacing=0.8, handlelength=1)
    names = ["first", "CC", "CD", "DC", "DD"]
    policies.set_xticks(range(5), names)
    policies.set(
        xlabel="after (its own action first)", ylabel="chance to cooperate", ylim=(-0.05, 1.05)
    )


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    fig, axes = plots.figure(1, 3, size=(7.0, 2.5))
    ride(ledger, options, axes[0])
    dilemma(ledger, options, axes[1], axes[2])
    plots.save(fig, out)
    return ledger
