"""Disjoint supports: |grad E log(1 - D)| < eps / (1 - eps), eps = sup |D - D*| + |grad D|."""

import equinox as eqx
import jax
import numpy as np
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots
from gandyn.measures import Uniform

from ._game import COLORS, affine, shifted
from ._options import Options


def measure(options: Options) -> Found:
    data, latent = Uniform(-0.5, 0.5), Uniform(-0.5, 0.5)
    field = gd.fields.Gradient(gd.games.GAN(shifted, affine, data, latent))
    ks = np.unique(np.append(0, np.geomspace(1, 100 * options.steps, 40).astype(int)))
    run = gd.simulate(gd.rules.Descend(field, (None, 0.5)), (3.0, np.zeros(2)), ks)
    slope = np.abs(eqx.filter_jit(jax.vmap(lambda p: field(p)[0]))(run.players))
    slope, psi = slope[1:], np.asarray(run.players[1])[1:]  # a discriminator of nothing is no case
    # D is monotone: it is furthest from D*, and steepest, at the inner ends of the supports.
    ends = np.array([0.5, 2.5])
    D = 1 / (1 + np.exp(-(psi[:, :1] + psi[:, 1:] * ends)))
    eps = np.max(np.abs(D - [1, 0]) + D * (1 - D) * np.abs(psi[:, 1:]), axis=1)
    known = eps < 1
    return {"eps": eps[known], "gradient": slope[known], "bound": eps[known] / (1 - eps[known])}


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    slope, limit = found["gradient"], found["bound"]
    ledger.state("Arjovsky and Bottou's bound, violations", int(np.sum(slope >= limit)), 0)
    ledger.record("epsilon of Arjovsky and Bottou's bound", found["eps"])
    ledger.record("the bound on the gradient", limit)
    ledger.record("the gradient", slope)
    ledger.record("the bound is reached up to a factor of", np.min(limit / slope))


def draw(options: Options, found: Found, ax: Axes) -> None:
    eps, theory = found["eps"], plots.COLORS["theory"]
    ax.loglog(eps, found["bound"], color=theory, lw=0.9, label="bound")
    ax.loglog(eps, found["gradient"], "o-", color=COLORS["minimax"], ms=2.5, label="minimax")
    ax.set(xlabel=r"$\varepsilon = \|D - D^*\|$", ylabel="gradient, disjoint supports")
    ax.invert_xaxis()
    ax.legend(loc="lower left")
