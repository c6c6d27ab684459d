"""Claim: between two samples of one law Jensen-Shannon is log 2 and W_1 in 1000 dimensions is above
1.1, at all sizes m tried, while what a linear critic sees falls like 1/sqrt(m) in all dimensions.

The law is N(0, I/d), the samples have m points. If you have trained a GAN: it never met the data's
law, only a sample of it, and by the distances in the theorems sample and law are as far apart as
can be. That training generalizes at all is owed to a discriminator too small to see the difference;
the price is that it cannot see a generator that repeats a few points either.

Arora, Ge, Liang, Ma, Zhang, "Generalization and Equilibrium in Generative Adversarial Nets (GANs)",
2017, lemma 1 and theorem 3.1. Expected distances on the line: del Barrio, Giné, Matrán 1999.
"""

from pathlib import Path

from experiments._ledger import Ledger
from experiments._panels import Layout, finished

from . import divergence, fit, line, linear, networks, transport
from ._options import QUICK as QUICK
from ._options import Options as Options

PANELS = {
    "divergence": divergence,
    "transport": transport,
    "line": line,
    "linear": linear,
    "networks": networks,
    "fit": fit,
}
LAYOUT = Layout.in_order((2, 3), (7.0, 4.6), PANELS)


def run(options: Options, out: Path, panel: str | None = None) -> Ledger:
    return finished(PANELS, LAYOUT, options, out, panel)[0]
