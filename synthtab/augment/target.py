"""What a study predicts: one column of the table, as a class or as a number.

`target_of` decides which of the two it is and reads the classes from the real table.
The `Target` that it returns turns that column of any view into what models learn: class
numbers or floats. For example, a column of "yes", "no" and missing cells has the
classes ("no", "yes"), and its rows become [1.0, 0.0, nan].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from synthtab.core.errors import ConfigError, DataError
from synthtab.core.schema import Schema
from synthtab.data.columns import KINDS, infer
from synthtab.evaluation import cells
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.learners import Sample
from synthtab.evaluation.metrics import utility
from synthtab.evaluation.views import Tables, View, prepare

# The metrics of each task; `synthtab.augment.scores` computes them.
METRICS_OF_TASK = {
    "classification": (
        "brier_skill",
        "auc",
        "average_precision",
        "balanced_accuracy",
    ),
    "regression": ("r2",),
}
MAX_CLASSES = 50


@dataclass(frozen=True)
class Target:
    """The column that models predict.

    Attributes:
        name: Name of the column.
        schema: What each column of the table is. A target with classes is a category
            here, whatever it was in the schema that was given.
        classes: The classes as words, in alphabetical order; empty for a number.
        examples: For each class one cell of the real table that holds it, to ask a
            generator for more of them.
        log: Whether models predict log(1 + number), since the number is heavy-tailed.
        rarest: Index of the rarest class.
    """

    name: str
    schema: Schema
    classes: tuple[str, ...] = ()
    examples: tuple[Any, ...] = ()
    log: bool = False
    rarest: int = 0

    @property
    def task(self) -> str:
        """What kind of task it is: "classification" or "regression"."""
        return "classification" if self.classes else "regression"

    def words(self, frame: pd.DataFrame) -> Any:
        """The class of every row as a word ``[rows]``, "" where it is missing."""
        return _words(frame, self.name, self.schema)

    def values(self, tables: Tables, view: View) -> Floats:
        """What models predict for each row ``[rows]``: a class number, or a number.

        It is NaN where the target is missing, or is no class of the real table.
        """
        if self.classes:
            return self._class_numbers(tables, view)
        numbers = view.numbers[:, tables.numeric.index(self.name)]
        if self.log:
            # A synthetic row may hold a number below -1, which has no logarithm here.
            return np.log1p(np.maximum(numbers, 0.0))
        return numbers

    def _class_numbers(self, tables: Tables, view: View) -> Floats:
        column = tables.categorical.index(self.name)
        number_of = {word: float(i) for i, word in enumerate(self.classes)}
        # The tables' categories also hold words that only synthetic rows have.
        numbers = [number_of.get(word, np.nan) for word in tables.categories[column]]
        # The code after the last category stands for a missing cell.
        lookup = np.array([*numbers, np.nan])
        values: Floats = lookup[view.codes[:, column]]
        return values

    def sample(self, tables: Tables, view: View) -> Sample:
        """The rows of a view whose target is known."""
        values = self.values(tables, view)
        known = ~np.isnan(values)
        return Sample(tables, view.take(known), values[known])


def target_of(
    real: pd.DataFrame, name: str, schema: Schema | None, task: str | None
) -> Target:
    """Decide how a column is predicted.

    Args:
        real: The real table.
        name: The column to predict.
        schema: What each column is; inferred from ``real`` if None.
        task: "classification" or "regression". If None, words, booleans and numbers of
            two values are classes, and other numbers are numbers.

    Raises:
        DataError: There is no such column, it has nothing to predict, or it has too
            many classes.
        ConfigError: The task does not exist or does not fit the column.
    """
    if name not in real.columns:
        raise DataError(
            f"target {name!r} is not a column; the table has {', '.join(map(str, real.columns[:12]))}"
        )
    if task not in (None, *METRICS_OF_TASK):
        raise ConfigError(
            f"task must be one of {', '.join(METRICS_OF_TASK)}, not {task!r}"
        )
    if schema is None:
        # No category is too rare here: nothing of the schema is stored.
        schema = infer(real, rare=0)
    kind = KINDS[schema[name].kind]
    distinct = real[name].nunique()
    if kind.constant or distinct < 2:
        raise DataError(
            f"the target {name!r} has one value: there is nothing to predict"
        )
    if kind.invented:
        raise DataError(
            f"the target {name!r} is an identifier: there is nothing to predict"
        )
    # Dates and durations are numbers, too.
    if task == "regression" and not kind.numeric:
        raise ConfigError(
            f"the target {name!r} is a {kind.kind}: it cannot be predicted as a number"
        )
    if task is None:
        task = "regression" if kind.numeric and distinct > 2 else "classification"
    if task == "regression":
        return _number(real, name, schema)
    if kind.numeric:
        # So that 0 and 1 are words in every table, whoever wrote it.
        schema = schema.with_kind(name, "category")
    return _classes(real, name, schema)


def _number(real: pd.DataFrame, name: str, schema: Schema) -> Target:
    """A target that is predicted as a number."""
    tables = prepare(real, real.head(1), schema=schema)
    numbers = tables.real.numbers[:, tables.numeric.index(name)]
    known = numbers[~np.isnan(numbers)]
    return Target(name, schema, log=utility.heavy_tailed(known))


def _classes(real: pd.DataFrame, name: str, schema: Schema) -> Target:
    """A target that is predicted as a class."""
    words = _words(real, name, schema)
    counts = pd.Series(words[words != ""]).value_counts()
    classes = tuple(sorted(counts.index))
    if len(classes) > MAX_CLASSES:
        raise DataError(f"the target {name!r} has more than {MAX_CLASSES} classes")
    # Of several classes that are equally rare, the first by its word.
    rarest = min(range(len(classes)), key=lambda i: (counts[classes[i]], classes[i]))
    # By position: labels of the index may stand there twice.
    examples = []
    for word in classes:
        first_row = int(np.argmax(words == word))
        examples.append(real[name].iloc[first_row])
    return Target(name, schema, classes, tuple(examples), rarest=rarest)


def _words(frame: pd.DataFrame, name: str, schema: Schema) -> Any:
    vocabulary, codes = cells.codes({"": cells.plain(frame[name])}, schema[name])
    # The code after the last word stands for a missing cell.
    return np.array([*vocabulary, ""], dtype=object)[codes[""]]
