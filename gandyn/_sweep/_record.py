"""What a sweep is, in words that a store can keep and compare."""

import dataclasses
import hashlib
import importlib
import json
import platform
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from gandyn._sweep._axes import Grid
from gandyn._sweep._program import Output

FORMAT = 1  # of the store; a store of another format is refused


def versions() -> dict[str, str]:
    """Of all that the numbers depend on."""
    packages = ("gandyn", "jax", "jaxlib", "equinox", "diffrax", "optax", "numpy")
    return {"python": platform.python_version()} | {
        name: importlib.import_module(name).__version__ for name in packages
    }


@dataclasses.dataclass(frozen=True)
class Record:
    """A grid, what is computed at its points, and the attributes that say so."""

    grid: Grid
    outputs: Mapping[str, Output]
    seed: int | None
    configuration: Mapping[str, Any]
    units: Mapping[str, str]

    def __post_init__(self) -> None:
        known = [*self.grid.axes, *self.outputs]
        if unknown := self.units.keys() - set(known):
            raise ValueError(f"`units` names `{unknown.pop()}`, but the sweep has {known}.")

    def identity(self) -> dict[str, Any]:
        """All that a second call must repeat."""
        try:
            settings = json.loads(json.dumps(dict(self.configuration)))
        except TypeError as error:
            raise TypeError(f"`configuration` must be writable as JSON: {error}.") from None
        return {
            "axes": {name: str(axis) for name, axis in self.grid.axes.items()},
            "outputs": {name: str(output) for name, output in self.outputs.items()},
            "seed": self.seed,
            "settings": settings,
        }

    def attributes(self) -> dict[str, Any]:
        """Text and numbers only, so that NetCDF takes them too."""
        identity = json.dumps(self.identity())
        return {
            "gandyn_sweep": FORMAT,
            "configuration": identity,
            "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
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
            elif a[name] != b[name]:
                found.append(f"{word} `{name}` is {a[name]} there and {b[name]} here")
        if not found and kind == "axes" and list(a) != list(b):
            found.append(f"the axes are in the order {list(a)} there and {list(b)} here")
    if there["seed"] != here["seed"]:
        found.append(f"`seed` is {there['seed']} there and {here['seed']} here")
    return found
