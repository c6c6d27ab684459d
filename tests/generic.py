"""Games without special structure, and what is measured on them."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import linear_sum_assignment

import gandyn as gd


def random_bilinear(n=3, m=2, seed=0):
    """A random bilinear game, the origin, and its singular values."""
    matrix = np.random.default_rng(seed).normal(size=(n, m)) / 2
    game = gd.games.bilinear(matrix)
    return game, game.equilibria()[0], np.linalg.svd(matrix, compute_uv=False)


def random_quadratic(sizes=(2, 3), seed=0, scale=0.3):
    """A random general-sum quadratic game v = J z, the origin, J and the block mask of J."""
    n = sum(sizes)
    J = scale * np.random.default_rng(seed).normal(size=(n, n))
    owner = np.repeat(np.arange(len(sizes)), sizes)
    own = owner[:, None] == owner[None, :]
    J = np.where(own, (J + J.T) / 2, J)
    game = gd.games.quadratic(J, sizes)
    return game, game.equilibria()[0], J, own


def multipliers(rule, players):
    return np.asarray(gd.spectrum(rule, players).multipliers)


def same_set(found, expected, atol=1e-12):
    """Two multisets of complex numbers agree, in whatever order."""
    found, expected = np.ravel(found), np.ravel(np.asarray(expected, complex))
    assert found.shape == expected.shape
    apart = np.abs(found[:, None] - expected[None])
    np.testing.assert_allclose(apart[linear_sum_assignment(apart)], 0, atol=atol)


def general_sum(players, key=None):
    """A smooth two-player game that is neither zero-sum nor quadratic."""
    x, y = players
    return (
        jnp.sum(jnp.sin(x) * y) + 0.3 * jnp.sum(x**2) * jnp.sum(y) + 0.1 * jnp.sum(x**4),
        -jnp.sum(jnp.cos(y) * x) + 0.2 * jnp.sum(y**2) * (1 + jnp.sum(x)) + 0.1 * jnp.sum(y**3),
    )


def three_player(players, key=None):
    """A smooth game of three."""
    x, y, z = players
    return (
        jnp.sum(x * y) + 0.2 * jnp.sum(x**2) * jnp.sum(z),
        -jnp.sum(x * y) + jnp.sum(jnp.sin(y) * z),
        jnp.sum(jnp.cos(z) * x) - 0.4 * jnp.sum(y * z**2),
    )


GENERAL = gd.games.Custom(general_sum)
THREE = gd.games.Custom(three_player)
START = (jnp.array([0.4, -0.7]), jnp.array([0.3, 0.9]))
START_OF_THREE = (*START, jnp.array([-0.2, 0.5]))


def one_step(rule, players, key=None):
    return rule.step(rule.init(players), key).players


def assert_close(a, b, tolerance=1e-12):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def along(analysis, make, at, bounds, **options):
    """An analysis of the family that `make` is, its first number between the bounds."""
    name = next(iter(inspect.signature(make).parameters))
    return analysis(gd.family(make), at, {name: bounds}, **options)
