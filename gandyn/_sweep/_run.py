"""Many runs with named axes: chunk by chunk, over devices and processes, resumable.

Sweeps, seed studies and basin counts are one function of one point, applied to a grid of points.
The function is `vmap`ped over the points of a chunk and the chunks are run one after another, so
memory does not grow with the grid, and every chunk is kept as soon as it is finished.
"""

import contextlib
import itertools
import math
import operator
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from gandyn._progress import bar
from gandyn._sweep import _memory
from gandyn._sweep._axes import Grid, grid
from gandyn._sweep._chunks import Chunks
from gandyn._sweep._place import is_free, place
from gandyn._sweep._point import Point
from gandyn._sweep._program import Program
from gandyn._sweep._record import Record
from gandyn._sweep._shards import Shard, share

if TYPE_CHECKING:
    import xarray

    from gandyn._sweep._store import Memory, Store

MOST = 2**16  # points in a chunk: enough to be efficient, few enough for a lively progress bar
FEW = 2**9  # points that are not worth a file


def sweep(
    function: Callable[..., Any],
    axes: Mapping[Any, Any],
    *,
    store: str | os.PathLike[str] | None = None,
    chunk: int | None = None,
    seed: int | None = None,
    shard: Shard = None,
    progress: bool | None = None,
    batch: int | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    units: Mapping[str, str] | None = None,
    configuration: Mapping[str, Any] | None = None,
    other_versions: bool = False,
    memory: int | float | None = None,
    devices: Sequence[jax.Device] | None = None,  # pyright: ignore[reportInvalidTypeForm]
) -> "xarray.Dataset":
    """Evaluate `function` at every point of a grid.

    **Arguments:**

    - `function`: what to compute at one point: `function(step_size=..., gamma=...)` returns
      `{name: array}` or a result of an analysis. It must be traceable by JAX.
    - `axes`: `{"step_size": array, "gamma": array}` spans all combinations, one dimension each.
      `{("step_size", "gamma"): (array, array)}` changes both together, along one dimension
      `step_size_gamma`. An axis of integers serves as a seed that is common to all other axes:
      `{"seed": np.arange(8)}`, with `jax.random.key(seed)` inside `function`.
    - `store`: a directory to keep the result in. Finished chunks are never lost and never
      computed again: a second call with the same arguments goes on where the first one stopped.
      A call that differs in what `function` computes is refused, and so is one that differs in
      axes, seed, outputs, `configuration`, or in how JAX is set to compute. What `function`
      computes is known by its traced program: all that it calls and every number and array that
      it reads count; names, comments and files do not.
    - `chunk`: the most points to run at once, which is also what is lost at worst when the
      process dies. By default at most 65,536, fewer if the memory asks for it, and with a store
      few enough that there are about 64 chunks. A store keeps the chunks it was made with.
    - `seed`: an integer. `function` then also takes `key`, which at point number `i` (counted
      with the last axis fastest) is `fold_in(key(seed), i)`.
    - `shard`: `(k, n)` computes only chunks k, k + n, k + 2n, ... for n processes that share
      one store. `"slurm"` reads k and n from the job array and the task (SLURM_ARRAY_TASK_ID,
      SLURM_PROCID), `"jax"` from `jax.process_index()` after `jax.distributed.initialize()`.
    - `progress`: whether to show a bar. By default only on a terminal.
    - `batch`: run the points of a chunk in groups of so many, one group after another. A member
      that takes many more steps then holds up its group, not the whole chunk.
    - `dims`: names for the axes of the arrays that `function` returns: `{"orbit": ("time",)}`.
    - `units`: `{"step_size": "1"}`, for axes and outputs alike.
    - `configuration`: whatever else is worth recording, in JSON. It is kept in the attributes, and
      a store with another configuration is refused.
    - `other_versions`: whether a store may go on that was begun with other versions of JAX or of
      another library. Whether `function` is the same is then for you to know, because the same
      function may be another program there. All versions are kept in the attributes.
    - `memory`: the most bytes that a chunk may take on a device, and that the result may take if
      there is no store. By default 80 % of what is free.
    - `devices`: by default all that this process has. Each takes an equal part of every chunk.

    **Returns:**

    A dataset with a dimension and a coordinate for each axis. With a store it is read when it is
    used; `.load()` brings all into memory. The coordinate `done` is `False` where nothing was
    computed yet, because other shards have not finished; floating outputs are nan there, others
    zero. Attributes hold the configuration, the versions, the seed and the default dtype.

    A result does not depend on `store`, `shard`, `progress` or on being interrupted. On `chunk`
    and `devices` it may depend in the last bit, because XLA compiles for a size. It does not with
    `batch`, which fixes the size; nor did it in any case tried on CPUs where a chunk had 128
    points or more for each device.
    """
    laid = grid(axes)
    seed = None if seed is None else _index("seed", seed)
    if seed is not None and laid.size > 2**32:
        raise ValueError(f"`seed` serves 2**32 points at most, but `axes` span {laid.size}.")
    chunk, batch = (
        _at_most(laid.size, name, n) for name, n in (("chunk", chunk), ("batch", batch))
    )
    k, n = share(shard)
    devices = jax.local_devices() if devices is None else tuple(devices)
    if memory is not None and not (isinstance(memory, int | float) and memory > 0):
        raise ValueError(f"`memory` must be a positive number of bytes, but is {memory!r}.")
    limit = 0.8 * _memory.of_devices(devices) if memory is None else memory

    # Imported here, because `import gandyn` shall not wait for zarr and xarray.
    from gandyn._sweep._store import Memory, Store

    path = None if store is None else place(store)
    point = Point(function, laid, seed=seed, dims=dims or {})
    record = Record(
        laid,
        point.outputs,
        _digest(point, needed=path is not None),
        seed,
        configuration or {},
        units or {},
        point.text,
    )

    def program(chunks: Chunks) -> Program:
        return Program(point, chunks, batch=batch, devices=devices)

    run = program(Chunks.at_most(chunk or _usual(laid, n, path), laid.shape))
    if path is None:
        _check_result(record, 0.8 * _memory.of_host() if memory is None else memory)
        run = _fit(run, program, limit, shrink=chunk is None)
        kept = Memory(record, run.chunks)
    elif is_free(path):
        run = _fit(run, program, limit, shrink=chunk is None)
        kept = Store.create(path, record, run.chunks, other_versions=other_versions)
    else:
        kept = Store(path, record, other_versions=other_versions)
    if todo := kept.resume(range(k, len(kept.chunks), n)):
        if run.chunks != kept.chunks:
            run = program(kept.chunks)
        _compute(_fit(run, program, limit, shrink=False), kept, todo, progress)
    return kept.dataset()


def _digest(point: Point, *, needed: bool) -> str | None:
    try:
        return point.digest
    except TypeError:
        if needed:
            raise
        return None


def _index(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"`{name}` must be an integer, but is {value!r}.") from None


def _at_most(most: int, name: str, value: int | None) -> int | None:
    if value is None:
        return None
    if _index(name, value) < 1:
        raise ValueError(f"`{name}` must be positive, but is {value}.")
    return min(_index(name, value), most)


def _usual(laid: Grid, shards: int, path: Path | None) -> int:
    """A chunk for those who do not care: something to do for each shard, little to lose."""
    parts = shards if path is None else 64 * shards
    return min(MOST, max(FEW, laid.size // parts))


def _fit(
    run: Program, program: Callable[[Chunks], Program], limit: int | float, *, shrink: bool
) -> Program:
    """The program itself if it fits in the memory; else one for smaller chunks, or an error."""
    while (need := run.memory) > limit:
        points = run.chunks.points
        if not shrink or points == 1:
            raise MemoryError(
                f"a chunk of {points} points needs {_memory.text(need)} on each device, but "
                f"{_memory.text(limit)} are allowed. Give a smaller `chunk` (and a new `store`), a "
                "`batch`, or more `memory`; or return less from `function`."
            )
        run = program(
            Chunks.at_most(max(1, int(0.9 * points * limit / need)), run.point.grid.shape)
        )
    return run


def _check_result(record: Record, limit: int | float) -> None:
    each = sum(o.dtype.itemsize * math.prod(o.shape) for o in record.outputs.values())
    if (need := record.grid.size * each) > limit:
        raise MemoryError(
            f"the result of {record.grid.size} points takes {_memory.text(need)}, but "
            f"{_memory.text(limit)} are allowed. Give a `store`, or return less from `function`."
        )


def _compute(
    run: Program, kept: "Memory | Store", todo: Sequence[int], progress: bool | None
) -> None:
    """Run the chunks one after another, and keep each when it is finished."""
    points = {i: math.prod(run.chunks.extent(i)) for i in todo}
    started = itertools.chain(((i, run(i)) for i in todo), [None])
    with bar("points", sum(points.values()), progress) as shown:
        try:
            # In pairs, so that the next chunk is running while one is written.
            for (i, outputs), _ in itertools.pairwise(started):  # pyright: ignore
                fetched = run.fetch(i, outputs)
                with unbroken():
                    kept.write(i, fetched)
                shown.update(points[i])
        except KeyboardInterrupt:
            raise KeyboardInterrupt(kept.status()) from None


@contextlib.contextmanager
def unbroken() -> Iterator[None]:
    """Let Ctrl-C wait for the end of the block: zarr writes in a thread that would go on."""
    if threading.current_thread() is not threading.main_thread():  # which alone has signals
        yield
        return
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        signal.raise_signal(signal.SIGINT)
