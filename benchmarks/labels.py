"""What utility is left to rows that are as good as can be? Two controls.

    python benchmarks/labels.py shoppers default beijing news

The training table with its own cells, but the target of each row drawn anew from a
boosted tree's prediction for it, by trees that did not learn that row (5 folds):
classes with their probabilities, numbers as the prediction of log(1 + target) plus the
residual of a row with a similar prediction. A generator that knows the table no better
than such trees, and learns no row by heart, cannot be expected to do better, however
good its other columns are.

And a bootstrap of the training rows, as many as there are: what a perfect sampler would
be worth.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any

import fidelity
import numpy as np
import pandas as pd
import table
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.model_selection import cross_val_predict

HERE = Path(__file__).resolve().parent
# A residual comes from one of so many rows before or after, in order of predictions.
NEAR_ROWS = 500
# Most categories of a column that scikit-learn's trees split as categories.
MOST_CATEGORIES = 249
OPTIONS = {"early_stopping": True, "learning_rate": 0.05, "max_iter": 600}


def redrawn(train: pd.DataFrame, target: str, regression: bool, seed: int) -> pd.Series:
    """The target of every row, drawn given its other cells."""
    features = train.drop(columns=target)
    categorical = []
    for i, name in enumerate(features):
        if pd.api.types.is_numeric_dtype(features[name]):
            continue
        features[name] = features[name].astype("category").cat.codes
        # With more categories, the codes count as numbers.
        if features[name].nunique() <= MOST_CATEGORIES:
            categorical.append(i)
    options = {**OPTIONS, "categorical_features": categorical, "random_state": seed}
    rng = np.random.default_rng(seed)
    if regression:
        drawn = _draw_numbers(features, train[target], options, rng)
    else:
        drawn = _draw_classes(features, train[target], options, rng)
    return pd.Series(drawn, index=train.index)


def _draw_numbers(
    features: pd.DataFrame,
    target: pd.Series,
    options: dict[str, Any],
    rng: np.random.Generator,
) -> np.ndarray:
    """The prediction, plus the residual of a row with a similar prediction."""
    wanted = np.log1p(target.to_numpy(dtype=float))
    model = HistGradientBoostingRegressor(**options)
    guess = cross_val_predict(model, features, wanted, cv=5)
    residuals = wanted - guess
    by_guess = np.argsort(guess)
    # Its place in that order, moved by a few at random.
    rank = np.argsort(by_guess)
    rows = len(target)
    neighbour = rank + rng.integers(-NEAR_ROWS, NEAR_ROWS + 1, rows)
    neighbour = neighbour.clip(0, rows - 1)
    drawn = np.expm1(guess + residuals[by_guess[neighbour]])
    return drawn.clip(0, target.max()).round()


def _draw_classes(
    features: pd.DataFrame,
    target: pd.Series,
    options: dict[str, Any],
    rng: np.random.Generator,
) -> np.ndarray:
    """A class with its predicted probability."""
    classes, codes = np.unique(target, return_inverse=True)
    chances = cross_val_predict(
        HistGradientBoostingClassifier(**options),
        features,
        codes,
        cv=5,
        method="predict_proba",
    )
    # Inverse transform sampling: as many classes are passed as lie below the draw.
    is_below = chances.cumsum(axis=1) < rng.random((len(target), 1))
    # The sum of all chances may be a little less than 1.
    drawn = is_below.sum(axis=1).clip(max=len(classes) - 1)
    return classes[drawn]


def resampled(
    train: pd.DataFrame, target: str, regression: bool, seed: int
) -> pd.DataFrame:
    """As many of the training rows, drawn with replacement."""
    rows = np.random.default_rng(seed).integers(len(train), size=len(train))
    return train.iloc[rows].reset_index(drop=True)


def relabelled(
    train: pd.DataFrame, target: str, regression: bool, seed: int
) -> pd.DataFrame:
    """The training rows with a target that is `redrawn`."""
    return train.assign(**{target: redrawn(train, target, regression, seed)})


CONTROLS = {"redrawn": relabelled, "bootstrap": resampled}


def main() -> None:
    from synthtab import evaluate

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--controls", nargs="+", choices=CONTROLS, default=list(CONTROLS)
    )
    parser.add_argument("--data", type=Path, default=fidelity.DATA)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "labels.jsonl")
    args = parser.parse_args()
    for dataset in args.datasets:
        train, test, meta = fidelity.read(args.data / dataset)
        target, numeric = meta["target"], meta["numerical"]
        for seed, control in itertools.product(args.seeds, args.controls):
            rows = CONTROLS[control](train, target, target in numeric, seed)
            report = evaluate(
                train,
                rows,
                holdout=test,
                target=target,
                numeric=numeric,
                metrics=["utility"],
            )
            utility = report.score("utility")
            # What the real rows are worth: it is known wherever utility is.
            assert utility.reference is not None
            record = {
                "dataset": dataset,
                "control": control,
                "seed": seed,
                "utility": utility.value,
            }
            table.keep({**record, "utility_real": utility.reference.value}, args.out)


if __name__ == "__main__":
    main()
