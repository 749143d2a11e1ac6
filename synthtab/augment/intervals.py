"""How sure a mean of differences is whose repeats share rows.

Plain intervals over repeats take them for independent. They are not: they share training rows, test rows or both, and
are too narrow for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

Interval = tuple[float, float]


def paired_interval(
    differences: Sequence[float], share: float, level: float = 0.95
) -> Interval:
    """For random splits into test rows and the rest: the corrected resampled t interval (Nadeau and Bengio 2003).

    With J repeats of mean d and variance S² (J - 1 in its denominator), and a ``share`` f of the rows tested on in
    each repeat, it is

        d ± t(J - 1, (1 + level) / 2) * sqrt((1 / J + f / (1 - f)) * S²)

    f / (1 - f) is the paper's n_test / n_train. Where a repeat learns from a part of the rest only, repeats share fewer
    rows and the interval is on the safe side.
    """
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return (-math.inf, math.inf)
    variance = (1.0 / len(values) + share / (1.0 - share)) * float(values.var(ddof=1))
    return _around(float(values.mean()), variance, len(values) - 1, level)


def holdout_interval(
    differences: Sequence[float], halves: Sequence[float], level: float = 0.95
) -> Interval:
    """For repeats that are all tested on one holdout, with new models and new synthetic rows in each.

    Two things are uncertain, and independent of one another: which models and rows were drawn, and which rows are in
    the holdout. With the differences d_1 .. d_J on the whole holdout, of mean d and variance S², and the mean
    differences over the repeats h_1 .. h_H on random halves of the holdout, of variance T²,

        d ± t(ν, (1 + level) / 2) * sqrt(S² / J + T²),   ν = (S²/J + T²)² / ((S²/J)² / (J - 1) + T⁴ / (H - 1))

    T² needs no correction: halves of m rows drawn without replacement vary by (1 - 1/2) V / (m/2) = V / m, as means
    over m new rows would (the delete-half jackknife; Shao and Wu 1989). ν is Satterthwaite's (1946). The training table
    is the one that is given: the interval says nothing about another one.
    """
    values, parts = (
        np.asarray(differences, dtype=np.float64),
        np.asarray(halves, dtype=np.float64),
    )
    if min(len(values), len(parts)) < 2:
        return (-math.inf, math.inf)
    drawn, tested = float(values.var(ddof=1)) / len(values), float(parts.var(ddof=1))
    variance = drawn + tested
    freedom = drawn**2 / (len(values) - 1) + tested**2 / (len(parts) - 1)
    return _around(
        float(values.mean()),
        variance,
        variance**2 / freedom if freedom > 0 else math.inf,
        level,
    )


def _around(mean: float, variance: float, freedom: float, level: float) -> Interval:
    half = float(stats.t.ppf(0.5 + level / 2.0, freedom)) * math.sqrt(variance)
    return (mean - half, mean + half)
