"""The one distance between rows of mixed columns, and who is nearest by it.

Squared, it is a sum over the columns. A number adds the square of the difference, in
units of the real table's standard deviation. A category adds 2 if the two differ, which
is the squared distance of their one-hot vectors; and so does a number that only one of
the two rows has, which otherwise stands at the mean of its column. Two unlike
categories are thus as far apart as two random numbers are on average.

For example, with the unit of ages at 10 years, (age 38, clerk) and (age 58, nurse) are
at the squared distance (20 / 10)² + 2 = 6.

Copies (`privacy.copying`), attacks (`privacy.membership`, `privacy.attacks`) and the
manifold metrics (`metrics.manifold`) all use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.scale import real_scale
from synthtab.evaluation.views import Tables, View

Indices = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
# The codes of one column on both sides.
CodePair = tuple[npt.NDArray[Any], npt.NDArray[Any]]

# What two unlike categories add to a squared distance.
UNLIKE = 2.0
# Cells of one block of distances: what a core's cache holds.
BLOCK_CELLS = 2**18


@dataclass(frozen=True)
class Points:
    """Rows in the space of the distance.

    One-hot vectors are never written out, so that a column of thousands of categories
    costs no more than any other.

    Attributes:
        numbers: ``[rows, numeric columns]``, on the real table's scale.
        codes: ``[rows, columns]``, in the order of `Tables.names`: for a number whether
            it is missing (0 or 1), for a category its code.
    """

    numbers: Floats
    codes: Integers

    def __len__(self) -> int:
        return len(self.numbers)


def points(tables: Tables, view: View) -> Points:
    """The rows of a view as points."""
    missing = np.isnan(view.numbers).astype(np.int32)
    return Points(
        real_scale(tables).standardise(view.numbers),
        np.concatenate([missing, view.codes], axis=1),
    )


def nearest(tables: Tables, queries: View, view: View) -> Floats:
    """Squared distance of every query to its nearest row ``[queries]``."""
    return neighbours(tables, queries, view)[0][:, 0]


def neighbours(
    tables: Tables,
    queries: View,
    view: View,
    count: int = 1,
    columns: Sequence[int] | None = None,
) -> tuple[Floats, Indices]:
    """The nearest rows of every query: their squared distances and their positions.

    Of equally near rows, those that come first.

    Args:
        tables: Whose real table gives the units.
        queries: Rows whose neighbours are sought.
        view: Rows among which they are sought.
        count: How many; as many as there are rows if those are fewer.
        columns: Positions in `Tables.names` of the columns to compare; all by default.

    Returns:
        Two arrays ``[queries, count]``, nearest first.
    """
    a, b = points(tables, queries), points(tables, view)
    width = len(tables.numeric)
    if columns is None:
        columns = range(len(tables.names))
    numeric = [j for j in columns if j < width]
    a = Points(a.numbers[:, numeric], a.codes[:, columns])
    b = Points(b.numbers[:, numeric], b.codes[:, columns])
    count = min(count, len(b))
    rows_found = np.empty((len(a), count), dtype=np.int64)
    # First by rounded distances, which are products of matrices and thus fast; then in
    # the order of the exact ones.
    for rows, squared in blocks(a, b):
        here = np.arange(len(squared))
        for rank in range(count):
            position = squared.argmin(axis=1)
            rows_found[rows, rank] = position
            # So that the next pass finds the next one.
            squared[here, position] = np.inf
    exact = _exact(a, b, rows_found)
    order = np.argsort(exact, axis=1, kind="stable")
    return (
        np.take_along_axis(exact, order, axis=1),
        np.take_along_axis(rows_found, order, axis=1),
    )


def blocks(queries: Points, rows: Points) -> Iterator[tuple[slice, Floats]]:
    """All distances from queries to rows, some queries at a time.

    Yields:
        Which queries, and ``[those queries, rows]``: squared distances without the
        query's own square |a|². In |a - b|² = |a|² - 2 a·b + |b|² that is the same for
        all rows, thus does not change which of them is nearest. These sums are rounded:
        two equal rows may come out at a little more or less than 0.
    """
    a, b = queries.numbers, rows.numbers
    pairs = code_pairs(queries.codes, rows.codes)
    # Counts of unlike codes in as few bytes as they fit.
    counter = np.uint8 if len(pairs) < 256 else np.uint16
    squares = (b * b).sum(axis=1)
    step = max(1, BLOCK_CELLS // len(b))
    for start in range(0, len(a), step):
        part = slice(start, start + step)
        squared = a[part] @ (-2.0 * b.T)
        squared += squares
        unlike = np.zeros(squared.shape, dtype=counter)
        for code_a, code_b in pairs:
            unlike += code_a[part, None] != code_b
        squared += UNLIKE * unlike
        yield part, squared


def _exact(queries: Points, rows: Points, partners: Indices) -> Floats:
    """Squared distances to some rows, ``[queries, partners]``, without cancellation.

    Equal rows are at distance 0, to the last bit.
    """
    squared = np.empty(partners.shape)
    pairs = code_pairs(queries.codes, rows.codes)
    for rank, chosen in enumerate(partners.T):
        difference = queries.numbers - rows.numbers[chosen]
        squared[:, rank] = (difference**2).sum(axis=1)
        for code_a, code_b in pairs:
            squared[:, rank] += UNLIKE * (code_a != code_b[chosen])
    return squared


def code_pairs(a: Integers, b: Integers) -> list[CodePair]:
    """Both sides' codes, column by column, in as few bytes as they fit.

    Columns in which all rows of both sides are alike are left out: they add nothing to
    any distance.
    """
    pairs = []
    for j in range(a.shape[1]):
        low = min(a[:, j].min(), b[:, j].min())
        high = max(a[:, j].max(), b[:, j].max())
        if low == high:
            continue
        small: Any = np.int32
        if high < 2**8:
            small = np.uint8
        elif high < 2**16:
            small = np.uint16
        pairs.append((a[:, j].astype(small), b[:, j].astype(small)))
    return pairs


def nearest_distances(
    tables: Tables,
    queries: View,
    whole: View,
    count: int,
    limit: int,
    rng: np.random.Generator,
) -> Floats:
    """Distances (not squared) to the nearest rows, and 0 to a copy, wherever it is.

    Only ``limit`` of the rows, drawn at random, are searched. In a large table that
    would miss most copies of a query; equal rows are therefore found by their hash
    among all rows.

    Args:
        tables: Whose real table gives the units.
        queries: Rows whose neighbours are sought.
        whole: Rows among which they are sought.
        count: How many neighbours; if there are fewer rows, the last is repeated.
        limit: How many rows are searched at most.
        rng: Draws these rows.

    Returns:
        ``[queries, count]``, nearest first.
    """
    searched = whole.some(limit, rng)
    near = np.sqrt(neighbours(tables, queries, searched, count)[0])
    lacking = count - near.shape[1]
    near = np.concatenate([near, np.repeat(near[:, -1:], lacking, axis=1)], axis=1)
    if len(whole) > limit:
        copy_not_searched = occurs_in(queries, whole) & (near[:, 0] > 0)
        # The copy becomes the nearest, and the others move back by one.
        others = near[copy_not_searched, :-1]
        near[copy_not_searched] = np.insert(others, 0, 0.0, axis=1)
    return near


def fingerprints(view: View) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of every row."""
    columns = [*view.numbers.T, *view.codes.T]
    frame = pd.DataFrame(dict(enumerate(columns)))
    return pd.util.hash_pandas_object(frame, index=False).to_numpy()


def occurs_in(queries: View, view: View) -> Booleans:
    """Which of the queries equal a row, however many rows there are ``[queries]``."""
    return np.isin(fingerprints(queries), fingerprints(view))
