"""What simulations and analyses return: small modules of arrays that name their axes. What a number
in one of them stands for is its own: `Settled.Kind`, `FixedPoint.Type`, `Status.Outcome`.
"""

from ._result import Result
from ._simulate import Trajectory
from ._status import Status
from .analyses._basins import Basins
from .analyses._branch import Bifurcation
from .analyses._circle import Circle
from .analyses._classify import Classification
from .analyses._continuation import Continuation
from .analyses._cost import Cost
from .analyses._critical import Critical
from .analyses._cycle import Cycle
from .analyses._equilibria import Equilibria
from .analyses._equilibrium import Equilibrium
from .analyses._exploitability import Exploitability
from .analyses._fastest import Fastest
from .analyses._fixed_point import FixedPoint
from .analyses._frame import Frame
from .analyses._leader import Leader
from .analyses._lyapunov import Lyapunov
from .analyses._portrait import Portrait
from .analyses._rotation import Rotation
from .analyses._settles import Settled
from .analyses._spectrum import Spectrum
from .analyses._stability_map import StabilityMap
from .analyses._transient import Transient
from .analyses._values import Values
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
