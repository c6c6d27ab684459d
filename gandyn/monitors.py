"""Monitors: what to watch along a run. Each is a function of a trajectory, or an observer.

- `drift` of an invariant, `energy`, `distance` to the nearest equilibrium, `alignment` with the
  direction to one;
- `path_angle`: the field along the segment between two points (Berard, Gidel, Almahairi, Vincent,
  Lacoste-Julien, "A Closer Look at the Optimization Landscapes of Generative Adversarial Networks",
  2020): where its cosine changes sign, the end attracts; where it has a bump, it turns about it;
- `integrator_error`: whether what a flow shows is the flow's or its integrator's. Loose tolerances
  turn closed orbits into spirals, and fake convergence.
- `Losses`, `Gradients`, `Samples`: what `gandyn.record` looks at; so is `gandyn.modes.Watch`.

How fast a run turns is `gandyn.rotation(trajectory)`.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Real

from . import _checks as checks
from . import _numerics as numerics
from ._dynamics import AbstractDynamics, checked_dynamics
from ._phase import State, coordinates
from ._result import Result
from ._simulate import Trajectory, checked_trajectory, simulate
from ._types import Key, Players
from .fields import Gradient
from .flows import AbstractFlow, Integrator
from .games import AbstractGame, AbstractGAN
from .games._game import checked_game, losses
from .games._gan import as_gan
from .games._generated import generated

__all__ = [
    "Gradients",
    "IntegratorError",
    "IntegratorWarning",
    "Losses",
    "PathAngle",
    "Samples",
    "alignment",
    "distance",
    "drift",
    "energy",
    "integrator_error",
    "path_angle",
]


def __dir__() -> list[str]:
    return __all__


_TIGHTER = 1e-3  # the factor of the tolerances that a solution is held against
_VISIBLE = 0.01  # the share of a trajectory's size at which an error shows in a picture


class Losses(eqx.Module):
    """An observer of what the players lose, for `gandyn.record`: a `State` to one loss per player.

    **Arguments:**

    - `game`: the game, be it the one that is played or another.
    - `key`: one realization of everything random in it, the same at every look.
    """

    game: AbstractGame
    key: Key

    def __init__(self, game: AbstractGame, key: Key = None):
        self.game, self.key = checked_game(game), checks.key(key)

    def __call__(self, state: State) -> Float[Array, " player"]:
        return jnp.stack(losses(self.game, state.players, self.key))


class Gradients(eqx.Module):
    """An observer of how steep the losses are, for `gandyn.record`: a `State` to the norm of each
    player's gradient of its own loss.

    **Arguments:**

    - `game`: the game.
    - `key`: one realization of everything random in it, the same at every look.
    """

    game: AbstractGame
    key: Key

    def __init__(self, game: AbstractGame, key: Key = None):
        self.game, self.key = checked_game(game), checks.key(key)

    def __call__(self, state: State) -> Float[Array, " player"]:
        slopes = Gradient(self.game)(state.players, self.key)
        return jnp.stack([jnp.linalg.norm(coordinates(slope)[0]) for slope in slopes])


class Samples(eqx.Module):
    """An observer of what a GAN generates, for `gandyn.record`: a `State` to points, shape
    `(n, *event)`, always of the same latent points.

    **Arguments:**

    - `gan`: whose generator it is.
    - `n`: how many points, of a latent law that is drawn from; all of fixed ones.
    """

    gan: AbstractGAN
    n: int = eqx.field(static=True)

    def __init__(self, gan: AbstractGAN, n: int = 512):
        self.gan, self.n = as_gan(gan), checks.count("n", n)

    def __call__(self, state: State) -> Float[Array, "n *event"]:
        return generated(self.gan, state.players, self.n)[0]


class IntegratorWarning(UserWarning):
    """What a trajectory shows is its integrator's doing."""


def drift(trajectory: Trajectory, invariant: Callable[[Players], Any]) -> Float[Array, " time"]:
    """How far a quantity is from what it was at the start, at every time.

    **Arguments:**

    - `trajectory`: of a flow or a rule.
    - `invariant`: a function of the players that returns a number, such as
      `lambda players: players[0] ** 2 + players[1] ** 2`, which the flow of the Dirac-GAN keeps.
    """
    checks.function("invariant", invariant, "players")
    values = jax.vmap(invariant)(checked_trajectory(trajectory).players)
    if jnp.ndim(values) != 1:
        raise ValueError(
            "`invariant` must return one number, but returns an array of shape "
            f"{jnp.shape(values)[1:]}."
        )
    return values - values[0]


def energy(
    dynamics: AbstractDynamics, trajectory: Trajectory, *, key: Key = None
) -> Float[Array, " time"]:
    """Half the square of the velocity of a flow, or of the step of a rule: 0 at rest only. The
    flow of a bilinear game keeps it, consensus descends on it.

    **Arguments:**

    - `dynamics`: whose trajectory it is, or any other.
    - `trajectory`: the run.
    - `key`: one realization of everything random.
    """

    dynamics, key = checked_dynamics(dynamics), checks.key(key)

    def half_square(state: State) -> Array:
        return jnp.sum(coordinates(dynamics.residual(state, key).players)[0] ** 2) / 2

    return jax.vmap(half_square)(checked_trajectory(trajectory).states)


def distance(trajectory: Trajectory, equilibria: Sequence[Players]) -> Float[Array, " time"]:
    """The Euclidean distance of the players to the nearest of some points, at every time.

    **Arguments:**

    - `trajectory`: the run.
    - `equilibria`: the points, such as `game.equilibria()`.
    """
    equilibria = checks.several("equilibria", equilibria, "points, each a tuple of players")
    if not equilibria:
        raise ValueError(
            "`equilibria` is empty: this game has none in closed form. Find them with "
            "`gandyn.equilibrium(dynamics, guess)`."
        )
    like = jax.tree.map(lambda x: x[0], checked_trajectory(trajectory).players)
    points = jnp.stack([_point(p, like, "equilibria") for p in equilibria])

    def nearest(players: Players) -> Array:
        return jnp.min(jnp.linalg.norm(points - coordinates(players)[0][None], axis=1))

    return jax.vmap(nearest)(trajectory.players)


def alignment(
    dynamics: AbstractDynamics, trajectory: Trajectory, target: Players, *, key: Key = None
) -> Float[Array, " time"]:
    """The cosine of the angle between where the players go and where a target is, at every time:
    1 straight towards it, 0 round it, -1 away from it. nan at rest.

    **Arguments:**

    - `dynamics`: whose trajectory it is, or any other.
    - `trajectory`: the run.
    - `target`: an equilibrium.
    - `key`: one realization of everything random.
    """
    first = jax.tree.map(lambda x: x[0], checked_trajectory(trajectory).players)
    end = _point(target, first, "target")

    dynamics, key = checked_dynamics(dynamics), checks.key(key)

    def cosine(state: State) -> Array:
        velocity = coordinates(dynamics.residual(state, key).players)[0]
        return _cosine(velocity, end - coordinates(state.players)[0])

    return jax.vmap(cosine)(trajectory.states)


class PathAngle(Result):
    """A field along the segment from a start to an end.

    **Fields:**

    - `positions`: on it, 0 at the start and 1 at the end.
    - `cosine`: of the angle between the field and the direction of the segment.
    - `norm`: of the field.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "positions": ("position",),
        "cosine": ("position",),
        "norm": ("position",),
    }
    coordinates: ClassVar[Mapping[str, str]] = {"position": "positions"}

    positions: Float[Array, " position"]
    cosine: Float[Array, " position"]
    norm: Float[Array, " position"]


def path_angle(
    dynamics: AbstractDynamics, start: Players, end: Players, positions: Any, *, key: Key = None
) -> PathAngle:
    """The path-angle: how the velocity of a flow, or the step of a rule, stands to the segment
    between two points. About a point that attracts straight on, its cosine jumps from 1 to -1; what
    turns round the point shows as a bump of the norm without a change of sign.

    **Arguments:**

    - `dynamics`: a flow or a rule without memory.
    - `start`, `end`: two points, such as where a run began and where it ended.
    - `positions`: at which to look, shape `(position,)`; 0 is the start, 1 the end, and beyond it
      the line goes on: `jnp.linspace(0.5, 1.5, 101)`.
    - `key`: one realization of everything random.
    """
    key = checks.key(key)
    first = checked_dynamics(dynamics).init(checks.players(start, "start"))
    x, back = coordinates(first.players)
    along = _point(end, first.players, "end") - x
    positions = checks.array("positions", positions).astype(x.dtype)
    if positions.ndim != 1:
        raise ValueError(f"`positions` must be a vector, but has shape {positions.shape}.")

    def look(u: Array) -> tuple[Array, Array]:
        state = State(back(x + u * along), first.memory)
        velocity = coordinates(dynamics.residual(state, key).players)[0]
        return _cosine(velocity, along), jnp.linalg.norm(velocity)

    return PathAngle(positions, *jax.vmap(look)(positions))


class IntegratorError(Result):
    """What the integrator of a flow adds to its trajectory.

    **Fields:**

    - `ts`: the times.
    - `error`: how far the players are from where tolerances a thousand times tighter, or steps four
      times shorter, take them: the largest difference of a coordinate.
    - `relative`: the largest error, relative to the size of the trajectory.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "ts": ("time",),
        "error": ("time",),
        "relative": (),
    }
    coordinates: ClassVar[Mapping[str, str]] = {"time": "ts"}

    ts: Real[Array, " time"]
    error: Float[Array, " time"]
    relative: Float[Array, ""]


def integrator_error(
    flow: AbstractFlow, players: Players | State, ts: Any, *, key: Key = None
) -> IntegratorError:
    """How much of a trajectory is its integrator's doing, by a tighter one.

    Warns (`IntegratorWarning`) where the error exceeds a hundredth of the trajectory's size: a
    spiral that converges there may be a closed orbit of the flow.

    **Arguments:**

    - `flow`: a flow, with the integrator that is in question.
    - `players`: the start, or a `State`.
    - `ts`: the times that are kept, as for `gandyn.simulate`.
    - `key`: one realization of everything random.
    """
    if not isinstance(flow, AbstractFlow):
        raise TypeError(
            f"`flow` must be a flow, but is {checks.shown(flow)}: a rule has no integrator, its "
            "steps are what they are."
        )
    paths = []
    for one in (flow, eqx.tree_at(lambda f: f.integrator, flow, _tighter(flow, players))):
        run = simulate(one, players, ts, key=key)
        paths.append(jax.vmap(lambda p: coordinates(p)[0])(run.players))
    error = jnp.max(jnp.abs(paths[0] - paths[1]), axis=1)
    size = jnp.max(jnp.max(paths[1], axis=0) - jnp.min(paths[1], axis=0))
    relative = jnp.max(error) / jnp.where(size > 0, size, 1)
    if checks.is_concrete(relative) and not float(relative) <= _VISIBLE:
        warnings.warn(
            f"the integrator's error is {float(relative):.2g} of the trajectory's size: what this "
            "trajectory shows, such as a spiral that converges, may not be the flow's. Give the "
            "flow tighter tolerances, `gandyn.flows.Integrator(rtol=1e-10, atol=1e-10)`.",
            IntegratorWarning,
            stacklevel=2,
        )
    return IntegratorError(jnp.asarray(ts), error, relative)


def _tighter(flow: AbstractFlow, players: Players | State) -> Integrator:
    plan = flow.integrator
    state = players if isinstance(players, State) else flow.init(checks.players(players))
    x, _ = coordinates(state)
    if plan.dt is not None:
        return eqx.tree_at(lambda p: p.dt, plan, plan.dt / 4)
    # No tighter than the precision can keep.
    least = 100 * numerics.rounding(x.dtype)
    least = max(least, 2e-6) if least > 1e-10 else least
    rtol, atol = (jnp.maximum(t * _TIGHTER, least) for t in plan.tolerances(x.dtype))
    return Integrator(rtol, atol, plan.solver, None, 16 * plan.max_steps, plan.adjoint)


def _point(players: Players, like: Players, name: str) -> Float[Array, " n"]:
    point = checks.same_structure(f"`{name}`", checks.players(players, name), like, "the players")
    return coordinates(point)[0]


def _cosine(a: Float[Array, " n"], b: Float[Array, " n"]) -> Float[Array, ""]:
    return jnp.sum(a * b) / (jnp.linalg.norm(a) * jnp.linalg.norm(b))
