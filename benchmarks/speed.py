"""Seconds and memory of the main jobs, each measured in a process of its own.

    python benchmarks/speed.py                     fit (60 s), sample, encode
    python benchmarks/speed.py race                time to the final quality of other projects
    python benchmarks/speed.py covtype             581,012 rows x 55 columns, 15 minutes at most
    python benchmarks/speed.py large               1,000,000 rows, 100,000 categories
    python benchmarks/speed.py race --python ctgan=ctgan-env/bin/python    fit theirs first, in the same run

The data folder is that of fidelity.py. OMP_NUM_THREADS bounds the number of cores. `race` needs the others' record in
results/adult.jsonl (fidelity.py --rows), or with --python an environment in which baselines.py can fit them anew.
Every figure is appended to results/speed.jsonl; `python benchmarks/fidelity.py --table` writes the newest of each into
README.md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import table
from baselines import peak_mb
from fidelity import DATA, HERE, read, score

Record = dict[str, Any]
# Seconds of training that `race` tries, one after the other.
BUDGETS = (1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90, 120, 180)
# Project -> its label in the results, and figure -> whether more (1) or less (-1) is
# better.
RACES = {
    "ctgan": ("ctgan 0.12.1", {"shape": -1, "trend": -1}),
    "mostlyai": ("mostlyai-engine 2.7.3", {"detection": 1, "utility": 1}),
}


def cores() -> str:
    """For the column "how"."""
    return f"{os.environ.get('OMP_NUM_THREADS', os.cpu_count())} cores"


def learnt(args: argparse.Namespace) -> Iterator[Record]:
    """A fit of Adult: peak memory of the process."""
    from synthtab import Synthesizer, infer

    train, _, meta = read(args.data / "adult")
    start = time.perf_counter()
    model = Synthesizer(time=args.time, target=meta["target"])
    model.fit(train, infer(train, dict.fromkeys(meta["categorical"], "category")))
    how = f"`Synthesizer(time={args.time!r}).fit`, Adult, {cores()}"
    yield {
        "what": "fit, Adult",
        "value": round(time.perf_counter() - start, 1),
        "unit": "s",
        "how": how,
    }
    yield {
        "what": "fit, Adult, peak memory",
        "value": peak_mb(),
        "unit": "MB",
        "how": how,
    }
    if args.model:
        model.save(args.model)


def sampled(args: argparse.Namespace) -> Iterator[Record]:
    """Rows a second of a fitted model into a DataFrame."""
    from synthtab import Synthesizer

    model = Synthesizer.load(args.model)
    model.sample(5000)
    for passes, rows in ((1, 200_000), (None, 50_000)):
        found = []
        for _ in range(args.repeat):
            start = time.perf_counter()
            model.sample(rows, passes=passes)
            found.append(rows / (time.perf_counter() - start))
        text = (
            "one pass"
            if passes
            else f"{model.report_['passes']} passes and trees, the default"
        )
        how = f"`sample({rows:,}{', passes=1' if passes else ''})`, Adult, {cores()}, median of {args.repeat}"
        yield {
            "what": f"sample, {text}",
            "value": round(statistics.median(found)),
            "unit": "rows/s",
            "how": how,
        }


def encoded(args: argparse.Namespace) -> Iterator[Record]:
    """A CSV of 1,000,000 x 15, one column of it with 100,000 categories, to codes and offsets."""
    from synthtab.core.randomness import Streams
    from synthtab.data import tables
    from synthtab.data.columns import infer
    from synthtab.data.encoder import TableEncoder

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "made.csv"
        job(write_made, path, args.rows)
        before, start = peak_mb(), time.perf_counter()
        frame = tables.read(path)
        frame = tables.typed(frame, schema := infer(frame, rare=5))
        held, streams = round(frame.memory_usage(deep=True).sum() / 2**20), Streams(0)
        TableEncoder.fit(frame, schema, streams, rare=5).encode(frame, streams)
        seconds = time.perf_counter() - start
    how = f"read, infer, fit the encoding, encode; one column of 100,000 categories; {cores()}"
    name = f"CSV of {args.rows:,} x 15 to codes"
    yield {"what": name, "value": round(seconds, 1), "unit": "s", "how": how}
    how = f"the same; the frame is {held:,} MB"
    yield {
        "what": f"{name}, peak beyond the frame",
        "value": peak_mb() - before - held,
        "unit": "MB",
        "how": how,
    }


def write_made(path: Path, rows: int) -> None:
    """Categories of several sizes, heaped integers, numbers, dates and missing cells."""
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {}
    for i, size in enumerate((2, 5, 9, 16, 42)):
        found[f"c{i}"] = np.array([f"value {k}" for k in range(size)])[
            rng.zipf(1.6, rows).clip(max=size) - 1
        ]
    found["town"] = [f"t{k:06d}" for k in (100_000 ** rng.random(rows)).astype(int)]
    for i in range(3):
        found[f"n{i}"] = np.where(
            rng.random(rows) < 0.6, 0, rng.gamma(1.0, 3000, rows)
        ).astype(int)
    for i in range(5):
        found[f"x{i}"] = np.where(
            rng.random(rows) < 0.03 * i,
            np.nan,
            rng.normal(10 * i, 2 + i, rows).round(3),
        )
    found["day"] = (
        pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 2000, rows), "D")
    ).strftime("%Y-%m-%d")
    pd.DataFrame(found).to_csv(path, index=False)


def raced(args: argparse.Namespace) -> Iterator[Record]:
    """Seconds of fit, on the smallest budget that reaches what another project has at the end of its own fit."""
    folder = args.data / "adult"
    for project, (label, figures) in RACES.items():
        theirs = _theirs(
            project, label, folder, dict(text.split("=", 1) for text in args.python)
        )
        if not theirs:
            print(
                f"no record of {label}: run fidelity.py --rows, or give --python {project}=...",
                flush=True,
            )
            continue
        asked = " and ".join(f"{name} {theirs[name]:.3g}" for name in figures)
        for budget in BUDGETS:
            ours = job(_raced, folder, budget)
            print(json.dumps({"budget": budget, **ours}), flush=True)
            if all(
                sign * ours[name] >= sign * theirs[name]
                for name, sign in figures.items()
            ):
                got = ", ".join(f"{name} {ours[name]:.3g}" for name in figures)
                how = f"`Synthesizer(time={budget})`, Adult: {got}; {label} took {theirs['fit_seconds']:.0f} s; {cores()}"
                name = f"to {asked} of {label}"
                yield {
                    "what": name,
                    "value": ours["fit_seconds"],
                    "unit": "s",
                    "how": how,
                }
                ratio = round(theirs["fit_seconds"] / ours["fit_seconds"], 1)
                yield {
                    "what": f"{name}, times faster",
                    "value": ratio,
                    "unit": "x",
                    "how": "fit of theirs / fit of ours",
                }
                break
        else:
            print(f"not reached: {asked} of {label}", flush=True)


def _theirs(
    project: str, label: str, folder: Path, pythons: dict[str, str]
) -> Record | None:
    if python := pythons.get(project):
        with tempfile.TemporaryDirectory() as scratch:
            rows = Path(scratch) / "rows.csv"
            command = [
                python,
                str(HERE / "baselines.py"),
                project,
                str(folder),
                str(rows),
            ]
            subprocess.run(
                command,
                check=True,
                env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            )
            return job(score, folder, pd.read_csv(rows)) | json.loads(
                rows.with_suffix(".json").read_text()
            )
    records = [
        json.loads(line)
        for line in (HERE / "results" / "adult.jsonl").read_text().splitlines()
    ]
    return next(
        (r for r in reversed(records) if r["label"] == label and "fit_seconds" in r),
        None,
    )


def _raced(folder: Path, budget: float) -> Record:
    from synthtab import Synthesizer, infer

    train, _, meta = read(folder)
    start = time.perf_counter()
    schema = infer(train, dict.fromkeys(meta["categorical"], "category"))
    model = Synthesizer(time=budget, target=meta["target"]).fit(train, schema)
    seconds = round(time.perf_counter() - start, 1)
    return {"fit_seconds": seconds} | {
        k: v for k, v in score(folder, model.sample(len(train))).items() if k in FIGURES
    }


FIGURES = {name for _, figures in RACES.values() for name in figures}


def covered(args: argparse.Namespace) -> Iterator[Record]:
    """The whole of covtype, with the default preset and 15 minutes in all at most."""
    from synthtab import Synthesizer, evaluate

    table = pd.read_parquet(args.data / "messy" / "covtype.parquet")
    start = time.perf_counter()
    model = Synthesizer(time=args.budget).fit(table)
    seconds, held = round(time.perf_counter() - start, 1), peak_mb()
    how = f"{len(table):,} x {table.shape[1]}, `Synthesizer(time={args.budget!r})`, {cores()}"
    yield {"what": "covtype, fit", "value": seconds, "unit": "s", "how": how}
    yield {"what": "covtype, fit, peak memory", "value": held, "unit": "MB", "how": how}
    start = time.perf_counter()
    rows = model.sample(args.sampled)
    speed = round(args.sampled / (time.perf_counter() - start))
    how = f"{args.sampled:,} rows, {model.report_['passes']} passes"
    yield {"what": "covtype, sample", "value": speed, "unit": "rows/s", "how": how}
    wanted = ["detection_score", "shape_error", "trend_error"]
    real = table.sample(args.sampled, random_state=0).reset_index(drop=True)
    for one in evaluate(real, rows, metrics=wanted).scores:
        yield {
            "what": f"covtype, {one.name}",
            "value": round(one.value, 3),
            "unit": "",
            "how": how,
        }


def large(args: argparse.Namespace) -> Iterator[Record]:
    """A column of 100,000 categories in a table of 1,000,000 rows: memory, and how often the commonest ones come."""
    from synthtab import Synthesizer, infer

    rng = np.random.default_rng(0)
    town = (100_000 ** rng.random(args.rows)).astype(int)
    table = pd.DataFrame(
        {
            "town": pd.Series(town).map("t{:06d}".format),
            "region": pd.Series(town % 17).map("region {}".format),
            "amount": np.round(rng.gamma(2.0, 10.0 + town % 5, args.rows), 2),
            "paid": np.where(
                rng.random(args.rows) < 0.2 + 0.6 * (town % 2), "yes", "no"
            ),
        }
    )
    before, start = peak_mb(), time.perf_counter()
    model = Synthesizer(time=args.time, rare=args.rare).fit(
        table, infer(table, {"town": "category"}, rare=args.rare)
    )
    name = f"{args.rows:,} rows, a column of {table['town'].nunique():,} categories"
    how = f"`Synthesizer(time={args.time!r}, rare={args.rare})`, {cores()}"
    yield {
        "what": f"{name}: fit",
        "value": round(time.perf_counter() - start, 1),
        "unit": "s",
        "how": how,
    }
    yield {
        "what": f"{name}: peak memory",
        "value": peak_mb(),
        "unit": "MB",
        "how": f"{how}; {before} MB before the fit",
    }
    shares = (
        frame["town"].value_counts(normalize=True)
        for frame in (table, model.sample(2 * args.sampled))
    )
    real, synthetic = shares
    for count in (10, 100):
        head = real.head(count)
        error = ((synthetic.reindex(head.index, fill_value=0) - head) / head).abs()
        how = f"{2 * args.sampled:,} rows sampled; the largest difference is {error.max():.1%}"
        name = f"of the {count} commonest, mean difference of frequency"
        yield {
            "what": name,
            "value": round(100 * error.mean(), 1),
            "unit": "%",
            "how": how,
        }


WHAT: dict[str, Callable[[argparse.Namespace], Iterator[Record]]] = {
    "fit": learnt,
    "sample": sampled,
    "encode": encoded,
    "race": raced,
    "covtype": covered,
    "large": large,
}


def job(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a fresh process, whose peak memory is its own."""
    with ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        return pool.submit(function, *arguments).result()


def alone(name: str, args: argparse.Namespace) -> list[Record]:
    """All records of one measurement."""
    return list(WHAT[name](args))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what",
        nargs="*",
        help=f"any of {', '.join(WHAT)}; fit, sample and encode if not given",
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--time", default="60s", help="budget of the fit of Adult")
    parser.add_argument(
        "--model",
        type=Path,
        help="sample from this model of Adult instead of fitting one",
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to encode")
    parser.add_argument("--budget", default="10m", help="training time for covtype")
    parser.add_argument(
        "--sampled", type=int, default=100_000, help="rows of covtype to sample"
    )
    parser.add_argument("--rare", type=int, default=5, help="for `large`")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument(
        "--python",
        nargs="+",
        default=[],
        metavar="PROJECT=PYTHON",
        help="fit theirs, too",
    )
    parser.add_argument("--out", type=Path, default=HERE / "results" / "speed.jsonl")
    args = parser.parse_args()
    if wrong := set(args.what) - set(WHAT):
        parser.error(f"there is no {sorted(wrong)[0]!r}; choose from {', '.join(WHAT)}")
    names = args.what or ["fit", "sample", "encode"]
    with tempfile.TemporaryDirectory() as scratch:
        if args.model is None:
            args.model = Path(scratch) / "adult.synthtab"
            names = (
                ["fit", *names] if "sample" in names and "fit" not in names else names
            )
        else:
            names = [name for name in names if name != "fit"]
        for name in names:
            for record in job(alone, name, args):
                table.keep(record, args.out)


if __name__ == "__main__":
    main()
