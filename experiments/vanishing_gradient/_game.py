"""The game: data N(0, 1), a generator that is moved as a whole, an affine discriminator."""

import numpy as np
from jaxtyping import Array
from scipy import stats

import gandyn as gd
from gandyn import plots

LOSSES = {
    "minimax": gd.losses.minimax,
    "-log D": gd.losses.nonsaturating,
    "least squares": gd.losses.least_squares,
    "hinge": gd.losses.hinge,
    "Wasserstein": gd.losses.wasserstein,
}
_SHADES = ("vermilion", "blue", "green", "purple", "orange")
COLORS = {name: plots.PALETTE[shade] for name, shade in zip(LOSSES, _SHADES, strict=True)}
THEORY = {"color": plots.COLORS["theory"], "lw": 0.7}

STEP = 0.02  # between the points of the population


def affine(psi: Array, x: Array) -> Array:
    return psi[0] + psi[1] * x


def shifted(theta: Array, z: Array) -> Array:
    return theta + z


def game(loss: gd.losses.Loss) -> gd.games.GAN:
    """Sums over even steps: for smooth losses as good as any quadrature, for the hinge better."""
    x = np.arange(-9, 9, STEP)
    law = gd.measures.Points(x, stats.norm.pdf(x) / stats.norm.pdf(x).sum())
    return gd.games.GAN(shifted, affine, law, law, loss)
