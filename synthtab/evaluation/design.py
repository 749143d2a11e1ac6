"""Rows as models want them: a matrix of numbers, ``[rows, features]``.

Boosted trees and forests take categories by their code and see missing cells as such
(`tree_features`). A linear model wants all columns in one unit and a column of 0 and 1
for each category (`Design`). For example, with ages 28 and 48 in the real table and the
jobs clerk and nurse, the row (age 58, nurse) is [58, 1] for a tree and [2, 0, 1] for a
linear model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from synthtab.evaluation.cells import Floats
from synthtab.evaluation.scale import Scale
from synthtab.evaluation.views import Tables, View

# The most that scikit-learn's histogram trees can take, "missing" included.
MAX_TREE_CATEGORIES = 255


@dataclass(frozen=True)
class Coding:
    """How columns become the columns of a design matrix.

    Attributes:
        farthest: Numbers end at so many standard deviations. One outlier would
            otherwise decide the weight of its column.
        categories: So many of a column's commonest categories get a column of their
            own. A row with another one has 0 in all of them.
        unseen: Whether a category may get one that no row of the reference table has.
        gaps_marked: Whether a number with gaps gets one more column that says where.
        gaps_count: See `Scale.of`.
        dense_up_to: A matrix of more columns than this is sparse.
    """

    farthest: float = np.inf
    categories: int = 100
    unseen: bool = True
    gaps_marked: bool = True
    gaps_count: bool = True
    dense_up_to: float = 500


@dataclass(frozen=True)
class _OneHot:
    """The columns of one category.

    Attributes:
        column: Position in `View.codes`.
        place: Code -> which of the columns is 1; -1 for none ``[codes]``.
        width: How many columns there are.
    """

    column: int
    place: npt.NDArray[np.int64]
    width: int


class Design:
    """Makes the matrix of a linear model: numbers, then gaps, then categories.

    Whatever rows it is given, the columns are those of the reference table, so that a
    model that learnt from one table can be tested on another.

    Attributes:
        width: Number of columns.
    """

    def __init__(
        self,
        tables: Tables,
        reference: View,
        coding: Coding | None = None,
        leave_out: str | None = None,
    ) -> None:
        """Fix the columns.

        Args:
            tables: What the columns of views mean.
            reference: Rows that decide on means, units, and the commonest categories.
            coding: How columns are coded.
            leave_out: A column to leave out, such as the target.
        """
        self._coding = coding or Coding()
        self._numeric = [
            j for j, name in enumerate(tables.numeric) if name != leave_out
        ]
        numbers = reference.numbers[:, self._numeric]
        self._scale = Scale.of(numbers, self._coding.gaps_count)
        # Which of the numbers have a column that says where they are missing.
        self._gaps = np.zeros(0, dtype=np.int64)
        if self._coding.gaps_marked:
            self._gaps = np.flatnonzero(np.isnan(numbers).any(axis=0))
        self._one_hots = []
        for j, name in enumerate(tables.categorical):
            if name != leave_out:
                counts = np.bincount(reference.codes[:, j], minlength=tables.sizes[j])
                self._one_hots.append(self._one_hot(j, counts))
        one_hot_columns = sum(one_hot.width for one_hot in self._one_hots)
        self.width = len(self._numeric) + len(self._gaps) + one_hot_columns

    def __call__(self, view: View) -> Any:
        """The matrix of some rows ``[rows, width]``, dense or sparse.

        If there is no column to see, there is one of zeros: scikit-learn's models
        refuse a matrix without columns.
        """
        if self.width == 0:
            return np.zeros((len(view), 1))
        numbers = view.numbers[:, self._numeric]
        farthest = self._coding.farthest
        scaled = self._scale.standardise(numbers)
        scaled = np.clip(scaled, -farthest, farthest)
        gaps = np.isnan(numbers)[:, self._gaps]

        # Sparse until the end: of the columns of a category one cell a row is not 0.
        parts = [sparse.csr_matrix(scaled), sparse.csr_matrix(gaps.astype(np.float64))]
        for one_hot in self._one_hots:
            codes = view.codes[:, one_hot.column]
            places = one_hot.place[codes]
            # Rows of a category without a column stay 0 in all of them.
            rows = np.flatnonzero(places >= 0)
            ones = np.ones(len(rows))
            where = (rows, places[rows])
            shape = (len(view), one_hot.width)
            parts.append(sparse.csr_matrix((ones, where), shape=shape))
        matrix = sparse.hstack(parts, format="csr")
        return matrix.toarray() if self.width <= self._coding.dense_up_to else matrix

    def _one_hot(self, column: int, counts: npt.NDArray[np.int64]) -> _OneHot:
        """The columns of a category, given how often each code occurs."""
        # Of equally common ones the first, so that the order of rows changes nothing.
        commonest = np.argsort(-counts, kind="stable")[: self._coding.categories]
        if not self._coding.unseen:
            commonest = commonest[counts[commonest] > 0]
        place = np.full(len(counts), -1)
        place[commonest] = np.arange(len(commonest))
        return _OneHot(column, place, len(commonest))


def tree_features(
    tables: Tables,
    view: View,
    leave_out: str | None = None,
    counted: View | None = None,
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Columns for a boosted tree, and which of them are categories.

    Missing cells are NaN in both. A column of more categories than scikit-learn's trees
    can take becomes the rank of the category by its frequency.

    Args:
        tables: What the columns mean.
        view: The rows.
        leave_out: A column to leave out, such as the target.
        counted: Rows whose categories are counted for the ranks; those of the real table
            by default. Where a tree is to tell two tables apart they must be rows of
            both: a category is more frequent in the table that it is counted in, even
            if both are draws of one population.

    Returns:
        ``[rows, columns]``, and for each column whether it is a category.
    """
    ranked = tables.real if counted is None else counted
    parts = []
    categorical = []
    for j, name in enumerate(tables.numeric):
        if name != leave_out:
            parts.append(view.numbers[:, j])
            categorical.append(False)
    for j, name in enumerate(tables.categorical):
        if name == leave_out:
            continue
        size = tables.sizes[j]
        codes = view.codes[:, j]
        # The last code.
        missing = codes == size - 1
        values: Any = codes
        if size > MAX_TREE_CATEGORIES:
            # Rank 0 is the commonest. Trees take it as a number, thus split common
            # categories from rare ones.
            counts = np.bincount(ranked.codes[:, j], minlength=size)
            order = np.argsort(-counts, kind="stable")
            ranks = np.empty(size)
            ranks[order] = np.arange(size)
            values = ranks[codes]
        parts.append(np.where(missing, np.nan, values.astype(np.float64)))
        categorical.append(size <= MAX_TREE_CATEGORIES)
    stacked = np.column_stack(parts) if parts else np.zeros((len(view), 0))
    return stacked, np.array(categorical, dtype=bool)
