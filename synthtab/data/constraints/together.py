"""Values that come together: "No internet service" wherever there is no internet.

A missing cell is such a value as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns import KINDS, typed_cells
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.base import (
    MOST_OFFERED,
    Form,
    Search,
    known_options,
    needs,
    option,
)
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Table, text_cells
from synthtab.data.constraints.written import Written, in_quotes_if_needed, listed

# A value that comes together with others has so many rows at least, and this share of
# them.
FEWEST_ROWS = 10
LEAST_SHARE = 0.001
# Distinct cells of a column of which each may come together with others.
MOST_VALUES = 100
# Rows in which chance would have one without the other.
SURPRISE = 20


@dataclass(frozen=True)
class Together(Form):
    """Each column has its value in the same rows as the first one.

    Attributes:
        values: Of each column a value as text, or None for a missing cell.
        one_way: Whether the others may have their values in other rows, too.
    """

    form: ClassVar[str] = "together"
    turn: ClassVar[int] = 40
    about: ClassVar[str] = "Values, or missing cells, that come in the same rows."
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "values": {
            "type": "array",
            "items": {"type": ["string", "null"]},
            "description": "together: a value of each column, null for missing.",
        },
        "one_way": {
            "type": "boolean",
            "description": (
                "together: the others may have their values in other rows, too."
            ),
        },
    }
    functions: ClassVar[tuple[str, ...]] = ("together",)
    examples: ClassVar[tuple[str, ...]] = ("together(a, b)",)
    relates: ClassVar[str] = "cells"

    columns: tuple[str, ...]
    values: tuple[str | None, ...]
    one_way: bool = False

    @classmethod
    def of(cls, constraint: Constraint) -> Together:
        needs(constraint, 2)
        known_options(constraint, "values", "one_way")
        count = len(constraint.columns)
        values = option(constraint, "values", (list, tuple), (None,) * count)
        all_fit = all(value is None or isinstance(value, str) for value in values)
        if len(values) != count or not all_fit:
            what = constraint.says or constraint.form
            raise SchemaError(
                f"constraint {what!r}: 'values' must be a text, or null for missing, "
                "for each column"
            )
        one_way = option(constraint, "one_way", bool, False)
        return cls(constraint.columns, tuple(values), one_way)

    def options(self) -> dict[str, Any]:
        return {"values": list(self.values), "one_way": self.one_way}

    @classmethod
    def read(cls, written: Written) -> Form | None:
        """Missing cells alone can be written; values are in a schema file."""
        if written.function not in cls.functions:
            return None
        names = written.names(written.arguments)
        return cls(names, (None,) * len(names))

    def __str__(self) -> str:
        if not any(self.values) and not self.one_way:
            return f"together({listed(self.columns)})"
        names_of: dict[str | None, list[str]] = {}
        for name, value in self._events[1:]:
            names_of.setdefault(value, []).append(in_quotes_if_needed(name))
        said = [_in_words(names, value) for value, names in names_of.items()]
        others = " and ".join(said)
        name, value = self._events[0]
        first = _in_words([in_quotes_if_needed(name)], value)
        if self.one_way:
            return f"if {first}, {others}"
        return f"{others} exactly where {first}"

    @property
    def _events(self) -> list[tuple[str, str | None]]:
        """Each column and its value."""
        return list(zip(self.columns, self.values, strict=True))

    def check(self, schema: Schema) -> None:
        for name, value in self._events:
            if value is not None:
                # Raises where it is no cell of the column.
                text = pd.Series([value], dtype=object, name=name)
                typed_cells(text, schema[name])
            elif not schema[name].missing:
                raise SchemaError(
                    f"constraint {self}: no cell of {name!r} may be missing, "
                    "says the schema"
                )

    def _occurs(
        self,
        table: Table,
        name: str,
        value: str | None,
    ) -> Mask:
        """``[rows]``: where a column has a value."""
        if value is None:
            return table.missing(name)
        return np.asarray(table.coded(name, [value]) == 0)

    def _occurrences(self, table: Table) -> list[Mask]:
        """Of each column: where it has its value."""
        return [self._occurs(table, name, value) for name, value in self._events]

    def applies(self, table: Table) -> Mask:
        """Where the first column has its value; if it is not one way, where any has."""
        occurrences = self._occurrences(table)
        if self.one_way:
            return occurrences[0]
        return np.any(occurrences, axis=0)

    def holds(self, table: Table, lookup: Lookup | None = None) -> Mask:
        first, *others = self._occurrences(table)
        if self.one_way:
            return np.all([other | ~first for other in others], axis=0)
        return np.all([other == first for other in others], axis=0)

    def writes(self, schema: Schema, lookup: Lookup | None) -> tuple[str, ...]:
        return self.columns[1:]

    def hides(self, table: Table, lookup: Lookup | None) -> tuple[Column, ...] | None:
        """The other columns without their values: the first column says where these are."""
        nothing_else = any(mask.all() for mask in self._occurrences(table))
        if self.one_way or nothing_else:
            return None
        remaining = []
        for name, value in self._events[1:]:
            column = table.column(name)
            still_missing = column.missing and value is not None
            remaining.append(replace(column, missing=still_missing))
        return tuple(remaining)

    def hide(
        self,
        table: Table,
        lookup: Lookup | None,
        column: Column,
    ) -> pd.Series:
        """Other cells of the column in place of its value, from all over the table.

        It does not matter which: `restore` puts the value back.
        """
        cells = table.frame[column.name]
        value = dict(self._events)[column.name]
        hidden = self._occurs(table, column.name, value)
        others = np.flatnonzero(~hidden)
        # ``[rows]``: from which row each cell is taken.
        source = np.arange(len(table))
        if len(others):
            count = np.count_nonzero(hidden)
            evenly = np.linspace(0, len(others) - 1, count)
            source[hidden] = others[evenly.astype(np.int64)]
        return cells.iloc[source].set_axis(cells.index)

    def restore(
        self, table: Table, lookup: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        """Where the first column has its value, the others get theirs.

        The other way round cannot be mended: nothing says which value the first column
        has instead.
        """
        # The first column is as the model drew it.
        first = self._occurs(table, *self._events[0])
        cells = {}
        for name, value in self._events[1:]:
            codes, texts = table.codes(name)
            # Among the rows of a small sample, no cell may have the value yet.
            if value is not None and value not in texts:
                texts = [*texts, value]
            place = -1 if value is None else texts.index(value)
            lacking = first & ~self._occurs(table, name, value)
            mended = np.where(lacking, place, codes)
            cells[name] = text_cells(texts, mended, table.column(name))
        return cells

    @classmethod
    def find(cls, search: Search) -> Iterable[Form]:
        """Values that occur in the same rows, and missing cells that follow.

        The rows of a value are known by the sum of one random number for each of them:
        equal sums of 64 bits are equal rows.
        """
        rows = len(search.full)
        weights = search.rng.integers(0, 2**63, rows, dtype=np.uint64)
        by_rows: dict[int, list[_Event]] = {}
        gaps: dict[str, Mask] = {}
        settled = search.settled
        for column in search.full.schema.columns:
            if not KINDS[column.kind].informative() or column.name in settled:
                continue
            missing = search.full.missing(column.name)
            if FEWEST_ROWS <= missing.sum() < rows:
                gaps[column.name] = missing
                gap = _Event(column.name, None)
                key = _sum(weights, missing)
                by_rows.setdefault(key, []).append(gap)
            for event, where in _values(search, column):
                key = _sum(weights, where)
                by_rows.setdefault(key, []).append(event)
        found = []
        for events in by_rows.values():
            names = {event.column for event in events}
            if len(names) < 2:
                continue
            together = cls._of_events(events)
            if not _is_said(together, search):
                found.append(together)
        found += _one_way(gaps, rows)
        return found[:MOST_OFFERED]

    @classmethod
    def _of_events(cls, events: Sequence[_Event]) -> Together:
        """What is no missing cell comes first: the others follow from that."""
        ordered = sorted(events, key=lambda event: event.value is None)
        columns = tuple(event.column for event in ordered)
        values = tuple(event.value for event in ordered)
        return cls(columns, values)


class _Event(NamedTuple):
    """A column has a value, None for a missing cell."""

    column: str
    value: str | None


def _sum(weights: npt.NDArray[np.uint64], rows: Mask) -> int:
    """The sum of the weights of some rows, modulo 2**64."""
    return int(weights[rows].sum())


def _values(search: Search, column: Column) -> Iterator[tuple[_Event, Mask]]:
    """The values of a column that may come together with others, and their rows."""
    if not KINDS[column.kind].discrete:
        return
    # The sample first: to find all cells of a column of many is slow.
    _, texts = search.sample.codes(column.name)
    if len(texts) > MOST_VALUES:
        return
    codes, texts = search.full.codes(column.name)
    if len(texts) > MOST_VALUES:
        return
    rows = len(codes)
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    fewest = max(FEWEST_ROWS, LEAST_SHARE * rows)
    for k in np.flatnonzero(counts >= fewest):
        # Of two values the rarer one says all.
        is_rare = 2 * counts[k] <= rows
        if is_rare or len(texts) > 2:
            yield _Event(column.name, texts[k]), codes == k


def _one_way(gaps: dict[str, Mask], rows: int) -> list[Together]:
    """Columns that are missing wherever another one is, without detours.

    Args:
        gaps: Where the cells of each column are missing.
        rows: Of the table.
    """
    # Of columns that are missing in the same rows, the first is enough.
    first_with: dict[bytes, str] = {}
    for name, missing in gaps.items():
        first_with.setdefault(np.packbits(missing).tobytes(), name)
    counts = {}
    for name in first_with.values():
        counts[name] = int(gaps[name].sum())
    fewest_first = sorted(counts, key=lambda name: counts[name])

    def within(a: str, b: str) -> bool:
        """Whether ``b`` is missing wherever ``a`` is."""
        return not (gaps[a] & ~gaps[b]).any()

    both_missing = (None, None)
    found: list[Together] = []
    for i, a in enumerate(fewest_first):
        larger = fewest_first[i + 1 :]
        above = [b for b in larger if within(a, b)]
        for b in above:
            # If c follows from a, and b from c, then b need not be said.
            between = [c for c in above if c != b and within(c, b)]
            # Rows in which a would be missing without b, were they independent.
            share_there = 1 - counts[b] / rows
            if not between and counts[a] * share_there >= SURPRISE:
                form = Together((a, b), both_missing, one_way=True)
                found.append(form)
    return found


def _in_words(names: list[str], value: str | None) -> str:
    """``a, b and c are missing``."""
    what = "missing" if value is None else repr(value)
    if len(names) == 1:
        return f"{names[0]} is {what}"
    return f"{', '.join(names[:-1])} and {names[-1]} are {what}"


def _is_said(together: Together, search: Search) -> bool:
    """Whether a column of several values determines the others anyway.

    Of columns of two values, "together" says it better.
    """
    names = set(together.columns)
    if not any(names <= columns for columns in search.related("cells")):
        return False
    for name in names:
        _, texts = search.sample.codes(name)
        if len(texts) <= 2:
            return False
    return True
