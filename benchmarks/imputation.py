"""Hide cells of a table, fill them, and compare with what was there.

This project is compared with IterativeImputer and KNNImputer of scikit-learn.

    python benchmarks/imputation.py adult magic --hidden 0.1 0.3 0.5 --preset default
    python benchmarks/fidelity.py --table

Every imputer gets the same rows with the same cells hidden completely at random, and
nothing else. scikit-learn's see numbers standardised and categories one-hot; of a
hidden category the largest of its columns counts. This project's point estimate is the
mean, or the commonest category, of several draws.

- error: root mean square error of hidden numbers, in standard deviations of their
  column, averaged over the columns;
- accuracy: share of hidden categories that are right, averaged over the columns;
- energy: energy distance of the filled rows to the true ones (Szekely and Rizzo 2013),
  of one draw, times 1000; the floor is that of two halves of the true rows.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import fidelity
import numpy as np
import pandas as pd
import table
from scipy.spatial.distance import cdist, pdist
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer

HERE = Path(__file__).resolve().parent
# Rows of which energy distances are taken: memory grows with their square.
JUDGED_ROWS = 5000


class Space:
    """Rows as points: standardised numbers, one-hot categories at a distance of 1.

    It is not the design matrix of `synthtab.evaluation`: scikit-learn's imputers want
    missing cells as NaN, and what they fill must become rows again.
    """

    def __init__(self, rows: pd.DataFrame, numeric: list[str]) -> None:
        self.numeric = [name for name in rows if name in numeric]
        self.words = {}
        for name in rows:
            if name not in numeric:
                self.words[name] = sorted(rows[name].astype(str).unique())
        self.mean = rows[self.numeric].mean()
        self.deviation = rows[self.numeric].std()

    def points(self, rows: pd.DataFrame) -> np.ndarray:
        """``[rows, dimensions]``; NaN where a cell is missing."""
        numbers = rows[self.numeric].astype(float)
        parts = [((numbers - self.mean) / self.deviation).to_numpy()]
        for name, words in self.words.items():
            codes = pd.Index(words).get_indexer(rows[name].astype(str))
            is_word = codes[:, None] == np.arange(len(words))
            # Two of these differ in two places: the root of 2 * 0.5 is a distance of 1.
            hot = np.where(is_word, 0.5**0.5, 0.0)
            missing = rows[name].isna().to_numpy()
            parts.append(np.where(missing[:, None], np.nan, hot))
        return np.concatenate(parts, axis=1)

    def rows(self, points: np.ndarray) -> pd.DataFrame:
        """The inverse, by the largest of the columns of a category."""
        start = len(self.numeric)
        numbers = pd.DataFrame(points[:, :start], columns=self.numeric)
        rows = numbers * self.deviation + self.mean
        for name, words in self.words.items():
            end = start + len(words)
            largest = points[:, start:end].argmax(axis=1)
            rows[name] = np.array(words, dtype=object)[largest]
            start = end
        return rows


def energy(first: np.ndarray, second: np.ndarray) -> float:
    """Energy distance of two samples, times 1000."""
    between = cdist(first, second).mean()
    within = pdist(first).mean() + pdist(second).mean()
    return 1000 * float(2 * between - within)


def fill(
    name: str,
    holes: pd.DataFrame,
    space: Space,
    args: argparse.Namespace,
    meta: dict[str, Any],
) -> Any:
    """Filled tables, the first of them a draw, and a point estimate."""
    if name == "synthtab":
        # Not at the top: the other imputers need no torch.
        from synthtab import Synthesizer, infer

        schema = infer(holes, dict.fromkeys(meta["categorical"], "category"))
        options = {"time": args.time} if args.time else {}
        model = Synthesizer(args.preset, seed=args.seed, **options).fit(holes, schema)
        draws = model.impute(holes, draws=args.draws)
        point = draws[0].copy()
        for column in holes:
            # ``[rows, draws]``
            cells = pd.DataFrame({i: draw[column] for i, draw in enumerate(draws)})
            if column in space.numeric:
                point[column] = cells.astype(float).mean(axis=1)
            else:
                point[column] = cells.mode(axis=1)[0]
        return draws[0], point
    # scikit-learn's give one table, which is draw and estimate at once.
    imputer: Any = KNNImputer()
    if name == "IterativeImputer":
        imputer = IterativeImputer(random_state=args.seed)
    filled = space.rows(imputer.fit_transform(space.points(holes)))
    return filled, filled


def score(
    true: pd.DataFrame, hidden: np.ndarray, filled: Any, space: Space
) -> dict[str, float]:
    """The figures of the docstring."""
    draw, point = filled
    errors = []
    accuracies = []
    for i, name in enumerate(true):
        # Only hidden cells count: the others are as they were.
        rows = hidden[:, i]
        guessed = point[name][rows]
        actual = true[name][rows]
        if name in space.numeric:
            gap = guessed.to_numpy(dtype=float) - actual.to_numpy(dtype=float)
            errors.append(np.sqrt((gap**2).mean()) / space.deviation[name])
        else:
            is_right = guessed.astype(str).to_numpy() == actual.astype(str).to_numpy()
            accuracies.append(is_right.mean())
    with_holes = np.flatnonzero(hidden.any(axis=1))[:JUDGED_ROWS]
    real = space.points(true)
    # Two halves of the true rows: no filled rows can be expected to be nearer.
    middle = len(real) // 2
    first_half = real[:middle][:JUDGED_ROWS]
    second_half = real[middle:][:JUDGED_ROWS]
    return {
        "error": float(np.mean(errors)),
        "accuracy": float(np.mean(accuracies)),
        "energy": energy(space.points(draw)[with_holes], real[with_holes]),
        "energy_floor": energy(first_half, second_half),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "datasets", nargs="+", help=f"any of {', '.join(table.DATASETS)}"
    )
    parser.add_argument(
        "--hidden",
        nargs="+",
        type=float,
        default=[0.1, 0.3, 0.5],
        help="shares of the cells",
    )
    parser.add_argument(
        "--imputers", nargs="+", default=["IterativeImputer", "KNNImputer", "synthtab"]
    )
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--time")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=fidelity.DATA)
    parser.add_argument(
        "--out", type=Path, default=HERE / "results" / "imputation.jsonl"
    )
    args = parser.parse_args()
    for dataset in args.datasets:
        true, _, meta = fidelity.read(args.data / dataset)
        true = true.sample(args.rows, random_state=args.seed).reset_index(drop=True)
        space = Space(true, meta["numerical"])
        for share in args.hidden:
            hidden = np.random.default_rng(args.seed).random(true.shape) < share
            holes = true.mask(hidden)
            for name in args.imputers:
                start = time.perf_counter()
                filled = fill(name, holes, space, args, meta)
                # Before the figures are computed, which take their time, too.
                seconds = round(time.perf_counter() - start, 1)
                label = f"synthtab, {args.preset}" if name == "synthtab" else name
                record = {
                    "label": label,
                    "dataset": dataset,
                    "hidden": share,
                    "seed": args.seed,
                    "rows": len(true),
                }
                record |= score(true, hidden, filled, space)
                record |= {
                    "seconds": seconds,
                    "threads": os.environ.get("OMP_NUM_THREADS"),
                }
                table.keep(record, args.out)


if __name__ == "__main__":
    main()
