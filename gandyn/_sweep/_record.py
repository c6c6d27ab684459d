"""What a sweep is, in words that a store can keep and compare."""

import dataclasses
import hashlib
import importlib
import json
import platform
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from gandyn._sweep._axes import Grid
from gandyn._sweep._point import Output

FORMAT = 2  # of the store; a store of another format is refused


def versions() -> dict[str, str]:
    """Of all that computes numbers."""
    packages = (
        *("gandyn", "jax", "jaxlib", "numpy", "scipy"),
        *("equinox", "diffrax", "optax", "optimistix", "lineax"),
    )
    return {"python": platform.python_version()} | {
        name: importlib.import_module(name).__version__ for name in packages
    }


def numerics() -> dict[str, str]:
    """How JAX is set to compute, where that changes numbers."""
    names = (
        "enable_x64",
        "default_prng_impl",
        "threefry_partitionable",
        "default_matmul_precision",
    )
    return {f"jax_{name}": str(getattr(jax.config, f"jax_{name}")) for name in names}


def sealed(attributes: Mapping[str, Any]) -> str:
    """A checksum of attributes."""
    return hashlib.sha256(json.dumps(dict(attributes), sort_keys=True).encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Record:
    """A grid, what is computed at its points, and the attributes that say so.

    `program` is the digest of what is computed at a point; `None` if it has none, which a store
    must refuse.
    """

    grid: Grid
    outputs: Mapping[str, Output]
    program: str | None
    seed: int | None
    configuration: Mapping[str, Any]
    units: Mapping[str, str]
    text: Mapping[str, str]

    def __post_init__(self) -> None:
        known = [*self.grid.axes, *self.outputs]
        if unknown := self.units.keys() - set(known):
            raise ValueError(f"`units` names `{unknown.pop()}`, but the sweep has {known}.")

    def identity(self) -> dict[str, Any]:
        """All that a second call must repeat, besides the program."""
        try:
            settings = json.loads(json.dumps(dict(self.configuration)))
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"`configuration` must be writable as JSON: {error}.") from None
        return {
            "axes": {name: str(axis) for name, axis in self.grid.axes.items()},
            "outputs": {name: str(output) for name, output in self.outputs.items()},
            "seed": self.seed,
            "settings": settings,
            "numerics": numerics(),
        }

    def attributes(self) -> dict[str, Any]:
        """Text and numbers only, so that NetCDF takes them too."""
        identity = json.dumps(self.identity())
        return {
            **self.text,
            "gandyn_sweep": FORMAT,
            "configuration": identity,
            "program": self.program or "unknown",
            "fingerprint": hashlib.sha256(f"{identity}{self.program}".encode()).hexdigest(),
            "versions": json.dumps(versions()),
            "dtype": str(jnp.result_type(float)),
            **({} if self.seed is None else {"seed": self.seed}),
        }

    def labels(self, name: str) -> dict[str, Any]:
        """The attributes of one variable."""
        return {"units": self.units[name]} if name in self.units else {}


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What differs between two identities, one phrase for each thing."""
    found = []
    for kind, word in (("axes", "axis"), ("outputs", "output"), ("settings", "setting")):
        a, b = there[kind], here[kind]
        for name in {**a, **b}:
            if name not in b:
                found.append(f"{word} `{name}` ({a[name]}) is only there")
            elif name not in a:
                found.append(f"{word} `{name}` ({b[name]}) is only here")
            elif json.dumps(a[name], sort_keys=True) != json.dumps(b[name], sort_keys=True):
                found.append(f"{word} `{name}` is {a[name]} there and {b[name]} here")  # nan is nan
        if not found and kind == "axes" and list(a) != list(b):
            found.append(f"the axes are in the order {list(a)} there and {list(b)} here")
    single = {"seed": (there["seed"], here["seed"])} | {
        name: (there["numerics"].get(name), here["numerics"].get(name))
        for name in {**there["numerics"], **here["numerics"]}
    }
    return found + [
        f"`{name}` is {a} there and {b} here" for name, (a, b) in single.items() if a != b
    ]


def changes(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """The versions in which two sets of libraries differ."""
    return "; ".join(
        f"{name} is {there.get(name)} there and {here.get(name)} here"
        for name in {**there, **here}
        if there.get(name) != here.get(name)
    )
