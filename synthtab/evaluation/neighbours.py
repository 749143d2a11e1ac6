"""The one distance between rows of mixed columns, and who is nearest by it.

Squared, it is the sum over the columns of the squared difference of two numbers in units of the real
table's standard deviation, and of 2 for two different categories (the squared distance of their
one-hot vectors) or for a number that only one of the two rows has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.views import Tables, View

Indices = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

OTHER = 2.0
CELLS = 2**18  # of one block of distances: what a core's cache holds


class Scale:
    """Numbers in units of the real table's spread, missing ones at its mean."""

    def __init__(self, real: View) -> None:
        there = ~np.isnan(real.numbers)
        counts = np.maximum(there.sum(axis=0), 1)
        self.mean = np.where(there, real.numbers, 0.0).sum(axis=0) / counts
        deviation = np.sqrt(
            (np.where(there, real.numbers - self.mean, 0.0) ** 2).sum(axis=0) / counts
        )
        self.deviation = np.where(deviation > 0, deviation, 1.0)

    def numbers(self, view: View) -> Floats:
        scaled: Floats = (
            np.where(np.isnan(view.numbers), self.mean, view.numbers) - self.mean
        ) / self.deviation
        return scaled

    def codes(self, view: View) -> Integers:
        """For every number whether it is missing, then the categories: one column for each of the table's."""
        return np.concatenate(
            [np.isnan(view.numbers).astype(np.int32), view.codes], axis=1
        )


def scale(tables: Tables) -> Scale:
    """The scale of these tables."""
    return tables.once("scale", lambda: Scale(tables.real))


def nearest(scale: Scale, queries: View, view: View) -> Floats:
    """Squared distance of every query to its nearest row."""
    return neighbours(scale, queries, view)[0][:, 0]


def neighbours(
    scale: Scale,
    queries: View,
    view: View,
    count: int = 1,
    columns: Sequence[int] | None = None,
) -> tuple[Floats, Indices]:
    """Squared distances to, and positions of, the nearest rows of every query, nearest first.

    Args:
        scale: Units of the numbers.
        queries: Rows whose neighbours are sought.
        view: Rows among which they are sought.
        count: How many; as many as there are rows if those are fewer.
        columns: Positions in `Tables.names` of the columns to compare; all by default.

    Of equally near rows, those that come first.
    """
    width = queries.numbers.shape[1]
    chosen = range(width + queries.codes.shape[1]) if columns is None else columns
    kept = [j for j in chosen if j < width]
    a, b = scale.numbers(queries)[:, kept], scale.numbers(view)[:, kept]
    pairs = code_pairs(scale.codes(queries), scale.codes(view), chosen)
    small = np.uint8 if len(pairs) < 256 else np.uint16
    b_squares = (b * b).sum(axis=1)
    count = min(count, len(b))
    found = np.empty((len(a), count), dtype=np.int64)
    for start in range(0, len(a), step := max(1, CELLS // len(b))):
        rows = slice(start, start + step)
        squared = a[rows] @ (-2.0 * b.T)
        squared += b_squares  # the query's own square is the same for all
        differing = np.zeros(squared.shape, dtype=small)
        for code_a, code_b in pairs:
            differing += code_a[rows, None] != code_b
        squared += OTHER * differing
        here = np.arange(len(squared))
        for rank in range(count):
            found[rows, rank] = position = squared.argmin(axis=1)
            squared[here, position] = np.inf
    exact = np.zeros(
        found.shape
    )  # the sums above are rounded: two equal rows must be at distance 0
    for rank in range(count):
        other = found[:, rank]
        exact[:, rank] = ((a - b[other]) ** 2).sum(axis=1)
        for code_a, code_b in pairs:
            exact[:, rank] += OTHER * (code_a != code_b[other])
    order = np.argsort(exact, axis=1, kind="stable")
    return np.take_along_axis(exact, order, axis=1), np.take_along_axis(
        found, order, axis=1
    )


def code_pairs(
    a: Integers, b: Integers, columns: Sequence[int]
) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Both sides' codes of those of the columns that vary, in as few bytes as they fit."""
    pairs = []
    for j in columns:
        low, high = (
            int(pick([pick(a[:, j]), pick(b[:, j])])) for pick in (np.min, np.max)
        )
        if low < high:
            small = np.uint8 if high < 256 else np.uint16 if high < 65_536 else np.int32
            pairs.append((a[:, j].astype(small), b[:, j].astype(small)))
    return pairs


def fingerprints(view: View) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of every row."""
    columns = [*view.numbers.T, *view.codes.T]
    return pd.util.hash_pandas_object(
        pd.DataFrame(dict(enumerate(columns))), index=False
    ).to_numpy()


def found_in(queries: View, view: View) -> Booleans:
    """Which of the queries equal a row, however many rows there are."""
    return np.isin(fingerprints(queries), fingerprints(view))


def distances(
    scale: Scale,
    queries: View,
    whole: View,
    count: int,
    limit: int,
    rng: np.random.Generator,
) -> Floats:
    """Distances (not squared) to the nearest of at most ``limit`` rows, and 0 to a copy, wherever it is.

    Sampling a large table would hide most copies of its rows; equal rows are found by their hash in all of it.
    Fewer rows than ``count``: the last is repeated.
    """
    near = np.sqrt(neighbours(scale, queries, whole.some(limit, rng), count)[0])
    near = np.concatenate(
        [near, np.repeat(near[:, -1:], count - near.shape[1], axis=1)], axis=1
    )
    if len(whole) > limit:
        missed = found_in(queries, whole) & (near[:, 0] > 0)
        near[missed] = np.concatenate(
            [np.zeros((int(missed.sum()), 1)), near[missed, :-1]], axis=1
        )
    return near
