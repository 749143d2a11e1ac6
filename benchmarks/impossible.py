"""How many synthetic rows are impossible, and how many real ones are called so?

    python benchmarks/impossible.py flights penguins anes96      # the preset default
    python benchmarks/impossible.py adult --preset quick --data ../shared/data
    python benchmarks/impossible.py flights --time 30s --seeds 0 1 2
    python benchmarks/impossible.py table.csv --real             # no fit at all

Real against real: the table is cut in halves at random, and one stands for the synthetic
rows; the other is cut again, relations are found in one half of it and counted in the
other. The score should be 0, and no relation be named. Synthetic against real: as many
rows are sampled as the whole table has, and compared with the whole table. A table is one
of datasets/, a folder of the data folder (see fidelity.py) or a file. Every run appends a
line to results/impossible.jsonl.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import table
from fidelity import DATA, HERE, read

from synthtab import Synthesizer, datasets
from synthtab.data.columns import infer
from synthtab.evaluation import Score, evaluate

# Relations that are printed of each report.
WORST = 5
# Cuts of a table into halves.
CUTS = 5


def load(name: str, data: Path) -> pd.DataFrame:
    """A table by name, folder or file."""
    if Path(name).is_file():
        if name.endswith(".parquet"):
            return pd.read_parquet(name)
        return pd.read_csv(name)
    if (data / name).is_dir():
        return read(data / name)[0]
    return datasets.load(name)


def score(real: pd.DataFrame, rows: pd.DataFrame, seed: int, **options: Any) -> Score:
    found = evaluate(real, rows, metrics=["impossible_rows"], seed=seed, **options)
    return found.scores[0]


def told(one: Score) -> dict[str, Any]:
    """A score as figures in percent."""
    if not one.ok:
        return {"score": None, "why": one.status}
    return {
        "score": round(one.value, 3),
        "synthetic": round(100 * one.detail["synthetic"], 3),
        "real": round(100 * one.detail["real"], 3),
        "relations": one.detail["number of relations"],
        "named": one.detail["number broken"],
        "worst": [
            f"{relation['fault']} ({100 * relation['synthetic']:.2f} %)"
            for relation in one.detail["relations"][:WORST]
        ],
    }


def real_against_real(frame: pd.DataFrame, cuts: int) -> dict[str, Any]:
    """The mean over random cuts, and how often a relation was named."""
    schema = infer(frame, rare=0)
    found = []
    for seed in range(cuts):
        order = np.random.default_rng(seed).permutation(len(frame))
        halves = np.array_split(order, 2)
        real, rows = (frame.iloc[part].reset_index(drop=True) for part in halves)
        found.append(told(score(real, rows, seed, schema=schema)))
    there = [one for one in found if one["score"] is not None]
    means = {
        key: round(float(np.mean([one[key] for one in there])), 3) if there else None
        for key in ("score", "synthetic", "real", "relations")
    }
    return {**means, "named": sum(one["named"] for one in there), "cuts": cuts}


def synthetic(frame: pd.DataFrame, seed: int, options: dict[str, Any]) -> Any:
    """As many rows as the table has, and the seconds of the fit."""
    start = time.perf_counter()
    model = Synthesizer(seed=seed, **options).fit(frame)
    seconds = time.perf_counter() - start
    return model.sample(len(frame)), round(seconds, 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--time", help="time for a fit, such as 30s")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--cuts", type=int, default=CUTS)
    parser.add_argument("--real", action="store_true", help="real against real alone")
    parser.add_argument("--rows", type=Path, help="judge these rows, fit nothing")
    parser.add_argument("--label", default="")
    parser.add_argument(
        "--out", type=Path, default=HERE / "results" / "impossible.jsonl"
    )
    args = parser.parse_args()
    for name in args.tables:
        frame = load(name, args.data)
        beside = real_against_real(frame, args.cuts)
        print(f"{Path(name).stem}: {len(frame):,} rows", flush=True)
        print(f"  real against real: {beside}", flush=True)
        record = {"dataset": Path(name).stem, "rows": len(frame), "label": args.label}
        if args.real:
            table.keep({**record, "real": beside}, args.out)
            continue
        options: dict[str, Any] = {"preset": args.preset}
        if args.time:
            options["time"] = args.time
        for seed in args.seeds:
            seconds = None
            if args.rows:
                rows = pd.read_csv(args.rows)
            else:
                rows, seconds = synthetic(frame, seed, options)
            found = told(score(frame, rows, seed))
            print(f"  synthetic, seed {seed}, fit {seconds} s:", flush=True)
            for key, value in found.items():
                if key != "worst":
                    print(f"    {key} {value}")
            for line in found.get("worst", ()):
                print(f"      {line}", flush=True)
            kept = {"real": beside, "found": found, "seed": seed, "fit": seconds}
            table.keep({**record, **options, **kept}, args.out)


if __name__ == "__main__":
    main()
