"""Which fields and codes a table has for relations to speak of.

`Plan.of` reads them from real rows: numbers, dates (also those that are spread over
columns of year, month and day, with months named in any language that the calendar
knows), counts that may be added to a date, and columns of few values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from synthtab.data.columns.calendar_words import KNOWN
from synthtab.data.columns.calendar_words import names as calendar_names
from synthtab.data.columns.disclosure import people_of_values
from synthtab.evaluation.cells import Floats, known
from synthtab.evaluation.naming import may_be_named
from synthtab.evaluation.possible.fields import (
    Coding,
    Field,
    OfWords,
    Part,
    Plain,
    Sheet,
    SpreadDate,
    is_whole,
    measure_of,
    names,
    number_of,
    per_day,
    word_of,
)
from synthtab.evaluation.report.findings import quote
from synthtab.evaluation.views import Tables

# Most fields and codings, the first ones by name.
MOST_FIELDS = 80
MOST_CODINGS = 60
# A field has codes for all of its values if there are at most so many, and so many rows
# for each on average; else for those that such a share of the rows have, if any.
MOST_CODES = 1_000
ROWS_PER_CODE = 15
COMMON = 0.02
MOST_COMMON = 5
# A word that stands for a number does so in such a share of the rows.
NUMBERS_IN_WORDS = 0.99
# Counts of days, nights or hours: most of them, and the greatest.
MOST_COUNTS = 12
GREATEST_COUNT = 20_000
# Of three columns that may be a date so many days would not exist by chance, or their
# names say what they are.
NO_SUCH_DAYS = 10.0
YEARS = (1000, 2200)
WORDS_FOR = {
    "year": ("year", "yr", "jahr", "ann", "año", "ano"),
    "month": ("month", "mon", "monat", "mois", "mes"),
    "day": ("day", "tag", "jour", "dia", "día", "dom"),
}
# What a value is called that a report may not name.
UNNAMED = "a rare value"


@dataclass(frozen=True)
class Plan:
    """What relations may speak of.

    Attributes:
        groups: Measure -> fields that can be compared.
        dates: Fields in days.
        spread: Those of `dates` that are spread over columns.
        with_time: Those that have a time of day.
        counts: Whole numbers from 0 on, which may count days or hours.
        codings: Columns of few values, or with some common ones.
    """

    groups: dict[str, list[Field]]
    dates: list[Field]
    spread: list[SpreadDate]
    with_time: list[Field]
    counts: list[Field]
    codings: list[Coding]

    @classmethod
    def of(cls, sheet: Sheet) -> Plan:
        """Of the real rows."""
        tables = sheet.tables
        groups: dict[str, list[Field]] = {}
        for field in _fields(sheet)[:MOST_FIELDS]:
            measure = measure_of(tables, field.columns[0])
            groups.setdefault(measure, []).append(field)
        numbers = groups.get("number", [])
        spread = _spread_dates(sheet, numbers)
        dates = [*groups.get("date", []), *spread]
        if dates:
            groups["date"] = dates
        with_time = [date for date in dates if _has_time(sheet.numbers(date))]
        parts = {name for date in spread for name in date.columns}
        counts = [
            field
            for field in numbers
            if _counts(sheet.numbers(field)) and not parts & {*field.columns}
        ]
        return cls(
            groups,
            dates,
            spread,
            with_time,
            counts[:MOST_COUNTS],
            _codings(sheet)[:MOST_CODINGS],
        )


def _fields(sheet: Sheet) -> list[Field]:
    """Columns of numbers, and words that are numbers."""
    fields: list[Field] = []
    for name in sheet.tables.numeric:
        fields.append(Plain((name,), quote(name)))
    for j, name in enumerate(sheet.tables.categorical):
        values = tuple(_number(word) for word in sheet.tables.categories[j])
        field = OfWords((name,), quote(name), values)
        cells = sheet.numbers(field)
        words = sheet.words(name) < len(values)
        if words.any() and np.mean(~np.isnan(cells[words])) >= NUMBERS_IN_WORDS:
            fields.append(field)
    return fields


def _number(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        return np.nan
    return value if np.isfinite(value) else np.nan


def _has_time(days: Floats) -> bool:
    there = known(days)
    return bool(len(there) and (there != np.floor(there)).mean() > 0.01)


def _counts(values: Floats) -> bool:
    there = known(values)
    if not len(there):
        return False
    whole = is_whole(there, 0, GREATEST_COUNT).all()
    return bool(whole and there.min() < there.max())


# -- Dates that are spread over columns


def _spread_dates(sheet: Sheet, numbers: Sequence[Field]) -> list[SpreadDate]:
    """Dates of three columns; each column is part of one at most."""
    there = {field: known(sheet.numbers(field)) for field in numbers}
    years = [f for f in numbers if _lies(there[f], *YEARS) and _spans(there[f], 0, 150)]
    months: list[Field] = [
        f for f in numbers if _lies(there[f], 1, 12) and there[f].max() == 12
    ]
    months += _month_words(sheet)
    days = [f for f in numbers if _lies(there[f], 1, 31) and there[f].max() >= 28]
    found: list[tuple[bool, int, SpreadDate]] = []
    for year, month, day in product(years, months, days):
        columns = (*year.columns, *month.columns, *day.columns)
        if len(set(columns)) < 3:
            continue
        date = SpreadDate(columns, _name_of_date(columns), year, month, day)
        named = all(
            _says(part, what)
            for part, what in zip(columns, ("year", "month", "day"), strict=True)
        )
        wrong, by_chance = no_such_days(sheet, date)
        surely = by_chance >= NO_SUCH_DAYS and wrong * 20 <= by_chance
        if surely or (named and wrong <= 0.005 * len(sheet)):
            found.append((named, len(_shared(columns)), date))
    found.sort(key=lambda one: (-one[0], -one[1], one[2].columns))
    dates: list[SpreadDate] = []
    taken: set[str] = set()
    for _, _, date in found:
        if not taken & {*date.columns}:
            dates.append(date)
            taken |= {*date.columns}
    return dates


def _shared(columns: tuple[str, ...]) -> str:
    """With what all of the names begin."""
    first, last = min(columns), max(columns)
    same = 0
    while same < len(first) and first[same] == last[same]:
        same += 1
    return first[:same]


def _name_of_date(columns: tuple[str, ...]) -> str:
    """By what the names of its columns have in common, if they do."""
    shared = _shared(columns).rstrip("_-. ")
    return (
        f"the date {quote(shared)}"
        if len(shared) >= 3
        else f"the date of {names(columns)}"
    )


def _lies(values: Floats, least: float, most: float) -> bool:
    return bool(len(values) and is_whole(values, least, most).mean() >= 0.995)


def _spans(values: Floats, least: float, most: float) -> bool:
    return least <= values.max() - values.min() <= most


def _says(name: str, what: str) -> bool:
    return any(word in name.lower() for word in WORDS_FOR[what])


def _month_words(sheet: Sheet) -> list[Field]:
    """Columns of names of months, in one language."""
    fields: list[Field] = []
    for j, name in enumerate(sheet.tables.categorical):
        words = [word.strip().lower() for word in sheet.tables.categories[j]]
        used = np.bincount(sheet.words(name), minlength=len(words) + 1)[:-1] > 0
        best: tuple[float, ...] = ()
        for letter in "bB":
            for language in KNOWN[letter]:
                months = [
                    month.lower() for month in calendar_names(letter, language) or ()
                ]
                place = {month: float(i + 1) for i, month in enumerate(months)}
                values = tuple(place.get(word, np.nan) for word in words)
                read = ~np.isnan(np.array(values))[used]
                if used.sum() >= 3 and read.all():
                    best = best or values
        if best:
            fields.append(OfWords((name,), quote(name), best))
    return fields


def no_such_days(sheet: Sheet, date: SpreadDate) -> tuple[int, float]:
    """How many of the dates do not exist, and how many would not by chance."""
    _, exists = date.days(sheet)
    given = date.given(sheet)
    month = sheet.numbers(date.month)[given]
    day = sheet.numbers(date.day)[given]
    rows = max(len(day), 1)
    by_chance = 0.0
    for number, length in enumerate(
        (28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 30)
    ):
        # Of four years one has a 29th of February.
        beyond = (day > np.ceil(length)).mean() + (
            (day == 29).mean() * 0.75 if number == 1 else 0.0
        )
        by_chance += float((month == number + 1).sum() * beyond) if len(day) else 0.0
    return int((given & ~exists).sum()), by_chance * (rows > 1)


# -- Codes


def _codings(sheet: Sheet) -> list[Coding]:
    """Columns of words, and of numbers with few values or some common ones."""
    tables = sheet.tables
    codings = []
    for j, name in enumerate(tables.categorical):
        may = tables.nameable(j)
        words = [
            quote(word_of(tables, name, code), 24) if ok else UNNAMED
            for code, ok in enumerate(may)
        ]
        if len(words) <= MOST_CODES:
            all_words = (*words, "another value", "missing")
            codings.append(Coding((name,), quote(name), all_words))
    for name in tables.numeric:
        coding = coded(sheet, Plain((name,), quote(name)))
        if coding is not None:
            codings.append(coding)
    return codings


def coded(sheet: Sheet, field: Field) -> Coding | None:
    """Codes of a field; None if it has too many values, and none is common."""
    cells = sheet.numbers(field)
    values, counts = np.unique(known(cells), return_counts=True)
    if not len(values):
        return None
    rows = counts.sum()
    full = len(values) <= min(MOST_CODES, rows / ROWS_PER_CODE)
    if not full:
        common = np.flatnonzero(counts >= max(COMMON * len(cells), ROWS_PER_CODE))
        commonest = common[np.argsort(-counts[common], kind="stable")][:MOST_COMMON]
        values = values[np.sort(commonest)]
        if not len(values) and np.isnan(cells).mean() < COMMON:
            return None
        if not len(values):
            # Cells are there or missing: no cell has this value.
            values = np.array([np.inf])
    if isinstance(field, Part):
        # That no cell has, nobody is told.
        told = [field.told(value) if np.isfinite(value) else "" for value in values]
    else:
        told = _told(sheet.tables, field, values)
    other = "another value"
    if not full and not np.isfinite(values).any():
        other = "there"
    elif not full and len(values) == 1:
        other = f"other than {told[0]}"
    return Coding(
        field.columns,
        field.said,
        (*told, other, "missing"),
        field,
        tuple(values.tolist()),
        full,
    )


def _told(tables: Tables, field: Field, values: Floats) -> list[str]:
    """The values as the column writes them, where they may be named."""
    (name,) = field.columns
    j = tables.numeric.index(name)
    scale = per_day(tables, name)
    real = tables.real.numbers[:, j] / scale
    place = np.minimum(np.searchsorted(values, real), len(values) - 1)
    is_one = values[place] == real
    people = None if tables.real.people is None else tables.real.people[is_one]
    counts = people_of_values(place[is_one].astype(np.int64), len(values), people)
    return [
        number_of(tables, name, value * scale) if ok else UNNAMED
        for value, ok in zip(values, may_be_named(counts), strict=True)
    ]
