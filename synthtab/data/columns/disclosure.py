"""What may be stored of a column: no value that fewer than k rows share.

Numbers are microaggregated (Defays and Anwar, Masking microdata using
micro-aggregation, Journal of Official Statistics 14, 1998), which is k-anonymity for one
column. In ascending order, values that fewer than k rows have form groups of at least k
neighbouring rows, and only the mean of a group is kept. So the least and the greatest
number that can come back are means of the k or more most extreme rows, or a value that k
rows share.

A mean alone would tell an outlier to one who knows the other rows of its group, and he
needs not know them well: they are small beside it. So values that lie far beyond all
others are first moved to a fence, which they have no part in (`fenced`). All values
beyond the fence are one and the same to what is stored.

Categories that fewer than k rows have are not kept; their rows go to the others.

Where a column says whom each row is about, k people are meant wherever this says k rows:
a value that one person has in six rows is that person's (`Holders`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

# Most that a category grows in proportion to its frequency when it takes the rows of
# rare ones.
GROWTH = 0.02
# Significant digits that are shown of the greatest key.
DIGITS = 2
# The upper fence is above the k-th greatest row, by so many times the distance from there
# to the (4 k)-th greatest row. The rows of an exponential tail reach that far.
REACH = 3.0
SPREAD_ROWS = 4
# It is no farther than this share of the distance from there to the median. So of
# numbers from 0 upwards, it is below 1.7 times the second greatest.
FARTHEST = 0.7
# A value between others is far from them if it is, on both sides, so many times as far
# as these are from their median.
GAP = 3.0
# A greatest key of so many times the fence lies far beyond the others. New keys begin at
# so many times it, at random between these two.
FAR_KEY = 1.1
KEY_FACTORS = (1.3, 4.0)

Numbers = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Holders:
    """Who has which of some distinct values.

    Attributes:
        value: ``[pairs]``: numbers of values, ascending.
        person: ``[pairs]``: numbers of people who have them; no pair comes twice.
        size: Number of distinct values.
    """

    value: Counts
    person: Counts
    size: int

    @classmethod
    def of(cls, values: Counts, people: Counts, size: int) -> Holders:
        """From the number of the value and of the person of each row."""
        count = int(people.max(initial=0)) + 1
        value, person = np.divmod(np.unique(values * count + people), count)
        return cls(value, person, size)

    @cached_property
    def each(self) -> Counts:
        """``[values]``: how many people have each."""
        return np.bincount(self.value, minlength=self.size)

    @cached_property
    def once(self) -> Counts:
        """``[values]``: how many people have each, everybody counted at one value only.

        So the sum over some values is never more than the people who have them. At
        which of his values somebody counts is as good as random.
        """
        order = np.random.default_rng(len(self.person)).permutation(len(self.person))
        return self._counted(order)

    @property
    def greatest(self) -> Counts:
        """``[values]``: how many people have each as the greatest of theirs."""
        return self._counted(np.arange(len(self.person))[::-1])

    @property
    def least(self) -> Counts:
        """``[values]``: how many people have each as the least of theirs."""
        return self._counted(np.arange(len(self.person)))

    def _counted(self, order: Counts) -> Counts:
        """Everybody counted at the first of his values in an order of the pairs."""
        _, first = np.unique(self.person[order], return_index=True)
        return np.bincount(self.value[order[first]], minlength=self.size)

    def among(self, kept: npt.NDArray[np.bool_]) -> Holders:
        """Of some of the values alone, which get new numbers."""
        is_kept = kept[self.value]
        number = np.cumsum(kept) - 1
        value = number[self.value[is_kept]]
        return Holders(value, self.person[is_kept], int(kept.sum()))


def number_people(cells: pd.Series) -> Counts:
    """``[rows]``: a number for whom each row is about.

    Rows that do not say it are about one and the same, for all one knows.
    """
    codes, distinct = pd.factorize(cells)
    return np.where(codes < 0, len(distinct), codes).astype(np.int64)


def people_of_values(values: Counts, size: int, people: Counts | None) -> Counts:
    """``[values]``: how many people have each; how many rows if nobody says who is who.

    Args:
        values: ``[rows]``: the number of the value of each row.
        size: Number of distinct values.
        people: ``[rows]``: the number of the person of each row, or None.
    """
    if people is None:
        return np.bincount(values, minlength=size)
    return Holders.of(values, people, size).each


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


def aggregate(
    distinct: Numbers, counts: Counts, least: int, holders: Holders | None = None
) -> Groups:
    """What may be kept of a column's values if ``least`` rows must share it.

    Rare values between two shared ones that are too few for a group count as the nearer
    of the two. Nothing is kept where there are fewer than ``least`` rows in all.

    Args:
        distinct: Ascending values.
        counts: How many rows have each.
        least: The k of the module's docstring.
        holders: Who has them, where people count and not rows.
    """
    values = np.asarray(distinct, dtype=np.float64)
    rare = (holders.each if holders else counts) < least
    if not rare.any():
        return Groups(values, counts.astype(np.int64), np.arange(len(values)))

    # A run is a stretch of rare values without a shared one among them.
    place = np.flatnonzero(rare)
    people = counts
    if holders:
        people = counts.copy()
        people[rare] = holders.among(rare).once
    run, group, too_few = _groups_of_runs(rare, people, least)
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


def fenced(
    distinct: Numbers, counts: Counts, least: int, holders: Holders | None = None
) -> Floats:
    """The values, those that lie far beyond all others moved to a fence.

    At most ``least`` - 1 rows are moved at either end, or in a gap, and where the fence
    is does not depend on their values. Those that ``least`` rows share stay. The order
    stays, but moved values may become equal.

    Args:
        distinct: Ascending values.
        counts: How many rows have each.
        least: The k of the module's docstring.
        holders: Who has them, where people count and not rows.
    """
    values = np.asarray(distinct, dtype=np.float64)
    rare = (holders.each if holders else counts) < least
    if least < 2 or not rare.any():
        return values
    # From above, all is as it is from below with the opposite numbers.
    mirrored = -values[::-1]
    # Nobody shall move a fence by having many rows.
    at_top = holders.greatest if holders else counts
    at_bottom = (holders.least if holders else counts)[::-1]
    anywhere = holders.once if holders else counts
    # The distance of -1e308 and 1e308 is infinite, and so is such a fence.
    with np.errstate(over="ignore"):
        highest = _end_fence(values, at_top, least)
        lowest = -_end_fence(mirrored, at_bottom, least)
        from_below = _gap_fences(values, anywhere, least)
        from_above = -_gap_fences(mirrored, anywhere[::-1], least)[::-1]
        is_below_nearer = values - from_below <= from_above - values
    in_a_gap = rare & (from_below < values) & (values < from_above)
    nearer = np.where(is_below_nearer, from_below, from_above)
    moved = np.where(in_a_gap, nearer, values)
    moved[rare] = np.clip(moved[rare], lowest, highest)
    # Adding 0 turns -0.0 into 0.0.
    return np.maximum.accumulate(moved) + 0.0


def spread(values: Numbers, least: int, people: Counts | None = None) -> float:
    """Standard deviation of numbers, those far beyond all others moved to a fence.

    Args:
        values: ``[rows]``.
        least: The k of the module's docstring.
        people: ``[rows]``: whom each row is about, where people count.
    """
    distinct, inverse, counts = np.unique(
        values, return_inverse=True, return_counts=True
    )
    holders = None if people is None else Holders.of(inverse, people, len(distinct))
    return float(np.std(fenced(distinct, counts, least, holders)[inverse]))


def _end_fence(values: Floats, counts: Counts, least: int) -> float:
    """Beyond what a value is far above all others; no few greatest rows decide it."""
    rows_to = np.cumsum(counts)
    rows = int(rows_to[-1])
    rank = _rank(rows, least)
    # Of few rows, the least ones stay out of it as well.
    rank_below = min(SPREAD_ROWS * least, rows - rank + 1)
    if rank_below <= rank:
        return np.inf
    ranks = np.array([rank, rank_below, rows - rows // 2])
    # The place of the row that has so many rows at or above it.
    places = np.searchsorted(rows_to, rows - ranks, side="right")
    high, lower, median = values[places].tolist()
    return float(high + min(REACH * (high - lower), FARTHEST * (high - median)))


def _gap_fences(values: Floats, counts: Counts, least: int) -> Floats:
    """``[distinct]``: above what each value is far from all that are below it.

    Infinite for those with fewer than ``least`` rows below them.
    """
    rows_to = np.cumsum(counts)
    below = rows_to - counts
    enough = below >= least
    rows = below[enough]
    high = np.searchsorted(rows_to, rows - _rank(rows, least), side="right")
    median = np.searchsorted(rows_to, rows // 2, side="right")
    fences = np.full(len(values), np.inf)
    fences[enough] = values[high] + GAP * (values[high] - values[median])
    return fences


def _rank(rows: Any, least: int) -> Any:
    """The how many-eth greatest row a fence begins at; of few rows, a smaller number."""
    return np.minimum(least, np.maximum(2, rows // 3))


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


def bounds(
    distinct: Numbers, counts: Counts, least: int, holders: Holders | None = None
) -> tuple[Any, Any] | None:
    """The least and the greatest of ascending values that may be shown.

    Returns:
        A value in its own type, or a float where it is a mean; None if none may be.
    """
    moved = fenced(distinct, counts, least, holders)
    kept = aggregate(moved, counts, least, holders)
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


def first_new_key(
    keys: Counts, least: int, rng: np.random.Generator, most: int = 2**62
) -> int:
    """The first of new keys, which go on beyond the greatest.

    Where the greatest lies far beyond the others, the first tells no more than its
    size: it is some random number of times as large.

    Args:
        keys: Whole numbers; there may be none.
        least: The k of the module's docstring.
        rng: Draws how many times.
        most: The greatest that there is room for.
    """
    greatest = int(keys.max(initial=0))
    if not least or not len(keys):
        return beyond(greatest, least)
    distinct, counts = np.unique(keys, return_counts=True)
    fence = _end_fence(distinct.astype(np.float64), counts, least)
    if greatest <= FAR_KEY * max(fence, 1.0):
        return beyond(greatest, least)
    farther = greatest * rng.uniform(*KEY_FACTORS)
    # Half of the room is left for those that follow.
    return beyond(int(farther) if 2 * farther < most else greatest, least)


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
