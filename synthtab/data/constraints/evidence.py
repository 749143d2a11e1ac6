"""Whether one column follows from others, or only seems to in a small table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from synthtab.data.constraints.base import Search

# Of whatever width: codes are kept in 32 bits.
Integers = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]

# Share of the rows whose determining cells occur before: otherwise nothing could
# contradict.
LEAST_REPEATS = 0.3
# So many contradictions would chance have made; and so many times fewer there are.
EVIDENCE = 50
LIFT = 50


class CodedColumns:
    """Columns as numbers of their distinct cells.

    Attributes:
        names: The columns.
        codes: ``[rows, columns]``: -1 for a missing cell.
        distinct: ``[columns]``: how many distinct cells each has.
        able: Numbers of the columns that may determine others. Columns of two values
            determine too much by chance, and say too little.
        differ_by_chance: ``[columns]``: how likely the cells of two random rows differ.
    """

    def __init__(self, search: Search, names: list[str]) -> None:
        self.names = names
        columns = []
        for name in names:
            codes, _ = search.sample.codes(name)
            columns.append(codes)
        self.codes = np.column_stack(columns).astype(np.int32)
        self.distinct = self.codes.max(axis=0) + 1
        self.able = np.flatnonzero(self.distinct > 2).tolist()
        differ = [_differ(column) for column in self.codes.T]
        self.differ_by_chance = np.array(differ)

    @property
    def fewest_first(self) -> list[int]:
        """Those that are `able`, the columns of fewest distinct cells first."""
        return sorted(self.able, key=lambda i: self.distinct[i])

    def finest_first(self, columns: Iterable[int]) -> list[int]:
        """Some columns, those of most distinct cells first."""
        return sorted(columns, key=lambda i: -self.distinct[i])

    def contradictions(self, key: Integers) -> Contradictions:
        """How often rows with the same key differ in each column.

        Args:
            key: ``[rows]`` one number for each.
        """
        by_key = np.argsort(key, kind="stable")
        sorted_key = key[by_key]
        # Rows are compared with the next one of the same key.
        is_repeated = sorted_key[1:] == sorted_key[:-1]
        first = by_key[:-1][is_repeated]
        second = by_key[1:][is_repeated]
        pairs = len(first)
        differ = self.codes[first] != self.codes[second]
        count = differ.sum(axis=0)
        by_chance = pairs * self.differ_by_chance
        return Contradictions(count, by_chance, pairs / len(key))

    def determined(self, key: Integers) -> list[int]:
        """Numbers of the columns that a key determines, as far as this can be seen."""
        shown = self.contradictions(key)
        if shown.repeats < LEAST_REPEATS:
            return []
        never = shown.count == 0
        could = shown.by_chance >= EVIDENCE
        return np.flatnonzero(never & could).tolist()

    def nearly_determined(self, key: Integers) -> list[int]:
        """Numbers of the columns that a key determines but for few rows."""
        shown = self.contradictions(key)
        if shown.repeats < LEAST_REPEATS:
            return []
        rarely = shown.count * LIFT <= shown.by_chance
        could = shown.by_chance >= LIFT
        return np.flatnonzero(rarely & could).tolist()


@dataclass(frozen=True)
class Contradictions:
    """Rows with the same key but different cells.

    Attributes:
        count: ``[columns]``: in how many pairs of rows.
        by_chance: ``[columns]``: in how many it would be if the column were shuffled.
        repeats: Share of the rows that have the same key as another one before.
    """

    count: Integers
    by_chance: Floats
    repeats: float


def _differ(column: Integers) -> float:
    """How likely the cells of two random rows differ: 1 - sum p^2."""
    # A missing cell, of code -1, counts as one more value.
    shares = np.bincount(column + 1) / len(column)
    return float(1 - (shares**2).sum())
