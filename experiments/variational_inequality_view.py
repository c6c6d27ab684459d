"""Claim: on the clipped bilinear game gradient steps cycle for ever, while their averages,
extragradient and optimistic steps converge, the latter two at the rates of the bilinear game.

Left and middle, theta phi from (2, 0.5) with phi clipped to [-1, 1]: Gidel, Berard, Vignoud,
Vincent, Lacoste-Julien, "A Variational Inequality Perspective on Generative Adversarial Networks",
2019. Right, a linear WGAN that learns the mean (3, 4) of its data, with clipped gradient steps and
with optimistic ones: Daskalakis, Ilyas, Syrgkanis, Zeng, "Training GANs with Optimism", 2018. Every
step of the discriminator ends between its walls, those that only look ahead as well.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import methods, plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    step: float = 0.1
    """Of simultaneous and alternating steps."""
    averaged: float = 2.0
    """c in the step c/sqrt(t) of the simultaneous steps that are averaged."""
    optimistic: float = 0.5
    """Step size of optimistic steps (extrapolation from the past)."""
    extragradient: float = 0.6
    """Step size of extragradient."""
    iterations: int = 100
    """How long theta phi is played."""
    wgan_step: float = 0.1
    """Step size on the WGAN."""
    wgan_iterations: int = 1000
    """How long the WGAN is trained."""


QUICK = Options(wgan_iterations=600)

START = (2.0, 0.5)
MEAN = np.array([3.0, 4.0])
GAME = gd.games.zero_sum(lambda theta, phi: theta * phi)
COLORS = {
    **plots.COLORS,
    "averaged": plots.PALETTE["orange"],
    "optimistic": plots.PALETTE["green"],
}


def clipped(step: Any) -> tuple[Any, Any]:
    """A step for each, the discriminator's weights in [-1, 1]."""
    return step, gd.rules.projected(step, lambda phi: jnp.clip(phi, -1, 1))


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    fig, (plane, decay, wgan) = plots.figure(1, 3, size=(7.0, 2.7))
    bilinear(options, ledger, plane, decay)
    linear_wgan(options, ledger, wgan)
    plots.save(fig, out)
    return ledger


def bilinear(options: Options, ledger: Ledger, plane: Any, decay: Any) -> None:
    steps = np.arange(options.iterations + 1)

    def slower(t: Any) -> Any:
        return options.averaged / jnp.sqrt(t + 1.0)

    rules = {
        "simultaneous": methods.simultaneous(GAME, clipped(options.step)),
        "alternating": methods.alternating(GAME, clipped(options.step)),
        "averaged": methods.simultaneous(GAME, clipped(optax.sgd(slower))),
        "optimistic": methods.optimistic(GAME, clipped(options.optimistic)),
        "extragradient": methods.extragradient(GAME, clipped(options.extragradient)),
    }
    far = {}
    for name, rule in rules.items():
        path = np.stack(gd.simulate(rule, START, steps).players)
        if name == "averaged":
            last = np.hypot(*path)
            path = np.cumsum(path, axis=1) / (steps + 1)
        far[name] = np.hypot(*path)
        color = COLORS[name]
        plane.plot(*path, color=color, lw=0.8, label=name)
        decay.semilogy(steps, far[name], color=color, label=name)
    plane.plot(*START, "o", mfc="white", mec="#222222", ms=3.5, mew=0.8, zorder=3)
    plane.plot(0, 0, "*", color="#222222", ms=5, zorder=3)
    plane.axhspan(1, 1.7, color="#dddddd", lw=0)
    plane.axhspan(-1.7, -1, color="#dddddd", lw=0)
    plane.set(xlabel=r"$\theta$", ylabel=r"$\varphi$, clipped", aspect="equal")
    plane.set(xlim=(-1.2, 2.2), ylim=(-1.7, 1.7), xticks=(-1, 0, 1, 2), yticks=(-1, 0, 1))
    decay.set(xlabel="iteration", ylabel="distance to the equilibrium", xlim=(0, steps[-1]))
    decay.set_ylim(1e-14, 10)
    decay.legend(loc="lower left", fontsize=6)

    turn = int(2 * np.pi / options.step)
    for name in ("simultaneous", "alternating"):
        # Clipping lets go of the wall at (0, 1), and gradient steps never come nearer than that.
        nearest = far[name][-turn:].min()
        ledger.state(f"{name}: keeps away from the equilibrium", bool(nearest > 0.9), True)
        ledger.record(f"{name}: nearest in the last turn", nearest)
    half = options.iterations // 2
    ledger.state(
        "averaged: nearer than the last iterate", bool(far["averaged"][-1] < last[-1] / 2), True
    )
    ledger.record("averaged: distance of the average", far["averaged"][-1])
    ledger.record("averaged: distance of the last iterate", last[-1])
    e = options.extragradient
    factor = (far["extragradient"][-1] / far["extragradient"][half]) ** (1 / half)
    theory = np.sqrt(1 - e**2 + e**4)
    ledger.compare("extragradient: factor per iteration", factor, theory, 1e-10)
    # At h s = 1/2 the multiplier is double: a path decays as t rho^t.
    found = gd.spectrum(rules["optimistic"], (0.0, 0.0)).radius
    ledger.compare("optimistic: factor, from the spectrum", found, past(options.optimistic), 1e-7)
    factor = (far["optimistic"][-1] / far["optimistic"][half]) ** (1 / half)
    ledger.compare(
        "optimistic: factor per iteration, from the path", factor, past(options.optimistic), 0.02
    )


def past(e: float) -> float:
    """The largest multiplier of optimistic steps on a bilinear game, e = h s."""
    if e <= 0.5:
        return float(np.sqrt((1 + np.sqrt(1 - 4 * e**2)) / 2))
    return float(np.hypot(0.5, e + np.sqrt(4 * e**2 - 1) / 2))


def linear_wgan(options: Options, ledger: Ledger, ax: Any) -> None:
    """x = theta + z against D(x) = <w, x>: the bilinear game around (v, 0)."""
    game = gd.games.GAN(
        lambda theta, z: theta + z,
        lambda w, x: jnp.sum(w * x),
        gd.measures.gaussian(MEAN, 1.0, nodes=2),
        gd.measures.gaussian([0.0, 0.0], 1.0, nodes=2),
        gd.losses.wasserstein,
    )
    h, steps = options.wgan_step, np.arange(options.wgan_iterations + 1)
    start = ([1.7, 1.7], [1.4, 1.4])
    rules = {
        "simultaneous": methods.simultaneous(game, clipped(h)),
        "alternating": methods.alternating(game, clipped(h)),
        "optimistic": methods.optimistic(game, h),
    }
    for name, rule in rules.items():
        theta, w = (np.asarray(p) for p in gd.simulate(rule, start, steps).players)
        wrong = np.linalg.norm(theta - MEAN, axis=1)
        label = name if name == "optimistic" else f"{name}, clipped"
        ax.semilogy(steps, wrong, color=COLORS[name], lw=0.9, label=label)
        if name == "optimistic":
            distance = np.hypot(wrong, np.linalg.norm(w, axis=1))
            half = len(steps) // 2
            factor = (distance[-1] / distance[half]) ** (1 / (steps[-1] - steps[half]))
            ledger.compare("WGAN, optimistic: factor per step", factor, past(h), 1e-5)
        else:
            turn = int(2 * np.pi / h)
            ledger.state(
                f"WGAN, {name} and clipped: goes on turning", bool(wrong[-turn:].max() > 0.9), True
            )
            ledger.record(f"WGAN, {name} and clipped: amplitude", wrong[-turn:].max())
    ax.set(xlabel="step", ylabel=r"$|\theta - v|$ of the WGAN", xlim=(0, steps[-1]))
    ax.legend(loc="lower left", fontsize=6)
