"""Laws by name: as many modes as they say, drawn at the price of a point; minibatches."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import gandyn as gd
from gandyn.measures import (
    DensityMixture,
    Gaussian,
    Gaussians,
    Sampled,
    empirical,
    grid,
    line,
    minibatch,
    mixture,
    normal,
    ring,
)

# Modes


@pytest.mark.parametrize(
    ("law", "modes"),
    [
        (line(3), 3),
        (line(7, 2.0), 7),
        (ring(8), 8),
        (ring(1), 1),
        (grid(5), 25),
        (grid(4, 1.0), 16),
    ],
    ids=str,
)
def test_so_many_modes_are_so_many(law, modes):
    """Each a place of its own, on top of a hill of the density, and all equally likely."""
    centers = np.asarray(law.centers).reshape(modes, -1)
    assert len(np.unique(centers.round(9), axis=0)) == len(law.components) == modes
    assert_allclose(law.weights, 1 / modes)
    away = law.std * jr.normal(jr.key(0), (20, *law.event))
    top = law.log_prob(law.centers)
    assert np.all(law.log_prob(law.centers[None] + away[:, None]) < top[None])
    assert_allclose(top, top[0], rtol=1e-12)


def numbers_drawn(function, *args):
    """How many random numbers the program of a function asks for."""

    def asked(jaxpr):
        for eqn in jaxpr.eqns:
            if eqn.primitive.name == "random_bits":
                yield int(np.prod(eqn.params["shape"]))
            for inside in jax.tree.leaves(list(eqn.params.values())):
                if hasattr(inside, "jaxpr"):
                    yield from asked(inside.jaxpr)

    return sum(asked(jax.make_jaxpr(function)(*args).jaxpr))


@pytest.mark.parametrize(
    "law",
    [line(3), ring(8), ring(800), grid(5), mixture([ring(5), Gaussian([0.0, 1.0], 0.1, nodes=8)])],
    ids=["line", "ring", "large ring", "grid", "mixture"],
)
def test_a_draw_costs_no_more_where_there_are_more_modes(law):
    """d numbers for the noise and one for the mode."""
    d = int(np.prod(law.event))
    assert numbers_drawn(lambda key: law.sample(key, 512), jr.key(0)) == 512 * (d + 1)


def test_modes_are_drawn_with_their_weights_and_those_without_weight_never():
    law = Gaussians(jnp.arange(6.0), 1e-3, [0.0, 0.2, 0.5, 0.0, 0.3, 0.0])
    found = np.bincount(np.round(law.sample(jr.key(1), 4000)).astype(int), minlength=6)
    assert_array_equal(found[[0, 3, 5]], 0)
    assert stats.chisquare(found[[1, 2, 4]], 4000 * law.weights[jnp.array([1, 2, 4])]).pvalue > 1e-3


STDS = {"one": 0.3, "one each": [0.3, 0.1, 0.5], "per coordinate": [[0.3, 1.0], [0.1, 0.2], [2, 1]]}


@pytest.mark.parametrize("std", STDS.values(), ids=STDS)
def test_stacked_modes_are_the_mixture_of_the_modes(std):
    law = Gaussians([[0.0, 1.0], [2.0, -1.0], [0.5, 0.5]], std, [0.2, 0.3, 0.5], nodes=4)
    apart = DensityMixture(law.components, law.weights)
    for one, other in zip(law.points(), apart.points(), strict=True):
        assert_allclose(one, other, rtol=1e-13)
    x = law.sample(jr.key(2), 5)
    for method in ("log_prob", "score"):
        assert_allclose(getattr(law, method)(x), getattr(apart, method)(x), rtol=1e-12)
    assert_allclose(law.mean, apart.mean, rtol=1e-15)
    together = mixture(law.components, law.weights)
    for name in ("centers", "std", "weights"):
        like = jnp.broadcast_to(getattr(law, name), getattr(together, name).shape)
        assert_array_equal(getattr(together, name), like)


def test_a_mixture_of_normal_laws_with_and_without_a_width_for_each_coordinate():
    law = mixture([Gaussian([0.0, 1.0], 0.5), Gaussian([2.0, 1.0], [0.1, 0.2])], [0.4, 0.6])
    assert_allclose(law.std, [[0.5, 0.5], [0.1, 0.2]])


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: Gaussians([], 1.0), "`centers` must be points"),
        (lambda: Gaussians(0.0, 1.0), "`centers` must be points"),
        (lambda: Gaussians([0.0, 1.0], [1.0] * 3), "`std` must be one number, one for each of 2"),
        (lambda: Gaussians([0.0, 1.0], [1.0, -1.0]), "`std` must not be negative"),
        (lambda: Gaussians([0.0, 1.0], 1.0, [1.0]), r"`weights` must have shape \(2,\)"),
        (lambda: minibatch([1.0, 2.0], 3), "`n` must be at most 2.*is 3.*empirical"),
        (lambda: minibatch([[]], 1), "`data` must be points"),
        (lambda: minibatch(minibatch([1.0], 1), 1), "`data` .* is a Sampled.* already"),
        (lambda: minibatch([1.0, 2.0], 2).points(), "`key` is None"),
        (lambda: normal(0), "`d` must be at least 1"),
    ],
)
@pytest.mark.usefixtures("as_installed")
def test_laws_that_are_none(ask, said):
    with pytest.raises(ValueError, match=said):
        ask()


# Minibatches


@pytest.mark.parametrize(("m", "n"), [(9, 2), (4, 2), (4, 3)])
def test_minibatches_are_all_equally_likely_and_hold_nothing_twice(m, n):
    """All ordered choices of n out of m, whichever way they are drawn."""
    batch = minibatch(np.arange(m), n)
    drawn = jax.jit(jax.vmap(lambda key: batch.points(key)[0]))(jr.split(jr.key(0), 6000))
    choices = list(itertools.permutations(range(m), n))
    found = np.zeros((m,) * n)
    np.add.at(found, tuple(np.asarray(drawn, int).T), 1)
    counts = [found[choice] for choice in choices]
    assert sum(counts) == 6000
    assert stats.chisquare(counts).pvalue > 1e-3


def test_the_largest_minibatch_is_the_data():
    """Of whatever shape its points are: two moons need nothing but an array."""
    angle = np.pi * np.arange(8) / 7
    upper = np.stack([np.cos(angle), np.sin(angle)], -1)
    moons = np.concatenate([upper, [1.0, 0.5] - upper])
    x, w = minibatch(moons, 16).points(jr.key(0))
    assert_array_equal(np.unique(x, axis=0), np.unique(moons, axis=0))
    assert_allclose(w, 1 / 16)


def test_other_data_is_the_same_program():
    traced = []

    @eqx.filter_jit
    def first(batch, key):
        traced.append(1)
        return batch.points(key)[0][0]

    at = (first(minibatch(jnp.full(9, value), 2), jr.key(0)) for value in (1.0, 2.0))
    assert_array_equal(list(at), [1, 2])
    assert len(traced) == 1


def test_a_minibatch_of_a_law_is_a_sample():
    law = normal(3)
    batch = minibatch(law, 64)
    assert isinstance(batch, Sampled)
    assert batch.random
    assert_array_equal(batch.points(jr.key(0))[0], law.sample(jr.key(0), 64))


def test_a_minibatch_of_weighted_points_is_drawn_with_their_weights():
    """More of them than there are points, none of which is used up."""
    law = gd.measures.Points([0.0, 1.0, 2.0, 3.0], [0.2, 0.0, 0.5, 0.3])
    found = np.bincount(minibatch(law, 4000).points(jr.key(0))[0].astype(int), minlength=4)
    assert found[1] == 0
    assert stats.chisquare(found[[0, 2, 3]], 4000 * law.w[jnp.array([0, 2, 3])]).pvalue > 1e-3


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_standard_normal_law_has_unit_covariance(d):
    law = normal(d, nodes=4)
    x, w = law.points()
    assert_allclose((w[:, None] * x).T @ x, np.eye(d), atol=1e-13)
    assert_allclose(law.log_prob(jnp.ones(d)), -d * (1 + np.log(2 * np.pi)) / 2, rtol=1e-13)
    assert normal(100).sample(jr.key(0), 2).shape == (2, 100)


def test_training_on_all_of_the_data_is_training_on_the_data():
    """The population game of `empirical` is the sampled one whose minibatch holds everything."""
    data = jnp.array([-1.0, 0.5, 2.0])
    played = [
        gd.games.GAN(
            lambda theta, z: theta + z, lambda psi, x: psi * x**2, law, gd.measures.dirac(0.0)
        ).losses((jnp.asarray(0.3), jnp.asarray(0.7)), key)
        for law, key in ((empirical(data), None), (minibatch(data, 3), jr.key(0)))
    ]
    assert_allclose(*played, rtol=1e-14)
