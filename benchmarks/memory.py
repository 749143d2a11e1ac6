"""Memory of fits and samples, and whether `fit --dry-run` foretells it.

    python benchmarks/memory.py expected
    python benchmarks/memory.py pieces
    python benchmarks/memory.py sample --model adult.synthtab

"expected" compares what a dry run says with what a fit takes, for several tables.
"pieces" learns CSV and Parquet files of 1,000,000 and 5,000,000 rows, at once and in
pieces. "sample" writes 200,000 to 10,000,000 rows to Parquet and CSV.

Each line has a process of its own. Taken is the most resident memory beyond what the
process held before the fit; of tables in pieces, the most anonymous memory (Linux),
since mapped files are not counted. The data folder is that of fidelity.py. Every run
appends to results/memory.jsonl; `python benchmarks/fidelity.py --table` writes the
newest of each into README.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import table
from baselines import peak_mb
from fidelity import DATA, HERE
from growth import resident
from speed import job, write_made

Record = dict[str, Any]
# Short fits with the networks of the default: memory does not grow with time.
BRIEF: dict[str, Any] = dict(epochs=1, checks=1, passes=1)
# Small networks and hardly a step: what is left is the table.
SMALL: dict[str, Any] = dict(
    width=64, noise=16, checks=1, work=1e-6, rounds=0, passes=1
)


def literature(name: str) -> Callable[[Path], pd.DataFrame]:
    """The training table of a folder of the data."""
    return lambda data: pd.read_csv(data / name / "train.csv")


def words(data: Path) -> pd.DataFrame:
    """Categories alone."""
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"w{k}" for k in range(120)])
    columns = {}
    for j in range(60):
        columns[f"c{j}"] = vocabulary[rng.integers(120, size=20_000)]
    return pd.DataFrame(columns)


def numbers(data: Path) -> pd.DataFrame:
    """Normal numbers alone."""
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(20_000, 100)).round(4)
    return pd.DataFrame(cells).add_prefix("x")


def bits(data: Path) -> pd.DataFrame:
    """0 and 1 alone."""
    rng = np.random.default_rng(0)
    cells = (rng.random((20_000, 200)) < 0.1).astype(int)
    return pd.DataFrame(cells).add_prefix("b")


# Name in the results -> what makes the table, and the batch of its fit.
TABLES: dict[str, tuple[Callable[[Path], pd.DataFrame], int]] = {
    "Adult": (literature("adult"), 512),
    "Adult, batch 4,096": (literature("adult"), 4096),
    "News, batch 4,096": (literature("news"), 4096),
    "60 columns of 120 words, 20,000 rows": (words, 512),
    "100 columns of numbers, 20,000 rows": (numbers, 512),
    "200 columns of 0 and 1, 20,000 rows": (bits, 512),
}


def planned(name: str, data: Path) -> int:
    """MB that a fit is expected to take, in a process that does not fit."""
    # Not in that of the fit: a plan tries a few steps, which take memory.
    from synthtab import Synthesizer

    make, batch = TABLES[name]
    plan = Synthesizer(batch=batch, **BRIEF).plan(make(data))
    return round(plan["memory_bytes"] / 2**20)


def taken(name: str, data: Path) -> int:
    """MB that it takes, beyond what the process held before."""
    from synthtab import Synthesizer

    make, batch = TABLES[name]
    frame = make(data)
    before = peak_mb()
    Synthesizer(batch=batch, **BRIEF).fit(frame)
    return peak_mb() - before


def in_pieces(path: Path, rows: int, at_once: int | None) -> Record:
    """The most anonymous memory of a fit of a file."""
    from synthtab import Synthesizer

    seen = [0]
    done = threading.Event()

    def watch() -> None:
        # The system keeps the peak of all memory, but not of its anonymous part.
        while not done.wait(0.02):
            seen.append(resident("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        Synthesizer(**SMALL).fit(path, at_once=at_once)
    finally:
        done.set()
        watcher.join()
    size = f"{format_of(path.suffix)}, {path.stat().st_size >> 20} MB"
    how = "at once" if at_once is None else "in pieces"
    seconds = round(time.perf_counter() - start, 1)
    return {
        "part": "pieces",
        "what": f"{rows:,} rows, {size}",
        "how": how,
        "taken": max(seen),
        "seconds": seconds,
    }


def format_of(suffix: str) -> str:
    """How the results call a format."""
    return "CSV" if suffix == ".csv" else "Parquet"


def write_rows(model: Path, rows: int, suffix: str) -> Record:
    """The most memory of `synthtab sample`, and its seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            sys.executable,
            "-m",
            "synthtab_cli.main",
            "sample",
            "-n",
            str(rows),
            "-m",
            str(model.resolve()),
        ]
        start = time.perf_counter()
        subprocess.run(
            [*command, "--passes", "1", "-q", "-o", f"rows{suffix}"],
            cwd=scratch,
            check=True,
        )
        seconds = time.perf_counter() - start
    # Of the command, which was a process of its own.
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    memory = round(usage.ru_maxrss / 1024)
    name = f"{rows:,} rows to {format_of(suffix)}"
    return {
        "part": "sample",
        "what": name,
        "taken": memory,
        "seconds": round(seconds, 1),
    }


def expected(args: argparse.Namespace) -> Iterator[Record]:
    """All of `TABLES`."""
    for name in TABLES:
        figures = {
            "expected": job(planned, name, args.data),
            "taken": job(taken, name, args.data),
        }
        yield {"part": "expected", "what": name, **figures}


def pieces(args: argparse.Namespace) -> Iterator[Record]:
    """A made table of 15 columns, one of them of 100,000 categories."""
    with tempfile.TemporaryDirectory() as scratch:
        for rows in args.rows or (1_000_000, 5_000_000):
            path = Path(scratch) / f"made{rows}.csv"
            job(write_made, path, rows)
            job(_to_parquet, path)
            for file in (path, path.with_suffix(".parquet")):
                # The latter is too little for either file.
                for at_once in (None, 20_000_000):
                    yield job(in_pieces, file, rows, at_once)


def _to_parquet(path: Path) -> None:
    pd.read_csv(path).to_parquet(path.with_suffix(".parquet"))


def sample(args: argparse.Namespace) -> Iterator[Record]:
    """From few rows to many."""
    # As CSV, 10 million rows would take a long time and show nothing else.
    for suffix, sizes in (
        (".parquet", (200_000, 1_000_000, 10_000_000)),
        (".csv", (200_000, 1_000_000)),
    ):
        for rows in args.rows or sizes:
            yield job(write_rows, args.model, rows, suffix)


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Record]]] = {
    "expected": expected,
    "pieces": pieces,
    "sample": sample,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--model", type=Path, help="for `sample`")
    parser.add_argument(
        "--rows", nargs="+", type=int, help="sizes, instead of those above"
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "memory.jsonl")
    args = parser.parse_args()
    if "sample" in args.parts and args.model is None:
        parser.error("sample needs a --model")
    for part in args.parts:
        for record in PARTS[part](args):
            record["threads"] = os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
            table.keep(record, args.out)


if __name__ == "__main__":
    main()
