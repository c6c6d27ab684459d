"""Claim: with one momentum for both players, alternating steps on the bilinear game contract if and
only if it is negative, small ones by 1 - (4/27) (h s)^2 at best, at -1/2.

The heavy ball on x y, start (0.5, 0.5), the discriminator first, momentum from -0.9 to 0.9, at
three step sizes; and over the momenta of both players. Gidel, Askari Hemmat et al., "Negative
Momentum for Improved Game Dynamics", 2019.
"""

import dataclasses
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import methods, plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    steps: tuple[float, ...] = (0.1, 0.001, 0.0001)
    """Step sizes, the longest first."""
    momenta: int = 37
    """How many momenta between -0.9 and 0.9."""
    turns: int = 20
    """How long to play, in turns of the flow around the equilibrium, at the longest step."""


QUICK = Options(steps=(0.1, 0.001), momenta=19)

GAME = gd.games.zero_sum(lambda x, y: x * y)
START = (0.5, 0.5)


def characteristic(e: Any, b1: Any, b2: Any) -> float:
    """The radius of the map: (l - 1)^2 (l - b1) (l - b2) + e^2 l^3 = 0."""
    method = gd.theory.METHODS["negative_momentum"]
    return method.radius(gd.theory.bilinear(1.0), e, momentum=(b1, b2))


def small_steps(e: Any, b1: Any, b2: Any) -> Any:
    """|l| for small e: 1 + (e^2/2P)(S/P - 2), P = (1 - b1)(1 - b2), S = 2 - b1 - b2."""
    p, s = (1 - b1) * (1 - b2), 2 - b1 - b2
    return 1 + e**2 / (2 * p) * (s / p - 2)


@eqx.filter_jit
@eqx.filter_vmap(in_axes=(None, 0, 0))
def radius(h: Any, b1: Any, b2: Any) -> jax.Array:
    rule = methods.negative_momentum(GAME, h, (b1, b2))
    return gd.spectrum(rule, (0.0, 0.0)).radius


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    fig, (paths, line, plane) = plots.figure(1, 3, size=(7.0, 2.6))
    b = np.linspace(-0.9, 0.9, options.momenta)
    for h, color in zip(options.steps, ("#D55E00", "#0072B2", "#009E73"), strict=False):
        found = np.asarray(radius(h, b, b))
        exact = np.array([characteristic(h, x, x) for x in b])
        # A multiplier near 1 is double in the limit of no step: exact to the root of rounding.
        ledger.compare(
            f"h = {h}: largest error of the radius", np.abs(found - exact).max(), 0, 1e-9
        )
        ledger.state(
            f"h = {h}: momenta that contract",
            bool(np.all((found < 1 - 1e-12) == (b < -1e-9))),
            True,
        )
        line.plot(b, (found - 1) / h**2, "o", color=color, ms=2.4, mew=0, label=f"$h={h:g}$")
    h = options.steps[-1] if options.steps[-1] > 5e-4 else 1e-3
    best = (radius(h, np.array([-0.5]), np.array([-0.5]))[0] - 1) / h**2
    ledger.compare("decay at -1/2, in units of h^2", -best, 4 / 27, 1e-4)
    grid = np.linspace(-0.9, 0.6, 151)
    at = grid[np.argmin(small_steps(0.1, grid, grid))]
    ledger.compare("best momentum for small steps", at, -0.5, 1e-9)
    smooth = np.linspace(-0.9, 0.45, 200)
    line.plot(
        smooth,
        (small_steps(1.0, smooth, smooth) - 1),
        color=plots.COLORS["theory"],
        lw=0.8,
        label=r"$b/(1-b)^3$",
    )
    line.axhline(0, color="#222222", lw=0.6, ls=":")
    line.set(
        xlabel="momentum $b$ of both",
        ylabel=r"$(\rho-1)/h^2$",
        ylim=(-0.25, 0.6),
        xlim=(-0.95, 0.95),
    )
    line.legend(loc="upper left")

    h = options.steps[0]
    n = int(options.turns * 2 * np.pi / h)
    for momentum, color in ((-0.5, "#0072B2"), (0.0, "#222222"), (0.1, "#D55E00")):
        rule = methods.negative_momentum(GAME, h, momentum)
        path = gd.simulate(rule, START, np.arange(n + 1)).players
        distance = np.hypot(*map(np.asarray, path))
        slope = np.polyfit(np.arange(n + 1), np.log(distance), 1)[0]
        expected = np.log(characteristic(h, momentum, momentum))
        ledger.compare(f"momentum {momentum}: growth per step of the path", slope, expected, 2e-5)
        paths.semilogy(distance, color=color, lw=0.9, label=f"$b={momentum:g}$")
    paths.set(xlabel=f"step, $h={h:g}$", ylabel="distance to the equilibrium", xlim=(0, n))
    paths.legend(loc="lower left")

    b1, b2 = (x.ravel() for x in np.meshgrid(b, b, indexing="ij"))
    growth = (np.asarray(radius(h, b1, b2)) - 1) / h**2
    exact = (np.array([characteristic(h, *pair) for pair in zip(b1, b2, strict=True)]) - 1) / h**2
    ledger.compare(
        "both momenta: largest error of (radius - 1)/h^2", np.abs(growth - exact).max(), 0, 1e-5
    )
    lowest = int(np.argmin(growth))
    ledger.record(f"h = {h}: best momenta on the grid", [float(b1[lowest]), float(b2[lowest])])
    square = growth.reshape(len(b), len(b)).T
    image = plane.pcolormesh(
        b, b, np.clip(square, -0.3, 0.3), cmap="RdBu_r", vmin=-0.3, vmax=0.3, rasterized=True
    )
    plane.contour(b, b, square, levels=[0], colors="#222222", linewidths=0.8)
    plane.plot(-0.5, -0.5, "*", color="#222222", ms=6)
    fig.colorbar(image, ax=plane, label=r"$(\rho-1)/h^2$", pad=0.02)
    plane.set(xlabel="momentum of the generator", ylabel="of the discriminator")
    plots.save(fig, out)
    return ledger
