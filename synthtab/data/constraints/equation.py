"""A number that follows from others of its row: sums, differences, products, ratios, clock times, hours and minutes.

Exact arithmetic is found by `synthtab.data.relations.search`; here come times of day written as HHMM, places of digits
(``100 * hour + minute``), and products that hold but for some per cent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns import KINDS, number_kind
from synthtab.data.columns.base import Mask
from synthtab.data.columns.quantiles import Numbers
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
from synthtab.data.constraints.table import (
    DAY,
    Table,
    blanked,
    hhmm,
    measure,
    minutes,
    number_cells,
    with_gaps,
)
from synthtab.data.relations import links, search

# As `links.FORMS`: name -> how it reads, and its numbers from those of the other
# columns and a constant. A clock time is HHMM, the constant what midnight is written
# as: 0 or 2400.
FORMS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    **{name: form for name, form in links.FORMS.items() if name != "largest"},
    "clock": ("clock({0} + {1})", lambda x, c: hhmm(minutes(x[0]) + x[1], c)),
    "digits": ("{c:g} * {0} + {1}", lambda x, c: c * x[0] + x[1]),
}
# Constants of "digits" that are tried.
PLACES = (10, 100, 1000, 60, 24, 12)
# Rows in which they are tried first.
PEEK = 400
# A product that holds nearly is off by no more than this for half of the rows, and by
# so many times as much where one of its factors is shuffled.
TYPICAL, WORTH = 0.05, 4.0
# Columns of numbers, of more than which only exact links are looked for.
MANY = 40

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Equation(Form):
    """The first column is what `FORMS` make of the others.

    Attributes:
        equals: Which of `FORMS`.
        constant: What that needs.
        tolerance: How far off a number may be and still count as equal; None for half of its last decimal.
        within: Share of itself that it may be off, where it holds but nearly; 0 where it is exact.
    """

    form: ClassVar[str] = "equation"
    about: ClassVar[str] = (
        "The first column is a sum, difference, product, ... of the others."
    )
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "equals": {
            "enum": list(FORMS),
            "description": "equation: how the first column follows from the others.",
        },
        "constant": {
            "type": "number",
            "description": (
                "equation: of rest, distance, clock (what midnight is: 0 or 2400) "
                "and digits."
            ),
        },
        "tolerance": {
            "type": ["number", "null"],
            "minimum": 0,
            "description": "equation: how far off still counts as equal.",
        },
        "within": {
            "type": "number",
            "minimum": 0,
            "description": "equation: share of itself that it may be off.",
        },
    }
    least: ClassVar[float] = 0.99

    columns: tuple[str, ...]
    equals: str = "sum"
    constant: float = 0.0
    tolerance: float | None = None
    within: float = 0.0

    @classmethod
    def of(cls, constraint: Constraint) -> Equation:
        needs(constraint, 2)
        known_options(constraint, "equals", "constant", "tolerance", "within")
        equals = option(constraint, "equals", str, "sum")
        if equals not in FORMS:
            raise SchemaError(
                f"constraint {constraint.says!r}: unknown equation {equals!r}; use {', '.join(FORMS)}"
            )
        wanted = {"sum": None, "rest": None, "distance": 1}.get(equals, 2)
        if wanted is not None and len(constraint.columns) != wanted + 1:
            raise SchemaError(
                f"constraint {constraint.says!r}: {equals!r} is about {wanted + 1} columns"
            )
        number = (int, float)
        tolerance = option(constraint, "tolerance", (*number, type(None)), None)
        constant, within = (
            option(constraint, key, number, 0.0) for key in ("constant", "within")
        )
        return cls(
            constraint.columns, equals, float(constant), tolerance, float(within)
        )

    def options(self) -> dict[str, Any]:
        optional = {
            "constant": self.constant,
            "tolerance": self.tolerance,
            "within": self.within,
        }
        return {"equals": self.equals} | {k: v for k, v in optional.items() if v}

    def __str__(self) -> str:
        child, *parents = map(quoted, self.columns)
        if self.equals in links.FORMS:
            right = str(links.Link(tuple(parents), self.equals, self.constant))
        else:
            right = FORMS[self.equals][0].format(*parents, c=self.constant)
        return f"{child} = {right}" + (
            f" within {100 * self.within:g} %" if self.within else ""
        )

    def check(self, schema: Schema) -> None:
        for name in self.columns:
            if not measure(schema[name]):
                raise SchemaError(
                    f"constraint {self}: {name!r} is of kind {schema[name].kind}, not a number"
                )

    def follow(self, table: Table) -> tuple[Numbers, Mask]:
        """What the first column should be, and where the others say so."""
        cells = [table.numbers(name) for name in self.columns[1:]]
        constant = (
            int(self.constant) if float(self.constant).is_integer() else self.constant
        )
        with np.errstate(all="ignore"):
            found = np.asarray(FORMS[self.equals][1]([x for x, _ in cells], constant))
        known = ~np.any([m for _, m in cells], axis=0) & np.isfinite(found)
        return np.where(known, found, 0), known

    def _half(self, column: Column) -> float:
        """Half of the last decimal."""
        decimals = number_kind(column).decimals(column)
        return (
            0.0
            if decimals is None or KINDS[column.kind].in_units
            else float(0.5 * 10.0**-decimals)
        )

    @np.errstate(all="ignore")
    def errors(self, table: Table) -> tuple[Floats, Floats, Mask]:
        """How far the first column is off, what it should be, and where it has to be."""
        wanted, known = self.follow(table)
        own, missing = table.numbers(self.columns[0])
        if self.equals == "clock":  # midnight may be written both ways
            own, wanted = own % 2400, wanted % 2400
        if own.dtype == wanted.dtype == np.int64:
            off = np.abs(own - wanted).astype(np.float64)
        else:
            off = np.abs(own.astype(np.float64) - wanted.astype(np.float64))
        return off, wanted.astype(np.float64), known & ~missing

    def holds(self, table: Table, learnt: Lookup | None = None) -> Mask:
        off, wanted, rows = self.errors(table)
        whole = all(table.numbers(name)[0].dtype == np.int64 for name in self.columns)
        exact = whole and not self.within and self.equals not in ("ratio", "share")
        slack = (
            0.0
            if exact
            else self.tolerance or self._half(table.column(self.columns[0]))
        )
        # The last bits of floating-point numbers are nobody's business.
        near = off <= slack * (1 + 1e-6) + (
            self.within + (0.0 if exact else 1e-9)
        ) * np.abs(wanted)
        return np.asarray(near | ~rows)

    def applies(self, table: Table) -> Mask:
        return self.errors(table)[2]

    def writes(self, schema: Schema, learnt: Lookup | None) -> tuple[str, ...]:
        return self.columns[:1]

    def hides(self, table: Table, learnt: Lookup | None) -> tuple[Column, ...] | None:
        name = self.columns[0]
        missing, (_, known) = table.numbers(name)[1], self.follow(table)
        if (
            self.within or (missing & known).any()
        ):  # whether it is missing, the others do not say
            return None
        if (missing == ~known).all():
            return ()
        return (with_gaps(table.column(name)),)

    def hide(self, table: Table, learnt: Lookup | None, column: Column) -> pd.Series:
        return blanked(table.frame[column.name], self.follow(table)[1], column)

    def restore(
        self, table: Table, learnt: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        name = self.columns[0]
        column, (wanted, known) = table.schema[name], self.follow(table)
        own, missing = (
            table.numbers(name)
            if name in table
            else (np.zeros_like(wanted), np.ones(len(table), bool))
        )
        if not hidden:
            known &= ~missing & ~self.holds(table)
        if self.within:
            half = self._half(column)
            low, high = np.sort(
                [wanted * (1 - self.within), wanted * (1 + self.within)], axis=0
            )
            wanted = np.clip(
                own, np.minimum(low + half, wanted), np.maximum(high - half, wanted)
            )
        return {
            name: number_cells(np.where(known, wanted, own), missing & ~known, column)
        }

    @classmethod
    def find(cls, look: Look) -> Iterable[Form]:
        found: list[Equation] = []
        some, schema = look.some, look.some.schema
        able = tuple(
            c for c in schema.columns if measure(c) and some.truths(c.name) is None
        )
        some = _complete(look.some, [c.name for c in able])
        if able:
            for child, several in search.find(
                some.frame, replace(schema, columns=able, constraints=()), look.rng
            ).items():
                found += [
                    cls._oriented(child, link) for link in several if not link.part
                ]
        some = look.some
        names = [
            c.name
            for c in able
            if measure(c) == "number" and not some.missing(c.name).all()
        ]
        if 3 <= len(names) <= MANY:
            found += [*_clocks(look, names), *_places(some, names)]
            found += _nearly(look, names, {frozenset(f.columns) for f in found})
        distinct: dict[frozenset[str], Equation] = {}
        for equation in found:
            fitting = _fitted(equation, look.some)
            if fitting is not None:
                distinct.setdefault(frozenset(equation.columns), fitting)
        return list(distinct.values())[:MOST]

    @classmethod
    def _oriented(cls, child: str, link: links.Link) -> Equation:
        """A difference as a sum: of two large numbers and a small one, the small one is better learnt."""
        if link.form == "difference":
            return cls((link.parents[0], link.parents[1], child), "sum")
        return cls((child, *link.parents), link.form, link.constant)


def _complete(table: Table, names: list[str]) -> Table:
    """The rows without missing cells, in columns that have few: a gap is no error in a sum."""
    gaps = [gap for gap in (table.missing(n) for n in names) if 0 < gap.mean() < 0.5]
    rows = ~np.any(gaps, axis=0) if gaps else np.ones(0, dtype=bool)
    return table.take(np.flatnonzero(rows)) if rows.sum() > 0.2 * len(table) else table


def _fitted(equation: Equation, table: Table) -> Equation | None:
    """With the tolerance that it needs; None where it does not hold for nearly all rows."""
    if equation.within:
        return equation
    rows = equation.applies(table)
    if rows.sum() < 2:
        return None
    spread = float(
        np.std(table.numbers(equation.columns[0])[0].astype(np.float64)[rows])
    )
    for tolerance in (None, links.CLOSE * spread):
        candidate = replace(equation, tolerance=tolerance)
        if candidate.holds(table)[rows].mean() >= Equation.least:
            return candidate
    return None


def _clocks(look: Look, names: list[str]) -> Iterator[Equation]:
    """Times of day as HHMM that differ by a column of minutes, midnights aside."""
    table = look.some
    known = {n: table.numbers(n) for n in names}
    clocks = []
    for name, (values, missing) in known.items():
        some = values[~missing]
        if (
            some.min() >= 0
            and 1300 <= some.max() <= 2400
            and (some % 100 < 60).all()
            and (some == np.rint(some)).all()
        ):
            clocks.append(name)
    for later, earlier in permutations(clocks, 2):
        (a, a_missing), (b, b_missing) = known[later], known[earlier]
        gap = (minutes(a) - minutes(b)) % DAY
        for name in names:
            if name in (later, earlier) or name in clocks:
                continue
            d, d_missing = known[name]
            rows = ~(a_missing | b_missing | d_missing)
            if rows.sum() < search.LEAST_ROWS:
                continue
            held, chance = (
                (rows & (x % DAY == gap)).sum() / rows.sum()
                for x in (d, np.roll(d, 1 + len(d) // 2))
            )
            if held >= Equation.least and (1 - held) * search.LIFT <= 1 - chance:
                times = look.full.numbers(later)[0]
                yield Equation(
                    (later, earlier, name),
                    "clock",
                    2400.0 if (times == 2400).any() else 0.0,
                )


def _places(table: Table, names: list[str]) -> Iterator[Equation]:
    """A whole number made of two others, as hours and minutes are."""
    some = table.take(np.arange(min(PEEK, len(table))))
    cells = {n: some.numbers(n) for n in names}
    names = [
        n
        for n, (v, m) in cells.items()
        if (v == np.rint(v)).all() and len(np.unique(v[~m])) > 2
    ]
    if len(names) < 3:
        return
    values = np.column_stack(
        [np.where(cells[n][1], np.nan, cells[n][0].astype(np.float64)) for n in names]
    )
    for i, j in permutations(range(len(names)), 2):
        for place in PLACES:
            made = place * values[:, i] + values[:, j]
            same = (made[:, None] == values).sum(
                axis=0
            ) >= Equation.least * np.isfinite(made).sum()
            for k in np.flatnonzero(same & np.isfinite(made).any()):
                if (
                    k not in (i, j)
                    and np.nanstd(values[:, i])
                    and np.nanstd(values[:, j])
                ):
                    yield Equation(
                        (names[k], names[i], names[j]), "digits", float(place)
                    )


def _nearly(
    look: Look, names: list[str], known: set[frozenset[str]]
) -> Iterator[Equation]:
    """Products that are off by some per cent; held by all rows, thus within the largest error."""
    some = look.some.take(np.arange(min(5 * PEEK, len(look.some))))
    order = look.rng.permutation(len(some))
    cells = {n: some.numbers(n) for n in names}
    values = np.column_stack(
        [
            np.where(m | (v == 0), np.nan, v.astype(np.float64))
            for v, m in cells.values()
        ]
    )
    rich = [k for k in range(len(names)) if len(np.unique(values[:, k])) > 10]

    def error(made: Floats) -> Floats:
        """``[columns]``: how far off half of the rows are."""
        off = np.abs(values[:, rich] / made[:, None] - 1)
        return np.array(
            [
                np.median(o[~np.isnan(o)]) if (~np.isnan(o)).any() else np.inf
                for o in off.T
            ]
        )

    for i in range(len(rich)):
        for j in range(i):
            a, b = values[:, rich[i]], values[:, rich[j]]
            typical = error(a * b)
            for k in np.flatnonzero(typical <= TYPICAL):
                columns = tuple(names[rich[x]] for x in (int(k), j, i))
                if len(set(columns)) < 3 or frozenset(columns) in known:
                    continue
                least = min(error(a[order] * b)[k], error(a * b[order])[k])
                if least >= max(WORTH * typical[k], 2 * TYPICAL):
                    yield _bounded(Equation(columns, "product"), look.full)


def _bounded(equation: Equation, table: Table) -> Equation:
    """Within two digits of the largest error of all rows."""
    off, wanted, rows = equation.errors(table)
    rows &= wanted != 0
    largest = float((off[rows] / np.abs(wanted[rows])).max(initial=0.0))
    digit = 10.0 ** (np.floor(np.log10(max(largest, 1e-6))) - 1)
    return replace(equation, within=float(f"{np.ceil(largest / digit) * digit:.6g}"))
