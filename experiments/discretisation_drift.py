"""Claim: one training step leaves the plain flow by an error of order two and its modified flow by
one of order three, whatever the rule, and the modified flow tells which orders of play converge.

Left, one step of seven rules on a general-sum game against both flows, over a range of step sizes.
Middle and right, the settings of Rosca, Wu, Dherin, Barrett, "Discretization Drift in Two-Player
Games", 2021: x' = -eps x + y, y' = -x - eps y, where the order of play alone decides, and the
Dirac-GAN, where the flow keeps the distance to the equilibrium that simultaneous steps increase.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import methods, plots

Rule = Literal[
    "simultaneous",
    "alternating",
    "extragradient",
    "proximal point",
    "consensus",
    "competitive",
    "lookahead",
]


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    smallest: float = 2e-3
    """The smallest step size; the largest is 32 times as long."""
    sizes: int = 11
    """How many step sizes."""
    rules: tuple[Rule, ...] = get_args(Rule)
    """On the left, those of `RULES`."""
    dirac_steps: int = 1000
    """Steps of size 0.1 on the Dirac-GAN."""


QUICK = Options(sizes=4, rules=("extragradient",), dirac_steps=200)

# Nothing is differentiated through the solutions, which spares much of the compilation.
FORWARD = dfx.ForwardMode()
FINE = gd.flows.Integrator(rtol=1e-10, atol=1e-12, adjoint=FORWARD)
STEPPER = gd.flows.Integrator(solver=gd.flows.RK4(), dt=0.5, adjoint=FORWARD)

# Each has the plain flow in the time h as its limit.
RULES: dict[str, Callable[[Any, Any], gd.rules.AbstractRule]] = {
    "simultaneous": methods.simultaneous,
    "alternating": methods.alternating,
    "extragradient": methods.extragradient,
    "proximal point": methods.proximal_point,
    "consensus": lambda game, h: methods.consensus(game, h, h),
    "competitive": methods.competitive,
    "lookahead": lambda game, h: methods.lookahead(methods.simultaneous(game, h), 3, 1 / 3),
}
MARKERS = "os^vD<>"


def general_sum(players: Any, key: Any = None) -> Any:
    """Neither zero-sum nor quadratic."""
    x, y = players
    return (
        jnp.sin(x) * y + 0.3 * x**2 * y + 0.1 * x**4,
        -jnp.cos(y) * x + 0.2 * y**2 * (1 + x) + 0.1 * y**3,
    )


GAME = gd.games.Custom(general_sum)
START = (jnp.asarray(0.4), jnp.asarray(0.9))


def errors(name: str, h: Any) -> jax.Array:
    """How far the end of one step is from the plain flow's and from the modified flow's."""
    rule = RULES[name](GAME, h)
    end = rule.step(gd.State(START)).players
    plain = gd.flows.GradientFlow(gd.fields.Scaled(gd.fields.Gradient(GAME), h), STEPPER)
    ts = np.array([0.0, 1.0])
    nears = [
        gd.simulate(flow, START, ts).final.players
        for flow in (plain, gd.flows.modified(rule, STEPPER))
    ]
    return jnp.stack([jnp.hypot(near[0] - end[0], near[1] - end[1]) for near in nears])


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    fig, (order, play, dirac) = plots.figure(1, 3, size=(7.0, 2.8), width_ratios=(1.2, 1, 1))
    orders_of_error(options, ledger, order)
    order_of_play(ledger, play)
    drift_on_the_dirac_gan(options, ledger, dirac)
    plots.save(fig, out)
    return ledger


def orders_of_error(options: Options, ledger: Ledger, ax: Any) -> None:
    h = options.smallest * np.geomspace(1, 32, options.sizes)
    short = slice(0, (options.sizes + 1) // 2)
    colors = dict(zip(("plain", "modified"), ("#D55E00", "#0072B2"), strict=True))
    for name, marker in zip(options.rules, MARKERS, strict=False):
        found = np.asarray(jax.jit(jax.vmap(lambda h, name=name: errors(name, h)))(h))
        for (flow, color), order, error in zip(colors.items(), (2, 3), found.T, strict=True):
            slope = np.polyfit(np.log(h[short]), np.log(error[short]), 1)[0]
            ledger.compare(f"{name}: order of the error in the {flow} flow", slope, order, 0.2)
            ax.loglog(h, error, marker, color=color, ms=2.6, mfc="none", mew=0.6)
        ax.plot([], [], marker, color="#222222", ms=2.6, mfc="none", mew=0.6, label=name)
    for (flow, color), order, scale in zip(colors.items(), (2, 3), (0.8, 1.2), strict=True):
        ax.loglog(h, scale * h**order, color=color, lw=0.8, label=f"{flow} flow: slope {order}")
    ax.legend(loc="lower right", handletextpad=0.4, labelspacing=0.2, fontsize=6)
    ticks = h[0] * np.array([1, 2, 4, 8, 16, 32])
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set(xlabel="step size $h$", ylabel="error of one step", ylim=(h[0] ** 3 / 100, None))


def order_of_play(ledger: Ledger, ax: Any) -> None:
    """Both settings of the linear game; the second is drawn."""
    h, steps = 0.2, np.arange(301)
    for eps, start in ((0.2, ([0.08], [-0.05])), (0.09, ([0.07], [-0.09]))):
        J = np.array([[-eps, 1.0], [-1.0, -eps]])
        game = gd.games.quadratic(J)
        for name, order in (("simultaneous", {}), ("alternating", {"order": (0, 1)})):
            radius = gd.theory.METHODS[name].radius(J, h, **order)
            rule = getattr(methods, name)(game, h, **order)
            flow = gd.flows.modified(rule, FINE)
            setting = f"eps {eps}, {name}"
            measured = float(gd.spectrum(rule, start).radius)
            ledger.compare(f"{setting}: factor per step", measured, radius, 1e-12)
            predicted = float(np.exp(np.max(gd.spectrum(flow, start).exponents.real)))
            ledger.compare(f"{setting}: that of its modified flow", predicted, radius, h**3 / 4)
            fates = ["out" if factor > 1 else "in" for factor in (predicted, radius)]
            ledger.state(f"{setting}: which way the modified flow says", *fates)
            if eps == 0.09:
                color = plots.COLORS[name]
                for dynamics, style in ((rule, {"lw": 0.9}), (flow, {"lw": 0.9, "ls": "--"})):
                    path = gd.simulate(dynamics, start, steps).players
                    distance = np.hypot(*(np.asarray(p)[:, 0] for p in path))
                    ax.semilogy(steps, distance, color=color, **style)
        plain = gd.flows.GradientFlow(gd.fields.Gradient(game), FINE)
        factor = float(np.exp(h * np.max(gd.spectrum(plain, start).exponents.real)))
        ledger.compare(f"eps {eps}: factor of the plain flow", factor, np.exp(-eps * h), 1e-12)
    ax.semilogy(steps, np.hypot(0.07, 0.09) * np.exp(-0.09 * h * steps), color=plots.COLORS["flow"])
    ax.set(xlabel="step", ylabel="distance to the equilibrium", xlim=(0, steps[-1]))
    ax.set_title(r"$\dot x=-\epsilon x+y,\; \dot y=-x-\epsilon y$")


def drift_on_the_dirac_gan(options: Options, ledger: Ledger, ax: Any) -> None:
    h, start, steps = 0.1, (-1.0, 1.0), np.arange(options.dirac_steps + 1)
    game = gd.games.dirac()

    def square(dynamics: Any, ts: Any) -> np.ndarray:
        theta, psi = (np.asarray(p) for p in gd.simulate(dynamics, start, ts).players)
        return theta**2 + psi**2

    plain = square(gd.flows.GradientFlow(gd.fields.Gradient(game), FINE), h * steps)
    ledger.compare("Dirac-GAN: squared distance that the flow loses", plain[-1], 2, 1e-6)
    ax.plot(steps, plain, color=plots.COLORS["flow"], label="plain flow")
    for name in ("simultaneous", "alternating"):
        rule = getattr(methods, name)(game, h)
        discrete = square(rule, steps)
        modified = square(gd.flows.modified(rule, FINE), steps.astype(float))
        gaps = [np.max(np.abs(other - discrete)) for other in (modified, plain)]
        ledger.record(f"Dirac-GAN, {name}: largest gap to the modified flow", gaps[0])
        ledger.record(f"Dirac-GAN, {name}: largest gap to the plain flow", gaps[1])
        ledger.state(
            f"Dirac-GAN, {name}: the modified flow is nearer", bool(gaps[0] < gaps[1]), True
        )
        color = plots.COLORS[name]
        ax.plot(steps, discrete, color=color, lw=0.9, label=name)
        ax.plot(steps, modified, color=color, lw=0.9, ls="--", label="its modified flow")
    ax.legend(loc="upper left")
    ax.set(
        xlabel="step",
        ylabel=r"$\theta^2+\psi^2$",
        xlim=(0, steps[-1]),
        ylim=(1.5, 11),
        title="Dirac-GAN",
    )
