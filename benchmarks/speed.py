"""Seconds and memory of the main jobs, each measured in a process of its own.

    python benchmarks/speed.py            fit (60 s), sample, encode
    python benchmarks/speed.py race       time to the final quality of other projects
    python benchmarks/speed.py covtype    581,012 rows x 55 columns, 15 minutes at most
    python benchmarks/speed.py large      1,000,000 rows, 100,000 categories
    python benchmarks/speed.py devices    the same fits on the GPU and on the cores of a machine
    python benchmarks/speed.py race --python ctgan=ctgan-env/bin/python

The data folder is that of fidelity.py. OMP_NUM_THREADS bounds the number of cores.
`race` needs the others' record in results/adult.jsonl (fidelity.py --rows); with
--python it fits them first, in an environment in which baselines.py runs. Every figure
is appended to results/speed.jsonl; `python benchmarks/fidelity.py --table` writes the
newest of each into README.md.
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


def record(what: str, value: float, unit: str, how: str) -> Record:
    """A line of the results: what was measured, and how."""
    return {"what": what, "value": value, "unit": unit, "how": how}


def fit(args: argparse.Namespace) -> Iterator[Record]:
    """A fit of Adult: peak memory of the process."""
    from synthtab import Synthesizer, infer

    train, _, meta = read(args.data / "adult")
    start = time.perf_counter()
    model = Synthesizer(time=args.time, target=meta["target"])
    model.fit(train, infer(train, dict.fromkeys(meta["categorical"], "category")))
    how = f"`Synthesizer(time={args.time!r}).fit`, Adult, {cores()}"
    seconds = round(time.perf_counter() - start, 1)
    yield record("fit, Adult", seconds, "s", how)
    yield record("fit, Adult, peak memory", peak_mb(), "MB", how)
    if args.model:
        model.save(args.model)


def sample(args: argparse.Namespace) -> Iterator[Record]:
    """Rows a second of a fitted model into a DataFrame."""
    from synthtab import Synthesizer

    model = Synthesizer.load(args.model)
    # The first rows take longer: threads start, memory is taken.
    model.sample(5000)
    default = f"{model.report_['passes']} passes and trees, the default"
    for name, rows, options in (
        ("one pass", 200_000, {"passes": 1}),
        (default, 50_000, {}),
    ):
        speeds = []
        for _ in range(args.repeat):
            start = time.perf_counter()
            model.sample(rows, **options)
            speeds.append(rows / (time.perf_counter() - start))
        listed = "".join(f", {key}={value}" for key, value in options.items())
        how = f"`sample({rows:,}{listed})`, Adult, {cores()}, median of {args.repeat}"
        speed = round(statistics.median(speeds))
        yield record(f"sample, {name}", speed, "rows/s", how)


def encode(args: argparse.Namespace) -> Iterator[Record]:
    """A CSV of 1,000,000 x 15 to codes; one column has 100,000 categories."""
    from synthtab.core.randomness import Streams
    from synthtab.data import tables
    from synthtab.data.columns import infer
    from synthtab.data.encoder import TableEncoder

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "made.csv"
        # In another process: the memory to make it must not count here.
        job(write_made, path, args.rows)
        before = peak_mb()
        start = time.perf_counter()
        cells = tables.read(path)
        schema = infer(cells, rare=5)
        frame = tables.typed(cells, schema)
        # The text, which may be gone now, must not count twice.
        del cells
        held = round(frame.memory_usage(deep=True).sum() / 2**20)
        streams = Streams(0)
        TableEncoder.fit(frame, schema, streams, rare=5).encode(frame, streams)
        seconds = time.perf_counter() - start
    how = (
        "read, infer, fit the encoding, encode; one column of 100,000 categories; "
        f"{cores()}"
    )
    name = f"CSV of {args.rows:,} x 15 to codes"
    yield record(name, round(seconds, 1), "s", how)
    how = f"the same; the frame is {held:,} MB"
    beyond = peak_mb() - before - held
    yield record(f"{name}, peak beyond the frame", beyond, "MB", how)


def write_made(path: Path, rows: int) -> None:
    """Categories of several sizes, heaped integers, numbers, dates, missing cells."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {}
    for i, size in enumerate((2, 5, 9, 16, 42)):
        # The first ones are the commonest, by far.
        words = np.array([f"value {k}" for k in range(size)])
        columns[f"c{i}"] = words[rng.zipf(1.6, rows).clip(max=size) - 1]
    # A number is as likely as it is small (Zipf's law).
    towns = (100_000 ** rng.random(rows)).astype(int)
    columns["town"] = [f"t{number:06d}" for number in towns]
    for i in range(3):
        is_zero = rng.random(rows) < 0.6
        amounts = rng.gamma(1.0, 3000, rows)
        columns[f"n{i}"] = np.where(is_zero, 0, amounts).astype(int)
    for i in range(5):
        is_missing = rng.random(rows) < 0.03 * i
        values = rng.normal(10 * i, 2 + i, rows).round(3)
        columns[f"x{i}"] = np.where(is_missing, np.nan, values)
    days = pd.to_timedelta(rng.integers(0, 2000, rows), "D")
    columns["day"] = (pd.Timestamp("2020-01-01") + days).strftime("%Y-%m-%d")
    pd.DataFrame(columns).to_csv(path, index=False)


def race(args: argparse.Namespace) -> Iterator[Record]:
    """Seconds of fit to what another project has at the end of its own fit.

    They are those of the smallest budget that reaches it.
    """
    folder = args.data / "adult"
    pythons = dict(text.split("=", 1) for text in args.python)
    for project, (label, figures) in RACES.items():
        theirs = _theirs(project, label, folder, pythons)
        if not theirs:
            print(
                f"no record of {label}: run fidelity.py --rows, "
                f"or give --python {project}=...",
                flush=True,
            )
            continue
        goal = " and ".join(f"{name} {theirs[name]:.3g}" for name in figures)
        for budget in BUDGETS:
            ours = job(_fit_and_score, folder, budget)
            print(json.dumps({"budget": budget, **ours}), flush=True)
            if _is_as_good(ours, theirs, figures):
                reached = ", ".join(f"{name} {ours[name]:.3g}" for name in figures)
                how = (
                    f"`Synthesizer(time={budget})`, Adult: {reached}; "
                    f"{label} took {theirs['fit_seconds']:.0f} s; {cores()}"
                )
                name = f"to {goal} of {label}"
                yield record(name, ours["fit_seconds"], "s", how)
                ratio = round(theirs["fit_seconds"] / ours["fit_seconds"], 1)
                how = "fit of theirs / fit of ours"
                yield record(f"{name}, times faster", ratio, "x", how)
                break
        else:
            print(f"not reached: {goal} of {label}", flush=True)


def _is_as_good(ours: Record, theirs: Record, figures: dict[str, int]) -> bool:
    """Whether no figure is worse; the sign of a figure says which way is better."""
    return all(
        sign * ours[name] >= sign * theirs[name] for name, sign in figures.items()
    )


def _theirs(
    project: str, label: str, folder: Path, pythons: dict[str, str]
) -> Record | None:
    """The record of another project: made now, or the newest in the results."""
    if project in pythons:
        with tempfile.TemporaryDirectory() as scratch:
            rows = Path(scratch) / "rows.csv"
            script = HERE / "baselines.py"
            command = [pythons[project], script, project, folder, rows]
            # The packages of this environment are not for theirs.
            environment = dict(os.environ)
            environment.pop("PYTHONPATH", None)
            subprocess.run(list(map(str, command)), check=True, env=environment)
            figures = job(score, folder, pd.read_csv(rows))
            return figures | json.loads(rows.with_suffix(".json").read_text())
    lines = (HERE / "results" / "adult.jsonl").read_text().splitlines()
    for line in reversed(lines):
        theirs: Record = json.loads(line)
        if theirs["label"] == label and "fit_seconds" in theirs:
            return theirs
    return None


def _fit_and_score(folder: Path, budget: float) -> Record:
    from synthtab import Synthesizer, infer

    train, _, meta = read(folder)
    start = time.perf_counter()
    schema = infer(train, dict.fromkeys(meta["categorical"], "category"))
    model = Synthesizer(time=budget, target=meta["target"]).fit(train, schema)
    figures = {"fit_seconds": round(time.perf_counter() - start, 1)}
    scores = score(folder, model.sample(len(train)))
    for _, names in RACES.values():
        for name in names:
            figures[name] = scores[name]
    return figures


def covtype(args: argparse.Namespace) -> Iterator[Record]:
    """The whole of covtype, with the default preset and 15 minutes in all at most."""
    from synthtab import Synthesizer, evaluate

    table = pd.read_parquet(args.data / "messy" / "covtype.parquet")
    start = time.perf_counter()
    model = Synthesizer(time=args.budget).fit(table)
    seconds = round(time.perf_counter() - start, 1)
    how = (
        f"{len(table):,} x {table.shape[1]}, `Synthesizer(time={args.budget!r})`, "
        f"{cores()}"
    )
    yield record("covtype, fit", seconds, "s", how)
    yield record("covtype, fit, peak memory", peak_mb(), "MB", how)
    start = time.perf_counter()
    rows = model.sample(args.sampled)
    speed = round(args.sampled / (time.perf_counter() - start))
    how = f"{args.sampled:,} rows, {model.report_['passes']} passes"
    yield record("covtype, sample", speed, "rows/s", how)
    metrics = ["detection_score", "shape_error", "trend_error"]
    # As many real rows as synthetic ones.
    real = table.sample(args.sampled, random_state=0).reset_index(drop=True)
    for result in evaluate(real, rows, metrics=metrics).scores:
        yield record(f"covtype, {result.name}", round(result.value, 3), "", how)


def large(args: argparse.Namespace) -> Iterator[Record]:
    """A column of 100,000 categories in a table of 1,000,000 rows.

    Measured are seconds, memory, and how often the commonest categories come.
    """
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
    before = peak_mb()
    start = time.perf_counter()
    schema = infer(table, {"town": "category"}, rare=args.rare)
    model = Synthesizer(time=args.time, rare=args.rare).fit(table, schema)
    seconds = round(time.perf_counter() - start, 1)
    name = f"{args.rows:,} rows, a column of {table['town'].nunique():,} categories"
    how = f"`Synthesizer(time={args.time!r}, rare={args.rare})`, {cores()}"
    yield record(f"{name}: fit", seconds, "s", how)
    how = f"{how}; {before} MB before the fit"
    yield record(f"{name}: peak memory", peak_mb(), "MB", how)
    rows = model.sample(2 * args.sampled)
    real = table["town"].value_counts(normalize=True)
    synthetic = rows["town"].value_counts(normalize=True)
    for count in (10, 100):
        commonest = real.head(count)
        # One that never comes has a frequency of 0, and is not left out.
        theirs = synthetic.reindex(commonest.index, fill_value=0)
        error = ((theirs - commonest) / commonest).abs()
        how = f"{len(rows):,} rows sampled; the largest difference is {error.max():.1%}"
        name = f"of the {count} commonest, mean difference of frequency"
        yield record(name, round(100 * error.mean(), 1), "%", how)


def devices(args: argparse.Namespace) -> Iterator[Record]:
    """The same fit on a GPU and on the cores of the same machine."""
    import torch

    for device in ("cpu", "cuda"):
        if device == "cuda" and not torch.cuda.is_available():
            print("this machine has no CUDA device", flush=True)
            continue
        where = torch.cuda.get_device_name() if device == "cuda" else cores()
        result = job(_fit_on, args.data / "adult", device, args.epochs)
        how = f"`Synthesizer(epochs={args.epochs}, device={device!r})`, {where}"
        for figure, (value, unit) in result.items():
            yield record(f"Adult on {device}: {figure}", value, unit, how)


def _fit_on(folder: Path, device: str, epochs: int) -> dict[str, tuple[float, str]]:
    """Figures of `devices`: what was measured -> value and unit."""
    from synthtab import Synthesizer, evaluate, infer

    train, _, meta = read(folder)
    schema = infer(train, dict.fromkeys(meta["categorical"], "category"))
    # What the first use of a GPU costs is no part of a fit.
    Synthesizer(epochs=1, device=device).fit(train.head(500)).sample(100)
    start = time.perf_counter()
    model = Synthesizer(epochs=epochs, target=meta["target"], device=device)
    model.fit(train, schema)
    seconds = time.perf_counter() - start
    figures = {
        "fit": (round(seconds, 1), "s"),
        "steps": (float(model.report_["steps"]), ""),
    }
    for figure, rows, options in (
        ("sample, one pass", 400_000, {"passes": 1}),
        ("sample, the default", 50_000, {}),
    ):
        model.sample(5000, **options)
        start = time.perf_counter()
        model.sample(rows, **options)
        figures[figure] = (round(rows / (time.perf_counter() - start)), "rows/s")
    made = model.sample(len(train))
    scores = evaluate(train, made, metrics=["detection_score"]).scores
    return figures | {"detection": (round(scores[0].value, 3), "")}


# Name on the command line -> what it measures.
WHAT: dict[str, Callable[[argparse.Namespace], Iterator[Record]]] = {
    "fit": fit,
    "sample": sample,
    "encode": encode,
    "race": race,
    "covtype": covtype,
    "large": large,
    "devices": devices,
}


def job(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a fresh process, whose peak memory is its own."""
    # "spawn": a fork would begin with what this process holds.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(function, *arguments).result()


def measure(name: str, args: argparse.Namespace) -> list[Record]:
    """All records of one measurement; in a process of its own, see `job`."""
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
    parser.add_argument("--epochs", type=int, default=8, help="for `devices`")
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
        if args.model is not None:
            names = [name for name in names if name != "fit"]
        else:
            args.model = Path(scratch) / "adult.synthtab"
            # `sample` takes the model that `fit` leaves there.
            if "sample" in names and "fit" not in names:
                names = ["fit", *names]
        for name in names:
            for result in job(measure, name, args):
                table.keep(result, args.out)


if __name__ == "__main__":
    main()
