"""Which values of a table a report may name: those that so many rows share.

What `fit` may not store of a table, no report shows: no score's detail, no verdict, no
picture. Only the rows that `--riskiest` asks for are shown as they are. Every part of
a report that names values asks here. Where the schema says which column names people,
people count, not rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthtab.core.config import TrainConfig
from synthtab.data.columns.disclosure import (
    Holders,
    Numbers,
    aggregate,
    fenced,
    people_of_values,
)
from synthtab.evaluation.cells import Floats

# As many rows as `fit` asks for, unless it is told otherwise.
LEAST = TrainConfig.rare


def may_be_named(rows: Numbers) -> npt.NDArray[np.bool_]:
    """Which values may be named, given how many real rows, or people, have each.

    One that no real row has tells of none.
    """
    return np.asarray((rows == 0) | (rows >= LEAST))


def tellable(numbers: Floats, people: Numbers | None = None) -> Floats:
    """The numbers of a column as `fit` would store them, ascending; those alone may be told.

    Values that too few rows have are means of neighbours. NaN is left out. Nothing is
    left of fewer than `LEAST` numbers.

    Args:
        numbers: ``[rows]``.
        people: ``[rows]``: the number of the person of each row, where people count and
            not rows.
    """
    is_known = ~np.isnan(numbers)
    distinct, inverse, counts = np.unique(
        numbers[is_known], return_inverse=True, return_counts=True
    )
    if not len(distinct):
        return distinct
    holders = None
    if people is not None:
        holders = Holders.of(inverse, people[is_known], len(distinct))
    moved = fenced(distinct, counts, LEAST, holders)
    kept = aggregate(moved, counts, LEAST, holders)
    return np.repeat(kept.values, kept.rows)


def tellable_beside(
    numbers: Floats, real: Floats, people: Numbers | None = None
) -> Floats:
    """The numbers of another table as they may be told beside those of the real one.

    A value that fewer real rows than `LEAST` have may be a copy of theirs: the nearest
    number that may be told of the real table stands in its place. Where ``people`` are
    given, they count. What is left is told as `tellable` tells it, so that ends can be
    compared with ends.
    """
    is_known = ~np.isnan(real)
    distinct, inverse = np.unique(real[is_known], return_inverse=True)
    known_people = None if people is None else people[is_known]
    counts = people_of_values(inverse, len(distinct), known_people)
    there = numbers[~np.isnan(numbers)]
    of_few = np.isin(there, distinct[~may_be_named(counts)])
    told = np.unique(tellable(real, people))
    if len(told):
        right = np.clip(np.searchsorted(told, there), 1, max(len(told) - 1, 1))
        below = told[right - 1]
        above = told[np.minimum(right, len(told) - 1)]
        # Halves: the difference of huge numbers overflows.
        nearest = np.where(there / 2 - below / 2 <= above / 2 - there / 2, below, above)
        there = np.where(of_few, nearest, there)
    else:
        there = there[~of_few]
    return tellable(there)
