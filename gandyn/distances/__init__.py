"""Distances between measures: how far apart two laws, two samples, or a sample and a law are.

Divergences compare densities point by point, and saturate where the supports are disjoint;
transport, kernels and classes of critics compare where the mass is.
"""

from ._critics import linear_distance as linear_distance
from ._critics import neural_distance as neural_distance
from ._divergences import chi_squared as chi_squared
from ._divergences import f_divergence as f_divergence
from ._divergences import histogram as histogram
from ._divergences import jensen_shannon as jensen_shannon
from ._divergences import kl as kl
from ._divergences import reverse_kl as reverse_kl
from ._divergences import squared_hellinger as squared_hellinger
from ._divergences import total_variation as total_variation
from ._kernel import mmd as mmd
from ._transport import sliced_wasserstein as sliced_wasserstein
from ._transport import wasserstein as wasserstein
