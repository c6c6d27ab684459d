"""Analyses: functions that use the contract of dynamics and nothing more, in rooms by what is
asked.

`local`: of a dynamics at a point. `orbits`: of its trajectories. `branches`: of a family of
dynamics. `play`: of a game.
"""

from .branches._circles import circles
from .branches._continuation import continuation
from .branches._critical import critical
from .branches._fastest import fastest
from .branches._stability_map import stability_map
from .local._cost import cost
from .local._equilibria import equilibria
from .local._equilibrium import equilibrium
from .local._fixed_point import fixed_point
from .local._portrait import portrait
from .local._spectrum import jacobian, spectrum
from .local._transient import transient
from .orbits._basins import basins
from .orbits._circle import circle
from .orbits._cycle import cycle
from .orbits._lyapunov import lyapunov
from .orbits._rotation import rotation
from .orbits._settles import escape_time, settles_on
from .play._classify import classify
from .play._exploitability import exploitability
from .play._frame import frame
from .play._leader import leader
from .play._tabulate import tabulate
from .play._values import values

__all__ = [
    "basins",
    "circle",
    "circles",
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
