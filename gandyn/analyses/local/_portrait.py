"""The phase portrait of a dynamics in a plane of its players' parameters.

For a flow the arrows are its velocity f(z); for a rule they are the displacement F(z) - z of one
step, so that the portrait of a map is its own and not that of the flow it is meant to follow.
"""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import contourpy
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.lib.stride_tricks import sliding_window_view

from ... import _checks as checks
from ... import _numerics as numerics
from ..._compiled import compiled_with
from ..._door import begin
from ..._dynamics import AbstractDynamics
from ..._phase import State, coordinates
from ..._result import Result
from ..._types import Key, Players
from .._inside import game_inside
from .._names import plane_names
from .._plane import Plane, plane_of

_VERTICES = 256  # of curves, moved together
_STEPS = 8  # of Newton's method, to a root that is crossed
_FLAT = 1e-3  # the slope of a double root, in units of that at the next node
_MORE_STEPS = 40  # to a double one, to which they converge by halves


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
    - `names`: of the two coordinates.
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
    names: tuple[str, str] = eqx.field(static=True)
    unit: str = eqx.field(static=True)


def portrait(
    dynamics: AbstractDynamics,
    players: Players,
    box: Any = (-2.0, 2.0),
    *,
    plane: tuple[int, int] = (0, 1),
    key: Key = None,
    nodes: int = 41,
    nullclines: bool = True,
    legs: bool = True,
) -> Portrait:
    """The phase portrait of a rule or a flow; not to be traced.

    **Arguments:**

    - `dynamics`: a rule or a flow. Memory is settled at every point.
    - `players`: a point of the plane; it gives the coordinates that do not vary.
    - `box`: `((left, right), (bottom, top))`, or one such pair for both.
    - `nodes`: grid points along either side.
    - `plane`: which two coordinates vary, counted through the players' arrays in order.
    - `nullclines`, `legs`: whether to look for them.
    - `key`: one realization of everything random.

    **Warns:** if a nullcline is touched and not crossed, for it is found by the change of sign.
    """
    checks.untraced("`portrait`", dynamics, players)
    dynamics, state = begin(dynamics, players, key)
    nodes = checks.count("nodes", nodes, low=3)
    nullclines, legs = checks.flag("nullclines", nullclines), checks.flag("legs", legs)
    x, y, at = plane_of(state.players, box, (nodes, nodes), plane)
    grid = jnp.stack(jnp.meshgrid(x, y), -1).reshape(-1, 2)
    arrows = _arrows(dynamics, at, grid, key).T.reshape(2, nodes, nodes)

    xs, ys, values = (np.asarray(part) for part in (x, y, arrows))

    def zero_set(i: int) -> tuple[np.ndarray, ...]:
        if not nullclines or not np.any(values[i]):  # it vanishes everywhere: no curve
            return ()
        contours = contourpy.contour_generator(xs, ys, values[i])
        lines: Any = contours.lines(0.0)
        _touched(dynamics, at, (xs, ys, values[i]), lines, i, key)
        cell = float(np.hypot(xs[1] - xs[0], ys[1] - ys[0]))
        return _onto_roots(dynamics, at, lines, i, cell, key)

    return Portrait(
        x,
        y,
        arrows,
        (zero_set(0), zero_set(1)),
        _legs(dynamics, at, x, y, key) if legs else jnp.zeros((0, 1, 2)),
        _known(dynamics, at, x.dtype),
        plane_names(dynamics, state.players, at.chosen),
        dynamics.unit,
    )


def _state(dynamics: AbstractDynamics, at: Plane, point: Float[Array, "2"], key: Key) -> State:
    return dynamics.settle(dynamics.init(at(point)), key)


def _arrow(
    dynamics: AbstractDynamics, at: Plane, point: Float[Array, "2"], key: Key
) -> Float[Array, "2"]:
    return at.seen(dynamics.residual(_state(dynamics, at, point, key), key).players)


@compiled_with("little")
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
    moved, _, _ = _polished(dynamics, at, filled, jnp.asarray(i), key, jnp.asarray(_STEPS))
    moved = np.asarray(moved)[: len(points)]
    stayed = np.linalg.norm(moved - points, axis=1) <= cell  # false for nan, too
    ends = np.cumsum([len(line) for line in lines])[:-1]
    curves = zip(np.split(moved, ends), np.split(stayed, ends), strict=True)
    return tuple(curve[stay] for curve, stay in curves if stay.sum() > 1)


@compiled_with("little")
def _polished(
    dynamics: AbstractDynamics,
    at: Plane,
    points: Float[Array, "point 2"],
    i: Int[Array, ""],
    key: Key,
    steps: Int[Array, ""],
) -> tuple[Float[Array, "point 2"], Float[Array, " point"], Float[Array, " point"]]:
    """Points after some steps of Newton's method, each the shortest way, and how large coordinate i
    and its slope are there."""

    def f(p: Array) -> Array:
        return _arrow(dynamics, at, p, key)[i]

    def newton(p: Array, _: Any) -> tuple[Array, Array]:
        value, slope = f(p), jax.jacfwd(f)(p)
        square = jnp.sum(slope**2)
        new = jnp.where(square > 0, p - value * slope / jnp.where(square > 0, square, 1), p)
        return new, jnp.all(new == p)

    moved = jax.vmap(lambda p: numerics.iterated(newton, p, steps)[0])(points)
    slopes = jax.vmap(jax.jacfwd(f))(moved)
    return moved, jnp.abs(jax.vmap(f)(moved)), jnp.linalg.norm(slopes, axis=1)


def _touched(
    dynamics: AbstractDynamics,
    at: Plane,
    grid: tuple[np.ndarray, np.ndarray, np.ndarray],
    lines: list[np.ndarray],
    i: int,
    key: Key,
) -> None:
    """Warn of a zero of coordinate i that is not crossed: between nodes of one sign, next to one
    that is nearer to 0 than those on either side of it."""
    x, y, value = grid
    size = np.abs(value)
    center = size[1:-1, 1:-1]
    around = sliding_window_view(np.sign(value), (3, 3))
    one_sign = np.all(around == around[..., 1:2, 1:2], axis=(2, 3)) & (center > 0)
    least = np.zeros(center.shape, bool)
    for before, after in (
        (size[1:-1, :-2], size[1:-1, 2:]),
        (size[:-2, 1:-1], size[2:, 1:-1]),
    ):
        # As near to 0 as a parabola that touches it between nodes, and that by a factor 2.
        bend = before + after - 2 * center
        least |= (center <= np.minimum(before, after)) & (center <= bend / 4)
    rows, columns = np.nonzero(one_sign & least)
    if not len(rows):
        return
    # Those nearest to zero: a curve that is touched has some of them.
    order = np.argsort(center[rows, columns])[:_VERTICES]
    rows, columns = rows[order], columns[order]
    places = np.stack([x[columns + 1], y[rows + 1]], axis=1)
    filled = jnp.asarray(np.pad(places, ((0, _VERTICES - len(places)), (0, 0)), "edge"))
    steps = jnp.asarray(_MORE_STEPS)
    moved, left, slope = (
        np.asarray(part)[: len(places)]
        for part in _polished(dynamics, at, filled, jnp.asarray(i), key, steps)
    )
    cell = float(np.hypot(x[1] - x[0], y[1] - y[0]))
    rounding = numerics.solved(x.dtype)
    zero = np.linalg.norm(moved - places, axis=1) <= cell
    zero &= left <= rounding * size.max(initial=0, where=size < np.inf)
    zero &= slope * cell <= _FLAT * center[rows, columns]
    for line in lines:
        apart = np.linalg.norm(moved[:, None] - line[None], axis=2)
        zero &= apart.min(axis=1, initial=np.inf) > cell
    if zero.any():
        place = ", ".join(f"{v:.3g}" for v in moved[zero.argmax()])
        warnings.warn(
            f"component {i} of the arrows vanishes near ({place}) without changing its sign: a "
            "nullcline that is touched, not crossed, is not among the `nullclines`.",
            stacklevel=4,
        )


@compiled_with("little")
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
        moves = dynamics.stages(state, key)
        return jnp.stack([point, *(at.seen(move.players) for move in moves)])

    legs = jax.vmap(walk)(points)
    return legs if legs.shape[1] > 2 else legs[:0]


def _known(dynamics: AbstractDynamics, at: Plane, dtype: Any) -> Float[Array, "m 2"]:
    """The closed-form equilibria of the game inside a dynamics."""
    game = game_inside(dynamics)
    known = () if game is None else game.equilibria()
    points = [np.asarray(at.seen(players)) for players in known]
    return jnp.asarray(points, dtype).reshape(-1, 2)
