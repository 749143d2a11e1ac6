"""Do added rows help a model? Tables of the literature, whole and cut to some rows.

    python benchmarks/augmentation.py adult shoppers default --sizes 300 0
    python benchmarks/augmentation.py --table
    python benchmarks/augmentation.py adult magic --sizes 100 300 1000 --taught --out taught.jsonl
    python benchmarks/augmentation.py --means taught.jsonl

Rows of another generator: --cut writes cuts/adult-300/ for it, and --rows reads them.

    python benchmarks/augmentation.py adult --sizes 300 --cut cuts
    ctgan-env/bin/python benchmarks/baselines.py ctgan cuts/adult-300 rows.csv --times 2
    python benchmarks/augmentation.py adult --sizes 300 --rows "ctgan 0.12.1=rows.csv"

Size 0 is the whole training table. The generator learns the rows that the models learn,
no others, and the models are tested on the test table. Rows of another generator are
read from a file: they must come from a fit of the same cut, twice as many rows (more
are one more ratio). The folders of the datasets are those of fidelity.py. Every run
appends a line to results/augmentation.jsonl.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
import table
from fidelity import DATA, HERE, read

from synthtab import Schema, Synthesizer, infer
from synthtab.augment import study
from synthtab.augment.by_class import ByClass
from synthtab.core.randomness import Streams

# Those of README.md.
DATASETS = ("adult", "shoppers", "default")


def cut(train: pd.DataFrame, size: int, seed: int) -> pd.DataFrame:
    """So many random rows of the training table, in their old order; 0 for all."""
    if not size:
        return train
    order = Streams(seed).numpy("cut", size).permutation(len(train))
    return train.iloc[sorted(order[:size])].reset_index(drop=True)


def run(
    folder: Path, size: int, seed: int, args: argparse.Namespace
) -> list[dict[str, Any]]:
    """Study each kind of added rows on one cut of one dataset.

    Args:
        folder: The dataset.
        size: Rows of the cut; 0 for all.
        seed: For the cut, the fit and the study.
        args: The command line.

    Returns:
        One record per kind of added rows.
    """
    train, test, meta = read(folder)
    train = cut(train, size, seed)
    target = str(meta["target"])
    # Some categories are written as numbers.
    schema = infer(train, dict.fromkeys(meta["categorical"], "category"))
    # Others' rows were made elsewhere, and their seconds with them.
    start = time.perf_counter()
    if args.rows:
        sources = rows_from_files(args.rows)
        fit_seconds = None
    else:
        sources = fitted(train, schema, target, seed, args)
        fit_seconds = round(time.perf_counter() - start, 1)
    options = given(args, "repeats", "learners", "metric")
    records = []
    for label, source in sources.items():
        start = time.perf_counter()
        result = study(
            train,
            source,
            target,
            test,
            schema=schema,
            seed=seed,
            taught=args.taught,
            **options,
        )
        print(result, flush=True)
        data = result.to_dict()
        records.append(
            {
                "label": label,
                "dataset": folder.name,
                "size": size,
                "seed": seed,
                "rows": len(train),
                "metric": data["metric"],
                # One a size, and the study had one.
                "verdict": data["verdicts"][0],
                "comparisons": data["comparisons"],
                "skipped": data["skipped"],
                "repeats": data["facts"]["repeats"],
                "fit_seconds": fit_seconds,
                "study_seconds": round(time.perf_counter() - start, 1),
            }
        )
    return records


def rows_from_files(arguments: list[str]) -> dict[str, Any]:
    """``LABEL=FILE`` arguments as label -> rows."""
    sources = {}
    for argument in arguments:
        label, path = argument.split("=", 1)
        sources[label] = pd.read_csv(path)
    return sources


def fitted(
    train: pd.DataFrame,
    schema: Schema,
    target: str,
    seed: int,
    args: argparse.Namespace,
) -> dict[str, Any]:
    """Our own generator under a label that says how it was fitted."""
    options = given(args, "time", "epochs", "device")
    model = Synthesizer(args.preset, target=target, seed=seed, **options)
    model.fit(train, schema)
    label = f"synthtab, {args.preset}"
    for name, value in options.items():
        # The same rows on any device: it does not belong to the label.
        if name != "device":
            label += f", {name} {value}"
    return {label: ByClass(model, target)}


def print_means(path: Path) -> None:
    """Differences from the real rows alone, mean over the learners, as Markdown.

    In thousandths of the metric; then the answer about the best model on real rows.
    """
    found: dict[str, dict[str, float]] = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        name = f"{record['dataset']}, {record['rows']:,}"
        frame = pd.DataFrame(record["comparisons"])
        frame = frame[(frame["metric"] == record["metric"]) & (frame["kind"] != "real")]
        found[name] = (1000 * frame.groupby("arm")["difference"].mean()).to_dict()
        found[name]["answer"] = record["verdict"]["answer"]
    arms = [arm for arm in next(iter(found.values())) if arm != "answer"]
    rows = pd.DataFrame(found).T
    print("| table, rows | " + " | ".join([*arms, "answer"]) + " |")
    print("| --- |" + " ---: |" * len(arms) + " --- |")
    for name, row in rows.iterrows():
        cells = [f"{row[arm]:+.1f}" if pd.notna(row[arm]) else "" for arm in arms]
        print(f"| {name} | " + " | ".join([*cells, row["answer"]]) + " |")
    means = [f"**{rows[arm].dropna().astype(float).mean():+.1f}**" for arm in arms]
    print("| mean | " + " | ".join(means) + " | |")


def given(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given on the command line."""
    return {name: getattr(args, name) for name in names if getattr(args, name)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "datasets", nargs="*", help=f"any of {', '.join(table.DATASETS)}"
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=int,
        default=[300, 0],
        help="rows of the cut; 0 for all",
    )
    parser.add_argument("--preset", default="default")
    parser.add_argument("--time", help="time budget of each fit, such as 5m")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--device")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--learners", nargs="+")
    parser.add_argument("--metric", help="of the verdict, such as auc")
    parser.add_argument(
        "--taught", action="store_true", help="the verdict is about taught rows"
    )
    parser.add_argument(
        "--means",
        type=Path,
        metavar="FILE",
        help="print a line a table and size: means over the learners",
    )
    parser.add_argument(
        "--rows",
        nargs="+",
        metavar="LABEL=FILE",
        help="rows of others instead of fitting",
    )
    parser.add_argument(
        "--cut",
        type=Path,
        metavar="FOLDER",
        help="write the cut tables there, a folder each",
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument(
        "--out", type=Path, default=HERE / "results" / "augmentation.jsonl"
    )
    parser.add_argument(
        "--table", action="store_true", help="write the table of README.md"
    )
    args = parser.parse_args()
    if args.means:
        print_means(args.means)
        return
    if not args.datasets and not args.table:
        parser.error(f"name a dataset, such as {' '.join(DATASETS)}, or --table")
    if args.rows and (len(args.sizes) != 1 or len(args.datasets) != 1):
        parser.error("--rows belong to one dataset and one size")
    for dataset in args.datasets:
        for size in args.sizes:
            if args.cut:
                train, _, meta = read(args.data / dataset)
                folder = args.cut / f"{dataset}-{size or 'all'}"
                folder.mkdir(parents=True, exist_ok=True)
                cut(train, size, args.seed).to_csv(folder / "train.csv", index=False)
                (folder / "meta.json").write_text(json.dumps(meta))
                continue
            for record in run(args.data / dataset, size, args.seed, args):
                table.keep(record, args.out)
    if args.table:
        table.write(HERE)


if __name__ == "__main__":
    main()
