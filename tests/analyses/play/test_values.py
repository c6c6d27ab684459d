"""Matrix games: min-max, max-min and mixed values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import gandyn as gd

# Each shape is compiled once, numbers are drawn anew.
games = st.tuples(st.sampled_from([(1, 1), (3, 2), (4, 5)]), st.integers(0, 2**31))
values = jax.jit(gd.values)


def random_payoff(game):
    shape, seed = game
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(games)
def test_optimal_strategies_certify_the_value(game):
    """No answer of the opponent's does better than the value: a proof, whatever solved it."""
    payoff = random_payoff(game)
    found = values(payoff)
    assert found.maxmin <= found.mixed + 1e-12
    assert found.mixed <= found.minmax + 1e-12
    for strategy in (found.row, found.column):
        assert_allclose(strategy.sum(), 1, atol=1e-13)
        assert strategy.min() >= 0
    assert jnp.max(found.row @ payoff) <= found.mixed + 1e-12
    assert jnp.min(payoff @ found.column) >= found.mixed - 1e-12


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(games)
def test_the_game_seen_from_the_other_side(game):
    """-P^T swaps the players, and min-max with max-min."""
    payoff = random_payoff(game)
    one, other = values(payoff), values(-payoff.T)
    assert_allclose(other.minmax, -one.maxmin)
    assert_allclose(other.maxmin, -one.minmax)
    assert_allclose(other.mixed, -one.mixed, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(games, st.floats(1e-9, 1e9), st.floats(-1e3, 1e3))
def test_units_of_the_payoff_do_not_matter(game, unit, shift):
    payoff = random_payoff(game)
    one, other = values(payoff), values(unit * payoff + shift)
    digits = 1e-9 * (1 + abs(shift) / unit)  # what is left of the payoff after the shift
    assert_allclose((other.mixed - shift) / unit, one.mixed, atol=digits)


@pytest.mark.parametrize("modes", [2, 3, 8])
def test_indicator_game(modes):
    """The discriminator wants to be elsewhere, the generator wants to be where it trusts."""
    found = gd.values(1 / modes - jnp.eye(modes))
    assert_allclose(found.minmax, 1 / modes)
    assert_allclose(found.maxmin, 1 / modes - 1)
    assert_allclose(found.gap, 1)
    assert_allclose(found.mixed, 0, atol=1e-15)
    assert_allclose(found.row, 1 / modes)
    assert_allclose(found.column, 1 / modes)


@pytest.mark.slow
def test_first_and_second_mover_on_the_square():
    """(x - y)^2 on [0, 1]^2 at 101 x 101 points: 1/4, 0, and 1/4 mixed."""
    grid = jnp.linspace(0, 1, 101)
    found = gd.values((grid[:, None] - grid[None]) ** 2)
    assert_allclose([found.minmax, found.maxmin, found.mixed], [0.25, 0, 0.25], atol=1e-12)
    assert_allclose(found.row @ grid, 0.5)
    # The column mixes the two ends; on a grid any weights within half its spacing are optimal.
    assert_allclose(found.column[0] + found.column[-1], 1)
    assert_allclose(found.column[0], 0.5, atol=0.5 * (grid[1] - grid[0]) + 1e-12)


@pytest.mark.slow
def test_derivatives_are_those_of_the_solution():
    payoff = jnp.asarray([[1.0, 3.0, 0.5], [2.0, 0.0, 4.0], [5.0, 6.0, 7.0]])  # two of them mix
    along = jnp.asarray(np.random.default_rng(0).normal(size=payoff.shape))

    def seen(p):
        v = gd.values(p)
        return v.mixed, v.row, v.column, v.minmax, v.maxmin

    _, slopes = jax.jvp(seen, (payoff,), (along,))
    step = 1e-6
    ahead, behind = seen(payoff + step * along), seen(payoff - step * along)
    for slope, a, b in zip(slopes, ahead, behind, strict=True):
        assert_allclose(slope, (a - b) / (2 * step), atol=1e-8)


def test_many_games_at_once():
    payoffs = jnp.asarray(np.random.default_rng(1).normal(size=(4, 3, 3)))
    together = jax.jit(jax.vmap(gd.values))(payoffs)
    for i, payoff in enumerate(payoffs):
        one = gd.values(payoff)
        assert_allclose(together.mixed[i], one.mixed, atol=1e-14)
        assert_allclose(together.row[i], one.row, atol=1e-14)


def test_single_precision_stays():
    assert gd.values(jnp.eye(3, dtype=jnp.float32)).row.dtype == jnp.float32


@pytest.mark.parametrize("payoff", [jnp.ones(3), jnp.ones((0, 3)), [[1.0, jnp.inf]], [[jnp.nan]]])
def test_payoffs_that_are_none(payoff):
    with pytest.raises(ValueError, match="`payoff` must be"):
        gd.values(payoff)


ROCK_PAPER_SCISSORS = np.array([[0.0, 1.0, -1.0], [-1.0, 0.0, 1.0], [1.0, -1.0, 0.0]])


def proven(payoff):
    """The value, after the two strategies have been held to prove it."""
    found = gd.values(payoff)
    row, column = np.asarray(found.row), np.asarray(found.column)
    gap = (row @ payoff).max() - (payoff @ column).min()
    # To the rounding of the probabilities, of what every answer is paid.
    paid = max((row @ abs(payoff)).max(), (abs(payoff) @ column).max())
    assert abs(gap) <= 1e-15 * paid + 1e-14 * (row @ abs(payoff) @ column)
    return float(found.mixed)


@pytest.mark.parametrize("large", [1e3, 1e7, 1e10, 1e12, 1e15])
def test_an_action_that_is_never_played_does_not_move_the_value(large):
    """However bad it is: of rock-paper-scissors, at any place, for either player."""
    game = ROCK_PAPER_SCISSORS + 0.25
    bad = np.full((3, 1), large)
    for payoff in (
        np.hstack([game, -bad]),
        np.hstack([-bad, game]),
        np.vstack([bad.T, game]),
        np.hstack([-bad * np.array([[1], [1e-3], [1e-6]]), game, -bad]),
    ):
        assert_allclose(proven(payoff), 0.25, rtol=1e-14)


@pytest.mark.parametrize("units", [1e-12, 1.0, 1e200])
@pytest.mark.parametrize("orders", [2, 12, 15])
def test_actions_that_are_played_with_tiny_probabilities(orders, units):
    """diag(d): both play i with probability v / d_i, where v = 1 / sum(1 / d)."""
    d = units * np.logspace(0, orders, 5)
    found = gd.values(np.diag(d))
    value = 1 / np.sum(1 / d)
    assert_allclose(found.mixed, value, rtol=1e-14)
    # The value is proven, up to rounding; of strategies the small entries move it little.
    assert_allclose(found.row, value / d, rtol=1e-10)
    assert_allclose(found.column, value / d, rtol=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_payoffs_over_twelve_orders_of_magnitude(seed):
    rng = np.random.default_rng(seed)
    payoff, units = rng.normal(size=(5, 6)), 10 ** rng.uniform(-6, 6, (5, 6))
    for scaled in (payoff * units, payoff * units[:, :1], payoff * units[:1], abs(payoff) * units):
        value = proven(scaled)
        assert_allclose(proven(-scaled.T), -value, rtol=1e-12)


@pytest.mark.slow
def test_derivatives_where_payoffs_differ_by_many_orders_of_magnitude():
    d = jnp.array([1.0, 1e4, 1e12])
    value = 1 / jnp.sum(1 / d)
    slopes = jax.jacobian(lambda d: gd.values(jnp.diag(d)))(d)
    assert_allclose(slopes.mixed, (value / d) ** 2, rtol=1e-12)
    exact = jax.jacobian(lambda d: 1 / jnp.sum(1 / d) / d)(d)
    assert_allclose(slopes.row, exact, rtol=1e-9, atol=1e-15)


def test_a_value_without_a_proof_is_nan_and_says_so(monkeypatch):
    """A solver that stops too early."""
    monkeypatch.setattr("gandyn._linear_program._round", lambda *program: None)
    with pytest.warns(UserWarning, match="no strategies were found that prove the value"):
        found = gd.values(ROCK_PAPER_SCISSORS)
    assert np.isnan(found.mixed)
    assert np.isnan(found.row).all()


def transported(n, rng):
    return gd.distances.wasserstein(rng.normal(size=(n, 2)), rng.normal(size=(n + 1, 2)))


@pytest.mark.parametrize("solve", [lambda n, rng: gd.values(rng.normal(size=(n, n))), transported])
def test_linear_programs_are_solved_on_the_host_whatever_their_shape(solve):
    """Another shape compiles a few conversions of arrays, and no solver, which takes dozens."""
    rng, compiled = np.random.default_rng(0), []
    listen = jax.monitoring.register_event_duration_secs_listener
    listen(lambda event, seconds, **_: compiled.append(event))
    solve(3, rng)
    compiled.clear()
    solve(5, rng)
    solve(6, rng)
    assert sum("backend_compile" in event for event in compiled) <= 10
