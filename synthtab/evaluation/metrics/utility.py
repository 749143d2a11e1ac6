"""Is a model of the synthetic rows as good as a model of the real ones?

The field calls it TSTR, train on synthetic, test on real; TRTR, train on real, test on
real, stands beside it. Both models are tested on the same real rows: those of the
holdout or, where there is none, a fifth of the real table that the comparison model
does not see (but the generator did). The floor is what independent columns teach:
models of real rows of which every column is shuffled by itself. Three kinds of models
do this, since rows may serve one and not another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from synthtab.core.randomness import Streams
from synthtab.evaluation import importance, learners
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.design import Coding, Design
from synthtab.evaluation.learners import Classes, Fitted, Sample
from synthtab.evaluation.metric import (
    PERFECT_SAMPLER,
    Interval,
    Metric,
    Outcome,
    Reference,
    Skip,
    auc_interval,
)
from synthtab.evaluation.views import Tables, View
from synthtab.runtime.machine import each

# Most rows of a table, and fewest whose target is known.
MAX_ROWS = 100_000
MIN_LABELLED_ROWS = 20
MAX_CLASSES = 50
# Models of independent columns, and most rows for each: a floor needs no more.
FLOOR_MODELS = 5
FLOOR_ROWS = 2_000
IMPORTANCE_ROWS = 4_000

# What a linear model sees. At 5 standard deviations an outlier stops to count for more.
LINEAR_CODING = Coding(farthest=5.0)
LINEAR_ROWS = 50_000
# Rows times columns of the design times classes: wide tables give fewer rows.
LINEAR_WORK = 100_000_000
LINEAR_MIN_ROWS = 1_000
LINEAR_STEPS = 1_000
LINEAR_TOLERANCE = 1e-3

FOREST_TREES = 50
FOREST_LEAF = 5
FOREST_ROWS = 20_000
# Rows times columns: more than 15 columns give fewer rows.
FOREST_CELLS = 300_000


@dataclass(frozen=True)
class Task:
    """What is to be learnt: the target of these tables.

    Attributes:
        tables: The tables.
        measure: Name of the score.
        classes: Those of the test rows; None if the target is a number.
        synthetic: Synthetic rows to learn from.
        real: Real rows to learn from.
        test: Real rows to be tested on.
    """

    tables: Tables
    measure: str
    classes: Classes
    synthetic: Sample
    real: Sample
    test: Sample

    @property
    def nothing(self) -> float:
        """The score of a model that knows nothing."""
        return 0.0 if self.classes is None else 0.5

    def score(self, predicted: Floats, y: Floats) -> float:
        """How right the predictions are.

        For two classes the AUC. For more the mean AUC of one class against the rest,
        over the classes that some of the rows have and some have not; 0.5 if there is
        none. For a number R².
        """
        if self.classes is None:
            total = float(((y - y.mean()) ** 2).sum())
            if total == 0:
                # All rows are alike: nothing can be explained.
                return 0.0
            left = float(((y - predicted) ** 2).sum())
            return 1.0 - left / total
        labels = self.classes
        if len(labels) == 2:
            # One against the other is the same question twice: it is asked once.
            labels = labels[1:]
            predicted = predicted[:, [1]] - predicted[:, [0]]
        areas = []
        for label, scores in zip(labels, predicted.T, strict=True):
            is_label = y == label
            if is_label.any() and not is_label.all():
                areas.append(roc_auc_score(is_label, scores))
        return float(np.mean(areas)) if areas else 0.5


# Learns a task from a sample, with a seed.
Learner = Callable[[Task, Sample, int], Fitted]


def boosted_trees(task: Task, sample: Sample, seed: int) -> Fitted:
    """See `learners.boosted_trees`."""
    return learners.boosted_trees(sample, task.classes, seed)


def linear(task: Task, sample: Sample, seed: int) -> Fitted:
    """Logistic regression or ridge on standardised numbers and one-hot categories.

    Means, units and the 100 commonest categories of a column are those of the real
    training rows, whatever is learnt from. Numbers end at 5 standard deviations; a
    missing one is the mean, and a column says so.
    """
    design = Design(
        task.tables, task.real.view, LINEAR_CODING, leave_out=task.tables.target
    )
    model: Any
    if task.classes is None:
        outputs = 1
        model = Ridge(solver="lsqr")
    else:
        outputs = len(task.classes)
        model = LogisticRegression(max_iter=LINEAR_STEPS, tol=LINEAR_TOLERANCE)
    affordable = LINEAR_WORK // (design.width * outputs)
    rows = int(np.clip(affordable, LINEAR_MIN_ROWS, LINEAR_ROWS))
    return learners.fit(model, design, sample.some(rows), task.classes)


def forest(task: Task, sample: Sample, seed: int) -> Fitted:
    """A random forest of 50 trees with at least 5 rows in a leaf.

    It learns from at most 20,000 rows, fewer if there are more than 15 columns.
    """
    rows = min(FOREST_ROWS, FOREST_CELLS // len(task.tables.names))
    return learners.random_forest(
        sample.some(rows), task.classes, seed, FOREST_TREES, FOREST_LEAF
    )


def utility(tables: Tables, streams: Streams) -> Outcome:
    """TSTR of boosted trees: AUC (two classes), mean AUC (more) or R² (a number).

    The AUC of more than two classes is the mean of one class against the rest. A number
    with two values is a class; one that is never negative and heavy-tailed is predicted
    as log(1 + number). 1 is best; 0.5 (classes) or 0 (a number) is a model that knows
    nothing, and R² may lie below 0. Beside it: the same learnt from real rows.

    Detail: "floor", the mean over five models of independent columns, each of at most
    2,000 rows (what they believe by chance may be worth a lot or do harm); "kept", the
    share that is left of the real model's lead over knowing nothing.
    """
    return _outcome(tables, streams, boosted_trees)


def utility_linear(tables: Tables, streams: Streams) -> Outcome:
    """The same of a logistic regression (classes) or ridge (a number): see `linear`."""
    return _outcome(tables, streams, linear)


def utility_forest(tables: Tables, streams: Streams) -> Outcome:
    """The same of a random forest: see `forest`."""
    return _outcome(tables, streams, forest)


def importance_agreement(tables: Tables, streams: Streams) -> Outcome:
    """Cosine between the column importances of two boosted trees.

    One learnt from real rows, one from synthetic ones. The importance of a column is
    the fall of the score on real test rows when it is shuffled among them; a rise
    counts as 0. From 0 to 1, which is best: both models rely on the same columns in the
    same measure. Beside it: the same for a model learnt from a bootstrap of the real
    rows.
    """
    task = _task(tables, streams)
    # A perfect sampler: as many real rows as there are synthetic ones, drawn with
    # replacement.
    size = min(len(task.synthetic), MAX_ROWS)
    rng = streams.numpy("importance bootstrap")
    drawn = rng.integers(len(task.real), size=size)
    bootstrap = task.real.take(np.sort(drawn))
    models: list[Callable[[], Fitted]] = [
        lambda: _shared_trees(task, streams, "real"),
        lambda: _shared_trees(task, streams, "synthetic"),
        lambda: boosted_trees(task, bootstrap, _seed(streams)),
    ]
    # Each column costs a prediction of all of these rows.
    order = streams.numpy("importance rows").permutation(len(task.test))
    test = task.test.take(np.sort(order[:IMPORTANCE_ROWS]))

    def importances(model_of: Callable[[], Fitted]) -> Floats:
        model = model_of()

        def score(matrix: Floats) -> float:
            return task.score(model.scores(matrix), test.y)

        # The same shuffles for all models.
        shuffles = streams.numpy("importance")
        drops = importance.permutation(score, model.design(test.view), shuffles)
        return np.maximum(drops, 0.0)

    real, synthetic, perfect = each(importances, models)
    if not real.any():
        raise Skip("no column helps on real rows")
    names = [name for name in tables.names if name != tables.target]
    return Outcome(
        _cosine(real, synthetic),
        Reference(_cosine(real, perfect), PERFECT_SAMPLER),
        n=len(test),
        detail={
            "real": dict(zip(names, real.tolist(), strict=True)),
            "synthetic": dict(zip(names, synthetic.tolist(), strict=True)),
            "rank correlation": _rank_correlation(real, synthetic),
        },
    )


def _outcome(tables: Tables, streams: Streams, learner: Learner) -> Outcome:
    """What a learner's models score: of synthetic rows, of real ones, and of noise."""
    task = _task(tables, streams)

    def predictions(source: str | int) -> tuple[Floats, int]:
        """Of the test rows, and from how many rows that was learnt."""
        if isinstance(source, int):
            rng = streams.numpy("utility floor", source)
            noise = task.real.some(FLOOR_ROWS).independent(rng)
            model = learner(task, noise, _seed(streams))
        elif learner is boosted_trees:
            model = _shared_trees(task, streams, source)
        else:
            model = learner(task, _source(task, source), _seed(streams))
        return model.predict(task.test.view), model.rows

    of_models = each(predictions, ("synthetic", "real", *range(FLOOR_MODELS)))
    value, real, *floors = [
        task.score(predicted, task.test.y) for predicted, _ in of_models
    ]
    predicted_by_synthetic, synthetic_rows = of_models[0]
    _, real_rows = of_models[1]
    # A share of the real model's lead, if it has one.
    kept = None
    if real > task.nothing:
        kept = (value - task.nothing) / (real - task.nothing)
    test = "a fifth of the real table, which the generator has seen"
    if tables.holdout is not None:
        test = "holdout"
    detail = {
        "measure": task.measure,
        "real": real,
        "floor": float(np.mean(floors)),
        "gap": real - value,
        "kept": kept,
        "rows": {"synthetic": synthetic_rows, "real": real_rows},
        "test": test,
    }
    if task.classes is not None:
        detail["classes"] = len(task.classes)
    return Outcome(
        value,
        Reference(real, f"{task.measure}, trained on real"),
        _interval(task, predicted_by_synthetic, value),
        len(task.test),
        detail,
    )


def _source(task: Task, source: str) -> Sample:
    return task.real if source == "real" else task.synthetic


def _seed(streams: Streams) -> int:
    """The seed of all models, so that only their rows tell them apart."""
    return streams.integer("utility") % 2**32


def _shared_trees(task: Task, streams: Streams, source: str) -> Fitted:
    """The boosted trees, which utility and the importances share."""
    sample = _source(task, source)
    return task.tables.once(
        f"boosted trees, {source}, {streams.seed}",
        lambda: boosted_trees(task, sample, _seed(streams)),
    )


def _task(tables: Tables, streams: Streams) -> Task:
    return tables.once(
        f"utility task {streams.seed}", lambda: _prepared(tables, streams)
    )


def _prepared(tables: Tables, streams: Streams) -> Task:
    """What is to be predicted, and the rows for it."""
    assert tables.target is not None
    if tables.target in tables.skipped:
        raise Skip(f"the target is left out: {tables.skipped[tables.target]}")
    if len(tables.names) < 2:
        raise Skip("no column but the target")
    train, test_view = _split(tables, streams)
    label_of = _labels(tables)
    classes: Classes = None
    if label_of is None:
        target_of, measure = _number(tables)
        test = _labelled(tables, test_view, target_of, "test")
        if (test.y == test.y[0]).all():
            raise Skip("all test rows have one target value")
    else:
        target_of = label_of
        test = _labelled(tables, test_view, target_of, "test")
        classes = np.unique(test.y)
        measure = "AUC" if len(classes) == 2 else "mean AUC"
        if len(classes) < 2:
            raise Skip("the test rows have one class only")
        if len(classes) > MAX_CLASSES:
            raise Skip(f"the target has more than {MAX_CLASSES} classes")
    return Task(
        tables,
        measure,
        classes,
        synthetic=_labelled(tables, tables.synthetic, target_of, "synthetic"),
        real=_labelled(tables, train, target_of, "real"),
        test=test,
    )


def _split(tables: Tables, streams: Streams) -> tuple[View, View]:
    """Real rows to learn from and real rows to be tested on."""
    if tables.holdout is not None:
        return tables.real, tables.holdout
    order = streams.numpy("utility split").permutation(len(tables.real))
    cut = len(order) // 5
    train = tables.real.take(np.sort(order[cut:]))
    test = tables.real.take(np.sort(order[:cut]))
    return train, test


def _labelled(
    tables: Tables, view: View, target_of: Callable[[View], Floats], name: str
) -> Sample:
    """At most `MAX_ROWS` rows whose target is known."""
    y = target_of(view)
    rows = np.flatnonzero(~np.isnan(y))
    if len(rows) < MIN_LABELLED_ROWS:
        raise Skip(f"too few {name} rows have a target")
    return Sample(tables, view.take(rows), y[rows]).some(MAX_ROWS)


def _labels(tables: Tables) -> Callable[[View], Floats] | None:
    """What gives the class of every row of a view, NaN where it is missing.

    None if the target is a number.
    """
    if tables.target in tables.categorical:
        j = tables.categorical.index(tables.target)
        missing = tables.sizes[j] - 1

        def code(view: View) -> Floats:
            codes = view.codes[:, j]
            return np.where(codes == missing, np.nan, codes.astype(np.float64))

        return code
    j = tables.numeric.index(str(tables.target))
    values = np.unique(known(tables.real.numbers[:, j]))
    if len(values) != 2:
        return None
    # A number of two values, such as 0 and 1, is a class whatever the schema calls it.
    # Synthetic rows may hold others: the nearer of the two is meant.
    middle = values.mean()

    def side(view: View) -> Floats:
        numbers = view.numbers[:, j]
        return np.where(np.isnan(numbers), np.nan, numbers > middle)

    return side


def _number(tables: Tables) -> tuple[Callable[[View], Floats], str]:
    """What gives the target of every row of a view, and what its score is called."""
    j = tables.numeric.index(str(tables.target))

    def number(view: View) -> Floats:
        return view.numbers[:, j]

    def logarithm(view: View) -> Floats:
        # A synthetic row may hold a number below -1, which has no logarithm here.
        return np.log1p(np.maximum(view.numbers[:, j], 0.0))

    if heavy_tailed(known(tables.real.numbers[:, j])):
        return logarithm, "R² of log(1 + target)"
    return number, "R²"


def heavy_tailed(values: Floats) -> bool:
    """Whether log(1 + value) is much nearer to symmetric."""
    if len(values) == 0 or values.min() < 0:
        return False
    skewness = abs(_skewness(values))
    skewness_of_log = abs(_skewness(np.log1p(values)))
    return skewness > 1.0 and skewness_of_log < 0.5 * skewness


def _skewness(values: Floats) -> float:
    """Third standardised moment; 0 for a symmetric distribution."""
    centred = values - values.mean()
    deviation = float(centred.std())
    return float(((centred / deviation) ** 3).mean()) if deviation > 0 else 0.0


def _interval(task: Task, predicted: Floats, value: float) -> Interval | None:
    """About 95 %, over test rows.

    A mean AUC has none, since its parts depend on each other.
    """
    y = task.test.y
    if task.classes is None:
        # R² = 1 - A/B, with the mean squared error A and the variance B. How much one
        # row moves it (its influence) is (squared error - (1 - R²) squared deviation)
        # / B. The variance of the mean is that of the influences over their number.
        deviations = (y - y.mean()) ** 2
        errors = (y - predicted) ** 2
        influence = (errors - (1.0 - value) * deviations) / deviations.mean()
        half = 1.96 * float(influence.std()) / len(y) ** 0.5
        return value - half, min(value + half, 1.0)
    if len(task.classes) > 2:
        return None
    positives = int((y == task.classes[-1]).sum())
    return auc_interval(value, positives, len(y) - positives)


def _cosine(a: Floats, b: Floats) -> float:
    """1 if the two point the same way; 0 if one has no length."""
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return min(float(a @ b) / lengths, 1.0) if lengths > 0 else 0.0


def _rank_correlation(a: Floats, b: Floats) -> float | None:
    """Spearman's; None where one does not vary."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(spearmanr(a, b).statistic)


UTILITY = Metric(
    "utility",
    "Useful for a model",
    "a model trained on synthetic rows, tested on real ones",
    "utility",
    "higher",
    utility,
    (-np.inf, 1.0),
    needs=("target",),
    cost="high",
)
LINEAR = Metric(
    "utility_linear",
    "Useful for a linear model",
    "the same for a logistic regression or ridge",
    "utility",
    "higher",
    utility_linear,
    (-np.inf, 1.0),
    needs=("target",),
    cost="medium",
)
FOREST = Metric(
    "utility_forest",
    "Useful for a random forest",
    "the same for a random forest",
    "utility",
    "higher",
    utility_forest,
    (-np.inf, 1.0),
    needs=("target",),
    cost="high",
)
IMPORTANCE = Metric(
    "importance_agreement",
    "Same columns matter",
    "whether the model relies on the same columns as one of real rows; 1 = yes",
    "utility",
    "higher",
    importance_agreement,
    needs=("target",),
    cost="medium",
)
