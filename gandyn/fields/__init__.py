"""Fields: which way the players go."""

from ._competitive import Competitive as Competitive
from ._confined import Confined as Confined
from ._consensus import Consensus as Consensus
from ._extrapolated import Extrapolated as Extrapolated
from ._field import AbstractField as AbstractField
from ._field import Gradient as Gradient
from ._field import Scaled as Scaled
from ._implicit import Implicit as Implicit
from ._metric import Metric as Metric
from ._metric import natural as natural
from ._mirror import Mirror as Mirror
from ._symplectic import Symplectic as Symplectic
