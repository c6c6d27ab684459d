"""Transient growth: what a spectrum does not say where eigenvectors are far from orthogonal.

All exponents may decay, and disturbances still grow at first. With J = Df or DF at a point,

    reactivity   the largest growth rate at the first moment: the numerical abscissa
                 max eig (J + J^T) / 2 of a flow, log ||DF||_2 of a rule,
    departure    from normality, sqrt(||J||_F^2 - sum |l_i|^2) / ||J||_F: 0 if and only if the
                 eigenvectors are orthogonal, towards 1 where the eigenvalues say nothing,
    growth       ||exp(t Df)||_2 or ||DF^t||_2: the most that a disturbance grows within t.

Where walls of a flow (`gandyn.fields.Confined`) hold some coordinates, J is that on the face.

Henrici, "Bounds for iterates, inverses, spectral variation and fields of values of non-normal
matrices", 1962; Neubert and Caswell, "Alternatives to resilience for measuring the responses of
ecological systems to perturbations", 1997; Trefethen and Embree, "Spectra and Pseudospectra", 2005.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real

from ... import _checks as checks
from ..._compiled import compiled
from ..._door import begin
from ..._dynamics import AbstractDynamics
from ..._phase import State, as_precise
from ..._result import Result
from ..._types import Key, Players
from ._spectrum import eigenvalues


class Transient(Result):
    """How small disturbances of a point grow before the leading exponent takes over.

    **Fields:**

    - `ts`: the times.
    - `amplification`: the largest factor by which a disturbance has grown at each.
    - `reactivity`: the largest growth rate at the first moment, or over the first step.
    - `departure`: from normality, between 0 and 1.
    - `unit`: "step" for a rule, "unit time" for a flow.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "ts": ("time",),
        "amplification": ("time",),
        "reactivity": (),
        "departure": (),
    }
    coordinates: ClassVar[Mapping[str, str]] = {"time": "ts"}

    ts: Real[Array, " time"]
    amplification: Float[Array, " time"]
    reactivity: Float[Array, ""]
    departure: Float[Array, ""]
    unit: str = eqx.field(static=True)

    @property
    def peak(self) -> Float[Array, "*batch"]:
        """The largest growth at the times that were looked at."""
        return jnp.max(self.amplification, axis=-1)


def transient(
    dynamics: AbstractDynamics, players: Players | State, ts: Any, *, key: Key = None
) -> Transient:
    """The transient growth of disturbances of a point at which a dynamics rests, in the Euclidean
    norm of the state, memory included.

    **Arguments:**

    - `dynamics`: a rule or a flow.
    - `players`: the point; the memory of optimizers is settled first. A `State` is taken as it is.
    - `ts`: times from the start, shape `(time,)`; whole numbers of steps for a rule.
    - `key`: one realization of everything random.

    Of a rule differentiable forwards (`jax.jvp`, `jax.jacfwd`), not backwards.
    """
    dynamics, state = begin(dynamics, players, key, settled=True)
    ts = as_precise(jnp.asarray(dynamics.clock.times(ts)), state)
    if checks.is_concrete(ts) and np.any(np.asarray(ts) < 0):
        raise ValueError(f"`ts` must be times from the start, but is {ts}.")
    return _transient(dynamics, state, ts, key)


@compiled
def _transient(dynamics: AbstractDynamics, state: State, ts: Array, key: Key) -> Transient:
    clock, slopes = dynamics.clock, dynamics.slopes(state, key)
    grown = jax.vmap(lambda t: clock.propagator(slopes, t))(ts)
    # What walls hold is gone after any time, and no part of what grows.
    matrix = clock.linear(jnp.where(jnp.isneginf(slopes), 0, slopes))
    total = jnp.sum(matrix**2)
    rest = jnp.maximum(total - jnp.sum(jnp.abs(eigenvalues(matrix)) ** 2), 0)
    departure = jnp.sqrt(rest / jnp.where(total > 0, total, 1))
    growth = jax.vmap(lambda m: jnp.linalg.norm(m, 2))(grown)
    return Transient(ts, growth, clock.reactivity(slopes), departure, dynamics.unit)
