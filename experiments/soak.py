"""Claim: a sweep survives being killed, bit for bit, in memory that does not grow with its members.

Processes that compute one store, alone or in pairs, are killed by SIGKILL at random moments, again
and again; what they leave is finished and compared, file by file, with a store that was never
disturbed. Then `sweep` is timed against the bare vmapped function, two devices against one, and
the cost and the peak memory are measured as the members grow from a thousand to ten millions.

    python -m experiments soak --out DIR
"""

import dataclasses
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots


@dataclasses.dataclass(frozen=True)
class Options:
    """How long to try."""

    kills: int = 50
    """Kills in each trial."""
    processes: tuple[int, ...] = (1, 2)
    """How many processes compute one store, in each trial."""
    repeats: int = 5
    """Timings of which the median counts."""
    points: int = 8192
    """Of a chunk that is timed."""
    members: tuple[int, ...] = (10**3, 10**4, 10**5, 10**6, 10**7)
    """Sizes of which cost and memory are measured."""
    seed: int = 0
    """Of the moments to kill."""


QUICK = Options(kills=1, processes=(1,), repeats=1, points=256, members=(10**3, 10**4))


# --- the system ----------------------------------------------------------------------------

CHUNK = 16  # points; about 20 ms of work


def descend(step_size, gamma, key, steps=20_000):
    """Simultaneous descent on a damped bilinear game from a random start."""
    start = jr.normal(key, (2,), step_size.dtype)

    def step(_, z):
        x, y = z
        return x - step_size * (y + gamma * x), y + step_size * (x - gamma * y)

    x, y = jax.lax.fori_loop(0, steps, step, (start[0], start[1]))
    return {"players": (x, y), "radius": jnp.hypot(x, y)}


def atlas(rows: int, columns: int) -> dict[str, np.ndarray]:
    return {"step_size": np.linspace(1e-3, 0.1, rows), "gamma": np.linspace(0.0, 1.0, columns)}


def _start(call: str, *arguments: Any, flags: str = "") -> subprocess.Popen[str]:
    """Call a function of this file in a process of its own."""
    command = f"from experiments import soak; soak.{call}(*{arguments!r})"
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    flags = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()  # a blank would name a file
    environment = os.environ | {"PYTHONPATH": path, "XLA_FLAGS": flags, "JAX_ENABLE_X64": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", command], env=environment, stdout=subprocess.PIPE, text=True
    )


def _ended(process: subprocess.Popen[str]) -> int:
    """The exit status of a process, when it and its pipe are closed."""
    process.communicate()
    return process.returncode


def _answer(call: str, *arguments: Any, flags: str = "") -> Any:
    said, _ = _start(call, *arguments, flags=flags).communicate()
    return json.loads(said)


# --- kills ---------------------------------------------------------------------------------


def compute(store: str, chunks: int, k: int = 0, n: int = 1) -> None:
    gd.sweep(descend, atlas(chunks, CHUNK), store=store, seed=1, chunk=CHUNK, shard=(k, n))


def _files(store: Path) -> dict[str, bytes]:
    """All but what a killed process left half-written beside its place."""
    paths = (p for p in store.rglob("*") if p.is_file() and p.suffix != ".partial")
    return {str(p.relative_to(store)): p.read_bytes() for p in paths}


def _finished(store: Path) -> int:
    flags = store / "done" / "c"
    return sum(p.suffix != ".partial" for p in flags.iterdir()) if flags.is_dir() else 0


def kills(folder: Path, processes: int, options: Options) -> dict[str, Any]:
    """Kill one of the processes at a random moment and start it again, many times."""
    chance = random.Random(options.seed + processes)
    chunks = 40 * options.kills
    whole, store = folder / f"whole-{processes}", folder / f"store-{processes}"
    if _ended(_start("compute", str(whole), chunks)):
        raise RuntimeError("The undisturbed sweep has failed, so there is nothing to compare with.")

    running = [_start("compute", str(store), chunks, k, processes) for k in range(processes)]
    hits = 0
    while hits < options.kills and _finished(store) < chunks:
        k = chance.randrange(processes)
        before = _finished(store)
        if chance.random() < 0.8:  # otherwise while it starts
            while running[k].poll() is None and _finished(store) == before:
                time.sleep(0.002)
        time.sleep(0.2 * chance.random())
        running[k].kill()
        hits += _ended(running[k]) != 0
        running[k] = _start("compute", str(store), chunks, k, processes)
    for process in running:
        process.kill()
        _ended(process)
    finished = _finished(store)
    orphans = sum(1 for _ in store.rglob("*.partial"))
    _ended(_start("compute", str(store), chunks))
    equal = _files(store) == _files(whole)
    return {
        "kills": hits,
        "chunks": chunks,
        "orphans": orphans,
        "finished": finished,
        "equal": equal,
    }


# --- costs ---------------------------------------------------------------------------------


def _seconds(function: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def _long(step_size, gamma):
    return descend(step_size, gamma, jr.key(0), steps=4_000)


def overhead(repeats: int, points: int) -> None:
    """`sweep` over the vmapped function, compiled and called chunk by chunk; both compile."""
    axes = atlas(32, points)
    columns = [a.ravel() for a in np.meshgrid(*axes.values(), indexing="ij")]

    def bare() -> None:
        function = jax.jit(jax.vmap(_long))
        for i in range(0, columns[0].size, points):
            jax.block_until_ready(function(*(c[i : i + points] for c in columns)))

    def swept(store: str | None = None) -> None:
        gd.sweep(_long, axes, chunk=points, store=store)

    times: dict[str, list[float]] = {"bare": [], "memory": [], "store": []}
    for _ in range(repeats):
        times["bare"].append(_seconds(bare))
        times["memory"].append(_seconds(swept))
        with tempfile.TemporaryDirectory() as folder:
            times["store"].append(_seconds(lambda f=folder: swept(f"{f}/store")))
    seconds = {name: statistics.median(ts) for name, ts in times.items()}
    ratios = {
        name: statistics.median(t / b for t, b in zip(times[name], times["bare"], strict=True))
        for name in ("memory", "store")
    }
    print(json.dumps({"chunk_ms": 1e3 * seconds["bare"] / 32, "seconds": seconds, **ratios}))


def devices(repeats: int, points: int) -> None:
    """Two devices over one, in one process that has two."""
    axes = atlas(8, points)
    many = jax.local_devices()
    times = {len(some): [] for some in (many[:1], many)}
    for _ in range(repeats):
        for some in (many[:1], many):
            times[len(some)].append(
                _seconds(lambda s=some: gd.sweep(_long, axes, chunk=points, devices=s))
            )
    one, two = (statistics.median(ts) for ts in times.values())
    print(json.dumps({"one": one, "two": two, "ratio": two / one}))


def members(count: int, store: str) -> None:
    """Seconds and peak memory of a sweep of so many members."""

    def function(step_size, gamma, key):
        return descend(step_size, gamma, key, steps=100)

    axes = {"step_size": np.linspace(1e-3, 0.1, 100), "gamma": np.linspace(0, 1, count // 100)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = _seconds(lambda: gd.sweep(function, axes, store=store, seed=0))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"members": count, "seconds": seconds, "start_mb": before, "peak_mb": peak}))


# --- the verdict ---------------------------------------------------------------------------


def _plot(table: list[dict[str, Any]], out: Path) -> None:
    figure, axes = plots.figure(1, 2, size=(7.0, 2.8))
    count = [row["members"] for row in table]
    seconds, peaks = ([row[name] for row in table] for name in ("seconds", "peak_mb"))
    axes[0].loglog(count, seconds, "o-")
    axes[0].set(xlabel="members", ylabel="time (s)", title="cost")
    axes[0].set_ylim(10 ** np.floor(np.log10(min(seconds))), 10 ** np.ceil(np.log10(max(seconds))))
    axes[1].semilogx(count, peaks, "o-")
    axes[1].set(xlabel="members", ylabel="peak memory (MB)", title="memory")
    axes[1].set_ylim(0, 1.2 * max(peaks))
    plots.save(figure, out)


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    folder = Path(tempfile.mkdtemp(dir=out))
    try:
        for processes in options.processes:
            killed = kills(folder, processes, options)
            name = f"{processes} process{'es' * (processes - 1)}"
            ledger.record(f"{name}, the trial", killed)
            ledger.state(f"{name}: kills", killed["kills"], options.kills)
            ledger.state(f"{name}: the store equals an undisturbed one", killed["equal"], True)

        cost = _answer("overhead", options.repeats, options.points)
        ledger.record("seconds and ratios for chunks of so many ms", cost)

        two = "--xla_force_host_platform_device_count=2"
        shared = _answer("devices", options.repeats, options.points, flags=two)
        ledger.record("seconds on one and on two devices", shared)

        table = [_answer("members", n, str(folder / f"members-{n}")) for n in options.members]
    finally:
        shutil.rmtree(folder)
    for row in table:
        ledger.record(f"{row['members']} members", row)
    growth = table[-1]["peak_mb"] - table[0]["peak_mb"]
    ledger.state("the memory does not grow by 100 MB", growth < 100, True)
    _plot(table, out)
    return ledger
