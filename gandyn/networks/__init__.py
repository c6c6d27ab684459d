"""Networks as players: families of functions f(params, x), with a law of where training starts.

    generator = mlp(2, 2)                       # generator(theta, z), for one point z
    theta = generator.start(key)                # vmap(generator.start)(keys) is an ensemble
    GAN(generator, mlp(2, "scalar"), ...)

A network holds no parameters. What is built again in the same way is equal, and the same compiled
program. `spectral` bounds the slope of one; `family` and `partition` take those of Equinox.
"""

from ._equinox import family, partition
from ._initial import he, lecun, normal, orthogonal
from ._mlp import maxout, mlp
from ._network import AbstractNetwork
from ._spectral import spectral

__all__ = [
    "AbstractNetwork",
    "family",
    "he",
    "lecun",
    "maxout",
    "mlp",
    "normal",
    "orthogonal",
    "partition",
    "spectral",
]


def __dir__() -> list[str]:
    return __all__
