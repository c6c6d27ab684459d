"""Networks: families of functions of one point, equal where they are built alike."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from jax.test_util import check_grads
from numpy.testing import assert_allclose, assert_array_equal

import gandyn as gd
from gandyn.networks import (
    AbstractNetwork,
    family,
    he,
    lecun,
    maxout,
    mlp,
    normal,
    orthogonal,
    partition,
    spectral,
)

KEY = jr.key(0)
X = jr.normal(jr.key(1), (20, 2))


def perceptron(key):
    return eqx.nn.MLP(2, 2, 4, 1, key=key)


NETWORKS = {
    "mlp": lambda: mlp(2, 2, 4),
    "maxout": lambda: mlp(2, 2, 4, activation=maxout(3), init=he()),
    "spectral": lambda: spectral(mlp(2, 2, 4, activation=jax.nn.relu)),
    "family": lambda: family(lambda key: eqx.nn.MLP(2, 2, 4, 1, key=key)),
    "spectral family": lambda: spectral(family(perceptron)),
}
every = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


def images(network, params, x=X):
    return jax.vmap(network, (None, 0))(params, x)


# All of them


@every
def test_what_is_built_alike_is_alike(make):
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != mlp(2, 2, 5)


@every
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64, jnp.bfloat16])
def test_a_network_is_as_precise_as_its_parameters(make, dtype):
    """Whatever the points are: here they are double."""
    network = make()
    params = jax.eval_shape(lambda key: network.start(key, dtype), KEY)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(dtype)}
    for point in (X[0], X[0].astype(jnp.float32)):
        assert jax.eval_shape(network, params, point).dtype == dtype


@every
def test_an_ensemble_is_its_members(make):
    network, keys = make(), jr.split(KEY, 3)
    together = jax.vmap(network.start)(keys)
    for i, key in enumerate(keys):
        alone = network.start(key)
        for one, all_of_them in zip(*map(jax.tree.leaves, (alone, together)), strict=True):
            assert_allclose(one, all_of_them[i], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("make", [NETWORKS["mlp"], NETWORKS["family"]], ids=["mlp", "family"])
def test_constants_do_not_decide_on_the_precision(make):
    constant = np.float64(0.2)
    leaky = mlp(2, 2, 4, activation=lambda h: jnp.where(h > 0, h, constant * h))
    own = family(
        lambda key: eqx.nn.Sequential([perceptron(key), eqx.nn.Lambda(lambda y: constant * y)])
    )
    with jax.numpy_dtype_promotion("standard"):
        for network in (leaky, own):
            params = network.start(KEY, jnp.float32)
            assert network(params, X[0]).dtype == jnp.float32


# In a game

traces = []
slope = 1.0


def noted(h):
    """tanh, of a slope that is read, and a note that it was traced."""
    traces.append(None)
    return jnp.tanh(slope * h)


def trained(dtype=None):
    """One step of a GAN whose parts are all built anew, and the key for its players."""
    generator = mlp(2, 2, 4, 1, noted)
    discriminator = family(lambda key: eqx.nn.MLP(2, "scalar", 4, 1, key=key))
    data, latent = gd.measures.minibatch(gd.measures.ring(8), 4), gd.measures.normal(2, nodes=2)
    game = gd.games.GAN(generator, discriminator, data, latent)
    players = generator.start(KEY, dtype), discriminator.start(KEY, dtype)
    before = len(traces)
    run = gd.simulate(gd.methods.alternating(game, 0.1), players, np.arange(2), key=KEY)
    return run.players, len(traces) - before


def test_the_same_architecture_built_again_is_the_same_program(monkeypatch):
    """Until a number that its activation reads is another one."""
    first, new = trained()
    assert new
    again, new = trained()
    assert not new
    assert eqx.tree_equal(first, again)
    monkeypatch.setattr(f"{__name__}.slope", 2.0)
    other, new = trained()
    assert new
    assert not eqx.tree_equal(first, other)


def test_single_networks_train_in_single_precision_on_double_data():
    players, _ = trained(jnp.float32)
    assert {leaf.dtype for leaf in jax.tree.leaves(players)} == {jnp.dtype(jnp.float32)}


# Perceptrons


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_perceptron_is_affine_maps_with_activations_between_them(depth):
    network = mlp(2, 3, 5, depth, jnp.sin)
    params = jax.tree.map(lambda w: w + 0.1, network.start(KEY))
    assert len(params) == depth + 1
    h = X
    for i, layer in enumerate(params):
        h = h @ layer["weight"] + layer["bias"][None]
        h = jnp.sin(h) if i < depth else h
    assert_allclose(images(network, params), h, rtol=1e-13)


def test_numbers_without_an_axis_are_one_number_with_it():
    plain, boxed = mlp("scalar", "scalar", 4), mlp(1, 1, 4)
    params = boxed.start(KEY)
    x = X[:, 0]
    assert_array_equal(images(plain, params, x), images(boxed, params, x[:, None])[:, 0])


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (4, 4)])
def test_orthogonal_weights_stretch_all_directions_alike(shape):
    (layer,) = mlp(*shape, depth=0, init=orthogonal(1.4)).start(KEY)
    assert layer["weight"].shape == shape
    assert_allclose(np.linalg.svd(layer["weight"], compute_uv=False), 1.4, rtol=1e-13)
    assert_array_equal(layer["bias"], 0)


@pytest.mark.parametrize(
    ("init", "variance"), [(he(), 2 / 50), (lecun(), 1 / 50), (normal(0.02), 0.02**2)]
)
def test_weights_have_the_variance_of_their_law(init, variance):
    """n squares over their expectation are n, give or take sqrt(2 n)."""
    (layer,) = mlp(50, 80, depth=0, init=init).start(KEY)
    squares = np.asarray(layer["weight"]) ** 2 / variance
    assert abs(squares.sum() - squares.size) < 4 * np.sqrt(2 * squares.size)


def test_initializers_of_jax_fit():
    (layer,) = mlp(3, 2, depth=0, init=jax.nn.initializers.constant(0.5)).start(KEY)
    assert_array_equal(layer["weight"], np.full((3, 2), 0.5))


def test_many_gains_are_an_ensemble():
    gains = jnp.array([0.5, 1.0, 2.0])
    starts = jax.vmap(lambda g: mlp(3, 3, depth=0, init=orthogonal(g)).start(KEY))(gains)
    sigmas = np.linalg.svd(starts[0]["weight"], compute_uv=False)
    assert_allclose(sigmas, np.broadcast_to(gains[:, None], (3, 3)), rtol=1e-13)


def test_maxout_is_the_largest_of_its_pieces():
    h = jnp.array([3.0, -1.0, 2.0, -5.0, -4.0, -6.0])
    assert_array_equal(maxout(3)(h), [3, -4])
    assert_array_equal(maxout(1)(h), h)


def test_units_of_maxout_are_convex():
    """Sums of them are, with weights that are not negative."""
    network = mlp(2, "scalar", 6, 1, maxout(5), he())
    hidden, last = network.start(KEY)
    params = hidden, jax.tree.map(jnp.abs, last)
    x, y = X[:10], X[10:]
    middle = images(network, params, (x + y) / 2)
    ends = (images(network, params, x) + images(network, params, y)) / 2
    assert np.all(middle <= ends + 1e-14)
    assert np.any(middle < ends - 0.1)


# Spectral normalization


class Shown(AbstractNetwork):
    """A network of one's own, which shows its weights, whatever the point."""

    def __call__(self, params, x):
        return ravel_pytree(params)[0]

    def start(self, key, dtype=None):
        del key
        rng = np.random.default_rng(0)
        q = np.linalg.qr(rng.normal(size=(6, 6)))[0]
        weights = {
            "tall": rng.normal(size=(40, 7)),
            "one row": rng.normal(size=(1, 9)),
            "orthogonal": 1.4 * q,
            "nearly orthogonal": q @ np.diag(1 - 1e-7 * np.arange(6)) @ q.T,
            "close": q @ np.diag([2, 2 * (1 - 1e-4), 1, 0, 0, 0]),
            "large": 1e30 * rng.normal(size=(3, 3)),
            "small": 1e-30 * rng.normal(size=(3, 3)),
            "kernel": rng.normal(size=(4, 3, 2, 2)),
        }
        return {name: jnp.asarray(w, dtype) for name, w in weights.items()}


@pytest.mark.parametrize(("dtype", "digits"), [(jnp.float32, 1e-6), (jnp.float64, 1e-14)])
def test_every_largest_singular_value_is_one(dtype, digits):
    network = spectral(Shown())
    params = network.start(KEY, dtype)
    weights = ravel_pytree(params)[1](jax.jit(network)(params, X[0]))
    for w in weights.values():
        sigma = np.linalg.svd(np.asarray(w, float).reshape(len(w), -1), compute_uv=False)
        assert_allclose(sigma[0], 1, atol=digits)


@pytest.mark.parametrize(
    "activation", [jnp.tanh, jax.nn.relu, maxout(3)], ids=["tanh", "relu", "maxout"]
)
def test_spectral_networks_bring_no_points_further_apart(activation):
    network = spectral(mlp(2, "scalar", 8, 2, activation, he()))
    params = jax.tree.map(lambda w: 10 * w, network.start(KEY))
    values = images(network, params)
    apart = np.linalg.norm(X[:, None] - X[None], axis=-1)
    assert np.all(np.abs(values[:, None] - values[None]) <= apart + 1e-14)


def test_the_slope_one_is_reached():
    """By an affine map, whatever the scale of its weight."""
    network = spectral(mlp(5, "scalar", depth=0, init=normal(3.0)))
    steepest = jax.grad(network, argnums=1)(network.start(KEY), jnp.zeros(5))
    assert_allclose(jnp.linalg.norm(steepest), 1, rtol=1e-14)


def test_derivatives_of_spectral_networks_are_those_of_the_function():
    """The first and the second: nothing is held while the others move."""
    network = spectral(mlp(3, 2, 4, 1))
    # An orthogonal start has a kink, where all singular values are equal.
    params = jax.tree.map(lambda w, e: w + e / 2, *map(network.start, jr.split(KEY)))
    value = jax.jit(lambda p: jnp.sum(network(p, jnp.ones(3))))
    check_grads(value, (params,), order=2, modes="rev", rtol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 0.0])
def test_at_equal_singular_values_derivatives_are_numbers(scale):
    network = spectral(mlp(3, "scalar", 3, 1))
    params = jax.tree.map(lambda w: scale * w, network.start(KEY))

    @jax.jit
    def derivatives(p):
        return jax.jvp(lambda p: jax.grad(network)(p, jnp.ones(3)), (p,), (network.start(KEY),))

    assert all(np.all(np.isfinite(d)) for d in jax.tree.leaves(derivatives(params)))


# Networks of Equinox


class Table(eqx.Module):
    """Weights, and whole numbers that are none."""

    weight: jax.Array
    order: jax.Array

    def __init__(self, key):
        self.weight, self.order = jr.normal(key, (3,)), jnp.array([2, 0, 1])

    def __call__(self, x):
        return self.weight[self.order] * x[0]


@pytest.mark.parametrize("make", [perceptron, Table], ids=["perceptron", "table"])
def test_a_family_is_its_modules(make):
    network = family(make)
    params, apply = partition(make(KEY))
    started = network.start(KEY)
    assert jax.tree.all(jax.tree.map(lambda a, b: jnp.all(a == b), started, params))
    assert_array_equal(network(started, X[0]), make(KEY)(X[0]))
    assert_array_equal(network(started, X[0]), apply(params, X[0]))


def with_dropout(p=0.5, inference=False):
    return lambda key: eqx.nn.Sequential([perceptron(key), eqx.nn.Dropout(p, inference)])


STATEFUL = {
    "dropout": (with_dropout(), r"`Dropout`.*inference_mode"),
    "batch norm": (
        lambda key: eqx.nn.BatchNorm(2, "batch", mode="batch"),
        r"`BatchNorm`.*LayerNorm.*MeasureGAN",
    ),
    "spectral norm": (
        lambda key: eqx.nn.SpectralNorm(eqx.nn.Linear(2, 2, key=key), "weight", key=key),
        r"`SpectralNorm`.*gandyn.networks.spectral\(gandyn.networks.family\(make\)\)",
    ),
    "a state": (
        lambda key: eqx.nn.Sequential([perceptron(key), eqx.nn.Lambda(eqx.nn.StateIndex(X))]),
        r"`StateIndex`.*LayerNorm.*spectral.*MeasureGAN",
    ),
}


@pytest.mark.parametrize(("make", "said"), STATEFUL.values(), ids=STATEFUL)
@pytest.mark.usefixtures("as_installed")
def test_a_network_that_is_more_than_a_function_is_refused_with_a_remedy(make, said):
    with pytest.raises(ValueError, match="^`network` has a " + said):
        partition(make(KEY))
    with pytest.raises(ValueError, match="^what `make` returns has a " + said):
        family(make)
    with pytest.raises(ValueError, match=r"^what `make` returns has a "):
        family(lambda key: eqx.nn.make_with_state(make)(key))


@pytest.mark.parametrize("made", [with_dropout(0.0), with_dropout(0.5, inference=True)])
def test_dropout_that_is_off_is_taken(made):
    params, apply = partition(made(KEY))
    assert_array_equal(apply(params, X[0]), perceptron(KEY)(X[0]))


# The door


@pytest.mark.parametrize(
    ("ask", "kind", "said"),
    [
        (lambda: mlp(2.0, 2), TypeError, '`inputs` must be a whole number.*"scalar"'),
        (lambda: mlp(2, "vector"), TypeError, "`outputs` must be .*'vector'"),
        (lambda: mlp(2, 2, depth=-1), ValueError, "`depth` must be at least 0"),
        (lambda: mlp(2, 2, activation=jnp.sum), ValueError, r"`activation` .*\(128,\).*\(\)"),
        (lambda: mlp(2, 2, activation="tanh"), TypeError, "`activation` must be a function"),
        (lambda: mlp(2, 2, init=1.4), TypeError, "`init` must be a function"),
        (
            lambda: mlp(2, 2, init=lambda key, shape, dtype: jnp.zeros(3)).start(KEY),
            ValueError,
            r"`init` must return a weight of shape \(2, 128\)",
        ),
        (lambda: maxout(2)(jnp.zeros(3)), ValueError, r"every 2 numbers.*\(3,\)"),
        (
            lambda: mlp(2, 2)(mlp(2, 2).start(KEY), jnp.zeros(3)),
            ValueError,
            r"`inputs` is 2.*\(3,\)",
        ),
        (
            lambda: mlp(2, 2)(mlp(2, 3).start(KEY), jnp.zeros(2)),
            ValueError,
            r"network.start\(key\)",
        ),
        (lambda: mlp(2, 2).start(None), TypeError, "`key` must be a random key"),
        (lambda: mlp(2, 2).start(0), TypeError, "`key` must be a random key"),
        (lambda: mlp(2, 2).start(KEY, int), TypeError, "`dtype` must be a precision.*int"),
        (
            lambda: mlp(2, 2).start(KEY, "high"),
            TypeError,
            "`dtype` must be a precision.*'high'",
        ),
        (lambda: spectral(perceptron(KEY)), TypeError, r"`network` must be a network.*family"),
        (lambda: family(perceptron(KEY)), TypeError, "`make` .* is a MLP.*partition"),
        (lambda: family(lambda key: jnp.ones(2)), TypeError, "`make` must return a network"),
    ],
)
@pytest.mark.usefixtures("as_installed")
def test_what_is_no_network(ask, kind, said):
    with pytest.raises(kind, match=said):
        ask()
