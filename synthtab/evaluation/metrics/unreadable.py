"""Can the numbers and dates be read as the real ones are?

A cell that cannot counts as missing everywhere else, which is not what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.data.columns import KINDS
from synthtab.evaluation import chance
from synthtab.evaluation.metric import (
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

# Share of the cells that cannot be read to be worth a word.
WORTH = 0.005
# A cell that fewer rows have is shown with other digits.
SHOWN_FROM = 5


def unreadable_cells(tables: Tables, streams: Streams) -> Outcome:
    """Mean over numbers and dates of the share that cannot be read, times 100.

    Of the cells that are there. From 0, which is best, to 100. Beside it is the share
    of the real ones.
    """
    if not tables.numeric:
        raise Skip("no column is numeric")
    shares: dict[str, float] = {}
    of_real: list[float] = []
    faults: list[dict[str, Any]] = []
    # Most columns can be read as a whole: that one cannot is asked once a table.
    limit = chance.limit(1)
    for j, name in enumerate(tables.numeric):
        texts = tables.unread.get("synthetic", {}).get(name, {})
        lost = sum(texts.values())
        there = lost + int((~np.isnan(tables.synthetic.numbers[:, j])).sum())
        real_lost = sum(tables.unread.get("real", {}).get(name, {}).values())
        real_there = real_lost + int((~np.isnan(tables.real.numbers[:, j])).sum())
        part = lost / max(there, 1)
        shares[name] = 100 * part
        of_real.append(100 * real_lost / max(real_there, 1))
        if part - of_real[-1] / 100 <= WORTH:
            continue
        if chance.more(lost, there, real_lost, real_there) < limit:
            column = tables.columns.get(name)
            dated = column is not None and KINDS[column.kind].temporal
            fault = {"share": part, "dated": dated, "example": _example(texts)}
            faults.append({"column": name, **fault})
    return Outcome(
        float(np.mean(list(shares.values()))),
        Reference(float(np.mean(of_real)), PERFECT_SAMPLER),
        n=len(tables.synthetic),
        detail={"columns": largest_first(shares), "faults": faults},
    )


def _example(texts: Mapping[str, int]) -> str:
    """The commonest text; one that few rows have, with the digit 9 in place of all."""
    text, rows = next(iter(texts.items()))
    return text if rows >= SHOWN_FROM else re.sub(r"\d", "9", text)


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Columns of numbers or dates with cells that are none.

    Evidence: the share of such cells, beside that of the real ones.
    """
    score = evidence.get("unreadable_cells")
    if score is None:
        return

    def about_column(fault: Mapping[str, Any]) -> str:
        what = "dates or times as the real ones are" if fault["dated"] else "numbers"
        return (
            f"{share(fault['share'])} of the cells of {quote(fault['column'])} are not "
            f"{what}, such as {quote(fault['example'])}"
        )

    yield from sentences(
        score.detail.get("faults", []),
        "unreadable",
        about_column,
        "columns have cells that cannot be read as the real ones are",
    )


UNREADABLE = Metric(
    "unreadable_cells",
    "Unreadable cells",
    "share of cells of numbers and dates that are none; 0 = all are read",
    "fidelity",
    "lower",
    unreadable_cells,
    (0.0, 100.0),
    "%",
    rule=rule,
)
