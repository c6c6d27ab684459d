"""Packs of points: products of populations, tuples of fresh draws."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from cases import normal, normal_gan, normal_players, of_pack, packed_gan, parabola
from generic import assert_close
from numpy.testing import assert_allclose

import gandyn as gd
from gandyn.games import R1, GradientPenalty, Noised, Packed, Penalized

KEY = jr.key(3)
PLAYERS = normal_players()


@pytest.mark.parametrize("loss", ["minimax", "relativistic"])
@pytest.mark.parametrize("key", [None, KEY])
def test_a_pack_of_one_is_the_game(loss: str, key: Any):
    game = Noised(Penalized(normal_gan(key is not None, getattr(gd.losses, loss)), R1(0.3)), 0.1)
    assert_close(Packed(game, 1).losses(PLAYERS, key), game.losses(PLAYERS, key), 0.0)
    points = gd.games.GAN(  # in the plane
        lambda theta, z: theta["shift"] + theta["scale"] * z,
        lambda psi, x: psi @ x,
        gd.measures.ring(),
        gd.measures.normal(2, nodes=4),
    )
    assert_close(Packed(points, 1).losses(PLAYERS), points.losses(PLAYERS), 0.0)


def test_a_population_is_packed_to_its_product():
    game = packed_gan()
    batch, packs = game.batch(PLAYERS), Packed(game, 2).batch(PLAYERS)
    for (x, w), (pack, v) in ((batch.real, packs.real), (batch.fake, packs.fake)):
        assert_allclose(pack, [(a, b) for a in x for b in x], rtol=1e-15)
        assert_allclose(v, np.outer(w, w).reshape(-1), rtol=1e-15)


@pytest.mark.parametrize("key", [None, KEY])
def test_linear_in_a_sum_of_logits_packing_is_the_mean_of_samples(key: Any):
    """With the Wasserstein loss and D(x, y) = (d(x) + d(y))/2."""
    plain = normal_gan(key is not None, gd.losses.wasserstein)

    def mean(psi: Any, x: Any) -> Any:
        return (parabola(psi, x[0]) + parabola(psi, x[1])) / 2

    game = Packed(eqx.tree_at(lambda game: game.discriminator, plain, mean), 2)
    keys = (key, key) if key is None else jr.split(key, 2)
    by_hand = np.mean([plain.losses(PLAYERS, k) for k in keys], 0)
    assert_allclose(game.losses(PLAYERS, key), by_hand, rtol=1e-12)


def test_packs_of_a_sample_are_as_many_and_no_point_is_twice_in_them():
    batch = Packed(packed_gan(True), 3).batch(PLAYERS, KEY)
    for x, w in (batch.real, batch.fake):
        assert x.shape == (4, 3)
        assert len(np.unique(x)) == 12
        assert_allclose(w, 1 / 4)


def test_a_data_set_beside_samples_is_packed_to_its_product():
    sample = gd.measures.Sampled(normal, 4)
    data = gd.measures.empirical([0.0, 1.0, 5.0])
    game = gd.games.GAN(lambda t, z: t["shift"] + z, of_pack, data, sample)
    batch = Packed(Penalized(game, R1(0.1)), 2).batch(PLAYERS, KEY)
    assert batch.real[0].shape == (9, 2)
    assert batch.fake[0].shape == (4, 2)


def test_points_in_the_plane_are_joined_to_one_vector():
    data = gd.measures.ring(3, nodes=1)
    game = gd.games.GAN(lambda t, z: t["shift"] + z, lambda psi, x: psi @ x[2:], data, data)
    (x, _), (packs, _) = (g.batch(PLAYERS).real for g in (game, Packed(game, 2)))
    assert_allclose(packs, [np.concatenate([a, b]) for a in x for b in x])
    assert_allclose(Packed(game, 2).losses(PLAYERS), game_of_second(data).losses(PLAYERS))


def game_of_second(data: Any) -> gd.games.GAN:
    return gd.games.GAN(lambda t, z: t["shift"] + z, lambda psi, x: psi @ x, data, data)


def test_penalties_inside_and_outside_see_the_packs():
    inner, outer = (
        wrap(packed_gan())
        for wrap in (
            lambda game: Packed(Penalized(game, GradientPenalty(0.5, nodes=3)), 2),
            lambda game: Penalized(Packed(game, 2), GradientPenalty(0.5, nodes=3)),
        )
    )
    assert_allclose(inner.losses(PLAYERS), outer.losses(PLAYERS), rtol=1e-15)


def test_products_that_are_too_large_are_refused_in_words():
    many = gd.measures.empirical(jnp.zeros(200))
    game = gd.games.GAN(lambda t, z: t["shift"] + z, of_pack, many, many)
    with pytest.raises(ValueError, match=r"`Packed` .* 200 x 200 x 200 .*minibatch"):
        Packed(game, 3).losses(PLAYERS)


@pytest.mark.parametrize("sampled", [False, True])
def test_observers_look_at_single_points(sampled: bool):
    law = gd.measures.line(3, 1.0, 0.3)
    state = gd.State(PLAYERS)
    game = Noised(Packed(packed_gan(sampled), 2), 0.0, nodes=1)
    assert_close(
        gd.modes.Watch(game, law, 40)(state),
        gd.modes.Watch(Noised(packed_gan(sampled), 0.0, nodes=1), law, 40)(state),
        0.0,
    )
