"""How sure a mean difference is when the repeats that it is the mean of share rows.

A plain interval over repeats takes them for independent. They are not: they share
training rows, test rows or both, and the interval is too narrow for it. There is one
function here for each way to repeat: `paired_interval` for random splits of one table,
`holdout_interval` for one holdout that all repeats are tested on. `together` makes
intervals of several figures that hold at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from synthtab.evaluation.cells import Floats

Interval = tuple[float, float]

EVERYTHING: Interval = (-math.inf, math.inf)
LEVEL = 0.95
# Draws of the largest t: the critical value is known to about .01 by so many.
DRAWS = 20_000
# A standard error up to this is that of equal numbers, and of their last digits.
ROUNDING = 1e-12
# Quantiles of the χ² distribution over which a mean is taken.
SCALES = 256


@dataclass(frozen=True)
class Estimate:
    """A mean difference, and how uncertain it is.

    Attributes:
        mean: The mean difference; NaN if it was never measured.
        of_draws: The part of its variance that more repeats make smaller.
        of_rows: The part of its variance that only more test rows make smaller.
        freedom: Degrees of freedom of the variance; 0 where it is unknown.
    """

    mean: float
    of_draws: float
    of_rows: float
    freedom: float

    @property
    def error(self) -> float:
        """The standard error."""
        return math.sqrt(self.of_draws + self.of_rows)

    def interval(self, level: float = LEVEL) -> Interval:
        """The t interval."""
        if not self.freedom:
            return EVERYTHING
        return self.within(float(stats.t.ppf(0.5 + level / 2.0, self.freedom)))

    def within(self, errors: float) -> Interval:
        """So many standard errors to either side of the mean."""
        return (self.mean - errors * self.error, self.mean + errors * self.error)


@dataclass(frozen=True)
class Figure:
    """A difference as often as it was measured.

    Attributes:
        by_repeat: One for each repeat ``[repeats]``; NaN where there is none.
        by_half: One for each random half of the holdout ``[halves]``, the mean over the
            repeats; None where there is no holdout.
        share: Share of the rows that each repeat tested on, where there is no holdout.
    """

    by_repeat: Floats
    by_half: Floats | None
    share: float

    def estimate(self) -> Estimate:
        """Its mean and variance over what was measured."""
        repeats = _known(self.by_repeat)
        if self.by_half is None:
            return paired_estimate(repeats, self.share)
        return holdout_estimate(repeats, _known(self.by_half))


def paired_interval(
    differences: Sequence[float], share: float, level: float = LEVEL
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
    return paired_estimate(differences, share).interval(level)


def paired_estimate(differences: Sequence[float] | Floats, share: float) -> Estimate:
    """What `paired_interval` is made of."""
    values = np.asarray(differences, dtype=np.float64)
    repeats = len(values)
    if repeats < 2:
        return Estimate(_mean(values), 0.0, 0.0, 0.0)
    variance = float(values.var(ddof=1))
    return Estimate(
        mean=float(values.mean()),
        of_draws=variance / repeats,
        of_rows=variance * share / (1.0 - share),
        freedom=repeats - 1,
    )


def holdout_interval(
    differences: Sequence[float], halves: Sequence[float], level: float = LEVEL
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
    return holdout_estimate(differences, halves).interval(level)


def holdout_estimate(
    differences: Sequence[float] | Floats, halves: Sequence[float] | Floats
) -> Estimate:
    """What `holdout_interval` is made of."""
    by_repeat = np.asarray(differences, dtype=np.float64)
    by_half = np.asarray(halves, dtype=np.float64)
    if min(len(by_repeat), len(by_half)) < 2:
        return Estimate(_mean(by_repeat), 0.0, 0.0, 0.0)
    of_draws = float(by_repeat.var(ddof=1)) / len(by_repeat)
    of_holdout = float(by_half.var(ddof=1))
    variance = of_draws + of_holdout
    spread = of_draws**2 / (len(by_repeat) - 1) + of_holdout**2 / (len(by_half) - 1)
    # All differences are equal: the interval is a point, whatever the freedom.
    freedom = variance**2 / spread if spread > 0 else math.inf
    return Estimate(float(by_repeat.mean()), of_draws, of_holdout, freedom)


def together(figures: Sequence[Figure], level: float = LEVEL) -> list[Interval]:
    """Intervals of several figures that all hold at once, with probability ``level``.

    The largest of their |t| decides (max-t; Hothorn, Bretz and Westfall 2008). It is
    drawn from the multivariate t distribution that has the correlations of the figures,
    over the repeats and over the halves of the holdout; figures that go up and down
    together cost little. Each has the degrees of freedom of its own interval (Hasler and
    Hothorn 2008).

    Args:
        figures: They share their repeats and halves.
        level: Probability that every interval holds its true difference.

    Returns:
        Ends for each figure; infinite where it was measured less than twice.
    """
    estimates = [figure.estimate() for figure in figures]
    # A figure that never varies cannot be off: its interval is a point.
    varied = [k for k, e in enumerate(estimates) if e.freedom and e.error > ROUNDING]
    intervals = [estimate.interval(level) for estimate in estimates]
    if len(varied) < 2:
        return intervals
    correlation = _correlation([figures[k] for k in varied])
    freedoms = [estimates[k].freedom for k in varied]
    errors = critical_values(correlation, freedoms, level)
    for k, wide in zip(varied, errors, strict=True):
        intervals[k] = estimates[k].within(wide)
    return intervals


def critical_values(
    correlation: Floats, freedoms: Sequence[float], level: float = LEVEL
) -> list[float]:
    """How many standard errors wide intervals must be to hold together.

    Args:
        correlation: Of the figures ``[figures, figures]``.
        freedoms: Degrees of freedom of each; may be infinite.
        level: Probability that all intervals hold.

    Returns:
        One for each figure, between the value for it alone and Bonferroni's.
    """
    # The same draws every time: same figures, same intervals.
    rng = np.random.default_rng(0)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = rng.standard_normal((DRAWS, len(correlation))) @ root.T
    largest = np.sort(np.abs(normal).max(axis=1))
    found: dict[float, float] = {}
    for freedom in set(freedoms):
        alone = float(stats.t.ppf(0.5 + level / 2, freedom))
        of_each = (1 - level) / len(correlation)
        bonferroni = float(stats.t.ppf(1 - of_each / 2, freedom))
        found[freedom] = _quantile(largest, freedom, level, alone, bonferroni)
    return [found[freedom] for freedom in freedoms]


def _quantile(
    largest: Floats, freedom: float, level: float, low: float, high: float
) -> float:
    """The quantile of the largest |t|, between two bounds, by bisection.

    t = normal / s with s = sqrt(χ²_ν / ν), so that P(largest |t| <= c) is the mean over
    s of the share of ``largest`` (sorted) that is at most c s.
    """
    scales = np.ones(1)
    if math.isfinite(freedom):
        middles = (np.arange(SCALES) + 0.5) / SCALES
        scales = np.sqrt(stats.chi2.ppf(middles, freedom) / freedom)
    while high - low > 1e-4:
        middle = (low + high) / 2
        held = np.searchsorted(largest, middle * scales, side="right").mean()
        if held < level * len(largest):
            low = middle
        else:
            high = middle
    return high


def _correlation(figures: Sequence[Figure]) -> Floats:
    """Of the means of figures ``[figures, figures]``.

    A figure that lacks a repeat or a half counts as independent of the others, which is
    on the safe side.
    """
    covariance = _covariance([figure.by_repeat for figure in figures])
    covariance /= len(figures[0].by_repeat)
    if all(figure.by_half is not None for figure in figures):
        covariance += _covariance([figure.by_half for figure in figures])
    variance = np.diag(covariance)
    whole = np.isfinite(variance) & (variance > 0)
    scale = np.sqrt(np.where(whole, variance, 1.0))
    correlation = np.where(
        np.outer(whole, whole), covariance / np.outer(scale, scale), 0.0
    )
    np.fill_diagonal(correlation, 1.0)
    return correlation


def _covariance(rows: Sequence[Floats | None]) -> Floats:
    """``[figures, figures]``; NaN for a figure with a gap."""
    covariance: Floats = np.atleast_2d(np.cov(np.array(rows, dtype=np.float64)))
    return covariance


def _known(values: Floats) -> Floats:
    known: Floats = values[np.isfinite(values)]
    return known


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan
