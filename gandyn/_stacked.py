"""Trees of arrays of the host, whose leaves have a leading axis for members."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree


def take(tree: PyTree, members: Any) -> PyTree:
    """Some of the members, or one."""
    return jax.tree.map(lambda x: np.asarray(x)[members], tree)


def put(tree: PyTree, members: Any, new: PyTree) -> PyTree:
    """The tree with new ones in the place of some members."""

    def one(old: Any, new: Any) -> np.ndarray:
        old = np.array(old)
        old[members] = new
        return old

    return jax.tree.map(one, tree, new)


def join(trees: Any) -> PyTree:
    """The members of all trees, one after the other."""
    return jax.tree.map(lambda *xs: np.concatenate(xs), *trees)


def rows(tree: PyTree) -> np.ndarray:
    """The moving leaves of each member as a row."""
    moving = [np.asarray(x) for x in jax.tree.leaves(tree) if eqx.is_inexact_array_like(x)]
    return np.concatenate([x.reshape(len(x), -1) for x in moving], axis=1)
