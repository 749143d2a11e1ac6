"""The models that added rows are to help.

A learner is one function and one line in `LEARNERS`. It learns from a `Sample` and
predicts, for every row of a view, a probability per class ``[rows, classes]`` or a
number ``[rows]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from synthtab.evaluation import learners
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.design import Coding, Design
from synthtab.evaluation.learners import Classes, Sample
from synthtab.evaluation.views import View

# What a linear model sees. Categories that no real row has get no column: it is tested
# on real rows, and all arms have the same columns, whatever rows are added.
LINEAR_CODING = Coding(
    farthest=8.0, categories=50, unseen=False, gaps_count=False, dense_up_to=np.inf
)
LINEAR_STEPS = 300
FOREST_TREES = 60
FOREST_LEAF = 2

# Rows to learn from, test rows, number of classes (0 for a number), seed =>
# predictions.
Learner = Callable[[Sample, View, int, int], Floats]


def linear(sample: Sample, test: View, classes: int, seed: int) -> Floats:
    """Logistic or ridge regression on standardised numbers and one-hot categories."""
    tables = sample.tables
    design = Design(tables, tables.real, LINEAR_CODING, leave_out=tables.target)
    model: Any = LogisticRegression(max_iter=LINEAR_STEPS) if classes else Ridge()
    return learners.fit(model, design, sample, _labels(classes)).predict(test)


def boosted_trees(sample: Sample, test: View, classes: int, seed: int) -> Floats:
    """scikit-learn's histogram gradient boosting with its defaults."""
    return learners.boosted_trees(sample, _labels(classes), seed).predict(test)


def forest(sample: Sample, test: View, classes: int, seed: int) -> Floats:
    """A random forest; categories by their number."""
    model = learners.random_forest(
        sample, _labels(classes), seed, FOREST_TREES, FOREST_LEAF
    )
    return model.predict(test)


LEARNERS: dict[str, Learner] = {
    "linear": linear,
    "trees": boosted_trees,
    "forest": forest,
}


def _labels(classes: int) -> Classes:
    """The labels of so many classes: their numbers."""
    return np.arange(classes, dtype=np.float64) if classes else None
