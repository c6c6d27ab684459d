"""Min-max play: before and after D and the generator have moved, and after many rounds."""

from functools import partial
from typing import Any

import equinox as eqx
import jax.numpy as jnp

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn.rules import Descend, Project, Repeat, Sequential

from . import _film as film
from ._game import bumps
from ._options import Options


def moves(game: gd.games.MeasureGAN) -> tuple[Project, Descend]:
    """D is solved; the generator takes a step down the divergence."""
    solve = Project(partial(gd.optimal.solved, game))
    return solve, Descend(gd.fields.Gradient(game), (0.3, None))


def measure(options: Options) -> Found:
    game = bumps(options)
    solve, step = moves(game)
    start = solve.init((jnp.asarray(1.8), jnp.zeros(options.nodes)))
    solved = eqx.filter_jit(solve.step)(start)
    moved = eqx.filter_jit(Repeat(step, 3).step)(solved)
    rest = eqx.filter_jit(Repeat(Sequential(solve, step), 100).step)(moved)
    states = [
        ("start", start),
        ("D is solved", solved),
        ("G takes 3 steps", moved),
        ("100 rounds later", eqx.filter_jit(solve.step)(rest)),
    ]
    return {"frames": film.frames(game, states)}


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    film.record(ledger, "min-max", found["frames"])


def draw(options: Options, found: Found, row: Any) -> None:
    film.draw(row, "min-max", found["frames"], logits=(-8, 8))
    row[0].legend(loc="upper left", handlelength=1)
