"""The phase portrait of a dynamics in a plane of its players' parameters.

For a flow the arrows are its velocity f(z); for a rule they are the displacement F(z) - z of one
step, so that the portrait of a map is its own and not that of the flow it is meant to follow.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import contourpy
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import _checks as checks
from .._dynamics import AbstractDynamics, begin
from .._phase import State, coordinates
from .._result import Result
from .._types import Key, Players
from ..rules import AbstractRule
from ..rules._compose import stages
from ._inside import game_inside
from ._plane import plane_of


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
    x, y, players_at = plane_of(state.players, bounds, (nodes, nodes), plane)
    chosen = np.asarray(plane)

    def at(point: Array) -> State:
        return dynamics.settle(dynamics.init(players_at(point)), key)

    def seen(state: State) -> Array:
        return coordinates(state.players)[0][chosen]

    def arrow(point: Array) -> Array:
        return seen(dynamics.residual(at(point), key))

    grid = jnp.stack(jnp.meshgrid(x, y), -1).reshape(-1, 2)
    arrows = jax.jit(jax.vmap(arrow))(grid).T.reshape(2, nodes, nodes)

    def zero_set(i: int) -> tuple[np.ndarray, ...]:
        return _zero_set(lambda p: arrow(p)[i], x, y, arrows[i]) if nullclines else ()

    return Portrait(
        x,
        y,
        arrows,
        (zero_set(0), zero_set(1)),
        _legs(dynamics, at, seen, x, y, key) if legs else jnp.zeros((0, 1, 2)),
        _known(dynamics, chosen, x.dtype),
        dynamics.unit,
    )


def _zero_set(
    f: Callable[[Array], Array], x: Array, y: Array, values: Array
) -> tuple[np.ndarray, ...]:
    """The curves f = 0: traced through the grid's cells, then every vertex moved onto its root."""
    if not jnp.any(values):  # it vanishes everywhere: no curve
        return ()
    lines = contourpy.contour_generator(*map(np.asarray, (x, y, values))).lines(0.0)
    cell = float(np.hypot(x[1] - x[0], y[1] - y[0]))

    @jax.jit
    @jax.vmap
    def polish(p: Array) -> Array:
        def newton(_: Any, p: Array) -> Array:
            value, slope = f(p), jax.jacfwd(f)(p)
            square = jnp.sum(slope**2)
            return jnp.where(square > 0, p - value * slope / jnp.where(square > 0, square, 1), p)

        return jax.lax.fori_loop(0, 8, newton, p)

    curves = []
    for line in lines:
        polished = np.asarray(polish(jnp.asarray(line, values.dtype)))
        stayed = np.linalg.norm(polished - line, axis=1) <= cell  # false for nan, too
        if stayed.sum() > 1:
            curves.append(polished[stayed])
    return tuple(curves)


def _legs(
    dynamics: AbstractDynamics,
    at: Callable[[Array], State],
    seen: Callable[[State], Array],
    x: Float[Array, " x"],
    y: Float[Array, " y"],
    key: Key,
) -> Float[Array, "start move 2"]:
    starts = [jnp.linspace(side[0], side[-1], 11)[1::2] for side in (x, y)]
    points = jnp.stack(jnp.meshgrid(*starts), -1).reshape(-1, 2)

    def walk(point: Array) -> Array:
        state = at(point)
        moves = stages(dynamics, state, key) if isinstance(dynamics, AbstractRule) else ()
        return jnp.stack([point, *map(seen, moves)])

    legs = jax.jit(jax.vmap(walk))(points)
    return legs if legs.shape[1] > 2 else legs[:0]


def _known(dynamics: AbstractDynamics, chosen: np.ndarray, dtype: Any) -> Float[Array, "m 2"]:
    """The closed-form equilibria of the game inside a dynamics."""
    game = game_inside(dynamics)
    known = () if game is None else game.equilibria()
    points = [np.asarray(coordinates(players)[0])[chosen] for players in known]
    return jnp.asarray(points, dtype).reshape(-1, 2)
