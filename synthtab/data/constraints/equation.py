"""A number that follows from others of its row: sums, differences, products, times.

Exact arithmetic is found by `synthtab.data.relations.search`; here come times of day
written as HHMM, places of digits (``100 * hour + minute``), and products that hold but
for some per cent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.config import TrainConfig
from synthtab.core.errors import SchemaError
from synthtab.core.expressions import Token
from synthtab.core.schema import Column, Constraint, Schema
from synthtab.data.columns import KINDS, number_kind
from synthtab.data.columns.base import Mask
from synthtab.data.columns.disclosure import spread
from synthtab.data.columns.numbers import Numbers
from synthtab.data.constraints.base import (
    MOST_OFFERED,
    Form,
    Search,
    known_options,
    needs,
    option,
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
from synthtab.data.constraints.written import Written, in_quotes_if_needed, is_number
from synthtab.data.relations import links
from synthtab.data.relations.search import LEAST_ROWS, LIFT
from synthtab.data.relations.search import find as find_links

# As `links.FORMS`: name => how it reads, and its numbers from those of the other columns
# and a constant. A clock time is HHMM, and the constant what midnight is written as: 0
# or 2400.
EQUATIONS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    name: formula for name, formula in links.FORMS.items() if name != "largest"
}
EQUATIONS["clock"] = (
    "clock({0} + {1})",
    lambda x, c: hhmm(minutes(x[0]) + x[1], c),
)
EQUATIONS["digits"] = ("{c:g} * {0} + {1}", lambda x, c: c * x[0] + x[1])
# How many other columns an equation has; sums have any number.
PARENTS = {"sum": None, "rest": None, "distance": 1}
# Equations whose numbers are fractions, also those of whole numbers.
FRACTIONS = ("ratio", "share")
# Constants of "digits" that are tried.
PLACES = (10, 100, 1000, 60, 24, 12)
# Rows in which they are tried first.
FIRST_ROWS = 400
# A product that holds nearly is off by no more than this for half of the rows,
TYPICAL_ERROR = 0.05
# and by so many times as much where one of its factors is shuffled.
WORTH = 4.0
# Distinct numbers of its columns.
RICH = 10
# Columns of numbers, of more than which only exact links are looked for.
MANY = 40
# Rows without gaps that are enough to look at no others.
ENOUGH_ROWS = 0.2
# The last bits of floating-point numbers are nobody's business.
LAST_BITS = 1e-9
SLACK_BITS = 1e-6

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Equation(Form):
    """The first column is what one of `EQUATIONS` makes of the others.

    Attributes:
        equals: Which of them.
        constant: What that needs.
        tolerance: How far off a number may be and still count as equal; None for half of
            its last decimal.
        within: Share of itself that it may be off, where it holds but nearly; 0 where it
            is exact.
    """

    form: ClassVar[str] = "equation"
    turn: ClassVar[int] = 20
    about: ClassVar[str] = (
        "The first column is a sum, difference, product, ... of the others."
    )
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "equals": {
            "enum": list(EQUATIONS),
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
    least_support: ClassVar[float] = 0.99
    functions: ClassVar[tuple[str, ...]] = ("clock",)
    examples: ClassVar[tuple[str, ...]] = (
        "a = b + c",
        "a = b - c",
        "a = b * c",
        "a = b / c",
        "a = clock(b + c)",
        "a = 100 * b + c",
        "a = b * c within 5 %",
    )
    relates: ClassVar[str] = "numbers"
    exact: ClassVar[bool] = True

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
        if equals not in EQUATIONS:
            raise SchemaError(
                f"constraint {constraint.says!r}: unknown equation {equals!r}; "
                f"use {', '.join(EQUATIONS)}"
            )
        parents = PARENTS.get(equals, 2)
        if parents is not None and len(constraint.columns) != parents + 1:
            raise SchemaError(
                f"constraint {constraint.says!r}: "
                f"{equals!r} is about {parents + 1} columns"
            )
        number = (int, float)
        tolerance = option(constraint, "tolerance", (*number, type(None)), None)
        constant = float(option(constraint, "constant", number, 0.0))
        within = float(option(constraint, "within", number, 0.0))
        return cls(constraint.columns, equals, constant, tolerance, within)

    def options(self) -> dict[str, Any]:
        data: dict[str, Any] = {"equals": self.equals}
        if self.constant:
            data["constant"] = self.constant
        if self.tolerance:
            data["tolerance"] = self.tolerance
        if self.within:
            data["within"] = self.within
        return data

    @classmethod
    def read(cls, written: Written) -> Form | None:
        match written.tokens:
            case [first, Token("sign", "="), *right]:
                return _Reader(written, written.name(first)).read(right)
        return None

    def __str__(self) -> str:
        child, *parents = map(in_quotes_if_needed, self.columns)
        if self.equals in links.FORMS:
            right = str(links.Link(tuple(parents), self.equals, self.constant))
        else:
            template, _ = EQUATIONS[self.equals]
            right = template.format(*parents, c=self.constant)
        if self.within:
            right += f" within {100 * self.within:g} %"
        return f"{child} = {right}"

    @property
    def settles(self) -> tuple[str, ...]:
        """A column that equals another one."""
        is_copy = self.equals == "sum" and len(self.columns) == 2
        return self.columns[:1] if is_copy else ()

    def check(self, schema: Schema) -> None:
        for name in self.columns:
            if not measure(schema[name]):
                raise SchemaError(
                    f"constraint {self}: {name!r} is of kind {schema[name].kind}, "
                    "not a number"
                )

    def follow(self, table: Table) -> tuple[Numbers, Mask]:
        """What the first column should be, and where the others say so."""
        numbers = []
        known = np.ones(len(table), dtype=bool)
        for name in self.columns[1:]:
            values, missing = table.numbers(name)
            numbers.append(values)
            known &= ~missing
        constant: float = self.constant
        if float(constant).is_integer():
            # An int leaves int64 columns as they are.
            constant = int(constant)
        _, compute = EQUATIONS[self.equals]
        with np.errstate(all="ignore"):
            wanted = np.asarray(compute(numbers, constant))
        known &= np.isfinite(wanted)
        return np.where(known, wanted, 0), known

    def _rounding(self, column: Column) -> float:
        """Half of the last decimal."""
        decimals = number_kind(column).decimals(column)
        if decimals is None or KINDS[column.kind].in_units:
            return 0.0
        return float(0.5 * 10.0**-decimals)

    @np.errstate(all="ignore")
    def errors(self, table: Table) -> tuple[Floats, Floats, Mask]:
        """How far the first column is off, what it should be, and where it has to be."""
        wanted, known = self.follow(table)
        own, missing = table.numbers(self.columns[0])
        if self.equals == "clock":
            # Midnight may be written both ways.
            own = own % 2400
            wanted = wanted % 2400
        if own.dtype == wanted.dtype == np.int64:
            # Differences of large whole numbers are exact before they are floats.
            off = np.abs(own - wanted).astype(np.float64)
        else:
            off = np.abs(own.astype(np.float64) - wanted.astype(np.float64))
        return off, wanted.astype(np.float64), known & ~missing

    def holds(self, table: Table, lookup: Lookup | None = None) -> Mask:
        off, wanted, applies = self.errors(table)
        all_whole = all(
            table.numbers(name)[0].dtype == np.int64 for name in self.columns
        )
        if all_whole and not self.within and self.equals not in FRACTIONS:
            near = off == 0
        else:
            column = table.column(self.columns[0])
            tolerance = self.tolerance or self._rounding(column)
            allowed = tolerance * (1 + SLACK_BITS)
            near = off <= allowed + (self.within + LAST_BITS) * np.abs(wanted)
        return np.asarray(near | ~applies)

    def applies(self, table: Table) -> Mask:
        _, _, applies = self.errors(table)
        return applies

    def in_bounds(self, table: Table, name: str) -> Mask:
        """A computed number may be beyond what the column's own cells may be."""
        column = table.column(name)
        values, missing = table.numbers(name)
        low, high = number_kind(column).bounds(column)
        inside = np.ones(len(table), dtype=bool)
        if low is not None:
            inside &= values >= low
        if high is not None:
            inside &= values <= high
        return inside | missing

    def writes(self, schema: Schema, lookup: Lookup | None) -> tuple[str, ...]:
        return self.columns[:1]

    def hides(self, table: Table, lookup: Lookup | None) -> tuple[Column, ...] | None:
        name = self.columns[0]
        _, missing = table.numbers(name)
        _, known = self.follow(table)
        # Whether a cell is missing, the others do not say.
        missing_although_known = (missing & known).any()
        if self.within or missing_although_known:
            return None
        if (missing == ~known).all():
            return ()
        return (with_gaps(table.column(name)),)

    def hide(
        self,
        table: Table,
        lookup: Lookup | None,
        column: Column,
    ) -> pd.Series:
        _, known = self.follow(table)
        return blanked(table.frame[column.name], known, column)

    def restore(
        self, table: Table, lookup: Lookup | None, hidden: bool
    ) -> dict[str, pd.Series]:
        name = self.columns[0]
        column = table.schema[name]
        wanted, known = self.follow(table)
        if name in table:
            own, missing = table.numbers(name)
        else:
            own = np.zeros_like(wanted)
            missing = np.ones(len(table), dtype=bool)
        # A cell that was learnt stays if it is right, or missing.
        written = known if hidden else known & ~missing & ~self.holds(table)
        if self.within:
            wanted = self._nearest_allowed(own, wanted, column)
        values = np.where(written, wanted, own)
        return {name: number_cells(values, missing & ~written, column)}

    def _nearest_allowed(
        self, own: Numbers, wanted: Numbers, column: Column
    ) -> Numbers:
        """The numbers nearest to the column's own that are `within` what they should be."""
        ends = [wanted * (1 - self.within), wanted * (1 + self.within)]
        # In this order also where the number is negative.
        low, high = np.sort(ends, axis=0)
        # To be rounded afterwards must not take them out again.
        rounding = self._rounding(column)
        low = np.minimum(low + rounding, wanted)
        high = np.maximum(high - rounding, wanted)
        return np.clip(own, low, high)

    @classmethod
    def find(cls, search: Search) -> Iterable[Form]:
        able = [
            column
            for column in search.sample.schema.columns
            if measure(column) and search.sample.truths(column.name) is None
        ]
        found = _exact(search, able)
        names = [
            column.name
            for column in able
            if measure(column) == "number"
            and not search.sample.missing(column.name).all()
        ]
        if 3 <= len(names) <= MANY:
            found += _clocks(search, names)
            found += _digits(search.sample, names)
            known = {frozenset(equation.columns) for equation in found}
            found += _nearly(search, names, known)
        # Of several equations between the same columns, the first that holds.
        distinct: dict[frozenset[str], Equation] = {}
        for equation in found:
            fitting = _with_tolerance(equation, search.sample)
            if fitting is not None:
                distinct.setdefault(frozenset(equation.columns), fitting)
        return list(distinct.values())[:MOST_OFFERED]


# --------------------------------------------------------------------------------------
# As text


class _Reader:
    """Reads what stands to the right of ``=``.

    Args:
        written: The whole text, for messages.
        child: The column to the left.
    """

    def __init__(self, written: Written, child: str) -> None:
        self.written = written
        self.child = child

    def read(self, right: Sequence[Token]) -> Equation:
        """The equation that a text means."""
        match right:
            case [*formula, Token("word", "within"), share, Token("sign", "%")]:
                within = self.written.number(share) / 100
                return replace(self.formula(formula), within=within)
            case [
                Token("call", "clock"),
                Token("sign", "("),
                *inside,
                Token("sign", ")"),
            ]:
                return self.clock(inside)
        if Token("word", "within") in right:
            raise self.written.unreadable()
        return self.formula(right)

    def clock(self, inside: Sequence[Token]) -> Equation:
        """``clock(departure + minutes)``."""
        total = self.formula(inside)
        if total.equals != "sum" or len(total.columns) != 3:
            raise self.written.unreadable()
        latest = self.written.schema[self.child].options.get("maximum")
        midnight = 2400.0 if latest == 2400 else 0.0
        return replace(total, equals="clock", constant=midnight)

    def formula(self, right: Sequence[Token]) -> Equation:
        """Everything but what says how near or that it is a time."""
        match right:
            case [Token("sign", "|"), a, Token("sign", "|")]:
                return self.equation("distance", [a])
            case [
                Token("sign", "|"),
                a,
                Token("sign", "-"),
                middle,
                Token("sign", "|"),
            ]:
                return self.equation("distance", [a], self.written.number(middle))
            case [Token("word"), Token("sign", "*"), a, Token("sign", "+"), b]:
                return self.equation("digits", [a, b], self.written.number(right[0]))
            case [Token("word"), *others] if is_number(right[0]):
                signs = others[::2]
                terms = others[1::2]
                all_minus = set(signs) == {Token("sign", "-")}
                if not all_minus or len(signs) != len(terms):
                    raise self.written.unreadable()
                total = self.written.number(right[0])
                return self.equation("rest", terms, total)
        return self.arithmetic(right)

    def arithmetic(self, right: Sequence[Token]) -> Equation:
        """``b + c + d``, ``b - c``, ``b * c``, ``b / c``, or just ``b``."""
        terms = right[::2]
        signs = right[1::2]
        names = self.columns(terms)
        if len(terms) != len(signs) + 1 or any(sign.kind != "sign" for sign in signs):
            raise self.written.unreadable()
        match [sign.text for sign in signs]:
            case ["-"]:
                equals = "difference"
            case ["*"]:
                equals = "product"
            case ["/"]:
                equals = "ratio"
            case texts if set(texts) <= {"+"}:
                equals = "sum"
            case _:
                raise self.written.unreadable()
        return Equation((self.child, *names), equals)

    def equation(
        self, equals: str, parents: Sequence[Token], constant: float = 0.0
    ) -> Equation:
        """An equation with these columns on its right side."""
        return Equation((self.child, *self.columns(parents)), equals, constant)

    def columns(self, tokens: Sequence[Token]) -> tuple[str, ...]:
        """The columns that tokens name."""
        return tuple(self.written.name(token) for token in tokens)


# --------------------------------------------------------------------------------------
# In a table


def _exact(search: Search, columns: Sequence[Column]) -> list[Equation]:
    """What `synthtab.data.relations.search` finds between columns of numbers."""
    if not columns:
        return []
    schema = replace(
        search.sample.schema, columns=tuple(columns), constraints=(), person=None
    )
    table = _without_gaps(search.sample, schema.names)
    found = []
    for child, several in find_links(table.frame, schema, search.rng).items():
        for link in several:
            if not link.part:
                found.append(_oriented(child, link))
    return found


def _oriented(child: str, link: links.Link) -> Equation:
    """A difference as a sum: of two large numbers and a small one, the small one is
    better learnt.
    """
    if link.form == "difference":
        large, small = link.parents
        return Equation((large, small, child), "sum")
    return Equation((child, *link.parents), link.form, link.constant)


def _without_gaps(table: Table, names: Sequence[str]) -> Table:
    """The rows without missing cells in columns that have few.

    A gap is no error in a sum.
    """
    gaps = []
    for name in names:
        missing = table.missing(name)
        if 0 < missing.mean() < 0.5:
            gaps.append(missing)
    if not gaps:
        return table
    whole = ~np.any(gaps, axis=0)
    if whole.sum() <= ENOUGH_ROWS * len(table):
        return table
    return table.take(np.flatnonzero(whole))


def _with_tolerance(equation: Equation, table: Table) -> Equation | None:
    """With the tolerance that it needs; None if it does not hold for nearly all rows."""
    if equation.within:
        return equation
    applies = equation.applies(table)
    if applies.sum() < 2:
        return None
    values, _ = table.numbers(equation.columns[0])
    # The tolerance is stored, and must not tell the greatest number.
    own = spread(values.astype(np.float64)[applies], TrainConfig.rare)
    for tolerance in (None, links.CLOSE * own):
        candidate = replace(equation, tolerance=tolerance)
        support = candidate.holds(table)[applies].mean()
        if support >= Equation.least_support:
            return candidate
    return None


def _clocks(search: Search, names: list[str]) -> Iterator[Equation]:
    """Times of day as HHMM that differ by a column of minutes, midnights aside."""
    table = search.sample
    clocks = [name for name in names if _looks_like_hhmm(table, name)]
    others = [name for name in names if name not in clocks]
    for later, earlier in permutations(clocks, 2):
        later_values, later_missing = table.numbers(later)
        earlier_values, earlier_missing = table.numbers(earlier)
        gap = (minutes(later_values) - minutes(earlier_values)) % DAY
        for name in others:
            values, missing = table.numbers(name)
            known = ~(later_missing | earlier_missing | missing)
            rows = known.sum()
            if rows < LEAST_ROWS:
                continue
            foreign = np.roll(values, 1 + len(values) // 2)
            held = (known & (values % DAY == gap)).sum() / rows
            by_chance = (known & (foreign % DAY == gap)).sum() / rows
            fails_less = (1 - held) * LIFT <= 1 - by_chance
            if held >= Equation.least_support and fails_less:
                times, _ = search.full.numbers(later)
                midnight = 2400.0 if (times == 2400).any() else 0.0
                yield Equation((later, earlier, name), "clock", midnight)


def _looks_like_hhmm(table: Table, name: str) -> bool:
    """Whether a column's numbers are times of day, and not all in the morning."""
    values, missing = table.numbers(name)
    known = values[~missing]
    in_a_day = known.min() >= 0 and 1300 <= known.max() <= 2400
    return bool(
        in_a_day and (known % 100 < 60).all() and (known == np.rint(known)).all()
    )


def _digits(table: Table, names: list[str]) -> Iterator[Equation]:
    """A whole number made of two others, as hours and minutes are."""
    first = table.take(np.arange(min(FIRST_ROWS, len(table))))
    able = []
    columns = []
    for name in names:
        values, missing = first.numbers(name)
        all_whole = (values == np.rint(values)).all()
        if all_whole and len(np.unique(values[~missing])) > 2:
            able.append(name)
            columns.append(_with_nan(values, missing))
    if len(able) < 3:
        return
    table_values = np.column_stack(columns)
    varies = [bool(np.nanstd(column)) for column in columns]
    for i, j in permutations(range(len(able)), 2):
        for place in PLACES:
            made = place * columns[i] + columns[j]
            known = np.isfinite(made)
            if not known.any():
                continue
            agree = (made[:, None] == table_values).sum(axis=0)
            same = agree >= Equation.least_support * known.sum()
            for k in np.flatnonzero(same):
                if k not in (i, j) and varies[i] and varies[j]:
                    parts = (able[k], able[i], able[j])
                    yield Equation(parts, "digits", float(place))


def _with_nan(values: Numbers, missing: Mask) -> Floats:
    return np.where(missing, np.nan, values.astype(np.float64))


def _nearly(
    search: Search, names: list[str], known: set[frozenset[str]]
) -> Iterator[Equation]:
    """Products that are off by some per cent.

    All rows hold them, within the largest error.

    Args:
        search: The table.
        names: Its columns of numbers.
        known: Columns between which there is an equation already.
    """
    rows = min(5 * FIRST_ROWS, len(search.sample))
    first = search.sample.take(np.arange(rows))
    order = search.rng.permutation(len(first))
    rich = []
    columns = []
    for name in names:
        values, missing = first.numbers(name)
        # What is 0 is off by no share of itself.
        column = _with_nan(values, missing | (values == 0))
        if len(np.unique(column)) > RICH:
            rich.append(name)
            columns.append(column)
    if not rich:
        return
    table = np.column_stack(columns)
    for i in range(len(rich)):
        for j in range(i):
            a, b = columns[i], columns[j]
            typical = _median_errors(a * b, table)
            for k in np.flatnonzero(typical <= TYPICAL_ERROR):
                parts = (rich[k], rich[j], rich[i])
                if len(set(parts)) < 3 or frozenset(parts) in known:
                    continue
                # Each factor must matter.
                by_chance = min(
                    _median_errors(a[order] * b, table)[k],
                    _median_errors(a * b[order], table)[k],
                )
                if by_chance >= max(WORTH * typical[k], 2 * TYPICAL_ERROR):
                    yield _within_largest(Equation(parts, "product"), search.full)


def _median_errors(made: Floats, table: Floats) -> Floats:
    """``[columns]``: by what share of it half of the rows of each column are off.

    Args:
        made: ``[rows]`` what the columns might be.
        table: ``[rows, columns]``, NaN where nothing can be said.
    """
    medians = []
    for off in np.abs(table / made[:, None] - 1).T:
        known = off[~np.isnan(off)]
        medians.append(np.median(known) if len(known) else np.inf)
    return np.array(medians)


def _within_largest(equation: Equation, table: Table) -> Equation:
    """Within two digits of the largest error of all rows."""
    off, wanted, applies = equation.errors(table)
    applies &= wanted != 0
    shares = off[applies] / np.abs(wanted[applies])
    largest = float(shares.max(initial=0.0))
    second_digit = 10.0 ** (np.floor(np.log10(max(largest, 1e-6))) - 1)
    rounded_up = np.ceil(largest / second_digit) * second_digit
    return replace(equation, within=float(f"{rounded_up:.6g}"))
