"""What first answers cost: tracing and compiling, in units of a first solution, the flow's own by
`diffrax.diffeqsolve`.

Each call is timed in fresh processes: the first, a second one with other numbers, which compiles
nothing, and the first of a process that goes on from the programs that another one has kept."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments._compile import kept_in
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots

from ._analyses import ALWAYS_COMPILED, CALLS, FLOW, SOLVE
from ._options import Options

WAYS = {
    "first": ("first call", "o", plots.COLORS["discriminator"]),
    "kept": ("first, programs kept", "o", plots.COLORS["generator"]),
    "second": ("other numbers", ".", plots.COLORS["flow"]),
}
LIMITS = {  # of a first call
    "simulate": 1.3,
    "spectrum": 0.3,
    "equilibrium": 1,
    "portrait": 1,
    "equilibria": 2,
    "lyapunov": 2,
    "basins": 2,
    "cycle": 4,
    "settles_on": 4,
}


def measure(options: Options) -> Found:
    """Medians of CPU seconds, and how many programs are compiled."""
    asked = {SOLVE, *options.only} if options.only else set().union(*CALLS.values())
    calls = [(kind, name) for kind, of in CALLS.items() for name in of if name in asked]
    fresh, kept = {call: [] for call in calls}, {call: [] for call in calls}
    with tempfile.TemporaryDirectory() as folder:
        for call in tqdm(calls, "programs kept", leave=False, disable=None):
            _said(call, kept_in(Path(folder)))
        # In turns: what else the machine does is shared by all.
        turns = calls * options.processes
        for call in tqdm(turns, "first calls", leave=False, disable=None):
            fresh[call].append(_said(call, {}))
            kept[call].append(_said(call, kept_in(Path(folder))))
    return {call: _medians(fresh[call], kept[call]) for call in calls}


def _said(call: tuple[str, str], environment: dict[str, str]) -> dict[str, Any]:
    """What a process of its own says of a call."""
    own = {k: v for k, v in os.environ.items() if k not in kept_in(Path())} | environment
    command = [sys.executable, "-m", "experiments.speed._process", *call]
    return json.loads(subprocess.check_output(command, env=own, text=True))


def _medians(fresh: list[dict[str, Any]], kept: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "first": float(np.median([said["first"]["seconds"] for said in fresh])),
        "kept": float(np.median([said["first"]["seconds"] for said in kept])),
        "second": float(np.median([said["second"]["seconds"] for said in fresh])),
        "compiled": max(said["first"]["compiled"] for said in fresh),
        "compiled anew": max(said["second"]["compiled"] for said in fresh),
    }


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    unit = found[FLOW, SOLVE]["first"]
    ledger.record("first solution, CPU seconds", unit)
    for (kind, name), of in found.items():
        what = f"{name}, {kind}"
        ledger.record(f"{what}: programs of the first call", of["compiled"])
        if name not in ALWAYS_COMPILED:
            ledger.state(f"{what}: programs of the second call", of["compiled anew"], 0)
        for way, (label, *_) in WAYS.items():
            ledger.record(f"{what}: {label}, in first solutions", of[way] / unit)


def draw(options: Options, found: Found, axes: Any) -> None:
    """Left flows, right all else, the slowest on top."""
    unit = found[FLOW, SOLVE]["first"]
    for ax, flows in zip(axes, (True, False), strict=True):
        rows = [call for call in found if (call[0] == FLOW) is flows]
        rows.sort(key=lambda call: found[call]["first"])
        for way, (label, marker, color) in WAYS.items():
            times = [found[call][way] / unit for call in rows]
            ax.semilogx(times, range(len(rows)), marker, color=color, label=label)
        limits = {y: LIMITS[name] for y, (_, name) in enumerate(rows) if name in LIMITS and flows}
        ax.plot(
            list(limits.values()),
            list(limits),
            "|",
            color=plots.COLORS["theory"],
            markersize=9,
            label="at most",
        )
        ax.axvline(1, color=plots.COLORS["theory"], lw=0.7)
        ax.set_yticks(range(len(rows)), [name for _, name in rows])
        ax.set(
            xlabel="CPU time, in first solutions", title="flow" if flows else "rule, or game alone"
        )
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
