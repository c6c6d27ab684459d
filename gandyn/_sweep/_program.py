"""The points of a chunk as one program, compiled once to be run on every chunk of a sweep."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, PartitionSpec, SingleDeviceSharding
from jaxtyping import Array

from gandyn._sweep._chunks import Chunks
from gandyn._sweep._point import Point

# Vector loops treat the points that are left over in other instructions, which differ in the last
# bit. Long chunks are padded so that nothing is left over, whatever their length.
LONG, LANES = 128, 16


class Program:
    """The points of a chunk, vmapped, shared out over the devices.

    It is compiled when it is first needed. All chunks are padded to one size, with points that
    follow, so that one executable serves them all.
    """

    def __init__(
        self,
        point: Point,
        chunks: Chunks,
        *,
        batch: int | None,
        devices: Sequence[jax.Device],  # pyright: ignore[reportInvalidTypeForm]
    ):
        unit = len(devices) * (batch or (LANES if chunks.points >= LONG else 1))
        self.point, self.chunks, self._devices = point, chunks, devices
        self.padded = math.ceil(chunks.points / unit) * unit

        def points(index: Array, arguments: dict[str, Array]) -> dict[str, Array]:
            if batch is None:
                return jax.vmap(point)(index, arguments)
            return jax.lax.map(lambda both: point(*both), (index, arguments), batch_size=batch)

        self._points = points

    def _inputs(self, i: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        first, grid = self.chunks.first(i), self.point.grid
        index = np.minimum(np.arange(first, first + self.padded), grid.size - 1)
        return index.astype(np.uint32), grid.points(index)

    @functools.cached_property
    def _executable(self) -> Callable[..., dict[str, Array]]:
        devices = self._devices
        if len(devices) > 1:
            # Not a jit with sharded inputs: there, a batched while loop would wait for the
            # slowest device at every step.
            mesh = jax.make_mesh(
                (len(devices),), ("points",), devices=devices, axis_types=(AxisType.Auto,)
            )
            spec = PartitionSpec("points")
            shared = jax.shard_map(
                self._points, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False
            )
            compiled = jax.jit(shared)
        else:
            compiled = jax.jit(self._points, in_shardings=SingleDeviceSharding(devices[0]))
        # From shapes, not arrays: the memory is asked for before it is taken.
        one = self.point.grid.axes.items()
        arguments = {k: jax.ShapeDtypeStruct((self.padded,), a.values.dtype) for k, a in one}
        index = jax.ShapeDtypeStruct((self.padded,), np.uint32)
        return compiled.lower(index, arguments).compile()

    @functools.cached_property
    def memory(self) -> int:
        """Bytes on each device while one chunk runs and the one before is fetched."""
        stats: Any = self._executable.memory_analysis()  # pyright: ignore
        if stats is None:
            each = (o.dtype.itemsize * math.prod(o.shape) for o in self.point.outputs.values())
            return 2 * self.padded * sum(each)
        return (
            stats.temp_size_in_bytes + stats.argument_size_in_bytes + 2 * stats.output_size_in_bytes
        )

    def __call__(self, i: int) -> dict[str, Array]:
        """Begin to compute chunk `i`; what comes back may still be on its way."""
        return self._executable(*self._inputs(i))

    def fetch(self, i: int, outputs: dict[str, Array]) -> dict[str, np.ndarray]:
        """Wait for chunk `i`, drop the padding, and give it the shape it has in the grid."""
        extent = self.chunks.extent(i)
        return {
            name: np.asarray(array)[: math.prod(extent)].reshape(*extent, *array.shape[1:])
            for name, array in outputs.items()
        }
