"""How one run ended: well, by divergence, or at the limit of its steps.

Divergence is a result. A run that blows up escapes at a time, and its neighbors in a batch go on.
"""

import enum

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from . import _checks as checks
from ._result import Result


class Outcome(enum.IntEnum):
    """How a run ended."""

    OK = 0
    DIVERGED = 1
    STEP_LIMIT = 2


class Status(Result):
    """How a run ended.

    **Fields:**

    - `outcome`: an `Outcome`.
    - `escape`: when it left the region of interest, nan if never.
    """

    Outcome = Outcome

    outcome: Int[Array, ""]
    escape: Float[Array, ""]


def status(
    ts: Float[Array, " time"],
    values: PyTree,
    *,
    bound: float | Float[Array, ""] = jnp.inf,
    unfinished: bool | Bool[Array, ""] = False,
) -> Status:
    """How a run ended.

    **Arguments:**

    - `ts`: the times, in order.
    - `values`: a pytree of what was observed; every leaf has a leading axis for the times.
    - `bound`: a run has escaped when any value is not finite or exceeds this in size.
    - `unfinished`: whether the run used up the steps it was allowed. What is not finite then was
      not reached, and says nothing.
    """
    ts = checks.array("ts", ts)
    checks.number("bound", bound, low=0, infinite=True)
    if not (
        isinstance(unfinished, bool) or getattr(unfinished, "dtype", None) == jnp.dtype("bool")
    ):
        raise TypeError(f"`unfinished` must be True or False, but is {checks.shown(unfinished)}.")
    leaves = [x for x in jax.tree.leaves(values) if eqx.is_inexact_array(x)]
    if not leaves:
        raise ValueError("`values` must have floating-point arrays, but has none.")

    def beyond(leaf: Array) -> Bool[Array, " time"]:
        size = jnp.abs(leaf.reshape(leaf.shape[0], -1))
        reached = ~jnp.asarray(unfinished)
        return jnp.any(jnp.where(jnp.isfinite(size), size > bound, reached), axis=1)

    out = jnp.any(jnp.stack([beyond(leaf) for leaf in leaves]), axis=0)
    escaped = jnp.any(out)
    calm = jnp.where(unfinished, Outcome.STEP_LIMIT, Outcome.OK)
    return Status(
        outcome=jnp.where(escaped, Outcome.DIVERGED, calm).astype(jnp.int8),
        escape=jnp.where(escaped, ts[jnp.argmax(out)], jnp.nan),
    )
