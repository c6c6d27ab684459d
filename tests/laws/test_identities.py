"""Theorems as equalities between two parts of the library: nothing is compared to a number."""

from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from cases import GAMES, damped, normal, normal_gan, normal_players, saddle
from generic import same_set
from test_contract import close

import gandyn as gd
from gandyn.fields import Consensus, Extrapolated, Gradient, Scaled, Symplectic
from gandyn.flows import GradientFlow, Integrator, MomentumFlow
from gandyn.games import R1, R2, GradientPenalty, Noised, Penalized
from gandyn.games._game import losses
from gandyn.measures import blurred, dirac, empirical, gaussian, mixture
from gandyn.rules import Descend, Project, Repeat, Sequential, TimeMap

KEY = jr.key(3)
H = 0.125  # a power of two, so that fixed steps divide time without rounding
MATRIX = np.random.default_rng(1).normal(size=(2, 3))
POINTS = tuple(jr.normal(jr.key(8), (2, 20)))


def flow(game: Any, **how: Any) -> GradientFlow:
    return GradientFlow(Gradient(game), Integrator(**how))


def fixed(game: Any, solver: Any) -> GradientFlow:
    return flow(game, solver=solver, dt=H)


def same_map(one: Any, other: Any, start: Any = None, key: Any = None, atol: float = 1e-13) -> None:
    """Two rules take a point to the same point, and that point is another one."""
    start = normal_players() if start is None else start
    a, b = (eqx.filter_jit(rule.step)(rule.init(start), key).players for rule in (one, other))
    close(a, b, rtol=1e-12, atol=atol)
    moves = jax.tree.map(lambda new, old: float(jnp.abs(new - old).max()), a, start)
    assert min(jax.tree.leaves(moves)) > 1e-4


@eqx.filter_jit
def everywhere(field: Any) -> Any:
    return jax.vmap(lambda *z: field(z))(*POINTS)


def same_field(one: Any, other: Any, atol: float = 1e-12) -> None:
    """Two fields agree wherever two numbers are the players."""
    a, b = everywhere(one), everywhere(other)
    close(a, b, rtol=1e-12, atol=atol)
    assert float(jnp.abs(a[0]).max()) > 1e-2


def same_game(one: Any, other: Any, players: Any) -> None:
    """Two games have the same field at a point."""
    a, b = Gradient(one)(players), Gradient(other)(players)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13)


# Flows and rules


@pytest.mark.slow
def test_euler_flow_is_simultaneous_play() -> None:
    rule, euler = gd.methods.simultaneous(damped(), H), fixed(damped(), dfx.Euler())
    steps = np.arange(5)
    close(
        gd.simulate(euler, normal_players(), H * steps).players,
        gd.simulate(rule, normal_players(), steps).players,
    )


@pytest.mark.slow
def test_time_map_of_euler_is_descent() -> None:
    same_map(TimeMap(fixed(damped(), dfx.Euler()), H), Descend(Gradient(damped()), H))


def test_time_map_of_several_steps_is_descent_repeated() -> None:
    descend = Descend(Gradient(damped()), H)
    same_map(TimeMap(fixed(damped(), dfx.Euler()), 3 * H), Repeat(descend, 3))
    same_map(TimeMap(descend, 3), Repeat(descend, 3))


@pytest.mark.slow
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_semi_implicit_euler_is_alternation(order: tuple[int, int]) -> None:
    """Where each player's force depends on the other alone, as in a bilinear game."""
    # Square, because diffrax tries each force on a position of its own shape first.
    game = gd.games.bilinear([[1.0, 2.0], [0.5, 3.0]])
    start = (jnp.array([0.5, -0.3]), jnp.array([0.2, 0.7]))
    field, nobody = Gradient(game), tuple(jnp.zeros_like(p) for p in start)
    last = order[1]

    def force(i: int) -> dfx.ODETerm:
        def of(t: Any, other: Any, args: Any) -> Any:
            players = (nobody[0], other) if i == 0 else (other, nobody[1])
            return field(players)[i]

        return dfx.ODETerm(of)

    solution = dfx.diffeqsolve(
        (force(order[0]), force(last)),
        dfx.SemiImplicitEuler(),
        0.0,
        8 * H,
        H,
        (start[order[0]], start[last]),
        saveat=dfx.SaveAt(ts=H * np.arange(9)),
    ).ys
    rule = gd.methods.alternating(game, H, order=order)
    path = gd.simulate(rule, start, np.arange(9)).players
    close((path[order[0]], path[last]), solution)


@pytest.mark.slow
def test_midpoint_flow_is_extrapolation_by_half_a_step() -> None:
    half = Descend(Extrapolated(Gradient(damped()), H / 2), H)
    same_map(TimeMap(fixed(damped(), dfx.Midpoint()), H), half)


@pytest.mark.slow
def test_implicit_euler_undoes_explicit_euler() -> None:
    """Run backwards, the proximal point method is gradient play."""
    there = gd.simulate(fixed(damped(), dfx.Euler()), normal_players(), [0.0, 4 * H])
    back = gd.simulate(fixed(damped(), dfx.ImplicitEuler()), there.final, [4 * H, 0.0])
    close(back.final.players, normal_players(), rtol=0, atol=1e-11)


@pytest.mark.slow
def test_fixed_steps_converge_to_the_adaptive_solution() -> None:
    exact = gd.simulate(flow(damped(), rtol=1e-11, atol=1e-11), normal_players(), [0.0, 1.0])

    def error(dt: float) -> float:
        path = gd.simulate(flow(damped(), solver=dfx.Heun(), dt=dt), normal_players(), [0.0, 1.0])
        return float(jnp.abs(path.final.players[1] - exact.final.players[1]).max())

    assert np.log2(error(1 / 16) / error(1 / 32)) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("friction", [0.0, 0.5, 3.0])
def test_momentum_flow_splits_each_eigenvalue_in_two(friction: float) -> None:
    """l^2 + c l = mu for each eigenvalue mu of the field."""
    field = Gradient(gd.games.quadratic([[-0.3, -1.2], [1.0, -0.1]]))
    rest = (np.zeros(1), np.zeros(1))
    slow = np.asarray(gd.spectrum(GradientFlow(field), rest).exponents)
    found = np.asarray(gd.spectrum(MomentumFlow(field, friction), rest).exponents)
    np.testing.assert_allclose(
        np.sort(np.abs(np.repeat(slow, 2))),
        np.sort(np.abs(found**2 + friction * found)),
        atol=1e-12,
    )
    same_set(found**2 + friction * found, np.repeat(slow, 2))


# Rules among themselves


@pytest.mark.parametrize("key", [None, KEY])
def test_repeating_is_doing_in_sequence(key: Any) -> None:
    rule = Descend(Gradient(damped()), H)
    same_map(Repeat(rule, 2), Sequential(rule, rule), key=key)


def test_sequence_is_associative() -> None:
    a, b, c = (Descend(Gradient(damped()), h) for h in (0.1, 0.2, 0.3))
    same_map(Sequential(Sequential(a, b), c), Sequential(a, Sequential(b, c)))


def test_alternation_is_a_sequence_of_single_moves() -> None:
    def move(i: int, h: float) -> Descend:
        return Descend(Gradient(damped()), (h, None) if i == 0 else (None, h))

    by_hand = Sequential(move(1, 0.2), move(1, 0.2), move(1, 0.2), move(0, 0.1), move(0, 0.1))
    same_map(gd.methods.alternating(damped(), (0.1, 0.2), (2, 3)), by_hand)


def test_a_player_without_an_optimizer_stands_still() -> None:
    rule = Descend(Gradient(damped()), (None, H))
    start = normal_players()
    after = rule.step(rule.init(start)).players
    close(after[0], start[0], rtol=0, atol=0)
    assert float(jnp.abs(after[1] - start[1]).max()) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_alternating_spectrum_is_cyclic_in_the_order(order: tuple[int, ...]) -> None:
    """Cyclic orders of play are conjugate maps; the reversed order is another map."""
    rng = np.random.default_rng(2)
    game = gd.games.quadratic(rng.normal(size=(3, 3)))
    rest = tuple(np.zeros(1) for _ in range(3))

    def spectrum(order: tuple[int, ...]) -> np.ndarray:
        rule = gd.methods.alternating(game, (0.3, 0.4, 0.5), (1, 1, 1), order)
        return np.asarray(gd.spectrum(rule, rest).multipliers)

    same_set(spectrum(order), spectrum((0, 1, 2)))
    assert abs(spectrum((2, 1, 0)).sum() - spectrum((0, 1, 2)).sum()) > 1e-3


def test_a_number_is_sgd() -> None:
    same_map(Descend(Gradient(damped()), 0.3), Descend(Gradient(damped()), optax.sgd(0.3)))


def test_optimizers_by_the_name_of_the_player() -> None:
    """One for everybody is the same one for each."""
    adam = optax.adam(0.1)
    same_map(Descend(Gradient(damped()), adam), Descend(Gradient(damped()), (adam, adam)))


def test_time_scales_are_step_sizes() -> None:
    scaled = Scaled(Gradient(damped()), (0.5, 3.0))
    same_map(Descend(scaled, 0.1), Descend(Gradient(damped()), (0.05, 0.3)))


def test_extragradient_by_hand() -> None:
    game, start = damped(), normal_players()
    field = Gradient(game)

    def after(z: Any, v: Any) -> Any:
        return jax.tree.map(lambda z, v: z + 0.2 * v, z, v)

    rule = gd.methods.extragradient(game, 0.2)
    close(rule.step(rule.init(start)).players, after(start, field(after(start, field(start)))))


def test_optimism_is_extrapolation_from_the_past() -> None:
    """Popov's leading points w: z' = z + h v(w), w' = z' + h v(w)."""
    game, h = gd.games.zero_sum(saddle), 0.1
    v = jax.jit(Gradient(game).__call__)
    w = start = (jnp.asarray(-0.8), jnp.asarray(0.6))
    z = jax.tree.map(lambda w, v: w - h * v, w, v(w))
    leading = [w]
    for _ in range(5):
        z = jax.tree.map(lambda z, v: z + h * v, z, v(w))
        w = jax.tree.map(lambda z, v: z + h * v, z, v(w))
        leading.append(w)
    path = gd.simulate(gd.methods.optimistic(game, h), start, np.arange(6)).players
    close(path, jax.tree.map(lambda *x: jnp.stack(x), *leading))


def test_clipping_is_a_projection_in_sequence() -> None:
    def box(players: Any) -> Any:
        return players[0], optax.projections.projection_box(players[1], -0.25, 0.25)

    step = Descend(Gradient(gd.games.dirac(gd.losses.wasserstein)), 0.2)
    path = gd.simulate(Sequential(step, Project(box)), (-1.0, 0.25), np.arange(30)).players
    assert float(jnp.abs(path[1]).max()) == 0.25
    same_map(Sequential(step, Project(lambda z: z)), step, (jnp.asarray(-1.0), jnp.asarray(0.25)))


SWAPPED = {
    "simultaneous": (gd.methods.simultaneous, gd.methods.simultaneous),
    "alternating": (
        lambda game, h: gd.methods.alternating(game, h, (1, 2), (0, 1)),
        lambda game, h: gd.methods.alternating(game, h, (2, 1), (1, 0)),
    ),
    "extragradient": (gd.methods.extragradient, gd.methods.extragradient),
    "consensus": (
        lambda game, h: gd.methods.consensus(game, h, 0.3),
        lambda game, h: gd.methods.consensus(game, h, 0.3),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("method", SWAPPED)
def test_names_of_the_players_do_not_matter(method: str) -> None:
    """min_x max_y f(x, y) is min_y max_x -f(x, y) with the players swapped."""
    one, other = SWAPPED[method]
    x, y = jnp.asarray(-0.8), jnp.asarray(0.6)
    first = one(gd.games.zero_sum(saddle), (0.1, 0.2))
    second = other(gd.games.zero_sum(lambda y, x: -saddle(x, y)), (0.2, 0.1))
    a = first.step(first.init((x, y))).players
    b = second.step(second.init((y, x))).players
    close(a, b[::-1])


# Fields


def test_symplectic_adjustment_is_consensus_on_bilinear_games() -> None:
    field = Gradient(gd.games.zero_sum(lambda x, y: 1.7 * x * y))
    same_field(Symplectic(field, 0.6), Consensus(field, 0.6))


def test_symplectic_adjustment_leaves_potential_games_alone() -> None:
    def potential(players: Any, key: Any = None) -> Any:
        x, y = players
        value = x**2 * y + jnp.sin(x - y) + y**2
        return value, value

    field = Gradient(gd.games.Custom(potential))
    same_field(Symplectic(field, 0.6), field)


@pytest.mark.parametrize("strength", [0.3, 2.0])
def test_consensus_descends_the_squared_field(strength: float) -> None:
    """Everybody's loss plus c |v|^2 / 2."""
    game = gd.games.zero_sum(saddle)

    def regularized(players: Any, key: Any = None) -> Any:
        square = sum(v**2 for v in Gradient(game)(players)) / 2
        return tuple(loss + strength * square for loss in losses(game, players))

    same_field(Consensus(Gradient(game), strength), Gradient(gd.games.Custom(regularized)))


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda field: Scaled(field, 1.0),
        lambda field: Extrapolated(field, 0.0),
        lambda field: Consensus(field, 0.0),
        lambda field: Symplectic(field, 0.0),
    ],
    ids=["Scaled", "Extrapolated", "Consensus", "Symplectic"],
)
def test_wrappers_of_no_strength_change_nothing(wrapped: Any) -> None:
    field = Gradient(gd.games.zero_sum(saddle))
    same_field(wrapped(field), field)


def test_extrapolation_by_one_step_per_player() -> None:
    field = Gradient(gd.games.zero_sum(saddle))
    same_field(Extrapolated(field, (0.2, 0.2)), Extrapolated(field, 0.2))


# Games


def test_bilinear_game_is_a_quadratic_one() -> None:
    players = (jnp.array([0.5, -0.3]), jnp.array([0.2, 0.7, -0.4]))
    jacobian = np.block([[np.zeros((2, 2)), -MATRIX], [MATRIX.T, np.zeros((3, 3))]])
    same_game(gd.games.bilinear(MATRIX), gd.games.quadratic(jacobian, (2, 3)), players)


def test_quadratic_game_has_its_jacobian() -> None:
    rng = np.random.default_rng(5)
    jacobian = rng.normal(size=(5, 5))
    jacobian[:2, :2] += jacobian[:2, :2].T
    jacobian[2:, 2:] += jacobian[2:, 2:].T
    game = gd.games.quadratic(jacobian, (2, 3))
    anywhere = (jnp.array([0.5, -0.3]), jnp.array([0.2, 0.7, -0.4]))
    np.testing.assert_allclose(gd.jacobian(flow(game), anywhere), jacobian, atol=1e-13)


@pytest.mark.parametrize("key", [None, KEY])
def test_prescribed_spectrum(key: Any) -> None:
    values = np.array([-0.1 + 2j, -0.1 - 2j, 0.3, -4.0, 1j, -1j])
    game = gd.games.prescribed(values, key)
    same_set(gd.spectrum(flow(game), game.equilibria()[0]).exponents, values)


@pytest.mark.parametrize("name", ["minimax", "nonsaturating", "wasserstein", "least_squares"])
def test_dirac_gan_by_hand(name: str) -> None:
    loss = getattr(gd.losses, name)

    def by_hand(players: Any, key: Any = None) -> Any:
        logit = players[0] * players[1]
        return loss.generator(logit), loss.fake(logit) + loss.real(0 * logit)

    same_field(Gradient(gd.games.dirac(loss)), Gradient(gd.games.Custom(by_hand)))


def test_minimax_dirac_gan_is_zero_sum() -> None:
    by_hand = gd.games.zero_sum(lambda theta, psi: -jax.nn.softplus(theta * psi))
    same_field(Gradient(gd.games.dirac()), Gradient(by_hand))


ZERO_SUM = ["minimax", "wasserstein", "kl", "reverse_kl", "pearson", "squared_hellinger"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ZERO_SUM, "jensen_shannon", "total_variation"])
def test_zero_sum_losses_sum_to_zero(name: str) -> None:
    """The part on real points included, which only those feel who see the other's response."""
    loss = getattr(gd.losses, name)
    for sampled in (False, True):
        generator, discriminator = losses(normal_gan(sampled, loss), normal_players(), KEY)
        np.testing.assert_allclose(generator, -discriminator, rtol=1e-14)


@pytest.mark.slow
def test_leaders_of_a_gan_feel_nothing_of_a_response_that_is_best() -> None:
    """The envelope theorem: where D is optimal the total derivative is the partial one."""
    game, (theta, psi) = normal_gan(), normal_players()

    def slope(psi: Any) -> Any:
        return jax.grad(lambda psi: losses(game, (theta, psi))[1])(psi)

    @jax.jit
    def newton(psi: Any) -> Any:
        return psi - jnp.linalg.solve(jax.jacobian(slope)(psi), slope(psi))

    for _ in range(10):
        psi = newton(psi)
    assert float(jnp.abs(jax.jit(slope)(psi)).max()) < 1e-14
    plain = jax.jit(Gradient(game).__call__)((theta, psi))
    led = jax.jit(gd.fields.Stackelberg(game).__call__)((theta, psi))
    np.testing.assert_allclose(led[0]["shift"], plain[0]["shift"], rtol=1e-12)
    np.testing.assert_allclose(led[0]["scale"], plain[0]["scale"], rtol=1e-12)
    assert abs(float(plain[0]["shift"])) > 0.01


@pytest.mark.parametrize("penalty", [R2(0.7), GradientPenalty(0.7, 0.0)], ids=["R2", "target 0"])
def test_penalties_agree_on_the_dirac_gan(penalty: Any) -> None:
    """The slope of D(x) = psi x is psi everywhere."""
    game = gd.games.dirac()
    same_field(Gradient(Penalized(game, R1(0.7))), Gradient(Penalized(game, penalty)))


def test_penalties_add_up() -> None:
    game = normal_gan()
    twice = Penalized(Penalized(game, R1(0.2)), R1(0.5))
    same_game(twice, Penalized(game, R1(0.7)), normal_players())
    one_way = Penalized(Penalized(game, R1(0.2)), R2(0.5))
    same_game(one_way, Penalized(Penalized(game, R2(0.5)), R1(0.2)), normal_players())


def test_penalty_is_the_mean_square_slope() -> None:
    """R1 of D(x) = a x + b x^2 with data N(0, 1): g/2 E (a + 2 b x)^2 = g/2 (a^2 + 4 b^2)."""
    game, players = normal_gan(), normal_players()
    a, b = players[1]
    penalized = losses(Penalized(game, R1(0.6)), players)
    plain = losses(game, players)
    np.testing.assert_allclose(penalized[1] - plain[1], 0.3 * (a**2 + 4 * b**2), rtol=1e-13)
    np.testing.assert_allclose(penalized[0], plain[0], rtol=1e-15)


@pytest.mark.parametrize("std", [0.2, 0.7, 1.5])
def test_instance_noise_acts_like_a_penalty(std: float) -> None:
    """On the Dirac-GAN, noise of deviation sigma has the spectrum of R1 with gamma = sigma^2/2."""
    rest = (0.0, 0.0)
    noised = gd.spectrum(flow(Noised(gd.games.dirac(), std)), rest)
    penalized = gd.spectrum(flow(Penalized(gd.games.dirac(), R1(std**2 / 2))), rest)
    same_set(noised.exponents, penalized.exponents, atol=1e-7)


def test_noise_adds_in_quadrature() -> None:
    twice = Noised(Noised(normal_gan(), 0.3, nodes=20), 0.4, nodes=20)
    once = Noised(normal_gan(), 0.5, nodes=20)
    a, b = losses(twice, normal_players()), losses(once, normal_players())
    np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.slow
def test_no_noise_is_no_noise() -> None:
    same_game(Noised(normal_gan(), 0.0, nodes=3), normal_gan(), normal_players())


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrap",
    [
        lambda game: game,
        lambda game: Noised(game, 0.4, nodes=8),
        lambda game: Penalized(game, R1(0.5)),
        lambda game: Penalized(game, GradientPenalty(0.5, 1.0, nodes=16)),
    ],
    ids=["GAN", "Noised", "R1", "GradientPenalty"],
)
def test_quadrature_is_the_mean_of_large_samples(wrap: Any) -> None:
    def game(law: Any) -> Any:
        gan = normal_gan()
        return wrap(gd.games.GAN(gan.generator, gan.discriminator, law, law, gan.loss))

    def loss(game: Any, key: Any = None) -> Any:
        return jnp.stack(losses(game, normal_players(), key))

    sampled = game(gd.measures.Sampled(normal, 500))
    samples = jax.jit(jax.vmap(lambda key: loss(sampled, key)))(jr.split(KEY, 400))
    error = samples.std(0) / np.sqrt(len(samples))
    # The slope's norm has a kink, which costs the quadrature some of its accuracy.
    assert bool(jnp.all(jnp.abs(samples.mean(0) - loss(game(gaussian(0.0, 1.0, 40)))) < 4 * error))
    assert float(error.max()) < 0.01


# Measures


def test_measures_by_two_roads() -> None:
    points = ([-1.0, 2.0], [0.25, 0.75])
    pairs = [
        (empirical([-1.0, 2.0]), mixture([dirac(-1.0), dirac(2.0)])),
        (gd.measures.Points(*points), mixture([dirac(-1.0), dirac(2.0)], points[1])),
        (gaussian(0.5, 2.0, 5), blurred(dirac(0.5), 2.0, 5)),
        (
            blurred(empirical(points[0]), 0.1, 4),
            mixture([gaussian(m, 0.1, 4) for m in points[0]]),
        ),
    ]
    for one, other in pairs:
        close(one.points(), other.points())


def test_quadrature_has_the_moments_of_the_normal_law() -> None:
    """Exactly up to degree 2 nodes - 1: mean, covariance, and the odd moments that vanish."""
    mean, std = np.array([1.0, -2.0]), np.array([0.5, 2.0])
    x, w = gaussian(mean, std, nodes=4).points()
    centered = np.asarray(x - mean[None]) / std
    np.testing.assert_allclose(w @ x, mean, atol=1e-13)
    np.testing.assert_allclose((centered * w[:, None]).T @ centered, np.eye(2), atol=1e-13)
    moments = [np.sum(w * centered[:, 0] ** k) for k in range(8)]
    np.testing.assert_allclose(moments, [1, 0, 1, 0, 3, 0, 15, 0], atol=1e-12)


# Networks and analyses


def test_a_network_is_its_parameters_and_its_function() -> None:
    network = eqx.nn.MLP(2, "scalar", 3, 1, key=KEY)
    params, apply = gd.networks.partition(network)
    x = jnp.array([0.3, -0.7])
    assert float(apply(params, x)) == float(network(x))
    assert all(eqx.is_inexact_array(leaf) for leaf in jax.tree.leaves(params))
    doubled = jax.tree.map(lambda p: 2 * p, params)
    assert float(apply(doubled, x)) != float(network(x))


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        flow,
        lambda game: gd.methods.simultaneous(game, 0.3),
        lambda game: gd.methods.optimistic(game, 0.3),
    ],
    ids=["flow", "simultaneous", "optimistic"],
)
def test_all_dynamics_of_a_game_rest_at_its_equilibria(make: Any) -> None:
    """Also where they are unstable: the equilibrium is that of the game, of whatever kind the
    dynamics; that all others have a residual of zero there is the contract's."""
    game = gd.games.dirac()
    found = gd.equilibrium(make(game), (0.7, -0.4))
    assert bool(found.converged)
    close(found.players, game.equilibria()[0], atol=1e-9)


@pytest.mark.slow
def test_no_equilibrium_is_no_convergence() -> None:
    game = gd.games.zero_sum(lambda x, y: x + y)
    assert not bool(gd.equilibrium(flow(game), (0.7, -0.4)).converged)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["optimistic", "momentum", "Adam"])
def test_spectrum_settles_the_memory_first(name: str) -> None:
    """What the spectrum sees is the dynamics late in training, not its first step."""
    optimizer = {
        "optimistic": optax.optimistic_gradient_descent(0.1),
        "momentum": optax.sgd(0.1, momentum=0.4),
        "Adam": optax.adam(0.1, eps_root=1e-3),
    }[name]
    rule = Descend(Gradient(gd.games.dirac()), optimizer)
    rest = (jnp.asarray(0.0), jnp.asarray(0.0))
    late = gd.simulate(rule, rest, np.array([0, 3000])).final
    settled = gd.spectrum(rule, rest)
    same_set(settled.multipliers, gd.spectrum(rule, late).multipliers, atol=1e-9)
    if name != "momentum":  # whose first step is like every other
        fresh = gd.spectrum(rule, rule.init(rest))
        assert abs(float(fresh.radius) - float(settled.radius)) > 1e-4


@pytest.mark.slow
def test_settled_memory_has_the_derivatives_of_where_it_rests() -> None:
    """The momenta of players that are held are the geometric series of their gradients, whatever
    the loop that found them has seen of it: none of it, where the gradients vanish."""
    game = gd.games.zero_sum(lambda x, y: x * y + 0.3 * x**2 - 0.2 * y**2 + 0.5 * x**2 * y)
    rule = gd.methods.negative_momentum(game, 0.3, (0.5, 0.4))

    def radius(x: Any) -> Any:
        return gd.spectrum(rule, (x, 0.0)).radius

    h = 1e-4
    quotient = (radius(h) - radius(-h)) / (2 * h)
    assert abs(float(quotient)) > 1e-2
    close(jax.jit(jax.jacfwd(radius))(0.0), quotient, rtol=1e-6)
    close(jax.jit(jax.grad(radius))(0.0), quotient, rtol=1e-6)


@pytest.mark.slow
def test_every_game_has_one_field_for_rules_and_flows() -> None:
    """The residual of a step of size h is h times the velocity."""
    for name in ("Custom", "zero_sum", "GAN", "Noised"):
        game, players = GAMES[name]()
        rule = gd.methods.simultaneous(game, 0.01)
        velocity = flow(game).residual(flow(game).init(players))
        residual = rule.residual(rule.init(players))
        close(residual, jax.tree.map(lambda v: 0.01 * v, velocity), rtol=1e-9, atol=1e-15)
