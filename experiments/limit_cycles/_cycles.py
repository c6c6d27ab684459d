"""The cycles of a game's flow, and the circles that they become in steps."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np

import gandyn as gd
from experiments._panels import Found, side_by_side
from gandyn.results import Circle, Cycle

from ._options import Options, step_sizes

FINE = gd.flows.Integrator(rtol=1e-11, atol=1e-11, adjoint=dfx.ForwardMode())
RULES = {
    "simultaneous": gd.methods.simultaneous,
    "alternating": gd.methods.alternating,
    "extragradient": gd.methods.extragradient,
}
LESS_DAMPED = {"simultaneous": 1, "alternating": 0, "extragradient": -1}


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A game with cycles."""

    name: str
    game: gd.games.AbstractGame
    center: tuple[float, float]
    """Near the equilibrium that they go round."""
    starts: Mapping[str, tuple[float, float]]
    """A point near each; where one "repels", time runs backwards to reach it."""
    nodes: Mapping[str, int]
    """At how many points the circles are held."""

    @property
    def flow(self) -> gd.flows.GradientFlow:
        return gd.flows.GradientFlow(gd.fields.Gradient(self.game), FINE)

    @property
    def rest(self) -> tuple[Any, Any]:
        return gd.equilibrium(self.flow, self.center).players

    def rule(self, name: str, h: Any) -> gd.rules.AbstractRule:
        return RULES[name](self.game, h)


def measure(case: Case, options: Options) -> Found:
    kinds = list(case.starts)
    cycles = side_by_side(lambda kind: cycle(case, kind), kinds, "cycles")
    found = {kind: around(case, turn) for kind, turn in zip(kinds, cycles, strict=True)}
    chains = [(kind, rule) for kind in kinds for rule in options.rules]

    def follow(chain: tuple[str, str]) -> Circle:
        kind, rule = chain
        return circles(case, kind, rule, found[kind]["cycle"], step_sizes(options))

    for (kind, rule), of in zip(chains, side_by_side(follow, chains, "circles"), strict=True):
        found[kind]["circles"][rule] = of
    return {"rest": tuple(map(float, case.rest)), "kinds": found}


def cycle(case: Case, kind: str) -> Cycle:
    near = start = case.starts[kind]
    if kind == "repels":
        near = gd.simulate(case.flow, start, np.array([0.0, -400.0])).final.players
    found = gd.cycle(case.flow, near, 6.5)
    if not found.converged:
        raise RuntimeError(f"no cycle was found from {start}")
    return found


def around(case: Case, turn: Cycle) -> Found:
    """One turn of a cycle at equally spaced times, its radius, and the mean divergence there."""
    ts = jnp.linspace(0, 1, 513) * turn.period
    path = np.stack(gd.simulate(case.flow, turn.players, ts).players, -1)[:-1]
    field = gd.fields.Gradient(case.game)

    def divergence(point: Any) -> Any:
        return jnp.trace(jax.jacfwd(lambda z: jnp.stack(field((z[0], z[1]))))(point))

    return {
        "cycle": turn,
        "path": path,
        "radius": float(np.sqrt(np.var(path, axis=0).sum())),
        "divergence": float(jax.vmap(divergence)(jnp.asarray(path)).mean()),
        "circles": {},
    }


def circles(case: Case, kind: str, rule: str, turn: Cycle, steps: Any) -> Circle:
    """What a cycle becomes with growing steps."""
    return gd.circles(family(case, rule), turn, {"step_size": steps}, nodes=case.nodes[kind])


@cache
def family(case: Case, rule: str) -> gd.Family:
    return gd.family(lambda step_size: case.rule(rule, step_size))


def radii(found: Circle) -> np.ndarray:
    """Of the circles that there are."""
    return np.asarray(found.radius[found.converged])


def periods(found: Circle) -> np.ndarray:
    """Theirs, in steps."""
    return np.asarray(found.period[found.converged])
