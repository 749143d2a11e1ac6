"""What differential privacy costs: utility and two-way tables, by epsilon.

    python benchmarks/privacy.py adult shoppers --epsilon 1 3 10 --seeds 0 1 2
    python benchmarks/privacy.py --table

Others run in an environment of their own, with the same public bounds:

    python benchmarks/privacy.py adult --bounds adult.json
    python benchmarks/private_peers.py aim ../shared/data/adult adult.json --out aim.csv
    python benchmarks/privacy.py --rows aim.csv
    python benchmarks/privacy.py adult --words         # ours with their knowledge

Public are the kinds, and the bounds of numbers to the power of ten above; categories are
paid for. Each run appends a line to results/privacy.jsonl. "rows" are those that are drawn
from the noisy answers; "model" those of the model that learns them.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fidelity import DATA, read
from table import keep

from synthtab import Schema, Synthesizer, evaluate, infer
from synthtab.core.randomness import Streams
from synthtab.private.learn import private_rows

RESULTS = Path(__file__).resolve().parent / "results" / "privacy.jsonl"
BINS = 10


def public_schema(
    train: pd.DataFrame, meta: dict[str, Any], words: bool = False
) -> Schema:
    """Kinds, and for numbers the least power of ten that no cell is beyond.

    With ``words``, also the words of each column, as other generators take them.
    """
    schema = infer(train, dict.fromkeys(meta["categorical"], "category"))
    columns = []
    for column in schema.columns:
        options = dict(column.options)
        for name in ("minimum", "maximum"):
            bound = options.get(name)
            if isinstance(bound, (int, float)):
                options[name] = _rounded(bound, upwards=name == "maximum")
        if words and column.kind == "category":
            options["categories"] = sorted(
                train[column.name].dropna().unique().tolist()
            )
        columns.append(replace(column, options=options))
    return replace(schema, columns=tuple(columns), constraints=())


def _rounded(bound: float, upwards: bool) -> float:
    if upwards == (bound > 0):
        return type(bound)(np.sign(bound) * 10 ** np.ceil(np.log10(max(abs(bound), 1))))
    return type(bound)(0)


def two_way_error(train: pd.DataFrame, rows: pd.DataFrame, numeric: list[str]) -> float:
    """Mean total variation of all two-way tables, numbers in ten equally full bins."""
    codes = {}
    for name in train:
        if name in numeric:
            ends = np.unique(
                np.nanquantile(train[name], np.linspace(0, 1, BINS + 1)[1:-1])
            )
            codes[name] = [
                np.searchsorted(ends, t[name], "right") for t in (train, rows)
            ]
        else:
            words = pd.Index(
                pd.unique(pd.concat([train[name], rows[name]]).astype(str))
            )
            codes[name] = [
                words.get_indexer(t[name].astype(str)) for t in (train, rows)
            ]
    errors = []
    for a, b in combinations(codes, 2):
        width = 1 + max(c.max() for c in codes[b])
        size = width * (1 + max(c.max() for c in codes[a]))
        shares = [
            np.bincount(codes[a][i] * width + codes[b][i], minlength=size) / len(t)
            for i, t in enumerate((train, rows))
        ]
        errors.append(np.abs(shares[0] - shares[1]).sum() / 2)
    return float(np.mean(errors))


def run(
    dataset: str, epsilon: float, seed: int, with_model: bool, words: bool
) -> dict[str, Any]:
    """Rows with one budget, scored."""
    train, _, meta = read(DATA / dataset)
    schema = public_schema(train, meta, words)
    target = meta["target"]
    began = time.process_time()
    private = private_rows(train, schema, epsilon, None, Streams(seed), target)
    seconds = time.process_time() - began
    tables = {"rows": private.frame}
    if with_model:
        began = time.process_time()
        model = Synthesizer(epsilon=epsilon, target=target, seed=seed).fit(
            train, schema
        )
        seconds = time.process_time() - began
        tables["model"] = model.sample(len(train))
    record: dict[str, Any] = {
        "who": "synthtab, words public" if words else "synthtab",
        "dataset": dataset,
        "epsilon": epsilon,
        "delta": private.ledger.delta,
        "seed": seed,
        "seconds": round(seconds, 1),
    }
    for name, rows in tables.items():
        record |= score(dataset, rows, name)
    return record


def run_peer(path: Path) -> dict[str, Any]:
    """The rows of another generator, scored; what made them lies beside them."""
    record: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return record | score(record["dataset"], pd.read_csv(path), "rows")


def score(dataset: str, rows: pd.DataFrame, name: str) -> dict[str, float]:
    """Utility and two-way error of rows, under a name of their own."""
    train, test, meta = read(DATA / dataset)
    report = evaluate(
        train,
        rows,
        holdout=test,
        target=meta["target"],
        numeric=meta["numerical"],
        metrics=("utility",),
    )
    utility = report.score("utility")
    assert utility.reference is not None
    return {
        f"utility_{name}": utility.value,
        "utility_real": utility.reference.value,
        f"two_way_{name}": two_way_error(train, rows, meta["numerical"]),
    }


def bounds(dataset: str) -> dict[str, dict[str, float]]:
    """The public bounds of each number, for generators that are not ours."""
    train, _, meta = read(DATA / dataset)
    schema = public_schema(train, meta)
    return {
        name: {
            "lower": float(schema[name].options["minimum"]),
            "upper": float(schema[name].options["maximum"]),
        }
        for name in meta["numerical"]
    }


def show() -> None:
    """The means of all seeds, as a table."""
    records = pd.DataFrame(map(json.loads, RESULTS.read_text().splitlines()))
    records["who"] = records["who"].fillna("synthtab")
    by = records.groupby(["dataset", "epsilon", "who"])
    print(by.mean(numeric_only=True).round(3).to_markdown())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", default=[])
    parser.add_argument("--epsilon", nargs="+", type=float, default=[1.0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--words", action="store_true", help="words are public, too")
    parser.add_argument("--rows", nargs="+", type=Path, help="score rows of others")
    parser.add_argument("--bounds", type=Path, help="write the public bounds there")
    parser.add_argument("--model", action="store_true", help="fit the model, too")
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if args.bounds:
        (dataset,) = args.datasets
        args.bounds.write_text(json.dumps(bounds(dataset), indent=1))
        return
    for path in args.rows or ():
        keep(run_peer(path), RESULTS)
    for dataset in args.datasets:
        for epsilon in args.epsilon:
            for seed in args.seeds:
                keep(run(dataset, epsilon, seed, args.model, args.words), RESULTS)
    if args.table:
        show()


if __name__ == "__main__":
    main()
