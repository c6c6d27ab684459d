"""Three modes on a grid on the line, on which D may be any function."""

import jax
import jax.numpy as jnp
import numpy as np

import gandyn as gd
from gandyn import plots

NODES = jnp.linspace(-9, 9, 37)
MODES = jnp.array([-5.0, 0.0, 5.0])
FREE = gd.families.Free(NODES)
WIDTH = 0.6  # of a bump, less than that of a mode
UNDECIDED = -2 * np.log(2)  # the score of D = 0
SHADES = {
    "a density": plots.PALETTE["green"],
    "one bump": plots.PALETTE["vermilion"],
    "three bumps": plots.PALETTE["blue"],
    "one bump, D quartic": plots.PALETTE["purple"],
}


def modes(std: float = 1.0) -> gd.measures.Points:
    """The data, on the grid."""
    return jax.jit(lambda: gd.families.on_grid(gd.measures.line(3, 5.0, std).cdf, NODES))()
