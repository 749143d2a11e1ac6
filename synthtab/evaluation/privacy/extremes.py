"""Do the few people at the ends of a column come back all but unchanged?

A copy of the fifteen richest of 1,500, at incomes a thousandth larger, is one row in a
hundred: shares of rows do not show it, and no row is equal. The rows at the ends are
therefore looked at by themselves. There real rows are far from each other, so that a
row beside one of them is no luck.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.stats import binom

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.metric import (
    MIN_ROWS,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.neighbours import neighbours
from synthtab.evaluation.report.findings import Evidence, Verdict, quote, sentences
from synthtab.evaluation.views import Tables, View

# Rows at each end of a column.
PEOPLE = 15
# Rows of either table, from the same end, among which the nearest is sought.
SEARCHED = 2_000
# A row is beside another one if it is nearer by this factor than the next real row.
BESIDE = 0.1
# So many of them must come back to be worth a word.
WORTH = 5


def copied_extremes(tables: Tables, streams: Streams) -> Outcome:
    """Share of the rows at the ends of columns beside which a synthetic row lies.

    Of 15 rows at either end of each numeric column, the largest share. Beside a row
    lies what is ten times nearer to it than any other real row. From 0, which is best,
    to 1. Beside it: the share of the same rows beside which a real row lies, ten times
    nearer than any synthetic one; that is as often by luck.
    """
    size = min(len(tables.real), len(tables.synthetic))
    if not tables.numeric:
        raise Skip("no column is numeric")
    if size < 2 * MIN_ROWS:
        raise Skip(f"a table has fewer than {2 * MIN_ROWS} rows")
    synthetic = tables.synthetic.some(size, streams.numpy("extremes"))
    ends = [
        end
        for j in range(len(tables.numeric))
        for sign in (1.0, -1.0)
        for end in [_end(tables, synthetic, j, sign)]
        if end is not None
    ]
    if not ends:
        raise Skip("no numeric column has ends")
    # The real rows may be more than the synthetic ones, and thus nearer.
    odds = (size / (size + len(tables.real))) if len(tables.real) > size else 0.5
    limit = chance.limit(len(ends))
    faults = []
    for end in ends:
        both = end["copied"] + end["real"]
        by_luck = float(binom.sf(end["copied"] - 1, both, odds)) if both else 1.0
        if end["copied"] >= WORTH and by_luck < limit:
            faults.append(end)
    faults.sort(key=lambda end: (-end["copied"], end["column"], end["end"]))
    worst = max(ends, key=lambda end: (end["copied"] / end["rows"], end["column"]))
    return Outcome(
        worst["copied"] / worst["rows"],
        Reference(worst["real"] / worst["rows"], "real rows"),
        n=worst["rows"],
        detail={"faults": faults, "ends": len(ends)},
    )


def _end(tables: Tables, synthetic: View, j: int, sign: float) -> dict[str, Any] | None:
    """How many rows at an end of a column have a row of either table beside them."""
    values = sign * tables.real.numbers[:, j]
    order = np.argsort(-values, kind="stable")
    order = order[~np.isnan(values[order])]
    if len(order) < 2 * PEOPLE:
        return None
    cut = values[order[PEOPLE - 1]]
    # Where many rows have the value at the end, those are no few people.
    if (values >= cut).sum() > 2 * PEOPLE:
        return None
    people = tables.real.take(order[:PEOPLE])
    theirs = tables.real.take(order[:SEARCHED])
    others = sign * synthetic.numbers[:, j]
    farthest = np.argsort(-np.where(np.isnan(others), -np.inf, others), kind="stable")
    # Distances, of each of them to the next real row: the nearest is itself.
    to_real = neighbours(tables, people, theirs, 2)[0][:, 1]
    to_synthetic = neighbours(tables, people, synthetic.take(farthest[:SEARCHED]), 1)[
        0
    ][:, 0]
    nearer = BESIDE**2
    return {
        "column": tables.numeric[j],
        "end": "greatest" if sign > 0 else "least",
        "copied": int((to_synthetic < nearer * to_real).sum()),
        "real": int((to_real < nearer * to_synthetic).sum()),
        "rows": PEOPLE,
    }


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """The few at an end of a column, copied or all but copied.

    Evidence: how many of them have a synthetic row beside them, and a real one.
    """
    score = evidence.get("copied_extremes")
    if score is None:
        return
    # The same people may be at the ends of several columns.
    by_column: dict[str, dict[str, Any]] = {}
    for fault in score.detail.get("faults", []):
        by_column.setdefault(fault["column"], fault)

    def about_column(fault: Mapping[str, Any]) -> str:
        return (
            f"Of the {fault['rows']} training rows with the {fault['end']} "
            f"{quote(fault['column'])}, {fault['copied']} come back all but unchanged; "
            f"{fault['real']} would be chance"
        )

    yield from sentences(
        list(by_column.values()),
        "extremes",
        about_column,
        "columns have their extreme rows copied, all but unchanged",
    )


EXTREMES = Metric(
    "copied_extremes",
    "Extreme rows copied",
    "share of the few rows at an end that come back all but unchanged",
    "copying",
    "lower",
    copied_extremes,
    rule=rule,
)
