"""Is a model that learnt from the synthetic rows as good as one that learnt from the real ones?

Both are boosted trees and both are tested on real rows: those of the holdout or, where there is
none, a fifth of the real table that the comparison model does not see (but the generator did).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import roc_auc_score

from synthtab.evaluation.cells import Floats
from synthtab.evaluation.metric import Interval, Metric, Outcome, Reference, Skip, auc_interval
from synthtab.evaluation.parallel import each
from synthtab.evaluation.views import Tables, View, features
from synthtab.randomness import Streams

MAX_ROWS = 100_000
MIN_ROWS = 20
MAX_CLASSES = 50


def utility(tables: Tables, streams: Streams) -> Outcome:
    """AUC (two classes), mean one-against-rest AUC (more) or R² (a number) on real test rows.

    A number with two values is a class; one that is never negative and heavy-tailed is predicted as
    log(1 + number).
    """
    assert tables.target is not None
    if tables.target in tables.skipped:
        raise Skip(f"the target is left out: {tables.skipped[tables.target]}")
    if len(tables.names) < 2:
        raise Skip("no column but the target")
    train, test = _split(tables, streams)
    labels = _labels(tables)
    if labels is None:
        value, real, name, interval, detail = _regression(tables, train, test, streams)
    else:
        value, real, name, interval, detail = _classification(tables, train, test, labels, streams)
    return Outcome(
        value,
        Reference(real, f"{name}, trained on real"),
        interval,
        len(test),
        {"measure": name, "real": real, "gap": real - value, "test": _test_name(tables), **detail},
    )


def _test_name(tables: Tables) -> str:
    return "holdout" if tables.holdout is not None else "a fifth of the real table, which the generator has seen"


def _split(tables: Tables, streams: Streams) -> tuple[View, View]:
    """Real rows to learn from and real rows to be tested on."""
    if tables.holdout is not None:
        return tables.real, tables.holdout
    order = streams.numpy("utility split").permutation(len(tables.real))
    cut = len(order) // 5
    return tables.real.take(np.sort(order[cut:])), tables.real.take(np.sort(order[:cut]))


def _known(tables: Tables, view: View, target: Floats, name: str) -> tuple[Floats, Floats]:
    """Features and target of at most `MAX_ROWS` rows whose target is there."""
    matrix, _ = features(tables, view, leave_out=tables.target)
    rows = np.flatnonzero(~np.isnan(target))
    if len(rows) < MIN_ROWS:
        raise Skip(f"too few {name} rows have a target")
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MAX_ROWS)).astype(np.int64))]
    return matrix[rows], target[rows]


Result = tuple[float, float, str, Interval | None, dict[str, object]]


def _labels(tables: Tables) -> Callable[[View], Floats] | None:
    """What gives the classes of a table's rows, NaN where missing; None if the target is a number."""
    if tables.target in tables.categorical:
        j = tables.categorical.index(tables.target)
        missing = tables.sizes[j] - 1
        return lambda view: np.where(view.codes[:, j] == missing, np.nan, view.codes[:, j].astype(np.float64))
    j = tables.numeric.index(str(tables.target))
    values = np.unique(tables.real.numbers[:, j])
    values = values[~np.isnan(values)]
    if len(values) != 2:
        return None
    middle = values.mean()  # 0 and 1: two classes, whatever the schema calls them
    return lambda view: np.where(np.isnan(view.numbers[:, j]), np.nan, view.numbers[:, j] > middle)


def _classification(
    tables: Tables, train: View, test: View, target: Callable[[View], Floats], streams: Streams
) -> Result:
    x_test, y_test = _known(tables, test, target(test), "test")
    classes = np.unique(y_test)
    if len(classes) < 2:
        raise Skip("the test rows have one class only")
    if len(classes) > MAX_CLASSES:
        raise Skip(f"the target has more than {MAX_CLASSES} classes")
    name = "AUC" if len(classes) == 2 else "mean AUC"
    samples = [
        _known(tables, view, target(view), kind) for view, kind in ((tables.synthetic, "synthetic"), (train, "real"))
    ]
    categorical = _categorical(tables)
    figures = each(lambda sample: _area(*sample, x_test, y_test, categorical, streams), samples)
    positives = int((y_test == classes[-1]).sum())
    interval = auc_interval(figures[0], positives, len(y_test) - positives) if len(classes) == 2 else None
    return figures[0], figures[1], name, interval, {"classes": len(classes)}


def _area(x: Floats, y: Floats, x_test: Floats, y_test: Floats, categorical: list[bool], streams: Streams) -> float:
    """Mean over the classes of the area under the one-against-rest curve; of two classes, one says it all."""
    classes = np.unique(y_test)
    scores = np.zeros((len(y_test), len(classes)))
    if len(np.unique(y)) > 1:
        model = HistGradientBoostingClassifier(
            categorical_features=categorical, early_stopping=False, random_state=streams.integer("utility") % 2**32
        )
        model.fit(x, y)
        predicted = model.predict_proba(x_test)
        for position, label in enumerate(model.classes_):
            scores[:, classes == label] = predicted[:, [position]]
    if len(classes) == 2:
        return float(roc_auc_score(y_test == classes[1], scores[:, 1] - scores[:, 0]))
    return float(np.mean([roc_auc_score(y_test == label, scores[:, k]) for k, label in enumerate(classes)]))


def _regression(tables: Tables, train: View, test: View, streams: Streams) -> Result:
    j = tables.numeric.index(str(tables.target))
    real = tables.real.numbers[:, j]
    real = real[~np.isnan(real)]
    log = _heavy_tailed(real)

    def target(view: View) -> Floats:
        return np.log1p(np.maximum(view.numbers[:, j], 0.0)) if log else view.numbers[:, j]

    x_test, y_test = _known(tables, test, target(test), "test")
    total = float(((y_test - y_test.mean()) ** 2).sum())
    if total == 0:
        raise Skip("all test rows have one target value")
    samples = [
        _known(tables, view, target(view), kind) for view, kind in ((tables.synthetic, "synthetic"), (train, "real"))
    ]
    categorical = _categorical(tables)

    def r_squared(sample: tuple[Floats, Floats]) -> float:
        model = HistGradientBoostingRegressor(
            categorical_features=categorical, early_stopping=False, random_state=streams.integer("utility") % 2**32
        )
        return 1.0 - float(((y_test - model.fit(*sample).predict(x_test)) ** 2).sum()) / total

    figures = each(r_squared, samples)
    return figures[0], figures[1], "R² of log(1 + target)" if log else "R²", None, {}


def _heavy_tailed(values: Floats) -> bool:
    """Whether log(1 + value) is much nearer to symmetric."""
    if len(values) == 0 or values.min() < 0:
        return False
    return abs(_skewness(values)) > 1.0 and abs(_skewness(np.log1p(values))) < 0.5 * abs(_skewness(values))


def _skewness(values: Floats) -> float:
    centred = values - values.mean()
    deviation = float(centred.std())
    return float(((centred / deviation) ** 3).mean()) if deviation > 0 else 0.0


def _categorical(tables: Tables) -> list[bool]:
    return features(tables, tables.real.take(slice(0, 1)), leave_out=tables.target)[1].tolist()


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
