"""Costs: what the definitions of the methods say, and how costs add up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import damped, normal_gan, normal_players, three_losses, three_players

import gandyn as gd
from gandyn import methods
from gandyn.fields import Gradient
from gandyn.rules import Repeat, Sequential

GAME = gd.games.zero_sum(lambda x, y: x @ y + jnp.sum(x**2) / 5 - jnp.sum(jnp.cos(y)) / 10)
START = (jnp.ones(2), jnp.array([0.3, 0.4]))

# Of methods with a map on a linear field, the costs are in `gandyn.theory`, and held to there.
COSTS = {
    "extra_adam": (methods.extra_adam(GAME, 0.1), (2, 2), 0),
    "optimistic_adam": (methods.optimistic_adam(GAME, 0.1), (1, 1), 0),
    "min-max play": (methods.alternating(GAME, 0.1, (1, 3)), (1, 3), 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COSTS)
def test_methods_cost_what_their_formulas_say(name):
    rule, gradients, products = COSTS[name]
    cost = gd.cost(rule, START)
    assert tuple(cost.gradients) == gradients
    assert cost.products == products
    assert cost.total == sum(gradients) + 2 * products
    assert str(cost) == (
        f"gradients of each player: {gradients[0]}, {gradients[1]}; products: {products}; "
        f"total: {cost.total}"
    )


def test_costs_of_moves_add_up():
    one, other = methods.consensus(GAME, 0.1, 0.1), methods.alternating(GAME, 0.1, (2, 1))
    both = gd.cost(Sequential(one, other, Repeat(one, 3)), START)
    np.testing.assert_array_equal(both.gradients, 4 * np.ones(2) + [2, 1])
    assert both.products == 4 * 2


def test_every_player_counts():
    game = gd.games.Custom(three_losses)
    cost = gd.cost(methods.consensus(game, 0.1, 0.1), three_players())
    assert tuple(cost.gradients) == (1, 1, 1)
    assert cost.products == 3


@pytest.mark.slow
def test_what_a_penalty_differentiates_is_part_of_the_loss():
    gan = gd.games.Penalized(normal_gan(sampled=True), gd.games.R1(0.5))
    cost = gd.cost(methods.extragradient(gan, 0.1), normal_players(), key=jax.random.key(0))
    assert tuple(cost.gradients) == (2, 2)
    assert cost.products == 0


@pytest.mark.slow
def test_many_unknowns_are_solved_for_with_fewer_products_than_a_matrix_has_columns():
    n = 100
    game = gd.games.zero_sum(lambda x, y: jnp.sum((1.0 + jnp.arange(1.0 * n) % 3) * x * y))
    start = (jnp.ones(n), jnp.linspace(1.0, 2.0, n))
    cost = gd.cost(methods.competitive(game, 0.1), start)
    assert tuple(cost.gradients) == (1, 1)
    assert 2 * 3 <= cost.products < 2 * n


def test_equations_that_are_solved_by_iteration_cost_what_it_took():
    """Newton's method on a linear field: one step, and a look at its outcome."""
    game = gd.games.bilinear(jnp.eye(2))
    cost = gd.cost(methods.proximal_point(game, 0.1), START)
    assert cost.gradients.min() >= 2
    assert cost.products >= 2 * 4


@pytest.mark.usefixtures("as_installed")
def test_a_flow_costs_what_its_velocity_does():
    flow = gd.flows.GradientFlow(Gradient(damped()))
    rule = methods.simultaneous(damped(), 0.1)
    of_flow, of_rule = (gd.cost(dynamics, normal_players()) for dynamics in (flow, rule))
    assert of_flow.gradients.tolist() == of_rule.gradients.tolist()
    assert of_flow.products == of_rule.products


def test_misuse_is_refused_in_words():
    with pytest.raises(ValueError, match="`cost` runs on the host and cannot be traced"):
        jax.jit(lambda h: gd.cost(methods.simultaneous(GAME, h), START).gradients)(0.1)
