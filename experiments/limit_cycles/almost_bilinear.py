"""x y + e (y^2/2 - y^4/4): in y the flow is van der Pol's oscillator."""

from typing import Any

import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found

from . import _cycles as cycles
from . import _draw as picture
from . import _judge as judged
from ._options import Options, step_sizes

E = 0.1
CASE = cycles.Case(
    "almost bilinear",
    gd.games.almost_bilinear(E),
    center=(0.0, 0.0),
    starts={"attracts": (1.0, 0.5)},
    nodes={"attracts": 33},
)


def measure(options: Options) -> Found:
    return cycles.measure(CASE, options)


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    steps = step_sizes(options)
    for kind, of in found["kinds"].items():
        label = f"{CASE.name}, flow, {kind}"
        judged.floquet(ledger, label, of)
        period = 2 * np.pi * (1 + E**2 / 16 - 5 * E**4 / 3072)
        ledger.compare(f"{label}: period by van der Pol's series", of["cycle"].period, period, 1e-8)
        ledger.compare(f"{label}: radius, 2 / sqrt 3 as e vanishes", of["radius"], 2 / 3**0.5, E**2)
        for rule, circles in of["circles"].items():
            label = f"{CASE.name}, {rule}, {kind}"
            judged.circles(ledger, label, circles, steps)
            slope = (cycles.radii(circles)[0] ** 2 - 4 / 3) / steps[0]
            theory = 4 / (3 * E) * cycles.LESS_DAMPED[rule]
            tolerance = 3 * (E + steps[0])
            ledger.compare(f"{label}: slope of the squared radius", slope, theory, tolerance)
            unstable = judged.rests(CASE, rule, found["rest"])
            judged.end(ledger, label, circles, steps, unstable, last=0.5)
        judged.order(ledger, f"{CASE.name}, {kind}", of, kind)


def draw(options: Options, found: Found, axes: Any) -> None:
    picture.theory(
        axes[1],
        options,
        2.2,
        lambda h, r: [r**2 - 4 / 3 * (1 + s * h / E) for s in cycles.LESS_DAMPED.values()],
    )
    picture.draw(CASE.name, options, found, axes)
