"""Expected distances between a law and samples of m points, in closed form."""

import numpy as np
from scipy import stats
from scipy.special import gammaln


def to_the_law(m: int) -> float:
    """E W_1 of m points of N(0, 1) to the law itself: the mean deviation of a binomial variable, in
    closed form (de Moivre), over the line."""
    x = np.linspace(-9, 9, 36_001)
    p = stats.norm.cdf(x)
    nu = np.minimum(np.floor(m * p) + 1, m)
    choose = gammaln(m + 1) - gammaln(nu + 1) - gammaln(m - nu + 1)
    logs = choose + nu * stats.norm.logcdf(x) + (m - nu + 1) * stats.norm.logsf(x)
    return float(np.sum(2 / m * nu * np.exp(logs)) * (x[1] - x[0]))


def between_samples(m: int) -> float:
    """E W_1 of two m-samples of N(0, 1): the mean difference of two binomial variables, over the
    line. It is an integral over their characteristic function, a polynomial in cos t."""
    x = np.linspace(-9, 9, 1801)
    pq = stats.norm.cdf(x) * stats.norm.sf(x)
    n = max(4 * m, 64)
    t = np.pi * (np.arange(n) + 0.5) / n
    s = 1 - np.cos(t)
    means = np.array([np.mean((1 - (1 - 2 * v * s) ** m) / s) for v in pq])
    return float(np.sum(means) * (x[1] - x[0]) / m)


def order_statistics(m: int) -> np.ndarray:
    """E X_(i) of m points of N(0, 1)."""
    x = np.linspace(-9, 9, 3601)
    i = np.arange(1, m + 1)[:, None]
    logs = gammaln(m + 1) - gammaln(i) - gammaln(m - i + 1) + stats.norm.logpdf(x)
    logs = logs + (i - 1) * stats.norm.logcdf(x) + (m - i) * stats.norm.logsf(x)
    return np.sum(x * np.exp(logs), axis=1) * (x[1] - x[0])


def squared_to_the_law(m: int) -> float:
    """E W_2^2 of m points of N(0, 1) to the law."""
    heights = stats.norm.pdf(stats.norm.ppf(np.arange(m + 1) / m))
    return 2 - 2 * float(order_statistics(m) @ -np.diff(heights))


def squared_between_samples(m: int) -> float:
    """E W_2^2 of two m-samples of N(0, 1)."""
    means = order_statistics(m)
    return 2 - 2 * float(means @ means) / m


def linear(m: int, d: int) -> float:
    """E |mean x - mean y| of two m-samples of N(0, I/d)."""
    return float(2 / np.sqrt(m * d) * np.exp(gammaln((d + 1) / 2) - gammaln(d / 2)))


def kernel(m: int, d: int) -> float:
    """E MMD^2 of two m-samples of N(0, I/d) with a kernel of width 1."""
    return 2 / m * (1 - (1 + 2 / d) ** (-d / 2))


def lower_bound(m: int, d: int) -> float:
    """E W_1 >= 1.2 (1 - m P(|x - y| < 1.2)): a fresh point is far from all of a sample."""
    return float(1.2 * (1 - m * stats.chi2.cdf(0.72 * d, d)))


def fitted(m: int) -> float:
    """E W_2^2 from N(0, 1) to the normal law with the mean and the deviation of an m-sample."""
    deviation = np.sqrt(2 / m) * np.exp(gammaln(m / 2) - gammaln((m - 1) / 2))
    return float(1 / m + 1 - 2 * deviation + (m - 1) / m)
