"""Claim: on the bilinear game the spectral radius of every method is that of its polynomial, and at
equal cost lookahead over alternating steps contracts fastest.

x^T A y with singular values 1, 0.7 and 0.4, where every method splits into one polynomial for each
of them. Left and middle, the spectral radius of the whole map - momenta and all - against the step
size: lines are the polynomials, dots the map's derivative. Right, what is left after the work of
one gradient of both players, at the best step of each method: what takes twice the work has to
contract twice as fast. The work is counted by `gandyn.cost`, a second-order product as two
gradients; it is the number beside each name, in gradients of one loss. Methods that solve equations
do it by LU, in six unknowns.

Polynomials: Zhang and Yu, "Convergence of Gradient Methods on Bilinear Zero-Sum Games", 2020;
Gidel et al. 2019; Chavdarova et al. 2021; Lorraine et al. 2022; the others by hand, below.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import methods, plots

Polynomial = Callable[[complex], Any]
"""The coefficients, highest power first, from i h s."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    steps: int = 81
    """Step sizes between 0 and 2."""
    methods: int = 99
    """How many of the methods are tried."""


QUICK = Options(steps=21, methods=6)

SINGULAR = np.array([1.0, 0.7, 0.4])
K, A, B = 6, 0.5, -0.5  # of lookahead: steps, fraction; negative momentum
BETA, ANGLE = 0.9, np.pi / 8  # complex momentum
UNROLL, INNER = 3, 0.2
C = 0.5  # strength of consensus and symplectic adjustment


def lookahead(inner: Polynomial) -> Callable[[complex], np.ndarray]:
    """1 + a (l^k - 1), for the roots l of a polynomial."""
    return lambda e: np.poly(1 + A * (np.roots(inner(e)) ** K - 1))


def alternating(e: complex) -> np.ndarray:
    return np.array([1, -2 - e**2, 1])


def simultaneous(e: complex) -> np.ndarray:
    return np.array([1, -1 - e])


def negative_momentum(e: complex) -> np.ndarray:
    """(x - 1)^2 (x - b)^2 = (i h s)^2 x^3."""
    both = np.polymul([1, -1], [1, -B])
    return np.polysub(np.polymul(both, both), e**2 * np.array([1, 0, 0, 0]))


def complex_momentum(e: complex) -> np.ndarray:
    left = np.polymul([1, -1], [1, -2 * BETA * np.cos(ANGLE), BETA**2])
    return np.polysub(left, e * np.array([1, -BETA * np.cos(ANGLE), 0]))


def unrolled(step: float, s: float) -> np.ndarray:
    """1 + h m with m^2 + 2 k n s^2 m + s^2 = 0."""
    return np.poly(1 + step * np.roots([1, 2 * UNROLL * INNER * s**2, s**2]))


def of_e(polynomial: Polynomial) -> Callable[[float, float], np.ndarray]:
    """Of those that depend on h s alone."""
    return lambda step, s: polynomial(1j * step * s)


def damped(step: float, s: float) -> np.ndarray:
    """1 + i h s - c h s^2."""
    return np.array([1, -1 - 1j * step * s + C * step * s**2])


FIRST: dict[str, tuple[Any, Any]] = {
    "simultaneous": (methods.simultaneous, of_e(simultaneous)),
    "alternating": (methods.alternating, of_e(alternating)),
    "optimistic": (methods.optimistic, of_e(lambda e: [1, -1 - 2 * e, e])),
    "extragradient": (methods.extragradient, of_e(lambda e: [1, -1 - e - e**2])),
    "negative momentum": (methods.negative_momentum, of_e(negative_momentum)),
    "lookahead, alternating": (
        lambda game, h: methods.lookahead(methods.alternating(game, h), K, A),
        of_e(lookahead(alternating)),
    ),
    "lookahead, simultaneous": (
        lambda game, h: methods.lookahead(methods.simultaneous(game, h), K, A),
        of_e(lookahead(simultaneous)),
    ),
    "complex momentum": (
        lambda game, h: methods.complex_momentum(game, h, BETA, ANGLE),
        of_e(complex_momentum),
    ),
    "Runge-Kutta": (
        methods.runge_kutta,
        of_e(lambda e: [1, -1 - e - e**2 / 2 - e**3 / 6 - e**4 / 24]),
    ),
}
SECOND: dict[str, tuple[Any, Any]] = {
    "proximal point": (methods.proximal_point, of_e(lambda e: [1, -1 / (1 - e)])),
    "competitive": (methods.competitive, of_e(lambda e: [1, -1 / (1 - e)])),
    "linearized competitive": (
        methods.linearized_competitive,
        of_e(lambda e: [1, -1 - e - e**2]),
    ),
    "LOLA": (methods.lola, of_e(lambda e: [1, -1 - e - 2 * e**2])),
    "drift cancelled": (methods.drift_cancelled, of_e(lambda e: [1, -1 - e - e**2 / 2])),
    "consensus": (lambda game, h: methods.consensus(game, h, C), damped),
    "symplectic": (lambda game, h: methods.symplectic(game, h, C), damped),
    "LEAD": (methods.lead, of_e(lambda e: [1, -1 - 2 * e, e])),
    "unrolled": (lambda game, h: methods.unrolled(game, h, UNROLL, INNER), unrolled),
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
        chosen = list(group.items())[: options.methods]
        for (name, (method, polynomial)), color in zip(chosen, SHADES, strict=False):

            def radius(h: Any, method: Any = method) -> Any:
                return gd.spectrum(method(game, h), rest).radius

            measured = np.asarray(jax.jit(jax.vmap(radius))(jnp.asarray(steps)))
            theory, line = (
                np.array([max(modulus(polynomial(h, s)) for s in SINGULAR) for h in hs])
                for hs in (steps, fine)
            )
            # A double root is exact to the square root of a rounding error only.
            worst = np.abs(measured - theory).max()
            ledger.compare(f"{name}: largest error of the spectral radius", worst, 0, 2e-7)
            best = float(fine[line.argmin()])
            work = gd.cost(method(game, best), away).total
            left[f"{name}, {work}"] = float(line.min() ** (2 / work))
            ledger.record(f"{name}: best step, its radius, gradients", [best, line.min(), work])
            ax.plot(fine, line, color=color, lw=0.8, label=name)
            ax.plot(steps[::4], measured[::4], ".", ms=3, mew=0, color=color)
        ax.set(xlabel="step size $h$", ylabel="spectral radius", xlim=(0, 2), ylim=(0.6, 1.2))
        ax.axhline(1, color="black", lw=0.6, ls=":")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=6,
                  handlelength=1, columnspacing=0.8)  # fmt: skip
    ranked = sorted(left, key=lambda name: -left[name])
    ledger.state("fastest at equal cost", ranked[-1], "lookahead, alternating, 12")
    ledger.state("slower than standing still", [name for name in ranked if left[name] > 1], [])

    axes[2].barh(ranked, [1 - left[name] for name in ranked], color=plots.COLORS["stable"])
    axes[2].tick_params(axis="y", labelsize=6, length=0)
    axes[2].set(xlabel="contraction per gradient\nof both players", ylim=(-0.6, len(ranked) - 0.4))
    plots.save(fig, out)
    return ledger


def modulus(coefficients: Any) -> float:
    return float(np.abs(np.roots(coefficients)).max())
