"""The best discriminator against a generator, and what the generator learns from it.

Where the data has density p and the generator q, a discriminator that is free to be any function
takes at each point the logit

    D*(x) = argmin over l of  p(x) real(l) + q(x) fake(l),

which depends on the ratio p / q alone: its log for the minimax loss, p / (p + q) for least
squares, the sign of p - q for the hinge loss (Goodfellow et al. 2014, proposition 1; Mao et al.
2017; Lim and Ye 2017). Of the Wasserstein loss it is infinite; among the functions whose slope is
at most one the best is Kantorovich's potential.
"""

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from . import _checks as checks
from . import _numerics as numerics
from ._compiled import compiled
from ._types import Key, Number, Players, Scalar
from .families import Free
from .losses import AbstractLoss, Loss
from .measures import AbstractDensity
from .measures._density import checked_density
from .measures._measure import several_points
from .measures._quadrature import crossings, cut, lebesgue

if TYPE_CHECKING:
    from .games import GAN, MeasureGAN

__all__ = [
    "AbstractCritic",
    "Kantorovich",
    "OptimalDiscriminator",
    "generator_gradient",
    "optimal_discriminator",
    "optimal_logit",
    "pull",
    "solved",
]


def __dir__() -> list[str]:
    return __all__


_HALVINGS = 128
_FAR = 30.0  # logits are searched up to sinh(30) = 5e12


def optimal_logit(loss: Loss, log_ratio: Any) -> Float[Array, "..."]:
    """The logit that is best where log(p / q) is given; inf and -inf where only one has mass.

    By the closed form of the loss if it has one; otherwise by bisection on the sign of the slope of
    p real + q fake, which has to change only once. Where many logits are best, the middle one, or
    the one nearest to 0 if they go on for ever.

    **Arguments:**

    - `loss`: a loss of `gandyn.losses`, or your own.
    - `log_ratio`: log(p / q), an array of any shape.
    """
    log_ratio = checks.array("log_ratio", log_ratio, infinite=True)
    return log_ratio_to_logit(_checked_loss(loss))(log_ratio)


def log_ratio_to_logit(loss: Loss) -> Callable[[Float[Array, "..."]], Float[Array, "..."]]:
    """The closed form of a loss, or the search for it."""
    return loss.optimal if loss.optimal is not None else eqx.Partial(_search, loss)


class AbstractCritic(eqx.Module):
    """A critic that knows where on the line it has kinks or jumps, so that integrals over it are
    taken between them.

    A critic of your own is a subclass with `__call__` and `knots`; one that is smooth is any
    function of points.
    """

    @abc.abstractmethod
    def __call__(self, x: Any) -> Float[Array, "..."]:
        """Its values at an array of points."""

    @abc.abstractmethod
    def knots(self) -> Float[Array, " k"]:
        """Numbers between two of which it is smooth, for points on the line."""


class OptimalDiscriminator(AbstractCritic):
    """D* as a function of points: `discriminator(x)` for one, or for an array of points.

    **Arguments:**

    - `loss`: the loss of the game.
    - `p`, `q`: the densities of the data and of the generator.
    """

    loss: Loss
    p: AbstractDensity
    q: AbstractDensity

    def __check_init__(self) -> None:
        _checked_loss(self.loss)
        p, q = checked_density("p", self.p), checked_density("q", self.q)
        if p.event != q.event:
            raise ValueError(
                "`p` and `q` must be laws of points of one shape, but a point of `p` has shape "
                f"{p.event} and one of `q` {q.event}."
            )

    @compiled
    def __call__(self, x: Any) -> Float[Array, "..."]:
        log_p, log_q = self.p.log_prob(x), self.q.log_prob(x)
        # Where neither has mass, D* is free; it is taken as where they are equal.
        neither = jnp.isneginf(log_p) & jnp.isneginf(log_q)
        ratio = jnp.where(neither, 0, log_p) - jnp.where(neither, 0, log_q)
        return log_ratio_to_logit(self.loss)(ratio)

    def knots(self) -> Float[Array, " k"]:
        """Numbers between which D* is smooth, for laws on the line."""
        return crossings(self.p, self.q)


class Kantorovich(AbstractCritic):
    """The best critic of slope at most one between two laws on the line: f' = sign(G - F), where F
    and G are the distribution functions of the data and of the generator.

    E_data f - E_gen f = W_1. Between two knots of the laws one change of sign is found.

    **Arguments:**

    - `p`, `q`: the densities of the data and of the generator.
    """

    x: Float[Array, " k"]
    slopes: Float[Array, " pieces"]
    heights: Float[Array, " k"]

    def __init__(self, p: AbstractDensity, q: AbstractDensity):
        for name, law in (("p", p), ("q", q)):
            checked_density(name, law).on_the_line()

        def apart(x: Float[Array, "..."]) -> Float[Array, "..."]:
            return q.cdf(x.reshape(*x.shape, *q.event)) - p.cdf(x.reshape(*x.shape, *p.event))

        self.x = jnp.sort(cut(jnp.concatenate([law.knots() for law in (p, q)]), apart))
        middle = (self.x[:-1] + self.x[1:]) / 2
        ahead = apart(jnp.concatenate([self.x[:1], middle, self.x[-1:]]))
        sign = jnp.sign(ahead)
        # In the far tails both are 0 or 1 up to rounding: the first sign that can be seen decides.
        first, last = (sign[jnp.argmax(ahead != 0)], sign[::-1][jnp.argmax(ahead[::-1] != 0)])
        self.slopes = sign.at[0].set(first).at[-1].set(last)
        rises = jnp.cumsum(sign[1:-1] * jnp.diff(self.x))
        self.heights = jnp.concatenate([jnp.zeros(1, self.x.dtype), rises])

    def __call__(self, x: Any) -> Float[Array, "..."]:
        x = checks.floating(x)
        flat = x.reshape(-1)
        i = jnp.searchsorted(self.x, flat)
        at = jnp.maximum(i - 1, 0)
        # To the left of all points the line through the first of them.
        height = self.heights[at] + self.slopes[i] * (flat - self.x[at])
        return height.reshape(x.shape)

    def knots(self) -> Float[Array, " k"]:
        """Numbers between which the critic is straight."""
        return self.x


def optimal_discriminator(loss: Loss, p: Any, q: Any) -> Any:
    """D*, the best discriminator for any loss, as a function of the density ratio alone.

    **Arguments:**

    - `loss`: a loss of `gandyn.losses`, or your own.
    - `p`, `q`: the laws of the data and of the generator. For two densities D* is a function of
      points; for two probability vectors on one support, or densities at the points of a grid,
      the logits there.
    """
    _checked_loss(loss)
    if isinstance(p, AbstractDensity) and isinstance(q, AbstractDensity):
        return OptimalDiscriminator(loss, p, q)
    p, q = checks.array("p", p), checks.array("q", q)
    if p.shape != q.shape:
        raise ValueError(
            f"`p` and `q` must be on one support, but have shapes {p.shape} and {q.shape}."
        )
    for name, value in (("p", p), ("q", q)):
        if checks.is_concrete(value) and np.any(np.asarray(value) < 0):
            raise ValueError(f"`{name}` must not be negative, but is {checks.shown(value)}.")
    log_p, log_q = (jnp.where(v == 0, -jnp.inf, jnp.log(jnp.where(v == 0, 1, v))) for v in (p, q))
    neither = (p == 0) & (q == 0)
    ratio = jnp.where(neither, 0, log_p) - jnp.where(neither, 0, log_q)
    return log_ratio_to_logit(loss)(ratio)


def solved(
    game: "GAN | MeasureGAN", players: Players, *, key: Key = None, highest: Number = 35.0
) -> Players:
    """The players with the discriminator at its optimum against the generator as it is.

        D*(x_i) = argmin over l of  p_i real(l) + q_i fake(l)      at every node x_i,

    with p and q the masses of the data and of the generator there. With the minimax loss it is
    log(p_i / q_i), and its score 2 JS(p, q) - 2 log 2 (Goodfellow et al. 2014, theorem 1). Min-max
    play to the end is `Sequential(Project(partial(solved, game)), step)`, `step` the generator's:
    it descends that score, whose gradient is its own at D* (the envelope theorem).

    **Arguments:**

    - `game`: with a `gandyn.families.Free` discriminator whose nodes are all the points there are,
      as in `gandyn.games.bump` and `gandyn.games.density`: each node has its optimum by itself.
    - `players`: the generator's parameters are kept.
    - `key`: one realization of everything random.
    - `highest`: logits are held between plus and minus this; D* is infinite where only one of the
      two has mass. From 35 on the loss is certain, in double precision.
    """
    from .games import GAN, MeasureGAN  # which know their own equilibria from here

    free = game.discriminator if isinstance(game, GAN | MeasureGAN) else None
    if not isinstance(free, Free):
        raise TypeError(
            "`game` must be a GAN with a `gandyn.families.Free` discriminator, which alone has its "
            f"optimum at every node by itself, but is {checks.shown(game)}."
        )
    players = checks.players(players)
    batch = game.batch(players, checks.key(key))
    for name, (x, _) in (("data", batch.real), ("generator", batch.fake)):
        if checks.is_concrete((x, free.grid)) and not np.all(np.isin(x, free.grid)):
            raise ValueError(
                f"the points of the {name} must be nodes of the discriminator, between which it is "
                "not free: `gandyn.families.on_grid(law.cdf, grid)` puts a law on them, and "
                "`gandyn.games.bump` and `gandyn.games.density` are generators on them."
            )
    p, q = (free.masses(players[1], points) for points in (batch.real, batch.fake))
    best = optimal_discriminator(_checked_loss(game.loss), p, q)
    most = checks.positive("highest", highest).astype(best.dtype)
    return players[0], jnp.clip(best, -most, most)


def generator_gradient(
    loss: Loss,
    critic: Callable[[Array], Array],
    family: Callable[[PyTree], AbstractDensity],
    theta: PyTree,
) -> PyTree:
    """The gradient that a critic, held as it is, gives to a generator of known density.

        grad_theta E_{q_theta} generator(D(x)) = E_{q_theta} generator(D(x)) grad_theta log q_theta

    By quadrature: on the line between the knots of q_theta and those of an `AbstractCritic`,
    otherwise at the points of q_theta.

    **Arguments:**

    - `loss`: its `generator` is taken.
    - `critic`: D, a function of points: `optimal_discriminator(loss, p, family(theta))`, or
      `Kantorovich(p, q)`, or a network. It has to be finite where q_theta has mass.
    - `family`: `family(theta)` is the density q_theta. It may not have ends that move with theta,
      as the uniform law has: log q does not tell that they move.
    - `theta`: any pytree.
    """
    _checked_loss(loss)
    checks.function("critic", critic, "x")
    checks.function("family", family, "theta")
    theta = checks.parameters("theta", theta)
    law = checked_density("family(theta)", family(theta))
    if np.prod(law.event) == 1:
        kinks = [critic.knots()] if isinstance(critic, AbstractCritic) else []
        x, dx = lebesgue(jnp.concatenate([law.knots(), *kinks]), law.event)
        w = dx * law.prob(x)
    else:
        x, w = law.points()
    x, w = jax.lax.stop_gradient((x, w))
    values = critic(x)
    if jnp.shape(values) != w.shape:
        raise ValueError(
            f"`critic` must return one number for each of {len(w)} points, but returned an array "
            f"of shape {jnp.shape(values)}."
        )
    cost = jax.lax.stop_gradient(loss.generator(values))
    # Without its mean, which has no gradient, less is lost to rounding.
    cost = jnp.where(w > 0, cost - jnp.sum(jnp.where(w > 0, w * cost, 0)), 0)
    return jax.grad(lambda t: jnp.sum(w * cost * family(t).log_prob(x)))(theta)


def pull(loss: Loss, critic: Callable[[Array], Array], x: Any) -> Float[Array, "n *event"]:
    """Where a critic pulls each generated point: -grad_x generator(D(x)) at points `(n, *event)`.

    A generator's velocity is the mean of these pulls, each carried back through d G(z) / d theta.

    **Arguments:**

    - `loss`: its `generator` is taken.
    - `critic`: D, a function of one point.
    - `x`: the generated points.
    """
    _checked_loss(loss)
    checks.function("critic", critic, "x")

    def cost(x: Array) -> Scalar:
        value = critic(x)
        if jnp.shape(value) != ():
            raise ValueError(
                "`critic` must return one number for a point, but returned an array of shape "
                f"{jnp.shape(value)}: index it."
            )
        return loss.generator(value)

    return -jax.vmap(jax.grad(cost))(several_points("x", x))


def _checked_loss(loss: AbstractLoss) -> Loss:
    if isinstance(loss, AbstractLoss) and not isinstance(loss, Loss):
        raise TypeError(
            f"`loss` must be a `Loss`, a sum over points, but is {checks.shown(loss)}: where "
            "points are compared with each other no logit is best by the density ratio at its "
            "point alone."
        )
    if not isinstance(loss, Loss):
        raise TypeError(
            f"`loss` must be a loss, but is {checks.shown(loss)}: `gandyn.losses.minimax` is one."
        )
    return loss


@compiled
def _search(loss: Loss, log_ratio: Float[Array, "..."]) -> Float[Array, "..."]:
    """The zero of the slope of a real(l) + b fake(l), with a = p / (p + q) and b = q / (p + q)."""

    def slope(l: Scalar, log_ratio: Scalar) -> Scalar:
        real, fake = jax.grad(loss.real)(l), jax.grad(loss.fake)(l)
        a, b = jax.nn.sigmoid(log_ratio), jax.nn.sigmoid(-log_ratio)
        # A loss that nobody pays may be infinite.
        return jnp.where(a > 0, a * real, 0) + jnp.where(b > 0, b * fake, 0)

    def one(log_ratio: Scalar) -> Scalar:
        def edge(beyond: Callable[[Scalar], Array]) -> Scalar:
            """Where `beyond` of the slope becomes true, on a scale that is fine near 0."""

            def there(x: Scalar) -> Array:
                return beyond(slope(jnp.sinh(x), log_ratio))

            far = jnp.asarray(_FAR, log_ratio.dtype)
            low, high = numerics.bisection(there, -far, far, _HALVINGS)
            end = jnp.sinh((low + high) / 2)
            return jnp.where(high == far, jnp.inf, jnp.where(low == -far, -jnp.inf, end))

        # The best logits lie between where the slope stops to be negative and becomes positive.
        low, high = edge(lambda s: ~(s < 0)), edge(lambda s: s > 0)
        end = jnp.where(jnp.isfinite(low), low, jnp.where(jnp.isfinite(high), high, 0))
        end = jnp.where(jnp.isfinite(low) & jnp.isfinite(high), (low + high) / 2, end)
        found = jnp.where(low == high, low, end)
        at = jnp.where(jnp.isfinite(found), found, 0)
        curvature = jax.grad(slope)(at, log_ratio)
        smooth = jnp.isfinite(found) & (curvature > 0) & jnp.isfinite(log_ratio)
        miss = slope(jnp.where(smooth, at, 0), jnp.where(smooth, log_ratio, 0))
        return numerics.refined(found, miss, curvature, smooth)

    return jax.vmap(one)(log_ratio.reshape(-1)).reshape(log_ratio.shape)
