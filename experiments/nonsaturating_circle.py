"""Claim: the flow of the non-saturating Dirac-GAN converges, but simultaneous steps of size h end
on a circle of radius sqrt(2 h); alternating steps converge as the flow does.

With t = theta psi the flow has d(r^2)/dt = -2 t tanh(t / 2), so that r^2 ~ 8 / time. A step adds
h^2 |v|^2, about h^2 r^2 / 4. Averaged over a turn, r^2 gains h^2 r^2 / 4 - h r^4 / 8 in a step: it
settles at r^2 = 2 h, at the rate h^2 / 4. That the curve r^2(a) is invariant under the step gives,
order by order, with a the angle of (psi, theta),

    r^2 = 2 h + (h^2 / 4) sin 4a - (h^3 / 64) (9 + 6 cos 4a + 2 cos 8a) + O(h^4).

The flow is that of Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually
Converge?", 2018.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots


@dataclasses.dataclass(frozen=True)
class Options:
    """What can be chosen."""

    smallest: float = 0.05
    """The smallest step size."""
    sizes: int = 14
    """How many step sizes up to 1.6."""
    starts: int = 16
    """Random starts for each, from a normal law."""
    steps: int = 20_000
    """Steps of the run that is compared with the flow."""
    store: Path | None = None
    """Folder in which finished parts of the sweep are kept: the same command again goes on from
    there."""


QUICK = Options(smallest=0.2, sizes=4, steps=1000)

GAME = gd.games.dirac(gd.losses.nonsaturating)
LARGEST = 1.6
WINDOW = 4096  # steps over which a curve is looked at


def simultaneous(step: Any) -> gd.AbstractDynamics:
    return gd.methods.simultaneous(GAME, step)


def alternating(step: Any) -> gd.AbstractDynamics:
    return gd.methods.alternating(GAME, step)


def settled(step: Any, start: Any, key: Any) -> dict[str, Any]:
    """The curve on which a random start settles: the mean of r^2 over the angle, and its waves.

    By then 25 times the time scale of the settling, 4 / h^2 steps, have passed.
    """
    players = tuple(jax.random.normal(jax.random.fold_in(key, start), (2,)))
    wait = jnp.ceil(100 / step**2).astype(int)
    first = gd.simulate(simultaneous(step), players, jnp.stack([0 * wait, wait]))
    last = jax.tree.map(lambda x: x[-1], first.players)
    theta, psi = gd.simulate(simultaneous(step), last, jnp.arange(WINDOW + 1)).players
    square, angle = theta**2 + psi**2, jnp.arctan2(theta, psi)
    waves = [f(m * angle) for m in (4, 8, 12) for f in (jnp.cos, jnp.sin)]
    basis = jnp.stack([jnp.ones_like(angle), *waves], -1)
    fit = jnp.linalg.lstsq(basis, square)[0]
    return {"mean": fit[0], "cosine": fit[1], "sine": fit[2]}


def run(options: Options, out: Path) -> Ledger:
    ledger = Ledger()
    sizes = np.geomspace(options.smallest, LARGEST, options.sizes)
    axes = {"step": sizes, "start": np.arange(options.starts)}
    found = gd.sweep(settled, axes, seed=0, store=options.store, progress=False)
    mean, sine, cosine = (np.asarray(found[name]) for name in ("mean", "sine", "cosine"))
    for i, h in enumerate(sizes):
        name = f"h = {h:.3g}: "
        spread = np.ptp(mean[i])
        if h > 0.5:
            ledger.record(name + "spread of r^2 over the starts", spread)
            ledger.record(name + "mean of r^2 over 2 h", mean[i, 0] / (2 * h))
            continue
        ledger.compare(name + "spread of r^2 over the starts", spread, 0, 1e-6)
        # Means and cosines have odd orders in h only, sines even ones.
        ledger.compare(name + "mean of r^2", mean[i, 0], mean_square(h), 0.05 * h**5)
        ledger.compare(name + "sin 4a in r^2", sine[i, 0], h**2 / 4, 0.05 * h**4)
        ledger.compare(name + "cos 4a in r^2", cosine[i, 0], -3 / 32 * h**3, 0.05 * h**5)

    fig, (plane, law, time) = plots.figure(1, 3, size=(7.0, 2.5))
    orbits(plane)
    law.plot(sizes, np.sqrt(mean[:, 0]), "o", ms=3.2, mew=0, color=plots.COLORS["simultaneous"])
    law.plot(sizes, np.sqrt(2 * sizes), color=plots.COLORS["theory"], lw=0.9, label=r"$\sqrt{2h}$")
    law.plot(
        sizes,
        np.sqrt(mean_square(sizes)),
        color="black",
        lw=0.8,
        ls=":",
        label=r"$\sqrt{2h-\frac{9}{64}h^3}$",
    )
    law.set(xscale="log", yscale="log", xlabel="step size $h$", ylabel="radius of the circle")
    for axis, ticks in ((law.xaxis, (0.05, 0.1, 0.2, 0.5, 1)), (law.yaxis, (0.3, 0.5, 1, 1.5))):
        axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axis.set_ticks([], minor=True)
    law.legend()
    compare(options, ledger, time)
    plots.save(fig, out)
    return ledger


def mean_square(h: Any) -> Any:
    """The mean of r^2 over the angle, to the order h^4."""
    return 2 * h - 9 / 64 * h**3


def orbits(ax: Any) -> None:
    """The curves at some step sizes, with the closed form to second order."""
    turn = np.linspace(0, 2 * np.pi, 400)
    for h, color in zip((0.1, 0.4, 1.0), ("#56B4E9", "#E69F00", "#D55E00"), strict=True):
        start = (np.sqrt(2 * h), 0.0)
        path = gd.simulate(simultaneous(h), start, np.arange(3001)).players
        late = (np.asarray(p)[1500:] for p in path)
        ax.plot(*late, ".", ms=3, mew=0, color=color, label=f"$h = {h:g}$")
        bent = 6 * np.cos(4 * turn) + 2 * np.cos(8 * turn)
        radius = np.sqrt(mean_square(h) + h**2 / 4 * np.sin(4 * turn) - h**3 / 64 * bent)
        ax.plot(radius * np.sin(turn), radius * np.cos(turn), color="black", lw=0.6, ls=(0, (4, 3)))
    ax.plot(0, 0, "*", color="black", ms=5, mew=0)
    ax.set(xlabel=r"generator $\theta$", ylabel=r"discriminator $\psi$", aspect="equal")
    ax.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 3}
    ax.legend(markerscale=2, handletextpad=0, columnspacing=0.6, borderpad=0, **place)


def compare(options: Options, ledger: Ledger, ax: Any) -> None:
    """r^2 against time under the flow and under both orders of moves, from one start."""
    h, start = 0.2, (-1.0, 1.0)
    last = np.arange(round(4 * np.pi / h))  # a turn
    ts = np.geomspace(1, options.steps - len(last), 200).astype(int)
    ts = np.concatenate([[0], np.unique(ts), options.steps - last[::-1]])
    flow = gd.flows.GradientFlow(gd.fields.Gradient(GAME))
    for name, dynamics, clock in (
        ("flow", flow, h * ts),
        ("simultaneous", simultaneous(h), ts),
        ("alternating", alternating(h), ts),
    ):
        theta, psi = gd.simulate(dynamics, start, clock).players
        square = np.asarray(theta**2 + psi**2)
        width = 2.2 if dynamics is flow else 0.9  # which alternating steps would hide
        ax.loglog(h * ts[1:], square[1:], color=plots.COLORS[name], lw=width, label=name)
        if name != "simultaneous":
            # Over a turn; the start counts for a time of its own, the step for its square.
            share = np.mean((square * h * ts)[-len(last) :]) / 8
            tolerance = 40 / (h * ts[-1]) + (h**2 / 4 if dynamics is not flow else 0)
            ledger.compare(f"{name}: r^2 x time / 8 at the end", share, 1, tolerance)
    theory = {"color": plots.COLORS["theory"], "lw": 0.8}
    ax.axhline(2 * h, **theory, ls=":", label="$2h$")
    ax.loglog(h * ts[1:], 8 / (h * ts[1:]), **theory, label="8 / time")
    ax.set(xlabel=r"time (step size $\times$ steps)", ylabel="$r^2$", ylim=(1e-3, 4))
    ax.legend(loc="lower left")
