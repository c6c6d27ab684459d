"""The classic Runge-Kutta method, which diffrax leaves out because it cannot adapt its step.

Kutta, "Beitrag zur naeherungsweisen Integration totaler Differentialgleichungen", 1901.
"""

from typing import Any, ClassVar

import diffrax as dfx
import numpy as np


class RK4(dfx.AbstractERK):
    """The classic method of order four, for a fixed step: `Integrator(solver=RK4(), dt=0.1)`. It
    estimates no error, so that no tolerance adapts it."""

    tableau: ClassVar[dfx.ButcherTableau] = dfx.ButcherTableau(
        c=np.array([0.5, 0.5, 1.0]),
        b_sol=np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
        b_error=np.zeros(4),
        a_lower=(np.array([0.5]), np.array([0.0, 0.5]), np.array([0.0, 0.0, 1.0])),
    )
    interpolation_cls: ClassVar[Any] = dfx.ThirdOrderHermitePolynomialInterpolation.from_k

    def order(self, terms: Any) -> int:
        return 4
