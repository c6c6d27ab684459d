"""Exponents of the natural flow where it is at rest, and where one bump would be, if it could."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots
from gandyn.flows import GradientFlow

from ._game import FREE, MODES, NODES, SHADES, WIDTH, modes
from ._options import Options

ENDS = (64, 256, 1024)  # of the mean law, in sixteenths of a unit of time
KNOWN = np.array([0, -0.5, -0.25 + np.sqrt(3) / 4 * 1j, -0.25 - np.sqrt(3) / 4 * 1j])


def measure(options: Options) -> Found:
    spectrum = eqx.filter_jit(gd.spectrum)
    function = gd.games.density(modes(), FREE, NODES)
    (matched,) = function.equilibria()
    bump = gd.games.bump(modes(), FREE, NODES, WIDTH)
    solved = jax.jit(lambda place: gd.optimal.solved(bump, (place, FREE.start())))
    bend = jax.grad(jax.grad(lambda place, D: bump.losses((place, D))[0]))
    return {
        "spectra": {
            "a density": spectrum(GradientFlow(gd.fields.natural(function)), matched),
            "one bump": spectrum(GradientFlow(gd.fields.natural(bump)), solved(MODES[1])),
        },
        "curvatures": [float(jax.jit(bend)(*solved(mode))) for mode in MODES],
        **turning(matched),
    }


def turning(matched: Any) -> Found:
    """D in the metric of the data alone: p D' = p - q adds up what the law has missed so far, and
    stays bounded, because KL(p, q) + E_p D^2 / 2 is conserved. In that of (p + q) / 2 it drifts."""
    data = modes()
    linear = gd.games.density(data, FREE, NODES, gd.losses.wasserstein)
    fisher = gd.fields.natural(linear).masses
    field = gd.fields.Metric(
        gd.fields.Gradient(linear), lambda players, key: (fisher(players, key)[0], data.w)
    )
    flow = GradientFlow(field, gd.flows.Integrator(1e-9, 1e-9))
    start = (matched[0] + 0.5 * jnp.sin(NODES), matched[1])
    ts = jnp.linspace(0, 64.0, 1025)
    laws = jax.nn.softmax(gd.simulate(flow, start, ts).players[0], -1)
    means = {end: (laws[1:end].sum(0) + (laws[0] + laws[end]) / 2) / end for end in ENDS}
    return {
        "turning": eqx.filter_jit(gd.spectrum)(GradientFlow(field), matched),
        "missed": [float(jnp.abs(mean - data.w).sum() * ts[end]) for end, mean in means.items()],
        "bound": float(jnp.sqrt(2 * data.w @ jnp.log(data.w / laws[0]))),
    }


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    def apart(spectrum: gd.results.Spectrum, known: np.ndarray) -> float:
        return np.abs(np.asarray(spectrum.exponents)[:, None] - known).min(1).max()

    matched = apart(found["spectra"]["a density"], KNOWN)
    ledger.compare("a density: exponents against closed form", matched, 0, 1e-6)
    turns = apart(found["turning"], np.array([0, 1j, -1j]))
    # A pair at zero is one Jordan block: exact to the root of a rounding error.
    ledger.compare("a density, linear loss: exponents against +-i", turns, 0, 1e-6)
    missed, bound, bends = found["missed"], found["bound"], found["curvatures"]
    ledger.record("a density, linear loss: |mean law - data| x time, at 4, 16, 64", missed)
    ledger.record("the same, at most, by theory", bound)
    ledger.state("a density, linear loss: the mean converges as 1/time", max(missed) < bound, True)
    for name, spectrum in found["spectra"].items():
        for part in ("real", "imag"):
            values = getattr(np.asarray(spectrum.exponents), part)
            ledger.record(f"{name}: exponents at rest, {part}", values)
    ledger.record("one bump: curvature of its loss at each mode, D solved", bends)
    ledger.state("one bump: at no mode is it content, once D is", max(bends) < -0.1, True)


def draw(options: Options, found: Found, ax: Axes) -> None:
    for name in ("one bump", "a density"):
        plots.spectrum(found["spectra"][name], ax, color=SHADES[name], label=name, s=16)
    ax.set(xlim=(-0.8, 0.5), ylim=(-0.8, 1.1))
    ax.legend(loc="upper left", ncols=2, columnspacing=0.5, handletextpad=0.1)
