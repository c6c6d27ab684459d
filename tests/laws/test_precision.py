"""As precise as the players is all that is computed of them, whatever is given beside.

Every analysis is asked of players in single precision: of dynamics whose own numbers are double,
and with times, bounds and periods that are. It answers in single precision, to about half of the
digits: what is known in closed form, or what it says of players in double precision.
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
STEP = 0.1

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


def flow(growth: Any, step: Any = STEP) -> gd.AbstractDynamics:
    return GradientFlow(Custom(spiral(growth)))


def rule(growth: Any, step: Any = STEP) -> gd.AbstractDynamics:
    return Descend(Custom(spiral(growth)), jnp.asarray(step, float))


def own(growth: Any, step: Any = STEP) -> gd.AbstractDynamics:
    return Own(spiral(growth), jnp.asarray(step, float))


def line(make: Make) -> gd.Family:
    return gd.family(lambda growth: make(growth))


def turn(at: At) -> Any:
    return gd.cycle(flow(1.0), at(ON), 6.0)


def way(start: Any, ts: Any) -> Any:
    """Where the flow of the spiral of growth 1 is: r^2 / (1 - r^2) grows by e^(2 t)."""
    x, y = start
    square, angle = x**2 + y**2, np.arctan2(y, x) + ts
    r = np.sqrt(1 / (1 + (1 / square - 1) * np.exp(-2 * ts)))
    return r * np.cos(angle), r * np.sin(angle)


def way_in_steps(start: Any, n: int) -> Any:
    """Where steps of 0.1 along it are."""
    z = [complex(*start)]
    for _ in range(n):
        z.append(z[-1] * (1 + STEP * (1 - abs(z[-1]) ** 2 + 1j)))
    return np.real(z), np.imag(z)


def slopes(x: float, y: float) -> Any:
    """The derivative of the spiral of growth 1."""
    return [[1 - 3 * x**2 - y**2, -1 - 2 * x * y], [1 - 2 * x * y, 1 - x**2 - 3 * y**2]]


def arrows(x: Any, y: Any) -> Any:
    """Steps of 0.1 along it."""
    grows = 1 - x**2 - y**2
    return STEP * np.stack([grows * x - y, grows * y + x])


def multiplied(growth: Any, step: Any) -> Any:
    """The exponents at the origin of steps along the spiral."""
    return np.log1p(step * (growth + np.array([1j, -1j])))


def first_beyond(bound: float) -> Any:
    return TIMES[np.abs(way(NEAR, TIMES)).max(axis=0) > bound][0]


# Steps keep to the circle on which |1 + h (g - r^2) + i h| = 1: at g on that of no radius.
LOST = (1 - np.sqrt(1 - STEP**2)) / STEP
RADII = np.sqrt([1 + (1 - np.sqrt(1 - h**2)) / h for h in (0.05, 0.1)])

Told = Callable[[Any], Any]

# Of each: what is analysed, how, and what is known of what is told; either kind of dynamics for
# half of them.
OF_DYNAMICS: dict[str, tuple[Make, Callable[[Make, At], Any], Told | None]] = {
    "simulate": (
        flow,
        lambda make, at: gd.simulate(make(1.0), at(ON), TIMES),
        lambda found: (found.players, way(ON, TIMES)),
    ),
    "spectrum": (
        own,
        lambda make, at: gd.spectrum(make(1.0), at(ORIGIN)),
        lambda found: (found.exponents, multiplied(1.0, STEP)),
    ),
    "jacobian": (
        flow,
        lambda make, at: gd.jacobian(make(1.0), at(NEAR)),
        lambda found: (found, slopes(*NEAR)),
    ),
    "equilibrium": (
        own,
        lambda make, at: gd.equilibrium(make(1.0), at(NEAR)),
        lambda found: (found.players, ORIGIN),
    ),
    "equilibria": (
        flow,
        lambda make, at: gd.equilibria(make(1.0), at(ORIGIN), BOX, starts=16),
        lambda found: (found.players, np.zeros((2, 1))),
    ),
    "fixed_point": (
        own,
        lambda make, at: gd.fixed_point(make(1.0), at(ORIGIN), tolerance=1e-3),
        None,
    ),
    "transient": (
        flow,
        lambda make, at: gd.transient(make(1.0), at(ORIGIN), TIMES[:3]),
        lambda found: (found.amplification, np.exp(TIMES[:3])),
    ),
    "lyapunov": (
        flow,
        lambda make, at: gd.lyapunov(make(1.0), at((0.6, 0.8)), TIMES),
        lambda found: (found.exponents, [0, -2]),
    ),
    "settles_on": (
        own,
        lambda make, at: gd.settles_on(make(-1.0), at(ON), 400.0),
        lambda found: ((found.low, found.high, found.kind), (ORIGIN, ORIGIN, 0)),
    ),
    "escape_time": (
        flow,
        lambda make, at: gd.escape_time(make(1.0), at(NEAR), TIMES, 0.5),
        lambda found: (found, first_beyond(0.5)),
    ),
    "portrait": (
        own,
        lambda make, at: gd.portrait(make(1.0), at(ORIGIN), BOX, nodes=7),
        lambda found: (found.arrows, arrows(*np.meshgrid(found.x, found.y))),
    ),
    "basins": (
        flow,
        lambda make, at: (lambda found: (found, found.shares, found.errors, found.boundary))(
            gd.basins(make(-1.0), at(ORIGIN), BOX, nodes=3, duration=400.0)
        ),
        lambda found: ((found[0].low, *found[1:]), ([ORIGIN], [1.0], [0.0], 0.0)),
    ),
    "cost": (own, lambda make, at: gd.cost(make(1.0), at(ON)).gradients, None),
    "cycle": (flow, lambda make, at: turn(at), lambda found: (found.period, TURN)),
    "circle": (
        own,
        lambda make, at: gd.circle(make(1.0), at(ON), 60.0),
        lambda found: (found.rotation, np.arcsin(STEP) / TURN),
    ),
    "circles": (
        own,
        lambda make, at: gd.circles(
            gd.family(lambda step: make(1.0, step)), turn(at), {"step": [0.05, 0.1]}
        ),
        lambda found: (found.radius, RADII),
    ),
    "critical": (
        own,
        lambda make, at: gd.critical(line(make), at(ORIGIN), {"growth": (-0.5, 1.0)}),
        lambda found: (found.parameter, -LOST),
    ),
    "fastest": (
        flow,
        lambda make, at: gd.fastest(line(make), at(ORIGIN), {"growth": (-0.5, 1.0)}),
        lambda found: (found.growth, -0.5),
    ),
    "stability_map": (
        own,
        lambda make, at: gd.stability_map(
            gd.family(make), at(ORIGIN), {"growth": [-1.0, 1.0], "step": [0.1, 0.2]}
        ),
        lambda found: (
            found.exponents,
            [[multiplied(g, h) for h in (0.1, 0.2)] for g in (-1.0, 1.0)],
        ),
    ),
    "continuation": (
        flow,
        lambda make, at: gd.continuation(
            line(make), at(ORIGIN), {"growth": (-0.5, 1.0)}, resolution=4
        ),
        lambda found: ([b.parameter for b in found.bifurcations], [0.0]),
    ),
}

GAME = gd.games.zero_sum(lambda x, y: x * y + x**2 / 4 - y**2 / 4)
GRID = np.linspace(-1, 1, 5)

OF_GAMES: dict[str, Callable[[At], Any]] = {
    "classify": lambda at: gd.classify(GAME, at(ORIGIN), tolerance=1e-3),
    "exploitability": lambda at: gd.exploitability(GAME, at(NEAR), (GRID, GRID)),
    "frame": lambda at: gd.frame(gd.games.dirac(), at(NEAR), GRID),
    "leader": lambda at: gd.leader(at(np.eye(2))),
    "rotation": lambda at: gd.rotation(gd.simulate(rule(1.0), at(ON), np.arange(41))),
    "tabulate": lambda at: gd.tabulate(GAME, at(GRID), at(GRID)),
    "values": lambda at: gd.values(at(np.eye(2))),
}


def single(tree: Any) -> Any:
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), tree)


def double(tree: Any) -> Any:
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), tree)


def numbers(tree: Any) -> list[Any]:
    return [x for x in jax.tree.leaves(tree) if eqx.is_array(x)]


def agree(ask: Callable[[At], Any], told: Told | None = None) -> None:
    found = ask(single)
    assert not {x.dtype for x in numbers(found)} & {jnp.dtype(float), jnp.dtype(complex)}
    if told is None:
        ours, known = numbers(found), numbers(ask(double))
    else:
        ours, known = told(found)
        ours, known = jax.tree.leaves(ours), jax.tree.leaves(known)
        ours, known = (np.concatenate([np.ravel(x) for x in part]) for part in (ours, known))
    assert len(ours) == len(known)
    for one, two in zip(ours, known, strict=True):
        assert_allclose(one, two, rtol=2e-3, atol=2e-3)


SLOW = {"basins", "continuation", "critical", "cycle", "equilibria", "fastest", "lyapunov"}
NAMES = [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in OF_DYNAMICS]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_analysis_is_as_precise_as_the_players(name: str) -> None:
    make, ask, told = OF_DYNAMICS[name]
    agree(lambda at: ask(make, at), told)


def test_steps_of_gandyns_own_are_as_precise_as_the_players() -> None:
    ts = np.arange(41)
    agree(
        lambda at: gd.simulate(rule(1.0), at(ON), ts),
        lambda found: (found.players, way_in_steps(ON, 40)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_GAMES)
def test_an_analysis_of_a_game_is_as_precise_as_the_players(name: str) -> None:
    agree(OF_GAMES[name])


def test_every_analysis_is_asked() -> None:
    functions = {name for name, _ in inspect.getmembers(analyses, inspect.isfunction)}
    assert functions | {"simulate"} == set(OF_DYNAMICS) | set(OF_GAMES)


@pytest.mark.slow
def test_what_follows_a_bifurcation_is_as_precise_as_the_players() -> None:
    def born(at: At) -> Any:
        fam, bounds = line(flow), {"growth": (-0.5, 1.0)}
        (hopf,) = gd.continuation(fam, at(ORIGIN), bounds, resolution=4).bifurcations
        cycles = gd.continuation(fam, hopf, bounds, resolution=4)
        again = gd.continuation(fam, turn(at), {"growth": (0.5, 1.0)}, start=1.0, resolution=4)
        return cycles, again

    def told(found: Any) -> Any:
        squares = [sum(np.asarray(x) ** 2 for x in branch.players) for branch in found]
        periods = [branch.period for branch in found]
        growths = [np.asarray(branch.parameter) for branch in found]
        return (squares, periods), (growths, [np.full(len(g), TURN) for g in growths])

    agree(born, told)
