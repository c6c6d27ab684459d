"""The phase portrait of a dynamics in a plane of its players' parameters.

For a flow the arrows are its velocity f(z); for a rule they are the displacement F(z) - z of one
step, so that the portrait of a map is its own and not that of the flow it is meant to follow.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import contourpy
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .. import _checks as checks
from .._dynamics import AbstractDynamics, begin
from .._phase import State, coordinates
from .._reads import compiled
from .._result import Result
from .._types import Key, Players
from ..rules import AbstractRule
from ..rules._compose import stages
from ._inside import game_inside
from ._plane import Plane, plane_of

_VERTICES = 256  # of curves, moved together


class Portrait(Result):
    """Arrows, nullclines and half-steps of a dynamics in a plane.

    **Fields:**

    - `x`, `y`: the grid.
    - `arrows`: what `residual` is on the grid, its two components in the plane.
    - `nullclines`: for each component the curves on which it vanishes, arrays of shape `(m, 2)`;
      every vertex is a root, polished by Newton's method.
    - `legs`: for a rule made of several moves, where a step stands after each of them, starting
      from a coarse grid; without moves, none.
    - `equilibria`: those that the game itself knows in closed form, in the plane's coordinates.
    - `unit`: what the arrows are measured per.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "x": ("x",),
        "y": ("y",),
        "arrows": ("component", "y", "x"),
        "legs": ("start", "move", "component"),
        "equilibria": ("equilibrium", "component"),
    }
    coordinates: ClassVar[Mapping[str, str]] = {"x": "x", "y": "y"}

    x: Float[Array, " x"]
    y: Float[Array, " y"]
    arrows: Float[Array, "2 y x"]
    nullclines: tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]
    legs: Float[Array, "start move 2"]
    equilibria: Float[Array, "equilibrium 2"]
    unit: str = eqx.field(static=True)


def portrait(
    dynamics: AbstractDynamics,
    players: Players,
    bounds: Sequence[tuple[float, float]] = ((-2.0, 2.0), (-2.0, 2.0)),
    nodes: int = 41,
    plane: tuple[int, int] = (0, 1),
    nullclines: bool = True,
    legs: bool = True,
    key: Key = None,
) -> Portrait:
    """The phase portrait of a rule or a flow; not to be traced.

    **Arguments:**

    - `dynamics`: a rule or a flow. Memory is settled at every point.
    - `players`: a point of the plane; it gives the coordinates that do not vary.
    - `bounds`: `((left, right), (bottom, top))`.
    - `nodes`: grid points along either side.
    - `plane`: which two coordinates vary, counted through the players' arrays in order.
    - `nullclines`, `legs`: whether to look for them.
    - `key`: one realisation of everything random.
    """
    checks.untraced("`portrait`", dynamics, players)
    state = begin(dynamics, players, key)
    nodes = checks.count("nodes", nodes, low=3)
    x, y, at = plane_of(state.players, bounds, (nodes, nodes), plane)
    grid = jnp.stack(jnp.meshgrid(x, y), -1).reshape(-1, 2)
    arrows = _arrows(dynamics, at, grid, key).T.reshape(2, nodes, nodes)

    def zero_set(i: int) -> tuple[np.ndarray, ...]:
        if not nullclines or not jnp.any(arrows[i]):  # it vanishes everywhere: no curve
            return ()
        contours = contourpy.contour_generator(*map(np.asarray, (x, y, arrows[i])))
        lines: Any = contours.lines(0.0)
        cell = float(np.hypot(x[1] - x[0], y[1] - y[0]))
        return _onto_roots(dynamics, at, lines, i, cell, key)

    return Portrait(
        x,
        y,
        arrows,
        (zero_set(0), zero_set(1)),
        _legs(dynamics, at, x, y, key) if legs else jnp.zeros((0, 1, 2)),
        _known(dynamics, at, x.dtype),
        dynamics.unit,
    )


def _state(dynamics: AbstractDynamics, at: Plane, point: Float[Array, "2"], key: Key) -> State:
    return dynamics.settle(dynamics.init(at(point)), key)


def _arrow(
    dynamics: AbstractDynamics, at: Plane, point: Float[Array, "2"], key: Key
) -> Float[Array, "2"]:
    return at.seen(dynamics.residual(_state(dynamics, at, point, key), key).players)


@compiled
def _arrows(
    dynamics: AbstractDynamics, at: Plane, points: Float[Array, "point 2"], key: Key
) -> Float[Array, "point 2"]:
    return jax.vmap(lambda point: _arrow(dynamics, at, point, key))(points)


def _onto_roots(
    dynamics: AbstractDynamics,
    at: Plane,
    lines: list[np.ndarray],
    i: int,
    cell: float,
    key: Key,
) -> tuple[np.ndarray, ...]:
    """The curves on which coordinate i stands still, through the grid's cells, with every vertex
    moved onto its root; without those that would move by more than a cell."""
    if not lines:
        return ()
    points = np.concatenate(lines)
    # All at once, and filled up to one of a few sizes: each size is a program of its own.
    filled = np.pad(points, ((0, -len(points) % _VERTICES), (0, 0)), "edge")
    filled = jnp.asarray(filled, coordinates(at.players)[0].dtype)
    moved = np.asarray(_polished(dynamics, at, filled, jnp.asarray(i), key))[: len(points)]
    stayed = np.linalg.norm(moved - points, axis=1) <= cell  # false for nan, too
    ends = np.cumsum([len(line) for line in lines])[:-1]
    curves = zip(np.split(moved, ends), np.split(stayed, ends), strict=True)
    return tuple(curve[stay] for curve, stay in curves if stay.sum() > 1)


@compiled
def _polished(
    dynamics: AbstractDynamics,
    at: Plane,
    points: Float[Array, "point 2"],
    i: Int[Array, ""],
    key: Key,
) -> Float[Array, "point 2"]:
    """Points after eight steps of Newton's method, each the shortest way."""

    def f(p: Array) -> Array:
        return _arrow(dynamics, at, p, key)[i]

    def newton(_: Any, p: Array) -> Array:
        value, slope = f(p), jax.jacfwd(f)(p)
        square = jnp.sum(slope**2)
        return jnp.where(square > 0, p - value * slope / jnp.where(square > 0, square, 1), p)

    return jax.vmap(lambda p: jax.lax.fori_loop(0, 8, newton, p))(points)


@compiled
def _legs(
    dynamics: AbstractDynamics,
    at: Plane,
    x: Float[Array, " x"],
    y: Float[Array, " y"],
    key: Key,
) -> Float[Array, "start move 2"]:
    starts = [jnp.linspace(side[0], side[-1], 11)[1::2] for side in (x, y)]
    points = jnp.stack(jnp.meshgrid(*starts), -1).reshape(-1, 2)

    def walk(point: Array) -> Array:
        state = _state(dynamics, at, point, key)
        moves = stages(dynamics, state, key) if isinstance(dynamics, AbstractRule) else ()
        return jnp.stack([point, *(at.seen(move.players) for move in moves)])

    legs = jax.vmap(walk)(points)
    return legs if legs.shape[1] > 2 else legs[:0]


def _known(dynamics: AbstractDynamics, at: Plane, dtype: Any) -> Float[Array, "m 2"]:
    """The closed-form equilibria of the game inside a dynamics."""
    game = game_inside(dynamics)
    known = () if game is None else game.equilibria()
    points = [np.asarray(at.seen(players)) for players in known]
    return jnp.asarray(points, dtype).reshape(-1, 2)
