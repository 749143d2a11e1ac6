"""Figures that only the benchmarks take, beside those of `synthtab.evaluation`.

They are the detector of the papers (XGBoost), scores against the test table, and two
membership attacks by themselves.
"""

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

# Metric of the evaluation -> what it is called in the results.
AGAINST_TEST = {
    "shape_error": "shape",
    "trend_error": "trend",
    "detection_auc": "auc",
}
FOLDS = 3


def detection(
    real: pd.DataFrame, rows: pd.DataFrame, categorical: Sequence[str]
) -> dict[str, float]:
    """AUC of XGBoost with its defaults, three folds, as the literature does it.

    Categories are integers. Empty where XGBoost is not installed.
    """
    try:
        from xgboost import XGBClassifier
    except ModuleNotFoundError:
        return {}
    # As many of both: an AUC does not mind, but the trees do.
    size = min(len(real), len(rows))
    samples = [table.sample(size, random_state=0) for table in (real, rows)]
    both = pd.concat(samples, ignore_index=True)
    for name in categorical:
        both[name] = both[name].astype(str).astype("category").cat.codes
    labels = np.repeat([0, 1], size)
    aucs = []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(both, labels):
        model = XGBClassifier(eval_metric="logloss")
        model.fit(both.iloc[train], labels[train])
        guesses = model.predict_proba(both.iloc[test])[:, 1]
        aucs.append(roc_auc_score(labels[test], guesses))
    auc = float(np.mean(aucs))
    # The papers' score: 1 for rows that cannot be told from real ones.
    return {"auc_xgboost": auc, "detection_xgboost": 2 - 2 * max(auc, 0.5)}


def against_test(
    train: pd.DataFrame, test: pd.DataFrame, rows: pd.DataFrame, meta: Mapping[str, Any]
) -> dict[str, float]:
    """Shape, Trend and AUC of the rows against the test table, and what to hold beside.

    Beside it: against as many rows of the training table (rows that were copied are
    nearer to these), and the two real tables against one another.
    """
    size = min(len(test), len(train), len(rows))
    some_rows = rows.sample(size, random_state=1)
    some_train = train.sample(size, random_state=1)
    # The last pair needs no synthetic row: it shows what chance alone gives.
    pairs = {
        "test": (test, some_rows),
        "train": (some_train, some_rows),
        "real": (test, some_train),
    }
    figures = {}
    for pair, (real, other) in pairs.items():
        report = evaluate(
            real, other, numeric=meta["numerical"], metrics=tuple(AGAINST_TEST)
        )
        for metric, name in AGAINST_TEST.items():
            figures[f"{name}_{pair}"] = report.score(metric).value
    return figures


def membership(
    train: pd.DataFrame, test: pd.DataFrame, rows: pd.DataFrame, meta: Mapping[str, Any]
) -> dict[str, float]:
    """AUC of two guesses whether a row was in the training table; 0.5 is ideal.

    They go by distance and by density ratio.
    """
    tables = prepare(train, rows, test, numeric=meta["numerical"])
    areas = attacks(tables, Streams(0)).areas()
    return {
        "membership_distance": areas["distance"],
        "membership_density": areas["density ratio"],
    }
