"""Claim: a discriminator that is fast enough makes all strict local min-max points attract and no
max-min point, from the ratio of curvatures on; too fast a one slows the Dirac-GAN with R1 down.

Gradient descent and ascent where the discriminator is t times faster. On the Dirac-GAN with R1 of
strength g the eigenvalues of the flow, with s = f'(0) = 1/2, are

    (-t g +- sqrt(t^2 g^2 - 4 t s^2)) / 2:    fastest at t = (2 s / g)^2, at the rate 2 s^2 / g.

On a x^2 / 2 + c x y + b y^2 / 2 with c^2 > a b the flow loses its stability at t = a / b: the
min-max points among these (a, b < 0) attract above it, the max-min points (a, b > 0) below it. With
vectors for players, J = A + t B with the generator's rows in A and the discriminator's in B; a pair
is on the axis where the Kronecker sum of J with itself is singular, and above the largest such t
every strict local min-max point attracts. Fiez and Ratliff, "Local Convergence Analysis of Gradient
Descent Ascent with Finite Timescale Separation", 2021; Jin, Netrapalli, Jordan, 2020.
"""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots
from gandyn.results import Classification, Critical


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    step: float = 0.01
    """Step size of the generator."""
    steps: int = 4000
    """Steps of training."""
    strength: float = 0.3
    """Strength of R1."""
    ratios: tuple[float, ...] = (1, 4, 8, 16)
    """Step size of the discriminator over that of the generator."""
    games: int = 64
    """Random games of each kind."""
    dimension: int = 3
    """Coordinates of each player in the random games with vectors."""


QUICK = Options(games=16, dimension=2)

SLOPE = 0.5  # f'(0) of the logistic loss
COLORS = [plots.PALETTE[name] for name in ("blue", "sky", "orange", "vermilion")]  # slow to fast
KINDS = {"min-max": (-1.0, "o"), "max-min": (1.0, "s")}


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    fig, axes = plots.figure(2, 2, size=(7.0, 5.2))
    dirac(options, ledger, axes.ravel()[:3])
    random_games(options, ledger, axes[1, 1])
    for ax, letter in zip(axes.flat, "abcd", strict=True):
        plots.letter(ax, letter)
    plots.save(fig, out)
    return ledger


def dirac(options: Options, ledger: Ledger, axes: np.ndarray) -> None:
    """The published setting: four ratios from one start."""
    plane, decay, rates = axes
    ts = np.arange(options.steps + 1)
    strength = options.strength
    penalized = gd.games.Penalized(gd.games.dirac(), gd.games.R1(strength))
    J = np.array([[0, -SLOPE], [SLOPE, -strength]])
    for ratio, color in zip(options.ratios, COLORS, strict=True):
        steps = (options.step, options.step * ratio)
        rule = gd.methods.simultaneous(penalized, steps)
        path = np.stack(gd.simulate(rule, (1.0, 1.0), ts).players, -1)
        # Along the leading left eigenvector disturbances decay without a ripple.
        eigenvalues, left = np.linalg.eig(np.asarray(gd.analyses.jacobian(rule, (0.0, 0.0))).T)
        leading = left[:, np.argmax(abs(1 + eigenvalues))]
        late = np.abs(path[[-1 - options.steps // 4, -1]] @ leading)
        rate = -np.log(late[1] / late[0]) / (options.steps // 4) / options.step
        factor = gd.theory.METHODS["simultaneous"].radius(J, steps)
        theory = -np.log(factor) / options.step
        name = f"Dirac-GAN, ratio {ratio:g}: rate of decay over the theory's"
        ledger.compare(name, rate / theory, 1, 0.01)
        label = rf"$\tau = {ratio:g}$"
        plane.plot(*path.T, color=color, lw=0.9, label=label)
        decay.semilogy(ts, np.hypot(*path.T), color=color, label=label)
        rates.plot(ratio, rate, "o", color=color, ms=4, zorder=3)

    best = (2 * SLOPE / strength) ** 2
    found = gd.fastest(
        gd.family(lambda ratio: scaled(penalized, ratio)), (0.0, 0.0), {"ratio": (0.5, 40.0)}
    )
    ledger.compare("Dirac-GAN: fastest ratio", found.parameters["ratio"], best, 1e-9)
    ledger.compare("Dirac-GAN: its rate", -found.growth, 2 * SLOPE**2 / strength, 1e-6)
    line = np.linspace(0.05, 1.2 * max(*options.ratios, best), 1000)
    slowest = -np.real(exponents(strength, line)).max(axis=0)
    rates.plot(line, slowest, color=plots.COLORS["theory"], lw=0.9, label="theory", zorder=2)
    rates.axvline(best, color=plots.COLORS["theory"], lw=0.6, ls=":")
    rates.annotate(
        r"$\tau = 1/\gamma^2$",
        (best, 0.02),
        xytext=(-4, 3),
        textcoords="offset points",
        ha="right",
        color="0.4",
    )
    plane.plot(0, 0, "*", color="black", ms=5, mew=0, zorder=4)
    plane.set(xlabel=r"generator $\theta$", ylabel=r"discriminator $\psi$")
    plane.set(xticks=(-0.5, 0, 0.5, 1, 1.5), yticks=(-1, -0.5, 0, 0.5, 1))
    plane.set_aspect("equal", adjustable="datalim")
    decay.set(xlabel="step", ylabel="distance to equilibrium", ylim=(1e-9, 4))
    rates.set(xlabel=r"ratio of time scales $\tau$", ylabel="rate of decay (1/time)")
    rates.set(xlim=(0, line[-1]), ylim=(0, None), xticks=(0, 4, 8, 12, 16))
    rates.legend(loc="upper left")
    plane.legend()


def exponents(strength: float, ratio: np.ndarray | float) -> np.ndarray:
    """The two eigenvalues of the flow of the Dirac-GAN with R1."""
    damping = ratio * strength
    apart = np.sqrt(np.asarray(damping**2 - 4 * ratio * SLOPE**2, complex))
    return np.stack([-damping + apart, -damping - apart]) / 2


def random_games(options: Options, ledger: Ledger, ax: Axes) -> None:
    """Where random strict local min-max and max-min points gain or lose their stability."""
    rng = np.random.default_rng(0)
    for kind, (sign, marker) in KINDS.items():
        a, b = sign * np.exp(rng.normal(0, 1, (2, options.games)))
        c = np.sqrt(a * b) * (1 + rng.exponential(1, options.games))
        hessians = np.stack([np.stack([a, c]), np.stack([c, b])]).transpose(2, 0, 1)
        found, kinds = edges(hessians, np.stack([a / b / 30, a / b * 40], -1))
        ledger.state(f"games that are a strict {kind} point", int(kinds[kind].sum()), options.games)
        ledger.state(f"{kind}: of these, Nash", int(kinds["Nash"].sum()), 0)
        error = np.abs(np.asarray(found.parameter) / (a / b) - 1).max()
        ledger.compare(f"{kind}: critical ratio, largest relative error", error, 0, 1e-10)
        faster = int(np.sum(np.asarray(found.growth)[:, 1] < 0))
        expected = options.games if kind == "min-max" else 0
        ledger.state(f"{kind}: attracting above the critical ratio", faster, expected)
        ax.loglog(
            a / b, found.parameter, marker, ms=3, mew=0, label=f"{kind} points, numbers", alpha=0.8
        )
    always = nash(rng, options)
    ledger.state("Nash points: attracting at every ratio tried", always, options.games)
    hessians, theory, below = vectors(rng, options)
    found, kinds = edges(hessians, np.stack([below, 1e4 * theory], -1))
    ledger.state("vectors: strict min-max points", int(kinds["min-max"].sum()), options.games)
    error = np.abs(np.asarray(found.parameter) / theory - 1).max()
    ledger.compare("vectors: critical ratio, largest relative error", error, 0, 1e-8)
    faster = int(np.sum(np.asarray(found.growth)[:, 1] < 0))
    ledger.state("vectors: attracting above the critical ratio", faster, options.games)
    ax.loglog(theory, found.parameter, "^", ms=3, mew=0, label="min-max points, vectors", alpha=0.8)
    span = np.array(ax.get_xlim())
    ax.loglog(span, span, color=plots.COLORS["theory"], lw=0.8, zorder=0)
    ax.set(xlabel=r"critical ratio $\tau^*$, theory", ylabel=r"critical ratio $\tau^*$, measured")
    ax.set(xlim=span, ylim=span)
    ax.legend()


def nash(rng: np.random.Generator, options: Options) -> int:
    """How many random Nash points attract at all of many ratios."""
    a, b = np.exp(rng.normal(0, 1, (2, options.games)))
    c = rng.normal(0, 2, options.games)
    hessians = np.stack([np.stack([a, c]), np.stack([c, -b])]).transpose(2, 0, 1)
    rest = (jnp.zeros(1), jnp.zeros(1))

    def stable(hessian: jax.Array, ratio: jax.Array) -> jax.Array:
        return gd.spectrum(scaled(game(hessian), ratio), rest).stable

    over = jax.vmap(jax.vmap(stable, (None, 0)), (0, None))
    return int(np.all(jax.jit(over)(hessians, np.geomspace(1e-3, 1e3, 25)), axis=1).sum())


def scaled(game: gd.games.AbstractGame, ratio: float | jax.Array) -> gd.AbstractDynamics:
    """The flow in which the discriminator is `ratio` times faster."""
    return gd.flows.GradientFlow(gd.fields.Scaled(gd.fields.Gradient(game), (1.0, ratio)))


def game(hessian: jax.Array) -> gd.games.Custom:
    """z^T H z / 2, which the first half of z minimizes and the second maximizes."""
    n = hessian.shape[0] // 2
    signs = jnp.concatenate([-jnp.ones(n), jnp.ones(n)])
    return gd.games.quadratic(signs[:, None] * hessian, (n, n))


@jax.jit
@jax.vmap
def edge(hessian: jax.Array, bounds: jax.Array) -> tuple[Critical, Classification]:
    played, rest = game(hessian), (jnp.zeros(len(hessian) // 2),) * 2
    family = gd.family(lambda ratio: scaled(played, ratio))
    return gd.critical(family, rest, {"ratio": bounds}), gd.classify(played, rest)


def edges(hessians: np.ndarray, bounds: np.ndarray) -> tuple[Critical, dict[str, np.ndarray]]:
    """The critical ratio of each game, and which kind of point its equilibrium is."""
    found, kind = edge(jnp.asarray(hessians), jnp.asarray(bounds))
    names = {"min-max": "local_minmax", "max-min": "local_maxmin", "Nash": "local_nash"}
    return found, {name: np.asarray(getattr(kind, word)) for name, word in names.items()}


def vectors(
    rng: np.random.Generator, options: Options
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random strict min-max points that are not Nash, their critical ratios by the Kronecker sum,
    and a ratio below at which they do not attract."""
    n = options.dimension
    found = []
    while len(found) < options.games:
        hessian = rng.normal(0, 1, (2 * n, 2 * n))
        hessian = hessian + hessian.T
        xx, xy, yy = hessian[:n, :n], hessian[:n, n:], hessian[n:, n:]
        yy -= (np.linalg.eigvalsh(yy).max() + 0.3) * np.eye(n)
        xx += (0.3 - np.linalg.eigvalsh(xx - xy @ np.linalg.solve(yy, xy.T)).min()) * np.eye(n)
        if np.linalg.eigvalsh(xx).min() > -0.1:
            continue
        slow = np.vstack([-hessian[:n], np.zeros((n, 2 * n))])
        fast = np.vstack([np.zeros((n, 2 * n)), hessian[n:]])
        one = np.eye(2 * n)
        sums = [np.kron(m, one) + np.kron(one, m) for m in (slow, fast)]
        roots = np.asarray(scipy.linalg.eigvals(sums[0], -sums[1]))
        real = np.real(roots[np.isfinite(roots) & (abs(np.imag(roots)) < 1e-7 * abs(roots))])
        real = np.sort(real[real > 1e-9])
        # Each root is there twice, by symmetry.
        last, before = real[-1], real[real < (1 - 1e-6) * real[-1]].max(initial=0)
        found.append((hessian, last, max((last + before) / 2, last / 2)))
    hessians, lasts, belows = zip(*found, strict=True)
    return np.stack(hessians), np.array(lasts), np.array(belows)
