"""A category spread over columns of 0 and 1: exactly one of them is set in each row, or at most one.

The group is learnt as the one category that it is, and the columns are made from that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns import typed_cells
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
        if column.kind == "boolean":
            return column.options.get("false", "False"), column.options.get(
                "true", "True"
            )
        return "0", "1"

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
            if column.kind == "constant":  # never set, or always
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
        """Runs of neighbouring columns, then columns whose names begin alike, then whatever adds up."""
        truths = {c.name: look.full.truths(c.name) for c in look.full.schema.columns}
        names = [n for n, t in truths.items() if t is not None]
        if len(names) < 2:
            return []
        bits = np.column_stack([np.asarray(truths[n]) for n in names]).astype(
            np.float32
        )
        both, rows = (
            (bits.T @ bits).astype(np.int64),
            len(bits),
        )  # exact up to 2**24 rows; confirmed below
        count = np.diag(both).copy()
        apart = both == 0
        free = set(range(len(names)))
        groups: list[tuple[list[int], bool]] = []

        def take(group: list[int], some_none: bool) -> None:
            if len(group) > 1 and free >= set(group):
                clash = apart[np.ix_(group, group)] | np.eye(len(group), dtype=bool)
                if clash.all():
                    groups.append((group, some_none))
                    free.difference_update(group)

        sums = np.append(0, np.cumsum(count))
        for i in range(len(names)):
            for j in np.flatnonzero(sums[i:] - sums[i] == rows)[:1]:
                take(list(range(i, i + int(j))), False)
        alike: dict[str, list[int]] = {}
        for i in sorted(free):
            alike.setdefault(STEM.sub("", names[i]), []).append(i)
        for group in alike.values():
            if count[group].sum() == rows:
                take(group, False)
        for i in sorted(free, key=lambda i: -count[i]):
            group = [i]
            for j in sorted(free - {i}, key=lambda j: -count[j]):
                if (
                    i in free
                    and apart[j, group].all()
                    and count[[*group, j]].sum() <= rows
                ):
                    group.append(j)
            if i in free and count[group].sum() == rows:
                take(sorted(group), False)
        for group in alike.values():
            share = count[group] / rows
            clashes = rows * ((share.sum() ** 2 - (share**2).sum()) / 2)
            if len(group) >= FEWEST and clashes >= CHANCE:
                take(group, True)
        return [
            cls(tuple(names[i] for i in group), some_none)
            for group, some_none in groups
        ]
