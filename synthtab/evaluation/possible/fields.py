"""What a row has that relations speak of: numbers, days, parts of dates, codes.

A `Field` is a number of each row, read from one column or computed from several: a date
that is spread over columns of year, month and day is one field. A `Coding` is a field
with few values, or a column of words, as codes. A `Sheet` is one table in which each of
them is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from synthtab.data.columns import KINDS
from synthtab.data.columns.calendar_words import names as calendar_names
from synthtab.data.columns.dates import PER_DAY
from synthtab.evaluation.cells import Floats
from synthtab.evaluation.report.figures import labels
from synthtab.evaluation.report.findings import quote
from synthtab.evaluation.views import Tables, View

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Result = TypeVar("Result", bound=npt.NDArray[Any])

# A day is 1.0; what is nearer than this to a whole second is one.
SECOND = 1.0 / 86_400
# What views write for no and yes.
TRUTHS = ("False", "True")


class Sheet:
    """One table as relations read it.

    Args:
        tables: Says what the columns are.
        view: Its rows.
        beside: Other rows of the same table: no key of theirs may repeat here.
    """

    def __init__(self, tables: Tables, view: View, beside: Sheet | None = None) -> None:
        self.tables = tables
        self.view = view
        self.beside = beside
        self._numbers: dict[object, Floats] = {}
        self._codes: dict[object, Ints] = {}

    def __len__(self) -> int:
        return len(self.view)

    def some(self, size: int, rng: np.random.Generator) -> Sheet:
        """A random part of that many rows."""
        return Sheet(self.tables, self.view.some(size, rng))

    def numbers(self, field: Field) -> Floats:
        """``[rows]``; NaN where missing."""
        if field not in self._numbers:
            self._numbers[field] = field.read(self)
        return self._numbers[field]

    def codes(self, coding: Coding) -> Ints:
        """``[rows]``: a code of each row, below `Coding.size`."""
        if coding not in self._codes:
            self._codes[coding] = coding.read(self)
        return self._codes[coding]

    def column(self, name: str) -> Floats:
        """A numeric column; dates in days."""
        j = self.tables.numeric.index(name)
        return self.view.numbers[:, j] / per_day(self.tables, name)

    def words(self, name: str) -> Ints:
        """The codes of a column of words; the last one means missing."""
        j = self.tables.categorical.index(name)
        return self.view.codes[:, j].astype(np.int64)


def word_of(tables: Tables, name: str, code: int) -> str:
    """The word of a column as the table writes it, "missing" if there is none."""
    words = tables.categories[tables.categorical.index(name)]
    if code >= len(words):
        return "missing"
    column = tables.columns.get(name)
    no_and_yes = None if column is None else KINDS[column.kind].no_and_yes(column)
    if no_and_yes is not None and words[code] in TRUTHS:
        return no_and_yes[TRUTHS.index(words[code])]
    return words[code]


def number_of(tables: Tables, name: str, value: float) -> str:
    """A number of a column as the table writes it, in the unit of its view."""
    if np.isnan(value):
        return "missing"
    column = tables.columns.get(name)
    if column is not None and KINDS[column.kind].temporal:
        return labels(tables, name, np.array([value]))[0]
    return f"{value:.12g}"


def per_day(tables: Tables, name: str) -> float:
    """How many of a column's unit are one day; 1 if it counts no time."""
    if measure_of(tables, name) != "date":
        return 1.0
    return float(PER_DAY[tables.columns[name].options.get("unit", "s")])


def measure_of(tables: Tables, name: str) -> str:
    """What the numbers of a column count: those of one measure can be compared.

    Dates by the month or week are compared with each other alone.
    """
    column = tables.columns.get(name)
    if column is None:
        return "number"
    # Words that are numbers are numbers.
    measure = KINDS[column.kind].measure(column) or "number"
    unit = column.options.get("unit", "s")
    if measure == "date" and unit not in PER_DAY:
        return f"date by {unit}"
    return measure


# -- Fields


@dataclass(frozen=True)
class Field:
    """A number of each row.

    Attributes:
        columns: The columns that it is read from.
        said: What it is, in words.
    """

    columns: tuple[str, ...]
    said: str

    def read(self, sheet: Sheet) -> Floats:
        """``[rows]``; NaN where it is missing."""
        raise NotImplementedError


@dataclass(frozen=True)
class Plain(Field):
    """A numeric column."""

    def read(self, sheet: Sheet) -> Floats:
        return sheet.column(self.columns[0])


@dataclass(frozen=True)
class OfWords(Field):
    """A column of words that each mean a number: "07", or "July".

    Attributes:
        values: The number of each word, NaN where it has none.
    """

    values: tuple[float, ...] = ()

    def read(self, sheet: Sheet) -> Floats:
        found: Floats = np.array([*self.values, np.nan])[sheet.words(self.columns[0])]
        return found


@dataclass(frozen=True)
class Except(Field):
    """A field without one value that means something else, such as 0 for never.

    Attributes:
        inner: The field.
        value: The value that is left out.
    """

    inner: Field
    value: float

    def read(self, sheet: Sheet) -> Floats:
        values = sheet.numbers(self.inner)
        return np.where(values == self.value, np.nan, values)


@dataclass(frozen=True)
class SpreadDate(Field):
    """A date whose year, month and day stand in three columns, in days since 1970.

    Attributes:
        year: The field of the year.
        month: That of the month, 1 to 12.
        day: That of the day of the month.
    """

    year: Field
    month: Field
    day: Field

    def read(self, sheet: Sheet) -> Floats:
        days, exists = self.days(sheet)
        return np.where(exists, days, np.nan)

    def days(self, sheet: Sheet) -> tuple[Floats, Mask]:
        """The days ``[rows]``, and which of them the calendar has."""
        year, month, day = (
            sheet.numbers(part) for part in (self.year, self.month, self.day)
        )
        known = is_whole(year, 1, 9999) & is_whole(month, 1, 12) & is_whole(day, 1, 99)
        since_0 = np.where(known, 12 * (year - 1970) + month - 1, 0).astype(np.int64)
        first = since_0.astype("datetime64[M]").astype("datetime64[D]")
        length = (since_0 + 1).astype("datetime64[M]").astype("datetime64[D]") - first
        exists = known & (day <= length.astype(np.int64))
        days = np.where(known, first.astype(np.int64) + day - 1, np.nan)
        return days, exists

    def given(self, sheet: Sheet) -> Mask:
        """``[rows]``: where year, month and day are all there."""
        parts = [sheet.numbers(part) for part in (self.year, self.month, self.day)]
        return ~np.isnan(np.sum(parts, axis=0))


@dataclass(frozen=True)
class Between(Field):
    """How much time is between two dates.

    Attributes:
        start: The earlier one, in days.
        end: The later one.
        unit: "D": days of the calendar; "h" and "m": hours and minutes.
    """

    start: Field
    end: Field
    unit: str

    def read(self, sheet: Sheet) -> Floats:
        return self.of(sheet.numbers(self.start), sheet.numbers(self.end))

    def of(self, start: Floats, end: Floats) -> Floats:
        """The time between given dates, in days."""
        if self.unit == "D":
            return np.floor(end + SECOND / 2) - np.floor(start + SECOND / 2)
        return np.round((end - start) * PER_DAY[self.unit], 3)


def is_whole(values: Floats, least: float, most: float) -> Mask:
    """Which are whole numbers between two ends; NaN is none."""
    with np.errstate(invalid="ignore"):
        inside = (values >= least) & (values <= most)
        return np.asarray(inside & (values == np.rint(values)))


# -- Parts of a date

WEEKDAYS = calendar_names("A", "") or ()
MONTHS = calendar_names("B", "") or ()


def _whole_days(days: Floats) -> tuple[npt.NDArray[np.datetime64], Mask]:
    missing = np.isnan(days)
    whole = np.floor(np.where(missing, 0, days) + SECOND / 2).astype(np.int64)
    return whole.astype("datetime64[D]"), missing


def _year(days: npt.NDArray[np.datetime64]) -> Ints:
    return days.astype("datetime64[Y]").astype(np.int64) + 1970


def _month(days: npt.NDArray[np.datetime64]) -> Ints:
    return days.astype("datetime64[M]").astype(np.int64) % 12 + 1


def _quarter(days: npt.NDArray[np.datetime64]) -> Ints:
    return (_month(days) + 2) // 3


def _month_of_all(days: npt.NDArray[np.datetime64]) -> Ints:
    return days.astype("datetime64[M]").astype(np.int64)


def _day(days: npt.NDArray[np.datetime64]) -> Ints:
    return (days - days.astype("datetime64[M]")).astype(np.int64) + 1


def _day_of_year(days: npt.NDArray[np.datetime64]) -> Ints:
    return (days - days.astype("datetime64[Y]")).astype(np.int64) + 1


def _weekday(days: npt.NDArray[np.datetime64]) -> Ints:
    # The first of January 1970 was a Thursday; Monday is 0.
    return (days.astype(np.int64) + 3) % 7


def _iso_week(days: npt.NDArray[np.datetime64]) -> Ints:
    # The week is that of its Thursday.
    thursday = days - _weekday(days).astype("timedelta64[D]") + np.timedelta64(3, "D")
    return (_day_of_year(thursday) - 1) // 7 + 1


def _week_from(first_weekday: int) -> Callable[[npt.NDArray[np.datetime64]], Ints]:
    """Weeks that begin on that weekday; the first has the first of January."""

    def week(days: npt.NDArray[np.datetime64]) -> Ints:
        january = days.astype("datetime64[Y]").astype("datetime64[D]")
        lead = (_weekday(january) - first_weekday) % 7
        return (_day_of_year(days) - 1 + lead) // 7 + 1

    return week


def _week_of_days(days: npt.NDArray[np.datetime64]) -> Ints:
    return (_day_of_year(days) - 1) // 7 + 1


# The coarser ones first: a column follows from the coarsest that says it.
PARTS: Mapping[str, Callable[[npt.NDArray[np.datetime64]], Ints]] = {
    "quarter": _quarter,
    "weekday": _weekday,
    "month": _month,
    "year": _year,
    "day of the month": _day,
    "week": _iso_week,
    "week from Sunday": _week_from(6),
    "week from Monday": _week_from(0),
    "week of seven days": _week_of_days,
    "year and month": _month_of_all,
    "day of the year": _day_of_year,
}


@dataclass(frozen=True)
class Part(Field):
    """What the calendar says of a date.

    Attributes:
        date: The field, in days.
        part: A name of `PARTS`, or "hour".
    """

    date: Field
    part: str

    def read(self, sheet: Sheet) -> Floats:
        days = sheet.numbers(self.date)
        if self.part == "hour":
            return np.floor((days + SECOND / 2 - np.floor(days + SECOND / 2)) * 24)
        whole, missing = _whole_days(days)
        return np.where(missing, np.nan, PARTS[self.part](whole))

    def told(self, value: float) -> str:
        """One of its values as a person says it."""
        if self.part == "weekday":
            return f"{WEEKDAYS[int(value)]}"
        if self.part == "month":
            return f"{MONTHS[int(value) - 1]}"
        if self.part == "year and month":
            return str(np.datetime64(int(value), "M"))
        return f"{value:g}"


# -- Codes


@dataclass(frozen=True, eq=False)
class Coding:
    """A column of words, or a field of few values, as codes.

    Attributes:
        columns: The columns that it is read from.
        said: What it is, in words.
        size: How many codes there are: the last one means missing, the one before it
            any other value.
        words: What each value is; "other" and "missing" come last.
        field: The field, where it has one.
        values: Its values, ascending.
        full: Whether other values are such as were never seen; if not, they are simply
            not common.
    """

    columns: tuple[str, ...]
    said: str
    words: tuple[str, ...]
    field: Field | None = None
    values: tuple[float, ...] = ()
    full: bool = True

    @property
    def size(self) -> int:
        return len(self.words)

    def read(self, sheet: Sheet) -> Ints:
        other, missing = self.size - 2, self.size - 1
        if self.field is None:
            codes = sheet.words(self.columns[0])
            # Of these words none is another one.
            return np.where(codes == other, missing, codes)
        cells = sheet.numbers(self.field)
        values = np.array(self.values)
        place = np.minimum(np.searchsorted(values, cells), len(values) - 1)
        codes = np.where(values[place] == cells, place, other)
        return np.where(np.isnan(cells), missing, codes)


def names(fields: tuple[str, ...]) -> str:
    """Columns as they are named in a sentence."""
    return ", ".join(quote(name) for name in fields)
