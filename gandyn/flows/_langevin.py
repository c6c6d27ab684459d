"""The Langevin flow: what small steps on noisy gradients become.

    dz = v(z) dt + sqrt(h) S(z) dW,    S S^T the covariance of the noise in one gradient

in the time t = h n of n steps of size h: a step moves by h (v + noise), so that over a time t the
noise adds up to variance h^2 S S^T n = h S S^T t. Weakly it is the limit of the method to first
order in h: Li, Tai, E, "Stochastic modified equations and adaptive stochastic gradient algorithms",
2017; for games Chavdarova et al., 2019.
"""

import math
from collections.abc import Callable
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import lineax as lx
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .. import _checks as checks
from .._phase import State, coordinates
from .._step import scaled
from .._types import Key, Number, PerPlayer, Players
from ..fields import AbstractField
from ..fields._field import checked_field
from ._flow import AbstractFlow
from ._integrator import Integrator, checked_integrator

Factors = Callable[[Players, PRNGKeyArray], Players]

_WINDOW = 64  # steps of training in one Brownian tree
_FINEST = 1024  # parts of a step of training that the Brownian motion is resolved in


class LangevinFlow(AbstractFlow):
    """dz = v dt + sqrt(h) S dW, an equation of Ito's. The key is one realization of W, the same
    whatever the integrator's step; without a key there is no noise.

    Growth rates, spectra and equilibria are those of the drift v.

    **Arguments:**

    - `field`: the drift v, such as the gradient of the population's game.
    - `step_size`: h, positive: the step whose noise this is. Time is steps times h.
    - `noise`: the standard deviation of one gradient, not negative, in every coordinate, a number
      or one per player; or a function `noise(players, key)` of factors S: the players' structure
      with a leading axis of independent sources, such as `SampledNoise(field, samples)`.
    - `integrator`: with a fixed step of at most 64 h; the Brownian motion is resolved to h/1024.
      Left out, it is Euler and Maruyama's, eight steps to each of training. Solvers that converge
      to Stratonovich's equation (`diffrax.Heun`, more accurate) are for `noise` that does not
      depend on the players.
    """

    field: AbstractField
    step_size: Float[Array, ""]
    noise: PerPlayer | Factors
    integrator: Integrator

    def __init__(
        self,
        field: AbstractField,
        step_size: Number,
        noise: PerPlayer | Factors,
        integrator: Integrator | None = None,
    ):
        self.field = checked_field(field)
        self.step_size = checks.positive("step_size", step_size)
        self.noise = (
            checks.function("noise", noise, "players", "key")
            if callable(noise)
            else checks.per_player("noise", noise, low=0)
        )
        if integrator is None:
            integrator = Integrator(solver=dfx.Euler(), dt=self.step_size / 8)
        self.integrator = checked_integrator(integrator)
        dt = self.integrator.dt
        if dt is None:
            raise ValueError(
                "`integrator` must have a fixed step for an equation with noise, as in "
                "`Integrator(solver=diffrax.Heun(), dt=0.01)`."
            )
        given = (dt, self.step_size)
        if checks.is_concrete(given) and float(dt) > _WINDOW * float(self.step_size):
            raise ValueError(
                f"`integrator` must have a step of at most {_WINDOW} times `step_size`, "
                f"{_WINDOW * float(self.step_size):g}, but has {float(dt):g}."
            )

    def init(self, players: Players) -> State:
        return State(players)

    def velocity(self, state: State, key: Key = None) -> State:
        return State(self.field(state.players))

    def term(self, velocity: Any, state: State, key: Key) -> Any:
        if key is None:
            return dfx.ODETerm(velocity)
        for_path, for_noise = jr.split(key)

        def spread(players: Players) -> Callable[[Array], Players]:
            """dW -> sqrt(h) S dW."""
            size = jnp.sqrt(self.step_size)
            if callable(self.noise):
                factors = self.noise(players, for_noise)
                return lambda dw: scaled(
                    size, jax.tree.map(lambda f: jnp.tensordot(dw.astype(f.dtype), f, 1), factors)
                )
            deviations = checks.spread("noise", self.noise, len(players))
            back = coordinates(players)[1]
            return lambda dw: tuple(
                scaled(size * s, p) for s, p in zip(deviations, back(dw), strict=True)
            )

        def diffusion(t: Any, state: State, args: Any) -> lx.FunctionLinearOperator:
            push = spread(state.players)
            return lx.FunctionLinearOperator(lambda dw: State(push(dw)), shape)

        shape = self._sources(state.players, for_noise)
        path = _Brownian(self.step_size, for_path, shape)
        return dfx.MultiTerm(dfx.ODETerm(velocity), dfx.ControlTerm(diffusion, path))

    def _sources(self, players: Players, key: PRNGKeyArray) -> jax.ShapeDtypeStruct:
        """How many independent sources of noise there are."""
        vector, _ = coordinates(players)
        if not callable(self.noise):
            return jax.ShapeDtypeStruct(vector.shape, vector.dtype)
        factors = jax.eval_shape(self.noise, players, key)
        numbers = {f.shape[:1] for f in jax.tree.leaves(factors)}
        inside = jax.tree.map(lambda f: f.shape[1:], factors)
        if len(numbers) != 1 or inside != jax.tree.map(jnp.shape, players):
            raise ValueError(
                "`noise` must return the players' structure with one leading axis, the same in all "
                f"arrays, but returned {eqx.tree_pformat(factors)}."
            )
        return jax.ShapeDtypeStruct(numbers.pop(), vector.dtype)


class _Brownian(dfx.AbstractPath):
    """Brownian motion over all times, a tree for every window of them, each with its own key."""

    step: Float[Array, ""]
    key: PRNGKeyArray
    shape: jax.ShapeDtypeStruct = eqx.field(static=True)
    t0: float = eqx.field(static=True, default=-math.inf)
    t1: float = eqx.field(static=True, default=math.inf)

    def evaluate(
        self, t0: Any, t1: Any = None, left: bool = True, use_levy: bool = False
    ) -> Float[Array, " n"]:
        """W(t1) - W(t0) for times at most a window apart."""
        (first, before), (last, after) = self._at(t0), self._at(t1)
        within = self._inside(last, after) - self._inside(first, before)
        whole = self._inside(jnp.minimum(first, last), jnp.ones_like(before))
        length = jnp.sqrt(_WINDOW * self.step).astype(self.shape.dtype)
        return length * (within + (last - first).astype(self.shape.dtype) * whole)

    def _at(self, t: Any) -> tuple[Array, Array]:
        """The window of a time, and where in it, in whole parts of the finest resolution: nearby
        times do not differ by rounding errors, of which a Brownian path would make much."""
        parts = jnp.round(jax.lax.stop_gradient(t / self.step) * _FINEST)
        window = jnp.floor(parts / (_WINDOW * _FINEST))
        return window, parts / (_WINDOW * _FINEST) - window

    def _inside(self, window: Array, s: Array) -> Float[Array, " n"]:
        key = jr.fold_in(self.key, window.astype(jnp.int32))
        finest = 1 / (_WINDOW * _FINEST)
        tree: Any = dfx.VirtualBrownianTree(0.0, 1.0, finest, self.shape, key)
        return tree.evaluate(0.0, s)


class SampledNoise(eqx.Module):
    """The noise of a game's own gradients: factors (v_k - mean v)/sqrt(n - 1) from n draws of the
    field, frozen with the key, so that S S^T is their empirical covariance where the players are.

    **Arguments:**

    - `field`: a field that is random, such as the gradient of a game with `Sampled` measures.
    - `samples`: n, at least two.
    """

    field: AbstractField
    samples: int

    def __init__(self, field: AbstractField, samples: int):
        self.field = checked_field(field)
        self.samples = checks.count("samples", samples, low=2)

    def __call__(self, players: Players, key: PRNGKeyArray) -> PyTree:
        drawn = jax.vmap(lambda k: self.field(players, k))(jr.split(key, self.samples))
        return jax.tree.map(
            lambda v: (v - jnp.mean(v, axis=0, keepdims=True)) / math.sqrt(self.samples - 1), drawn
        )
