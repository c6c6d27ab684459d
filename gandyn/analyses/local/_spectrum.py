"""The spectrum of a dynamics: how fast small disturbances of a state grow, and how fast they turn.

For a flow these are the eigenvalues of Df. For a rule they are the logarithms of the eigenvalues of
the whole map on players and memory, log eig DF. Either way stable means negative real parts.
"""

import functools
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Bool, Complex, Float

from ... import _checks as checks
from ..._clock import clock
from ..._compiled import compiled_with
from ..._door import begin
from ..._dynamics import AbstractDynamics, Face
from ..._phase import State, coordinates, vector
from ..._result import Result
from ..._types import Key, Players
from ._rounding import close, decays, undecided

_SPACES = (20, 100, 400)  # dimensions of the space that Arnoldi's method searches, tried in turn
_RESTARTS = 100  # in each of them


class Spectrum(Result):
    """Growth rates of small disturbances, fastest growing first.

    **Fields:**

    - `exponents`: complex; real parts grow, imaginary parts turn (radians), per `unit`. One of -inf
      belongs to a multiplier 0, or to what is held by a wall of a flow.
    - `unit`: "step" for a rule, "unit time" for a flow.
    - `jacobian`: the matrix that they are of, D residual; `None` if only some were asked for.
    - `rounding`: the relative error to which that matrix is known; `None` if that is not.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "exponents": ("mode",),
        "jacobian": ("row", "column"),
        "rounding": (),
    }

    exponents: Complex[Array, "*batch mode"]
    unit: str = eqx.field(static=True)
    jacobian: Float[Array, "*batch n n"] | None = None
    rounding: Float[Array, "*batch"] | None = None

    @property
    def eigenvalues(self) -> Complex[Array, "*batch mode"]:
        """Those of the derivative of a rule's map, or of a flow's field."""
        return clock(self.unit).eigenvalues(self.exponents)

    @property
    def multipliers(self) -> Complex[Array, "*batch mode"]:
        """exp(exponents): for a rule, the eigenvalues of its map."""
        return jnp.exp(self.exponents)

    @property
    def radius(self) -> Float[Array, "*batch"]:
        """The largest modulus of a multiplier: the factor per unit by which errors grow."""
        return jnp.exp(jnp.max(self.exponents.real, axis=-1))

    @property
    def neutral(self) -> Bool[Array, "*batch"]:
        """Whether a disturbance neither grows nor decays, or does so slowly that rounding decides
        which."""
        return _neutral(self)

    @property
    def stable(self) -> Bool[Array, "*batch"]:
        """Whether all disturbances decay, beyond what rounding could make of those that do not."""
        return _stable(self)


@compiled_with("little")
def _neutral(spectrum: Spectrum) -> Bool[Array, "*batch"]:
    time = clock(spectrum.unit)
    if spectrum.jacobian is None or spectrum.rounding is None:
        return close(spectrum.exponents, spectrum.rounding, time)
    one = functools.partial(undecided, clock=time)
    return jnp.vectorize(one, signature="(n,n),(n),()->()")(
        spectrum.jacobian, spectrum.exponents, spectrum.rounding
    )


@compiled_with("little")
def _stable(spectrum: Spectrum) -> Bool[Array, "*batch"]:
    return decays(spectrum.exponents, _neutral(spectrum))


def jacobian(
    dynamics: AbstractDynamics, players: Players | State, *, key: Key = None
) -> Float[Array, "n n"]:
    """D residual in the coordinates of the state: Df for a flow, DF - 1 for a rule. Of a flow that
    rests at walls it is that on the face, and -inf in the diagonal for what is held by a wall.

    **Arguments:**

    - `dynamics`: a rule or a flow.
    - `players`: the point. The memory of optimizers is settled first, as it is for `spectrum`. A
      `State` is taken as it is.
    - `key`: one realization of everything random.
    """
    return _jacobian(*begin(dynamics, players, key, settled=True), key)


@compiled_with("little")
def _jacobian(dynamics: AbstractDynamics, state: State, key: Key) -> Float[Array, "n n"]:
    return dynamics.slopes(state, key)


def spectrum(
    dynamics: AbstractDynamics,
    players: Players | State,
    *,
    key: Key = None,
    leading: int | None = None,
) -> Spectrum:
    """The spectrum of a dynamics at a point, usually an equilibrium.

    **Arguments:**

    - `dynamics`: a rule or a flow.
    - `players`: the point. The memory of optimizers is settled first: iterated with the players
      held until it rests, with clocks far ahead. A `State` is taken as it is.
    - `key`: one realization of everything random.
    - `leading`: only so many exponents, those of the largest real parts, for games with thousands
      of parameters: by Arnoldi's method, from derivatives along directions, without the matrix.
      Not to be traced. Of a pair of complex ones the last may be without its partner.

    **Raises:** `RuntimeError` if Arnoldi's method does not find the leading ones.
    """
    dynamics, state = begin(dynamics, players, key, settled=True)
    if leading is not None:
        return _leading(dynamics, state, key, leading)
    result = spectrum_at(dynamics, state, key)
    if checks.is_concrete(result.exponents) and bool(jnp.any(jnp.isnan(result.exponents))):
        warnings.warn(
            "the spectrum is nan, because the dynamics has no derivative at this state: the state "
            "is not finite, or it touches a wall with no force against it, or moves to one within "
            "the time of a map, or the optimizer is not smooth there. Adam and RMSProp divide by "
            "sqrt(nu), and nu is 0 at rest; `optax.adam(step, eps_root=1e-8)` is smooth.",
            stacklevel=2,
        )
    return result


@compiled_with("little")
def spectrum_at(dynamics: AbstractDynamics, state: State, key: Key) -> Spectrum:
    """The spectrum at a state, without a word where it is nan."""
    matrix = _jacobian(dynamics, state, key)
    exponents = ranked(dynamics.clock.exponents(eigenvalues(matrix)))
    rounding = jnp.asarray(dynamics.slopes_accuracy(matrix.dtype), matrix.dtype)
    return Spectrum(exponents, dynamics.unit, matrix, rounding)


def eigenvalues(matrix: Float[Array, "n n"]) -> Complex[Array, " n"]:
    """The eigenvalues of a matrix; all are nan if it is not finite, but for -inf in the diagonal,
    alone in its row and column. LAPACK says so itself, but solvers on other devices raise."""
    held = jnp.isneginf(jnp.diagonal(matrix))
    rest = jnp.where(held[:, None] | held[None], 0, matrix)
    finite = jnp.all(jnp.isfinite(rest))
    rest = jnp.where(finite, rest, 0)
    # Held coordinates stand so far off that they cannot be mistaken, and then are -inf.
    far = -2 * (1 + jnp.max(jnp.sum(jnp.abs(rest), axis=1), initial=0))
    values = jnp.linalg.eigvals(rest + jnp.diag(jnp.where(held, far, 0)))
    values = jnp.where(values.real < 0.75 * far, -jnp.inf, values)
    return jnp.where(finite, values, jnp.nan)


def ranked(exponents: Complex[Array, " mode"]) -> Complex[Array, " mode"]:
    """Fastest growing first, and of a pair the one that turns forward."""
    return exponents[jnp.lexsort((-exponents.imag, -exponents.real))]


def per(
    time: Float[Array, "*batch"], exponents: Complex[Array, "*batch mode"]
) -> Complex[Array, "*batch mode"]:
    """Exponents over a time, per unit of it.

    By parts: a multiplier 0 has the exponent -inf, and complex division makes nan of that."""
    time = time[..., None]
    return jax.lax.complex(exponents.real / time, exponents.imag / time)


@compiled_with("little")
def _face(dynamics: AbstractDynamics, state: State, key: Key) -> Face | None:
    return dynamics.face(state, key)


def _leading(dynamics: AbstractDynamics, state: State, key: Key, k: int) -> Spectrum:
    """By the rightmost eigenvalues of Df, or those of DF with the largest modulus."""
    k = checks.count("leading", k)
    checks.untraced("`spectrum` with `leading`", dynamics, state)
    whole, back = coordinates(state)
    free, face = np.arange(whole.size), _face(dynamics, state, key)
    if face is not None:
        if np.any(face.loose):
            raise ValueError(
                "the dynamics has no derivative at `players`: the state touches a wall with no "
                "force against it, or moves to one."
            )
        dynamics, free = face.dynamics, np.flatnonzero(~np.asarray(face.held))
    x = whole[free]
    if k > x.size - 2:
        raise ValueError(
            f"`leading` must be at most {x.size - 2}, two less than the dimension of the state, "
            f"or of the face that it lies on, but is {k}: leave it out for all exponents."
        )
    steps = dynamics.clock.whole

    @jax.jit
    def push(v: Array) -> Array:
        def residual(x: Array) -> Array:
            return vector(dynamics.residual(back(whole.at[free].set(x)), key))[free]

        pushed = jax.jvp(residual, (x,), (v,))[1]
        return pushed + v if steps else pushed

    def product(v: np.ndarray) -> np.ndarray:
        return np.asarray(push(jnp.asarray(v.ravel(), x.dtype)))

    start = np.random.default_rng(0).normal(size=x.size).astype(x.dtype)
    if not np.all(np.isfinite(product(start))):
        raise ValueError(
            "the derivative of the dynamics is not finite at `players`: the state is not finite, "
            "or the optimizer is not smooth there."
        )
    shape: Any = (x.size, x.size)
    operator = scipy.sparse.linalg.LinearOperator(shape, matvec=product, dtype=x.dtype)  # pyright: ignore[reportCallIssue]
    options: Any = {
        "which": "LM" if steps else "LR",
        "v0": start,
        "maxiter": _RESTARTS,
        "return_eigenvectors": False,
    }
    missing = 0
    for space in _SPACES:
        ncv = min(x.size, max(2 * k + 1, space))
        try:
            found: Any = scipy.sparse.linalg.eigs(operator, k, ncv=ncv, **options)
        except scipy.sparse.linalg.ArpackNoConvergence as error:
            missing = k - len(error.eigenvalues)
        else:
            exponents = ranked(dynamics.clock.exponents(jnp.asarray(found - 1 if steps else found)))
            rounding = jnp.asarray(x.size * dynamics.slopes_accuracy(x.dtype), x.dtype)
            return Spectrum(exponents, dynamics.unit, None, rounding)
    raise RuntimeError(
        f"Arnoldi's method missed {missing} of the {k} leading exponents, which lie too close to "
        "others. Ask for more of them, or for all, without `leading`."
    )
