"""What is watched along a run, against closed forms."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from generic import random_bilinear
from numpy.testing import assert_allclose

import gandyn as gd
from gandyn import monitors

DIRAC, ONE = gd.games.dirac(), (1.0, 1.0)
TS = jnp.linspace(0, 100, 101)


def square(players):
    return players[0] ** 2 + players[1] ** 2


def flow_at(rtol=None):
    plan = gd.flows.Integrator(rtol=rtol, atol=rtol)
    return gd.flows.GradientFlow(gd.fields.Gradient(DIRAC), plan)


@pytest.mark.slow
def test_loose_tolerances_fake_convergence_and_are_told():
    """theta^2 + psi^2 is 2 for ever."""
    loose = monitors.drift(gd.simulate(flow_at(1e-3), ONE, TS), square)
    fine = monitors.drift(gd.simulate(flow_at(), ONE, TS), square)
    assert jnp.max(jnp.abs(loose)) > 0.01
    assert jnp.max(jnp.abs(fine)) < 1e-5
    with pytest.warns(monitors.IntegratorWarning, match="may not be the flow's"):
        told = monitors.integrator_error(flow_at(1e-3), ONE, TS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = monitors.integrator_error(flow_at(), ONE, TS)
    assert kept.relative < 1e-4 < 0.01 < told.relative
    # The error that is told is the one that there is.
    best = gd.simulate(flow_at(1e-12), ONE, TS)
    ran = gd.simulate(flow_at(1e-3), ONE, TS)
    pairs = zip(ran.players, best.players, strict=True)
    error = jnp.max(jnp.stack([jnp.abs(a - b) for a, b in pairs]), axis=0)
    assert_allclose(told.error, error, atol=0.02 * float(error.max()))


@pytest.mark.slow
def test_single_precision_is_held_against_what_it_can_keep():
    single = tuple(map(jnp.float32, ONE))
    found = monitors.integrator_error(flow_at(), single, TS[:11])
    assert found.error.dtype == jnp.float32
    assert found.relative < 1e-3


@pytest.mark.slow
def test_fixed_steps_are_held_against_shorter_ones():
    plan = gd.flows.Integrator(dt=0.5)
    flow = gd.flows.GradientFlow(gd.fields.Gradient(DIRAC), plan)
    assert 0 < monitors.integrator_error(flow, ONE, TS[:21]).relative < 1e-3


@pytest.mark.slow
def test_energy_of_bilinear_rotation():
    """The flow keeps it; a simultaneous step multiplies it by 1 + (h s)^2 per singular value."""
    game = gd.games.bilinear([[2.0]])
    players = (jnp.ones(1), 2 * jnp.ones(1))
    flow = gd.flows.GradientFlow(gd.fields.Gradient(game))
    kept = monitors.energy(flow, gd.simulate(flow, players, TS[:11]))
    assert_allclose(kept, 4 * 5 / 2, rtol=1e-6)
    steps = gd.simulate(gd.methods.simultaneous(game, 0.1), players, np.arange(11))
    grown = monitors.energy(flow, steps)
    assert_allclose(grown, 10 * 1.04 ** np.arange(11), rtol=1e-12)


def test_distance_is_to_the_nearest():
    game, rest, _ = random_bilinear()
    players = jax.tree.map(lambda x: x + 1, rest)
    run = gd.simulate(gd.methods.extragradient(game, 0.1), players, np.arange(50))
    vectors = jnp.concatenate(run.players, axis=1)
    assert_allclose(monitors.distance(run, [rest]), jnp.linalg.norm(vectors, axis=1), rtol=1e-12)
    both = monitors.distance(run, [rest, players])
    assert both[0] == 0
    assert jnp.all(both <= monitors.distance(run, [rest]))
    with pytest.raises(ValueError, match="`equilibria` is empty"):
        monitors.distance(run, [])
    with pytest.raises(ValueError, match="`equilibria` must have the structure"):
        monitors.distance(run, [(0.0, 0.0)])


@pytest.mark.slow
def test_alignment_is_the_angle_of_the_spiral():
    """z' = -(r + i) z is at the constant cosine r / sqrt(1 + r^2) to 0."""
    r = 0.5
    game = gd.games.quadratic([[-r, -1.0], [1.0, -r]])
    flow, rest = gd.flows.GradientFlow(gd.fields.Gradient(game)), game.equilibria()[0]
    run = gd.simulate(flow, (jnp.ones(1), jnp.ones(1)), TS[:6])
    expected = r / np.sqrt(1 + r**2)
    assert_allclose(monitors.alignment(flow, run, rest), expected, rtol=1e-9)


def test_path_angle_tells_attraction_from_rotation():
    """Through the target the cosine keeps its size and changes sign if it attracts; of a pure
    rotation it is 0 on either side."""
    looks, start = np.array([0.5, 0.9, 1.1, 1.5]), (jnp.ones(1), jnp.ones(1))
    for matrix, cosine in (([[-1.0, 0.0], [0.0, -1.0]], 1), ([[0.0, -1.0], [1.0, 0.0]], 0)):
        game = gd.games.quadratic(matrix)
        flow, rest = gd.flows.GradientFlow(gd.fields.Gradient(game)), game.equilibria()[0]
        found = monitors.path_angle(flow, start, rest, looks)
        assert_allclose(found.cosine, cosine * np.array([1, 1, -1, -1]), atol=1e-12)
        assert_allclose(found.norm, np.sqrt(2) * np.abs(1 - looks), rtol=1e-12)


@pytest.mark.slow
def test_ensembles_and_bad_input(as_installed):
    rule = gd.methods.alternating(DIRAC, 0.1)
    starts = (jnp.ones(3), jnp.arange(3.0))

    @jax.vmap
    def drifts(players):
        return monitors.drift(gd.simulate(rule, players, np.arange(5)), square)

    assert drifts(starts).shape == (3, 5)
    with pytest.raises(TypeError, match="a rule has no integrator"):
        monitors.integrator_error(rule, ONE, np.arange(5))
    with pytest.raises(ValueError, match="`invariant` must return one number"):
        monitors.drift(gd.simulate(rule, ONE, np.arange(5)), jnp.stack)
