"""Only combinations of cells that occur in the table: an origin and a destination, a product and its price list.

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
from synthtab.data.constraints.base import Form, Look, known_options, listed, needs
from synthtab.data.constraints.determines import (
    LIFT,
    REPEATS,
    _spread,
    contradictions,
    looked_up,
    no_identifiers,
)
from synthtab.data.constraints.lookup import Lookup, identify
from synthtab.data.constraints.table import Table, blanked, with_gaps

# Share of the rows in which the last column's cell is the commonest one beside its
# others, for it to be looked up.
NEARLY = 0.9
# The same share, for such a constraint to be offered.
USUAL = 0.99
# Rows for each of the determining cells, on average: otherwise each is but a memory of
# few rows.
GROUP = 20
# Share of the second half of the rows whose combinations occur in the first.
SEEN = 0.999
# Share of the rows that would be no such combination if the columns were shuffled.
UNSEEN = 0.2
# Constraints that are offered.
FEW = 10
# Most distinct cells of a column.
CARDINALITY = 5_000
# Most combinations of words that are learnt as one category.
JOINT = 128
# Columns of few distinct cells of which any two may exclude each other's values.
PAIRED = 16


@dataclass(frozen=True)
class Combination(Form):
    """The cells of these columns occur together in a row of the table. A missing cell counts as a value.

    Where the last column nearly follows from the others, it is looked up, and learnt only where there is a choice. A
    few combinations of words are learnt as one category. Of all else, rows that are no such combination are rejected.
    """

    form: ClassVar[str] = "combination"
    about: ClassVar[str] = "Only combinations of cells that occur in the table."

    columns: tuple[str, ...]

    @classmethod
    def of(cls, constraint: Constraint) -> Combination:
        needs(constraint, 2)
        known_options(constraint)
        return cls(constraint.columns)

    def options(self) -> dict[str, Any]:
        return {}

    def __str__(self) -> str:
        return f"combination({listed(self.columns)})"

    def check(self, schema: Schema) -> None:
        no_identifiers(self, schema)

    def applies(self, table: Table) -> Mask:
        return np.ones(len(table), dtype=bool)

    def learn(self, table: Table, least: int = 1) -> Lookup:
        return Lookup.learn(table, self.columns, least)

    def holds(self, table: Table, learnt: Lookup | None = None) -> Mask:
        if learnt is None:
            return np.ones(len(table), dtype=bool)
        return np.asarray(
            learnt.match(learnt.codes(table, self.columns), self.columns) >= 0
        )

    def writes(self, schema: Schema, learnt: Lookup | None) -> tuple[str, ...]:
        return self.columns if self._joint(schema, learnt) else self.columns[-1:]

    def _joint(self, schema: Schema, learnt: Lookup | None) -> bool:
        """Whether the columns are learnt as one category: few combinations of words that do not follow."""
        assert learnt is not None, "no combinations, report this"
        kinds = [KINDS[schema[name].kind] for name in self.columns]
        words = all(k.informative() and not k.numeric for k in kinds)
        return (
            words
            and len(learnt.rows) <= JOINT
            and not (learnt.partners(self.columns[:-1]) == 1).all()
        )

    @property
    def repairs(self) -> bool:
        """What hardly follows is not put right: the commonest cell everywhere would distort the column."""
        return False

    def hides(self, table: Table, learnt: Lookup | None) -> tuple[Column, ...] | None:
        assert learnt is not None, "no combinations, report this"
        keys, name = self.columns[:-1], self.columns[-1]
        if self._joint(table.schema, learnt):
            return (Column(self.columns[0], "category", "object"),)
        place = learnt.match(learnt.codes(table, keys), keys)
        if (
            learnt.rows[place, -1] == learnt.codes(table, [name])[:, 0]
        ).mean() < NEARLY:
            return None
        return (
            ()
            if (learnt.partners(keys) == 1).all()
            else (with_gaps(table.column(name)),)
        )

    def hide(self, table: Table, learnt: Lookup | None, column: Column) -> pd.Series:
        assert learnt is not None, "no combinations, report this"
        if self._joint(table.schema, learnt):
            place = np.maximum(
                learnt.match(learnt.codes(table, self.columns), self.columns), 0
            )
            return pd.Series(place.astype(str).astype(object), index=table.frame.index)
        keys = self.columns[:-1]
        place = learnt.match(learnt.codes(table, keys), keys)
        return blanked(
            table.frame[column.name],
            (learnt.partners(keys) == 1)[place] & (place >= 0),
            column,
        )

    def restore(
        self, table: Table, learnt: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        """The column's own cell where that occurs beside the others, or what most often does."""
        assert learnt is not None, "no combinations, report this"
        if self._joint(table.schema, learnt):
            chosen = table.frame[self.columns[0]].to_numpy().astype(np.int64)
            return looked_up(learnt, chosen, self.columns, table)
        keys, name = self.columns[:-1], self.columns[-1]
        given = learnt.codes(table, keys)
        place = learnt.match(given, keys)
        if name in table:
            exact = learnt.match(
                np.column_stack([given, learnt.codes(table, [name])]), self.columns
            )
            place = np.where(exact >= 0, exact, place)
        return looked_up(
            learnt, np.maximum(place, 0), [name], table
        )  # unknown cells: see `holds`

    @classmethod
    def find(cls, look: Look) -> Iterable[Form]:
        table = look.some
        exact = {frozenset(f.columns) for f in look.found if f.form == "determines"}
        skip = look.told
        skip |= {
            n
            for f in look.found
            if f.form in ("equation", "determines")
            for n in f.writes(table.schema, None)
        }
        able = [
            c.name
            for c in table.schema.columns
            if KINDS[c.kind].combinable and c.name not in skip
        ]
        names = [n for n in able if 2 <= len(table.codes(n)[1]) <= CARDINALITY]
        if len(names) < 2:
            return []
        found = [f for f in _nearly(look, names) if frozenset(f.columns) not in exact]
        together = [
            set(f.columns)
            for f in [*look.found, *found]
            if f.form in ("together", "combination", "determines")
        ]
        found += [
            f
            for f in _closed(look, names)
            if not any(set(f.columns) <= known for known in together)
        ]
        return found[:FEW]


def _nearly(look: Look, names: list[str]) -> list[Combination]:
    """One or two columns from which another almost follows."""
    full = look.full
    codes = np.column_stack([look.some.codes(n)[0] for n in names])
    spread, distinct = _spread(codes), codes.max(axis=0) + 1
    few = [i for i in range(len(names)) if distinct[i] > 2]
    tried: dict[int, list[tuple[int, ...]]] = {}
    pairs = combinations(sorted(few, key=lambda i: distinct[i])[:PAIRED], 2)
    sets: list[tuple[int, ...]] = [*((i,) for i in few), *pairs]
    for key in sets:
        differ, chance, repeats = contradictions(
            identify(codes[:, list(key)]), codes, spread
        )
        sure = (differ * LIFT <= chance) & (chance >= LIFT) & (repeats >= REPEATS)
        for j in np.flatnonzero(sure).tolist():
            shorter = any(set(k) <= set(key) for k in tried.get(j, []))
            if j not in key and not shorter and distinct[j] > 2:
                tried.setdefault(j, []).append(key)
    found: list[Combination] = []
    settled: set[int] = set()
    for j, several in sorted(tried.items(), key=lambda item: -distinct[item[0]]):
        for key in several[:3]:
            if (
                settled & set(key) or j in settled
            ):  # of a circle, the column that says most follows
                continue
            columns = (*(names[i] for i in sorted(key)), names[j])
            known = Lookup.learn(full, columns)
            given = known.codes(full, columns)
            place = known.match(given[:, :-1], columns[:-1])
            keys = len(np.unique(identify(known.rows[:, :-1])))
            usual = (known.rows[place, -1] == given[:, -1]).mean()
            if usual >= USUAL and keys * GROUP <= len(full):
                settled.add(j)
                found.append(Combination(columns))
    return found


def _closed(look: Look, names: list[str]) -> list[Combination]:
    """Pairs of columns of which some values never meet, though by chance they would, and often."""
    table, found = look.some, []
    few = sorted(names, key=lambda n: len(table.codes(n)[1]))[:PAIRED]
    half = len(table) // 2
    order = look.rng.permutation(len(table))
    for a, b in combinations([n for n in names if n in few], 2):
        x, y = (table.codes(n)[0][order] for n in (a, b))
        ids = identify(np.column_stack([x, y]))
        fresh = np.isin(ids[half:], ids[:half]).mean()
        if fresh < SEEN:
            continue
        both = identify(
            np.concatenate(
                [np.column_stack([x, y]), np.column_stack([x, np.roll(y, half)])]
            )
        )
        unseen = 1 - np.isin(both[len(x) :], both[: len(x)]).mean()
        if unseen >= UNSEEN:
            found.append((float(unseen), Combination((a, b))))
    return [f for _, f in sorted(found, key=lambda item: -item[0])]
