"""The Dirac-GAN: the smallest GAN there is.

The data is a point at 0, the generator a point at theta, and D(x) = psi x. Its only equilibrium is
(0, 0), around which the flow turns for ever: theta^2 + psi^2 is conserved whatever the loss, if
the loss is zero-sum. Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually
Converge?", 2018, section 2 (there D scores fakeness, which mirrors theta to -theta).
"""

from .._types import Scalar
from ..losses import AbstractLoss, minimax
from ..measures import dirac as point
from ._gan import GAN


def _generator(theta: Scalar, z: Scalar) -> Scalar:
    return theta


def _discriminator(psi: Scalar, x: Scalar) -> Scalar:
    return psi * x


def dirac(loss: AbstractLoss = minimax) -> GAN:
    """The Dirac-GAN, an ordinary `GAN` with two one-point measures; players (theta, psi), two
    numbers.

    **Arguments:**

    - `loss`: see `gandyn.losses`.
    """
    return GAN(_generator, _discriminator, point(0.0), point(0.0), loss, known=((0.0, 0.0),))
