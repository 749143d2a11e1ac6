"""How sure a mean difference is when the repeats that it is the mean of share rows.

A plain interval over repeats takes them for independent. They are not: they share
training rows, test rows or both, and the interval is too narrow for it. There is one
function here for each way to repeat: `paired_interval` for random splits of one table,
`holdout_interval` for one holdout that all repeats are tested on.
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
    """The corrected resampled t interval (Nadeau and Bengio 2003), for random splits.

    Each repeat tests on a random share f of the rows and learns from the rest. With J
    repeats of mean d and variance S² (J - 1 in its denominator), the interval is

        d ± t(J - 1, (1 + level) / 2) * sqrt((1 / J + f / (1 - f)) * S²)

    f / (1 - f) is the paper's n_test / n_train. Where a repeat learns from only a part
    of the rest, repeats share fewer rows and the interval is on the safe side.

    Args:
        differences: One per repeat.
        share: The share f.
        level: Share of such intervals that hold the true difference.

    Returns:
        Its ends; infinite for fewer than two repeats.
    """
    values = np.asarray(differences, dtype=np.float64)
    repeats = len(values)
    if repeats < 2:
        return (-math.inf, math.inf)
    correction = 1.0 / repeats + share / (1.0 - share)
    variance = correction * float(values.var(ddof=1))
    return _interval(float(values.mean()), variance, repeats - 1, level)


def holdout_interval(
    differences: Sequence[float], halves: Sequence[float], level: float = 0.95
) -> Interval:
    """For repeats that are all tested on one holdout.

    Every repeat has new models and new synthetic rows. Two things are uncertain, and
    they are independent: which models and rows were drawn, and which rows are in the
    holdout. With the differences d_1 .. d_J on the whole holdout, of mean d and
    variance S², and the mean differences over the repeats h_1 .. h_H on random halves
    of the holdout, of variance T², the interval is

        d ± t(ν, (1 + level) / 2) * sqrt(S² / J + T²)
        ν = (S²/J + T²)² / ((S²/J)² / (J - 1) + T⁴ / (H - 1))

    T² needs no correction: halves of m rows drawn without replacement vary by
    (1 - 1/2) V / (m/2) = V / m, as means over m new rows would (the delete-half
    jackknife; Shao and Wu 1989). ν is Satterthwaite's (1946). The interval is about the
    training table that is given, and says nothing about another one.

    Args:
        differences: One per repeat, on the whole holdout.
        halves: One per half of the holdout, each the mean over the repeats.
        level: Share of such intervals that hold the true difference.

    Returns:
        Its ends; infinite for fewer than two repeats or halves.
    """
    by_repeat = np.asarray(differences, dtype=np.float64)
    by_half = np.asarray(halves, dtype=np.float64)
    if min(len(by_repeat), len(by_half)) < 2:
        return (-math.inf, math.inf)
    of_draws = float(by_repeat.var(ddof=1)) / len(by_repeat)
    of_holdout = float(by_half.var(ddof=1))
    variance = of_draws + of_holdout
    spread = of_draws**2 / (len(by_repeat) - 1) + of_holdout**2 / (len(by_half) - 1)
    # All differences are equal: the interval is a point, whatever the freedom.
    freedom = variance**2 / spread if spread > 0 else math.inf
    return _interval(float(by_repeat.mean()), variance, freedom, level)


def _interval(mean: float, variance: float, freedom: float, level: float) -> Interval:
    """The t interval around a mean of this variance and degrees of freedom."""
    quantile = float(stats.t.ppf(0.5 + level / 2.0, freedom))
    half_width = quantile * math.sqrt(variance)
    return (mean - half_width, mean + half_width)
