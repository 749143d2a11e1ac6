"""Values that come together: cells missing in the same rows, "No internet service" wherever there is no internet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns import KINDS, typed_cells
from synthtab.data.columns.base import Mask
from synthtab.data.constraints.base import (
    MOST,
    Form,
    Look,
    known_options,
    needs,
    option,
    quoted,
)
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Table, text_cells

# A value that comes together with others has so many rows at least, and this share of
# them.
FEWEST, SHARE = 10, 0.001
# Distinct cells of a column of which each may come together with others.
VALUES = 100
# Rows in which chance would have one without the other.
SURPRISE = 20


@dataclass(frozen=True)
class Together(Form):
    """Each column has its value in the same rows as the first one; ``one_way``, at least in those.

    Attributes:
        values: Of each column a value as text, or None for a missing cell.
        one_way: Whether the others may have their values in other rows, too.
    """

    form: ClassVar[str] = "together"
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

    columns: tuple[str, ...]
    values: tuple[str | None, ...]
    one_way: bool = False

    @classmethod
    def of(cls, constraint: Constraint) -> Together:
        needs(constraint, 2)
        known_options(constraint, "values", "one_way")
        values = option(
            constraint, "values", (list, tuple), (None,) * len(constraint.columns)
        )
        if len(values) != len(constraint.columns) or not all(
            v is None or isinstance(v, str) for v in values
        ):
            what = constraint.says or constraint.form
            raise SchemaError(
                f"constraint {what!r}: 'values' must be a text, or null for missing, for each column"
            )
        return cls(
            constraint.columns,
            tuple(values),
            option(constraint, "one_way", bool, False),
        )

    def options(self) -> dict[str, Any]:
        return {"values": list(self.values), "one_way": self.one_way}

    def __str__(self) -> str:
        if not any(self.values) and not self.one_way:
            return f"together({', '.join(map(quoted, self.columns))})"
        alike: dict[str | None, list[str]] = {}
        for name, value in self._pairs()[1:]:
            alike.setdefault(value, []).append(quoted(name))
        said = [_said(names, value) for value, names in alike.items()]
        rest, first = (
            " and ".join(said),
            _said([quoted(self.columns[0])], self.values[0]),
        )
        return (
            f"if {first}, {rest}" if self.one_way else f"{rest} exactly where {first}"
        )

    def _pairs(self) -> list[tuple[str, str | None]]:
        return list(zip(self.columns, self.values, strict=True))

    def check(self, schema: Schema) -> None:
        for name, value in self._pairs():
            if value is None and not schema[name].missing:
                raise SchemaError(
                    f"constraint {self}: no cell of {name!r} may be missing, says the schema"
                )
            if value is not None:
                typed_cells(pd.Series([value], dtype=object, name=name), schema[name])

    def _has(self, table: Table, name: str, value: str | None) -> Mask:
        """``[rows]``: where a column has a value."""
        if value is None:
            return table.missing(name)
        return np.asarray(table.coded(name, [value]) == 0)

    def applies(self, table: Table) -> Mask:
        """Where any of the columns has its value."""
        first = self._has(table, *self._pairs()[0])
        if self.one_way:
            return first
        return np.any([self._has(table, n, v) for n, v in self._pairs()], axis=0)

    def holds(self, table: Table, learnt: Lookup | None = None) -> Mask:
        first, *others = (self._has(table, n, v) for n, v in self._pairs())
        if self.one_way:
            return np.all([other | ~first for other in others], axis=0)
        return np.all([other == first for other in others], axis=0)

    def writes(self, schema: Schema, learnt: Lookup | None) -> tuple[str, ...]:
        return self.columns[1:]

    def hides(self, table: Table, learnt: Lookup | None) -> tuple[Column, ...] | None:
        """The other columns without their values: where these are, the first column says so."""
        if self.one_way or any(self._has(table, n, v).all() for n, v in self._pairs()):
            return None
        return tuple(
            replace(table.column(n), missing=table.column(n).missing and v is not None)
            for n, v in self._pairs()[1:]
        )

    def hide(self, table: Table, learnt: Lookup | None, column: Column) -> pd.Series:
        """Other cells of the column in their place, from all over the table: no matter which."""
        rows, series = (
            self._has(table, column.name, dict(self._pairs())[column.name]),
            table.frame[column.name],
        )
        others, place = np.flatnonzero(~rows), np.arange(len(table))
        if len(others):
            place[rows] = others[
                np.linspace(0, len(others) - 1, int(rows.sum())).astype(np.int64)
            ]
        return series.iloc[place].set_axis(series.index)

    def restore(
        self, table: Table, learnt: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        """Where the first column has its value, the others get theirs; the other way round cannot be mended."""
        first, cells = self._has(table, *self._pairs()[0]), {}
        for name, value in self._pairs()[1:]:
            codes, texts = table.codes(name)
            if value is not None and value not in texts:
                texts = [*texts, value]
            place = -1 if value is None else texts.index(value)
            rows = first & ~self._has(table, name, value)
            cells[name] = text_cells(
                texts, np.where(rows, place, codes), table.column(name)
            )
        return cells

    @classmethod
    def find(cls, look: Look) -> Iterable[Form]:
        """Values with the same rows, told by the sum of random numbers over the rows; and missing cells that follow."""
        table, rows = look.full, len(look.full)
        weights = look.rng.integers(0, 2**63, rows, dtype=np.uint64)
        same: dict[int, list[tuple[str, str | None, int]]] = {}
        gaps: dict[str, Mask] = {}
        skip = look.told
        for column in table.schema.columns:
            kind = KINDS[column.kind]
            if not kind.informative() or column.name in skip:
                continue
            missing = table.missing(column.name)
            if FEWEST <= missing.sum() < rows:
                gaps[column.name] = missing
                same.setdefault(int(weights[missing].sum()), []).append(
                    (column.name, None, int(missing.sum()))
                )
            if not kind.discrete or len(look.some.codes(column.name)[1]) > VALUES:
                continue
            codes, texts = table.codes(column.name)
            counts = np.bincount(codes[codes >= 0], minlength=len(texts))
            for k in np.flatnonzero(counts >= max(FEWEST, SHARE * rows))[
                : VALUES if len(texts) <= VALUES else 0
            ]:
                if 2 * counts[k] <= rows or len(texts) > 2:
                    key = int(weights[codes == k].sum())
                    same.setdefault(key, []).append(
                        (column.name, texts[k], int(counts[k]))
                    )
        found = [
            cls._of(group)
            for group in same.values()
            if len({name for name, *_ in group}) > 1
        ]
        found = [f for f in found if not _known(f, look)]
        return [*found[:MOST], *cls._follow(gaps, rows)][:MOST]

    @classmethod
    def _of(cls, group: list[tuple[str, str | None, int]]) -> Together:
        """What is no missing cell comes first: the others follow from that."""
        ordered = sorted(group, key=lambda event: event[1] is None)
        return cls(tuple(n for n, *_ in ordered), tuple(v for _, v, _ in ordered))

    @classmethod
    def _follow(cls, gaps: dict[str, Mask], rows: int) -> list[Together]:
        """Columns that are missing wherever another one is, the shortest way."""
        distinct: dict[bytes, str] = {}
        for name, missing in gaps.items():
            distinct.setdefault(np.packbits(missing).tobytes(), name)
        names = sorted(distinct.values(), key=lambda n: int(gaps[n].sum()))
        found: list[Together] = []
        for i, a in enumerate(names):
            above = [b for b in names[i + 1 :] if not (gaps[a] & ~gaps[b]).any()]
            least = [
                b
                for b in above
                if not any(c != b and not (gaps[c] & ~gaps[b]).any() for c in above)
            ]
            for b in least:
                if gaps[a].sum() * (1 - gaps[b].sum() / rows) >= SURPRISE:
                    found.append(cls((a, b), (None, None), one_way=True))
        return found


def _said(names: list[str], value: str | None) -> str:
    listed = " and ".join(
        [", ".join(names[:-1]), names[-1]] if len(names) > 1 else names
    )
    return f"{listed} {'are' if len(names) > 1 else 'is'} {'missing' if value is None else repr(value)}"


def _known(together: Together, look: Look) -> bool:
    """Whether a column of several values determines the other anyway; of two, this says it better."""
    names = set(together.columns)
    known = any(f.form == "determines" and names <= set(f.columns) for f in look.found)
    return known and min(len(look.some.codes(n)[1]) for n in names) > 2
