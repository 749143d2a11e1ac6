"""Do rows lie right beside single training rows, or equal them but for one cell?

A copy with incomes a thousandth larger, or with another town, is no copy to a hash and
one near row among many to a median. Two signs tell it: it is ten times nearer to a
training row than any other real row is, and it agrees with a training row in all columns
but one. Both are counted beside real rows, so that no holdout is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
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
from synthtab.evaluation.report.findings import Evidence, Level, Verdict, share
from synthtab.evaluation.views import Tables, View

# Rows of either table that are looked at, and rows among which the nearest is sought.
LOOKED_AT = 3_000
SEARCHED = 20_000
# A row is beside another one if it is nearer by this factor than the next real row.
BESIDE = 0.1
# Share of the rows, and rows, that are worth a word; and a share that is bad.
WORTH = 0.005
WORTH_ROWS = 5
BAD = 0.02
# Tables of fewer columns have too many rows that agree in all but one.
FEWEST_COLUMNS = 4
# Rows that agree come in clumps: they count as so many times fewer.
CLUMPS = 2.0

Hashes = npt.NDArray[np.uint64]


def close_copies(tables: Tables, streams: Streams) -> Outcome:
    """Share of rows right beside a training row, or equal to one but for one cell.

    The larger of two shares. Beside a training row: a synthetic row is ten times nearer
    to it than the next real row. All but one: a synthetic row agrees with a training row
    in all compared columns but one. From 0, which is best, to 1. Beside it: the same
    share of real rows, beside which, or equal to which, other real rows are.
    """
    size = min(len(tables.real), len(tables.synthetic), SEARCHED)
    if size < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")
    found = [_beside(tables, size, streams)]
    if len(tables.names) >= FEWEST_COLUMNS:
        found.append(_all_but_one(tables, streams))
    limit = chance.limit(len(found))
    faults = [
        kind
        for kind in found
        if kind["luck"] < limit and kind["excess"] >= kind["worth"]
    ]
    faults.sort(key=lambda kind: -kind["share"])
    worst = max(found, key=lambda kind: kind["share"] - kind["real"])
    return Outcome(
        worst["share"],
        Reference(worst["real"], "real rows"),
        n=worst["rows"],
        detail={"faults": faults, "kinds": found},
    )


def _beside(tables: Tables, size: int, streams: Streams) -> dict[str, Any]:
    """Training rows with a synthetic row right beside them, and with a real one.

    Whichever is nearer by far is as often the one as the other, by luck.
    """
    real = tables.real.some(size, streams.numpy("beside, real"))
    synthetic = tables.synthetic.some(size, streams.numpy("beside, synthetic"))
    people = real.some(LOOKED_AT, streams.numpy("beside, looked at"))
    # The nearest real row is the row itself.
    to_real = neighbours(tables, people, real, 2)[0][:, 1]
    to_synthetic = neighbours(tables, people, synthetic, 1)[0][:, 0]
    nearer = BESIDE**2
    copied = int((to_synthetic < nearer * to_real).sum())
    of_real = int((to_real < nearer * to_synthetic).sum())
    luck = float(binom.sf(copied - 1, copied + of_real, 0.5))
    return _kind("beside", copied, of_real, len(people), len(people), luck)


def _all_but_one(tables: Tables, streams: Streams) -> dict[str, Any]:
    """Rows that agree with a training row in all columns but one, or in all."""
    real = _hashes(tables.real)
    other = tables.synthetic.some(SEARCHED, streams.numpy("all but one"))
    copies, own = _hashes(other), real
    agree = np.zeros(len(copies), dtype=bool)
    agree_of_real = np.zeros(len(own), dtype=bool)
    of_row, of_copy = _sum(real), _sum(copies)
    for j in range(real.shape[1]):
        # What is left of a row's hash without the column.
        left = of_row - real[:, j]
        agree |= np.isin(of_copy - copies[:, j], left)
        _, place, counts = np.unique(left, return_inverse=True, return_counts=True)
        agree_of_real |= counts[place.ravel()] > 1
    # Equal rows are another rule's.
    agree &= ~np.isin(of_copy, of_row)
    _, place, counts = np.unique(of_row, return_inverse=True, return_counts=True)
    agree_of_real &= counts[place.ravel()] == 1
    count, beside = int(agree.sum()), int(agree_of_real.sum())
    luck = chance.more(
        int(count / CLUMPS), len(agree), int(np.ceil(beside / CLUMPS)), len(own)
    )
    return _kind("all but one", count, beside, len(agree), len(own), float(luck))


def _kind(
    name: str, count: int, of_real: int, rows: int, real_rows: int, luck: float
) -> dict[str, Any]:
    return {
        "kind": name,
        "share": count / rows,
        "real": of_real / real_rows,
        "rows": rows,
        "excess": count - of_real / real_rows * rows,
        "worth": min(WORTH * rows, WORTH_ROWS),
        "luck": luck,
    }


def _hashes(view: View) -> Hashes:
    """A 64-bit hash of every cell ``[rows, columns]``."""
    columns = []
    for j, cells in enumerate([*view.numbers.T, *view.codes.T]):
        # The position makes equal cells of two columns different.
        of_cells = pd.util.hash_array(np.ascontiguousarray(cells))
        columns.append(of_cells * np.uint64(2 * j + 1))
    hashes: Hashes = np.column_stack(columns)
    return hashes


def _sum(hashes: Hashes) -> Hashes:
    """The hash of each row, a sum that wraps around."""
    total: Hashes = hashes.sum(axis=1, dtype=np.uint64)
    return total


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Rows that are all but copies of single training rows.

    Evidence: the share of training rows right beside which a synthetic row lies, and of
    rows that agree with a training row but for one cell; each beside real rows. Where
    rows are copies to the last cell, another rule says so.
    """
    score = evidence.get("close_copies")
    if score is None:
        return
    copies = evidence.get("exact_copies")
    exact = 0.0
    if copies is not None and copies.reference is not None:
        exact = copies.value - copies.reference.value
    for fault in score.detail.get("faults", [])[:1]:
        excess = fault["share"] - fault["real"]
        if excess < 2 * exact:
            continue
        if fault["kind"] == "beside":
            text = (
                f"Right beside {share(fault['share'])} of the training rows lies a row "
                "that is all but a copy, ten times nearer than any real row; "
                f"{share(fault['real'])} is chance"
            )
        else:
            text = (
                f"{share(fault['share'])} of the rows equal a training row but for one "
                f"cell; of real rows, {share(fault['real'])}"
            )
        level: Level = "bad" if excess > BAD else "fair"
        yield Verdict(level, text, "near copies", (), dict(fault))


CLOSE_COPIES = Metric(
    "close_copies",
    "All but copies",
    "share of rows that are all but copies of single training rows",
    "copying",
    "lower",
    close_copies,
    cost="medium",
    rule=rule,
)
