"""Results with names: every array of a result, its dimensions named, as xarray has it."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array

from . import _checks as checks
from ._result import Result

if TYPE_CHECKING:
    import xarray


class Variable(eqx.Module):
    """An array that knows the names of its axes."""

    array: Array | np.ndarray
    dims: tuple[str, ...] = eqx.field(static=True)


def _label(path: jtu.KeyPath) -> str:
    """`[0]` for a place in a tuple, `.weight` for a field or an entry."""
    return "".join(
        f"[{k.idx}]" if isinstance(k, jtu.SequenceKey) else "." + jtu.keystr((k,), simple=True)
        for k in path
    )


def _is_result(x: Any) -> bool:
    return isinstance(x, Result)


def _fields(result: Result | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(result, Result):
        return dict(result)
    fields = {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.repr}
    return {name: value for name, value in fields.items() if not checks.are_keys(value)}


def _leaves(result: Result | Mapping[str, Any]) -> Iterator[tuple[str, Any, tuple[str, ...], bool]]:
    """Name, leaf, the names of its leading axes, and whether these are all the axes it has."""
    axes = result.axes if isinstance(result, Result) else {}
    for field, value in _fields(result).items():
        leading = axes.get(field, ())
        flat = jtu.tree_leaves_with_path(value, is_leaf=_is_result)
        for path, leaf in flat:
            name = field + _label(path)
            if isinstance(leaf, Result):
                for inner, array, dims, whole in _leaves(leaf):
                    yield f"{name}.{inner}", array, (*leading, *dims), whole
            else:
                yield name, leaf, leading, field in axes and not path


def is_array(leaf: Any) -> bool:
    """Whether a leaf is an array or a number."""
    if isinstance(leaf, np.ndarray | np.generic):
        return np.asarray(leaf).dtype.kind not in "OSU"
    return isinstance(leaf, int | float | complex | jax.Array)


def texts(result: Result | Mapping[str, Any]) -> dict[str, str]:
    """Every text in `result` under its name."""
    return {name: leaf for name, leaf, _, _ in _leaves(result) if isinstance(leaf, str)}


def variables(result: Result | Mapping[str, Any], batch: Sequence[str] = ()) -> dict[str, Variable]:
    """Every array of `result` under its name: `exponents`, `players[0]`, `players[1].weight`.

    Axes that nobody named are called after their array: `weight_0`, `weight_1`.
    """
    named = {}
    for name, leaf, leading, whole in _leaves(result):
        if not is_array(leaf):
            continue
        array = leaf if isinstance(leaf, np.ndarray) else jnp.asarray(leaf)
        dims = (*batch, *leading)
        if array.ndim < len(dims) or (whole and array.ndim > len(dims)):
            raise ValueError(
                f"`{name}` has shape {array.shape}, but its axes are called {dims}: `batch` must "
                f"name the axes that `vmap` put in front, and is {tuple(batch)}."
            )
        unnamed = (f"{name}_{i}" for i in range(array.ndim - len(dims)))
        named[name] = Variable(array, (*dims, *unnamed))
    return named


def _placed(result: Result) -> Iterator[tuple[str, str]]:
    """Axes and the names of the variables that say where on them a place is."""
    yield from result.coordinates.items()
    for field, value in _fields(result).items():
        for path, leaf in jtu.tree_leaves_with_path(value, is_leaf=_is_result):
            if isinstance(leaf, Result):
                inside = field + _label(path)
                yield from ((axis, f"{inside}.{name}") for axis, name in _placed(leaf))


def _index(axis: str, variable: Variable) -> np.ndarray | None:
    """The values along an axis, if the whole batch has the same."""
    rows = np.moveaxis(np.asarray(variable.array), variable.dims.index(axis), -1)
    rows = rows.reshape(math.prod(rows.shape[:-1]), rows.shape[-1])
    alike = len(rows) > 0 and all(np.array_equal(row, rows[0], equal_nan=True) for row in rows)
    return rows[0] if alike else None


def to_xarray(result: Result, batch: str | Sequence[str] = ()) -> "xarray.Dataset":
    """A result as an `xarray.Dataset`, each array with the dimensions that `Result.axes` names.

    A field that is a pytree becomes one variable per leaf: the players of a trajectory are
    `states.players[0]`, `states.players[1].weight` and so on. A field that is text becomes an
    attribute. Where a field says where on an axis its places are (`Result.coordinates`), it is
    a coordinate, and the axis has its values: `.sel(time=20)` is at the time 20. A batch whose
    members have other values there has no such axis, because there is none.

    **Arguments:**

    - `result`: what an analysis returned.
    - `batch`: the names of the axes that `vmap` put in front, outermost first.
    """
    import xarray

    if not isinstance(result, Result):
        raise TypeError(f"`result` must be a result of gandyn, but is a {type(result).__name__}.")
    batch = (batch,) if isinstance(batch, str) else checks.several("batch", batch, "names")
    for axis in batch:
        if not isinstance(axis, str):
            raise TypeError(f"`batch` must be names of axes, but has {checks.shown(axis)}.")
    named = variables(result, batch)
    indices: dict[str, list[np.ndarray | None]] = {}
    for axis, name in _placed(result):
        indices.setdefault(axis, []).append(_index(axis, named[name]))
    agreed = {
        axis: (axis, first)
        for axis, (first, *others) in indices.items()
        if first is not None and all(o is not None and np.array_equal(first, o) for o in others)
    }
    arrays = {name: (v.dims, np.asarray(v.array)) for name, v in named.items()}
    exported = xarray.Dataset(
        arrays | agreed, attrs={"result": type(result).__name__, **texts(result)}
    )
    return exported.set_coords([name for _, name in _placed(result)])
