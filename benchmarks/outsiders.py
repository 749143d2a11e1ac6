"""Figures that only the benchmarks take: the detector of the papers, the test table, two membership attacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from synthtab import evaluate
from synthtab.evaluation import prepare
from synthtab.evaluation.copying import Scale, nearest
from synthtab.evaluation.views import features
from synthtab.randomness import Streams

ATTACKED = 3_000
"""Most members, and as many others, whose membership is guessed."""


def detection(real: pd.DataFrame, rows: pd.DataFrame, categorical: Sequence[str]) -> dict[str, float]:
    """AUC of XGBoost with its defaults, three folds, categories as integers, as the literature does it."""
    try:
        from xgboost import XGBClassifier
    except ModuleNotFoundError:
        return {}
    size = min(len(real), len(rows))
    both = pd.concat([t.sample(size, random_state=0) for t in (real, rows)], ignore_index=True)
    for name in categorical:
        both[name] = both[name].astype(str).astype("category").cat.codes
    labels, aucs = np.repeat([0, 1], size), []
    for train, test in StratifiedKFold(3, shuffle=True, random_state=0).split(both, labels):
        model = XGBClassifier(eval_metric="logloss").fit(both.iloc[train], labels[train])
        aucs.append(roc_auc_score(labels[test], model.predict_proba(both.iloc[test])[:, 1]))
    auc = float(np.mean(aucs))
    return {"auc_xgboost": auc, "detection_xgboost": 2 - 2 * max(auc, 0.5)}


def against_test(
    train: pd.DataFrame, test: pd.DataFrame, rows: pd.DataFrame, meta: Mapping[str, Any]
) -> dict[str, float]:
    """Shape, Trend and AUC against the test table, against as many rows of the training table (rows that were copied
    are nearer to the second), and of the two real tables against one another.
    """
    size = min(len(test), len(train), len(rows))
    some_rows, some_train = rows.sample(size, random_state=1), train.sample(size, random_state=1)
    names, found = ("shape_error", "trend_error", "detection_auc"), {}
    for pair, real, other in (("test", test, some_rows), ("train", some_train, some_rows), ("real", test, some_train)):
        scores = evaluate(real, other, numeric=meta["numerical"], metrics=names).scores
        found |= {f"{name}_{pair}": s.value for name, s in zip(("shape", "trend", "auc"), scores, strict=True)}
    return found


def membership(
    train: pd.DataFrame, test: pd.DataFrame, rows: pd.DataFrame, meta: Mapping[str, Any]
) -> dict[str, float]:
    """AUC of two guesses whether a row was in the training table; 0.5 is ideal.

    By distance: members should be nearer to a synthetic row. By density ratio (DOMIAS, arXiv 2302.12580): a boosted
    tree that tells synthetic rows from half of the test rows should take members for synthetic; the other half of
    the test rows are the non-members of both attacks.
    """
    tables = prepare(train, rows, test, numeric=meta["numerical"])
    assert tables.holdout is not None
    order = Streams(0).numpy("attack").permutation(len(tables.holdout))
    known, others = order[: len(order) // 2], order[len(order) // 2 :][:ATTACKED]
    members = tables.real.some(len(others), Streams(0).numpy("members"))
    strangers, reference = (tables.holdout.take(part) for part in (others, known))
    labels = np.repeat([1, 0], [len(members), len(strangers)])
    scale = Scale(tables.real)
    distances = np.concatenate([nearest(scale, view, tables.synthetic) for view in (members, strangers)])
    synthetic = tables.synthetic.some(len(reference), Streams(0).numpy("synthetic"))
    (a, nominal), (b, _) = (features(tables, view) for view in (synthetic, reference))
    model = HistGradientBoostingClassifier(categorical_features=nominal, random_state=0)
    model.fit(np.concatenate([a, b]), np.repeat([1, 0], [len(a), len(b)]))
    guessed = np.concatenate([model.predict_proba(features(tables, v)[0])[:, 1] for v in (members, strangers)])
    return {
        "membership_distance": float(roc_auc_score(labels, -distances)),
        "membership_density": float(roc_auc_score(labels, guessed)),
    }
