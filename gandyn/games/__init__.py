"""Games, and what wraps games."""

from ._bilinear import bilinear
from ._dirac import dirac
from ._finite import Logits, finite, hardmax, softmax
from ._game import AbstractGame, Custom
from ._gan import GAN, AbstractGAN, Batch
from ._measure_gan import MeasureGAN, atoms, bump, density, location
from ._mixtures import Mixtures
from ._noised import Noised
from ._packed import Packed
from ._penalized import R1, R2, AbstractPenalty, GradientPenalty, Penalized
from ._planar import almost_bilinear, forsaken, parabolas, polar
from ._quadratic import prescribed, quadratic
from ._regularized import Entropy, Regularized, WeightDecay
from ._social import iterated_prisoners_dilemma, tandem
from ._unrolled import Unrolled
from ._zero_sum import zero_sum

__all__ = [
    "GAN",
    "R1",
    "R2",
    "AbstractGAN",
    "AbstractGame",
    "AbstractPenalty",
    "Batch",
    "Custom",
    "Entropy",
    "GradientPenalty",
    "Logits",
    "MeasureGAN",
    "Mixtures",
    "Noised",
    "Packed",
    "Penalized",
    "Regularized",
    "Unrolled",
    "WeightDecay",
    "almost_bilinear",
    "atoms",
    "bilinear",
    "bump",
    "density",
    "dirac",
    "finite",
    "forsaken",
    "hardmax",
    "iterated_prisoners_dilemma",
    "location",
    "parabolas",
    "polar",
    "prescribed",
    "quadratic",
    "softmax",
    "tandem",
    "zero_sum",
]


def __dir__() -> list[str]:
    return __all__
