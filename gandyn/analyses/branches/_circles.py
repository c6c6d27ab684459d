"""Invariant circles followed through step sizes: what a limit cycle of a flow becomes in rules.

In steps of size h a cycle of period T is near a circle of T / h steps, which is found by Newton's
method, attracting or not, from the one for the step size before. It ends where it meets another
circle, or shrinks to the equilibrium as that changes its stability (Neimark-Sacker). Kuznetsov,
"Elements of Applied Bifurcation Theory", sections 4.7 and 7.3.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ... import _checks as checks
from ..._compiled import compiled
from ..._door import begin
from ..._family import Family, Line, checked_family
from ..._phase import State, as_precise
from ..._types import Key
from ..orbits._circle import Circle, circle
from ..orbits._cycle import Cycle
from ._stability_map import values

_JUMP = 0.7  # a relative change of the radius from one step size to the next: it is another circle


def circles(
    family: Family,
    players: Cycle,
    axes: Mapping[str, Any],
    *,
    key: Key = None,
    nodes: int = 65,
    max_steps: int = 64,
) -> Circle:
    """The invariant circles that the limit cycle of a flow becomes in steps of growing size; not to
    be traced. All that is known of them has a leading axis for the step sizes. From where there is
    none any more, or only another one of quite another radius, `converged` is false and the rest
    nan.

        orbit = gandyn.cycle(GradientFlow(Gradient(game)), players, 6.3)
        fam = gandyn.family(lambda step_size: gandyn.methods.simultaneous(game, step_size))
        found = gandyn.circles(fam, orbit, {"step_size": np.linspace(0.01, 0.2, 20)})

    **Arguments:**

    - `family`: rules, such as those of a method by its step size.
    - `players`: the cycle of the flow that they follow for small steps, as `gandyn.cycle` finds it.
    - `axes`: the step sizes, `{"step_size": array}`, the first of them small and the others in the
      order in which the circle is to be followed.
    - `key`, `nodes`, `max_steps`: as in `gandyn.circle`.
    """
    line, steps = _line(family, axes)
    checks.untraced("`gandyn.circles`", players, steps)
    cycle = checks.instance(
        "players", players, Cycle, "a limit cycle", "`gandyn.cycle(flow, ...)` finds one"
    )
    if cycle.unit == "step" or not cycle.converged:
        raise ValueError(
            "`players` must be the cycle of a flow, and found, but "
            + ("is one of a rule." if cycle.unit == "step" else "has not converged.")
        )
    _, state = begin(line(steps[0]), cycle.players, key, settled=True)
    steps, time = as_precise((steps, cycle.period), state)
    found: list[Circle] = []
    for h in steps:
        if not found or found[-1].converged:
            new = _circle(line, h, state, time, key, nodes, max_steps)
            if found and jnp.abs(new.radius / found[-1].radius - 1) > _JUMP:
                new = _none(new)
        else:
            new = _none(found[-1])
        state, time = jax.tree.map(lambda x: x[0], new.states), h * new.period
        found.append(new)
    return jax.tree.map(lambda *each: jnp.stack(each), *found)


def _line(family: Family, axes: Mapping[str, Any]) -> tuple[Line, Array]:
    checked_family(family)
    checks.mapping("axes", axes, '{"step_size": array}')
    if len(axes) != 1:
        raise ValueError(
            f"`axes` must name one number, the step size, but names {len(axes)}: {tuple(axes)}. "
            "Fix the others by `family.at`."
        )
    ((name, steps),) = axes.items()
    return Line(family, name), values(name, steps)


@compiled
def _circle(
    line: Line, h: Array, state: State, time: Array, key: Key, nodes: int, max_steps: int
) -> Circle:
    return circle(line(h), state, time / h, key=key, nodes=nodes, max_steps=max_steps)


def _none(like: Circle) -> Circle:
    """What is known of a circle that there is not."""
    return jax.tree.map(lambda x: jnp.full_like(x, False if x.dtype == bool else jnp.nan), like)
