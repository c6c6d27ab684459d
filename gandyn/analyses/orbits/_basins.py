"""Basins of attraction: which starts end where."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ... import _checks as checks
from ..._compiled import compiled_with
from ..._door import begin
from ..._dynamics import AbstractDynamics
from ..._phase import State, coordinates
from ..._result import Result
from ..._types import Key, Number, Players
from .._names import plane_names
from .._plane import Plane, plane_of
from ._ends import ESCAPED, STRETCHES, UNDECIDED, Runner, follow, outside


class Basins(Result):
    """Which starts of a grid end where.

    **Fields:**

    - `x`, `y`: the grid.
    - `labels`: which attractor each start ends on; -1 if it escapes, -2 if it is undecided.
    - `times`: when that was known; nan where it never was.
    - `low`, `high`: the corners of the box that each attractor fills, in the coordinates of the
      players; both are an equilibrium itself.
    - `attracts`: false for an equilibrium that repels some of its neighbors, so that only those
      starts end there which lie exactly so.
    - `names`, `plane`: of the coordinates that vary, and which they are.
    - `crawling`: how many of the undecided starts hardly move, and yet are near no equilibrium.
    - `unit`: of the times, "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "x": ("x",),
        "y": ("y",),
        "labels": ("y", "x"),
        "times": ("y", "x"),
        "low": ("attractor", "coordinate"),
        "high": ("attractor", "coordinate"),
        "attracts": ("attractor",),
    }
    coordinates: ClassVar[Mapping[str, str]] = {"x": "x", "y": "y"}

    x: Float[Array, " x"]
    y: Float[Array, " y"]
    labels: Int[Array, "y x"]
    times: Float[Array, "y x"]
    low: Float[Array, "attractor coordinate"]
    high: Float[Array, "attractor coordinate"]
    attracts: Bool[Array, " attractor"]
    names: tuple[str, str] = eqx.field(static=True)
    plane: tuple[int, int] = eqx.field(static=True)
    crawling: int = eqx.field(static=True)
    unit: str = eqx.field(static=True)

    @property
    def centers(self) -> Float[Array, "attractor coordinate"]:
        """The middle of each attractor's box."""
        return (self.low + self.high) / 2

    @property
    def shares(self) -> Float[Array, " attractor"]:
        """The share of the starts that end on each attractor."""
        return self._share(self.labels[None] == jnp.arange(len(self.low))[:, None, None])

    @property
    def errors(self) -> Float[Array, " attractor"]:
        """The standard errors of the shares, as if the starts were drawn at random. Those of a grid
        lie nearer to the truth."""
        return jnp.sqrt(self.shares * (1 - self.shares) / self.labels.size)

    @property
    def escaped(self) -> Float[Array, ""]:
        """The share of the starts that escape."""
        return self._share(self.labels == ESCAPED)

    @property
    def undecided(self) -> Float[Array, ""]:
        """The share of the starts that did not end in their time: give a longer `duration`."""
        return self._share(self.labels == UNDECIDED)

    @property
    def boundary(self) -> Float[Array, ""]:
        """The share of the starts that have a neighbor, left, right, above or below, with another
        label: where the outcome is a matter of a hair."""
        x = self.labels[:, 1:] != self.labels[:, :-1]
        y = self.labels[1:] != self.labels[:-1]
        edge = jnp.zeros(self.labels.shape, bool)
        edge = edge.at[:, 1:].max(x).at[:, :-1].max(x).at[1:].max(y).at[:-1].max(y)
        return self._share(edge)

    def _share(self, which: Bool[Array, "*some y x"]) -> Float[Array, "*some"]:
        """The share of the starts, in the precision of the grid."""
        return jnp.mean(which, axis=(-2, -1), dtype=self.x.dtype)


def basins(
    dynamics: AbstractDynamics,
    players: Players,
    box: Any = (-2.0, 2.0),
    *,
    plane: tuple[int, int] = (0, 1),
    key: Key = None,
    nodes: int | Sequence[int] = 101,
    duration: Number = 10_000,
    tolerance: Number = 1e-3,
    escape: Number = 1e6,
    progress: bool | None = None,
) -> Basins:
    """The basins of attraction of a rule or a flow on a grid of starts; not to be traced.

    Nothing need be known of the attractors. A start has ended on an equilibrium when it stays
    within `tolerance` for 1/64 of the `duration`, and a root of the residual is there; on a cycle
    (of a flow, or an invariant circle of a rule), if it goes on through the `duration` and then
    fills the same box, to 1 %, twice more: a rule in a quarter of it each, a flow in 128 times its
    own size or what a quarter allows. Boxes that agree to 4 % are one cycle, if it brings back what
    is displaced by a tenth of its size; more than 16 different ones are a continuum. What does not
    attract, like the circles around a center, is undecided. Chaos that fills its box as evenly
    is not told from a cycle here; from one start, `settles_on` tells it.

    **Arguments:**

    - `dynamics`: a rule or a flow. Its memory starts fresh.
    - `players`: a point of the plane; it gives the coordinates that do not vary.
    - `box`: `((left, right), (bottom, top))`, or one such pair for both.
    - `plane`: which two coordinates vary, counted through the players' arrays in order.
    - `key`: one realization of everything random, the same for all starts.
    - `nodes`: grid points along either side, or along x and along y.
    - `duration`: how long a start may take, in steps, at least 64, or in units of time, at most
      1e9.
    - `tolerance`: how close to an equilibrium counts as there, in units of the players. A saddle
      that is passed more closely than this, for 1/64 of the duration, is not taken for the end.
    - `escape`: a start has escaped when a coordinate exceeds this, or is not finite.
    - `progress`: whether to show a bar. By default only on a terminal.

    **Warns:** if the integrator of a flow used up its `max_steps`: those starts are undecided.

    **Raises:** `ValueError` if there is no such plane, if `box` is none, or if a start of the grid
    is outside of the game's domain, where the dynamics or a loss is not finite.
    """
    checks.untraced("`basins`", dynamics, players)
    dynamics, state = begin(dynamics, players, key)
    duration, _ = dynamics.clock.lasting(duration, STRETCHES)
    tolerance, escape = (
        float(checks.positive(name, value))
        for name, value in (("tolerance", tolerance), ("escape", escape))
    )
    both = nodes if isinstance(nodes, tuple | list) else (nodes, nodes)
    if len(both) != 2:
        raise ValueError(
            f"`nodes` must be one number of grid points, or two, along x and y, but is {nodes}."
        )
    x, y, at = plane_of(state.players, box, [checks.count("nodes", n, low=2) for n in both], plane)
    starts = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    states = _fresh(dynamics, at, jnp.asarray(starts))
    out = outside(dynamics, states, key)
    if out.any():
        raise ValueError(
            f"{out.sum()} of the {len(starts)} starts are outside of the game's domain, where the "
            f"dynamics or a loss is not finite, first {starts[out.argmax()]}: give "
            "another `box`."
        )
    ends, _ = follow(Runner(dynamics, key), states, duration, tolerance, escape, progress)
    if ends.unfinished.any():
        dynamics.warn_unfinished(f"{ends.unfinished.sum()} of the starts are undecided for that")
    grid = (len(y), len(x))
    corners = [(root, root) for root, _ in ends.roots] + ends.boxes
    size = coordinates(state.players)[0].size
    low, high = (
        jnp.asarray(np.array([pair[i] for pair in corners]).reshape(-1, size), x.dtype)
        for i in (0, 1)
    )
    return Basins(
        x,
        y,
        jnp.asarray(ends.labels.reshape(grid)),
        jnp.asarray(ends.times.reshape(grid), x.dtype),
        low,
        high,
        jnp.asarray([attracts for _, attracts in ends.roots] + [True] * len(ends.boxes), bool),
        plane_names(dynamics, state.players, at.chosen),
        at.chosen,
        ends.crawling,
        dynamics.unit,
    )


@compiled_with("little")
def _fresh(dynamics: AbstractDynamics, at: Plane, points: Float[Array, "start 2"]) -> State:
    """The states at points of the plane, with fresh memory."""
    return eqx.filter_vmap(lambda point: dynamics.init(at(point)))(points)
