"""What the coordinates of players are called: whose they are, and which."""

import math
from typing import Any

import jax
import numpy as np

from .._types import Players
from ..games import AbstractGAN

_GAN = (("generator", r"$\theta$"), ("discriminator", r"$\psi$"))


def plays_gan(dynamics: Any) -> bool:
    """Whether there is a GAN inside: player 0 is a generator then, player 1 a discriminator."""
    nodes = jax.tree.leaves(dynamics, is_leaf=lambda node: isinstance(node, AbstractGAN))
    return any(isinstance(node, AbstractGAN) for node in nodes)


def coordinate_names(players: Players, gan: bool = False, leading: int = 0) -> list[str]:
    """A name for each coordinate of players, behind the leading axes that all their arrays share:
    of the player, and a number where the player has several."""
    roles = [(f"player {i}", "") for i in range(len(players))]
    roles = _GAN if gan and len(players) == 2 else roles
    names: list[str] = []
    for player, (role, symbol) in zip(players, roles, strict=True):
        size = sum(math.prod(np.shape(leaf)[leading:]) for leaf in jax.tree.leaves(player))
        several = [f"{role}, coordinate {i}" for i in range(size)]
        names += several if size > 1 else [f"{role} {symbol}".strip()] * size
    return names


def plane_names(dynamics: Any, players: Players, plane: tuple[int, int]) -> tuple[str, str]:
    """The names of two coordinates of a dynamics."""
    names = coordinate_names(players, plays_gan(dynamics))
    return names[plane[0]], names[plane[1]]
