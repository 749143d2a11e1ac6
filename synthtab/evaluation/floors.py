"""What a perfect sampler scores, where there is a closed form, and the error of a random part.

A perfect sampler draws m rows from the real ones with replacement: the number of times that a cell
of share p comes up is binomial, whatever the table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import Interval

_MANY = 100.0  # variance from which the normal approximation errs by less than 0.1 %


def share_deviation(p: Floats, m: int) -> Floats:
    """E|K/m - p| for K ~ Binomial(m, p): 2 k (1 - p) P(K = k) / m with k = [mp] + 1 (de Moivre 1730)."""
    p = np.clip(np.asarray(p, dtype=np.float64), 0.0, 1.0)
    variance = m * p * (1 - p)
    deviation: Floats = np.sqrt(2 / np.pi * variance) / m
    few = variance < _MANY
    k = np.floor(m * p[few]) + 1
    deviation[few] = 2 * k * (1 - p[few]) * binom.pmf(k, m, p[few]) / m
    return deviation


def total_variation_floor(p: Floats, m: int) -> float:
    """Expected total variation between shares and those of m draws from them, exactly."""
    return float(share_deviation(p[p > 0], m).sum()) / 2


def wasserstein_floor(values: Floats, m: int) -> float:
    """Expected Wasserstein-1 distance between sorted values and m draws from them, exactly: ∫ E|Fm(x) - F(x)| dx."""
    p = np.arange(1, len(values)) / len(values)
    gaps = np.diff(values)
    return float((share_deviation(p[gaps > 0], m) * gaps[gaps > 0]).sum())


def sample_interval(
    values: Sequence[float] | Floats, total: int | None = None
) -> Interval | None:
    """About 95 % for the mean of ``total`` (None: endless) values of which these are a random part; None if all."""
    n = len(values)
    if n < 2 or n == total:
        return None
    half = (
        1.96
        * float(np.std(values, ddof=1))
        / math.sqrt(n)
        * math.sqrt(1 - n / total if total else 1.0)
    )
    mean = float(np.mean(values))
    return mean - half, mean + half
