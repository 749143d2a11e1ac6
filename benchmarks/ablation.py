"""What each part contributes: fit without it, for the same time, and score.

    python benchmarks/ablation.py adult magic default --time 2m

Every run appends a line to results/ablation.jsonl; `python benchmarks/fidelity.py
--table` writes the newest of each into README.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
from pathlib import Path
from typing import Any

import fidelity
import table

# Variant -> what differs from the default preset.
VARIANTS: dict[str, dict[str, Any]] = {
    "everything": {},
    "the game alone: no cross-entropy, no density": {
        "cross_entropy": 0.0,
        "density": 0.0,
        "adversarial_every": 1,
    },
    "the same, no pair moments": {
        "cross_entropy": 0.0,
        "density": 0.0,
        "adversarial_every": 1,
        "moments": 0.0,
    },
    "likelihood alone: no critic, no pair moments": {
        "adversarial": 0.0,
        "moments": 0.0,
    },
    "one pass": {"passes": 1},
    "no tree critic, no raking": {"rounds": 0, "rake": False},
    "no tree critic": {"rounds": 0},
    "no raking": {"rake": False},
    "no links": {"links": False},
    "no crosses": {"crosses": False},
    "Gaussian modes": {"continuous": "mixture"},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--time", default="2m", help="training time of every variant")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--data", type=Path, default=fidelity.DATA)
    parser.add_argument(
        "--out", type=Path, default=fidelity.HERE / "results" / "ablation.jsonl"
    )
    args = parser.parse_args()
    for dataset in args.datasets:
        for seed in args.seeds:
            for name in args.only:
                job = {
                    "folder": str(args.data / dataset),
                    "preset": "default",
                    "seed": seed,
                    "rows": None,
                    "keep": None,
                    "label": name,
                    "options": {"time": args.time, **VARIANTS[name]},
                }
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    record = {**pool.apply(fidelity.run, (job,)), "time": args.time}
                table.keep(record, args.out)


if __name__ == "__main__":
    main()
