"""Claim: the generic game, losses and all, computes what a hand-derived loop does, at its speed,
and no analysis compiles anything for other numbers.

All run side by side; ratios of times are recorded, not tested, because machines are noisy. If you
wait for a first answer: you wait for tracing and compiling, which are done once. Other numbers of
the same structure come at once, and the next process can keep what this one has compiled.
"""

from pathlib import Path

import numpy as np

from experiments._ledger import Ledger
from experiments._panels import Layout, finished

from . import calls, ensembles, networks
from ._options import QUICK as QUICK
from ._options import Options as Options

PANELS = {"ensembles": ensembles, "networks": networks, "calls": calls}
CELLS = {"ensembles": (0, 0), "networks": (0, 1), "calls": np.s_[1, :]}
LAYOUT = Layout((2, 2), (7.0, 7.0), CELLS, letters=True, heights=(1, 1.6))


def run(options: Options, out: Path, panel: str | None = None) -> Ledger:
    return finished(PANELS, LAYOUT, options, out, panel)[0]
