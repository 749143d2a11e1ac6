"""The models that added rows are to help.

A learner is one function and one line in `LEARNERS`. It learns from a `Sample` and
predicts, for every row of a view, a probability per class ``[rows, classes]`` or a
number ``[rows]``.
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

# The linear model gives a weight of their own to at most so many categories of a
# column.
MAX_LEVELS = 50
# For the linear model, numbers end at so many standard deviations.
MAX_DEVIATIONS = 8.0
FOREST_TREES = 60


@dataclass(frozen=True)
class Sample:
    """Rows to learn from.

    Attributes:
        tables: What the columns of the view mean.
        view: The rows, target included.
        y: Class numbers or target values ``[rows]``.
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
        """These rows and those of another sample of the same tables."""
        view = View(
            np.concatenate([self.view.numbers, other.view.numbers]),
            np.concatenate([self.view.codes, other.view.codes]),
        )
        return Sample(self.tables, view, np.concatenate([self.y, other.y]))


Learner = Callable[[Sample, View, int, int], Floats]


def linear(sample: Sample, test: View, classes: int, seed: int) -> Floats:
    """Logistic or ridge regression on standardised numbers and one-hot categories."""
    model = LogisticRegression(max_iter=300) if classes else Ridge()
    x = _weighable(sample.tables, sample.view)
    x_test = _weighable(sample.tables, test)
    return _predicted(model, sample, x, x_test, classes)


def boosted_trees(sample: Sample, test: View, classes: int, seed: int) -> Floats:
    """scikit-learn's histogram gradient boosting with its defaults."""
    x, nominal = features(sample.tables, sample.view, sample.tables.target)
    x_test, _ = features(sample.tables, test, sample.tables.target)
    options: dict[str, Any] = {
        "categorical_features": nominal,
        "early_stopping": False,
        "random_state": seed,
    }
    if classes:
        model = HistGradientBoostingClassifier(**options)
    else:
        model = HistGradientBoostingRegressor(**options)
    return _predicted(model, sample, x, x_test, classes)


def forest(sample: Sample, test: View, classes: int, seed: int) -> Floats:
    """A random forest; categories by their number."""
    x, _ = features(sample.tables, sample.view, sample.tables.target)
    x_test, _ = features(sample.tables, test, sample.tables.target)
    options: dict[str, Any] = {
        "n_estimators": FOREST_TREES,
        "min_samples_leaf": 2,
        "random_state": seed,
        "n_jobs": 1,
    }
    if classes:
        model = RandomForestClassifier(**options)
    else:
        model = RandomForestRegressor(max_features=1 / 3, **options)
    return _predicted(model, sample, x, x_test, classes)


LEARNERS: dict[str, Learner] = {
    "linear": linear,
    "trees": boosted_trees,
    "forest": forest,
}


def _predicted(
    model: Any, sample: Sample, x: Floats, x_test: Floats, classes: int
) -> Floats:
    """Fit a model and predict the test rows."""
    if not classes:
        model.fit(x, sample.y, sample_weight=sample.weight)
        return np.asarray(model.predict(x_test), dtype=np.float64)
    # A class that no row to learn from has keeps the probability 0.
    probabilities = np.zeros((len(x_test), classes))
    labels = sample.y.astype(np.int64)
    labels_there = np.unique(labels)
    if len(labels_there) == 1:
        # scikit-learn's classifiers refuse to learn a single class.
        probabilities[:, labels_there] = 1.0
        return probabilities
    model.fit(x, labels, sample_weight=sample.weight)
    probabilities[:, model.classes_] = model.predict_proba(x_test)
    return probabilities


def _weighable(tables: Tables, view: View) -> Floats:
    """Rows as a linear model can weigh them, ``[rows, features]``.

    A number is in units of its standard deviation in the real table, a missing one is
    the mean and has a column that says so; a category is one-hot. The target is left
    out.
    """
    parts = []
    for j, name in enumerate(tables.numeric):
        if name != tables.target:
            parts += _number_columns(tables.real.numbers[:, j], view.numbers[:, j])
    for j, name in enumerate(tables.categorical):
        if name != tables.target:
            # By the real table, whatever rows are added: all arms have the same
            # columns.
            counts = np.bincount(tables.real.codes[:, j], minlength=tables.sizes[j])
            common = np.argsort(-counts, kind="stable")[:MAX_LEVELS]
            common = common[counts[common] > 0]
            one_hot = view.codes[:, [j]] == common[None, :]
            parts.append(one_hot.astype(np.float64))
    return np.column_stack(parts) if parts else np.zeros((len(view), 1))


def _number_columns(real: Floats, cells: Floats) -> list[Floats]:
    """The columns of one number: scaled and, if it has gaps, where they are."""
    known = real[~np.isnan(real)]
    mean = known.mean()
    # A number that is always the same has no spread.
    spread = known.std() or 1.0
    missing = np.isnan(cells)
    scaled = (np.where(missing, mean, cells) - mean) / spread
    columns: list[Floats] = [np.clip(scaled, -MAX_DEVIATIONS, MAX_DEVIATIONS)[:, None]]
    if len(known) < len(real):
        columns.append(missing[:, None].astype(np.float64))
    return columns
