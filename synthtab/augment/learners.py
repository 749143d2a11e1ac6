"""The models that added rows are to help, and how they are scored.

A learner is one function and one line in `LEARNERS`: it learns from a `Sample` and predicts, for every row of a view,
a probability per class ``[rows, classes]`` or a number ``[rows]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
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

Integers = npt.NDArray[np.int64]


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


def measures(
    y: Floats, predicted: Floats, classes: int, rarest: int
) -> dict[str, float]:
    """Every metric of the task, higher is better; NaN where the test rows do not allow it.

    auc: area under the ROC curve, over more than two classes the mean of one against the rest.
    average_precision: of the rarest class; over more than two classes the mean of one against the rest.
    balanced_accuracy: mean over the classes of the share of its rows that are recognised.
    r2: one minus the squared error in units of the variance.
    """
    if not classes:
        total = float(((y - y.mean()) ** 2).sum())
        return {
            "r2": 1.0 - float(((y - predicted) ** 2).sum()) / total
            if total > 0
            else float("nan")
        }
    labels = y.astype(np.int64)
    there = [c for c in range(classes) if 0 < (labels == c).sum() < len(labels)]
    shown = [rarest] if classes == 2 else there
    ranked = [(labels == c, predicted[:, c]) for c in shown if c in there]
    hits = predicted.argmax(axis=1) == labels
    return {
        "auc": _mean([_area(is_it, score) for is_it, score in ranked]),
        "average_precision": _mean(
            [_precision(is_it, score) for is_it, score in ranked]
        ),
        "balanced_accuracy": _mean([float(hits[labels == c].mean()) for c in there]),
    }


def _area(is_it: npt.NDArray[np.bool_], score: Floats) -> float:
    """Area under the ROC curve from the ranks (Mann and Whitney 1947); a tie counts half."""
    own = int(is_it.sum())
    above = float(rankdata(score)[is_it].sum()) - own * (own + 1) / 2
    return above / (own * (len(is_it) - own))


def _precision(is_it: npt.NDArray[np.bool_], score: Floats) -> float:
    """Average precision: the sum over thresholds of precision times the gain in recall."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(
        np.flatnonzero(np.diff(score[order])), len(order) - 1
    )  # equal scores pass together
    found = np.cumsum(is_it[order])[ends]
    return float((np.diff(found, prepend=0) * found / (ends + 1)).sum() / is_it.sum())


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
