"""Rows under conditions: are they exact, as near to real rows as others, and as fast?

    python benchmarks/conditions.py adult --model adult.synthtab
    python benchmarks/fidelity.py --table

Without --model, a model is fitted first.

For each condition: its share of the real table; whether every sampled row meets it; the
AUC of a detector that tells as many sampled rows from the real rows that meet it,
beside that of the rows that meet it among unconditional ones (made and thrown away),
and beside all rows; and the time of 8,192 rows as a multiple of unconditional sampling,
the two measured in turn.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import fidelity
import numpy as np
import pandas as pd
import table

HERE = Path(__file__).resolve().parent
CONDITIONS = {
    "adult": (
        "sex = Female and age in 18..30",
        "education = Masters",
        "hours.per.week > 50",
        "native.country != United-States",
        "income = >50K and marital.status != Married-civ-spouse",
        "capital.gain > 5000",
        "age in 60..90",
        "relationship = Own-child and workclass = Private and race != White "
        "and hours.per.week in 15..30",
    ),
}
# Rows of a sample that is timed, and how often it is.
TIMED_ROWS = 8192
REPEATS = 3


def meets(rows: pd.DataFrame, where: str | None, schema: Any) -> np.ndarray:
    """``[rows]``: which rows meet a condition."""
    from synthtab.sampling.predicate import predicates

    result = np.ones(len(rows), dtype=bool)
    # No condition is met by all rows.
    for predicate in predicates(where, schema) if where else ():
        result &= predicate.holds(rows[predicate.column.name])
    return result


def ratio(model: Any, where: str) -> float:
    """Time of conditional over unconditional sampling: the median of pairs."""
    ratios = []
    for _ in range(REPEATS):
        # In turn: what else the machine does then slows down both.
        times = []
        for condition in (None, where):
            start = time.perf_counter()
            model.sample(TIMED_ROWS, where=condition)
            times.append(time.perf_counter() - start)
        unconditional, conditional = times
        ratios.append(conditional / unconditional)
    return median(ratios)


def main() -> None:
    from synthtab import Synthesizer, evaluate, infer

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", choices=sorted(CONDITIONS))
    parser.add_argument("--model", type=Path)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--where", nargs="+", help="other conditions")
    parser.add_argument("--data", type=Path, default=fidelity.DATA)
    parser.add_argument(
        "--out", type=Path, default=HERE / "results" / "conditions.jsonl"
    )
    args = parser.parse_args()
    train, _, meta = fidelity.read(args.data / args.dataset)
    if args.model:
        model = Synthesizer.load(args.model)
    else:
        schema = infer(train, dict.fromkeys(meta["categorical"], "category"))
        model = Synthesizer(args.preset, target=meta["target"], seed=0)
        model.fit(train, schema)

    def auc(real: pd.DataFrame, rows: pd.DataFrame) -> float:
        metric = "detection_auc"
        report = evaluate(real, rows, numeric=meta["numerical"], metrics=[metric])
        return report.score(metric).value

    # Rows that meet a condition by themselves: what conditional ones are compared with.
    unconditional = model.sample(2 * len(train))
    for where in (None, *(args.where or CONDITIONS[args.dataset])):
        # As many rows as there are real ones to compare them with.
        real = train[meets(train, where, model.schema_)]
        rows = model.sample(len(real), where=where)
        kept = unconditional[meets(unconditional, where, model.schema_)]
        record = {
            "dataset": args.dataset,
            "where": where or "no condition",
            "share": len(real) / len(train),
            "exact": bool(meets(rows, where, model.schema_).all()),
            "auc": auc(real, rows),
            "auc_filtered": auc(real, kept.head(len(real))),
            "time": 1.0 if where is None else ratio(model, where),
        }
        table.keep(record, args.out)


if __name__ == "__main__":
    main()
