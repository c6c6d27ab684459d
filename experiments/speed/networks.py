"""First-order methods on a GAN of two networks, beside simultaneous steps: the speed to expect is
theirs over the number of gradients that `gandyn.cost` counts."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots

from ._options import Options
from ._timing import best_times


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


def measure(options: Options) -> Found:
    """Of each method what it costs, and the seconds that it takes."""
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

    def trained(rule: gd.rules.AbstractRule) -> Callable[[], Any]:
        run = eqx.filter_jit(
            lambda players: gd.simulate(
                rule, players, np.array([0, options.trained]), key=jr.key(1)
            )
        )
        jax.block_until_ready(run(players))
        return lambda: run(players)

    times = best_times([trained(rule) for rule in rules.values()], options.repeats)
    costs = [gd.cost(rule, players, key=jr.key(1)) for rule in rules.values()]
    return {
        name: {"products": cost.products, "gradients": cost.total, "seconds": float(t)}
        for name, cost, t in zip(rules, costs, times, strict=True)
    }


def relative(found: Found) -> dict[str, float]:
    """Of each method, its speed in units of what its gradients predict."""
    first = next(iter(found.values()))
    unit = first["seconds"] / first["gradients"]
    return {name: unit * of["gradients"] / of["seconds"] for name, of in found.items()}


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    for name, of in found.items():
        ledger.state(f"{name}: second-order products", of["products"], 0)
    for name, speed in relative(found).items():
        predicted = f"what {found[name]['gradients']} gradients predict"
        ledger.record(f"{name}: speed over {predicted}", speed)


def draw(options: Options, found: Found, ax: Any) -> None:
    speeds = relative(found)
    ax.barh(list(speeds), list(speeds.values()), color=plots.COLORS["discriminator"])
    ax.axvline(1, color=plots.COLORS["theory"], lw=0.7)
    ax.set(xlabel="speed over what its gradients predict")
    ax.invert_yaxis()
