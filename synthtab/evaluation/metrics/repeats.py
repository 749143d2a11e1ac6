"""Do rows repeat each other more than real rows do?

A generator that has few rows to offer says them again. Copies of training rows are
another matter (`privacy.copying`): here rows are compared with their own table.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthtab.core.randomness import Streams
from synthtab.evaluation.metric import Metric, Outcome, Reference
from synthtab.evaluation.neighbours import fingerprints
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


def repeated_rows(tables: Tables, streams: Streams) -> Outcome:
    """Share of the rows that equal an earlier row of their own table, times 100.

    Both tables are judged by as many rows, those of the smaller one: of twice as many
    rows more are equal. From 0 to 100; best is what real rows have, which stands beside
    it. The detail has the share in all synthetic rows, too.
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
        },
    )


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
