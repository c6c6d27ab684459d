"""The whole catalogue on random general-sum games of three, against its matrices written down."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from generic import START_OF_THREE, THREE, one_step, same_set

import gandyn as gd
from gandyn import methods

SIZES = (1, 2, 2)
N = sum(SIZES)
OWNER = np.repeat(np.arange(3), SIZES)
OWN = OWNER[:, None] == OWNER[None, :]
EYE = np.eye(N)
H, C, K, A, B = 0.2, 0.4, 3, 0.3, -0.4
STEPS = (0.1, 0.2, 0.3)
BOTH = np.diag(np.repeat(STEPS, SIZES))
REST = tuple(jnp.zeros(n) for n in SIZES)


def random_fields():
    """v = J z with any blocks, those of each player on itself symmetric, as of a gradient."""
    J = np.random.default_rng(0).normal(size=(4, N, N)) / 2
    return np.where(OWN, (J + J.swapaxes(1, 2)) / 2, J)


def others(J):
    return np.where(OWN, 0, J)


def turns(J):
    """One player after the other, the last one first, player i as often as `repeats` says."""
    found = EYE
    for i, times in ((2, 1), (0, 2), (1, 3)):
        move = EYE + np.diag(i == OWNER) @ BOTH @ J
        found = np.linalg.matrix_power(move, times) @ found
    return found


def shaped(J):
    """chi_i = sum_j (J_ij J_ji)^T z_i: how the others' steps depend on me, times what I care."""
    return np.where(OWN, (others(J) @ others(J)).T, 0)


def runge_kutta(J):
    step = BOTH @ J
    return EYE + step @ (EYE + step / 2 @ (EYE + step / 3 @ (EYE + step / 4)))


def companion(now, before):
    """z_{t+1} = now z_t + before z_{t-1}."""
    return np.block([[now, before], [EYE, 0 * EYE]])


# The method, and its map.
MAPS = {
    "simultaneous": (lambda g: methods.simultaneous(g, STEPS), lambda J: EYE + BOTH @ J),
    "alternating": (lambda g: methods.alternating(g, STEPS, (2, 3, 1), (2, 0, 1)), turns),
    "extragradient": (
        lambda g: methods.extragradient(g, STEPS, 0.5),
        lambda J: EYE + BOTH @ J @ (EYE + 0.5 * J),
    ),
    "runge_kutta": (lambda g: methods.runge_kutta(g, STEPS), runge_kutta),
    "proximal_point": (
        lambda g: methods.proximal_point(g, STEPS),
        lambda J: np.linalg.inv(EYE - BOTH @ J),
    ),
    "consensus": (
        lambda g: methods.consensus(g, STEPS, C),
        lambda J: EYE + BOTH @ (J - C * J.T @ J),
    ),
    "symplectic": (
        lambda g: methods.symplectic(g, STEPS, C),
        lambda J: EYE + BOTH @ (J - C / 2 * (J.T - J) @ J),
    ),
    "linearized_competitive": (
        lambda g: methods.linearized_competitive(g, STEPS),
        lambda J: EYE + BOTH @ (J + others(J) @ BOTH @ J),
    ),
    "drift_cancelled": (
        lambda g: methods.drift_cancelled(g, STEPS),
        lambda J: EYE + BOTH @ (J + others(J) @ BOTH @ J / 2),
    ),
    "lola": (
        lambda g: methods.lola(g, H, C),
        lambda J: EYE + H * (J + C * others(J) @ J + C * shaped(J)),
    ),
    # At rest shaping has faded out.
    "sos": (lambda g: methods.sos(g, H, C), lambda J: EYE + H * (J + C * others(J) @ J)),
    "lookahead": (
        lambda g: methods.lookahead(methods.simultaneous(g, STEPS), K, A),
        lambda J: EYE + A * (np.linalg.matrix_power(EYE + BOTH @ J, K) - EYE),
    ),
}
# And those with a memory of one step, on the players and those before them.
WITH_MEMORY = {
    "optimistic": (
        lambda g: methods.optimistic(g, STEPS),
        lambda J: companion(EYE + 2 * BOTH @ J, -BOTH @ J),
    ),
    "heavy_ball": (
        lambda g: methods.heavy_ball(g, STEPS, B),
        lambda J: companion((1 + B) * EYE + BOTH @ J, -B * EYE),
    ),
    "lead": (
        lambda g: methods.lead(g, STEPS, B, C),
        lambda J: companion(
            (1 + B) * EYE + BOTH @ J + C * others(J), -B * EYE - C * others(J)
        ),
    ),
}  # fmt: skip


def over(fields, function):
    """What a function finds at the rest of each of the games v = J z."""
    games = jax.jit(jax.vmap(lambda J: function(gd.games.quadratic(J, SIZES))))
    return np.asarray(games(jnp.asarray(fields)))


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPS)
def test_maps_are_the_matrices_written_down(name):
    make, matrix = MAPS[name]
    fields = random_fields()
    found = EYE + over(fields, lambda game: gd.jacobian(make(game), REST))
    np.testing.assert_allclose(found, [matrix(J) for J in fields], atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_MEMORY)
def test_spectra_are_those_of_the_matrices_written_down(name):
    make, matrix = WITH_MEMORY[name]
    fields = random_fields()
    found = over(fields, lambda game: gd.spectrum(make(game), REST).multipliers)
    for J, multipliers in zip(fields, found, strict=True):
        same_set(multipliers, np.linalg.eigvals(matrix(J)), 1e-8)


@pytest.mark.parametrize("method", [methods.follow_the_ridge, methods.stackelberg])
def test_methods_of_a_leader_and_a_follower_refuse_a_third(method):
    with pytest.raises(ValueError, match="a game of 2 players, but `players` has 3"):
        one_step(method(THREE, 0.1), START_OF_THREE)
