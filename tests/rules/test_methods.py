"""Methods against what is known of them: spectra on random games, and relations between them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from generic import (
    GENERAL,
    START,
    START_OF_THREE,
    THREE,
    assert_close,
    general_sum,
    multipliers,
    one_step,
    random_bilinear,
    same_set,
)

import gandyn as gd
from gandyn import _numerics as numerics
from gandyn import methods
from gandyn.theory import METHODS, bilinear

# ---------------------------------------------------------------------------------------------
# Spectra. `h` is a step size, `s` a singular value, `l` an eigenvalue of J.


@pytest.mark.slow
def test_proximal_point_and_competitive_are_one_on_bilinear_games():
    game, origin, s = random_bilinear()
    expected = np.linalg.eigvals(METHODS["proximal_point"].map(bilinear(s), 0.7))
    for method in (methods.proximal_point, methods.competitive):
        same_set(multipliers(method(game, 0.7), origin), [*expected, 1])


@pytest.mark.slow
def test_competitive_is_the_equilibrium_of_the_local_game():
    """Schaefer and Anandkumar's formula for two players, with explicit mixed Hessians."""
    h, eye = 0.2, np.eye(2)
    f, g = (lambda x, y, i=i: general_sum((x, y))[i] for i in (0, 1))

    @jax.jit
    def both(x, y):
        first, second = jax.grad(f, 0), jax.grad(g, 1)
        mixed = jax.jacfwd(first, 1)(x, y), jax.jacfwd(second, 0)(x, y)
        return one_step(methods.competitive(GENERAL, h), (x, y)), first(x, y), second(x, y), mixed

    moved, fx, gy, (fxy, gyx) = jax.tree.map(np.asarray, both(*START))
    dx = -h * np.linalg.solve(eye - h**2 * fxy @ gyx, fx - h * fxy @ gy)
    dy = -h * np.linalg.solve(eye - h**2 * gyx @ fxy, gy - h * gyx @ fx)
    assert_close(moved, (START[0] + dx, START[1] + dy))


def test_negative_momentum_has_the_polynomial_of_gidel():
    """(l - 1)^2 (l - b1) (l - b2) + e^2 l^3 = 0, on every singular value."""
    h, s = np.array([0.3, 0.5]), 0.7
    for b in ((-0.5, -0.5), (-0.5, 0.0), (0.3, -0.2)):
        found = METHODS["negative_momentum"].map(bilinear(s), h, momentum=b)
        polynomial = np.polymul(np.poly([1, 1]), np.poly(b))
        polynomial[1] += h.prod() * s**2
        same_set(np.linalg.eigvals(found), np.roots(polynomial), 1e-6)


@pytest.mark.slow
def test_negative_momentum_contracts_most_at_minus_one_half():
    game, e = gd.games.bilinear([[1.0]]), 0.5
    origin = game.equilibria()[0]
    for b, radius in (((-0.5, 0.0), 0.97128670777842), ((-0.5, -0.5), 0.96254370319669)):
        rule = methods.negative_momentum(game, e, b)
        np.testing.assert_allclose(gd.spectrum(rule, origin).radius, radius, rtol=1e-12)
    small = 0.01
    radius = gd.spectrum(methods.negative_momentum(game, small), origin).radius
    np.testing.assert_allclose((1 - radius**2) / small**2, 8 / 27, rtol=1e-3)


def test_negative_momentum_without_momentum_is_alternating():
    plain = methods.alternating(GENERAL, (0.1, 0.2))
    ball = methods.negative_momentum(GENERAL, (0.1, 0.2), 0.0)
    ts = np.arange(6)
    assert_close(gd.simulate(ball, START, ts).players, gd.simulate(plain, START, ts).players)


def test_lookahead_contracts_where_simultaneous_steps_diverge():
    game = gd.games.bilinear([[1.0]])
    inner = methods.simultaneous(game, 0.3)
    origin = game.equilibria()[0]
    assert gd.spectrum(inner, origin).radius > 1
    radius = gd.spectrum(methods.lookahead(inner, 6, 0.5), origin).radius
    known = METHODS["lookahead"].radius(bilinear(1.0), 0.3, every=6, fraction=0.5)
    np.testing.assert_allclose(radius, known, rtol=1e-12)


@pytest.mark.slow
def test_lookahead_keeps_the_memory_of_its_rule():
    inner = methods.simultaneous(GENERAL, optax.adam(0.05))
    state = inner.init(START)
    for _ in range(3):
        state = inner.step(state)
    outer = methods.lookahead(inner, 3, 0.25)
    ahead = outer.step(outer.init(START))
    assert_close(ahead.memory, state.memory)
    expected = jax.tree.map(lambda a, b: 0.75 * a + 0.25 * b, START, state.players)
    assert_close(ahead.players, expected)


def test_lookahead_all_the_way_is_its_rule():
    inner = methods.negative_momentum(GENERAL, 0.1)
    rule = methods.lookahead(inner, 1, 1.0)
    ts = np.arange(4)
    assert_close(gd.simulate(rule, START, ts).players, gd.simulate(inner, START, ts).players)


INNER = {
    "a number": (0.3, optax.sgd(0.3)),
    "Adam": ((None, optax.adam(0.2, b1=0.5)), optax.adam(0.2, b1=0.5)),
    "a schedule": (lambda step: 0.3 / (1 + step), optax.sgd(lambda step: 0.3 / (1 + step))),
}


@pytest.mark.parametrize("inner", INNER)
def test_unrolled_gradient_is_the_total_derivative(inner):
    """Against the loss written out by hand with three steps of the discriminator by Optax."""
    steps, optimizer = INNER[inner]

    def ahead(x, y):
        memory = optimizer.init(y)
        for _ in range(3):
            slope = jax.grad(lambda y, x=x: general_sum((x, y))[1])(y)
            with jax.numpy_dtype_promotion("standard"):
                move, memory = optimizer.update(slope, memory)
            y = optax.apply_updates(y, move)
        return general_sum((x, y))[0]

    @jax.jit
    def both(x, y):
        by_hand = (
            x - 0.1 * jax.grad(ahead)(x, y),
            y - 0.1 * jax.grad(lambda y: general_sum((x, y))[1])(y),
        )
        return one_step(methods.unrolled(GENERAL, 0.1, 3, steps), (x, y)), by_hand

    assert_close(*both(*START))


def test_what_is_foreseen_of_nobody_is_an_error():
    with pytest.raises(TypeError, match=r"`inner` must be a number, .* then nobody moves"):
        gd.games.Unrolled(GENERAL, 1, None)


# ---------------------------------------------------------------------------------------------
# What all of them share.

EVERY = {
    "proximal_point": lambda game, h: methods.proximal_point(game, h),
    "competitive": lambda game, h: methods.competitive(game, h),
    "lookahead": lambda game, h: methods.lookahead(methods.simultaneous(game, h), 2, 0.5),
    "unrolled": lambda game, h: methods.unrolled(game, h, 2, 0.1),
}
OF_TWO = {"negative_momentum": lambda game, h: methods.negative_momentum(game, h)}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EVERY, *OF_TWO])
def test_every_method_is_mapped_as_in_a_loop_and_differentiates_as_finite_differences_do(name):
    build = {**EVERY, **OF_TWO}[name]

    def endpoint(h, x):
        rule = build(GENERAL, h)
        final = gd.simulate(rule, (x, START[1]), np.arange(3)).final.players
        return sum(jnp.sum(jnp.cos(leaf)) for leaf in jax.tree.leaves(final))

    d = 1e-5
    steps = d * np.concatenate([np.eye(3), -np.eye(3)])
    at = np.array([0.2, *START[0]]) + np.concatenate([np.zeros((1, 3)), steps, [[0.1, 0.7, -0.4]]])
    h, x = jnp.asarray(at[:, 0]), jnp.asarray(at[:, 1:])
    values, (dh, dx) = jax.jit(jax.vmap(jax.value_and_grad(endpoint, (0, 1))))(h, x)
    slopes = (values[1:4] - values[4:7]) / (2 * d)
    np.testing.assert_allclose([dh[0], *dx[0]], slopes, rtol=1e-7, atol=1e-9)
    alone = jax.jit(endpoint)
    np.testing.assert_allclose(values, list(map(alone, h, x)), rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EVERY, *OF_TWO])
def test_every_method_keeps_single_precision(name):
    """And where equations are solved, its digits."""
    build = {**EVERY, **OF_TWO}[name]
    single = jax.tree.map(lambda x: x.astype(jnp.float32), START)
    rule = build(GENERAL, 0.1)
    state = eqx.filter_eval_shape(lambda z: rule.step(rule.init(z)), single)
    kinds = {x.dtype for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.inexact)}
    assert kinds == {jnp.dtype(jnp.float32)}
    if name in ("proximal_point", "competitive"):
        rough, fine = (gd.simulate(rule, z, np.arange(4)).players for z in (single, START))
        assert_close(rough, fine, 2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_every_method_but_the_two_player_ones_plays_with_three(name):
    rule = EVERY[name](THREE, (0.1, 0.2, 0.3))
    moved = jax.jit(lambda z: one_step(rule, z))(START_OF_THREE)
    assert all(
        np.all(np.isfinite(x)) and np.any(x != y)
        for x, y in zip(moved, START_OF_THREE, strict=True)
    )


@pytest.mark.slow
def test_many_parameters_are_solved_for_without_a_matrix():
    """Above 64 parameters GMRES: the same answer."""
    n = 200
    A = jr.normal(jr.key(3), (n, n)) / np.sqrt(n)
    game = gd.games.zero_sum(lambda x, y: jnp.sum(jnp.sin(x) * (A @ y)))
    start = (jr.normal(jr.key(4), (n,)), jr.normal(jr.key(5), (n,)))
    h = 0.3
    for method, at in ((methods.competitive, "start"), (methods.proximal_point, "end")):
        rule = method(game, h)
        end = jax.jit(lambda z, rule=rule: one_step(rule, z))(start)
        moved = (np.concatenate(end) - np.concatenate(start)) / h
        v = gd.fields.Gradient(game)
        if at == "end":
            np.testing.assert_allclose(moved, np.concatenate(v(end)), atol=1e-8)
        else:
            x = start[0]
            off = np.asarray(jnp.cos(x)[:, None] * A)
            J = np.block([[np.zeros((n, n)), -off], [off.T, np.zeros((n, n))]])
            expected = np.linalg.solve(np.eye(2 * n) - h * J, np.concatenate(v(start)))
            np.testing.assert_allclose(moved, expected, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("method", [methods.competitive, methods.proximal_point])
def test_derivatives_of_a_member_that_diverged_are_nan_and_its_siblings_go_on(method):
    rule = method(gd.games.dirac(), 0.1)

    slopes = jax.jit(jax.vmap(lambda x: gd.jacobian(rule, (x, 0.2))))
    both, well = slopes(jnp.array([0.3, jnp.nan])), slopes(jnp.array([0.3, 0.3]))
    np.testing.assert_allclose(both[0], well[0], rtol=1e-12)
    assert np.all(np.isfinite(well))
    assert np.all(np.isnan(both[1]))


@pytest.mark.parametrize("schedule", [optax.exponential_decay, optax.cosine_decay_schedule])
def test_a_schedule_is_a_step_size_of_its_own_at_every_step(schedule):
    sizes = schedule(0.5, 10, 0.25)
    rule = methods.simultaneous(gd.games.bilinear([[1.0]]), optax.sgd(sizes))
    end = gd.simulate(rule, (jnp.ones(1), jnp.zeros(1)), np.array([0, 8])).final.players
    square = np.prod(1 + np.array([float(sizes(t)) for t in range(8)]) ** 2)
    np.testing.assert_allclose(end[0] ** 2 + end[1] ** 2, square, rtol=1e-6)


# ---------------------------------------------------------------------------------------------
# Misuse is told in the words of the caller.


@pytest.mark.parametrize(
    ("misuse", "kind", "message"),
    [
        (lambda g: methods.negative_momentum(g, 0.1, 1.0), ValueError, "`momentum` .* is 1"),
        (lambda g: methods.negative_momentum(g, 0.1, (0.0, -1.5)), ValueError, "is -1.5"),
        (lambda g: methods.negative_momentum(g, 0.1, (0.0, 0.1, 0.2)), ValueError, "3 entries"),
        (lambda g: methods.negative_momentum(g, optax.sgd(0.1)), TypeError, "`step_size`"),
        (lambda g: methods.proximal_point(g, optax.sgd(0.1)), TypeError, "proximal_point"),
        (lambda g: methods.competitive(g, -0.1), ValueError, "`step.*negative"),
        (lambda g: methods.competitive(g, None), TypeError, "`step_size`"),
        (
            lambda g: methods.lookahead(methods.simultaneous(g, 0.1), 5, 1.5),
            ValueError,
            "`fraction` must be between 0 and 1, but is 1.5",
        ),
        (lambda g: methods.lookahead(methods.simultaneous(g, 0.1), 0, 0.5), ValueError, "`every`"),
        (
            lambda g: methods.alternating(g, 0.1, repeats=5),
            TypeError,
            "`repeats` must be a sequence",
        ),
        (lambda g: methods.alternating(g, 0.1, order=1), TypeError, "`order` must be a sequence"),
        (lambda g: methods.lookahead(g, 5, 0.5), TypeError, "rules"),
        (lambda g: methods.unrolled(g, 0.1, 0, 0.1), ValueError, "`unroll` must be at least 1"),
        (lambda g: methods.unrolled(g, 0.1, 2.5, 0.1), TypeError, "`unroll`"),
        (lambda g: methods.unrolled(g, 0.1, 2, -0.1), ValueError, "`inner_step`"),
        (lambda g: methods.unrolled(0.1, 0.1, 2, 0.1), TypeError, "`game` must be a game"),
    ],
)
def test_misuse_names_the_argument(as_installed, misuse, kind, message):
    with pytest.raises(kind, match=message):
        misuse(GENERAL)


def test_looking_ahead_for_a_player_that_is_not_there_is_an_error():
    game = gd.games.Unrolled(GENERAL, 1, 0.1, players=(2,))
    with pytest.raises(ValueError, match="the game has 2 players"):
        game.losses(START)


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 64, 65, 300])
def test_linear_equations_are_solved_as_by_lu(n):
    """Dense, and matrix-free from 65 unknowns on, however many iterations that takes; forwards and
    backwards."""
    rng = np.random.default_rng(n)
    basis = np.linalg.qr(rng.normal(size=(n, n)))[0]
    turning = rng.normal(size=(n, n)) / np.sqrt(n)
    a = jnp.asarray(basis * np.linspace(1, 1000, n) @ basis.T + turning - turning.T)
    b = jnp.asarray(rng.normal(size=n))
    exact = np.linalg.solve(a, b)
    size = np.linalg.norm(exact)
    x = numerics.solve(lambda x: a @ x, b)
    assert np.linalg.norm(x - exact) <= 1e-9 * size
    _, back = jax.vjp(lambda b: numerics.solve(lambda x: a @ x, b), b)
    transposed = np.linalg.solve(a.T, b)
    assert np.linalg.norm(back(b)[0] - transposed) <= 1e-9 * np.linalg.norm(transposed)
