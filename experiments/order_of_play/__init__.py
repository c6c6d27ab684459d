"""Claim: which player moves last decides whether a GAN hops between modes: min-max play stays at
one mode above a time scale that the spectrum predicts, max-min play goes round all of them.

Three modes at -5, 0 and 5, a discriminator that may be any function on a grid, and a generator that
is one narrow bump. If D is all but solved before the generator moves (min-max), the generator
descends the Jensen-Shannon divergence to the nearest mode and rests there for good. If the
generator answers every small move of D (max-min), it runs to where D is highest, D goes down there
and up elsewhere, and it runs again: mode hopping is the order of play, made visible.

In numbers: the two orders have different values, with that of mixed strategies between them; D's
ascent against best responses has the exact period K, the number of modes, whatever the ties; and
the generator leaves a mode only if D is slower than a critical ratio of time scales, at which a
pair of exponents crosses the axis (Hopf). R1 and unrolling stop the hops, and the bump stays at one
mode; optimism does nothing against them, and three bumps in the place of one hop less.

Arora et al., "Generalization and Equilibrium in GANs", 2017; Jin, Netrapalli, Jordan, "What is
Local Optimality in Nonconvex-Nonconcave Minimax Optimization?", 2020; Fiez and Ratliff, "Local
Convergence Analysis of Gradient Descent Ascent with Finite Timescale Separation", 2021.
"""

from pathlib import Path

import numpy as np

from experiments._ledger import Ledger
from experiments._panels import Layout, finished

from . import maxmin, minmax, paths, remedies, steps, values
from ._options import QUICK as QUICK
from ._options import Options as Options

PANELS = {
    "values": values,
    "paths": paths,
    "steps": steps,
    "remedies": remedies,
    "minmax": minmax,
    "maxmin": maxmin,
}
LAYOUT = Layout(
    (3, 4),
    (7.0, 6.2),
    {
        "minmax": np.s_[0, :],
        "maxmin": np.s_[1, :],
        "paths": (2, 0),
        "steps": (2, 1),
        "values": (2, 2),
        "remedies": (2, 3),
    },
)


def run(options: Options, out: Path, panel: str | None = None) -> Ledger:
    ledger, found = finished(PANELS, LAYOUT, options, out, panel)
    if "maxmin" in found:
        maxmin.animate(found["maxmin"], out / "cycle.gif")
        size = (out / "cycle.gif").stat().st_size
        ledger.state("the animation is below 1 MB", size < 1e6, True)
    return ledger
