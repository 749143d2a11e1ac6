"""Columns whose cells follow from those of others: a city determines its country.

What follows is not learnt but looked up among the rows of the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns import KINDS
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.base import (
    MOST_OFFERED,
    Form,
    Search,
    known_options,
    needs,
    option,
)
from synthtab.data.constraints.evidence import CodedColumns
from synthtab.data.constraints.lookup import Lookup, identify
from synthtab.data.constraints.table import Integers, Table, text_cells
from synthtab.data.constraints.written import Written, listed

Pair = tuple[int, int]

# Columns of fewest distinct cells, two of which may determine another.
PAIRED = 16
# Among more columns than this none are looked for.
WIDE = 400


@dataclass(frozen=True)
class Determines(Form):
    """Wherever the cells of the first columns are the same, so are the determined ones.

    A missing cell counts as a value. By the table itself, rows are judged by the
    commonest cells of their kind.

    Attributes:
        determined: Those of the columns that follow from the others.
    """

    form: ClassVar[str] = "determines"
    turn: ClassVar[int] = 30
    about: ClassVar[str] = "Some columns follow from the others."
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "determined": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string"},
            "description": "determines: which of the columns follow from the others.",
        }
    }
    least_support: ClassVar[float] = 0.999
    examples: ClassVar[tuple[str, ...]] = ("a, b -> c",)
    relates: ClassVar[str] = "cells"
    exact: ClassVar[bool] = True
    from_one_code: ClassVar[bool] = True

    columns: tuple[str, ...]
    determined: tuple[str, ...]

    @classmethod
    def of(cls, constraint: Constraint) -> Determines:
        needs(constraint, 2)
        known_options(constraint, "determined")
        # A list in a file, a tuple where it was written in Python.
        names = option(constraint, "determined", (list, tuple))
        if not names or not set(names) < set(constraint.columns):
            what = constraint.says or constraint.form
            raise SchemaError(
                f"constraint {what!r}: 'determined' must list some of its columns, "
                "but not all"
            )
        in_order = tuple(name for name in constraint.columns if name in names)
        return cls(constraint.columns, in_order)

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns that determine."""
        return tuple(name for name in self.columns if name not in self.determined)

    def options(self) -> dict[str, Any]:
        return {"determined": list(self.determined)}

    @classmethod
    def read(cls, written: Written) -> Form | None:
        sides = written.split("->")
        if len(sides) != 2:
            return None
        keys, determined = (written.names(side) for side in sides)
        return cls((*keys, *determined), determined)

    def __str__(self) -> str:
        return f"{listed(self.key_columns)} -> {listed(self.determined)}"

    def check(self, schema: Schema) -> None:
        no_identifiers(self, schema)

    def applies(self, table: Table) -> Mask:
        return np.ones(len(table), dtype=bool)

    def learn(self, table: Table, least_rows: int = 1) -> Lookup:
        return Lookup.learn(table, self.columns, least_rows)

    def holds(self, table: Table, lookup: Lookup | None = None) -> Mask:
        lookup = lookup or Lookup.learn(table, self.columns)
        cells = lookup.codes(table, self.columns)
        keys = [self.columns.index(name) for name in self.key_columns]
        place = lookup.match(cells[:, keys], self.key_columns)
        # -1, an unknown key, takes the last combination here, and is none below.
        same = lookup.rows[place] == cells
        return np.asarray(same.all(axis=1) & (place >= 0))

    def writes(self, schema: Schema, lookup: Lookup | None) -> tuple[str, ...]:
        return self.determined

    def hides(self, table: Table, lookup: Lookup | None) -> tuple[Column, ...] | None:
        # All of it follows, and nothing of it need be learnt.
        return ()

    def restore(
        self, table: Table, lookup: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        assert lookup is not None, "nothing to look up, report this"
        keys = lookup.codes(table, self.key_columns)
        place = lookup.match(keys, self.key_columns)
        # Unknown keys get the commonest combination; `holds` refuses them afterwards.
        place = np.maximum(place, 0)
        return looked_up(lookup, place, self.determined, table)

    @classmethod
    def find(cls, search: Search) -> Iterable[Form]:
        names = [
            column.name
            for column in search.sample.schema.columns
            if KINDS[column.kind].informative()
        ]
        if not 2 <= len(names) <= WIDE:
            return []
        dependencies = _Dependencies(search, names)
        found = [*dependencies.of_one(), *dependencies.of_two()]
        # An equation between the same columns says how they follow.
        equations = search.related("numbers")
        new = [
            form
            for form in found
            if not any(set(form.columns) <= equation for equation in equations)
        ]
        return new[:MOST_OFFERED]


def no_identifiers(form: Form, schema: Schema) -> None:
    """Raise a `SchemaError` if the cells that a model would keep name rows of the table."""
    for name in form.columns:
        if KINDS[schema[name].kind].invented:
            raise SchemaError(
                f"constraint {form}: {name!r} is an identifier, "
                "and a model keeps no table of these; leave it out"
            )


def looked_up(
    lookup: Lookup, place: Integers, columns: Iterable[str], table: Table
) -> dict[str, pd.Series]:
    """The cells of given combinations.

    Args:
        lookup: The combinations.
        place: ``[rows]`` the number of one for each row.
        columns: Whose cells.
        table: What the columns are.
    """
    cells = {}
    for name in columns:
        column = table.schema[name]
        i = lookup.columns.index(name)
        codes = lookup.rows[place, i]
        cells[name] = text_cells(lookup.texts[i], codes, column)
    return cells


class _Dependencies:
    """Which columns determine which in a table.

    Columns go by their numbers here.

    Attributes:
        table: Their codes.
        settled: Numbers of the columns about which all is said.
        by_one: Each column that may determine others, and those that it does.
    """

    def __init__(self, search: Search, names: list[str]) -> None:
        self.table = CodedColumns(search, names)
        settled = search.settled
        self.settled = set()
        for i, name in enumerate(names):
            if name in settled:
                self.settled.add(i)
        distinct = self.table.distinct
        self.by_one: dict[int, list[int]] = {}
        for i in self.table.able:
            key = self.table.codes[:, i]
            follows = [j for j in self.table.determined(key) if j != i]
            self.by_one[i] = [j for j in follows if distinct[j] <= distinct[i]]

    def of_one(self) -> Iterator[Determines]:
        """One constraint for each determining column.

        Where the columns that it determines tell the rows apart as finely, they
        determine it instead.
        """
        done: set[int] = set()
        count = {i: len(others) for i, others in self.by_one.items()}
        for i in sorted(count, key=lambda i: -count[i]):
            candidates = [j for j in self.by_one[i] if j not in done]
            open_ones = [j for j in candidates if self._comes_first(i, j)]
            parts = self._as_fine(i, open_ones)
            if parts and i not in self.settled:
                done.add(i)
                yield self._constraint(parts, [i])
                continue
            # What was said of another column need not be said again.
            follows = [
                j
                for j in self._without_detours(i, open_ones)
                if j not in self.settled and j not in done
            ]
            if follows:
                done.update(follows)
                yield self._constraint([i], follows)

    def _comes_first(self, i: int, j: int) -> bool:
        """Whether ``i`` may determine ``j``: of two that determine each other, the first."""
        is_mutual = i in self.by_one.get(j, ())
        return not is_mutual or i < j

    def _without_detours(self, i: int, columns: list[int]) -> list[int]:
        """The columns that follow from ``i`` directly.

        If i -> k and k -> j, then i -> j need not be said, unless i and k are equal.
        """
        detours: set[int] = set()
        for k in columns:
            further = set(self.by_one.get(k, ())) - {k}
            if i not in further:
                detours |= further
        return [j for j in columns if j not in detours]

    def _as_fine(self, i: int, columns: list[int]) -> list[int]:
        """Several of the columns that together tell the rows apart as finely as ``i``.

        Returns:
            As few as a greedy search finds; none if there are no such, or one is enough.
        """
        wanted = self._distinct_rows([i])
        if len(columns) < 2 or self._distinct_rows(columns) != wanted:
            return []
        chosen: list[int] = []
        candidates = list(columns)
        while candidates:
            counts = [self._distinct_rows([*chosen, j]) for j in candidates]
            # The first of those that tell most rows apart.
            best = int(np.argmax(counts))
            chosen.append(candidates.pop(best))
            if counts[best] == wanted:
                return sorted(chosen) if len(chosen) > 1 else []
        return []

    def _distinct_rows(self, columns: list[int]) -> int:
        ids = identify(self.table.codes[:, columns])
        return len(np.unique(ids))

    def of_two(self) -> Iterator[Determines]:
        """Two columns that determine another which neither does alone."""
        pairs_of: dict[int, list[Pair]] = {}
        # Columns of few cells repeat most.
        fewest = sorted(self.table.fewest_first[:PAIRED])
        for pair in combinations(fewest, 2):
            i, j = pair
            follows_from_i = self.by_one[i]
            follows_from_j = self.by_one[j]
            if j in follows_from_i or i in follows_from_j:
                continue
            said = {*pair, *follows_from_i, *follows_from_j}
            said |= self.settled
            key = identify(self.table.codes[:, list(pair)])
            for k in self.table.determined(key):
                if k not in said:
                    pairs_of.setdefault(k, []).append(pair)
        # Of columns that follow from each other in a circle, the one that says most
        # follows, and the others are looked at as given.
        done: set[int] = set()
        for k in self.table.finest_first(pairs_of):
            given = [pair for pair in pairs_of[k] if not done & set(pair)]
            if given:
                done.add(k)
                yield self._constraint(list(given[0]), [k])

    def _constraint(self, keys: list[int], determined: list[int]) -> Determines:
        names = self.table.names
        columns = tuple(names[i] for i in [*keys, *determined])
        follows = tuple(names[j] for j in determined)
        return Determines(columns, follows)
