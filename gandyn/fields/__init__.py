"""Fields: which way the players go."""

from ._anticipated import Anticipated
from ._competitive import Competitive
from ._confined import Confined
from ._consensus import Consensus
from ._extrapolated import Extrapolated
from ._field import AbstractField, Custom, Gradient, Scaled
from ._foreseen import Foreseen
from ._implicit import Implicit
from ._leader import Ridge, Stackelberg
from ._metric import Metric, natural
from ._mirror import Mirror
from ._natural_map import NaturalMap
from ._shaping import LOLA, SOS
from ._symplectic import Symplectic

__all__ = [
    "LOLA",
    "SOS",
    "AbstractField",
    "Anticipated",
    "Competitive",
    "Confined",
    "Consensus",
    "Custom",
    "Extrapolated",
    "Foreseen",
    "Gradient",
    "Implicit",
    "Metric",
    "Mirror",
    "NaturalMap",
    "Ridge",
    "Scaled",
    "Stackelberg",
    "Symplectic",
    "natural",
]


def __dir__() -> list[str]:
    return __all__
