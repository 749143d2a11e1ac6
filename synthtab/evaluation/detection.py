"""Can a classifier tell the synthetic rows from the real ones?

The classifier two-sample test: equal numbers of real and synthetic rows, three folds, the area under
the ROC curve of the rows left out. 0.5 means that they cannot be told apart. A boosted tree sees
dependencies of any form; a logistic regression is blind to all but means and frequencies, thus good
only for finding coarse faults.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip, auc_interval
from synthtab.evaluation.parallel import each
from synthtab.evaluation.views import Tables, View, features
from synthtab.randomness import Streams

FOLDS = 3
MAX_ROWS = 50_000
MIN_ROWS = 20
TREES = 200
BINS = 254
GIVEAWAY_ROWS = 4_000
MAX_DUMMIES = 100

Labels = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]
IDEAL = Reference(0.5, "ideal: cannot tell")


def detection_auc(tables: Tables, streams: Streams) -> Outcome:
    """Area under the ROC curve of a boosted tree, and the columns that give the rows away."""
    return tables.once(f"boosted tree detection {streams.seed}", lambda: _boosted_tree(tables, streams))


def detection_score(tables: Tables, streams: Streams) -> Outcome:
    """1 - (2 max(AUC, 0.5) - 1): the literature's form of the same figure."""
    outcome = detection_auc(tables, streams)
    low, high = outcome.interval or (outcome.value, outcome.value)
    return Outcome(_score(outcome.value), Reference(1.0, IDEAL.label), (_score(high), _score(low)), outcome.n)


def logistic_detection_auc(tables: Tables, streams: Streams) -> Outcome:
    """Area under the ROC curve of a logistic regression on standardised numbers and one-hot categories."""
    real, synthetic = _equal(tables, streams)
    design, labels = _dummies(tables, real, synthetic)

    def fold(job: tuple[int, Rows, Rows]) -> float:
        _, train, test = job
        model = LogisticRegression(max_iter=100, tol=1e-3).fit(design[train], labels[train])
        return float(roc_auc_score(labels[test], model.decision_function(design[test])))

    auc = float(np.mean(each(fold, _folds(labels, streams))))
    return Outcome(auc, IDEAL, auc_interval(auc, len(real), len(real)), 2 * len(real))


def _boosted_tree(tables: Tables, streams: Streams) -> Outcome:
    real, synthetic = _equal(tables, streams)
    matrix, categorical = features(tables, real)
    matrix = np.concatenate([matrix, features(tables, synthetic)[0]])
    for j in np.flatnonzero(~categorical):
        matrix[:, j] = _binned(matrix[:, j])
    labels = _labels(len(real))

    def fold(job: tuple[int, Rows, Rows]) -> tuple[float, Floats | None, Floats]:
        number, train, test = job
        model = HistGradientBoostingClassifier(
            max_iter=TREES,
            categorical_features=categorical,
            early_stopping=False,
            random_state=streams.integer("boosted tree", number) % 2**32,
        )
        model.fit(matrix[train], labels[train])
        guesses = model.predict_proba(matrix[test])[:, 1]
        drops = _permutation(model, matrix[test], labels[test], streams) if number == 0 else None
        return float(roc_auc_score(labels[test], guesses)), drops, guesses

    folds = _folds(labels, streams)
    found = each(fold, folds)
    aucs, drops = [auc for auc, _, _ in found], found[0][1]
    assert drops is not None
    tests = [(labels[test], guesses) for (_, _, test), (_, _, guesses) in zip(folds, found, strict=True)]
    tables.once(_tests_key(streams), lambda: tests)
    auc = float(np.mean(aucs))
    order = np.argsort(-drops, kind="stable")
    giveaways = {tables.names[j]: float(drops[j]) for j in order[:10] if drops[j] > 0.0}
    return Outcome(
        auc,
        IDEAL,
        auc_interval(auc, len(real), len(real)),
        2 * len(real),
        {"folds": aucs, "giveaways": giveaways},
    )


def tests_of(tables: Tables, streams: Streams) -> list[tuple[Labels, Floats]]:
    """Labels (1 = synthetic) and guesses of the rows left out, per fold, where `detection_auc` was computed."""
    return tables.once(_tests_key(streams), list)


def _tests_key(streams: Streams) -> str:
    return f"boosted tree detection, guesses {streams.seed}"


def _binned(values: Floats) -> Floats:
    """At most `BINS` bins of about equal count, in which no repeated value counts for more than one bin.

    The trees would cut a column that is 0 in 9 rows of 10 into quantiles, thus see the other values
    in a tenth of their bins; there is where a generator goes wrong.
    """
    there = ~np.isnan(values)
    distinct, ranks, counts = np.unique(values[there], return_inverse=True, return_counts=True)
    if len(distinct) <= BINS:
        return values
    cap = counts.sum() / BINS
    for _ in range(20):
        cap = np.minimum(counts, cap).sum() / BINS
    weights = np.minimum(counts, max(cap, 1.0))
    middle = np.cumsum(weights) - weights / 2
    binned = np.full(len(values), np.nan)
    binned[there] = np.floor(middle / weights.sum() * BINS)[ranks]
    return binned


def _permutation(model: Any, matrix: Floats, labels: Labels, streams: Streams) -> Floats:
    """How far the area under the curve falls when a column is shuffled, for each column."""
    rng = streams.numpy("giveaways")
    rows = rng.permutation(len(matrix))[:GIVEAWAY_ROWS]
    matrix, labels = matrix[rows], labels[rows]
    if len(np.unique(labels)) < 2:
        return np.zeros(matrix.shape[1])
    whole = roc_auc_score(labels, model.predict_proba(matrix)[:, 1])
    drops = np.zeros(matrix.shape[1])
    for j in range(matrix.shape[1]):
        shuffled = matrix.copy()
        shuffled[:, j] = matrix[rng.permutation(len(matrix)), j]
        drops[j] = whole - roc_auc_score(labels, model.predict_proba(shuffled)[:, 1])
    return drops


def _equal(tables: Tables, streams: Streams) -> tuple[View, View]:
    """As many real as synthetic rows."""
    size = min(len(tables.real), len(tables.synthetic), MAX_ROWS)
    if size < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")
    return tables.real.some(size, streams.numpy("real rows")), tables.synthetic.some(size, streams.numpy("other rows"))


def _labels(size: int) -> Labels:
    return np.repeat(np.array([0, 1], dtype=np.int64), size)


def _folds(labels: Labels, streams: Streams) -> list[tuple[int, Rows, Rows]]:
    """Number, training rows and test rows of every fold."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=streams.integer("folds") % 2**32)
    return [(i, train, test) for i, (train, test) in enumerate(folds.split(np.zeros(len(labels)), labels))]


def _dummies(tables: Tables, real: View, synthetic: View) -> tuple[Any, Labels]:
    """One-hot categories (the commonest of them) and standardised numbers, sparse if there are many."""
    numbers = np.concatenate([real.numbers, synthetic.numbers])
    codes = np.concatenate([real.codes, synthetic.codes])
    missing = np.isnan(numbers)
    filled = np.where(missing, np.nan_to_num(_column_means(numbers)), numbers)
    deviation = filled.std(axis=0)
    scaled = (filled - filled.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    parts = [sparse.csr_matrix(scaled), sparse.csr_matrix(missing[:, missing.any(axis=0)].astype(np.float64))]
    for j, size in enumerate(tables.sizes):
        counts = np.bincount(codes[:, j], minlength=size)
        kept = np.argsort(-counts, kind="stable")[:MAX_DUMMIES]
        slot = np.full(size, -1)
        slot[kept] = np.arange(len(kept))
        slots = slot[codes[:, j]]
        rows = np.flatnonzero(slots >= 0)
        parts.append(sparse.csr_matrix((np.ones(len(rows)), (rows, slots[rows])), shape=(len(codes), len(kept))))
    design = sparse.hstack(parts, format="csr")
    return (design.toarray() if design.shape[1] <= 500 else design), _labels(len(real))


def _column_means(numbers: Floats) -> Floats:
    there = ~np.isnan(numbers)
    means: Floats = np.where(there, numbers, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return means


def _score(auc: float) -> float:
    return 1.0 - (2.0 * max(auc, 0.5) - 1.0)


AUC = Metric(
    "detection_auc",
    "Told apart, boosted tree",
    "AUC of a boosted tree that looks for synthetic rows; 0.5 = it cannot",
    "detection",
    "lower",
    detection_auc,
)
SCORE = Metric(
    "detection_score",
    "Detection score",
    "the same on the literature's scale; 1 = cannot be told apart, 0 = always",
    "detection",
    "higher",
    detection_score,
)
LOGISTIC = Metric(
    "detection_auc_logistic",
    "Told apart, logistic",
    "the same by a logistic regression, which sees only coarse faults",
    "detection",
    "lower",
    logistic_detection_auc,
)
