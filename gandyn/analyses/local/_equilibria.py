"""All equilibria of a dynamics in a box, from many starts."""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Bool, Float, Int

from ... import _checks as checks
from ... import _numerics as numerics
from ..._compiled import compiled_with
from ..._door import begin
from ..._dynamics import AbstractDynamics
from ..._phase import coordinates, vector
from ..._progress import bar
from ..._result import Result
from ..._stacked import join, rows, take
from ..._types import Key, Players
from .._inside import game_inside
from .._plane import corners
from ..play._classify import Classification, classify
from ._equilibrium import Equilibrium, equilibrium_of_each
from ._spectrum import Spectrum, jacobian, spectrum

_MULTIPLE = 0.25  # the power of rounding to which the multiple roots that are merged are known
_BATCH = 256  # starts that are searched from together
_FEW = 16  # equilibria that are looked at together


class Equilibria(Result):
    """The equilibria that were found, those most often reached first.

    **Fields:**

    - `players`: the equilibria; every leaf has a leading axis for them.
    - `residual`: how far each is from rest, see `Equilibrium`.
    - `reached`: from how many of the starts each was reached.
    - `spectrum`: of the dynamics at each.
    - `kind`: the `Classification` of each, if the dynamics plays a game of two; else `None`.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "players": ("equilibrium",),
        "residual": ("equilibrium",),
        "reached": ("equilibrium",),
    }

    players: Players
    residual: Float[Array, " equilibrium"]
    reached: Int[Array, " equilibrium"]
    spectrum: Spectrum
    kind: Classification | None

    @property
    def converged(self) -> Bool[Array, " equilibrium"]:
        """Of each, that it is one: what no start reached to rounding is not among them."""
        return jnp.ones(self.residual.shape, bool)

    def __len__(self) -> int:
        return self.residual.shape[0]


def equilibria(
    dynamics: AbstractDynamics,
    players: Players,
    box: Any,
    *,
    key: Key = None,
    starts: int = 1024,
    progress: bool | None = None,
) -> Equilibria:
    """The equilibria of a dynamics in a box, stable or not; not to be traced.

    The root finder of `equilibrium` starts from a Sobol sequence in the box; roots in the box that
    agree to half the digits are one, and so are those between which the residual changes by no more
    than rounding, as it does near a multiple root. What no start reaches is not found: where every
    equilibrium is reached from several starts, it is unlikely that one is missing.

    **Arguments:**

    - `dynamics`: a rule or a flow.
    - `players`: any players, for their structure.
    - `box`: `(low, high)` for every coordinate of the players, or one such pair for each,
      counted through the players' arrays in order.
    - `key`: one realization of everything random.
    - `starts`: from how many points; in many dimensions more are needed.
    - `progress`: whether to show a bar. By default only on a terminal.

    **Raises:** `ValueError` if there is no such box.

    **Warns:** if the equilibria do not seem to be isolated, so that they cannot be counted.
    """
    checks.untraced("`equilibria`", dynamics, players)
    dynamics, state = begin(dynamics, players, key)
    like, back = coordinates(state.players)
    low, high = corners(box, like.size)
    starts = checks.count("starts", starts)
    # Scipy warns of any number but a power of two, of which these are the first.
    sobol = scipy.stats.qmc.Sobol(like.size, scramble=True, rng=0)
    sequence = sobol.random_base2((starts - 1).bit_length())[:starts]
    points = (low + (high - low) * sequence).astype(like.dtype)

    found = _search(dynamics, points, back(like), key, progress)
    roots = rows(found.players)
    inside = np.all((roots >= low) & (roots <= high), axis=1) & np.asarray(found.converged)
    groups = _distinct(roots, np.asarray(found.residual), inside)
    groups = _merged(dynamics, found, roots, points, groups, key)
    chosen = np.array([g[0] for g in groups], int)
    reached = np.array([len(g) for g in groups], int)
    if 2 * len(chosen) > inside.sum() > 10:
        warnings.warn(
            f"{inside.sum()} starts ended on {len(chosen)} different equilibria: they do not seem "
            "to be isolated (a line of them, for instance), and these are samples.",
            stacklevel=2,
        )
    # Filled up, for it to be the same program whatever was found.
    filled = np.resize(chosen if len(chosen) else 0, -(-max(len(chosen), 1) // _FEW) * _FEW)
    around = _around(dynamics, take(found.players, filled), key)
    at, (seen, kind) = take(found, chosen), take(around, slice(len(chosen)))
    told = (at.players, at.residual, reached, seen, kind)
    return Equilibria(*jax.tree.map(jnp.asarray, told))


@compiled_with("little")
def _around(
    dynamics: AbstractDynamics, players: Players, key: Key
) -> tuple[Spectrum, Classification | None]:
    """What there is to see around each of some players."""
    game = game_inside(dynamics)

    def one(players: Players) -> tuple[Spectrum, Classification | None]:
        seen = spectrum(dynamics, players, key=key)
        if game is None or len(players) != 2:
            return seen, None
        return seen, classify(game, players, key=key)

    return jax.vmap(one)(players)


def _search(
    dynamics: AbstractDynamics,
    points: np.ndarray,
    like: Players,
    key: Key,
    progress: bool | None,
) -> Equilibrium:
    """The roots that are found from each point."""
    found = []
    with bar("starts", len(points), progress) as shown:
        for first in range(0, len(points), _BATCH):
            batch = points[first : first + _BATCH]
            # The last one is filled up, for it to be the same program.
            filled = np.pad(batch, ((0, min(_BATCH, len(points)) - len(batch)), (0, 0)), "edge")
            found.append(equilibrium_of_each(dynamics, filled, like, key))
            shown.update(len(batch))
    return take(join(found), slice(len(points)))


def _distinct(roots: np.ndarray, residual: np.ndarray, inside: np.ndarray) -> list[list[int]]:
    """The groups of roots that agree to half their digits, the largest first and in each the best
    first."""
    left = [int(i) for i in np.argsort(residual, kind="stable") if inside[i]]
    groups: list[list[int]] = []
    while left:
        root = roots[left[0]]
        near = numerics.half_the_digits(roots.dtype) * (1 + np.abs(root).max())
        same = [i for i in left if np.abs(roots[i] - root).max() <= near]
        groups.append(same)
        left = [i for i in left if i not in set(same)]
    return sorted(groups, key=len, reverse=True)


def _merged(
    dynamics: AbstractDynamics,
    found: Equilibrium,
    roots: np.ndarray,
    starts: np.ndarray,
    groups: list[list[int]],
    key: Key,
) -> list[list[int]]:
    """The groups, those as one that the derivative at both does not tell apart: over the way from
    one to the other it makes a difference that is a rounding error of what the residual is at the
    starts."""
    eps = numerics.rounding(roots.dtype)
    merged: list[list[int]] = []
    for group in groups:
        root = roots[group[0]]
        near = eps**_MULTIPLE * (1 + np.abs(root).max(initial=0))
        close = [g for g in merged if np.abs(roots[g[0]] - root).max(initial=0) <= near]
        for other in close:
            ends = [take(found.state, i) for i in (other[0], group[0])]
            way = np.asarray(vector(ends[1]) - vector(ends[0]))
            changes = [np.abs(np.asarray(jacobian(dynamics, end, key=key)) @ way) for end in ends]
            if np.max(changes) <= 100 * eps * _size(
                dynamics, jnp.asarray(starts), ends[0].players, key
            ):
                other.extend(group)
                break
        else:
            merged.append(list(group))
    return sorted(merged, key=len, reverse=True)


@compiled_with("little")
def _size(
    dynamics: AbstractDynamics, points: Float[Array, "start n"], like: Players, key: Key
) -> Float[Array, ""]:
    """The largest component of the residual at the points at which it is finite."""
    _, back = coordinates(like)

    def size(x: Array) -> Array:
        return jnp.max(jnp.abs(vector(dynamics.residual(dynamics.init(back(x)), key))))

    sizes = jax.vmap(size)(points)
    return jnp.max(jnp.where(jnp.isfinite(sizes), sizes, 0))
