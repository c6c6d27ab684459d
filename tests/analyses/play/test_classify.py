"""Kinds of equilibrium against their definitions, on random quadratics and published examples."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gandyn as gd


class Quadratic(eqx.Module):
    """f = x.A x/2 + x.C y + y.B y/2, of which the numbers are no part of a program."""

    a: jax.Array
    c: jax.Array
    b: jax.Array

    def __call__(self, x, y):
        dot = jnp.dot if jnp.ndim(x) else jnp.multiply
        a, c, b = (m.astype(x.dtype) for m in (self.a, self.c, self.b))
        return dot(x, dot(a, x)) / 2 + dot(x, dot(c, y)) + dot(y, dot(b, y)) / 2


def quadratic(a, c, b):
    return gd.games.zero_sum(Quadratic(*map(jnp.asarray, (a, c, b))))


def kinds(result):
    return tuple(bool(v) for v in (result.local_nash, result.local_minmax, result.local_maxmin))


ORIGIN = (0.0, 0.0)


def forsaken(x, y):
    def phi(z):
        return z**2 / 4 - z**4 / 2 + z**6 / 6

    return x * (y - 0.45) + phi(x) - phi(y)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_random_quadratics_against_brute_force(seed):
    # f(x, y) = x.A x/2 + x.C y - y.B y/2, leader and follower optimizing on small spheres.
    n, m = 2, 3
    rng = np.random.default_rng(seed)
    a, b = (q + q.T for q in (rng.normal(size=(n, n)), rng.normal(size=(m, m))))
    a, b = (q + 2 * rng.integers(2) * np.eye(len(q)) for q in (a, b))
    c = rng.normal(size=(n, m))
    result = gd.classify(quadratic(a, c, -b), (jnp.zeros(n), jnp.zeros(m)))

    def bowl(matrix):
        directions = rng.normal(size=(4000, len(matrix)))
        return bool(np.all(np.einsum("ki,ij,kj->k", directions, matrix, directions) > 0))

    def leader(own, other, c):
        return bowl(other) and bowl(own + c @ np.linalg.inv(other) @ c.T)

    assert result.stationary
    assert not result.degenerate
    assert kinds(result) == (bowl(a) and bowl(b), leader(a, b, c), leader(b, a, c.T))
    np.testing.assert_allclose(
        result.own, [np.linalg.eigvalsh(a)[0], np.linalg.eigvalsh(b)[0]], atol=1e-12
    )


def test_strict_local_nash_points_are_both_minmax_and_maxmin():
    assert kinds(gd.classify(quadratic(1.0, 3.0, -1.0), ORIGIN)) == (True, True, True)


def test_jin_netrapalli_jordan_example_is_minmax_and_not_nash():
    result = gd.classify(quadratic(-2.0, 5.0, -2.0), ORIGIN)  # of -x^2 + 5 x y - y^2
    assert kinds(result) == (False, True, False)
    np.testing.assert_allclose(result.total[0], 21 / 2)


def test_negative_definite_saddle_is_maxmin_and_not_minmax():
    assert kinds(gd.classify(quadratic(3.0, 2.0, 1.0), ORIGIN)) == (False, False, True)


@pytest.mark.slow
def test_forsaken_point_is_maxmin_and_not_minmax():
    game = gd.games.zero_sum(forsaken)
    flow = gd.flows.GradientFlow(gd.fields.Gradient(game))
    rest = gd.equilibrium(flow, (0.1, 0.4))
    result = gd.classify(game, rest.players)
    assert result.stationary
    assert kinds(result) == (False, False, True)
    assert gd.spectrum(flow, rest.players).stable


def test_parabola_on_the_square_has_no_strict_kind_and_is_degenerate():
    result = gd.classify(quadratic(0.0, -2.0, 2.0), ORIGIN)  # of y^2 - 2 x y
    assert result.stationary
    assert kinds(result) == (False, False, False)
    assert result.degenerate


@pytest.mark.slow
def test_timescale_separation_finds_exactly_the_minmax_points():
    # Jin et al.: stable for all large enough tau, iff strict local min-max (f_yy invertible).
    for a, c, b in ((-1.0, 3.0, -1.0), (3.0, 2.0, 1.0), (1.0, 1.0, -2.0), (-2.0, 1.0, -1.0)):
        game = quadratic(a, c, b)
        field = gd.fields.Scaled(gd.fields.Gradient(game), (1.0, 1e3))
        stable = gd.spectrum(gd.flows.GradientFlow(field), ORIGIN).stable
        assert bool(stable) == bool(gd.classify(game, ORIGIN).local_minmax)


def test_dirac_gan_is_degenerate():
    result = gd.classify(gd.games.dirac(), ORIGIN)
    assert result.stationary
    assert kinds(result) == (False, False, False)
    assert result.degenerate
    assert jnp.all(jnp.isnan(result.total))


def test_a_degenerate_point_prints_as_one():
    """A curvature that does not exist is no number that got lost."""
    found = gd.classify(gd.games.dirac(), ORIGIN)
    assert jnp.all(jnp.isnan(found.total))
    assert repr(found).endswith(", all finite)")
    steep = gd.classify(gd.games.zero_sum(lambda x, y: jnp.abs(x) ** 1.5 - y**2), ORIGIN)
    assert repr(steep).endswith("NOT all finite)")


def test_the_leader_alone_may_be_undecided():
    """Following, y = x, the leader of f = -x^2/2 + x y - y^2/2 sees 0."""
    result = gd.classify(quadratic(-1.0, 1.0, -1.0), ORIGIN)
    assert result.stationary
    assert result.degenerate
    assert kinds(result) == (False, False, False)
    np.testing.assert_allclose(result.total[0], 0, atol=1e-15)
    assert not gd.classify(quadratic(-2.0, 1.0, -1.0), ORIGIN).degenerate


def test_leader_in_a_general_sum_game_uses_the_response_of_the_follower():
    # Cournot's duopoly, profits q_i (a - q_1 - q_2): Nash at a/3; led by the first, (a/2, a/4).
    def losses(players, key):
        total = players[0] + players[1]
        return tuple(-q * (12 - total) for q in players)

    game = gd.games.Custom(losses)
    nash, leader, follower = (gd.classify(game, p) for p in ((4.0, 4.0), (6.0, 3.0), (3.0, 6.0)))
    assert kinds(nash) == (True, False, False)
    assert kinds(leader) == (False, True, False)
    assert kinds(follower) == (False, False, True)
    assert not leader.stationary
    np.testing.assert_allclose(leader.total[0], 1.0)


def test_curved_responses_count_to_second_order():
    # L_y = (y - x^2)^2 and L_x = -x^2 + 2 y: following, y = x^2, the leader sees x^2.
    def losses(players, key):
        x, y = players
        return -(x**2) + 2 * y, (y - x**2) ** 2

    result = gd.classify(gd.games.Custom(losses), ORIGIN)
    assert result.local_minmax
    np.testing.assert_allclose(result.total[0], 2.0)


def test_elsewhere_nothing_holds():
    result = gd.classify(quadratic(1.0, 3.0, -1.0), (1.0, 0.5))
    assert not result.stationary
    assert kinds(result) == (False, False, False)
    assert not result.degenerate


@pytest.mark.slow
def test_jit_vmap_and_single_precision():
    a = jnp.array([1.0, -1.0])
    result = jax.jit(jax.vmap(lambda a: gd.classify(quadratic(a, 3.0, -1.0), ORIGIN)))(a)
    np.testing.assert_array_equal(result.local_nash, [True, False])
    np.testing.assert_array_equal(result.local_minmax, [True, True])
    single = gd.classify(quadratic(1.0, 3.0, -1.0), (jnp.float32(0), jnp.float32(0)))
    assert single.own.dtype == jnp.float32
    assert single.local_nash


def test_bad_input_is_refused_by_name(as_installed):
    with pytest.raises(TypeError, match="`game`"):
        gd.classify(lambda x, y: x * y, ORIGIN)
    with pytest.raises(ValueError, match="2 players"):
        gd.classify(quadratic(1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="`tolerance`"):
        gd.classify(quadratic(1.0, 1.0, 1.0), ORIGIN, tolerance=-1.0)
