"""Is a model that learnt from the synthetic rows as good as one that learnt from the real ones?

Both are tested on real rows: those of the holdout or, where there is none, a fifth of the real table
that the comparison model does not see (but the generator did). The floor is what independent columns
teach: models of real rows of which every column is shuffled by itself. Three kinds of models do
this, since rows may serve one and not another.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import spearmanr

from synthtab.core.randomness import Streams
from synthtab.evaluation import importance, learners
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.learners import Fitted, Learner, Sample, Task
from synthtab.evaluation.metric import (
    Interval,
    Metric,
    Outcome,
    Reference,
    Skip,
    auc_interval,
)
from synthtab.evaluation.metrics.fidelity import PERFECT
from synthtab.evaluation.views import Tables, View
from synthtab.runtime.parallel import each

MAX_ROWS = 100_000
MIN_ROWS = 20
MAX_CLASSES = 50
FLOORS = 5
FLOOR_ROWS = 2_000
IMPORTANCE_ROWS = 4_000


def utility(tables: Tables, streams: Streams) -> Outcome:
    """AUC (two classes), mean one-against-rest AUC (more) or R² (a number) on real test rows, of a boosted tree.

    A number with two values is a class; one that is never negative and heavy-tailed is predicted as
    log(1 + number). Beside it: the same learnt from real rows. Detail: "floor", the mean over five
    models of independent columns, each at most 2,000 rows (what they believe by chance may be worth
    a lot or harm); "kept", how much is left of the real model's lead over knowing nothing (0.5 or 0).
    """
    return _outcome(tables, streams, learners.boosted_trees)


def utility_linear(tables: Tables, streams: Streams) -> Outcome:
    """The same of a logistic regression (classes) or ridge (a number): see `learners.linear`."""
    return _outcome(tables, streams, learners.linear)


def utility_forest(tables: Tables, streams: Streams) -> Outcome:
    """The same of a random forest: see `learners.forest`."""
    return _outcome(tables, streams, learners.forest)


def importance_agreement(tables: Tables, streams: Streams) -> Outcome:
    """Cosine between the column importances of boosted trees learnt from real and from synthetic rows.

    The importance of a column is the fall of the score on real test rows when it is shuffled among
    them; a rise counts as 0. 1: both models rely on the same columns in the same measure. Beside it:
    the same for a model learnt from a bootstrap of the real rows.
    """
    task = _task(tables, streams)
    again = streams.numpy("importance bootstrap").integers(
        len(task.real), size=min(len(task.synthetic), MAX_ROWS)
    )
    sources: list[Callable[[], Fitted]] = [
        lambda: _fitted(task, streams, "real"),
        lambda: _fitted(task, streams, "synthetic"),
        lambda: _learn(
            task, streams, learners.boosted_trees, task.real.take(np.sort(again))
        ),
    ]
    rows = np.sort(
        streams.numpy("importance rows").permutation(len(task.test))[:IMPORTANCE_ROWS]
    )
    test = task.test.take(rows)

    def drops(source: Callable[[], Fitted]) -> Floats:
        model = source()
        matrix = model.design(test.view)
        rng = streams.numpy("importance")  # the same shuffles for all
        return np.maximum(
            importance.permutation(
                lambda m: task.score(model.predict(m), test.y), matrix, rng
            ),
            0.0,
        )

    real, synthetic, perfect = each(drops, sources)
    if not real.any():
        raise Skip("no column helps on real rows")
    names = [name for name in tables.names if name != tables.target]
    return Outcome(
        _cosine(real, synthetic),
        Reference(_cosine(real, perfect), PERFECT),
        n=len(test),
        detail={
            "real": dict(zip(names, real.tolist(), strict=True)),
            "synthetic": dict(zip(names, synthetic.tolist(), strict=True)),
            "rank correlation": _rank_correlation(real, synthetic),
        },
    )


def _outcome(tables: Tables, streams: Streams, learner: Learner) -> Outcome:
    """A learner's models, tested."""
    task = _task(tables, streams)

    def predicted(source: str | int) -> tuple[Floats, int]:
        if isinstance(source, int):
            shuffled = task.real.some(FLOOR_ROWS).independent(
                streams.numpy("utility floor", source)
            )
            model = _learn(task, streams, learner, shuffled)
        elif learner is learners.boosted_trees:
            model = _fitted(task, streams, source)
        else:
            model = _learn(task, streams, learner, _source(task, source))
        return model.predict(model.design(task.test.view)), model.rows

    found = each(predicted, ("synthetic", "real", *range(FLOORS)))
    value, real, *floors = (
        task.score(predictions, task.test.y) for predictions, _ in found
    )
    nothing = 0.0 if task.classes is None else 0.5
    detail = {
        "measure": task.measure,
        "real": real,
        "floor": float(np.mean(floors)),
        "gap": real - value,
        "kept": (value - nothing) / (real - nothing) if real > nothing else None,
        "rows": {"synthetic": found[0][1], "real": found[1][1]},
        "test": "holdout"
        if tables.holdout is not None
        else "a fifth of the real table, which the generator has seen",
    }
    if task.classes is not None:
        detail["classes"] = len(task.classes)
    interval = _interval(task, found[0][0], value)
    return Outcome(
        value,
        Reference(real, f"{task.measure}, trained on real"),
        interval,
        len(task.test),
        detail,
    )


def _source(task: Task, source: str) -> Sample:
    return task.real if source == "real" else task.synthetic


def _learn(task: Task, streams: Streams, learner: Learner, sample: Sample) -> Fitted:
    return learner(task, sample, streams.integer("utility") % 2**32)


def _fitted(task: Task, streams: Streams, source: str) -> Fitted:
    """The boosted trees, which utility and the importances share."""
    key = f"boosted trees, {source}, {streams.seed}"
    sample = _source(task, source)
    return task.tables.once(
        key, lambda: _learn(task, streams, learners.boosted_trees, sample)
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
    train, test = _split(tables, streams)
    label = _labels(tables)
    if label is None:
        target, measure = _number(tables)
        known, classes = _known(test, target, "test"), None
        if (known.y == known.y[0]).all():
            raise Skip("all test rows have one target value")
    else:
        target, known = label, _known(test, label, "test")
        classes = np.unique(known.y)
        measure = "AUC" if len(classes) == 2 else "mean AUC"
        if len(classes) < 2:
            raise Skip("the test rows have one class only")
        if len(classes) > MAX_CLASSES:
            raise Skip(f"the target has more than {MAX_CLASSES} classes")
    synthetic, real = (
        _known(tables.synthetic, target, "synthetic"),
        _known(train, target, "real"),
    )
    return Task(tables, measure, classes, synthetic, real, known)


def _split(tables: Tables, streams: Streams) -> tuple[View, View]:
    """Real rows to learn from and real rows to be tested on."""
    if tables.holdout is not None:
        return tables.real, tables.holdout
    order = streams.numpy("utility split").permutation(len(tables.real))
    cut = len(order) // 5
    return tables.real.take(np.sort(order[cut:])), tables.real.take(
        np.sort(order[:cut])
    )


def _known(view: View, target: Callable[[View], Floats], name: str) -> Sample:
    """At most `MAX_ROWS` rows whose target is there."""
    y = target(view)
    rows = np.flatnonzero(~np.isnan(y))
    if len(rows) < MIN_ROWS:
        raise Skip(f"too few {name} rows have a target")
    return Sample(view.take(rows), y[rows]).some(MAX_ROWS)


def _labels(tables: Tables) -> Callable[[View], Floats] | None:
    """What gives the classes of a table's rows, NaN where missing; None if the target is a number."""
    if tables.target in tables.categorical:
        j = tables.categorical.index(tables.target)
        missing = tables.sizes[j] - 1
        return lambda view: np.where(
            view.codes[:, j] == missing, np.nan, view.codes[:, j].astype(np.float64)
        )
    j = tables.numeric.index(str(tables.target))
    values = np.unique(tables.real.numbers[:, j])
    values = values[~np.isnan(values)]
    if len(values) != 2:
        return None
    middle = values.mean()  # 0 and 1: two classes, whatever the schema calls them
    return lambda view: np.where(
        np.isnan(view.numbers[:, j]), np.nan, view.numbers[:, j] > middle
    )


def _number(tables: Tables) -> tuple[Callable[[View], Floats], str]:
    """What gives the target of a table's rows, and what its score is called."""
    j = tables.numeric.index(str(tables.target))
    real = tables.real.numbers[:, j]
    if heavy_tailed(real[~np.isnan(real)]):
        return lambda view: np.log1p(
            np.maximum(view.numbers[:, j], 0.0)
        ), "R² of log(1 + target)"
    return lambda view: view.numbers[:, j], "R²"


def heavy_tailed(values: Floats) -> bool:
    """Whether log(1 + value) is much nearer to symmetric."""
    if len(values) == 0 or values.min() < 0:
        return False
    return abs(_skewness(values)) > 1.0 and abs(
        _skewness(np.log1p(values))
    ) < 0.5 * abs(_skewness(values))


def _skewness(values: Floats) -> float:
    centred = values - values.mean()
    deviation = float(centred.std())
    return float(((centred / deviation) ** 3).mean()) if deviation > 0 else 0.0


def _interval(task: Task, predicted: Floats, value: float) -> Interval | None:
    """About 95 %, over test rows; of a mean AUC none, since its parts depend on each other."""
    y = task.test.y
    if task.classes is None:
        # R² = 1 - A/B: the influence of a row is its squared error less (1 - R²) times its squared deviation, over B.
        deviations = (y - y.mean()) ** 2
        influence = (
            (y - predicted) ** 2 - (1.0 - value) * deviations
        ) / deviations.mean()
        half = 1.96 * float(influence.std()) / len(y) ** 0.5
        return value - half, min(value + half, 1.0)
    if len(task.classes) > 2:
        return None
    positives = int((y == task.classes[-1]).sum())
    return auc_interval(value, positives, len(y) - positives)


def _cosine(a: Floats, b: Floats) -> float:
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return min(float(a @ b) / lengths, 1.0) if lengths > 0 else 0.0


def _rank_correlation(a: Floats, b: Floats) -> float | None:
    """Spearman's; None where one does not vary."""
    return (
        None if np.ptp(a) == 0 or np.ptp(b) == 0 else float(spearmanr(a, b).statistic)
    )


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
