"""Max-min play: D takes one step, the generator answers with its best response, round and round."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots
from gandyn.rules import BestResponse, Descend

from . import _film as film
from ._game import MODES, WIDTH, bumps
from ._options import Options

ROUNDS = 18


@cache
def play(options: Options) -> tuple[film.Frames, np.ndarray]:
    """The frames after the moves of K rounds, and the places of the bump after each round."""
    game = bumps(options, WIDTH, WIDTH, gd.losses.wasserstein)
    ascend = Descend(gd.fields.Gradient(game), (None, 8.0))
    answer = BestResponse(game, 0, jnp.linspace(-7, 7, 141))
    climb, reply = eqx.filter_jit(ascend.step), eqx.filter_jit(answer.step)
    # A hair's preference, so that ties between modes are not left to rounding.
    start = jnp.zeros(options.nodes)
    hills = jax.jit(jax.vmap(lambda x: game.batch((x, start)).fake[1]))(MODES)
    state = ascend.init((MODES[-1], 1e-3 * np.array([1.0, 2.0, 3.0]) @ hills))
    states, places = [], [MODES[-1]]
    for _ in range(ROUNDS):
        state = climb(state)
        states.append(("D takes a step", state))
        state = reply(state)
        states.append(("G answers", state))
        places.append(float(state.players[0]))
    return film.frames(game, states[: 2 * len(MODES)]), np.array(places)


def period(path: np.ndarray) -> int:
    """The least n after which a sequence repeats; 0 if it does not twice."""
    n = len(path)
    return next((k for k in range(1, n // 2 + 1) if np.array_equal(path[k:], path[:-k])), 0)


def measure(options: Options) -> Found:
    return dict(zip(("frames", "places"), play(options), strict=True))


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    answers = np.round(found["places"][1:], 6) + 0.0  # no -0
    ledger.state("bump against D's ascent: period", period(answers), len(MODES))
    visited = np.unique(answers).tolist()
    ledger.state("bump against D's ascent: places", visited, MODES.tolist())
    film.record(ledger, "max-min", found["frames"][:4])


def draw(options: Options, found: Found, row: Any) -> None:
    film.draw(row, "max-min", found["frames"][:4], logits=(-2, 2.2))
    for ax in row:
        ax.set_xlabel("$x$")


def animate(found: Found, path: Path) -> None:
    """One turn through the modes."""

    def pictures() -> Iterator[Figure]:
        for title, frame in found["frames"]:
            fig, ax = plots.figure(size=(3.4, 2.2))
            plots.frame(frame, ax, top=0.95, logits=(-2, 2.8))
            ax.set(title=f"max-min play: {title}", xticks=MODES)
            ax.legend(loc="upper center", ncols=3)
            yield fig

    plots.film(pictures(), path, seconds=0.8, dpi=200)
