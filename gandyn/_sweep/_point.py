"""What is computed at one point of a sweep: a function, traced once."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.extend.core import jaxpr_as_fun
from jaxtyping import Array

from gandyn import _checks as checks
from gandyn._digest import of_program
from gandyn._export import Variable, is_array, texts, variables
from gandyn._result import Result
from gandyn._sweep._axes import RESERVED, Grid


class Output(NamedTuple):
    """What the function returns under one name, for one point."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        shape = ",".join(f"{d}={n}" for d, n in zip(self.dims, self.shape, strict=True))
        return f"{self.dtype}[{shape}]"


class Point:
    """The program that takes the index of a point and its arguments to the outputs there.

    Whatever runs is made of this one trace, so its digest is that of what is computed.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        grid: Grid,
        *,
        seed: int | None,
        dims: Mapping[str, Sequence[str]],
    ):
        _check_call(function, grid, seed)
        self.grid = grid
        self.text: dict[str, str] = {}

        def point(index: Array, arguments: dict[str, Array]) -> dict[str, Variable]:
            if seed is not None:
                arguments = {**arguments, "key": jr.fold_in(jr.key(seed), index)}
            returned = _checked(function(**arguments))
            self.text = texts(returned)
            return variables(returned)

        arguments = {k: jax.ShapeDtypeStruct((), a.values.dtype) for k, a in grid.axes.items()}
        self._program, named = jax.make_jaxpr(point, return_shape=True)(
            jax.ShapeDtypeStruct((), np.uint32), arguments
        )
        self.outputs = outputs(named, grid, dims)

    def __call__(self, index: Array, arguments: dict[str, Array]) -> dict[str, Array]:
        arrays = jaxpr_as_fun(self._program)(index, *jax.tree.leaves(arguments))
        return dict(zip(sorted(self.outputs), arrays, strict=True))  # as the leaves of a dict go

    @functools.cached_property
    def digest(self) -> str:
        """Of the program; `TypeError` where it has none."""
        return of_program(self._program, sorted(self.outputs))


def _check_call(function: Callable[..., Any], grid: Grid, seed: int | None) -> None:
    names = [*grid.axes, *([] if seed is None else ["key"])]
    if reason := checks.misfit(function, **dict.fromkeys(names)):
        wanted = ", ".join(f"{name}=..." for name in names)
        hint = ' (a `key` comes with `seed`; without it, "key" is not given)'
        raise TypeError(
            f"`function` is called as function({wanted}), which it does not take: {reason}"
            + (hint if "key" in reason else "")
        )


def _checked(returned: Any) -> Mapping[str, Any] | Result:
    """What the function returned, if there are arrays in it and nothing that would be lost."""
    if isinstance(returned, Result):
        return returned
    if not isinstance(returned, Mapping) or not all(isinstance(name, str) for name in returned):
        raise TypeError(
            "`function` must return {name: array} or a result of gandyn, but returned "
            + (f"names {[*returned]}." if isinstance(returned, Mapping) else _a(returned))
        )
    for name, value in returned.items():
        leaves = jax.tree.leaves(value, is_leaf=lambda x: isinstance(x, Result))
        lost = [x for x in leaves if not (isinstance(x, Result) or is_array(x))]
        if value is None or lost:
            raise TypeError(
                f"`function` returns `{name}` with {_a(*lost[:1])[:-1]} in it, which is no array "
                "of numbers and would be lost. Return arrays only; `configuration` keeps text."
            )
    return returned


def _a(thing: Any = None) -> str:
    return f"a {type(thing).__name__}."


def outputs(
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
        shape, dtype = variable.array.shape, variable.array.dtype
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
