"""What utility is left to rows that are as good as can be? Two controls.

    python benchmarks/labels.py shoppers default beijing news

The training table with its own cells, but the target of each row drawn anew from a boosted tree's prediction for it,
by trees that did not learn that row (5 folds): classes with their probabilities, numbers as the prediction of
log(1 + target) plus the residual of a row with a similar prediction. A generator that knows the table no better than
such trees, and learns no row by heart, cannot be expected to do better, however good its other columns are.

And a bootstrap of the training rows, as many as there are: what a perfect sampler would be worth.
"""

from __future__ import annotations

import argparse
from pathlib import Path

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
NEAR = 500
OPTIONS = {"early_stopping": True, "learning_rate": 0.05, "max_iter": 600}


def redrawn(train: pd.DataFrame, target: str, regression: bool, seed: int) -> pd.Series:
    """The target of every row, drawn given its other cells."""
    features = train.drop(columns=target)
    words = [c for c in features if not pd.api.types.is_numeric_dtype(features[c])]
    features = features.assign(
        **{c: features[c].astype("category").cat.codes for c in words}
    )
    few = [features.columns.get_loc(c) for c in words if features[c].nunique() < 250]
    options = {**OPTIONS, "categorical_features": few, "random_state": seed}
    rng, rows = np.random.default_rng(seed), len(train)
    if regression:
        wanted = np.log1p(train[target].to_numpy(dtype=float))
        guess = cross_val_predict(
            HistGradientBoostingRegressor(**options), features, wanted, cv=5
        )
        order = np.argsort(guess)
        place = np.argsort(order) + rng.integers(-NEAR, NEAR + 1, rows)
        drawn = np.expm1(guess + (wanted - guess)[order[place.clip(0, rows - 1)]])
        return pd.Series(drawn.clip(0, train[target].max()).round(), index=train.index)
    classes, codes = np.unique(train[target], return_inverse=True)
    chances = cross_val_predict(
        HistGradientBoostingClassifier(**options),
        features,
        codes,
        cv=5,
        method="predict_proba",
    )
    below = chances.cumsum(axis=1) < rng.random((rows, 1))
    return pd.Series(
        classes[below.sum(axis=1).clip(max=len(classes) - 1)], index=train.index
    )


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
        for seed, control in (
            (seed, control) for seed in args.seeds for control in args.controls
        ):
            rows = CONTROLS[control](train, target, target in numeric, seed)
            report = evaluate(
                train,
                rows,
                holdout=test,
                target=target,
                numeric=numeric,
                metrics=["utility"],
            )
            found = report.score("utility")
            assert found.reference is not None
            record = {
                "dataset": dataset,
                "control": control,
                "seed": seed,
                "utility": found.value,
            }
            table.keep({**record, "utility_real": found.reference.value}, args.out)


if __name__ == "__main__":
    main()
