"""What can be chosen about vanishing gradients."""

import dataclasses

from experiments._panels import Stored


@dataclasses.dataclass(frozen=True)
class Options(Stored):
    """What can be chosen."""

    farthest: int = 12
    """The largest separation, in standard deviations."""
    steps: int = 10_000
    """How long the discriminator is trained."""
    seeds: int = 1024
    """How many minibatches the noise of the gradient is measured on."""
    batch: int = 64
    """Points in a minibatch."""


QUICK = Options(farthest=6, steps=1000, seeds=128)
