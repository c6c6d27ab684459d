"""Where the plays end: a density at the data, one bump nowhere."""

import numpy as np
from matplotlib.axes import Axes

from experiments._ledger import Ledger
from experiments._panels import Found

from ._game import SHADES
from ._options import Options
from .plays import play


def measure(options: Options) -> Found:
    played = {name: play(name, options) for name in options.generators}
    return {
        "js": {name: js[:, -1] for name, (js, _) in played.items()},
        "late": {name: late for name, (_, late) in played.items()},
    }


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    if "a density" in found["js"]:
        worst = found["js"]["a density"].max()
        ledger.compare("a density: largest divergence at the end", worst, 0, 1e-4)
    if "one bump" in found["late"]:
        # Its place swings by more than half its width in the second half of the play.
        restless = bool(found["late"]["one bump"].min() > 0.3)
        ledger.state("one bump: none of the starts comes to rest", restless, True)
    for name, late in found["late"].items():
        if name != "a density":
            ledger.record(f"{name}: how far it still moves, each start", late)


def draw(options: Options, found: Found, ax: Axes) -> None:
    for i, (name, js) in enumerate(found["js"].items()):
        aside = i + np.linspace(-0.25, 0.25, len(js))
        ax.plot(aside, js, "o", ms=2.5, mew=0, color=SHADES[name], alpha=0.7)
    ax.set(ylabel="JS at the end, each start", ylim=(-0.02, 0.72), xticks=())
