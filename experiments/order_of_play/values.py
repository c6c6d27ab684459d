"""Min-max, mixed and max-min value of three games, the last two by the library's own losses."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots

from ._game import MODES, STD, bumps, divergence
from ._options import Options

K = len(MODES)
SURE = 35.0  # a logit that is certain, in double precision
UNDECIDED = -2 * np.log(2)
# value: its name, its mark, the color and the size of that
MARKS = {
    "minmax": ("min-max", "^", "stable", 5),
    "maxmin": ("max-min", "v", "generator", 5),
    "mixed": ("mixed", "o", "flow", 3),
}


def measure(options: Options) -> Found:
    worth = jax.jit(gd.values)
    game = bumps(options, STD, STD)
    places = jnp.linspace(-7, 7, 57)
    best = jnp.min(jax.jit(jax.vmap(lambda x: divergence(game, x)))(places))
    payoffs = {
        "indicator": 1 / K - np.eye(K),
        "points": points(),
        "bump": wide(game, places),
    }
    return {"values": {k: worth(v) for k, v in payoffs.items()}, "best": float(best)}


def points() -> jax.Array:
    """All mass on one mode, against a D that is certain, right on average, or undecided there."""
    choices = jnp.array(list(itertools.product((-np.log(K), 0.0, SURE), repeat=K)))
    atoms = gd.games.location(gd.measures.empirical(MODES), gd.families.Free(MODES))
    return scores(atoms, jnp.asarray(MODES), choices)


def wide(game: gd.games.MeasureGAN, places: jax.Array) -> jax.Array:
    """The bump, as wide as the modes, against the best responses to each of its places."""
    nothing = jnp.zeros(game.discriminator.size)
    answers = jax.jit(jax.vmap(lambda x: gd.optimal.solved(game, (x, nothing))[1]))(places)
    return scores(game, places, jnp.concatenate([nothing[None], answers]))


def scores(game: gd.games.AbstractGame, places: jax.Array, critics: jax.Array) -> jax.Array:
    score = jax.vmap(jax.vmap(lambda x, d: -game.losses((x, d))[1], (None, 0)), (0, None))
    return jax.jit(score)(places, critics)


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    theory = {
        "indicator": (1 / K, 0, 1 / K - 1),
        "points": (np.log(1 / (K + 1)) / K + np.log(K / (K + 1)), UNDECIDED, UNDECIDED),
        "bump": (found["best"], UNDECIDED, UNDECIDED),
    }
    for name, v in found["values"].items():
        for what, value in zip(("minmax", "mixed", "maxmin"), theory[name], strict=True):
            # The data of the bump's game is a mixture of bumps up to what lies beyond the grid.
            tolerance = 1e-4 if name == "bump" else 1e-9
            ledger.compare(f"{name}: {what} value", getattr(v, what), value, tolerance)


def draw(options: Options, found: Found, ax: Axes) -> None:
    for i, v in enumerate(found["values"].values()):
        ax.plot([i, i], [v.maxmin, v.minmax], color="0.7", lw=3, zorder=0, solid_capstyle="butt")
        for what, (name, mark, color, size) in MARKS.items():
            style = {"ms": size, "ls": "", "color": plots.COLORS[color]}
            label = name if i == 0 else None
            ax.plot(i, float(getattr(v, what)), mark, label=label, **style)
    names = ("trust one\nmode", "point\non a mode", "bump")
    ax.set_xticks(range(len(names)), names, rotation=40, ha="right")
    ax.set(xlim=(-0.5, len(names) - 0.5), ylabel="value of the game", ylim=(-1.6, 1.2))
    ax.legend(loc="upper right", handlelength=1)
