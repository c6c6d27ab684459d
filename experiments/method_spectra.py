"""Claim: on the bilinear game the spectral radius of every method is that of its polynomial, and at
equal cost lookahead over alternating steps contracts fastest.

x^T A y with singular values 1, 0.7 and 0.4, where every method splits into one polynomial for each
of them. Left and middle, the spectral radius of the whole map - momenta and all - against the step
size: lines are the polynomials, dots the map's derivative. Right, what is left after the work of
one gradient of both players, at the best step of each method: what takes twice the work has to
contract twice as fast. The work is counted by `gandyn.cost`, a second-order product as two
gradients; it is the number beside each name, in gradients of one loss. Methods that solve equations
do it by LU, in six unknowns.

The polynomials are those of `gandyn.theory`. Zhang and Yu, "Convergence of Gradient Methods on
Bilinear Zero-Sum Games", 2020.
"""

import dataclasses
from pathlib import Path
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import methods, plots

Method = Literal[
    "simultaneous",
    "alternating",
    "optimistic",
    "extragradient",
    "negative momentum",
    "lookahead, alternating",
    "lookahead, simultaneous",
    "complex momentum",
    "Runge-Kutta",
    "proximal point",
    "competitive",
    "linearized competitive",
    "LOLA",
    "drift cancelled",
    "consensus",
    "symplectic",
    "LEAD",
    "unrolled",
]


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    steps: int = 81
    """Step sizes between 0 and 2."""
    methods: tuple[Method, ...] = get_args(Method)
    """Which of the methods are tried."""


QUICK = Options(steps=21, methods=("alternating", "lookahead, alternating", "consensus"))

SINGULAR = np.array([1.0, 0.7, 0.4])
LOOK: dict[str, Any] = {"every": 6, "fraction": 0.5}

FIRST: dict[Method, tuple[str, dict[str, Any]]] = {
    "simultaneous": ("simultaneous", {}),
    "alternating": ("alternating", {}),
    "optimistic": ("optimistic", {}),
    "extragradient": ("extragradient", {}),
    "negative momentum": ("negative_momentum", {}),
    "lookahead, alternating": ("lookahead", LOOK | {"rule": "alternating"}),
    "lookahead, simultaneous": ("lookahead", LOOK | {"rule": "simultaneous"}),
    "complex momentum": ("complex_momentum", {}),
    "Runge-Kutta": ("runge_kutta", {}),
}
SECOND: dict[Method, tuple[str, dict[str, Any]]] = {
    "proximal point": ("proximal_point", {}),
    "competitive": ("competitive", {}),
    "linearized competitive": ("linearized_competitive", {}),
    "LOLA": ("lola", {}),
    "drift cancelled": ("drift_cancelled", {}),
    "consensus": ("consensus", {"strength": 0.5}),
    "symplectic": ("symplectic", {"strength": 0.5}),
    "LEAD": ("lead", {}),
    "unrolled": ("unrolled", {"unroll": 3, "inner_step": 0.2}),
}
SHADES = ("#D55E00", "#0072B2", "#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#B2DF8A", "0.5", "0")


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    n = len(SINGULAR)
    turns = [jnp.linalg.qr(jr.normal(key, (n, n)))[0] for key in jr.split(jr.key(0))]
    game = gd.games.bilinear(turns[0] @ jnp.diag(jnp.asarray(SINGULAR)) @ turns[1])
    rest = game.equilibria()[0]
    away = jax.tree.map(jnp.ones_like, rest)
    steps = np.linspace(0.0, 2.0, options.steps)
    fine = np.linspace(0.0, 2.0, 401)

    fig, axes = plots.figure(1, 3, size=(7.0, 3.4), width_ratios=(1, 1, 0.9))
    left: dict[str, float] = {}
    for group, ax in zip((FIRST, SECOND), axes, strict=False):
        for (name, entry), color in zip(group.items(), SHADES, strict=True):
            if name not in options.methods:
                continue

            def radius(h: Any, entry: Any = entry) -> Any:
                return gd.spectrum(rule(game, h, *entry), rest).radius

            measured = np.asarray(jax.jit(jax.vmap(radius))(jnp.asarray(steps)))
            theory, line = (
                np.array([max(factor(h, s, *entry) for s in SINGULAR) for h in hs])
                for hs in (steps, fine)
            )
            # A double root is exact to the square root of a rounding error only.
            worst = np.abs(measured - theory).max()
            ledger.compare(f"{name}: largest error of the spectral radius", worst, 0, 2e-7)
            best = float(fine[line.argmin()])
            work = gd.cost(rule(game, best, *entry), away).total
            left[f"{name}, {work}"] = float(line.min() ** (2 / work))
            ledger.record(f"{name}: best step, its radius, gradients", [best, line.min(), work])
            ax.plot(fine, line, color=color, lw=0.8, label=name)
            ax.plot(steps[::4], measured[::4], ".", ms=3, mew=0, color=color)
        ax.set(xlabel="step size $h$", ylabel="spectral radius", xlim=(0, 2), ylim=(0.6, 1.2))
        ax.axhline(1, color="black", lw=0.6, ls=":")
        if group.keys() & set(options.methods):
            ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=6,
                      handlelength=1, columnspacing=0.8)  # fmt: skip
    ranked = sorted(left, key=lambda name: -left[name])
    if "lookahead, alternating" in options.methods:
        ledger.state("fastest at equal cost", ranked[-1], "lookahead, alternating, 12")
    ledger.state("slower than standing still", [name for name in ranked if left[name] > 1], [])

    axes[2].barh(ranked, [1 - left[name] for name in ranked], color=plots.COLORS["stable"])
    axes[2].tick_params(axis="y", labelsize=6, length=0)
    axes[2].set(xlabel="contraction per gradient\nof both players", ylim=(-0.6, len(ranked) - 0.4))
    plots.save(fig, out)
    return ledger


def rule(game: Any, step: Any, name: str, hyper: dict[str, Any]) -> gd.rules.AbstractRule:
    """A method by its name; lookahead is over another one."""
    if name != "lookahead":
        return getattr(methods, name)(game, step, **hyper)
    others = {key: value for key, value in hyper.items() if key != "rule"}
    return methods.lookahead(getattr(methods, hyper["rule"])(game, step), **others)


def factor(step: float, s: float, name: str, hyper: dict[str, Any]) -> float:
    """The largest modulus of the roots of the method's polynomial for a singular value."""
    return gd.theory.METHODS[name].radius(gd.theory.bilinear(s), step, **hyper)
