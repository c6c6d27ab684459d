"""Finite games: replicators, weights, best responses, and the game of three modes."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from generic import assert_close

import gandyn as gd
from gandyn.fields import Gradient, Mirror
from gandyn.games import Logits, finite, hardmax, softmax

INDICATOR = np.full((3, 3), 1 / 3) - np.eye(3)  # the discriminator distrusts what it sees
LOGITS = (jnp.log(jnp.array([0.6, 0.3, 0.1])), jnp.log(jnp.array([0.2, 0.5, 0.3])))
THREE = [np.random.default_rng(0).normal(size=(2, 3, 4)) for _ in range(3)]


def logits_of_three():
    return tuple(jnp.asarray(np.random.default_rng(n).normal(size=n)) for n in (2, 3, 4))


def divergence_from_uniform(q):
    return -jnp.mean(jnp.log(q), axis=-1) - jnp.log(q.shape[-1])


def test_a_matrix_is_what_the_row_pays_the_column():
    P = np.random.default_rng(0).normal(size=(2, 3))
    q, d = jnp.array([0.3, 0.7]), jnp.array([0.2, 0.5, 0.3])
    losses = finite(P).losses((q, d))
    assert_close(losses, (q @ P @ d, -(q @ P @ d)))
    assert_close(losses, finite(-P, P).losses((q, d)))


@pytest.mark.slow
def test_optimal_strategies_promise_the_value():
    P = np.random.default_rng(1).normal(size=(3, 4))
    solved = gd.values(P)
    v = Gradient(finite(P))((solved.row, solved.column))
    np.testing.assert_allclose(-jnp.max(v[0]), solved.mixed, atol=1e-12)
    np.testing.assert_allclose(jnp.max(v[1]), solved.mixed, atol=1e-12)


def test_payoffs_of_three_players_are_sums_over_all_profiles():
    strategies = softmax(logits_of_three())
    expected = tuple(-np.einsum("abc,a,b,c->", U, *strategies) for U in THREE)
    assert_close(finite(*THREE).losses(strategies), expected)


@pytest.mark.slow
@pytest.mark.parametrize("payoffs", [(INDICATOR,), tuple(THREE)], ids=["two", "three"])
def test_flow_in_logits_is_the_replicator_equation(payoffs):
    """q' = q (v - q . v), whichever way the logits are shifted."""
    game = finite(*payoffs)
    x = LOGITS if len(payoffs) == 1 else logits_of_three()
    q, dq = jax.jvp(softmax, (x,), (Mirror(Gradient(game))(x),))
    v = Gradient(game)(q)
    assert_close(dq, tuple(q * (v - q @ v) for q, v in zip(q, v, strict=True)))


@pytest.mark.slow
def test_natural_gradient_of_the_softmax_game_is_the_replicator():
    """Gradients through softmax are q (v - q . v); divided by q, they differ by a constant."""
    game = finite(*THREE)
    x = logits_of_three()
    natural = gd.fields.Metric(Gradient(Logits(game)), lambda players, key: softmax(players))(x)
    mirror = Mirror(Gradient(game))(x)
    assert_close(mirror, tuple(v - jnp.mean(v) for v in natural))


@pytest.mark.slow
def test_replicators_of_the_indicator_game_turn_for_ever():
    """KL(u|q) + KL(u|d) is conserved, and averages over time T are uniform up to 10/T."""
    flow = gd.flows.GradientFlow(
        Mirror(Gradient(finite(INDICATOR))), gd.flows.Integrator(rtol=1e-11, atol=1e-11)
    )
    T = 400.0
    path = softmax(gd.simulate(flow, LOGITS, np.linspace(0, T, 8001)).players)
    kept = sum(divergence_from_uniform(q) for q in path)
    np.testing.assert_allclose(kept, 0.31075589546577, atol=1e-9)
    for q in path:
        assert float(jnp.abs(jnp.mean(q, axis=0) - 1 / 3).max()) < 10 / T


@pytest.mark.slow
@pytest.mark.parametrize("K", [2, 3, 5])
def test_replicators_turn_with_frequency_one_over_K(K):
    """Linearized at uniform: +-i/K, K - 1 times each, and 0 for the two constants."""
    flow = gd.flows.GradientFlow(Mirror(Gradient(finite(np.full((K, K), 1 / K) - np.eye(K)))))
    found = gd.spectrum(flow, (np.zeros(K), np.zeros(K))).exponents
    np.testing.assert_allclose(found.real, 0, atol=1e-8)
    expected = np.sort([1 / K] * (K - 1) + [-1 / K] * (K - 1) + [0, 0])
    np.testing.assert_allclose(np.sort(found.imag), expected, atol=1e-8)


def test_hedge_multiplies_weights():
    P, h = np.random.default_rng(2).normal(size=(3, 2)), 0.3
    x = (jnp.array([0.1, -0.4, 0.2]), jnp.array([0.5, -0.1]))
    q, d = softmax(x)
    new = softmax(gd.simulate(gd.methods.hedge(finite(P), h), x, np.arange(2)).final.players)
    weights = q * np.exp(-h * P @ d), d * np.exp(h * q @ P)
    assert_close(new, tuple(w / w.sum() for w in weights))


def test_hedge_has_no_regret():
    """The duality gap of the averages is at most log(n)/(h T) + h range^2/8, for each player."""
    P, h, T = np.random.default_rng(3).uniform(size=(4, 5)), 0.05, 2000
    rule = gd.methods.hedge(finite(P), h)
    played = softmax(gd.simulate(rule, (np.zeros(4), np.zeros(5)), np.arange(T)).players)
    q, d = (np.mean(p, axis=0) for p in played)
    gap = np.max(q @ P) - np.min(P @ d)
    assert 0 <= gap < (np.log(4) + np.log(5)) / (h * T) + 2 * h / 8


def test_fictitious_play_is_the_best_response_to_the_record():
    """By hand, and its averages approach optimal strategies."""
    P = np.random.default_rng(4).normal(size=(3, 4))
    T = 3000
    path = gd.simulate(
        gd.methods.fictitious_play(finite(P)), (np.zeros(3), np.zeros(4)), np.arange(T)
    ).players
    rows, columns = (np.argmax(x, axis=1) for x in path)
    for t in (1, 2, 7, 40, 100):
        seen = np.bincount(columns[:t], minlength=4), np.bincount(rows[:t], minlength=3)
        assert rows[t] == np.argmin(P @ seen[0])
        assert columns[t] == np.argmax(seen[1] @ P)
    q, d = (np.mean(p, axis=0) for p in hardmax(path))
    gap = np.max(q @ P) - np.min(P @ d)
    assert 0 <= gap < 0.1


def test_best_responses_to_the_first_of_several_hop_between_two_modes():
    rule = gd.methods.best_response(finite(INDICATOR), (3, 3), order=(0, 1))
    q, _ = gd.simulate(rule, (np.eye(3)[0], np.eye(3)[0]), np.arange(9)).players
    np.testing.assert_array_equal(np.argmax(q[1:], axis=1), [0, 1, 0, 1, 0, 1, 0, 1])


@pytest.mark.slow
@pytest.mark.parametrize("K", [2, 3, 5])
def test_best_responses_that_break_ties_forwards_visit_all_modes(K):
    """The slightest preference for the mode after the one that was seen makes the period K."""
    after = (np.arange(K) - np.arange(K)[:, None]) % K  # [g, d]: steps from g on to d
    tied = np.full((K, K), 1 / K) - np.eye(K) - 1e-9 * after
    rule = gd.methods.best_response(finite(tied), (K, K), order=(0, 1))
    q, _ = gd.simulate(rule, (np.eye(K)[0], np.eye(K)[0]), np.arange(2 * K + 1)).players
    np.testing.assert_array_equal(np.argmax(q[1:], axis=1), np.arange(2 * K) % K)


@pytest.mark.slow
@pytest.mark.parametrize("K", [3, 4])
def test_ascent_in_function_space_against_best_responses_has_period_K(K):
    """l <- l + eta (p - e_g), g <- argmax l: occupation is exactly uniform, and |l| < eta."""
    eta = 0.3

    def trust(q, l):
        return jnp.mean(l) - q @ l  # what the discriminator earns

    game = gd.games.zero_sum(trust)
    rule = gd.rules.Sequential(
        gd.rules.BestResponse(game, 0, jnp.eye(K)),
        gd.rules.Descend(Gradient(game), (None, eta)),
    )
    # A hair's preference, so that ties are not left to rounding.
    start = (np.eye(K)[1], 1e-6 * np.arange(K))
    q, l = gd.simulate(rule, start, np.arange(3 * K + 1)).players
    modes = np.argmax(q[1:], axis=1).reshape(3, K)
    np.testing.assert_array_equal(modes, modes[:1].repeat(3, axis=0))
    assert sorted(modes[0]) == list(range(K))
    assert float(jnp.abs(l).max()) < eta


def test_gradients_play_logits_in_single_precision_under_jit():
    game = Logits(finite(*THREE))
    single = jax.tree.map(lambda x: x.astype(jnp.float32), logits_of_three())
    rule = gd.methods.simultaneous(game, 0.1)
    end = jax.jit(lambda x: gd.simulate(rule, x, np.arange(3)).final.players)(single)
    assert {x.dtype for x in end} == {jnp.dtype(jnp.float32)}


@pytest.mark.usefixtures("as_installed")
def test_bad_finite_games_are_errors():
    with pytest.raises(ValueError, match="one array per player"):
        finite(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="not empty"):
        finite([1.0, 2.0])
    with pytest.raises(ValueError, match=r"vectors with \(3, 3\) entries"):
        finite(INDICATOR).losses((jnp.ones(2), jnp.ones(3)))
    with pytest.raises(ValueError, match="game of 2 players"):
        finite(INDICATOR).losses((jnp.ones(3),))
    with pytest.raises(TypeError, match="`strategies` must be a function"):
        Mirror(Gradient(finite(INDICATOR)), cast("Any", 3))
    with pytest.raises(ValueError, match="one entry per action"):
        Logits(finite(INDICATOR)).losses((jnp.asarray(1.0), jnp.ones(3)))
    with pytest.raises(ValueError, match="permutation"):
        gd.methods.best_response(finite(INDICATOR), (3, 3), order=(0, 0))
