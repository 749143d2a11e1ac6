"""Is the holdout one? Rows of it that are rows of the training table say nothing.

Beside such rows a copy looks like chance, and an attacker like a guess. In any table some
rows recur: of fresh rows, about as large a share equals a training row as the share of the
training rows that have a twin. More than that is no chance.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from synthtab.core.errors import DataError
from synthtab.core.randomness import Streams
from synthtab.evaluation.metric import Metric, Outcome, Reference
from synthtab.evaluation.neighbours import fingerprints
from synthtab.evaluation.report.findings import Evidence, Verdict, share
from synthtab.evaluation.views import Tables

# A holdout of which more than this share are training rows is refused.
MOST_LEARNT = 0.9
# Standard errors from which more such rows are no chance.
SURE = 4.0


def checked(tables: Tables) -> Tables:
    """The tables, without the rows of the holdout that are training rows beyond chance.

    Raises:
        DataError: Nearly all of them are.
    """
    if tables.holdout is None:
        return tables
    real = fingerprints(tables.real)
    learnt = np.isin(fingerprints(tables.holdout), real)
    by_chance = twins(real)
    rows = len(learnt)
    # Where no row has a twin, one of the table might have had one.
    spread = max(by_chance * (1 - by_chance), 1 / len(real))
    chance = SURE * math.sqrt(spread * (1 / rows + 1 / len(real)))
    count = int(learnt.sum())
    if count / rows <= by_chance + chance:
        return tables
    if count / rows > MOST_LEARNT:
        raise DataError(
            f"the holdout is no holdout: {count:,} of its {rows:,} rows are rows of the "
            "training table; give real rows that were not learnt"
        )
    return dataclasses.replace(
        tables, holdout=tables.holdout.take(~learnt), left_out=count
    )


def twins(real: np.ndarray) -> float:
    """The share of some rows that equal another of them, given their fingerprints."""
    _, position, counts = np.unique(real, return_inverse=True, return_counts=True)
    return float((counts[position] > 1).mean())


def holdout_overlap(tables: Tables, streams: Streams) -> Outcome:
    """Share of the holdout's rows that were left out, since they are training rows.

    From 0, which is best, to 1; 0 where there are no more of them than by chance. Beside it: the share of the training rows that have a
    twin among them, which is about what chance gives.
    """
    assert tables.holdout is not None
    rows = len(tables.holdout) + tables.left_out
    by_chance = twins(fingerprints(tables.real))
    return Outcome(
        tables.left_out / rows,
        Reference(by_chance, "by chance"),
        n=rows,
        detail={"left out": tables.left_out},
    )


def learnt_rows(evidence: Evidence) -> Iterator[Verdict]:
    """A holdout that holds training rows: how many, and that they were left out."""
    score = evidence.get("holdout_overlap")
    if score is None or score.reference is None or not score.value:
        return
    count = score.detail["left out"]
    text = (
        f"{count:,} of the {score.n:,} rows of the holdout are rows of the training table "
        f"({share(score.value)}, by chance {share(score.reference.value)}): they are left "
        "out of all comparisons"
    )
    figures = {"left out": count, "holdout": score.n}
    yield Verdict("fair", text, "holdout", (), figures)


OVERLAP = Metric(
    "holdout_overlap",
    "Holdout rows that were learnt",
    "share of the holdout left out, being training rows beyond chance; 0 = none",
    "copying",
    "lower",
    holdout_overlap,
    needs=("holdout",),
    rule=learnt_rows,
)
