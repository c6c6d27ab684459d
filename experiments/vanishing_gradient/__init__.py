"""Claim: against an optimal discriminator the generator's gradient vanishes like exp(-d^2/8) in the
separation d for minimax, least squares and hinge, and does not for -log D and Wasserstein.

Data N(0, 1), generator N(d, 1). If you have trained a GAN: a generator that got nothing from a
discriminator "too good" was not unlucky, its signal is the overlap of two bell curves, and neither
patience nor precision brings it back. What helps is another loss for the generator, or noise on
both, which buys a signal from afar and pays with a weaker one near the goal.

Goodfellow et al., "Generative Adversarial Nets", 2014; Arjovsky and Bottou, "Towards Principled
Methods for Training Generative Adversarial Networks", 2017, theorems 2.4 and 2.5.
"""

from pathlib import Path

from experiments._ledger import Ledger
from experiments._panels import Layout, finished

from . import bound, noise, remedy, separation, supports, training
from ._options import QUICK as QUICK
from ._options import Options as Options

PANELS = {
    "separation": separation,
    "training": training,
    "supports": supports,
    "bound": bound,
    "noise": noise,
    "remedy": remedy,
}
LAYOUT = Layout.in_order((2, 3), (7.0, 4.6), PANELS)


def run(options: Options, out: Path, panel: str | None = None) -> Ledger:
    return finished(PANELS, LAYOUT, options, out, panel)[0]
