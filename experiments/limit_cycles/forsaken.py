"""The forsaken equilibrium: it attracts, from within a cycle that repels; from beyond, everything
goes to another one."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn.results import Circle, Cycle

from . import _cycles as cycles
from . import _draw as picture
from . import _judge as judged
from ._options import Options, step_sizes

CASE = cycles.Case(
    "forsaken",
    gd.games.forsaken(),
    center=(0.08, 0.41),
    starts={"attracts": (1.0, 1.0), "repels": (0.2, 0.4)},
    nodes={"attracts": 129, "repels": 49},  # the outer circle turns sharp corners
)


def measure(options: Options) -> Found:
    found, steps = cycles.measure(CASE, options), step_sizes(options)
    # Where corners are too sharp for Newton's method, a trajectory shows the circle.
    longer = {
        ("attracts", rule): [seen(rule, circles, h) for h in steps[~circles.converged]]
        for rule, circles in found["kinds"]["attracts"]["circles"].items()
    }
    gaps = {
        (kind, rule): [off(kind, rule, of["cycle"], h) for h in (0.001, 0.002)]
        for kind, of in found["kinds"].items()
        for rule in options.rules
    }
    return {**found, "longer": longer, "gaps": gaps}


def seen(rule: str, near: Circle, h: float) -> float:
    """The radius of an attracting circle, from a trajectory that has settled on it: it starts on
    the last one that was found."""
    made, last = CASE.rule(rule, h), int(near.converged.sum()) - 1
    start = gd.simulate(made, jax.tree.map(lambda x: x[last, 0], near.states), [0, 4096]).final
    return float(gd.rotation(gd.simulate(made, start, np.arange(8193))).radius)


def off(kind: str, rule: str, turn: Cycle, h: float) -> float:
    """How far the period of the modified flow is from that of the circle."""
    found = cycles.circles(CASE, kind, rule, turn, [h])
    flow = gd.flows.modified(CASE.rule(rule, h), cycles.FINE)
    modified = gd.cycle(flow, turn.players, turn.period / h)
    return h * abs(float(found.period[0] - modified.period))


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    steps, longer = step_sizes(options), found["longer"]
    for kind, of in found["kinds"].items():
        judged.floquet(ledger, f"{CASE.name}, flow, {kind}", of)
        for rule, circles in of["circles"].items():
            label = f"{CASE.name}, {rule}, {kind}"
            judged.circles(ledger, label, circles, steps)
            gaps = found["gaps"][kind, rule]
            order = np.log2(gaps[1] / gaps[0])
            ledger.compare(f"{label}: order of the modified flow's period", order, 2, 0.2)
            if (kind, rule) in longer:
                line = f"{label}: radii for further steps, from trajectories"
                ledger.record(line, longer[kind, rule])
            else:
                unstable = judged.rests(CASE, rule, found["rest"])
                judged.end(ledger, label, circles, steps, unstable, last=0.5)
        judged.order(ledger, f"{CASE.name}, {kind}", of, kind)


def draw(options: Options, found: Found, axes: Any) -> None:
    longer: Mapping[tuple[str, str], list[float]] = found["longer"]
    picture.draw(CASE.name, options, found, axes, longer)
