"""Which values of a table a report may name: those that so many rows share.

What `fit` may not store of a table, no report shows: no score's detail, no verdict, no
picture. Only the rows that `--riskiest` asks for are shown as they are. Every part of
a report that names values asks here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthtab.core.config import TrainConfig
from synthtab.data.columns.disclosure import Numbers, aggregate, fenced
from synthtab.evaluation.cells import Floats, known

# As many rows as `fit` asks for, unless it is told otherwise.
LEAST = TrainConfig.rare


def may_be_named(rows: Numbers) -> npt.NDArray[np.bool_]:
    """Which values may be named, given how many real rows have each.

    One that no real row has tells of none.
    """
    return np.asarray((rows == 0) | (rows >= LEAST))


def tellable(numbers: Floats) -> Floats:
    """The numbers of a column as `fit` would store them, ascending; those alone may be told.

    Values that too few rows have are means of neighbours. NaN is left out. Nothing is
    left of fewer than `LEAST` numbers.
    """
    distinct, counts = np.unique(known(numbers), return_counts=True)
    if not len(distinct):
        return distinct
    kept = aggregate(fenced(distinct, counts, LEAST), counts, LEAST)
    return np.repeat(kept.values, kept.rows)


def tellable_beside(numbers: Floats, real: Floats) -> Floats:
    """The numbers of another table as they may be told beside those of the real one.

    A value that some real rows have, and fewer than `LEAST`, may be a copy of theirs: the
    nearest number that may be told of the real table stands in its place. What is left
    is told as `tellable` tells it, so that ends can be compared with ends.
    """
    distinct, counts = np.unique(known(real), return_counts=True)
    there = known(numbers)
    of_few = np.isin(there, distinct[~may_be_named(counts)])
    told = np.unique(tellable(real))
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
