"""A frame: what a GAN on the line looks like at one moment, for those who think in pictures."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ... import _checks as checks
from ..._phase import as_precise
from ..._result import Result
from ..._types import Key, Players
from ...families import checked_grid, hats
from ...games._gan import AbstractGAN, WeightedPoints, checked_gan


class Frame(Result):
    """The law of the data, that of the generator, and the discriminator, on a grid.

    **Fields:**

    - `x`: the grid.
    - `data`, `generator`: densities, per unit of x: the mass that each node holds, where the mass
      between two nodes goes to both (linear binning), over the width of its cell. Their mean over x
      is exact, whatever the grid; a point is a triangle.
    - `discriminator`: the logit D(x).
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "x": ("x",),
        "data": ("x",),
        "generator": ("x",),
        "discriminator": ("x",),
    }
    coordinates: ClassVar[Mapping[str, str]] = {"x": "x"}

    x: Float[Array, "*batch x"]
    data: Float[Array, "*batch x"]
    generator: Float[Array, "*batch x"]
    discriminator: Float[Array, "*batch x"]


def frame(game: AbstractGAN, players: Players, x: Any, *, key: Key = None) -> Frame:
    """What a GAN on the line looks like. A film is this under `vmap` over the players of a
    trajectory.

    **Arguments:**

    - `game`: a GAN whose points are numbers, penalized or noised or not.
    - `players`: where it is looked at.
    - `x`: the grid, increasing; what lies beyond it is drawn at its ends.
    - `key`: one realization, for a sampled game.
    """
    x = checked_grid("x", x)
    batch = checked_gan("frame", game).batch(checks.players(players), checks.key(key))
    if batch.real[0].ndim != 1:
        raise ValueError(
            "`frame` draws laws on the line, but a point of the data has shape "
            f"{batch.real[0].shape[1:]}."
        )
    x = as_precise(x, batch.real[0])

    def density(points: WeightedPoints) -> Float[Array, " x"]:
        y, w = points
        held = jnp.sum(w[:, None] * jax.vmap(lambda y: hats(x, y))(y), 0)
        return held / widths(x)

    return Frame(x, density(batch.real), density(batch.fake), jax.vmap(batch.critic)(x))


def widths(grid: Float[Array, " n"]) -> Float[Array, " n"]:
    """The widths of the cells of a grid, those of the trapezoidal rule."""
    gaps = jnp.diff(grid)
    return jnp.concatenate([gaps[:1], gaps[:-1] + gaps[1:], gaps[-1:]]) / 2
