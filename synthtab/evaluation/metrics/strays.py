"""Do rows stray from a tie that real rows keep to?

Height and weight exchanged in three rows of a hundred, the arrival of another flight: the
correlation hardly changes, but rows lie where no real row does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from synthtab.core.randomness import Streams
from synthtab.evaluation import chance
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import (
    MIN_ROWS,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.metrics import signs
from synthtab.evaluation.report.findings import (
    Evidence,
    Verdict,
    both,
    named_columns,
    sentences,
    share,
)
from synthtab.evaluation.views import Tables

# A tie of two numbers that is strong enough for rows to stray from it.
TIED = 0.6
# The real rows that lie farthest from it, ...
OUTER = 0.01
# ... and how many more of the rows must, to be worth a word.
WORTH = 0.01
MORE = 2.0
MOST_PAIRS = 500
# Pairs in the detail.
LISTED = 20


def stray_rows(tables: Tables, streams: Streams) -> Outcome:
    """Mean over tied pairs of numbers of the share of rows that stray, times 100.

    A row strays from a pair if its two ranks are farther apart than those of 99 % of the
    real rows (of a falling tie, the one rank and what the other lacks to 1). From 0 to
    100; real rows, which stand beside it, have 1 at most. Pairs of a rank correlation
    of at least 0.6.
    """
    ranks = signs.of(tables, streams)
    names = [name for name in ranks.names if name in tables.numeric]
    strong = np.triu(np.abs(np.nan_to_num(ranks.real.values)) >= TIED, 1)
    strong &= ranks.real.rows >= MIN_ROWS
    pairs = [(int(i), int(j)) for i, j in np.argwhere(strong) if max(i, j) < len(names)]
    if not pairs:
        raise Skip("no two numbers are closely tied")
    strongest = sorted(pairs, key=lambda p: -abs(ranks.real.values[p]))[:MOST_PAIRS]
    rows = tables.real.some(signs.MAX_ROWS, streams.numpy("ranks"))
    other = tables.synthetic.some(signs.MAX_ROWS, streams.numpy("ranks, synthetic"))
    of_real, of_synthetic = (signs.real_ranks(tables, view) for view in (rows, other))
    limit = chance.limit(len(strongest))
    shares, beside = [], []
    faults: list[dict[str, Any]] = []
    for i, j in strongest:
        sign = np.sign(ranks.real.values[i, j])
        real = _apart(of_real[:, i], of_real[:, j], sign)
        synthetic = _apart(of_synthetic[:, i], of_synthetic[:, j], sign)
        if min(len(real), len(synthetic)) < MIN_ROWS:
            continue
        cut = np.quantile(real, 1 - OUTER, method="higher")
        strays, real_strays = int((synthetic > cut).sum()), int((real > cut).sum())
        p, q = real_strays / len(real), strays / len(synthetic)
        shares.append(100 * q)
        beside.append(100 * p)
        if q < max(p + WORTH, MORE * p):
            continue
        if chance.more(strays, len(synthetic), real_strays, len(real)) < limit:
            columns = [names[i], names[j]]
            faults.append({"columns": columns, "real": p, "synthetic": q})
    if not shares:
        raise Skip(f"fewer than {MIN_ROWS} rows of any pair")
    faults.sort(key=lambda fault: (-fault["synthetic"], fault["columns"]))
    return Outcome(
        float(np.mean(shares)),
        Reference(float(np.mean(beside)), "real rows"),
        n=len(other),
        detail={"faults": faults[:LISTED], "number": len(faults)},
    )


def _apart(one: Floats, other: Floats, sign: float) -> Floats:
    """How far two ranks around 0 are apart, of the rows that have both."""
    gaps = np.abs(one - sign * other)
    known: Floats = gaps[~np.isnan(gaps)]
    return known


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Pairs of closely tied numbers from whose tie rows stray.

    Evidence: the share of rows that are farther from the tie than 99 % of the real ones. Not
    of columns and pairs that another rule names.
    """
    score = evidence.get("stray_rows")
    if score is None:
        return
    columns, pairs = named_columns(evidence), signs.named_pairs(evidence)

    def is_new(fault: Mapping[str, Any]) -> bool:
        names = frozenset(fault["columns"])
        return names not in pairs and not names & columns

    yield from sentences(
        [fault for fault in score.detail.get("faults", []) if is_new(fault)],
        "stray",
        _about_pair,
        "pairs of columns have rows that stray from their tie",
        level="fair",
    )


def _about_pair(fault: Mapping[str, Any]) -> str:
    return (
        f"{share(fault['synthetic'])} of the rows stray from the tie of ({both(fault)}), "
        f"as {share(fault['real'])} of the real ones do"
    )


STRAYS = Metric(
    "stray_rows",
    "Rows that stray",
    "share of rows that lie far from a close tie of two numbers",
    "fidelity",
    "ideal",
    stray_rows,
    (0.0, 100.0),
    "%",
    like="rank_correlation_error",
    rule=rule,
)
