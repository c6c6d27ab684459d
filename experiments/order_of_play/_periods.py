"""Max-min play where each mode is a point: D's ascent against best responses visits all K of them,
each once every K rounds."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import gandyn as gd
from experiments._ledger import Ledger
from gandyn.rules import BestResponse, Descend, Sequential

from .maxmin import period

Played = dict[int, tuple[np.ndarray, float]]  # by K: the answers, and the largest logit


def periods(most: int) -> Played:
    return {k: _play(k) for k in range(2, most + 1)}


def _play(k: int) -> tuple[np.ndarray, float]:
    modes = jnp.linspace(0.0, 5.0 * (k - 1), k)
    data, free = gd.measures.empirical(modes), gd.families.Free(modes)
    game = gd.games.location(data, free, loss=gd.losses.wasserstein)
    ascend = Descend(gd.fields.Gradient(game), (None, 0.3))
    rule = Sequential(BestResponse(game, 0, modes), ascend)

    def path(key: Any) -> Any:
        # Ties are broken by a hair's preference of D's at the start, not left to rounding.
        start = (modes[0], 1e-6 * jr.uniform(key, modes.shape))
        return gd.simulate(rule, start, np.arange(6 * k + 1)).players

    places, logits = map(np.asarray, jax.jit(jax.vmap(path))(jr.split(jr.key(k), 16)))
    return places[:, 1:] / 5.0, float(np.abs(logits).max())


def judge(ledger: Ledger, found: Played) -> None:
    for k, (answers, highest) in found.items():
        seen = sorted({period(p) for p in answers})
        ledger.state(f"K = {k}: periods, over 16 ways to break ties", seen, [k])
        visits = np.sort(answers.reshape(16, 6, k), -1)
        once = bool(np.all(visits == np.arange(k)))
        ledger.state(f"K = {k}: each mode once in every K rounds", once, True)
        ledger.state(f"K = {k}: |D| stays below its step", highest < 0.3, True)
