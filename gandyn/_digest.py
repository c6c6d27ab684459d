"""What a function computes, as one number: the digest of its traced program.

Two functions have the same digest if tracing them gives the same operations in the same order, on
the same constants, bit for bit. So everything counts that a function reads while it is traced - its
body, what it calls, numbers and arrays in closures, globals, attributes, defaults and partials -
and nothing else does: no name, no comment, no place in a file, no address in memory. A number
that comes out of it is the same in every process.

A program is a Merkle tree: a value is digested as its kind and the digests of its parts.
"""

import dataclasses
import enum
import functools
import hashlib
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from ._reads import Compared

# What an operation carries besides what it computes: names, and how it would be differentiated.
BESIDE = {
    "jit": {"name"},
    "pjit": {"name"},
    "closed_call": {"name"},
    "remat2": {"name"},
    "checkpoint": {"name"},
    "custom_jvp_call": {"name", "jvp_jaxpr_fun", "jvp_jaxpr_thunk"},
    "custom_vjp_call": {"name", "fwd_jaxpr_thunk", "bwd", "out_trees"},
    "custom_vjp_call_jaxpr": {"name", "fwd_jaxpr_thunk", "bwd", "out_trees"},
    "reduce": {"computation"},  # which is there as a `jaxpr` too
}
# Functions that raise and do nothing else; what they hold is a message with a place in a file.
RAISING = {"equinox._errors"}
# What Python writes into a class about where it stands.
BOOKKEEPING = {"__doc__", "__module__", "__qualname__", "__firstlineno__"}
ATOMS = (str, bytes, bool, int, float, complex)
NUMERIC = bool | int | float | complex | str | np.ndarray | np.generic | jax.Array


def digest(function: Callable[..., Any], *args: Any) -> str:
    """The digest of what `function(*args)` computes, 64 hexadecimal digits.

    A derivative is not part of a function that takes none: where a rule of differentiation
    matters, digest the derivative.

    **Arguments:**

    - `function`: of pytrees of arrays, to pytrees of arrays. It is traced, not run.
    - `args`: arrays, or `jax.ShapeDtypeStruct`s in their place. Their shapes and dtypes count,
      their values do not.

    **Raises:**

    `TypeError` if the program contains something that has no lasting form, such as a call back
    into Python that reads an open file.
    """

    def afresh(*args: Any) -> Any:  # jax remembers what it traced before by the function
        return function(*args)

    program, out = jax.make_jaxpr(afresh, return_shape=True)(*args)
    return of_program(program, (args, out))


def of_program(program: ClosedJaxpr, structure: Any = None) -> str:
    """The digest of a program that is traced already, the leaves of `structure` going by name."""
    names = [jtu.keystr(path) for path, _ in jtu.tree_leaves_with_path(structure)]
    return of_value((program, names))


def of_value(value: Any, named: tuple[str, ...] = ()) -> str:
    """The digest of a program, an array, a function, or a tree of such; what belongs to a package
    that is `named` is known by its name, as what is installed is."""
    digester = _Digester(named)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _DEEPEST))
    try:
        return digester.of(value).hex()
    except RecursionError:
        raise TypeError(
            "the program is nested too deeply, or reaches too far, to have a digest: let what it "
            "calls back into Python hold less."
        ) from None
    finally:
        sys.setrecursionlimit(limit)


_DEEPEST = 5_000  # calls: loops within loops within compiled functions take some each


def _raw(kind: str, content: bytes) -> bytes:
    return hashlib.sha256(kind.encode() + b":" + content).digest()


def _tree(kind: str, digests: Iterable[bytes]) -> bytes:
    return _raw(kind, b"".join(digests))  # which are of one length


@functools.cache
def _of_text(text: str) -> bytes:
    return _raw("str", text.encode("utf-8", "surrogatepass"))


def _name(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


class _Digester:
    """Digests values, each object once."""

    def __init__(self, named: tuple[str, ...] = ()) -> None:
        self._named = named
        self._known: dict[int, tuple[Any, bytes]] = {}  # kept alive, so that no id is used twice
        self._open: list[int] = []

    def of(self, value: Any) -> bytes:
        """The digest of any value."""
        if type(value) is str:
            return _of_text(value)
        if value is None or (isinstance(value, ATOMS) and not isinstance(value, enum.Enum)):
            return _raw(type(value).__name__, _atom(value))
        if id(value) in self._known:
            return self._known[id(value)][1]
        if id(value) in self._open:  # a function that calls itself
            return _raw("again", b"%d" % self._open[::-1].index(id(value)))
        self._open.append(id(value))
        found = self._of_object(value)
        self._open.pop()
        self._known[id(value)] = value, found
        return found

    def _all(self, kind: str, values: Iterable[Any]) -> bytes:
        return _tree(kind, map(self.of, values))

    def _of_object(self, value: Any) -> bytes:
        match value:
            case ClosedJaxpr():
                return self._all("closed", [value.jaxpr, *value.consts])
            case Jaxpr():
                return self._of_jaxpr(value)
            case Tracer():
                return self.of(jax.typeof(value))
            case np.ndarray() | np.generic() | jax.Array():
                return self._of_array(value)
            case np.dtype():
                return _raw("dtype", str(value).encode())
            case enum.Enum():
                return self._all("member", [type(value), value.name])
            case tuple() | list():
                return self._all("sequence", [type(value), *value])
            case Mapping():
                items = (self._all("item", item) for item in value.items())
                return _tree("mapping", sorted(items))
            case Set():
                return _tree("set", sorted(map(self.of, value)))
            case jtu.PyTreeDef():
                node = value.node_data() or (None, None)
                return self._all("tree", [*node, value.num_leaves, *value.children()])
            case functools.partial():
                return self._all("partial", [value.func, value.args, value.keywords])
            case types.MethodType():
                return self._all("method", [value.__func__, value.__self__])
            case types.FunctionType():
                return self._of_function(value)
            case Compared():
                return self._of_function(value.function, value.closed)
            case types.CodeType():
                return self._of_code(value)
            case types.CellType():
                return self._all("cell", _contents(value))
            case types.ModuleType():
                return _raw("module", value.__name__.encode())
            case type():
                return self._of_class(value)
            case _ if type(value) is object:
                return _raw("sentinel", b"")
            case _ if dataclasses.is_dataclass(value):
                fields = [getattr(value, f.name, None) for f in dataclasses.fields(value)]
                return self._all("dataclass", [type(value), fields])
            case _:
                return self._of_other(value)

    def _of_jaxpr(self, jaxpr: Jaxpr) -> bytes:
        """Operation by operation; variables are numbered as they come."""
        number: dict[Any, int] = {}

        def introduce(variables: Iterable[Any]) -> list[Any]:
            return [(number.setdefault(v, len(number)), v.aval) for v in variables]

        def read(atoms: Iterable[Any]) -> list[Any]:
            return [
                (a.aval, np.asarray(a.val)) if isinstance(a, Literal) else number[a] for a in atoms
            ]

        lines: list[Any] = [introduce([*jaxpr.constvars, *jaxpr.invars])]
        for eqn in jaxpr.eqns:
            name = eqn.primitive.name
            beside = BESIDE.get(name, ())
            carried = {k: v for k, v in eqn.params.items() if k not in beside}
            random = getattr(eqn.ctx, "threefry_partitionable", None)
            lines.append((name, random, read(eqn.invars), carried, introduce(eqn.outvars)))
        return self._all("jaxpr", [*lines, read(jaxpr.outvars)])

    def _of_array(self, array: Any) -> bytes:
        if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
            return self._all("key", [str(jr.key_impl(array)), jr.key_data(array)])
        plain = np.asarray(array)
        if plain.dtype.hasobject:
            return self._all("objects", [plain.shape, plain.ravel().tolist()])
        return _raw(f"array {plain.dtype}{plain.shape}", plain.tobytes())

    def _by_name(self, module: str | None) -> bool:
        return (module or "").partition(".")[0] in self._named or _is_installed(module)

    # --- what is called from a program, outside of it --------------------------------------

    def _of_function(self, function: types.FunctionType, closed: bool = True) -> bytes:
        """What a function does: its code, and all that the code reads, what its closure holds only
        if it is `closed`.

        A function of an installed library is known by its name, and one within it by its code.
        """
        defaults = [function.__defaults__, list((function.__kwdefaults__ or {}).values())]
        held = [*defaults, *(function.__closure__ or () if closed else ())]
        if function.__module__ in RAISING:
            return _raw("raising", _name(function).encode())
        if self._by_name(function.__module__):
            local = [function.__code__] if "<locals>" in function.__qualname__ else []
            return self._all("installed", [_name(function), *local, *held])
        return self._all("function", [function.__code__, *self._globals(function), *held])

    def _globals(self, function: types.FunctionType) -> list[Any]:
        """Every global that the code names, and of modules of the user what it takes of them."""
        names = _names(function.__code__)
        found = []
        for name in names:
            if name not in function.__globals__:
                continue
            value = function.__globals__[name]
            found.append(value)
            if isinstance(value, types.ModuleType) and not _is_installed(value.__name__):
                found += [vars(value)[n] for n in names if n in vars(value)]
        return found

    def _of_code(self, code: types.CodeType) -> bytes:
        return self._all("code", [code.co_code, code.co_consts, code.co_names])

    def _of_class(self, cls: type) -> bytes:
        if self._by_name(cls.__module__):
            return _raw("class", _name(cls).encode())
        own = [_plain(v) for name, v in vars(cls).items() if name not in BOOKKEEPING]
        body = [v for v in own if isinstance(v, types.FunctionType | NUMERIC)]
        return self._all("class", [*cls.__bases__, *body])

    def _of_other(self, value: Any) -> bytes:
        """Builtins by name, wrappers by what they wrap, objects by their state."""
        if type(value).__module__.partition(".")[0] in ("jax", "jaxlib"):
            text = repr(value)
            if "0x" not in text and "object at" not in text:  # an address
                return _raw("described", f"{type(value).__name__} {text}".encode())
        if (wrapped := getattr(value, "__wrapped__", None)) is not None:
            return self._all("wrapped", [type(value), wrapped])
        if isinstance(value, types.BuiltinFunctionType):
            owner = value.__self__
            return self._all("builtin", [value.__qualname__, owner])
        if hasattr(value, "__qualname__"):
            return _raw("builtin", value.__qualname__.encode())
        try:
            made = value.__reduce_ex__(2)
        except Exception as error:
            raise TypeError(
                "what the function computes cannot be digested, because it calls back into Python "
                f"with {value!r}, which has no lasting form ({error})."
            ) from error
        if isinstance(made, str):
            return self._all("global", [type(value), made])
        make, arguments, *state = made
        parts = [list(s) if s is not None and i else s for i, s in enumerate(state)]
        return self._all("object", [make, arguments, *parts])


def _atom(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, float):
        return float(value).hex().encode()
    if isinstance(value, complex):
        return f"{float(value.real).hex()} {float(value.imag).hex()}".encode()
    return str(value).encode("utf-8", "surrogatepass")


def _plain(member: Any) -> Any:
    """The function behind a method, a property or a decorator, or what it is."""
    behind = ("__func__", "fget", "func", "__wrapped__")
    return next((getattr(member, name) for name in behind if hasattr(member, name)), member)


def _contents(cell: types.CellType) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # not filled yet
        return []


def _names(code: types.CodeType) -> list[str]:
    """All names of globals and attributes in a function and the functions in it."""
    inner = [n for c in code.co_consts if isinstance(c, types.CodeType) for n in _names(c)]
    return [*code.co_names, *inner]


@functools.cache
def _libraries() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple({paths[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib")})


def _is_installed(module: str | None) -> bool:
    """Whether a module belongs to Python or to an installed package."""
    top = (module or "").partition(".")[0]
    if top in sys.stdlib_module_names:
        return top != "__main__"
    files = (getattr(sys.modules.get(name), "__file__", None) for name in (top, module or ""))
    return any(file.startswith(_libraries()) for file in files if file)
