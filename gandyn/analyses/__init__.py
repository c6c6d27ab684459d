"""Analyses: functions of a dynamics and a state that use the contract of dynamics only."""

from ._basins import basins as basins
from ._circle import circle as circle
from ._classify import classify as classify
from ._continuation import continuation as continuation
from ._cost import cost as cost
from ._critical import critical as critical
from ._cycle import cycle as cycle
from ._equilibria import equilibria as equilibria
from ._equilibrium import equilibrium as equilibrium
from ._exploitability import exploitability as exploitability
from ._fastest import fastest as fastest
from ._fixed_point import fixed_point as fixed_point
from ._frame import frame as frame
from ._leader import leader as leader
from ._lyapunov import lyapunov as lyapunov
from ._portrait import portrait as portrait
from ._rotation import rotation as rotation
from ._settles import escape_time as escape_time
from ._settles import settles_on as settles_on
from ._spectrum import jacobian as jacobian
from ._spectrum import spectrum as spectrum
from ._stability_map import stability_map as stability_map
from ._tabulate import tabulate as tabulate
from ._transient import transient as transient
from ._values import values as values
