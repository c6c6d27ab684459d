"""Flows: training in continuous time."""

from ._flow import AbstractFlow as AbstractFlow
from ._flow import Integrator as Integrator
from ._gradient import GradientFlow as GradientFlow
from ._modified import ModifiedFlow as ModifiedFlow
from ._modified import modified as modified
from ._momentum import MomentumFlow as MomentumFlow
