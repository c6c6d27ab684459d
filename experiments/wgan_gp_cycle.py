"""Claim: the gradient penalty of WGAN-GP never brings the Dirac-GAN to its equilibrium: below the
strength 2 training ends on a limit cycle, in closed form, and above it stops at the wrong place.

The slope of D(x) = psi x is psi, and the penalty g/2 (|psi| - 1)^2 has a kink where it vanishes:

    theta' = psi,    psi' = -theta - g (psi - sign psi).

For psi > 0 this is a damped oscillator about theta = g, for psi < 0 one about -g: it is drawn to
whichever it is not at. With w = sqrt(1 - g^2/4) and q = exp(-g pi / 2w), the factor by which half a
turn shrinks the distance to its center, a turn from theta = -r arrives at r -> g + q (r + g), so

    amplitude g (1 + q) / (1 - q),    period 2 pi / w,    Floquet multiplier q^2.

It does not shrink with the strength: as g vanishes, the amplitude becomes 4 / pi. From g = 2 on
the oscillator is overdamped and creeps to theta = +-g, where nothing moves. That WGAN-GP does not
converge here is in Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually
Converge?", 2018.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    sizes: int = 16
    """How many strengths, evenly spaced, below 2."""
    step: float = 0.1
    """Step size of the rules."""
    strength: float = 0.7
    """Strength of the penalty in the picture of the plane."""
    store: Path | None = None
    """Folder in which finished parts of the sweep are kept: the same command again goes on from
    there."""


QUICK = Options(sizes=4)

NUDGE = 0.05
FINE = gd.flows.Integrator(rtol=1e-9, atol=1e-9)


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    below = np.linspace(0.2, 1.7, options.sizes)
    above = np.array([2.2, 2.5, 3.0])
    found = gd.sweep(
        lambda strength: measure(strength, options.step),
        {"strength": np.concatenate([below, above])},
        store=options.store,
    )
    for g in below:
        here = found.sel(strength=g)
        amplitude, period, multiplier = (float(x) for x in theory(g))
        label = f"strength {g:.3g}"
        ledger.compare(f"{label}: amplitude", here.amplitude, amplitude, 1e-4)
        ledger.compare(f"{label}: period", here.period, period, 1e-5)
        ledger.compare(f"{label}: Floquet multiplier", here.multiplier, multiplier, 1e-6)
    for g in above:
        here = found.sel(strength=g)
        ledger.compare(f"strength {g:.3g}: theta stops at", abs(here.end[0]), g, 1e-4)
        ledger.compare(f"strength {g:.3g}: psi stops at", here.end[1], 0, 1e-4)
    for name in RULES:
        ledger.record(f"{name}, step {options.step:g}: amplitudes", found[name].values)

    fig, (plane, sizes, rates) = plots.figure(1, 3, size=(7.0, 2.5))
    draw_plane(plane, options)
    g = np.linspace(1e-3, 2 - 1e-6, 400)
    amplitude, period, multiplier = theory(g)
    line = {"color": COLORS["theory"], "lw": 2.5, "alpha": 0.6, "zorder": 1}
    sizes.plot(g, amplitude, **line)
    sizes.plot([2, 3.1], [2, 3.1], **line, label="theory")
    at = found.strength.values
    sizes.plot(at, found.amplitude, "o", color=COLORS["flow"], ms=3, label="flow")
    for name, marker in zip(RULES, "sd", strict=True):
        sizes.plot(at, found[name], marker, color=COLORS[name], ms=2.5, label=name)
    sizes.axvline(2, color="0.8", lw=0.6, ls=":")
    sizes.set(xlabel="strength $g$", ylabel=r"largest $|\theta|$ in the end", xlim=(0, 3.1))
    sizes.set(ylim=(0, None))
    sizes.legend()
    rates.plot(g, 2 * np.pi / period, **line)
    rates.plot(g, multiplier, **line)
    flow = found.sel(strength=below)
    rates.plot(below, 2 * np.pi / flow.period, "o", color=COLORS["flow"], ms=3)
    rates.plot(below, flow.multiplier, "^", color=COLORS["flow"], ms=3)
    rates.annotate(r"$2\pi$ / period", (1.05, 0.9))
    rates.annotate("multiplier", (0.5, 0.28))
    rates.set(
        xlabel="strength $g$",
        ylabel="frequency, multiplier of the cycle",
        xlim=(0, 2),
        ylim=(0, 1.05),
    )
    plots.save(fig, out)
    return ledger


COLORS = plots.COLORS
RULES = {"simultaneous": gd.methods.simultaneous, "alternating": gd.methods.alternating}


def penalized(strength: Any) -> gd.games.Penalized:
    gan = gd.games.dirac(gd.losses.wasserstein)
    return gd.games.Penalized(gan, gd.games.GradientPenalty(strength, 1.0))


def theory(g: Any) -> tuple[Any, Any, Any]:
    """Amplitude, period and multiplier of the limit cycle."""
    w = np.sqrt(1 - g**2 / 4)
    q = np.exp(-g * np.pi / (2 * w))
    return g * (1 + q) / (1 - q), 2 * np.pi / w, q**2


def measure(strength: Any, step: float) -> dict[str, Any]:
    flow = gd.flows.GradientFlow(gd.fields.Gradient(penalized(strength)), FINE)
    run = settled(flow, np.linspace(200, 300, 10_001))
    turn = gd.rotation(run)
    seen = {
        "amplitude": jnp.max(jnp.abs(run.players[0])),
        "period": turn.period,
        "multiplier": returned(flow, run, turn.period),
        "end": jnp.stack([p[-1] for p in run.players]),
    }
    for name, make in RULES.items():
        steps = settled(make(penalized(strength), step), np.arange(4000, 8001))
        seen[name] = jnp.max(jnp.abs(steps.players[0]))
    return seen


def settled(dynamics: gd.AbstractDynamics, ts: np.ndarray) -> gd.results.Trajectory:
    """The run at late times."""
    run = gd.simulate(dynamics, (1.0, 1.0), np.append(0, ts))
    return jax.tree.map(lambda x: x[1:], run)


def returned(flow: gd.AbstractDynamics, run: gd.results.Trajectory, period: Any) -> Any:
    """What is left after one period of the distance between two starts on either side of theta's
    turning point."""
    r = jnp.max(jnp.abs(run.players[0]))

    def after(nudge: Any) -> Any:
        start = (-(1 + nudge) * r, jnp.full_like(r, 1e-12))
        return gd.simulate(flow, start, jnp.stack([0 * period, period])).players[0][-1]

    inner, outer = jax.vmap(after)(jnp.array([-NUDGE, NUDGE]))
    return (inner - outer) / (2 * NUDGE * r)


def draw_plane(ax: Any, options: Options) -> None:
    game = penalized(options.strength)
    flow = gd.flows.GradientFlow(gd.fields.Gradient(game), FINE)
    portrait = gd.portrait(flow, (0.0, 0.0))
    plots.portrait(portrait, ax, nullclines=False, density=0.7)
    for start in ((0.05, 0.05), (0.0, 1.8)):
        path = gd.simulate(flow, start, jnp.linspace(0, 40, 4001))
        plots.trajectory(path, ax, color=COLORS["flow"])
    g = options.strength
    ax.plot([g, -g], [0, 0], "x", color=COLORS["generator"], ms=4, zorder=4)
    r = theory(g)[0]
    ax.plot([r, -r], [0, 0], "D", color=COLORS["theory"], ms=3.5, mec="black", mew=0.5, zorder=4)
    ax.plot(0, 0, "*", color="black", ms=6, mew=0, zorder=5)
    ticks = range(-2, 3)
    ax.set(title=f"$g = {g:g}$", aspect="equal", xticks=ticks, yticks=ticks)
