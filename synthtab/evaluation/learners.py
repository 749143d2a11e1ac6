"""The models that utility is measured with: each learns from a `Sample` and predicts any rows.

A learner is a function ``(task, sample, seed) -> Fitted`` and looks at a bounded number of rows.
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
from sklearn.metrics import roc_auc_score

from synthtab.evaluation.cells import Floats
from synthtab.evaluation.design import Design
from synthtab.evaluation.views import Tables, View, features

LINEAR_ROWS = 50_000
LINEAR_CELLS = 100_000_000  # rows times columns of the design times classes
LINEAR_STEPS = 1_000
FAR = 5.0
FOREST_ROWS = 20_000
FOREST_CELLS = 300_000  # rows times columns
FOREST_TREES = 50
FOREST_LEAF = 5
_LARGEST = 1e30  # forests work in single precision


@dataclass(frozen=True)
class Sample:
    """Rows whose target is there, and the target."""

    view: View
    y: Floats

    def __len__(self) -> int:
        return len(self.y)

    def some(self, size: int) -> Sample:
        """At most that many rows, evenly spread."""
        return (
            self
            if len(self) <= size
            else self.take(np.linspace(0, len(self) - 1, size).astype(np.int64))
        )

    def take(self, rows: Any) -> Sample:
        """The rows of these indices."""
        return Sample(self.view.take(rows), self.y[rows])

    def independent(self, rng: np.random.Generator) -> Sample:
        """Every column, and the target, shuffled by itself."""
        rows = len(self)
        numbers, codes = self.view.numbers.copy(), self.view.codes.copy()
        for part in (numbers, codes):
            for j in range(part.shape[1]):
                part[:, j] = part[rng.permutation(rows), j]
        return Sample(View(numbers, codes), self.y[rng.permutation(rows)])


@dataclass(frozen=True)
class Task:
    """What is to be learnt: the target of these tables.

    Attributes:
        measure: Name of the score.
        classes: Those of the test rows; None if the target is a number.
        synthetic: Synthetic rows to learn from.
        real: Real rows to learn from.
        test: Real rows to be tested on.
    """

    tables: Tables
    measure: str
    classes: Floats | None
    synthetic: Sample
    real: Sample
    test: Sample

    def score(self, predicted: Floats, y: Floats) -> float:
        """AUC (two classes), mean one-against-rest AUC (more) or R²; of classes that occur, 0.5 if only one does."""
        if self.classes is None:
            total = float(((y - y.mean()) ** 2).sum())
            return (
                1.0 - float(((y - predicted) ** 2).sum()) / total if total > 0 else 0.0
            )
        if len(self.classes) == 2:
            predicted = predicted[:, [1]] - predicted[:, [0]]
        areas = []
        for scores, label in zip(
            predicted.T, self.classes[-predicted.shape[1] :], strict=True
        ):
            right = y == label
            if right.any() and not right.all():
                areas.append(roc_auc_score(right, scores))
        return float(np.mean(areas)) if areas else 0.5


@dataclass(frozen=True)
class Fitted:
    """A learnt model.

    Attributes:
        design: What it sees of some rows.
        predict: From that, a score for each class of the task, or the number.
        rows: How many it learnt from.
    """

    design: Callable[[View], Any]
    predict: Callable[[Any], Floats]
    rows: int


Learner = Callable[[Task, Sample, int], Fitted]


def boosted_trees(task: Task, sample: Sample, seed: int) -> Fitted:
    """scikit-learn's gradient-boosted trees with their defaults, categories as such."""

    def design(view: View) -> Floats:
        return features(task.tables, view, leave_out=task.tables.target)[0]

    _, categorical = features(
        task.tables, sample.view.take(slice(0, 1)), leave_out=task.tables.target
    )
    kind = (
        HistGradientBoostingRegressor
        if task.classes is None
        else HistGradientBoostingClassifier
    )
    model = kind(
        categorical_features=categorical.tolist(),
        early_stopping=False,
        random_state=seed,
    )
    return _fit(model, task, design, sample)


def linear(task: Task, sample: Sample, seed: int) -> Fitted:
    """Logistic regression or ridge on standardised numbers and one-hot categories.

    Means, spreads and the 100 commonest categories of a column are those of the real training rows,
    whatever is learnt from; numbers end at 5 standard deviations, a missing one is the mean and a
    category of its own.
    """
    design = Design(task.tables, task.real.view, leave_out=task.tables.target, far=FAR)
    outputs = 1 if task.classes is None else len(task.classes)
    rows = int(np.clip(LINEAR_CELLS // (design.width * outputs), 1_000, LINEAR_ROWS))
    model = (
        Ridge(solver="lsqr")
        if task.classes is None
        else LogisticRegression(max_iter=LINEAR_STEPS, tol=1e-3)
    )
    return _fit(model, task, design, sample.some(rows))


def forest(task: Task, sample: Sample, seed: int) -> Fitted:
    """A random forest of 50 trees with at least 5 rows in a leaf; categories by their codes.

    It learns from at most 20,000 rows, fewer if there are more than 15 columns.
    """

    def design(view: View) -> Floats:
        return np.clip(
            features(task.tables, view, leave_out=task.tables.target)[0],
            -_LARGEST,
            _LARGEST,
        )

    options: dict[str, Any] = {
        "n_estimators": FOREST_TREES,
        "min_samples_leaf": FOREST_LEAF,
        "random_state": seed,
    }
    sample = sample.some(min(FOREST_ROWS, FOREST_CELLS // len(task.tables.names)))
    if task.classes is None:
        return _fit(
            RandomForestRegressor(max_features=1 / 3, **options), task, design, sample
        )
    return _fit(RandomForestClassifier(**options), task, design, sample)


def _fit(
    model: Any, task: Task, design: Callable[[View], Any], sample: Sample
) -> Fitted:
    if task.classes is None:
        model.fit(design(sample.view), sample.y)
        return Fitted(design, model.predict, len(sample))
    classes = task.classes
    if len(np.unique(sample.y)) < 2:  # nothing to tell apart
        return Fitted(
            design,
            lambda matrix: np.zeros((matrix.shape[0], len(classes))),
            len(sample),
        )
    model.fit(design(sample.view), sample.y)

    def predict(matrix: Any) -> Floats:
        predicted, scores = (
            model.predict_proba(matrix),
            np.zeros((matrix.shape[0], len(classes))),
        )
        for position, label in enumerate(model.classes_):
            scores[:, classes == label] = predicted[:, [position]]
        return scores

    return Fitted(design, predict, len(sample))
