"""Games as tables: values on a grid, leading and following, exploitability."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from generic import GENERAL, START, THREE
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import gandyn as gd

GRID = jnp.linspace(0, 1, 21)
WIDE = jnp.linspace(-1, 1, 21)
seeds = st.integers(0, 2**31)
leader = jax.jit(gd.leader, static_argnums=1, static_argnames="strong")


@pytest.mark.slow
def test_values_of_games_on_a_grid():
    """(x - y)^2 on [0, 1]^2: 1/4, 0, mixed 1/4.  y^2 - 2 x y on [-1, 1]^2: 1, 0, mixed 1."""
    square = gd.games.zero_sum(lambda x, y: (x - y) ** 2)
    found = gd.values(gd.tabulate(square, GRID, GRID)[0])
    assert_allclose([found.minmax, found.maxmin, found.mixed], [0.25, 0, 0.25], atol=1e-12)
    jin = gd.games.zero_sum(lambda x, y: y**2 - 2 * x * y)
    found = gd.values(gd.tabulate(jin, WIDE, WIDE)[0])
    assert_allclose([found.minmax, found.maxmin, found.mixed], [1, 0, 1], atol=1e-12)


def test_a_table_is_the_losses_at_every_combination():
    vectors = tuple(jnp.stack([p, 2 * p, -p]) for p in START)
    tables = gd.tabulate(GENERAL, *vectors)
    for i in range(3):
        for j in range(3):
            one = GENERAL.losses((vectors[0][i], vectors[1][j]))
            assert_allclose([t[i, j] for t in tables], one, rtol=1e-13)
    three = gd.tabulate(THREE, *(jnp.ones((n, 2)) for n in (2, 3, 4)))
    assert [t.shape for t in three] == [(2, 3, 4)] * 3
    mixed = gd.games.finite(*(-t for t in tables))
    pure = tuple(jnp.eye(3)[k] for k in (1, 2))
    assert_allclose(mixed.losses(pure), [t[1, 2] for t in tables], rtol=1e-13)


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(seeds)
def test_leading_a_zero_sum_game_is_minmax_and_maxmin(seed):
    payoff = np.random.default_rng(seed).normal(size=(4, 5))
    found, row, column = gd.values(payoff), leader(payoff), leader(payoff, 1)
    assert_allclose(row.value, found.minmax)
    assert_allclose(column.value, -found.maxmin)
    assert_allclose(payoff[tuple(row.actions)], found.minmax)
    assert_allclose(payoff[tuple(column.actions)], found.maxmin)


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_leading_is_no_worse_than_any_pure_equilibrium(seed):
    a, b = np.random.default_rng(seed).normal(size=(2, 4, 4))
    nash = (a == a.min(axis=0)) & (b == b.min(axis=1, keepdims=True))
    for i, j in np.argwhere(nash):
        assert leader((a, b)).value <= a[i, j]
        assert leader((a, b), 1).value <= b[i, j]


def test_ties_of_the_follower():
    mine, theirs = np.array([[0.0, 2.0], [1.0, 1.0]]), np.zeros((2, 2))
    assert gd.leader((mine, theirs)).value == 1
    assert gd.leader((mine, theirs), strong=True).value == 0


@pytest.mark.slow
def test_cournot_duopoly_is_led_at_the_textbook_quantities():
    """Price 1 - q_0 - q_1: the leader sells 1/2 and earns 1/8, the follower 1/4 and 1/16."""
    game = gd.games.Custom(lambda q, key: tuple(-x * (1 - q[0] - q[1]) for x in q))
    grid = jnp.linspace(0, 1, 101)
    found = gd.leader(gd.tabulate(game, grid, grid))
    assert_allclose(grid[found.actions], [0.5, 0.25])
    assert_allclose([found.value, found.follower], [-1 / 8, -1 / 16])
    equilibrium = gd.exploitability(game, (1 / 3, 1 / 3))
    assert_allclose(equilibrium.gains, 0, atol=1e-12)
    # Against 0 the monopoly's 1/2 earns 1/4.
    nothing = gd.exploitability(game, (0.0, 0.0))
    assert_allclose(nothing.responses, (0.5, 0.5), atol=1e-6)
    assert_allclose(nothing.gap, 1 / 2, atol=1e-12)


@pytest.mark.slow
@settings(deadline=None, max_examples=15)
@given(seeds)
def test_mixed_strategies_are_optimal_if_nobody_can_exploit_them(seed):
    rng = np.random.default_rng(seed)
    payoff = rng.normal(size=(3, 4))
    game, pure = gd.games.finite(payoff), (jnp.eye(3), jnp.eye(4))
    found = gd.values(payoff)
    assert_allclose(gd.exploitability(game, (found.row, found.column), pure).gap, 0, atol=1e-12)
    x, y = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(4))
    gap = (x @ payoff).max() - (payoff @ y).min()
    assert_allclose(gd.exploitability(game, (x, y), pure).gap, gap, rtol=1e-12)


def test_gains_on_a_box_and_staying():
    game = gd.games.zero_sum(lambda x, y: y**2 - 2 * x * y)
    found = gd.exploitability(game, (0.5, 0.0), (WIDE, WIDE))
    assert_allclose(found.gains, [0, 2], atol=1e-12)  # y = -1 pays 1 + 1
    assert_allclose(found.responses[1], -1)
    assert found.responses[0] == 0.5
    between = gd.games.zero_sum(
        lambda x, y: (x - 0.03) ** 2 - y**2
    )  # off the grid, staying is best
    found = gd.exploitability(between, (0.03, 0.0), (WIDE, WIDE))
    assert_allclose(found.gains, 0, atol=1e-15)
    assert found.responses[0] == 0.03
    single = gd.exploitability(game, tuple(map(jnp.float32, (0.5, 0.0))), (WIDE, WIDE))
    assert single.gains.dtype == jnp.float32


@pytest.mark.slow
def test_local_responses_that_there_are_not():
    """Of the bilinear game nobody's best response is finite; the Dirac-GAN's equilibrium is one."""
    found = gd.exploitability(gd.games.bilinear([[1.0]]), (jnp.ones(1), jnp.ones(1)), max_steps=64)
    assert not jnp.any(found.converged)
    assert jnp.all(jnp.isnan(found.gains))
    assert_allclose(gd.exploitability(gd.games.dirac(), (0.0, 0.0)).gap, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss",
    [
        lambda x: jnp.where(x < 1, -x, 10 - x),  # downhill to an edge that has no least point
        lambda x: (x - 3) ** 2 + jnp.where(x > 1, 1e3, 0),
        lambda x: 1e14 + jnp.cosh(x - 3),  # changes that are lost to rounding
    ],
)
def test_a_response_that_stops_on_a_slope_is_not_found(loss):
    found = gd.exploitability(gd.games.zero_sum(lambda x, y: loss(x) - loss(y)), (0.0, 0.0))
    assert not jnp.any(found.converged)
    assert jnp.all(jnp.isnan(found.gains))


def test_many_at_once():
    payoffs = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2, 4, 4)))
    together = jax.jit(jax.vmap(lambda p: gd.leader((p[0], p[1])).value))(payoffs)
    assert_allclose(together, [gd.leader((a, b)).value for a, b in payoffs])


def test_bad_tables_are_told(as_installed):
    game = gd.games.zero_sum(lambda x, y: y / x)
    with pytest.raises(ValueError, match=r"player 0 is nan at the candidates \(0, 0\)"):
        gd.tabulate(game, GRID, GRID)
    with pytest.raises(ValueError, match="with one leading axis"):
        gd.tabulate(game, 1.0, GRID)
    with pytest.raises(ValueError, match="`losses` must be finite"):
        gd.leader([[1.0, np.inf]])
    with pytest.raises(ValueError, match="two tables of one shape"):
        gd.leader((np.ones((2, 2)), np.ones((2, 3))))
    with pytest.raises(ValueError, match="`player` must be 0 or 1"):
        gd.leader(np.ones((2, 2)), 2)
    with pytest.raises(ValueError, match="one entry per player, 2"):
        gd.exploitability(game, (1.0, 1.0), (GRID,))
