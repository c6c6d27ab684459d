"""How a flow is integrated: what diffrax is asked for."""

from typing import Any

import diffrax as dfx
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import _checks as checks
from .. import _numerics as numerics
from .._types import Number

MAX_STEPS = 65_536


class Integrator(eqx.Module):
    """How a flow is integrated: adaptively to a tolerance, or with a fixed step.

    **Arguments:**

    - `rtol`, `atol`: relative and absolute tolerance of an adaptive step. Left out, 1e-8 in double
      and 1e-5 in single precision, which can keep no tolerance below 1e-6.
    - `solver`: any diffrax solver, explicit or implicit.
    - `dt`: a fixed step instead. The tolerances are then those of the equation within a step of an
      implicit solver; left out, 1e-12 in double and 1e-6 in single precision.
    - `max_steps`: after so many steps an adaptive solution is given up, and is nan from there on.
      Where it diverges, or leaves the domain of the velocity, it is inf.
    - `adjoint`: diffrax's means of differentiation. The default can be differentiated forwards and
      backwards; with others than it and `diffrax.ForwardMode` an adaptive flow costs as much as its
      derivatives, asked for or not.
    """

    solver: dfx.AbstractSolver
    rtol: Float[Array, ""] | None
    atol: Float[Array, ""] | None
    dt: Float[Array, ""] | None
    max_steps: int = eqx.field(static=True)
    adjoint: dfx.AbstractAdjoint

    def __init__(
        self,
        rtol: Number | None = None,
        atol: Number | None = None,
        solver: dfx.AbstractSolver | None = None,
        dt: Number | None = None,
        max_steps: int = MAX_STEPS,
        adjoint: dfx.AbstractAdjoint | None = None,
    ):
        if solver is not None and not isinstance(solver, dfx.AbstractSolver):
            raise TypeError(
                "`solver` must be a diffrax solver, such as `diffrax.Tsit5()`, but is "
                f"{checks.shown(solver)}."
            )
        self.solver = dfx.Tsit5() if solver is None else solver
        self.rtol = None if rtol is None else checks.positive("rtol", rtol)
        self.atol = None if atol is None else checks.positive("atol", atol)
        self.dt = None if dt is None else checks.positive("dt", dt)
        self.max_steps = checks.count("max_steps", max_steps)
        self.adjoint = (
            dfx.DirectAdjoint()
            if adjoint is None
            else checks.instance(
                "adjoint",
                adjoint,
                dfx.AbstractAdjoint,
                "one of diffrax's adjoints",
                "`diffrax.ForwardMode()` is one",
            )
        )

    def tolerances(self, dtype: Any) -> tuple[Any, Any]:
        """(rtol, atol) for states of a dtype."""
        single = numerics.rounding(dtype) > 1e-10
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if value is None or not single or not checks.is_concrete(value):
                continue
            if float(value) < 1e-6:
                raise ValueError(
                    f"`{name}` is {float(value):g}, finer than players in {jnp.dtype(dtype).name} "
                    "can keep: make it 1e-6 or more, or use double precision, "
                    "`jax.config.update('jax_enable_x64', True)`."
                )
        # The equation within a fixed implicit step is cheap to solve well.
        fine, coarse = (1e-12, 1e-6) if self.dt is not None else (1e-8, 1e-5)
        default = coarse if single else fine
        rtol = default if self.rtol is None else self.rtol.astype(dtype)
        atol = default if self.atol is None else self.atol.astype(dtype)
        return rtol, atol


class AdaptiveSteps(dfx.AbstractAdaptiveStepSizeController):
    """Diffrax's choice of steps, until the time has no number for the next one that is longer than
    none and, if the last one was refused, shorter than that: nothing would change any more."""

    controller: dfx.PIDController

    def __init__(self, rtol: Any, atol: Any):
        self.controller = dfx.PIDController(rtol=rtol, atol=atol)

    @property
    def rtol(self) -> Any:
        return self.controller.rtol

    @property
    def atol(self) -> Any:
        return self.controller.atol

    @property
    def norm(self) -> Any:
        return self.controller.norm

    def wrap(self, direction: Any) -> "AdaptiveSteps":
        return self  # the time goes forwards

    def init(self, *args: Any) -> Any:
        return self.controller.init(*args)

    def adapt_step_size(self, t0: Any, t1: Any, *args: Any) -> Any:
        keep, start, end, *rest, result = self.controller.adapt_step_size(t0, t1, *args)
        changes = (end > start) & (keep | (end < t1))
        result = dfx.RESULTS.where(changes, result, dfx.RESULTS.dt_min_reached)
        return keep, start, end, *rest, result


def checked_integrator(integrator: Integrator | None) -> Integrator:
    """`integrator`, held to be one; `None` is the default."""
    if integrator is None:
        return Integrator()
    if not isinstance(integrator, Integrator):
        raise TypeError(
            f"`integrator` must be a `gandyn.flows.Integrator`, but is {checks.shown(integrator)}: "
            "a diffrax solver goes into one, as in `Integrator(solver=diffrax.Heun(), dt=0.1)`."
        )
    return integrator
