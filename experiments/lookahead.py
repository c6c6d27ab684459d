"""Claim: on the bilinear game lookahead makes simultaneous steps, which diverge, and alternating
ones, which turn, converge, at no cost in gradients.

x^T y in 100 + 100 dimensions, step 0.3, k = 6 steps and then back by a half: Chavdarova,
Pagliardini, Stich, Fleuret, Jaggi, "Taming GANs with Lookahead-Minmax", 2021. Every method has the
same number of passes, that is of gradients of all players: extragradient needs two for a step, all
others one. On the right, the factor per pass over the whole range of k.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import methods, plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    dimensions: int = 100
    """Parameters of each player."""
    step: float = 0.3
    """Step size of both players."""
    every: int = 6
    """k, the steps between two looks back."""
    fraction: float = 0.5
    """alpha, the part of the way that is kept."""
    passes: int = 240
    """Gradients of all players, for every method."""
    seeds: int = 16
    """Starts."""
    longest: int = 40
    """The largest k on the right."""


QUICK = Options(dimensions=20, passes=120, longest=4)


def distances(rule: gd.rules.AbstractRule, starts: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """To the equilibrium, over time, from every start: shape (starts, time)."""

    def distance(x: Any, y: Any) -> jax.Array:
        path = gd.simulate(rule, (x, y), steps).players
        return jnp.sqrt(sum(jnp.sum(p**2, axis=-1) for p in path))

    return np.asarray(jax.jit(jax.vmap(distance))(*starts))


def run(options: Options, out: Path) -> Ledger:
    e, k, a = options.step, options.every, options.fraction
    ledger = Ledger()
    game = gd.games.bilinear(np.eye(options.dimensions))
    gda = methods.simultaneous(game, e)
    alt = methods.alternating(game, e)
    look: dict[str, Any] = {"every": k, "fraction": a}

    def theory_of(name: str, **hyper: Any) -> float:
        """The factor per step on x y."""
        return gd.theory.METHODS[name].radius(gd.theory.bilinear(1.0), e, **hyper)

    # A rule, the passes that one of its steps takes, and its largest multiplier in theory.
    players = {
        "simultaneous": (gda, 1, theory_of("simultaneous")),
        "alternating": (alt, 1, theory_of("alternating")),
        "optimistic": (methods.optimistic(game, e), 1, theory_of("optimistic")),
        "extragradient": (methods.extragradient(game, e), 2, theory_of("extragradient")),
        "lookahead, simultaneous": (
            methods.lookahead(gda, **look),
            k,
            theory_of("lookahead", **look),
        ),
        "lookahead, alternating": (
            methods.lookahead(alt, **look),
            k,
            theory_of("lookahead", rule="alternating", **look),
        ),
    }
    colors = dict(
        zip(
            players, ("#D55E00", "#0072B2", "#E69F00", "#56B4E9", "#CC79A7", "#009E73"), strict=True
        )
    )

    fig, (decay, sweep) = plots.figure(1, 2, size=(7.0, 2.9), width_ratios=(1.15, 1))
    starts = np.random.default_rng(0).normal(size=(2, options.seeds, options.dimensions))
    for name, (rule, cost, theory) in players.items():
        one = gd.spectrum(rule, (np.ones(options.dimensions), np.ones(options.dimensions)))
        ledger.compare(f"{name}: factor per step, from the spectrum", one.radius, theory, 1e-7)
        steps = np.arange(options.passes // cost + 1)
        distance = distances(rule, starts, steps)
        measured = (distance[:, -1] / distance[:, 0]) ** (1 / steps[-1])
        # The map is not normal, or has memory: its distance swings about the exponential.
        tolerance = 2 / steps[-1]
        for word, value in (("least", measured.min()), ("largest", measured.max())):
            ledger.compare(
                f"{name}: {word} factor per step of all starts", value, theory, tolerance
            )
        fates = ["converges" if f < 1 - 1e-9 else "does not" for f in (theory, one.radius - 1e-12)]
        ledger.state(f"{name}: fate", fates[1], fates[0])
        ledger.record(f"{name}: factor per pass", float(one.radius) ** (1 / cost))
        low, middle, high = np.quantile(distance / distance[:, :1], (0, 0.5, 1), axis=0)
        decay.semilogy(cost * steps, middle, color=colors[name], label=name)
        decay.fill_between(cost * steps, low, high, color=colors[name], alpha=0.25, lw=0)
    decay.set(xlabel="passes", ylabel="distance, of that at the start", xlim=(0, options.passes))
    decay.legend(loc="lower left", fontsize=6)

    small = gd.games.bilinear(np.eye(1))
    every = np.arange(1, options.longest + 1)
    for base in ("simultaneous", "alternating"):
        name = f"lookahead, {base}"
        theory = [
            theory_of("lookahead", rule=base, every=int(n), fraction=a) ** (1 / n) for n in every
        ]
        measured = [
            float(
                gd.spectrum(
                    methods.lookahead(getattr(methods, base)(small, e), int(n), a), ([0.0], [0.0])
                ).radius
            )
            ** (1 / n)
            for n in every
        ]
        ledger.compare(
            f"{name}: largest error over k", np.abs(np.subtract(measured, theory)).max(), 0, 1e-9
        )
        ledger.record(f"{name}: best k", int(every[np.argmin(measured)]))
        sweep.plot(every, theory, color=plots.COLORS["theory"], lw=0.8)
        sweep.plot(every, measured, "o", color=colors[name], ms=2.8, mew=0, label=name)
    for name in ("optimistic", "extragradient"):
        _, cost, theory = players[name]
        sweep.axhline(theory ** (1 / cost), color=colors[name], lw=0.9, label=name)
    sweep.axhline(1, color="#222222", lw=0.6, ls=":")
    sweep.set(xlabel="$k$, steps between two looks back", ylabel="factor per pass")
    sweep.legend(fontsize=6)
    plots.save(fig, out)
    return ledger
