"""Signal to noise of one sampled point's gradient at D*: mean over standard deviation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn.measures import Sampled, gaussian

from ._game import COLORS, LOSSES, THEORY, affine, shifted
from ._options import Options
from ._theory import mean_under_generator

# What a point adds to the generator's gradient, of D* there, over the separation.
PULLS = {
    "minimax": lambda D: D,
    "-log D": lambda D: 1 - D,
    "least squares": lambda D: D * (1 - D) ** 2,
}


def measure(options: Options) -> Found:
    ds = np.arange(1.0, options.farthest / 2 + 1)
    smooth = np.linspace(ds[0], ds[-1], 40)
    exact, curves = ({k: [theory(k, d) for d in x] for k in PULLS} for x in (ds, smooth))
    seen = {name: sampled(name, ds, options) for name in PULLS}
    return {"d": ds, "smooth": smooth, "ratios": seen, "theory": exact, "curves": curves}


def theory(name: str, d: float) -> float:
    mean = mean_under_generator(PULLS[name], d)
    square = mean_under_generator(lambda D: PULLS[name](D) ** 2, d)
    return mean / np.sqrt(square - mean**2)


def sampled(name: str, ds: np.ndarray, options: Options) -> list[float]:
    keys = jr.split(jr.key(0), options.seeds)
    data = gaussian(0.0, 1.0, nodes=1)  # the generator's gradient does not see it
    latent = Sampled(gaussian(0.0, 1.0).sample, options.batch)

    def critic(psi: Array, x: Array) -> Array:
        # Least squares at its D*, a probability: the logit is squashed first.
        l = affine(psi, x)
        return jax.nn.sigmoid(l) if name == "least squares" else l

    field = gd.fields.Gradient(gd.games.GAN(shifted, critic, data, latent, LOSSES[name]))

    @eqx.filter_jit
    def gradients(d: Array) -> Array:
        players = (d, jnp.stack([d**2 / 2, -d]))
        return jax.vmap(lambda key: -field(players, key)[0])(keys)

    drawn = [np.asarray(gradients(jnp.asarray(d))) for d in ds]
    return [g.mean() / g.std() / np.sqrt(options.batch) for g in drawn]


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    ds = found["d"]
    for name, seen in found["ratios"].items():
        exact = found["theory"][name]
        # Further out a batch of this size rarely meets the few points that count.
        for d, ratio, known in zip(ds[ds <= 3], seen, exact, strict=False):
            # Of n normal means: the error of mean/deviation is sqrt((1 + r^2/2) / n).
            r = known * np.sqrt(options.batch)
            error = np.sqrt((1 + r**2 / 2) / options.seeds / options.batch)
            ledger.compare(f"{name}: signal to noise, d = {d:g}", ratio, known, 4 * error)
        line = f"{name}: signal to noise, d = 1 .. {ds[-1]:g}"
        ledger.record(line, seen)
        ledger.record(f"{line}, closed form", exact)


def draw(options: Options, found: Found, ax: Axes) -> None:
    for name, seen in found["ratios"].items():
        ax.semilogy(found["smooth"], found["curves"][name], **THEORY)
        ax.semilogy(found["d"], seen, "o", color=COLORS[name], ms=3, mew=0, label=name)
    ax.axhline(1 / np.sqrt(options.batch), color="0.7", lw=0.6, ls=":")
    at = found["d"][0], 1.1 / np.sqrt(options.batch)
    ax.text(*at, f"1 in a batch of {options.batch}", fontsize=6, color="0.4", va="bottom")
    ax.set(xlabel="separation $d$", ylabel="signal / noise, one point")
    ax.legend(loc="upper left", handletextpad=0.1, labelspacing=0.2)
