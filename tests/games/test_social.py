"""Games of two who could get along, against their sums over time and known policies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gandyn as gd

DILEMMA = gd.games.iterated_prisoners_dilemma


def rounds(mine, theirs, discount, payoff, horizon):
    """The discounted losses, round after round, of policies given as chances to cooperate."""
    loss, value = np.zeros(2), 1.0
    law = np.outer([mine[0], 1 - mine[0]], [theirs[0], 1 - theirs[0]])
    for _ in range(horizon):
        loss -= value * np.array([np.sum(law * payoff), np.sum(law.T * payoff)])
        new = np.zeros((2, 2))
        for a in range(2):
            for b in range(2):
                p, q = mine[1 + 2 * a + b], theirs[1 + 2 * b + a]
                new += law[a, b] * np.outer([p, 1 - p], [q, 1 - q])
        law, value = new, value * discount
    return loss


@pytest.mark.parametrize("seed", range(4))
def test_the_dilemma_is_the_sum_over_its_rounds(seed):
    rng = np.random.default_rng(seed)
    x, y, payoff = rng.normal(size=5), rng.normal(size=5), rng.normal(size=(2, 2))
    found = DILEMMA(0.7, payoff).losses((jnp.asarray(x), jnp.asarray(y)))
    mine, theirs = (1 / (1 + np.exp(-z)) for z in (x, y))
    np.testing.assert_allclose(found, rounds(mine, theirs, 0.7, payoff, 120), atol=1e-12)


def test_known_policies_have_their_known_losses():
    sure = 60.0
    defect = jnp.full(5, -sure)
    tit_for_tat = jnp.array([sure, sure, -sure, sure, -sure])
    per_round = 1 - 0.96
    for x, y, loss in (
        (defect, defect, (2, 2)),
        (-defect, -defect, (1, 1)),
        (tit_for_tat, tit_for_tat, (1, 1)),
        # Exploited once, and then both defect.
        (defect, tit_for_tat, (0.96 * 2, 0.04 * 3 + 0.96 * 2)),
    ):
        found = per_round * np.array(DILEMMA(0.96).losses((x, y)))
        np.testing.assert_allclose(found, loss, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("h", [0.02, 0.1, 0.2])
def test_shaping_each_other_moves_the_tandem_on(h):
    """LOLA rests at x + y = (1 - 2 h) / (1 - 4 h); all others where nobody can gain."""
    game = gd.games.tandem()
    total = (1 - 2 * h) / (1 - 4 * h)
    moved = gd.fields.LOLA(game, h)((jnp.asarray(0.2), jnp.asarray(total - 0.2)))
    np.testing.assert_allclose(moved, (0, 0), atol=1e-12)
    level = (jnp.asarray(0.2), jnp.asarray(0.8))
    for field in (
        gd.fields.Gradient(game),
        gd.fields.SOS(game, h),
        gd.fields.Anticipated(gd.fields.Gradient(game), h),
    ):
        np.testing.assert_allclose(field(level), (0, 0), atol=1e-12)
    assert abs(float(gd.fields.LOLA(game, h)(level)[0])) > h


@pytest.mark.usefixtures("as_installed")
def test_misuse_is_refused_in_words():
    with pytest.raises(ValueError, match="`discount` must be below 1"):
        DILEMMA(1.0)
    with pytest.raises(ValueError, match=r"`payoff` must have shape \(2, 2\)"):
        DILEMMA(0.9, jnp.zeros((3, 2)))
    with pytest.raises(ValueError, match="five logits"):
        DILEMMA().losses((jnp.zeros(4), jnp.zeros(5)))
    with pytest.raises(ValueError, match="2 players"):
        gd.games.tandem().losses((jnp.zeros(()),))


def test_single_precision_stays():
    players = (jnp.zeros(5, jnp.float32), jnp.ones(5, jnp.float32))
    assert all(x.dtype == jnp.float32 for x in jax.jit(lambda p: DILEMMA().losses(p))(players))
