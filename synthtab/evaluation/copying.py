"""Are the synthetic rows the training rows over again?

A generator that repeats its training rows scores perfectly elsewhere and is worthless. These two
figures find that out by comparison with rows that the generator never saw. They are checks against
copying, not a measure of privacy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.evaluation.cells import Floats, Integers
from synthtab.evaluation.metric import Metric, Outcome, Reference, Skip, share_interval
from synthtab.evaluation.views import Tables, View
from synthtab.randomness import Streams

QUERIES = 3_000
MAX_ROWS = 20_000
MIN_ROWS = 20
BLOCK = 500
TIE = 1e-9


def exact_copies(tables: Tables, streams: Streams) -> Outcome:
    """Share of synthetic rows that equal a real row in every compared column.

    Beside it: the same share of the holdout's rows or, without a holdout, of the real rows that
    occur more than once in their own table.
    """
    real = _fingerprints(tables.real)
    copies = np.isin(_fingerprints(tables.synthetic), real)
    if tables.holdout is not None:
        reference = Reference(float(np.isin(_fingerprints(tables.holdout), real).mean()), "holdout rows")
    else:
        _, position, counts = np.unique(real, return_inverse=True, return_counts=True)
        reference = Reference(float((counts[position] > 1).mean()), "real rows, repeated")
    value = float(copies.mean())
    return Outcome(
        value,
        reference,
        share_interval(float(copies.sum()), len(copies)),
        len(copies),
        {"copies": int(copies.sum())},
    )


def nearer_to_train(tables: Tables, streams: Streams) -> Outcome:
    """Share of synthetic rows that are nearer to a real row than to any of as many holdout rows.

    The distance is Euclidean over standardised numbers and one-hot categories; a tie counts half.
    """
    assert tables.holdout is not None
    size = min(len(tables.real), len(tables.holdout), MAX_ROWS)
    if size < MIN_ROWS:
        raise Skip(f"a table has fewer than {MIN_ROWS} rows")
    queries = tables.synthetic.some(QUERIES, streams.numpy("queries"))
    real = tables.real.some(size, streams.numpy("real side"))
    holdout = tables.holdout.some(size, streams.numpy("holdout side"))
    scale = Scale(tables.real)
    squared = [nearest(scale, queries, view) for view in (real, holdout)]
    near, far = (np.sqrt(s) for s in squared)
    tie = np.abs(near - far) <= TIE * (1.0 + near)
    wins = float(((near < far) & ~tie).sum() + 0.5 * tie.sum())
    return Outcome(
        wins / len(queries),
        Reference(0.5, "ideal: no nearer"),
        share_interval(wins, len(queries)),
        len(queries),
        {"rows on each side": size, "ties": int(tie.sum())},
    )


class Scale:
    """Numbers in units of the real table's spread, missing ones at its mean."""

    def __init__(self, real: View) -> None:
        there = ~np.isnan(real.numbers)
        counts = np.maximum(there.sum(axis=0), 1)
        self.mean = np.where(there, real.numbers, 0.0).sum(axis=0) / counts
        deviation = np.sqrt((np.where(there, real.numbers - self.mean, 0.0) ** 2).sum(axis=0) / counts)
        self.deviation = np.where(deviation > 0, deviation, 1.0)

    def numbers(self, view: View) -> Floats:
        scaled: Floats = (np.where(np.isnan(view.numbers), self.mean, view.numbers) - self.mean) / self.deviation
        return scaled

    def codes(self, view: View) -> Integers:
        """Categories, and for every number whether it is missing."""
        return np.concatenate([view.codes, np.isnan(view.numbers).astype(np.int32)], axis=1)


def nearest(scale: Scale, queries: View, view: View) -> Floats:
    """Squared distance of every query to its nearest row: numbers squared, 2 for each other category."""
    a, b = scale.numbers(queries), scale.numbers(view)
    codes_a, codes_b = scale.codes(queries), scale.codes(view)
    varied = [j for j in range(codes_a.shape[1]) if len({*codes_a[:, j].tolist(), *codes_b[:, j].tolist()}) > 1]
    columns = [(codes_a[:, j].copy(), codes_b[:, j].copy()) for j in varied]
    b_squares = (b * b).sum(axis=1)
    nearest = np.empty(len(a))
    for start in range(0, len(a), BLOCK):
        rows = slice(start, start + BLOCK)
        squared = (a[rows] ** 2).sum(axis=1)[:, None] + b_squares - 2.0 * (a[rows] @ b.T)
        differing = np.zeros(squared.shape, dtype=np.uint16)
        for column_a, column_b in columns:
            differing += column_a[rows, None] != column_b
        nearest[rows] = np.maximum(squared + 2.0 * differing, 0.0).min(axis=1)
    return nearest


def _fingerprints(view: View) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of every row."""
    columns = [*view.numbers.T, *view.codes.T]
    return pd.util.hash_pandas_object(pd.DataFrame(dict(enumerate(columns))), index=False).to_numpy()


COPIES = Metric(
    "exact_copies",
    "Exact copies",
    "share of rows that equal a real row in every column",
    "copying",
    "lower",
    exact_copies,
)
NEARER = Metric(
    "nearer_to_train",
    "Nearer to train than to holdout",
    "share of rows; 0.5 = as near to rows that were never seen",
    "copying",
    "ideal",
    nearer_to_train,
    needs=("holdout",),
    cost="medium",
)
