"""What simulations and analyses return: small modules of arrays that name their axes. What a number
in one of them stands for is its own: `Settled.Kind`, `FixedPoint.Type`, `Status.Outcome`.
"""

from ._record import Record
from ._result import Result
from ._simulate import Trajectory
from ._status import Status
from .analyses.branches._branch import Bifurcation
from .analyses.branches._continuation import Continuation
from .analyses.branches._critical import Critical
from .analyses.branches._fastest import Fastest
from .analyses.branches._stability_map import StabilityMap
from .analyses.local._cost import Cost
from .analyses.local._equilibria import Equilibria
from .analyses.local._equilibrium import Equilibrium
from .analyses.local._fixed_point import FixedPoint
from .analyses.local._portrait import Portrait
from .analyses.local._spectrum import Spectrum
from .analyses.local._transient import Transient
from .analyses.orbits._basins import Basins
from .analyses.orbits._circle import Circle
from .analyses.orbits._cycle import Cycle
from .analyses.orbits._lyapunov import Lyapunov
from .analyses.orbits._rotation import Rotation
from .analyses.orbits._settles import Settled
from .analyses.play._classify import Classification
from .analyses.play._exploitability import Exploitability
from .analyses.play._frame import Frame
from .analyses.play._leader import Leader
from .analyses.play._values import Values
from .modes import Coverage, Hopping
from .monitors import IntegratorError, PathAngle

__all__ = [
    "Basins",
    "Bifurcation",
    "Circle",
    "Classification",
    "Continuation",
    "Cost",
    "Coverage",
    "Critical",
    "Cycle",
    "Equilibria",
    "Equilibrium",
    "Exploitability",
    "Fastest",
    "FixedPoint",
    "Frame",
    "Hopping",
    "IntegratorError",
    "Leader",
    "Lyapunov",
    "PathAngle",
    "Portrait",
    "Record",
    "Result",
    "Rotation",
    "Settled",
    "Spectrum",
    "StabilityMap",
    "Status",
    "Trajectory",
    "Transient",
    "Values",
]


def __dir__() -> list[str]:
    return __all__
