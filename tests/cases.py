"""What there is to test: `{name: constructor}` for measures, games, fields, rules and flows.

A new class belongs here, in one line; `test_contract.py` then holds it to the contract of its kind,
and fails for as long as a public class is missing.
"""

from collections.abc import Callable
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array

import gandyn as gd
from gandyn.fields import AbstractField, Gradient
from gandyn.flows import AbstractFlow, GradientFlow, Integrator, MomentumFlow
from gandyn.games import AbstractGame
from gandyn.measures import AbstractMeasure
from gandyn.rules import AbstractRule, Descend, Project, Repeat, Sequential, TimeMap

Players = tuple[Any, ...]


def normal(key: Array, n: int) -> Array:
    """A sampler: n draws from N(0, 1)."""
    return jr.normal(key, (n,))


MEASURES: dict[str, Callable[[], AbstractMeasure]] = {
    "Points": lambda: gd.measures.Points([[0.0, 1.0], [2.0, 3.0]], [0.25, 0.75]),
    "Sampled": lambda: gd.measures.Sampled(normal, 4),
    "Mixture": lambda: gd.measures.Mixture(
        (gd.measures.dirac(1.0), gd.measures.Sampled(normal, 4)), jnp.array([0.5, 0.5])
    ),
    "dirac": lambda: gd.measures.dirac([1.0, 2.0]),
    "empirical": lambda: gd.measures.empirical([0.0, 1.0, 5.0]),
    "gaussian": lambda: gd.measures.gaussian([0.0, 1.0], 0.5, nodes=4),
    "blurred": lambda: gd.measures.blurred(gd.measures.empirical([0.0, 1.0]), 0.1, nodes=4),
    "mixture": lambda: gd.measures.mixture([gd.measures.dirac(-1.0), gd.measures.dirac(1.0)]),
    "Gaussians": lambda: gd.measures.Gaussians([0.0, 2.0], [0.1, 0.5], [0.3, 0.7], nodes=4),
    "minibatch": lambda: gd.measures.minibatch([0.0, 1.0, 5.0, 6.0, 7.0], 2),
    "normal": lambda: gd.measures.normal(2, nodes=4),
    "DensityMixture": lambda: gd.measures.DensityMixture(
        [gd.measures.Uniform(0.0, 1.0, nodes=4), gd.measures.Gaussian(2.0, 0.5, nodes=4)]
    ),
    "Uniform": lambda: gd.measures.Uniform([0.0, -1.0], [1.0, 2.0], nodes=4),
    "line": lambda: gd.measures.line(),
    "ring": lambda: gd.measures.ring(),
    "grid": lambda: gd.measures.grid(),
}


def affine(theta: dict[str, Array], z: Array) -> Array:
    """A generator that shifts and scales its latent point."""
    return theta["shift"] + theta["scale"] * z


def parabola(psi: Array, x: Array) -> Array:
    """A discriminator that tells the first two moments apart."""
    return psi[0] * x + psi[1] * x**2


def normal_gan(
    sampled: bool = False, loss: gd.losses.AbstractLoss = gd.losses.minimax
) -> gd.games.GAN:
    """A generator of normal laws against the first two moments: realizable, players are trees."""
    law = gd.measures.Sampled(normal, 4) if sampled else gd.measures.gaussian(0.0, 1.0, nodes=4)
    rest = ({"shift": 0.0, "scale": 1.0}, jnp.zeros(2))
    return gd.games.GAN(affine, parabola, law, law, loss, known=() if sampled else (rest,))


def of_pack(psi: Array, x: Array) -> Array:
    """A discriminator of two points that sees how far they are apart."""
    return psi[0] * jnp.sum(x) + psi[1] * (x[0] - x[1]) ** 2


def packed_gan(sampled: bool = False) -> gd.games.GAN:
    return eqx.tree_at(lambda game: game.discriminator, normal_gan(sampled), of_pack)


def normal_players() -> Players:
    return ({"shift": jnp.asarray(0.4), "scale": jnp.asarray(0.7)}, jnp.array([0.3, -0.2]))


def damped_losses(players: Players, key: Any = None) -> tuple[Array, ...]:
    theta, psi = players
    noise = jnp.zeros((), psi.dtype) if key is None else jr.normal(key, (), psi.dtype)
    coupling = jnp.sin(theta["shift"]) * (psi[0] + noise) + theta["scale"] * psi[1] * (1 + psi[0])
    drag = theta["shift"] ** 2 + theta["scale"] ** 2 / 2
    return coupling + drag / 4, -coupling + jnp.sum(psi**2) / 2


def damped() -> gd.games.Custom:
    """A nonlinear game, strictly stable at the origin, with trees as players; with a key, noisy.

    The standard game of the contract of dynamics: small, because each of them is compiled.
    """
    return gd.games.Custom(damped_losses, known=(({"shift": 0.0, "scale": 0.0}, jnp.zeros(2)),))


def three_losses(players: Players, key: Any = None) -> tuple[Array, ...]:
    """A general-sum game of three players: a number, a vector and a tree."""
    x, y, z = players
    s = jnp.sum(y)
    return (
        x**2 / 2 + x * s - jnp.cos(z["a"]),
        jnp.sum(y**2) - x * s + jnp.sum(y * z["b"]),
        z["a"] ** 2 + jnp.sum(z["b"] ** 4) - z["a"] * x + jnp.sin(s) * jnp.sum(z["b"]),
    )


def three_players() -> Players:
    return (
        jnp.asarray(0.3),
        jnp.array([0.2, -0.5]),
        {"a": jnp.asarray(0.1), "b": jnp.array([0.4, 0.6])},
    )


def saddle(x: Array, y: Array) -> Array:
    return x * y + x**2 / 4 - y**4 / 4 + x**3 * y / 3


def point() -> Players:
    return (jnp.asarray(-0.8), jnp.asarray(0.6))


def two_vectors() -> Players:
    return (jnp.array([0.5, -0.3]), jnp.array([0.2, 0.7, -0.4]))


def density_game(loss: gd.losses.AbstractLoss = gd.losses.minimax) -> gd.games.MeasureGAN:
    """Function space on three nodes."""
    nodes = jnp.array([-1.0, 0.5, 2.0])
    data = gd.measures.Points(nodes, [0.2, 0.5, 0.3])
    return gd.games.density(data, gd.families.Free(nodes), nodes, loss)


def bump_game() -> gd.games.MeasureGAN:
    game = density_game()
    return gd.games.bump(game.data, game.discriminator, game.discriminator.grid, 0.8)


def doubled(players: Players, key: Any = None) -> tuple[Any, ...]:
    """A metric in which the first player takes half the steps, and the others theirs."""
    first, *others = players
    return (jax.tree.map(lambda x: jnp.full_like(x, 2), first), *[None] * len(others))


# A constructor returns the game and players away from its equilibria.
GAMES: dict[str, Callable[[], tuple[AbstractGame, Players]]] = {
    "finite": lambda: (
        gd.games.finite([[1.0, -2.0, 0.5], [-1.0, 3.0, 0.0]]),
        (jnp.array([0.3, 0.7]), jnp.array([0.2, 0.5, 0.3])),
    ),
    "tandem": lambda: (gd.games.tandem(), point()),
    "iterated_prisoners_dilemma": lambda: (
        gd.games.iterated_prisoners_dilemma(0.9),
        (jnp.array([0.3, -0.2, 0.5, 1.0, 0.0]), jnp.array([0.1, 0.4, -0.7, 0.2, 0.6])),
    ),
    "Mixtures": lambda: (
        gd.games.Mixtures(gd.games.dirac(gd.losses.wasserstein)),
        (
            (jnp.array([-0.8, 0.5]), jnp.array([0.1, -0.2])),
            (jnp.array([0.6, 0.2, -0.4]), jnp.zeros(3)),
        ),
    ),
    "Logits": lambda: (
        gd.games.Logits(gd.games.finite([[1.0, -2.0, 0.5], [-1.0, 3.0, 0.0]])),
        (jnp.array([0.3, 0.7]), jnp.array([0.2, 0.5, 0.3])),
    ),
    "Custom": lambda: (gd.games.Custom(three_losses), three_players()),
    "zero_sum": lambda: (gd.games.zero_sum(saddle, known=((0.0, 0.0),)), point()),
    "bilinear": lambda: (gd.games.bilinear([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]), two_vectors()),
    "quadratic": lambda: (
        gd.games.quadratic([[-1.0, 0.5, 2.0], [0.5, -2.0, 1.0], [-3.0, 1.0, 0.5]], (2, 1)),
        (jnp.array([0.5, -0.3]), jnp.array([0.7])),
    ),
    "prescribed": lambda: (
        gd.games.prescribed([-0.1 + 1j, -0.1 - 1j, -1.0, 0.5], jr.key(0)),
        (jnp.array([0.5, -0.3]), jnp.array([0.2, 0.7])),
    ),
    "dirac": lambda: (gd.games.dirac(), point()),
    "dirac nonsaturating": lambda: (gd.games.dirac(gd.losses.nonsaturating), point()),
    "dirac wasserstein": lambda: (gd.games.dirac(gd.losses.wasserstein), point()),
    "dirac least squares": lambda: (gd.games.dirac(gd.losses.least_squares), point()),
    "dirac hinge": lambda: (gd.games.dirac(gd.losses.hinge), point()),
    "dirac relativistic": lambda: (gd.games.dirac(gd.losses.relativistic), point()),
    "density relativistic": lambda: (
        density_game(gd.losses.relativistic),
        (jnp.array([0.3, -0.5, 0.2]), jnp.array([0.4, -0.2, 0.1])),
    ),
    "GAN": lambda: (normal_gan(), normal_players()),
    "GAN sampled": lambda: (normal_gan(sampled=True), normal_players()),
    "damped": lambda: (damped(), normal_players()),
    "R1": lambda: (gd.games.Penalized(normal_gan(), gd.games.R1(0.5)), normal_players()),
    "R2": lambda: (gd.games.Penalized(normal_gan(), gd.games.R2(0.5)), normal_players()),
    "GradientPenalty": lambda: (
        gd.games.Penalized(normal_gan(), gd.games.GradientPenalty(0.5, 1.0, nodes=3)),
        normal_players(),
    ),
    "GradientPenalty sampled": lambda: (
        gd.games.Penalized(normal_gan(sampled=True), gd.games.GradientPenalty(0.5)),
        normal_players(),
    ),
    "density": lambda: (density_game(), (jnp.array([0.3, -0.5, 0.2]), jnp.array([0.4, -0.2, 0.1]))),
    "bump": lambda: (bump_game(), (jnp.asarray(0.3), jnp.array([0.4, -0.2, 0.1]))),
    "atoms": lambda: (
        gd.games.atoms(gd.measures.empirical([-1.0, 2.0]), parabola, [0.25, 0.75]),
        (jnp.array([0.3, -0.5]), jnp.array([0.4, -0.2])),
    ),
    "location": lambda: (
        gd.games.location(gd.measures.empirical([-1.0, 2.0]), parabola),
        (jnp.asarray(0.3), jnp.array([0.4, -0.2])),
    ),
    "Unrolled": lambda: (gd.games.Unrolled(normal_gan(), 2, 0.1), normal_players()),
    "Regularized": lambda: (
        gd.games.Regularized(
            gd.games.dirac(), (gd.games.WeightDecay(0.5), lambda psi: jnp.cos(psi) / 4)
        ),
        point(),
    ),
    "Regularized logits": lambda: (
        gd.games.Regularized(
            gd.games.Logits(gd.games.finite([[1.0, -2.0], [-1.0, 3.0]])), gd.games.Entropy(0.3)
        ),
        (jnp.array([0.3, 0.7]), jnp.array([0.5, -0.4])),
    ),
    "Packed": lambda: (gd.games.Packed(packed_gan(), 2), normal_players()),
    "Packed sampled": lambda: (gd.games.Packed(packed_gan(sampled=True), 2), normal_players()),
    "Noised": lambda: (gd.games.Noised(normal_gan(), 0.3, nodes=4), normal_players()),
    "Noised sampled": lambda: (
        gd.games.Noised(gd.games.Penalized(normal_gan(sampled=True), gd.games.R2(0.1)), 0.3),
        normal_players(),
    ),
}

FIELDS: dict[str, Callable[[AbstractGame], AbstractField]] = {
    "Gradient": Gradient,
    "Custom": lambda game: gd.fields.Custom(lambda players, key: Gradient(game)(players, key)),
    "Scaled": lambda game: gd.fields.Scaled(Gradient(game), 0.5),
    "Extrapolated": lambda game: gd.fields.Extrapolated(Gradient(game), 0.1),
    "Consensus": lambda game: gd.fields.Consensus(Gradient(game), 0.2),
    "Confined": lambda game: gd.fields.Confined(Gradient(game), -10.0, 10.0),
    "Symplectic": lambda game: gd.fields.Symplectic(Gradient(game), 0.5),
    "Competitive": lambda game: gd.fields.Competitive(Gradient(game), 0.1),
    "Metric": lambda game: gd.fields.Metric(Gradient(game), doubled),
    "Implicit": lambda game: gd.fields.Implicit(Gradient(game), 0.1),
    "Mirror": lambda game: gd.fields.Mirror(Gradient(game), lambda players: players),
    "Anticipated": lambda game: gd.fields.Anticipated(Gradient(game), 0.1),
    "Foreseen": lambda game: gd.fields.Foreseen(gd.games.Unrolled(game, 2, 0.1, (0, 1))),
    "NaturalMap": lambda game: gd.fields.NaturalMap(
        Gradient(game), gd.rules.projected(0.5, lambda z: above((z,))[0])
    ),
    "LOLA": lambda game: gd.fields.LOLA(game, 0.1),
    "SOS": lambda game: gd.fields.SOS(game, 0.1),
    "Ridge": lambda game: gd.fields.Ridge(Gradient(game)),
    "Stackelberg": lambda game: gd.fields.Stackelberg(game),
}

# Fields of two players, of whom the second has a strict best response.
LEADERS = {"Ridge", "Stackelberg"}


def above(players: Players) -> Players:
    """A projection that leaves room to diverge upwards."""
    return jax.tree.map(lambda x: jnp.maximum(x, jnp.asarray(-2, x.dtype)), players)


def stepped(game: AbstractGame, players: Players, key: Any) -> Players:
    """A step of everybody along its own gradient, written as a map."""
    return jax.tree.map(
        lambda z, v: z + jnp.asarray(0.1, z.dtype) * v, players, Gradient(game)(players, key)
    )


RULES: dict[str, Callable[[AbstractGame], AbstractRule]] = {
    "Descend": lambda game: Descend(Gradient(game), 0.1),
    "Descend on a field": lambda game: Descend(gd.fields.Consensus(Gradient(game), 0.1), 0.1),
    "Descend with Adam": lambda game: Descend(Gradient(game), optax.adam(0.1, eps_root=1e-4)),
    "Custom": lambda game: gd.rules.Custom(lambda players, key: stepped(game, players, key)),
    "Sequential": lambda game: Sequential(
        Descend(Gradient(game), 0.1), Descend(Gradient(game), optax.sgd(0.05, momentum=0.5))
    ),
    "Repeat": lambda game: Repeat(Descend(Gradient(game), 0.1), 3),
    "Descend, projected": lambda game: Descend(
        Gradient(game), gd.rules.projected(0.1, lambda z: above((z,))[0])
    ),
    "Descend, in a ball": lambda game: Descend(
        Gradient(game), gd.rules.projected(0.1, gd.rules.SpectralBall(50.0))
    ),
    "Project": lambda game: Sequential(Descend(Gradient(game), 0.1), Project(above)),
    "TimeMap of a flow": lambda game: TimeMap(
        GradientFlow(Gradient(game), Integrator(solver=dfx.Heun(), dt=0.1)), 0.2
    ),
    "TimeMap of a rule": lambda game: TimeMap(Descend(Gradient(game), 0.1), 2),
    "optimistic": lambda game: gd.methods.optimistic(game, 0.1),
    "Relaxed": lambda game: gd.methods.lookahead(gd.methods.optimistic(game, 0.1), 2, 0.5),
    "Averaged": lambda game: gd.rules.Averaged(Descend(Gradient(game), 0.1), restart=3),
    "LEAD": lambda game: gd.methods.lead(game, 0.1, 0.3),
    "Extra": lambda game: gd.rules.Extra(Descend(Gradient(game), optax.sgd(0.1, momentum=0.2))),
}

# Where a trajectory blows up in finite time an adaptive integrator uses all the steps it is given.
FLOWS: dict[str, Callable[[AbstractGame], AbstractFlow]] = {
    "GradientFlow": lambda game: GradientFlow(Gradient(game), Integrator(max_steps=256)),
    "GradientFlow, fixed step": lambda game: GradientFlow(
        Gradient(game), Integrator(solver=dfx.Heun(), dt=0.1)
    ),
    "GradientFlow, stiff": lambda game: GradientFlow(
        Gradient(game), Integrator(1e-6, 1e-6, solver=dfx.Kvaerno3(), max_steps=256)
    ),
    "MomentumFlow": lambda game: MomentumFlow(
        Gradient(game), 1.5, Integrator(solver=dfx.Tsit5(), dt=0.1)
    ),
    "HighResolutionFlow": lambda game: gd.flows.optimistic(
        Gradient(game), 0.5, Integrator(solver=gd.flows.RK4(), dt=0.05)
    ),
    "LangevinFlow": lambda game: gd.flows.LangevinFlow(
        Gradient(game),
        0.125,
        gd.flows.SampledNoise(Gradient(game), 3),
        Integrator(solver=dfx.Heun(), dt=0.125),
    ),
    "ModifiedFlow": lambda game: gd.flows.modified(
        gd.methods.simultaneous(game, 0.1), Integrator(solver=dfx.Heun(), dt=0.1)
    ),
}

DYNAMICS = RULES | FLOWS
