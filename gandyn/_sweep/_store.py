"""Where the chunks of a sweep go: a directory that survives anything, or memory.

The directory is a zarr v3 group with an array per variable, an array per coordinate, and the
array `done`, a flag per chunk. Every chunk is a file of its own, written beside its place and
moved there, so it is there whole or not at all; its flag is set after its data. No two chunks
share a file, so processes never wait for one another.
"""

import json
import math
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
import zarr.codecs

from gandyn._sweep._chunks import Chunks
from gandyn._sweep._record import FORMAT, Record, differences, versions


def _fill(dtype: np.dtype) -> Any:
    """What stands where nothing is computed: nan, or zero where there is no nan."""
    return dtype.type(np.nan if dtype.kind in "fc" else 0)


class Memory:
    """The chunks of a sweep without a store."""

    def __init__(self, record: Record, chunks: Chunks):
        self.record, self.chunks = record, chunks
        self.done = np.zeros(len(chunks), bool)
        self._arrays = {
            name: np.full((*record.grid.shape, *o.shape), _fill(o.dtype), o.dtype)
            for name, o in record.outputs.items()
        }

    def resume(self, chunks: Iterable[int]) -> list[int]:
        return list(chunks)

    def write(self, i: int, outputs: Mapping[str, np.ndarray]) -> None:
        for name, array in outputs.items():
            self._arrays[name][self.chunks.region(i)] = array
        self.done[i] = True

    def status(self) -> str:
        return "the sweep had no `store`, so what was computed is lost"

    def dataset(self) -> xr.Dataset:
        grid = self.record.grid
        variables = {
            name: ((*grid.dims, *o.dims), self._arrays[name], self.record.labels(name))
            for name, o in self.record.outputs.items()
        }
        coordinates = {
            name: (axis.dim, axis.values, self.record.labels(name))
            for name, axis in grid.axes.items()
        }
        done = {"done": (grid.dims, self.chunks.spread(self.done))}
        return xr.Dataset(variables, coordinates | done, self.record.attributes())


class Store:
    """The chunks of a sweep in a directory, which other processes may be filling as well."""

    def __init__(self, path: Path, record: Record):
        """Open what is there, if it is this sweep."""
        self.path, self.record = path, record
        try:
            self._group = zarr.open_group(path, mode="r+", zarr_format=3)
            self._attributes: dict[str, Any] = dict(self._group.attrs)
        except Exception as error:
            raise ValueError(
                f"`store` is '{path}', which exists and is no store of a sweep ({error}). Give a "
                "directory that is new, empty, or was made by `sweep`."
            ) from error
        if self._attributes.get("gandyn_sweep") != FORMAT:
            raise ValueError(
                f"`store` is '{path}', which is not of the format that this version of gandyn "
                f"writes ({self._attributes.get('gandyn_sweep')} there, {FORMAT} here). It was "
                "left as it is; give another directory."
            )
        if found := differences(json.loads(self._attributes["configuration"]), record.identity()):
            raise ValueError(
                f"`store` is '{path}', which holds another sweep: {'; '.join(found)}. It was left "
                "as it is; give another directory."
            )
        # Otherwise, zarr does not write a chunk that is all nan, which then looks like a lost one.
        with zarr.config.set({"array.write_empty_chunks": True}):
            self._arrays: dict[str, Any] = {name: self._group[name] for name in record.outputs}
        shape = record.grid.shape
        self.chunks = Chunks(shape, next(iter(self._arrays.values())).chunks[: len(shape)])
        self._done: Any = self._group["done"]
        self.done = self._read_flags()

    @classmethod
    def create(cls, path: Path, record: Record, chunks: Chunks) -> "Store":
        """Make the store, unless another process makes it first; then open that."""
        # Made whole beside its place and moved there: no one ever sees half a store.
        beside = path.parent / f".{path.name}.{uuid.uuid4().hex}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _lay_out(beside, record, chunks)
                beside.rename(path)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        except OSError as error:
            if not (path.is_dir() and os.listdir(path)):
                raise type(error)(
                    error.errno, f"the store cannot be made ({error.strerror})", str(path)
                ) from error
        return cls(path, record)

    def _read_flags(self) -> np.ndarray:
        try:
            return self._done[:]
        except Exception as error:
            raise ValueError(
                f"`store` is '{self.path}', in which a flag in 'done/c' cannot be read ({error}). "
                "Nothing was changed. Delete the files there that are not 1 byte long, and their "
                "chunks will be computed again."
            ) from error

    def resume(self, chunks: Iterable[int]) -> list[int]:
        """Of these chunks those that are to be computed; the others are checked."""
        todo = []
        for i in chunks:
            if self.done[i]:
                self._verify(i)
            else:
                todo.append(i)
        if todo:
            self._check_versions()
        return todo

    def _check_versions(self) -> None:
        """Do not mix numbers of different versions in one store."""
        there, here = json.loads(self._attributes["versions"]), versions()
        if found := [k for k in {**there, **here} if there.get(k) != here.get(k)]:
            listed = "; ".join(f"{k} is {there.get(k)} there and {here.get(k)} here" for k in found)
            raise ValueError(
                f"`store` is '{self.path}', which is unfinished and was begun with other versions: "
                f"{listed}. It was left as it is; finish it with those, or give another directory."
            )

    def _verify(self, i: int) -> None:
        """Read a finished chunk; its checksums tell whether it is as it was written."""
        place = [int(p) for p in np.unravel_index(i, self.chunks.counts)]
        for name, array in self._arrays.items():
            whole = (*place, *(0 for _ in range(array.ndim - len(place))))
            file = self.path / name / array.metadata.encode_chunk_key(whole)
            try:
                file.stat()  # zarr takes a chunk that is not there for an empty one
                array[self.chunks.region(i)]
            except Exception as error:
                raise ValueError(
                    f"`store` is '{self.path}', in which chunk {i} of `{name}` is damaged: "
                    f"'{file}' cannot be read ({error}). Nothing was changed. Delete "
                    f"'{self.path / 'done' / 'c' / str(i)}' to have this chunk computed again."
                ) from error

    def write(self, i: int, outputs: Mapping[str, np.ndarray]) -> None:
        try:
            for name, array in outputs.items():
                self._arrays[name][self.chunks.region(i)] = array
            self._done[i] = True
        except OSError as error:
            raise type(error)(
                error.errno,
                f"chunk {i} cannot be written ({error.strerror}); {self.status()}",
                error.filename,
            ) from error
        self.done[i] = True

    def status(self) -> str:
        finished = f"{sum(self.done)} of {len(self.done)} chunks are safe in '{self.path}'"
        return f"{finished}; the same call goes on from there"

    def dataset(self) -> xr.Dataset:
        """What is in the store now; arrays are read when they are used."""
        self.done = self._read_flags()
        grid = self.record.grid
        opened = xr.open_zarr(
            self.path,
            chunks=None,
            consolidated=False,
            mask_and_scale=False,
            decode_times=False,
            decode_timedelta=False,
        )
        return (
            opened[list(self.record.outputs)]
            .assign_coords({name: opened[name] for name in grid.axes})
            .assign_coords(done=(grid.dims, self.chunks.spread(self.done)))
            .assign_attrs(self._attributes)
            .drop_encoding()
        )


def _lay_out(path: Path, record: Record, chunks: Chunks) -> None:
    """Write everything but the chunks themselves."""
    grid = record.grid
    group = zarr.open_group(path, mode="w-", zarr_format=3)
    apart = [name for name, axis in grid.axes.items() if axis.dim != name]
    group.attrs.update(record.attributes() | ({"coordinates": " ".join(apart)} if apart else {}))
    for name, axis in grid.axes.items():
        group.create_array(
            name, data=axis.values, dimension_names=(axis.dim,), attributes=record.labels(name)
        )
    for name, o in record.outputs.items():
        group.create_array(
            name,
            shape=(*grid.shape, *o.shape),
            chunks=(*chunks.block, *(max(n, 1) for n in o.shape)),
            dtype=o.dtype,
            fill_value=_fill(o.dtype),
            compressors=zarr.codecs.ZstdCodec(level=1, checksum=True),
            dimension_names=(*grid.dims, *o.dims),
            attributes=record.labels(name),
        )
    group.create_array(
        "done",
        shape=(math.prod(chunks.counts),),
        chunks=(1,),
        dtype=bool,
        fill_value=False,
        compressors=None,
        dimension_names=("chunk",),
    )
