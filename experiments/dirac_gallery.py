"""Claim: on the Dirac-GAN it is the method, not the game, that decides between turning, spiraling
in and fleeing.

Nine published losses and regularizers, each as a continuous flow, with simultaneous steps, and with
alternating steps, one or five of the discriminator per step of the generator (generator first).
Start (-1, 1), step 0.2, 500 steps. Mescheder, Geiger, Nowozin, "Which Training Methods for GANs
do actually Converge?", 2018, where D scores fakeness, which mirrors theta.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import side_by_side
from gandyn import plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    steps: int = 500
    """Steps that are drawn; ten times as many decide what happens in the end."""
    nodes: int = 21
    """Grid points along a side of a portrait."""
    rows: int = 9
    """How many of the nine variants, from the top."""


QUICK = Options(nodes=9, rows=1)

START = (-1.0, 1.0)
STEP = 0.2
dirac = gd.games.dirac
R1 = gd.games.R1


@dataclasses.dataclass(frozen=True)
class Variant:
    """A row of the gallery: a field, what is done after each step, and the field's linear part."""

    field: gd.fields.AbstractField
    jacobian: tuple[tuple[float, float], tuple[float, float]] | None
    """Dv at the equilibrium in closed form; `None` where v has no derivative."""
    fate: str
    """What theory says of the flow, simultaneous, alternating 1:1 and 1:5 steps: (o)rbits for ever,
    (c)onverges, (d)iverges; ? where it is silent."""
    clip: float | None = None


def gradient(
    loss: gd.losses.Loss = gd.losses.minimax, penalty: Callable | None = None
) -> gd.fields.AbstractField:
    game = dirac(loss)
    return gd.fields.Gradient(game if penalty is None else gd.games.Penalized(game, penalty))


def damped(g: float, slope: float = 0.5) -> tuple[tuple[float, float], tuple[float, float]]:
    """((0, f'), (-f', -g)): the linear part of a Dirac-GAN whose discriminator is damped."""
    return ((0.0, slope), (-slope, -g))


VARIANTS: dict[str, Variant] = {
    "GAN": Variant(gradient(), damped(0), "od??"),
    "non-saturating": Variant(gradient(gd.losses.nonsaturating), damped(0), "co??"),
    "WGAN, clipped": Variant(gradient(gd.losses.wasserstein), damped(0, 1.0), "o???", clip=1.0),
    "WGAN-GP": Variant(
        gradient(gd.losses.wasserstein, gd.games.GradientPenalty(0.7, 1.0)), None, "????"
    ),
    "instance noise": Variant(
        gd.fields.Gradient(gd.games.Noised(dirac(), 0.7)), damped(0.7**2 / 2), "cccc"
    ),
    r"R1, $\gamma=0.3$": Variant(gradient(penalty=R1(0.3)), damped(0.3), "cccc"),
    r"R1, $\gamma=1$": Variant(gradient(penalty=R1(1.0)), damped(1.0), "cccc"),
    "consensus": Variant(
        gd.fields.Consensus(gradient(), 1.0), ((-0.25, 0.5), (-0.5, -0.25)), "ccc?"
    ),
    "non-sat. + R1": Variant(gradient(gd.losses.nonsaturating, R1(0.3)), damped(0.3), "cccc"),
}


def move(variant: Variant, step: float, who: tuple[int, ...]) -> gd.rules.Descend:
    """One move of some of the players; that of a clipped discriminator ends between its walls."""
    wall = variant.clip
    clipped = None if wall is None else gd.rules.projected(step, lambda psi: psi.clip(-wall, wall))
    sizes = (step, step if clipped is None else clipped)
    return gd.rules.Descend(
        variant.field, tuple(size if i in who else None for i, size in enumerate(sizes))
    )


def flow(variant: Variant, step: float) -> gd.flows.GradientFlow:
    if variant.clip is None:
        return gd.flows.GradientFlow(variant.field)
    walls = (np.inf, variant.clip)  # the discriminator's alone
    low = tuple(-wall for wall in walls)
    return gd.flows.GradientFlow(gd.fields.Confined(variant.field, low, walls))


def simultaneous(variant: Variant, step: float) -> gd.rules.AbstractRule:
    return move(variant, step, (0, 1))


def alternating(variant: Variant, step: float, k: int) -> gd.rules.AbstractRule:
    answers = gd.rules.Repeat(move(variant, step, (1,)), k)
    return gd.rules.Sequential(move(variant, step, (0,)), answers)


COLUMNS: dict[str, Callable[[Variant, float], gd.AbstractDynamics]] = {
    "flow": flow,
    "simultaneous": simultaneous,
    "alternating 1:1": lambda variant, step: alternating(variant, step, 1),
    "alternating 1:5": lambda variant, step: alternating(variant, step, 5),
}


def multipliers(jacobian: np.ndarray, column: str, step: float) -> np.ndarray:
    """The eigenvalues of a step at the equilibrium, from the linear part alone."""
    generator, discriminator = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
    g = np.eye(2) + step * generator @ jacobian
    d = np.eye(2) + step * discriminator @ jacobian
    return np.linalg.eigvals(
        {
            "simultaneous": np.eye(2) + step * jacobian,
            "alternating 1:1": d @ g,
            "alternating 1:5": np.linalg.matrix_power(d, 5) @ g,
        }[column]
    )


def fate(distance: np.ndarray, steps: int) -> str:
    """What happens in the end, from the distances to the equilibrium over ten times the steps."""
    late, early = distance[9 * steps :].max(), distance[4 * steps : 5 * steps].max()
    if np.all(np.diff(distance) > 0) or not late <= max(1.03 * early, 1e-6):
        return "diverges"
    return "converges" if late < max(0.97 * early, 1e-6) else "orbits"


def solve(
    row: str, column: str, options: Options
) -> tuple[gd.results.Trajectory, gd.results.Portrait, gd.results.Spectrum]:
    """What one panel shows."""
    dynamics = COLUMNS[column](VARIANTS[row], STEP)
    unit = STEP if column == "flow" else 1
    return (
        gd.simulate(dynamics, START, unit * np.arange(10 * options.steps + 1)),
        gd.portrait(dynamics, START, nodes=options.nodes, nullclines=False, legs=False),
        gd.spectrum(dynamics, (0.0, 0.0)),
    )


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    rows = list(VARIANTS)[: options.rows]
    fig, axes = plots.figure(
        len(rows),
        len(COLUMNS),
        size=(5.0, 0.3 + 1.12 * len(rows)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    panels = [(row, column) for row in rows for column in COLUMNS]
    solved = side_by_side(lambda panel: solve(*panel, options), panels, "panels")
    for panel, (row, column), (trajectory, portrait, spectrum) in zip(
        axes.flat, panels, solved, strict=True
    ):
        distance = np.hypot(*trajectory.players)
        number = check(ledger, row, column, distance, spectrum, options)
        plots.portrait(portrait, panel, density=0.45, labels=("", ""))
        color = plots.COLORS[column.split()[0]]
        shown = jax.tree.map(lambda x: x[: options.steps + 1], trajectory)
        plots.trajectory(shown, panel, color=color, lw=0.7, labels=("", ""))
        panel.set(aspect="equal", xticks=(-2, 0, 2), yticks=(-2, 0, 2))
        panel.text(
            0.97,
            0.05,
            number,
            transform=panel.transAxes,
            ha="right",
            fontsize=6,
            bbox={"fc": "white", "ec": "none", "pad": 0.8, "alpha": 0.85},
        )
    for panel, column in zip(axes[0], COLUMNS, strict=True):
        panel.set_title(column)
    for panel, row in zip(axes[:, 0], rows, strict=True):
        panel.set_ylabel(f"{row}\n" + r"$\psi$")
    for panel in axes[-1]:
        panel.set_xlabel(r"$\theta$")
    plots.save(fig, out)
    laws(ledger, STEP)
    return ledger


def check(
    ledger: Ledger,
    row: str,
    column: str,
    distance: np.ndarray,
    spectrum: gd.results.Spectrum,
    options: Options,
) -> str:
    """Hold one panel against theory; returns what is written into it."""
    name, variant = f"{row}, {column}", VARIANTS[row]
    measured = fate(distance, options.steps)
    said = variant.fate[list(COLUMNS).index(column)]
    if said == "?":
        ledger.record(f"{name}: fate", measured)
    else:
        words = {"c": "converges", "o": "orbits", "d": "diverges"}
        ledger.state(f"{name}: fate", measured, words[said])
    if variant.jacobian is None:
        return measured
    growth = float(spectrum.exponents.real.max())
    jacobian = np.asarray(variant.jacobian)
    # Double eigenvalues (R1 at its critical strength) are exact to the root of a rounding error.
    if column == "flow":
        theory = np.linalg.eigvals(jacobian).real.max()
        ledger.compare(f"{name}: growth rate at the equilibrium", growth, theory, 1e-7)
        return rf"$\mathrm{{Re}}\,\lambda = {growth + 0:.3f}$"
    theory = np.abs(multipliers(jacobian, column, STEP)).max()
    ledger.compare(f"{name}: spectral radius", np.exp(growth), theory, 1e-7)
    # Consensus with five answers flees to where D is saturated and the gradients, which consensus
    # is to make small, vanish: stable at the equilibrium, which this start does not reach.
    surprise = ",\nyet diverges" if theory < 1 and measured == "diverges" else ""
    return rf"$\rho = {np.exp(growth):.4f}${surprise}"


def laws(ledger: Ledger, step: float) -> None:
    """The exact laws of whole trajectories that are known."""
    start = np.hypot(*START)
    gan, steps = VARIANTS["GAN"], np.arange(501)

    circle = np.hypot(*gd.simulate(flow(gan, step), START, step * steps).players)
    ledger.compare("GAN, flow: conserved radius", circle[-1], start, 1e-6)

    theta, psi = gd.simulate(simultaneous(gan, step), START, steps).players
    slope = 1 / (1 + np.exp(-theta * psi))  # f' of the logistic loss, seen in a mirror
    growth = np.prod(np.sqrt(1 + (step * slope[:-1]) ** 2))
    ledger.compare("GAN, simultaneous: growth", np.hypot(theta, psi)[-1] / start, growth, 1e-10)

    theta, psi = gd.simulate(alternating(gan, step, 1), START, steps).players
    published = (-0.686833661223, 1.244007294320)
    for name, value, theory in zip(("theta", "psi"), (theta, psi), published, strict=True):
        ledger.compare(f"GAN, alternating 1:1: {name} after 500 steps", value[-1], theory, 1e-9)

    slow = np.hypot(
        *gd.simulate(flow(VARIANTS["non-saturating"], step), START, [0.0, 1000.0]).players
    )
    ledger.compare("non-saturating, flow: radius^2 at 1000", slow[-1] ** 2, 0.00796649116, 1e-7)

    wall = np.hypot(
        *gd.simulate(flow(VARIANTS["WGAN, clipped"], step), START, [0.0, 100.0]).players
    )
    ledger.compare("WGAN, clipped, flow: radius of the circle", wall[-1], 1.0, 1e-4)
