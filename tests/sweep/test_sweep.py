"""Sweeps: the loop over points, whatever the chunks, devices, processes and accidents."""

import contextlib
import functools
import importlib.metadata
import itertools
import json
import math
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import sweep_worker
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

import gandyn as gd
from gandyn._sweep import _memory, _store
from gandyn._sweep._chunks import Chunks
from gandyn._sweep._place import made_beside
from gandyn._sweep._program import Program
from gandyn._sweep._store import Store

pytestmark = pytest.mark.slow

Outcome = gd.results.Status.Outcome
AXES = {"step_size": np.linspace(0.01, 0.2, 5), "gamma": np.linspace(0.0, 1.0, 7)}


def descend(step_size, gamma, key=None):
    """Simultaneous descent on a damped bilinear game."""
    start = jnp.ones(2) if key is None else jr.normal(key, (2,))

    def step(_, z):
        x, y = z
        return x - step_size * jnp.tanh(y + gamma * x), y + step_size * (x - gamma * y)

    x, y = jax.lax.fori_loop(0, 10, step, (start[0], start[1]))
    return {"x": x, "both": jnp.stack([x, y]), "inside": jnp.hypot(x, y) < 1.0}


def files(store: Path) -> dict[str, bytes]:
    """All that is in a store; what a killed process left half-written beside its place is not."""
    paths = (p for p in store.rglob("*") if p.is_file() and p.suffix != ".partial")
    return {str(p.relative_to(store)): p.read_bytes() for p in paths}


def worker(store: Path, k: int = 0, n: int = 1, address: str = "", **options) -> subprocess.Popen:
    command = [sys.executable, sweep_worker.__file__, str(store), str(k), str(n), address]
    return subprocess.Popen(command, **options)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    store = tmp_path_factory.mktemp("whole") / "store"
    gd.sweep(sweep_worker.descend, sweep_worker.AXES, store=store, **sweep_worker.OPTIONS)
    return store


@pytest.fixture(autouse=True, scope="module")
def listening() -> Iterator[None]:
    """Ctrl-C is heard, here and in programs started from here, also in a job in the background,
    which shells tell to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def computed(monkeypatch) -> list[int]:
    """The chunks that are computed, as they are."""
    seen = []
    call = Program.__call__
    monkeypatch.setattr(Program, "__call__", lambda self, i: (seen.append(i), call(self, i))[1])
    return seen


# --- the grid ------------------------------------------------------------------------------


@pytest.mark.parametrize(("chunk", "seed"), [(1, None), (4, 3), (14, 3), (None, 3)])
def test_sweep_is_the_loop(chunk, seed):
    alone = eqx.filter_jit(descend)
    swept = gd.sweep(descend, AXES, chunk=chunk, seed=seed)
    assert dict(swept.sizes) == {"step_size": 5, "gamma": 7, "both_0": 2}
    for index, (i, j) in enumerate(itertools.product(range(5), range(7))):
        key = {} if seed is None else {"key": jr.fold_in(jr.key(seed), index)}
        one = alone(AXES["step_size"][i], AXES["gamma"][j], **key)
        at = swept.isel(step_size=i, gamma=j)
        assert at.step_size == AXES["step_size"][i]
        assert at.gamma == AXES["gamma"][j]
        np.testing.assert_allclose(at.x, one["x"], rtol=1e-13)
        np.testing.assert_allclose(at.both, one["both"], rtol=1e-13)
        assert bool(at.inside) == bool(one["inside"])


@given(shape=st.lists(st.integers(1, 12), min_size=1, max_size=4), points=st.integers(1, 200))
@settings(deadline=None, max_examples=40)
def test_chunks_are_intervals_and_blocks_that_cover_the_grid_once(shape, points):
    chunks = Chunks.at_most(points, tuple(shape))
    index = np.arange(math.prod(shape)).reshape(shape)
    seen = []
    for i in range(len(chunks)):
        block = index[chunks.region(i)]
        assert block.shape == chunks.extent(i)
        assert block.size <= chunks.points <= points
        assert (block.ravel() == chunks.first(i) + np.arange(block.size)).all()
        seen.extend(block.ravel())
    assert sorted(seen) == list(range(index.size))
    flags = np.zeros(len(chunks), bool)
    flags[:: max(2, len(chunks) // 3)] = True
    for i in range(len(chunks)):
        assert (chunks.spread(flags)[chunks.region(i)] == flags[i]).all()


@given(rows=st.integers(1, 6), columns=st.integers(1, 6), chunk=st.integers(1, 40))
@settings(deadline=None, max_examples=5)
def test_keys_belong_to_points_whatever_the_chunks(rows, columns, chunk):
    axes = {"a": jnp.arange(rows), "b": jnp.arange(columns)}
    swept = gd.sweep(lambda a, b, key: {"key": jr.key_data(key)}, axes, seed=5, chunk=chunk)
    keys = jax.vmap(lambda i: jr.key_data(jr.fold_in(jr.key(5), i)))(jnp.arange(rows * columns))
    np.testing.assert_array_equal(swept["key"], keys.reshape(rows, columns, -1))


def test_zipped_axes_are_the_diagonal_of_their_product():
    steps, gammas, seeds = np.linspace(0.0, 0.1, 4), np.linspace(1.0, 2.0, 4), np.arange(3)

    def function(step_size, gamma, seed):
        return descend(step_size, gamma, jr.key(seed))

    product = gd.sweep(function, {"step_size": steps, "gamma": gammas, "seed": seeds})
    zipped = gd.sweep(function, {("step_size", "gamma"): (steps, gammas), "seed": seeds})
    assert dict(zipped.sizes) == {"step_size_gamma": 4, "seed": 3, "both_0": 2}
    np.testing.assert_array_equal(zipped.gamma, gammas)
    diagonal = {"step_size": xr.DataArray(range(4), dims="step_size_gamma")}
    diagonal["gamma"] = diagonal["step_size"]
    for name in ("x", "both", "inside"):
        np.testing.assert_allclose(zipped[name], product.isel(diagonal)[name], rtol=1e-13)


def test_an_axis_of_seeds_is_common_to_all_other_axes():
    def function(gamma, seed):
        return {"x": jr.normal(jr.key(seed)) + 0.0 * gamma}

    swept = gd.sweep(function, {"gamma": [0.0, 1.0, 2.0], "seed": np.arange(4)})
    assert (swept.x == swept.x.isel(gamma=0)).all()
    assert len(np.unique(swept.x)) == 4


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_dtypes_are_kept(dtype):
    def function(a):
        return {"f": a, "c": jax.lax.complex(a, a), "i": jnp.int16(3), "b": a > 0}

    swept = gd.sweep(function, {"a": jnp.ones(3, dtype)})
    kept = {name: swept[name].dtype for name in "afcib"}
    c = jax.lax.complex(dtype(0), dtype(0)).dtype
    assert kept == {"a": dtype, "f": dtype, "c": c, "i": np.int16, "b": np.bool_}


# --- the same bits -------------------------------------------------------------------------


def _bits(swept: xr.Dataset) -> dict[str, bytes]:
    return {name: swept[name].values.tobytes() for name in swept}


def test_long_chunks_change_no_bit():
    """Of a function whose bits do depend on the size for which it is compiled."""

    def function(a, b):
        def step(_, z):
            x, y = z
            y_next = y + a * jnp.sin(x) + jnp.log1p(x * x) * 1e-3
            return x - a * jnp.tanh(y) * jnp.exp(-b * x * x), y_next

        x, y = jax.lax.fori_loop(0, 50, step, (a, b))
        turn = jnp.stack([jnp.stack([a, b]), jnp.stack([b, -a])])
        total = jnp.sum(jnp.linspace(0.0, 1.0, 33) * jax.nn.softplus(x * jnp.arange(33.0)))
        return {"x": x, "turned": turn @ turn @ jnp.stack([x, y]), "total": total}

    axes = {("a", "b"): tuple(np.random.default_rng(0).normal(size=(2, 6000)))}
    swept = [_bits(gd.sweep(function, axes, chunk=c)) for c in (140, 375, 429, 750, 6000)]
    assert all(s == swept[0] for s in swept)


def test_batches_of_one_size_change_no_bit():
    swept = [_bits(gd.sweep(descend, AXES, seed=1, chunk=c, batch=4)) for c in (1, 3, 10, 35)]
    assert all(s == swept[0] for s in swept)


def test_all_chunks_share_one_trace():
    @eqx.debug.assert_max_traces(max_traces=1)
    def function(step_size, gamma):
        return descend(step_size, gamma)

    gd.sweep(function, AXES, chunk=4)


def test_two_devices_change_no_bit(tmp_path):
    script = """
import jax, numpy as np, sweep_worker as w, gandyn as gd
jax.config.update("jax_enable_x64", True)
assert len(jax.local_devices()) == 2
axes = {"step_size": np.linspace(.01, .2, 23), "gamma": np.linspace(0, 1, 45)}
for options in ({"chunk": 600}, {"batch": 8, "chunk": 20}):
    two = gd.sweep(w.descend, axes, seed=1, **options)
    one = gd.sweep(w.descend, axes, seed=1, devices=jax.local_devices()[:1], **options)
    for name in one:
        assert one[name].values.tobytes() == two[name].values.tobytes(), (options, name)
"""
    flags = "--xla_force_host_platform_device_count=2"
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": _path()}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


def _path() -> str:
    return os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])


# --- the store -----------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [4, 9, None])
def test_a_store_holds_what_memory_would(tmp_path, chunk):
    options = {"seed": 2, "chunk": chunk, "units": {"step_size": "1", "x": "m"}}
    kept = gd.sweep(descend, AXES, store=tmp_path / "store", **options)
    xr.testing.assert_identical(kept, gd.sweep(descend, AXES, **options))
    assert kept.x.attrs["units"] == "m"
    assert kept.attrs["seed"] == 2
    assert kept.attrs["dtype"] == "float64"
    assert json.loads(kept.attrs["versions"])["jax"] == jax.__version__


def test_the_library_need_not_be_installed(monkeypatch):
    """Beside a checkout on the path there is no package metadata to ask."""

    def unknown(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", unknown)
    versions = json.loads(gd.sweep(descend, AXES).attrs["versions"])
    assert versions["gandyn"] == gd.__version__


def test_a_store_is_an_ordinary_zarr_group(tmp_path):
    axes = {("step_size", "gamma"): (AXES["step_size"], AXES["gamma"][:5])}
    kept = gd.sweep(descend, axes, store=tmp_path / "store", chunk=2)
    opened = xr.open_zarr(tmp_path / "store", consolidated=False, chunks=None)
    assert set(opened.coords) == {"step_size", "gamma"}
    for name in kept:
        np.testing.assert_array_equal(opened[name], kept[name])


@given(stops=st.lists(st.integers(0, 4), min_size=1, max_size=3))
@settings(deadline=None, max_examples=3)
def test_resuming_is_not_stopping(tmp_path_factory, stops):
    whole, parts = (tmp_path_factory.mktemp("sweep") / "store" for _ in range(2))
    gd.sweep(descend, AXES, store=whole, seed=1, chunk=4)
    for stop in stops:
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            _interrupt(patch, during=stop)
            gd.sweep(descend, AXES, store=parts, seed=1, chunk=4)
    gd.sweep(descend, AXES, store=parts, seed=1, chunk=4)
    assert files(parts) == files(whole)


def _interrupt(patch: pytest.MonkeyPatch, during: int) -> None:
    """Press Ctrl-C while the chunk with this number is written."""
    write, before = Store.write, iter(range(during))

    def interrupted(self, i, outputs):
        if next(before, None) is None:
            signal.raise_signal(signal.SIGINT)
        write(self, i, outputs)

    patch.setattr(Store, "write", interrupted)


def test_finished_chunks_are_not_computed_again(tmp_path, computed):
    with pytest.MonkeyPatch.context() as patch:
        _interrupt(patch, during=2)
        with pytest.raises(KeyboardInterrupt) as stop:
            gd.sweep(descend, AXES, store=tmp_path / "store", chunk=7)
    assert "3 of 5 chunks are safe" in str(stop.value)
    assert "the same call goes on" in str(stop.value)
    computed.clear()
    gd.sweep(descend, AXES, store=tmp_path / "store", chunk=7)
    assert computed == [3, 4]
    computed.clear()
    gd.sweep(descend, AXES, store=tmp_path / "store", chunk=7)
    assert computed == []


def test_a_store_keeps_its_chunks(tmp_path, computed):
    gd.sweep(descend, AXES, store=tmp_path / "store", chunk=7, shard=(0, 2))
    computed.clear()
    kept = gd.sweep(descend, AXES, store=tmp_path / "store", chunk=11)
    assert computed == [1, 3]
    assert bool(kept.done.all())


def test_values_outlive_the_sweep_in_netcdf(tmp_path):
    pytest.importorskip("h5py")
    kept = gd.sweep(descend, AXES, store=tmp_path / "store", seed=1, units={"x": "1"})
    kept.to_netcdf(tmp_path / "sweep.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "sweep.nc", engine="h5netcdf") as back:
        xr.testing.assert_identical(back.load(), kept.load())


# --- several processes ---------------------------------------------------------------------


def test_shards_add_up(tmp_path, computed):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    gd.sweep(descend, AXES, store=whole, seed=1, chunk=4)
    shares = []
    for k in (2, 0, 1):
        computed.clear()
        kept = gd.sweep(descend, AXES, store=parts, seed=1, chunk=4, shard=(k, 3))
        shares.append(list(computed))
        np.testing.assert_array_equal(kept.done, np.isfinite(kept.x))
    assert shares == [[2, 5, 8], [0, 3, 6, 9], [1, 4, 7]]
    assert files(parts) == files(whole)


def test_two_processes_share_a_store(tmp_path, uninterrupted):
    both = [worker(tmp_path / "store", k, 2) for k in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert files(tmp_path / "store") == files(uninterrupted)


def test_distributed_processes_find_their_shares(tmp_path, uninterrupted):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    both = [worker(tmp_path / "store", k, 2, address) for k in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert files(tmp_path / "store") == files(uninterrupted)


def test_killed_processes_harm_nobody(tmp_path, uninterrupted):
    """Three processes are killed in their share of a store; one works on another share."""
    store, chance = tmp_path / "store", random.Random(0)

    def finished() -> int:
        return sum((store / "done" / "c" / str(i)).exists() for i in range(1, 40, 2))

    living = worker(store, 0, 2)
    for _ in range(3):
        before, victim = finished(), worker(store, 1, 2)
        while finished() < before + 2:
            assert victim.poll() is None
            time.sleep(0.002)
        time.sleep(0.015 * chance.random())
        victim.kill()
        assert victim.wait() == -signal.SIGKILL
    assert living.wait(60) == 0
    swept = gd.sweep(sweep_worker.descend, sweep_worker.AXES, store=store, **sweep_worker.OPTIONS)
    assert swept.done.all()
    assert files(store) == files(uninterrupted)


def test_control_c_leaves_a_store_that_resumes(tmp_path, uninterrupted):
    store = tmp_path / "store"
    process = worker(store, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (store / "done" / "c" / "2").exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "chunks are safe in" in said.splitlines()[-1]
    gd.sweep(sweep_worker.descend, sweep_worker.AXES, store=store, **sweep_worker.OPTIONS)
    assert files(store) == files(uninterrupted)


@pytest.mark.parametrize(
    ("environment", "share"),
    [
        ({"SLURM_PROCID": "2", "SLURM_NTASKS": "5"}, (2, 5)),
        ({"SLURM_ARRAY_TASK_ID": "4", "SLURM_ARRAY_TASK_COUNT": "8"}, (4, 8)),
        (
            {
                "SLURM_ARRAY_TASK_ID": "13",
                "SLURM_ARRAY_TASK_MIN": "1",
                "SLURM_ARRAY_TASK_STEP": "4",
                "SLURM_ARRAY_TASK_COUNT": "5",
                "SLURM_PROCID": "1",
                "SLURM_NTASKS": "2",
            },
            (7, 10),
        ),
    ],
)
def test_slurm_tells_each_task_its_share(monkeypatch, computed, environment, share):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    gd.sweep(descend, AXES, chunk=1, shard="slurm")
    k, n = share
    assert computed == list(range(35))[k::n]


def test_jobs_fill_a_store(tmp_path, computed):
    class Inline:
        def submit(self, function, *arguments):
            return function(*arguments)

    points = gd.submit(Inline(), descend, AXES, store=tmp_path / "store", jobs=3, chunk=7)
    assert points == [14, 28, 35]
    assert sorted(computed) == [0, 1, 2, 3, 4]


@pytest.mark.slow
def test_submitit_runs_the_jobs(tmp_path, monkeypatch):
    submitit = pytest.importorskip("submitit")
    monkeypatch.setenv("PYTHONPATH", _path())
    executor = submitit.LocalExecutor(folder=tmp_path / "logs")
    store = str(tmp_path / "store")
    jobs = gd.submit(executor, descend, AXES, store=store, jobs=2, chunk=7)
    for job in jobs:
        job._process.wait()
    assert max(job.result() for job in jobs) == 35
    xr.testing.assert_identical(
        gd.sweep(descend, AXES, store=store), gd.sweep(descend, AXES, chunk=7)
    )


# --- accidents: a clear error, and nothing lost ---------------------------------------------


@pytest.fixture
def store(tmp_path) -> Path:
    gd.sweep(descend, AXES, store=tmp_path / "store", chunk=7)
    return tmp_path / "store"


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-3])


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "array"), [(_truncate, "x"), (_flip, "both"), (Path.unlink, "inside")]
)
def test_a_damaged_chunk_is_noticed_and_can_be_computed_again(store, damage, array):
    whole = files(store)
    place = "3/0" + "/0" * (array == "both")
    damage(store / array / "c" / place)
    damaged = files(store)
    with pytest.raises(ValueError, match=rf"chunk 3 of `{array}` is damaged.*Delete '(.*)'"):
        gd.sweep(descend, AXES, store=store)
    assert files(store) == damaged
    (store / "done" / "c" / "3").unlink()
    gd.sweep(descend, AXES, store=store)
    assert files(store) == whole


def test_a_damaged_flag_is_noticed(store):
    (store / "done" / "c" / "2").write_bytes(b"")
    with pytest.raises(ValueError, match="a flag in 'done/c' cannot be read"):
        gd.sweep(descend, AXES, store=store)


def test_a_full_disk_loses_nothing(tmp_path, computed):
    axes = {"a": np.linspace(0.0, 1.0, 6000)}

    def function(a):
        return {"x": jnp.where(a < 0.5, 0.0, jnp.sin(1e6 * a))}  # the first chunks are small

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    gd.sweep(function, axes, store=tmp_path / "whole", chunk=1000)
    gd.sweep(function, axes, store=tmp_path / "store", chunk=1000, shard=(5, 6))
    computed.clear()
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError, match=r"chunk 3 cannot be written.*4 of 6 chunks are safe"):
            gd.sweep(function, axes, store=tmp_path / "store", chunk=1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    computed.clear()
    gd.sweep(function, axes, store=tmp_path / "store", chunk=1000)
    assert computed == [3, 4]
    assert files(tmp_path / "store") == files(tmp_path / "whole")


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(PermissionError, match=r"the store cannot be made .*sub/store'"):
        gd.sweep(descend, AXES, store=tmp_path / "sub" / "store")
    assert not list(tmp_path.iterdir())


def test_a_store_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    gd.sweep(descend, AXES, store=tmp_path / "store", chunk=7, shard=(0, 2))
    before = files(tmp_path / "store")

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("zarr.storage._local._put", denied)
    with pytest.raises(
        PermissionError, match=r"chunk 1 cannot be written .*3 of 5 chunks are safe"
    ):
        gd.sweep(descend, AXES, store=tmp_path / "store")
    assert files(tmp_path / "store") == before


def test_a_store_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    create = zarr.Group.create_array

    def full(self, name, **options):
        if name == "done":
            raise OSError(28, "No space left on device")
        return create(self, name, **options)

    monkeypatch.setattr(zarr.Group, "create_array", full)
    with pytest.raises(OSError, match=r"the store cannot be made \(No space left on device\)"):
        gd.sweep(descend, AXES, store=tmp_path / "store")
    assert not list(tmp_path.iterdir())


def test_the_first_to_make_a_store_decides_its_chunks(tmp_path, monkeypatch):
    lay_out = _store._lay_out

    def overtaken(path, record, chunks):
        monkeypatch.undo()
        gd.sweep(descend, AXES, store=tmp_path / "store", chunk=7, shard=(0, 5))
        lay_out(path, record, chunks)

    monkeypatch.setattr(_store, "_lay_out", overtaken)
    swept = gd.sweep(descend, AXES, store=tmp_path / "store", chunk=3)
    assert swept.done.all()
    xr.testing.assert_identical(swept, gd.sweep(descend, AXES, chunk=7))
    assert [p.name for p in tmp_path.iterdir()] == ["store"]


def _foreign_file(path: Path) -> None:
    path.write_text("mine")


def _foreign_folder(path: Path) -> None:
    path.mkdir()
    (path / "thesis.tex").write_text("mine")


def _foreign_group(path: Path) -> None:
    zarr.open_group(path, mode="w").create_array("mine", data=np.arange(3))


@pytest.mark.parametrize("make", [_foreign_file, _foreign_folder, _foreign_group])
def test_what_is_no_store_is_left_alone(tmp_path, make):
    make(tmp_path / "store")
    before = files(tmp_path)
    with pytest.raises(ValueError, match=r"another directory|new, empty"):
        gd.sweep(descend, AXES, store=tmp_path / "store")
    assert files(tmp_path) == before


def test_an_empty_folder_becomes_a_store(tmp_path):
    (tmp_path / "store").mkdir()
    assert gd.sweep(descend, AXES, store=tmp_path / "store").done.all()


def _shorter(step_size, gamma):
    return {"x": step_size}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"axes": AXES | {"gamma": np.linspace(0, 2, 7)}}, r"axis `gamma` is .*0.0 to 2.0"),
        ({"axes": dict(reversed(AXES.items()))}, "the axes are in the order"),
        ({"axes": {("step_size", "gamma"): (np.ones(5), np.ones(5))}}, "along step_size_gamma"),
        ({"seed": 3}, "`seed` is None there and 3 here"),
        ({"function": _shorter}, r"output `both` \(float64\[both_0=2\]\) is only there"),
        (
            {"dims": {"both": ("player",)}},
            r"output `both` is .* there and float64\[player=2\] here",
        ),
        ({"configuration": {"matrix": [1, 2]}}, r"setting `matrix` \(\[1, 2\]\) is only here"),
    ],
)
def test_another_sweep_is_refused_and_what_differs_is_named(store, call, said):
    before = files(store)
    call = {"function": descend, "axes": AXES} | call
    with pytest.raises(ValueError, match=rf"holds another sweep: .*{said}"):
        gd.sweep(**call, store=store)
    assert files(store) == before


def test_versions_are_not_mixed(tmp_path, monkeypatch):
    call = {"store": tmp_path / "store", "chunk": 7}
    gd.sweep(descend, AXES, **call, shard=(0, 2))
    other = {"jax": "99.0"}
    with monkeypatch.context() as patch:
        patch.setattr("gandyn._sweep._store.versions", lambda: other)
        with pytest.raises(ValueError, match=r"jax is .* there and 99.0 here"):
            gd.sweep(descend, AXES, **call)
    gd.sweep(descend, AXES, **call)
    with monkeypatch.context() as patch:
        patch.setattr("gandyn._sweep._store.versions", lambda: other)
        assert gd.sweep(descend, AXES, **call).done.all()  # only to be read


def test_another_format_is_refused(store):
    zarr.open_group(store).attrs["gandyn_sweep"] = 1
    with pytest.raises(ValueError, match="not of the format"):
        gd.sweep(descend, AXES, store=store)


# --- what a sweep is: what it computes -------------------------------------------------------

RATES = {"rate": np.linspace(0.1, 0.4, 4)}
HALF = {"chunk": 1, "shard": (0, 2)}


def _grown(x, strength):
    return strength * x + jnp.sin(x)


class Growth:
    """A function that is an object."""

    def __init__(self, strength):
        self.strength = strength

    def __call__(self, rate):
        return {"x": _grown(rate, self.strength)}


def _partially(rate, strength):
    return {"x": _grown(rate, strength)}


def _of_global(strength):
    space = {"jnp": jnp, "strength": strength}
    exec("def function(rate): return {'x': jnp.sin(rate) * strength}", space)
    return space["function"]


def _of_data(strength):
    data = np.linspace(0.0, 1.0, 5000)
    data[2500] = strength
    return lambda rate: {"x": jnp.sum(jnp.sin(rate * data))}


def _of_game(strength):
    game = gd.games.Penalized(gd.games.dirac(), gd.games.R1(strength))
    flow = gd.flows.GradientFlow(gd.fields.Gradient(game))
    return lambda rate: {"x": gd.spectrum(flow, (0.0 * rate, 0.0 * rate)).exponents.real}


def _of_library(strength):
    """A game that another version of the library makes otherwise."""

    def function(rate):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                gd.games, "dirac", lambda: gd.games.zero_sum(lambda x, y: strength * x * y)
            )
            return {"x": gd.games.dirac().losses((rate, rate))[0]}

    return function


def _of_scan(strength):
    def function(rate):
        x, _ = jax.lax.scan(lambda c, _: (c * rate + strength, None), rate, length=3)
        return {"x": x}

    return function


# Each makes a function that has a number in it.
MADE = {
    "a closure": lambda s: lambda rate: {"x": _grown(rate, s)},
    "a default": lambda s: lambda rate, a=s: {"x": _grown(rate, a)},
    "an object": Growth,
    "a partial": lambda s: functools.partial(_partially, strength=s),
    "a global": _of_global,
    "data": _of_data,
    "a game": _of_game,
    "the library": _of_library,
    "a loop": _of_scan,
    "jit": lambda s: jax.jit(Growth(s).__call__),
    "a seed": lambda s: lambda rate: {"x": rate + jr.normal(jr.key(int(8 * s)))},
}


@pytest.mark.parametrize("made", MADE)
def test_another_function_is_another_sweep(tmp_path, made, computed):
    first, same, other = MADE[made](0.5), MADE[made](0.5), MADE[made](0.75)
    store = tmp_path / "store"
    gd.sweep(first, RATES, store=store, **HALF)
    before = files(store)
    with pytest.raises(
        ValueError, match=r"holds another sweep: `function` computes something else"
    ):
        gd.sweep(other, RATES, store=store)
    assert files(store) == before
    computed.clear()
    finished = gd.sweep(same, RATES, store=store)
    assert computed == [1, 3]
    xr.testing.assert_equal(finished, gd.sweep(first, RATES, chunk=1))
    before = files(store)
    with pytest.raises(ValueError, match="`function` computes something else"):
        gd.sweep(other, RATES, store=store)
    assert files(store) == before


@pytest.mark.parametrize("change", ["sin(x)", "strength * x + jnp.cos(x)", "x * strength + sin"])
def test_an_edited_helper_is_another_sweep(tmp_path, monkeypatch, change):
    store = tmp_path / "store"
    gd.sweep(Growth(0.5), RATES, store=store, **HALF)
    edited = {
        "sin(x)": lambda x, strength: jnp.sin(x),
        "strength * x + jnp.cos(x)": lambda x, strength: strength * x + jnp.cos(x),
        "x * strength + sin": lambda x, strength: x * strength + jnp.sin(x),
    }[change]
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "_grown", edited)
        with pytest.raises(ValueError, match="`function` computes something else"):
            gd.sweep(Growth(0.5), RATES, store=store)
    assert gd.sweep(Growth(0.5), RATES, store=store).done.all()


def test_other_words_for_the_same_function_are_the_same_sweep(tmp_path):
    def one(rate):
        """In these words."""
        y = 2.0 * rate
        return {"x": y + 1.0, "z": y}

    def other(rate):
        # In those.
        twice = 2.0 * rate
        returned = {"x": twice + 1.0}
        return returned | {"z": twice}

    gd.sweep(one, RATES, store=tmp_path / "store", **HALF)
    assert gd.sweep(other, RATES, store=tmp_path / "store").done.all()


def test_outputs_that_change_names_are_another_sweep(tmp_path):
    gd.sweep(lambda rate: {"x": rate, "z": -rate}, RATES, store=tmp_path / "store", **HALF)
    with pytest.raises(ValueError, match="`function` computes something else"):
        gd.sweep(lambda rate: {"x": -rate, "z": rate}, RATES, store=tmp_path / "store")


STUDY = """
import sys
import jax; jax.config.update("jax_enable_x64", True)
import gandyn as gd, numpy as np, helper
def function(a, key):
    rule = gd.methods.simultaneous(gd.games.dirac(), 0.1)
    return {"x": helper.scaled(gd.simulate(rule, (a, a), np.arange(2)).players[0])}
share = (int(sys.argv[2]), 2)
swept = gd.sweep(function, {"a": [0.5, 1.0]}, store=sys.argv[1], seed=1, chunk=1, shard=share)
print(int(swept.done.sum()))
"""


def test_processes_agree_on_what_a_function_computes(tmp_path):
    """Wherever its file lies; and they see that a helper was edited."""

    def run(name: str, helper: str, k: int) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "study.py").write_text("\n" * len(name) + STUDY)
        (folder / "helper.py").write_text(helper)
        command = [sys.executable, folder / "study.py", tmp_path / "store", str(k)]
        environment = os.environ | {"PYTHONPATH": _path(), "PYTHONHASHSEED": str(len(name))}
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    assert run("here", "def scaled(x): return 2 * x", 0).stdout.strip() == "1"
    edited = run("edited", "def scaled(x): return 3 * x", 1)
    assert "`function` computes something else" in edited.stderr.splitlines()[-1]
    assert run("elsewhere", "def scaled(y):  # twice\n    return 2 * y", 1).stdout.strip() == "2"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (lambda: jax.enable_x64(False), "`jax_enable_x64` is True there and False here"),
        (lambda: jax.threefry_partitionable(False), "`jax_threefry_partitionable` is True there"),
        (lambda: jax.default_prng_impl("rbg"), "`jax_default_prng_impl` is threefry2x32 there"),
        (
            lambda: jax.default_matmul_precision("highest"),
            "`jax_default_matmul_precision` is None there and highest here",
        ),
    ],
)
def test_how_jax_is_set_is_part_of_the_sweep(tmp_path, setting, said):
    def function(n):
        return {"even": n % 2 == 0}

    axes = {"n": np.arange(4, dtype=np.int16)}  # which looks the same in every precision
    gd.sweep(function, axes, store=tmp_path / "store", **HALF)
    with setting(), pytest.raises(ValueError, match=said):
        gd.sweep(function, axes, store=tmp_path / "store")
    assert gd.sweep(function, axes, store=tmp_path / "store").done.all()


def test_what_computes_has_its_version_written_down():
    versions = json.loads(gd.sweep(descend, AXES).attrs["versions"])
    computing = {"jax", "jaxlib", "numpy", "scipy", "equinox", "diffrax", "optax", "gandyn"}
    assert computing | {"optimistix", "lineax", "python"} == versions.keys()


@pytest.mark.parametrize("library", ["jax", "scipy", "lineax", "optimistix", "gandyn"])
def test_a_store_goes_on_with_other_versions_where_that_is_meant(tmp_path, monkeypatch, library):
    call = {"store": tmp_path / "store", "chunk": 7}
    gd.sweep(descend, AXES, **call, shard=(0, 2))
    before = files(tmp_path / "store")
    other = _store.versions() | {library: "99.0"}
    with monkeypatch.context() as patch:
        patch.setattr("gandyn._sweep._store.versions", lambda: other)
        with pytest.raises(ValueError, match=rf"{library} is .* there and 99.0 here.*`other_vers"):
            gd.sweep(descend, AXES, **call)
        assert files(tmp_path / "store") == before
        swept = gd.sweep(descend, AXES, **call, shard=(1, 4), other_versions=True)
        [also] = json.loads(swept.attrs["also_computed_by"])
        assert also["versions"][library] == "99.0"
        assert gd.sweep(descend, AXES, **call).done.all()  # said once, it is known
    xr.testing.assert_equal(gd.sweep(descend, AXES, **call), gd.sweep(descend, AXES, chunk=7))


def test_other_versions_do_not_hide_another_function(tmp_path, monkeypatch):
    """A finished store of other versions, whose program is not that of `function` here."""
    store = tmp_path / "store"
    gd.sweep(Growth(0.5), RATES, store=store)
    other = _store.versions() | {"jax": "99.0"}
    with monkeypatch.context() as patch:
        patch.setattr("gandyn._sweep._store.versions", lambda: other)
        with pytest.raises(ValueError, match=r"nothing tells whether .*jax is .* 99.0 here"):
            gd.sweep(Growth(0.75), RATES, store=store)
        assert gd.sweep(Growth(0.75), RATES, store=store, other_versions=True).done.all()
    with pytest.raises(ValueError, match="`function` computes something else"):
        gd.sweep(Growth(0.75), RATES, store=store, other_versions=True)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"a": math.nan}, {"a": math.nan}),
        ({"a": [1.0, math.nan, {"b": math.nan}]}, {"a": [1.0, math.nan, {"b": float("nan")}]}),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ({"a": [(1, (2,))]}, {"a": ([1, [2]],)}),
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}),
        ({"a": math.inf, "b": None}, {"b": None, "a": math.inf}),
        ({"a": np.float64(0.5)}, {"a": 0.5}),
    ],
)
def test_a_configuration_in_other_types_resumes(tmp_path, first, then):
    gd.sweep(Growth(0.5), RATES, store=tmp_path / "store", configuration=first, **HALF)
    assert gd.sweep(Growth(0.5), RATES, store=tmp_path / "store", configuration=then).done.all()


@pytest.mark.parametrize("value", [math.inf, 2, "nan", None, [math.nan]])
def test_another_configuration_is_another_sweep(tmp_path, value):
    call = {"store": tmp_path / "store"}
    gd.sweep(Growth(0.5), RATES, configuration={"a": math.nan}, **call)
    with pytest.raises(ValueError, match=r"setting `a` is nan there"):
        gd.sweep(Growth(0.5), RATES, configuration={"a": value}, **call)


@pytest.mark.parametrize("kind", [float, int, np.float32])
def test_an_axis_with_another_middle_is_another_sweep(tmp_path, kind):
    """Between the same ends."""
    axis = np.array([1, 2, 3, 5], kind)
    other = np.array([1, 2, 4, 5], kind)
    gd.sweep(lambda a: {"x": a}, {"a": axis}, store=tmp_path / "store", chunk=1, shard=(0, 2))
    with pytest.raises(ValueError, match=r"axis `a` is .*1(.0)? to 5(.0)?, .* there and"):
        gd.sweep(lambda a: {"x": a}, {"a": other}, store=tmp_path / "store")
    if kind is float:
        other = np.nextafter(axis, [1, 3, 3, 5])
        with pytest.raises(ValueError, match="axis `a` is"):
            gd.sweep(lambda a: {"x": a}, {"a": other}, store=tmp_path / "store")


def _called_back(rate):
    """Calls back what has no lasting form."""

    def locked(x, lock=threading.Lock()):  # noqa: B008
        with lock:
            return x

    return {"x": jax.pure_callback(locked, rate, rate, vmap_method="sequential")}


def test_a_function_that_cannot_be_known_again_has_no_store(tmp_path):
    assert gd.sweep(_called_back, RATES).attrs["program"] == "unknown"
    with pytest.raises(TypeError, match="cannot be digested, because it calls back into Python"):
        gd.sweep(_called_back, RATES, store=tmp_path / "store")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("strength", [0.5, 0.75])
def test_what_is_called_back_is_part_of_the_sweep(tmp_path, strength):
    def made(s):
        return lambda rate: {
            "x": jax.pure_callback(lambda x: s * x, rate, rate, vmap_method="sequential")
        }

    gd.sweep(made(0.5), RATES, store=tmp_path / "store", **HALF)
    if strength == 0.5:
        assert gd.sweep(made(strength), RATES, store=tmp_path / "store").done.all()
    else:
        with pytest.raises(ValueError, match="`function` computes something else"):
            gd.sweep(made(strength), RATES, store=tmp_path / "store")


# --- a store that is not as it was left --------------------------------------------------------


def _flip_bit(file: Path, bit: int) -> None:
    data = bytearray(file.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)


@pytest.mark.parametrize("file", ["step_size/c/0", "gamma/c/0", "gamma/zarr.json", "zarr.json"])
def test_every_bit_that_flips_is_seen(store, file):
    chance = random.Random(0)
    before = (store / file).read_bytes()
    for bit in chance.sample(range(8 * len(before)), 12):
        _flip_bit(store / file, bit)
        # In the text of a seal, of white space or of a unit, a bit can flip and mean the same.
        with contextlib.suppress(ValueError):
            xr.testing.assert_identical(
                gd.sweep(descend, AXES, store=store), gd.sweep(descend, AXES, chunk=7)
            )
            assert file.endswith("json"), f"bit {bit} is not seen"
        (store / file).write_bytes(before)
    assert gd.sweep(descend, AXES, store=store).done.all()


def _without(file: Path, key: str) -> None:
    """Take an entry out of a file, wherever it is."""

    def cut(tree: object) -> object:
        return {k: cut(v) for k, v in tree.items() if k != key} if isinstance(tree, dict) else tree

    file.write_text(json.dumps(cut(json.loads(file.read_text()))))


def _replaced(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda s: (s / "zarr.json").write_text(""), "'zarr.json' cannot be read"),
        (lambda s: (s / "zarr.json").write_bytes(b"\xff\x00"), "'zarr.json' cannot be read"),
        (lambda s: _without(s / "zarr.json", "configuration"), "is not as it was written"),
        (lambda s: _without(s / "zarr.json", "versions"), "is not as it was written"),
        (lambda s: _without(s / "zarr.json", "program"), "is not as it was written"),
        (lambda s: _without(s / "zarr.json", "seal"), "is not as it was written"),
        (lambda s: _without(s / "zarr.json", "sealed"), "is not as it was written"),
        (lambda s: _without(s / "zarr.json", "attributes"), "not of the format"),
        (lambda s: _replaced(s / "zarr.json", "float64", "float32"), "is not as it was written"),
        (lambda s: _without(s / "x/zarr.json", "shape"), "'x/zarr.json' is not as it was"),
        (lambda s: _without(s / "gamma/zarr.json", "data_type"), "'gamma/zarr.json' is not as"),
        (lambda s: _replaced(s / "x/zarr.json", "7", "6"), "'x/zarr.json' is not as it was"),
        (lambda s: (s / "done/zarr.json").unlink(), "'done/zarr.json' is not as it was"),
        (lambda s: shutil.rmtree(s / "both"), "'both/zarr.json' is not as it was"),
        (lambda s: (s / "gamma/c/0").unlink(), "the coordinate 'gamma' is not as it was"),
        (lambda s: _truncate(s / "gamma/c/0"), "the coordinate 'gamma' is not as it was"),
        (lambda s: (s / "done/c/1").write_bytes(b"1234567"), "a flag in 'done/c' cannot be read"),
        (lambda s: _flip_bit(s / "done/c/1", 5), "chunk 1 is damaged"),
        (lambda s: (s / "x/c/1/0").rename(s / "x/c/1/9"), "chunk 1 of `x` is damaged"),
        (lambda s: shutil.copy(s / "x/c/1/0", s / "x/c/2/0"), "chunk 2 is damaged"),
    ],
)
def test_damage_is_told_in_words(store, damage, said):
    damage(store)
    before = files(store)
    with pytest.raises(ValueError, match=rf"`store` is .*{said}") as told:
        gd.sweep(descend, AXES, store=store)
    assert "Nothing was changed" in str(told.value) or "left as it is" in str(told.value)
    assert files(store) == before


def test_what_others_wrote_into_a_store_is_theirs(store):
    group = zarr.open_group(store)
    group.attrs["note"] = "mine"
    group["x"].attrs["long_name"] = "position"  # pyright: ignore
    assert gd.sweep(descend, AXES, store=store).attrs["note"] == "mine"


def test_a_lost_chunk_of_another_share_is_told(store):
    (store / "both" / "c" / "3" / "0" / "0").unlink()
    with pytest.raises(ValueError, match=r"chunk 3 of `both` is lost.*Delete '.*/done/c/3'"):
        gd.sweep(descend, AXES, store=store, shard=(0, 5))


@pytest.mark.parametrize("name", ["x", "both", "inside"])
def test_a_chunk_that_is_lost_before_it_is_read_is_told(store, name):
    swept = gd.sweep(descend, AXES, store=store)
    place = store / name / "c" / "3"
    place.rename(place.with_name("9"))
    with pytest.raises(FileNotFoundError, match=f"chunk 3 of `{name}` was deleted or moved"):
        swept[name].load()
    place.with_name("9").rename(place)
    xr.testing.assert_identical(swept.load(), gd.sweep(descend, AXES, chunk=7))


def test_what_is_not_computed_yet_is_not_lost(tmp_path):
    swept = gd.sweep(descend, AXES, store=tmp_path / "store", chunk=7, shard=(1, 5)).load()
    np.testing.assert_array_equal(swept.done, np.isfinite(swept.x))


def _away(store: Path) -> None:
    store.rename(store.with_name("elsewhere"))


def _begun_anew(store: Path) -> None:
    _away(store)
    gd.sweep(descend, AXES, store=store, chunk=7, shard=(4, 5))


@pytest.mark.parametrize("accident", [shutil.rmtree, _away, _begun_anew])
def test_a_store_that_goes_while_it_is_filled_stops_the_run(
    tmp_path, monkeypatch, computed, accident
):
    store, write, written = tmp_path / "store", Store.write, []

    def interrupted(self, i, outputs):
        if len(written) == 2:
            monkeypatch.undo()
            accident(store)
        written.append(i)
        write(self, i, outputs)

    monkeypatch.setattr(Store, "write", interrupted)
    with pytest.raises(FileNotFoundError, match="deleted or moved while it was filled"):
        gd.sweep(descend, AXES, store=store, chunk=7)
    assert written == [0, 1, 2]
    assert store.exists() == (accident is _begun_anew)
    assert gd.sweep(descend, AXES, store=store, chunk=7).done.all()


# --- where a store is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "~/a",
        "$HOME/a",
        "${HOME}/a",
        "a",
        "./a",
        "b/../a",
        "~/b/../a",
        Path("~/a"),
        Path("a"),
        "l/a",
    ],
)
def test_a_store_is_where_a_shell_would_find_it(tmp_path, monkeypatch, name):
    home = tmp_path / "home"
    (home / "b").mkdir(parents=True)
    (home / "l").symlink_to(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    swept = gd.sweep(Growth(0.5), RATES, store=name)
    monkeypatch.chdir(tmp_path)  # it is read from where it is, wherever one goes
    assert sorted(p.name for p in home.iterdir()) == ["a", "b", "l"]
    xr.testing.assert_identical(swept.load(), gd.sweep(Growth(0.5), RATES, store=home / "a").load())


@pytest.mark.parametrize("name", ["s3://bucket/a", "https://host/a", "$UNSET/a", "~nobody-there/a"])
def test_what_names_no_folder_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"`store` (must be a directory|is .*, but)"):
        gd.sweep(Growth(0.5), RATES, store=name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["empty", "missing", "store"])
def test_a_symbolic_link_is_what_it_points_to(tmp_path, target):
    if target == "empty":
        (tmp_path / target).mkdir()
    if target == "store":
        gd.sweep(Growth(0.5), RATES, store=tmp_path / target, **HALF)
    (tmp_path / "link").symlink_to(tmp_path / target)
    assert gd.sweep(Growth(0.5), RATES, store=tmp_path / "link").done.all()
    assert (tmp_path / "link").is_symlink()
    assert gd.sweep(Growth(0.5), RATES, store=tmp_path / target, shard=(3, 4)).done.all()


def test_leftovers_of_a_killed_creation_are_cleared(tmp_path):
    script = """
import os, signal, sys, gandyn as gd
from gandyn._sweep import _store
_store._layout = lambda _: os.kill(os.getpid(), signal.SIGKILL)
gd.sweep(lambda rate: {"x": rate}, {"rate": [1.0]}, store=sys.argv[1])
"""
    command = [sys.executable, "-c", script, str(tmp_path / "store")]
    killed = subprocess.run(command, env=os.environ | {"PYTHONPATH": _path()})
    assert killed.returncode == -signal.SIGKILL
    [left] = tmp_path.iterdir()
    assert left.name.startswith(".store.")
    with made_beside(tmp_path / "store") as living, made_beside(tmp_path / "other") as foreign:
        gd.sweep(Growth(0.5), RATES, store=tmp_path / "store")
        assert {*tmp_path.iterdir()} == {living, foreign, tmp_path / "store"}


# --- memory --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2**25, 2**60])
@pytest.mark.parametrize("name", ["batch", "chunk"])
def test_a_batch_is_no_longer_than_the_grid(name, size):
    swept = gd.sweep(Growth(0.5), RATES, **{name: size}, memory=10_000)
    np.testing.assert_allclose(swept.x, 0.5 * RATES["rate"] + np.sin(RATES["rate"]), rtol=1e-15)


def test_memory_is_asked_for_before_it_is_taken(tmp_path):
    axes = {name: np.arange(20_000) for name in "ab"}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MemoryError, match=r"a chunk of 400000000 points needs .* GB on each"):
        gd.sweep(lambda a, b: {"x": a + b}, axes, store=tmp_path / "store", chunk=2**60, memory=1e6)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB; it is 3 GB
    assert not list(tmp_path.iterdir())


def test_a_chunk_beyond_the_memory_is_refused_with_the_figure():
    with pytest.raises(MemoryError, match=r"a chunk of 35 points needs .* but 1 kB are allowed"):
        gd.sweep(descend, AXES, chunk=35, memory=1e3)


def test_a_result_beyond_the_memory_is_refused_with_the_figure():
    axes = {"a": np.arange(3000), "b": np.arange(5000)}
    with pytest.raises(MemoryError, match=r"15000000 points takes 120 MB, but 50 MB"):
        gd.sweep(lambda a, b: {"x": a}, axes, memory=50e6)


def test_chunks_shrink_to_the_memory(tmp_path, computed):
    axes = {"a": np.linspace(0.0, 1.0, 4000)}

    def function(a):
        # What is sorted must be held.
        return {"x": jnp.sort(jnp.sin(1000 * a * jnp.arange(1000.0)))[500]}

    gd.sweep(function, axes, store=tmp_path / "store", memory=2e5)
    assert len(computed) > 4000 // 512 + 1


def test_memory_is_counted_in_words_of_the_user():
    assert [_memory.text(n) for n in (12, 1.5e3, 2.34e9, 5e12)] == [
        "12 B",
        "1.5 kB",
        "2.34 GB",
        "5 TB",
    ]
    assert 0 < _memory.of_devices(jax.local_devices()) < 1e14


@pytest.mark.slow
def test_a_million_members_take_bounded_memory(tmp_path):
    script = """
import resource, sys, numpy as np, jax.numpy as jnp, gandyn as gd

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def function(a, b):
    return {"x": jnp.sin(a) * jnp.arange(50.0) + b}
axes = {name: np.linspace(0, 1, 1000) for name in "ab"}
gd.sweep(function, {k: v[:100] for k, v in axes.items()}, store=sys.argv[1] + "/few")
before = peak()
gd.sweep(function, axes, store=sys.argv[1] + "/many", chunk=10_000)
print(peak() - before)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": _path()}
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert float(said.stdout) < 100  # MB; the result itself has 200


@pytest.mark.slow
def test_a_stiff_member_slows_its_batch_only():
    def function(work):
        stop = lambda c: c[0] < work  # noqa: E731
        _, x = jax.lax.while_loop(stop, lambda c: (c[0] + 1, jnp.cos(c[1])), (0, 0.5))
        return {"x": x}

    work = np.full(512, 10).astype(int)
    work[100] = 100_000
    seconds = {}
    for batch in (None, 8):
        begin = time.perf_counter()
        gd.sweep(function, {"work": work}, batch=batch)
        seconds[batch] = time.perf_counter() - begin
    assert seconds[8] < 0.5 * seconds[None]


# --- the door ------------------------------------------------------------------------------


def _ones(*shape):
    return np.ones(shape)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"axes": {"gamma": _ones(2, 2)}}, ValueError, "must be 1-d, but `gamma` has shape (2, 2)"),
        ({"axes": {"gamma": 1.0}}, ValueError, "must be 1-d, but `gamma` has shape ()"),
        ({"axes": {"gamma": []}}, ValueError, "must have values, but `gamma` has none"),
        ({"axes": {"gamma": ["a"]}}, TypeError, "sweep over their index"),
        ({"axes": {}}, ValueError, "at least one axis"),
        ({"axes": [1.0]}, TypeError, "must be a mapping"),
        ({"axes": {3: _ones(2)}}, TypeError, "must be named by text"),
        ({"axes": {"key": _ones(2)}}, ValueError, "cannot have an axis `key`"),
        ({"axes": {"a/b": _ones(2)}}, ValueError, "one is 'a/b'"),
        ({"axes": {("a", "b"): (_ones(2), _ones(3))}}, ValueError, "`a` has 2, `b` has 3"),
        ({"axes": {("a", "b"): _ones(2)}}, ValueError, "takes a tuple of 2 arrays"),
        ({"axes": {("a", "b"): (_ones(2), _ones(2)), "a": _ones(2)}}, ValueError, "`a` is there"),
        (
            {"axes": {("a", "b"): (_ones(2), _ones(2)), "a_b": _ones(2)}},
            ValueError,
            "two dimensions are `a_b`",
        ),
        ({"chunk": 0}, ValueError, "`chunk` must be positive, but is 0"),
        ({"batch": 1.5}, TypeError, "`batch` must be an integer, but is 1.5"),
        ({"seed": 0.5}, TypeError, "`seed` must be an integer, but is 0.5"),
        ({"shard": (2, 2)}, ValueError, "(k, n) with 0 <= k < n, but is (2, 2)"),
        ({"shard": "pbs"}, TypeError, '"slurm", "jax" or None'),
        ({"shard": "slurm"}, ValueError, "SLURM_ARRAY_TASK_ID or SLURM_PROCID"),
        ({"function": lambda a: {"x": a}}, TypeError, "function(step_size=..., gamma=...)"),
        (
            {"function": _shorter, "seed": 0},
            TypeError,
            "unexpected keyword argument 'key'",
        ),
        ({"function": lambda step_size, gamma: gamma}, TypeError, "must return {name: array}"),
        ({"function": lambda step_size, gamma: {}}, ValueError, "at least one array"),
        (
            {"function": lambda step_size, gamma: {"gamma": gamma}},
            ValueError,
            "`gamma` is the name of something else",
        ),
        (
            {"function": lambda step_size, gamma: {"k": jr.key(0)}},
            TypeError,
            "`k` as key<fry>, which cannot be stored",
        ),
        ({"function": lambda **_: {"a/b": jnp.ones(())}}, ValueError, "one is 'a/b'"),
        ({"dims": {"orbit": ("time",)}}, ValueError, "`dims` names `orbit`"),
        ({"dims": {"both": ("a", "b")}}, ValueError, "its shape is (2,)"),
        ({"units": {"orbit": "s"}}, ValueError, "`units` names `orbit`"),
        ({"memory": math.nan}, ValueError, "`memory` must be a positive number of bytes"),
        ({"memory": -1}, ValueError, "`memory` must be a positive number of bytes, but is -1"),
        *(
            ({"function": lambda lost=lost, **_: {"x": 1.0, "more": lost}}, TypeError, said)
            for lost, said in [
                ("text", "returns `more` with a str in it, which is no array"),
                (None, "returns `more` with a NoneType in it"),
                ([1.0, "text"], "returns `more` with a str in it"),
                ({"deep": (2.0, object())}, "returns `more` with a object in it"),
                (jnp.tanh, "returns `more` with a "),
                (np.array(["a"]), "returns `more` with a ndarray in it"),
                (slice(3), "returns `more` with a slice in it"),
            ]
        ),
        ({"function": lambda **_: {1: jnp.ones(2)}}, TypeError, "but returned names [1]"),
        ({"configuration": {"game": object()}}, TypeError, "writable as JSON"),
    ],
)
def test_misuse_is_refused_in_the_words_of_the_user(arguments, error, said, monkeypatch):
    monkeypatch.delenv("SLURM_PROCID", raising=False)
    arguments = {"function": descend, "axes": AXES} | arguments
    with pytest.raises(error) as refusal:
        gd.sweep(**arguments)
    # Where the types are checked as well, that check may be the first to object.
    assert said in str(refusal.value) or isinstance(refusal.value, TypeCheckError)


# --- the rest ------------------------------------------------------------------------------


def test_the_text_of_a_result_goes_into_the_attributes(tmp_path):
    def function(rate):
        return gd.spectrum(gd.methods.simultaneous(gd.games.dirac(), 0.1), (rate, rate))

    swept = gd.sweep(function, RATES, store=tmp_path / "store")
    assert swept.attrs["unit"] == "step"
    xr.testing.assert_identical(swept, gd.sweep(function, RATES))


def test_import_waits_for_nothing():
    """What some calls need is loaded by them."""
    parts = ("linalg", "optimize", "sparse", "spatial", "special", "stats")
    slow = {"matplotlib", "xarray", "zarr", *(f"scipy.{part}" for part in parts)}
    script = "import sys, gandyn; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": _path()}
    said = subprocess.check_output([sys.executable, "-c", script], env=environment, text=True)
    assert not slow & set(said.split())


def test_the_bar_is_for_terminals(capsys):
    gd.sweep(descend, AXES)
    assert capsys.readouterr().err == ""
    gd.sweep(descend, AXES, progress=True)
    assert "35.0/35.0" in capsys.readouterr().err


def test_status_tells_how_a_run_ended():
    def function(rate):
        ts = jnp.linspace(0.0, 10.0, 11)
        values = jnp.exp(rate * ts)
        return {"run": gd.status(ts, (values,), bound=100.0)}

    swept = gd.sweep(function, {"rate": [-1.0, 0.0, 1.0, 1e3]})
    assert swept["run.outcome"].values.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(swept["run.escape"], [np.nan, np.nan, 5.0, 1.0])


def test_an_unfinished_run_has_not_diverged():
    ts, values = jnp.arange(3.0), jnp.array([1.0, 2.0, jnp.inf])
    assert gd.status(ts, values).outcome == Outcome.DIVERGED
    assert gd.status(ts, values, unfinished=True).outcome == Outcome.STEP_LIMIT
    assert gd.status(ts, values, bound=1.5, unfinished=True).outcome == Outcome.DIVERGED
