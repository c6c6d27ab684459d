"""Programs: compiled functions, kept by what they are given and by what the functions among that
read, so that another number that one of those reads is another program; and how they are compiled.
"""

import functools
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxlib
from jax.core import Tracer

from ._dynamics import forward_only
from ._reads import Reader, Reads, logs, reads

F = TypeVar("F", bound=Callable[..., Any])

_FEW = 30_000  # numbers that a program holds, between which little time is lost in slower loops

_SOME = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
"""The compiler's options by which it takes two to four fifths of the time, for a program that runs
as fast where its numbers are few, and no network's."""

_LITTLE = {
    **_SOME,
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}
"""Those by which it takes a quarter to a half, for a program that runs up to half as long again."""


def compiled_with(effort: Literal["full", "some", "little"]) -> Callable[[F], F]:
    """`equinox.filter_jit`, whose programs are kept by what the functions among the arguments read
    as well.

    Where nothing that is given or read is traced, nobody can take a derivative of what comes out:
    the program is that of dynamics that are differentiated `forward_only`.

    **Arguments:**

    - `effort`: of the compiler, as long as numbers are few: "full" for what may run long on
      anything, "some" for what may run long in few dimensions, "little" for what runs briefly.
    """
    options = {"full": None, "some": _SOME, "little": _LITTLE}[effort]
    return lambda function: _compiled(function, options)


def _compiled(function: F, options: dict[str, Any] | None) -> F:
    def run(read: Reads, traced: bool, args: Any, kwargs: Any) -> Any:
        _traced.count += 1
        if not traced:
            args, kwargs = forward_only((args, kwargs))
        return function(*args, **kwargs)

    run.__name__, run.__qualname__ = function.__name__, function.__qualname__
    program = eqx.filter_jit(run)
    # Equinox passes on to `jax.jit` what it does not know, but does not say so in its types.
    quicker = eqx.filter_jit(run, compiler_options=options)  # pyright: ignore[reportCallIssue]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        reader = Reader((function, args, kwargs))
        before = _written.get(reader.record, reader.record)
        if reader.loops:
            _forget_traced_loops(reader.functions)
        chosen = quicker if options and _may_choose(reader) else program
        traced = _traced.count
        result = chosen(before, reader.traced, args, kwargs)
        if _traced.count > traced:
            _notice_writes(reader, (function, args, kwargs), before)
        return result

    return call  # pyright: ignore[reportReturnType]


compiled = compiled_with("full")


def _may_choose(reader: Reader) -> bool:
    """Whether the options can be given, which are those of one version and of CPUs, and only to a
    program that is not a part of another one; and whether its numbers are few."""
    return (
        reader.size <= _FEW
        and not reader.traced
        and jaxlib.version.__version_info__[:2] == (0, 10)
        and jax.default_backend() == "cpu"
        and not isinstance(jnp.asarray(0), Tracer)
    )


class _Traced(threading.local):
    """How many programs were traced in a thread."""

    count = 0


_traced = _Traced()

_read_by_functions: Any = weakref.WeakKeyDictionary()
"""What functions among which there are loops have read."""


def _forget_traced_loops(functions: list[types.FunctionType]) -> None:
    """JAX keeps its trace of a body of a loop, whatever that reads, as long as it is the same
    function: where one reads something else than before, all that was traced is forgotten."""
    changed = False
    for function in functions:
        now = reads(function)
        changed |= _read_by_functions.get(function, now) != now
        _read_by_functions[function] = now
    if changed:
        jax.clear_caches()


_written: dict[Reads, Reads] = {}
"""Of functions that write to what they read while they are traced, such as a list of their calls:
the record after tracing, and the one before, of which the program is."""


def _notice_writes(before: Reader, tree: Any, record: Reads) -> None:
    """Whatever functions write to while they are traced, such as a list of their calls, makes no
    other program of what was traced."""
    if Reader(tree).record == before.record:
        return
    for grown, length in before.lists:
        if len(grown) > length:
            logs[id(grown)] = grown
    _written[Reader(tree).record] = record
