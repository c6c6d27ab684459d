"""Claim: the generic game, losses and all, computes what a hand-derived loop does, at its speed.

Alternating steps on ensembles of Dirac-GANs in single precision: through `GAN`, `alternating` and
`simulate`, and as the two lines that one would derive by hand. Both run side by side; the ratio of
their times is recorded, not tested, because machines are noisy.
"""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    steps: int = 1000
    """Training steps of every member."""
    members: tuple[int, ...] = (64, 512, 4096, 16384, 65536)
    """Sizes of the ensemble."""
    repeats: int = 15
    """Timings, of which the best counts, taken in turns."""


QUICK = Options(steps=100, members=(64, 4096), repeats=3)

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


def seconds(function: Callable[..., Any], start: jax.Array) -> float:
    begin = time.perf_counter()
    jax.block_until_ready(function(*start))
    return time.perf_counter() - begin


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    forms = {
        "hand-derived, data left out": hand_derived(options.steps, data=False),
        "hand-derived": hand_derived(options.steps, data=True),
        "generic": generic(options.steps),
    }
    speed: dict[str, list[float]] = {name: [] for name in forms}
    for members in options.members:
        start = jr.normal(jr.key(0), (2, members), jnp.float32)
        ends = [np.stack(form(*start)) for form in forms.values()]
        # Rounding errors of single precision, which turning around the equilibrium does not damp.
        error = max(np.abs(ends[-1] - end).max() for end in ends)
        ledger.compare(f"{members} members: largest difference", error, 0, 2e-6 * options.steps)
        times = [[seconds(form, start) for form in forms.values()] for _ in range(options.repeats)]
        best = np.min(times, axis=0)
        for name, t in zip(forms, best, strict=True):
            speed[name].append(members * options.steps / t / 1e6)
        for name, t in zip(forms, best, strict=True):
            ledger.record(f"{members} members: generic speed over {name}", t / best[-1])

    fig, ax = plots.figure()
    for name, values in speed.items():
        ax.loglog(options.members, values, "o-", label=name)
    ax.set(xlabel="trajectories in the ensemble", ylabel="million training steps per second")
    ax.legend()
    plots.save(fig, out)
    return ledger
