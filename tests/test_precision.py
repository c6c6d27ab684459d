"""As precise as the players is all that is computed of them, whatever is given beside.

Every analysis is asked of players in single precision: of dynamics whose own numbers are double,
and with times, bounds and periods that are. It answers in single precision, and says what it says
of players in double precision, to about half of the digits that are left.
"""

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array
from numpy.testing import assert_allclose

import gandyn as gd
from gandyn import analyses
from gandyn.fields import Custom
from gandyn.flows import GradientFlow
from gandyn.rules import Descend

ORIGIN, NEAR, ON = (0.0, 0.0), (0.1, 0.05), (0.9, 0.2)
BOX = (-1.5, 1.5)
TIMES = np.arange(41) / 1
TURN = 2 * np.pi

Make = Callable[..., gd.AbstractDynamics]
At = Callable[[Any], Any]


class Spiral(eqx.Module):
    """r' = r (g - r^2), a' = 1 in the plane. It casts nothing."""

    growth: Array

    def __call__(self, players: Any, key: Any = None) -> Any:
        x, y = players
        grows = self.growth - x**2 - y**2
        return grows * x - y, grows * y + x


class Own(gd.AbstractDynamics):
    """Steps along a field, by the contract alone. It casts nothing either."""

    unit = "step"
    field: Spiral
    size: Array

    def init(self, players: Any) -> gd.State:
        return gd.State(players)

    def residual(self, state: Any, key: Any = None) -> gd.State:
        return gd.State(jax.tree.map(lambda v: self.size * v, self.field(state.players)))

    def evolve(self, state: Any, ts: Any, key: Any = None, observe: Any = lambda s: s) -> Any:
        def step(_: Any, state: gd.State) -> gd.State:
            return jax.tree.map(jnp.add, state, self.residual(state))

        def look(state: gd.State, ends: Any) -> Any:
            start, end = ends
            state = jax.lax.fori_loop(start, end, step, state)
            return state, observe(state)

        ts = jnp.asarray(self.clock.times(ts))
        return jax.lax.scan(look, state, (jnp.append(ts[:1], ts[:-1]), ts))[1]


def spiral(growth: Any) -> Spiral:
    return Spiral(jnp.asarray(growth, float))


def flow(growth: Any, step: Any = 0.1) -> gd.AbstractDynamics:
    return GradientFlow(Custom(spiral(growth)))


def rule(growth: Any, step: Any = 0.1) -> gd.AbstractDynamics:
    return Descend(Custom(spiral(growth)), jnp.asarray(step, float))


def own(growth: Any, step: Any = 0.1) -> gd.AbstractDynamics:
    return Own(spiral(growth), jnp.asarray(step, float))


def line(make: Make) -> gd.Family:
    return gd.family(lambda growth: make(growth))


def turn(at: At) -> Any:
    return gd.cycle(flow(1.0), at(ON), 6.0)


FLOW, STEPS, BOTH, ALL = (flow,), (own,), (flow, own), (flow, rule, own)

OF_DYNAMICS: dict[str, tuple[tuple[Make, ...], Callable[[Make, At], Any]]] = {
    "simulate": (ALL, lambda make, at: gd.simulate(make(1.0), at(ON), TIMES)),
    "spectrum": (ALL, lambda make, at: gd.spectrum(make(1.0), at(ORIGIN)).exponents),
    "jacobian": (BOTH, lambda make, at: gd.jacobian(make(1.0), at(NEAR))),
    "equilibrium": (BOTH, lambda make, at: gd.equilibrium(make(1.0), at(NEAR))),
    "equilibria": (
        BOTH,
        lambda make, at: gd.equilibria(make(1.0), at(ORIGIN), BOX, starts=16).players,
    ),
    "fixed_point": (BOTH, lambda make, at: gd.fixed_point(make(1.0), at(ORIGIN), tolerance=1e-3)),
    "transient": (BOTH, lambda make, at: gd.transient(make(1.0), at(ORIGIN), TIMES[:3])),
    "lyapunov": (BOTH, lambda make, at: gd.lyapunov(make(-0.2), at(ON), TIMES).exponents.sum()),
    "settles_on": (
        BOTH,
        lambda make, at: (lambda end: (end.kind, end.low, end.high))(
            gd.settles_on(make(-1.0), at(ON), 400.0)
        ),
    ),
    "escape_time": (BOTH, lambda make, at: gd.escape_time(make(1.0), at(NEAR), TIMES, 0.5)),
    "portrait": (BOTH, lambda make, at: gd.portrait(make(1.0), at(ORIGIN), BOX, nodes=7).arrows),
    "basins": (
        BOTH,
        lambda make, at: gd.basins(make(-1.0), at(ORIGIN), BOX, nodes=3, duration=400.0).low,
    ),
    "cost": (BOTH, lambda make, at: gd.cost(make(1.0), at(ON)).gradients),
    "cycle": (FLOW, lambda make, at: turn(at).period),
    "circle": (STEPS, lambda make, at: gd.circle(make(1.0), at(ON), 60.0).rotation),
    "circles": (
        STEPS,
        lambda make, at: (
            gd.circles(
                gd.family(lambda step: make(1.0, step)), turn(at), {"step": [0.05, 0.1]}
            ).radius
        ),
    ),
    "critical": (
        BOTH,
        lambda make, at: gd.critical(line(make), at(ORIGIN), {"growth": (-0.5, 1.0)}).parameter,
    ),
    "fastest": (
        BOTH,
        lambda make, at: gd.fastest(line(make), at(ORIGIN), {"growth": (-0.5, 1.0)}).growth,
    ),
    "stability_map": (
        BOTH,
        lambda make, at: gd.stability_map(
            gd.family(make), at(ORIGIN), {"growth": [-1.0, 1.0], "step": [0.1, 0.2]}
        ),
    ),
    "continuation": (
        BOTH,
        lambda make, at: gd.continuation(
            line(make), at(ORIGIN), {"growth": (-0.5, 1.0)}, resolution=4
        ),
    ),
}

GAME = gd.games.zero_sum(lambda x, y: x * y + x**2 / 4 - y**2 / 4)
GRID = np.linspace(-1, 1, 5)

OF_GAMES: dict[str, Callable[[At], Any]] = {
    "classify": lambda at: gd.classify(GAME, at(ORIGIN), tolerance=1e-3),
    "exploitability": lambda at: gd.exploitability(GAME, at(NEAR), (GRID, GRID)),
    "frame": lambda at: gd.frame(gd.games.dirac(), at(NEAR), GRID),
    "leader": lambda at: gd.leader(at(np.eye(2))),
    "rotation": lambda at: gd.rotation(gd.simulate(flow(1.0), at(ON), TIMES)),
    "tabulate": lambda at: gd.tabulate(GAME, at(GRID), at(GRID)),
    "values": lambda at: gd.values(at(np.eye(2))),
}


def single(tree: Any) -> Any:
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), tree)


def double(tree: Any) -> Any:
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), tree)


def agree(ask: Callable[[At], Any]) -> None:
    ours, known = (jax.tree.leaves(ask(at)) for at in (single, double))
    ours, known = ([x for x in leaves if eqx.is_array(x)] for leaves in (ours, known))
    assert not {x.dtype for x in ours} & {jnp.dtype(float), jnp.dtype(complex)}
    for one, two in zip(ours, known, strict=True):
        assert_allclose(one, two, rtol=2e-3, atol=2e-3)


WAYS = [(name, make) for name, (makers, _) in OF_DYNAMICS.items() for make in makers]


@pytest.mark.parametrize(("name", "make"), WAYS)
def test_an_analysis_is_as_precise_as_the_players(name: str, make: Make) -> None:
    agree(lambda at: OF_DYNAMICS[name][1](make, at))


@pytest.mark.parametrize("name", OF_GAMES)
def test_an_analysis_of_a_game_is_as_precise_as_the_players(name: str) -> None:
    agree(OF_GAMES[name])


def test_every_analysis_is_asked() -> None:
    functions = {name for name, _ in inspect.getmembers(analyses, inspect.isfunction)}
    assert functions | {"simulate"} == set(OF_DYNAMICS) | set(OF_GAMES)


def test_what_follows_a_bifurcation_is_as_precise_as_the_players() -> None:
    def born(at: At) -> Any:
        fam, bounds = line(flow), {"growth": (-0.5, 1.0)}
        (hopf,) = gd.continuation(fam, at(ORIGIN), bounds, resolution=4).bifurcations
        cycles = gd.continuation(fam, hopf, bounds, resolution=4)
        again = gd.continuation(fam, turn(at), {"growth": (0.5, 1.0)}, start=1.0, resolution=4)
        return cycles.period[:4], again.period[:3]

    agree(born)
