"""Models that learn to predict a column of a table, and test what its rows are worth.

`fit` trains any scikit-learn estimator on a `Sample`; `boosted_trees` and
`random_forest` are the two that need no further choice. Utility
(`metrics.utility`) and studies of augmentation (`synthtab.augment.learners`) both use
them, each with its own settings for linear models and forests.
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

from synthtab.evaluation.cells import Floats
from synthtab.evaluation.design import tree_features
from synthtab.evaluation.views import Tables, View

# Labels of the classes to tell apart, ascending; None if a number is predicted.
Classes = Floats | None

# Forests work in single precision, which ends at 3e38.
LARGEST_OF_FORESTS = 1e30


@dataclass(frozen=True)
class Sample:
    """Rows to learn from or to be tested on, and what is to be predicted of them.

    Attributes:
        tables: What the columns of the view mean, and which of them is the target.
        view: The rows, target included.
        y: The target: class labels or numbers ``[rows]``, none of them missing.
        weight: One per row; None for equal weights.
    """

    tables: Tables
    view: View
    y: Floats
    weight: Floats | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Any) -> Sample:
        """The given rows (indices or mask), with equal weights."""
        return Sample(self.tables, self.view.take(rows), self.y[rows])

    def some(self, size: int) -> Sample:
        """At most that many rows, evenly spread."""
        if len(self) <= size:
            return self
        # Rows of a view are sorted: evenly spread ones are a fair part of them.
        positions = np.linspace(0, len(self) - 1, size).astype(np.int64)
        return self.take(positions)

    def plus(self, other: Sample) -> Sample:
        """These rows and those of another sample of the same tables."""
        y = np.concatenate([self.y, other.y])
        view = self.view.plus(other.view)
        if self.weight is None and other.weight is None:
            return Sample(self.tables, view, y)
        weights = [
            np.ones(len(part)) if part.weight is None else part.weight
            for part in (self, other)
        ]
        return Sample(self.tables, view, y, np.concatenate(weights))

    def independent(self, rng: np.random.Generator) -> Sample:
        """Each column, and the target, shuffled by itself: nothing is left to learn."""
        rows = len(self)
        numbers = self.view.numbers.copy()
        codes = self.view.codes.copy()
        for part in (numbers, codes):
            for j in range(part.shape[1]):
                part[:, j] = part[rng.permutation(rows), j]
        return Sample(self.tables, View(numbers, codes), self.y[rng.permutation(rows)])


@dataclass(frozen=True)
class Fitted:
    """A model that has learnt.

    Attributes:
        design: View => what the model sees of its rows, ``[rows, features]``.
        scores: That => a score for each class ``[rows, classes]``, or the predicted
            numbers ``[rows]``.
        rows: How many rows it learnt from.
    """

    design: Callable[[View], Any]
    scores: Callable[[Any], Floats]
    rows: int

    def predict(self, view: View) -> Floats:
        """What the model says of some rows, as `scores`."""
        return self.scores(self.design(view))


def fit(
    estimator: Any, design: Callable[[View], Any], sample: Sample, classes: Classes
) -> Fitted:
    """Train an estimator of scikit-learn.

    A class that no row of the sample has keeps the score 0. If the sample has a single
    class, that is what the model always says: scikit-learn's classifiers would refuse.
    """
    if classes is None:
        matrix = design(sample.view)
        estimator.fit(matrix, sample.y, sample_weight=sample.weight)
        return Fitted(design, estimator.predict, len(sample))
    labels = classes
    labels_there = np.unique(sample.y)
    single = labels_there[0] if len(labels_there) == 1 else None
    if single is None:
        matrix = design(sample.view)
        estimator.fit(matrix, sample.y, sample_weight=sample.weight)

    def scores(matrix: Any) -> Floats:
        of_classes = np.zeros((matrix.shape[0], len(labels)))
        if single is not None:
            of_classes[:, labels == single] = 1.0
            return of_classes
        # The estimator knows the classes of its sample; the columns are those of
        # `classes`, which may lack some of them and have others.
        probabilities = estimator.predict_proba(matrix)
        for position, label in enumerate(estimator.classes_):
            of_classes[:, labels == label] = probabilities[:, [position]]
        return of_classes

    return Fitted(design, scores, len(sample))


def boosted_trees(sample: Sample, classes: Classes, seed: int) -> Fitted:
    """scikit-learn's histogram gradient boosting, with its defaults.

    Trees split categories into any two groups of them.
    """
    tables = sample.tables

    def design(view: View) -> Floats:
        return tree_features(tables, view, leave_out=tables.target)[0]

    # Which columns are categories does not depend on the rows.
    one_row = sample.view.take(slice(0, 1))
    _, categorical = tree_features(tables, one_row, leave_out=tables.target)
    kind = HistGradientBoostingClassifier
    if classes is None:
        kind = HistGradientBoostingRegressor
    model = kind(
        categorical_features=categorical.tolist(),
        # Otherwise a tenth of many rows would be kept out, to know when to stop.
        early_stopping=False,
        random_state=seed,
    )
    return fit(model, design, sample, classes)


def random_forest(
    sample: Sample, classes: Classes, seed: int, trees: int, smallest_leaf: int
) -> Fitted:
    """scikit-learn's random forest; categories are numbers to it, their codes."""
    tables = sample.tables

    def design(view: View) -> Floats:
        matrix = tree_features(tables, view, leave_out=tables.target)[0]
        return np.clip(matrix, -LARGEST_OF_FORESTS, LARGEST_OF_FORESTS)

    options: dict[str, Any] = {
        "n_estimators": trees,
        "min_samples_leaf": smallest_leaf,
        "random_state": seed,
    }
    if classes is None:
        # A third of the columns at each split, as Breiman (2001) has it for numbers.
        model = RandomForestRegressor(max_features=1 / 3, **options)
    else:
        model = RandomForestClassifier(**options)
    return fit(model, design, sample, classes)
