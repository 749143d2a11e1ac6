"""A category spread over columns of 0 and 1: exactly one of them is set in each row, or at most one.

The group is learnt as the one category that it is, and the columns are made from that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
    Look,
    known_options,
    listed,
    needs,
    option,
)
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Table, text_cells

# Rows in which chance would set two columns of a group where at most one is set.
CHANCE = 30
# Columns of such a group.
FEWEST = 3
# What names of one group do not share: "Soil_Type12", "colour_red".
STEM = re.compile(r"(\d+|[_.\-= ][^_.\-= ]*)$")


@dataclass(frozen=True)
class OneHot(Form):
    """One of the columns is 1 (or true) and all others 0; with ``some_none``, all may be 0."""

    form: ClassVar[str] = "one_hot"
    about: ClassVar[str] = "Exactly one of the columns is 1, or at most one."
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "some_none": {
            "type": "boolean",
            "description": "one_hot: at most one is set, not exactly one.",
        }
    }

    columns: tuple[str, ...]
    some_none: bool = False

    @classmethod
    def of(cls, constraint: Constraint) -> OneHot:
        needs(constraint, 2)
        known_options(constraint, "some_none")
        return cls(constraint.columns, option(constraint, "some_none", bool, False))

    def options(self) -> dict[str, Any]:
        return {"some_none": self.some_none}

    def __str__(self) -> str:
        names = (
            self.columns
            if len(self.columns) <= 4
            else (*self.columns[:2], "...", self.columns[-1])
        )
        shown = ", ".join(n if n == "..." else listed([n]) for n in names)
        return f"{'at_most_one' if self.some_none else 'one_hot'}({shown})"

    def check(self, schema: Schema) -> None:
        for name in self.columns:
            if schema[name].missing:
                raise SchemaError(
                    f"constraint {self}: cells of {name!r} may be missing; it must be 0 or 1 in every row"
                )

    def _set(self, table: Table) -> npt.NDArray[np.bool_]:
        """``[rows, columns]``: which cells are 1."""
        truths = []
        for name in self.columns:
            truth = table.truths(name, constants=True)
            if truth is None:
                raise SchemaError(
                    f"constraint {self}: column {name!r} has cells other than 0 and 1"
                )
            truths.append(truth)
        return np.column_stack(truths)

    def _words(self, column: Column) -> tuple[str, str]:
        """The texts of 0 and 1."""
        return KINDS[column.kind].no_and_yes(column) or ("0", "1")

    def holds(self, table: Table, learnt: Lookup | None = None) -> Mask:
        count = self._set(table).sum(axis=1)
        return np.asarray(count <= 1 if self.some_none else count == 1)

    def writes(self, schema: Schema, learnt: Lookup | None) -> tuple[str, ...]:
        return self.columns

    @property
    def repairs(self) -> bool:
        return False

    def hides(self, table: Table, learnt: Lookup | None) -> tuple[Column, ...] | None:
        """One category in place of the first column: the name of the column that is set."""
        return (Column(self.columns[0], "category", "object", missing=self.some_none),)

    def hide(self, table: Table, learnt: Lookup | None, column: Column) -> pd.Series:
        bits = self._set(table)
        which = np.where(bits.any(axis=1), bits.argmax(axis=1), -1)
        return text_cells(self.columns, which, column).set_axis(table.frame.index)

    def restore(
        self, table: Table, learnt: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        chosen = table.frame[self.columns[0]]
        cells = {}
        for name in self.columns:
            column = table.schema[name]
            if KINDS[column.kind].constant:  # never set, or always
                pool = typed_cells(
                    pd.Series([column.options["value"]] * 2, dtype=object), column
                )
            else:
                pool = typed_cells(pd.Series(self._words(column), dtype=object), column)
            mine = (chosen == name).fillna(False).to_numpy(dtype=np.int64)
            cells[name] = pool.take(mine).reset_index(drop=True)
        return cells

    @classmethod
    def find(cls, look: Look) -> Iterable[Form]:
        """Groups of yes/no columns of which exactly one is set, or at most one.

        Runs of neighbouring columns first, then columns whose names begin alike, then whatever
        adds up.
        """
        truths = {c.name: look.full.truths(c.name) for c in look.full.schema.columns}
        names = [name for name, truth in truths.items() if truth is not None]
        if len(names) < 2:
            return []
        columns = [np.asarray(truths[name]) for name in names]
        search = _GroupSearch(names, np.column_stack(columns).astype(np.float32))
        search.neighbours()
        alike = search.names_alike()
        search.any_that_add_up()
        search.at_most_one(alike)
        return [
            cls(tuple(names[i] for i in group), some_none)
            for group, some_none in search.groups
        ]


class _GroupSearch:
    """Looks for groups of yes/no columns that are never set in the same row.

    Args:
        names: The columns.
        bits: ``[rows, columns]``: 1 where one is set.

    Attributes:
        groups: What was found: the numbers of the columns, and whether none may be set.
    """

    def __init__(self, names: list[str], bits: npt.NDArray[np.float32]) -> None:
        self.names = names
        self.rows = len(bits)
        # In how many rows each pair is set; exact up to 2**24 rows, and confirmed later.
        both = (bits.T @ bits).astype(np.int64)
        self.count = np.diag(both).copy()
        self.exclusive = both == 0
        # Columns that are in no group yet.
        self.free = set(range(len(names)))
        self.groups: list[tuple[list[int], bool]] = []

    def _take(self, group: list[int], some_none: bool) -> None:
        """Take a group if its columns are free and exclude one another."""
        if len(group) < 2 or not self.free >= set(group):
            return
        with_itself = np.eye(len(group), dtype=bool)
        if (self.exclusive[np.ix_(group, group)] | with_itself).all():
            self.groups.append((group, some_none))
            self.free.difference_update(group)

    def neighbours(self) -> None:
        """Runs of columns whose counts add up to the number of rows."""
        sums = np.append(0, np.cumsum(self.count))
        for first in range(len(self.names)):
            ends = np.flatnonzero(sums[first:] - sums[first] == self.rows)
            for length in ends[:1]:
                self._take(list(range(first, first + int(length))), False)

    def names_alike(self) -> list[list[int]]:
        """Columns whose names begin alike and add up; all groups of such names."""
        by_stem: dict[str, list[int]] = {}
        for i in sorted(self.free):
            by_stem.setdefault(STEM.sub("", self.names[i]), []).append(i)
        for group in by_stem.values():
            if self.count[group].sum() == self.rows:
                self._take(group, False)
        return list(by_stem.values())

    def any_that_add_up(self) -> None:
        """Start with the commonest column, and add those that fit, the commonest first."""
        for i in sorted(self.free, key=lambda i: -self.count[i]):
            if i not in self.free:
                continue
            group = [i]
            for j in sorted(self.free - {i}, key=lambda j: -self.count[j]):
                fits = self.count[[*group, j]].sum() <= self.rows
                if fits and self.exclusive[j, group].all():
                    group.append(j)
            if self.count[group].sum() == self.rows:
                self._take(sorted(group), False)

    def at_most_one(self, alike: list[list[int]]) -> None:
        """Columns of like names that would clash by chance, and never do."""
        for group in alike:
            share = self.count[group] / self.rows
            # Expected rows in which two of them are set, were they independent.
            clashes = self.rows * ((share.sum() ** 2 - (share**2).sum()) / 2)
            if len(group) >= FEWEST and clashes >= CHANCE:
                self._take(group, True)
