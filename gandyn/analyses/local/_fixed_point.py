"""The type of a fixed point: node, focus, saddle, center, star, degenerate node, or none of them.

By the eigenvalues l_i of Df for a flow, or the multipliers m_i of DF for a rule, of which the
growths are Re l_i and log |m_i|:

    saddle           some grow, others decay; its index is how many grow
    center           none grows nor decays, all turn
    focus            all grow or all decay, and some turn (are not real)
    star             all decay (or grow) alike, Df = l 1
    degenerate node  they coincide, but Df is no multiple of 1: a Jordan block
    node             all else that decays (or grows) without turning
    flat             some neither grow nor decay, and it is neither saddle nor center
    undefined        the derivative is not finite

In the plane these are the regions of the trace-determinant diagram. For a rule a negative
multiplier is real: what alternates from side to side is a node with a flip, no focus.

Strogatz, "Nonlinear Dynamics and Chaos", section 5.2; Kuznetsov, "Elements of Applied Bifurcation
Theory", sections 2.1 and 4.1.
"""

import enum
from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from ... import _checks as checks
from ... import _numerics as numerics
from ..._compiled import compiled_with
from ..._door import begin
from ..._dynamics import AbstractDynamics
from ..._phase import State, as_precise, precision
from ..._result import Result
from ..._types import Key, Number, Players
from ._spectrum import spectrum_at


class Type(enum.IntEnum):
    """The types of a fixed point."""

    NODE = 0
    FOCUS = 1
    SADDLE = 2
    CENTER = 3
    STAR = 4
    DEGENERATE_NODE = 5
    FLAT = 6
    UNDEFINED = 7


class FixedPoint(Result):
    """The type of a fixed point of a flow or a rule, to first order.

    **Fields:**

    - `type`: see `Type`.
    - `growing`, `decaying`, `neutral`: how many directions do which: the dimensions of the
      unstable, the stable and the center manifold.
    - `turning`: how many are not real.
    - `stable`: whether all disturbances decay, beyond what rounding could make of those that do
      not, as in the spectrum; the type is told more coarsely, to `tolerance`.
    - `flipping`: how many change sides at every step, with negative multipliers; 0 for a flow.
    """

    Type = Type

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "type": (),
        "growing": (),
        "decaying": (),
        "neutral": (),
        "turning": (),
        "flipping": (),
        "stable": (),
    }

    type: Int[Array, ""]
    growing: Int[Array, ""]
    decaying: Int[Array, ""]
    neutral: Int[Array, ""]
    turning: Int[Array, ""]
    flipping: Int[Array, ""]
    stable: Bool[Array, ""]

    @property
    def index(self) -> Int[Array, "*batch"]:
        """The index of a saddle: the dimension in which it repels."""
        return self.growing


def fixed_point(
    dynamics: AbstractDynamics,
    players: Players | State,
    *,
    key: Key = None,
    tolerance: Number | None = None,
) -> FixedPoint:
    """The type of a point at which a flow or a rule rests, memory included.

    **Arguments:**

    - `dynamics`: a rule or a flow.
    - `players`: the point; the memory of optimizers is settled first. A `State` is taken as it is.
    - `key`: one realization of everything random.
    - `tolerance`: what counts as zero, relative to the largest entry of the derivative: a growth,
        and the square of a difference between eigenvalues, of which rounding leaves the root. By
      default a hundred times rounding for the squares, and the root of that for growths.
    """
    dynamics, state = begin(dynamics, players, key, settled=True)
    if tolerance is None:
        # A defective multiple eigenvalue is split by the root of rounding.
        same = 100 * numerics.rounding(precision(state))
        return _fixed_point(dynamics, state, key, same**0.5, same)
    small = as_precise(checks.positive("tolerance", tolerance), state)
    return _fixed_point(dynamics, state, key, small, small)


@compiled_with("little")
def _fixed_point(
    dynamics: AbstractDynamics, state: State, key: Key, small: Number, same: Number
) -> FixedPoint:
    """The same, where growths below `small` count as zero, and squares below `same`."""
    clock, seen = dynamics.clock, spectrum_at(dynamics, state, key)
    matrix: Any = seen.jacobian
    n, derivative = len(matrix), clock.linear(matrix)
    values = seen.eigenvalues
    scale = jnp.max(jnp.where(jnp.isneginf(derivative), 0, jnp.abs(derivative)), initial=0)
    growth = clock.growth(values)
    up, down = growth > small * scale, growth < -small * scale
    turns = values.imag**2 > same * scale**2
    growing, decaying, turning = (jnp.sum(which) for which in (up, down, turns))
    neutral = jnp.sum(~up & ~down)
    flips = (values.real < 0) & ~turns & clock.whole
    flipping = jnp.sum(flips)

    mean = jnp.mean(values.real)
    apart = (values.real - mean) ** 2 + values.imag**2
    alike = jnp.all(apart <= same * scale**2) & (n > 1)
    multiple = jnp.max(jnp.abs(derivative - mean * jnp.eye(n, dtype=mean.dtype))) <= small * scale
    type_ = jnp.select(
        [
            jnp.any(jnp.isnan(values)),
            (growing > 0) & (decaying > 0),
            (neutral == n) & (turning == n),
            neutral > 0,
            turning > 0,
            alike & multiple,
            alike,
        ],
        [
            jnp.asarray(int(t))
            for t in (
                Type.UNDEFINED,
                Type.SADDLE,
                Type.CENTER,
                Type.FLAT,
                Type.FOCUS,
                Type.STAR,
                Type.DEGENERATE_NODE,
            )
        ],
        jnp.asarray(int(Type.NODE)),
    )
    return FixedPoint(type_, growing, decaying, neutral, turning, flipping, seen.stable)
