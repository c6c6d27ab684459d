"""Rules: discrete training as maps of the phase space."""

from .._step import projected
from ._average import Average, Averaged
from ._compose import Repeat, Sequential
from ._custom import Custom
from ._descend import Descend
from ._extra import Extra
from ._lead import LEAD
from ._project import Project
from ._relax import Relaxed
from ._respond import BestResponse
from ._rule import AbstractRule
from ._spectral_ball import SpectralBall
from ._time_map import TimeMap

__all__ = [
    "LEAD",
    "AbstractRule",
    "Average",
    "Averaged",
    "BestResponse",
    "Custom",
    "Descend",
    "Extra",
    "Project",
    "Relaxed",
    "Repeat",
    "Sequential",
    "SpectralBall",
    "TimeMap",
    "projected",
]


def __dir__() -> list[str]:
    return __all__
