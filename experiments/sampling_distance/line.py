"""On the line: W_1 and W_2 of a sample to the law and to another sample."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Array
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import distances

from . import _theory as theory
from ._options import Options
from ._samples import COLORS, THEORY, between, dots, dress, record, test

# name -> its expected value, what it is
EXPECTED = {
    "w1 law": (theory.to_the_law, "W1 of sample and law"),
    "w1": (theory.between_samples, "W1 of two samples on the line"),
    "w2 law": (theory.squared_to_the_law, "squared W2 of sample and law"),
    "w2": (theory.squared_between_samples, "squared W2 of two samples on the line"),
}
LABELS = ("$W_1$, law", "$W_1$, two samples", "$W_2^2$, law", "$W_2^2$, two samples")


def measure(options: Options) -> Found:
    law = gd.measures.gaussian(0.0, 1.0)

    def measured(m: int, d: int) -> Callable[..., dict[str, Array]]:
        return lambda x, y, key: {
            "w1 law": distances.wasserstein(x, law),
            "w1": distances.wasserstein(x, y),
            "w2 law": distances.wasserstein(x, law, 2) ** 2,
            "w2": distances.wasserstein(x, y, 2) ** 2,
        }

    found = between(measured, options, "line", dimensions=(1,))
    expected = {name: [f(m) for m in options.sizes] for name, (f, _) in EXPECTED.items()}
    return {"means": found, "theory": expected}


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    for name, (_, text) in EXPECTED.items():
        known = dict(zip(options.sizes, found["theory"][name], strict=True))
        test(ledger, options.seeds, found["means"][name, 1], known.__getitem__, text)
    # `transport` has the other one in all dimensions.
    record(ledger, {name: v for name, v in found["means"].items() if name[0] != "w1"})


def draw(options: Options, found: Found, ax: Axes) -> None:
    for name, label, color in zip(EXPECTED, LABELS, COLORS, strict=True):
        dots(ax, found["means"][name, 1], color=color, label=label)
        ax.plot(np.array(options.sizes), found["theory"][name], **THEORY)
    dress(ax, options.sizes, "on the line, $d = 1$")
    ax.legend(loc="lower left", labelspacing=0.2, handletextpad=0.1)
