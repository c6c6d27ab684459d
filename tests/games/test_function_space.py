"""Games in function space: closed forms, and what must agree between families of players."""

import warnings
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from generic import same_set
from jax.scipy.stats import norm
from scipy.stats import norm as normal

import gandyn as gd
from gandyn.fields import Gradient, Metric, natural
from gandyn.flows import GradientFlow
from gandyn.games._game import losses
from gandyn.rules import BestResponse, Descend, Sequential

NODES = jnp.array([-2.0, -1.5, -0.5, 0.0, 1.0, 1.25, 3.0])
WEIGHTS = jnp.array([0.1, 0.2, 0.15, 0.05, 0.3, 0.12, 0.08])
DATA = gd.measures.Points(NODES, WEIGHTS)
FREE = gd.families.Free(NODES)
LOGITS = jnp.array([0.3, -0.5, 0.2, 0.9, -1.1, 0.4, 0.0])
VALUES = jnp.array([1.0, -2.0, 0.5, 0.3, -0.7, 1.1, 2.0])
value = eqx.filter_jit(lambda game, players: game.losses(players))
velocity = eqx.filter_jit(lambda field, players: field(players))
spectrum = eqx.filter_jit(gd.spectrum)
frame = eqx.filter_jit(gd.frame)
solved = eqx.filter_jit(gd.optimal.solved)
fake = eqx.filter_jit(lambda game, players: game.batch(players).fake)

LOSSES = {
    name: getattr(gd.losses, name)
    for name in ("minimax", "nonsaturating", "wasserstein", "least_squares", "hinge")
}


# Families of discriminators


def test_a_free_discriminator_interpolates_its_values():
    x = jnp.linspace(-4, 5, 181)
    found = jax.jit(jax.vmap(lambda x: FREE(VALUES, x)))(x)
    np.testing.assert_allclose(found, np.interp(x, NODES, VALUES), atol=1e-14)


def test_hats_sum_to_one_and_are_one_at_their_node():
    features = jax.jit(jax.vmap(FREE.features))
    x = jnp.linspace(-5, 6, 64)
    np.testing.assert_allclose(np.sum(features(x), 1), 1, atol=1e-14)
    np.testing.assert_array_equal(features(NODES), np.eye(len(NODES)))


def test_the_slope_at_a_node_is_the_mean_of_those_beside_it():
    slopes = np.diff(VALUES) / np.diff(NODES)
    slopes = np.concatenate([[0], slopes, [0]])  # constant beyond the ends
    found = jax.jit(jax.vmap(jax.grad(lambda x: FREE(VALUES, x))))(NODES)
    np.testing.assert_allclose(found, (slopes[:-1] + slopes[1:]) / 2, atol=1e-12)


def test_polynomials_are_chebyshev():
    family = gd.families.Polynomial(5, 1.0, 2.0)
    psi = jnp.array([0.2, -1.0, 0.5, 0.3, -0.7, 0.9])
    x = np.linspace(-2, 4, 31)
    expected = np.polynomial.chebyshev.chebval((x - 1) / 2, psi)
    found = jax.jit(jax.vmap(lambda x: family(psi, x)))(jnp.asarray(x))
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_radial_features_are_a_constant_and_bumps():
    family = gd.families.Radial([-1.0, 2.0], 0.5)
    x = 0.3
    bumps = np.exp(-((x - np.array([-1.0, 2.0])) ** 2) / 0.5)
    np.testing.assert_allclose(eqx.filter_jit(family.features)(jnp.asarray(x)), [1, *bumps])


FAMILIES = {
    "free": FREE,
    "polynomial": gd.families.Polynomial(3, 0.5, 2.0),
    "radial": gd.families.Radial([-1.0, 0.0, 2.0], 1.0),
}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_discriminators_are_linear_in_their_parameters(family):
    a, b = np.random.default_rng(1).normal(size=(2, family.size))
    score = jax.jit(lambda psi: family(psi, jnp.asarray(0.7)))
    np.testing.assert_allclose(score(2 * a - b), 2 * score(a) - score(b), atol=1e-13)
    assert score(family.start()) == 0
    assert family.start().shape == (family.size,)


def test_a_game_is_the_same_for_a_free_function_and_for_a_polynomial_that_it_can_be():
    family = gd.families.Polynomial(2, 0.0, 2.0)
    psi = jnp.array([0.3, -0.8, 0.4])
    same = jax.jit(jax.vmap(lambda x: family(psi, x)))(NODES)
    smooth = value(gd.games.density(DATA, family, NODES), (LOGITS, psi))
    free = value(gd.games.density(DATA, FREE, NODES), (LOGITS, same))
    np.testing.assert_allclose(smooth, free, rtol=1e-12)


def test_a_network_is_a_discriminator_of_function_space():
    """It has the losses of the free function with its values."""
    network = eqx.nn.MLP("scalar", "scalar", 4, 1, key=jr.key(0))
    params, apply = gd.networks.partition(network)
    values = eqx.filter_jit(eqx.filter_vmap(network))(NODES)
    small = value(gd.games.density(DATA, apply, NODES), (LOGITS, params))
    np.testing.assert_allclose(
        small, value(gd.games.density(DATA, FREE, NODES), (LOGITS, values)), rtol=1e-12
    )


def test_games_are_built_within_transformations():
    def rest(w):
        game = gd.games.density(gd.measures.Points(NODES, w), FREE, NODES)
        return game.losses((jnp.log(w), FREE.start()))[0]

    assert float(jax.jit(rest)(WEIGHTS)) == pytest.approx(-2 * np.log(2))
    known = jax.jit(lambda: gd.games.density(DATA, FREE, NODES).equilibria()[0][0])()
    np.testing.assert_allclose(jax.nn.softmax(known), WEIGHTS, rtol=1e-12)


# Laws on a grid


def normal_cdf(x):
    return norm.cdf(x, 0.3, 0.7)


def test_masses_on_a_grid_are_those_of_the_cells():
    nodes = jnp.linspace(-5, 5, 41)
    law = gd.families.on_grid(normal_cdf, nodes)
    x = np.asarray(nodes)
    cells = normal.cdf(x + 0.125, 0.3, 0.7) - normal.cdf(x - 0.125, 0.3, 0.7)
    np.testing.assert_allclose(law.w, cells, atol=1e-10)
    assert float(law.w.sum()) == pytest.approx(1, abs=1e-14)


def test_a_grid_that_misses_a_mode_says_what_it_loses():
    law = gd.measures.line(3, 5.0, 0.1)
    with pytest.warns(UserWarning, match=r"misses 0\.333 of the mass"):
        gd.families.on_grid(law.cdf, jnp.linspace(-7, 2, 91))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gd.families.on_grid(law.cdf, jnp.linspace(-7, 7, 91))
    with pytest.raises(ValueError, match="holds no mass"):
        gd.families.on_grid(law.cdf, jnp.linspace(20, 30, 11))


@pytest.mark.parametrize("game", [gd.games.density, partial(gd.games.bump, width=1.0)])
def test_a_generator_that_cannot_reach_a_mode_says_so(game):
    nodes = jnp.linspace(-7, 2, 10)
    with pytest.warns(UserWarning, match=r"misses 0\.333 of the mass .* cannot reach it"):
        game(gd.measures.empirical([-5.0, 0.0, 5.0]), gd.families.Free(nodes), nodes)


# Generators that are laws


def test_a_bump_is_a_normal_law_on_the_grid_all_of_it():
    nodes = jnp.linspace(-4, 4, 33)
    game = gd.games.bump(DATA, FREE, nodes, 0.6)
    for place in (-0.7, 0.0, 2.4, 7.0, -30.0):
        x, w = fake(game, (jnp.asarray(place), FREE.start()))
        assert float(w.sum()) == pytest.approx(1, abs=1e-14)
        assert bool(jnp.all(w >= 0))
    x, w = (np.asarray(a) for a in fake(game, (jnp.asarray(0.4), FREE.start())))
    inner = normal.cdf(x + 0.125, 0.4, 0.6) - normal.cdf(x - 0.125, 0.4, 0.6)
    np.testing.assert_allclose(w[1:-1], inner[1:-1], atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_bump_on_a_fine_grid_is_the_normal_law_that_is_moved(loss):
    nodes = jnp.linspace(-8, 8, 801)
    family = gd.families.Radial([-1.0, 1.0], 1.5)
    players = (jnp.asarray(0.4), jnp.array([0.1, 0.8, -0.5]))
    fine = gd.games.bump(DATA, family, nodes, 0.6, loss)
    moved = gd.games.location(DATA, family, gd.measures.gaussian(0.0, 0.6, nodes=64), loss)
    # Both hinges have kinks where quadrature is of low order.
    np.testing.assert_allclose(value(fine, players), value(moved, players), atol=1e-4)


@pytest.mark.slow
def test_copies_of_a_bump_are_the_mean_of_their_laws():
    one, three = (gd.games.bump(DATA, FREE, NODES, 0.6, copies=t) for t in (None, 3))
    places = jnp.array([-1.7, 0.2, 2.4])
    each = [fake(one, (place, VALUES))[1] for place in places]
    np.testing.assert_allclose(fake(three, (places, VALUES))[1], np.mean(each, 0), atol=1e-15)
    together = fake(three, (jnp.full(3, 0.2), VALUES))[1]
    np.testing.assert_allclose(together, each[1], atol=1e-15)
    # D's loss is the mean of theirs, and in one place a copy has a third of the bump's slope.
    mean = np.mean([value(one, (place, VALUES)) for place in places], 0)
    np.testing.assert_allclose(value(three, (places, VALUES)), mean, atol=1e-14)
    slopes = velocity(Gradient(three), (jnp.full(3, 0.2), VALUES))[0]
    whole = velocity(Gradient(one), (places[1], VALUES))[0]
    np.testing.assert_allclose(3 * slopes, jnp.full(3, whole), rtol=1e-12)


def test_a_point_is_an_atom():
    point = value(gd.games.location(DATA, FREE), (jnp.asarray(0.3), VALUES))
    one = value(gd.games.atoms(DATA, FREE, 1), (jnp.array([0.3]), VALUES))
    np.testing.assert_allclose(point, one, rtol=1e-14)


def test_atoms_at_the_nodes_with_its_weights_are_a_density():
    weights = jax.nn.softmax(LOGITS)
    density = value(gd.games.density(DATA, FREE, NODES), (LOGITS, VALUES))
    atoms = value(gd.games.atoms(DATA, FREE, weights), (NODES, VALUES))
    np.testing.assert_allclose(density, atoms, rtol=1e-13)


def test_atoms_may_have_any_dimension():
    data = gd.measures.Points([[0.0, 1.0], [2.0, 3.0]])

    def discriminator(psi, x):
        return psi @ x

    game = gd.games.atoms(data, discriminator, [0.25, 0.75], gd.losses.wasserstein)
    places, psi = jnp.array([[1.0, 0.0], [0.0, 2.0]]), jnp.array([0.5, -1.0])
    generator, _ = value(game, (places, psi))
    fake, real = 0.25 * 0.5 - 0.75 * 2.0, 0.5 * (0.0 - 1.0) + 0.5 * (1.0 - 3.0)
    assert float(generator) == pytest.approx(real - fake)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_matched_law_is_at_rest_against_an_undecided_discriminator(loss):
    game = gd.games.density(DATA, FREE, NODES, loss)
    (known,) = game.equilibria()
    np.testing.assert_allclose(jax.nn.softmax(known[0]), WEIGHTS, rtol=1e-12)
    for moving in velocity(Gradient(game), known):
        np.testing.assert_allclose(moving, 0, atol=1e-14)


def test_equilibria_are_known_only_where_both_can_be_had():
    def known(data=DATA, family=FREE, nodes=NODES):
        return gd.games.density(data, family, nodes).equilibria()

    holes = gd.measures.Points(NODES, [0.0, 0.3, 0.15, 0.05, 0.3, 0.12, 0.08])
    assert known()
    assert not known(data=gd.measures.empirical([0.0, 1.0]))
    assert not known(data=holes)
    assert not known(family=gd.families.Polynomial(3))
    assert not known(nodes=NODES + 0.1)


def test_function_space_is_convex_in_the_density_and_concave_in_d():
    """The zero-sum value along segments, between random players."""
    game = gd.games.density(DATA, FREE, NODES)
    q, r = jax.nn.softmax(2 * jr.normal(jr.key(2), (2, 7)), -1)
    d, e = 2 * jr.normal(jr.key(3), (2, 7))

    def score(weights, values):
        return -value(game, (jnp.log(weights), values))[1]

    middle = score((q + r) / 2, d)
    assert float(middle) == pytest.approx(float((score(q, d) + score(r, d)) / 2), rel=1e-12)
    assert float(score(q, (d + e) / 2)) > float((score(q, d) + score(q, e)) / 2)


# The metric


@pytest.mark.slow
def test_the_natural_flow_of_function_space_has_the_same_exponents_for_all_data():
    """-1/4 +- i sqrt(3)/4, and 0 and -1/2 for the constants, which no law feels."""
    for key in jr.split(jr.key(4), 3):
        data = gd.measures.Points(NODES, jax.nn.softmax(2 * jr.normal(key, (7,))))
        game = gd.games.density(data, FREE, NODES)
        flow = GradientFlow(natural(game))
        found = np.asarray(spectrum(flow, game.equilibria()[0]).exponents)
        turn = np.sqrt(3) / 4 * 1j
        expected = [0, -0.5] + 6 * [-0.25 + turn] + 6 * [-0.25 - turn]
        same_set(found, expected, 1e-6)


def test_the_natural_flow_of_a_density_is_the_replicator_equation():
    game = gd.games.density(DATA, FREE, NODES)
    flow = velocity(natural(game), (LOGITS, VALUES))[0]
    q = jax.nn.softmax(LOGITS)
    fitness = jnp.log1p(jnp.exp(VALUES))  # minus the generator's loss at each node
    found = q * (flow - q @ flow)
    np.testing.assert_allclose(found, q * (fitness - q @ fitness), atol=1e-14)


def test_the_natural_flow_of_d_is_its_distance_from_the_best():
    game = gd.games.density(DATA, FREE, NODES)
    q = jax.nn.softmax(LOGITS)
    best = WEIGHTS / (WEIGHTS + q)
    expected = 2 * (best - jax.nn.sigmoid(VALUES))
    np.testing.assert_allclose(velocity(natural(game), (LOGITS, VALUES))[1], expected, atol=1e-13)


@pytest.mark.slow
def test_the_natural_flow_does_not_feel_how_finely_mass_is_cut():
    """Every node twice, with half of the mass: the same velocities."""
    twice = jnp.repeat(NODES, 2) + jnp.tile(jnp.array([0.0, 1e-9]), 7)
    fine = gd.games.density(
        gd.measures.Points(twice, jnp.repeat(WEIGHTS, 2) / 2), gd.families.Free(twice), twice
    )
    coarse = velocity(natural(gd.games.density(DATA, FREE, NODES)), (LOGITS, VALUES))
    found = velocity(natural(fine), (jnp.repeat(LOGITS, 2), jnp.repeat(VALUES, 2)))
    for x, y in zip(found, coarse, strict=True):
        np.testing.assert_allclose(x, np.repeat(y, 2), atol=1e-6)
    plain = velocity(Gradient(fine), (jnp.repeat(LOGITS, 2), jnp.repeat(VALUES, 2)))[1]
    halved = (
        np.repeat(velocity(Gradient(gd.games.density(DATA, FREE, NODES)), (LOGITS, VALUES))[1], 2)
        / 2
    )
    np.testing.assert_allclose(plain, halved, atol=1e-6)


def test_natural_atoms_move_as_if_each_had_all_the_mass():
    weights = jnp.array([0.2, 0.8])
    game = gd.games.atoms(DATA, FAMILIES["radial"], weights)
    psi = jnp.array([0.1, 0.7, -0.4, 1.0])
    places = jnp.array([-0.3, 0.9])
    alone = gd.games.location(DATA, FAMILIES["radial"])
    expected = [velocity(Gradient(alone), (x, psi))[0] for x in places]
    np.testing.assert_allclose(velocity(natural(game), (places, psi))[0], expected, rtol=1e-12)


def test_where_nobody_looks_nothing_is_learned_and_nothing_is_nan():
    data = gd.measures.Points(NODES, [0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0])
    game = gd.games.density(data, FREE, NODES)
    logits = jnp.array([0.0, -2000.0, 0.0, 0.0, -2000.0, 0.0, 0.0])
    generator, discriminator = velocity(natural(game), (logits, VALUES))
    assert np.all(np.isfinite(generator))
    assert np.all(np.isfinite(discriminator))
    np.testing.assert_array_equal(discriminator[jnp.array([1, 4])], 0)
    assert discriminator[3] != 0


def test_a_metric_is_applied_to_any_field_and_leaves_out_who_has_none():
    game = gd.games.density(DATA, FREE, NODES)
    players = (LOGITS, VALUES)
    penalized = gd.games.Penalized(game, gd.games.R1(0.3))
    plain = velocity(Gradient(penalized), players)
    widths = jnp.arange(1.0, 8.0)
    field = Metric(Gradient(penalized), lambda players, key: (None, widths))
    found = velocity(field, players)
    np.testing.assert_allclose(found[0], plain[0], rtol=1e-13)
    np.testing.assert_allclose(found[1], plain[1] / widths, rtol=1e-13)


# Best responses and the order of play


def test_a_best_response_is_no_worse_than_any_candidate():
    game = gd.games.bump(DATA, FREE, NODES, 0.5)
    candidates = jnp.linspace(-2, 3, 41)
    rule = BestResponse(game, 0, candidates)
    state = rule.init((jnp.asarray(0.2), VALUES))
    chosen = eqx.filter_jit(rule.step)(state).players
    each = jax.jit(jax.vmap(lambda x: losses(game, (x, VALUES))[0]))(candidates)
    assert float(value(game, chosen)[0]) == pytest.approx(float(each.min()), abs=1e-14)
    np.testing.assert_array_equal(chosen[1], VALUES)


def test_a_best_response_may_be_any_player_with_any_tree():
    def three(players, key=None):
        x, y, z = players
        return x**2, (y["a"] - x) ** 2 + (y["b"] - z) ** 2, z**2

    candidates = {"a": jnp.array([0.0, 1.0, 2.0]), "b": jnp.array([3.0, 1.0, 0.0])}
    rule = BestResponse(gd.games.Custom(three), 1, candidates)
    players = (1.0, {"a": 9.0, "b": 9.0}, 1.2)
    found = gd.simulate(rule, players, [0, 1]).players
    assert float(found[1]["a"][1]) == 1
    assert float(found[1]["b"][1]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 5])
def test_ascent_against_best_responses_visits_every_mode_once_in_k_rounds(k):
    modes = jnp.arange(1.0 * k)
    loss = gd.losses.wasserstein
    game = gd.games.location(gd.measures.empirical(modes), gd.families.Free(modes), loss=loss)
    ascent = Descend(Gradient(game), (None, 0.3))

    def visits(order):
        rule = Sequential(BestResponse(game, 0, modes[order]), ascent)
        return gd.simulate(rule, (modes[0], jnp.zeros(k)), np.arange(5 * k + 1)).players

    orders = jax.vmap(lambda key: jr.permutation(key, k))(jr.split(jr.key(k), 8))
    places, logits = jax.jit(jax.vmap(visits))(orders)
    blocks = np.sort(np.asarray(places[:, 1:]).reshape(8, 5, k), -1)
    np.testing.assert_array_equal(blocks, np.broadcast_to(modes, blocks.shape))
    assert float(jnp.abs(logits).max()) < 0.3
    # After every round of visits D is where it was.
    np.testing.assert_allclose(logits[:, ::k], 0, atol=1e-14)


@pytest.mark.slow
def test_against_the_best_d_the_generator_descends_the_divergence():
    """The envelope theorem: the generator's gradient at D* is that of 2 JS."""
    game, place = gd.games.bump(DATA, FREE, NODES, 0.5), jnp.asarray(0.9)

    @jax.jit
    @jax.value_and_grad
    def divergence(place):
        q = game.batch((place, VALUES)).fake[1]
        mean = (WEIGHTS + q) / 2
        return jnp.sum(WEIGHTS * jnp.log(WEIGHTS / mean)) + jnp.sum(q * jnp.log(q / mean))

    best = jnp.asarray(np.log(WEIGHTS / np.asarray(fake(game, (place, VALUES))[1])))
    worth, slope = divergence(place)
    score = -value(game, (place, best))[1]
    assert float(score) == pytest.approx(float(worth) - 2 * np.log(2), abs=1e-12)
    found = velocity(Gradient(game), (place, best))[0]
    assert float(found) == pytest.approx(-float(slope), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["minimax", "least_squares"])
def test_nobody_improves_on_a_discriminator_that_is_solved(loss):
    game = gd.games.bump(DATA, FREE, NODES, 0.5, LOSSES[loss], copies=2)
    start = (jnp.array([-1.2, 0.7]), VALUES)
    best = solved(game, start)
    np.testing.assert_array_equal(best[0], start[0])
    np.testing.assert_array_equal(solved(game, best)[1], best[1])
    np.testing.assert_allclose(velocity(Gradient(game), best)[1], 0, atol=1e-15)
    assert value(game, best)[1] < value(game, start)[1]


def test_the_score_of_a_solved_discriminator_is_the_divergence():
    game = gd.games.bump(DATA, FREE, NODES, 0.5)
    players = solved(game, (jnp.asarray(0.9), VALUES))
    q = fake(game, players)[1]
    np.testing.assert_allclose(players[1], np.log(WEIGHTS / np.asarray(q)), rtol=1e-13)
    js = gd.distances.jensen_shannon(WEIGHTS, q)
    np.testing.assert_allclose(-value(game, players)[1], 2 * js - 2 * np.log(2), rtol=1e-13)


def test_a_solved_discriminator_is_certain_where_only_one_has_mass_and_finite():
    data = gd.measures.empirical([-2.0, 3.0])
    game = gd.games.MeasureGAN(lambda x, z: z, FREE, data, gd.measures.empirical([3.0, 0.0]))
    psi = gd.optimal.solved(game, (0.0, VALUES), highest=20.0)[1]
    np.testing.assert_array_equal(psi, [20, 0, 0, -20, 0, 0, 0])


# Frames


def test_a_frame_keeps_the_mass_and_the_mean_of_both_laws():
    x = jnp.linspace(-5, 5, 21)
    game = gd.games.location(DATA, FREE, gd.measures.gaussian(0.0, 0.3))
    seen = frame(game, (0.7, VALUES), x)
    cells = np.full(21, 0.5)
    cells[[0, -1]] = 0.25
    for law, mean in ((seen.data, DATA.w @ DATA.x), (seen.generator, 0.7)):
        assert float(law @ cells) == pytest.approx(1)
        assert float((law * x) @ cells) == pytest.approx(float(mean))
    np.testing.assert_allclose(seen.discriminator, np.interp(x, NODES, VALUES), atol=1e-13)


@pytest.mark.slow
def test_a_film_is_a_frame_under_vmap():
    game = gd.games.bump(DATA, FREE, NODES, 0.5)
    path = gd.simulate(gd.methods.simultaneous(game, 0.1), (0.0, jnp.zeros(7)), jnp.arange(4))
    film = jax.jit(jax.vmap(lambda p: gd.frame(game, p, NODES)))(path.players)
    assert film.generator.shape == (4, 7)
    last = frame(game, path.final.players, NODES)
    np.testing.assert_allclose(film.discriminator[-1], last.discriminator)


def test_a_film_is_written_as_an_animation(tmp_path):
    from PIL import Image

    from gandyn import plots

    game = gd.games.bump(DATA, FREE, NODES, 0.5)

    def pictures():
        for place in (0.0, 1.0, 2.0):
            fig, ax = plots.figure(size=(2.0, 1.5))
            plots.frame(frame(game, (jnp.asarray(place), VALUES), NODES), ax)
            yield fig

    plots.film(pictures(), tmp_path / "film.gif", seconds=0.1)
    with Image.open(tmp_path / "film.gif") as image:
        assert image.n_frames == 3
    with pytest.raises(ValueError, match="at least one figure"):
        plots.film([], tmp_path / "none.gif")


# Precision, transformations, bad input


@pytest.mark.slow
def test_single_precision_stays_single():
    for game, theta in (
        (gd.games.density(DATA, FREE, NODES), LOGITS),
        (gd.games.bump(DATA, FREE, NODES, 0.5), jnp.asarray(0.3)),
        (gd.games.atoms(DATA, FREE, 3), jnp.array([0.1, 0.2, 0.3])),
    ):
        players = (theta.astype(jnp.float32), VALUES.astype(jnp.float32))
        velocity = eqx.filter_eval_shape(natural(game), players)
        assert {v.dtype for v in velocity} == {jnp.dtype("float32")}
        seen = eqx.filter_eval_shape(gd.frame, game, players, NODES)
        assert seen.generator.dtype == seen.discriminator.dtype == jnp.float32
    rule = BestResponse(gd.games.bump(DATA, FREE, NODES, 0.5), 0, NODES)
    players = (jnp.float32(0.3), VALUES.astype(jnp.float32))
    moved = eqx.filter_eval_shape(rule.step, rule.init(players))
    assert moved.players[0].dtype == jnp.float32


def test_widths_are_leaves_and_can_be_swept():
    def slope(width):
        game = gd.games.bump(DATA, FREE, NODES, width)
        return velocity(Gradient(game), (jnp.asarray(0.3), VALUES))[0]

    widths = jnp.array([0.3, 0.6, 1.2])
    together = jax.jit(jax.vmap(slope))(widths)
    np.testing.assert_allclose(together, [slope(w) for w in widths], rtol=1e-12)


BAD = {
    "weights": (lambda: gd.games.atoms(DATA, FREE, [0.5, 0.6]), "must sum to one"),
    "negative weights": (lambda: gd.games.atoms(DATA, FREE, [1.5, -0.5]), "not be negative"),
    "grid falls": (lambda: gd.families.Free([0.0, 2.0, 1.0]), "must increase"),
    "one node": (lambda: gd.families.Free([0.0]), "at least two"),
    "width": (lambda: gd.games.bump(DATA, FREE, NODES, -1.0), "must be positive"),
    "degree": (lambda: gd.families.Polynomial(0), "at least 1"),
    "no centers": (lambda: gd.families.Radial([], 1.0), "not empty"),
    "points in a plane": (
        lambda: gd.games.atoms(gd.measures.Points([[0.0, 1.0]]), FREE, 2).losses(
            (jnp.zeros((2, 2)), VALUES)
        ),
        "on the line",
    ),
    "dimensions": (
        lambda: gd.games.atoms(DATA, FREE, 2).losses((jnp.zeros((2, 3)), VALUES)),
        "a point of the data has shape",
    ),
    "logits": (
        lambda: gd.games.density(DATA, FREE, NODES).losses((jnp.zeros(3), VALUES)),
        "logits of its 7 points",
    ),
    "values": (
        lambda: gd.games.density(DATA, FREE, NODES).losses((LOGITS, jnp.zeros(3))),
        "one number for each of its 7 features",
    ),
    "no copies": (lambda: gd.games.bump(DATA, FREE, NODES, 1.0, copies=0), "at least 1"),
    "one place for two": (
        lambda: gd.games.bump(DATA, FREE, NODES, 1.0, copies=2).losses((0.0, VALUES)),
        "the places of its 2 bumps, one each, but has shape",
    ),
    "solved between nodes": (
        lambda: gd.optimal.solved(gd.games.atoms(DATA, FREE, 1), (jnp.zeros(1) + 0.1, VALUES)),
        "points of the generator must be nodes",
    ),
    "place": (
        lambda: gd.games.location(DATA, FREE).losses((jnp.zeros(2), VALUES)),
        "is a place",
    ),
    "player": (
        lambda: gd.simulate(
            BestResponse(gd.games.location(DATA, FREE), 2, NODES), (0.0, VALUES), [0, 1]
        ),
        "has 2 players",
    ),
    "candidates": (
        lambda: BestResponse(gd.games.location(DATA, FREE), 0, 1.0),
        "one leading axis",
    ),
    "another tree": (
        lambda: gd.simulate(
            BestResponse(gd.games.location(DATA, FREE), 0, jnp.zeros((4, 2))), (0.0, VALUES), [0, 1]
        ),
        "each of the `candidates` must have the structure",
    ),
    "frame in a plane": (
        lambda: gd.frame(
            gd.games.atoms(gd.measures.Points([[0.0, 1.0]]), FREE, 1),
            (jnp.zeros((1, 2)), VALUES),
            NODES,
        ),
        "on the line",
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.usefixtures("as_installed")
def test_bad_input_is_named(name):
    call, said = BAD[name]
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.usefixtures("as_installed")
def test_what_is_no_game_or_no_function_is_named():
    with pytest.raises(TypeError, match="must be a GAN or a MeasureGAN"):
        natural(gd.games.bilinear([[1.0]]))
    with pytest.raises(TypeError, match="`masses` must be a function"):
        Metric(Gradient(gd.games.dirac()), 1.0)
    with pytest.raises(TypeError, match="must be a game"):
        BestResponse(1.0, 0, NODES)
