"""The gradient at D* against the separation, measured by quadrature, closed forms over it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn.measures import gaussian
from gandyn.optimal import Kantorovich, generator_gradient, optimal_discriminator

from ._game import COLORS, LOSSES, THEORY
from ._options import Options
from ._theory import at_the_optimum

# pi, 3 pi / 8 and 2, over sqrt(2 pi): integrals over where the two laws cross.
LIMITS = {"minimax": np.pi, "least squares": 3 * np.pi / 8, "hinge": 2.0}


def measure(options: Options) -> Found:
    data = gaussian(0.0, 1.0)

    def family(m: Array) -> gd.measures.Gaussian:
        return gaussian(m, 1.0)

    @jax.jit
    def at(m: Array) -> dict[str, Array]:
        def critic(loss: gd.losses.Loss) -> Any:
            if loss is gd.losses.wasserstein:
                return Kantorovich(data, family(m))
            return optimal_discriminator(loss, data, family(m))

        return {k: generator_gradient(v, critic(v), family, m) for k, v in LOSSES.items()}

    ds = np.arange(1, options.farthest + 1)
    found = [at(jnp.asarray(float(d))) for d in ds]
    smooth = np.linspace(0.5, options.farthest, 40)
    exact, curves = ([at_the_optimum(float(d)) for d in x] for x in (ds, smooth))
    return {
        "d": ds,
        "smooth": smooth,
        "gradients": {k: np.array([abs(float(f[k])) for f in found]) for k in LOSSES},
        "theory": {k: np.array([t[k] for t in exact]) for k in LOSSES},
        "curves": {k: np.array([c[k] for c in curves]) for k in LOSSES},
    }


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    for name, seen in found["gradients"].items():
        exact = found["theory"][name]
        line = f"{name}: gradient at D*, d = 1 .. {options.farthest}"
        ledger.compare(line, seen, exact, 1e-6 * exact)
    d = float(found["d"][-1])
    for name, integral in LIMITS.items():
        limit = integral / np.sqrt(2 * np.pi)
        scaled = found["gradients"][name][-1] * np.exp(d**2 / 8)
        line = f"{name}: gradient exp(d^2/8) at d = {d:g}, for d to infinity"
        ledger.compare(line, scaled, limit, 10 / d**2 * limit)


def draw(options: Options, found: Found, ax: Axes) -> None:
    for name, color in COLORS.items():
        ax.semilogy(found["smooth"], found["curves"][name], **THEORY)
        ax.semilogy(found["d"], found["gradients"][name], "o", color=color, label=name, ms=3, mew=0)
    ax.plot([], [], **THEORY, label="theory")
    ax.set(xlabel="separation $d$", ylabel="gradient at $D^*$", ylim=(1e-9, 60))
    ax.legend(loc="lower left", handletextpad=0.4, labelspacing=0.2)
