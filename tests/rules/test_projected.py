"""Every method rests where its problem is solved: with projected steps, where the variational
inequality <v(z), u - z> <= 0 holds for all u in the players' sets."""

import functools
import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from generic import assert_close
from scipy.optimize import linprog

import gandyn as gd
from gandyn import methods
from gandyn.fields import Gradient
from gandyn.rules import Descend, Extra, Repeat, Sequential, projected


def box(z):
    return jnp.clip(z, -0.5, 0.4)


def simplex(z):
    """Held, Wolfe, Crowder, "Validation of subgradient optimization", 1974."""
    down = jnp.sort(z)[::-1]
    excess = (jnp.cumsum(down) - 1) / jnp.arange(1, z.size + 1, dtype=z.dtype)
    return jnp.maximum(z - excess[jnp.sum(down > excess) - 1], 0)


class Quadratic(eqx.Module):
    """x^T A y + |x|^2_B/2 - |y|^2_C/2 + b x - c y; the numbers are leaves, so that all these games
    are one program."""

    A: jax.Array
    B: jax.Array
    C: jax.Array
    b: jax.Array
    c: jax.Array

    def __call__(self, x, y):
        curved = jnp.sum(x * (self.B @ x)) / 2 - jnp.sum(y * (self.C @ y)) / 2
        return jnp.sum(x * (self.A @ y)) + curved + jnp.sum(self.b * x) - jnp.sum(self.c * y)


def quadratic(seed, n=3):
    """min_x max_y of a random one, and its field in numpy."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n, n))
    B, C = (m @ m.T / n + 0.3 * np.eye(n) for m in rng.normal(size=(2, n, n)))
    b, c = 2 * rng.normal(size=(2, n))

    def field(x, y):
        return -(A @ y + B @ x + b), A.T @ x - C @ y - c

    return gd.games.zero_sum(Quadratic(*map(jnp.asarray, (A, B, C, b, c)))), field


def matrix_game(seed, n=3):
    """A bilinear game on simplices that has one equilibrium."""
    payoff = np.random.default_rng(seed).normal(size=(n, n))
    return gd.games.bilinear(payoff), lambda x, y: (-payoff @ y, payoff.T @ x), payoff


@functools.cache
def solved(seed, *projections, n=3):
    """The solution of a strongly monotone variational inequality on a product of sets."""
    field, onto = quadratic(seed)[1], [jax.jit(projection) for projection in projections]

    def moved(z, velocity):
        pairs = zip(onto, z, velocity, strict=True)
        return tuple(np.asarray(project(a + 0.1 * v)) for project, a, v in pairs)

    z = tuple(np.full((2, n), 1 / n))
    for _ in range(20_000):
        new = moved(z, field(*moved(z, field(*z))))
        if max(np.max(np.abs(a - b)) for a, b in zip(z, new, strict=True)) < 1e-16:
            break
        z = new
    assert residual(field, projections, z) < 1e-12
    return z


def residual(field, projections, z):
    """The natural residual, |P(z + v(z)) - z|."""
    moved = zip(projections, z, field(*z), strict=True)
    ends = (projection(jnp.asarray(a + v)) - a for projection, a, v in moved)
    return float(max(np.max(np.abs(e)) for e in ends))


# method: the rule from a game and the projected step of everybody. Those whose steps have a rate
# for each number, and so rest elsewhere on sets that mix numbers, are for boxes.
METHODS = {
    "simultaneous": methods.simultaneous,
    "alternating": methods.alternating,
    "extragradient": methods.extragradient,
    "optimistic": methods.optimistic,
    "proximal_point": methods.proximal_point,
    "consensus": lambda game, step: methods.consensus(game, step, 0.2),
    "symplectic": methods.symplectic,
    "competitive": methods.competitive,
    "linearized_competitive": methods.linearized_competitive,
    "lola": methods.lola,
    "sos": methods.sos,
    "lead": lambda game, step: methods.lead(game, step, 0.3, 0.05),
    "follow_the_ridge": methods.follow_the_ridge,
    "stackelberg": methods.stackelberg,
    "drift_cancelled": methods.drift_cancelled,
    "heavy_ball": lambda game, step: methods.heavy_ball(game, step, 0.3),
    "complex_momentum": methods.complex_momentum,
    "negative_momentum": methods.negative_momentum,
    "lookahead": lambda game, step: methods.lookahead(methods.alternating(game, step), 3, 0.5),
    "unrolled": lambda game, step: methods.unrolled(game, step, 3, step),
    "runge_kutta": methods.runge_kutta,
}
FOR_BOXES = {
    "optimistic_adam": methods.optimistic_adam,
    "extra_adam": methods.extra_adam,
}
VARIANTS = {
    "alternating, max-min": lambda game, step: methods.alternating(game, step, (2, 1), (0, 1)),
    "extragradient, another look": lambda game, step: methods.extragradient(game, step, 0.07),
    "lola, another look": lambda game, step: methods.lola(game, step, 0.02),
    "sos, another look": lambda game, step: methods.sos(game, step, 0.02),
    "symplectic, aligned": lambda game, step: methods.symplectic(game, step, align=True),
    "foreseen": lambda game, step: methods.unrolled(game, step, 3, step, backpropagate=False),
    "both unrolled": lambda game, step: methods.unrolled(game, step, 2, step, (0, 1)),
    "Extra": lambda game, step: Extra(Descend(Gradient(game), step)),
    "the other leads": lambda game, step: methods.stackelberg(game, step, 1),
    "averaged": lambda game, step: gd.rules.Averaged(methods.optimistic(game, step)),
    "repeated": lambda game, step: Repeat(methods.extragradient(game, step), 2),
}
CONSTRAINED_BY_THEMSELVES = {"hedge", "fictitious_play", "best_response"}


def test_every_method_is_held_to_the_law():
    public = {
        name
        for name, value in vars(methods).items()
        if inspect.isfunction(value)
        and value.__module__ == methods.__name__
        and not name.startswith("_")
    }
    assert public == METHODS.keys() | FOR_BOXES.keys() | CONSTRAINED_BY_THEMSELVES


@eqx.filter_jit
def moves_at(rule, z):
    """How far a step leads away from z, its memory settled there."""
    start = rule.settle(rule.init(tuple(map(jnp.asarray, z))))
    return jnp.max(jnp.stack([jnp.max(jnp.abs(x)) for x in rule.residual(start).players]))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*METHODS, *VARIANTS])
def test_methods_rest_where_the_variational_inequality_is_solved(name):
    """The first player in a box, the second in a simplex, which mixes numbers."""
    sets = (box, simplex)
    steps = tuple(projected(0.05, own) for own in sets)
    for seed in (1, 0):
        game, field = quadratic(seed)
        z = solved(seed, *sets)
        rule = (METHODS | VARIANTS)[name](game, steps)
        assert moves_at(rule, z) < 1e-8
    # And they rest nowhere else.
    end = gd.simulate(rule, (jnp.full(3, 0.3), jnp.full(3, 1 / 3)), [0, 2500]).final.players
    assert residual(field, sets, tuple(map(np.asarray, end))) < 1e-8
    assert_close(end, z, 1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adam", *FOR_BOXES])
def test_adam_rests_in_boxes_where_the_inequality_is_solved(name):
    """Up to its own steps, whose size does not go to zero with the gradient."""
    game, _ = quadratic(2)
    h = 1e-3
    rule = (
        methods.simultaneous(game, projected(optax.adam(h, b1=0.0), box))
        if name == "adam"
        else FOR_BOXES[name](game, projected(h, box))
    )
    end = gd.simulate(rule, (jnp.zeros(3), jnp.zeros(3)), [0, 10_000]).final.players
    assert_close(end, solved(2, box, box), 10 * h)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [methods.extragradient, methods.optimistic])
def test_matrix_games_on_simplices_are_solved(make, seed):
    """Projected extragradient and optimistic steps, against a linear program."""
    game, _, payoff = matrix_game(seed)
    end = gd.simulate(
        make(game, projected(0.2, simplex)), (jnp.full(3, 1 / 3), jnp.full(3, 1 / 3)), [0, 20_000]
    )
    x, y = map(np.asarray, end.final.players)
    # min t: payoff^T x <= t
    program = linprog(
        [0, 0, 0, 1], np.c_[payoff.T, -np.ones(3)], np.zeros(3), [[1, 1, 1, 0]], [1],
        [(0, None)] * 3 + [(None, None)],
    )  # fmt: skip
    assert max(payoff.T @ x) - min(payoff @ y) < 1e-10  # the duality gap
    assert max(payoff.T @ x) == pytest.approx(program.fun, abs=1e-9)


CLIPPED = gd.games.zero_sum(lambda x, y: (x - 3) ** 2 / 2 + x * y)
"""min_x max_{|y| <= 1}: solved at (2, 1)."""


def clip(y):
    return jnp.clip(y, -1, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["simultaneous", "optimistic", "proximal_point", "competitive", "lead", "stackelberg"]
)
def test_one_player_on_a_wall(name):
    """The other is free, and the wall is not smooth in any direction that it has."""
    h = 0.2
    steps = (projected(h, lambda x: x), projected(h, clip))
    rule = METHODS[name](CLIPPED, steps)
    assert moves_at(rule, (2.0, 1.0)) < 1e-12


def test_a_number_for_one_and_a_projected_step_for_the_other():
    rule = methods.alternating(CLIPPED, (0.5, projected(0.5, clip)), repeats=(1, 3))
    assert_close(gd.simulate(rule, (0.3, -0.2), [0, 200]).final.players, (2.0, 1.0), 1e-12)


def test_the_clipped_critic_of_a_wgan_turns_its_generator_at_one():
    """Clipped after each of its own steps, the critic's weight is at the wall when the generator
    moves: theta falls by h a step from where the critic has turned."""
    game = gd.games.dirac(gd.losses.wasserstein)
    own = methods.alternating(game, (0.1, projected(0.1, clip)), repeats=(1, 5))
    path = gd.simulate(own, (1.0, 0.0), np.arange(400)).players[1]
    assert float(jnp.max(jnp.abs(path))) == 1.0


@eqx.filter_jit
def moved(rules, start):
    """Each of some rules, three steps on."""

    def end(rule):
        return jax.lax.fori_loop(0, 3, lambda _, state: rule.step(state), rule.init(start)).players

    return [end(rule) for rule in rules]


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS | FOR_BOXES)
def test_without_walls_in_reach_methods_are_what_they_are_without(name):
    """A projection that does nothing changes nothing."""
    game, _ = quadratic(3)
    make = (METHODS | FOR_BOXES)[name]
    rules = (make(game, 0.05), make(game, projected(0.05, lambda z: z)))
    free, held = moved(rules, (jnp.full(3, 0.1), jnp.full(3, -0.2)))
    assert_close(held, free, 1e-10)


def test_steps_end_in_the_set_exactly():
    game, _ = quadratic(4)
    for make in (methods.simultaneous, methods.optimistic, methods.extragradient):
        path = gd.simulate(make(game, projected(0.3, box)), (jnp.zeros(3),) * 2, np.arange(50))
        for player in path.players:
            assert float(jnp.max(player)) <= 0.4
            assert float(jnp.min(player)) >= -0.5


def test_projected_steps_are_optax_transformations():
    step = projected(optax.sgd(0.5, momentum=0.9), clip)
    z = jnp.asarray(0.8)
    move, _ = step.update(jnp.asarray(-1.0), step.init(z), z)
    assert_close(move, 0.2)
    chained = optax.chain(optax.clip(0.1), projected(1.0, clip))
    move, _ = chained.update(jnp.asarray(-1.0), chained.init(z), z)
    assert_close(move, 0.1)


def test_bounds_can_be_swept():
    """A projection that holds its bound, within a transformation."""

    def end(bound):
        step = projected(0.5, lambda y: jnp.clip(y, -bound, bound))
        return gd.simulate(methods.extragradient(CLIPPED, (0.5, step)), (0.0, 0.0), [0, 200])

    bounds = jnp.asarray([0.5, 1.0, 1.5])
    assert_close(jax.vmap(lambda b: end(b).final.players[0])(bounds), 3 - bounds, 1e-12)


@pytest.mark.slow
def test_three_players_in_their_sets():
    """A chain of three, each drawn to twice the one before, in [-1, 1]."""
    game = gd.games.Custom(
        lambda z, key: (
            (z[0] - 3) ** 2 / 2 + z[0] * z[1] / 4,
            (z[1] - 2 * z[0]) ** 2 / 2,
            (z[2] - 0.3 * z[1]) ** 2 / 2,
        )
    )
    for make in (methods.simultaneous, methods.extragradient, methods.proximal_point):
        rule = make(game, projected(0.2, clip))
        assert_close(gd.simulate(rule, (0.0,) * 3, [0, 400]).final.players, (1, 1, 0.3), 1e-9)
    turns = methods.alternating(game, projected(0.2, clip), (1, 1, 1), (0, 1, 2))
    assert_close(gd.simulate(turns, (0.0,) * 3, [0, 400]).final.players, (1, 1, 0.3), 1e-9)


@pytest.mark.slow
def test_natural_is_the_residual_and_its_flow_stays_inside():
    game, field = quadratic(5)
    z = solved(5, box, box)
    natural = gd.fields.NaturalMap(Gradient(game), projected(1.0, box))
    assert residual(field, (box, box), z) == pytest.approx(
        max(float(jnp.max(jnp.abs(r))) for r in natural(tuple(map(jnp.asarray, z)))), abs=1e-12
    )
    flow = gd.flows.GradientFlow(natural)
    path = gd.simulate(flow, (jnp.full(3, 0.4), jnp.full(3, -0.5)), np.linspace(0, 100, 50))
    assert float(jnp.max(jnp.abs(box(path.players[0]) - path.players[0]))) < 1e-7
    assert_close(path.final.players, z, 1e-6)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: projected("a", clip), TypeError, "`step`"),
        (lambda: projected(-0.1, clip), ValueError, "`step` must not be negative"),
        (lambda: projected(0.1, 1.0), TypeError, "projection"),
        (lambda: projected(projected(0.1, clip), clip), TypeError, "projected already"),
        (
            lambda: methods.extragradient(CLIPPED, projected(optax.adam(0.1), clip)),
            TypeError,
            "projected optax transformation",
        ),
        (
            lambda: methods.heavy_ball(CLIPPED, projected(0.1, clip), nesterov=True),
            ValueError,
            "nesterov",
        ),
        (
            lambda: gd.simulate(
                methods.simultaneous(CLIPPED, projected(0.1, lambda y: (y, y))), (1.0, 1.0), [0, 1]
            ),
            ValueError,
            "what `projection` returns",
        ),
    ],
)
def test_wrong_projections_are_refused_in_words(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_projection_of_all_players_after_the_step_rests_elsewhere():
    """Why the projection belongs into the step."""

    def both(z):
        return z[0], clip(z[1])

    after = Sequential(methods.extragradient(CLIPPED, 0.5), gd.rules.Project(both))
    end = gd.simulate(after, (0.3, -0.2), [0, 400]).final.players
    assert_close(end, (1.0, 1.0), 1e-10)
