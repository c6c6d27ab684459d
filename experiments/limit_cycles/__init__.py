"""Claim: simultaneous steps widen a limit cycle that attracts and tighten one that repels,
extragradient steps do the opposite, and alternating steps change both by less than either.

Three games whose gradient flow can miss the equilibrium: it ends on a cycle (Hsieh, Mertikopoulos,
Cevher, "The Limits of Min-Max Optimization Algorithms", 2021; Pethick et al., "Escaping limit
cycles", 2022). The flow's cycles are found by shooting, with Floquet multipliers; what becomes of
them in steps of size h, invariant circles, by Newton's method, each from the one before. Those that
repel are found as well: they bound what converges. Simultaneous steps act like less damping,
extragradient steps like more, until circles are gone. The theory:

    x y + e (y^2/2 - y^4/4)   r^2 = (4/3) (1 + s h / e) as e and h vanish; s = 1, 0, -1 for
                              simultaneous, alternating, extragradient
    polar                     the steps are z -> z m(r), of which |m| = 1 on a circle, and the angle
                              is that of m:  m = 1 + h g(r) simultaneously,
                              m = 1 + h g(|k| r) k,  k = 1 + h g(r),  by extragradient, where
                              g(r) = -a (r^2 - 1) (16 r^2 - 9) / 16 - i
    any                       the modified flow's cycle has the same period, up to second order in
                              h; a circle shrinks to a point where that changes stability.
"""

from pathlib import Path

import numpy as np

from experiments._ledger import Ledger
from experiments._panels import Layout, measured
from gandyn import plots

from . import almost_bilinear, forsaken, polar
from ._draw import names
from ._options import QUICK as QUICK
from ._options import Options as Options

PANELS = {"almost bilinear": almost_bilinear, "forsaken": forsaken, "polar": polar}


def run(options: Options, out: Path, panel: str | None = None) -> Ledger:
    games = options.games if panel is None else (panel,)
    ledger, found = measured({name: PANELS[name] for name in games}, options)
    n = len(games)
    columns = {name: np.s_[:, i] for i, name in enumerate(games)}
    layout = Layout((2, n), (0.4 + 2.2 * n, 4.8), columns, heights=(1.3, 1))
    fig, axes = layout.draw(PANELS, options, found)
    axes[0, 0].set_ylabel("$y$")
    axes[1, 0].set_ylabel("radius")
    fig.legend(handles=names(options), loc="outside lower center", ncols=1 + 2 * n)
    plots.save(fig, out)
    return ledger
