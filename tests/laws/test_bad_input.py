"""Misuse is refused at the door: the right exception, which names the argument and what it was."""

import re
from collections.abc import Callable
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from cases import normal

import gandyn as gd
from gandyn.fields import Gradient
from gandyn.flows import GradientFlow, Integrator
from gandyn.rules import Descend, Project, Repeat, Sequential, TimeMap

pytestmark = pytest.mark.usefixtures("as_installed")

GAME = gd.games.dirac()
RULE = gd.methods.simultaneous(GAME, 0.1)
FLOW = GradientFlow(Gradient(GAME))
START = (1.0, 1.0)
STEPS = np.arange(3)
SAMPLED = gd.games.GAN(
    lambda theta, z: theta + z,
    lambda psi, x: psi * x,
    gd.measures.Sampled(normal, 4),
    gd.measures.Sampled(normal, 4),
)


def play(function: Callable[..., Any], players: Any = START) -> Any:
    return gd.simulate(gd.methods.simultaneous(gd.games.Custom(function), 0.1), players, STEPS)


def deformed(new: Any) -> Any:
    return gd.simulate(Sequential(RULE, Project(lambda players: new)), START, STEPS)


# what is wrong: (how, the exception, what its message must say)
MISUSE: dict[str, tuple[Callable[[], Any], type[Exception], tuple[str, ...]]] = {
    # Players
    "players no tuple": (
        lambda: gd.simulate(RULE, jnp.ones(2), STEPS),
        TypeError,
        ("`players`", "tuple", "[1., 1.]"),
    ),
    "too many players for a GAN": (
        lambda: gd.simulate(RULE, (1.0, 1.0, 1.0), STEPS),
        ValueError,
        ("`players`", "2 players", "3"),
    ),
    "too few players for a zero-sum game": (
        lambda: gd.spectrum(gd.methods.simultaneous(gd.games.zero_sum(jnp.multiply), 1), (1.0,)),
        ValueError,
        ("`players`", "2 players", "1"),
    ),
    "players of text": (
        lambda: gd.simulate(RULE, ("a", 1.0), STEPS),
        TypeError,
        ("`players`", "'a'"),
    ),
    "a network as a player": (
        lambda: gd.simulate(RULE, (eqx.nn.Linear(1, 1, key=jr.key(0)), jax.nn.relu), STEPS),
        TypeError,
        ("`players`", "function", "gandyn.networks.partition"),
    ),
    "vectors for a game of numbers": (
        lambda: gd.simulate(RULE, (jnp.ones(2), jnp.ones(2)), STEPS),
        ValueError,
        ("(2,)", "()", "written for one point"),
    ),
    "vectors of the wrong sizes": (
        lambda: gd.spectrum(
            gd.methods.simultaneous(gd.games.bilinear(np.ones((2, 3))), 1), (np.ones(3), np.ones(2))
        ),
        ValueError,
        ("`matrix`", "(2, 3)", "(3,) and (2,)"),
    ),
    "vectors of the wrong sizes for a quadratic game": (
        lambda: gd.equilibrium(GradientFlow(Gradient(gd.games.quadratic(np.eye(2)))), START),
        ValueError,
        ("players", "(1, 1)", "((), ())"),
    ),
    "a dynamics that is none": (
        lambda: gd.simulate(GAME, START, STEPS),
        TypeError,
        ("`dynamics`", "GAN", "gandyn.methods"),
    ),
    # Losses
    "too few losses": (
        lambda: play(lambda players, key: (players[0] ** 2,)),
        ValueError,
        ("Custom", "1 losses", "`players` has 2"),
    ),
    "too many losses": (
        lambda: play(lambda players, key: (players[0],) * 3),
        ValueError,
        ("Custom", "3 losses", "`players` has 2"),
    ),
    "a vector loss": (
        lambda: play(lambda players, key: (players[0] * jnp.ones(4), players[1])),
        ValueError,
        ("loss of player 0", "scalar", "(4,)"),
    ),
    "one loss without a tuple": (
        lambda: play(lambda players, key: players[0] * players[1]),
        TypeError,
        ("losses of Custom", "tuple", "one scalar per player"),
    ),
    "a vector logit": (
        lambda: Gradient(
            gd.games.GAN(lambda t, z: z, lambda psi, x: psi * x, GAME.data, GAME.latent)
        )((1.0, jnp.ones(2))),
        ValueError,
        ("discriminator", "scalar", "(2,)"),
    ),
    "a generator of other points than the data": (
        lambda: Gradient(
            gd.games.GAN(lambda t, z: t * jnp.ones(3), lambda psi, x: x, GAME.data, GAME.latent)
        )((jnp.asarray(1.0), jnp.asarray(1.0))),
        ValueError,
        ("generator", "(3,)", "()"),
    ),
    "a loss that is complex": (
        lambda: Gradient(gd.games.Custom(lambda players, key: (1j * players[0], players[1])))(
            (jnp.asarray(1.0), jnp.asarray(1.0))
        ),
        TypeError,
        ("player 0", "real", "complex128"),
    ),
    "losses without a key": (
        lambda: gd.games.Custom(lambda players: players),
        TypeError,
        ("function(players, key)", "too many"),
    ),
    "a saddle of one player": (
        lambda: gd.games.zero_sum(lambda x: x),
        TypeError,
        ("function(x, y)", "too many"),
    ),
    "a discriminator without parameters": (
        lambda: gd.games.GAN(GAME.generator, lambda x: x, GAME.data, GAME.latent),
        TypeError,
        ("discriminator(psi, x)", "too many"),
    ),
    # Trees
    "a projection to another tree": (
        lambda: deformed((jnp.ones(()),)),
        ValueError,
        ("`projection`", "structure"),
    ),
    "a projection to other shapes": (
        lambda: deformed((jnp.ones(2), jnp.ones(()))),
        ValueError,
        ("`projection`", "shapes", "f64[2]"),
    ),
    # Times
    "fractions of a step": (
        lambda: gd.simulate(RULE, START, [0.0, 0.5, 1.0]),
        ValueError,
        ("`ts`", "whole", "0.5"),
    ),
    "steps backwards": (
        lambda: gd.simulate(RULE, START, [3, 2]),
        ValueError,
        ("`ts`", "decrease", "[3 2]"),
    ),
    "infinitely many steps": (
        lambda: gd.simulate(RULE, START, [0.0, np.inf]),
        ValueError,
        ("`ts`", "inf"),
    ),
    "steps in words": (lambda: gd.simulate(RULE, START, ["a"]), ValueError, ("`ts`", "whole")),
    "times in words": (lambda: gd.simulate(FLOW, START, "late"), TypeError, ("`ts`", "numbers")),
    "complex steps": (lambda: gd.simulate(RULE, START, [0, 1j]), ValueError, ("`ts`", "whole")),
    "one number as steps": (lambda: gd.simulate(RULE, START, 500), ValueError, ("`ts`", "()")),
    "no steps": (lambda: gd.simulate(RULE, START, []), ValueError, ("`ts`", "(0,)")),
    "one number as times": (lambda: gd.simulate(FLOW, START, 5.0), ValueError, ("`ts`", "()")),
    "no times": (lambda: gd.simulate(FLOW, START, []), ValueError, ("`ts`", "(0,)")),
    "times to and fro": (
        lambda: gd.simulate(FLOW, START, [0.0, 2.0, 1.0]),
        ValueError,
        ("`ts`", "increasing", "2."),
    ),
    "a time twice": (
        lambda: gd.simulate(FLOW, START, [0.0, 1.0, 1.0]),
        ValueError,
        ("`ts`", "strictly"),
    ),
    "a time that is nan": (
        lambda: gd.simulate(FLOW, START, [0.0, np.nan]),
        ValueError,
        ("`ts`", "finite", "nan"),
    ),
    # Randomness
    "a sampled game without a key": (
        lambda: gd.simulate(gd.methods.simultaneous(SAMPLED, 0.1), START, STEPS),
        ValueError,
        ("Sampled", "`key`", "None", "jax.random.key"),
    ),
    # Penalties and noise
    "a penalty on a game that is no GAN": (
        lambda: gd.games.Penalized(gd.games.bilinear(np.eye(2)), gd.games.R1(0.1)),
        TypeError,
        ("`Penalized`", "`game`", "Custom", "gandyn.games.GAN"),
    ),
    "a number as a penalty": (
        lambda: gd.games.Penalized(GAME, 0.1),
        TypeError,
        ("`penalty`", "0.1", "R1"),
    ),
    "noise on a game that is no GAN": (
        lambda: gd.games.Noised(gd.games.bilinear(np.eye(2)), 0.1),
        TypeError,
        ("`Noised`", "`game`", "Custom"),
    ),
    "data that is no measure": (
        lambda: gd.games.GAN(lambda t, z: z, lambda p, x: x, np.ones(3), GAME.latent),
        TypeError,
        ("`data`", "AbstractMeasure", "[1., 1., 1.]", "empirical"),
    ),
    "a loss by its name": (
        lambda: gd.games.dirac("minimax"),
        TypeError,
        ("`loss`", "Loss", "'minimax'"),
    ),
    "more pairs than can be held": (
        lambda: Gradient(
            gd.games.Penalized(
                gd.games.GAN(
                    lambda t, z: t + z,
                    lambda p, x: p * x,
                    gd.measures.empirical(jnp.arange(1000.0)),
                    gd.measures.empirical(jnp.arange(600.0)),
                ),
                gd.games.GradientPenalty(0.1),
            )
        )((jnp.asarray(1.0), jnp.asarray(1.0))),
        ValueError,
        ("`GradientPenalty`", "8 x 1000 x 600", "minibatch"),
    ),
    # Matrices
    "a matrix with nan": (
        lambda: gd.games.bilinear([[1.0, np.nan]]),
        ValueError,
        ("`matrix`", "finite", "nan"),
    ),
    "a vector as a matrix": (
        lambda: gd.games.bilinear([1.0, 2.0]),
        ValueError,
        ("`matrix`", "(2,)"),
    ),
    "an infinite Jacobian": (
        lambda: gd.games.quadratic([[np.inf]]),
        ValueError,
        ("`jacobian`", "finite", "inf"),
    ),
    "a Jacobian that is not square": (
        lambda: gd.games.quadratic(np.ones((2, 3))),
        ValueError,
        ("`jacobian`", "square", "(2, 3)"),
    ),
    "a Hessian that is not symmetric": (
        lambda: gd.games.quadratic([[0.0, 1.0], [2.0, 0.0]], (2,)),
        ValueError,
        ("player 0", "`jacobian`", "symmetric"),
    ),
    "sizes that do not add up": (
        lambda: gd.games.quadratic(np.eye(3), (1, 1)),
        ValueError,
        ("`sizes`", "3", "(1, 1)"),
    ),
    "a size that is a fraction": (
        lambda: gd.games.quadratic(np.eye(2), (0.5, 1.5)),
        TypeError,
        ("`sizes[0]`", "0.5"),
    ),
    "eigenvalues that are no pairs": (
        lambda: gd.games.prescribed([1j, 2.0]),
        ValueError,
        ("`eigenvalues`", "conjugate", "1j"),
    ),
    "an odd number of eigenvalues": (
        lambda: gd.games.prescribed([1.0]),
        ValueError,
        ("`eigenvalues`", "even", "(1,)"),
    ),
    "eigenvalues that are nan": (
        lambda: gd.games.prescribed([np.nan, 1.0]),
        ValueError,
        ("`eigenvalues`", "finite", "nan"),
    ),
    # Measures
    "weights that do not add up": (
        lambda: gd.measures.Points([1.0, 2.0], [0.5, 0.6]),
        ValueError,
        ("`w`", "sum to one", "1.1"),
    ),
    "negative weights": (
        lambda: gd.measures.Points([1.0, 2.0], [-0.5, 1.5]),
        ValueError,
        ("`w`", "negative", "-0.5"),
    ),
    "as many weights as there are not points": (
        lambda: gd.measures.Points([1.0, 2.0], [1.0]),
        ValueError,
        ("`w`", "(2,)", "(1,)"),
    ),
    "no points": (lambda: gd.measures.empirical([]), ValueError, ("`data`", "(0,)")),
    "one number as points": (lambda: gd.measures.Points(1.0), ValueError, ("`x`", "()")),
    "points that are nan": (
        lambda: gd.measures.empirical([np.nan]),
        ValueError,
        ("`data`", "finite", "nan"),
    ),
    "an empty mixture": (lambda: gd.measures.mixture([]), ValueError, ("`components`", "empty")),
    "a mixture with weights for others": (
        lambda: gd.measures.mixture([gd.measures.dirac(0.0)], [0.5, 0.5]),
        ValueError,
        ("`weights`", "(1,)", "(2,)"),
    ),
    "a mixture of arrays": (
        lambda: gd.measures.mixture([np.ones(2)]),
        TypeError,
        ("`components[0]`", "measure", "[1., 1.]"),
    ),
    "a sample of no points": (
        lambda: gd.measures.Sampled(normal, 0),
        ValueError,
        ("`n`", "at least 1", "0"),
    ),
    "a sample of a traced size": (
        lambda: gd.measures.Sampled(normal, 2.5),
        TypeError,
        ("`n`", "whole number", "2.5"),
    ),
    "a quadrature without nodes": (
        lambda: gd.measures.gaussian(0.0, 1.0, nodes=0),
        ValueError,
        ("`nodes`", "0"),
    ),
    "a quadrature too large to hold": (
        lambda: gd.measures.gaussian(np.zeros(9), 1.0),
        ValueError,
        ("32 nodes", "9 coordinates", "Sampled"),
    ),
    # Methods
    "a step size for one player too many": (
        lambda: gd.simulate(gd.methods.simultaneous(GAME, (0.1, 0.1, 0.1)), START, STEPS),
        ValueError,
        ("`step_size`", "3 entries", "2 players"),
    ),
    "alternating step sizes for one player too many": (
        lambda: gd.methods.alternating(GAME, (0.1, 0.1, 0.1)),
        ValueError,
        ("`step_size`", "3 entries", "2 players"),
    ),
    "an order that forgets a player": (
        lambda: gd.methods.alternating(GAME, 0.1, order=(1, 1)),
        ValueError,
        ("`order`", "(1, 1)"),
    ),
    "repeats for one player": (
        lambda: gd.methods.alternating(GAME, 0.1, repeats=(5,)),
        ValueError,
        ("`repeats`", "(5,)"),
    ),
    "half a repeat": (
        lambda: gd.methods.alternating(GAME, 0.1, repeats=(1, 0.5)),
        TypeError,
        ("`repeats[1]`", "0.5"),
    ),
    "no repeat": (
        lambda: gd.methods.alternating(GAME, 0.1, repeats=(1, 0)),
        ValueError,
        ("`repeats[1]`", "0"),
    ),
    "a schedule of vectors": (
        lambda: gd.methods.simultaneous(GAME, lambda t: jnp.ones(2) * t),
        TypeError,
        ("`step_size`", "schedule", "one number for each step", "(2,)"),
    ),
    "a function that makes an optimizer": (
        lambda: gd.methods.simultaneous(GAME, lambda rate: optax.adam(rate)),
        TypeError,
        ("`step_size`", "schedule", "one number for each step"),
    ),
    "extragradient by a schedule": (
        lambda: gd.methods.extragradient(GAME, optax.exponential_decay(0.1, 10, 0.5)),
        TypeError,
        ("`step_size`", "extragradient", "schedule"),
    ),
    "extragradient by optax": (
        lambda: gd.methods.extragradient(GAME, optax.sgd(0.1)),
        TypeError,
        ("`step_size`", "extragradient", "optax"),
    ),
    "a matrix of step sizes": (
        lambda: gd.methods.simultaneous(GAME, np.ones((2, 2))),
        ValueError,
        ("`step_size`", "(2, 2)", "filter_vmap"),
    ),
    "a rule on a game": (lambda: Descend(GAME, 0.1), TypeError, ("`field`", "GAN", "Gradient")),
    "a flow of a game": (lambda: GradientFlow(GAME), TypeError, ("`field`", "GAN", "Gradient")),
    "a field on a game": (
        lambda: gd.fields.Consensus(GAME, 0.1),
        TypeError,
        ("`field`", "GAN", "Gradient"),
    ),
    "extrapolation of a game": (
        lambda: gd.fields.Extrapolated(GAME, 0.1),
        TypeError,
        ("`field`", "GAN", "Gradient"),
    ),
    "time scales of a game": (
        lambda: gd.fields.Scaled(GAME, 0.1),
        TypeError,
        ("`field`", "GAN", "Gradient"),
    ),
    "adjustment of a game": (
        lambda: gd.fields.Symplectic(GAME),
        TypeError,
        ("`field`", "GAN", "Gradient"),
    ),
    "time scales for one player too many": (
        lambda: gd.fields.Scaled(Gradient(GAME), (1.0, 2.0, 3.0))(START),
        ValueError,
        ("`scales`", "3 entries", "2 players"),
    ),
    # Rules
    "a flow in a sequence of rules": (
        lambda: Sequential(FLOW),
        TypeError,
        ("`Sequential`", "GradientFlow", "TimeMap"),
    ),
    "nothing in sequence": (lambda: Sequential(), ValueError, ("`Sequential`", "none")),
    "a flow repeated": (lambda: Repeat(FLOW, 2), TypeError, ("`Repeat`", "GradientFlow")),
    "repeated never": (lambda: Repeat(RULE, 0), ValueError, ("`repeats`", "0")),
    "the time map of a game": (lambda: TimeMap(GAME, 1.0), TypeError, ("`dynamics`", "GAN")),
    "the time map of half a step": (lambda: TimeMap(RULE, 0.5), TypeError, ("`duration`", "0.5")),
    # Flows
    "a solver by its name": (
        lambda: Integrator(solver="Tsit5"),
        TypeError,
        ("`solver`", "'Tsit5'", "diffrax"),
    ),
    "a solver that is a class": (lambda: Integrator(solver=dfx.Heun), TypeError, ("`solver`",)),
    "an integrator that is a solver": (
        lambda: GradientFlow(Gradient(GAME), dfx.Tsit5()),
        TypeError,
        ("`integrator`", "Tsit5", "Integrator"),
    ),
    "half a step at most": (
        lambda: Integrator(max_steps=0.5),
        TypeError,
        ("`max_steps`", "0.5"),
    ),
    "a tolerance that floats cannot keep": (
        lambda: gd.simulate(
            GradientFlow(Gradient(GAME), Integrator(rtol=1e-9)),
            (np.float32(1), np.float32(1)),
            [0.0, 1.0],
        ),
        ValueError,
        ("`rtol`", "1e-09", "float32", "1e-6"),
    ),
    # Analyses
    "bounds without a name": (
        lambda: gd.fastest(
            gd.family(lambda h: gd.methods.simultaneous(GAME, h)), START, (0.01, 1.0)
        ),
        TypeError,
        ("`bounds`", "mapping", "step_size", "(0.01, 1.0)"),
    ),
    "axes without names": (
        lambda: gd.stability_map(gd.family(lambda h, k: RULE), START, ([0.1], [1.0])),
        TypeError,
        ("`axes`", "mapping", "gamma", "([0.1], [1.0])"),
    ),
    "a grid in three directions": (
        lambda: gd.basins(RULE, START, nodes=(4, 4, 4)),
        ValueError,
        ("`nodes`", "along x and y", "(4, 4, 4)"),
    ),
    "a plane of one coordinate": (
        lambda: gd.portrait(FLOW, START, plane=1),
        ValueError,
        ("`plane`", "two different coordinates below 2", "1"),
    ),
    "a plane of thirds": (
        lambda: gd.rotation(gd.simulate(RULE, START, np.arange(9)), plane=(0, 0.5)),
        TypeError,
        ("`plane[1]`", "0.5"),
    ),
    "half a step of a root finder": (
        lambda: gd.equilibrium(RULE, START, max_steps=0.5),
        TypeError,
        ("`max_steps`", "0.5"),
    ),
    "no step of Newton's method": (
        lambda: gd.cycle(FLOW, START, 12.0, max_steps=0),
        ValueError,
        ("`max_steps`", "0"),
    ),
    "the rotation of a rule": (
        lambda: gd.rotation(RULE),
        TypeError,
        ("`trajectory`", "simulate", "Descend"),
    ),
    "the energy of a start": (
        lambda: gd.monitors.energy(RULE, START),
        TypeError,
        ("`trajectory`", "simulate"),
    ),
    "the drift of an ensemble at once": (
        lambda: gd.monitors.drift(
            jax.vmap(lambda x: gd.simulate(RULE, (x, 0.1), np.arange(3)))(jnp.ones(2)), sum
        ),
        ValueError,
        ("one trajectory", "(2, 3)", "jax.vmap"),
    ),
    "an invariant that is a number": (
        lambda: gd.monitors.drift(gd.simulate(RULE, START, np.arange(3)), 1.0),
        TypeError,
        ("`invariant`", "invariant(players)", "1.0"),
    ),
    "one place on a path": (
        lambda: gd.monitors.path_angle(FLOW, START, START, 0.5),
        ValueError,
        ("`positions`", "vector", "()"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", MISUSE)
def test_misuse_is_refused_in_the_words_of_the_user(case: str) -> None:
    do, kind, words = MISUSE[case]
    with pytest.raises(kind) as caught:
        do()
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message


# What is wrong in structure is wrong under every transformation.
STRUCTURE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "too many players": (lambda x: gd.simulate(RULE, (x, x, x), STEPS), "2 players"),
    "a vector loss": (lambda x: play(lambda p, key: (p[0] * jnp.ones(2), p[1]), (x, x)), "scalar"),
    "too few losses": (lambda x: play(lambda p, key: (p[0],), (x, x)), "1 losses"),
    "vectors for numbers": (lambda x: gd.spectrum(RULE, (x[None], x[None])), "one point"),
    "a matrix for a step size": (
        lambda x: gd.methods.simultaneous(GAME, x[None, None]),
        "`step_size`",
    ),
    "a vector for gamma": (lambda x: gd.games.R1(x[None]), "`gamma`"),
    "a matrix that is none": (lambda x: gd.games.bilinear(x), "`matrix`"),
    "one traced number as times": (lambda x: gd.simulate(FLOW, START, x), "`ts`"),
    "another tree": (
        lambda x: gd.simulate(Sequential(RULE, Project(lambda p: (p[0],))), (x, x), STEPS),
        "`projection`",
    ),
    "a sampled game without a key": (
        lambda x: gd.simulate(gd.methods.simultaneous(SAMPLED, x), START, STEPS),
        "`key`",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("transform", [jax.jit, jax.vmap, jax.grad], ids=["jit", "vmap", "grad"])
@pytest.mark.parametrize("case", STRUCTURE)
def test_structure_is_checked_under_transformations(case: str, transform: Any) -> None:
    do, words = STRUCTURE[case]
    with pytest.raises(ValueError, match=re.escape(words)):
        transform(do)(jnp.ones(3) if transform is jax.vmap else jnp.asarray(1.0))


def test_traced_times_of_a_rule_are_integers() -> None:
    with pytest.raises(TypeError, match=r"`ts`.*float64"):
        jax.jit(lambda ts: gd.simulate(RULE, START, ts))(jnp.arange(3.0))


def test_values_are_not_looked_at_while_they_are_traced() -> None:
    """What would be refused outside gives an answer inside: data cannot stop a compiled program."""
    end = jax.jit(lambda h: gd.simulate(gd.methods.simultaneous(GAME, h), START, STEPS).final)
    assert not bool(jnp.isfinite(end(jnp.nan).players[0]))


def test_divergence_is_no_misuse() -> None:
    rule = gd.methods.simultaneous(gd.games.dirac(gd.losses.wasserstein), 1e200)
    path = gd.simulate(rule, START, np.arange(6))
    finite = np.isfinite(path.players[0]) & np.isfinite(path.players[1])
    assert finite[0]
    assert not finite[-1]
    assert "NOT all finite" in repr(path)


@pytest.mark.slow
def test_a_spectrum_without_derivatives_says_so() -> None:
    """Adam divides by sqrt(nu), which is 0 at rest."""
    with pytest.warns(UserWarning, match="eps_root"):
        spectrum = gd.spectrum(gd.methods.simultaneous(GAME, optax.adam(0.1)), (0.0, 0.0))
    assert bool(jnp.all(jnp.isnan(spectrum.exponents)))
