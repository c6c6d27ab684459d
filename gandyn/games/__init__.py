"""Games, and what wraps games."""

from ._bilinear import bilinear as bilinear
from ._dirac import dirac as dirac
from ._game import AbstractGame as AbstractGame
from ._game import Custom as Custom
from ._gan import GAN as GAN
from ._gan import AbstractGAN as AbstractGAN
from ._gan import Batch as Batch
from ._noised import Noised as Noised
from ._penalized import R1 as R1
from ._penalized import R2 as R2
from ._penalized import GradientPenalty as GradientPenalty
from ._penalized import Penalized as Penalized
from ._planar import almost_bilinear as almost_bilinear
from ._planar import forsaken as forsaken
from ._planar import parabolas as parabolas
from ._planar import polar as polar
from ._quadratic import prescribed as prescribed
from ._quadratic import quadratic as quadratic
from ._unrolled import Unrolled as Unrolled
from ._zero_sum import zero_sum as zero_sum
