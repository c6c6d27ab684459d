"""Types of fixed points against trace and determinant; leading spectra; transient growth."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from generic import random_quadratic, same_set
from numpy.testing import assert_allclose
from scipy.sparse.linalg import ArpackNoConvergence

import gandyn as gd

Type = gd.results.FixedPoint.Type

ORIGIN = (jnp.zeros(1), jnp.zeros(1))


def linear(matrix):
    return gd.flows.GradientFlow(gd.fields.Gradient(gd.games.quadratic(matrix)))


@jax.jit
@jax.vmap
def of_flow(matrix):
    return gd.fixed_point(linear(matrix), ORIGIN)


@jax.jit
@jax.vmap
def of_map(matrix):
    rule = gd.rules.Project(lambda z: tuple((matrix @ jnp.concatenate(z))[:, None]))
    return gd.fixed_point(rule, ORIGIN)


def by_trace_and_determinant(matrix):
    trace, det = np.trace(matrix), np.linalg.det(matrix)
    if det < 0:
        return Type.SADDLE
    return Type.NODE if trace**2 > 4 * det else Type.FOCUS


def test_random_flows_against_trace_and_determinant():
    matrices = np.random.default_rng(0).normal(size=(300, 2, 2))
    found = of_flow(matrices)
    assert found.type.tolist() == [by_trace_and_determinant(m) for m in matrices]
    trace, det = np.trace(matrices, axis1=1, axis2=2), np.linalg.det(matrices)
    assert found.stable.tolist() == ((trace < 0) & (det > 0)).tolist()
    assert jnp.all(jnp.where(found.type == Type.SADDLE, found.index == 1, True))


def test_jordan_blocks_on_the_unit_circle_are_flat():
    """Rounding splits them by its root, into what seems to grow and what seems to decay."""
    bases = np.random.default_rng(2).normal(size=(2000, 2, 2))
    for sign in (-1, 1):
        found = of_map(bases @ np.array([[sign, 1], [0, sign]]) @ np.linalg.inv(bases))
        assert jnp.all(found.type == Type.FLAT)
        assert jnp.all(found.neutral == 2)


@jax.jit
@jax.vmap
def spectrum_of_map(matrix):
    rule = gd.rules.Project(lambda z: (matrix @ z[0],))
    return gd.spectrum(rule, (jnp.zeros(len(matrix)),))


@jax.jit
@jax.vmap
def spectrum_of_flow(matrix):
    return gd.spectrum(gd.flows.GradientFlow(Linear(matrix)), (jnp.zeros(len(matrix)),))


class Linear(gd.fields.AbstractField):
    matrix: jax.Array

    def __call__(self, players, key=None):
        return (self.matrix @ players[0],)


@pytest.mark.slow
def test_neutral_steps_are_not_stable_at_any_step_size():
    """Alternating steps on the Dirac-GAN turn by an angle and neither grow nor decay."""
    steps = jnp.linspace(0.05, 1.9, 200)
    for game in (gd.games.dirac(), gd.games.dirac(gd.losses.wasserstein)):
        found = jax.jit(
            jax.vmap(lambda h: gd.spectrum(gd.methods.alternating(game, h), (0.0, 0.0)))  # noqa: B023
        )(steps)
        assert not jnp.any(found.stable)
        assert jnp.all(found.neutral)
    center = gd.flows.GradientFlow(gd.fields.Gradient(gd.games.dirac()))
    for dynamics in (center, gd.rules.TimeMap(center, 3.0), gd.methods.alternating(game, 2.0)):
        found = gd.spectrum(dynamics, (0.0, 0.0))
        assert found.neutral
        assert not found.stable


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


NEUTRAL_MAPS = {
    "a turn": rotation(1.0),
    "a Jordan block at 1": [[1.0, 1], [0, 1]],
    "a Jordan block at -1": [[-1.0, 1], [0, -1]],
    "three of them": np.eye(4) + np.diag([1.0, 1, 0], 1),
    "a turning Jordan block": np.kron(np.eye(2), rotation(0.7))
    + np.kron([[0, 1], [0, 0]], np.eye(2)),
    "a turn beside what decays": np.block(
        [[rotation(2.0), np.zeros((2, 2))], [np.zeros((2, 2)), 0.1 * np.eye(2)]]
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NEUTRAL_MAPS)
def test_what_is_neutral_is_stable_in_no_coordinates(name):
    """However rounding splits its eigenvalues; what is a little inside of the circle is stable."""
    matrix = np.asarray(NEUTRAL_MAPS[name])
    bases = np.random.default_rng(0).normal(size=(200, *matrix.shape))
    bases = bases[np.linalg.cond(bases) < 100]
    neutral = bases @ matrix @ np.linalg.inv(bases)
    found = spectrum_of_map(neutral)
    assert not jnp.any(found.stable)
    assert jnp.all(found.neutral)
    for radius in (0.5, 0.9):
        assert jnp.all(spectrum_of_map(radius * neutral).stable)


def test_neutral_flows_in_all_units_of_time():
    """x'' = -x, beside a faster damped one: neutral; with a damping of 1e-9 stable."""
    matrix = np.zeros((4, 4))
    matrix[:2, :2] = [[0, 1], [-1, 0]]
    matrix[2:, 2:] = [[-3, 1], [0, -3]]
    bases = np.random.default_rng(1).normal(size=(200, 4, 4))
    bases = bases[np.linalg.cond(bases) < 100]
    for scale in (1e-6, 1.0, 1e6):
        neutral = scale * bases @ matrix @ np.linalg.inv(bases)
        found = spectrum_of_flow(neutral)
        assert jnp.all(found.neutral)
        assert not jnp.any(found.stable)
        damped = spectrum_of_flow(neutral - 1e-9 * scale * np.eye(4))
        assert jnp.all(damped.stable)
        assert not jnp.any(damped.neutral)


def test_growth_of_a_few_roundings_is_decided():
    """R1 of strength g damps alternating steps by about h g / 2 per step."""

    @jax.jit
    @jax.vmap
    def found(g):
        game = gd.games.Penalized(gd.games.dirac(), gd.games.R1(g))
        return gd.spectrum(gd.methods.alternating(game, 0.1), (0.0, 0.0)).stable

    assert found(jnp.asarray([1e-12, 1e-10, 1e-3])).tolist() == [True] * 3
    assert found(jnp.asarray([0.0, 1e-17])).tolist() == [False] * 2


MEMORIES = {
    "optimistic": lambda game: gd.methods.optimistic(game, 0.1),
    "negative momentum": lambda game: gd.methods.negative_momentum(game, 0.1),
    "momentum": lambda game: gd.methods.simultaneous(game, optax.sgd(0.1, momentum=0.5)),
    "a smooth Adam": lambda game: gd.methods.simultaneous(game, optax.adam(0.1, eps_root=1e-2)),
    "none": lambda game: gd.methods.alternating(game, 0.1),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MEMORIES)
def test_the_spectrum_is_that_of_the_jacobian(name):
    """Memory is settled for both; a State is taken as it is by both."""
    rule = MEMORIES[name](gd.games.dirac())
    fresh = rule.init((jnp.asarray(0.0), jnp.asarray(0.0)))
    for at in ((0.0, 0.0), fresh, rule.settle(fresh)):
        matrix, found = gd.jacobian(rule, at), gd.spectrum(rule, at)
        same_set(1 + np.linalg.eigvals(matrix), found.multipliers, 1e-7)
        assert_allclose(found.jacobian, matrix)
    if name == "optimistic":
        values = 1 + np.linalg.eigvals(gd.jacobian(rule, (0.0, 0.0)))
        # m (m - 1) = -i h / 2 (2 m - 1), of a loss with the slope 1/2.
        for value in values:
            assert min(abs(value**2 - value + s * 0.05j * (2 * value - 1)) for s in (-1, 1)) < 1e-12


def test_random_maps_against_trace_and_determinant():
    """Schur-Cohn: |trace| < 1 + det < 2. Turning is turning, whatever grows."""
    matrices = np.random.default_rng(1).normal(size=(300, 2, 2))
    found = of_map(matrices)
    trace, det = np.trace(matrices, axis1=1, axis2=2), np.linalg.det(matrices)
    assert found.stable.tolist() == ((abs(trace) < 1 + det) & (det < 1)).tolist()
    assert found.turning.tolist() == (2 * (trace**2 < 4 * det)).tolist()
    saddle = abs(trace) > abs(1 + det)  # exactly one of them outside of the unit circle
    assert (found.type == Type.SADDLE).tolist() == saddle.tolist()


@pytest.mark.parametrize(
    ("matrix", "kind", "stable"),
    [
        ([[-1.0, 0.0], [0.0, -1.0]], Type.STAR, True),
        ([[2.0, 1.0], [0.0, 2.0]], Type.DEGENERATE_NODE, False),
        ([[-3.0, -1.0], [1.0, -1.0]], Type.DEGENERATE_NODE, True),
        ([[0.0, -2.0], [2.0, 0.0]], Type.CENTER, False),
        ([[-1.0, 0.0], [0.0, 0.0]], Type.FLAT, False),
        ([[0.0, 0.0], [0.0, 0.0]], Type.FLAT, False),
        ([[0.0, 1.0], [0.0, 0.0]], Type.FLAT, False),
    ],
)
def test_borders_between_the_types(matrix, kind, stable):
    for scale in (1e-6, 1.0, 1e6):
        found = of_flow(scale * jnp.asarray(matrix)[None])
        assert found.type[0] == kind
        assert found.stable[0] == stable


@pytest.mark.slow
def test_what_has_no_derivative_has_no_type():
    """Adam divides by the root of what is 0 at rest."""
    adam = gd.methods.simultaneous(gd.games.dirac(), optax.adam(0.1))
    assert gd.fixed_point(adam, (0.0, 0.0)).type == Type.UNDEFINED


def test_a_map_that_flips_is_a_node():
    found = of_map(jnp.asarray([[[-0.5, 0.0], [0.0, 0.4]]]))
    assert found.type[0] == Type.NODE
    assert found.flipping[0] == 1
    assert found.stable[0]
    alone = gd.fixed_point(gd.rules.Project(lambda z: (0.5 * z[0],)), (0.0,))
    assert alone.type == Type.NODE


@pytest.mark.slow
def test_dirac_gan_in_all_its_methods():
    """A center of the flow; spirals of simultaneous and a center of alternating steps."""
    game, rest = gd.games.dirac(), (0.0, 0.0)
    flow = gd.flows.GradientFlow(gd.fields.Gradient(game))
    r1 = gd.flows.GradientFlow(gd.fields.Gradient(gd.games.Penalized(game, gd.games.R1(1.0))))
    assert gd.fixed_point(flow, rest).type == Type.CENTER
    assert gd.fixed_point(r1, rest).type == Type.DEGENERATE_NODE  # critical damping
    assert gd.fixed_point(gd.methods.alternating(game, 0.5), rest).type == Type.CENTER
    assert gd.fixed_point(gd.methods.alternating(game, 4.5), rest).type == Type.SADDLE
    away = gd.fixed_point(gd.methods.simultaneous(game, 0.5), rest)
    assert (away.type, away.growing) == (Type.FOCUS, 2)


def at_rest(matrix):
    return gd.fixed_point(gd.flows.GradientFlow(Linear(jnp.asarray(matrix))), (jnp.zeros(3),))


def test_what_turns_beside_what_rests_is_no_center():
    turning = np.zeros((3, 3))
    turning[:2, :2] = [[0, 1], [-1, 0]]
    found = at_rest(turning)
    assert (found.type, found.turning, found.neutral) == (Type.FLAT, 2, 3)


def test_only_real_multipliers_flip():
    found = of_map(jnp.asarray([0.9 * rotation(2.0), np.diag([-0.9, -0.1])]))
    assert found.flipping.tolist() == [0, 2]
    assert found.turning.tolist() == [2, 0]


def test_a_millionth_counts():
    """Rounding makes 1e-7 of a double eigenvalue, and no more."""
    found = of_flow(jnp.asarray([[[-1.0, 0], [0, -1e-6]], [[-1.0, -1e-6], [1e-6, -1.0]]]))
    assert found.type.tolist() == [
        Type.NODE,
        Type.FOCUS,
    ]
    assert found.decaying.tolist() == [2, 2]


def test_of_a_pair_the_one_that_turns_forward_comes_first():
    matrix = np.zeros((4, 4))
    matrix[:2, :2] = [[-1, 2], [-2, -1]]
    matrix[2:, 2:] = [[-0.5, 3], [-3, -0.5]]
    found = spectrum_of_flow(jnp.asarray(matrix)[None])
    assert_allclose(found.exponents[0], [-0.5 + 3j, -0.5 - 3j, -1 + 2j, -1 - 2j], atol=1e-12)


def test_an_exponent_of_zero_is_not_stable():
    found = spectrum_of_flow(jnp.asarray([[[-1.0, 0], [0, 0]], [[-1.0, 0], [0, -1e-300]]]))
    assert found.stable.tolist() == [False, False]
    assert found.neutral.tolist() == [True, True]
    alone = gd.spectrum(gd.flows.GradientFlow(Linear(jnp.zeros((1, 1)))), (jnp.zeros(1),))
    assert not alone.stable


def test_leading_multipliers_are_those_of_largest_modulus():
    """A multiplier of -1.9 flips and grows, beside others up to 0.89."""
    values = np.append(-1.9, np.linspace(-0.5, 0.89, 29))
    basis = np.linalg.qr(np.random.default_rng(4).normal(size=(30, 30)))[0]
    matrix = jnp.asarray(basis * values @ basis.T)
    rule = gd.rules.Project(lambda z: (matrix @ z[0],))
    found = gd.spectrum(rule, (jnp.zeros(30),), leading=2)
    assert_allclose(found.multipliers, [-1.9, 0.89], atol=1e-9)
    assert not found.stable
    assert not found.neutral


def test_index_of_a_saddle_in_many_dimensions():
    game, rest, matrix, _ = random_quadratic((3, 4), seed=3)
    found = gd.fixed_point(gd.flows.GradientFlow(gd.fields.Gradient(game)), rest)
    values = np.linalg.eigvals(matrix)
    assert found.index == np.sum(values.real > 0)
    assert found.decaying == np.sum(values.real < 0)
    assert found.turning == np.sum(np.abs(values.imag) > 1e-9)


BIG, REST, _, _ = random_quadratic((48, 72), seed=5, scale=0.08)


@pytest.mark.slow
@pytest.mark.parametrize("make", [linear, lambda game: gd.methods.negative_momentum(game, 0.1)])
def test_leading_exponents_are_those_of_the_dense_spectrum(make):
    dynamics = gd.flows.GradientFlow(gd.fields.Gradient(BIG)) if make is linear else make(BIG)
    dense = gd.spectrum(dynamics, REST).exponents
    found = gd.spectrum(dynamics, REST, leading=6).exponents
    assert found.shape == (6,)
    same_set(found[:4], dense[:4], 1e-8)


@pytest.mark.slow
def test_leading_exponents_among_others_that_crowd_there():
    """x_i'' + (i + 1) x_i' + (i + 1) x_i = 0: the real exponents pile up at -1."""
    size = 150
    game = gd.games.Custom(
        lambda p, key: (
            jnp.sum(jnp.arange(1.0, size + 1) * p[0] ** 2) / 2 + jnp.sum(p[0] * p[1]),
            jnp.sum(p[1] ** 2) / 2 - jnp.sum(p[0] * p[1]),
        )
    )
    flow = gd.flows.GradientFlow(gd.fields.Gradient(game))
    rest = (jnp.zeros(size), jnp.zeros(size))
    found = gd.spectrum(flow, rest, leading=4).exponents
    damping = np.arange(1, size + 1) + 1.0
    exact = np.concatenate([np.roots([1, b, b]) for b in damping]).astype(complex)
    assert_allclose(found.real, np.sort(exact.real)[::-1][:4], rtol=1e-9)


@pytest.mark.slow
def test_leading_exponents_of_a_network_gan():
    """Thousands of parameters: each is an eigenvalue, A v = l v, by the residual of its vector."""
    width = 50

    def layers(key, sizes):
        keys = jax.random.split(key, len(sizes) - 1)
        return [
            jax.random.normal(k, (n, m)) / np.sqrt(m)
            for k, m, n in zip(keys, sizes[:-1], sizes[1:], strict=True)
        ]

    def net(weights, x):
        for w in weights[:-1]:
            x = jnp.tanh(w @ x)
        return weights[-1] @ x

    keys = jax.random.split(jax.random.key(0), 4)
    data = gd.measures.Points(jax.random.normal(keys[0], (16, 2)))
    latent = gd.measures.Points(jax.random.normal(keys[1], (16, 2)))
    game = gd.games.GAN(net, lambda p, x: net(p, x)[0], data, latent)
    players = (layers(keys[2], (2, width, width, 2)), layers(keys[3], (2, width, width, 1)))
    size = sum(leaf.size for leaf in jax.tree.leaves(players))
    assert size > 5000
    found = gd.spectrum(gd.methods.simultaneous(game, 0.1), players, leading=3)
    flow = gd.spectrum(gd.flows.GradientFlow(gd.fields.Gradient(game)), players, leading=3)
    # Of simultaneous steps the multipliers are 1 + h l: those of the rightmost l, as none is large.
    assert_allclose(found.multipliers[0], 1 + 0.1 * flow.exponents[0], rtol=1e-6)


def test_leading_tells_what_it_cannot_do():
    flow = linear([[0.0, -1.0], [1.0, 0.0]])
    with pytest.raises(ValueError, match="`leading` must be at most 0"):
        gd.spectrum(flow, ORIGIN, leading=1)
    with pytest.raises(ValueError, match="cannot be traced"):
        eqx.filter_jit(lambda p: gd.spectrum(linear(np.eye(2)), p, leading=1))(ORIGIN)


def test_leading_that_is_not_found_is_told(monkeypatch):
    def never(*args, **kwargs):
        raise ArpackNoConvergence("", np.zeros(2), np.zeros((8, 2)))

    monkeypatch.setattr("scipy.sparse.linalg.eigs", never)
    with pytest.raises(RuntimeError, match="missed 1 of the 3 leading exponents"):
        gd.spectrum(gd.methods.simultaneous(BIG, 0.1), REST, leading=3)


@pytest.mark.slow
def test_transient_of_a_jordan_block():
    """exp(t [[-1, b], [0, -1]]) = e^-t [[1, b t], [0, 1]]; the abscissa is b / 2 - 1."""
    b, ts = 10.0, jnp.linspace(0, 3, 13)
    found = gd.transient(linear([[-1.0, b], [0.0, -1.0]]), ORIGIN, ts)
    bt = b * ts
    norm = jnp.exp(-ts) * (bt + jnp.sqrt(bt**2 + 4)) / 2
    assert_allclose(found.amplification, norm, rtol=1e-10)
    assert_allclose(found.reactivity, b / 2 - 1, rtol=1e-12)
    assert_allclose(found.departure, b / np.sqrt(b**2 + 2), rtol=1e-9)
    assert found.peak > 3


@pytest.mark.slow
def test_transient_of_normal_dynamics_is_its_spectrum():
    game = gd.games.bilinear([[1.0, 0.2], [0.3, 0.7]])
    rest = game.equilibria()[0]
    for rule in (gd.methods.simultaneous(game, 0.3), gd.methods.extragradient(game, 0.3)):
        ts = np.array([0.0, 1.0, 5.0, 30.0])
        found = gd.transient(rule, rest, ts)
        assert_allclose(found.amplification, gd.spectrum(rule, rest).radius ** ts, rtol=1e-10)
        assert_allclose(found.departure, 0, atol=1e-7)
    # Alternating steps turn along ellipses, [[1, -a], [a, 1 - a^2]] per singular value: sheared,
    # and so not normal, though nothing grows.
    squares = (0.3 * np.linalg.svd([[1.0, 0.2], [0.3, 0.7]], compute_uv=False)) ** 4
    alternating = gd.transient(gd.methods.alternating(game, 0.3), rest, np.arange(100))
    assert_allclose(alternating.departure**2, squares.sum() / (4 + squares.sum()), rtol=1e-9)
    assert 1 < alternating.peak < 1.5
