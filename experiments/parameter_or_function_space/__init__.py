"""Claim: one game converges when its players are functions, and has no equilibrium to converge to
when they have few parameters; mixtures of T players close the gap, as 1/(4T) for atoms.

Three modes on the line. If the generator may be any density and D any function, the game is convex
in the one and concave in the other, and the natural flow goes to p_g = p_data at a rate that is the
same for all data: exponents -1/4 +- i sqrt(3)/4. If the generator is one narrow bump, it can be at
one mode only, D tells it so, and the two turn round each other for ever: there is nowhere to rest.

In between lies capacity. Few features of D do not notice what is missing, many do; a few more bumps
for the generator and there is nothing to notice. The gap between min-max and max-min is what it
costs that the generator cannot mix. Goodfellow et al., "Generative Adversarial Nets", 2014; Arora
et al., "Generalization and Equilibrium in GANs", 2017.
"""

from pathlib import Path

from matplotlib.lines import Line2D

from experiments._ledger import Ledger
from experiments._panels import Layout, measured
from gandyn import plots

from . import capacity, ends, mixtures, plays, proofs, rest
from ._game import SHADES
from ._options import QUICK as QUICK
from ._options import Options as Options

PANELS = {
    "plays": plays,
    "rest": rest,
    "proofs": proofs,
    "capacity": capacity,
    "mixtures": mixtures,
    "ends": ends,
}
LAYOUT = Layout.in_order((2, 3), (7.0, 4.4), PANELS)


def run(options: Options, out: Path, panel: str | None = None) -> Ledger:
    ledger, found = measured(PANELS, options, panel)
    fig, _ = LAYOUT.draw(PANELS, options, found)
    if "plays" in found or "ends" in found:
        names = [Line2D([], [], color=SHADES[name], label=name) for name in options.generators]
        fig.legend(handles=names, loc="outside lower center", ncols=len(names) if not panel else 2)
    plots.save(fig, out)
    return ledger
