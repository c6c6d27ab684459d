"""Continuation: a branch of equilibria or of cycles followed through a hyper-parameter, around its
folds, and the branches that cross it or are born on it.

The equilibria of a family of dynamics form curves in the states and the parameter, and so do its
cycles in a point on them, the period and the parameter. Such a curve is followed in its length, by
steps along its tangent that are corrected across it. Keller, "Numerical solution of bifurcation and
nonlinear eigenvalue problems", 1977; Kuznetsov, "Elements of Applied Bifurcation Theory",
chapter 10.
"""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from ... import _checks as checks
from ... import _numerics as numerics
from ..._compiled import compiled_with
from ..._door import begin
from ..._dynamics import AbstractDynamics
from ..._family import Family, Line, checked_family
from ..._phase import State, as_precise, coordinates, vector
from ..._progress import bar
from ..._result import Result
from ..._types import Key, Number, Players
from ..local._equilibrium import equilibrium
from ..local._rounding import close, decays
from ..local._spectrum import per
from ..orbits._cycle import Cycle, extent
from ..orbits._floquet import PIECES
from ._branch import CLOSED, AbstractCurve, Bifurcation, Point, Walk, meet, seen, upwards, walk
from ._curves import Bounds, CycleCurve, cycle_curve, equilibrium_curve
from ._edge import Make, one_interval
from ._switch import switched


class Continuation(Result):
    """A branch of equilibria or cycles, stable or not, in the order in which it runs.

    **Fields:**

    - `parameter`: the value of the hyper-parameter at each point; it need not increase.
    - `players`: of each point, an equilibrium or one point on the cycle; every leaf has a leading
      axis for them.
    - `period`: of the cycles, in steps or units of time; 0 for equilibria.
    - `low`, `high`: how far each coordinate of the players goes along the cycle, among 240
      times for a flow; of equilibria, the players.
    - `exponents`: the spectrum at each, complex, fastest growing first, per `unit`: of cycles
      Floquet's, for a flow without the 0 that belongs to the direction along the cycle, and no
      better known than its integrator resolves their multipliers: of one below its tolerances
      nothing is known but that it decays.
    - `bifurcations`: what was passed, in order.
    - `neutral`: where a disturbance neither grows nor decays, as far as rounding can tell.
    - `ends`: in words, why the branch was not followed beyond its first and its last point.
    - `converged`: whether either end has a reason of its own.
    - `name`: of the hyper-parameter.
    - `unit`: "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "parameter": ("point",),
        "players": ("point",),
        "period": ("point",),
        "low": ("point",),
        "high": ("point",),
        "neutral": ("point",),
        "exponents": ("point", "mode"),
    }
    coordinates: ClassVar[Mapping[str, str]] = {"point": "parameter"}

    parameter: Float[Array, " point"]
    players: Players
    period: Float[Array, " point"]
    low: Players
    high: Players
    exponents: Complex[Array, "point mode"]
    neutral: Bool[Array, " point"]
    bifurcations: tuple[Bifurcation, ...]
    ends: tuple[str, str] = eqx.field(static=True)
    converged: tuple[bool, bool] = eqx.field(static=True)
    name: str = eqx.field(static=True)
    unit: str = eqx.field(static=True)

    @property
    def stable(self) -> Bool[Array, " point"]:
        """Whether all disturbances decay, beyond what rounding could make of those that do not."""
        return decays(self.exponents, self.neutral)


def continuation(
    family: Family,
    players: Players | State | Cycle | Bifurcation,
    bounds: Mapping[str, Any],
    *,
    start: Number | None = None,
    key: Key = None,
    resolution: int = 32,
    max_points: int = 2000,
    progress: bool | None = None,
) -> Continuation:
    """The branch of equilibria or cycles through a given one, as a hyper-parameter varies; not to
    be traced.

    It is followed, around folds, until the parameter leaves the bounds, the branch closes on
    itself, or no next point is found; one of cycles also until they shrink to an equilibrium in a
    Hopf bifurcation or to cycles of half the period, or their period grows without bound.

    Bifurcations of equilibria and of cycles of a rule are located to half the digits or better,
    those of cycles of a flow as well as its integrator allows. Those in which a disturbance begins
    to grow and ceases to within one step are missed, as they are with any method that looks at
    points: a larger `resolution` tells them apart.

    At a branch point it goes on along the same branch. The other one, or what is born, is followed
    from a `Bifurcation` of the result: the equilibria (or cycles of a rule) that cross at a
    pitchfork or a transcritical bifurcation, the cycles born at a Hopf bifurcation, those of twice
    the period at a period doubling.

    **Arguments:**

    - `family`: the dynamics, rules or flows: `gandyn.family(lambda h: simultaneous(game, h))`; all
      its numbers but one fixed, by `at`.
    - `players`: the equilibrium at `start`, or near it, or a `State`; or the `Cycle` at `start`,
      from `gandyn.cycle(family(h=start), ...)`; or a `Bifurcation`.
    - `bounds`: `{name: (low, high)}`: the number that varies, and how far.
    - `start`: where the branch is entered, by default the lower bound; not with a `Bifurcation`,
      which has its own. From within the bounds it is followed both ways. Not where it turns back,
      or meets another.
    - `key`: one realization of everything random.
    - `resolution`: how many points, at least, a branch has from one bound to the other: about so
      many where it is straight, and more where it bends or grows many times over.
    - `max_points`: when to give up, either way.
    - `progress`: whether to count the points while it runs. By default only on a terminal.

    **Raises:** `ValueError` if there is no equilibrium or cycle near `players` to start from, if
    cycles come in families there, or if no branch is born at a bifurcation that can be followed.

    **Warns:** if the branch ends within the bounds without a reason of its own.
    """
    checks.untraced("`continuation`", players, bounds, start)
    name, low, high = one_interval(bounds)
    make = eqx.Partial(_forwards, Line(checked_family(family), name))
    resolution = checks.count("resolution", resolution)
    max_points = checks.count("max_points", max_points)
    if isinstance(players, Bifurcation):
        if start is not None:
            raise ValueError(
                "`start` must be left out, because the branch starts at the bifurcation, at "
                f"{float(players.parameter):g}, but is {checks.shown(start)}."
            )
        low, high = as_precise((low, high), players.state)
        curve, points, down, up = _other(make, players, (low, high), key, resolution)
    else:
        entry = low
        if start is not None:
            entry = checks.number("start", start, low=float(low), high=float(high))
        if isinstance(players, Cycle):
            entry, low, high = as_precise((entry, low, high), players.state)
            curve, origin = _cycle_at(make, players, entry, (low, high), key)
        else:
            _, state = begin(make(entry), players, key, settled=True)
            entry, low, high = as_precise((entry, low, high), state)
            curve, origin = _equilibrium_at(make, state, entry, (low, high), key)
        points = [origin]
        down = up = f"started at {float(entry):g}"
        if entry > low:
            down = origin.facing(-upwards(origin.u))
        if entry < high:
            up = origin

    walks = []
    with bar("points", None, progress) as shown:
        for way in (down, up):
            if walks and walks[0].end == CLOSED:
                way = CLOSED
            if isinstance(way, str):
                walks.append(Walk([], [], way))
            else:
                walks.append(walk(way, resolution, max_points, shown))
    for end in (w.end for w in walks if w.broken):
        warnings.warn(f"the branch {end}.", stacklevel=2)
    down, up = walks
    points = [*down.points[::-1], *points, *up.points]
    views = [seen(point.curve, jnp.asarray(point.u)) for point in points]
    # Stacked on the host, where their number is no part of a program.
    states, lowest, highest, periods, times = jax.tree.map(
        lambda *leaves: jnp.asarray(np.stack(leaves)), *views
    )
    us = np.stack([point.u for point in points])
    exponents = jnp.asarray(np.stack([point.exponents for point in points]))
    exponents = per(times, exponents)
    # Exponents are no better known than the points that they are of.
    error = max(numerics.solved(low.dtype), curve.rounding)
    clock = make(low).clock
    return Continuation(
        curve.parameter(jnp.asarray(us)),
        states.players,
        periods,
        lowest,
        highest,
        exponents,
        close(exponents, jnp.full(len(points), error, low.dtype), clock),
        (*down.bifurcations[::-1], *up.bifurcations),
        (down.end, up.end),
        (not down.broken, not up.broken),
        name,
        clock.unit,
    )


def _forwards(make: Make, parameter: Any) -> AbstractDynamics:
    return make(parameter).forward_only()


def _equilibrium_at(
    make: Make, state: State, start: Array, bounds: Bounds, key: Key
) -> tuple[AbstractCurve, Point]:
    """The curve of equilibria, and the point to start from."""
    found = equilibrium(make(start), state, key=key)
    if not found.converged:
        raise ValueError(
            f"there is no equilibrium near `players` at the parameter {float(start):g}, from which "
            f"to follow a branch: the root finder ended with a residual of {found.residual:.2g}. "
            "Give players nearer to one, or another `start`."
        )
    curve = equilibrium_curve(make, found.state, bounds, key)
    u = curve.point(coordinates(found.state)[0], start)
    origin, _ = meet(curve, u, upwards(u))
    if origin is None:
        raise ValueError(
            f"the branch has no direction at the parameter {float(start):g}: the dynamics has no "
            "derivative there."
        )
    return curve, origin


def _cycle_at(
    make: Make, cycle: Cycle, start: Array, bounds: Bounds, key: Key
) -> tuple[AbstractCurve, Point]:
    """The curve of cycles, and the point to start from."""
    if not np.all(cycle.converged):
        raise ValueError(
            "`players` is a Cycle that was not found, all nan: look at its `converged`, and give "
            "`gandyn.cycle` a better guess."
        )
    if np.ndim(cycle.period):
        raise ValueError(
            f"`players` must be one Cycle, but has {np.size(cycle.period)}: give one of them."
        )
    x, _ = coordinates(cycle.state)
    orbit = jax.vmap(vector)(cycle.orbit)
    period, steps = float(cycle.period), len(orbit) - 1
    if make(start).clock.whole:
        if steps != period:
            raise ValueError(
                "the family is one of rules, but `players` is a Cycle of a flow, of period "
                f"{period:g}: `gandyn.rules.TimeMap` makes a rule of a flow."
            )
        curve = equilibrium_curve(make, cycle.state, bounds, key, steps)
    elif steps == period != PIECES:
        raise ValueError(
            "the family is one of flows, but `players` is a Cycle of a rule, of period "
            f"{steps} steps."
        )
    else:
        curve = cycle_curve(make, cycle.state, cycle.period, bounds, key)
    u = curve.point(x, start)
    origin, _ = meet(curve, u, upwards(u))
    near = 0.1 * extent(orbit) / np.asarray(curve.scale)
    if origin is None or np.any(np.abs(origin.u - u)[: x.size] > near):
        origin, matrix = None, _matrix(curve, jnp.asarray(u))
    else:
        matrix = origin.matrix
    sizes = np.linalg.svd(matrix, compute_uv=False)
    if isinstance(curve, CycleCurve) and sizes[-1] <= curve.rounding**0.6 * sizes[0]:
        raise ValueError(
            f"the branch has no direction at the parameter {float(start):g}: there is a family "
            "of cycles (of different values of an invariant), or branches meet there."
        )
    if origin is None:
        raise ValueError(
            f"there is no cycle near `players` at the parameter {float(start):g}, from which to "
            "follow a branch: `start` must be the value at which it was found, and the family's "
            "dynamics there the one that it was found in."
        )
    return curve, origin


@compiled_with("little")
def _matrix(curve: AbstractCurve, u: Float[Array, " u"]) -> Float[Array, "m u"]:
    return curve.look(u)[1]


def _other(
    make: Make, at: Bifurcation, bounds: Bounds, key: Key, resolution: int
) -> tuple[AbstractCurve, list[Point], Point | str, Point | str]:
    """The curve of the branch that starts at a bifurcation, its first points, and for either way
    one of them or why there is none."""
    low, high = (float(bound) for bound in bounds)
    checks.number("the parameter of the bifurcation", at.parameter, low=low, high=high)
    curve, firsts = switched(make, at, bounds, key, 0.1 / resolution)
    points, ways = [], []
    for first in firsts:
        if first is None:
            ways.append(f"was lost at the {at.kind} at {float(at.parameter):g}")
        elif not curve.ends[0] <= first.u[-1] <= curve.ends[1]:
            ways.append(f"left the bounds at {low if first.u[-1] < curve.ends[0] else high:g}")
        else:
            points.append(first)
            ways.append(first)
    if not points:
        raise ValueError(
            f"no branch that starts at the {at.kind} at {float(at.parameter):g} could be followed "
            f"within the bounds: it {ways[0]}."
        )
    if len(ways) == 1:
        ways = [f"was born in the {at.kind} at {float(at.parameter):g}", *ways]
    return curve, points, ways[0], ways[1]
