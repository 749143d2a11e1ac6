"""Figures that only the benchmarks take: the detector of the papers, the test table, two membership attacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from synthtab import evaluate
from synthtab.core.randomness import Streams
from synthtab.evaluation import prepare
from synthtab.evaluation.privacy.membership import attacks


def detection(
    real: pd.DataFrame, rows: pd.DataFrame, categorical: Sequence[str]
) -> dict[str, float]:
    """AUC of XGBoost with its defaults, three folds, categories as integers, as the literature does it."""
    try:
        from xgboost import XGBClassifier
    except ModuleNotFoundError:
        return {}
    size = min(len(real), len(rows))
    both = pd.concat(
        [t.sample(size, random_state=0) for t in (real, rows)], ignore_index=True
    )
    for name in categorical:
        both[name] = both[name].astype(str).astype("category").cat.codes
    labels, aucs = np.repeat([0, 1], size), []
    for train, test in StratifiedKFold(3, shuffle=True, random_state=0).split(
        both, labels
    ):
        model = XGBClassifier(eval_metric="logloss").fit(
            both.iloc[train], labels[train]
        )
        aucs.append(
            roc_auc_score(labels[test], model.predict_proba(both.iloc[test])[:, 1])
        )
    auc = float(np.mean(aucs))
    return {"auc_xgboost": auc, "detection_xgboost": 2 - 2 * max(auc, 0.5)}


def against_test(
    train: pd.DataFrame, test: pd.DataFrame, rows: pd.DataFrame, meta: Mapping[str, Any]
) -> dict[str, float]:
    """Shape, Trend and AUC against the test table, against as many rows of the training table (rows that were copied
    are nearer to the second), and of the two real tables against one another.
    """
    size = min(len(test), len(train), len(rows))
    some_rows, some_train = (
        rows.sample(size, random_state=1),
        train.sample(size, random_state=1),
    )
    names, found = ("shape_error", "trend_error", "detection_auc"), {}
    for pair, real, other in (
        ("test", test, some_rows),
        ("train", some_train, some_rows),
        ("real", test, some_train),
    ):
        scores = evaluate(real, other, numeric=meta["numerical"], metrics=names).scores
        found |= {
            f"{name}_{pair}": s.value
            for name, s in zip(("shape", "trend", "auc"), scores, strict=True)
        }
    return found


def membership(
    train: pd.DataFrame, test: pd.DataFrame, rows: pd.DataFrame, meta: Mapping[str, Any]
) -> dict[str, float]:
    """AUC of two guesses whether a row was in the training table, by distance and by density ratio; 0.5 is ideal."""
    found = attacks(
        prepare(train, rows, test, numeric=meta["numerical"]), Streams(0)
    ).areas()
    return {
        "membership_distance": found["distance"],
        "membership_density": found["density ratio"],
    }
