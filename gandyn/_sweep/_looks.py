"""The looks at a run in the store of a sweep, along the one axis of time, with the state that they
came to beside them."""

import hashlib
import math
import struct
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PyTree

from gandyn import _checks as checks
from gandyn._export import variables
from gandyn._sweep._axes import Axis, Grid
from gandyn._sweep._chunks import Chunks
from gandyn._sweep._place import is_free, place
from gandyn._sweep._point import outputs
from gandyn._sweep._record import Record
from gandyn._sweep._run import unbroken

PARTS = 64  # in which the looks are kept: so much is lost at most
STATE = "state"

Look = Callable[[PyTree, int, int, int], tuple[PyTree, PyTree]]
"""From the state before a look, the first of some, how many, and room for how many."""


class Looks:
    """What is seen at some times, in a directory that survives anything.

    The state that the looks have come to is written after them, as one file that is there whole or
    not at all: after a death in between, some are looked at once more.
    """

    def __init__(self, store: Any, ts: Any, like: PyTree, what: Mapping[str, str]):
        # Imported here, because `import gandyn` shall not wait for zarr and xarray.
        from gandyn._sweep._store import Store

        path, axis = place(store), Axis("time", np.asarray(ts))
        self.like = like
        grid = Grid({"time": axis})
        one = variables({"seen": jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)})
        self.names = list(one)
        record = Record(grid, outputs(one, grid, {}), "record", None, what, {}, {})
        chunks = Chunks.at_most(math.ceil(axis.values.size / PARTS), grid.shape)
        self.kept = Store.create(path, record, chunks) if is_free(path) else Store(path, record)
        self.file = path / "done" / STATE  # where zarr does not look

    def filled(self, look: Look, start: PyTree) -> tuple[PyTree, PyTree]:
        """The last state and all that is seen, what is missing being looked at now."""
        chunks = self.kept.chunks
        missing = self.kept.resume(range(len(chunks)))
        done, state = self._read(start)
        if missing and missing[0] < done:
            done, state = 0, start
        try:
            for i in range(done, len(chunks)):
                (where,) = chunks.region(i)
                state, seen = look(state, where.start, where.stop - where.start, chunks.points)
                named = variables({"seen": seen}, ["time"])
                arrays = {name: np.asarray(v.array) for name, v in named.items()}
                with unbroken():
                    self.kept.write(i, arrays)
                    self._write(i + 1, state)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self.kept.status()) from None
        found = self.kept.dataset()
        leaves = [jnp.asarray(found[name].values) for name in self.names]
        return state, jax.tree.unflatten(jax.tree.structure(self.like), leaves)

    def _write(self, done: int, state: PyTree) -> None:
        content = struct.pack("<q", done) + b"".join(np.asarray(x).tobytes() for x in _plain(state))
        beside = self.file.with_name(f".{STATE}.{uuid.uuid4().hex}")
        beside.write_bytes(hashlib.sha256(content).digest() + content)
        beside.replace(self.file)

    def _read(self, start: PyTree) -> tuple[int, PyTree]:
        """How many chunks the state has come through, and the state, which is like the start."""
        try:
            whole = self.file.read_bytes()
        except FileNotFoundError:
            return 0, start
        digest, content = whole[:32], whole[32:]
        plain = _plain(start)
        if hashlib.sha256(content).digest() != digest or len(content) != 8 + sum(
            x.nbytes for x in plain
        ):
            raise self.kept.damage(
                f"in 'done' the file '{STATE}' is not as it was written",
                "Delete that file, and the run will be looked at again from its start.",
            )
        leaves, at = [], 8
        for x, like in zip(plain, jax.tree.leaves(start), strict=True):
            values = np.frombuffer(content, x.dtype, x.size, at).reshape(x.shape)
            leaves.append(_like(values, like))
            at += x.nbytes
        (done,) = struct.unpack("<q", content[:8])
        return done, jax.tree.unflatten(jax.tree.structure(start), leaves)


def _plain(state: PyTree) -> list[np.ndarray]:
    """The leaves as arrays of numbers."""
    return [np.asarray(jr.key_data(x) if checks.are_keys(x) else x) for x in jax.tree.leaves(state)]


def _like(values: np.ndarray, like: Any) -> Any:
    if checks.are_keys(like):
        return jr.wrap_key_data(jnp.asarray(values), impl=jr.key_impl(like))
    return jnp.asarray(values)
