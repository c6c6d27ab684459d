"""A dynamics that is neither rule nor flow, by the contract alone, goes through every analysis.

r' = r (g - r^2), a' = 1 in the plane is solved in closed form, with the circle r = sqrt g as its
limit: what it settles on, its multipliers and its exponents are known, and no integrator is asked.
"""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array
from numpy.testing import assert_allclose

import gandyn as gd
from gandyn import analyses

ORIGIN = (0.0, 0.0)
START = (0.4, 0.1)
BOX = (-1.5, 1.5)
STEP = 0.8


class Solved(gd.AbstractDynamics):
    """The solution of r' = r (g - r^2), a' = 1, in Cartesian coordinates."""

    unit: ClassVar[str] = "unit time"
    growth: Array

    def init(self, players: Any) -> gd.State:
        return gd.State(players)

    def evolve(
        self, state: Any, ts: Any, key: Any = None, observe: Callable[[Any], Any] = lambda s: s
    ) -> Any:
        x, y = state.players
        g = self.growth
        square = x**2 + y**2

        def at(t: Array) -> Any:
            scale = 1 / jnp.sqrt(jnp.exp(-2 * g * t) - square * jnp.expm1(-2 * g * t) / g)
            c, s = jnp.cos(t), jnp.sin(t)
            return observe(gd.State((scale * (c * x - s * y), scale * (s * x + c * y))))

        ts = self.clock.times(ts)
        return jax.vmap(at)(ts - ts[0])

    def residual(self, state: Any, key: Any = None) -> gd.State:
        x, y = state.players
        grows = self.growth - x**2 - y**2
        return gd.State((grows * x - y, grows * y + x))


class Strobed(Solved):
    """The same, seen now and then: what it does in one step."""

    unit: ClassVar[str] = "step"
    step: Any = STEP

    def evolve(
        self, state: Any, ts: Any, key: Any = None, observe: Callable[[Any], Any] = lambda s: s
    ) -> Any:
        ts = jnp.asarray(self.clock.times(ts))
        time = self.step * ts.astype(state.players[0].dtype)
        return Solved(self.growth).evolve(state, time, key, observe)

    def residual(self, state: Any, key: Any = None) -> gd.State:
        new = self.evolve(state, [0, 1], key)
        return jax.tree.map(lambda xs, x: xs[1] - x, new, state)


ONE = jnp.asarray(1.0)
SEMIFLOW = Solved(ONE)
FAMILY = gd.family(Solved)
TURN = 2 * np.pi


def near(found: Any, exact: Any) -> None:
    assert_allclose(found, exact, atol=1e-7)


def simulate() -> None:
    path = gd.simulate(SEMIFLOW, START, [0.0, 50.0])
    near(path.players[0][-1] ** 2 + path.players[1][-1] ** 2, 1)


def spectrum() -> None:
    seen = gd.spectrum(SEMIFLOW, ORIGIN)
    near(seen.exponents, [1 + 1j, 1 - 1j])
    assert seen.unit == "unit time"
    assert not seen.stable


def jacobian() -> None:
    near(gd.jacobian(SEMIFLOW, ORIGIN), [[1, -1], [1, 1]])


def equilibrium() -> None:
    found = gd.equilibrium(SEMIFLOW, START)
    assert found.converged
    near(found.players, ORIGIN)


def equilibria() -> None:
    near(gd.equilibria(SEMIFLOW, ORIGIN, BOX, starts=16).players, np.zeros((2, 1)))


def fixed_point() -> None:
    Type = gd.results.FixedPoint.Type
    assert gd.fixed_point(SEMIFLOW, ORIGIN).type == Type.FOCUS


def transient() -> None:
    near(gd.transient(SEMIFLOW, ORIGIN, [0.0, 1.0]).amplification, [1, np.e])


def lyapunov() -> None:
    found = gd.lyapunov(SEMIFLOW, (1.0, 0.0), np.linspace(0, 100, 101))
    near(found.exponents, [0, -2])


def cycle() -> None:
    found = gd.cycle(SEMIFLOW, (0.9, 0.2), 6.0)
    assert found.converged
    near(found.period, TURN)
    assert_allclose(found.multipliers, [1, np.exp(-2 * TURN)], rtol=1e-6)


def settles_on() -> None:
    found = gd.settles_on(SEMIFLOW, START, 200.0)
    assert found.kind == found.Kind.CYCLE
    near(found.period, TURN)
    assert_allclose(found.high, 1, atol=1e-3)


def escape_time() -> None:
    assert 1 < gd.escape_time(SEMIFLOW, START, np.linspace(0, 10, 1001), 0.9) < 3


def portrait() -> None:
    found = gd.portrait(SEMIFLOW, ORIGIN, BOX, nodes=9)
    assert not len(found.legs)
    assert len(found.nullclines[0])


def basins() -> None:
    found = gd.basins(SEMIFLOW, ORIGIN, BOX, nodes=6, duration=200.0)
    near(found.shares, [1])
    assert_allclose(found.high[0], 1, atol=1e-2)


def cost() -> None:
    assert gd.cost(SEMIFLOW, START).total == 0  # there is no game in it


def critical() -> None:
    found = gd.critical(FAMILY, ORIGIN, {"growth": (-0.5, 1.0)})
    near(found.parameter, 0)
    assert found.kind == "Hopf"


def fastest() -> None:
    near(gd.fastest(FAMILY, ORIGIN, {"growth": (-2.0, -1.0)}).growth, -2)


def stability_map() -> None:
    fam = gd.family(lambda a, b: Solved(a + b))
    found = gd.stability_map(fam, ORIGIN, {"a": [-1.0, 1.0], "b": [-0.5, 0.5]})
    np.testing.assert_array_equal(found.stable, [[True, True], [False, False]])


def continuation() -> None:
    rest = gd.continuation(FAMILY, ORIGIN, {"growth": (-0.5, 1.0)}, resolution=8)
    (hopf,) = rest.bifurcations
    assert hopf.kind == "Hopf"
    assert hopf.supercritical
    born = gd.continuation(FAMILY, hopf, {"growth": (-0.5, 1.0)}, resolution=8)
    near(born.period, TURN)
    assert_allclose(born.high[0], np.sqrt(np.maximum(born.parameter, 0)), rtol=1e-4)


def circle() -> None:
    found = gd.circle(Strobed(ONE), (0.9, 0.2), 8.0)
    near(found.rotation, STEP / TURN)
    near(found.radius, 1)
    assert_allclose(found.multipliers, [1, np.exp(-2 * TURN)], rtol=1e-6)


def circles() -> None:
    turn = gd.cycle(SEMIFLOW, (0.9, 0.2), 6.0)
    found = gd.circles(gd.family(lambda h: Strobed(ONE, h)), turn, {"h": [0.1, 0.3]})
    near(found.rotation, np.array([0.1, 0.3]) / TURN)
    near(found.radius, [1, 1])


PROBES = {
    f.__name__: f
    for f in (
        *(simulate, spectrum, jacobian, equilibrium, equilibria, fixed_point, transient, lyapunov),
        *(cycle, settles_on, escape_time, portrait, basins, cost, critical, fastest),
        *(stability_map, continuation, circle, circles),
    )
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBES)
def test_a_kind_of_ones_own_goes_through(name):
    PROBES[name]()


def test_every_analysis_of_a_dynamics_is_tried():
    asked = {
        name
        for name, function in inspect.getmembers(analyses, inspect.isfunction)
        if next(iter(inspect.signature(function).parameters)) in ("dynamics", "family")
    }
    assert asked == set(PROBES) - {"simulate"}


@pytest.mark.slow
def test_a_map_of_ones_own_in_steps():
    strobed = Strobed(ONE)
    assert_allclose(
        gd.spectrum(strobed, ORIGIN).exponents, STEP * np.array([1 + 1j, 1 - 1j]), atol=1e-12
    )
    found = gd.settles_on(strobed, START, 512)
    assert found.kind == found.Kind.CYCLE
    assert found.unit == "step"
    assert_allclose(found.period, TURN / STEP, rtol=1e-6)
    with pytest.raises(TypeError, match="whose time goes in steps"):
        gd.circle(SEMIFLOW, START, 8.0)


def test_the_unit_is_one_of_two():
    class Epochs(Solved):
        unit: ClassVar[str] = "epoch"

    with pytest.raises(ValueError, match='"step" or "unit time", but is \'epoch\''):
        gd.spectrum(Epochs(ONE), ORIGIN)
