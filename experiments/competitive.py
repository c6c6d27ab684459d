"""Claim: competitive gradient descent converges on the bilinear game however strong the coupling,
where all explicit methods diverge in the end; and where players do not meet it leaves them to their
own descent, while consensus attracts both to the point that is worst for them.

Left, a x y: the factor per step against the coupling a. Right, a (x^2 - y^2), from which both
should flee if a < 0: the same against a. Lines are closed forms, dots come from training from (0.5,
0.5) with steps of 0.2. Schaefer and Anandkumar, "Competitive Gradient Descent", 2019; their
settings.
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

    steps: int = 100
    """Training steps."""
    couplings: int = 25
    """Values of a on either side."""


QUICK = Options(couplings=5)

H, STRENGTH = 0.2, 1.0

METHODS: dict[str, tuple[str, dict[str, Any], str]] = {
    "gradient": ("simultaneous", {}, "#D55E00"),
    "optimistic": ("optimistic", {}, "#E69F00"),
    "symplectic": ("symplectic", {"strength": STRENGTH}, "#CC79A7"),
    "consensus": ("consensus", {"strength": STRENGTH}, "#56B4E9"),
    "linearized": ("linearized_competitive", {}, "#009E73"),
    "competitive": ("competitive", {}, "#0072B2"),
}


def in_theory(name: str, J: np.ndarray) -> float:
    """The factor per step on the field v = J z."""
    method, hyper, _ = METHODS[name]
    return gd.theory.METHODS[method].radius(J, H, **hyper)


def bilinear(name: str, a: float) -> float:
    """On a x y."""
    return in_theory(name, gd.theory.bilinear(a))


def apart(name: str, a: float) -> float:
    """On a (x^2 - y^2), which everybody descends as fast."""
    return in_theory(name, -2 * a * np.eye(2))


def factors(name: str, loss: Any, couplings: Any, steps: int) -> np.ndarray:
    """What the distance to the origin is multiplied by per step, in the mean, late in training."""
    method, hyper, _ = METHODS[name]

    def one(a: Any) -> Any:
        game = gd.games.zero_sum(lambda x, y: loss(a, x, y))
        rule = getattr(methods, method)(game, H, **hyper)
        z = gd.simulate(rule, (0.5, 0.5), np.array([0, steps // 2, steps])).players
        distance = jnp.hypot(*z)
        return (distance[2] / distance[1]) ** (1 / (steps - steps // 2))

    return np.asarray(jax.jit(jax.vmap(one))(jnp.asarray(couplings)))


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    fig, axes = plots.figure(1, 2, size=(7.0, 2.8), sharey=True)
    panels = (
        ("bilinear", bilinear, lambda a, x, y: a * x * y, (0.25, 7.75), "coupling $a$"),
        ("apart", apart, lambda a, x, y: a * (x**2 - y**2), (-1.45, 1.45), "$a$"),
    )  # fmt: skip
    for ax, (game, theory, loss, (low, high), label) in zip(axes, panels, strict=True):
        couplings = np.linspace(low, high, options.couplings)
        fine = np.linspace(low, high, 400)
        for name, (_, _, color) in METHODS.items():
            measured = factors(name, loss, couplings, options.steps)
            closed = np.array([theory(name, a) for a in couplings])
            # An optimistic step is one of two roots at a time only in the limit.
            tolerance = 5e-3 if name == "optimistic" else 1e-9
            worst = np.abs(measured - closed).max()
            ledger.compare(f"{game}, {name}: largest error of the factor", worst, 0, tolerance)
            style = {"ls": (0, (3, 3)), "zorder": 3} if name == "symplectic" else {}
            line = [theory(name, a) for a in fine]
            ax.plot(fine, line, color=color, lw=0.9, label=name, **style)
            ax.plot(couplings, measured, "o", color=color, ms=2.2, mew=0)
        ax.axhline(1, color="black", lw=0.6, ls=":")
        ax.set_title({"bilinear": "$a x y$", "apart": "$a (x^2 - y^2)$"}[game])
        ax.set(xlabel=label, xlim=(low, high), ylim=(0, 2))
    for a in (1.0, 3.0, 6.0):
        stable = [name for name in METHODS if bilinear(name, a) < 1 - 1e-12]
        ledger.record(f"converge on {a:g} x y", stable)
    only = [name for name in METHODS if bilinear(name, 6.0) < 1]
    ledger.state("converges on 6 x y", only, ["competitive"])
    trapped = [name for name in METHODS if apart(name, -1.0) < 1]
    ledger.state("stays at the worst point, a = -1", trapped, ["consensus"])
    axes[1].annotate(
        "gradient, symplectic, linearized\nand competitive alike",
        (-0.6, apart("gradient", -0.6)),
        xytext=(0.1, 1.5),
        fontsize=6,
        arrowprops={"arrowstyle": "-", "lw": 0.5},
    )
    axes[0].set_ylabel("factor per step")
    axes[0].legend(loc="lower left", ncols=2, columnspacing=0.8, labelspacing=0.2)
    plots.save(fig, out)
    return ledger
