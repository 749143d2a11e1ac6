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
