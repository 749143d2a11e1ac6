"""Is a difference between the two tables more than luck? Exact tests, in closed form.

The question is always the same: if both tables were random parts of one, how often
would they differ as much? Of a table with many columns, one differs most: a limit is
therefore divided among all that was looked at (Bonferroni).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import chi2_contingency, hypergeom, norm, poisson

from synthtab.evaluation.cells import Floats

# A rule may speak of real rows by luck in so many reports. There are some twenty rules
# of this sort, and one report in twenty may have an alarm.
LUCK = 0.002
# What luck brings about less often than that in any column of a table is not called good
# either: there are too few rows to tell.
UNSURE = 0.05


def limit(looked_at: int) -> float:
    """The probability below which one of so many differences is no luck."""
    return LUCK / max(looked_at, 1)


def unsure(limit: float) -> float:
    """The probability below which the same differences are not called good."""
    return limit * UNSURE / LUCK


def more(count: Any, rows: Any, beside: Any, rows_beside: Any) -> Any:
    """How often by luck at least ``count`` of ``rows`` have what others have, too.

    Fisher's exact test (1922), one-sided: of all the rows together, so many have it,
    and the two tables are any two parts.

    Args:
        count: Rows that have it.
        rows: Rows in all; above 0.
        beside: Rows of the other table that have it.
        rows_beside: Rows of the other table.
    """
    together = np.asarray(count) + np.asarray(beside)
    all_rows = np.asarray(rows) + np.asarray(rows_beside)
    # "At least k" is "more than k - 1".
    return hypergeom.sf(np.asarray(count) - 1, all_rows, together, rows)


def unlike(count: Any, rows: Any, beside: Any, rows_beside: Any) -> Any:
    """The same for as many or as few: two-sided, at most 1."""
    high = more(count, rows, beside, rows_beside)
    low = more(beside, rows_beside, count, rows)
    return np.minimum(2 * np.minimum(high, low), 1.0)


def all_beyond(count: Any, rows: int, rows_beside: int) -> Any:
    """How often by luck the ``count`` most extreme of all rows are of one table."""
    return more(count, rows, np.zeros_like(count), rows_beside)


def beyond_tail(values: Floats, real: Floats) -> Any:
    """How often by luck as many values lie as far beyond the greatest real one.

    Two answers, and the smaller is twice taken. By exchange: the greatest of all are
    all of one table (`all_beyond`). By the tail of the real values: beyond their upper
    tenth or less, measured from the median, they are taken to fall off no faster than a Pareto
    distribution (Hill 1975), at the heavy end of what they allow. One value at ten
    times the greatest is no luck in a table of a hundred rows; one just above it is.

    Args:
        values: Values of the table to judge.
        real: Those of the other table.

    Returns:
        A probability; 1 where nothing lies beyond.
    """
    beyond = np.sort(values[values > real.max()])[::-1]
    if not len(beyond):
        return 1.0
    exchanged = float(all_beyond(len(beyond), len(values), len(real)))
    return min(2 * min(exchanged, _by_tail(beyond, len(values), real)), 1.0)


# Of so many values a tail can be described.
TAIL_ROWS = 20
TAIL_SHARES = (0.1, 0.05, 0.02)
TAIL_STEPS = 8
# Standard errors by which the tail may be heavier than it looks.
HEAVIER = 3.0


def _by_tail(beyond: Floats, rows: int, real: Floats) -> float:
    """`beyond_tail` by the tail of the real values; ``beyond`` from the greatest.

    Where a tail begins nobody knows: the heaviest of several answers counts.
    """
    sizes = {int(share * len(real)) for share in TAIL_SHARES}
    if max(sizes) < TAIL_ROWS:
        sizes = {min(TAIL_ROWS, len(real) // 4)}
    expected = np.zeros(len(beyond))
    for size in sizes:
        if size >= TAIL_ROWS:
            expected = np.maximum(
                expected, _expected(beyond, rows, np.sort(real), size)
            )
    if not expected.any():
        return 1.0
    # Of the farthest, the second farthest, ...: any of them may be too far, and each
    # counts with those beyond it.
    ranks = np.arange(1, len(beyond) + 1)
    # How often there are at least so many where so many are expected.
    lucks = np.asarray(poisson.sf(ranks - 1, expected))
    tried = 1.0 + np.log(ranks[-1])
    return float(min(lucks.min() * tried, 1.0))


def _expected(beyond: Floats, rows: int, ordered: Floats, size: int) -> Floats:
    """How many of the rows lie so far out, if the last ``size`` real ones are the tail."""
    start = float(ordered[-size - 1])
    centre = float(np.median(ordered))
    width = start - centre
    # Of few steps, such as 0, 1 and 2, the next one is not far, however rare.
    steps = len(np.unique(ordered[-size:]))
    if steps < TAIL_STEPS or width <= 0:
        return np.full(len(beyond), float(rows))
    logs = np.log((ordered[-size:] - centre) / width)
    # The mean of the logarithms is 1 / exponent.
    heaviness = float(logs.mean()) * (1 + HEAVIER / np.sqrt(size)) + 1 / size
    far = np.log((beyond - centre) / width)
    expected: Floats = rows * size / len(ordered) * np.exp(-far / heaviness)
    return expected


# Levels of fewer rows, of both tables together, are counted as one.
FEWEST_OF_LEVEL = 10


def unlike_shares(counts: Any, beside: Any) -> float:
    """How often by luck two tables fall so unlike into the same levels.

    Pearson's chi-squared of two rows of counts, over levels with rows enough for it.
    """
    both = np.array([counts, beside], dtype=np.float64)
    rare = both.sum(axis=0) < FEWEST_OF_LEVEL
    merged = np.column_stack([both[:, ~rare], both[:, rare].sum(axis=1)])
    merged = merged[:, merged.sum(axis=0) > 0]
    if merged.shape[1] < 2 or not merged.sum(axis=1).all():
        return 1.0
    return float(chi2_contingency(merged, correction=False).pvalue)


# More words and rows are counted as if their number were normally distributed.
MOST_STEPS = 5_000_000
# A word that one table alone has less often than that is no rare one.
NEVER_ALONE = 1e-12


def only_here(counts: Any, beside: Any, rows: int, rows_beside: int) -> float:
    """How often by luck so many rows have words that no row of the other table has.

    Each row of a word lies in this table with the chance q = rows / all rows, so that all
    r rows of a word do with q^r; the rows of such words are added up, exactly.

    Args:
        counts: Rows of each word.
        beside: Those of the other table.
        rows: Rows in all.
        rows_beside: Rows of the other table.
    """
    counts, beside = np.asarray(counts), np.asarray(beside)
    observed = int(counts[beside == 0].sum())
    if observed == 0:
        return 1.0
    totals = (counts + beside)[counts + beside > 0]
    alone = (rows / (rows + rows_beside)) ** totals
    totals, alone = totals[alone > NEVER_ALONE], alone[alone > NEVER_ALONE]
    if len(totals) * observed > MOST_STEPS:
        mean = float((totals * alone).sum())
        deviation = float(np.sqrt((totals**2 * alone * (1 - alone)).sum()))
        return float(norm.sf((observed - 0.5 - mean) / max(deviation, 1e-12)))
    # Chance of each number of rows below the observed one.
    fewer = np.zeros(observed)
    fewer[0] = 1.0
    for total, share in zip(totals.tolist(), alone.tolist(), strict=True):
        moved = np.zeros(observed)
        if total < observed:
            moved[total:] = fewer[: observed - total]
        fewer = (1 - share) * fewer + share * moved
    return float(max(1.0 - fewer.sum(), 0.0))
