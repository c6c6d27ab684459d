"""Two games of which it is proved that they have no pure equilibrium."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots

from ._options import Options

PLACES = np.linspace(-2, 2, 9)
WIDE = 2.0  # the deviation s of the data of the normal laws


def measure(options: Options) -> Found:
    bend, value = normal_laws()
    payoff = point_against_two()
    return {"payoff": payoff, "values": jax.jit(gd.values)(payoff), "normal": value, "bend": bend}


def point_against_two() -> np.ndarray:
    """A point against {-1, 1}, and all critics on a grid with slopes 1 and -1: the extreme points
    of those that are 1-Lipschitz."""
    slopes = np.array(list(itertools.product((-1.0, 1.0), repeat=8)))
    critics = np.concatenate([np.zeros((256, 1)), np.cumsum(slopes * 0.5, axis=1)], axis=1)
    data = gd.measures.empirical([-1.0, 1.0])
    game = gd.games.location(data, gd.families.Free(PLACES), loss=gd.losses.wasserstein)
    score = jax.vmap(jax.vmap(lambda x, d: game.losses((x, d))[1], (None, 0)), (0, None))
    return -np.asarray(jax.jit(score)(jnp.asarray(PLACES), jnp.asarray(critics)))


def normal_laws() -> tuple[float, float]:
    """N(theta, 1) against N(0, s^2), s > 1, and the critic |x|, best at theta = 0: the curvature of
    the generator's loss there, and the critic's score."""
    fine = jnp.linspace(-12, 12, 961)

    @jax.jit
    def at(x: Any) -> Any:
        wide = gd.families.on_grid(gd.measures.gaussian(0.0, WIDE).cdf, fine)
        normal = gd.games.bump(wide, gd.families.Free(fine), fine, 1.0, gd.losses.wasserstein)
        own, critics = (lambda x, i=i: normal.losses((x, jnp.abs(fine)))[i] for i in range(2))
        return jax.grad(jax.grad(own))(x), -critics(x)

    bend, value = at(0.0)
    return float(bend), float(value)


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    worth, slope = found["values"], np.sqrt(2 / np.pi)
    ledger.compare("a point against two: min-max", worth.minmax, 1, 1e-9)
    ledger.compare("a point against two: max-min", worth.maxmin, 0, 1e-9)
    ledger.compare("a point against two: mixed", worth.mixed, 0, 1e-9)
    error = np.abs(found["payoff"].max(axis=1) - np.maximum(1, np.abs(PLACES))).max()
    ledger.compare("a point against two: max over critics is max(1, |x|)", error, 0, 1e-9)
    ledger.compare("normal laws: min-max", found["normal"], (WIDE - 1) * slope, 1e-3)
    ledger.compare("normal laws: curvature of the generator's loss", found["bend"], -slope, 1e-3)


def draw(options: Options, found: Found, ax: Axes) -> None:
    x, color = np.linspace(-2, 2, 101), plots.COLORS
    ax.plot(x, np.maximum(1, np.abs(x)), color=color["theory"], label=r"$\max(1, |x|)$")
    most = found["payoff"].max(axis=1)
    ax.plot(PLACES, most, "^", color=color["stable"], label="D moves last")
    ax.axhline(0, color=color["generator"], label="G moves last")
    ax.set(xlabel="place of a point, data at $\\pm 1$", ylabel="value", ylim=(-0.2, 3.4))
    ax.legend(loc="upper center", labelspacing=0.2)
