"""A function of one point, compiled once to be run on every chunk of a sweep."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.sharding import AxisType, PartitionSpec, SingleDeviceSharding
from jaxtyping import Array

from gandyn import _checks as checks
from gandyn._export import Variable, variables
from gandyn._result import Result
from gandyn._sweep._axes import RESERVED, Grid
from gandyn._sweep._chunks import Chunks

# Vector loops treat the points that are left over in other instructions, which differ in the last
# bit. Long chunks are padded so that nothing is left over, whatever their length.
LONG, LANES = 128, 16


class Output(NamedTuple):
    """What the function returns under one name, for one point."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        shape = ",".join(f"{d}={n}" for d, n in zip(self.dims, self.shape, strict=True))
        return f"{self.dtype}[{shape}]"


class Program:
    """The points of a chunk, vmapped, shared out over the devices.

    It is traced when it is made and compiled when it is first needed. All chunks are padded to
    one size, with points that follow, so that one executable serves them all.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        grid: Grid,
        chunks: Chunks,
        *,
        seed: int | None,
        batch: int | None,
        dims: Mapping[str, Sequence[str]],
        devices: Sequence[jax.Device],  # pyright: ignore[reportInvalidTypeForm]
    ):
        _check_call(function, grid, seed)
        unit = len(devices) * (batch or (LANES if chunks.points >= LONG else 1))
        self.grid, self.chunks = grid, chunks
        self.padded = math.ceil(chunks.points / unit) * unit

        def point(index: Array, arguments: dict[str, Array]) -> dict[str, Variable]:
            if seed is not None:
                arguments = {**arguments, "key": jr.fold_in(jr.key(seed), index)}
            return _named(function(**arguments))

        def points(index: Array, arguments: dict[str, Array]) -> dict[str, Variable]:
            if batch is None:
                return jax.vmap(point)(index, arguments)
            return jax.lax.map(lambda both: point(*both), (index, arguments), batch_size=batch)

        if len(devices) > 1:
            # Not a jit with sharded inputs: there, a batched while loop would wait for the
            # slowest device at every step.
            mesh = jax.make_mesh(
                (len(devices),), ("points",), devices=devices, axis_types=(AxisType.Auto,)
            )
            spec = PartitionSpec("points")
            shared = jax.shard_map(
                points, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False
            )
            compiled = jax.jit(shared)
        else:
            compiled = jax.jit(points, in_shardings=SingleDeviceSharding(devices[0]))
        self._traced = compiled.trace(*self._inputs(0))
        self.outputs = _outputs(self._traced.out_info, grid, dims)

    def _inputs(self, i: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        first = self.chunks.first(i)
        index = np.minimum(np.arange(first, first + self.padded), self.grid.size - 1)
        return index.astype(np.uint32), self.grid.points(index)

    @functools.cached_property
    def _executable(self) -> Callable[..., dict[str, Variable]]:
        return self._traced.lower().compile()

    @functools.cached_property
    def memory(self) -> int:
        """Bytes on each device while one chunk runs and the one before is fetched."""
        stats: Any = self._executable.memory_analysis()  # pyright: ignore
        output = sum(o.dtype.itemsize * math.prod(o.shape) for o in self.outputs.values())
        if stats is None:
            return 2 * self.padded * output
        return (
            stats.temp_size_in_bytes + stats.argument_size_in_bytes + 2 * stats.output_size_in_bytes
        )

    def __call__(self, i: int) -> dict[str, Array]:
        """Begin to compute chunk `i`; what comes back may still be on its way."""
        named = self._executable(*self._inputs(i))
        return {name: variable.array for name, variable in named.items()}  # pyright: ignore

    def fetch(self, i: int, outputs: dict[str, Array]) -> dict[str, np.ndarray]:
        """Wait for chunk `i`, drop the padding, and give it the shape it has in the grid."""
        extent = self.chunks.extent(i)
        return {
            name: np.asarray(array)[: math.prod(extent)].reshape(*extent, *array.shape[1:])
            for name, array in outputs.items()
        }


def _check_call(function: Callable[..., Any], grid: Grid, seed: int | None) -> None:
    names = [*grid.axes, *([] if seed is None else ["key"])]
    if reason := checks.misfit(function, **dict.fromkeys(names)):
        wanted = ", ".join(f"{name}=..." for name in names)
        hint = ' (a `key` comes with `seed`; without it, "key" is not given)'
        raise TypeError(
            f"`function` is called as function({wanted}), which it does not take: {reason}"
            + (hint if "key" in reason else "")
        )


def _named(returned: Any) -> dict[str, Variable]:
    if not isinstance(returned, Mapping | Result):
        raise TypeError(
            "`function` must return {name: array} or a result of gandyn, but returned a "
            f"{type(returned).__name__}."
        )
    return variables(returned)


def _outputs(
    info: Mapping[str, Variable], grid: Grid, dims: Mapping[str, Sequence[str]]
) -> dict[str, Output]:
    """Check what the function returns, and name its axes."""
    if not info:
        raise ValueError("`function` must return at least one array, but returned none.")
    if unknown := dims.keys() - info.keys():
        raise ValueError(f"`dims` names `{unknown.pop()}`, but `function` returns {list(info)}.")
    taken = {*grid.axes, *grid.dims, *RESERVED} - {"key"}
    lengths: dict[str, int] = {}
    outputs = {}
    for name, variable in info.items():
        shape, dtype = variable.array.shape[1:], variable.array.dtype
        own = tuple(dims.get(name, variable.dims))
        if len(own) != len(shape):
            raise ValueError(f"`dims` calls the axes of `{name}` {own}, but its shape is {shape}.")
        if "/" in name:
            raise ValueError(
                f"`function` must return names that can name a folder, but one is {name!r}."
            )
        if clash := taken & {name, *own}:
            raise ValueError(
                f"`function` returns `{name}` with axes {own}, but `{clash.pop()}` is the name of "
                "something else in the sweep. Call it otherwise."
            )
        if jnp.issubdtype(dtype, jax.dtypes.extended) or np.dtype(dtype).kind not in "biufc":
            raise TypeError(
                f"`function` returns `{name}` as {dtype}, which cannot be stored. Cast it to an "
                "ordinary dtype."
            )
        for dim, n in zip(own, shape, strict=True):
            if lengths.setdefault(dim, n) != n:
                raise ValueError(
                    f"`function` returns arrays whose axis `{dim}` is {lengths[dim]} long in one "
                    f"and {n} in `{name}`. Give the axes different names by `dims`."
                )
        outputs[name] = Output(own, shape, np.dtype(dtype))
    return outputs
