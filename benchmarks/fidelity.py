"""Fit a literature table, sample as many rows, score them; or score others' rows.

    python benchmarks/fidelity.py adult magic --preset default --seeds 0 1
    python benchmarks/fidelity.py adult --rows rows.csv --label "ctgan 0.12.1"
    python benchmarks/fidelity.py --table

Each dataset is a folder with train.csv, test.csv and meta.json (target, numerical,
categorical) under --data, $SYNTHTAB_DATA or ../shared/data beside the repository. Every
run appends a line to results/<dataset>.jsonl; --table writes the newest of each into
README.md. A run has a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import outsiders
import pandas as pd
import table
from baselines import peak_mb

if TYPE_CHECKING:
    from synthtab import Synthesizer

HERE = Path(__file__).resolve().parent
# One folder for each dataset.
DATA = Path(os.environ.get("SYNTHTAB_DATA", HERE.parent.parent / "shared" / "data"))


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Training table, test table and meta data."""
    if not (folder / "train.csv").is_file():
        raise SystemExit(
            f"{folder} holds no train.csv; name the folder of the datasets with --data "
            "or SYNTHTAB_DATA"
        )
    train, test = (pd.read_csv(folder / f"{part}.csv") for part in ("train", "test"))
    return train, test, json.loads((folder / "meta.json").read_text())


def fitted(
    folder: Path, preset: str, seed: int, options: dict[str, Any], saved: Path | None
) -> tuple[Synthesizer, dict[str, Any]]:
    """This project's generator with the literature's column roles, and what it cost.

    It is read from ``saved`` if it lies there, and written to it otherwise.
    """
    from synthtab import Synthesizer, infer

    if saved and saved.is_file():
        cost = json.loads(saved.with_suffix(".json").read_text())
        return Synthesizer.load(saved), cost
    train, _, meta = read(folder)
    schema = infer(train, dict.fromkeys(meta["categorical"], "category"))
    start = time.perf_counter()
    model = Synthesizer(preset, target=meta["target"], seed=seed, **options)
    model.fit(train, schema)
    # The peak is that of the fit alone: this process does nothing else before.
    cost = {"fit_seconds": round(time.perf_counter() - start, 1), "peak_mb": peak_mb()}
    if saved:
        saved.parent.mkdir(parents=True, exist_ok=True)
        model.save(saved)
        saved.with_suffix(".json").write_text(json.dumps(cost))
    return model, cost


def fit_and_sample(job: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """As many rows as the training table has, and what they cost."""
    folder, options = Path(job["folder"]), dict(job["options"])
    name = "-".join(
        [
            folder.name,
            job["preset"],
            str(job["seed"]),
            *(f"{k}{v}" for k, v in options.items()),
        ]
    )
    saved = Path(job["models"]) / f"{name}.synthtab" if job.get("models") else None
    model, cost = fitted(folder, job["preset"], job["seed"], options, saved)
    start = time.perf_counter()
    rows = model.sample(len(read(folder)[0]))
    return rows, cost | {
        "sample_seconds": round(time.perf_counter() - start, 1),
        "device": str(model.device),
        "steps": model.report_.get("steps"),
        "stopped": model.report_.get("stopped"),
        "passes": model.report_.get("passes"),
        "refined": model.report_.get("refined"),
        "warnings": model.report_.get("warnings"),
    }


def score(folder: Path, rows: pd.DataFrame, seed: int = 0) -> dict[str, Any]:
    """The figures of a row of the table."""
    from synthtab import evaluate

    train, test, meta = read(folder)
    start = time.perf_counter()
    report = evaluate(
        train,
        rows,
        holdout=test,
        target=meta["target"],
        numeric=meta["numerical"],
        seed=seed,
    )
    value = {s.name: s.value for s in report.scores}
    beside = {
        s.name: s.reference.value for s in report.scores if s.reference is not None
    }
    return {
        "rows": len(rows),
        "shape": value["shape_error"],
        "shape_floor": beside["shape_error"],
        "trend": value["trend_error"],
        "trend_floor": beside["trend_error"],
        "auc": value["detection_auc"],
        "detection": value["detection_score"],
        "auc_logistic": value["detection_auc_logistic"],
        "utility": value["utility"],
        "utility_real": beside["utility"],
        "measure": report.score("utility").detail["measure"],
        "nearer": value["nearer_to_train"],
        "copies": value["exact_copies"],
        **outsiders.detection(train, rows, meta["categorical"]),
        **outsiders.against_test(train, test, rows, meta),
        **outsiders.membership(train, test, rows, meta),
        "copies_test": beside["exact_copies"],
        "evaluate_seconds": round(time.perf_counter() - start, 1),
    }


def run(job: dict[str, Any]) -> dict[str, Any]:
    """One fit, or one file of rows, scored."""
    folder = Path(job["folder"])
    record = {"label": job["label"], "dataset": folder.name, "seed": job["seed"]}
    if job["rows"] is None:
        rows, cost = fit_and_sample(job)
        if job["keep"]:
            rows.to_csv(job["keep"], index=False)
    else:
        rows = pd.read_csv(job["rows"])
        beside = Path(job["rows"]).with_suffix(".json")
        known = json.loads(beside.read_text()) if beside.is_file() else {}
        cost = {
            key: known[key]
            for key in ("fit_seconds", "sample_seconds", "peak_mb")
            if key in known
        }
    threads = os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
    system = {
        "threads": threads,
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    shared = {"shared": True} if job.get("shared") else {}
    return record | score(folder, rows) | cost | system | shared


def jobs(args: argparse.Namespace) -> list[dict[str, Any]]:
    """One per dataset, preset and seed."""
    options = {
        key: getattr(args, key)
        for key in ("time", "epochs", "device", "passes", "rare")
    }
    options = {key: value for key, value in options.items() if value is not None}
    found = []
    for dataset in args.datasets:
        for preset in ["rows"] if args.rows else args.preset:
            for seed in args.seeds:
                extra = "".join(
                    f", {key} {value}"
                    for key, value in options.items()
                    if key != "device"
                )
                found.append(
                    {
                        "folder": str(args.data / dataset),
                        "preset": preset,
                        "seed": seed,
                        "rows": args.rows,
                        "options": options,
                        "label": args.label or f"synthtab, {preset}{extra}",
                        "keep": args.keep,
                        "models": args.models,
                        "shared": args.shared,
                    }
                )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "datasets", nargs="*", help=f"any of {', '.join(table.DATASETS)}"
    )
    parser.add_argument("--preset", nargs="+", default=["default"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--time", help="time budget of each fit, such as 5m")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--passes", type=int)
    parser.add_argument(
        "--rare",
        type=int,
        help="values that fewer rows have are not learnt; 0 learns all",
    )
    parser.add_argument("--device")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rows", help="score this CSV instead of fitting")
    parser.add_argument("--label", help="name in the table")
    parser.add_argument("--keep", help="also write the sampled rows to this CSV")
    parser.add_argument(
        "--models",
        help="folder of fitted models: those that it lacks are fitted and written to it",
    )
    parser.add_argument(
        "--shared",
        action="store_true",
        help="other jobs run meanwhile: times do not count",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="append the records here instead of results/<dataset>.jsonl",
    )
    parser.add_argument(
        "--table", action="store_true", help="write the table of README.md"
    )
    args = parser.parse_args()
    if not args.datasets and not args.table:
        parser.error("name a dataset, or --table")
    if args.rows and not args.label:
        parser.error("--rows needs a --label")
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # the process that fits ends, too
    for job in jobs(args):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            record = pool.apply(run, (job,))
        out = args.out or HERE / "results" / f"{record['dataset']}.jsonl"
        table.keep(record, out)
    if args.table:
        table.write(HERE)


if __name__ == "__main__":
    main()
