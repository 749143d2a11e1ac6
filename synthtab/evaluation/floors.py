"""What a perfect sampler scores, in closed form, and the error of a random part.

A perfect sampler draws m rows from the real ones with replacement: the number of times
that a cell of share p comes up is binomial, whatever the table. Floors for which there
is no closed form are measured, by the metrics themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import Interval

# Variance of a count from which the normal approximation errs by less than 0.1 %.
NORMAL_FROM = 100.0


def share_deviation(p: Floats, m: int) -> Floats:
    """E|K/m - p| for K ~ Binomial(m, p): by how much a share differs by chance.

    It is 2 k (1 - p) P(K = k) / m with k = [mp] + 1 (de Moivre 1730).

    Args:
        p: Shares, of any shape.
        m: Number of rows drawn.
    """
    p = np.clip(np.asarray(p, dtype=np.float64), 0.0, 1.0)
    variance = m * p * (1 - p)
    # Mean absolute deviation of a normal distribution.
    deviation: Floats = np.sqrt(2 / np.pi * variance) / m
    few = variance < NORMAL_FROM
    k = np.floor(m * p[few]) + 1
    deviation[few] = 2 * k * (1 - p[few]) * binom.pmf(k, m, p[few]) / m
    return deviation


def total_variation_floor(p: Floats, m: int) -> float:
    """Expected total variation between shares and those of m draws, exactly."""
    return float(share_deviation(p[p > 0], m).sum()) / 2


def wasserstein_floor(values: Floats, m: int) -> float:
    """Expected Wasserstein-1 distance between values and m draws from them, exactly.

    It is ∫ E|F_m(x) - F(x)| dx; between two neighbouring values F is constant.

    Args:
        values: Sorted.
        m: Number of draws.
    """
    p = np.arange(1, len(values)) / len(values)
    gaps = np.diff(values)
    positive = gaps > 0
    return float((share_deviation(p[positive], m) * gaps[positive]).sum())


def sample_interval(
    values: Sequence[float] | Floats, total: int | None = None
) -> Interval | None:
    """About 95 % for the mean of many values of which these are a random part.

    Args:
        values: The part.
        total: How many there are in all; None if without end.

    Returns:
        None if the part is the whole, or says nothing of the spread.
    """
    n = len(values)
    if n < 2 or n == total:
        return None
    # Of a finite number of values less is left to chance (finite population).
    left = 1 - n / total if total else 1.0
    deviation = float(np.std(values, ddof=1))
    half = 1.96 * deviation / math.sqrt(n) * math.sqrt(left)
    mean = float(np.mean(values))
    return mean - half, mean + half
