"""The grid of a sweep: the cartesian product of named axes, some of them zipped."""

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from .. import _checks as checks

RESERVED = {
    "key": "`key` is the random key that `seed` asks for",
    "done": "`done` says which points are computed",
    "chunk": "`chunk` is a dimension of the store",
}


@dataclasses.dataclass(frozen=True)
class Axis:
    """The values of one argument, along one dimension of the grid."""

    dim: str
    values: np.ndarray

    def __str__(self) -> str:
        digest = hashlib.sha256(np.ascontiguousarray(self.values).tobytes()).hexdigest()[:16]
        return (
            f"{self.values.dtype}[{self.values.size}] along {self.dim}, "
            f"{self.values[0]} to {self.values[-1]}, sha256 {digest}"
        )


@dataclasses.dataclass(frozen=True)
class Grid:
    """Points in the order of their index, the last dimension fastest."""

    axes: Mapping[str, Axis]

    @property
    def sizes(self) -> dict[str, int]:
        return {axis.dim: axis.values.size for axis in self.axes.values()}

    @property
    def dims(self) -> tuple[str, ...]:
        return tuple(self.sizes)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.sizes.values())

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def points(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """The values of every argument at the points with these indices."""
        place = dict(zip(self.dims, np.unravel_index(index, self.shape), strict=True))
        return {name: axis.values[place[axis.dim]] for name, axis in self.axes.items()}


def _axis(name: str, dim: str, values: Any) -> Axis:
    if not isinstance(name, str):
        raise TypeError(f"`axes` must be named by text, but one is named {name!r}.")
    if name in RESERVED:
        raise ValueError(f"`axes` cannot have an axis `{name}`: {RESERVED[name]}.")
    if "/" in name:
        raise ValueError(f"`axes` must have names that can name a folder, but one is {name!r}.")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # ragged, or random keys
        array = np.asarray(None)
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"`axes` must be arrays of numbers, but `{name}` is {values!r}. To sweep over other "
            "things, sweep over their index."
        )
    array = np.asarray(jnp.asarray(array))  # in the precision in which the function will see it
    if array.ndim != 1:
        remedy = f"({name!r}, ...): (array, ...) zips several." if array.ndim else "Put it in [ ]."
        raise ValueError(
            f"`axes` must be 1-d, but `{name}` has shape {array.shape}. One dimension is one axis; "
            + remedy
        )
    if not array.size:
        raise ValueError(f"`axes` must have values, but `{name}` has none.")
    return Axis(dim, array)


def _zipped(names: tuple[str, ...], values: Any) -> dict[str, Axis]:
    if not isinstance(values, Sequence) or len(values) != len(names):
        raise ValueError(
            f"`axes` zips {names}, which takes a tuple of {len(names)} arrays, one for each name."
        )
    dim = "_".join(map(str, names))
    axes = {name: _axis(name, dim, v) for name, v in zip(names, values, strict=True)}
    if len({axis.values.size for axis in axes.values()}) > 1:
        lengths = ", ".join(f"`{name}` has {axis.values.size}" for name, axis in axes.items())
        raise ValueError(
            f"`axes` zips {names}, which must have equally many values, but {lengths}."
        )
    return axes


def grid(axes: Mapping[Any, Any]) -> Grid:
    """Check the axes that a user gave, and lay out their product.

    `{"gamma": a, ("step_size", "momentum"): (b, c)}` has two dimensions, `gamma` and
    `step_size_momentum`; along the second one, two arguments change together.
    """
    checks.mapping("axes", axes, '{"step_size": array}')
    if not axes:
        raise ValueError("`axes` must name at least one axis, but is empty.")
    laid: dict[str, Axis] = {}
    dims: list[str] = []
    for names, values in axes.items():
        new = (
            _zipped(names, values)
            if isinstance(names, tuple)
            else {names: _axis(names, names, values)}
        )
        if twice := new.keys() & laid.keys():
            raise ValueError(f"`axes` must differ in name, but `{twice.pop()}` is there twice.")
        laid |= new
        dims += {axis.dim for axis in new.values()}
    if clash := {d for d in dims if dims.count(d) > 1 or (d in laid and laid[d].dim != d)}:
        raise ValueError(f"`axes` must differ in name, but two dimensions are `{clash.pop()}`.")
    return Grid(laid)
