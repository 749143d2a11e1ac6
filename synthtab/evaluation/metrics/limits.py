"""Are there values that no real row could have?

Numbers below 0 where none is, ages beyond what occurs. Nothing says what is possible but the real rows: a limit that none
of them crosses is one if crossing it by luck is all but excluded
(`chance.beyond_tail`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.metric import (
    MIN_ROWS,
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.metrics.fidelity import largest_first
from synthtab.evaluation.report.findings import (
    Evidence,
    Verdict,
    quote,
    sentences,
    share,
)
from synthtab.evaluation.views import Tables

# So many of the rows, or so many rows, must be impossible to be worth a word.
WORTH = 0.005
WORTH_ROWS = 5
# By luck no real number is negative, and so many of a table like it are, in one table
# of 250: whether a column goes below 0 is asked once, and not for every limit.
NEGATIVE_ROWS = 8
# Where 0 lies so many times as far below the least real number as that below the median,
# fewer will do.
FAR_FROM_0 = 2.0


def impossible_values(tables: Tables, streams: Streams) -> Outcome:
    """Mean over numbers of the share below the least or above the greatest, times 100.

    From 0, which is best, to 100. Of the rows of a perfect sampler none is. The detail
    names the columns of which so many lie so far beyond that it is no luck.
    """
    if not tables.numeric:
        raise Skip("no column is numeric")
    limit = chance.limit(2 * len(tables.numeric))
    outside: dict[str, float] = {}
    faults: list[dict[str, Any]] = []
    for j, name in enumerate(tables.numeric):
        real = known(tables.real.numbers[:, j])
        synthetic = known(tables.synthetic.numbers[:, j])
        if min(len(real), len(synthetic)) < MIN_ROWS:
            continue
        beyond = (synthetic < real.min()) | (synthetic > real.max())
        outside[name] = 100 * float(beyond.mean())
        faults += _negative(name, real, synthetic)
        if faults and faults[-1]["column"] == name:
            continue
        for end in ("above", "below"):
            faults += _beyond(name, real, synthetic, end, limit)
    if not outside:
        raise Skip(f"fewer than {MIN_ROWS} numbers")
    faults.sort(key=lambda fault: (-fault["share"], fault["column"]))
    return Outcome(
        float(np.mean(list(outside.values()))),
        Reference(0.0, PERFECT_SAMPLER),
        n=len(tables.synthetic),
        detail={"columns": largest_first(outside), "faults": faults},
    )


def _negative(name: str, real: Floats, synthetic: Floats) -> list[dict[str, Any]]:
    """Numbers below 0, where no real one is, or even near it."""
    negative = int((synthetic < 0).sum())
    if real.min() < 0 or not _is_worth_a_word(negative, len(synthetic)):
        return []
    far = real.min() > FAR_FROM_0 * (np.median(real) - real.min())
    if not far and (negative < NEGATIVE_ROWS or len(real) < len(synthetic) / 2):
        return []
    return [{"column": name, "end": "negative", "share": negative / len(synthetic)}]


def _beyond(
    name: str, real: Floats, synthetic: Floats, end: str, limit: float
) -> list[dict[str, Any]]:
    """Numbers beyond one end of the real ones, more of them or farther than by luck."""
    sign = 1.0 if end == "above" else -1.0
    count = int((sign * synthetic > (sign * real).max()).sum())
    if not _is_worth_a_word(count, len(synthetic)):
        return []
    if chance.beyond_tail(sign * synthetic, sign * real) >= limit:
        return []
    return [{"column": name, "end": end, "share": count / len(synthetic)}]


def _is_worth_a_word(count: int, rows: int) -> bool:
    return count >= min(WORTH * rows, WORTH_ROWS) and count > 0


def about_values(evidence: Evidence) -> Iterator[Verdict]:
    """Columns with numbers that no real row could have.

    Evidence: the share of its numbers beyond all real ones.
    """
    score = evidence.get("impossible_values")
    if score is None:
        return
    yield from sentences(
        score.detail.get("faults", []),
        "impossible",
        _about_column,
        "columns have values that no real row could have",
    )


def _about_column(fault: Mapping[str, Any]) -> str:
    name = quote(fault["column"])
    if fault["end"] == "negative":
        return f"{share(fault['share'])} of {name} are negative, no real one is"
    ends = {"above": "greatest", "below": "least"}
    return (
        f"{share(fault['share'])} of {name} lie {fault['end']} the "
        f"{ends[fault['end']]} real value, more or farther than chance allows"
    )


IMPOSSIBLE = Metric(
    "impossible_values",
    "Impossible values",
    "share of numbers beyond all real ones, on average; 0 = none",
    "fidelity",
    "lower",
    impossible_values,
    (0.0, 100.0),
    "%",
    rule=about_values,
)
