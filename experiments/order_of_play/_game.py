"""The game: three modes on a grid, a discriminator that is free there, a generator of one bump."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gandyn as gd

from ._options import Options

MODES = np.array([-5.0, 0.0, 5.0])
STD, WIDTH = 1.0, 0.6  # of a mode, of the bump
STEP = 0.1  # of the generator


def bumps(
    options: Options,
    std: float = STD,
    width: float = WIDTH,
    loss: gd.losses.Loss = gd.losses.minimax,
    copies: int | None = None,
) -> gd.games.MeasureGAN:
    nodes = jnp.linspace(-9, 9, options.nodes)
    data = jax.jit(lambda: gd.families.on_grid(gd.measures.line(3, 5.0, std).cdf, nodes))()
    return gd.games.bump(data, gd.families.Free(nodes), nodes, width, loss, copies)


def divergence(game: gd.games.MeasureGAN, place: Any) -> Any:
    """max_D of the discriminator's score, at a place of the bump: 2 JS - 2 log 2."""
    batch = game.batch((place, jnp.zeros_like(game.data.points()[1])))
    js = gd.distances.jensen_shannon(*(w / w.sum() for w in (batch.real[1], batch.fake[1])))
    return 2 * js - 2 * jnp.log(2.0)


def hops(places: Any) -> Any:
    """How often the mode last visited changes; a mode is visited within 1.5 of its middle."""
    near = gd.modes.assign(places, MODES)
    there = jnp.abs(places - jnp.asarray(MODES)[near]) < 1.5
    return jnp.sum(gd.modes.hopping(jnp.where(there, near, -1), len(MODES)).hopped)


@cache
def threshold(options: Options) -> tuple[float, complex]:
    """The ratio of D's time scale to the generator's above which the bump rests at the middle mode,
    where the leading exponents cross the axis; and the leading one there."""
    game = bumps(options)
    rest = jax.jit(lambda: gd.optimal.solved(game, (0.0, jnp.zeros(options.nodes))))()
    field = gd.fields.natural(game)

    @jax.jit
    def leading(ratio: Any) -> Any:
        flow = gd.flows.GradientFlow(gd.fields.Scaled(field, (1.0, ratio)))
        exponents = gd.spectrum(flow, rest).exponents
        return exponents[jnp.argmax(exponents.real)]

    low, high = 0.01, 100.0
    for _ in range(40):
        middle = np.sqrt(low * high)
        # Where neither law is, D hardly moves: rates of rounding size are no instability.
        low, high = (middle, high) if leading(middle).real > 1e-9 else (low, middle)
    return float(high), complex(leading(low))
