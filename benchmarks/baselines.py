"""Fit another project's generator with its own defaults, and write rows of it.

This file runs inside an environment of that project, not of this one: it needs pandas
and the generator, nothing else. The rows are then scored like any others::

    python3 -m venv ctgan-env && ctgan-env/bin/pip install ctgan==0.12.1
    OMP_NUM_THREADS=1 ctgan-env/bin/python benchmarks/baselines.py \\
        ctgan DATA/adult rows.csv
    python benchmarks/fidelity.py adult --rows rows.csv --label "ctgan 0.12.1"

`mostlyai` wants ``mostlyai-engine==2.7.3``; on a CPU-only torch remove torchvision and
torchaudio. The last line on stdout is JSON: method, version, fit and sample seconds,
peak memory. It is also written beside the rows (``rows.json``), where ``fidelity.py
--rows`` picks the seconds up.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

# A number of rows -> so many rows.
Sample = Callable[[int], pd.DataFrame]
# A table, what it is, a seed -> what draws rows like it.
Fit = Callable[[pd.DataFrame, dict[str, Any], int], Sample]


def ctgan(table: pd.DataFrame, meta: dict[str, Any], seed: int) -> Sample:
    """CTGAN as `pip install ctgan` gives it: 300 epochs, every default."""
    from ctgan import CTGAN

    model = CTGAN(verbose=True)
    model.set_random_state(seed)
    model.fit(table, discrete_columns=meta["categorical"])
    return model.sample


def mostlyai(table: pd.DataFrame, meta: dict[str, Any], seed: int) -> Sample:
    """TabularARGN of mostlyai-engine with every default; categories come as text."""
    from mostlyai.engine import TabularARGN

    model = TabularARGN(random_state=seed)
    model.fit(table.astype(dict.fromkeys(meta["categorical"], str)))
    return lambda rows: model.sample(n_samples=rows)


# Name on the command line -> its package, and how it is fitted.
METHODS: dict[str, tuple[str, Fit]] = {
    "ctgan": ("ctgan", ctgan),
    "mostlyai": ("mostlyai-engine", mostlyai),
}


def peak_mb() -> int:
    """The most memory that this process has held."""
    # macOS counts in bytes, Linux in KiB.
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("folder", type=Path, help="holds train.csv and meta.json")
    parser.add_argument("out", type=Path, help="where the rows go (CSV)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--times", type=int, default=1, help="rows to write for each row of the table"
    )
    parser.add_argument(
        "--limit", type=int, help="fit the first rows only, to try things out"
    )
    args = parser.parse_args()

    table = pd.read_csv(args.folder / "train.csv", nrows=args.limit)
    meta = json.loads((args.folder / "meta.json").read_text())
    package, fit = METHODS[args.method]
    start = time.perf_counter()
    sample = fit(table, meta, args.seed)
    end_of_fit = time.perf_counter()
    # Some generators write columns in an order of their own.
    rows = sample(args.times * len(table))[list(table.columns)]
    end_of_sample = time.perf_counter()
    rows.to_csv(args.out, index=False)
    record = {
        "method": args.method,
        "label": f"{package} {importlib.metadata.version(package)}",
        "dataset": meta["name"],
        "seed": args.seed,
        "rows": len(rows),
        "fit_seconds": round(end_of_fit - start, 1),
        "sample_seconds": round(end_of_sample - end_of_fit, 1),
        "peak_mb": peak_mb(),
    }
    args.out.with_suffix(".json").write_text(json.dumps(record) + "\n")
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
