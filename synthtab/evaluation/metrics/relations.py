"""Do sums, differences and products of columns come out as they do in real rows?

A total that is the sum of its parts in every real row and not in a twentieth of the
synthetic ones is still all but perfectly correlated with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from synthtab.core.randomness import Streams
from synthtab.data.columns import infer
from synthtab.data.constraints import FORMS, Search
from synthtab.data.constraints.base import Form
from synthtab.data.constraints.table import Table
from synthtab.evaluation import chance
from synthtab.evaluation.metric import (
    MIN_ROWS,
    PERFECT_SAMPLER,
    Metric,
    Outcome,
    Reference,
    Skip,
)
from synthtab.evaluation.report.findings import (
    Evidence,
    Verdict,
    quote,
    sentences,
    share,
)
from synthtab.evaluation.views import Tables, View

# Rows in which relations are looked for, and rows that are judged by them.
SEARCHED = 5_000
JUDGED = 20_000
# Which of the forms of constraints. Orders have a metric of their own (`limits`).
RELATIONS_OF = ("equation", "one_hot")
# Share of the rows that must break a relation to be worth a word, and so many rows.
WORTH = 0.005
WORTH_ROWS = 5


# Numbers of 1e308 and 0 / 0 hold nothing, and need no warning.
@np.errstate(all="ignore")
def broken_relations(tables: Tables, streams: Streams) -> Outcome:
    """Mean over relations of the share of rows that break them, times 100.

    The relations are sums, differences, products and the like of numeric columns, and
    columns of 0 and 1 of which one is 1, that (nearly) all real rows hold; see
    `synthtab.constraints`. From 0, which is best, to 100. Beside it: the same share of
    the real rows.
    """
    if len(tables.numeric) < 2:
        raise Skip("fewer than two columns are numeric")
    if min(len(tables.real), len(tables.synthetic)) < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")
    frame = _frame(tables, tables.real.some(JUDGED, streams.numpy("relations, real")))
    schema = infer(frame, rare=0)
    real = Table(frame, schema)
    other = tables.synthetic.some(JUDGED, streams.numpy("relations, synthetic"))
    synthetic = Table(_frame(tables, other), schema)
    relations = list(_relations(real, streams))
    # What holds in all real rows was sought in them: it may hold a little less elsewhere.
    limit = chance.limit(2 * len(relations))
    broken: dict[str, float] = {}
    beside: list[float] = []
    faults: list[dict[str, Any]] = []
    for form in relations:
        count, rows = _breaks(form, real)
        others, other_rows = _breaks(form, synthetic)
        if not rows or not other_rows:
            continue
        broken[str(form)] = 100 * others / other_rows
        beside.append(100 * count / rows)
        excess = others - count / rows * other_rows
        luck = chance.more(others, other_rows, count, rows)
        if excess >= min(WORTH * other_rows, WORTH_ROWS) and luck < limit:
            shares = {"share": others / other_rows, "real": count / rows}
            faults.append({"columns": list(form.columns), "says": str(form), **shares})
    if not broken:
        raise Skip("no column follows from others")
    faults.sort(key=lambda fault: (-fault["share"], fault["says"]))
    return Outcome(
        float(np.mean(list(broken.values()))),
        Reference(float(np.mean(beside)), PERFECT_SAMPLER),
        n=len(other),
        detail={"relations": broken, "faults": faults},
    )


def _frame(tables: Tables, view: View) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(tables.numeric, view.numbers.T, strict=True)))


def _relations(real: Table, streams: Streams) -> Iterator[Form]:
    """What nearly all real rows hold."""
    rows = np.arange(min(len(real), SEARCHED))
    if len(real) > SEARCHED:
        order = streams.numpy("relations, searched").permutation(len(real))
        rows = np.sort(order[:SEARCHED])
    search = Search(real.take(rows), streams.numpy("relations"))
    for name in RELATIONS_OF:
        kind = FORMS[name]
        for form in kind.find(search):
            count, applies = _breaks(form, real)
            if applies and 1 - count / applies >= kind.least_support:
                search.found.append(form)
                yield form


def _breaks(form: Form, table: Table) -> tuple[int, int]:
    """Rows that break it, and rows that it says something about."""
    applies = form.applies(table)
    holds = form.holds(table)
    return int((applies & ~holds).sum()), int(applies.sum())


def rule(evidence: Evidence) -> Iterator[Verdict]:
    """Sums and the like that do not come out.

    Evidence: the share of the rows in which they do not, in both tables.
    """
    score = evidence.get("broken_relations")
    if score is None:
        return

    def about_relation(fault: Mapping[str, Any]) -> str:
        return (
            f"{quote(fault['says'], 72)} does not hold in {share(fault['share'])} of the "
            f"rows; in {share(fault['real'])} of the real ones"
        )

    yield from sentences(
        score.detail.get("faults", []),
        "relation",
        about_relation,
        "relations of columns do not hold as in real rows",
    )


RELATIONS = Metric(
    "broken_relations",
    "Broken relations",
    "share of rows in which sums and the like do not come out; 0 = none",
    "fidelity",
    "lower",
    broken_relations,
    (0.0, 100.0),
    "%",
    rule=rule,
)
