"""Derivatives of flows and their maps are those of the solution: at rest, near it and far, in the
state, the game's numbers and time, forwards and backwards."""

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from generic import assert_close
from jaxtyping import Array
from scipy.linalg import expm

import gandyn as gd
from gandyn.fields import AbstractField
from gandyn.flows import GradientFlow, Integrator
from gandyn.rules import TimeMap

DAMPED = np.array([[0.0, 0.5], [-0.5, -2.0]])
"""Dirac-GAN under R1(2): its rates -1 +- sqrt(3)/2 are far apart."""


class Linear(AbstractField):
    """z' = J (z - a)."""

    J: Array
    a: Array

    def __call__(self, players, key=None):
        return (self.J @ (players[0] - self.a),)


def end(J, z, a, T, integrator=None):
    flow = GradientFlow(Linear(J, a), integrator)
    return gd.simulate(flow, (z,), jnp.stack([jnp.zeros_like(T), T])).players[0][-1]


def closed(J, z, a, T):
    """The derivatives of z(T) = a + exp(J T) (z - a) in z, a and T."""
    V = expm(np.asarray(J) * T)
    return V, np.eye(len(z)) - V, J @ V @ (z - a)


@pytest.mark.parametrize("T", [1.0, 5.0, 10.0])
@pytest.mark.parametrize(
    ("J", "integrator"),
    [
        (DAMPED, None),
        (DAMPED, Integrator(solver=dfx.Kvaerno5())),
        (DAMPED, Integrator(solver=dfx.Dopri5(), adjoint=dfx.ForwardMode())),
        (np.array([[0.1, 2.0], [-2.0, 0.1]]), None),
        (np.array([[-0.3, 1.0, 0.0], [0.0, -1.5, 2.0], [0.0, -2.0, -1.5]]), None),
        (np.diag([0.4, -0.4]), Integrator(rtol=1e-10, atol=1e-10)),
    ],
    ids=["damped", "implicit", "forwards", "spiral", "triangular", "saddle"],
)
def test_the_time_map_at_rest_has_the_exponents_of_the_flow(J, integrator, T):
    """At rest the state alone would allow any step: log of the map's multipliers is T J's."""
    flow = GradientFlow(Linear(jnp.asarray(J), jnp.zeros(len(J))), integrator)
    rest = (jnp.zeros(len(J)),)
    map_ = gd.spectrum(TimeMap(flow, T), rest)
    rates = np.sort_complex(np.linalg.eigvals(J))
    found = np.exp(np.asarray(map_.exponents))
    assert_close(np.sort_complex(found), np.sort_complex(np.exp(rates * T)), 1e-7)
    if integrator is None:  # relative errors even of what has all but died out
        order = np.argsort(-rates.real)
        assert_close(np.asarray(map_.exponents).real / T, rates.real[order], 1e-6)
    assert gd.fixed_point(TimeMap(flow, T), rest).type == gd.fixed_point(flow, rest).type


def test_multipliers_below_rounding_have_no_exponent():
    """After so long the faster of two directions is lost in the rounding of the other's."""
    flow = GradientFlow(Linear(jnp.asarray(DAMPED), jnp.zeros(2)))
    slow, fast = gd.spectrum(TimeMap(flow, 30.0), (jnp.zeros(2),)).exponents.real
    assert_close(slow / 30, -1 + np.sqrt(3) / 2, 1e-6)
    assert fast == -jnp.inf


@pytest.mark.slow
@pytest.mark.parametrize("way", [jax.jacfwd, jax.jacrev])
@pytest.mark.parametrize("integrator", [None, Integrator(solver=dfx.Kvaerno5())])
def test_derivatives_are_those_of_the_matrix_exponential(way, integrator):
    """In the start, in where the flow rests, and in time."""
    J, a, T = jnp.asarray(DAMPED), np.array([0.5, -1.0]), 8.0
    derivatives = eqx.filter_jit(
        way(lambda z, a, T: end(J, z, a, T, integrator), argnums=(0, 1, 2))
    )
    for distance in (0.0, 1e-9, 1e-3, 3.0):
        z = a + distance * np.array([1.0, 2.0])
        found = derivatives(jnp.asarray(z), jnp.asarray(a), jnp.asarray(T))
        assert_close(found, closed(DAMPED, z, a, T), 1e-6)


@pytest.mark.slow
def test_a_player_who_rests_follows_what_it_rests_at():
    """x' = -2 (x - a) at x = a: dx(T)/da = 1 - exp(-2 T), and no curvature, through any reading of
    a: here by a closure, which no leaf of the flow shows."""

    def final(a, T):
        game = gd.games.Custom(lambda players, key: ((players[0] - a) ** 2,))
        flow = GradientFlow(gd.fields.Gradient(game))
        return gd.simulate(flow, (1.0,), jnp.stack([0.0, T])).players[0][-1]

    @jax.jit
    def derivatives(a, T):
        return jax.jvp(lambda a: jax.grad(final)(a, T), (a,), (1.0,))

    for T in (2.0, 5.0, 20.0):
        assert_close(derivatives(1.0, T), (1 - np.exp(-2 * T), 0.0), 1e-8)


class Driven(AbstractField):
    """x' = p sin(w y), y' = 1: at p = 0 nothing shows that x feels p."""

    p: Array

    def __call__(self, players, key=None):
        return self.p * jnp.sin(9 * players[1]), jnp.ones(())


@pytest.mark.slow
def test_a_force_that_is_switched_off_still_has_its_derivative():
    def final(p):
        return gd.simulate(GradientFlow(Driven(p)), (0.0, 0.0), [0.0, 30.0]).players[0][-1]

    exact = (1 - np.cos(270)) / 9
    assert_close(jax.grad(final)(0.0), exact, 1e-6)
    assert_close(jax.jvp(final, (0.0,), (1.0,))[1], exact, 1e-6)


class Logistic(AbstractField):
    """x' = r x (1 - x), each number by itself."""

    r: Array

    def __call__(self, players, key=None):
        return jax.tree.map(lambda x: self.r * x * (1 - x), players)


@pytest.mark.slow
def test_derivatives_of_logistic_growth_at_every_distance_from_rest():
    """x(t) = x e/(1 + x (e - 1)), e = exp(r t): first and second derivatives in x and r."""

    def flow(x, r):
        path = gd.simulate(GradientFlow(Logistic(r)), (x,), jnp.asarray([0.0, 4.0]))
        return path.players[0][-1]

    def formula(x, r):
        return x * jnp.exp(4 * r) / (1 + x * jnp.expm1(4 * r))

    def derivatives(f):
        return jax.jit(jax.vmap(lambda x, r: jax.jvp(jax.grad(f, (0, 1)), (x, r), (1.0, 0.0))))

    x = jnp.asarray([0.0, 1e-7, 0.3, 1.0, 1.0 + 1e-8])
    at = (x, jnp.full_like(x, 1.5))
    for found, exact in zip(
        jax.tree.leaves(derivatives(flow)(*at)),
        jax.tree.leaves(derivatives(formula)(*at)),
        strict=True,
    ):
        assert_close(found, exact, 1e-5)


@pytest.mark.slow
def test_many_numbers_at_rest_have_their_derivatives():
    """More numbers than the frame has directions, some of them at rest."""
    x = jnp.linspace(0.0, 1.0, 40)

    def final(x):
        return gd.simulate(GradientFlow(Logistic(jnp.asarray(2.0))), (x,), [0.0, 3.0]).players[0][
            -1
        ]

    e = np.exp(6.0)
    exact = e / (1 + np.asarray(x) * (e - 1)) ** 2
    direction = jnp.cos(jnp.arange(40.0))
    assert_close(jax.jvp(final, (x,), (direction,))[1], exact * direction, 1e-5)
    assert_close(jax.vjp(final, x)[1](direction)[0], exact * direction, 1e-5)


def test_single_precision_keeps_its_tolerance_and_its_dtype():
    flow = GradientFlow(Linear(jnp.asarray(DAMPED, jnp.float32), jnp.zeros(2, jnp.float32)))

    def final(z):
        return gd.simulate(flow, (z,), [0.0, 5.0]).players[0][-1]

    V = jax.jacfwd(final)(jnp.zeros(2, jnp.float32))
    assert V.dtype == jnp.float32
    assert_close(V, expm(5 * DAMPED), 1e-4)


@pytest.mark.slow
def test_derivatives_of_a_batch_are_those_of_its_members():
    def final(z, rate):
        flow = GradientFlow(Linear(rate * jnp.asarray(DAMPED), jnp.zeros(2)))
        return gd.simulate(flow, (z,), [0.0, 3.0]).players[0][-1]

    rates, z = jnp.asarray([0.5, 1.0, 3.0]), jnp.asarray([[0.0, 0.0], [1.0, 0.0], [5.0, -3.0]])
    together = jax.vmap(jax.jacrev(final, (0, 1)))(z, rates)
    for i, (start, rate) in enumerate(zip(z, rates, strict=True)):
        V = expm(3 * float(rate) * DAMPED)
        assert_close(together[0][i], V, 1e-6)
        assert_close(together[1][i], 3 * DAMPED @ V @ np.asarray(start), 1e-5)


def test_lyapunov_exponents_of_the_time_map_are_those_of_the_flow():
    flow = GradientFlow(Linear(jnp.asarray(DAMPED), jnp.zeros(2)))
    seen = gd.lyapunov(TimeMap(flow, 5.0), (jnp.zeros(2),), np.arange(0, 11))
    assert_close(np.asarray(seen.exponents) / 5, -1 + np.sqrt(3) / 2 * np.array([1, -1]), 1e-6)


def test_a_fixed_step_is_differentiated_as_it_is():
    """Explicit Euler's map is 1 + dt J to the power of its steps, whatever the flow's would be."""
    flow = GradientFlow(
        Linear(jnp.asarray(DAMPED), jnp.zeros(2)), Integrator(solver=dfx.Euler(), dt=0.25)
    )

    def final(z):
        return gd.simulate(flow, (z,), [0.0, 2.0]).players[0][-1]

    exact = np.linalg.matrix_power(np.eye(2) + 0.25 * DAMPED, 8)
    assert_close(jax.jacfwd(final)(jnp.zeros(2)), exact, 1e-13)
    assert_close(jax.jacrev(final)(jnp.zeros(2)), exact, 1e-13)


def test_all_leaves_of_a_flow_at_once():
    """The gradient in a whole flow, tolerances among its leaves, which have none."""
    flow = GradientFlow(Linear(jnp.asarray(DAMPED), jnp.zeros(2)), Integrator(rtol=1e-9, atol=1e-9))

    def final(flow):
        return jnp.sum(gd.simulate(flow, (jnp.ones(2),), [0.0, 1.0]).players[0][-1])

    found = eqx.filter_grad(final)(flow)
    assert_close(found.field.a, np.sum(np.eye(2) - expm(DAMPED), axis=0), 1e-7)
    assert float(found.integrator.rtol) == 0


def pulled(a):
    """A zero-sum game that rests at (-a/2, 3 a/2)."""
    return gd.games.zero_sum(lambda x, y: x * y + (x - a) ** 2 / 2 - (y - 2 * a) ** 2 / 2)


MADE = {
    "one move": lambda a: gd.methods.simultaneous(pulled(a), 0.1),
    "moves in turn": lambda a: gd.methods.alternating(pulled(a), 0.1, (1, 3)),
    "memory": lambda a: gd.methods.optimistic(pulled(a), 0.1),
    "implicit": lambda a: gd.methods.proximal_point(pulled(a), 0.1),
    "projected": lambda a: gd.methods.extragradient(
        pulled(a), gd.rules.projected(0.1, lambda z: jnp.clip(z, -9, 9))
    ),
    "flow": lambda a: GradientFlow(gd.fields.Gradient(pulled(a))),
    "time map": lambda a: TimeMap(GradientFlow(gd.fields.Gradient(pulled(a))), 3.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("way", [jax.jacfwd, jax.jacrev])
def test_where_players_rest_moves_with_the_game(name, way):
    """The implicit function theorem, for every kind of dynamics, forwards and backwards."""
    found = way(lambda a: gd.equilibrium(MADE[name](a), (0.1, 0.2)).players)(0.7)
    assert_close(found, (-0.5, 1.5), 1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["memory", "time map"])
def test_exponents_at_rest_move_with_the_step(name):
    """By finite differences of the exact characteristic polynomials."""
    J = np.array([[-1.0, -1.0], [1.0, -1.0]])

    def exact(h):
        if name == "time map":
            return np.max(np.linalg.eigvals(J).real) * h
        return np.log(gd.theory.METHODS["optimistic"].radius(J, h))

    def leading(h):
        game = pulled(0.0)
        rule = (
            gd.methods.optimistic(game, h)
            if name == "memory"
            else TimeMap(GradientFlow(gd.fields.Gradient(game)), h)
        )
        return jnp.max(gd.spectrum(rule, (0.0, 0.0)).exponents.real)

    slope = (exact(0.2 + 1e-5) - exact(0.2 - 1e-5)) / 2e-5
    assert_close(jax.jacfwd(leading)(0.2), slope, 1e-6)
    if name == "memory":
        assert_close(jax.grad(leading)(0.2), slope, 1e-6)


@pytest.mark.parametrize("way", [jax.jacfwd, jax.jacrev])
def test_numbers_that_only_functions_read_have_derivatives(way):
    """What a loss reads by way of another function: x' = -a x, from 1 on."""

    def end(a):
        def rate():
            return a

        game = gd.games.Custom(lambda players, key: (rate() * players[0] ** 2 / 2,))
        flow = GradientFlow(gd.fields.Gradient(game))
        return gd.simulate(flow, (1.0,), np.array([0.0, 2.0])).final.players[0]

    a = 0.7
    np.testing.assert_allclose(way(end)(a), -2 * np.exp(-2 * a), rtol=1e-7)
