"""Can a classifier tell the synthetic rows from the real ones?

This is the classifier two-sample test (C2ST; Lopez-Paz and Oquab, arXiv 1610.06545):
equal numbers of real and synthetic rows, three folds, the area under the ROC curve
(AUC) on the rows left out. 0.5 means that they cannot be told apart. A boosted tree
sees dependencies of any form; a logistic regression is blind to all but means and
frequencies, thus good only for finding coarse faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sklearn_metrics
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.design import Design, tree_features
from synthtab.evaluation.importance import permutation
from synthtab.evaluation.levels import even_bins
from synthtab.evaluation.metric import (
    MIN_ROWS,
    Metric,
    Outcome,
    Reference,
    Score,
    Skip,
    auc_interval,
)
from synthtab.evaluation.metrics.pairs import worst_pairs
from synthtab.evaluation.report import svg
from synthtab.evaluation.report.section import Section, render
from synthtab.evaluation.report.text import figure
from synthtab.evaluation.views import Tables, View
from synthtab.runtime.machine import each

FOLDS = 3
MAX_ROWS = 50_000
TREES = 200
# Of a number that the trees see: scikit-learn's trees take 255, one for missing cells.
BINS = 254
LOGISTIC_STEPS = 100
LOGISTIC_TOLERANCE = 1e-3
# Rows on which columns are shuffled, and columns and pairs in the detail.
GIVEAWAY_ROWS = 4_000
GIVEAWAYS = 10
WORST_PAIRS = 10
# Steps of the drawn ROC curve.
CURVE_STEPS = 50
# The z of 95 %, and by how much the area of a cross-validation varies more than that of
# one model on as many rows: folds share the rows that they learn from. Measured on two
# draws of flights, 40 times (docs/lab.md).
Z = 1.3 * 1.96
# The longest bar of the picture stands for a drop of the AUC of this at least.
LEAST_LONGEST_DROP = 0.02

Labels = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]
IDEAL = Reference(0.5, "ideal: cannot tell")


def detection_auc(tables: Tables, streams: Streams) -> Outcome:
    """AUC of a boosted tree that looks for synthetic rows, and what gives them away.

    From 0 to 1; 0.5, which is ideal, is a guess. Detail: "giveaways", the columns
    without which the tree would see less (permutation importance); "pairs", those whose
    dependence is broken, in percent (`pairs.Pair.broken`), whether the tree saw it or
    not.
    """
    return tables.once(
        f"boosted tree detection {streams.seed}", lambda: _boosted_tree(tables, streams)
    )


def detection_score(tables: Tables, streams: Streams) -> Outcome:
    """1 - (2 max(AUC, 0.5) - 1): the literature's form of the same figure.

    From 0, always told, to 1, which is best.
    """
    outcome = detection_auc(tables, streams)
    low, high = outcome.interval or (outcome.value, outcome.value)
    return Outcome(
        _score(outcome.value),
        Reference(1.0, IDEAL.label),
        # A high AUC is a low score.
        (_score(high), _score(low)),
        outcome.n,
    )


def logistic_detection_auc(tables: Tables, streams: Streams) -> Outcome:
    """AUC of a logistic regression on standardised numbers and one-hot categories.

    From 0 to 1; 0.5, which is ideal, is a guess.
    """
    real, synthetic = _as_many_of_both(tables, streams)
    both = real.plus(synthetic)
    matrix = Design(tables, both)(both)
    labels = _labels(len(real))

    def auc_of(fold: _Fold) -> float:
        model = LogisticRegression(max_iter=LOGISTIC_STEPS, tol=LOGISTIC_TOLERANCE)
        model.fit(matrix[fold.train], labels[fold.train])
        scores = model.decision_function(matrix[fold.test])
        return float(roc_auc_score(labels[fold.test], scores))

    auc = float(np.mean(each(auc_of, _folds(labels, streams))))
    return Outcome(
        auc, IDEAL, auc_interval(auc, len(real), len(real), Z), 2 * len(real)
    )


@dataclass(frozen=True)
class _Fold:
    """Which rows a model learns from, and which it is tested on."""

    number: int
    train: Rows
    test: Rows


@dataclass(frozen=True)
class _Test:
    """What the tree says of the rows that it did not learn from.

    Attributes:
        labels: 1 for a synthetic row, 0 for a real one.
        guesses: The larger, the more synthetic.
        auc: How well the guesses part the two.
        drops: How far the AUC falls without each column; None where that is not asked.
    """

    labels: Labels
    guesses: Floats
    auc: float
    drops: Floats | None


def _boosted_tree(tables: Tables, streams: Streams) -> Outcome:
    real, synthetic = _as_many_of_both(tables, streams)
    both = real.plus(synthetic)
    matrix, categorical = tree_features(tables, both, counted=both)
    for j in np.flatnonzero(~categorical):
        matrix[:, j] = even_binned(matrix[:, j])
    labels = _labels(len(real))

    def tested(fold: _Fold) -> _Test:
        model = HistGradientBoostingClassifier(
            max_iter=TREES,
            categorical_features=categorical,
            early_stopping=False,
            random_state=streams.integer("boosted tree", fold.number) % 2**32,
        )
        model.fit(matrix[fold.train], labels[fold.train])
        of_test = labels[fold.test]
        guesses = model.predict_proba(matrix[fold.test])[:, 1]
        drops = None
        # One fold is enough to say which columns matter.
        if fold.number == 0:
            drops = _drops(model, matrix[fold.test], of_test, streams)
        return _Test(of_test, guesses, float(roc_auc_score(of_test, guesses)), drops)

    tests = each(tested, _folds(labels, streams))
    # Kept for the picture, `roc_curve`.
    tables.once(_tests_key(streams), lambda: tests)
    aucs = [test.auc for test in tests]
    auc = float(np.mean(aucs))
    drops = tests[0].drops
    assert drops is not None
    largest = np.argsort(-drops, kind="stable")[:GIVEAWAYS]
    giveaways = {tables.names[j]: float(drops[j]) for j in largest if drops[j] > 0.0}
    return Outcome(
        auc,
        IDEAL,
        auc_interval(auc, len(real), len(real), Z),
        2 * len(real),
        {
            "folds": aucs,
            "giveaways": giveaways,
            "pairs": worst_pairs(tables, streams, WORST_PAIRS),
        },
    )


def _tests_key(streams: Streams) -> str:
    return f"boosted tree detection, guesses {streams.seed}"


def curve_and_giveaways(
    tables: Tables, streams: Streams, score: Score
) -> Section | None:
    """The picture of `detection_auc`: its ROC curve, and the columns it looks at."""
    points = roc_curve(tables, streams)
    if points is None:
        return None
    giveaways = score.detail.get("giveaways", {})
    # The widest bar is the largest drop; drops that are next to nothing stay short.
    widest = max(max(giveaways.values(), default=1.0), LEAST_LONGEST_DROP)
    bars = []
    for name, drop in giveaways.items():
        width = round(100 * drop / widest, 1)
        bars.append({"name": name, "drop": drop, "width": width})
    drawn = {
        "auc": figure(score.value, ""),
        "picture": svg.curve(points),
        "giveaways": bars,
    }
    return Section(
        "detector",
        "Detector",
        "What gives the rows away",
        render("detector.html", detector=drawn),
    )


def roc_curve(tables: Tables, streams: Streams) -> list[list[float]] | None:
    """The mean of the ROC curves of all folds, where `detection_auc` was computed.

    Returns:
        Points (share of the real rows taken for synthetic, share of the synthetic rows
        found).
    """
    no_tests: list[_Test] = []
    tests = tables.once(_tests_key(streams), lambda: no_tests)
    if not tests:
        return None
    grid = np.linspace(0.0, 1.0, CURVE_STEPS + 1)
    curves = []
    for test in tests:
        alarms, hits, _ = sklearn_metrics.roc_curve(
            test.labels, test.guesses, drop_intermediate=False
        )
        curves.append(np.interp(grid, alarms, hits))
    mean = np.mean(curves, axis=0)
    return [
        [round(float(x), 4) + 0.0, round(float(y), 4) + 0.0]
        for x, y in zip(grid, mean, strict=True)
    ]


def even_binned(values: Floats) -> Floats:
    """At most `BINS` bins of about equal count, once no value counts for more than one.

    The trees themselves would cut into plain quantiles and hardly see the values that
    do not repeat; there is where a generator goes wrong.
    """
    there = ~np.isnan(values)
    distinct, ranks, counts = np.unique(
        values[there], return_inverse=True, return_counts=True
    )
    if len(distinct) <= BINS:
        return values
    binned = np.full(len(values), np.nan)
    binned[there] = even_bins(counts, BINS)[ranks]
    return binned


def _drops(model: Any, matrix: Floats, labels: Labels, streams: Streams) -> Floats:
    """How far the AUC falls when a column is shuffled, for each column."""
    rng = streams.numpy("giveaways")
    rows = rng.permutation(len(matrix))[:GIVEAWAY_ROWS]
    labels = labels[rows]
    if len(np.unique(labels)) < 2:
        return np.zeros(matrix.shape[1])

    def auc(shuffled: Floats) -> float:
        return float(roc_auc_score(labels, model.predict_proba(shuffled)[:, 1]))

    return permutation(auc, matrix[rows], rng)


def _as_many_of_both(tables: Tables, streams: Streams) -> tuple[View, View]:
    """As many real as synthetic rows."""
    size = min(len(tables.real), len(tables.synthetic), MAX_ROWS)
    if size < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")
    real = tables.real.some(size, streams.numpy("real rows"))
    synthetic = tables.synthetic.some(size, streams.numpy("other rows"))
    return real, synthetic


def _labels(size: int) -> Labels:
    """0 for each of so many real rows, then 1 for each of as many synthetic ones."""
    return np.repeat(np.array([0, 1], dtype=np.int64), size)


def _folds(labels: Labels, streams: Streams) -> list[_Fold]:
    """Folds with as many real as synthetic rows each."""
    splitter = StratifiedKFold(
        FOLDS, shuffle=True, random_state=streams.integer("folds") % 2**32
    )
    splits = splitter.split(np.zeros(len(labels)), labels)
    return [_Fold(i, train, test) for i, (train, test) in enumerate(splits)]


def _score(auc: float) -> float:
    """1 - (2 max(AUC, 0.5) - 1)."""
    return 1.0 - (2.0 * max(auc, 0.5) - 1.0)


AUC = Metric(
    "detection_auc",
    "Told apart, boosted tree",
    "AUC of a boosted tree that looks for synthetic rows; 0.5 = it cannot",
    "detection",
    "lower",
    detection_auc,
    cost="high",
    chance=0.5,
    picture=curve_and_giveaways,
)
SCORE = Metric(
    "detection_score",
    "Detection score",
    "the same on the literature's scale; 1 = cannot be told apart, 0 = always",
    "detection",
    "higher",
    detection_score,
    like="detection_auc",
)
LOGISTIC = Metric(
    "detection_auc_logistic",
    "Told apart, logistic",
    "the same by a logistic regression, which sees only coarse faults",
    "detection",
    "lower",
    logistic_detection_auc,
    cost="medium",
    chance=0.5,
)
