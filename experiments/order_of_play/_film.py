"""Frames of a play: both laws and D, as they are after each move."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx

import gandyn as gd
from experiments._ledger import Ledger
from gandyn import plots

from ._game import MODES

Frames = list[tuple[str, gd.results.Frame]]


@eqx.filter_jit
def _look(game: Any, players: Any) -> gd.results.Frame:
    return gd.frame(game, players, game.discriminator.grid)


def frames(game: Any, states: Sequence[tuple[str, gd.State]]) -> Frames:
    return [(title, _look(game, state.players)) for title, state in states]


def record(ledger: Ledger, play: str, found: Frames) -> None:
    for i, (title, frame) in enumerate(found):
        for what in ("x", "data", "generator", "discriminator"):
            ledger.record(f"{play} play, frame {i} ({title}): {what}", getattr(frame, what))


def draw(row: Any, play: str, found: Frames, logits: tuple[float, float]) -> None:
    """Frames side by side."""
    for ax, (title, frame) in zip(row, found, strict=True):
        plots.frame(frame, ax, top=0.75, logits=logits, labels=False)
        ax.tick_params(labelbottom=True)
        ax.set(xticks=MODES, title=title)
    row[0].set_ylabel(f"{play} play")
