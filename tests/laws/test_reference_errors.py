"""Mistakes found in public code for the same experiments, each turned into a test of ours."""

from typing import Any

import diffrax as dfx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from cases import saddle

import gandyn as gd
from gandyn.fields import Consensus, Extrapolated, Gradient
from gandyn.flows import RK4, GradientFlow, Integrator
from gandyn.rules import TimeMap

ROTATION = gd.games.zero_sum(lambda x, y: x * y)  # x' = -y, y' = x


def end(solver: Any, dt: float, time: float) -> complex:
    flow = GradientFlow(Gradient(ROTATION), Integrator(solver=solver, dt=dt))
    x, y = gd.simulate(flow, (1.0, 0.0), [0.0, time]).final.players
    return complex(float(x), float(y))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("solver", "order"),
    [(dfx.Euler(), 1), (dfx.Heun(), 2), (RK4(), 4), (dfx.Tsit5(), 5), (dfx.Dopri5(), 5)],
    ids=["Euler", "Heun", "RK4", "Tsit5", "Dopri5"],
)
def test_integrators_move_all_players_at_once(solver: Any, order: int) -> None:
    """The published "RK4" freezes the opponent while one player moves: its radius after ten units
    of time is that of Euler, 1.6446; its "Heun" is of first order."""
    errors = [abs(end(solver, dt, 2.0) - np.exp(2j)) for dt in (0.1, 0.05)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3)


@pytest.mark.slow
def test_joint_runge_kutta_keeps_the_radius() -> None:
    """Of the modulus of 1 + z + z^2/2 + z^3/6 + z^4/24 at z = i dt, 100 times."""
    z = 0.1j
    polynomial = 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24
    radius = abs(end(RK4(), 0.1, 10.0))
    assert radius == pytest.approx(abs(polynomial) ** 100, abs=1e-13)
    assert radius == pytest.approx(1, abs=1e-5)
    rule = gd.methods.runge_kutta(ROTATION, 0.1)
    x, y = gd.simulate(rule, (1.0, 0.0), [0, 100]).final.players
    assert float(jnp.hypot(x, y)) == pytest.approx(radius, abs=1e-13)
    assert abs(end(dfx.Euler(), 0.1, 10.0)) == pytest.approx(1.01**50, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_consensus_has_no_factor_of_one_half(strength: float) -> None:
    """The mixed term of the Dirac-GAN: the gradient of (psi^2 + theta^2) f'(t)^2 / 2 at
    t = psi theta has psi (psi^2 + theta^2) f' f'' in it once, not half."""
    theta, psi = jnp.asarray(-0.9), jnp.asarray(1.3)
    field = Gradient(gd.games.dirac())
    v = field((theta, psi))
    found = Consensus(field, strength)((theta, psi))
    t = float(theta * psi)
    slope = 1 / (1 + np.exp(-t))
    bend = slope * (1 - slope)
    square = float(theta**2 + psi**2)
    gradient = [
        float(theta) * slope**2 + float(psi) * square * slope * bend,
        float(psi) * slope**2 + float(theta) * square * slope * bend,
    ]
    expected = [float(a) - strength * g for a, g in zip(v, gradient, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.slow
def test_invariant_is_kept_by_tight_tolerances_and_lost_by_the_usual_ones() -> None:
    """theta^2 + psi^2 over a hundred units of time; a loose tolerance fakes convergence."""
    ts = np.linspace(0, 100, 11)

    def radius(rtol: float, atol: float) -> np.ndarray:
        flow = GradientFlow(Gradient(gd.games.dirac()), Integrator(rtol=rtol, atol=atol))
        theta, psi = gd.simulate(flow, (-1.0, 1.0), ts).players
        return np.asarray(theta**2 + psi**2)

    np.testing.assert_allclose(radius(1e-11, 1e-11), 2, rtol=0, atol=1e-9)
    np.testing.assert_allclose(radius(1e-8, 1e-8)[-1], 2, rtol=0, atol=1e-5)
    assert abs(radius(1e-2, 1e-2)[-1] - 2) > 0.01


def test_drift_of_a_loose_tolerance() -> None:
    """With an old default, rtol 1e-3 in Dormand and Prince's pair, over a tenth of it is lost."""
    flow = GradientFlow(
        Gradient(gd.games.dirac()), Integrator(rtol=1e-3, atol=1e-6, solver=dfx.Dopri5())
    )
    theta, psi = gd.simulate(flow, (-1.0, 1.0), [0.0, 100.0]).final.players
    assert float(theta**2 + psi**2) < 0.9 * 2


def test_alternation_is_not_simultaneous() -> None:
    """An update of y with the *new* x, where simultaneous steps are meant, is another method."""
    game, start, h = gd.games.zero_sum(saddle), (jnp.asarray(-0.8), jnp.asarray(0.6)), 0.1
    field = Gradient(game)
    v = field(start)
    x = start[0] + h * v[0]

    def after(rule: Any) -> Any:
        return rule.step(rule.init(start)).players

    together = after(gd.methods.simultaneous(game, h))
    in_turn = after(gd.methods.alternating(game, h, order=(0, 1)))
    np.testing.assert_allclose(together, [x, start[1] + h * v[1]], rtol=1e-14)
    np.testing.assert_allclose(in_turn, [x, start[1] + h * field((x, start[1]))[1]], rtol=1e-14)
    assert abs(float(in_turn[1] - together[1])) > 1e-3


def test_first_step_of_optimism_is_a_plain_one() -> None:
    """The gradient before the first is taken as the first: neither zero (a double step), nor
    anything else; from the second step on it is 2 v_t - v_{t-1}."""
    game, h = gd.games.zero_sum(saddle), 0.1
    v = Gradient(game)
    path = gd.simulate(gd.methods.optimistic(game, h), (-0.8, 0.6), np.arange(3)).players
    z = [tuple(p[t] for p in path) for t in range(3)]
    first = [a + h * b for a, b in zip(z[0], v(z[0]), strict=True)]
    second = [a + 2 * h * b - h * c for a, b, c in zip(z[1], v(z[1]), v(z[0]), strict=True)]
    np.testing.assert_allclose(z[1], first, rtol=1e-14)
    np.testing.assert_allclose(z[2], second, rtol=1e-14)
    plain = gd.simulate(gd.methods.simultaneous(game, h), (-0.8, 0.6), np.arange(2)).final.players
    np.testing.assert_allclose(z[1], plain, rtol=1e-14)


def test_extragradient_looks_at_the_joint_extrapolated_point() -> None:
    """Gradients at (x, y_ahead) and (x_ahead, y) are the same on bilinear games only."""
    h, start = 0.2, (jnp.asarray(-0.8), jnp.asarray(0.6))
    for game, bilinear in [(gd.games.zero_sum(saddle), False), (ROTATION, True)]:
        field = Gradient(game)
        ahead = tuple(z + h * v for z, v in zip(start, field(start), strict=True))
        apart = (field((start[0], ahead[1]))[0], field((ahead[0], start[1]))[1])
        found = Extrapolated(field, h)(start)
        np.testing.assert_allclose(found, field(ahead), rtol=1e-14)
        assert np.allclose(found, apart, rtol=1e-12) is bilinear


def test_order_of_play_is_the_discriminator_first_unless_told() -> None:
    game, start = gd.games.dirac(), (jnp.asarray(-1.0), jnp.asarray(1.0))

    def after(rule: Any) -> Any:
        return rule.step(rule.init(start)).players

    default = after(gd.methods.alternating(game, 0.2))
    np.testing.assert_array_equal(default, after(gd.methods.alternating(game, 0.2, order=(1, 0))))
    other = after(gd.methods.alternating(game, 0.2, order=(0, 1)))
    assert abs(float(default[0] - other[0])) > 1e-4


@pytest.mark.slow
def test_proximal_point_contracts_where_gradient_play_expands() -> None:
    """Implicit steps divide by what explicit steps multiply with: 1/(1 -+ ih) against 1 +- ih."""
    h = 0.3
    flow = GradientFlow(Gradient(ROTATION), Integrator(solver=dfx.ImplicitEuler(), dt=h))
    implicit = gd.spectrum(TimeMap(flow, h), (0.0, 0.0)).radius
    explicit = gd.spectrum(gd.methods.simultaneous(ROTATION, h), (0.0, 0.0)).radius
    assert float(implicit * explicit) == pytest.approx(1, abs=1e-10)


def test_samples_are_fresh_in_every_step_and_the_same_for_a_key() -> None:
    """A minibatch drawn once, while the program is traced, would be the same in every step."""

    def noise(players: Any, key: Any) -> Any:
        return (players[0] * jr.normal(key, ()),)

    rule = gd.methods.simultaneous(gd.games.Custom(noise), 1.0)
    one, same, other = (
        gd.simulate(rule, (0.0,), np.arange(50), key=key).players[0]
        for key in (jr.key(0), jr.key(0), jr.key(1))
    )
    draws = np.diff(one)
    assert len(set(draws.tolist())) == len(draws)
    assert abs(draws.mean()) < 4 / np.sqrt(len(draws))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_gradient_penalty_weighs_all_pairs() -> None:
    """For data at 0 and 2, a fake point at 1 and D(x) = x^2/2, the slope at x is x: the mean of
    (x - 1)^2 over the two segments is 1/3."""
    game = gd.games.GAN(
        lambda theta, z: theta,
        lambda psi, x: psi * x**2 / 2,
        gd.measures.empirical([0.0, 2.0]),
        gd.measures.dirac(0.0),
    )
    players = (jnp.asarray(1.0), jnp.asarray(1.0))
    penalty = gd.games.GradientPenalty(2.0, 1.0)
    assert float(penalty(game.batch(players))) == pytest.approx(1 / 3, abs=1e-14)
