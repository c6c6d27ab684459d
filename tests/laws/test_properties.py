"""Laws over random quadratic games: the spectrum of a map is a function of that of its flow."""

from collections.abc import Callable, Iterator
from typing import Any

import diffrax as dfx
import equinox as eqx
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.linalg
from generic import same_set
from hypothesis import HealthCheck, given, settings
from test_reference_errors import RK4

import gandyn as gd
from gandyn.fields import Gradient
from gandyn.flows import GradientFlow, Integrator
from gandyn.rules import Descend, Repeat, Sequential, TimeMap

few = settings(
    deadline=None,
    max_examples=12,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# Sizes of the players; each shape is compiled once, numbers are drawn anew.
SHAPES = [(1, 1), (2, 1), (1, 2, 1)]
seeds = st.integers(0, 2**32 - 1)
steps = st.floats(0.01, 0.6)


def jacobian(seed: int, sizes: tuple[int, ...]) -> np.ndarray:
    """A random matrix whose diagonal blocks are symmetric: the field of a game."""
    matrix = np.random.default_rng(seed).normal(size=(sum(sizes), sum(sizes)))
    ends = np.cumsum(sizes)
    for end, size in zip(ends, sizes, strict=True):
        block = slice(end - size, end)
        matrix[block, block] = (matrix[block, block] + matrix[block, block].T) / 2
    return matrix


def vectors(sizes: tuple[int, ...], value: float = 0.0) -> tuple[Any, ...]:
    return tuple(jnp.full(n, value) for n in sizes)


def integrated(solver: Any) -> Callable[[Any, Any], TimeMap]:
    def rule(game: Any, h: Any) -> TimeMap:
        return TimeMap(GradientFlow(Gradient(game), Integrator(solver=solver, dt=h)), h)

    return rule


def exponential(order: int) -> Callable[[Any], list[Any]]:
    """The stability polynomial of every explicit method with as many stages as its order."""
    return lambda z: [sum(z**k / float(np.prod(range(1, k + 1))) for k in range(order + 1))]


def quadratic_roots(b: complex, c: complex) -> list[complex]:
    root = np.sqrt(b**2 / 4 - c + 0j)
    return [b / 2 + root, b / 2 - root]


def tsit5(z: Any) -> list[Any]:
    """1 + z b^T (1 - z A)^{-1} 1, from the tableau."""
    tableau = dfx.Tsit5.tableau
    n = len(tableau.b_sol)
    a = np.zeros((n, n))
    for i, row in enumerate(tableau.a_lower):
        a[i + 1, : i + 1] = row
    return [1 + z * tableau.b_sol @ np.linalg.solve(np.eye(n) - z * a, np.ones(n))]


# A rule of a game and a step size, and its multipliers for an eigenvalue l of the field, z = h l.
POLYNOMIALS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any], list[Any]]]] = {
    "simultaneous": (gd.methods.simultaneous, lambda z: [1 + z]),
    "extragradient": (gd.methods.extragradient, lambda z: [1 + z + z**2]),
    "optimistic": (gd.methods.optimistic, lambda z: quadratic_roots(1 + 2 * z, z)),
    "heavy ball": (
        lambda game, h: Descend(Gradient(game), optax.sgd(h, momentum=-0.4)),
        lambda z: quadratic_roots(1 - 0.4 + z, -0.4),
    ),
    "twice": (
        lambda game, h: Repeat(gd.methods.simultaneous(game, h), 2),
        lambda z: [(1 + z) ** 2],
    ),
    "implicit Euler": (integrated(dfx.ImplicitEuler()), lambda z: [1 / (1 - z)]),
    "Heun": (integrated(dfx.Heun()), exponential(2)),
    "RK4": (integrated(RK4()), exponential(4)),
    "Tsit5": (integrated(dfx.Tsit5()), tsit5),
}


@eqx.filter_jit
def differential(make: Callable[..., Any], matrix: Any, h: Any, sizes: tuple[int, ...]) -> Any:
    """D residual of the rule that `make` makes of the game of a matrix, at rest and settled."""
    rule = make(gd.games.quadratic(matrix, sizes), h)
    return gd.jacobian(rule, rule.settle(rule.init(vectors(sizes))))


INTEGRATED = {"implicit Euler", "Heun", "RK4", "Tsit5"}


def spectra() -> Iterator[Any]:
    """Every rule for players of one shape, and one of them for all."""
    for name in POLYNOMIALS:
        sizes = SHAPES if name == "optimistic" else [(2, 1) if name in INTEGRATED else (1, 2, 1)]
        for size in sizes:
            marks = [pytest.mark.slow] if name in INTEGRATED else []
            yield pytest.param(name, size, id=f"{name}-{size}", marks=marks)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sizes"), list(spectra()))
def test_spectrum_is_the_polynomial_of_that_of_the_flow(name: str, sizes: tuple[int, ...]) -> None:
    make, polynomial = POLYNOMIALS[name]

    @few
    @given(seed=seeds, h=steps)
    def law(seed: int, h: float) -> None:
        matrix = jacobian(seed, sizes)
        eigenvalues = np.linalg.eigvals(matrix)
        if name == "implicit Euler" and np.abs(1 - h * eigenvalues).min() < 0.1:
            return  # next to the pole its equation is ill-conditioned
        found = 1 + np.linalg.eigvals(
            differential(make, jnp.asarray(matrix), jnp.asarray(h), sizes)
        )
        # Close eigenvalues are known to the square root of rounding errors only.
        same_set(found, [m for l in eigenvalues for m in polynomial(h * l)], atol=2e-6)
        determinant = np.prod([m for l in eigenvalues for m in polynomial(h * l)])
        np.testing.assert_allclose(np.prod(found), determinant, rtol=1e-7, atol=1e-9)

    law()


def turns(order: tuple[int, ...], repeats: tuple[int, ...]) -> Callable[[Any, Any], Any]:
    return lambda game, h: gd.methods.alternating(game, h, repeats, order)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "order", "repeats"),
    [
        ((2, 1), (0, 1), (1, 1)),
        ((2, 1), (1, 0), (2, 3)),
        ((1, 2, 1), (0, 1, 2), (1, 1, 1)),
        ((1, 2, 1), (2, 0, 1), (3, 1, 2)),
    ],
)
def test_alternation_is_a_product_of_block_moves(
    sizes: tuple[int, ...], order: tuple[int, ...], repeats: tuple[int, ...]
) -> None:
    """One move of player i is 1 + h_i P_i J; the last to move stands leftmost."""
    make = turns(order, repeats)

    @few
    @given(seed=seeds, h=st.tuples(*[steps] * len(sizes)))
    def law(seed: int, h: tuple[float, ...]) -> None:
        matrix = jacobian(seed, sizes)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        product = np.eye(len(owner))
        for i in order:
            move = np.eye(len(owner)) + h[i] * np.diag(owner == i).astype(float) @ matrix
            product = np.linalg.matrix_power(move, repeats[i]) @ product
        numbers = tuple(jnp.asarray(x) for x in h)
        found = np.eye(len(owner)) + differential(make, jnp.asarray(matrix), numbers, sizes)
        np.testing.assert_allclose(found, product, rtol=1e-11, atol=1e-12)

    law()


@pytest.mark.slow
@few
@given(seed=seeds, h=steps)
def test_time_map_of_the_flow_is_the_matrix_exponential(seed: int, h: float) -> None:
    matrix = jacobian(seed, (2, 1))
    found = np.eye(3) + exact(jnp.asarray(matrix), jnp.asarray(h))
    np.testing.assert_allclose(found, scipy.linalg.expm(h * matrix), rtol=0, atol=1e-9)


@jax.jit
def exact(matrix: Any, h: Any) -> Any:
    flow = GradientFlow(
        Gradient(gd.games.quadratic(matrix, (2, 1))), Integrator(solver=dfx.Dopri8(), dt=0.05)
    )
    return gd.jacobian(TimeMap(flow, h), vectors((2, 1)))


@few
@given(seed=seeds, h=steps)
def test_sequence_multiplies_differentials(seed: int, h: float) -> None:
    """Chain rule, away from rest and on a map with memory in one of its parts."""
    whole, parts = chain(jnp.asarray(jacobian(seed, (1, 1))), jnp.asarray(h))
    np.testing.assert_allclose(whole, parts, rtol=1e-12, atol=1e-13)


@jax.jit
def chain(matrix: Any, h: Any) -> tuple[Any, Any]:
    game = gd.games.quadratic(matrix)
    a, b = gd.methods.extragradient(game, h), gd.methods.alternating(game, 2 * h)
    rest, eye = vectors((1, 1)), jnp.eye(2)
    whole = eye + gd.jacobian(Sequential(a, b), rest)
    return whole, (eye + gd.jacobian(b, rest)) @ (eye + gd.jacobian(a, rest))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["alternating", "optimistic"])
def test_single_precision_follows_double(method: str) -> None:
    """Twenty steps agree to the rounding errors of single precision, and stay in it."""

    @eqx.filter_jit
    def end(matrix: Any, h: Any, players: Any) -> Any:
        rule = getattr(gd.methods, method)(gd.games.quadratic(matrix), h)
        return gd.simulate(rule, players, np.array([0, 20])).final.players

    @few
    @given(seed=seeds, h=st.floats(0.01, 0.2))
    def law(seed: int, h: float) -> None:
        matrix, start = jnp.asarray(jacobian(seed, (1, 1))), vectors((1, 1), 0.5)
        double = end(matrix, jnp.asarray(h), start)
        single = end(matrix, jnp.asarray(h), tuple(p.astype(jnp.float32) for p in start))
        assert {p.dtype for p in single} == {jnp.dtype(jnp.float32)}
        scale = max(1.0, float(np.abs(double).max()), (1 + h * np.abs(matrix).max()) ** 20)
        np.testing.assert_allclose(np.stack(single), np.stack(double), rtol=0, atol=2e-5 * scale)

    law()


@pytest.mark.slow
@few
@given(
    real=st.floats(-2, 2),
    imaginary=st.floats(0.01, 3),
    others=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    seed=st.one_of(st.none(), st.integers(0, 1000)),
)
def test_prescribed_games_have_their_spectrum(
    real: float, imaginary: float, others: tuple[float, float], seed: int | None
) -> None:
    values = [complex(real, imaginary), complex(real, -imaginary), *others]
    game = gd.games.prescribed(values, None if seed is None else jax.random.key(seed))
    flow = GradientFlow(Gradient(game))
    same_set(gd.spectrum(flow, game.equilibria()[0]).exponents, values, atol=1e-6)
