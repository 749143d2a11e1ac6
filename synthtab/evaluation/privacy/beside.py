"""Do rows lie right beside single training rows, or equal them but for one cell?

A copy with incomes a thousandth larger, or with another town, is no copy to a hash and
one near row among many to a median. Few signs tell it: it is ten times nearer to a
training row than any other real row is, and it agrees with a training row in all columns
but one, or in most. They are counted beside real rows, so that no holdout is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import binom

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.agreement import (
    CLUMPS,
    agreeing,
    agreeing_at_home,
    hashes,
    is_among,
    is_repeated,
    more_agree,
    of_rows,
    telling_parts,
)
from synthtab.evaluation.metric import (
    MIN_ROWS,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.neighbours import neighbours
from synthtab.evaluation.report.findings import Evidence, Level, Verdict, share
from synthtab.evaluation.views import Tables

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
# Training rows among which rows are sought that agree in most cells.
AGREEING_ROWS = 100_000
# What is found of the same rows in several ways is told in the first of these, if it
# finds so much of them.
KINDS = ("all but one", "beside", "most cells")
NEARLY_ALL = 0.7


def close_copies(tables: Tables, streams: Streams) -> Outcome:
    """Share of rows right beside a training row, or equal to one in most of its cells.

    The largest of three shares. Beside a training row: a synthetic row is ten times nearer
    to it than the next real row. All but one: a synthetic row agrees with a training row
    in all compared columns but one. Most cells: it agrees with training rows in so many
    random halves of the columns as hardly any real row does with others (`agreement`). From
    0, which is best, to 1. Beside it: the same share of real rows, beside which, or equal
    to which, other real rows are.
    """
    size = min(len(tables.real), len(tables.synthetic), SEARCHED)
    if size < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")
    found = [_beside(tables, size, streams)]
    if len(tables.names) >= FEWEST_COLUMNS:
        found.append(_all_but_one(tables, streams))
        in_most = _in_most_cells(tables, streams)
        found += [] if in_most is None else [in_most]
    limit = chance.limit(len(found))
    faults = [
        kind
        for kind in found
        if kind["luck"] < limit and kind["excess"] >= kind["worth"]
    ]
    # Of what is said of the same rows, what says most.
    most = max((kind["share"] for kind in faults), default=0.0)
    telling = [kind for kind in faults if kind["share"] >= NEARLY_ALL * most]
    telling.sort(key=lambda kind: KINDS.index(kind["kind"]))
    faults = telling
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
    real = hashes(tables.real)
    other = tables.synthetic.some(SEARCHED, streams.numpy("all but one"))
    copies, own = hashes(other), real
    agree = np.zeros(len(copies), dtype=bool)
    agree_of_real = np.zeros(len(own), dtype=bool)
    of_row, of_copy = of_rows(real), of_rows(copies)
    for j in range(real.shape[1]):
        # What is left of a row's hash without the column.
        left = of_row - real[:, j]
        agree |= is_among(of_copy - copies[:, j], left)
        agree_of_real |= is_repeated(left)
    # Equal rows are another rule's.
    agree &= ~is_among(of_copy, of_row)
    agree_of_real &= ~is_repeated(of_row)
    count, beside = int(agree.sum()), int(agree_of_real.sum())
    luck = chance.more(
        int(count / CLUMPS), len(agree), int(np.ceil(beside / CLUMPS)), len(own)
    )
    return _kind("all but one", count, beside, len(agree), len(own), float(luck))


def _in_most_cells(tables: Tables, streams: Streams) -> dict[str, Any] | None:
    """Rows that agree with a training row in most of their cells, but not in all.

    None where no part of a row tells it from others.
    """
    real = hashes(tables.real.some(AGREEING_ROWS, streams.numpy("most cells, real")))
    other = hashes(tables.synthetic.some(SEARCHED, streams.numpy("most cells")))
    some = real[streams.numpy("most cells, parts").permutation(len(real))[:SEARCHED]]
    parts = telling_parts(some, streams.numpy("most cells, columns"))
    if not parts:
        return None
    counts = agreeing(other, real, parts)
    beside = agreeing_at_home(real, parts)
    # Equal rows are another rule's.
    counts[is_among(of_rows(other), of_rows(real))] = 0
    beside[is_repeated(of_rows(real))] = 0
    more = more_agree(counts, beside, len(parts))
    return _kind(
        "most cells", more["count"], more["beside"], len(other), len(real), more["luck"]
    )


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
            if _are_extremes(fault["share"] * fault["rows"], evidence):
                continue
            text = (
                f"Right beside {share(fault['share'])} of the training rows lies a row "
                "that is all but a copy, ten times nearer than any real row; "
                f"{share(fault['real'])} is chance"
            )
        else:
            what = "but for one cell"
            if fault["kind"] == "most cells":
                what = "in most of their cells"
            text = (
                f"{share(fault['share'])} of the rows equal a training row {what}; "
                f"of real rows, {share(fault['real'])} equal another one so"
            )
        level: Level = "bad" if excess > BAD else "fair"
        yield Verdict(level, text, "near copies", (), dict(fault))


def _are_extremes(people: float, evidence: Evidence) -> bool:
    """Whether most of the people are those at an end of a column, whom a rule names."""
    score = evidence.get("copied_extremes")
    if score is None:
        return False
    named = [end["copied"] for end in score.detail.get("faults", [])]
    return max(named, default=0) > people / 2


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
