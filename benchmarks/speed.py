"""Seconds to sample 100,000 Adult rows to CSV, and the memory of a fit, through the installed command.

    python benchmarks/speed.py [--time 60s] [--preset default] [--rows 100000] [--model adult.synthtab]

The data folder is that of fidelity.py. Start-up of the command is part of the seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def timed(command: list[str], folder: Path) -> tuple[float, int]:
    """Seconds of a command and the most memory (MB) that any child of this process has held so far."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return seconds, round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit)


def main() -> None:
    default_data = os.environ.get("SYNTHTAB_DATA", str(HERE.parent.parent / "shared" / "data"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(default_data))
    parser.add_argument("--preset", default="default")
    parser.add_argument("--time", help="time budget of the fit; the preset's own if not given")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--model", type=Path, help="sample from this model instead of fitting one")
    args = parser.parse_args()
    command = [sys.executable, "-m", "synthtab_cli.main"]
    threads = os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
    records: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = args.model.resolve() if args.model else folder / "adult.synthtab"
        out = folder / "rows.csv"
        sampling = [*command, "sample", "-n", str(args.rows), "-m", str(model), "--passes", "1", "-o", str(out), "-q"]
        if not args.model:
            budget = ["--time", args.time] if args.time else []
            fit = [*command, "fit", str(args.data / "adult" / "train.csv"), "-o", str(model), "--preset", args.preset]
            seconds, memory = timed([*fit, "--target", "income", *budget, "-q"], folder)
            how = f"`synthtab fit --preset {args.preset}`{f', --time {args.time}' if args.time else ''}, Adult"
            records.append({"what": "fit, peak memory", "value": memory, "unit": "MB", "how": how})
            records.append({"what": "fit, seconds", "value": round(seconds, 1), "unit": "s", "how": how})
        runs = sorted(timed(sampling, folder)[0] for _ in range(args.repeat))
        how = f"`synthtab sample -n {args.rows}`, one pass, to CSV, {threads} threads, median of {args.repeat}"
        records.append(
            {"what": f"sample {args.rows:,} rows", "value": round(runs[len(runs) // 2], 2), "unit": "s", "how": how}
        )
    results = HERE / "results" / "speed.jsonl"
    results.parent.mkdir(exist_ok=True)
    with results.open("a") as file:
        for record in records:
            file.write(json.dumps(record) + "\n")
            print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
