"""Claim: simultaneous steps widen a limit cycle that attracts and tighten one that repels,
extragradient steps do the opposite, and alternating steps change both by less than either.

Three games whose gradient flow can miss the equilibrium: it ends on a cycle (Hsieh, Mertikopoulos,
Cevher, "The Limits of Min-Max Optimization Algorithms", 2021; Pethick et al., "Escaping limit
cycles", 2022). The flow's cycles are found by shooting, with Floquet multipliers; what becomes of
them in steps of size h, invariant circles, by Newton's method, each from the one before. Those that
repel are found as well: they bound what converges. Simultaneous steps act like less damping,
extragradient steps like more, until circles are gone. The theory:

    x y + e (y^2/2 - y^4/4)   r^2 = (4/3) (1 + s h / e) as e and h vanish; s = 1, 0, -1 for
                              simultaneous, alternating, extragradient
    polar                     the steps are z -> z m(r), of which |m| = 1 on a circle, and the angle
                              is that of m:  m = 1 + h g(r) simultaneously,
                              m = 1 + h g(|k| r) k,  k = 1 + h g(r),  by extragradient, where
                              g(r) = -a (r^2 - 1) (16 r^2 - 9) / 16 - i
    any                       the modified flow's cycle has the same period, up to second order in
                              h; a circle shrinks to a point where that changes stability.
"""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from scipy.optimize import brentq
from scipy.signal import resample

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import side_by_side
from gandyn import plots
from gandyn.results import Circle, Cycle

Game = Literal["almost bilinear", "forsaken", "polar"]
Rule = Literal["simultaneous", "alternating", "extragradient"]


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    games: tuple[Game, ...] = get_args(Game)
    """Which of the three games."""
    rules: tuple[Rule, ...] = get_args(Rule)
    """Which of the three methods."""
    sizes: int = 32
    """How many step sizes, evenly spaced."""
    largest: float = 0.16
    """The largest of them."""
    shown: int = 5
    """Which of the step sizes, counted from 1, has its circles drawn in the plane."""


QUICK = Options(games=("polar",), rules=("simultaneous",), sizes=8, shown=2)

E, A = 0.1, 1 / 3
FINE = gd.flows.Integrator(rtol=1e-11, atol=1e-11, adjoint=dfx.ForwardMode())
GAMES = {
    "almost bilinear": gd.games.almost_bilinear(E),
    "forsaken": gd.games.forsaken(),
    "polar": gd.games.polar(A),
}
CENTERS = {"almost bilinear": (0.0, 0.0), "forsaken": (0.08, 0.41), "polar": (0.0, 0.0)}
# A point near each cycle; where one repels, time runs backwards to reach it.
STARTS = {
    "almost bilinear": {"attracts": (1.0, 0.5)},
    "forsaken": {"attracts": (1.0, 1.0), "repels": (0.2, 0.4)},
    "polar": {"attracts": (1.0, 0.0), "repels": (0.75, 0.0)},
}
PHASES = {"almost bilinear": 33, "forsaken": 49, "polar": 33}
SHARP = 129  # phases of forsaken's outer circle, which turns sharp corners
RULES = {
    "simultaneous": gd.methods.simultaneous,
    "alternating": gd.methods.alternating,
    "extragradient": gd.methods.extragradient,
}
LESS_DAMPED = {"simultaneous": 1, "alternating": 0, "extragradient": -1}
COLORS = {**plots.COLORS, "extragradient": "#CC79A7"}
DASHES: dict[str, Any] = {"attracts": "-", "repels": (0, (3, 1.5))}


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    n = len(options.games)
    fig, axes = plots.figure(2, n, size=(0.4 + 2.2 * n, 4.8), squeeze=False, height_ratios=(1.3, 1))
    steps = np.linspace(0, options.largest, options.sizes + 1)[1:]
    flows = {
        name: gd.flows.GradientFlow(gd.fields.Gradient(GAMES[name]), FINE) for name in options.games
    }
    cycles = [(name, kind) for name in options.games for kind in STARTS[name]]
    chains = [(*cycle, rule) for cycle in cycles for rule in options.rules]
    around_once = side_by_side(lambda c: cycle_of(flows[c[0]], *c), cycles, "cycles")
    turns = dict(zip(cycles, around_once, strict=True))
    found = side_by_side(
        lambda c: follow(*c, turn=turns[c[0], c[1]], steps=steps), chains, "circles"
    )
    followed = dict(zip(chains, found, strict=True))
    for name, (above, below) in zip(options.games, axes.T, strict=True):
        flow = flows[name]
        rest = gd.equilibrium(flow, CENTERS[name]).players
        above.plot(*map(float, rest), "*", color="black", ms=5, mew=0)
        for kind in STARTS[name]:
            turn = turns[name, kind]
            path = around(flow, turn)
            radius = float(np.sqrt(np.var(path, axis=0).sum()))
            check_cycle(ledger, f"{name}, flow, {kind}", name, turn, path, radius)
            draw(above, path, "flow", kind)
            below.plot(0, radius, "o", color=COLORS["flow"], ms=3, zorder=4, clip_on=False)
            first = {}
            for rule in options.rules:
                label = f"{name}, {rule}, {kind}"
                circles = followed[name, kind, rule]
                h, radii = steps[: len(circles)], np.asarray([float(c.radius) for c in circles])
                first[rule] = radii[0] - radius
                check_circles(ledger, label, name, rule, turn, h, circles)
                if name == "forsaken" and kind == "attracts":
                    # Where its corners are too sharp for Newton's method, a trajectory shows it.
                    more = [seen(name, rule, circles[-1], step) for step in steps[len(h) :]]
                    ledger.record(f"{label}: radii for further steps, from trajectories", more)
                    h, radii = steps, np.append(radii, more)
                else:
                    check_end(ledger, label, name, rule, rest, h, steps)
                line = np.append(0, h), np.append(radius, radii)
                below.plot(*line, color=COLORS[rule], ls=DASHES[kind], zorder=3)
                if len(circles) >= options.shown:
                    drawn = circles[options.shown - 1].players
                    draw(above, np.stack(drawn, -1), rule, kind)
            check_order(ledger, f"{name}, {kind}", first, kind)
        draw_theory(below, name, options)
        size = max(abs(x) for x in (*above.get_xlim(), *above.get_ylim()))
        drawn_step = steps[options.shown - 1]
        below.axvline(drawn_step, color="0.8", lw=0.6, ls=":", zorder=0)
        above.set_title(f"{name}, $h = {drawn_step:g}$")
        above.set(xlabel="$x$", xlim=(-size, size), ylim=(-size, size), aspect="equal")
        above.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        below.set(xlabel="step size $h$", xlim=(0, options.largest), ylim=(0, None))
    axes[0, 0].set_ylabel("$y$")
    axes[1, 0].set_ylabel("radius")
    ax = axes[0, 0]
    styles = {name: (COLORS[name], "-") for name in ("flow", *options.rules)}
    styles |= {kind: ("0.5", dash) for kind, dash in DASHES.items()}
    lines = [ax.plot([], [], color=c, ls=d, label=k)[0] for k, (c, d) in styles.items()]
    lines.append(ax.plot([], [], color=COLORS["theory"], lw=2.5, alpha=0.5, label="theory")[0])
    fig.legend(handles=lines, loc="outside lower center", ncols=1 + 2 * n)
    plots.save(fig, out)
    return ledger


def cycle_of(flow: gd.AbstractDynamics, name: str, kind: str) -> Cycle:
    near = start = STARTS[name][kind]
    if kind == "repels":
        near = gd.simulate(flow, start, np.array([0.0, -400.0])).final.players
    found = gd.cycle(flow, near, 6.5)
    if not found.converged:
        raise RuntimeError(f"no cycle was found from {start}")
    return found


def around(flow: gd.AbstractDynamics, turn: Cycle) -> np.ndarray:
    """One turn of a cycle, at equally spaced times."""
    ts = jnp.linspace(0, 1, 513) * turn.period
    return np.stack(gd.simulate(flow, turn.players, ts).players, -1)[:-1]


def follow(name: str, kind: str, rule: str, turn: Cycle, steps: np.ndarray) -> list[Circle]:
    """The circles that a cycle becomes with growing steps, as far as there are some."""
    sharp = name == "forsaken" and kind == "attracts"
    phases = SHARP if sharp else PHASES[name]
    circles, near, period = [], turn.state, turn.period
    for h in steps:
        found = circle(name, rule, phases, key=h, nodes=near, max_steps=period)
        if not found.converged or (circles and abs(found.radius / circles[-1].radius - 1) > 0.7):
            break
        circles.append(found)
        near, period = jax.tree.map(lambda x: x[0], found.states), h * found.period
    return circles


@partial(jax.jit, static_argnums=(0, 1, 2))
def circle(name: str, rule: str, phases: int, h: Any, near: gd.State, period: Any) -> Circle:
    return gd.circle(RULES[rule](GAMES[name], h), near, period / h, nodes=phases)


def seen(name: str, rule: str, near: Circle, h: float) -> float:
    """The radius of an attracting circle, from a trajectory that has settled on it."""
    made = RULES[rule](GAMES[name], h)
    start = gd.simulate(made, jax.tree.map(lambda x: x[0], near.states), [0, 4096]).final
    return float(gd.rotation(gd.simulate(made, start, np.arange(8193))).radius)


def check_cycle(
    ledger: Ledger, label: str, name: str, turn: Cycle, path: np.ndarray, radius: float
) -> None:
    field = gd.fields.Gradient(GAMES[name])

    def divergence(point: Any) -> Any:
        return jnp.trace(jax.jacfwd(lambda z: jnp.stack(field((z[0], z[1]))))(point))

    # Liouville: the product of the multipliers is exp of the integral of the divergence.
    mean = float(jax.vmap(divergence)(jnp.asarray(path)).mean())
    product = float(jnp.prod(turn.multipliers).real)
    ledger.compare(f"{label}: Floquet", product, np.exp(mean * float(turn.period)), 1e-6)
    ledger.record(f"{label}: period", float(turn.period))
    ledger.record(f"{label}: radius", radius)
    ledger.record(f"{label}: from, to", [path.min(axis=0), path.max(axis=0)])
    if name == "almost bilinear":
        period = 2 * np.pi * (1 + E**2 / 16 - 5 * E**4 / 3072)
        ledger.compare(f"{label}: period by van der Pol's series", turn.period, period, 1e-8)
        ledger.compare(f"{label}: radius, 2 / sqrt 3 as e vanishes", radius, 2 / 3**0.5, E**2)
    if name == "polar":
        r, multiplier = (
            (1, np.exp(-7 * np.pi * A / 4))
            if label.endswith("attracts")
            else (3 / 4, np.exp(63 * np.pi * A / 64))
        )
        ledger.compare(f"{label}: period", turn.period, 2 * np.pi, 1e-8)
        ledger.compare(f"{label}: radius", radius, r, 1e-8)
        ledger.compare(f"{label}: Floquet, in closed form", product, multiplier, 1e-7)


def check_circles(
    ledger: Ledger,
    label: str,
    name: str,
    rule: str,
    turn: Cycle,
    h: np.ndarray,
    circles: list[Circle],
) -> None:
    radii = np.asarray([float(c.radius) for c in circles])
    periods = np.asarray([float(c.period) for c in circles])
    ledger.record(f"{label}: radii", dict(zip(map(str, h), radii, strict=True)))
    ledger.record(f"{label}: periods, times h", dict(zip(map(str, h), h * periods, strict=True)))
    if name == "polar" and rule in FACTORS:
        m = FACTORS[rule](radii, h)
        ledger.compare(f"{label}: |m| - 1, at most", np.abs(np.abs(m) - 1).max(), 0, 1e-10)
        angle = np.abs(np.abs(np.angle(m)) * periods / (2 * np.pi) - 1).max()
        ledger.compare(f"{label}: period against the angle of m", angle, 0, 1e-10)
        return
    if name == "almost bilinear":
        slope = (radii[0] ** 2 - 4 / 3) / h[0]
        theory = 4 / (3 * E) * LESS_DAMPED[rule]
        ledger.compare(f"{label}: slope of the squared radius", slope, theory, 3 * (E + h[0]))
    if name == "forsaken":
        gaps = [off(name, rule, len(circles[0].players[0]), turn, h) for h in (0.001, 0.002)]
        order = np.log2(gaps[1] / gaps[0])
        ledger.compare(f"{label}: order of the modified flow's period", order, 2, 0.2)


def off(name: str, rule: str, phases: int, turn: Cycle, h: float) -> float:
    """How far the period of the modified flow is from that of the circle."""
    found = circle(name, rule, phases, key=h, nodes=turn.state, max_steps=turn.period)
    flow = gd.flows.modified(RULES[rule](GAMES[name], h), FINE)
    modified = gd.cycle(flow, turn.players, turn.period / h)
    return h * abs(float(found.period - modified.period))


def check_end(
    ledger: Ledger,
    label: str,
    name: str,
    rule: str,
    rest: Any,
    h: np.ndarray,
    steps: np.ndarray,
) -> None:
    """Where circles are gone: they have met each other, or shrunk to the equilibrium."""
    if len(h) == len(steps):
        return
    gap = steps[0]

    if name == "polar":
        r = np.linspace(0.5, 1.2, 20_001)
        end = brentq(lambda h: np.abs(FACTORS[rule](r, h)).max() - 1, 1e-3, 0.1)
    else:
        end = brentq(
            lambda h: float(gd.spectrum(RULES[rule](GAMES[name], h), rest).radius) - 1, 1e-3, 0.5
        )
    ledger.compare(f"{label}: step at which it is gone", h[-1] + gap / 2, end, gap / 2)
    ledger.record(f"{label}: the same, by theory", end)


def check_order(ledger: Ledger, label: str, first: dict[str, float], kind: str) -> None:
    out = 1 if kind == "attracts" else -1
    for rule, change in first.items():
        if LESS_DAMPED[rule]:
            wider = LESS_DAMPED[rule] * out > 0
            ledger.state(f"{label}: wider by {rule} steps", bool(change > 0), wider)
    if len(first) == len(RULES):
        least = min(first, key=lambda rule: abs(first[rule]))
        ledger.state(f"{label}: changed least by", least, "alternating")


def velocity(r: Any) -> Any:
    """Of the polar game, over z, as a complex number."""
    return -A * (r**2 - 1) * (16 * r**2 - 9) / 16 - 1j


def extragradient(r: Any, h: Any) -> Any:
    ahead = 1 + h * velocity(r)
    return 1 + h * velocity(np.abs(ahead) * r) * ahead


FACTORS = {"simultaneous": lambda r, h: 1 + h * velocity(r), "extragradient": extragradient}


def draw(ax: Axes, path: np.ndarray, what: str, kind: str) -> None:
    smooth: Any = resample(path, 512)
    ring = np.concatenate([smooth, smooth[:1]])
    under = what == "flow"
    ax.plot(
        *ring.T, color=COLORS[what], ls=DASHES[kind], lw=1.8 if under else 0.8, zorder=3 - under
    )


def draw_theory(ax: Axes, name: str, options: Options) -> None:
    style = {"colors": COLORS["theory"], "linewidths": 2.5, "alpha": 0.5, "zorder": 1}
    h = np.linspace(1e-6, options.largest, 400)
    r = np.linspace(0, 2.2 if name == "almost bilinear" else 1.25, 500)
    grid_h, grid_r = np.meshgrid(h, r)
    if name == "almost bilinear":
        levels = [grid_r**2 - 4 / 3 * (1 + s * grid_h / E) for s in LESS_DAMPED.values()]
    elif name == "polar":
        levels = [np.abs(FACTORS[rule](grid_r, grid_h)) - 1 for rule in FACTORS]
    else:
        return
    for level in levels:
        ax.contour(grid_h, grid_r, level / np.abs(level).max(), [0], **style)
