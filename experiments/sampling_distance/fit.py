"""A normal generator, fitted by a GAN with a critic of two parameters to a sample of m: it is far
nearer to the law than the sample is."""

from collections.abc import Callable

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import distances

from ._options import TRANSPORT, Options
from ._samples import COLORS, THEORY, dots, dress, record, swept, test
from ._theory import fitted, squared_to_the_law


def moments(psi: Array, x: Array) -> Array:
    return psi[0] * x + psi[1] * x**2


def affine(theta: Array, z: Array) -> Array:
    return theta[0] + theta[1] * z


def trained(m: int, steps: int) -> Callable[..., dict[str, Array]]:
    def measured(run: Array, key: Array) -> dict[str, Array]:
        x = jr.normal(key, (m,))
        latent = gd.measures.gaussian(0.0, 1.0, nodes=4)
        gan = gd.games.GAN(affine, moments, gd.measures.empirical(x), latent, gd.losses.wasserstein)
        rule = gd.methods.alternating(gd.games.Penalized(gan, gd.games.R1(1.0)), 0.1)
        start = (jnp.array([0.5, 0.5]), jnp.zeros(2))
        final = gd.simulate(rule, start, np.array([0, steps])).final.players
        shift, scale = final[0]
        law = gd.measures.gaussian(shift, scale)
        return {
            "to the law": distances.wasserstein(law, gd.measures.gaussian(0.0, 1.0), 2) ** 2,
            "to the sample": distances.wasserstein(x, law, 2) ** 2,
            "unfinished": jnp.hypot(shift - jnp.mean(x), scale - jnp.std(x)),
        }

    return measured


def measure(options: Options) -> Found:
    means = {}
    for m in (m for m in options.sizes if 8 <= m <= TRANSPORT):
        for name, mean in swept(trained(m, options.steps), options, "fit", f"fit{m}", 64).items():
            means.setdefault(name, {})[m] = mean
    few = means["to the law"]
    memorized = {m: squared_to_the_law(m) for m in few}
    return {"means": means, "fitted": {m: fitted(m) for m in few}, "memorized": memorized}


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    means, known = found["means"], found["fitted"].__getitem__
    text = "squared W2 of the fitted generator to the law"
    test(ledger, options.seeds, means["to the law"], known, text)
    unfinished = max(mean for mean, _ in means["unfinished"].values())
    ledger.compare("the generator has the moments of its sample, up to", unfinished, 0, 1e-6)
    m = max(means["to the law"])
    ratio = means["to the law"][m][0] / found["memorized"][m]
    ledger.record(f"fitted generator over sample, squared W2 to the law, m = {m}", ratio)
    record(ledger, means)


def draw(options: Options, found: Found, ax: Axes) -> None:
    dots(ax, found["means"]["to the law"], color=COLORS[0], label="fitted, to the law")
    dots(ax, found["means"]["to the sample"], color=COLORS[2], label="fitted, to its sample")
    sizes = list(found["fitted"])
    ax.plot(sizes, list(found["fitted"].values()), **THEORY)
    dotted = {"color": "0.2", "lw": 0.8, "ls": ":", "label": "memorized, to the law"}
    ax.plot(sizes, list(found["memorized"].values()), **dotted)
    dress(ax, sizes, "$W_2^2$ of generators")
    ax.set_ylim(1e-3, 2)
    ax.legend(loc="upper right", labelspacing=0.2, handletextpad=0.4)
