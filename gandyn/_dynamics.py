"""A dynamics: a state carried through time. Two kinds, one contract.

A **rule** is a map, z -> F(z): discrete training. A **flow** is an ODE, z' = f(z). They differ in
how they advance, in what vanishes at rest and in how their time goes; each of these is written
once, in `AbstractRule` and `AbstractFlow`. Everything else in the library - simulation, spectra,
portraits - is a function of a dynamics and a state that uses this contract and nothing more.

**For developers.** A new rule is a subclass of `AbstractRule` with `init` and `step`; a new flow is
a subclass of `AbstractFlow` with `init`, `velocity` and an `integrator`. What is neither - a
semiflow, a delay equation, a training loop of one's own - is a subclass of `AbstractDynamics` with
a `unit`, `init`, `evolve` and `residual`; the rest follows from these, and what can be done better
for a kind is overridden there. The contract:

- `evolve` is a cocycle: evolving over [a, b] and then [b, c] with one key is evolving over [a, c].
  It is traced, vectorized by `vmap` and differentiated forwards, with JAX's loops in place of
  Python's. Times run forwards, or, in continuous time, backwards: what cannot go back is nan there.
- `residual` is the rate of change: d/dt of `evolve`, or one step less where it started from. It has
  the structure of the state, vanishes exactly at rest, and its derivative, `slopes`, is where
  spectra come from.
- A past that matters, as that of a delay equation, is part of the memory. Memory that is empty is
  `None` or has no array leaves; everything that moves is an inexact leaf.
- Divergence is data: a state that blew up is inf or nan, never an exception.
- Its numbers need no casts: analyses take a dynamics in the precision of the state.
"""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree, Real

from . import _checks as checks
from . import _numerics as numerics
from ._clock import AbstractClock, clock
from ._paths import box
from ._phase import State, coordinates, players_vector, vector
from ._types import Key, Players

Frame = Float[Array, "n k"]  # k small disturbances, in the coordinates of a state


_LOOKS = 4096  # by `extent` at a dynamics of whose looks nothing more is known


def players_and_state(state: State) -> tuple[Array, State]:
    """The observable of what goes on and what is seen of it."""
    return players_vector(state), state


def whole(state: State) -> State:
    """The observable that keeps everything."""
    return state


class AbstractDynamics(eqx.Module):
    """What every rule and every flow can do."""

    unit: ClassVar[str]
    """What a growth rate is measured per: "step" or "unit time"."""

    @abc.abstractmethod
    def init(self, players: Players) -> State:
        """The state from which training starts: the players, and a fresh memory."""

    @abc.abstractmethod
    def evolve(
        self,
        state: State,
        ts: Any,
        key: Key = None,
        observe: Callable[[State], PyTree] = whole,
    ) -> PyTree:
        """What `observe` sees at the times `ts`, stacked; `state` is the state at `ts[0]`."""

    @abc.abstractmethod
    def residual(self, state: State, key: Key = None) -> State:
        """What vanishes exactly at rest: f(z) for a flow, F(z) - z for a rule."""

    @property
    def clock(self) -> AbstractClock:
        """How its time goes."""
        return clock(self.unit)

    def settle(self, state: State, key: Key = None) -> State:
        """The state with the memory that the dynamics has if the players stay where they are."""
        return state

    def continuous(self) -> "AbstractDynamics":
        """One that rests where this one does and nowhere else, and whose residual is continuous:
        itself, unless there are walls."""
        return self

    def walls(self, state: State) -> tuple[Float[Array, " n"], Float[Array, " n"]] | None:
        """Between which walls the coordinates of a state are confined; `None` if there are none."""
        return None

    def face(self, state: State, key: Key = None) -> "Face | None":
        """What walls do to a state; `None` if there are none."""
        return None

    def slopes(self, state: State, key: Key = None) -> Float[Array, "n n"]:
        """D residual. A coordinate that a wall holds has zeros in its row and column and, on the
        diagonal, `clock.gone`, since a disturbance of it is gone at once; one that touches a wall
        with no force has a row of nan, since there is no derivative."""
        x, back = coordinates(state)
        face = self.face(state, key)
        free = self if face is None else face.dynamics
        matrix = jax.jacfwd(lambda x: vector(free.residual(back(x), key)))(x)
        if face is None:
            return matrix
        held, gone = face.held, jnp.where(face.held, self.clock.gone, 0)
        matrix = jnp.where(held[:, None] | held[None], jnp.diag(gone), matrix)
        return jnp.where(face.loose[:, None], jnp.nan, matrix)

    def accuracy(self, dtype: Any) -> Any:
        """The relative error of `evolve` over a unit of time: rounding, if nothing is worse."""
        return numerics.rounding(dtype)

    def slopes_accuracy(self, dtype: Any) -> Any:
        """The relative error of `slopes`."""
        return numerics.rounding(dtype)

    def tangent(
        self, state: State, frame: Frame, start: Any, time: Any, key: Key = None
    ) -> tuple[State, Frame]:
        """Where a `state` is a `time` after `start`, and a `frame` of disturbances with it."""

        def end(state: State) -> State:
            ts = jnp.stack([jnp.asarray(start), jnp.asarray(start + time)])
            return jax.tree.map(lambda leaf: leaf[-1], self.evolve(state, ts, key))

        return pushed(end, state, frame)

    def stretch(
        self, state: State, frame: Frame, start: Any, time: Any, key: Key = None
    ) -> tuple[State, Frame, Float[Array, " k"]]:
        """Where a `state` is a `time` after `start`, an orthonormal `frame` carried along, and the
        logarithms by which its directions have grown: nan for what rounding has lost."""
        state, carried = self.tangent(state, frame, start, time, key)
        return state, *factors(carried)

    def looks(
        self, state: State, size: Any, start: Any, time: Any, n: int, key: Key = None
    ) -> tuple[Float[Array, "look p"], Real[Array, " look"], State]:
        """A `state` followed from `start` on for a `time`, or less, and looked at `n` + 1 times, so
        closely that a motion of a `size` is seen: the players at the looks, the times of the looks,
        and the last state."""
        ts = jnp.asarray(self.clock.looks(time, n))
        ts = ts + jnp.asarray(start).astype(ts.dtype)
        path, states = self.evolve(state, ts, key, players_and_state)
        return path, ts, jax.tree.map(lambda leaf: leaf[-1], states)

    def extent(
        self, state: State, size: Any, start: Any, time: Any, key: Key = None
    ) -> tuple[Float[Array, " p"], Float[Array, " p"], State, Real[Array, ""]]:
        """A `state` followed from `start` on for about a `time`, and looked at so closely that no
        hump of a motion of a `size` is missed: the corners of the box that the players fill, the
        last state, and when that is."""
        path, ts, end = self.looks(state, size, start, time, _LOOKS, key)
        return *box(path), end, ts[-1]

    @property
    def limited(self) -> bool:
        """Whether only so many steps are allowed: what they do not reach is nan."""
        return False

    def unfinished(self, values: PyTree) -> Bool[Array, ""]:
        """Whether values that were observed were not all reached, for want of allowed steps."""
        if not self.limited:
            return jnp.asarray(False)
        leaves = [x for x in jax.tree.leaves(values) if eqx.is_inexact_array(x)]
        return jnp.any(jnp.stack([jnp.any(jnp.isnan(x)) for x in leaves]))

    def warn_unfinished(self, what: str) -> None:
        """Say that allowed steps were used up, `what` is not known for that, and the remedy."""

    def forward_only(self) -> "AbstractDynamics":
        """The same, if nobody differentiates it backwards: compiled and run faster where it can be,
        for analyses that cannot be differentiated so."""
        return forward_only(self, but=self)

    def stages(self, state: State, key: Key = None) -> tuple[State, ...]:
        """The states that one step passes through, one after each of its moves, its end included;
        none where there are no steps."""
        return ()


class Face(eqx.Module):
    """The part of the walls on which a state lies.

    **Fields:**

    - `held`: which coordinates are held, by a force that points through a wall.
    - `loose`: which touch one with no force.
    - `dynamics`: what goes on on the face, without other walls.
    """

    held: Bool[Array, " n"]
    loose: Bool[Array, " n"]
    dynamics: AbstractDynamics


def at_walls(
    points: Float[Array, "*path n"], low: Float[Array, " n"], high: Float[Array, " n"]
) -> tuple[Bool[Array, "*path n"], Bool[Array, "*path n"], Float[Array, ""]]:
    """Where points are at lower and at upper walls, and how near that is."""
    reach = numerics.half_the_digits(points.dtype) * (1 + jnp.max(jnp.abs(points), initial=0))
    low, high = (jnp.broadcast_to(wall, points.shape) for wall in (low, high))
    return points <= low + reach, points >= high - reach, reach


def pushed(
    function: Callable[[Any], State], state: Any, frame: Frame
) -> tuple[State, Float[Array, "m k"]]:
    """What a function makes of a state, or of any tree, and its derivative along every column of a
    frame."""
    x, back = coordinates(state)

    def valued(x: Array) -> tuple[Array, State]:
        new = function(back(x))
        return coordinates(new)[0], new

    def along(v: Array) -> tuple[State, Array]:
        _, slope, value = jax.jvp(valued, (x,), (v,), has_aux=True)
        return value, slope

    return jax.vmap(along, in_axes=1, out_axes=(None, 1))(frame)


def random_frame(n: int, k: int, dtype: Any) -> Float[Array, "n k"]:
    """Orthonormal directions of no kind, each time the same; fewer are the first of more."""
    directions = np.random.default_rng(0).standard_normal((k, n))
    return jnp.asarray(np.linalg.qr(directions.T)[0], dtype)


def factors(carried: Frame, at_once: Any = False) -> tuple[Frame, Float[Array, " k"]]:
    """The orthonormal frame of one that was carried along, and the logarithms of its growth: nan
    for what rounding has lost, but -inf for what vanished `at_once`, in a single step."""
    frame, r = jnp.linalg.qr(carried)
    sizes = jnp.abs(jnp.diagonal(r))
    limits = jnp.finfo(sizes.dtype)
    largest = jnp.max(sizes)
    vanished = at_once & (sizes <= len(carried) * float(limits.eps) * largest)
    # Next to the largest of them, or to the least of all numbers, sizes have few digits left.
    least = float(limits.tiny / limits.eps)
    lost = sizes <= jnp.maximum(numerics.solved(sizes.dtype) * largest, least)
    kept = jnp.log(jnp.where(lost, 1, sizes))
    return frame, jnp.where(lost, jnp.where(vanished, -jnp.inf, jnp.nan), kept)


def forward_only(tree: PyTree, but: Any = None) -> PyTree:
    """A tree with every dynamics in it differentiated forwards only, `but` for one."""

    def inner(node: Any) -> bool:
        return isinstance(node, AbstractDynamics) and node is not but

    return jax.tree.map(
        lambda node: node.forward_only() if inner(node) else node, tree, is_leaf=inner
    )


def checked_dynamics(dynamics: Any) -> AbstractDynamics:
    """`dynamics`, held to be one."""
    return checks.instance(
        "dynamics",
        dynamics,
        AbstractDynamics,
        "a rule or a flow",
        "from a game, make one with `gandyn.methods.alternating(game, step_size)` or "
        "`gandyn.flows.GradientFlow(gandyn.fields.Gradient(game))`; a family is one with its "
        "numbers, as `family(step_size=0.1)`",
    )
