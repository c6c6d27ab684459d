"""What functions read besides their arguments: the numbers of closures, globals, defaults, and of
the objects that they reach.

A compiled program holds such numbers as they were when it was traced: of a game's loss whose
`strength` is a global, an attribute, or an array that is changed in place.
"""

import dis
import functools
import hashlib
import importlib
import marshal
import random
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.tree_util as jtu
import numpy as np
from jax.core import Tracer

from . import _checks as checks

LIBRARIES = frozenset(sys.stdlib_module_names) | {
    "beartype",
    "diffrax",
    "equinox",
    "gandyn",
    "jax",
    "jaxlib",
    "jaxtyping",
    "lineax",
    "numpy",
    "optax",
    "optimistix",
    "scipy",
}
"""Packages whose own globals nobody changes."""

_MANY = 100_000  # objects that a function reaches are looked through
_SMALL = 1024  # numbers of a JAX array, which cannot change, that are compared one by one


class FrozenWarning(UserWarning):
    """A function reads what will be in a program as it was when the function was traced."""


_LOOPS = frozenset(
    (
        "associative_scan",
        "checkpoint",
        "cond",
        "custom_root",
        "fori_loop",
        "remat",
        "scan",
        "switch",
        "while_loop",
    )
)
"""Functions of JAX that keep what they traced of their bodies."""

logs: dict[int, list] = {}
"""Lists that functions append to while they are traced, by identity: nothing is read there."""


def reads(tree: Any) -> "Reads":
    """All that the functions in a tree read, as something that is equal as long as that is."""
    return Reader(tree).record


class Reads:
    """A record of what was read, hashable: two are equal if the same was read."""

    def __init__(self, found: tuple):
        self.found = found
        self.hash = hash(found)

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Reads) and self.hash == other.hash and self.found == other.found


class Compared:
    """A function that is compared by what it does and reads, rather than by identity.

    **Arguments:**

    - `closed`: whether what its closure holds is a part of it, or is held beside it.
    """

    def __init__(self, function: types.FunctionType, closed: bool = True):
        self.function, self.closed = function, closed

    def __hash__(self) -> int:
        return hash(self.function.__code__)  # what is read tells apart what is of one code

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Compared) and reads(self) == reads(other)

    def __reduce__(self) -> Any:
        """For `pickle`, which knows local functions, such as Optax's, by no name."""
        f = self.function
        held = [c.cell_contents for c in f.__closure__ or ()] if self.closed else None
        parts = (f.__module__, f.__name__, marshal.dumps(f.__code__))
        return _compared, (self.closed, *parts, f.__defaults__, f.__kwdefaults__, held)


def _compared(
    closed: bool, module: str, name: str, code: bytes, defaults: Any, keywords: Any, held: Any
) -> Compared:
    body = marshal.loads(code)
    cells = map(types.CellType, [None] * len(body.co_freevars) if held is None else held)
    globals_ = importlib.import_module(module).__dict__
    function = types.FunctionType(body, globals_, name, defaults, tuple(cells))
    function.__kwdefaults__ = keywords
    function.__module__ = module
    return Compared(function, closed)


class _Same:
    """An object that is compared by identity."""

    def __init__(self, value: Any):
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Same) and self.value is other.value


class Reader:
    """Walks through a tree of arguments, and from its functions on through all that they reach."""

    def __init__(self, tree: Any) -> None:
        self.found: list = []
        self.known: set[int] = set()  # objects that were begun, some of which hold themselves
        self.lists: list[tuple[list, int]] = []  # and how long they were
        self.functions: list[types.FunctionType] = []  # of the user's
        self.loops = False  # whether one of them has loops of JAX
        self.traced = False  # whether there is something that JAX traces
        self.size = 0  # numbers in arrays
        self.look(tree)
        self.record = Reads(tuple(self.found))

    def look(self, x: Any) -> None:
        """An argument, of which a compiled program distinguishes all but what functions read."""
        kind = _kinds.get(type(x)) or _kinds.setdefault(type(x), _kind(x))
        if kind == "number":
            self.size += getattr(x, "size", 1)
        elif kind == "tracer":
            self.traced = True
        elif kind == "sequence":
            for part in x:
                self.look(part)
        elif kind == "module":
            if _own(type(x)):
                self._class(type(x))
            # Equinox's own attributes take time.
            for part in object.__getattribute__(x, "__dict__").values():
                self.look(part)
        elif kind == "function":
            if not _reads_nothing(x):
                self.read(x)
        elif kind == "compared":
            self._function(x.function, x.closed)
        elif kind == "node":
            for part in jtu.tree_leaves(x, is_leaf=lambda part: part is not x):
                self.look(part)
        else:
            self.read(x)

    def read(self, x: Any, names: frozenset[str] = frozenset()) -> None:
        """What a function reads; of modules and classes only the attributes of these `names`."""
        if x is None or isinstance(x, _ATOMS):
            self.found.append((type(x), x.hex() if isinstance(x, float) else repr(x)))
        elif isinstance(x, np.ndarray | np.generic):
            self._numbers(np.asarray(x))
        elif isinstance(x, Tracer):
            self.traced = True
            self.found.append(_Same(x))
        elif isinstance(x, jax.Array) and not _readable(x):
            self.size += x.size
            self.found.append(_Same(x))
        elif isinstance(x, jax.Array):
            self._numbers(np.asarray(x))
        elif isinstance(x, types.ModuleType):
            self._module(x, names)
        elif id(x) in self.known:
            self.found.append("again")
        elif len(self.known) == _MANY:
            self.found.append(_Same(x))
            _warn(
                f"the functions of a game, field or rule reach more than {_MANY:,} objects: a "
                "change in one of those beyond will not be seen by a program that is compiled "
                "already. Hold numbers in arrays, or as fields of an `equinox.Module`."
            )
        else:
            self.known.add(id(x))
            self._reach(x, names)

    def _reach(self, x: Any, names: frozenset[str]) -> None:
        if isinstance(x, types.FunctionType):
            self._function(x)
        elif isinstance(x, types.MethodType):
            self.read(x.__func__)
            self.read(x.__self__)
        elif isinstance(x, functools.partial):
            self._all((x.func, x.args, x.keywords))
        elif isinstance(x, staticmethod | classmethod):
            self.read(x.__func__)
        elif isinstance(x, property):
            self._all((x.fget,))
        elif isinstance(x, type):
            self.found.append(_Same(x))
            self._class(x)
        elif isinstance(x, dict):
            self._all(list(x))
            self._all(x.values())
        elif isinstance(x, list):
            if id(x) not in logs:
                self.lists.append((x, len(x)))
                self._all(x)
        elif isinstance(x, tuple | set | frozenset):
            # A set has no order: that of its hashes will do within a process.
            self._all(x)
        elif isinstance(x, np.random.Generator | np.random.RandomState | random.Random):
            _warn_of_randomness(f"a {type(x).__name__}")
            self.found.append(_Same(x))
        elif hasattr(x, "clear_cache") and hasattr(x, "__wrapped__"):
            self._jitted(x, x.__wrapped__, x)
        elif hasattr(x, "_static_fun") and hasattr(x, "_cached"):  # equinox's
            self._jitted(x, x._static_fun, x._cached)
        else:
            self._object(x)

    def _all(self, parts: Any) -> None:
        parts = list(parts)
        self.found.append(len(parts))
        for part in parts:
            self.read(part)

    def _numbers(self, x: np.ndarray) -> None:
        self.size += x.size
        if x.dtype == object:
            self._all(x.ravel().tolist())
        else:
            digest = hashlib.blake2b(np.ascontiguousarray(x).tobytes(), digest_size=16).digest()
            self.found.append((x.shape, str(x.dtype), digest))

    def _function(self, x: types.FunctionType, closed: bool = True) -> None:
        self.found.append(x.__code__)
        if closed and x.__closure__:
            for cell in x.__closure__:
                try:
                    self.read(cell.cell_contents, _attributes(x.__code__))
                except ValueError:  # a variable that was never assigned
                    self.found.append("unassigned")
        if x.__defaults__:
            self._all(x.__defaults__)
        if x.__kwdefaults__:
            self._all(x.__kwdefaults__.values())
        if _is_library(x.__globals__.get("__name__", "")):
            return
        self.functions.append(x)
        self.loops |= _has_loops(x.__code__)
        for name in _globals(x.__code__):
            if name in x.__globals__:
                self.read(x.__globals__[name], _attributes(x.__code__))

    def _module(self, x: types.ModuleType, names: frozenset[str]) -> None:
        if x in (np, random):
            if x is random or "random" in names:
                _warn_of_randomness("`numpy.random`" if x is np else "`random`")
        elif x is np.random:
            _warn_of_randomness("`numpy.random`")
        elif not _is_library(x.__name__):
            for name in sorted(names & vars(x).keys()):
                self.read(vars(x)[name], names)

    def _class(self, x: type) -> None:
        """The methods and attributes of a class that no library defines."""
        for cls in _own(x):
            for name, value in list(vars(cls).items()):
                if not name.startswith("__") or name in ("__call__", "__getattr__"):
                    self.read(value)

    def _object(self, x: Any) -> None:
        self.found.append(_Same(type(x)))
        self._class(type(x))
        inside = getattr(x, "__dict__", None)
        slots = [s for cls in type(x).__mro__ for s in _slots(cls) if hasattr(x, s)]
        if inside is None and not slots:
            self.found.append(_Same(x))
            return
        self._all((inside or {}).values())
        self._all([getattr(x, name) for name in slots])

    def _jitted(self, x: Any, function: Any, program: Any) -> None:
        """A function that the user has compiled: JAX keeps its program whatever it reads, so that
        it has to be told when that has changed."""
        before = len(self.found)
        self.read(function)
        now = Reads(tuple(self.found[before:]))
        _, before_now = _read_by_jitted.get(id(x), (x, now))
        if before_now != now:
            program.clear_cache()
        _read_by_jitted[id(x)] = (x, now)


_read_by_jitted: dict[int, tuple[Any, Reads]] = {}
"""What functions that the user has compiled have read, by their identity."""
_ATOMS = bool | int | float | complex | str | bytes | np.dtype


def _readable(x: jax.Array) -> bool:
    """Whether the numbers of an array may be compared, rather than the array."""
    return x.size <= _SMALL and x.is_fully_addressable and not checks.are_keys(x)


def _reads_nothing(x: types.FunctionType) -> bool:
    """Whether a function is one of a library's, with nothing of its own."""
    bare = x.__closure__ is None and x.__defaults__ is None and x.__kwdefaults__ is None
    return bare and _is_library(x.__globals__.get("__name__", ""))


@functools.cache
def _is_library(module: str) -> bool:
    return module.partition(".")[0] in LIBRARIES


_kinds: dict[type, str] = {}


def _kind(x: Any) -> str:
    """What an argument is; the same for all of its type."""
    if isinstance(x, Tracer):
        return "tracer"
    if x is None or isinstance(x, _ATOMS | jax.Array | np.ndarray):
        return "number"
    if isinstance(x, tuple | list):
        return "sequence"
    if isinstance(x, eqx.Module):
        return "module"
    if isinstance(x, types.FunctionType):
        return "function"
    if isinstance(x, Compared):
        return "compared"
    return "leaf" if jtu.all_leaves([x]) else "node"


@functools.cache
def _own(x: type) -> tuple[type, ...]:
    """The classes that x is, less those of libraries."""
    return tuple(cls for cls in x.__mro__ if not _is_library(cls.__module__))


def _slots(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


@functools.cache
def _globals(code: types.CodeType) -> tuple[str, ...]:
    """The globals that a function reads and does not write itself, those within it included."""
    names = list(_names(code))
    read = {name for op, name in names if op in ("LOAD_GLOBAL", "LOAD_NAME")}
    return tuple(sorted(read - {name for op, name in names if op == "STORE_GLOBAL"}))


@functools.cache
def _has_loops(code: types.CodeType) -> bool:
    return not _LOOPS.isdisjoint(_attributes(code) | set(_globals(code)))


@functools.cache
def _attributes(code: types.CodeType) -> frozenset[str]:
    return frozenset(name for op, name in _names(code) if op in ("LOAD_ATTR", "LOAD_METHOD"))


def _names(code: types.CodeType) -> Iterator[tuple[str, str]]:
    for instruction in dis.get_instructions(code):
        if isinstance(instruction.argval, str):
            yield instruction.opname, instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _warn_of_randomness(source: str) -> None:
    _warn(
        f"a function draws from {source}, which is asked once, when the function is traced: all "
        "evaluations will see the same numbers. Draw from the `key` that it is given, as in "
        "`jax.random.normal(key)`, or from a `gandyn.measures.Sampled` measure."
    )


def _warn(text: str) -> None:
    warnings.warn(text, FrozenWarning, stacklevel=2)
