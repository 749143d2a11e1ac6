"""One column is never greater than another: a start and an end, a minimum and a maximum, a part and its whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Constraint, Schema
from synthtab.data.columns import KINDS
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
from synthtab.data.constraints.table import Table, comparable, measure

# Shuffled, at most this share of the rows may hold it: two columns of different size
# are no news.
CHANCE = 0.9
# So many rows are left that chance would have had violate it.
EVIDENCE = 30
# Among more columns than this none is looked for.
WIDE = 400


@dataclass(frozen=True)
class Inequality(Form):
    """``low <= high``, or ``low < high``; numbers or dates."""

    form: ClassVar[str] = "inequality"
    about: ClassVar[str] = "The first column is never greater than the second."
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "strict": {"type": "boolean", "description": "inequality: less, not equal."}
    }
    least: ClassVar[float] = 0.999

    columns: tuple[str, ...]
    strict: bool = False

    @classmethod
    def of(cls, constraint: Constraint) -> Inequality:
        needs(constraint, 2, 2)
        known_options(constraint, "strict")
        return cls(constraint.columns, option(constraint, "strict", bool, False))

    def options(self) -> dict[str, Any]:
        return {"strict": self.strict}

    def __str__(self) -> str:
        return f"{quoted(self.columns[0])} {'<' if self.strict else '<='} {quoted(self.columns[1])}"

    def check(self, schema: Schema) -> None:
        low, high = (measure(schema[n]) for n in self.columns)
        if not low or low != high:
            kinds = " and ".join(
                f"{n!r} is of kind {schema[n].kind}" for n in self.columns
            )
            raise SchemaError(
                f"constraint {self}: {kinds}; only two numbers or two dates can be compared"
            )

    def holds(self, table: Table, learnt: Lookup | None = None) -> Mask:
        (low, _), (high, _) = comparable(table, self.columns)
        below = low < high if self.strict else low <= high
        return np.asarray(below | ~self.applies(table))

    @classmethod
    def find(cls, look: Look) -> Iterable[Form]:
        some = look.some
        groups: dict[str, list[str]] = {}
        for column in some.schema.columns:
            said = KINDS[column.kind].constant or column.name in look.told
            if (
                not said
                and (what := measure(column))
                and some.truths(column.name) is None
            ):
                groups.setdefault(what, []).append(column.name)
        found: list[tuple[float, str, str, bool]] = []
        for names in groups.values():
            if 2 <= len(names) <= WIDE:
                found += _pairs(some, names, look.rng)
        above = {(low, high) for _, low, high, _ in found}
        middle = {low for low, _ in above} & {high for _, high in above}
        implied = {
            (a, b)
            for a, b in above
            if any((a, m) in above and (m, b) in above for m in middle - {a, b})
        }
        told = [set(f.columns) for f in look.found if f.form == "equation"]
        kept = [
            f
            for f in sorted(found, reverse=True)
            if (f[1], f[2]) not in implied
            and not any({f[1], f[2]} <= equation for equation in told)
        ]
        return [cls((low, high), strict) for _, low, high, strict in kept[:MOST]]


def _pairs(
    table: Table, names: list[str], rng: np.random.Generator
) -> list[tuple[float, str, str, bool]]:
    """Pairs of columns one of which is never greater: how rare that would be by chance, low, high, whether less."""
    known = comparable(table, names)
    cells = np.column_stack(
        [np.where(m, np.nan, v.astype(np.float64)) for v, m in known]
    )
    mixed = cells[rng.permutation(len(cells))]
    found = []
    for i, name in enumerate(names):
        here = ~np.isnan(cells[:, [i]]) & ~np.isnan(cells)
        rows = here.sum(axis=0)
        with np.errstate(invalid="ignore"):
            below, less = (
                (cells[:, [i]] <= cells).sum(axis=0),
                (cells[:, [i]] < cells).sum(axis=0),
            )
            chance = (mixed[:, [i]] <= cells).sum(axis=0) / np.maximum(
                (~np.isnan(mixed[:, [i]]) & ~np.isnan(cells)).sum(axis=0), 1
            )
        sure = (
            (below >= Inequality.least * rows)
            & (chance <= CHANCE)
            & ((1 - chance) * rows >= EVIDENCE)
        )
        found += [
            (float(1 - chance[j]), name, names[j], bool(less[j] == rows[j]))
            for j in np.flatnonzero(sure)
            if j != i
        ]
    equal = {(low, high) for _, low, high, _ in found}
    return [f for f in found if not ((f[2], f[1]) in equal and f[1] > f[2])]
