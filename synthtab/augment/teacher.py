"""Added rows whose target is what models of the real rows expect.

A generator of 300 rows knows how columns look better than how one depends on the others:
the classes of its rows are noisier than real ones. So the target of the added rows is
asked of a *teacher*, models that learnt the real rows alone. Models learn more from its
probabilities than from classes drawn by them (distillation: Hinton, Vinyals and Dean,
arXiv 1503.02531), so a row stands there once for each class that it may be of, and weighs
as much as that is probable.

    teach(real, synthetic, target="income")      a table, with a column of weights
    Taught.of(real, view, classes, seed)         what the teacher says, for a study
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.augment.learners import LEARNERS
from synthtab.augment.target import Target, target_of
from synthtab.core.errors import DataError
from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.data.columns import number_kind
from synthtab.data.columns.numeric import exact_scale
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.learners import Sample
from synthtab.evaluation.views import View, prepare

# Taught rows for each real one, unless another number is asked for (docs/lab.md).
RATIO = 4.0
# Classes that are less probable are left out.
LEAST = 0.01


@dataclass(frozen=True)
class Taught:
    """What a teacher says of some rows.

    Attributes:
        row: ``[n]``: numbers of the rows, ascending, each once for each likely class.
        target: ``[n]``: the class, as its number; or the number that is expected.
        weight: ``[n]``: how probable the class is; the weights of a row sum to 1.
    """

    row: npt.NDArray[np.int64]
    target: Floats
    weight: Floats

    @classmethod
    def of(cls, real: Sample, view: View, classes: int, seed: int) -> Taught:
        """Ask models that learn the real rows.

        Args:
            real: What they learn.
            view: The rows that they are asked about.
            classes: How many classes there are; 0 for a number.
            seed: Of their randomness.
        """
        # No one of them is the best teacher of every table (docs/lab.md).
        said = [learn(real, view, classes, seed) for learn in LEARNERS.values()]
        mean: Floats = np.mean(said, axis=0)
        if not classes:
            return cls(np.arange(len(mean)), mean, np.ones(len(mean)))
        likely = np.where(mean >= LEAST, mean, 0.0)
        likely /= likely.sum(axis=1, keepdims=True)
        row, label = np.nonzero(likely)
        return cls(row, label.astype(np.float64), likely[row, label])


def teach(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    target: str,
    *,
    schema: Schema | None = None,
    task: str | None = None,
    weight: str = "weight",
    seed: int = 0,
) -> pd.DataFrame:
    """Synthetic rows with the target that models of the real rows expect.

    Args:
        real: Real rows, which the models learn.
        synthetic: Rows of any source; their own target is not looked at.
        target: The column to predict.
        schema: What each column is; inferred from ``real`` by default.
        task: "classification" or "regression"; see `synthtab.augment.study`.
        weight: Name of the column of weights, which models take as ``sample_weight``.
        seed: The same seed gives the same result.

    Returns:
        The synthetic rows in their order, of classes each once for each likely class,
        with a last column of weights in ``(0, 1]``; those of a row sum to 1.

    Raises:
        DataError: The tables do not fit each other, there is nothing to predict, or
            there is a column with the name of the weights.
        ConfigError: The task does not fit the column.
    """
    if weight in real.columns:
        raise DataError(f"weight {weight!r} is a column of the table: name another")
    predicted = target_of(real, target, schema, task)
    tables = prepare(real, synthetic, target=target, schema=predicted.schema)
    learnt = predicted.sample(tables, tables.real)
    seed = Streams(seed).integer("teacher") % 2**32
    taught = Taught.of(learnt, tables.synthetic, len(predicted.classes), seed)
    # The rows of a view are sorted.
    positions = tables.synthetic.positions
    assert positions is not None, "a prepared view knows them, report this"
    place = positions[taught.row]
    in_order = np.argsort(place, kind="stable")
    rows = synthetic.iloc[place[in_order]].reset_index(drop=True)
    cells = _cells(predicted, taught.target[in_order], synthetic[target])
    return rows.assign(**{target: cells, weight: taught.weight[in_order]})


def _cells(target: Target, said: Floats, like: pd.Series) -> pd.Series:
    """What the teacher says, as cells of the table's own."""
    if target.classes:
        examples = pd.Series(list(target.examples), dtype=like.dtype)
        return examples.iloc[said.astype(np.int64)].reset_index(drop=True)
    numbers = np.expm1(said) if target.log else said
    column = target.schema[target.name]
    kind = number_kind(column)
    if exact_scale(column) is not None:
        # The kind counts in units of the last decimal.
        numbers, _ = kind.numbers(pd.Series(numbers), column)
    none_missing = np.zeros(len(said), dtype=bool)
    return kind.cells_of(numbers, none_missing, column)
