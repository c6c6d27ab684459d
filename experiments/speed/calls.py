"""What a first answer costs: tracing and compiling, in units of a first `diffrax.diffeqsolve`."""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments._ledger import Ledger
from experiments._panels import Found

from ._analyses import CALLS, SOLVE
from ._options import Options


def measure(options: Options) -> Found:
    """Medians over fresh processes of CPU seconds: of the first call, of a second one with other
    numbers, and of a first one whose programs are kept from another process."""
    chosen = (
        {SOLVE, *options.only} if options.only else {name for of in CALLS.values() for name in of}
    )
    asked = [(kind, name) for kind, of in CALLS.items() for name in of if name in chosen]
    return {of: _measured(*of, options.processes) for of in tqdm(asked, disable=None)}


def _measured(kind: str, name: str, processes: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        fresh = [_process(kind, name) for _ in range(processes)]
        _process(kind, name, folder)
        kept = [_process(kind, name, folder) for _ in range(processes)]
    return {
        "first": float(np.median([p["first"]["seconds"] for p in fresh])),
        "second": float(np.median([p["second"]["seconds"] for p in fresh])),
        "kept": float(np.median([p["first"]["seconds"] for p in kept])),
        "compiled": fresh[0]["first"]["compiled"],
        "compiled anew": max(p["second"]["compiled"] for p in fresh),
    }


def _process(*arguments: str) -> dict[str, Any]:
    without = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    command = [sys.executable, "-m", "experiments.speed._process", *arguments]
    return json.loads(subprocess.check_output(command, env=without, text=True))


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    unit = next(of["first"] for (_, name), of in found.items() if name == SOLVE)
    for (kind, name), of in found.items():
        what = f"{name} of a {kind}"
        ledger.state(f"{what}: programs compiled for other numbers", of["compiled anew"], 0)
        ledger.record(f"{what}: programs compiled", of["compiled"])
        for which in ("first", "second", "kept"):
            ledger.record(f"{what}: {which} call, in first solutions", of[which] / unit)


def draw(options: Options, found: Found, ax: Any) -> None:
    unit = next(of["first"] for (_, name), of in found.items() if name == SOLVE)
    rows = list(found)
    for which in ("first", "kept", "second"):
        ax.semilogx([found[row][which] / unit for row in rows], range(len(rows)), "o", label=which)
    ax.set_yticks(range(len(rows)), [" of a ".join(row[::-1]) for row in rows])
    ax.legend()
