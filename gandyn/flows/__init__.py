"""Flows: training in continuous time."""

from ._flow import AbstractFlow
from ._gradient import GradientFlow
from ._high_resolution import HighResolutionFlow, extragradient, optimistic, simultaneous
from ._integrator import Integrator
from ._langevin import LangevinFlow, SampledNoise
from ._modified import ModifiedFlow, modified
from ._momentum import MomentumFlow
from ._runge_kutta import RK4

__all__ = [
    "RK4",
    "AbstractFlow",
    "GradientFlow",
    "HighResolutionFlow",
    "Integrator",
    "LangevinFlow",
    "ModifiedFlow",
    "MomentumFlow",
    "SampledNoise",
    "extragradient",
    "modified",
    "optimistic",
    "simultaneous",
]


def __dir__() -> list[str]:
    return __all__
