"""Alternating steps on ensembles of Dirac-GANs in single precision: through `GAN`, `alternating`
and `simulate`, and as the two lines that one would derive by hand."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found

from ._options import Options
from ._timing import best_times

STEP = 0.05


def hand_derived(steps: int, data: bool) -> Callable[..., Any]:
    """The loop as one derives it: with the gradient of the data's term, sigmoid(-psi x) x, or
    without, because x = 0 - which no compiler may conclude in floating point."""

    def step(_: Any, players: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        theta, psi = players
        slope = theta * jax.nn.sigmoid(psi * theta)
        if data:
            x = jnp.float32(0.0)
            slope = slope - x * jax.nn.sigmoid(-psi * x)
        psi = psi - jnp.float32(STEP) * slope
        theta = theta + jnp.float32(STEP) * psi * jax.nn.sigmoid(psi * theta)
        return theta, psi

    return jax.jit(lambda theta, psi: jax.lax.fori_loop(0, steps, step, (theta, psi)))


def generic(steps: int) -> Callable[..., Any]:
    rule = gd.methods.alternating(gd.games.dirac(), STEP)

    def train(theta: jax.Array, psi: jax.Array) -> gd.State:
        return gd.simulate(rule, (theta, psi), np.array([0, steps])).final

    return jax.jit(lambda theta, psi: jax.vmap(train)(theta, psi).players)


def measure(options: Options) -> Found:
    """By size of the ensemble, the largest difference and the seconds that each form takes."""
    forms = {
        "hand-derived, data left out": hand_derived(options.steps, data=False),
        "hand-derived": hand_derived(options.steps, data=True),
        "generic": generic(options.steps),
    }
    found = {}
    for members in options.members:
        start = jr.normal(jr.key(0), (2, members), jnp.float32)
        ends = [np.stack(form(*start)) for form in forms.values()]
        best = best_times([partial(form, *start) for form in forms.values()], options.repeats)
        found[members] = {
            "error": max(np.abs(ends[-1] - end).max() for end in ends),
            "seconds": dict(zip(forms, best.tolist(), strict=True)),
        }
    return found


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    for members, of in found.items():
        # Rounding errors of single precision, which turning around the equilibrium does not damp.
        tolerance = 2e-6 * options.steps
        ledger.compare(f"{members} members: largest difference", of["error"], 0, tolerance)
        generic = of["seconds"]["generic"]
        for name, seconds in of["seconds"].items():
            if name != "generic":
                ledger.record(f"{members} members: generic speed over {name}", seconds / generic)


def draw(options: Options, found: Found, ax: Any) -> None:
    for name in next(iter(found.values()))["seconds"]:
        speed = [n * options.steps / of["seconds"][name] / 1e6 for n, of in found.items()]
        ax.semilogx(list(found), speed, "o-", label=name)
    ax.set(
        xlabel="trajectories in the ensemble",
        ylabel="million training steps per second",
        ylim=(0, None),
    )
    ax.legend()
