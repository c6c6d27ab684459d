"""Plots: each takes a result and an optional `ax`, and has the result's name; none computes."""

from ._axes import COLORS as COLORS
from ._axes import STYLE as STYLE
from ._axes import figure as figure
from ._axes import save as save
from ._basins import ATTRACTORS as ATTRACTORS
from ._basins import basins as basins
from ._continuation import continuation as continuation
from ._cycle import cycle as cycle
from ._equilibria import equilibria as equilibria
from ._exploitability import exploitability as exploitability
from ._film import film as film
from ._fixed_point import fixed_point as fixed_point
from ._frame import frame as frame
from ._integrator_error import integrator_error as integrator_error
from ._leader import leader as leader
from ._lyapunov import lyapunov as lyapunov
from ._path_angle import path_angle as path_angle
from ._portrait import portrait as portrait
from ._rotation import rotation as rotation
from ._settled import settled as settled
from ._spectrum import spectrum as spectrum
from ._stability_map import stability_map as stability_map
from ._trajectory import trajectory as trajectory
from ._transient import transient as transient
from ._values import values as values
