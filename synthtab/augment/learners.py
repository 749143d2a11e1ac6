"""The models that added rows are to help.

A learner is one function and one line in `LEARNERS`: it learns from a `Sample` and predicts, for every row of a view,
a probability per class ``[rows, classes]`` or a number ``[rows]``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge

from synthtab.evaluation.cells import Floats
from synthtab.evaluation.views import Tables, View, features

# Most categories of a column to which the linear model gives a weight of their own.
LEVELS = 50
# Standard deviations beyond which a number counts as this far for the linear model.
FAR = 8.0
FOREST_TREES = 60


@dataclass(frozen=True)
class Sample:
    """Rows to learn from.

    Attributes:
        tables: What the columns of the view mean.
        view: The rows, target included.
        y: Class numbers or target values.
        weight: One per row; None for equal weights.
    """

    tables: Tables
    view: View
    y: Floats
    weight: Floats | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Any) -> Sample:
        """The given rows (indices or mask)."""
        return Sample(self.tables, self.view.take(rows), self.y[rows])

    def plus(self, other: Sample) -> Sample:
        """These rows and those."""
        return Sample(
            self.tables,
            joined(self.view, other.view),
            np.concatenate([self.y, other.y]),
        )


def joined(first: View, second: View) -> View:
    """The rows of both."""
    return View(
        np.concatenate([first.numbers, second.numbers]),
        np.concatenate([first.codes, second.codes]),
    )


def boosted_trees(sample: Sample, test: View, classes: int, seed: int) -> Floats:
    """scikit-learn's histogram gradient boosting with its defaults."""
    x, nominal = features(sample.tables, sample.view, sample.tables.target)
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    model = kind(categorical_features=nominal, early_stopping=False, random_state=seed)
    return _predicted(
        model,
        sample,
        x,
        features(sample.tables, test, sample.tables.target)[0],
        classes,
    )


def forest(sample: Sample, test: View, classes: int, seed: int) -> Floats:
    """A random forest; categories by their number."""
    x, _ = features(sample.tables, sample.view, sample.tables.target)
    options: dict[str, Any] = dict(
        n_estimators=FOREST_TREES, min_samples_leaf=2, random_state=seed, n_jobs=1
    )
    model = (
        RandomForestClassifier(**options)
        if classes
        else RandomForestRegressor(max_features=1 / 3, **options)
    )
    return _predicted(
        model,
        sample,
        x,
        features(sample.tables, test, sample.tables.target)[0],
        classes,
    )


def linear(sample: Sample, test: View, classes: int, seed: int) -> Floats:
    """Logistic or ridge regression on standardised numbers and one-hot categories."""
    model = LogisticRegression(max_iter=300) if classes else Ridge()
    return _predicted(
        model,
        sample,
        _dense(sample.tables, sample.view),
        _dense(sample.tables, test),
        classes,
    )


LEARNERS: dict[str, Callable[[Sample, View, int, int], Floats]] = {
    "linear": linear,
    "trees": boosted_trees,
    "forest": forest,
}


def _predicted(
    model: Any, sample: Sample, x: Floats, x_test: Floats, classes: int
) -> Floats:
    if not classes:
        return np.asarray(
            model.fit(x, sample.y, sample_weight=sample.weight).predict(x_test),
            dtype=np.float64,
        )
    scores = np.zeros((len(x_test), classes))
    there = np.unique(sample.y).astype(np.int64)
    if len(there) == 1:
        scores[:, there] = 1.0
        return scores
    model.fit(x, sample.y.astype(np.int64), sample_weight=sample.weight)
    scores[:, model.classes_] = model.predict_proba(x_test)
    return scores


def _dense(tables: Tables, view: View) -> Floats:
    """Numbers in units of the real table's spread, whether they are missing, and categories one-hot."""
    parts = []
    for j, name in enumerate(tables.numeric):
        if name == tables.target:
            continue
        real, cells = tables.real.numbers[:, j], view.numbers[:, j]
        absent = np.isnan(cells)
        known = real[~np.isnan(real)]
        scaled = (np.where(absent, known.mean(), cells) - known.mean()) / (
            known.std() or 1.0
        )
        parts.append(np.clip(scaled, -FAR, FAR)[:, None])
        if len(known) < len(real):
            parts.append(absent[:, None].astype(np.float64))
    for j, (name, size) in enumerate(
        zip(tables.categorical, tables.sizes, strict=True)
    ):
        if name != tables.target:
            counts = np.bincount(tables.real.codes[:, j], minlength=size)
            often = np.argsort(-counts, kind="stable")[:LEVELS]
            often = often[counts[often] > 0]
            parts.append((view.codes[:, [j]] == often[None, :]).astype(np.float64))
    return np.column_stack(parts) if parts else np.zeros((len(view), 1))
