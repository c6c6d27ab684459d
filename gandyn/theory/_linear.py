"""Linear fields, v(z) = J z: what every smooth game looks like at rest."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Linear:
    """v(z) = J z, and the steps of its players.

    **Arguments:**

    - `J`: the Jacobian, shape `(n, n)`.
    - `step`: h, one number for everybody or one per player.
    - `sizes`: how many coordinates each player has, with sum n; by default n players with one each.
    """

    J: np.ndarray
    step: np.ndarray
    sizes: tuple[int, ...]

    def __init__(self, J: Any, step: Any, sizes: Sequence[int] | None = None):
        J = numbers("J", J)
        if J.ndim != 2 or J.shape[0] != J.shape[1]:
            raise ValueError(f"`J` must be a square matrix, but has shape {J.shape}.")
        each = (1,) * len(J) if sizes is None else tuple(map(int, sizes))
        if sum(each) != len(J):
            raise ValueError(f"`sizes` must have sum {len(J)}, the size of `J`, but is {each}.")
        for name, value in (("J", J), ("step", numbers("step", step)), ("sizes", each)):
            object.__setattr__(self, name, value)

    @property
    def eye(self) -> np.ndarray:
        return np.eye(len(self.J))

    @property
    def H(self) -> np.ndarray:
        """The steps on the diagonal."""
        return self.diagonal(self.step)

    @property
    def owner(self) -> np.ndarray:
        """Whose each coordinate is."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def J_o(self) -> np.ndarray:
        """How the players act on each other: J without its diagonal blocks."""
        return np.where(self.is_own, 0, self.J)

    @property
    def is_own(self) -> np.ndarray:
        """The diagonal blocks, each of one player."""
        return self.owner[:, None] == self.owner[None, :]

    def diagonal(self, value: Any) -> np.ndarray:
        """One number for everybody, or one per player, on the diagonal."""
        value = np.asarray(value, dtype=float)
        if value.shape not in ((), (len(self.sizes),)):
            raise ValueError(
                f"there are {len(self.sizes)} players: give one number for everybody or one per "
                f"player, not an array of shape {value.shape}."
            )
        return np.diag(np.repeat(np.broadcast_to(value, len(self.sizes)), self.sizes))

    def only(self, i: int) -> np.ndarray:
        """The coordinates of player i, and zero for those of the others."""
        return np.diag((self.owner == i).astype(float))

    def blocks(self, leader: int) -> tuple[slice, slice]:
        """The coordinates of a leader and of its only follower."""
        if len(self.sizes) != 2:
            raise ValueError(f"there must be 2 players, but `sizes` is {self.sizes}.")
        first, second = slice(None, self.sizes[0]), slice(self.sizes[0], None)
        return (second, first) if leader else (first, second)


def numbers(name: str, value: Any) -> np.ndarray:
    """Real and finite ones."""
    try:
        found = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must be numbers, but is {value!r}.") from None
    if not np.all(np.isfinite(found)):
        raise ValueError(f"`{name}` must be finite, but is {value!r}.")
    return found


def singular(name: str, value: Any) -> np.ndarray:
    """Singular values, of which there may be one."""
    found = np.atleast_1d(numbers(name, value))
    if found.ndim != 1:
        raise ValueError(f"`{name}` must be one or several numbers, but has shape {found.shape}.")
    return found


def bilinear(singular_values: Any) -> np.ndarray:
    """The Jacobian of the game min_x max_y x^T A y, in the singular vectors of A.

    **Arguments:**

    - `singular_values`: of A; the players have as many coordinates each.
    """
    s = np.diag(singular("singular_values", singular_values))
    return np.block([[np.zeros_like(s), -s], [s, np.zeros_like(s)]])
