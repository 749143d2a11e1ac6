"""Seconds and memory of the evaluation.

Measured are the seconds of every metric, one after the other, those of `evaluate` on
the cores at hand, and its peak memory.

    python benchmarks/evaluation.py adult
    python benchmarks/evaluation.py adult --rows rows.csv
    python benchmarks/evaluation.py --made 1000000 20
    python benchmarks/evaluation.py --table

The data folder is that of fidelity.py. Without --rows the rows to judge are a bootstrap
of the training table with some noise. --made makes up three tables of that many rows
and columns: half of them numbers, half categories, related to each other, some cells
missing. OMP_NUM_THREADS bounds the number of cores. Every run appends a line to
results/evaluation.jsonl; --label marks what was special about it, such as a busy
machine, and keeps it apart in the table.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import table
from baselines import peak_mb
from fidelity import DATA, HERE, read

from synthtab.core.randomness import Streams
from synthtab.evaluation import METRICS, evaluate, prepare


def noisy(table: pd.DataFrame, numeric: list[str], seed: int = 0) -> pd.DataFrame:
    """As many rows drawn with replacement, with some noise.

    It is a tenth of the standard deviation of each number.
    """
    rng = np.random.default_rng(seed)
    # Rows that are real but for the noise: the privacy metrics have something to find.
    rows = table.iloc[rng.integers(len(table), size=len(table))].reset_index(drop=True)
    for name in numeric:
        rows[name] = rows[name] + 0.1 * table[name].std() * rng.normal(size=len(rows))
    return rows


def made(rows: int, columns: int, seed: int) -> pd.DataFrame:
    """A table of one population whatever the seed; the last column is a yes or no."""
    rng = np.random.default_rng(seed)
    # Three hidden numbers, which the columns show in turn, the later the less clearly.
    hidden = rng.normal(size=(rows, 3))
    table: dict[str, Any] = {}
    for j in range(columns - 1):
        values = hidden[:, j % 3] + (0.3 + 0.1 * j) * rng.normal(size=rows)
        # Words and numbers in turn, later with more words or missing cells.
        if j % 2:
            words = np.array([f"w{k}" for k in range(4 + j)])
            table[f"c{j:02d}"] = words[np.digitize(values, np.linspace(-2, 2, 3 + j))]
        else:
            missing = rng.random(rows) < 0.02 * (j % 4)
            table[f"x{j:02d}"] = np.where(missing, np.nan, values.round(4))
    table["y"] = np.where(hidden.sum(axis=1) + rng.normal(size=rows) > 0, "yes", "no")
    return pd.DataFrame(table)


def measure(
    real: pd.DataFrame,
    rows: pd.DataFrame,
    holdout: pd.DataFrame,
    target: str,
    numeric: list[str],
) -> dict[str, Any]:
    """Time every metric, then `evaluate`; print the figures, and return them."""
    # What metrics share, such as distances, counts for the first that asks for it.
    start = time.perf_counter()
    tables = prepare(real, rows, holdout, target=target, numeric=numeric)
    lap = time.perf_counter()
    seconds = {"prepare": lap - start}
    print(f"{'prepare':26s} {lap - start:7.2f} s", flush=True)
    for metric in METRICS:
        score = metric.compute(tables, Streams(0))
        now = time.perf_counter()
        figure = score.status
        if score.ok:
            beside = ""
            if score.reference is not None:
                beside = f" ({score.reference.value:.4g})"
            figure = f"{score.value:.4g}{beside}, n = {score.n:,}"
        print(
            f"{metric.name:26s} {now - lap:7.2f} s  {metric.cost:6s}  {figure}",
            flush=True,
        )
        seconds[metric.name] = now - lap
        lap = now
    print(f"{'all, one by one':26s} {lap - start:7.2f} s")
    # They hold what the metrics share, which would count in the peak.
    del tables
    start = time.perf_counter()
    evaluate(real, rows, holdout=holdout, target=target, numeric=numeric)
    whole = time.perf_counter() - start
    print(f"{'evaluate':26s} {whole:7.2f} s  peak {peak_mb()} MB")
    return {
        "rows": len(real),
        "columns": len(real.columns),
        "threads": int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)),
        "one_by_one": round(sum(seconds.values()), 1),
        "evaluate": round(whole, 1),
        "peak_mb": peak_mb(),
        "seconds": {name: round(figure, 2) for name, figure in seconds.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", nargs="?", help="a folder of the data folder")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rows", help="judge this CSV")
    parser.add_argument("--made", nargs=2, type=int, metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--label", default="", help="what was special about this run")
    parser.add_argument(
        "--out", type=Path, default=HERE / "results" / "evaluation.jsonl"
    )
    parser.add_argument(
        "--table", action="store_true", help="write the table of README.md"
    )
    args = parser.parse_args()
    sources = [args.dataset, args.made]
    only_the_table = args.table and sources == [None, None]
    if sources.count(None) != 1 and not only_the_table:
        parser.error("name a dataset, or --made ROWS COLUMNS")
    record: dict[str, Any] = {"label": args.label, "seed": 0}
    # A made table has a holdout of the same population: another seed.
    if args.made:
        real, rows, holdout = (made(*args.made, seed) for seed in range(3))
        numeric = [name for name in real if name.startswith("x")]
        record["dataset"] = "made"
        record.update(measure(real, rows, holdout, "y", numeric))
    elif args.dataset:
        train, test, meta = read(args.data / args.dataset)
        numeric = meta["numerical"]
        rows = pd.read_csv(args.rows) if args.rows else noisy(train, numeric)
        record["dataset"] = args.dataset
        record.update(measure(train, rows, test, meta["target"], numeric))
    if "dataset" in record:
        table.keep(record, args.out)
    if args.table:
        table.write(HERE)


if __name__ == "__main__":
    main()
