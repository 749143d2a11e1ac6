"""No two rows have the same cells: a key of one column, or of several."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.schema import Constraint
from synthtab.data.columns import KINDS
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.base import Form, Search, known_options, needs
from synthtab.data.constraints.lookup import Lookup, identify
from synthtab.data.constraints.table import Table
from synthtab.data.constraints.written import Written, listed

# Columns, those of most distinct cells, of which two or three may be a key.
CANDIDATES = 12
# Rows that would not be unique if the columns were shuffled, at least: else the table is
# too small to tell.
LEAST_REPEATS = 20
# Keys that are offered.
MOST_KEYS = 3
# A column with a larger share of distinct cells is a key by itself, and needs no others.
OWN_KEY = 0.99


@dataclass(frozen=True)
class Unique(Form):
    """The columns' cells together occur once; rows with a missing cell among them aside."""

    form: ClassVar[str] = "unique"
    turn: ClassVar[int] = 80
    about: ClassVar[str] = "No two rows have the same cells."
    functions: ClassVar[tuple[str, ...]] = ("unique",)
    examples: ClassVar[tuple[str, ...]] = ("unique(a, b)",)
    spanning: ClassVar[bool] = True

    columns: tuple[str, ...]

    @classmethod
    def of(cls, constraint: Constraint) -> Unique:
        needs(constraint, 1)
        known_options(constraint)
        return cls(constraint.columns)

    def options(self) -> dict[str, Any]:
        return {}

    @classmethod
    def read(cls, written: Written) -> Form | None:
        if written.function not in cls.functions:
            return None
        return cls(written.names(written.arguments))

    def __str__(self) -> str:
        return f"unique({listed(self.columns)})"

    def holds(self, table: Table, lookup: Lookup | None = None) -> Mask:
        """The first row of several with the same cells holds it."""
        codes = [table.codes(name)[0] for name in self.columns]
        cells = identify(np.column_stack(codes))
        occurred_before = pd.Series(cells).duplicated().to_numpy()
        return np.asarray(~occurred_before | ~self.applies(table))

    def keys(self, table: Table) -> npt.NDArray[np.uint64]:
        """``[rows]``: a hash of the cells, by which rows of other tables can be compared."""
        cells = table.frame[list(self.columns)]
        return pd.util.hash_pandas_object(cells, index=False).to_numpy(dtype=np.uint64)

    @classmethod
    def find(cls, search: Search) -> Iterable[Form]:
        """Of columns none of which is a key by itself, two or three that are one."""
        sample = search.sample
        # Of a row that repeats another one, there is at least one more.
        if len(search.full) <= LEAST_REPEATS:
            return []
        distinct = _distinct_cells(sample)
        most_first = sorted(distinct, key=lambda name: -distinct[name])
        candidates = most_first[:CANDIDATES]
        in_order = [name for name in sample.schema.names if name in candidates]
        pairs = combinations(in_order, 2)
        triples = combinations(in_order, 3)
        found: list[Unique] = []
        for group in chain(pairs, triples):
            if len(found) == MOST_KEYS:
                break
            if any(set(key.columns) <= set(group) for key in found):
                continue
            # So many different rows there can be at most.
            possible = math.prod(float(distinct[name]) for name in group)
            if possible < len(sample):
                continue
            key = cls(group)
            if key.holds(sample).all() and key._is_no_chance(search):
                found.append(key)
        return found

    def _is_no_chance(self, search: Search) -> bool:
        """Whether all rows hold it, and would not if the columns were shuffled."""
        # In the order of the table, which the random numbers follow.
        names = [n for n in search.full.schema.names if n in self.columns]
        shuffled = search.full.only(names).shuffled(search.rng, names)
        repeats = np.count_nonzero(~self.holds(shuffled))
        if repeats < LEAST_REPEATS:
            return False
        return bool(self.holds(search.full).all())


def _distinct_cells(table: Table) -> dict[str, int]:
    """How many distinct cells the columns have of which several may be a key."""
    distinct = {}
    for column in table.schema.columns:
        if not KINDS[column.kind].discrete:
            continue
        _, texts = table.codes(column.name)
        if 2 <= len(texts) <= OWN_KEY * len(table):
            distinct[column.name] = len(texts)
    return distinct
