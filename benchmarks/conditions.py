"""Rows under conditions: are they exact, as near to real rows as rows that were not asked for, and as fast?

    python benchmarks/conditions.py adult --model adult.synthtab     # without --model, one is fitted
    python benchmarks/fidelity.py --table

For each condition: its share of the real table; whether every sampled row meets it; the AUC of a detector that tells
as many sampled rows from the real rows that meet it, beside that of the rows that meet it among unconditional ones
(made and thrown away), and beside all rows; and the time of 8,192 rows as a multiple of unconditional sampling, the
two measured in turn.
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
        "relationship = Own-child and workclass = Private and race != White and hours.per.week in 15..30",
    ),
}
TIMED, REPEATS = 8192, 3


def met(rows: pd.DataFrame, where: str, schema: Any) -> np.ndarray:
    """``[rows]``: which rows meet a condition."""
    from synthtab.sampling.predicate import predicates

    return np.all(
        [t.holds(rows[t.column.name]) for t in predicates(where, schema)], axis=0
    )


def ratio(model: Any, where: str) -> float:
    """Time of conditional over unconditional sampling: the median of pairs."""
    found = []
    for _ in range(REPEATS):
        times = []
        for asked in (None, where):
            start = time.perf_counter()
            model.sample(TIMED, where=asked)
            times.append(time.perf_counter() - start)
        found.append(times[1] / times[0])
    return median(found)


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
        model = Synthesizer(args.preset, target=meta["target"], seed=0).fit(
            train, schema
        )

    def auc(real: pd.DataFrame, rows: pd.DataFrame) -> float:
        return (
            evaluate(real, rows, numeric=meta["numerical"], metrics=["detection_auc"])
            .score("detection_auc")
            .value
        )

    free = model.sample(2 * len(train))
    for where in (None, *(args.where or CONDITIONS[args.dataset])):
        real = train if where is None else train[met(train, where, model.schema_)]
        rows = model.sample(len(real), where=where)
        kept = free if where is None else free[met(free, where, model.schema_)]
        record = {
            "dataset": args.dataset,
            "where": where or "no condition",
            "share": len(real) / len(train),
            "exact": True
            if where is None
            else bool(met(rows, where, model.schema_).all()),
            "auc": auc(real, rows),
            "auc_filtered": auc(real, kept.head(len(real))),
            "time": 1.0 if where is None else ratio(model, where),
        }
        table.keep(record, args.out)


if __name__ == "__main__":
    main()
