"""Columns whose cells follow from those of others: a city determines its country.

What follows is not learnt but looked up among the rows of the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns import KINDS
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.base import (
    MOST,
    Form,
    Look,
    known_options,
    listed,
    needs,
    option,
)
from synthtab.data.constraints.lookup import Lookup, identify
from synthtab.data.constraints.table import Integers, Table, text_cells

# Share of the rows whose determining cells occur before: otherwise nothing could
# contradict.
REPEATS = 0.3
# So many contradictions chance would have made; and so many times fewer there are.
EVIDENCE, LIFT = 50, 50
# Columns of few distinct cells, two of which may determine another.
PAIRED = 16
# Among more columns than this none are looked for.
WIDE = 400


@dataclass(frozen=True)
class Determines(Form):
    """Wherever the cells of the first columns are the same, so are those of the ``determined`` ones.

    A missing cell counts as a value. By the table itself, rows are judged by the commonest cells of their kind.
    """

    form: ClassVar[str] = "determines"
    about: ClassVar[str] = "Some columns follow from the others."
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "determined": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string"},
            "description": "determines: which of the columns follow from the others.",
        }
    }
    least: ClassVar[float] = 0.999

    columns: tuple[str, ...]
    determined: tuple[str, ...]

    @classmethod
    def of(cls, constraint: Constraint) -> Determines:
        needs(constraint, 2)
        known_options(constraint, "determined")
        determined = option(constraint, "determined", (list, tuple))
        if not determined or not set(determined) < set(constraint.columns):
            what = constraint.says or constraint.form
            raise SchemaError(
                f"constraint {what!r}: 'determined' must list some of its columns, but not all"
            )
        return cls(
            constraint.columns, tuple(c for c in constraint.columns if c in determined)
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that determine."""
        return tuple(c for c in self.columns if c not in self.determined)

    def options(self) -> dict[str, Any]:
        return {"determined": list(self.determined)}

    def __str__(self) -> str:
        return f"{listed(self.keys)} -> {listed(self.determined)}"

    def check(self, schema: Schema) -> None:
        no_identifiers(self, schema)

    def applies(self, table: Table) -> Mask:
        return np.ones(len(table), dtype=bool)

    def learn(self, table: Table, least: int = 1) -> Lookup:
        return Lookup.learn(table, self.columns, least)

    def holds(self, table: Table, learnt: Lookup | None = None) -> Mask:
        known = learnt or Lookup.learn(table, self.columns)
        given = known.codes(table, self.columns)
        keys = [self.columns.index(n) for n in self.keys]
        place = known.match(given[:, keys], self.keys)
        return np.asarray((place >= 0) & (known.rows[place] == given).all(axis=1))

    def writes(self, schema: Schema, learnt: Lookup | None) -> tuple[str, ...]:
        return self.determined

    def hides(self, table: Table, learnt: Lookup | None) -> tuple[Column, ...] | None:
        return ()

    def restore(
        self, table: Table, learnt: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        assert learnt is not None, "nothing to look up, report this"
        place = learnt.match(learnt.codes(table, self.keys), self.keys)
        return looked_up(
            learnt, np.maximum(place, 0), self.determined, table
        )  # unknown keys: see `holds`

    @classmethod
    def find(cls, look: Look) -> Iterable[Form]:
        table = look.some
        known = look.told
        names = [c.name for c in table.schema.columns if KINDS[c.kind].informative()]
        told = [set(f.columns) for f in look.found if f.form == "equation"]
        if not 2 <= len(names) <= WIDE:
            return []
        codes = np.column_stack([table.codes(n)[0] for n in names]).astype(np.int32)
        distinct = codes.max(axis=0) + 1
        spread = _spread(codes)
        single: dict[int, list[int]] = {}
        for i in range(len(names)):
            if distinct[i] > 2:
                sure = [
                    j
                    for j in _determined(codes[:, i], codes, spread)
                    if j != i and distinct[j] <= distinct[i]
                ]
                single[i] = sure
        found = [*_merged(single, codes, names, known)]
        found += _paired(codes, names, distinct, spread, single, known)
        return [
            f for f in found if not any(set(f.columns) <= equation for equation in told)
        ][:MOST]


def no_identifiers(form: Form, schema: Schema) -> None:
    """Raise a `SchemaError` where the combinations of cells that a model would keep name the rows of the table."""
    for name in form.columns:
        if KINDS[schema[name].kind].invented:
            raise SchemaError(
                f"constraint {form}: {name!r} is an identifier, and a model keeps no table of these; leave it out"
            )


def looked_up(
    known: Lookup, place: Integers, columns: Iterable[str], table: Table
) -> dict[str, pd.Series]:
    """The cells of the given combinations."""
    cells = {}
    for name in columns:
        i = known.columns.index(name)
        cells[name] = text_cells(
            known.texts[i], known.rows[place, i], table.schema[name]
        )
    return cells


def _spread(codes: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Of each column, how likely two rows differ."""
    shares = (np.bincount(column + 1) / len(column) for column in codes.T)
    return np.array([1 - (share**2).sum() for share in shares])


def contradictions(
    key: npt.NDArray[Any], codes: npt.NDArray[Any], spread: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Of each column: neighbours with the same key that differ, how many would by chance; and the share of repeats."""
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(key[order][1:] == key[order][:-1])
    if not len(same):
        return np.full(codes.shape[1], np.inf), spread * 0, 0.0
    differ = (
        (codes[order[same + 1]] != codes[order[same]]).sum(axis=0).astype(np.float64)
    )
    return differ, len(same) * spread, len(same) / len(key)


def _determined(
    key: npt.NDArray[Any], codes: npt.NDArray[Any], spread: npt.NDArray[np.float64]
) -> list[int]:
    """The columns that a key determines, as far as this can be seen."""
    differ, chance, repeats = contradictions(key, codes, spread)
    sure = (differ == 0) & (chance >= EVIDENCE) & (repeats >= REPEATS)
    return [int(j) for j in np.flatnonzero(sure)]


def _merged(
    single: dict[int, list[int]],
    codes: npt.NDArray[Any],
    names: list[str],
    known: set[str],
) -> Iterator[Determines]:
    """One constraint per determining column; where what it determines says as much, that determines it instead."""
    done: set[int] = set()
    for i, js in sorted(single.items(), key=lambda item: -len(item[1])):
        js = [
            j
            for j in js
            if j not in done and not (j in single and i in single[j] and j < i)
        ]
        parts = _smallest(codes, i, js)
        if parts and names[i] not in known:
            done.add(i)
            yield Determines((*(names[j] for j in parts), names[i]), (names[i],))
            js = [j for j in js if j not in parts]
        # Of what follows from what follows, the shorter way is enough.
        js = [
            j
            for j in js
            if not any(
                j in single.get(k, []) and i not in single.get(k, [])
                for k in js
                if k != j
            )
        ]
        js = [j for j in js if names[j] not in known and j not in done]
        if js and not (parts and names[i] not in known):
            done.update(js)
            yield Determines(
                (names[i], *(names[j] for j in js)), tuple(names[j] for j in js)
            )


def _smallest(codes: npt.NDArray[Any], i: int, js: list[int]) -> list[int]:
    """Few of the columns that tell the rows apart as finely as a column does that determines them."""
    chosen: list[int] = []
    rest, wanted = list(js), len(np.unique(codes[:, i]))
    if len(js) < 2 or len(np.unique(identify(codes[:, js]))) != wanted:
        return []
    while rest:
        counts = [
            len(np.unique(identify(codes[:, np.array([*chosen, j])]))) for j in rest
        ]
        chosen.append(rest.pop(int(np.argmax(counts))))
        if max(counts) == wanted:
            return sorted(chosen) if len(chosen) > 1 else []
    return []


def _paired(
    codes: npt.NDArray[Any],
    names: list[str],
    distinct: npt.NDArray[Any],
    spread: npt.NDArray[np.float64],
    single: dict[int, list[int]],
    known: set[str],
) -> Iterator[Determines]:
    """Two columns that determine another which neither does alone."""
    few = sorted(
        (i for i in range(len(names)) if distinct[i] > 2), key=lambda i: distinct[i]
    )[:PAIRED]
    found: dict[int, list[tuple[int, int]]] = {}
    for i, j in combinations(sorted(few), 2):
        if j in single.get(i, []) or i in single.get(j, []):
            continue
        for k in _determined(identify(codes[:, [i, j]]), codes, spread):
            alone = k in single.get(i, []) or k in single.get(j, [])
            if k not in (i, j) and not alone and names[k] not in known:
                found.setdefault(k, []).append((i, j))
    settled: set[int] = set()
    for k, pairs in sorted(found.items(), key=lambda item: -distinct[item[0]]):
        pair = next(
            (p for p in pairs if not settled & set(p)), None
        )  # of a circle, the column that says most follows
        if pair is not None:
            settled.add(k)
            yield Determines((names[pair[0]], names[pair[1]], names[k]), (names[k],))
