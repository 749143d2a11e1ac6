"""Only combinations of cells that occur in the table: an origin and a destination.

Also what almost follows: a route has one distance, but for two routes that have two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns import KINDS
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.base import Form, Search, known_options, needs
from synthtab.data.constraints.determines import looked_up, no_identifiers
from synthtab.data.constraints.evidence import CodedColumns
from synthtab.data.constraints.lookup import Lookup, identify
from synthtab.data.constraints.table import Integers, Table, blanked, with_gaps
from synthtab.data.constraints.written import Written, listed

# Columns by their numbers.
Key = tuple[int, ...]

# Share of the rows in which the last column's cell is the commonest one beside its
# others, for it to be looked up.
NEARLY = 0.9
# The same share, for such a constraint to be offered.
USUAL = 0.99
# Rows for each of the determining cells, on average: otherwise each is but a memory of
# few rows.
ROWS_PER_KEY = 20
# Sets of columns that nearly determine another one: so many are looked at in all rows.
MOST_KEYS = 3
# Share of the second half of the rows whose combinations occur in the first.
SEEN = 0.999
# Share of the rows that would be no such combination if the columns were shuffled.
UNSEEN = 0.2
# Constraints that are offered.
MOST_COMBINATIONS = 10
# Most distinct cells of a column.
CARDINALITY = 5_000
# Most combinations of words that are learnt as one category.
JOINT = 128
# Columns of fewest distinct cells, of which any two may exclude each other's values.
PAIRED = 16


@dataclass(frozen=True)
class Combination(Form):
    """The cells of these columns occur together in a row of the table.

    A missing cell counts as a value. Where the last column nearly follows from the
    others, it is looked up, and learnt only where there is a choice. A few combinations
    of words are learnt as one category. Of all else, rows that are no such combination
    are rejected.
    """

    form: ClassVar[str] = "combination"
    turn: ClassVar[int] = 50
    about: ClassVar[str] = "Only combinations of cells that occur in the table."
    functions: ClassVar[tuple[str, ...]] = ("combination",)
    examples: ClassVar[tuple[str, ...]] = ("combination(a, b)",)
    relates: ClassVar[str] = "cells"
    from_one_code: ClassVar[bool] = True

    columns: tuple[str, ...]

    @classmethod
    def of(cls, constraint: Constraint) -> Combination:
        needs(constraint, 2)
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
        return f"combination({listed(self.columns)})"

    def check(self, schema: Schema) -> None:
        no_identifiers(self, schema)

    def applies(self, table: Table) -> Mask:
        return np.ones(len(table), dtype=bool)

    def learn(self, table: Table, least_rows: int = 1) -> Lookup:
        return Lookup.learn(table, self.columns, least_rows)

    def holds(self, table: Table, lookup: Lookup | None = None) -> Mask:
        if lookup is None:
            # Every row of a table is a combination that occurs in it.
            return np.ones(len(table), dtype=bool)
        place = self._place(table, lookup, self.columns)
        return np.asarray(place >= 0)

    @property
    def _keys(self) -> tuple[str, ...]:
        """The columns that the last one nearly follows from."""
        return self.columns[:-1]

    @staticmethod
    def _place(
        table: Table,
        lookup: Lookup,
        columns: tuple[str, ...],
    ) -> Integers:
        """``[rows]``: the commonest combination with a row's cells, -1 for none."""
        return lookup.match(lookup.codes(table, columns), columns)

    def _as_one(self, schema: Schema, lookup: Lookup) -> bool:
        """Whether the columns are learnt as one category.

        So are few combinations of words, if the last word does not follow.
        """
        if len(lookup.rows) > JOINT:
            return False
        for name in self.columns:
            kind = KINDS[schema[name].kind]
            if kind.numeric or not kind.informative():
                return False
        return not self._follows(lookup).all()

    def _follows(self, lookup: Lookup) -> Mask:
        """``[combinations]``: in which the last cell is the only one beside the others."""
        return lookup.partners(self._keys) == 1

    def writes(self, schema: Schema, lookup: Lookup | None) -> tuple[str, ...]:
        if self._as_one(schema, _required(lookup)):
            return self.columns
        return self.columns[-1:]

    @property
    def repairs(self) -> bool:
        # What hardly follows is not put right: the commonest cell everywhere would
        # distort the column.
        return False

    def hides(self, table: Table, lookup: Lookup | None) -> tuple[Column, ...] | None:
        lookup = _required(lookup)
        if self._as_one(table.schema, lookup):
            return (Column(self.columns[0], "category", "object"),)
        name = self.columns[-1]
        place = self._place(table, lookup, self._keys)
        usual = lookup.rows[place, -1]
        own = lookup.codes(table, [name])[:, 0]
        if (usual == own).mean() < NEARLY:
            return None
        if self._follows(lookup).all():
            return ()
        return (with_gaps(table.column(name)),)

    def hide(
        self,
        table: Table,
        lookup: Lookup | None,
        column: Column,
    ) -> pd.Series:
        lookup = _required(lookup)
        if self._as_one(table.schema, lookup):
            # The number of the combination is the category.
            place = self._place(table, lookup, self.columns)
            place = np.maximum(place, 0)
            words = place.astype(str).astype(object)
            return pd.Series(words, index=table.frame.index)
        place = self._place(table, lookup, self._keys)
        # An unknown key, -1, takes the last combination here.
        follows = self._follows(lookup)[place] & (place >= 0)
        return blanked(table.frame[column.name], follows, column)

    def restore(
        self, table: Table, lookup: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        """The column's own cell where that occurs beside the others, or the commonest."""
        lookup = _required(lookup)
        if self._as_one(table.schema, lookup):
            words = table.frame[self.columns[0]].to_numpy()
            place = words.astype(np.int64)
            return looked_up(lookup, place, self.columns, table)
        name = self.columns[-1]
        place = self._place(table, lookup, self._keys)
        if name in table:
            exact = self._place(table, lookup, self.columns)
            place = np.where(exact >= 0, exact, place)
        # Unknown cells get the commonest combination; `holds` refuses them afterwards.
        place = np.maximum(place, 0)
        return looked_up(lookup, place, [name], table)

    @classmethod
    def find(cls, search: Search) -> Iterable[Form]:
        said = search.settled | search.following
        names = []
        for column in search.sample.schema.columns:
            if column.name in said or not KINDS[column.kind].combinable:
                continue
            _, texts = search.sample.codes(column.name)
            if 2 <= len(texts) <= CARDINALITY:
                names.append(column.name)
        if len(names) < 2:
            return []
        found = _nearly_determined(search, names)
        related = search.related("cells")
        related += [set(form.columns) for form in found]
        for form in _never_meeting(search, names):
            own = set(form.columns)
            if not any(own <= columns for columns in related):
                found.append(form)
        return found[:MOST_COMBINATIONS]


def _required(lookup: Lookup | None) -> Lookup:
    assert lookup is not None, "no combinations, report this"
    return lookup


def _nearly_determined(search: Search, names: list[str]) -> list[Combination]:
    """One or two columns from which another almost follows."""
    table = CodedColumns(search, names)
    # Of columns that follow from each other in a circle, the one that says most follows,
    # and the others are looked at as given.
    done: set[int] = set()
    found: list[Combination] = []
    keys_of = _likely_keys(table)
    for j in table.finest_first(keys_of):
        for key in keys_of[j][:MOST_KEYS]:
            if j in done or done & set(key):
                continue
            numbers = [*sorted(key), j]
            columns = tuple(names[i] for i in numbers)
            if _is_usual(search, columns):
                done.add(j)
                found.append(Combination(columns))
    return found


def _likely_keys(table: CodedColumns) -> dict[int, list[Key]]:
    """Sets of one or two columns that nearly determine another, as a sample shows it.

    Returns:
        Number of a column => its keys, the shorter ones first.
    """
    fewest = table.fewest_first[:PAIRED]
    singles = combinations(table.able, 1)
    pairs = combinations(fewest, 2)
    keys_of: dict[int, list[Key]] = {}
    for key in chain(singles, pairs):
        ids = identify(table.codes[:, list(key)])
        for j in table.nearly_determined(ids):
            if j in key or j not in table.able:
                continue
            known = keys_of.setdefault(j, [])
            if not any(set(shorter) <= set(key) for shorter in known):
                known.append(key)
    return keys_of


def _is_usual(search: Search, columns: tuple[str, ...]) -> bool:
    """Whether in all rows the last column nearly follows, from keys of many rows each."""
    table = search.full
    keys = columns[:-1]
    lookup = Lookup.learn(table, columns)
    key_ids = identify(lookup.rows[:, :-1])
    distinct_keys = len(np.unique(key_ids))
    if distinct_keys * ROWS_PER_KEY > len(table):
        return False
    cells = lookup.codes(table, columns)
    place = lookup.match(cells[:, :-1], keys)
    usual = lookup.rows[place, -1]
    is_usual = cells[:, -1] == usual
    return bool(is_usual.mean() >= USUAL)


def _never_meeting(search: Search, names: list[str]) -> list[Combination]:
    """Pairs of columns of which some values never meet, though by chance they would."""
    table = search.sample
    half = len(table) // 2
    order = search.rng.permutation(len(table))
    columns = {}
    distinct = {}
    for name in names:
        codes, texts = table.codes(name)
        columns[name] = codes[order]
        distinct[name] = len(texts)
    fewest_first = sorted(names, key=lambda name: distinct[name])
    fewest = fewest_first[:PAIRED]
    in_order = [name for name in names if name in fewest]
    unseen_of: dict[Combination, float] = {}
    for pair in combinations(in_order, 2):
        a, b = (columns[name] for name in pair)
        own = np.column_stack([a, b])
        # Otherwise the sample is too small to know all combinations.
        if _share_seen(own[half:], own[:half]) < SEEN:
            continue
        shuffled = np.column_stack([a, np.roll(b, half)])
        unseen = 1 - _share_seen(shuffled, own)
        if unseen >= UNSEEN:
            unseen_of[Combination(pair)] = unseen
    return sorted(unseen_of, key=lambda form: -unseen_of[form])


def _share_seen(rows: Integers, others: Integers) -> float:
    """Share of some rows that are among others."""
    ids = identify(np.concatenate([others, rows]))
    count = len(others)
    is_seen = np.isin(ids[count:], ids[:count])
    return float(is_seen.mean())
