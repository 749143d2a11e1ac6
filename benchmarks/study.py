"""Can the verdict of an augmentation study be trusted? Rows of which the answer is known.

    python benchmarks/study.py
    python benchmarks/study.py --tables penguins --seeds 1 --kinds noise

A user has 200 real rows of a shipped table and is offered as many rows more. Everybody
knows what they are worth:

- noise: every column of the real rows shuffled by itself. It must be said to hurt.
- duplicates: the real rows once more. They bring nothing.
- fresh: other real rows of the table. They should help; where that cannot be told, the
  study must say how many rows would tell it.

Models are tested on all rows of the table that are left, at most 1,000. penguins has
333 rows whose sex is known: half of the 133 left are the fresh rows, and half are
tested on. Each study has the defaults of `synthtab.augment.study`, and is counted by
what its first line says.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pandas as pd

from synthtab import datasets
from synthtab.augment import study
from synthtab.core.randomness import Streams

TARGETS = {"flights": "arr_delay", "penguins": "sex", "anes96": "vote"}
KINDS = ("noise", "duplicates", "fresh")
ROWS = 200
MOST_TESTED = 1_000
# How a study names the rows that would tell.
NAMES_ROWS = r"takes\s+a\s+(?:holdout|table)\s+of"
# What should be said of each kind.
RIGHT = {"noise": "hurts", "duplicates": "no evidence", "fresh": "helps"}


def parts(name: str, kind: str, seed: int) -> tuple[pd.DataFrame, ...]:
    """Real rows, added rows, and rows to test on."""
    table = datasets.load(name).dropna(subset=[TARGETS[name]])
    streams = Streams(seed)
    order = streams.numpy("parts").permutation(len(table))
    table = table.iloc[order].reset_index(drop=True)
    real = table.head(ROWS)
    rest = table.iloc[ROWS:]
    if kind == "noise":
        shuffled = {}
        for column in real:
            rows = streams.numpy(f"noise {column}").permutation(ROWS)
            shuffled[column] = real[column].to_numpy()[rows]
        added = pd.DataFrame(shuffled).astype(real.dtypes)
    elif kind == "duplicates":
        added = real.copy()
    else:
        count = min(ROWS, len(rest) // 2)
        added = rest.head(count)
        rest = rest.iloc[count:]
    return real, added, rest.head(MOST_TESTED)


def run(name: str, kind: str, seed: int) -> dict[str, Any]:
    """One study, and what it says."""
    real, added, test = parts(name, kind, seed)
    start = time.perf_counter()
    result = study(real, added, TARGETS[name], test, seed=seed)
    seconds = time.perf_counter() - start
    return {
        "table": name,
        "kind": kind,
        "seed": seed,
        "added": len(added),
        "tested": len(test),
        "seconds": round(seconds, 1),
        "answer": result.verdict.answer,
        "text": str(result),
    }


def summary(records: list[dict[str, Any]]) -> str:
    """A row for each kind and table: in how many studies each thing was said."""
    found = pd.DataFrame(records)
    found["names"] = found["text"].str.contains(NAMES_ROWS)
    found["trend"] = found["text"].str.contains("the more rows, the")
    lines = [f"{'':24}{'right':>6}{'of':>4}{'rows named':>12}{'trend':>7}"]
    groups = [(kind, found[found["kind"] == kind]) for kind in found["kind"].unique()]
    for kind, of_kind in groups:
        parts = [(kind, of_kind)]
        parts += [(f"  {name}", part) for name, part in of_kind.groupby("table")]
        for label, part in parts:
            right = int((part["answer"] == RIGHT[kind]).sum())
            undecided = part[part["answer"] == "no evidence"]
            named = f"{int(undecided['names'].sum())}/{len(undecided)}"
            trend = int(part["trend"].sum())
            lines.append(f"{label:24}{right:>6}{len(part):>4}{named:>12}{trend:>7}")
    lines.append(f"{found['seconds'].mean():.1f} s a study")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", nargs="+", default=list(TARGETS))
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0")
    parser.add_argument("--out", type=Path, help="append a line of JSON a study")
    args = parser.parse_args()
    records = []
    for kind in args.kinds:
        for name in args.tables:
            for seed in range(args.seeds):
                record = run(name, kind, seed)
                records.append(record)
                first_lines = "\n".join(record["text"].splitlines()[2:5])
                heading = f"{kind}, {name}, seed {seed}, {record['seconds']} s"
                print(f"{heading}\n{first_lines}", flush=True)
                if args.out:
                    with args.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(record) + "\n")
    print(summary(records))


if __name__ == "__main__":
    main()
