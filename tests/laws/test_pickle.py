"""Whatever holds no function without a name can be pickled: games, losses, fields, rules, flows."""

import pickle

import equinox as eqx
import numpy as np
import optax
import pytest
from generic import assert_close

import gandyn as gd
from gandyn.fields import Gradient

GAME = gd.games.dirac()
LOSSES = {name: x for name, x in vars(gd.losses).items() if isinstance(x, gd.losses.AbstractLoss)}
NAMED = {
    "dirac": lambda: GAME,
    "bilinear": lambda: gd.games.bilinear([[1.0]]),
    "quadratic": lambda: gd.games.quadratic([[1.0]]),
    "finite": lambda: gd.games.finite(np.eye(3)),
    "R1": lambda: gd.games.Penalized(GAME, gd.games.R1(0.1)),
    "GradientPenalty": lambda: gd.games.Penalized(GAME, gd.games.GradientPenalty(0.1, 1.0)),
    "Noised": lambda: gd.games.Noised(GAME, 0.1),
    "mlp": lambda: gd.networks.mlp(2, "scalar"),
    "spectral": lambda: gd.networks.spectral(gd.networks.mlp(2, 2, 4, 1, gd.networks.maxout(2))),
    "family": lambda: gd.networks.family(lambda key: eqx.nn.MLP(2, 2, 4, 1, key=key)),
    "ring": lambda: gd.measures.ring(8, 1.0, 0.1),
    "simultaneous": lambda: gd.methods.simultaneous(GAME, 0.1),
    "alternating": lambda: gd.methods.alternating(GAME, (0.1, 0.2), (1, 5)),
    "extragradient": lambda: gd.methods.extragradient(GAME, 0.1),
    "optimistic": lambda: gd.methods.optimistic(GAME, 0.1),
    "Adam": lambda: gd.methods.simultaneous(GAME, optax.adam(0.1)),
    "schedule": lambda: gd.methods.simultaneous(
        GAME, optax.sgd(optax.exponential_decay(0.1, 10, 0.9))
    ),
    "negative_momentum": lambda: gd.methods.negative_momentum(GAME, 0.1),
    "proximal_point": lambda: gd.methods.proximal_point(GAME, 0.1),
    "runge_kutta": lambda: gd.methods.runge_kutta(GAME, 0.1),
    "lookahead": lambda: gd.methods.lookahead(gd.methods.alternating(GAME, 0.1), 3, 0.5),
    "projected": lambda: gd.methods.simultaneous(
        GAME, gd.rules.projected(0.1, gd.rules.SpectralBall(1.0))
    ),
    "GradientFlow": lambda: gd.flows.GradientFlow(Gradient(GAME)),
    "modified": lambda: gd.flows.modified(gd.methods.simultaneous(GAME, 0.1)),
    "high resolution": lambda: gd.flows.optimistic(Gradient(GAME), 0.1),
}


@pytest.mark.parametrize("name", [*NAMED, *LOSSES])
def test_what_is_pickled_comes_back_as_it_was(name):
    made = LOSSES[name] if name in LOSSES else NAMED[name]()
    back = pickle.loads(pickle.dumps(made))
    assert eqx.tree_equal(back, made)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alternating", "Adam", "schedule", "projected"])
def test_a_rule_that_was_pickled_makes_the_same_steps(name):
    rule = NAMED[name]()
    back = pickle.loads(pickle.dumps(rule))
    paths = [gd.simulate(r, (1.0, 0.5), np.arange(5)).players for r in (rule, back)]
    assert_close(*paths, 0.0)
