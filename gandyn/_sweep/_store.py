"""Where the chunks of a sweep go: a directory that survives anything, or memory.

The directory is a zarr v3 group with an array per variable, an array per coordinate, and the
array `done`: for each chunk, a checksum of what was computed, which is never zero. Every chunk is
a file of its own, written beside its place and moved there, so it is there whole or not at all;
its checksum is written after its data. No two chunks share a file, so processes never wait for
one another.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
import zarr.codecs
from zarr.storage import LocalStore

from gandyn._sweep._chunks import Chunks
from gandyn._sweep._place import clear_leftovers, is_free, made_beside
from gandyn._sweep._record import FORMAT, Record, changes, differences, sealed, versions

OWN = {"layout", "sealed", "seal", "coordinates"}  # attributes that serve the store alone

OTHERWISE = "Take that from a copy of the store, or give another directory."


def _fill(dtype: np.dtype) -> Any:
    """What stands where nothing is computed: nan, or zero where there is no nan."""
    return dtype.type(np.nan if dtype.kind in "fc" else 0)


def _checksum(outputs: Mapping[str, np.ndarray]) -> np.uint64:
    """Of a chunk of all variables; zero is kept for chunks that are not computed."""
    sha = hashlib.sha256()
    for name in sorted(outputs):
        sha.update(np.ascontiguousarray(outputs[name]).data)
    return np.frombuffer(sha.digest()[:8], np.uint64)[0] | np.uint64(1)


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

    def __init__(self, path: Path, record: Record, *, other_versions: bool = False):
        """Open what is there, if it is this sweep and as it was written."""
        self.path, self.record = path, record
        self._here = {"program": record.program, "versions": versions()}
        self._other_versions = other_versions
        self._folder = os.stat(path).st_ino
        self._group = self._open()
        self._attributes: dict[str, Any] = dict(self._group.attrs)
        self._check_attributes()
        self._check_identity()
        self._arrays = self._check_arrays()
        shape = record.grid.shape
        self.chunks = Chunks(shape, next(iter(self._arrays.values())).chunks[: len(shape)])
        self._flags: Any = self._group["done"]
        self.done = self._read_flags() != 0

    @classmethod
    def create(
        cls, path: Path, record: Record, chunks: Chunks, *, other_versions: bool = False
    ) -> "Store":
        """Make the store, unless another process makes it first; then open that."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Made whole beside its place and moved there: no one ever sees half a store.
            with made_beside(path) as beside:
                _lay_out(beside, record, chunks)
                beside.rename(path)
        except OSError as error:
            if is_free(path):
                raise type(error)(
                    error.errno, f"the store cannot be made ({error.strerror})", str(path)
                ) from error
        return cls(path, record, other_versions=other_versions)

    # --- is it this sweep, and whole? ------------------------------------------------------

    def _open(self) -> Any:
        clear_leftovers(self.path)
        try:
            return zarr.open_group(self.path, mode="r+", zarr_format=3)
        except Exception as error:
            if (self.path / "zarr.json").is_file():
                raise self.damage(f"'zarr.json' cannot be read ({error})", OTHERWISE) from error
            raise ValueError(
                f"`store` is '{self.path}', which exists and is no store of a sweep ({error}). "
                "Give a directory that is new, empty, or was made by `sweep`."
            ) from error

    def damage(self, what: str, remedy: str) -> ValueError:
        return ValueError(
            f"`store` is '{self.path}', in which {what}. Nothing was changed. {remedy}"
        )

    def _check_attributes(self) -> None:
        there = self._attributes
        if there.get("gandyn_sweep") != FORMAT:
            raise ValueError(
                f"`store` is '{self.path}', which is not of the format that this version of "
                f"gandyn writes ({there.get('gandyn_sweep')} there, {FORMAT} here). It was "
                "left as it is; give another directory."
            )
        written = {name: there.get(name) for name in there.get("sealed", ())}
        if not written or sealed(written) != there.get("seal"):
            raise self.damage(
                "'zarr.json', which says what the sweep is, is not as it was written", OTHERWISE
            )

    def _check_identity(self) -> None:
        """The same sweep, of the same program; or of a program that other versions made."""
        found = differences(json.loads(self._attributes["configuration"]), self.record.identity())
        programs = self._programs()
        same = [p for p in programs if p["versions"] == self._here["versions"]]
        if same and self._here not in programs:
            found.append(
                "`function` computes something else here: its code differs, or a number or an "
                "array that it reads"
            )
        if found:
            raise ValueError(
                f"`store` is '{self.path}', which holds another sweep: {'; '.join(found)}. It was "
                "left as it is; give another directory."
            )
        if self._here["program"] not in [p["program"] for p in programs]:
            self._check_versions(
                "which was computed with other versions, so that nothing tells whether `function` "
                "is the same"
            )

    def _programs(self) -> list[dict[str, Any]]:
        """What the chunks were computed by: digests of programs, and versions of libraries."""
        first = {
            "program": self._attributes["program"],
            "versions": json.loads(self._attributes["versions"]),
        }
        return [first, *json.loads(self._attributes.get("also_computed_by", "[]"))]

    def _check_versions(self, what: str) -> None:
        """Do not mix numbers of different versions in one store, unless that is meant."""
        programs = self._programs()
        if self._here in programs or self._other_versions:
            return
        raise ValueError(
            f"`store` is '{self.path}', {what}: "
            f"{changes(programs[-1]['versions'], self._here['versions'])}. It was left as it is. "
            "Use those versions, or give another directory, or `other_versions=True` if you mean "
            "the store to go on with these."
        )

    def _check_arrays(self) -> dict[str, Any]:
        """The arrays of the outputs, laid out as they were; and the coordinates, bit by bit."""
        layout = json.loads(self._attributes["layout"])
        # Otherwise, zarr does not write a chunk that is all nan, which then looks like a lost one.
        with zarr.config.set({"array.write_empty_chunks": True}):
            for name, seal in layout.items():
                if _layout(self.path / name) != seal:
                    raise self.damage(f"'{name}/zarr.json' is not as it was written", OTHERWISE)
            arrays = {name: self._group[name] for name in layout}
        for name, axis in self.record.grid.axes.items():
            try:
                values, why = np.asarray(arrays[name][:]), "it has other values"
            except Exception as error:
                values, why = None, str(error)
            if values is None or values.tobytes() != axis.values.tobytes():
                raise self.damage(
                    f"the coordinate '{name}' is not as it was written ({why})", OTHERWISE
                )
        return {name: arrays[name] for name in self.record.outputs}

    def _read_flags(self) -> np.ndarray:
        try:
            return self._flags[:]
        except Exception as error:
            raise self.damage(
                f"a flag in 'done/c' cannot be read ({error})",
                "Delete the files there that are not 8 bytes long, and their chunks will be "
                "computed again.",
            ) from error

    # --- its chunks ------------------------------------------------------------------------

    def resume(self, chunks: Iterable[int]) -> list[int]:
        """Of these chunks those that are to be computed; the others are checked."""
        flags = self._read_flags()
        todo = []
        for i in chunks:
            if flags[i]:
                self._verify(i, flags[i])
            else:
                todo.append(i)
        if todo:
            self._check_versions("which is unfinished and was begun with other versions")
            self._sign()
        return todo

    def _sign(self) -> None:
        """Write down by what the next chunks are computed, if that is new."""
        if self._here in self._programs():
            return
        self._attributes["also_computed_by"] = json.dumps([*self._programs()[1:], self._here])
        self._attributes = _seal(self._attributes)
        self._group.attrs.put(self._attributes)

    def _file(self, name: str, i: int) -> Path:
        place = [int(p) for p in np.unravel_index(i, self.chunks.counts)]
        array = self._arrays[name]
        whole = (*place, *(0 for _ in range(array.ndim - len(place))))
        return self.path / name / array.metadata.encode_chunk_key(whole)

    def _again(self, i: int) -> str:
        return f"Delete '{self.path / 'done' / 'c' / str(i)}' to have this chunk computed again."

    def _verify(self, i: int, flag: np.uint64) -> None:
        """Read a finished chunk; checksums tell whether it is as it was written."""
        outputs = {}
        for name, array in self._arrays.items():
            file = self._file(name, i)
            try:
                file.stat()  # zarr takes a chunk that is not there for an empty one
                outputs[name] = array[self.chunks.region(i)]
            except Exception as error:
                raise self.damage(
                    f"chunk {i} of `{name}` is damaged: '{file}' cannot be read ({error})",
                    self._again(i),
                ) from error
        if _checksum(outputs) != flag:
            raise self.damage(
                f"chunk {i} is damaged: its files can be read, but are not those that were written",
                self._again(i),
            )

    def write(self, i: int, outputs: Mapping[str, np.ndarray]) -> None:
        try:
            self._check_there()
            for name, array in outputs.items():
                self._arrays[name][self.chunks.region(i)] = array
            self._check_there()
            self._flags[i] = _checksum(outputs)
        except OSError as error:
            raise type(error)(
                error.errno,
                f"chunk {i} cannot be written ({error.strerror}); {self.status()}",
                error.filename,
            ) from error
        self.done[i] = True

    def _check_there(self) -> None:
        """A store that is gone is not to be made again, chunk by chunk, where nobody looks."""
        try:
            there = os.stat(self.path).st_ino == self._folder and (self.path / "zarr.json").exists()
        except FileNotFoundError:
            there = False
        if not there:
            raise FileNotFoundError(
                2, "the store was deleted or moved while it was filled", str(self.path)
            )

    def status(self) -> str:
        if not (self.path / "zarr.json").exists():
            return f"there is no store in '{self.path}' any more, and nothing was written elsewhere"
        finished = f"{sum(self.done)} of {len(self.done)} chunks are safe in '{self.path}'"
        return f"{finished}; the same call goes on from there"

    def dataset(self) -> xr.Dataset:
        """What is in the store now; arrays are read when they are used."""
        self.done = self._read_flags() != 0
        grid = self.record.grid
        finished = {
            str(self._file(name, i).relative_to(self.path)): (name, i)
            for name in self._arrays
            for i in np.flatnonzero(self.done).tolist()
        }
        for file, (name, i) in finished.items():
            if not (self.path / file).exists():
                raise self.damage(f"chunk {i} of `{name}` is lost: no '{file}'", self._again(i))
        opened = xr.open_zarr(
            Finished(self.path, finished),
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
            .drop_attrs(deep=False)
            .assign_attrs({k: v for k, v in self._attributes.items() if k not in OWN})
            .drop_encoding()
        )


class Finished(LocalStore):
    """A directory to read in which some files are known to be: one that is missing is told."""

    def __init__(
        self, root: Path | str, files: Mapping[str, tuple[str, int]], *, read_only: bool = True
    ):
        super().__init__(root, read_only=read_only)
        self._files = files

    def with_read_only(self, read_only: bool = False) -> "Finished":
        return type(self)(self.root, self._files, read_only=read_only)

    async def get(self, key: str, *arguments: Any, **options: Any) -> Any:
        return self._there(key, await super().get(key, *arguments, **options))

    def get_sync(self, key: str, **options: Any) -> Any:
        return self._there(key, super().get_sync(key, **options))

    def _there(self, key: str, content: Any) -> Any:
        if content is None and key in self._files:
            name, i = self._files[key]
            raise FileNotFoundError(
                2, f"chunk {i} of `{name}` was deleted or moved", str(self.root / key)
            )
        return content


def _seal(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """With a checksum over what was written by us."""
    names = sorted(attributes.keys() - {"seal", "sealed"})
    return {**attributes, "sealed": names, "seal": sealed({n: attributes[n] for n in names})}


def _layout(array: Path) -> str | None:
    """A checksum of how an array is laid out, whatever its attributes."""
    try:
        said = json.loads((array / "zarr.json").read_text())
    except (OSError, ValueError):
        return None
    return sealed({k: v for k, v in said.items() if k != "attributes"})


def _lay_out(path: Path, record: Record, chunks: Chunks) -> None:
    """Write everything but the chunks themselves."""
    grid = record.grid
    group = zarr.open_group(path, mode="w-", zarr_format=3)
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
        dtype=np.uint64,
        fill_value=0,
        compressors=None,
        dimension_names=("chunk",),
    )
    layout = {name: _layout(path / name) for name in (*grid.axes, *record.outputs, "done")}
    apart = [name for name, axis in grid.axes.items() if axis.dim != name]
    group.attrs.update(
        _seal(record.attributes() | {"layout": json.dumps(layout)})
        | ({"coordinates": " ".join(apart)} if apart else {})
    )
