"""Flows: training in continuous time."""

from ._flow import AbstractFlow as AbstractFlow
from ._gradient import GradientFlow as GradientFlow
from ._high_resolution import HighResolutionFlow as HighResolutionFlow
from ._high_resolution import extragradient as extragradient
from ._high_resolution import optimistic as optimistic
from ._high_resolution import simultaneous as simultaneous
from ._integrator import Integrator as Integrator
from ._langevin import LangevinFlow as LangevinFlow
from ._langevin import SampledNoise as SampledNoise
from ._modified import ModifiedFlow as ModifiedFlow
from ._modified import modified as modified
from ._momentum import MomentumFlow as MomentumFlow
from ._runge_kutta import RK4 as RK4
