"""Flows: training in continuous time."""

from ._flow import AbstractFlow as AbstractFlow
from ._flow import Integrator as Integrator
from ._gradient import GradientFlow as GradientFlow
from ._momentum import MomentumFlow as MomentumFlow
