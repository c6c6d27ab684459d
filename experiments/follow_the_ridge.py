"""Claim: following the ridge stops at local min-max points and nowhere else, where gradient methods
miss some of them, stop at others, or cycle.

Above, three games in the plane from Wang, Zhang, Ba, "On Solving Minimax Optimization Locally: A
Follow-the-Ridge Approach", 2020: the origin is a local min-max point of the first and the third,
and none of the second. Below, three modes at -4, 0 and 4, as there, against a generator of three
bumps and a free discriminator: at the local min-max point, a bump on each mode, gradients need a
discriminator that is fast enough, the ridge does not. Last, random quadratic games: how often a
method misses a local min-max point (it repels), and how often it is attracted to what is none.

If you have trained a GAN: a discriminator that keeps up with the generator's move, by a correction
with its own curvature, takes away the rotation, and what remains attracts if and only if it is a
solution of the game in which the generator moves first.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import methods, plots

Method = Literal["gradient", "optimistic", "extragradient", "consensus", "ridge"]


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    methods: tuple[Method, ...] = get_args(Method)
    """Which methods play in the plane and on random games."""
    steps: int = 1000
    """Training steps in the plane."""
    games: int = 400
    """Random quadratic games of 2 + 2 parameters."""
    ratios: int = 41
    """Time scales of D on the mixture."""
    long: int = 20_000
    """Training steps on the mixture."""


QUICK = Options(methods=("gradient", "ridge"), games=50, ratios=9, long=4000)

STEP, SMALL = 0.05, 1e-3


class Ridged(eqx.Module):
    """f = (a x^2 - b (y - c x + d x^3)^2 - e y^4) exp(-k (x^2 + y^2)): along y = c x - d x^3 the
    follower is about where it wants to be."""

    a: Any
    b: Any
    c: Any
    d: Any = 0.0
    e: Any = 0.0
    k: Any = 0.0

    def __call__(self, x: Any, y: Any) -> Any:
        off = y - self.c * x + self.d * x**3
        height = self.a * x**2 - self.b * off**2 - self.e * y**4
        return height * jnp.exp(-self.k * (x**2 + y**2))


GAMES: dict[str, tuple[Ridged, tuple[float, float], bool]] = {
    "$-3x^2 - y^2 + 4xy$": (Ridged(1.0, 1.0, 2.0), (5.0, 7.0), True),
    "$3x^2 + y^2 + 4xy$": (Ridged(-1.0, -1.0, -2.0), (6.0, 5.0), False),
    "third": (Ridged(4.0, 1.0, 3.0, 0.05, 0.1, 0.01), (7.0, 5.0), True),
}  # the loss, a start, and whether the origin is a local min-max point

METHODS: dict[str, tuple[Callable[..., gd.rules.AbstractRule], str]] = {
    "gradient": (methods.simultaneous, "#D55E00"),
    "optimistic": (methods.optimistic, "#E69F00"),
    "extragradient": (methods.extragradient, "#56B4E9"),
    "consensus": (lambda game, h: methods.consensus(game, h, 0.1), "#CC79A7"),
    "ridge": (methods.follow_the_ridge, "#009E73"),
}


def plane(ledger: Ledger, options: Options, axes: Any) -> None:
    for ax, (name, (loss, start, solution)) in zip(axes, GAMES.items(), strict=True):
        # Numbers that are arrays are no part of the programs, which all the games share.
        loss = jax.tree.map(jnp.asarray, loss)
        game = gd.games.zero_sum(loss)
        kind = gd.classify(game, (0.0, 0.0))
        ledger.state(
            f"{name}: the origin is a local min-max point", bool(kind.local_minmax), solution
        )
        # With the follower out of the way the exponents are real: those of the leader's loss along
        # the ridge, f_xx - f_xy^2 / f_yy, and of the follower's own.
        (f_xx, f_xy), (_, f_yy) = jax.hessian(lambda z, f=loss: f(z[0], z[1]))(jnp.zeros(2))
        theory = np.sort([-float(f_xx - f_xy**2 / f_yy), float(f_yy)])
        ridge = gd.flows.GradientFlow(gd.fields.Ridge(gd.fields.Gradient(game)))
        found = np.sort_complex(np.asarray(gd.spectrum(ridge, (0.0, 0.0)).exponents))
        ledger.compare(f"{name}: exponents of the ridge", np.abs(found - theory).max(), 0, 1e-6)
        for method in options.methods:
            make, color = METHODS[method]
            rule = make(game, STEP)
            path = gd.simulate(rule, start, np.arange(options.steps + 1)).players
            x, y = map(np.asarray, path)
            at_rest = bool(np.hypot(x[-1], y[-1]) < 1e-3)
            stable = bool(gd.spectrum(rule, (0.0, 0.0)).stable)
            if method == "ridge":
                ledger.state(f"{name}, ridge: ends at the origin", at_rest, solution)
                ledger.state(f"{name}, ridge: the origin attracts", stable, solution)
            else:
                ledger.record(f"{name}, {method}: attracts, and ends there", [stable, at_rest])
            shown = np.isfinite(x) & np.isfinite(y)
            ax.plot(x[shown], y[shown], color=color, lw=0.7, label=method)
        ax.plot(*start, "o", ms=3, mfc="white", mec="black", mew=0.8)
        ax.plot(0, 0, "*" if solution else "x", ms=6, color="black", mew=0.9)
        ax.set(xlim=(-9, 9), ylim=(-4, 10), xlabel="$x$", title=name, xticks=(-5, 0, 5))
        ax.set(yticks=(0, 5, 10), aspect="equal")
    axes[2].set_title(r"$(4x^2 - \ldots) \, e^{-(x^2 + y^2)/100}$")
    axes[0].set_ylabel("$y$")


def quadratics(ledger: Ledger, options: Options, ax: Any) -> None:
    """Random games x.A x/2 + x.C y - y.B y/2: small steps against the classification."""

    def one(key: Any) -> tuple[Any, dict[str, Any]]:
        a, b, c = jr.normal(key, (3, 2, 2))
        a, b = (a + a.T) / 2, (b + b.T) / 2
        game = gd.games.zero_sum(lambda x, y: x @ a @ x / 2 + x @ c @ y - y @ b @ y / 2)
        origin = (jnp.zeros(2), jnp.zeros(2))
        attracts = {
            name: gd.spectrum(METHODS[name][0](game, SMALL), origin).stable
            for name in options.methods
        }
        return gd.classify(game, origin).local_minmax, attracts

    solution, attracts = eqx.filter_jit(jax.vmap(one))(jr.split(jr.key(0), options.games))
    solution = np.asarray(solution)
    ledger.record("random games with a local min-max point", int(solution.sum()))
    for i, name in enumerate(options.methods):
        stable = np.asarray(attracts[name])
        missed = int((solution & ~stable).sum())
        wrong = int((stable & ~solution).sum())
        if name == "ridge":
            ledger.state("random games, ridge: missed and wrong", [missed, wrong], [0, 0])
        else:
            ledger.record(f"random games, {name}: missed and wrong", [missed, wrong])
        height = 100 / options.games
        ax.barh(i - 0.2, missed * height, 0.36, color=plots.COLORS["discriminator"])
        ax.barh(i + 0.2, wrong * height, 0.36, color=plots.COLORS["generator"])
    ax.barh(0, 0, color=plots.COLORS["discriminator"], label="missed")
    ax.barh(0, 0, color=plots.COLORS["generator"], label="wrong")
    ax.set_yticks(range(len(options.methods)), options.methods)
    ax.set(xlabel="of random games (%)", title="random quadratics")
    ax.invert_yaxis()
    ax.legend(loc="lower right")


def mixture(ledger: Ledger, options: Options, growth: Any, places: Any) -> None:
    """Three modes at -4, 0 and 4, a generator of three bumps narrower than they are, a free D."""
    nodes, modes = jnp.linspace(-7, 7, 36), jnp.array([-4.0, 0.0, 4.0])
    data = gd.families.on_grid(gd.measures.line(3, 4.0, 0.8).cdf, nodes)
    three = gd.games.bump(data, gd.families.Free(nodes), nodes, 0.5, copies=3)
    decay = gd.games.WeightDecay(1e-3)
    # Where there is neither data nor generator D has no best value but for a little weight decay.
    game = gd.games.zero_sum(lambda theta, psi: three.losses((theta, psi))[0] - decay(psi))
    # The best D first, with the bumps held where they belong; then both.
    hold = gd.rules.Descend(gd.fields.Gradient(game), (None, 20.0))
    best = gd.simulate(hold, (modes, jnp.zeros(len(nodes))), np.array([0, 20_000])).final.players
    rest = gd.equilibrium(gd.flows.GradientFlow(gd.fields.Gradient(game)), best)
    ledger.state("mixture: an equilibrium with a bump on each mode", bool(rest.converged), True)
    off = float(jnp.abs(rest.players[0] - modes).max())
    ledger.compare("mixture: bumps off their modes", off, 0, 0.05)
    kind = gd.classify(game, rest.players)
    ledger.state("mixture: a local min-max point", bool(kind.local_minmax), True)

    ratios = np.geomspace(0.01, 100, options.ratios)

    def largest(name: str) -> Any:
        def at(ratio: Any) -> Any:
            field = gd.fields.Scaled(gd.fields.Gradient(game), (1.0, ratio))
            flow = gd.flows.GradientFlow(gd.fields.Ridge(field) if name == "ridge" else field)
            return gd.spectrum(flow, rest.players).exponents.real.max()

        return jax.jit(jax.vmap(at))

    found = {name: np.asarray(largest(name)(jnp.asarray(ratios))) for name in ("gradient", "ridge")}
    ledger.state("mixture, ridge: attracts at any ratio", bool((found["ridge"] < 0).all()), True)
    critical = ratios[found["gradient"] > 0].max()
    ledger.record("mixture, gradient: repels up to the ratio", critical)
    slow = critical / 4
    ends = {}
    for name, rates in found.items():
        color = METHODS[name][1]
        growth.semilogx(ratios, rates, color=color)
        rule = METHODS[name][0](game, (0.2, 0.2 * slow))
        start = (rest.players[0] + jnp.array([0.1, 0.1, -0.1]), rest.players[1])
        steps = np.arange(0, options.long + 1, options.long // 200)
        path = np.asarray(gd.simulate(rule, start, steps).players[0])
        places.plot(steps, path, color=color, lw=0.8)
        ends[name] = np.abs(path[-1] - np.asarray(rest.players[0])).max()
    ledger.compare("mixture, ridge, D slow: distance at the end", ends["ridge"], 0, 1e-2)
    ledger.state("mixture, gradient, D slow: has left", bool(ends["gradient"] > 0.1), True)
    growth.axhline(0, color="black", lw=0.6, ls=":")
    growth.axvline(slow, color="0.7", lw=0.6)
    growth.annotate("D slow ", (slow, 0.05), ha="right", color="0.4", fontsize=7)
    growth.set(xlabel=r"time scale of D / of G", ylabel="growth (1/time)", title="three bumps")
    places.set(xlabel="step", ylabel="places of the bumps", yticks=modes, title="D slow")


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    fig, axes = plots.figure(2, 3, size=(7.0, 4.6))
    plane(ledger, options, axes[0])
    mixture(ledger, options, axes[1, 0], axes[1, 1])
    quadratics(ledger, options, axes[1, 2])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    plots.save(fig, out)
    return ledger
