"""Games between mixtures of players."""

from functools import partial

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from cases import normal_gan, normal_players
from generic import GENERAL, START, START_OF_THREE, THREE, assert_close

import gandyn as gd
from gandyn.games import Logits, Mixtures, finite


def copied(players, numbers, spread=0.3):
    """Copies of each player, moved apart, and logits."""
    rng = np.random.default_rng(0)

    def copies(player, n):
        return jax.tree.map(lambda x: x[None] + spread * rng.normal(size=(n, *x.shape)), player)

    return tuple(
        (copies(p, n), jnp.asarray(rng.normal(size=n)))
        for p, n in zip(players, numbers, strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("game", "start", "numbers"), [(GENERAL, START, (2, 3)), (THREE, START_OF_THREE, (2, 1, 3))]
)
def test_mixtures_play_the_finite_game_between_their_copies(game, start, numbers):
    """With the copies held, the losses are those of the table of payoffs, in logits."""
    players = copied(start, numbers)
    copies, logits = zip(*players, strict=True)
    table = np.empty((len(start), *numbers))
    for profile in np.ndindex(*numbers):
        chosen = tuple(c[a] for c, a in zip(copies, profile, strict=True))
        table[:, *profile] = [-float(l) for l in game.losses(chosen)]
    expected = Logits(finite(*table)).losses(logits)
    assert_close(Mixtures(game).losses(players), expected)


@pytest.mark.slow
def test_one_copy_is_the_plain_game():
    gan, players = normal_gan(sampled=True), normal_players()
    one = jax.tree.map(lambda x: x[None], players)
    mixed = tuple((p, jnp.zeros(1)) for p in one)
    assert_close(Mixtures(gan).losses(mixed, jr.key(0)), gan.losses(players, jr.key(0)))


@pytest.mark.slow
def test_equal_copies_are_the_plain_game_whatever_their_weights():
    gan, players = normal_gan(), normal_players()
    mixed = copied(players, (3, 2), spread=0.0)
    field, plain = gd.fields.Gradient(Mixtures(gan))(mixed), gd.fields.Gradient(gan)(players)
    for (copies, logits), v in zip(field, plain, strict=True):
        assert_close(logits, jnp.zeros_like(logits))
        assert_close(jax.tree.map(lambda x: x.sum(0), copies), v)


def lipschitz(c, x):
    """A critic of slope one, c[1] |x - c[0]| with |c[1]| <= 1."""
    return c[1] * jnp.abs(x - c[0])


@pytest.mark.slow
def test_two_points_have_the_equilibrium_that_one_has_not():
    """Data on -1 and 1: one point loses max(1, |x|) to its best critic; a mixture of two, nothing
    to any, so that min-max is 1 and max-min 0, and in mixtures the value is 0."""
    game = gd.games.GAN(
        lambda theta, z: theta,
        lipschitz,
        gd.measures.empirical([-1.0, 1.0]),
        gd.measures.dirac(0.0),
        gd.losses.wasserstein,
    )
    places = jnp.linspace(-2, 2, 17)
    critics = jnp.stack([jnp.tile(places, 3), jnp.repeat(jnp.array([1.0, 0.0, -1.0]), 17)], axis=-1)

    # The discriminator gains what it loses less of; the data's term is no loss of the generator.
    @partial(jnp.vectorize, signature="(),(c)->()")
    def gain(x, c):
        return -game.losses((x, c))[1]

    payoff = np.asarray(jax.jit(gain)(places[:, None], critics[None, :]))
    np.testing.assert_allclose(payoff.max(1), np.maximum(1, np.abs(places)), atol=1e-12)
    solved = gd.values(payoff)
    np.testing.assert_allclose([solved.minmax, solved.maxmin, solved.mixed], [1, 0, 0], atol=1e-12)

    two = (jnp.array([-1.0, 1.0]), jnp.zeros(2))

    @jax.jit
    @jax.vmap
    def against(c):
        return Mixtures(game).losses((two, (c[None], jnp.zeros(1))))[1]

    np.testing.assert_allclose(against(critics), 0, atol=1e-12)


@pytest.mark.slow
def test_mixtures_train_like_any_game():
    mixed = copied(normal_players(), (2, 3))
    single = jax.tree.map(lambda x: x.astype(jnp.float32), mixed)
    rule = gd.methods.alternating(Mixtures(normal_gan()), 0.1)
    end = jax.jit(lambda z: gd.simulate(rule, z, np.arange(3)).final.players)(single)
    assert {x.dtype for x in jax.tree.leaves(end)} == {jnp.dtype(jnp.float32)}


@pytest.mark.usefixtures("as_installed")
def test_bad_mixtures_are_errors():
    game = Mixtures(GENERAL)
    with pytest.raises(ValueError, match="player 0 must be a pair"):
        game.losses((jnp.ones((2, 2)), (jnp.ones((2, 2)), jnp.zeros(2))))
    with pytest.raises(ValueError, match="player 1 must have one logit per copy"):
        game.losses(((jnp.ones((2, 2)), jnp.zeros(2)), (jnp.ones((2, 2)), jnp.zeros(3))))
    with pytest.raises(TypeError, match="`game` must be a game"):
        Mixtures(3)
