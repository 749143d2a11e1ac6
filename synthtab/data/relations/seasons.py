"""Which dates have a season: other columns of their rows come and go with the year.

The networks see a date as one number. Within ten years, the season is then a wave of ten
crests, which no smooth density of that number resolves; so such a date becomes a year and
a day of the year (`synthtab.data.columns.datetime`). That costs a block, and is done where
the table shows a season: the first three harmonics of the year (sin and cos of k times the
phase, k = 1, 2, 3) explain some of the variance that the years leave of another column, and
more than chance would.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.schema import Column, Schema
from synthtab.data.columns import KINDS
from synthtab.data.columns.datetime import spans_years
from synthtab.data.relations.links import in_unit, numbers

# Rows in which seasons are looked for, and the least of them.
ROWS = 20_000
FEWEST = 100
# Share of a column's variance that the season must explain; and how many times as much as
# its six terms would by chance, of which the mean is six over the rows.
EXPLAINED = 0.02
TIMES_BY_CHANCE = 8.0
HARMONICS = (1, 2, 3)
# Days of a year, in the mean.
YEAR = 365.2425
# The most frequent categories of a column that are asked.
MOST_CATEGORIES = 5

Floats = npt.NDArray[np.float64]


def find_seasons(
    frame: pd.DataFrame, schema: Schema, rng: np.random.Generator
) -> frozenset[str]:
    """The dates of a table that have a season.

    Args:
        frame: The table, in the dtypes of the schema.
        schema: What its columns are.
        rng: Chooses the rows that are looked at.
    """
    candidates = [column for column in schema.columns if spans_years(column)]
    if not candidates or len(frame) < FEWEST:
        return frozenset()
    sample = frame.iloc[rng.permutation(len(frame))[:ROWS]].reset_index(drop=True)
    others = [_features(sample[column.name], column) for column in schema.columns]
    features = np.column_stack([np.zeros((len(sample), 0)), *others])
    if not features.shape[1]:
        return frozenset()
    found = set()
    for column in candidates:
        days, missing = in_unit(numbers(sample, column), column, "D")
        present = ~missing
        if present.sum() >= FEWEST and _shows(days[present], features[present]):
            found.add(column.name)
    return frozenset(found)


def _features(series: pd.Series, column: Column) -> Floats:
    """``[rows, n]``: a column as numbers that may come and go with a season.

    Numbers by their ranks, categories by which are the most frequent; dates not at all,
    of which one says all of another.
    """
    kind = KINDS[column.kind]
    nothing = np.zeros((len(series), 0))
    if kind.constant or kind.invented or kind.temporal:
        return nothing
    if kind.numeric:
        values, missing = numbers({column.name: series}, column)
        as_floats = pd.Series(values.astype(np.float64)).mask(missing)
        ranks = as_floats.rank()
        return ranks.fillna(ranks.mean()).fillna(0.0).to_numpy()[:, None]
    codes, _ = pd.factorize(series)
    counts = np.bincount(codes[codes >= 0], minlength=1)
    frequent = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
    return (codes[:, None] == frequent).astype(np.float64)


def _shows(days: npt.NDArray[np.int64], features: Floats) -> bool:
    """Whether some feature comes and goes with the season.

    Args:
        days: ``[rows]``: since 1970.
        features: ``[rows, n]``.
    """
    year = days.astype("M8[D]").astype("M8[Y]").astype(np.int64)
    _, year = np.unique(year, return_inverse=True)
    counts = np.maximum(np.bincount(year), 1)

    def without_years(table: Floats) -> Floats:
        """What is left of columns when every year has lost its mean."""
        means = np.column_stack(
            [np.bincount(year, column) / counts for column in table.T]
        )
        return np.asarray(table - means[year])

    phase = 2 * np.pi * days / YEAR
    waves = [wave(k * phase) for k in HARMONICS for wave in (np.sin, np.cos)]
    season = without_years(np.column_stack(waves))
    left = without_years(features)
    before = (left**2).sum(axis=0)
    varies = before > 1e-9 * len(days)
    if not varies.any():
        return False
    left = left[:, varies]
    fit, *_ = np.linalg.lstsq(season, left, rcond=None)
    after = ((left - season @ fit) ** 2).sum(axis=0)
    explained = 1 - after / before[varies]
    by_chance = len(waves) / len(days)
    return bool((explained >= max(EXPLAINED, TIMES_BY_CHANCE * by_chance)).any())
