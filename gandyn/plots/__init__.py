"""Plots: each takes a result and an optional `ax`, and has the result's name; none computes."""

from ._axes import COLORS, PALETTE, STYLE, figure, letter, save
from ._basins import ATTRACTORS, ESCAPES, NOTHING, basins
from ._classification import classification
from ._continuation import continuation
from ._critical import critical
from ._cycle import cycle
from ._equilibria import equilibria
from ._exploitability import exploitability
from ._fastest import fastest
from ._film import film
from ._fixed_point import fixed_point
from ._frame import frame
from ._integrator_error import integrator_error
from ._leader import leader
from ._lyapunov import lyapunov
from ._path_angle import path_angle
from ._portrait import portrait
from ._rotation import rotation
from ._settled import settled
from ._spectrum import spectrum
from ._stability_map import stability_map
from ._trajectory import trajectory
from ._transient import transient
from ._values import values

__all__ = [
    "ATTRACTORS",
    "COLORS",
    "ESCAPES",
    "NOTHING",
    "PALETTE",
    "STYLE",
    "basins",
    "classification",
    "continuation",
    "critical",
    "cycle",
    "equilibria",
    "exploitability",
    "fastest",
    "figure",
    "film",
    "fixed_point",
    "frame",
    "integrator_error",
    "leader",
    "letter",
    "lyapunov",
    "path_angle",
    "portrait",
    "rotation",
    "save",
    "settled",
    "spectrum",
    "stability_map",
    "trajectory",
    "transient",
    "values",
]


def __dir__() -> list[str]:
    return __all__
