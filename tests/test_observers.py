"""Observers along a run: what they see is what the same question asked of each state answers."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import gandyn as gd
from gandyn.games import GAN, R1, Penalized
from gandyn.measures import Gaussians, empirical, gaussian, minibatch, normal, ring

LAW = ring()


def shift(theta, z):
    return theta["scale"] * z + theta["shift"]


def score(psi, x):
    return jnp.sum(jnp.tanh(psi * x))


DRAWN = GAN(shift, score, minibatch(LAW, 64), minibatch(normal(2), 64))
POPULATION = GAN(shift, score, LAW, gaussian(jnp.zeros(2), 1.0, 4))
START = ({"scale": jnp.asarray(0.3), "shift": jnp.array([1.5, 0.2])}, jnp.array([0.4, -0.7]))
STATE = gd.State(START)


def perfect(theta, z):
    """Any number of modes of `LAW`, equally often, and the law itself if all."""
    place, noise = z[0], z[1:]
    which = jnp.floor(place * theta).astype(int)
    return LAW.centers[which] + LAW.std * noise


def latent(key, n):
    a, b = jr.split(key)
    return jnp.concatenate([jr.uniform(a, (n, 1)), jr.normal(b, (n, 2))], axis=1)


@pytest.mark.parametrize("m", [1, 3, 8])
def test_of_a_law_that_is_hit_the_share_within_three_deviations_and_the_entropy_are_known(m):
    gan = GAN(perfect, score, LAW, gd.measures.Sampled(latent, 500))
    n = 40_000
    seen = gd.modes.Watch(gan, LAW, n=n)(gd.State((jnp.asarray(float(m)), START[1])))
    share = 1 - np.exp(-9 / 2)
    assert abs(seen.quality - share) < 3 * np.sqrt(share * (1 - share) / n)
    assert seen.count == m
    # The divergence of n draws from equal shares is (m - 1) / 2n on average.
    assert abs(seen.reverse_kl - np.log(8 / m)) < 4 * m / n
    assert seen.dominant == (0 if m == 1 else -1)


def test_divergences_of_shares_are_those_between_them():
    law = Gaussians(jnp.array([-5.0, 0.0, 5.0]), 0.1, [0.5, 0.3, 0.2])
    x = jnp.array([-5.0, -5.0, -5.0, 0.1, 2.5])  # the last one is near none
    seen = gd.modes.coverage(x, law.centers, law.std, weights=law.weights)
    shares = np.array([0.75, 0.25, 0.0])
    np.testing.assert_allclose(seen.shares, shares, rtol=1e-12)
    expected = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.3)
    np.testing.assert_allclose(seen.reverse_kl, expected, rtol=1e-12)
    expected = gd.distances.jensen_shannon(shares, law.weights)
    np.testing.assert_allclose(seen.jensen_shannon, expected, rtol=1e-12)
    none = gd.modes.coverage(x + 100, law.centers, law.std)
    assert jnp.isnan(none.reverse_kl)


OBSERVERS = {
    "modes": gd.modes.Watch(DRAWN, LAW, n=100),
    "losses": gd.monitors.Losses(DRAWN, jr.key(1)),
    "gradients": gd.monitors.Gradients(POPULATION),
    "samples": gd.monitors.Samples(DRAWN, 100),
}


def test_observers_see_along_a_run_what_they_see_of_its_states():
    rule = gd.methods.alternating(DRAWN, 0.2)
    ts = np.array([0, 3, 9])
    kept = gd.simulate(rule, START, ts, key=jr.key(0))
    found = gd.record(rule, START, ts, OBSERVERS, key=jr.key(0))
    for i in range(3):
        state = jax.tree.map(lambda x, i=i: x[i], kept.states)
        each = {name: observe(state) for name, observe in OBSERVERS.items()}
        jax.tree.map(
            lambda all_, one, i=i: np.testing.assert_allclose(all_[i], one, rtol=1e-10),
            found.seen,
            each,
        )
    assert found.seen["modes"].count.shape == (3,)
    data = gd.to_xarray(found)
    assert data["seen.modes.occupation"].dims == ("time", "mode")
    assert data.attrs == {"result": "Record", "unit": "step"}


def test_the_points_are_those_of_fixed_latent_ones():
    """As many as are asked for where they are drawn, and those that there are of a population."""
    for gan in (DRAWN, Penalized(DRAWN, R1(1.0))):
        x, y = (
            gd.monitors.Samples(gan, n)(gd.State((theta, START[1])))
            for n, theta in ((100, START[0]), (150, {**START[0], "shift": jnp.zeros(2)}))
        )
        assert x.shape == (100, 2)
        np.testing.assert_allclose(
            np.asarray(x) - np.asarray(START[0]["shift"]), y[:100], atol=1e-12
        )
        assert len(np.unique(y, axis=0)) == 150
    points, w = POPULATION.latent.points()
    seen = gd.monitors.Samples(POPULATION)(STATE)
    np.testing.assert_allclose(
        seen, 0.3 * np.asarray(points) + np.asarray(START[0]["shift"]), rtol=1e-12
    )
    # Weighted as they are: nearly all of a narrow law is within one mode.
    narrow = gd.State(({"scale": jnp.asarray(0.01), "shift": LAW.centers[3]}, START[1]))
    found = gd.modes.Watch(POPULATION, LAW)(narrow)
    near = jnp.linalg.norm(points, axis=1) * 0.01 <= 3 * 0.02
    np.testing.assert_allclose(found.occupation[3], jnp.sum(jnp.where(near, w, 0)), rtol=1e-12)


def test_losses_and_gradients_are_those_of_the_game():
    game = gd.games.zero_sum(lambda x, y: jnp.sum(x**2) + 3 * x[0] * y)
    state = gd.State((jnp.array([1.0, 2.0]), jnp.asarray(0.5)))
    np.testing.assert_allclose(gd.monitors.Losses(game)(state), [6.5, -6.5], rtol=1e-12)
    slopes = [np.hypot(2 + 1.5, 4), 3]
    np.testing.assert_allclose(gd.monitors.Gradients(game)(state), slopes, rtol=1e-12)


def test_what_has_no_modes_is_refused(as_installed):
    with pytest.raises(TypeError, match=r"`law` must be a law of normal modes.*ring\(\)"):
        gd.modes.Watch(DRAWN, empirical(jnp.zeros((3, 2))))
    with pytest.raises(TypeError, match="`gan` must be a GAN"):
        gd.modes.Watch(gd.games.bilinear([[1.0]]), LAW)
