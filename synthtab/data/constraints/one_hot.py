"""A category spread over columns of 0 and 1: in each row exactly one is set, or at most one.

The group is learnt as the one category that it is, and the columns are made from that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns import KINDS, typed_cells
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.base import (
    Form,
    Search,
    known_options,
    needs,
    option,
)
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Table, text_cells
from synthtab.data.constraints.written import Written, listed

Bits = npt.NDArray[np.bool_]

# Rows in which chance would set two columns of a group, where at most one is set.
LEAST_CLASHES = 30
# Columns of such a group.
FEWEST = 3
# What names of one group do not share: "Soil_Type12", "colour_red".
SUFFIX = re.compile(r"(\d+|[_.\-= ][^_.\-= ]*)$")
# Columns that `str` names before it leaves out those in the middle.
MOST_NAMED = 4


@dataclass(frozen=True)
class OneHot(Form):
    """One of the columns is 1 (or true) and all others 0.

    Attributes:
        some_none: Whether all of them may be 0.
    """

    form: ClassVar[str] = "one_hot"
    turn: ClassVar[int] = 10
    about: ClassVar[str] = "Exactly one of the columns is 1, or at most one."
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "some_none": {
            "type": "boolean",
            "description": "one_hot: at most one is set, not exactly one.",
        }
    }
    functions: ClassVar[tuple[str, ...]] = ("one_hot", "at_most_one")
    examples: ClassVar[tuple[str, ...]] = ("one_hot(a, b)", "at_most_one(a, b)")
    from_one_code: ClassVar[bool] = True

    columns: tuple[str, ...]
    some_none: bool = False

    @classmethod
    def of(cls, constraint: Constraint) -> OneHot:
        needs(constraint, 2)
        known_options(constraint, "some_none")
        return cls(constraint.columns, option(constraint, "some_none", bool, False))

    def options(self) -> dict[str, Any]:
        return {"some_none": self.some_none}

    @classmethod
    def read(cls, written: Written) -> Form | None:
        if written.function not in cls.functions:
            return None
        names = written.names(written.arguments)
        return cls(names, some_none=written.function == "at_most_one")

    def __str__(self) -> str:
        names = listed(self.columns)
        if len(self.columns) > MOST_NAMED:
            names = f"{listed(self.columns[:2])}, ..., {listed(self.columns[-1:])}"
        function = "at_most_one" if self.some_none else "one_hot"
        return f"{function}({names})"

    @property
    def settles(self) -> tuple[str, ...]:
        return self.columns

    def check(self, schema: Schema) -> None:
        for name in self.columns:
            if schema[name].missing:
                raise SchemaError(
                    f"constraint {self}: cells of {name!r} may be missing; "
                    "it must be 0 or 1 in every row"
                )

    def _bits(self, table: Table) -> Bits:
        """``[rows, columns]``: which cells are 1."""
        bits = []
        for name in self.columns:
            truths = table.truths(name, constants=True)
            if truths is None:
                raise SchemaError(
                    f"constraint {self}: column {name!r} has cells other than 0 and 1"
                )
            bits.append(truths)
        return np.column_stack(bits)

    def holds(self, table: Table, lookup: Lookup | None = None) -> Mask:
        count = self._bits(table).sum(axis=1)
        return np.asarray(count <= 1 if self.some_none else count == 1)

    def writes(self, schema: Schema, lookup: Lookup | None) -> tuple[str, ...]:
        return self.columns

    @property
    def repairs(self) -> bool:
        # Which of two columns that are set is wrong, nothing says.
        return False

    def hides(self, table: Table, lookup: Lookup | None) -> tuple[Column, ...] | None:
        """One category in place of the first column: the name of the column that is set."""
        first = self.columns[0]
        category = Column(first, "category", "object", missing=self.some_none)
        return (category,)

    def hide(
        self,
        table: Table,
        lookup: Lookup | None,
        column: Column,
    ) -> pd.Series:
        bits = self._bits(table)
        # Which column is set; -1, a missing cell, where none is.
        any_set = bits.any(axis=1)
        which = np.where(any_set, bits.argmax(axis=1), -1)
        names = text_cells(self.columns, which, column)
        return names.set_axis(table.frame.index)

    def restore(
        self, table: Table, lookup: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        chosen = table.frame[self.columns[0]]
        cells = {}
        for name in self.columns:
            pool = self._no_and_yes(table.schema[name])
            # 0 or 1, as the place in the pool; no column is set where a cell is missing.
            is_set = (chosen == name).fillna(False).to_numpy(dtype=np.int64)
            cells[name] = pool.take(is_set).reset_index(drop=True)
        return cells

    def _no_and_yes(self, column: Column) -> pd.Series:
        """The two cells of a column: that of 0, and that of 1."""
        texts: Sequence[Any]
        if KINDS[column.kind].constant:
            # Never set, or always.
            texts = [column.options["value"]] * 2
        else:
            texts = KINDS[column.kind].no_and_yes(column) or ("0", "1")
        return typed_cells(pd.Series(texts, dtype=object), column)

    @classmethod
    def find(cls, search: Search) -> Iterable[Form]:
        """Groups of yes/no columns of which exactly one is set, or at most one.

        Runs of neighbouring columns first, then columns whose names begin alike, then
        whatever adds up.
        """
        table = search.full
        bits = {}
        for name in table.schema.names:
            truths = table.truths(name)
            if truths is not None:
                bits[name] = truths
        if len(bits) < 2:
            return []
        columns = [*bits.values()]
        groups = _Groups([*bits], np.column_stack(columns))
        groups.take_neighbours()
        alike = groups.take_names_alike()
        groups.take_what_adds_up()
        groups.take_at_most_one(alike)
        return groups.found


class _Groups:
    """Groups of yes/no columns that are never set in the same row.

    Args:
        names: The columns.
        bits: ``[rows, columns]``: where one is set.

    Attributes:
        found: The groups.
        free: Numbers of the columns that are in no group yet.
        counts: ``[columns]``: in how many rows each is set.
        exclusive: ``[columns, columns]``: whether two are never set in the same row.
    """

    def __init__(self, names: list[str], bits: Bits) -> None:
        self.names = names
        self.rows = len(bits)
        # In how many rows both of two columns are set. A float32 counts exactly up to
        # 2**24 rows; beyond, `find_constraints` confirms what is found.
        ones = bits.astype(np.float32)
        both = (ones.T @ ones).astype(np.int64)
        self.counts = np.diag(both).copy()
        self.exclusive = both == 0
        self.free = set(range(len(names)))
        self.found: list[OneHot] = []

    def _adds_up(self, group: list[int]) -> bool:
        """Whether there are as many set cells as rows."""
        return bool(self.counts[group].sum() == self.rows)

    def _take(self, group: list[int], some_none: bool = False) -> None:
        """Take a group if its columns are free and exclude one another."""
        if len(group) < 2 or not self.free >= set(group):
            return
        with_itself = np.eye(len(group), dtype=bool)
        exclusive = self.exclusive[np.ix_(group, group)]
        if (exclusive | with_itself).all():
            names = tuple(self.names[i] for i in group)
            self.found.append(OneHot(names, some_none))
            self.free.difference_update(group)

    def take_neighbours(self) -> None:
        """Runs of columns whose counts add up to the number of rows."""
        sums = np.append(0, np.cumsum(self.counts))
        for first in range(len(self.names)):
            lengths = np.flatnonzero(sums[first:] - sums[first] == self.rows)
            # The shortest: a longer one has a column that is never set at its end.
            for length in lengths[:1].tolist():
                run = range(first, first + length)
                self._take([*run])

    def take_names_alike(self) -> list[list[int]]:
        """Columns whose names begin alike and add up.

        Returns:
            All groups of names that begin alike, of columns that were free.
        """
        by_beginning: dict[str, list[int]] = {}
        for i in sorted(self.free):
            beginning = SUFFIX.sub("", self.names[i])
            by_beginning.setdefault(beginning, []).append(i)
        for group in by_beginning.values():
            if self._adds_up(group):
                self._take(group)
        return list(by_beginning.values())

    def take_what_adds_up(self) -> None:
        """Start with the commonest column, and add those that fit, the commonest first."""
        for i in self._commonest_first(self.free):
            if i not in self.free:
                continue
            group = [i]
            total = self.counts[i]
            for j in self._commonest_first(self.free - {i}):
                fits = total + self.counts[j] <= self.rows
                if fits and self.exclusive[j, group].all():
                    group.append(j)
                    total += self.counts[j]
            if self._adds_up(group):
                self._take(sorted(group))

    def _commonest_first(self, columns: set[int]) -> list[int]:
        return sorted(columns, key=lambda i: -self.counts[i])

    def take_at_most_one(self, alike: list[list[int]]) -> None:
        """Columns of like names that would clash by chance, and never do."""
        for group in alike:
            if len(group) < FEWEST:
                continue
            share = self.counts[group] / self.rows
            # Pairs of independent columns that are both set, in one row, on average:
            # the sum over i < j of p_i p_j.
            all_pairs = share.sum() ** 2
            with_themselves = (share**2).sum()
            clashes = (all_pairs - with_themselves) / 2
            if self.rows * clashes >= LEAST_CLASHES:
                self._take(group, some_none=True)
