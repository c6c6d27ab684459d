"""Analyses: functions of a dynamics and a state that use the contract of dynamics only."""

from ._basins import basins
from ._circle import circle
from ._classify import classify
from ._continuation import continuation
from ._cost import cost
from ._critical import critical
from ._cycle import cycle
from ._equilibria import equilibria
from ._equilibrium import equilibrium
from ._exploitability import exploitability
from ._fastest import fastest
from ._fixed_point import fixed_point
from ._frame import frame
from ._leader import leader
from ._lyapunov import lyapunov
from ._portrait import portrait
from ._rotation import rotation
from ._settles import escape_time, settles_on
from ._spectrum import jacobian, spectrum
from ._stability_map import stability_map
from ._tabulate import tabulate
from ._transient import transient
from ._values import values

__all__ = [
    "basins",
    "circle",
    "classify",
    "continuation",
    "cost",
    "critical",
    "cycle",
    "equilibria",
    "equilibrium",
    "escape_time",
    "exploitability",
    "fastest",
    "fixed_point",
    "frame",
    "jacobian",
    "leader",
    "lyapunov",
    "portrait",
    "rotation",
    "settles_on",
    "spectrum",
    "stability_map",
    "tabulate",
    "transient",
    "values",
]


def __dir__() -> list[str]:
    return __all__
