"""One column is never greater than another: a start and an end, a part and its whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from synthtab.core.errors import SchemaError
from synthtab.core.expressions import Token
from synthtab.core.schema import Constraint, Schema
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
from synthtab.data.constraints.lookup import Lookup
from synthtab.data.constraints.table import Table, comparable, measure
from synthtab.data.constraints.written import Written, in_quotes_if_needed

Floats = npt.NDArray[np.float64]

# Shuffled, at most this share of the rows may hold it: two columns of different size
# are no news.
MOST_BY_CHANCE = 0.9
# So many rows at least would violate it by chance.
EVIDENCE = 30
# Among more columns than this none is looked for.
WIDE = 400


@dataclass(frozen=True)
class Inequality(Form):
    """``low <= high``, or ``low < high``; numbers or dates."""

    form: ClassVar[str] = "inequality"
    turn: ClassVar[int] = 60
    about: ClassVar[str] = "The first column is never greater than the second."
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "strict": {"type": "boolean", "description": "inequality: less, not equal."}
    }
    least_support: ClassVar[float] = 0.999
    examples: ClassVar[tuple[str, ...]] = ("a <= b",)

    columns: tuple[str, ...]
    strict: bool = False

    @classmethod
    def of(cls, constraint: Constraint) -> Inequality:
        needs(constraint, 2, 2)
        known_options(constraint, "strict")
        return cls(constraint.columns, option(constraint, "strict", bool, False))

    def options(self) -> dict[str, Any]:
        return {"strict": self.strict}

    @classmethod
    def read(cls, written: Written) -> Form | None:
        comparison = written.comparison()
        if comparison is None:
            return None
        sides, strict = comparison
        match sides:
            case [[Token("name", low)], [Token("name", high)]]:
                return cls((low, high), strict)
        return None

    def __str__(self) -> str:
        low, high = map(in_quotes_if_needed, self.columns)
        sign = "<" if self.strict else "<="
        return f"{low} {sign} {high}"

    def check(self, schema: Schema) -> None:
        low, high = (measure(schema[name]) for name in self.columns)
        if low and low == high:
            return
        kinds = [f"{name!r} is of kind {schema[name].kind}" for name in self.columns]
        raise SchemaError(
            f"constraint {self}: {' and '.join(kinds)}; "
            "only two numbers or two dates can be compared"
        )

    def holds(self, table: Table, lookup: Lookup | None = None) -> Mask:
        (low, _), (high, _) = comparable(table, self.columns)
        is_below = low < high if self.strict else low <= high
        return np.asarray(is_below | ~self.applies(table))

    @classmethod
    def find(cls, search: Search) -> Iterable[Form]:
        """The most surprising pairs first, without those that follow from two others."""
        pairs: list[_Pair] = []
        for names in _comparable_columns(search):
            if 2 <= len(names) <= WIDE:
                pairs += _pairs(search.sample, names, search.rng)
        pairs.sort(reverse=True)
        implied = _implied(pairs)
        # An equation between them says more.
        equations = search.related("numbers")
        found: list[Inequality] = []
        for pair in pairs:
            columns = (pair.low, pair.high)
            if columns in implied:
                continue
            if any(set(columns) <= equation for equation in equations):
                continue
            found.append(cls(columns, pair.strict))
        return found[:MOST_OFFERED]


class _Pair(NamedTuple):
    """One column that is never greater than another.

    Attributes:
        surprise: Share of the rows that would break it if the columns were shuffled.
        strict: Whether it is always less.
    """

    surprise: float
    low: str
    high: str
    strict: bool


def _comparable_columns(search: Search) -> Iterable[list[str]]:
    """Columns whose numbers count the same thing, in groups."""
    settled = search.settled
    groups: dict[str, list[str]] = {}
    for column in search.sample.schema.columns:
        what = measure(column)
        if not what or KINDS[column.kind].constant or column.name in settled:
            continue
        # What holds between columns of 0 and 1 other forms say better.
        if search.sample.truths(column.name) is None:
            groups.setdefault(what, []).append(column.name)
    return groups.values()


def _pairs(
    table: Table,
    names: list[str],
    rng: np.random.Generator,
) -> list[_Pair]:
    """Pairs of columns, one of which is never greater, though by chance it would be."""
    numbers = [
        np.where(missing, np.nan, values.astype(np.float64))
        for values, missing in comparable(table, names)
    ]
    cells = np.column_stack(numbers)
    # Other rows' cells of one column beside a row's own of the other.
    shuffled = cells[rng.permutation(len(cells))]
    found = []
    for i, name in enumerate(names):
        own = cells[:, [i]]
        foreign = shuffled[:, [i]]
        # ``[columns]``: in how many rows each of them holds. NaN is never less.
        rows = _both_known(own, cells)
        compared_by_chance = _both_known(foreign, cells)
        with np.errstate(invalid="ignore"):
            not_greater = (own <= cells).sum(axis=0)
            less = (own < cells).sum(axis=0)
            held_by_chance = (foreign <= cells).sum(axis=0)
        chance = held_by_chance / np.maximum(compared_by_chance, 1)
        surprise = 1 - chance
        nearly_always = not_greater >= Inequality.least_support * rows
        often_not = (chance <= MOST_BY_CHANCE) & (surprise * rows >= EVIDENCE)
        for j in np.flatnonzero(nearly_always & often_not):
            if j != i:
                strict = bool(less[j] == rows[j])
                pair = _Pair(float(surprise[j]), name, names[j], strict)
                found.append(pair)
    return _without_doubles(found)


def _both_known(column: Floats, table: Floats) -> npt.NDArray[np.int64]:
    """``[columns]``: in how many rows a cell is missing neither here nor there."""
    known = ~np.isnan(column) & ~np.isnan(table)
    return known.sum(axis=0)


def _without_doubles(pairs: Sequence[_Pair]) -> list[_Pair]:
    """Of two equal columns, each of which is never greater, one pair is enough."""
    columns = {(pair.low, pair.high) for pair in pairs}
    kept = []
    for pair in pairs:
        is_mutual = (pair.high, pair.low) in columns
        if not is_mutual or pair.low <= pair.high:
            kept.append(pair)
    return kept


def _implied(pairs: Sequence[_Pair]) -> set[tuple[str, str]]:
    """Pairs that follow from two others: ``a <= c`` from ``a <= b`` and ``b <= c``."""
    # Each column, and those that it is never greater than.
    above: dict[str, set[str]] = {}
    for pair in pairs:
        above.setdefault(pair.low, set()).add(pair.high)
    implied = set()
    for low, highs in above.items():
        for between in highs:
            further = above.get(between, set()) - {low, between}
            implied |= {(low, high) for high in further & highs}
    return implied
