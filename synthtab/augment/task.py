"""What is predicted, and from which rows, whatever their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from synthtab.augment.learners import Sample
from synthtab.core.errors import ConfigError, DataError
from synthtab.core.schema import Schema
from synthtab.data.columns import NUMERIC, infer
from synthtab.evaluation import cells, utility
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.views import Tables, View, prepare

METRICS = {
    "classification": ("auc", "average_precision", "balanced_accuracy"),
    "regression": ("r2",),
}
MAX_CLASSES = 50


@dataclass(frozen=True)
class Task:
    """What is predicted.

    Attributes:
        target: The column.
        schema: What the columns are; a target with classes is a category here.
        classes: Words in order; none for a number.
        cell: A cell for each of them.
        log: Whether log(1 + number) is predicted, the number being heavy-tailed.
        rarest: The number of the rarest class.
    """

    target: str
    schema: Schema
    classes: tuple[str, ...] = ()
    cell: tuple[Any, ...] = ()
    log: bool = False
    rarest: int = 0

    def words(self, frame: pd.DataFrame) -> Any:
        """The class of every row as a word, "" where missing."""
        series = frame[self.target]
        vocabulary, codes = cells.codes(
            {"": cells.plain(series)}, self.schema[self.target]
        )
        return np.array([*vocabulary, ""], dtype=object)[codes[""]]

    def y(self, tables: Tables, view: View) -> Floats:
        """Class numbers or target values, NaN where missing or no class of the real table."""
        if not self.classes:
            values = view.numbers[:, tables.numeric.index(self.target)]
            return np.log1p(np.maximum(values, 0.0)) if self.log else values
        j = tables.categorical.index(self.target)
        number = {word: float(i) for i, word in enumerate(self.classes)}
        known = [number.get(word, np.nan) for word in tables.categories[j]]
        y: Floats = np.array([*known, np.nan])[view.codes[:, j]]
        return y

    def sample(self, tables: Tables, view: View) -> Sample:
        """The rows whose target is known."""
        y = self.y(tables, view)
        return Sample(tables, view.take(~np.isnan(y)), y[~np.isnan(y)])


def task_of(
    real: pd.DataFrame, target: str, schema: Schema | None, task: str | None
) -> Task:
    """The task of a target; classes for words, booleans and numbers of two values unless ``task`` says otherwise."""
    if target not in real.columns:
        raise DataError(
            f"target {target!r} is not a column; the table has {', '.join(map(str, real.columns[:12]))}"
        )
    if task not in (None, *METRICS):
        raise ConfigError(f"task must be one of {', '.join(METRICS)}, not {task!r}")
    schema = infer(real, rare=0) if schema is None else schema
    kind, values = schema[target].kind, real[target].dropna()
    if kind == "constant" or values.nunique() < 2:
        raise DataError(
            f"the target {target!r} has one value: there is nothing to predict"
        )
    if kind == "identifier":
        raise DataError(
            f"the target {target!r} is an identifier: there is nothing to predict"
        )
    numeric = kind in NUMERIC
    if task == "regression" and not numeric:
        raise ConfigError(
            f"the target {target!r} is a {kind}: it cannot be predicted as a number"
        )
    if task == "regression" or (task is None and numeric and values.nunique() > 2):
        tables = prepare(real, real.head(1), schema=schema)
        numbers = tables.real.numbers[:, tables.numeric.index(target)]
        return Task(
            target, schema, log=utility._heavy_tailed(numbers[~np.isnan(numbers)])
        )
    if numeric:
        schema = schema.with_kind(target, "category")
    found = Task(target, schema)
    words = pd.Series(found.words(real), index=real.index)
    words = words[words != ""]
    counts = words.value_counts()
    classes = tuple(sorted(counts.index))
    if len(classes) > MAX_CLASSES:
        raise DataError(f"the target {target!r} has more than {MAX_CLASSES} classes")
    rarest = min(range(len(classes)), key=lambda i: (counts[classes[i]], classes[i]))
    first = {
        word: real[target].loc[words.index[words.to_numpy() == word][:1]].iloc[0]
        for word in classes
    }
    return Task(
        target, schema, classes, tuple(first[word] for word in classes), rarest=rarest
    )


def canonical(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns by name, rows by their hash: neither order of the caller's matters from here on."""
    frame = frame[sorted(frame.columns, key=str)]
    return frame.iloc[np.argsort(hashes(frame), kind="stable")].reset_index(drop=True)


def hashes(frame: pd.DataFrame) -> Any:
    """A number per row that depends on its cells alone."""
    return pd.util.hash_pandas_object(frame.apply(cells.plain), index=False).to_numpy()
