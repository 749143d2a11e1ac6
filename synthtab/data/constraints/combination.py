"""Only combinations of cells that occur in the table: an origin and a destination.

Also what almost follows: a route has one distance, but for two routes that have two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns import KINDS
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.base import Form, Search, known_options, needs
from synthtab.data.constraints.determines import looked_up, no_identifiers
from synthtab.data.constraints.evidence import Codes
from synthtab.data.constraints.lookup import Lookup, identify
from synthtab.data.constraints.table import Integers, Table, blanked, with_gaps
from synthtab.data.constraints.written import Written, listed

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
        return np.asarray(self._place(table, lookup, self.columns) >= 0)

    @property
    def _keys(self) -> tuple[str, ...]:
        """The columns that the last one nearly follows from."""
        return self.columns[:-1]

    @staticmethod
    def _place(table: Table, lookup: Lookup, columns: tuple[str, ...]) -> Integers:
        """``[rows]``: the commonest combination with a row's cells, -1 for none."""
        return lookup.match(lookup.codes(table, columns), columns)

    def _as_one(self, schema: Schema, lookup: Lookup) -> bool:
        """Whether the columns are learnt as one category.

        So are few combinations of words, if the last word does not follow.
        """
        kinds = [KINDS[schema[name].kind] for name in self.columns]
        all_words = all(kind.informative() and not kind.numeric for kind in kinds)
        if not all_words or len(lookup.rows) > JOINT:
            return False
        return not (lookup.partners(self._keys) == 1).all()

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
        usual = lookup.rows[self._place(table, lookup, self._keys), -1]
        own = lookup.codes(table, [name])[:, 0]
        if (usual == own).mean() < NEARLY:
            return None
        if (lookup.partners(self._keys) == 1).all():
            return ()
        return (with_gaps(table.column(name)),)

    def hide(self, table: Table, lookup: Lookup | None, column: Column) -> pd.Series:
        lookup = _required(lookup)
        if self._as_one(table.schema, lookup):
            # The number of the combination is the category.
            place = np.maximum(self._place(table, lookup, self.columns), 0)
            return pd.Series(place.astype(str).astype(object), index=table.frame.index)
        place = self._place(table, lookup, self._keys)
        no_choice = (lookup.partners(self._keys) == 1)[place] & (place >= 0)
        return blanked(table.frame[column.name], no_choice, column)

    def restore(
        self, table: Table, lookup: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        """The column's own cell where that occurs beside the others, or the commonest."""
        lookup = _required(lookup)
        if self._as_one(table.schema, lookup):
            chosen = table.frame[self.columns[0]].to_numpy().astype(np.int64)
            return looked_up(lookup, chosen, self.columns, table)
        name = self.columns[-1]
        place = self._place(table, lookup, self._keys)
        if name in table:
            exact = self._place(table, lookup, self.columns)
            place = np.where(exact >= 0, exact, place)
        # Unknown cells get the commonest combination; `holds` refuses them afterwards.
        return looked_up(lookup, np.maximum(place, 0), [name], table)

    @classmethod
    def find(cls, search: Search) -> Iterable[Form]:
        table = search.sample
        said = search.settled | search.following
        names = []
        for column in table.schema.columns:
            if column.name in said or not KINDS[column.kind].combinable:
                continue
            if 2 <= len(table.codes(column.name)[1]) <= CARDINALITY:
                names.append(column.name)
        if len(names) < 2:
            return []
        found = _nearly_determined(search, names)
        related = search.related("cells") + [set(form.columns) for form in found]
        for form in _never_meeting(search, names):
            if not any(set(form.columns) <= columns for columns in related):
                found.append(form)
        return found[:MOST_COMBINATIONS]


def _required(lookup: Lookup | None) -> Lookup:
    assert lookup is not None, "no combinations, report this"
    return lookup


def _nearly_determined(search: Search, names: list[str]) -> list[Combination]:
    """One or two columns from which another almost follows."""
    keys_of = _likely_keys(Codes(search, names))
    # Of columns that follow from each other in a circle, the one that says most follows,
    # and the others are looked at as given.
    done: set[int] = set()
    found: list[Combination] = []
    for j, keys in keys_of.items():
        for key in keys[:MOST_KEYS]:
            if j in done or done & set(key):
                continue
            columns = (*(names[i] for i in sorted(key)), names[j])
            if _is_usual(search, columns):
                done.add(j)
                found.append(Combination(columns))
    return found


def _likely_keys(table: Codes) -> dict[int, list[tuple[int, ...]]]:
    """Sets of one or two columns that nearly determine another, as a sample shows it.

    Returns:
        Number of a column => its keys, the shorter ones first; the column of most
        distinct cells first.
    """
    # Columns of two values determine too much by chance, and say too little.
    able = [i for i in range(len(table.names)) if table.distinct[i] > 2]
    fewest_first = sorted(able, key=lambda i: table.distinct[i])
    singles: list[tuple[int, ...]] = [(i,) for i in able]
    pairs = combinations(fewest_first[:PAIRED], 2)
    keys_of: dict[int, list[tuple[int, ...]]] = {}
    for key in [*singles, *pairs]:
        for j in table.nearly_determined(identify(table.codes[:, list(key)])):
            if j in key or table.distinct[j] <= 2:
                continue
            known = keys_of.setdefault(j, [])
            if not any(set(shorter) <= set(key) for shorter in known):
                known.append(key)
    finest_first = sorted(keys_of, key=lambda j: -table.distinct[j])
    return {j: keys_of[j] for j in finest_first}


def _is_usual(search: Search, columns: tuple[str, ...]) -> bool:
    """Whether in all rows the last column nearly follows, from keys of many rows each."""
    table = search.full
    keys = columns[:-1]
    lookup = Lookup.learn(table, columns)
    given = lookup.codes(table, columns)
    place = lookup.match(given[:, :-1], keys)
    usual = lookup.rows[place, -1] == given[:, -1]
    distinct_keys = len(np.unique(identify(lookup.rows[:, :-1])))
    return usual.mean() >= USUAL and distinct_keys * ROWS_PER_KEY <= len(table)


def _never_meeting(search: Search, names: list[str]) -> list[Combination]:
    """Pairs of columns of which some values never meet, though by chance they would."""
    table = search.sample
    half = len(table) // 2
    order = search.rng.permutation(len(table))
    fewest_first = sorted(names, key=lambda name: len(table.codes(name)[1]))
    fewest = fewest_first[:PAIRED]
    found = []
    for a, b in combinations([name for name in names if name in fewest], 2):
        x = table.codes(a)[0][order]
        y = table.codes(b)[0][order]
        own = np.column_stack([x, y])
        ids = identify(own)
        # Otherwise the sample is too small to know all combinations.
        seen = np.isin(ids[half:], ids[:half]).mean()
        if seen < SEEN:
            continue
        shuffled = np.column_stack([x, np.roll(y, half)])
        both = identify(np.concatenate([own, shuffled]))
        unseen = 1 - np.isin(both[len(x) :], both[: len(x)]).mean()
        if unseen >= UNSEEN:
            found.append((float(unseen), Combination((a, b))))
    found.sort(key=lambda item: -item[0])
    return [form for _, form in found]
