"""Mixed rows as points, so that there is a distance between any two of them.

Numbers are in standard deviations of the real column, categories one-hot; a missing number is the
mean of its column and a category of its own. Two unlike categories are thus at a squared distance of
2, as two random numbers are on average.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.views import Tables, View

BLOCK = 500
_FAR = (
    1e6  # what a foreign table may hold; its square must leave something of the others
)


@dataclass(frozen=True)
class Points:
    """Rows in the space.

    Attributes:
        numbers: ``[rows, numeric columns]``: coordinates.
        codes: ``[rows, columns]``: categories, and for each number whether it is missing. Their one-hot
            vectors are never written out, so that a column of thousands of categories costs nothing.
    """

    numbers: Floats
    codes: Integers

    def __len__(self) -> int:
        return len(self.numbers)


class Space:
    """The space that the real table spans."""

    def __init__(self, tables: Tables) -> None:
        numbers = tables.real.numbers
        there = ~np.isnan(numbers)
        self._mean = np.where(there, numbers, 0.0).sum(axis=0) / there.sum(axis=0)
        squares = np.where(there, numbers - self._mean, 0.0) ** 2
        spread = np.sqrt(squares.sum(axis=0) / there.sum(axis=0))
        self._spread = np.where(spread > 0, spread, 1.0)
        self._sizes = (*tables.sizes, *(2 for _ in tables.numeric))

    def points(self, view: View) -> Points:
        """The rows as points."""
        missing = np.isnan(view.numbers)
        numbers = (
            np.where(missing, self._mean, view.numbers) - self._mean
        ) / self._spread
        return Points(
            np.clip(numbers, -_FAR, _FAR),
            np.concatenate([view.codes, missing.astype(np.int32)], axis=1),
        )

    def from_centre(self, of: Points, points: Points) -> Floats:
        """Squared distance of every point to the mean of the first points (of one-hot vectors, their shares)."""
        squared: Floats = ((points.numbers - of.numbers.mean(axis=0)) ** 2).sum(axis=1)
        for j, size in enumerate(self._sizes):
            shares = np.bincount(of.codes[:, j], minlength=size) / len(of)
            squared += (1.0 - 2.0 * shares + (shares**2).sum())[points.codes[:, j]]
        return squared


def squared_distances(a: Points, b: Points) -> Iterator[tuple[slice, Floats]]:
    """Blocks of rows of the matrix of squared distances: from these points (which) to all of the others."""
    varied = [
        j
        for j in range(a.codes.shape[1])
        if len(np.unique(np.append(a.codes[:, j], b.codes[:, j]))) > 1
    ]
    columns = [(a.codes[:, j].copy(), b.codes[:, j].copy()) for j in varied]
    squares = (b.numbers**2).sum(axis=1)
    for start in range(0, len(a), BLOCK):
        rows = slice(start, start + BLOCK)
        squared = (
            (a.numbers[rows] ** 2).sum(axis=1)[:, None]
            + squares
            - 2.0 * (a.numbers[rows] @ b.numbers.T)
        )
        unlike = np.zeros(squared.shape, dtype=np.uint16)
        for one, other in columns:
            unlike += one[rows, None] != other
        yield rows, np.maximum(squared, 0.0) + 2.0 * unlike
