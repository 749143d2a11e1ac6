"""How well a model predicts: the metrics of a study, higher is better in each.

The figures are scikit-learn's, as tests say. Its own functions check their arguments
each time: an AUC of 300, 3,000 and 15,000 rows takes 1.7, 2.2 and 4.6 ms there, and
0.06, 0.14 and 1.4 ms here. A study of all arms and models asks for some ten thousand
figures, since it scores each model on twenty halves of the holdout, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from synthtab.evaluation.cells import Floats


def measures(
    y: Floats, predicted: Floats, classes: int, rarest: int
) -> dict[str, float]:
    """Every metric of a task on some test rows; NaN where the rows do not allow it.

    - brier_skill: one minus the squared error of the probabilities (Brier 1950), in units
      of that of always saying the shares of the test rows; the R² of probabilities. Over
      more than two classes both are sums over the classes.
    - auc: area under the ROC curve. Over more than two classes the mean of one class
      against the rest.
    - average_precision: of the rarest class. Over more than two classes the mean of one
      class against the rest.
    - balanced_accuracy: mean over the classes of the share of its rows that are
      recognised.
    - r2: one minus the squared error in units of the variance.

    Args:
        y: Class numbers or numbers ``[rows]``.
        predicted: A probability for each class ``[rows, classes]``, or numbers
            ``[rows]``.
        classes: How many classes there are; 0 for a number.
        rarest: Number of the class that is rarest in the real table.
    """
    if not classes:
        return {"r2": _r2(y, predicted)}
    # Of two classes, one against the rest is the same question twice.
    ranked = range(classes) if classes > 2 else [rarest]
    values = {"brier_skill": _brier_skill(y, predicted)}
    for metric in OF_CLASS:
        if metric == "brier_skill":
            continue
        asked = ranked if metric in RANKED else range(classes)
        values[metric] = _mean(class_values(metric, y, predicted, asked))
    return values


def class_values(
    metric: str, y: Floats, predicted: Floats, classes: Sequence[int]
) -> list[float]:
    """A metric of each class against the rest; see `measures`.

    NaN for a class that no test row has, or that all have: it cannot be told from the
    rest.
    """
    labels = y.astype(np.int64)
    values = []
    for number in classes:
        is_class = labels == number
        if 0 < is_class.sum() < len(labels):
            values.append(OF_CLASS[metric](is_class, predicted, number))
        else:
            values.append(float("nan"))
    return values


def _r2(y: Floats, predicted: Floats) -> float:
    total = float(((y - y.mean()) ** 2).sum())
    if total <= 0:
        return float("nan")
    return 1.0 - float(((y - predicted) ** 2).sum()) / total


def _brier_skill(y: Floats, predicted: Floats) -> float:
    """Over all classes."""
    is_class = (y.reshape(-1, 1) == np.arange(predicted.shape[1])).astype(np.float64)
    total = float(((is_class - is_class.mean(axis=0)) ** 2).sum())
    if total <= 0:
        return float("nan")
    return 1.0 - float(((is_class - predicted) ** 2).sum()) / total


def _skill(is_class: npt.NDArray[np.bool_], predicted: Floats, number: int) -> float:
    """The Brier skill of one class: R² of its probability."""
    return _r2(is_class.astype(np.float64), predicted[:, number])


def _area(is_class: npt.NDArray[np.bool_], predicted: Floats, number: int) -> float:
    """Area under the ROC curve (Mann and Whitney 1947); a tie counts half."""
    score = predicted[:, number]
    positives = int(is_class.sum())
    negatives = len(is_class) - positives
    # The rank sum that the positives have when all of them lie below all negatives.
    least = positives * (positives + 1) / 2
    pairs_in_order = float(rankdata(score)[is_class].sum()) - least
    return pairs_in_order / (positives * negatives)


def _precision(
    is_class: npt.NDArray[np.bool_], predicted: Floats, number: int
) -> float:
    """Average precision: over all thresholds, precision times the gain in recall."""
    score = predicted[:, number]
    order = np.argsort(-score, kind="stable")
    # Rows of equal scores pass a threshold together: only the last of them is a step.
    steps = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    positives = np.cumsum(is_class[order])[steps]
    gains = np.diff(positives, prepend=0)
    precision_times_gain = gains * positives / (steps + 1)
    return float(precision_times_gain.sum() / is_class.sum())


def _recall(is_class: npt.NDArray[np.bool_], predicted: Floats, number: int) -> float:
    """Share of the rows of the class whose highest probability is that of the class."""
    return float((predicted[is_class].argmax(axis=1) == number).mean())


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


# The metrics of one class. But for the Brier skill, a metric of all classes is the mean
# over them.
OF_CLASS: dict[str, Callable[[npt.NDArray[np.bool_], Floats, int], float]] = {
    "brier_skill": _skill,
    "auc": _area,
    "average_precision": _precision,
    "balanced_accuracy": _recall,
}
# Those that go by the order of the rows.
RANKED = ("auc", "average_precision")
