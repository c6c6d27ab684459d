"""Measures: recipes for weighted points `(x, w)`.

    E[h] = sum_i w_i h(x_i)

A Dirac, the nodes of a quadrature, a data set and a fresh minibatch are all weighted points.
The population objective of a game and its sampled objective differ in nothing else. Densities are
measures of which more is known: log p, the score, samples, quantiles.
"""

from ._density import AbstractDensity as AbstractDensity
from ._density import DensityMixture as DensityMixture
from ._density import Gaussian as Gaussian
from ._density import Uniform as Uniform
from ._laws import gaussian as gaussian
from ._laws import grid as grid
from ._laws import line as line
from ._laws import mixture as mixture
from ._laws import ring as ring
from ._measure import AbstractMeasure as AbstractMeasure
from ._measure import Mixture as Mixture
from ._measure import Points as Points
from ._measure import Sampled as Sampled
from ._measure import blurred as blurred
from ._measure import dirac as dirac
from ._measure import empirical as empirical
