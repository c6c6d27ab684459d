"""Claim: R1 moves the Dirac-GAN's eigenvalues off the axis, best at strength 1, and every
discretization moves them in its own way.

The two eigenvalues at the equilibrium against the strength of R1, for the flow, for simultaneous
and for alternating steps, with the closed forms drawn over them. Mescheder, Geiger, Nowozin, "Which
Training Methods for GANs do actually Converge?", 2018, section 4.1.
"""

import dataclasses
from pathlib import Path

import equinox as eqx
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    step: float = 0.2
    """Step size of both players."""
    strengths: int = 61
    """How many strengths of R1 between 0 and 1.5."""


QUICK = Options(strengths=16)

SLOPE = 0.5  # f'(0) of the logistic loss


def field(strength: float) -> gd.fields.Gradient:
    return gd.fields.Gradient(gd.games.Penalized(gd.games.dirac(), gd.games.R1(strength)))


def flow(strength: float, step: float) -> gd.AbstractDynamics:
    return gd.flows.GradientFlow(field(strength))


def simultaneous(strength: float, step: float) -> gd.AbstractDynamics:
    return gd.methods.simultaneous(field(strength).game, step)


def alternating(strength: float, step: float) -> gd.AbstractDynamics:
    return gd.methods.alternating(field(strength).game, step)


def closed_forms(strengths: np.ndarray, h: float) -> dict[str, np.ndarray]:
    """Exponents of the flow, multipliers of the maps."""
    fields = [np.array([[0, -SLOPE], [SLOPE, -g]]) for g in strengths]
    maps = {"flow": fields} | {
        name: [gd.theory.METHODS[name].map(J, h) for J in fields]
        for name in ("simultaneous", "alternating")
    }
    # The one with the larger real (or imaginary) part first.
    return {name: -np.sort(-np.linalg.eigvals(found)) for name, found in maps.items()}


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    strengths = np.linspace(0, 1.5, options.strengths)
    theories = closed_forms(strengths, options.step)
    fig, axes = plots.figure(2, 3, size=(7.0, 4.4))
    for (plane, rate), make in zip(axes.T, (flow, simultaneous, alternating), strict=True):
        name, color = make.__name__, plots.COLORS[make.__name__]
        spectrum = eqx.filter_vmap(
            lambda g, make=make: gd.spectrum(make(g, options.step), (0.0, 0.0))
        )(strengths)
        theory = theories[name]
        measured = np.asarray(spectrum.exponents if name == "flow" else spectrum.multipliers)
        # As sets: where real parts agree up to rounding, either may come first.
        either = [np.abs(measured - theory[:, order]).max(axis=1) for order in ([0, 1], [1, 0])]
        # At the critical strength the eigenvalue is double, exact to the root of a rounding error.
        ledger.compare(f"{name}: largest error", np.minimum(*either).max(), 0, 1e-7)
        best = strengths[np.argmin(np.asarray(spectrum.exponents.real).max(axis=1))]
        fastest = {"flow": 2 * SLOPE, "simultaneous": 2 * SLOPE, "alternating": critical(options)}
        spacing = strengths[1] - strengths[0]
        ledger.compare(f"{name}: best strength", best, fastest[name], spacing)

        order = np.argsort(strengths)
        plane.set_title(name)
        for branch in theory.T:
            plane.plot(branch.real, branch.imag, color=plots.COLORS["theory"], lw=0.8, zorder=2)
        plots.spectrum(spectrum, plane, along=strengths)
        plane.set(aspect="equal", **window(theory, name))
        size = np.real if name == "flow" else np.abs
        for branch in theory.T:
            rate.plot(strengths[order], size(branch), color=plots.COLORS["theory"], lw=0.8)
        every = slice(None, None, max(1, options.strengths // 20))
        rate.plot(strengths[every], size(measured)[every], "o", ms=2.6, mew=0, color=color)
        rate.axhline(0 if name == "flow" else 1, color=plots.COLORS["stable"], lw=0.8)
        rate.set(
            xlabel=r"strength of R1, $\gamma$",
            ylabel="Re exponent (1/time)" if name == "flow" else "|multiplier|",
        )
    points = axes[0, -1].collections[-1]
    fig.colorbar(points, ax=axes[0, :], label=r"$\gamma$", pad=0.01, aspect=15)
    plots.save(fig, out)
    return ledger


def critical(options: Options) -> float:
    """The strength at which alternating steps have a double multiplier: 2 f' - h f'^2."""
    return 2 * SLOPE - options.step * SLOPE**2


def window(values: np.ndarray, name: str) -> dict[str, tuple[float, float]]:
    """Axes limits around a set of eigenvalues, the stability boundary included; of one shape."""
    high = 0.25 if name == "flow" else 1 + 0.05
    left = np.real(values).min()
    low = left - 0.1 * (high - left)
    side = max(0.45 * (high - low), 1.1 * np.abs(np.imag(values)).max())
    return {"xlim": (low, high), "ylim": (-side, side)}
