"""What every analysis returns: a small module of arrays that names its axes."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer

from . import _checks as checks


def _summary(value: Any) -> str:
    """`float64[501]` for an array, the same inside tuples and dicts, `repr` for the rest."""
    if isinstance(value, tuple | list):
        inside = ", ".join(_summary(v) for v in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_summary(v)}" for k, v in value.items()) + "}"
    if eqx.is_array(value):
        if value.ndim == 0 and not checks.are_keys(value) and not isinstance(value, Tracer):
            return f"{value.item()!r}"
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    return eqx.tree_pformat(value, width=10_000)


class Result(eqx.Module):
    """A bundle of arrays, each of which knows the names of its axes.

    `axes` maps a field to the names of its axes. Fields that are pytrees (players) name the
    leading axes that all their leaves share. A result that went through `vmap` has further
    axes in front of those. `partial` are the fields that are nan where they have no meaning.

    `coordinates` maps an axis to the field that says where on it a place is: the axis `time` of a
    trajectory has the values of `ts`. The places on all other axes are only counted.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    partial: ClassVar[tuple[str, ...]] = ()
    coordinates: ClassVar[Mapping[str, str]] = {}

    def __repr__(self) -> str:
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.repr}
        leaves = list(_whole(self))
        text = ", ".join(f"{k}={_summary(v)}" for k, v in fields.items())
        if leaves and not any(isinstance(x, Tracer) for x in leaves):
            finite = all(bool(jnp.all(jnp.isfinite(x))) for x in leaves)
            text += ", all finite" if finite else ", NOT all finite"
        return f"{type(self).__name__}({text})"


def _whole(tree: Any) -> Iterator[Any]:
    """The inexact arrays that should be finite."""
    if isinstance(tree, Result):
        fields = [f.name for f in dataclasses.fields(tree) if f.name not in tree.partial]
        tree = [getattr(tree, name) for name in fields]
    for leaf in jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, Result)):
        if isinstance(leaf, Result):
            yield from _whole(leaf)
        elif eqx.is_inexact_array(leaf):
            yield leaf
