"""Rules: discrete training as maps of the phase space."""

from .._step import projected as projected
from ._average import Average as Average
from ._average import Averaged as Averaged
from ._compose import Repeat as Repeat
from ._compose import Sequential as Sequential
from ._custom import Custom as Custom
from ._descend import Descend as Descend
from ._extra import Extra as Extra
from ._lead import LEAD as LEAD
from ._project import Project as Project
from ._relax import Relaxed as Relaxed
from ._respond import BestResponse as BestResponse
from ._rule import AbstractRule as AbstractRule
from ._spectral_ball import SpectralBall as SpectralBall
from ._time_map import TimeMap as TimeMap
