"""One player's step: how far it goes along a direction, and the set that it ends in.

    z <- P(z + u(v))

A number h is u = h v, a schedule such a number for every step, and an optax transformation is any
other u, with whatever it remembers. The
projection P onto a closed convex set is part of the step (`projected`): where a step ends at its
start, z = P(z + h v(z)), for any h > 0, the variational inequality of v on that set is solved, and
nowhere else. A projection of all players after the whole of a rule has other fixed points for every
rule that looks at a player who has moved. Gidel et al., "A Variational Inequality Perspective on
Generative Adversarial Networks", 2019, section 3.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from . import _checks as checks
from ._opened import applied, is_transformation, opened, update
from ._types import Number, Players


class _Times(eqx.Module):
    """u = -h g, with h a leaf, in the precision of g."""

    size: Float[Array, ""]

    def __call__(self, updates: PyTree, state: Any, params: Any = None) -> tuple[PyTree, Any]:
        return jax.tree.map(lambda g: -self.size.astype(g.dtype) * g, updates), state


class _Onto(eqx.Module):
    """u = P(z + u'(g)) - z, with u' another update."""

    update: Callable[..., tuple[PyTree, Any]]
    projection: Callable[[PyTree], PyTree]

    def __call__(self, updates: PyTree, state: Any, params: Any = None) -> tuple[PyTree, Any]:
        if params is None:
            raise ValueError(
                "`projected` needs the parameters: call `update(gradient, memory, params)`."
            )
        moves, new = self.update(updates, state, params)
        return jax.tree.map(jnp.subtract, self.land(params, moves), params), new

    def land(self, player: PyTree, move: PyTree) -> PyTree:
        """P(z + u)."""
        return self.onto(applied(player, move))

    def onto(self, player: PyTree) -> PyTree:
        """P(z), held to be of the structure of z."""
        with jax.numpy_dtype_promotion("standard"):  # Optax's mix dtypes
            inside = self.projection(player)
        return checks.same_structure("what `projection` returns", inside, player, "the player")


def projected(step: Any, projection: Callable[[PyTree], PyTree]) -> optax.GradientTransformation:
    """The step of one player who stays in a closed convex set: P(z + u) - z, with u the plain step
    and P the projection onto the set. It goes wherever a step size goes:
    `alternating(game, (h, projected(h, clip)))` clips a critic after each of its steps, and methods
    that look ahead look at points of the set.

    Fixed points solve the variational inequality of the game on the sets if every number of the
    player moves at one rate. Steps such as Adam's, which have a rate for every number, are for sets
    that are bounds of every number by itself.

    **Arguments:**

    - `step`: a number h, a schedule, or an optax transformation.
    - `projection`: a function of this one player, such as `lambda w: jnp.clip(w, -1, 1)`;
      `optax.projections` has those onto boxes, balls and simplices.
    """
    if is_projected(step):
        raise TypeError("`step` is projected already: compose the projections in one function.")
    base = transformed("step", step)
    onto = checks.function("projection", projection, "player", example="lambda w: w.clip(-1, 1)")
    return optax.GradientTransformation(base.init, _Onto(base.update, onto))


def is_projected(step: Any) -> bool:
    """Whether a step ends in a set of its player's."""
    return is_transformation(step) and isinstance(step.update, _Onto)


def _remembers_nothing(params: PyTree) -> optax.EmptyState:
    return optax.EmptyState()


def plain(name: str, step_size: Number) -> optax.GradientTransformation:
    """Plain gradient steps of a given size, as an optax transformation whose size is a leaf."""
    return optax.GradientTransformation(
        _remembers_nothing, _Times(checks.number(name, step_size, low=0))
    )


def is_schedule(step: Any) -> bool:
    """Whether a step is a function of its number, as Optax's schedules are."""
    return callable(step) and not is_transformation(step)


def transformed(name: str, step: Any) -> optax.GradientTransformation:
    """The step of one player, a number, a schedule or an optax transformation, as the last."""
    if is_transformation(step):
        return step
    return _scheduled(name, step) if is_schedule(step) else plain(name, step)


def _scheduled(name: str, schedule: Any) -> optax.GradientTransformation:
    """Plain gradient steps whose size is a function of their number."""
    own = getattr(schedule, "__qualname__", "")
    if str(getattr(schedule, "__module__", "")).startswith("optax.") and "<locals>" not in own:
        raise TypeError(
            f"`{name}` is the function `{own}` of optax itself: call it, as in `{own}(1e-3)`."
        )
    checks.function(name, schedule, "step", example="optax.cosine_decay_schedule(0.1, 1000)")
    rule = f"`{name}` is a function, and so a schedule: it must return one number for each step"
    try:
        with jax.numpy_dtype_promotion("standard"):
            size: Any = jax.eval_shape(lambda t: schedule(t), jnp.asarray(0, jnp.int32))
    except TypeError as error:
        said = str(error).partition("\n")[0]
        raise TypeError(f"{rule}, which it does not: {said}") from error
    if getattr(size, "shape", None) != () or jnp.issubdtype(size.dtype, jnp.complexfloating):
        raise TypeError(f"{rule}, but returns {size}.")
    rate: Any = schedule
    return optax.scale_by_learning_rate(rate)


def optimizer(name: str, value: Any) -> Any:
    """A number, a schedule, an optax transformation or `None`, or a tuple of these, as pytrees.

    The numbers are leaves, so that another value does not mean another program.
    """
    if value is None:
        return None
    if is_projected(value):  # the projection is the user's own function
        base = optimizer(name, optax.GradientTransformation(value.init, value.update.update))
        return optax.GradientTransformation(base.init, _Onto(base.update, value.update.projection))
    if is_transformation(value):
        return opened(value)
    if isinstance(value, optax.MultiSteps):
        raise TypeError(
            f"`{name}` must be a number or an optax transformation, but is a `MultiSteps` object: "
            "give its `.gradient_transformation()`."
        )
    if checks.is_several(value):
        checks.not_empty(name, value)
        return tuple(optimizer(f"{name}[{i}]", v) for i, v in enumerate(value))
    return opened(_scheduled(name, value)) if is_schedule(value) else plain(name, value)


def responses(name: str, value: Any) -> Any:
    """The optimizers of players who move, as far as they are not one by one told to stand still."""
    if value is None:
        raise TypeError(
            f"`{name}` must be a number, a schedule or an optax transformation, for everybody or "
            "one per player, but is None: then nobody moves."
        )
    return optimizer(name, value)


def checked_steps(name: str, value: Any) -> Any:
    """A number, or a projected one, for everybody or one per player: the steps of a method that is
    defined by their values."""
    if is_projected(value):
        if not isinstance(value.update.update, _Times):
            raise TypeError(
                f"`{name}` must be a number, projected or not, but is a projected optax "
                "transformation: the method is defined by the values of its steps."
            )
        return value
    if is_transformation(value) or is_schedule(value) or value is None:
        raise TypeError(
            f"`{name}` must be a number or one per player, but holds an optax transformation, a "
            "schedule or None: the method is defined by the values of its steps."
        )
    if checks.is_several(value):
        checks.not_empty(name, value)
        return tuple(checked_steps(f"{name}[{i}]", v) for i, v in enumerate(value))
    return checks.number(name, value, low=0)


def spread(name: str, value: Any, n: int) -> tuple[Any, ...]:
    """`n` steps, one per player, from one for everybody or from exactly `n`."""
    return (value,) * n if is_transformation(value) else checks.spread(name, value, n)


def size(step: Any) -> Number:
    """h, the number of a step; 1 for those that have none."""
    if not is_transformation(step):
        return step
    update = step.update.update if is_projected(step) else step.update
    return update.size if isinstance(update, _Times) else jnp.asarray(1.0)


def resized(step: Any, h: Number) -> Any:
    """The step with another size, onto the same set."""
    return projected(h, step.update.projection) if is_projected(step) else h


def taken(
    player: PyTree, step: optax.GradientTransformation, direction: PyTree, memory: Any
) -> tuple[PyTree, Any]:
    """The player and the memory of an optimizer after its step along a direction."""
    against = jax.tree.map(jnp.negative, direction)
    # Optax mixes its own dtypes; what comes back is cast to ours.
    with jax.numpy_dtype_promotion("standard"):
        if is_projected(step):
            onto: Any = step.update
            base = optax.GradientTransformation(step.init, onto.update)
            move, new = update(base, against, memory, player)
            after = onto.land(player, move)
        else:
            move, new = update(step, against, memory, player)
            after = applied(player, move)
        return after, jax.tree.map(_like, new, memory)


def _like(new: Any, old: Any) -> Any:
    """What moves in its old precision; clocks and random keys as they are."""
    return new.astype(old.dtype) if eqx.is_inexact_array(old) else new


def landed(player: PyTree, step: Any, direction: PyTree) -> PyTree:
    """P(z + h v)."""
    ahead = moved(player, size(step), direction)
    return step.update.onto(ahead) if is_projected(step) else ahead


def all_landed(players: Players, step: Any, directions: Players) -> Players:
    """P_i(z_i + h_i v_i) of all players; `step` is that of everybody, or one per player."""
    each = spread("step_size", step, len(players))
    return tuple(map(landed, players, each, directions))


def all_moves(players: Players, step: Any, directions: Players) -> Players:
    """P_i(z_i + h_i v_i) - z_i of all players."""
    return jax.tree.map(jnp.subtract, all_landed(players, step, directions), players)


def feasible(player: PyTree, step: Any, direction: PyTree) -> PyTree:
    """(P(z + h v) - z)/h: what is left of a direction in the player's set; v itself if it is free.
    It vanishes where the player is content with its place in the set."""
    if not is_projected(step):
        return direction
    way = jax.tree.map(jnp.subtract, landed(player, step, direction), player)
    return scaled(1 / size(step), way)


def all_feasible(players: Players, step: Any, directions: Players) -> Players:
    """The directions of all players, as far as their sets allow; `step` may be `None`."""
    each = spread("step", step, len(players))
    return tuple(feasible(*args) for args in zip(players, each, directions, strict=True))


def scaled(c: Number, tree: PyTree) -> PyTree:
    """c x, in the precision of x."""
    return jax.tree.map(lambda x: jnp.asarray(c, x.dtype) * x, tree)


def moved(x: PyTree, c: Number, v: PyTree) -> PyTree:
    """x + c v, in the precision of x."""
    return jax.tree.map(lambda x, v: x + jnp.asarray(c, x.dtype) * v, x, v)
