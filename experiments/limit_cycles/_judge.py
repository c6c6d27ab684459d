"""What holds of every game's cycles and circles."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn.results import Circle

from ._cycles import LESS_DAMPED, RULES, Case, periods, radii


def floquet(ledger: Ledger, label: str, found: Found) -> float:
    """Liouville: the product of the multipliers is exp of the integral of the divergence."""
    turn, path = found["cycle"], found["path"]
    product = float(jnp.prod(turn.multipliers).real)
    theory = np.exp(found["divergence"] * float(turn.period))
    ledger.compare(f"{label}: Floquet", product, theory, 1e-6)
    ledger.record(f"{label}: period", float(turn.period))
    ledger.record(f"{label}: radius", found["radius"])
    ledger.record(f"{label}: from, to", [path.min(axis=0), path.max(axis=0)])
    return product


def circles(ledger: Ledger, label: str, found: Circle, steps: np.ndarray) -> None:
    h = steps[found.converged]
    ledger.record(f"{label}: radii", dict(zip(map(str, h), radii(found), strict=True)))
    times = h * periods(found)
    ledger.record(f"{label}: periods, times h", dict(zip(map(str, h), times, strict=True)))


def end(
    ledger: Ledger,
    label: str,
    found: Circle,
    steps: np.ndarray,
    beyond: Callable[[float], float],
    last: float,
) -> None:
    """Where circles are gone: they have met each other, or shrunk to the equilibrium; at the zero
    of `beyond` below `last`."""
    if found.converged.all():
        return
    gap = steps[0]
    theory = brentq(beyond, 1e-3, last)
    seen = steps[found.converged][-1] + gap / 2
    ledger.compare(f"{label}: step at which it is gone", seen, theory, gap / 2)
    ledger.record(f"{label}: the same, by theory", theory)


def rests(case: Case, rule: str, rest: tuple[float, float]) -> Callable[[float], float]:
    """Zero where the equilibrium changes its stability."""
    return lambda h: float(gd.spectrum(case.rule(rule, h), rest).radius) - 1


def order(ledger: Ledger, label: str, found: Found, kind: str) -> None:
    """Which rule widens the cycle, and which changes it least."""
    outwards = 1 if kind == "attracts" else -1
    change = {rule: radii(c)[0] - found["radius"] for rule, c in found["circles"].items()}
    for rule, by in change.items():
        if LESS_DAMPED[rule]:
            wider = LESS_DAMPED[rule] * outwards > 0
            ledger.state(f"{label}: wider by {rule} steps", bool(by > 0), wider)
    if len(change) == len(RULES):
        least = min(change, key=lambda rule: abs(change[rule]))
        ledger.state(f"{label}: changed least by", least, "alternating")
