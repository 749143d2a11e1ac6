"""Can the verdicts of a report be trusted? Faults are planted in real rows, and counted.

    python benchmarks/trust.py                     # flights, penguins, anes96: 5 seeds
    python benchmarks/trust.py --tables flights --seeds 1 --faults "sign of a tie"
    python benchmarks/trust.py --data ../shared/data --out trust.jsonl

Of a table, up to 1,500 rows are the training table, as many others stand for the synthetic
rows, and the rest are the holdout. Both are real, so that a report of the two should raise
no alarm (`real against real`). Then a fault is planted in the rows that stand for the
synthetic ones, one at a time, and the report should name it: in a sentence that is not
good, by a rule that is about faults of this kind, with the column where one is at fault.

Whether a fault could be told from chance at all is derived from the rows, not from the
report: whoever knew where to look, could he? (`beyond_chance`). In a table of 114 rows two
negative cells are not. Three counts for each fault that could:

    named       a rule of its kind names it
    seen        only another rule says that something is wrong
    called good no sentence says that anything is wrong, or a sentence calls good what the
                fault contradicts
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faults
import more_faults
import numpy as np
import pandas as pd
from faults import NO_FAULTS, Fault, Frame, addresses
from luck import beyond_chance

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# Rows of the training table, and of those that stand for synthetic ones.
ROWS = 1_500
MOST_ROWS = 20_000
# Of the scores without a rule of their own, those that tell of columns, pairs and copies.
QUICK = (
    "shape_error",
    "association_error",
    "missing_error",
    "missing_patterns",
    "off_grid",
    "heap_error",
    "category_coverage",
    "range_coverage",
    "exact_copies",
    "impossible_rows",
)


FAULTS = (*faults.FAULTS, *more_faults.FAULTS)


# -- tables


def tables(data: Path | None) -> dict[str, Callable[[], Frame]]:
    """Name -> the rows of a table."""
    found: dict[str, Callable[[], Frame]] = {}
    for name in ("flights", "penguins", "anes96"):
        path = ROOT / "datasets" / name / f"{name}.csv"
        found[name] = lambda path=path: pd.read_csv(path)
    if data is not None:
        for path in sorted(data.glob("*/train.csv")):
            found[path.parent.name] = lambda path=path: pd.read_csv(path)
        for path in sorted((data / "messy").glob("*")):
            read = pd.read_parquet if path.suffix == ".parquet" else pd.read_csv
            found[path.stem] = lambda path=path, read=read: read(path)
    return found


@functools.cache
def table_of(name: str, data: Path | None) -> Frame:
    """The rows of a table, read once; of a longer one, a random part of 20,000."""
    table = tables(data)[name]()
    if len(table) > MOST_ROWS:
        table = table.sample(MOST_ROWS, random_state=0)
    return table.reset_index(drop=True)


def parts(table: Frame, seed: int) -> tuple[Frame, Frame, Frame | None]:
    """Training rows, rows that stand for synthetic ones, and a holdout if rows are left."""
    order = np.random.default_rng(seed).permutation(len(table))
    size = min(ROWS, len(table) // 3)
    train, rows, rest = np.split(order, [size, 2 * size])
    holdout = table.iloc[rest[:ROWS]].reset_index(drop=True)
    return (
        table.iloc[train].reset_index(drop=True),
        table.iloc[rows].reset_index(drop=True),
        holdout if len(holdout) >= 20 else None,
    )


@dataclass(frozen=True)
class Case:
    """A table with a fault.

    Attributes:
        train: The training rows.
        rows: Real rows.
        spoilt: The same with the fault.
        holdout: Other real rows, if there are some.
        columns: At fault.
    """

    train: Frame
    rows: Frame
    spoilt: Frame
    holdout: Frame | None
    columns: tuple[str, ...]


def case(table: Frame, fault: Fault, seed: int) -> Case | None:
    """The fault planted in a part of the table; None where it cannot have it."""
    train, rows, holdout = parts(table, seed)
    both = pd.concat(
        [train, rows, *([] if holdout is None else [holdout])], ignore_index=True
    )
    # Integers that become floats in one part alone are no fault that was planted.
    train = both.iloc[: len(train)].copy()
    rows = both.iloc[len(train) : len(train) + len(rows)].reset_index(drop=True).copy()
    planted = fault.plant(rows, train, np.random.default_rng(seed + 100))
    if planted is None:
        return None
    spoilt, columns = planted
    brought = [] if holdout is None else train.columns.difference(holdout.columns)
    if holdout is not None and len(brought):
        # Columns that the fault brought: the holdout has them as a training table has.
        as_train = holdout.copy()
        fault.plant(rows.copy(), as_train, np.random.default_rng(seed + 200))
        for column in brought:
            holdout[column] = as_train[column]
            if column == "email":
                holdout[column] = addresses(len(holdout), np.random.default_rng(9))
    return Case(train, rows, spoilt, holdout, columns)


# -- counting


def judge(
    name: str,
    data: Path | None,
    fault_name: str,
    seed: int,
    quick: bool = False,
) -> dict[str, Any] | None:
    """What the report says of one table with one fault; None where it cannot have it."""
    from synthtab import evaluate
    from synthtab.evaluation import METRICS

    metrics = None
    if quick:
        metrics = [m.name for m in METRICS if m.rule is not None or m.name in QUICK]
    fault = next(f for f in (*NO_FAULTS, *FAULTS) if f.name == fault_name)
    planted = case(table_of(name, data), fault, seed)
    if planted is None:
        return None
    train, spoilt, columns = planted.train, planted.spoilt, planted.columns
    began = time.perf_counter()
    report = evaluate(
        train, spoilt, holdout=planted.holdout, seed=seed, metrics=metrics
    )
    alarms = [v for v in report.verdicts if v.level in ("bad", "fair")]
    goods = [v for v in report.verdicts if v.level == "good"]
    named = [
        v
        for v in alarms
        if v.rule in fault.rules
        and (not columns or not v.columns or set(columns) & set(v.columns))
    ]
    return {
        "table": name,
        "fault": fault_name,
        "seed": seed,
        "named": bool(named),
        "beyond chance": beyond_chance(fault, planted.rows, spoilt, train, columns),
        "alarms": [f"{v.level}: {v.text}" for v in alarms],
        "bad": sum(v.level == "bad" for v in alarms),
        "contradicted": [v.text for v in goods if v.rule in fault.denied_by],
        "seconds": round(time.perf_counter() - began, 1),
    }


def summary(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The counts as lines."""
    for fault in NO_FAULTS:
        own = [r for r in results if r["fault"] == fault.name]
        if own:
            alarmed = sum(bool(r["alarms"]) for r in own)
            bad = sum(bool(r["bad"]) for r in own)
            yield f"{fault.name:<32} {alarmed} of {len(own)} reports with an alarm, {bad} with a bad one"
    totals = [0, 0, 0, 0]
    within = 0
    for planted in FAULTS:
        every = [r for r in results if r["fault"] == planted.name]
        own = [r for r in every if r["beyond chance"]]
        by_luck = [r for r in every if not r["beyond chance"]]
        within += len(by_luck)
        if by_luck:
            yield (
                f"{planted.name:<32} within chance {len(by_luck):3d}: of these named "
                f"{sum(r['named'] for r in by_luck):3d}   called good "
                f"{sum(bool(r['contradicted']) for r in by_luck):3d}"
            )
        if not own:
            continue
        named = sum(r["named"] for r in own)
        seen = sum(not r["named"] and bool(r["alarms"]) for r in own)
        good = len(own) - named - seen
        denied = sum(bool(r["contradicted"]) for r in own)
        counts = (len(own), named, seen, denied)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        yield (
            f"{planted.name:<32} named {named:3d} of {len(own):3d}   seen {seen:3d}   "
            f"no word {good:3d}   called good {denied:3d}"
        )
    if totals[0]:
        yield (
            f"{'all faults':<32} named {totals[1]} of {totals[0]} "
            f"({totals[1] / totals[0]:.0%}), seen otherwise {totals[2]}, called good {totals[3]}; {within} within chance"
        )
        seconds = statistics.median(r["seconds"] for r in results)
        yield f"{'seconds of a report, median':<32} {seconds:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a folder with more tables")
    parser.add_argument("--tables", nargs="+", help="only these")
    parser.add_argument("--faults", nargs="+", help="only these; their names")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="without detectors, models and attacks"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, help="a line of JSON for each report")
    args = parser.parse_args()
    names = args.tables or list(tables(args.data))
    chosen = args.faults or [fault.name for fault in (*NO_FAULTS, *FAULTS)]
    jobs = [
        (n, args.data, f, s, args.quick)
        for s in range(args.seeds)
        for f in chosen
        for n in names
    ]
    results = []
    with ProcessPoolExecutor(args.jobs) as pool:
        for found in pool.map(judge, *zip(*jobs, strict=True)):
            if found is None:
                continue
            results.append(found)
            if args.out:
                with args.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(found) + "\n")
    for line in summary(results):
        print(line)


if __name__ == "__main__":
    main()
