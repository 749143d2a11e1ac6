"""Columns that say more together than one by one: year, month and day of a date.

A network adds up what each category says, and is slow to learn what only a combination
of categories does. So combinations that matter get an embedding of their own: the
cross-product features of Cheng et al., Wide & Deep Learning, arXiv 1606.07792.

`find_crosses` finds them. A cross is good if the mean of its combination explains what
the main effects of the columns leave of the other columns. Each row is left out of its
own mean: else a combination of one row would explain everything. What a cross does not
explain, such as the hours of a day, is `Cross.unexplained`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from synthtab.core.layout import Cross, Encoded
from synthtab.data.columns.disclosure import people_of_values

# Most rows, and most cells, in which crosses are looked for.
MOST_ROWS = 20_000
MOST_CELLS = 800_000

# -- Which crosses are tried

# Most columns of which crosses are made: those of words before those of numbers.
MOST_COLUMNS = 8
# Most columns of one cross.
MOST_TOGETHER = 3
# Most combinations of one cross, seen or not.
MOST_COMBINATIONS = 16_384
# Rows that a combination has on average.
ROWS_PER_COMBINATION = 8
# A cross has so many times more combinations than any of its columns has categories.
FINER = 1.5

# -- Which of them are kept

# Least gain of a cross, in columns that it explains completely.
LEAST_GAIN = 0.5
MOST_CROSSES = 4
# Least correlation of a block with the means of a cross that explains it.
LEAST_CORRELATION = 0.02
# A mean is drawn towards that of all rows, as if so many more rows had that one.
PRIOR_ROWS = 4.0

# -- What they must explain

# Most blocks that are to be explained, evenly spread, and most categories of each.
MOST_EXPLAINED = 32
MOST_CATEGORIES = 4
# Times that the main effects are fitted in turn.
SWEEPS = 3

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def find_crosses(
    rows: Encoded, rare: int = 0, people: Ints | None = None
) -> tuple[Cross, ...]:
    """Crosses that matter.

    None is of the column that is drawn last, since nothing is drawn after it.

    Args:
        rows: Training rows.
        rare: Combinations that fewer rows have do not count.
        people: Whom each row is about, where fewer people are meant.
    """
    crossable = _crossable(rows)
    combinations_of = dict(_candidates(rows, crossable))
    if not combinations_of:
        return ()
    values, owner = _to_explain(rows)

    # Of every value, first the part that single columns explain is taken away, but none
    # by the column that it belongs to.
    for _ in range(SWEEPS):
        for block in crossable:
            codes = rows.codes[:, block].astype(np.int64)
            effect = _means(values, codes)
            values = values - effect * (owner != block)

    crosses: list[Cross] = []
    while combinations_of and len(crosses) < MOST_CROSSES:
        gains = {
            blocks: _gain(values, owner, blocks, combination)
            for blocks, combination in combinations_of.items()
        }
        best = max(gains, key=gains.__getitem__)
        if gains[best] < LEAST_GAIN:
            break
        combination = combinations_of.pop(best)
        unexplained = _unexplained(values, owner, best, combination)
        # The next cross must explain what this one leaves.
        effect = _means(values, combination)
        is_own = np.isin(owner, best)
        values = values - effect * ~is_own
        distinct, inverse = np.unique(combination, return_inverse=True)
        holders = people_of_values(inverse, len(distinct), people)
        frequent = distinct[holders >= rare]
        if len(frequent):
            cells = tuple(frequent.tolist())
            crosses.append(Cross(best, cells, unexplained))
    return tuple(crosses)


def _crossable(rows: Encoded) -> list[int]:
    """The blocks of which crosses are made, in order."""
    words: list[int] = []
    numbers: list[int] = []
    for i, block in enumerate(rows.layout.blocks):
        is_last = block.column == rows.layout.last
        if block.modes or block.size <= 2 or is_last:
            continue
        kind = numbers if block.numeric else words
        kind.append(i)
    words_first = words + numbers
    return sorted(words_first[:MOST_COLUMNS])


def _candidates(
    rows: Encoded, crossable: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], Ints]]:
    """Crosses that are finer than each of their columns, and yet have rows enough.

    Yields:
        The blocks of a cross, and the combination that each row has, ``[rows]``.
    """
    sizes = rows.layout.sizes
    categories = np.zeros(len(sizes), dtype=np.int64)
    for block in crossable:
        codes = np.unique(rows.codes[:, block])
        categories[block] = len(codes)
    for together in range(2, MOST_TOGETHER + 1):
        for blocks in combinations(crossable, together):
            possible = np.prod(sizes[list(blocks)])
            if possible > MOST_COMBINATIONS:
                continue
            combination = Cross(blocks).of(rows.codes, rows.layout)
            count = len(np.unique(combination))
            is_finer = count > FINER * categories[list(blocks)].max()
            has_rows = count <= len(rows) / ROWS_PER_COMBINATION
            if is_finer and has_rows:
                yield blocks, combination


def _to_explain(rows: Encoded) -> tuple[Floats, Ints]:
    """What crosses are to explain: offsets, and the commonest categories.

    Returns:
        Values ``[rows, n]``, of mean 0 and, over those of one block, of variance 1; and
        the block that each of them belongs to, ``[n]``.
    """
    blocks = rows.layout.blocks
    count = min(MOST_EXPLAINED, len(blocks))
    last = len(blocks) - 1
    evenly_spread = np.linspace(0, last, count)
    continuous = rows.layout.continuous.tolist()
    columns: list[npt.NDArray[np.generic]] = []
    owners: list[int] = []
    # Cut to integers, two may be the same.
    chosen = np.unique(evenly_spread.astype(int))
    for i in chosen.tolist():
        if blocks[i].modes:
            columns.append(rows.offsets[:, continuous.index(i)])
            owners.append(i)
            continue
        # The last category follows from the others.
        most = min(MOST_CATEGORIES, blocks[i].size - 1)
        counts = np.bincount(rows.codes[:, i])
        commonest_first = np.argsort(-counts)
        for code in commonest_first[:most]:
            columns.append(rows.codes[:, i] == code)
            owners.append(i)
    values = np.stack(columns, axis=1).astype(np.float32)
    values -= values.mean(axis=0)
    values_of_block = np.bincount(owners)[owners]
    scale = values.std(axis=0) * np.sqrt(values_of_block)
    # A value that never varies is 0, and stays so.
    scale = np.maximum(scale, 1e-6).astype(np.float32)
    return values / scale, np.array(owners)


def _gain(
    values: Floats,
    owner: Ints,
    blocks: tuple[int, ...],
    combination: Ints,
) -> float:
    """How many of the other blocks a cross explains, each counted between 0 and 1."""
    left = values - _means(values, combination)
    squares = (values**2).sum(axis=0)
    squares_left = (left**2).sum(axis=0)
    gains = (squares - squares_left) / len(values)
    is_own = np.isin(owner, blocks)
    of_others = gains[~is_own].clip(min=0)
    return float(of_others.sum())


def _unexplained(
    values: Floats,
    owner: Ints,
    blocks: tuple[int, ...],
    combination: Ints,
) -> tuple[int, ...]:
    """The other blocks whose values do not correlate with the means of a cross."""
    means = _means(values, combination)

    def sum_by_block(products: Floats) -> npt.NDArray[np.float64]:
        sums = np.bincount(owner, products.sum(axis=0))
        return sums.astype(np.float64)

    # All values have the mean 0, so that these are variances up to a common factor.
    covariance = sum_by_block(values * means)
    variance_of_values = sum_by_block(values * values)
    variance_of_means = sum_by_block(means * means)
    least = LEAST_CORRELATION * np.sqrt(variance_of_values * variance_of_means)
    explained = covariance > least
    others = np.setdiff1d(owner, blocks)
    return tuple(others[~explained[others]].tolist())


def _means(values: Floats, combination: Ints) -> Floats:
    """For every row the mean of the other rows of its combination, drawn towards 0.

    Args:
        values: ``[rows, n]``, each column of mean 0.
        combination: ``[rows]``: numbers, with gaps.
    """
    # Sorted, the rows of a combination are one run, and its sum is one of `reduceat`.
    order = np.argsort(combination, kind="stable")
    ascending = combination[order]
    run_starts = np.flatnonzero(np.diff(ascending, prepend=-1))
    in_order = values[order]
    sums = np.add.reduceat(in_order, run_starts, axis=0)
    counts = np.diff(run_starts, append=len(combination))
    # The number of each row's run.
    numbers = np.arange(len(run_starts))
    run = np.empty(len(combination), dtype=np.int64)
    run[order] = np.repeat(numbers, counts)
    sums_of_others = sums[run] - values
    divisor = counts[run] - 1 + PRIOR_ROWS
    divisor = divisor.astype(np.float32)
    return np.asarray(sums_of_others / divisor[:, None])
