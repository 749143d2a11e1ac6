"""What of a planted fault could be told from chance, by whoever knew where to look?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from faults import Fault, Frame
from scipy.stats import chi2_contingency, fisher_exact, ks_2samp, norm

# A rule speaks by luck in so many reports of real rows.
LUCK = 0.002


def beyond_chance(
    fault: Fault, rows: Frame, spoilt: Frame, train: Frame, columns: Sequence[str]
) -> bool:
    """Whether one who knows the fault and its columns could tell it from luck.

    Of all columns any could have had it, so that the limit is LUCK / columns
    (or pairs, or triples). The
    smallest probability of these counts: that as many rows as were changed are all of
    one of two random parts; that the column differs as much from that of the training
    rows (Kolmogorov-Smirnov or chi-squared); that two columns do together, cut at their
    quartiles; and, of repeats and copies, that as many rows are of this sort.
    """
    if fault.told_by == "always":
        return True
    size = len(train) / (len(train) + len(spoilt))
    # Columns, pairs or triples that could have had it.
    limit = LUCK / max(math.comb(train.shape[1], max(len(columns), 1)), 1)
    if fault.measure is not None:
        of_real, of_spoilt = fault.measure(train, train), fault.measure(spoilt, train)
        return _luck_of_measure(of_real, of_spoilt) < limit
    if fault.told_by == "ends":
        # As many rows as were cut off would all have to be of the training table.
        return size ** (len(rows) - len(spoilt)) < limit
    if fault.told_by == "cells":
        changed = _changed_rows(rows, spoilt, columns)
        # All of these rows would have to lie in one part.
        return (1 - size) ** changed < limit
    lucks = [_luck_of_column(train[name], spoilt[name]) for name in columns]
    for a, b in itertools.combinations(columns, 2):
        lucks.append(_luck_of_pair(train[[a, b]], spoilt[[a, b]]))
    if len(columns) == 1:
        for other in train.columns.difference(list(columns)):
            pair = [columns[0], other]
            # Any other column may be the one that tells.
            luck = _luck_of_pair(train[pair], spoilt[pair])
            lucks.append(luck * (train.shape[1] - 1))
    if len(columns) == 3:
        lucks.append(_luck_of_levels(train, spoilt, columns))
    return min(lucks, default=1.0) < limit


def _changed_rows(rows: Frame, spoilt: Frame, columns: Sequence[str]) -> int:
    """Rows of which a cell was changed; of all columns if none is named."""
    names = list(columns) or list(rows)
    before = rows[names].astype(object).where(rows[names].notna(), None)
    after = spoilt[names].astype(object).where(spoilt[names].notna(), None)
    if not columns:
        # Rows in any order that were not there before.
        known = set(map(tuple, before.to_numpy()))
        return sum(row not in known for row in map(tuple, after.to_numpy()))
    return int((before.to_numpy() != after.to_numpy()).any(axis=1).sum())


def _luck_of_column(real: pd.Series, other: pd.Series) -> float:
    if pd.api.types.is_numeric_dtype(real) and pd.api.types.is_numeric_dtype(other):
        gaps = _luck_of_counts(real.isna(), other.isna())
        heap = _luck_of_heap(real, other)
        if real.notna().any() and other.notna().any():
            gaps = min(float(ks_2samp(real.dropna(), other.dropna()).pvalue), gaps)
        return min(gaps, heap)
    return _luck_of_counts(real.astype(str), other.astype(str))


def _luck_of_heap(real: pd.Series, other: pd.Series) -> float:
    """By the value whose number of rows differs most, any of them being as likely."""
    counts = pd.DataFrame({"a": real.value_counts(), "b": other.value_counts()})
    counts = counts.fillna(0)
    counts = counts[counts.sum(axis=1) >= 10]
    if not len(counts):
        return 1.0
    worst = counts.iloc[(counts["a"] - counts["b"]).abs().argmax()]
    cells = [
        [worst["a"], len(real) - worst["a"]],
        [worst["b"], len(other) - worst["b"]],
    ]
    return float(fisher_exact(np.array(cells)).pvalue) * len(counts)


def _luck_of_counts(real: pd.Series, other: pd.Series) -> float:
    """By chi-squared, over the levels that ten rows have."""
    counts = pd.DataFrame({"a": real.value_counts(), "b": other.value_counts()})
    counts = counts.fillna(0)
    rare = counts.sum(axis=1) < 10
    counts = pd.concat([counts[~rare], counts[rare].sum().to_frame().T])
    counts = counts[counts.sum(axis=1) > 0]
    if len(counts) < 2:
        return 1.0
    return float(chi2_contingency(counts.to_numpy(), correction=False).pvalue)


def _luck_of_pair(real: Frame, other: Frame) -> float:
    """By the cells of both, or by Fisher's test of their rank correlation."""
    levels = _luck_of_levels(real, other, list(real))
    if all(map(pd.api.types.is_numeric_dtype, [*real.dtypes, *other.dtypes])):
        found = [frame.corr("spearman").iloc[0, 1] for frame in (real, other)]
        if np.isfinite(found).all():
            z = np.diff(np.arctanh(np.clip(found, -0.999, 0.999)))[0]
            error = np.sqrt(1.06 / (len(real) - 3) + 1.06 / (len(other) - 3))
            return min(levels, float(2 * norm.sf(abs(z) / error)))
    return levels


def _luck_of_levels(real: Frame, other: Frame, columns: Sequence[str]) -> float:
    """By chi-squared of the cells of several columns, numbers cut at their quartiles."""
    sides = []
    for frame in (real, other):
        cells = pd.Series("", index=frame.index)
        for name in columns:
            levels = frame[name].astype(str)
            if pd.api.types.is_numeric_dtype(real[name]) and real[name].nunique() > 10:
                cuts = np.unique(real[name].dropna().quantile([0.25, 0.5, 0.75]))
                numbers = pd.to_numeric(frame[name], errors="coerce")
                levels = pd.Series(np.searchsorted(cuts, numbers), index=frame.index)
                levels = levels.astype(str).mask(numbers.isna(), "missing")
            cells = cells + "|" + levels
        sides.append(cells)
    return _luck_of_counts(*sides)


def _luck_of_measure(real: pd.Series, other: pd.Series) -> float:
    """Of what is measured of each row: words by their counts; numbers by their whole
    distribution, by single values, and by the rows beyond the ends of the training rows.
    """
    real, other = real.dropna(), other.dropna()
    if len(real) < 2 or len(other) < 2:
        return 1.0
    if not pd.api.types.is_numeric_dtype(real):
        return _luck_of_counts(real, other)
    rows = len(real) + len(other)
    beyond = [int((other > real.max()).sum()), int((other < real.min()).sum())]
    by_ends = 2 * (len(other) / rows) ** max(beyond)
    whole = float(ks_2samp(real, other).pvalue)
    return 3 * min(whole, _luck_of_heap(real, other), by_ends)
