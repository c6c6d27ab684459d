"""Claim: the generic game, losses and all, computes what a hand-derived loop does, at its speed.

Left, alternating steps on ensembles of Dirac-GANs in single precision: through `GAN`, `alternating`
and `simulate`, and as the two lines that one would derive by hand. Right, first-order methods on a
GAN of two networks, beside simultaneous steps: the speed to expect is theirs over the number of
gradients that `gandyn.cost` counts. All run side by side; ratios of times are recorded, not tested,
because machines are noisy.
"""

import dataclasses
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

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
    width: int = 128
    """Of the networks, which have two hidden layers."""
    trained: int = 40
    """Training steps of the networks."""
    methods: int = 10
    """How many of the methods are timed."""


QUICK = Options(steps=100, members=(64, 4096), repeats=3, width=16, trained=4, methods=3)

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


def best_times(calls: list[Callable[[], Any]], repeats: int) -> np.ndarray:
    """Seconds that each call takes at best, all in turns."""

    def seconds(call: Callable[[], Any]) -> float:
        begin = time.perf_counter()
        jax.block_until_ready(call())
        return time.perf_counter() - begin

    return np.min([[seconds(call) for call in calls] for _ in range(repeats)], axis=0)


def networks(width: int) -> tuple[gd.games.GAN, Any]:
    """Eight modes on a ring, in batches of 256."""
    key = jr.key(0)
    sizes = {"width_size": width, "depth": 2, "key": key}
    theta, generator = gd.networks.partition(eqx.nn.MLP(2, 2, **sizes))
    psi, discriminator = gd.networks.partition(eqx.nn.MLP(2, "scalar", **sizes))
    data = gd.measures.Sampled(gd.measures.ring(8).sample, 256)
    latent = gd.measures.Sampled(lambda key, n: jr.normal(key, (n, 2), jnp.float32), 256)
    players = jax.tree.map(lambda x: x.astype(jnp.float32), (theta, psi))
    return gd.games.GAN(generator, discriminator, data, latent), players


def first_order(ledger: Ledger, options: Options) -> dict[str, float]:
    """Of each method, its speed in units of what its gradients predict."""
    game, players = networks(options.width)
    rules = {
        "simultaneous": gd.methods.simultaneous(game, 0.01),
        "alternating": gd.methods.alternating(game, 0.01),
        "optimistic": gd.methods.optimistic(game, 0.01),
        "negative momentum": gd.methods.negative_momentum(game, 0.01),
        "Adam": gd.methods.simultaneous(game, optax.adam(1e-3)),
        "extragradient": gd.methods.extragradient(game, 0.01),
        "ExtraAdam": gd.methods.extra_adam(game, 1e-3),
        "Runge-Kutta": gd.methods.runge_kutta(game, 0.01),
        "lookahead": gd.methods.lookahead(gd.methods.simultaneous(game, 0.01), 5, 0.5),
        "five steps of D": gd.methods.alternating(game, 0.01, (1, 5)),
    }
    rules = dict(list(rules.items())[: options.methods])
    costs = [gd.cost(rule, players, key=jr.key(1)) for rule in rules.values()]
    for name, cost in zip(rules, costs, strict=True):
        ledger.state(f"{name}: second-order products", cost.products, 0)

    def trained(rule: gd.rules.AbstractRule) -> Callable[[], Any]:
        run = eqx.filter_jit(
            lambda players: gd.simulate(
                rule, players, np.array([0, options.trained]), key=jr.key(1)
            )
        )
        jax.block_until_ready(run(players))
        return lambda: run(players)

    times = best_times([trained(rule) for rule in rules.values()], options.repeats)
    found = {}
    for name, cost, t in zip(rules, costs, times, strict=True):
        found[name] = float(times[0] * cost.total / costs[0].total / t)
        ledger.record(f"{name}: speed over what {cost.total} gradients predict", found[name])
    return found


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
        calls = [partial(form, *start) for form in forms.values()]
        best = best_times(calls, options.repeats)
        for name, t in zip(forms, best, strict=True):
            speed[name].append(members * options.steps / t / 1e6)
        for name, t in list(zip(forms, best, strict=True))[:-1]:
            ledger.record(f"{members} members: generic speed over {name}", t / best[-1])
    relative = first_order(ledger, options)

    fig, (left, right) = plots.figure(1, 2, size=(7.0, 2.6))
    for name, values in speed.items():
        left.semilogx(options.members, values, "o-", label=name)
    left.set(
        xlabel="trajectories in the ensemble",
        ylabel="million training steps per second",
        ylim=(0, None),
    )
    left.legend()
    right.barh(list(relative), list(relative.values()), color=plots.COLORS["discriminator"])
    right.axvline(1, color=plots.COLORS["theory"], lw=0.7)
    right.set(xlabel="speed over what its gradients predict")
    right.invert_yaxis()
    plots.save(fig, out)
    return ledger
