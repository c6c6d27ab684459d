"""Published training methods, each as what it is: field x optimizers x order of moves.

Every method takes a game and returns a rule; read the one-line body to see the method. One that is
defined by which way the players go takes a field in place of the game, of which it otherwise takes
the gradient: `optimistic(gandyn.fields.natural(gan), h)` is optimistic natural gradient descent,
`heavy_ball(Consensus(Gradient(game), c), h)` momentum on consensus, `extragradient(Custom(f), h)` a
method on a function of the user's. Only `lola`, `sos`, `stackelberg`, `unrolled` and
`best_response` ask for the losses themselves.

`step_size` is, throughout, a number, one per player - two time scales are two numbers -, or, where
the method is not defined by its numbers, schedules and optax transformations, one for everybody or
one per player: `simultaneous(game, optax.adam(1e-3, b1=0.5))` is Adam in the game,
`optimistic(game, optax.adam(...))` optimistic Adam, and
`alternating(game, (0.1, optax.cosine_decay_schedule(0.4, 1000)))` slows the second player down.
What wraps any rule is a rule: `gandyn.rules.Averaged` for averages of the iterates, `lookahead`
below. The maps, limits, best steps and costs of the methods are in `gandyn.theory`.

A constraint is a part of the step: `projected(h, clip)` of `gandyn.rules` in place of h is a step
that ends in the player's set, `alternating(game, (h, projected(h, clip)))`. Every method then looks
ahead, anticipates and solves its equations in the sets, and rests where the variational inequality
is solved. (Methods in logits, `hedge` and `fictitious_play`, are in their simplices anyway, and
`best_response` among its candidates.)
"""

from collections.abc import Callable, Sequence
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from . import _checks as checks
from . import _step as stepping
from ._opened import is_transformation
from ._step import is_projected, projected
from ._types import Number, PerPlayer, Players
from .fields import (
    LOLA,
    SOS,
    Anticipated,
    Competitive,
    Consensus,
    Extrapolated,
    Foreseen,
    Gradient,
    Implicit,
    Mirror,
    NaturalMap,
    Ridge,
    Scaled,
    Stackelberg,
    Symplectic,
)
from .fields._field import GameOrField, as_field, with_losses
from .flows import RK4, GradientFlow, Integrator
from .games import AbstractGame, Unrolled, hardmax
from .rules import (
    LEAD,
    AbstractRule,
    BestResponse,
    Descend,
    Extra,
    Project,
    Relaxed,
    Repeat,
    Sequential,
    TimeMap,
)

__all__ = [
    "alternating",
    "best_response",
    "competitive",
    "complex_momentum",
    "consensus",
    "drift_cancelled",
    "extra_adam",
    "extragradient",
    "fictitious_play",
    "follow_the_ridge",
    "heavy_ball",
    "hedge",
    "lead",
    "linearized_competitive",
    "lola",
    "lookahead",
    "negative_momentum",
    "optimistic",
    "optimistic_adam",
    "proximal_point",
    "runge_kutta",
    "simultaneous",
    "sos",
    "stackelberg",
    "symplectic",
    "unrolled",
]


def __dir__() -> list[str]:
    return __all__


def simultaneous(game: GameOrField, step_size: Any) -> AbstractRule:
    """All players step at once: z <- z + h v(z), explicit Euler on the flow.

    On a bilinear game each turn with singular value s grows by sqrt(1 + h^2 s^2) for every h.

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, a schedule or an optax transformation, for everybody or one per
      player.
    """
    return Descend(as_field(game), step_size)


def alternating(
    game: GameOrField,
    step_size: Any,
    repeats: Sequence[int] = (1, 1),
    order: Sequence[int] = (1, 0),
) -> AbstractRule:
    """The players take turns, each seeing what the ones before it did, and with every move a fresh
    draw of whatever is random.

    On a bilinear game the steps stay on an ellipse while h s < 2.

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, a schedule or an optax transformation, for everybody or one per
      player.
    - `repeats`: `repeats[i]` is how often player i moves when its turn comes. `(1, k)` is min-max
      play: the discriminator all but solves its problem before the generator moves; `(k, 1)` with
      `order=(0, 1)` is max-min play.
    - `order`: the players in the order of their turns; the discriminator first by default.
    """
    order, counts = checks.counts("order", order, low=0), checks.counts("repeats", repeats)
    n = len(order)
    if sorted(order) != list(range(n)):
        raise ValueError(
            f"`order` must name every player once, a permutation of 0 .. {n - 1}, but is {order}."
        )
    if len(counts) != n:
        raise ValueError(
            f"`repeats` must have one count per player, {n} as in `order`, but is {counts}."
        )
    if not _is_single(step_size) and len(step_size) != n:
        raise ValueError(
            f"`step_size` has {len(step_size)} entries, but `order` names {n} players: give one "
            "for everybody or one per player, and for more players `order` and `repeats`, as "
            f"`order={tuple(range(len(step_size)))[::-1]}`."
        )
    optimizers = _each(step_size, n)

    def turn(i: int) -> AbstractRule:
        move = Descend(as_field(game), tuple(optimizers[j] if j == i else None for j in range(n)))
        return move if counts[i] == 1 else Repeat(move, counts[i])

    return Sequential(*(turn(i) for i in order))


def extragradient(
    game: GameOrField,
    step_size: Any,
    extrapolation: PerPlayer | None = None,
    fresh: bool = True,
) -> AbstractRule:
    """z <- z + h v(z + g v(z)), Korpelevich (1976); for GANs Gidel et al. (2019).

    On a bilinear game with g = h stable while h s < 1, fastest at h s = 1/sqrt(2).

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, or one per player.
    - `extrapolation`: g, the size of the look ahead; by default h. With noise, a longer one than h
      is needed to converge (Hsieh et al. 2020).
    - `fresh`: whether the two evaluations see independent noise, or the same.
    """
    h = _numbers("extragradient", step_size)
    g = h if extrapolation is None else _resized(h, "extrapolation", extrapolation)
    return Descend(Extrapolated(as_field(game), g, fresh), h)


def optimistic(game: GameOrField, step_size: Any) -> AbstractRule:
    """z_{t+1} = z_t + 2 h v_t - h v_{t-1}, optimistic gradient descent (Popov 1980; Daskalakis et
    al. 2018), the same as extrapolation from the past.

    The first step is a plain one: v_{-1} is taken as v_0. On a bilinear game stable while
    h s < 1/sqrt(3), fastest at h s = 1/2. Optax transformations are given the optimistic gradient
    2 g_t - g_{t-1}. With projected steps, z <- P(z + 2 h v_t - h v_{t-1}), it is the forward-
    reflected-backward method (Malitsky and Tam 2020).

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, a schedule or an optax transformation, for everybody or one per
      player.
    """

    def foresee(rest: optax.GradientTransformation) -> optax.GradientTransformation:
        return optax.chain(optax.scale_by_optimistic_gradient(), rest)

    return Descend(as_field(game), _remembering(foresee, step_size))


def proximal_point(game: GameOrField, step_size: Any) -> AbstractRule:
    """z_{t+1} = z_t + h v(z_{t+1}): implicit Euler on the flow (Martinet 1970; Rockafellar 1976).

    On a bilinear game the factor per step is 1/sqrt(1 + h^2 s^2), below one for every h. The
    players are nan where the equation has no root that Newton's method finds.

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, or one per player.
    """
    h = _numbers("proximal_point", step_size)
    return Descend(Implicit(as_field(game), h), h)


def consensus(game: GameOrField, step_size: Any, strength: Number) -> AbstractRule:
    """z <- z + h (v - c J^T v): everybody also descends |v|^2/2 (Mescheder et al. 2017).

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, a schedule or an optax transformation, for everybody or one per
      player.
    - `strength`: c; 1 is a good value on the Dirac-GAN, on stiff games it limits the step size.
    """
    return Descend(Consensus(as_field(game), strength, _sets(step_size)), step_size)


def symplectic(
    game: GameOrField, step_size: Any, strength: Number = 1.0, align: bool = False
) -> AbstractRule:
    """z <- z + h (v - (c/2)(J^T - J) v): symplectic gradient adjustment (Balduzzi et al. 2018).

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, a schedule or an optax transformation, for everybody or one per
      player.
    - `strength`: c; 1 in the paper.
    - `align`: whether the sign of c is chosen at every step, see `gandyn.fields.Symplectic`.
    """
    return Descend(Symplectic(as_field(game), strength, align, _sets(step_size)), step_size)


def competitive(game: GameOrField, step_size: Any) -> AbstractRule:
    """z <- z + h (1 - h J_o)^-1 v, J_o the Jacobian without its diagonal blocks: everybody plays
    the Nash equilibrium of the local bilinear game (Schaefer and Anandkumar 2019), here for any
    number of players and any losses.

    On a bilinear game it is the proximal point method, stable for every h.

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, or one per player.
    """
    h = _numbers("competitive", step_size)
    return Descend(Competitive(as_field(game), h), h)


def linearized_competitive(game: GameOrField, step_size: Any) -> AbstractRule:
    """z <- z + h (v + J_o h v): competitive gradient descent to first order (LCGD, Schaefer and
    Anandkumar 2019), which is the LookAhead of Zhang and Lesser (2010).

    On a bilinear game stable while h s < 1.

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, or one per player.
    """
    h = _numbers("linearized_competitive", step_size)
    return Descend(Anticipated(as_field(game), h), h)


def lola(game: AbstractGame, step_size: Any, shaping: PerPlayer | None = None) -> AbstractRule:
    """z <- z + h w, everybody descending what its loss will be after a step of the others, of the
    size `shaping` (by default h), to first order in it (Foerster et al. 2018).

    This is the full derivative of the published objective: LookAhead's term and the shaping term,
    which on a bilinear game are equal. It need not rest where plain play rests.

    **Arguments:**

    - `game`: any game.
    - `step_size`: h, a number, or one per player.
    - `shaping`: the size of the others' foreseen steps, a number or one per player; by default h.
    """
    h = _numbers("lola", step_size)
    return Descend(LOLA(game, h if shaping is None else _resized(h, "shaping", shaping)), h)


def sos(
    game: AbstractGame,
    step_size: Any,
    shaping: PerPlayer | None = None,
    agreement: Number = 0.5,
    radius: Number = 0.1,
) -> AbstractRule:
    """Stable opponent shaping (Letcher et al. 2019): between LookAhead and LOLA, the latter only as
    far as it does no harm; see `gandyn.fields.SOS`.

    **Arguments:**

    - `game`: any game.
    - `step_size`: h, a number, or one per player.
    - `shaping`: the size of the others' foreseen steps, a number or one per player; by default h.
    - `agreement`: how much of LookAhead is left where the two disagree, in (0, 1).
    - `radius`: below which size of the gradient shaping fades out, in (0, 1).
    """
    h = _numbers("sos", step_size)
    foreseen = h if shaping is None else _resized(h, "shaping", shaping)
    return Descend(SOS(game, foreseen, agreement, radius), h)


def lead(
    game: GameOrField,
    step_size: Any,
    momentum: Number = 0.0,
    coupling: Number | None = None,
) -> AbstractRule:
    """z' = z + h v + b d + a J_o d with d the last step (Hemmat et al. 2020).

    On a bilinear game a = h with b = 0 is the optimistic method.

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, or one per player.
    - `momentum`: b, strictly between -1 and 1.
    - `coupling`: a, by default h, which then must be one number.
    """
    h = _numbers("lead", step_size)
    if coupling is None and isinstance(h, tuple):
        raise ValueError(
            "`coupling` is `step_size` by default, which then must be one number: give `coupling` "
            "where the players have steps of their own."
        )
    return LEAD(as_field(game), h, momentum, stepping.size(h) if coupling is None else coupling)


def follow_the_ridge(game: GameOrField, step_size: Any, leader: int = 0) -> AbstractRule:
    """The follower moves along with its own best response to the leader's step (Wang, Zhang, Ba
    2020): stable at local min-max points, and, for small steps, nowhere else.

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, or one per player.
    - `leader`: which player leads.
    """
    steps = _numbers("follow_the_ridge", step_size)
    whole = _resized(steps, "step_size", 1.0)
    return Descend(Ridge(Scaled(as_field(game), _sizes(steps)), leader, whole), whole)


def stackelberg(game: AbstractGame, step_size: Any, leader: int = 0) -> AbstractRule:
    """The leader differentiates through the follower's best response, the follower descends plainly
    (Fiez, Chasnov, Ratliff 2020); give the follower the larger step.

    **Arguments:**

    - `game`: any game.
    - `step_size`: h, a number, a schedule or an optax transformation, for everybody or one per
      player.
    - `leader`: which player leads.
    """
    return Descend(Stackelberg(game, leader, _sets(step_size)), step_size)


def drift_cancelled(game: GameOrField, step_size: Any) -> AbstractRule:
    """z <- z + h (v + (h/2) J_o v): simultaneous steps without the drift by which the players'
    discrete steps act on each other (Rosca, Wu, Dherin, Barrett, "Discretization Drift in
    Two-Player Games", 2021); their drift of each on itself, which does no harm, stays.

    On a bilinear game the factor per step falls from 1 + (h s)^2/2 to 1 + (h s)^4/8.

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, or one per player.
    """
    h = _numbers("drift_cancelled", step_size)
    half = jax.tree.map(lambda x: x / 2, _sizes(h))
    return Descend(Anticipated(as_field(game), _resized(h, "step_size", half)), h)


def heavy_ball(
    game: GameOrField,
    step_size: Any,
    momentum: PerPlayer = 0.9,
    nesterov: bool = False,
) -> AbstractRule:
    """z_{t+1} = z_t + h v_t + b (z_t - z_{t-1}), all players at once (Polyak 1964), or Nesterov's
    form, in which the direction is v_t + b times the momentum.

    On a bilinear game it diverges for every h and b; see `negative_momentum`. In players' sets
    z_{t+1} is projected, so that what is remembered are the steps that were made.

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number or a schedule, or one per player.
    - `momentum`: b, strictly between -1 and 1, a number or one per player.
    - `nesterov`: whether it is Nesterov's form.
    """
    return simultaneous(game, _balls("heavy_ball", step_size, momentum, nesterov))


def complex_momentum(
    game: GameOrField,
    step_size: Any,
    momentum: Number = 0.9,
    angle: Number = jnp.pi / 8,
) -> AbstractRule:
    """m' = b e^(i a) m + v,   z' = z + h Re m', all players at once (Lorraine, Acuna, Vicol,
    Duvenaud, "Complex Momentum for Optimization in Games", 2022).

    With its default values, the paper's, it converges on bilinear games for small h s, where real
    momentum diverges. For a field with eigenvalue l the multipliers are the roots of
    (x - 1)(x^2 - 2 b cos(a) x + b^2) = h l x (x - b cos a).

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number or a schedule, or one per player.
    - `momentum`: b, strictly between -1 and 1.
    - `angle`: a, in radians.
    """
    h = _rates("complex_momentum", step_size)
    update = _ComplexMomentum(checks.below_one("momentum", momentum), checks.number("angle", angle))
    memory = optax.GradientTransformation(_resting, update)
    return Descend(as_field(game), _remembering(lambda rest: optax.chain(memory, rest), h))


def optimistic_adam(
    game: GameOrField, step_size: Any, b1: Number = 0.5, b2: Number = 0.9
) -> AbstractRule:
    """z_{t+1} = z_t + h (2 a_t - a_{t-1}) with Adam's direction a_t (Daskalakis, Ilyas, Syrgkanis,
    Zeng, "Training GANs with Optimism", 2018, algorithm 1), all players at once.

    Adam on optimistic gradients, which is another method, is `optimistic(game, optax.adam(h))`. The
    first step is a plain one.

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number or a schedule, or one per player.
    - `b1`, `b2`: what is left of Adam's two averages after a step, in [0, 1).
    """
    memory = _adam(b1, b2), optax.scale_by_optimistic_gradient()
    h = _rates("optimistic_adam", step_size)
    return Descend(as_field(game), _remembering(lambda rest: optax.chain(*memory, rest), h))


def extra_adam(
    game: GameOrField, step_size: Any, b1: Number = 0.5, b2: Number = 0.9
) -> AbstractRule:
    """Adam, which takes every step from where it stood with the gradients a step ahead (Gidel et
    al. 2019, algorithm 4).

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number or a schedule, or one per player.
    - `b1`, `b2`: what is left of Adam's two averages after a step, in [0, 1).
    """
    memory = _adam(b1, b2)
    h = _rates("extra_adam", step_size)
    return Extra(Descend(as_field(game), _remembering(lambda rest: optax.chain(memory, rest), h)))


def negative_momentum(
    game: GameOrField, step_size: Any, momentum: PerPlayer = -0.5
) -> AbstractRule:
    """Alternating heavy ball, z_i <- z_i + h v_i + b (z_i - z_i before), the discriminator first
    (Gidel, Askari Hemmat et al., "Negative Momentum for Improved Game Dynamics", 2019).

    On a bilinear game with h s small, b = -1/2 for both is best: a factor 1 - (4/27) h^2 s^2 per
    step. Positive momentum diverges.

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number or a schedule, or one per player.
    - `momentum`: b, strictly between -1 and 1, a number or one per player.
    """
    return alternating(game, _balls("negative_momentum", step_size, momentum))


def lookahead(rule: AbstractRule, every: int, fraction: Number) -> AbstractRule:
    """One step is `every` steps of `rule`, then back towards the start: z <- z + a (z' - z)
    (Zhang et al. 2019; for games Chavdarova et al., "Taming GANs with Lookahead-Minmax", 2021).

    The memory of the rule - momenta, averages - goes on as it is. On a bilinear game simultaneous
    steps with h s = 0.3, which diverge, contract by 0.74 with `every=6`, `fraction=0.5`.

    **Arguments:**

    - `rule`: any rule.
    - `every`: how many of its steps are one.
    - `fraction`: a in [0, 1], the part of the way that is kept; 1 is the rule itself.
    """
    return Relaxed(Repeat(rule, checks.count("every", every)), fraction)


def unrolled(
    game: AbstractGame,
    step_size: Any,
    unroll: int,
    inner_step: Any,
    players: Sequence[int] = (0,),
    backpropagate: bool = True,
) -> AbstractRule:
    """The generator descends what its loss will be after `unroll` steps of the discriminator, and
    differentiates through them; the discriminator moves plainly (Metz et al.
    2017). Both at once, as in equations 7 and 8 of the paper.

    In another order it is any method on the game `gandyn.games.Unrolled(game, unroll, inner)`.

    **Arguments:**

    - `game`: any game.
    - `step_size`: h, a number, a schedule or an optax transformation, for everybody or one per
      player.
    - `unroll`: how many steps are foreseen; 5 or 10 are good values on a ring of modes.
    - `inner_step`: the foreseen steps, in the same forms: a number is plain gradient steps,
      `optax.adam(1e-4, b1=0.5)` unrolls Adam, as the published program does. `projected` where the
      players are to be foreseen in their sets, as their own steps are.
    - `players`: those who look ahead; `(0, 1)` for both.
    - `backpropagate`: whether they differentiate through the others' steps, or take them as given
      (`gandyn.fields.Foreseen`).
    """
    inner = stepping.responses("inner_step", inner_step)
    foreseen = Unrolled(with_losses("unrolled", game), unroll, inner, players)
    through = checks.flag("backpropagate", backpropagate)
    return Descend(Gradient(foreseen) if through else Foreseen(foreseen), step_size)


def runge_kutta(
    game: GameOrField, step_size: Any, solver: dfx.AbstractSolver | None = None
) -> AbstractRule:
    """A Runge-Kutta step on the flow, of all players jointly (Qin et al., "Training Generative
    Adversarial Networks by Solving Ordinary Differential Equations", 2020).

    On a bilinear game the classic method contracts while 0 < h s < sqrt(8), by 1 - (h s)^6/144 for
    small steps; Heun's, of order two, expands by 1 + (h s)^4/8. All stages of a step see one sample
    of whatever is random. In players' sets it is a step on the flow z' = P(z + h v) - z of
    `gandyn.fields.NaturalMap`, brought back from where its stages may have led.

    **Arguments:**

    - `game`: a game, or a field in its place.
    - `step_size`: h, a number, or one per player.
    - `solver`: any diffrax solver, by default `gandyn.flows.RK4()`; `diffrax.Heun()` is RK2.
    """
    steps = _numbers("runge_kutta", step_size)
    stepper = Integrator(solver=RK4() if solver is None else solver, dt=1.0, max_steps=1)
    if not _any_projected(steps):
        return TimeMap(GradientFlow(Scaled(as_field(game), steps), stepper), 1.0)
    step = TimeMap(GradientFlow(NaturalMap(as_field(game), steps), stepper), 1.0)
    return Sequential(step, Project(_Landing(steps)))


def hedge(game: GameOrField, step_size: Any) -> AbstractRule:
    """q_a <- q_a e^{h v_a} / sum: multiplicative weights (Freund and Schapire 1999), everybody at
    once; an explicit step of the replicator equation, or mirror descent with the entropy.

    The players are logits of mixed strategies, `gandyn.games.softmax` of them the strategies. In
    zero-sum games the strategies move away from an interior equilibrium, their averages towards it.

    **Arguments:**

    - `game`: a game in mixed strategies, such as `gandyn.games.finite(payoff)`, or a field on them.
    - `step_size`: h, a number, a schedule or an optax transformation, for everybody or one per
      player.
    """
    return Descend(Mirror(as_field(game)), step_size)


def fictitious_play(game: GameOrField) -> AbstractRule:
    """Everybody best-responds to the average of what the others have played (Brown 1951).

    In the form in which the average is a sum: the players hold what each action would have earned
    so far, and play, `gandyn.games.hardmax` of them, the best; of several, the first. The start is
    what they believe before the first move. In zero-sum games the averages of what was played
    converge to optimal strategies (Robinson 1951). With more than two players the response is to
    the joint record of the others.

    **Arguments:**

    - `game`: a game in mixed strategies, such as `gandyn.games.finite(payoff)`, or a field on them.
    """
    return Descend(Mirror(as_field(game), hardmax), 1.0)


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
    with_losses("best_response", game)
    sizes, order = checks.counts("actions", actions), checks.counts("order", order, low=0)
    if not sizes:
        raise ValueError("`actions` must have one number per player, but is empty.")
    if sorted(order) != list(range(len(sizes))):
        raise ValueError(
            f"`order` must name every player of `actions` once, a permutation of 0 .. "
            f"{len(sizes) - 1}, but is {order}."
        )
    return Sequential(*(BestResponse(game, i, jnp.eye(sizes[i])) for i in order))


def _adam(b1: Number, b2: Number) -> optax.GradientTransformation:
    return optax.scale_by_adam(checks.decay("b1", b1), checks.decay("b2", b2))


def _balls(method: str, step_size: Any, momentum: PerPlayer, nesterov: bool = False) -> Any:
    """A heavy ball for everybody, or one for each of several players."""

    def ball(step: Any, b: Number) -> optax.GradientTransformation:
        b = checks.below_one("momentum", b)
        if not is_projected(step):
            return optax.chain(optax.trace(b, nesterov), stepping.transformed("step_size", step))
        if nesterov:
            raise ValueError(
                f"`step_size` must not be projected for `{method}` with `nesterov`: what it "
                "remembers are directions, not the steps that were made."
            )
        return optax.GradientTransformation(
            _standing, _Ball(stepping.size(step), b, step.update.onto)
        )

    checks.flag("nesterov", nesterov)
    steps, momenta = _rates(method, step_size), checks.per_player("momentum", momentum)
    single = _is_single(steps) and not isinstance(momenta, tuple)
    if single:
        return ball(steps, momenta)
    n = len(momenta if _is_single(steps) else steps)
    both = zip(
        stepping.spread("step_size", steps, n), checks.spread("momentum", momenta, n), strict=True
    )
    return tuple(ball(h, b) for h, b in both)


class _Ball(eqx.Module):
    """d' = P(z - h g + b d) - z, with d the last step."""

    size: Number
    momentum: Number
    onto: Any

    def __call__(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        ahead = stepping.moved(stepping.moved(params, self.momentum, state), -self.size, updates)
        step = jax.tree.map(jnp.subtract, self.onto(ahead), params)
        return step, step


def _standing(params: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, params)


class _ComplexMomentum(eqx.Module):
    """Momentum that turns in the complex plane, its real and imaginary part in two trees."""

    momentum: Number
    angle: Number

    def __call__(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        def turned(g: Array, re: Array, im: Array) -> tuple[Array, Array]:
            c, s = (
                (self.momentum * part).astype(g.dtype)
                for part in (jnp.cos(self.angle), jnp.sin(self.angle))
            )
            return c * re - s * im + g, s * re + c * im

        both = jax.tree.map(turned, updates, *state)
        re, im = (jax.tree.map(lambda _, pair, i=i: pair[i], updates, both) for i in (0, 1))
        return re, (re, im)


def _resting(params: Any) -> tuple[Any, Any]:
    zeros = jax.tree.map(jnp.zeros_like, params)
    return zeros, zeros


def _remembering(
    method: Callable[[optax.GradientTransformation], optax.GradientTransformation], step_size: Any
) -> Any:
    """The steps that come after what a `method` makes of the gradients, projected at their end."""

    def one(step: Any) -> Any:
        if step is None:
            return None
        if not is_projected(step):
            return method(stepping.transformed("step_size", step))
        base = optax.GradientTransformation(step.init, step.update.update)
        return projected(method(base), step.update.projection)

    if _is_single(step_size):
        return one(step_size)
    return tuple(one(step) for step in step_size)


class _Landing(eqx.Module):
    """The projections of all players' steps."""

    steps: Any

    def __call__(self, players: Players) -> Players:
        each = stepping.spread("step_size", self.steps, len(players))
        return tuple(
            step.update.onto(player) if is_projected(step) else player
            for step, player in zip(each, players, strict=True)
        )


def _is_single(step_size: Any) -> bool:
    return is_transformation(step_size) or not checks.is_several(step_size)


def _each(step_size: Any, n: int) -> tuple[Any, ...]:
    """One step size or transformation per player."""
    return stepping.spread("step_size", step_size if _is_single(step_size) else tuple(step_size), n)


def _any_projected(step_size: Any) -> bool:
    return any(map(is_projected, (step_size,) if _is_single(step_size) else step_size))


def _sets(step_size: Any) -> Any:
    """The steps, for fields that ask what sets they lead to; `None` if all players are free."""
    return step_size if _any_projected(step_size) else None


def _sizes(steps: Any) -> PerPlayer:
    """The numbers h of steps."""
    return (
        tuple(map(stepping.size, steps))
        if isinstance(steps, tuple) and not is_transformation(steps)
        else stepping.size(steps)
    )


def _resized(steps: Any, name: str, value: PerPlayer) -> Any:
    """Steps of other sizes onto the same sets."""
    if not _any_projected(steps):
        return checks.per_player(name, value, low=0)
    sizes = checks.per_player(name, value, low=0)
    if _is_single(steps) and not isinstance(sizes, tuple):
        return stepping.resized(steps, sizes)
    n = len(sizes if _is_single(steps) else steps)
    each = stepping.spread("step_size", steps, n)
    return tuple(map(stepping.resized, each, checks.spread(name, sizes, n)))


def _numbers(method: str, step_size: Any) -> Any:
    """`step_size`, held to be numbers, projected or not, for methods whose definition uses their
    values."""
    given = (step_size,) if _is_single(step_size) else tuple(step_size)
    for step in given:
        transformed = is_transformation(step) and not is_projected(step)
        if step is None or transformed or stepping.is_schedule(step):
            raise TypeError(
                f"`step_size` must be a number or one per player for {method}, which is defined by "
                "their values, but holds an optax transformation, a schedule or None."
            )
    return stepping.checked_steps("step_size", step_size)


def _rates(method: str, step_size: Any) -> Any:
    """`step_size`, held to be numbers or schedules, for methods that are defined by the rate of
    each step."""
    each = (step_size,) if _is_single(step_size) else tuple(step_size)
    if not any(map(stepping.is_schedule, each)):
        return _numbers(method, step_size)
    rates = tuple(x if stepping.is_schedule(x) else _numbers(method, x) for x in each)
    return rates[0] if _is_single(step_size) else rates
