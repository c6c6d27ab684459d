"""Published training methods, each as what it is: field x optimizers x order of moves.

`step_size` is, throughout, a number, one per player, or - where the method is not defined by its
numbers - optax transformations, one for everybody or one per player. Every method takes a game and
returns a rule; read the one-line body to see the method.
"""

from collections.abc import Sequence
from typing import Any

import diffrax as dfx
import jax.numpy as jnp
import optax

from . import _checks as checks
from ._types import Number, PerPlayer
from .fields import (
    Competitive,
    Consensus,
    Extrapolated,
    Gradient,
    Implicit,
    Mirror,
    Scaled,
    Symplectic,
)
from .flows import RK4, GradientFlow, Integrator
from .games import AbstractGame, Unrolled, hardmax
from .rules import AbstractRule, BestResponse, Descend, Relaxed, Repeat, Sequential, TimeMap
from .rules._descend import is_transformation, plain


def simultaneous(game: AbstractGame, step_size: Any) -> AbstractRule:
    """All players step at once: z <- z + h v(z), explicit Euler on the flow.

    On a bilinear game each turn with singular value s grows by sqrt(1 + h^2 s^2) for every h.
    """
    return Descend(Gradient(game), step_size)


def alternating(
    game: AbstractGame,
    step_size: Any,
    repeats: Sequence[int] = (1, 1),
    order: Sequence[int] = (1, 0),
) -> AbstractRule:
    """The players take turns, each seeing what the ones before it did.

    On a bilinear game the steps stay on an ellipse while h s < 2.

    **Arguments:**

    - `repeats`: `repeats[i]` is how often player i moves when its turn comes. `(1, k)` is min-max
      play: the discriminator all but solves its problem before the generator moves; `(k, 1)` with
      `order=(0, 1)` is max-min play.
    - `order`: the players in the order of their turns; the discriminator first by default.
    """
    n = len(order)
    if sorted(order) != list(range(n)):
        raise ValueError(
            f"`order` must name every player once, a permutation of 0 .. {n - 1}, but is "
            f"{tuple(order)}."
        )
    if len(repeats) != n:
        raise ValueError(
            f"`repeats` must have one count per player, {n} as in `order`, but is {tuple(repeats)}."
        )
    repeats = [checks.count(f"repeats[{i}]", k) for i, k in enumerate(repeats)]
    optimizers = _each(step_size, n)

    def turn(i: int) -> AbstractRule:
        move = Descend(Gradient(game), tuple(optimizers[j] if j == i else None for j in range(n)))
        return move if repeats[i] == 1 else Repeat(move, repeats[i])

    return Sequential(*(turn(i) for i in order))


def extragradient(game: AbstractGame, step_size: PerPlayer) -> AbstractRule:
    """z <- z + h v(z + h v(z)), Korpelevich (1976); for GANs Gidel et al. (2019).

    On a bilinear game stable while h s < 1, fastest at h s = 1/sqrt(2).
    """
    return Descend(Extrapolated(Gradient(game), _numbers("extragradient", step_size)), step_size)


def optimistic(game: AbstractGame, step_size: Any) -> AbstractRule:
    """z_{t+1} = z_t + 2 h v_t - h v_{t-1}, optimistic gradient descent (Popov 1980; Daskalakis et
    al. 2018), the same as extrapolation from the past.

    The first step is a plain one: v_{-1} is taken as v_0. On a bilinear game stable while
    h s < 1/sqrt(3), fastest at h s = 1/2. Optax transformations are given the optimistic gradient
    2 g_t - g_{t-1}.
    """

    def foresee(rest: optax.GradientTransformation) -> optax.GradientTransformation:
        return optax.chain(optax.scale_by_optimistic_gradient(), rest)

    given = step_size if not _is_single(step_size) else (step_size,)
    optimizers = tuple(
        None if o is None else foresee(o if is_transformation(o) else plain("step_size", o))
        for o in given
    )
    return Descend(Gradient(game), optimizers[0] if _is_single(step_size) else optimizers)


def proximal_point(game: AbstractGame, step_size: PerPlayer) -> AbstractRule:
    """z_{t+1} = z_t + h v(z_{t+1}): implicit Euler on the flow (Martinet 1970; Rockafellar 1976).

    On a bilinear game the factor per step is 1/sqrt(1 + h^2 s^2), below one for every h. The
    players are nan where the equation has no root that Newton's method finds.
    """
    return Descend(Implicit(Gradient(game), _numbers("proximal_point", step_size)), step_size)


def consensus(game: AbstractGame, step_size: Any, strength: Number) -> AbstractRule:
    """z <- z + h (v - c J^T v): everybody also descends |v|^2/2 (Mescheder et al. 2017).

    `strength` c = 1 is a good value on the Dirac-GAN; on stiff games it limits the step size.
    """
    return Descend(Consensus(Gradient(game), strength), step_size)


def symplectic(game: AbstractGame, step_size: Any, strength: Number = 1.0) -> AbstractRule:
    """z <- z + h (v - (c/2)(J^T - J) v): symplectic gradient adjustment, without adapting the sign
    of its `strength` c (Balduzzi et al. 2018)."""
    return Descend(Symplectic(Gradient(game), strength), step_size)


def competitive(game: AbstractGame, step_size: PerPlayer) -> AbstractRule:
    """z <- z + h (1 - h J_o)^-1 v, J_o the Jacobian without its diagonal blocks: everybody plays
    the Nash equilibrium of the local bilinear game (Schaefer and Anandkumar 2019), here for any
    number of players and any losses.

    On a bilinear game it is the proximal point method, stable for every h.
    """
    return Descend(Competitive(Gradient(game), _numbers("competitive", step_size)), step_size)


def negative_momentum(
    game: AbstractGame, step_size: PerPlayer, momentum: PerPlayer = -0.5
) -> AbstractRule:
    """Alternating heavy ball, z_i <- z_i + h v_i + b (z_i - z_i before), the discriminator first
    (Gidel, Askari Hemmat et al., "Negative Momentum for Improved Game Dynamics", 2019).

    On a bilinear game with h s small, b = -1/2 for both is best: a factor 1 - (4/27) h^2 s^2 per
    step. Positive momentum diverges.

    **Arguments:**

    - `momentum`: b, strictly between -1 and 1, a number or one per player.
    """
    steps = _each(_numbers("negative_momentum", step_size), 2)
    momenta = checks.spread("momentum", checks.per_player("momentum", momentum), 2)
    for b in momenta:
        if checks.is_concrete(b) and not abs(float(b)) < 1:
            raise ValueError(
                f"`momentum` must be strictly between -1 and 1, but is {float(b):g}: at 1 and "
                "beyond a step never forgets the ones before."
            )

    def ball(h: Number, b: Number) -> optax.GradientTransformation:
        return optax.chain(optax.trace(b), plain("step_size", h))

    return alternating(game, tuple(map(ball, steps, momenta)))


def lookahead(rule: AbstractRule, every: int, fraction: Number) -> AbstractRule:
    """One step is `every` steps of `rule`, then back towards the start: z <- z + a (z' - z)
    (Zhang et al. 2019; for games Chavdarova et al., "Taming GANs with Lookahead-Minmax", 2021).

    The memory of the rule - momenta, averages - goes on as it is. On a bilinear game simultaneous
    steps with h s = 0.3, which diverge, contract by 0.74 with `every=6`, `fraction=0.5`.

    **Arguments:**

    - `fraction`: a in [0, 1], the part of the way that is kept; 1 is the rule itself.
    """
    return Relaxed(Repeat(rule, every), fraction)


def unrolled(game: AbstractGame, step_size: Any, unroll: int, inner_step: Number) -> AbstractRule:
    """The generator descends what its loss will be after `unroll` gradient steps of the
    discriminator, and differentiates through them; the discriminator moves plainly (Metz et al.
    2017). Both at once, as in equations 7 and 8 of the paper.

    Good values on a ring of modes: `unroll=5` or 10. In another order, or with both players
    looking ahead, it is any method on the game `gandyn.games.Unrolled(game, unroll, inner_step)`.
    """
    return Descend(Gradient(Unrolled(game, unroll, inner_step)), step_size)


def runge_kutta(
    game: AbstractGame, step_size: PerPlayer, solver: dfx.AbstractSolver | None = None
) -> AbstractRule:
    """A Runge-Kutta step on the flow, of all players jointly (Qin et al., "Training Generative
    Adversarial Networks by Solving Ordinary Differential Equations", 2020).

    On a bilinear game the classic method contracts while 0 < h s < sqrt(8), by 1 - (h s)^6/144 for
    small steps; Heun's, of order two, expands by 1 + (h s)^4/8. All stages of a step see one sample
    of whatever is random.

    **Arguments:**

    - `solver`: any diffrax solver, by default `gandyn.flows.RK4()`; `diffrax.Heun()` is RK2.
    """
    steps = _numbers("runge_kutta", step_size)
    stepper = Integrator(solver=RK4() if solver is None else solver, dt=1.0, max_steps=1)
    return TimeMap(GradientFlow(Scaled(Gradient(game), steps), stepper), 1.0)


def hedge(game: AbstractGame, step_size: Any) -> AbstractRule:
    """q_a <- q_a e^{h v_a} / sum: multiplicative weights (Freund and Schapire 1999), everybody at
    once; an explicit step of the replicator equation, or mirror descent with the entropy.

    The players are logits of mixed strategies, `gandyn.games.softmax` of them the strategies. In
    zero-sum games the strategies move away from an interior equilibrium, their averages towards it.

    **Arguments:**

    - `game`: a game in mixed strategies, such as `gandyn.games.finite(payoff)`.
    """
    return Descend(Mirror(Gradient(game)), step_size)


def fictitious_play(game: AbstractGame) -> AbstractRule:
    """Everybody best-responds to the average of what the others have played (Brown 1951).

    In the form in which the average is a sum: the players hold what each action would have earned
    so far, and play, `gandyn.games.hardmax` of them, the best; of several, the first. The start is
    what they believe before the first move. In zero-sum games the averages of what was played
    converge to optimal strategies (Robinson 1951). With more than two players the response is to
    the joint record of the others.

    **Arguments:**

    - `game`: a game in mixed strategies, such as `gandyn.games.finite(payoff)`.
    """
    return Descend(Mirror(Gradient(game), hardmax), 1.0)


def best_response(
    game: AbstractGame, actions: Sequence[int], order: Sequence[int] = (1, 0)
) -> AbstractRule:
    """The players of a finite game take turns, each with the best action against the others' last
    ones (Cournot 1838); of several, the first.

    **Arguments:**

    - `game`: a game in mixed strategies, such as `gandyn.games.finite(payoff)`.
    - `actions`: how many each player has.
    - `order`: the players in the order of their turns.
    """
    if sorted(order) != list(range(len(actions))):
        raise ValueError(
            f"`order` must name every player of `actions` once, a permutation of 0 .. "
            f"{len(actions) - 1}, but is {tuple(order)}."
        )
    sizes = [checks.count(f"actions[{i}]", n) for i, n in enumerate(actions)]
    return Sequential(*(BestResponse(game, i, jnp.eye(sizes[i])) for i in order))


def _is_single(step_size: Any) -> bool:
    several = isinstance(step_size, tuple | list) or getattr(step_size, "ndim", 0) == 1
    return is_transformation(step_size) or not several


def _each(step_size: Any, n: int) -> tuple[Any, ...]:
    """One step size or transformation per player."""
    return (
        (step_size,) * n
        if _is_single(step_size)
        else checks.spread("step_size", tuple(step_size), n)
    )


def _numbers(method: str, step_size: PerPlayer) -> PerPlayer:
    """`step_size`, held to be numbers, for methods whose definition uses their values."""
    given = (step_size,) if _is_single(step_size) else tuple(step_size)
    if any(o is None or is_transformation(o) for o in given):
        raise TypeError(
            f"`step_size` must be a number or one per player for {method}, which is defined by "
            "their values, but holds an optax transformation or None."
        )
    return checks.per_player("step_size", step_size, low=0)
