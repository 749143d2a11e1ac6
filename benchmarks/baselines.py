"""Fit another project's generator with its own defaults and write rows like the table's.

This file runs inside an environment of that project, not of this one: it needs pandas and the
generator, nothing else. The rows are then scored like any others::

    python3 -m venv ctgan-env && ctgan-env/bin/pip install ctgan==0.12.1
    OMP_NUM_THREADS=1 ctgan-env/bin/python benchmarks/baselines.py ctgan DATA/adult rows.csv
    python benchmarks/fidelity.py adult --rows rows.csv --label "ctgan 0.12.1"

`mostlyai` wants ``mostlyai-engine==2.7.3``; on a CPU-only torch remove torchvision and torchaudio.
The last line on stdout is JSON: method, version, fit and sample seconds, peak memory. It is also
written beside the rows (``rows.json``), where ``fidelity.py --rows`` picks the seconds up.
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

Fitted = Callable[[int], pd.DataFrame]


def ctgan(table: pd.DataFrame, meta: dict[str, Any], seed: int) -> Fitted:
    """CTGAN as `pip install ctgan` gives it: 300 epochs, every default."""
    from ctgan import CTGAN

    model = CTGAN(verbose=True)
    model.set_random_state(seed)
    model.fit(table, discrete_columns=meta["categorical"])
    return model.sample


def mostlyai(table: pd.DataFrame, meta: dict[str, Any], seed: int) -> Fitted:
    """TabularARGN of mostlyai-engine with every default; categories are handed over as text."""
    from mostlyai.engine import TabularARGN

    model = TabularARGN(random_state=seed)
    model.fit(table.astype(dict.fromkeys(meta["categorical"], str)))
    return lambda rows: model.sample(n_samples=rows)


METHODS: dict[
    str, tuple[str, Callable[[pd.DataFrame, dict[str, Any], int], Fitted]]
] = {
    "ctgan": ("ctgan", ctgan),
    "mostlyai": ("mostlyai-engine", mostlyai),
}


def peak_mb() -> int:
    """The most memory that this process has held; macOS counts in bytes, Linux in KiB."""
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
    fitted = time.perf_counter()
    rows = sample(args.times * len(table))[list(table.columns)]
    sampled = time.perf_counter()
    rows.to_csv(args.out, index=False)
    record = {
        "method": args.method,
        "label": f"{package} {importlib.metadata.version(package)}",
        "dataset": meta["name"],
        "seed": args.seed,
        "rows": len(rows),
        "fit_seconds": round(fitted - start, 1),
        "sample_seconds": round(sampled - fitted, 1),
        "peak_mb": peak_mb(),
    }
    args.out.with_suffix(".json").write_text(json.dumps(record) + "\n")
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
