"""Which constraints a table holds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synthtab.core.randomness import Streams
from synthtab.core.schema import Constraint, Schema
from synthtab.data.columns import infer
from synthtab.data.constraints import FORMS, Search
from synthtab.data.constraints.table import Table
from synthtab.data.tables import typed


# Numbers of 1e308 and 0 / 0 hold nothing, and need no warning.
@np.errstate(all="ignore")
def find_constraints(
    frame: pd.DataFrame, schema: Schema | None = None, *, seed: int = 0
) -> tuple[Constraint, ...]:
    """The constraints that a table holds in all rows or nearly all, and not by chance.

    Candidates are found in a sample of the rows and counted in all of them. None is
    enforced.

    Args:
        frame: A table.
        schema: What its columns are; inferred if not given.
        seed: For the sample, and for the shuffled columns that show what holds by
            chance.

    Returns:
        Constraints to give to `Schema.with_constraints`, each with the number of ``rows``
        that it applies to and the share of these that hold it, its ``support``.
    """
    schema = schema or infer(frame)
    cells = typed(frame, schema).reset_index(drop=True)
    table = Table(cells, schema)
    search = Search(table, Streams(seed).numpy("constraints"))
    offered: list[Constraint] = []
    for kind in sorted(FORMS.values(), key=lambda kind: kind.turn):
        for form in kind.find(search):
            applies = form.applies(table)
            held = form.holds(table) & applies
            rows = int(applies.sum())
            # What is about no row says nothing.
            if not rows:
                continue
            support = int(held.sum()) / rows
            if support >= kind.least_support:
                search.found.append(form)
                offered.append(form.constraint(support=support, rows=rows))
    return tuple(offered)
