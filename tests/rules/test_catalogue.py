"""The methods beyond plain play: their spectra on random games, and what each is defined by."""

import math
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from generic import (
    GENERAL,
    START,
    START_OF_THREE,
    THREE,
    assert_close,
    one_step,
    random_bilinear,
    random_quadratic,
    same_set,
)
from numpy.testing import assert_allclose

import gandyn as gd
from gandyn.fields import LOLA, SOS, Anticipated, Gradient, Ridge, Stackelberg
from gandyn.games import Entropy, Regularized, WeightDecay
from gandyn.rules import Averaged, Descend, Extra

H = 0.3


@pytest.mark.slow
def test_complex_momentum_converges_where_real_momentum_diverges():
    """Lorraine et al. 2022."""
    game, rest, _ = random_bilinear(2, 2)
    assert gd.spectrum(gd.methods.complex_momentum(game, 0.1), rest).stable
    assert not gd.spectrum(gd.methods.heavy_ball(game, 0.1), rest).stable


@eqx.filter_jit
def velocity(field, players):
    return field(players)


@eqx.filter_jit
def opponents_step(game, players, h):
    """The gradient of L_i(z_i, z_-i - h grad_-i L_-i), to first order in h, by differentiating
    the objective itself."""

    def objective(i, mine, h):
        z = (*players[:i], mine, *players[i + 1 :])
        v = Gradient(game)(z)
        ahead = tuple(p if j == i else p + h * v[j] for j, p in enumerate(z))
        return game.losses(ahead)[i]

    def first_order(i, mine):
        value, slope = jax.jvp(lambda t: objective(i, mine, t), (0.0,), (h,))
        return value + slope

    return tuple(-jax.grad(first_order, 1)(i, p) for i, p in enumerate(players))


@pytest.mark.slow
@pytest.mark.parametrize(("game", "start"), [(GENERAL, START), (THREE, START_OF_THREE)])
def test_lola_descends_its_published_objective_to_first_order(game, start):
    found = velocity(LOLA(game, H), start)
    assert_close(found, opponents_step(game, start, H), 1e-11)


def test_lookahead_takes_the_others_steps_for_granted():
    """xi_i at (z_i, z_-i + h v_-i), to first order in h."""
    h = 1e-6
    field = Gradient(GENERAL)
    v, seen = velocity(field, START), velocity(Anticipated(field, 1.0), START)
    for i in (0, 1):
        ahead = tuple(p if j == i else p + h * v[j] for j, p in enumerate(START))
        slope = (velocity(field, ahead)[i] - v[i]) / h
        assert_allclose(seen[i] - v[i], slope, atol=1e-5)


def test_sos_rests_where_plain_play_rests_and_lola_does_not():
    """The tandem game (Letcher et al. 2019): (x + y)^2 - 2 x, (x + y)^2 - 2 y."""

    def tandem(players, key=None):
        x, y = players
        return (x + y) ** 2 - 2 * x, (x + y) ** 2 - 2 * y

    game = gd.games.Custom(tandem)
    rest = (jnp.asarray(0.3), jnp.asarray(0.7))
    assert_close(velocity(Gradient(game), rest), (0.0, 0.0))
    assert_close(velocity(SOS(game, 0.1), rest), (0.0, 0.0))
    assert max(abs(x) for x in velocity(LOLA(game, 0.1), rest)) > 0.1


@pytest.mark.slow
def test_sos_never_turns_against_lookahead():
    ahead, sos = Anticipated(Gradient(GENERAL), H), SOS(GENERAL, H)

    @jax.jit
    @jax.vmap
    def agreement(*z):
        w, base = sos(z), ahead(z)
        return optax.tree.vdot(w, base), optax.tree.vdot(base, base)

    along, square = agreement(*np.random.default_rng(0).normal(size=(2, 20, 2)))
    assert np.all(along >= (0.5 - 1e-12) * square)


@pytest.mark.slow
def test_the_ridge_keeps_the_follower_at_its_best():
    """On f with follower's best response r(x), a small step from (x, r(x)) ends on it again."""

    def f(x, y):
        return jnp.sum(x**2) - jnp.sum((y - jnp.sin(x)) ** 2) - 0.1 * jnp.sum(y * x**3)

    game = gd.games.zero_sum(f)
    x = jnp.array([0.4, -0.8])
    y = jnp.sin(x) - 0.05 * x**3
    misses = []
    for h in (1e-2, 5e-3):
        x1, y1 = one_step(gd.methods.follow_the_ridge(game, (h, 0.3)), (x, y))
        misses.append(jnp.abs(y1 - (jnp.sin(x1) - 0.05 * x1**3)).max())
    assert_allclose(misses[0] / misses[1], 4, rtol=0.05)  # a miss of second order


class Saddle(eqx.Module):
    """p x^2/2 + c x y + q y^2/2."""

    p: jax.Array
    q: jax.Array
    c: float = 1.5

    def __call__(self, x, y):
        return self.p * x**2 / 2 + self.c * x * y + self.q * y**2 / 2


@pytest.mark.slow
def test_the_ridge_is_stable_at_local_minmax_points_only():
    """Wang, Zhang, Ba 2020: on a quadratic the map at rest is triangular in the leader's total and
    the follower's own curvature."""
    a, b, c, h = 3.0, 2.0, 1.5, 0.05
    rest = (jnp.asarray(0.0), jnp.asarray(0.0))
    for fxx, fyy in ((-a, -b), (a, -b), (-a, b), (a, b)):
        game = gd.games.zero_sum(Saddle(jnp.asarray(fxx), jnp.asarray(fyy)))
        spectrum = gd.spectrum(gd.methods.follow_the_ridge(game, h), rest)
        same_set(spectrum.multipliers, [1 - h * (fxx - c**2 / fyy), 1 + h * fyy])
        assert bool(spectrum.stable) == bool(gd.classify(game, rest).local_minmax)


def test_the_leaders_total_derivative():
    """d/dx of L_x(x, r(x)) at the follower's optimum, r found by hand."""

    def losses(players, key=None):
        x, y = players
        return jnp.sum(x * y) + jnp.sum(y**2), jnp.sum((y - jnp.sin(x)) ** 2) + jnp.sum(x)

    game = gd.games.Custom(losses)
    x = jnp.array([0.3, -0.7])
    along = jax.grad(lambda x: losses((x, jnp.sin(x)))[0])(x)
    w = Stackelberg(game)((x, jnp.sin(x)))
    assert_allclose(w[0], -along, atol=1e-12)
    assert_allclose(w[1], 0, atol=1e-12)
    # With the other in the lead, the roles are exchanged.
    swapped = gd.games.Custom(lambda z, key: losses(z[::-1])[::-1])
    assert_close(Stackelberg(swapped, 1)((jnp.sin(x), x))[::-1], w)


def test_what_is_foreseen_is_taken_as_given():
    """One step of the other, by hand; all of the unrolled gradient but its path through that."""
    game = gd.games.Unrolled(GENERAL, 1, 0.3)
    x, y = START
    v = Gradient(GENERAL)(START)
    seen = (x, y + 0.3 * v[1])
    expected = (Gradient(GENERAL)(seen)[0], v[1])
    assert_close(gd.fields.Foreseen(game)(START), expected)
    assert float(jnp.abs(Gradient(game)(START)[0] - expected[0]).max()) > 1e-2


@pytest.mark.slow
def test_optimistic_adam_is_twice_this_direction_less_the_last():
    """Daskalakis et al. 2018, algorithm 1, with optax's Adam directions."""
    rule = gd.methods.optimistic_adam(GENERAL, 0.1)
    adam = optax.scale_by_adam(0.5, 0.9)

    @jax.jit
    def direction(z, memory):
        with jax.numpy_dtype_promotion("standard"):
            gradient = jax.tree.map(jnp.negative, Gradient(GENERAL)(z))
            return adam.update(gradient, memory)

    z, memory, last = START, adam.init(START), None
    for _ in range(4):
        now, memory = direction(z, memory)
        before = now if last is None else last
        z = jax.tree.map(lambda z, a, b: z - 0.1 * (2 * a - b), z, now, before)
        last = now
    end = gd.simulate(rule, START, np.array([0, 4])).final.players
    assert_close(end, z)


def test_extra_of_plain_steps_is_extragradient():
    extra = Extra(Descend(Gradient(GENERAL), H))
    assert_close(one_step(extra, START), one_step(gd.methods.extragradient(GENERAL, H), START))


def test_extra_adam_takes_adams_steps_by_hand():
    """Gidel et al. 2019, algorithm 4, with optax's Adam."""
    rule, adam = gd.methods.extra_adam(GENERAL, 0.1), optax.adam(0.1, 0.5, 0.9)

    @jax.jit
    def moved(z, at, memory):
        """From z along the gradient elsewhere."""
        with jax.numpy_dtype_promotion("standard"):
            gradient = jax.tree.map(jnp.negative, Gradient(GENERAL)(at))
            move, memory = adam.update(gradient, memory)
            return optax.apply_updates(z, move), memory

    z, memory = START, adam.init(START)
    for _ in range(3):
        ahead, memory = moved(z, z, memory)
        z, memory = moved(z, ahead, memory)
    assert_close(gd.simulate(rule, START, np.array([0, 3])).final.players, z)


def noisy(players, key=None):
    x, y = players
    n = 0.0 if key is None else jax.random.normal(key, (), x.dtype)
    return x * (y + n), -x * y + n * y


def test_same_noise_cancels_in_extrapolation():
    """With additive noise n, v(z + h v(z)) sees n once more, or another draw."""
    game = gd.games.Custom(noisy)
    z, key = (jnp.asarray(0.2), jnp.asarray(0.5)), jax.random.key(3)
    same = gd.fields.Extrapolated(Gradient(game), H, fresh=False)(z, key)
    frozen = gd.games.Custom(lambda p, _: noisy(p, key))
    assert_close(same, gd.fields.Extrapolated(Gradient(frozen), H)(z))
    fresh = gd.fields.Extrapolated(Gradient(game), H)(z, key)
    assert abs(fresh[0] - same[0]) > 1e-3


@pytest.mark.parametrize("decay", [None, 0.8])
def test_averages_are_averages(decay):
    plain = gd.methods.alternating(GENERAL, 0.1)
    rule = Averaged(plain, decay)
    path = gd.simulate(rule, START, np.arange(6))
    alone = gd.simulate(plain, START, np.arange(6))
    assert_close(path.players, alone.players)
    for found, z in zip(path.states.memory.average, alone.players, strict=True):
        if decay is None:
            assert_allclose(found[-1], z[1:].mean(0), atol=1e-14)
        else:
            weights = np.array([decay**5, *((1 - decay) * decay ** np.arange(4, -1, -1.0))])
            assert_allclose(found[-1], weights @ z, atol=1e-14)


def test_restarts_jump_to_the_average():
    plain = gd.methods.alternating(GENERAL, 0.1)
    path = gd.simulate(Averaged(plain, restart=4), START, np.arange(6))
    alone = gd.simulate(plain, START, np.arange(6))
    for found, z in zip(path.players, alone.players, strict=True):
        assert_allclose(found[3], z[3])
        assert_allclose(found[4], z[1:5].mean(0), atol=1e-14)


def test_averages_of_alternating_steps_are_as_near_as_the_exact_identity_says():
    """The mean of y over T steps satisfies A ybar = (x_0 - x_T) / (h T)."""
    game, _, _ = random_bilinear(2, 2)
    matrix = jax.jacfwd(lambda y: -Gradient(game)((jnp.zeros(2), y))[0])(jnp.zeros(2))
    path = gd.simulate(Averaged(gd.methods.alternating(game, H)), START, [0, 50])
    average = path.states.memory.average[1][-1]
    x = path.players[0]
    assert_allclose(matrix @ average, (x[0] - x[-1]) / (H * 50), atol=1e-13)


@pytest.mark.slow
def test_alignment_chooses_the_sign_by_the_parameters_dimension():
    """Balduzzi et al. 2018: at an unstable point of a potential game the pull turns around."""
    for seed in range(6):
        game, rest, jacobian, _ = random_quadratic((2, 3), seed, 3.0)
        z = tuple(x + 0.5 + i for i, x in enumerate(rest))
        v = jacobian @ np.concatenate(z)
        against, turn = jacobian.T @ v, (jacobian - jacobian.T) @ v
        sign = -1 if (v @ against) * (turn @ against) / (2 * len(v)) + 0.1 < 0 else 1
        w = np.concatenate(velocity(gd.fields.Symplectic(Gradient(game), 0.7, align=True), z))
        assert_allclose(w, v + sign * 0.35 * turn, rtol=1e-10)


def test_regularizers_add_their_gradients():
    game = Regularized(GENERAL, (WeightDecay(0.4), None))
    v, w = Gradient(GENERAL)(START), Gradient(game)(START)
    assert_close(w, (v[0] - 0.4 * START[0], v[1]))


def test_entropy_makes_the_equilibrium_the_logit_response():
    """min over q = softmax(x) of <cost, q> + c sum q log q is q ~ exp(-cost / c)."""
    cost, c = jnp.array([0.3, -0.2, 0.5]), 0.7

    def losses(players, key=None):
        return (jnp.sum(cost * jax.nn.softmax(players[0])),)

    game = Regularized(gd.games.Custom(losses), Entropy(c))
    assert_close(Gradient(game)((-cost / c,)), (jnp.zeros(3),))


def test_spectral_ball_cuts_singular_values():
    matrix = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
    project = gd.rules.SpectralBall(0.8)
    found, bias = project((matrix, jnp.ones(3)))
    assert_close(bias, jnp.ones(3))
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    assert_allclose(found, (u * np.minimum(s, 0.8)) @ v, atol=1e-13)
    assert_close(project(found), found, 1e-12)


# f-GAN losses


DIVERGENCES = {
    "kl": lambda p, q: np.sum(p * np.log(p / q)),
    "reverse_kl": lambda p, q: np.sum(q * np.log(q / p)),
    "pearson": lambda p, q: np.sum((p - q) ** 2 / q),
    "squared_hellinger": lambda p, q: np.sum((np.sqrt(p) - np.sqrt(q)) ** 2),
    "jensen_shannon": lambda p, q: 2 * gd.distances.jensen_shannon(p, q),
    "total_variation": lambda p, q: np.abs(p - q).sum() / 2,
}


@pytest.mark.parametrize("name", DIVERGENCES)
def test_f_gan_losses_are_their_divergences_at_the_optimum(name):
    """Nowozin et al. 2016; and no other discriminator scores better."""
    loss = getattr(gd.losses, name)
    p, q = np.random.default_rng(1).dirichlet(np.ones(5), 2)

    def score(l):
        return -jnp.sum(p * loss.real(l)) - jnp.sum(q * loss.fake(l))

    best = loss.optimal(jnp.log(p / q))
    assert_allclose(score(best), DIVERGENCES[name](p, q), rtol=1e-12)
    for seed in range(10):
        other = best + 0.3 * np.random.default_rng(seed).normal(size=5)
        assert not score(other) > score(best)
    found = gd.optimal.optimal_logit(loss, jnp.log(p / q))
    assert_allclose(found, best, atol=1e-6)
    assert_allclose(loss.generator(best), -loss.fake(best))


# Misuse


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: gd.methods.heavy_ball(GENERAL, 0.1, 1.0), "strictly between -1 and 1"),
        (lambda: gd.methods.complex_momentum(GENERAL, 0.1, -1.5), "strictly between -1 and 1"),
        (lambda: gd.methods.lead(GENERAL, 0.1, 1.0), "strictly between -1 and 1"),
        (lambda: gd.methods.sos(GENERAL, 0.1, agreement=1.5), "between 0 and 1"),
        (lambda: gd.methods.follow_the_ridge(GENERAL, 0.1, leader=2), "`leader` must be 0 or 1"),
        (lambda: Averaged(gd.methods.simultaneous(GENERAL, 0.1), 0.5, 3), "not both"),
        (lambda: Ridge(Gradient(THREE))(START_OF_THREE), "a game of 2 players"),
        (lambda: Stackelberg(THREE)(START_OF_THREE), "a game of 2 players"),
        (lambda: gd.fields.Foreseen(GENERAL), "must be an unrolled game"),
    ],
)
@pytest.mark.usefixtures("as_installed")
def test_misuse_is_refused_in_words(make, said):
    with pytest.raises((ValueError, TypeError), match=said):
        make()


SECOND_ORDER = {
    "competitive": gd.methods.competitive,
    "linearized_competitive": gd.methods.linearized_competitive,
    "consensus": lambda game, h: gd.methods.consensus(game, h, 0.5),
    "symplectic": gd.methods.symplectic,
    "lola": gd.methods.lola,
    "sos": gd.methods.sos,
    "lead": gd.methods.lead,
    "follow_the_ridge": gd.methods.follow_the_ridge,
    "stackelberg": gd.methods.stackelberg,
    "proximal_point": gd.methods.proximal_point,
    "unrolled": lambda game, h: gd.methods.unrolled(game, h, 3, 0.1),
}


class Rated(eqx.Module):
    """x^T diag(rates) y - |y|^2/2: coordinates do not act on one another."""

    rates: jax.Array

    def __call__(self, x, y):
        return jnp.sum(self.rates * x * y) - jnp.sum(y**2) / 2


@pytest.mark.slow
@pytest.mark.parametrize("name", SECOND_ORDER)
def test_no_method_forms_a_matrix_of_twenty_thousand_parameters(name):
    """Nothing in a step is larger than the 41 vectors that GMRES keeps, together less than a
    hundredth of a Hessian; and a game of three of the coordinates is part of it."""
    n = 20_000
    rates, some = jnp.linspace(0.1, 1.0, n), np.array([0, 777, n - 1])

    def step(rates):
        z = (jnp.ones_like(rates), 0.5 * jnp.ones_like(rates))
        return one_step(SECOND_ORDER[name](gd.games.zero_sum(Rated(rates)), 0.1), z)

    lowered = jax.jit(step).lower(rates)
    shapes = [s.split("x")[:-1] for s in set(re.findall(r"tensor<((?:\d+x)+)", lowered.as_text()))]
    assert max(math.prod(map(int, shape)) for shape in shapes) <= 41 * 2 * n
    found = lowered.compile()(rates)
    assert all(np.all(np.isfinite(x)) for x in found)
    if name != "sos":  # which weighs all coordinates together
        assert_close(tuple(x[some] for x in found), jax.jit(step)(rates[some]), 1e-9)


@pytest.mark.parametrize("criterion", [-0.3, -0.11, -0.09, -0.01, 0.01, 0.3])
def test_alignment_turns_the_sign_below_minus_a_tenth_and_not_before(criterion):
    """<v, J^T v> <(J - J^T) v, J^T v> / (2 n) + 0.1, which is of fourth order in v."""
    rng = np.random.default_rng(0)
    J = next(
        J
        for J in rng.normal(size=(100, 2, 2))
        if np.sign(_criterion(J, np.ones(2))) == np.sign(criterion)
    )
    z = np.ones(2) * (criterion / _criterion(J, np.ones(2))) ** 0.25
    v = J @ z
    sign = -1 if criterion < -0.1 else 1

    field = gd.fields.Symplectic(Linear(jnp.asarray(J)), 0.7, align=True)
    found = velocity(field, tuple(map(jnp.asarray, z)))
    assert_close(np.stack(found), v + sign * 0.35 * (J - J.T) @ v)


class Linear(gd.fields.AbstractField):
    J: jax.Array

    def __call__(self, players, key=None):
        return tuple(self.J @ jnp.stack(players))


def _criterion(J, z):
    v = J @ z
    return (v @ J.T @ v) * (((J - J.T) @ v) @ J.T @ v) / (2 * z.size)
