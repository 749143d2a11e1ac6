"""What may be stored of a column: no value that fewer than k rows share.

Numbers are microaggregated (Defays and Anwar, Masking microdata using micro-aggregation, Journal of Official
Statistics 14, 1998; k-anonymous for one column): sorted, values that fewer than k rows have form groups of at least k
neighbouring rows, and only a group's mean is kept. So the least and the greatest number that can come back are the
means of the k or more most extreme rows, or a value that k rows share. Categories that fewer than k rows have are not
kept; their rows go to the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Most that a category grows in proportion to its frequency when it takes the rows of
# rare ones.
GROWTH = 0.02
# Significant digits that are told of the greatest key.
DIGITS = 2

Numbers = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Groups:
    """Numbers of which each stands for at least k rows.

    Attributes:
        values: Ascending, float64: a shared value, or the mean of a group.
        rows: How many rows each stands for.
        source: Which of the distinct values it is; -1 for a mean.
    """

    values: Floats
    rows: Counts
    source: Counts

    @property
    def shared(self) -> npt.NDArray[np.bool_]:
        """Which are values that k rows have."""
        return np.asarray(self.source >= 0)


def aggregate(distinct: Numbers, counts: Counts, least: int) -> Groups:
    """Ascending distinct values and how many rows have each => what may be kept, if ``least`` rows must share it.

    Rare values between two shared ones that are too few for a group count as the nearer of the two. Nothing is kept
    where there are fewer than ``least`` rows in all.
    """
    values = np.asarray(distinct, dtype=np.float64)
    rare = counts < least
    if not rare.any():
        return Groups(values, counts.astype(np.int64), np.arange(len(values)))
    edges = np.flatnonzero(np.diff(np.r_[False, rare, False].astype(np.int8)))
    starts, stops = edges[::2], edges[1::2]
    rows = np.add.reduceat(counts, edges[edges < len(counts)])[::2]
    # At least so many rows are in a group where those before it are counted in steps of ``least + most - 1``.
    step = least + np.maximum.reduceat(counts, edges[edges < len(counts)])[::2] - 1
    number = np.where(rows < least, 0, np.maximum(rows // step, 1))
    run = np.repeat(np.arange(len(starts)), stops - starts)
    place = np.flatnonzero(rare)
    before = np.cumsum(counts[place]) - counts[place]
    before -= np.repeat(
        before[np.cumsum(stops - starts) - (stops - starts)], stops - starts
    )
    inside = np.minimum(before // step[run], number[run] - 1)
    few = number[run] == 0
    shared = np.flatnonzero(~rare)
    kept = counts[shared].astype(np.int64)
    if len(shared) and few.any():
        np.add.at(kept, _nearer(values[shared], values[place[few]]), counts[place[few]])
    means, sizes = _means(
        values[place[~few]], counts[place[~few]], run[~few], inside[~few]
    )
    order = np.argsort(np.concatenate([values[shared], means]), kind="stable")
    return Groups(
        np.concatenate([values[shared], means])[order],
        np.concatenate([kept, sizes])[order],
        np.concatenate([shared, np.full(len(means), -1)])[order],
    )


def bounds(distinct: Numbers, counts: Counts, least: int) -> tuple[Any, Any] | None:
    """The least and the greatest of ascending values that may be told; None if none may."""
    kept = aggregate(distinct, counts, least)
    if not len(kept.values):
        return None
    ends = [
        distinct[s] if s >= 0 else v
        for s, v in zip(kept.source[[0, -1]], kept.values[[0, -1]], strict=True)
    ]
    return ends[0], ends[1]


def takers(counts: Counts, rows: int) -> Floats:
    """The chances of categories with these frequencies to take one of the rows of rare ones, summing to one.

    In proportion to the frequency, which leaves all ratios as they are, until each has grown by `GROWTH`; what is left
    goes to all evenly, so that the frequent ones keep their frequency where much of the table is rare.
    """
    total = float(counts.sum())
    share = min(GROWTH * total, rows) / max(rows, 1)
    return np.asarray(share * counts / total + (1 - share) / len(counts))


def beyond(greatest: int, least: int) -> int:
    """The first whole number after the greatest of a table; rounded up to `DIGITS` digits unless ``least`` is 0."""
    first = greatest + 1
    if not least or first <= 0:
        return first
    unit = 10 ** max(len(str(first)) - DIGITS, 0)
    return -(-first // unit) * unit


def _nearer(ascending: Floats, values: Floats) -> Counts:
    right = np.clip(np.searchsorted(ascending, values), 0, len(ascending) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(
        values <= 0.5 * ascending[left] + 0.5 * ascending[right], left, right
    )


def _means(
    values: Floats, counts: Counts, run: Counts, inside: Counts
) -> tuple[Floats, Counts]:
    """Means and rows of consecutive groups, given to which group of which run each value belongs."""
    if not len(values):
        return np.zeros(0), np.zeros(0, dtype=np.int64)
    first = np.flatnonzero(np.r_[True, (np.diff(run) != 0) | (np.diff(inside) != 0)])
    sizes = np.add.reduceat(counts, first).astype(np.int64)
    shares = counts / np.repeat(sizes, np.diff(np.r_[first, len(values)]))
    means = np.add.reduceat(
        values * shares, first
    )  # shares first: the sum of huge numbers overflows
    return np.clip(
        means, values[first], values[np.r_[first[1:], len(values)] - 1]
    ), sizes
