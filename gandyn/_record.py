"""Runs that are looked at, not kept: what an observer makes of the state at some times, and the
last state, from which the run goes on.

Each look begins where the one before was: z_i = evolve(z_{i-1}, [t_{i-1}, t_i]) and seen_i =
observe(z_i). So a run that is cut at a look and gone on with is the same run, bit for bit, be it
that of a flow with adaptive steps.
"""

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Int, PyTree, Real

from . import _checks as checks
from ._compiled import compiled_with
from ._digest import of_value
from ._door import begin
from ._dynamics import AbstractDynamics
from ._export import is_array
from ._phase import State, as_precise
from ._result import Result
from ._sweep._looks import Looks
from ._types import Key, Players

Observer = Callable[[State], PyTree] | Mapping[str, Any]
Identity = tuple[tuple[str, str], ...]

_LOOKS = (64, 4096)  # the fewest and the most that one call of the program has room for
_ROOM = 2**20  # bytes of what they see

_UNKNOWN = "not known"


class Record(Result):
    """What was seen of a run, and where it is.

    **Fields:**

    - `ts`: the times of the looks, the first of them that of the start.
    - `seen`: what was observed; every leaf has a leading axis for the times.
    - `final`: the state at the last time, memory included.
    - `key`: the realization of everything random.
    - `identity`: of the dynamics: what each of its parts is, by name, as text.
    - `unit`: of the times, "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {"ts": ("time",), "seen": ("time",)}
    coordinates: ClassVar[Mapping[str, str]] = {"time": "ts"}

    ts: Real[Array, " time"]
    seen: PyTree
    final: State
    key: Key
    identity: Identity = eqx.field(static=True, repr=False)
    unit: str = eqx.field(static=True)

    @property
    def step(self) -> Real[Array, ""]:
        """Where the run is: the number of its last step, or the time that a flow has come to."""
        return self.ts[-1]

    @property
    def players(self) -> Players:
        """The players at the last time."""
        return self.final.players


def record(
    dynamics: AbstractDynamics,
    start: Players | State | Record,
    ts: Any,
    observe: Observer,
    *,
    key: Key = None,
    store: str | os.PathLike[str] | None = None,
) -> Record:
    """A run of a rule or a flow that is looked at: its memory does not grow with the steps, nor
    with the looks beyond what is seen. `simulate` keeps the players themselves.

    **Arguments:**

    - `dynamics`: a rule (`gandyn.methods`, `gandyn.rules`) or a flow (`gandyn.flows`).
    - `start`: the start, one pytree per player, or a `State`. A `Record` goes on, bit for bit as if
      it had not ended; what is returned has all its looks.
    - `ts`: the times of the looks, shape `(time,)`, as for `simulate`; `ts[0]` is the time of the
      start, which for a `Record` is its last one.
    - `observe`: what is kept: a function of a `State` to any pytree of arrays, or a dict of such
      functions: `{"modes": gandyn.modes.Watch(gan, law), "players": lambda state: state.players}`.
    - `key`: one realization of everything random, as for `simulate`; a `Record` has its own.
    - `store`: a directory to keep the looks in as they come, and the state that they came to. When
      the process dies, the same call goes on from there. `xarray.open_zarr` reads it, as it does
      the store of a `sweep`.

    **Warns:** if the integrator of a flow used up its `max_steps`, outside of transformations.

    **Raises:** `ValueError` if a `Record`, or what is in the `store`, is of another run: by what it
    differs. `TypeError` if `observe` returns what is no array.

    Not to be differentiated backwards: `simulate` is.
    """
    before = start if isinstance(start, Record) else None
    if isinstance(start, Record):
        start, key = start.final, _its_key(start, key)
    dynamics, state = begin(dynamics, start, key, name="start")
    times = jnp.asarray(as_precise(dynamics.clock.times(ts), state))
    identity = _identity(dynamics)
    like = _shapes(observe, state)
    if before is not None:
        _check_goes_on(before, identity, times, like)
    # A run that goes on has had its first look.
    ends = times if before is not None else jnp.concatenate([times[:1], times])
    run = _Run(dynamics, ends, key, observe)
    if store is not None:
        checks.untraced("`record` with a `store`", dynamics, state, ends, key)
        final, seen = _in_store(store, run, state, like, identity)
    elif checks.is_concrete((dynamics, state, ends, key)):
        final, seen = _in_memory(run, state, like)
    else:
        final, seen = _looks(dynamics, state, ends, len(ends) - 1, key, observe)
    if before is not None:
        times = jnp.concatenate([before.ts, times[1:]])
        seen = jax.tree.map(lambda old, new: jnp.concatenate([old, new]), before.seen, seen)
    if dynamics.limited and checks.is_concrete(final) and bool(dynamics.unfinished(final)):
        dynamics.warn_unfinished("the run is nan from there on")
    return Record(times, seen, final, key, identity, dynamics.unit)


class _Run(NamedTuple):
    """What is looked at: look i ends at `ends[i + 1]`, and begins where the one before ended."""

    dynamics: AbstractDynamics
    ends: Real[Array, " ends"]
    key: Key
    observe: Observer

    def __call__(self, state: State, first: int, count: int, room: int) -> tuple[State, PyTree]:
        """Some of the looks, from the state before them on, by a program with room for more."""
        ends = self.ends[first : first + count + 1]
        ends = jnp.concatenate([ends, jnp.repeat(ends[-1:], room - count)])
        state, seen = _looks(self.dynamics, state, ends, jnp.asarray(count), self.key, self.observe)
        return state, jax.tree.map(lambda x: x[:count], seen)


def _in_memory(run: _Run, state: State, like: PyTree) -> tuple[State, PyTree]:
    each = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(like))
    n, room = len(run.ends) - 1, int(np.clip(_ROOM // max(each, 1), *_LOOKS))
    parts = []
    for first in range(0, max(n, 1), room):
        state, some = run(state, first, min(room, n - first), room)
        parts.append(some)
    return state, jax.tree.map(lambda *xs: jnp.concatenate(xs), *parts)


def _in_store(
    store: Any, run: _Run, state: State, like: PyTree, identity: Identity
) -> tuple[State, PyTree]:
    what = dict(identity) | {
        "start": _digest(jax.tree.leaves(state)),
        "key": _digest(run.key),
        "observe": _digest(run.observe),
    }
    return Looks(store, run.ends[1:], like, what).filled(run, state)


@compiled_with("some")
def _looks(
    dynamics: AbstractDynamics,
    state: State,
    ends: Real[Array, " ends"],
    count: int | Int[Array, ""],
    key: Key,
    observe: Observer,
) -> tuple[State, PyTree]:
    seen = jax.tree.map(
        lambda x: jnp.zeros((len(ends) - 1, *x.shape), x.dtype), _shapes(observe, state)
    )

    def once(i: Array, carried: tuple[State, PyTree]) -> tuple[State, PyTree]:
        state, seen = carried
        both = jax.lax.dynamic_slice_in_dim(ends, i, 2)
        state = jax.tree.map(lambda x: x[-1], dynamics.evolve(state, both, key))
        new = _observed(observe, state)
        return state, jax.tree.map(lambda old, one: old.at[i].set(one), seen, new)

    return jax.lax.fori_loop(0, count, once, (state, seen))


def _observed(observe: Observer, state: State) -> PyTree:
    if isinstance(observe, Mapping):
        return {name: _observed(one, state) for name, one in observe.items()}
    return jax.tree.map(lambda x: jnp.asarray(x) if is_array(x) else x, observe(state))


def _shapes(observe: Any, state: State, name: str = "observe") -> PyTree:
    """Shapes and dtypes of what is seen, held to be arrays of numbers."""
    if isinstance(observe, Mapping):
        return {key: _shapes(one, state, f"{name}[{key!r}]") for key, one in observe.items()}
    if not callable(observe) or (reason := checks.misfit(observe, "state")):
        raise TypeError(
            f"`{name}` must be a function of a `State`, as `lambda state: state.players`, or a "
            f"dict of such functions, but is {checks.shown(observe)}"
            + (f", which takes something else: {reason}." if callable(observe) else ".")
        )
    found = eqx.filter_eval_shape(partial(_observed, observe), state)
    for path, leaf in jtu.tree_leaves_with_path(found):
        kind = getattr(leaf, "dtype", None)
        if kind is None or jnp.issubdtype(kind, jax.dtypes.extended):
            raise TypeError(
                f"`{name}` must return arrays of numbers, but {jtu.keystr(path) or 'it'} is "
                f"{checks.shown(leaf)}."
            )
    return found


# --- whether it is the same run ------------------------------------------------------------


def _identity(dynamics: AbstractDynamics) -> Identity:
    """By what another dynamics is told: its numbers, and what is made of them, by name."""
    leaves, structure = jtu.tree_flatten_with_path(dynamics)
    parts = [(f"dynamics{jtu.keystr(path)}", _told(leaf)) for path, leaf in leaves]
    return (*parts, ("what `dynamics` is made of", _told(structure)))


def _told(part: Any) -> str:
    """A number, or the digest of whatever it is."""
    if isinstance(part, Tracer):
        return _UNKNOWN
    if eqx.is_inexact_array_like(part) and np.ndim(part) == 0:
        return repr(np.asarray(part).item())
    try:
        digest = _digest(part)[:16]
    except TypeError:  # what has no lasting form
        return _UNKNOWN
    return f"{part.dtype}{list(part.shape)} {digest}" if eqx.is_array(part) else digest


def _digest(part: Any) -> str:
    return of_value(part, ("gandyn",))


def _its_key(before: Record, key: Key) -> Key:
    """The key of a record, held to be the one that is given, if one is."""
    if key is not None and checks.is_concrete((checks.key(key), before.key)):
        same = before.key is not None and _digest(before.key) == _digest(key)
        if not same:
            raise ValueError(
                "`start` is the record of a run with another `key`: leave `key` out, and the run "
                "goes on with its own; or start a new one from `start.final`."
            )
    return before.key


def _differences(there: dict[str, str], here: dict[str, str]) -> list[str]:
    """What differs between two dynamics, one phrase for each number; or only that they are made of
    different things."""
    if there.keys() != here.keys():
        return ["its dynamics is made of other things than this one"]
    return [
        f"{name} is {was} there and {here[name]} here"
        for name, was in there.items()
        if was != here[name] and _UNKNOWN not in (was, here[name])
    ]


def _check_goes_on(before: Record, identity: Identity, ts: Array, like: PyTree) -> None:
    if differ := _differences(dict(before.identity), dict(identity)):
        raise ValueError(
            f"`start` is the record of another run: {'; '.join(differ)}. To go on with this "
            "dynamics from where that run is, start from `start.final`."
        )
    if checks.is_concrete((ts, before.ts)) and ts[0] != before.step:
        raise ValueError(
            f"`ts` must begin where the run is, at {before.step}, but begins at {ts[0]}."
        )
    seen = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), before.seen)
    if jax.tree.structure(seen) != jax.tree.structure(like) or jax.tree.leaves(
        seen
    ) != jax.tree.leaves(like):
        raise ValueError(
            f"`observe` must return what was seen before, {eqx.tree_pformat(seen)}, but returns "
            f"{eqx.tree_pformat(like)}."
        )
