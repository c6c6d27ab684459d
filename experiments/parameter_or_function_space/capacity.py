"""min-max minus max-min against the degree of D, for each number of bumps, now as wide as the
modes. Max-min is -2 log 2 throughout: D = 0 promises it, and a mixture of bumps on all modes holds
every D to it."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

import gandyn as gd
from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import plots

from ._game import FREE, NODES, UNDECIDED, modes
from ._options import Options

SHADES = [plots.PALETTE[name] for name in ("vermilion", "orange", "blue", "sky")]  # 1 to 4 bumps


def measure(options: Options) -> Found:
    data = modes(0.5)
    game = gd.games.bump(data, FREE, NODES, 0.5)
    places = jnp.arange(-5.0, 5.1, 1.0)
    laws = jax.jit(jax.vmap(lambda x: game.batch((x, FREE.start())).fake[1]))(places)
    p = data.w / data.w.sum()
    gaps: dict[int, list[float]] = {}
    for t in range(1, options.mixtures + 1):
        chosen = np.array(list(itertools.combinations_with_replacement(range(len(places)), t)))
        mixed = laws[chosen].mean(1)
        gaps[t] = []
        for degree in options.degrees:
            family = gd.families.Polynomial(degree, 0.0, 9.0)
            features = np.linalg.qr(jax.jit(jax.vmap(family.features))(NODES))[0]
            score = jax.jit(jax.vmap(lambda q, f=features: best_score(f, p, q)))
            gaps[t].append(float(score(mixed).min()) - UNDECIDED)
        js = jax.jit(jax.vmap(lambda q: gd.distances.jensen_shannon(p, q / q.sum())))
        gaps[t].append(2 * float(js(mixed).min()))
    return gaps


def best_score(features: Any, p: Any, q: Any) -> Any:
    """max over D in the span of the features of E_p log sigmoid(D) + E_q log sigmoid(-D), by
    Newton's method on orthonormal features. It is concave, so that there is one maximum."""
    ridge = 1e-10  # the maximum lies at infinity where a feature tells p and q apart for sure
    shorter = 0.5 ** jnp.arange(16.0)

    def score(psi: Any) -> Any:
        d = features @ psi
        return -jnp.sum(p * jax.nn.softplus(-d) + q * jax.nn.softplus(d))

    def step(psi: Any, _: Any) -> Any:
        s = jax.nn.sigmoid(features @ psi)
        slope = features.T @ (p * (1 - s) - q * s) - ridge * psi
        bend = (features * ((p + q) * s * (1 - s))[:, None]).T @ features
        move = jnp.linalg.solve(bend + ridge * jnp.eye(len(psi)), slope)
        tried = psi + shorter[:, None] * move
        worth = jax.vmap(score)(tried) - ridge / 2 * jnp.sum(tried**2, 1)
        return tried[jnp.argmax(worth)], None

    return score(jax.lax.scan(step, jnp.zeros(features.shape[1]), length=60)[0])


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    for t, gaps in found.items():
        if t <= 3:
            share = t / 3
            js = (1 - share) * np.log(2) + share * np.log(2 * t / (t + 3)) + np.log(6 / (t + 3))
            # Twice the divergence of a law that is uniform on t of 3 modes; they overlap a little.
            ledger.compare(f"free D, T = {t}: gap", gaps[-1], js, 1e-4)
        ledger.record(f"T = {t}: gap against D's degree {options.degrees}, and free", gaps)
        # A polynomial is one of a higher degree, too.
        fall = float(np.max(-np.diff([0, *gaps]), initial=0))
        ledger.compare(f"T = {t}: largest fall of the gap with D's capacity", fall, 0, 1e-6)


def draw(options: Options, found: Found, ax: Axes) -> None:
    for t, gaps in found.items():
        label, color = f"{t} bump{'s' * (t > 1)}", SHADES[(t - 1) % len(SHADES)]
        ax.plot(range(len(gaps)), gaps, "o-", color=color, label=label)
    names = [*map(str, options.degrees), "free"]
    ax.set_xticks(range(len(names)), names)
    ax.set(xlabel="degree of D", ylabel="min-max $-$ max-min", ylim=(-0.03, 1.0))
    ax.legend(loc="upper left", ncols=2)
