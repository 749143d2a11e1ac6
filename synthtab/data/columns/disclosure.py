"""What may be stored of a column: no value that fewer than k rows share.

Numbers are microaggregated (Defays and Anwar, Masking microdata using
micro-aggregation, Journal of Official Statistics 14, 1998), which is k-anonymity for one
column. In ascending order, values that fewer than k rows have form groups of at least k
neighbouring rows, and only the mean of a group is kept. So the least and the greatest
number that can come back are means of the k or more most extreme rows, or a value that k
rows share.

Categories that fewer than k rows have are not kept; their rows go to the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Most that a category grows in proportion to its frequency when it takes the rows of
# rare ones.
GROWTH = 0.02
# Significant digits that are shown of the greatest key.
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
    """What may be kept of a column's values if ``least`` rows must share it.

    Rare values between two shared ones that are too few for a group count as the nearer
    of the two. Nothing is kept where there are fewer than ``least`` rows in all.

    Args:
        distinct: Ascending values.
        counts: How many rows have each.
        least: The k of the module's docstring.
    """
    values = np.asarray(distinct, dtype=np.float64)
    rare = counts < least
    if not rare.any():
        return Groups(values, counts.astype(np.int64), np.arange(len(values)))

    # A run is a stretch of rare values without a shared one among them.
    place = np.flatnonzero(rare)
    run, group, too_few = _groups_of_runs(rare, counts, least)
    means, sizes = _means(
        values[place[~too_few]],
        counts[place[~too_few]],
        run[~too_few],
        group[~too_few],
    )
    shared = np.flatnonzero(~rare)
    rows = counts[shared].astype(np.int64)
    if len(shared) and too_few.any():
        lonely = place[too_few]
        nearest = _nearest(values[shared], values[lonely])
        np.add.at(rows, nearest, counts[lonely])

    kept = np.concatenate([values[shared], means])
    order = np.argsort(kept, kind="stable")
    all_rows = np.concatenate([rows, sizes])
    source = np.concatenate([shared, np.full(len(means), -1)])
    return Groups(kept[order], all_rows[order], source[order])


def _groups_of_runs(
    rare: npt.NDArray[np.bool_], counts: Counts, least: int
) -> tuple[Counts, Counts, npt.NDArray[np.bool_]]:
    """To which group each rare value belongs.

    Args:
        rare: ``[distinct]``: which values are rare.
        counts: ``[distinct]``: how many rows have each.
        least: Rows of a group.

    Returns:
        Of each rare value, in their order: the number of its run; the number of its
        group within the run; whether the run has too few rows for a group.
    """
    # Where rare begins or ends, in turn.
    turns = np.flatnonzero(np.diff(np.r_[False, rare, False].astype(np.int8)))
    starts = turns[::2]
    stops = turns[1::2]
    lengths = stops - starts
    # Reductions between all turns; every second one is over a run.
    inner_turns = turns[turns < len(counts)]
    rows_of_run = np.add.reduceat(counts, inner_turns)[::2]
    most_of_run = np.maximum.reduceat(counts, inner_turns)[::2]

    # A value begins a group if the rows before it in its run reach the next multiple of
    # the step. A value may reach over the end of a group by its own rows less one, so
    # that a step of least + most - 1 leaves every group at least ``least`` rows.
    step = least + most_of_run - 1
    groups_of_run = np.maximum(rows_of_run // step, 1)
    groups_of_run[rows_of_run < least] = 0

    run = np.repeat(np.arange(len(starts)), lengths)
    rare_counts = counts[rare]
    rows_before = np.cumsum(rare_counts) - rare_counts
    first_of_run = np.cumsum(lengths) - lengths
    rows_before -= np.repeat(rows_before[first_of_run], lengths)
    # The last group takes the rest of the run.
    group = np.minimum(rows_before // step[run], groups_of_run[run] - 1)
    return run, group, groups_of_run[run] == 0


def bounds(distinct: Numbers, counts: Counts, least: int) -> tuple[Any, Any] | None:
    """The least and the greatest of ascending values that may be shown.

    Returns:
        A value in its own type, or a float where it is a mean; None if none may be.
    """
    kept = aggregate(distinct, counts, least)
    if not len(kept.values):
        return None

    def shown(place: int) -> Any:
        source = kept.source[place]
        return distinct[source] if source >= 0 else kept.values[place]

    return shown(0), shown(-1)


def takers(counts: Counts, rows: int) -> Floats:
    """The chances of categories to take one of the rows of rare ones; they sum to one.

    They take in proportion to their frequency, which leaves all ratios as they are,
    until each has grown by `GROWTH`. The remaining rows go to all evenly, so that the
    frequent ones keep their frequency where much of the table is rare.

    Args:
        counts: The categories' rows.
        rows: The rows of the rare ones.
    """
    total = float(counts.sum())
    proportional = min(GROWTH * total, rows) / max(rows, 1)
    even = (1 - proportional) / len(counts)
    return np.asarray(proportional * counts / total + even)


def beyond(greatest: int, least: int) -> int:
    """The first whole number after the greatest of a table.

    Rounded up to `DIGITS` digits, as it would tell the greatest one, unless ``least``
    is 0.
    """
    first = greatest + 1
    if not least or first <= 0:
        return first
    unit = 10 ** max(len(str(first)) - DIGITS, 0)
    # Whole numbers round up by two negations.
    return -(-first // unit) * unit


def _nearest(ascending: Floats, values: Floats) -> Counts:
    """Which of the ascending numbers is nearest to each value."""
    right = np.searchsorted(ascending, values)
    right = np.clip(right, 0, len(ascending) - 1)
    left = np.maximum(right - 1, 0)
    # Halves first: the sum of two huge numbers overflows.
    middle = 0.5 * ascending[left] + 0.5 * ascending[right]
    return np.where(values <= middle, left, right)


def _means(
    values: Floats, counts: Counts, run: Counts, group: Counts
) -> tuple[Floats, Counts]:
    """Means and rows of groups.

    Args:
        values: Ascending.
        counts: Rows of each.
        run: The run of each value.
        group: The group of each value, within its run.
    """
    if not len(values):
        return np.zeros(0), np.zeros(0, dtype=np.int64)
    begins = (np.diff(run) != 0) | (np.diff(group) != 0)
    first = np.flatnonzero(np.r_[True, begins])
    after = np.r_[first[1:], len(values)]
    sizes = np.add.reduceat(counts, first).astype(np.int64)
    # Shares first: the sum of huge numbers overflows.
    shares = counts / np.repeat(sizes, after - first)
    means = np.add.reduceat(values * shares, first)
    # Rounding must not move a mean beyond its group.
    return np.clip(means, values[first], values[after - 1]), sizes
