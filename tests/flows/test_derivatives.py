"""Derivatives of flows and their maps are those of the solution: at rest, near it and far, in the
state, the game's numbers and time, forwards and backwards."""

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from generic import assert_close, same_set
from jaxtyping import Array
from scipy.linalg import block_diag, expm, expm_frechet

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


def at_rest(J, integrator=None):
    rest = jnp.zeros(len(J))
    return GradientFlow(Linear(jnp.asarray(J), rest), integrator), (rest,)


def end(flow, z, T):
    return gd.simulate(flow, (z,), jnp.stack([jnp.zeros_like(T), T])).players[0][-1]


def there_and_back(function, at, tangent, cotangent):
    """The derivative along a tangent, and backwards along a cotangent, in one program: the second
    is the transpose of the first, as it is in `jax.grad`."""

    @jax.jit
    def derivatives(at):
        _, push = jax.linearize(function, at)
        return push(tangent), jax.linear_transpose(push, at)(cotangent)[0]

    return derivatives(at)


FIELDS = {  # of three numbers each, which are one program
    "damped": block_diag(DAMPED, -0.2),
    "spiral": block_diag([[0.1, 2.0], [-2.0, 0.1]], -0.2),
    "triangular": np.array([[-0.3, 1.0, 0.0], [0.0, -1.5, 2.0], [0.0, -2.0, -1.5]]),
    "saddle": np.diag([0.4, -0.4, -0.2]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIELDS)
def test_the_time_map_at_rest_has_the_exponents_of_the_flow(name):
    """At rest the state alone would allow any step: log of the map's multipliers is T J's, with
    small relative errors even of what has all but died out."""
    J = FIELDS[name]
    flow, rest = at_rest(J)
    rates = np.linalg.eigvals(J)
    for T in (1.0, 5.0, 10.0):
        map_ = TimeMap(flow, T)
        found = gd.spectrum(map_, rest)
        same_set(
            np.asarray(found.multipliers), np.exp(rates * T), 1e-7 * np.exp(max(rates.real) * T)
        )
        assert_close(found.exponents.real / T, -np.sort(-rates.real), 1e-6)
        assert gd.fixed_point(map_, rest).type == gd.fixed_point(flow, rest).type


def test_multipliers_below_rounding_have_no_exponent():
    """After so long the fastest of three directions is lost in the rounding of the others."""
    flow, rest = at_rest(FIELDS["damped"])
    slow, alone, fast = gd.spectrum(TimeMap(flow, 30.0), rest).exponents.real
    assert_close((slow / 30, alone / 30), (-1 + np.sqrt(3) / 2, -0.2), 1e-6)
    assert fast == -jnp.inf


DISTANCES = (0.0, 1e-9, 1e-3, 3.0)  # from where it rests


def formula(J, z, a, T):
    """The derivatives of z(T) = a + exp(J T) (z - a) in z, a and T."""
    V = expm(J * T)
    return V, np.eye(len(z)) - V, J @ V @ (z - a)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "integrator"),
    [
        (jax.jacrev, Integrator(solver=dfx.Kvaerno5())),
        (jax.jacfwd, Integrator(solver=dfx.Dopri5(), adjoint=dfx.ForwardMode())),
    ],
    ids=["implicit", "forwards"],
)
def test_derivatives_are_those_of_the_matrix_exponential(way, integrator):
    """In the start, in where the flow rests, and in time."""

    def final(z, a, T):
        return end(GradientFlow(Linear(jnp.asarray(DAMPED), a), integrator), z, T)

    a, derivatives = np.array([0.5, -1.0]), jax.jit(way(final, (0, 1, 2)))
    for distance in DISTANCES:
        z = a + distance * np.array([1.0, 2.0])
        assert_close(derivatives(z, a, 8.0), formula(DAMPED, z, a, 8.0), 1e-6)


@pytest.mark.slow
def test_derivatives_of_a_batch_in_whole_flows_are_those_of_its_members():
    """In all leaves at once, tolerances among them, which have none."""
    a, rates = np.array([0.5, -1.0]), np.array([1.0, 0.5, 1.0, 2.0])
    J = rates[:, None, None] * DAMPED
    z = a + np.array(DISTANCES)[:, None] * np.array([1.0, 2.0])

    @jax.jit
    @jax.vmap
    def derivatives(J, z):
        flow = GradientFlow(Linear(J, jnp.asarray(a)), Integrator(1e-9, 1e-9))
        flow, z, T = eqx.filter_jacrev(lambda all_: end(*all_))((flow, z, jnp.asarray(8.0)))
        return (z, flow.field.a, T), flow.field.J, flow.integrator.rtol

    found, in_J, in_rtol = jax.tree.map(np.asarray, derivatives(jnp.asarray(J), jnp.asarray(z)))
    assert not np.any(in_rtol)
    for i in range(len(J)):
        exact = formula(J[i], z[i], a, 8.0)
        assert_close(jax.tree.map(lambda x, i=i: x[i], found), exact, 1e-6)
        for j, k in np.ndindex(2, 2):
            unit = np.zeros((2, 2))
            unit[j, k] = 8.0
            bent = expm_frechet(8 * J[i], unit, compute_expm=False)
            assert_close(in_J[i][:, j, k], bent @ (z[i] - a), 1e-6)


@pytest.mark.slow
def test_a_player_who_rests_follows_what_it_rests_at():
    """x' = -2 (x - a) at x = a: dx(T)/da = 1 - exp(-2 T), and no curvature, through any reading of
    a: here by a function that a closure calls, which no leaf of the flow shows."""

    def final(a, T):
        def centre():
            return a

        game = gd.games.Custom(lambda players, key: ((players[0] - centre()) ** 2,))
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
        return gd.simulate(GradientFlow(Driven(p)), (0.0, 0.0), [0.0, 6.0]).players[0][-1]

    exact = (1 - np.cos(54)) / 9
    assert_close(there_and_back(final, 0.0, 1.0, 1.0), (exact, exact), 1e-6)


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
        flow = GradientFlow(Logistic(jnp.asarray(2.0)))
        return gd.simulate(flow, (x,), [0.0, 3.0]).players[0][-1]

    e = np.exp(6.0)
    exact = e / (1 + np.asarray(x) * (e - 1)) ** 2
    direction = jnp.cos(jnp.arange(40.0))
    found = there_and_back(final, x, direction, direction)
    assert_close(found, (exact * direction, exact * direction), 1e-5)


@pytest.mark.slow
def test_single_precision_keeps_its_tolerance_and_its_dtype():
    flow = GradientFlow(Linear(jnp.asarray(DAMPED, jnp.float32), jnp.zeros(2, jnp.float32)))

    def final(z):
        return gd.simulate(flow, (z,), [0.0, 5.0]).players[0][-1]

    V = jax.jit(jax.jacfwd(final))(jnp.zeros(2, jnp.float32))
    assert V.dtype == jnp.float32
    assert_close(V, expm(5 * DAMPED), 1e-4)


@pytest.mark.slow
def test_lyapunov_exponents_of_the_time_map_are_those_of_the_flow():
    flow, rest = at_rest(DAMPED)
    seen = gd.lyapunov(TimeMap(flow, 5.0), rest, np.arange(0, 11))
    assert_close(np.asarray(seen.exponents) / 5, -1 + np.sqrt(3) / 2 * np.array([1, -1]), 1e-6)


@pytest.mark.slow
def test_a_fixed_step_is_differentiated_as_it_is():
    """Explicit Euler's map is 1 + dt J to the power of its steps, whatever the flow's would be."""
    flow, (rest,) = at_rest(DAMPED, Integrator(solver=dfx.Euler(), dt=0.25))

    def final(z):
        return gd.simulate(flow, (z,), [0.0, 2.0]).players[0][-1]

    exact = np.linalg.matrix_power(np.eye(2) + 0.25 * DAMPED, 8)
    one, other = np.array([1.0, -0.3]), np.array([0.4, 2.0])
    found = there_and_back(final, rest, jnp.asarray(one), jnp.asarray(other))
    assert_close(found, (exact @ one, exact.T @ other), 1e-13)


def pulled(a):
    """A zero-sum game that rests at (-a/2, 3 a/2)."""
    return gd.games.zero_sum(lambda x, y: x * y + (x - a) ** 2 / 2 - (y - 2 * a) ** 2 / 2)


MADE = {
    "one move": lambda a: gd.methods.simultaneous(pulled(a), 0.1),
    "memory": lambda a: gd.methods.optimistic(pulled(a), 0.1),
    "flow": lambda a: GradientFlow(gd.fields.Gradient(pulled(a))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_where_players_rest_moves_with_the_game(name):
    """The implicit function theorem, for a map, a map with memory and a flow; backwards for two."""

    def rest(a):
        return gd.equilibrium(MADE[name](a), (0.1, 0.2)).players

    if name in ("one move", "flow"):
        along, back = there_and_back(rest, 0.7, 1.0, (2.0, 5.0))
        assert_close(back, 2.0 * -0.5 + 5.0 * 1.5, 1e-7)
    else:
        along = jax.jit(jax.jacfwd(rest))(0.7)
    assert_close(along, (-0.5, 1.5), 1e-7)


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
    if name == "memory":
        assert_close(there_and_back(leading, 0.2, 1.0, 1.0), (slope, slope), 1e-6)
    else:
        assert_close(jax.jit(jax.jacfwd(leading))(0.2), slope, 1e-6)
