"""Closed forms: what theory says about the Dirac-GAN, bilinear and quadratic games.

Stored numbers carry the row of the table of facts that they are from in a comment; all others are
computed from the formula. The Dirac-GAN's discriminator scores realness here, so that theta is the
mirror image of what it is where the discriminator scores fakeness.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
import scipy.linalg
import scipy.special
from generic import same_set

import gandyn as gd
from gandyn.fields import Consensus, Gradient, Scaled, Symplectic
from gandyn.flows import GradientFlow, Integrator
from gandyn.rules import Descend, Sequential

GENERATOR_FIRST = (0, 1)
ORIGIN = (0.0, 0.0)
START = (-1.0, 1.0)


def multipliers(rule: Any, players: Any = ORIGIN) -> np.ndarray:
    return np.asarray(gd.spectrum(rule, players).multipliers)


def flow(game: Any, **how: Any) -> GradientFlow:
    return GradientFlow(Gradient(game), Integrator(**how))


def dirac(loss: str = "minimax", gamma: float | None = None) -> Any:
    game = gd.games.dirac(getattr(gd.losses, loss))
    return game if gamma is None else gd.games.Penalized(game, gd.games.R1(gamma))


def roots(trace: complex, det: complex) -> list[complex]:
    """The eigenvalues of a 2 x 2 matrix."""
    root = np.sqrt(complex(trace**2 / 4 - det))
    return [trace / 2 + root, trace / 2 - root]


SLOPE = {"minimax": 0.5, "nonsaturating": 0.5, "wasserstein": 1.0, "least_squares": 1.0}
CURVATURE = {"minimax": -0.25, "nonsaturating": -0.25, "wasserstein": 0.0}


# A. The Dirac-GAN


@pytest.mark.parametrize("loss", ["minimax", "nonsaturating", "wasserstein"])
def test_dirac_flow_turns_with_the_slope_of_the_loss(loss: str) -> None:
    pair = 1j * SLOPE[loss] * np.array([1, -1])
    same_set(gd.spectrum(flow(dirac(loss)), ORIGIN).exponents, pair)


@pytest.mark.slow
@pytest.mark.parametrize("fake", [gd.losses.softplus, jnp.sin, jnp.tanh, lambda l: l + l**3])
def test_zero_sum_dirac_field_is_orthogonal_to_the_radius(fake: Any) -> None:
    """A2: theta^2 + psi^2 is conserved whatever the loss."""
    field = Gradient(gd.games.dirac(gd.losses.Loss(fake, fake, lambda l: -fake(l))))
    z = jr.normal(jr.key(0), (2, 50))
    v = jax.vmap(lambda *z: field(z))(*z)
    np.testing.assert_allclose(z[0] * v[0] + z[1] * v[1], 0, atol=1e-13)
    assert float(jnp.abs(v[0]).max()) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("square", [1e-8, 0.5, 2.0, 8.0])
def test_dirac_flow_has_the_period_of_bessel(square: float) -> None:
    """A2: T(r) = 2 pi (1 + I_0(r^2/2)), and theta^2 + psi^2 stays what it is."""
    period = 2 * np.pi * (1 + scipy.special.i0(square / 2))
    if square == 2:
        assert period == pytest.approx(14.2381118281924, abs=1e-12)  # A2
    start = tuple(np.sqrt(square / 2) * x for x in START)
    ts = period * np.array([0.0, 0.25, 0.5, 1.0])
    theta, psi = gd.simulate(flow(dirac(), rtol=1e-11, atol=1e-11), start, ts).players
    np.testing.assert_allclose(theta**2 + psi**2, square, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose([theta[-1], psi[-1]], start, atol=1e-8)
    # Half way round is the opposite point, and not before.
    np.testing.assert_allclose([theta[2], psi[2]], np.negative(start), atol=1e-8)


def test_simultaneous_steps_grow_exactly() -> None:
    """A3: |z'|^2 = |z|^2 (1 + h^2 f'(t)^2) from everywhere, for every h."""
    h = jnp.array([0.01, 0.2, 1.0, 5.0, 30.0])
    z = jr.normal(jr.key(1), (2, 5))

    def step(h: Any, *z: Any) -> Any:
        rule = gd.methods.simultaneous(dirac(), h)
        return rule.step(rule.init(z)).players

    new = jax.vmap(step)(h, *z)
    slope = jax.nn.sigmoid(z[0] * z[1])
    expected = (z[0] ** 2 + z[1] ** 2) * (1 + h**2 * slope**2)
    np.testing.assert_allclose(new[0] ** 2 + new[1] ** 2, expected, rtol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["minimax", "nonsaturating", "wasserstein"])
def test_simultaneous_dirac_spectrum(loss: str) -> None:
    g, d = 0.2, 0.7
    turn = np.sqrt(g * d) * SLOPE[loss]
    rule = gd.methods.simultaneous(dirac(loss), (g, d))
    same_set(gd.spectrum(rule, ORIGIN).multipliers, [1 + 1j * turn, 1 - 1j * turn])
    assert not gd.spectrum(rule, ORIGIN).stable


@pytest.mark.slow
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("repeats", [(1, 1), (1, 5), (3, 2)])
def test_alternating_dirac_spectrum(repeats: tuple[int, int], order: tuple[int, int]) -> None:
    """A4, with both orders of play: unit circle while h^2 n_g n_d f'^2 <= 4."""
    for g, d in [(0.2, 0.2), (0.1, 0.3), (0.9, 1.1)]:
        rule = gd.methods.alternating(dirac(), (g, d), repeats, order)
        square = repeats[0] * repeats[1] * g * d / 4
        same_set(multipliers(rule), roots(2 - square, 1), atol=1e-7 if square == 4 else 1e-12)
        radius = float(gd.spectrum(rule, ORIGIN).radius)
        assert radius == pytest.approx(1, abs=1e-12) if square <= 4 else radius > 1


def test_alternating_steps_of_the_limit_size_grow_linearly() -> None:
    """A4: at h f' = 2 a double eigenvalue -1 in one Jordan block."""
    rule = gd.methods.alternating(dirac(), 4.0)
    matrix = np.eye(2) + np.asarray(gd.jacobian(rule, ORIGIN)) + np.eye(2)
    np.testing.assert_allclose(matrix @ matrix, 0, atol=1e-14)
    assert np.linalg.matrix_rank(matrix) == 1


def test_alternating_steps_do_not_preserve_area_away_from_the_equilibrium() -> None:
    """A5."""
    h = 0.2
    rule = gd.methods.alternating(dirac(), h, order=GENERATOR_FIRST)

    def slope(t: Any) -> Any:
        return 1 / (1 + np.exp(t))

    def expected(theta: float, psi: float) -> float:
        def bend(t: float) -> float:
            return -slope(t) * slope(-t)

        moved = theta - h * psi * slope(psi * theta)
        return (1 - h * psi**2 * bend(psi * theta)) * (1 + h * moved**2 * bend(psi * moved))

    assert expected(1, 1) == pytest.approx(1.0018326187036, abs=1e-12)  # A5
    for theta, psi in [(1.0, 1.0), (0.3, -2.0), (-1.5, 0.4)]:
        found = np.linalg.det(np.eye(2) + np.asarray(gd.jacobian(rule, (-theta, psi))))
        assert found == pytest.approx(expected(theta, psi), abs=1e-12)


def test_nonsaturating_flow_loses_radius_and_is_symmetric_under_quarter_turns() -> None:
    """A6: d(r^2)/dt = -2 t tanh(t/2), t = theta psi; v(Rz) = R v(z)."""
    field = Gradient(dirac("nonsaturating"))
    z = jr.normal(jr.key(2), (2, 50))
    v = jax.vmap(lambda *z: field(z))(*z)
    turned = jax.vmap(lambda *z: field(z))(-z[1], z[0])
    t = z[0] * z[1]
    np.testing.assert_allclose(2 * (z[0] * v[0] + z[1] * v[1]), -2 * t * np.tanh(t / 2), atol=1e-13)
    np.testing.assert_allclose(turned, jnp.stack([-v[1], v[0]]), atol=1e-13)


@pytest.mark.slow
def test_nonsaturating_flow_converges_like_one_over_time() -> None:
    path = gd.simulate(flow(dirac("nonsaturating"), rtol=1e-11, atol=1e-13), START, [0.0, 1000.0])
    theta, psi = path.final.players
    assert float(theta**2 + psi**2) == pytest.approx(0.00796649116, abs=1e-11)  # A6


@pytest.mark.slow
def test_wasserstein_flow_is_a_rotation() -> None:
    ts = np.linspace(0, 2 * np.pi, 9)
    theta, psi = gd.simulate(flow(dirac("wasserstein"), rtol=1e-11, atol=1e-11), START, ts).players
    z = (-1 + 1j) * np.exp(-1j * ts)
    np.testing.assert_allclose(np.asarray(theta) + 1j * np.asarray(psi), z, atol=1e-9)


def test_wasserstein_alternation_turns_on_an_ellipse() -> None:
    """A8: generator first, b theta^2 + a psi^2 + a b theta psi is conserved exactly, and each step
    turns by arccos(1 - ab/2)."""
    a, b = 0.3, 0.8
    rule = gd.methods.alternating(dirac("wasserstein"), (a, b), order=GENERATOR_FIRST)
    theta, psi = gd.simulate(rule, START, np.arange(200)).players
    ellipse = b * theta**2 + a * psi**2 + a * b * theta * psi
    np.testing.assert_allclose(ellipse, ellipse[0], rtol=1e-13)
    angles = np.abs(np.asarray(gd.spectrum(rule, ORIGIN).exponents.imag))
    np.testing.assert_allclose(angles, np.arccos(1 - a * b / 2), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["minimax", "wasserstein"])
@pytest.mark.parametrize("c", [0.1, 1.0, 3.0])
def test_dirac_consensus_spectrum(loss: str, c: float) -> None:
    """A11: -c f'^2 +- i f'; simultaneous steps are stable while h < 2c/(1 + c^2 f'^2)."""
    slope = SLOPE[loss]
    field = Consensus(Gradient(dirac(loss)), c)
    pair = -c * slope**2 + 1j * slope * np.array([1, -1])
    same_set(gd.spectrum(GradientFlow(field), ORIGIN).exponents, pair)
    limit = gd.theory.METHODS["consensus"].limit(slope, strength=c)
    assert gd.spectrum(gd.methods.consensus(dirac(loss), 0.999 * limit, c), ORIGIN).stable
    assert not gd.spectrum(gd.methods.consensus(dirac(loss), 1.001 * limit, c), ORIGIN).stable


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["minimax", "nonsaturating"])
@pytest.mark.parametrize("std", [0.3, 0.7, 2.0])
def test_dirac_instance_noise_spectrum(loss: str, std: float) -> None:
    """A12."""
    game = gd.games.Noised(dirac(loss), std)
    bend, slope = CURVATURE[loss] * std**2, SLOPE[loss]
    same_set(gd.spectrum(flow(game), ORIGIN).exponents, roots(2 * bend, slope**2))


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["minimax", "nonsaturating", "wasserstein"])
def test_dirac_gradient_penalty_spectrum(loss: str) -> None:
    """A13: -g/2 +- sqrt(g^2/4 - f'^2), critical at g = 2 f', where decay is fastest."""
    slope = SLOPE[loss]
    rates = []
    for gamma in np.array([0.3, 0.9, 1.0, 1.1, 4.0]) * 2 * slope:
        game = dirac(loss, gamma)
        found = gd.spectrum(flow(game), ORIGIN).exponents
        # At the double eigenvalue rounding errors come out as their square roots.
        same_set(found, roots(-gamma, slope**2), atol=1e-7 if gamma == 2 * slope else 1e-12)
        rates.append(-float(found.real.max()))
    assert np.argmax(rates) == 2
    assert rates[2] == pytest.approx(slope, abs=1e-7)


@pytest.mark.parametrize("gamma", [0.3, 1.7])
def test_penalized_dirac_flow_loses_radius_at_the_rate_of_the_penalty(gamma: float) -> None:
    """A13: d/dt r^2/2 = -g psi^2."""
    field = Gradient(dirac(gamma=gamma))
    z = jr.normal(jr.key(3), (2, 50))
    v = jax.vmap(lambda *z: field(z))(*z)
    np.testing.assert_allclose(z[0] * v[0] + z[1] * v[1], -gamma * z[1] ** 2, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["minimax", "wasserstein"])
@pytest.mark.parametrize("gamma", [0.1, 0.3, 1.0, 3.0])
def test_penalized_dirac_simultaneous_spectrum(loss: str, gamma: float) -> None:
    """A14, A18: trace 2 - d g, det 1 - d g + g d f'^2, stable between the two conditions."""
    slope = SLOPE[loss]
    for g, d in [(0.2, 0.2), (0.05, 1.0), (1.1, 0.3)]:
        rule = gd.methods.simultaneous(dirac(loss, gamma), (g, d))
        same_set(multipliers(rule), roots(2 - d * gamma, 1 - d * gamma + g * d * slope**2), 1e-7)
        stable = g * slope**2 < gamma and 4 - 2 * d * gamma + g * d * slope**2 > 0
        assert bool(gd.spectrum(rule, ORIGIN).stable) is stable


def test_penalized_dirac_radii() -> None:
    game = dirac(gamma=0.3)
    together = gd.spectrum(gd.methods.simultaneous(game, 0.2), ORIGIN).radius
    in_turn = gd.spectrum(gd.methods.alternating(game, 0.2), ORIGIN).radius
    assert float(together) == pytest.approx(0.9746794344809, abs=1e-12)  # A14
    assert float(in_turn) == pytest.approx(0.96953597148327, abs=1e-12)  # A15


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("gamma", [0.3, 1.5])
def test_penalized_dirac_alternating_spectrum(gamma: float, order: tuple[int, int]) -> None:
    """A15: det 1 - h g, stable while h^2 f'^2 + 2 h g < 4."""
    for h in (0.2, 0.9, 2.5):
        rule = gd.methods.alternating(dirac(gamma=gamma), h, order=order)
        same_set(multipliers(rule), roots(2 - h**2 / 4 - h * gamma, 1 - h * gamma))
        assert bool(gd.spectrum(rule, ORIGIN).stable) is (h**2 / 4 + 2 * h * gamma < 4)


END_POINTS = {  # A16: after 500 steps of size 0.2 from (1, 1), generator first, there
    ("simultaneous", None): (-2.161611282466, -2.217775396546),
    ("alternating", None): (0.686833661223, 1.244007294320),
    ("simultaneous", 0.3): (1.110336748811e-6, -2.398079351090e-6),
    ("alternating", 0.3): (-5.167048431701e-8, -2.242145382189e-7),
}


@pytest.mark.slow
@pytest.mark.parametrize(("method", "gamma"), END_POINTS)
def test_dirac_end_points(method: str, gamma: float | None) -> None:
    rule = (
        gd.methods.simultaneous(dirac(gamma=gamma), 0.2)
        if method == "simultaneous"
        else gd.methods.alternating(dirac(gamma=gamma), 0.2, order=GENERATOR_FIRST)
    )
    theta, psi = gd.simulate(rule, START, np.array([0, 500])).final.players
    there = END_POINTS[method, gamma]
    np.testing.assert_allclose([-theta, psi], there, rtol=0, atol=1e-9 if gamma is None else 1e-17)


def test_dirac_values_at_the_equilibrium() -> None:
    """Goodfellow et al. 2014: -2 log 2 to the generator."""
    generator, discriminator = dirac().losses((jnp.asarray(0.0), jnp.asarray(0.0)))
    assert float(discriminator) == pytest.approx(2 * np.log(2), abs=1e-15)
    assert float(generator) == pytest.approx(-2 * np.log(2), abs=1e-15)


# B. Bilinear and quadratic games

MATRIX = np.random.default_rng(0).normal(size=(3, 4)) / 2
SINGULAR = np.linalg.svd(MATRIX)[1]
REST = (np.zeros(3), np.zeros(4))


def conjugates(values: Any) -> list[complex]:
    return [w for z in values for w in (z, np.conj(z))]


def shaped(field: Any, c: float) -> Callable[[Any, float], Any]:
    return lambda game, h: Descend(field(Gradient(game), c), h)


# method: the rule, its multipliers per singular value s and step h, those of null directions
BILINEAR: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[float]]] = {
    "simultaneous": (gd.methods.simultaneous, lambda s, h: [1 + 1j * h * s], [1]),  # B1
    "alternating": (  # B2
        gd.methods.alternating,
        lambda s, h: [1 - (h * s) ** 2 / 2 + 1j * h * s * np.sqrt(1 - (h * s) ** 2 / 4)],
        [1],
    ),
    "extragradient": (  # B3
        gd.methods.extragradient,
        lambda s, h: [1 - (h * s) ** 2 + 1j * h * s],
        [1],
    ),
    "optimistic": (  # B5
        gd.methods.optimistic,
        lambda s, h: roots(1 + 2j * h * s, 1j * h * s),
        [1, 0],
    ),
    "consensus": (
        shaped(Consensus, 0.7),
        lambda s, h: [1 - h * 0.7 * s**2 + 1j * h * s],
        [1],
    ),  # B8
    "symplectic": (shaped(Symplectic, 0.7), lambda s, h: [1 - h * 0.7 * s**2 + 1j * h * s], [1]),
}


@pytest.mark.slow
@pytest.mark.parametrize("method", BILINEAR)
def test_bilinear_spectrum(method: str) -> None:
    make, per_value, null = BILINEAR[method]
    for h in (0.1, 0.45):
        expected = conjugates(z for s in SINGULAR for z in per_value(s, h)) + null
        rule = make(gd.games.bilinear(MATRIX), h)
        state = rule.settle(rule.init(tuple(jnp.asarray(p) for p in REST)))
        same_set(multipliers(rule, state), expected, atol=1e-10)


# method: the largest stable step, the best step and its radius, per singular value 1
LIMITS = {
    "extragradient": (1.0, 1 / np.sqrt(2), np.sqrt(3) / 2),  # B3
    "optimistic": (1 / np.sqrt(3), 0.5, 1 / np.sqrt(2)),  # B5
}


@pytest.mark.slow
@pytest.mark.parametrize("method", LIMITS)
def test_bilinear_stability_and_best_step(method: str) -> None:
    limit, best, radius = LIMITS[method]
    game, make = gd.games.bilinear(np.eye(2)), getattr(gd.methods, method)
    rest = (np.zeros(2), np.zeros(2))

    def spectrum(h: float) -> gd.results.Spectrum:
        return gd.spectrum(make(game, h), rest)

    assert spectrum(0.999 * limit).stable
    assert not spectrum(1.001 * limit).stable
    assert not gd.spectrum(gd.methods.simultaneous(game, 0.01), rest).stable
    # At the best step of optimism two eigenvalues meet, and rounding comes out as its square root.
    assert float(spectrum(best).radius) == pytest.approx(radius, abs=1e-7)
    assert float(spectrum(0.95 * best).radius) > radius
    assert float(spectrum(1.05 * best).radius) > radius


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_bilinear_alternation_conserves_its_ellipsoid(order: tuple[int, int]) -> None:
    """B2, exactly: |x|^2 + |y|^2 -+ h x^T A y; the sign tells who moves first."""
    h = 0.4
    rule = gd.methods.alternating(gd.games.bilinear(MATRIX), h, order=order)
    start = (jnp.array([0.3, -1.0, 0.5]), jnp.array([1.0, 0.2, -0.4, 0.7]))
    x, y = gd.simulate(rule, start, np.arange(100)).players
    sign = -1 if order == GENERATOR_FIRST else 1
    square = (x**2).sum(1) + (y**2).sum(1) + sign * h * jnp.sum((x @ MATRIX) * y, 1)
    np.testing.assert_allclose(square, square[0], rtol=1e-13)
    if order == GENERATOR_FIRST:
        np.testing.assert_allclose(
            MATRIX @ y[:-1].mean(0), (x[0] - x[-1]) / (h * 99), rtol=0, atol=1e-13
        )


def test_alternation_turns_by_the_angle_of_symplectic_euler() -> None:
    """B15: arccos(1 - e^2/2), while the flow turns by e."""
    e = np.array([0.1, 0.5, 1.0, 1.9])
    spectrum = gd.spectrum(
        gd.methods.alternating(gd.games.bilinear(np.diag(e)), 1.0), (np.zeros(4), np.zeros(4))
    )
    angles = np.sort(np.abs(spectrum.exponents.imag))[::2]
    np.testing.assert_allclose(angles, np.arccos(1 - e**2 / 2), rtol=1e-12)


def heavy_ball(game: Any, h: float, first: float, second: float) -> Sequential:
    """Alternating heavy ball, composed by hand: the first player moves first."""
    return Sequential(
        Descend(Gradient(game), (optax.sgd(h, momentum=first), None)),
        Descend(Gradient(game), (None, optax.sgd(h, momentum=second))),
    )


def test_negative_momentum_radius() -> None:
    game, rest = gd.games.bilinear(np.eye(1)), (np.zeros(1), np.zeros(1))

    def radius(e: float, *momenta: float) -> float:
        rule = heavy_ball(game, e, *momenta)
        state = rule.init(tuple(jnp.asarray(p) for p in rest))
        return np.abs(multipliers(rule, state)).max()

    assert radius(0.5, -0.5, 0.0) == pytest.approx(0.97128670777842, abs=1e-12)  # B7
    assert radius(0.5, -0.5, -0.5) == pytest.approx(0.96254370319669, abs=1e-12)  # B7
    # To second order in e: 1 + (e^2/P)(S/P - 2), P and S product and sum of the 1 - b.
    e = 0.01
    for b, c in [(-0.5, 0.0), (-0.5, -0.5), (0.3, -0.2), (0.4, 0.4)]:
        p, s = (1 - b) * (1 - c), 2 - b - c
        expected = 1 + e**2 / p * (s / p - 2)
        assert radius(e, b, c) ** 2 == pytest.approx(expected, abs=100 * e**4)
    assert radius(e, -0.5, -0.5) < min(radius(e, b, b) for b in (-0.8, -0.6, -0.4, -0.2, 0.2))


@pytest.mark.parametrize("mu", [0.1, 0.8])
@pytest.mark.parametrize("s", [0.5, 2.0])
def test_strongly_monotone_quadratic(mu: float, s: float) -> None:
    """B11: mu x^2/2 + s x y - mu y^2/2, together and in turn."""
    game = gd.games.quadratic([[-mu, -s], [s, -mu]])
    rest = (np.zeros(1), np.zeros(1))
    for make, limit in [
        (gd.methods.simultaneous, 2 * mu / (mu**2 + s**2)),
        (gd.methods.alternating, 2 / (mu + s)),
    ]:
        assert gd.spectrum(make(game, 0.999 * limit), rest).stable
        assert not gd.spectrum(make(game, 1.001 * limit), rest).stable
    h = 0.3
    same_set(
        multipliers(gd.methods.alternating(game, h), rest),
        roots(2 * (1 - h * mu) - h**2 * s**2, (1 - h * mu) ** 2),
    )
    best = mu / (mu**2 + s**2)
    radius = gd.spectrum(gd.methods.simultaneous(game, best), rest).radius
    assert float(radius) == pytest.approx(s / np.sqrt(mu**2 + s**2), abs=1e-12)


@pytest.mark.parametrize("a", [0.05, 1.0])
@pytest.mark.parametrize("b", [0.3, 4.0])
def test_largest_stable_step_of_an_eigenvalue(a: float, b: float) -> None:
    """B12: simultaneous steps are stable while h < 2a/(a^2 + b^2)."""
    game = gd.games.prescribed([-a + 1j * b, -a - 1j * b], jr.key(4))
    limit = 2 * a / (a**2 + b**2)
    rest = (np.zeros(1), np.zeros(1))
    assert gd.spectrum(gd.methods.simultaneous(game, 0.999 * limit), rest).stable
    assert not gd.spectrum(gd.methods.simultaneous(game, 1.001 * limit), rest).stable


@pytest.mark.parametrize(("a", "c", "b"), [(3.0, 2.0, 1.0), (-1.0, 5.0, -2.0), (-2.0, 3.0, -0.5)])
def test_time_scale_separation(a: float, c: float, b: float) -> None:
    """D5: a x^2/2 + c x y + b y^2/2 with the maximizer tau times faster changes stability at
    tau = a/b: local max-min points are stable below it, local min-max points above it."""
    field = Gradient(gd.games.quadratic([[-a, -c], [c, b]]))
    for tau in (0.5 * a / b, 0.99 * a / b, 1.01 * a / b, 3 * a / b):
        slow_and_fast = GradientFlow(Scaled(field, (1.0, tau)))
        stable = gd.spectrum(slow_and_fast, (np.zeros(1), np.zeros(1))).stable
        assert bool(stable) is (tau < a / b if a > 0 else tau > a / b)


# C. Discretization drift: the logarithm of the map


def drift(rule: Any, h: float) -> np.ndarray:
    """The matrix of the flow whose time-h map is one step of a linear rule."""
    step = np.eye(2) + np.asarray(gd.jacobian(rule, (np.zeros(1), np.zeros(1))))
    return np.real(scipy.linalg.logm(step)) / h


EPS = 0.09
SPIRAL = np.array([[-EPS, 1.0], [-1.0, -EPS]])


def together(h: float) -> np.ndarray:
    return SPIRAL - h * SPIRAL @ SPIRAL / 2


def in_turn(h: float) -> np.ndarray:
    """First player first, to first order in h."""
    diagonal = [-EPS - h / 2 * (EPS**2 - 1), -EPS - h / 2 * (EPS**2 + 1)]
    return np.array([[diagonal[0], 1 + h * EPS], [-1.0, diagonal[1]]])


@pytest.mark.parametrize("method", ["simultaneous", "alternating"])
def test_logarithm_of_the_map_is_the_modified_flow(method: str) -> None:
    """C5: exactly log(I + hJ)/h for simultaneous steps; to second order the published drift."""
    game = gd.games.quadratic(SPIRAL)

    def error(h: float) -> float:
        if method == "simultaneous":
            found = drift(gd.methods.simultaneous(game, h), h)
            exact = np.real(scipy.linalg.logm(np.eye(2) + h * SPIRAL)) / h
            np.testing.assert_allclose(found, exact, atol=1e-12)
            return np.abs(found - together(h)).max()
        found = drift(gd.methods.alternating(game, h, order=GENERATOR_FIRST), h)
        return np.abs(found - in_turn(h)).max()

    assert 1.9 < np.log2(error(0.02) / error(0.01)) < 2.1


@pytest.mark.slow
def test_order_of_play_decides_stability() -> None:
    # C5: the published matrices, to their digits
    np.testing.assert_allclose(together(0.2), [[0.00919, 1.018], [-1.018, 0.00919]], atol=1e-5)
    np.testing.assert_allclose(in_turn(0.2), [[0.00919, 1.018], [-1, -0.19081]], atol=1e-5)
    game, rest = gd.games.quadratic(SPIRAL), (np.zeros(1), np.zeros(1))
    radii = [
        float(gd.spectrum(gd.methods.simultaneous(game, 0.2), rest).radius),
        float(gd.spectrum(gd.methods.alternating(game, 0.2), rest).radius),
    ]
    expected = [np.sqrt((1 - 0.2 * EPS) ** 2 + 0.2**2), 1 - 0.2 * EPS]
    np.testing.assert_allclose(radii, expected, atol=1e-12)
    of_the_flow = np.exp(0.2 * float(gd.spectrum(flow(game), rest).exponents.real.max()))
    assert of_the_flow == pytest.approx(np.exp(-0.2 * EPS), abs=1e-12)
    assert radii[1] < of_the_flow < 1 < radii[0]


# J. Noise


def noisy_bilinear(players: Any, key: Any) -> Any:
    """s x y with additive noise of deviation 0.8 in both gradients."""
    x, y = players
    a, b = 0.8 * jr.normal(key, (2,))
    return 1.5 * x * y + a * x, -1.5 * x * y + b * y


@pytest.mark.slow
def test_noise_adds_up_step_by_step() -> None:
    """J2: E|z_n|^2 = (1 + e^2)^n |z_0|^2 + 2 h^2 sigma^2 ((1 + e^2)^n - 1)/e^2, with fresh noise in
    every step of every realization."""
    h, n = 0.1, 60
    e = 1.5 * h
    growth = (1 + e**2) ** n
    expected = growth + 2 * h**2 * 0.64 * (growth - 1) / e**2
    assert expected == pytest.approx(5.3931003530625, abs=1e-12)  # J2
    rule = gd.methods.simultaneous(gd.games.Custom(noisy_bilinear), h)

    def square(key: Any) -> Any:
        x, y = gd.simulate(rule, (1.0, 0.0), np.array([0, n]), key=key).final.players
        return x**2 + y**2

    squares = jax.jit(jax.vmap(square))(jr.split(jr.key(5), 20_000))
    error = float(squares.std() / np.sqrt(len(squares)))
    assert float(squares.mean()) == pytest.approx(expected, abs=4 * error)
    assert error < 0.05
