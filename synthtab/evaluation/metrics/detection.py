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
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from synthtab.core.randomness import Streams
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.design import Design
from synthtab.evaluation.importance import permutation
from synthtab.evaluation.levels import even_bins
from synthtab.evaluation.metric import (
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
from synthtab.evaluation.views import Tables, View, features
from synthtab.runtime.parallel import each

FOLDS = 3
MAX_ROWS = 50_000
MIN_ROWS = 20
TREES = 200
BINS = 254
GIVEAWAY_ROWS = 4_000
WORST_PAIRS = 10
CURVE_STEPS = 50

Labels = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]
IDEAL = Reference(0.5, "ideal: cannot tell")


def detection_auc(tables: Tables, streams: Streams) -> Outcome:
    """Area under the ROC curve of a boosted tree, and what gives the rows away.

    "giveaways": the columns without which the tree would see less (permutation importance). "pairs":
    those whose dependence is broken, in percent (`pairs.Pair.broken`), whether the tree saw it or not.
    """
    return tables.once(
        f"boosted tree detection {streams.seed}", lambda: _boosted_tree(tables, streams)
    )


def detection_score(tables: Tables, streams: Streams) -> Outcome:
    """1 - (2 max(AUC, 0.5) - 1): the literature's form of the same figure."""
    outcome = detection_auc(tables, streams)
    low, high = outcome.interval or (outcome.value, outcome.value)
    return Outcome(
        _score(outcome.value),
        Reference(1.0, IDEAL.label),
        (_score(high), _score(low)),
        outcome.n,
    )


def logistic_detection_auc(tables: Tables, streams: Streams) -> Outcome:
    """Area under the ROC curve of a logistic regression on standardised numbers and one-hot categories."""
    real, synthetic = _equal(tables, streams)
    both = View(
        np.concatenate([real.numbers, synthetic.numbers]),
        np.concatenate([real.codes, synthetic.codes]),
    )
    design, labels = Design(tables, both)(both), _labels(len(real))

    def fold(job: tuple[int, Rows, Rows]) -> float:
        _, train, test = job
        model = LogisticRegression(max_iter=100, tol=1e-3).fit(
            design[train], labels[train]
        )
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
        drops = (
            _permutation(model, matrix[test], labels[test], streams)
            if number == 0
            else None
        )
        return float(roc_auc_score(labels[test], guesses)), drops, guesses

    folds = _folds(labels, streams)
    found = each(fold, folds)
    aucs, drops = [auc for auc, _, _ in found], found[0][1]
    assert drops is not None
    tests = [
        (labels[test], guesses)
        for (_, _, test), (_, _, guesses) in zip(folds, found, strict=True)
    ]
    tables.once(_tests_key(streams), lambda: tests)
    auc = float(np.mean(aucs))
    order = np.argsort(-drops, kind="stable")
    giveaways = {tables.names[j]: float(drops[j]) for j in order[:10] if drops[j] > 0.0}
    return Outcome(
        auc,
        IDEAL,
        auc_interval(auc, len(real), len(real)),
        2 * len(real),
        {
            "folds": aucs,
            "giveaways": giveaways,
            "pairs": worst_pairs(tables, streams, WORST_PAIRS),
        },
    )


def tests_of(tables: Tables, streams: Streams) -> list[tuple[Labels, Floats]]:
    """Labels (1 = synthetic) and guesses of the rows left out, per fold, where `detection_auc` was computed."""
    return tables.once(_tests_key(streams), list)


def _tests_key(streams: Streams) -> str:
    return f"boosted tree detection, guesses {streams.seed}"


def curve_and_giveaways(
    tables: Tables, streams: Streams, score: Score
) -> Section | None:
    """The picture of `detection_auc`: its ROC curve, and the columns that it looks at."""
    points = roc_curve(tables, streams)
    if points is None:
        return None
    giveaways = score.detail.get("giveaways", {})
    # The widest bar is the largest drop; drops that are next to nothing stay short.
    widest = max(max(giveaways.values(), default=1.0), 0.02)
    drawn = {
        "auc": figure(score.value, ""),
        "picture": svg.curve(points),
        "giveaways": [
            {"name": name, "drop": drop, "width": round(100 * drop / widest, 1)}
            for name, drop in giveaways.items()
        ],
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
    tests = tests_of(tables, streams)
    if not tests:
        return None
    grid = np.linspace(0.0, 1.0, CURVE_STEPS + 1)
    curves = []
    for labels, guesses in tests:
        order = np.argsort(-guesses, kind="stable")
        # Rows of equal guesses pass a threshold together: only the last of them is a step.
        step = np.append(np.diff(guesses[order]) != 0, True)
        hits = np.cumsum(labels[order])[step] / max(labels.sum(), 1)
        alarms = np.cumsum(1 - labels[order])[step] / max((1 - labels).sum(), 1)
        curves.append(np.interp(grid, np.append(0.0, alarms), np.append(0.0, hits)))
    mean = np.mean(curves, axis=0)
    return [
        [round(float(x), 4) + 0.0, round(float(y), 4) + 0.0]
        for x, y in zip(grid, mean, strict=True)
    ]


def _binned(values: Floats) -> Floats:
    """At most `BINS` bins of about equal count, in which no repeated value counts for more than one bin.

    The trees themselves would cut into plain quantiles and hardly see the values that do not repeat;
    there is where a generator goes wrong.
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


def _permutation(
    model: Any, matrix: Floats, labels: Labels, streams: Streams
) -> Floats:
    """How far the area under the curve falls when a column is shuffled, for each column."""
    rng = streams.numpy("giveaways")
    rows = rng.permutation(len(matrix))[:GIVEAWAY_ROWS]
    matrix, labels = matrix[rows], labels[rows]
    if len(np.unique(labels)) < 2:
        return np.zeros(matrix.shape[1])
    return permutation(
        lambda m: float(roc_auc_score(labels, model.predict_proba(m)[:, 1])),
        matrix,
        rng,
    )


def _equal(tables: Tables, streams: Streams) -> tuple[View, View]:
    """As many real as synthetic rows."""
    size = min(len(tables.real), len(tables.synthetic), MAX_ROWS)
    if size < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")
    return tables.real.some(size, streams.numpy("real rows")), tables.synthetic.some(
        size, streams.numpy("other rows")
    )


def _labels(size: int) -> Labels:
    return np.repeat(np.array([0, 1], dtype=np.int64), size)


def _folds(labels: Labels, streams: Streams) -> list[tuple[int, Rows, Rows]]:
    """Number, training rows and test rows of every fold."""
    folds = StratifiedKFold(
        FOLDS, shuffle=True, random_state=streams.integer("folds") % 2**32
    )
    return [
        (i, train, test)
        for i, (train, test) in enumerate(folds.split(np.zeros(len(labels)), labels))
    ]


def _score(auc: float) -> float:
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
