"""Analyses: functions of a dynamics and a state that use the contract of dynamics only."""

from ._basins import Basins as Basins
from ._basins import basins as basins
from ._classify import Classification as Classification
from ._classify import classify as classify
from ._cycle import Cycle as Cycle
from ._cycle import cycle as cycle
from ._equilibria import Equilibria as Equilibria
from ._equilibria import equilibria as equilibria
from ._equilibrium import Equilibrium as Equilibrium
from ._equilibrium import equilibrium as equilibrium
from ._frame import Frame as Frame
from ._frame import frame as frame
from ._lyapunov import Lyapunov as Lyapunov
from ._lyapunov import lyapunov as lyapunov
from ._portrait import Portrait as Portrait
from ._portrait import portrait as portrait
from ._settles import Kind as Kind
from ._settles import Settled as Settled
from ._settles import escape_time as escape_time
from ._settles import settles_on as settles_on
from ._spectrum import Spectrum as Spectrum
from ._spectrum import jacobian as jacobian
from ._spectrum import spectrum as spectrum
from ._values import Values as Values
from ._values import values as values
