"""Every public analysis of a game of two coordinates, asked of a rule and of a flow.

The game is x y + e (y^2/2 - y^4/4), whose flow ends on a limit cycle; of consensus steps, whose
strength decides whether the equilibrium attracts, are the families. Another e is another question
of the same structure.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import numpy as np

import gandyn as gd
from gandyn.fields import Consensus, Gradient
from gandyn.flows import GradientFlow

Call = Callable[[], Any]

ALWAYS_COMPILED = {"cost"}  # it counts what a program does, and compiles it for that
SOLVE = "diffeqsolve"  # of the flow's field, as one writes it without this library: the unit
REST, STEP, FLOW, RULE = (0.0, 0.0), 0.1, "flow", "rule"
TIMES = {FLOW: np.linspace(0, 50, 501), RULE: np.arange(501)}
PERIOD = {FLOW: 6.3, RULE: 63}  # about that of the cycle

game = gd.games.almost_bilinear


def start(e: float) -> tuple[float, float]:
    return 1.0, 0.5 + e


def dynamics(kind: str, e: float) -> Any:
    if kind == FLOW:
        return GradientFlow(Gradient(game(e)))
    return gd.methods.alternating(game(e), STEP)


FAMILIES = {
    FLOW: gd.family(lambda e, s: GradientFlow(Consensus(Gradient(game(e)), s))),
    RULE: gd.family(lambda e, s: gd.methods.consensus(game(e), STEP, s)),
}
STRENGTHS = {"s": (0.0, 0.5)}
SIMULTANEOUS = gd.family(lambda e, h: gd.methods.simultaneous(game(e), h))


@eqx.filter_jit
def solved(field: Gradient, players: Any, ts: Any) -> Any:
    """To the tolerances of a flow."""
    return dfx.diffeqsolve(
        dfx.ODETerm(lambda t, players, field: field(players)),
        dfx.Tsit5(),
        t0=ts[0],
        t1=ts[-1],
        dt0=None,
        y0=players,
        args=field,
        saveat=dfx.SaveAt(ts=ts),
        stepsize_controller=dfx.PIDController(rtol=1e-8, atol=1e-8),
    ).ys


def solve(e: float) -> Call:
    players = jax.tree.map(np.asarray, start(e))
    return partial(solved, Gradient(game(e)), players, TIMES[FLOW])


def trajectory(kind: str, e: float) -> gd.results.Trajectory:
    return gd.simulate(dynamics(kind, e), start(e), TIMES[kind])


def circles(e: float) -> Call:
    turn = gd.cycle(dynamics(FLOW, e), start(e), PERIOD[FLOW])
    return partial(gd.circles, SIMULTANEOUS.at(e=e), turn, {"h": np.array([0.01, 0.02])})


def _of_dynamics(kind: str, ask: Callable[..., Call]) -> Callable[[float], Call]:
    return lambda e: ask(dynamics(kind, e), start(e))


def _of_family(kind: str, ask: Callable[..., Call]) -> Callable[[float], Call]:
    return lambda e: ask(FAMILIES[kind], e)


def _of(kind: str) -> dict[str, Callable[[float], Call]]:
    """What is asked of a rule as of a flow."""
    ts = TIMES[kind]
    of_dynamics = {
        "basins": lambda d, z: partial(gd.basins, d, z, nodes=5, duration=200),
        "cycle": lambda d, z: partial(gd.cycle, d, z, PERIOD[kind]),
        "equilibria": lambda d, z: partial(gd.equilibria, d, z, (-1, 1), starts=64),
        "equilibrium": lambda d, z: partial(gd.equilibrium, d, z),
        "escape_time": lambda d, z: partial(gd.escape_time, d, z, ts, 9.0),
        "fixed_point": lambda d, z: partial(gd.fixed_point, d, REST),
        "jacobian": lambda d, z: partial(gd.jacobian, d, z),
        "lyapunov": lambda d, z: partial(gd.lyapunov, d, z, ts),
        "portrait": lambda d, z: partial(gd.portrait, d, z),
        "settles_on": lambda d, z: partial(gd.settles_on, d, z, duration=200),
        "simulate": lambda d, z: partial(gd.simulate, d, z, ts),
        "spectrum": lambda d, z: partial(gd.spectrum, d, REST),
        "transient": lambda d, z: partial(gd.transient, d, z, ts),
        "cost": lambda d, z: partial(gd.cost, d, z),
    }
    of_family = {
        "continuation": lambda f, e: partial(
            gd.continuation, f.at(e=e), REST, STRENGTHS, resolution=4
        ),
        "critical": lambda f, e: partial(gd.critical, f.at(e=e), REST, STRENGTHS),
        "fastest": lambda f, e: partial(gd.fastest, f.at(e=e), REST, STRENGTHS),
        "stability_map": lambda f, e: partial(
            gd.stability_map, f, REST, {"e": [e, 2 * e], "s": [0.0, 0.1]}
        ),
    }
    calls = {name: _of_dynamics(kind, ask) for name, ask in of_dynamics.items()}
    calls |= {name: _of_family(kind, ask) for name, ask in of_family.items()}
    return calls | {"rotation": lambda e: partial(gd.rotation, trajectory(kind, e))}


GAME = "game"
CALLS: dict[str, dict[str, Callable[[float], Call]]] = {
    FLOW: {SOLVE: solve, **_of(FLOW)},
    RULE: {
        **_of(RULE),
        "circle": lambda e: partial(gd.circle, SIMULTANEOUS(e=e, h=STEP), start(e), PERIOD[RULE]),
        "circles": circles,
    },
    GAME: {
        "classify": lambda e: partial(gd.classify, game(e), REST),
        "exploitability": lambda e: partial(gd.exploitability, game(e), start(e)),
        "frame": lambda e: partial(
            gd.frame, gd.games.Noised(gd.games.dirac(), e), start(e), np.linspace(-3, 3, 101)
        ),
        "leader": lambda e: partial(gd.leader, np.array([[1, -e], [-1, 1]])),
        "tabulate": lambda e: partial(gd.tabulate, game(e), np.arange(3.0), np.arange(2.0) + e),
        "values": lambda e: partial(gd.values, np.array([[1, -e], [-1, 1]])),
    },
}
