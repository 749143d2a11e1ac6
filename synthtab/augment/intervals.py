"""How sure a mean of differences is whose repeats share rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

Interval = tuple[float, float]


def paired_interval(differences: Sequence[float], share: float, level: float = 0.95) -> Interval:
    """The corrected resampled t interval of a mean paired difference (Nadeau and Bengio 2003).

    With J repeats of mean d and variance S² (J - 1 in its denominator), and a ``share`` f of the rows tested on in
    each repeat, it is

        d ± t(J - 1, (1 + level) / 2) * sqrt((1 / J + f / (1 - f)) * S²)

    Repeats share rows, so that S² / J, which takes them for independent, is too small. For random splits into test
    rows and the rest, f / (1 - f) is the paper's n_test / n_train. For random halves of one fixed test table it is
    1: the variance over halves drawn without replacement, (1 - 1/2) V / (m/2) = V / m, is that of a mean over all m
    test rows (the delete-half jackknife), and it does not shrink with more repeats.
    """
    values = np.asarray(differences, dtype=np.float64)
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return (-math.inf, math.inf)
    spread = math.sqrt((1.0 / count + share / (1.0 - share)) * float(values.var(ddof=1)))
    half = float(stats.t.ppf(0.5 + level / 2.0, count - 1)) * spread
    return (mean - half, mean + half)
