"""Do rows repeat each other more than real rows do?

A generator that has few rows to offer says them again, to the last cell or with some noise. Copies of training rows are
another matter (`privacy.copying`): here rows are compared with their own table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.agreement import (
    CLUMPS,
    agreeing_at_home,
    hashes,
    is_repeated,
    more_agree,
    of_rows,
    telling_parts,
)
from synthtab.evaluation.metric import MIN_ROWS, Metric, Outcome, Reference
from synthtab.evaluation.neighbours import fingerprints, neighbours
from synthtab.evaluation.report.findings import Evidence, Level, Verdict, share
from synthtab.evaluation.views import Tables, View

# Percent of the rows that repeat others, beyond the real ones, that are worth a word,
# and that are bad.
WORTH = 1.0
BAD = 5.0
# Standard deviations of a count that are no luck.
SURE = 4.5
# Draws of as many rows as the smaller table has.
DRAWS = 5
# Rows among which near repeats are sought, and of which; and by which factor they are
# nearer than others.
SEARCHED = 10_000
LOOKED_AT = 2_000
NEARER = 0.1
# Rows of fewer columns are near repeats too easily.
FEWEST_COLUMNS = 4


def repeated_rows(tables: Tables, streams: Streams) -> Outcome:
    """Share of the rows that equal an earlier row of their own table, times 100.

    Both tables are judged by as many rows, those of the smaller one: of twice as many
    rows more are equal. From 0 to 100; best is what real rows have, which stands beside
    it. The detail has the share in all synthetic rows, too, and the shares of rows that all
    but repeat another one: that equal it in most cells (`agreement`), or lie ten times
    nearer to it than to any real row.
    """
    size = min(len(tables.real), len(tables.synthetic))
    of_real = _repeats(tables.real, size, streams, "real repeats")
    of_synthetic = _repeats(tables.synthetic, size, streams, "synthetic repeats")
    # Of few repeats, their number varies by its root, and so does the other.
    luck = SURE * np.sqrt(of_real + of_synthetic + 1)
    whole = len(tables.synthetic)
    return Outcome(
        100 * of_synthetic / size,
        Reference(100 * of_real / size, "real rows"),
        n=size,
        detail={
            "of all rows": 100 * _repeated(fingerprints(tables.synthetic)) / whole,
            "luck": 100 * float(luck) / size,
            "nearly": _nearly(tables, streams),
        },
    )


def _nearly(tables: Tables, streams: Streams) -> list[dict[str, Any]]:
    """Rows that all but repeat another one of their table, if they do beyond luck."""
    size = min(len(tables.real), len(tables.synthetic), SEARCHED)
    if size < MIN_ROWS:
        return []
    real = tables.real.some(size, streams.numpy("near repeats, real"))
    synthetic = tables.synthetic.some(size, streams.numpy("near repeats, synthetic"))
    found = [_beside(tables, real, synthetic, streams)]
    if len(tables.names) >= FEWEST_COLUMNS:
        found.append(_in_most_cells(real, synthetic, streams))
    limit = chance.limit(len(found))
    faults = [
        kind
        for kind in found
        if kind["luck"] < limit and 100 * (kind["share"] - kind["real"]) > WORTH
    ]
    return sorted(faults, key=lambda kind: -kind["share"])


def _beside(
    tables: Tables, real: View, synthetic: View, streams: Streams
) -> dict[str, Any]:
    """Rows ten times nearer to another row of their table than to any of the other one."""
    counts = []
    for own, other, stream in (
        (synthetic, real, "synthetic"),
        (real, synthetic, "real"),
    ):
        some = own.some(LOOKED_AT, streams.numpy(f"near repeats, {stream}, looked at"))
        # The nearest row is the row itself, or one that equals it: another rule's.
        at_home = neighbours(tables, some, own, 2)[0][:, 1]
        abroad = neighbours(tables, some, other, 1)[0][:, 0]
        counts.append(int(((at_home > 0) & (at_home < NEARER**2 * abroad)).sum()))
    rows = min(LOOKED_AT, len(real))
    count, beside = counts
    luck = chance.more(int(count / CLUMPS), rows, math.ceil(beside / CLUMPS), rows)
    return {
        "kind": "beside",
        "share": count / rows,
        "real": beside / rows,
        "luck": float(luck),
    }


def _in_most_cells(real: View, synthetic: View, streams: Streams) -> dict[str, Any]:
    """Rows that agree with another row of their table in most cells, but not in all."""
    of_real, of_synthetic = hashes(real), hashes(synthetic)
    parts = telling_parts(of_real, streams.numpy("near repeats, columns"))
    counts = []
    for cells in (of_synthetic, of_real):
        agree = agreeing_at_home(cells, parts)
        agree[is_repeated(of_rows(cells))] = 0
        counts.append(agree)
    more = more_agree(counts[0], counts[1], max(len(parts), 1))
    return {
        "kind": "most cells",
        "share": more["count"] / len(of_synthetic),
        "real": more["beside"] / len(of_real),
        "luck": more["luck"],
    }


def _repeats(view: View, size: int, streams: Streams, stream: str) -> float:
    """Number of repeats among so many of the rows, the mean of a few draws."""
    prints = fingerprints(view)
    if size == len(prints):
        return float(_repeated(prints))
    counts = []
    for draw in range(DRAWS):
        rng = streams.numpy(stream, draw)
        counts.append(_repeated(prints[rng.permutation(len(prints))[:size]]))
    return float(np.mean(counts))


def _repeated(prints: npt.NDArray[np.uint64]) -> int:
    return len(prints) - len(np.unique(prints))


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Rows that occur again and again.

    Evidence: the share of rows that equal an earlier one, in both tables.
    """
    score = evidence.get("repeated_rows")
    if score is None or score.reference is None:
        return
    excess = score.value - score.reference.value
    figures = {"repeated_rows": score.value, "beside it": score.reference.value}
    if excess > max(WORTH, score.detail.get("luck", 0.0)):
        text = (
            f"{share(score.value / 100)} of the rows repeat another of them; "
            f"of real rows, {share(score.reference.value / 100)}"
        )
        level: Level = "bad" if excess > BAD else "fair"
        yield Verdict(level, text, "repeats", (), figures)
        return
    for fault in score.detail.get("nearly", [])[:1]:
        how = "in most of their cells"
        if fault["kind"] == "beside":
            how = "all but exactly, ten times nearer than any real row"
        text = (
            f"{share(fault['share'])} of the rows repeat another of them {how}; "
            f"of real rows, {share(fault['real'])}"
        )
        level = "bad" if 100 * (fault["share"] - fault["real"]) > BAD else "fair"
        yield Verdict(level, text, "repeats", (), dict(fault))


REPEATS = Metric(
    "repeated_rows",
    "Repeated rows",
    "share of rows that equal an earlier row of their own table",
    "fidelity",
    "ideal",
    repeated_rows,
    (0.0, 100.0),
    "%",
    rule=rule,
)
