"""A game whose flow, and whose steps, turn every circle about 0 alike: all is known of it."""

from typing import Any

import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found

from . import _cycles as cycles
from . import _draw as picture
from . import _judge as judged
from ._options import Options, step_sizes

A = 1 / 3
CASE = cycles.Case(
    "polar",
    gd.games.polar(A),
    center=(0.0, 0.0),
    starts={"attracts": (1.0, 0.0), "repels": (0.75, 0.0)},
    nodes={"attracts": 33, "repels": 33},
)
# The radius of each cycle, and how disturbances grow in a turn.
KNOWN = {
    "attracts": (1, np.exp(-7 * np.pi * A / 4)),
    "repels": (3 / 4, np.exp(63 * np.pi * A / 64)),
}


def velocity(r: Any) -> Any:
    """Over z, as a complex number."""
    return -A * (r**2 - 1) * (16 * r**2 - 9) / 16 - 1j


def simultaneous(r: Any, h: Any) -> Any:
    return 1 + h * velocity(r)


def extragradient(r: Any, h: Any) -> Any:
    ahead = simultaneous(r, h)
    return 1 + h * velocity(np.abs(ahead) * r) * ahead


FACTORS = {"simultaneous": simultaneous, "extragradient": extragradient}


def measure(options: Options) -> Found:
    return cycles.measure(CASE, options)


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    steps = step_sizes(options)
    for kind, of in found["kinds"].items():
        label = f"{CASE.name}, flow, {kind}"
        product = judged.floquet(ledger, label, of)
        radius, multiplier = KNOWN[kind]
        ledger.compare(f"{label}: period", of["cycle"].period, 2 * np.pi, 1e-8)
        ledger.compare(f"{label}: radius", of["radius"], radius, 1e-8)
        ledger.compare(f"{label}: Floquet, in closed form", product, multiplier, 1e-7)
        for rule, circles in of["circles"].items():
            label = f"{CASE.name}, {rule}, {kind}"
            judged.circles(ledger, label, circles, steps)
            if rule in FACTORS:
                m = FACTORS[rule](cycles.radii(circles), steps[circles.converged])
                ledger.compare(f"{label}: |m| - 1, at most", np.abs(np.abs(m) - 1).max(), 0, 1e-10)
                turns = np.abs(np.angle(m)) * cycles.periods(circles) / (2 * np.pi)
                angle = np.abs(turns - 1).max()
                ledger.compare(f"{label}: period against the angle of m", angle, 0, 1e-10)
                judged.end(ledger, label, circles, steps, outwards(rule), last=0.1)
        judged.order(ledger, f"{CASE.name}, {kind}", of, kind)


def outwards(rule: str) -> Any:
    """Zero where the two circles meet: from there on everything goes outwards, or inwards."""
    r = np.linspace(0.5, 1.2, 20_001)
    return lambda h: np.abs(FACTORS[rule](r, h)).max() - 1


def draw(options: Options, found: Found, axes: Any) -> None:
    factors = FACTORS.values()
    picture.theory(axes[1], options, 1.25, lambda h, r: [np.abs(m(r, h)) - 1 for m in factors])
    picture.draw(CASE.name, options, found, axes)
