"""What simulations and analyses return: small modules of arrays that name their axes. What a number
in one of them stands for is its own: `Settled.Kind`, `FixedPoint.Type`, `Status.Outcome`.
"""

from ._result import Result as Result
from ._simulate import Trajectory as Trajectory
from ._status import Status as Status
from .analyses._basins import Basins as Basins
from .analyses._branch import Bifurcation as Bifurcation
from .analyses._circle import Circle as Circle
from .analyses._classify import Classification as Classification
from .analyses._continuation import Continuation as Continuation
from .analyses._cost import Cost as Cost
from .analyses._critical import Critical as Critical
from .analyses._cycle import Cycle as Cycle
from .analyses._equilibria import Equilibria as Equilibria
from .analyses._equilibrium import Equilibrium as Equilibrium
from .analyses._exploitability import Exploitability as Exploitability
from .analyses._fastest import Fastest as Fastest
from .analyses._fixed_point import FixedPoint as FixedPoint
from .analyses._frame import Frame as Frame
from .analyses._leader import Leader as Leader
from .analyses._lyapunov import Lyapunov as Lyapunov
from .analyses._portrait import Portrait as Portrait
from .analyses._rotation import Rotation as Rotation
from .analyses._settles import Settled as Settled
from .analyses._spectrum import Spectrum as Spectrum
from .analyses._stability_map import StabilityMap as StabilityMap
from .analyses._transient import Transient as Transient
from .analyses._values import Values as Values
from .modes import Coverage as Coverage
from .modes import Hopping as Hopping
from .monitors import IntegratorError as IntegratorError
from .monitors import PathAngle as PathAngle

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
