"""Numbers are leaves: another value is no other program, and many values are one ensemble."""

import inspect
from collections.abc import Callable
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import normal_gan

import gandyn as gd
from gandyn.fields import Consensus, Extrapolated, Gradient, Scaled, Symplectic
from gandyn.flows import GradientFlow, Integrator, MomentumFlow
from gandyn.games import R1, R2, GradientPenalty, Noised, Penalized
from gandyn.rules import Descend, Repeat, TimeMap

traces: list[None] = []
programs: list[float] = []


def listen(event: str, seconds: float, **_: Any) -> None:
    """A note of every program that is compiled, those of single operations included."""
    if event == "/jax/core/compile/backend_compile_duration":
        programs.append(seconds)


jax.monitoring.register_event_duration_secs_listener(listen)


def counted(players: Any, key: Any = None) -> Any:
    """x y, and a note that it was traced."""
    traces.append(None)
    x, y = players
    return x * y, -x * y


GAME = gd.games.Custom(counted)
FIELD = Gradient(GAME)
STEPS, TIMES = np.arange(4), np.array([0.0, 0.5, 1.0])

NUMBERS: dict[str, Callable[[float], Any]] = {
    "step size": lambda x: gd.methods.simultaneous(GAME, x),
    "one of two step sizes": lambda x: gd.methods.alternating(GAME, (0.1, x)),
    "optimistic": lambda x: gd.methods.optimistic(GAME, x),
    "consensus": lambda x: gd.methods.consensus(GAME, 0.1, x),
    "sgd": lambda x: Descend(FIELD, optax.sgd(x)),
    "momentum": lambda x: Descend(FIELD, optax.sgd(0.1, momentum=x)),
    "Adam": lambda x: Descend(FIELD, optax.adam(x)),
    "decay rate of Adam": lambda x: Descend(FIELD, optax.adam(0.1, b1=x)),
    "repeated": lambda x: Repeat(gd.methods.simultaneous(GAME, x), 2),
    "tolerance": lambda x: GradientFlow(FIELD, Integrator(rtol=x**6, atol=x**6)),
    "fixed step": lambda x: GradientFlow(FIELD, Integrator(dt=x)),
    "friction": lambda x: MomentumFlow(FIELD, x, Integrator(dt=0.1)),
    "duration": lambda x: TimeMap(GradientFlow(FIELD, Integrator(solver=dfx.Euler(), dt=0.1)), x),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NUMBERS)
def test_another_number_is_the_same_program(name: str) -> None:
    make = NUMBERS[name]
    results, counts = [], []
    for value in (0.1, 0.2, 0.3):
        dynamics = make(value)
        ts = STEPS if isinstance(dynamics, gd.rules.AbstractRule) else TIMES
        results.append(gd.simulate(dynamics, (1.0, 0.5), ts).final.players[0])
        counts.append(len(traces))
    assert counts[0] == counts[1] == counts[2]
    assert len({float(x) for x in results}) == 3


Start = tuple[float, float]

OF_DYNAMICS: dict[str, Callable[[Any, Start], Any]] = {
    "basins": lambda d, z: gd.basins(d, z, nodes=5, duration=8192),
    "circle": lambda d, z: gd.circle(d, z, 8.0, max_steps=4),
    "cycle": lambda d, z: gd.cycle(d, z, 8, max_steps=4),
    "equilibria": lambda d, z: gd.equilibria(d, z, (-1, 1), starts=8),
    "equilibrium": gd.equilibrium,
    "escape_time": lambda d, z: gd.escape_time(d, z, STEPS, 9.0),
    "fixed_point": gd.fixed_point,
    "jacobian": gd.jacobian,
    "lyapunov": lambda d, z: gd.lyapunov(d, z, STEPS),
    "portrait": lambda d, z: gd.portrait(d, z, nodes=5),
    "settles_on": lambda d, z: gd.settles_on(d, z, duration=8192),
    "spectrum": gd.spectrum,
    "transient": lambda d, z: gd.transient(d, z, STEPS),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no c.* was found")
@pytest.mark.parametrize("name", OF_DYNAMICS)
def test_an_analysis_of_another_number_is_the_same_program(name: str) -> None:
    """They run on the host, for each of many step sizes: what is compiled is kept between calls,
    and nothing is computed on the side by operations that are compiled one by one."""
    traced, compiled = [], []
    for step, start in ((0.1, (1.0, 0.5)), (0.2, (0.8, 0.5)), (0.3, (0.6, 0.4))):
        OF_DYNAMICS[name](gd.methods.extragradient(GAME, step), start)
        traced.append(len(traces))
        compiled.append(len(programs))
    assert traced[0] == traced[1] == traced[2]
    assert compiled[1] == compiled[2]  # the first may not have come to all that is to be done


class Bent(eqx.Module):
    """x y - strength y^2 / 2, and a note that it was traced."""

    strength: Any

    def __call__(self, players: Any, key: Any = None) -> Any:
        traces.append(None)
        x, y = players
        value = x * y - self.strength * y**2 / 2
        return value, -value


FAMILY = gd.family(lambda h, g: gd.methods.simultaneous(gd.games.Custom(Bent(g)), h))

OF_FAMILIES: dict[str, Callable[[Any, float], Any]] = {
    "critical": lambda fam, high: gd.critical(fam, (0.0, 0.0), {"h": (0.1, high)}),
    "fastest": lambda fam, high: gd.fastest(fam, (0.0, 0.0), {"h": (0.1, high)}),
    "continuation": lambda fam, high: gd.continuation(
        fam, (0.0, 0.0), {"h": (0.1, high)}, resolution=4
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_FAMILIES)
def test_a_family_is_one_program(name: str) -> None:
    """Whatever its bounds, and whatever the numbers that are fixed."""
    counts = []
    for strength, high in ((0.2, 3.0), (0.3, 3.5), (0.4, 4.0)):
        OF_FAMILIES[name](FAMILY.at(g=strength), high)
        counts.append(len(traces))
    assert counts[0] == counts[1] == counts[2]


@pytest.mark.slow
def test_a_map_of_a_family_is_one_program() -> None:
    counts = []
    for shift in (0.0, 0.1):
        axes = {"h": jnp.array([0.1, 0.2]) + shift, "g": jnp.array([0.3, 0.4, 0.5]) + shift}
        gd.stability_map(FAMILY, (0.0, 0.0), axes)
        counts.append(len(traces))
    assert counts[0] == counts[1]


OF_GAMES: dict[str, Callable[[Any, Start], Any]] = {
    "classify": gd.classify,
    "exploitability": lambda game, z: gd.exploitability(game, z, (np.arange(3.0),) * 2),
    "tabulate": lambda game, z: gd.tabulate(game, np.arange(3.0) + z[0], np.arange(2.0)),
}


@pytest.mark.parametrize("name", OF_GAMES)
def test_an_analysis_of_another_game_is_the_same_program(name: str) -> None:
    counts = []
    for strength, start in ((0.2, (1.0, 0.5)), (0.3, (0.8, 0.5))):
        OF_GAMES[name](gd.games.Custom(Bent(jnp.asarray(strength))), start)
        counts.append(len(traces))
    assert counts[0] == counts[1]


NOT_COMPILED = {
    "circles": "`circle` for one step size after another",
    "cost": "counts what the program of one step does, and compiles it for that",
    "frame": "a few operations on a grid",
    "leader": "tables on the host",
    "rotation": "asks no dynamics",
    "values": "a linear program on the host",
}


def test_every_analysis_is_counted() -> None:
    every = {name for name, _ in inspect.getmembers(gd.analyses, inspect.isfunction)}
    counted = {*OF_DYNAMICS, *OF_FAMILIES, "stability_map", *OF_GAMES}
    assert every == counted | set(NOT_COMPILED)


def test_another_start_key_and_time_are_the_same_program() -> None:
    rule = gd.methods.simultaneous(GAME, 0.1)
    gd.simulate(rule, (1.0, 0.5), STEPS, key=jax.random.key(0))
    before = len(traces)
    gd.simulate(rule, (2.0, 0.5), STEPS + 7, key=jax.random.key(1))
    assert len(traces) == before
    gd.simulate(rule, (np.float32(2), np.float32(0.5)), STEPS)
    assert len(traces) > before  # another precision is another program: the count does count


def test_building_and_running_inside_of_jit_traces_once() -> None:
    @eqx.debug.assert_max_traces(max_traces=1)
    def run(h: Any, gamma: Any) -> Any:
        game = Penalized(gd.games.dirac(), R1(gamma))
        return gd.simulate(gd.methods.alternating(game, h), (1.0, 1.0), STEPS).final.players

    compiled = eqx.filter_jit(run)
    for h, gamma in [(0.1, 0.3), (0.2, 0.3), (0.1, 0.5)]:
        compiled(jnp.asarray(h), jnp.asarray(gamma))


def test_what_is_asked_of_known_numbers_is_a_part_of_a_program() -> None:
    seen = gd.spectrum(gd.methods.simultaneous(GAME, 0.1), (0.0, 0.0))
    assert jax.jit(lambda _: seen.stable)(0.0) == seen.stable


# What is built: (constructor from one number, how many numbers it holds as leaves)
LEAVES: dict[str, tuple[Callable[[Any], Any], int]] = {
    "R1": (R1, 1),
    "R2": (R2, 1),
    "GradientPenalty": (lambda x: GradientPenalty(x, x), 2),
    "Noised": (lambda x: eqx.tree_at(lambda n: n.game, Noised(normal_gan(), x), None), 1),
    "Scaled": (lambda x: Scaled(FIELD, x), 1),
    "Scaled for each": (lambda x: Scaled(FIELD, (x, x)), 2),
    "Extrapolated": (lambda x: Extrapolated(FIELD, x), 1),
    "Consensus": (lambda x: Consensus(FIELD, x), 1),
    "Symplectic": (lambda x: Symplectic(FIELD, x), 1),
    "Integrator": (lambda x: Integrator(x, x, solver=dfx.Euler(), dt=x), 3),
    "simultaneous": (lambda x: gd.methods.simultaneous(GAME, x), 1),
    "alternating": (lambda x: gd.methods.alternating(GAME, (x, x)), 2),
    "extragradient": (lambda x: gd.methods.extragradient(GAME, x), 2),
    "consensus": (lambda x: gd.methods.consensus(GAME, x, x), 2),
    "bilinear": (lambda x: gd.games.bilinear([[x]]).function, 1),
    "quadratic": (lambda x: gd.games.quadratic([[x]]).function, 1),
    "gaussian": (lambda x: gd.measures.gaussian(x, x, 1), 2),
}


@pytest.mark.parametrize("name", LEAVES)
def test_everything_numeric_is_a_leaf(name: str) -> None:
    make, count = LEAVES[name]
    leaves = jax.tree.leaves(eqx.filter(make(0.1), eqx.is_inexact_array))
    assert len(leaves) == count


def ensemble(make: Callable[[Any, Any], Any], ts: Any) -> None:
    """An ensemble over two numbers, built and run under `vmap`, is the loop over its members."""
    first, second = jnp.array([0.1, 0.4, 0.9]), jnp.array([0.3, 0.2, 0.1])

    def end(a: Any, b: Any) -> Any:
        return jnp.stack(gd.simulate(make(a, b), (-1.0, 1.0), ts).final.players)

    many = eqx.filter_vmap(end)(first, second)
    np.testing.assert_allclose(
        many, [end(a, b) for a, b in zip(first, second, strict=True)], rtol=1e-9
    )
    assert len({float(x) for x in many[:, 0]}) == 3


def penalized(gamma: Any) -> Any:
    return Penalized(gd.games.dirac(), R1(gamma))


ENSEMBLES: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "alternating": (lambda g, h: gd.methods.alternating(penalized(g), (h, 2 * h), (1, 2)), STEPS),
    "momentum": (lambda b, h: Descend(Gradient(penalized(0.1)), optax.sgd(h, momentum=b)), STEPS),
    "noise": (lambda s, h: gd.methods.simultaneous(Noised(penalized(0.1), s, 4), h), STEPS),
    "flow": (lambda g, s: GradientFlow(Scaled(Gradient(penalized(g)), (1.0, s))), TIMES),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENSEMBLES)
def test_ensembles_over_numbers_are_the_loop(name: str) -> None:
    ensemble(*ENSEMBLES[name])


def test_ensembles_of_built_objects() -> None:
    """A dynamics with a leading axis on its leaves *is* an ensemble of dynamics."""
    gammas = jnp.array([0.1, 0.3, 0.9])
    flows = eqx.filter_vmap(lambda g: GradientFlow(Gradient(penalized(g))))(gammas)
    spectra = eqx.filter_vmap(lambda f: gd.spectrum(f, (0.0, 0.0)).exponents)(flows)
    for gamma, exponents in zip(gammas, spectra, strict=True):
        alone = gd.spectrum(GradientFlow(Gradient(penalized(gamma))), (0.0, 0.0)).exponents
        np.testing.assert_allclose(exponents, alone, rtol=1e-12)


@pytest.mark.slow
def test_derivatives_with_respect_to_numbers() -> None:
    """d/dgamma of the leading real part of the Dirac-GAN's flow is -1/2; of the end point of one
    step with respect to its size, the velocity."""

    def decay(gamma: Any) -> Any:
        matrix = gd.jacobian(GradientFlow(Gradient(penalized(gamma))), (0.0, 0.0))
        return jnp.trace(matrix) / 2

    assert float(jax.grad(decay)(0.3)) == pytest.approx(-0.5, abs=1e-14)

    def end(h: Any) -> Any:
        rule = gd.methods.simultaneous(penalized(0.3), h)
        return jnp.stack(gd.simulate(rule, (-1.0, 1.0), np.array([0, 1])).final.players)

    velocity = Gradient(penalized(0.3))((jnp.asarray(-1.0), jnp.asarray(1.0)))
    np.testing.assert_allclose(jax.jacrev(end)(0.1), velocity, rtol=1e-13)
    np.testing.assert_allclose(jax.jacfwd(end)(0.1), velocity, rtol=1e-13)
