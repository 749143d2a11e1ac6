"""Dates that are spread over columns, and columns that a date says by itself.

A year, a month and a day side by side are a date. Such a date joins the columns of the
encoded table without being drawn (`Assembled`): so that others can be measured from it, and
so that no 30th of February is made. A week number, a quarter, the name of a weekday beside
a date follow from it (`PartOf`): they are not drawn either, but written back as the table
writes them. What a part of a date is called is learnt from the table, so that it may be in
any language; the names of months must be known where they are what makes the date.

    find_calendars    the encoders of such columns
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.layout import Codes, Offsets
from synthtab.core.schema import Column, Schema
from synthtab.data.columns import KINDS, cells_to_text, dates, number_kind
from synthtab.data.columns.base import Mask, name_words
from synthtab.data.columns.calendar_words import KNOWN, names
from synthtab.data.columns.numbers import nearest
from synthtab.data.constraints.table import number_cells, text_cells
from synthtab.data.relations.links import Cells, in_unit, numbers, own_unit

Integers = npt.NDArray[np.int64]

# Rows in which they are looked for, and the fewest.
ROWS = 20_000
FEWEST = 50
# Share of the rows of which a part must say what the column is; and how many times as often
# it fails if nothing is known of the date.
ALWAYS = 0.995
LIFT = 20
# There are so many times as many days as there are values of the part.
DAYS_PER_VALUE = 3
# Most distinct cells of a column that follows from a part, if they are no numbers of it.
MOST_CELLS = 60
# So many dates that do not exist would there be, were a day any other row's; names that
# speak of years, months and days are as good.
EVIDENCE = 5
NAMED = 3
# Years that are written with four digits.
YEARS = (1500, 2199)
WORDS = (
    frozenset(
        [
            "year",
            "yr",
            "jahr",
            "annee",
            "année",
            "an",
            "año",
            "ano",
            "anno",
            "jaar",
            "y",
            "yyyy",
        ]
    ),
    frozenset(
        [
            "month",
            "mon",
            "mo",
            "mth",
            "monat",
            "mois",
            "mes",
            "mês",
            "mese",
            "maand",
            "m",
            "mm",
        ]
    ),
    frozenset(
        [
            "day",
            "dom",
            "dayofmonth",
            "mday",
            "tag",
            "jour",
            "dia",
            "día",
            "giorno",
            "dag",
            "d",
            "dd",
        ]
    ),
)

# --------------------------------------------------------------------------------------
# Parts of a date


def _year(days: Integers) -> Integers:
    return dates.years(days, False)[0]


def _day_of_year(days: Integers) -> Integers:
    return dates.years(days, False)[1]


def _month(days: Integers) -> Integers:
    months = days.astype("M8[D]").astype("M8[M]").astype(np.int64)
    return months % 12 + 1


def _day(days: Integers) -> Integers:
    first = days.astype("M8[D]").astype("M8[M]").astype("M8[D]").astype(np.int64)
    return days - first + 1


def _weekday(days: Integers) -> Integers:
    return dates.weeks(days)[1]


def _week(days: Integers) -> Integers:
    """As in ISO 8601."""
    return dates.years(dates.weeks(days)[0], True)[1] + 1


def _week_from(first: int) -> Callable[[Integers], Integers]:
    """Weeks that begin on a weekday, of which the first has the 1st of January."""

    def week(days: Integers) -> Integers:
        since = _day_of_year(days)
        of_first_day = (_weekday(days - since) - first) % 7
        return np.asarray((since + of_first_day) // 7 + 1)

    return week


def _whole_week_from(first: int) -> Callable[[Integers], Integers]:
    """Weeks that begin on a weekday, of which the first is a whole one; 0 before it."""

    def week(days: Integers) -> Integers:
        weekday = (_weekday(days) - first) % 7
        return np.asarray((_day_of_year(days) + 7 - weekday) // 7)

    return week


# Name of a part -> it, from days since 1970. The coarsest come first.
PARTS: dict[str, Callable[[Integers], Integers]] = {
    "half-year": lambda days: (_month(days) + 5) // 6,
    "quarter": lambda days: (_month(days) + 2) // 3,
    "weekday": _weekday,
    "month": _month,
    "year": _year,
    "day": _day,
    "week": _week,
    "week from Sunday": _week_from(6),
    "week from Monday": _week_from(0),
    "whole week from Sunday": _whole_week_from(6),
    "whole week from Monday": _whole_week_from(0),
    "seven days of the year": lambda days: _day_of_year(days) // 7 + 1,
    "day of the year": lambda days: _day_of_year(days) + 1,
}


# --------------------------------------------------------------------------------------
# Encoders


class _NotDrawn:
    """The encoder of a column that follows from others without a choice.

    Args:
        column: Its description.
        needs: The columns that it follows from.
    """

    blocks: tuple[Any, ...] = ()
    withheld = ""

    def __init__(self, column: Column, needs: tuple[str, ...]) -> None:
        self.column = column
        self.needs = needs

    def encode_in(
        self, frame: pd.DataFrame, schema: Schema, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], Offsets]:
        """As `ColumnEncoder.encode_in`: nothing."""
        nothing = np.zeros((len(frame), 0), dtype=np.uint8)
        return nothing, nothing.astype(np.float32)

    def knows(self, frame: pd.DataFrame) -> Mask:
        """As `ColumnEncoder.knows`."""
        return np.ones(len(frame), dtype=bool)


class PartOf(_NotDrawn):
    """A column that is a part of a date.

    Args:
        column: Its description.
        date: The date's column.
        part: One of `PARTS`.
        offset: The number of a cell less that of the part; None if cells are texts.
        texts: Number of the part -> the cell as text.
    """

    def __init__(
        self,
        column: Column,
        date: str,
        part: str,
        offset: int | None,
        texts: Mapping[int, str],
    ) -> None:
        super().__init__(column, (date,))
        self.date = date
        self.part = part
        self.offset = offset
        self.texts = dict(texts)

    def decode_in(
        self,
        codes: Codes,
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
        done: Mapping[str, pd.Series],
        schema: Schema,
    ) -> pd.Series:
        """As `ColumnEncoder.decode_in`."""
        column = schema[self.date]
        days, missing = in_unit(numbers(done, column), column, "D")
        part = PARTS[self.part](days)
        if self.offset is not None:
            cells = number_cells(part + self.offset, missing, self.column)
        else:
            known = np.array(sorted(self.texts), dtype=np.int64)
            # One that no row of the table had, or too few, is written as its neighbour.
            number = np.where(missing, -1, nearest(known, part))
            texts = [self.texts[value] for value in known.tolist()]
            cells = text_cells(texts, number, self.column)
        return cells.rename(self.column.name)

    def cells(self) -> pd.Series | None:
        """The distinct cells, if they are texts."""
        if self.offset is not None:
            return None
        texts = list(dict.fromkeys(self.texts.values()))
        return text_cells(texts, np.arange(len(texts)), self.column)

    def __str__(self) -> str:
        return f"{self.column.name} = {self.part} of {self.date}"

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        texts = [[value, text] for value, text in self.texts.items()]
        return {
            "part_of": self.date,
            "part": self.part,
            "offset": self.offset,
            "texts": texts,
        }

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> PartOf:
        """The inverse of `state`."""
        texts = {int(value): str(text) for value, text in state["texts"]}
        return cls(column, state["part_of"], state["part"], state["offset"], texts)


class Assembled(_NotDrawn):
    """A date that is put together from a year, a month and a day: no column of the table.

    Args:
        column: Its description.
        parts: The columns of the year, the month and the day.
        months: The texts of the months, where they are no numbers.
    """

    def __init__(
        self, column: Column, parts: tuple[str, ...], months: tuple[str, ...] = ()
    ) -> None:
        super().__init__(column, parts)
        self.parts = parts
        self.months = months

    def days(
        self, table: Mapping[str, pd.Series] | pd.DataFrame, schema: Schema
    ) -> tuple[Integers, Mask, Mask]:
        """Days since 1970; where a part is missing; and where there is no such date.

        What a month does not have is its last day.
        """
        year, month, day = (
            _number(table[name], schema[name], self.months if i == 1 else ())
            for i, name in enumerate(self.parts)
        )
        missing = year[1] | month[1] | day[1]
        months = (year[0] - 1970) * 12 + np.clip(month[0], 1, 12) - 1
        months = np.where(missing, 0, months)
        first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
        end = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
        wanted = first + np.where(missing, 1, day[0]) - 1
        found = np.clip(wanted, first, end - 1)
        return found, missing, found != wanted

    def series(
        self, table: Mapping[str, pd.Series] | pd.DataFrame, schema: Schema
    ) -> pd.Series:
        """The dates of a table."""
        days, missing, _ = self.days(table, schema)
        kind = number_kind(self.column)
        return kind.typed_numbers(days[~missing], missing, self.column)

    def mended(
        self, table: Mapping[str, pd.Series], schema: Schema
    ) -> dict[str, pd.Series]:
        """The column of days, where one of them was none of its month."""
        days, _, wrong = self.days(table, schema)
        if not wrong.any():
            return {}
        name = self.parts[2]
        values, missing = numbers(table, schema[name])
        mended = np.where(wrong, _day(days), values).astype(values.dtype)
        cells = number_kind(schema[name]).typed_numbers(
            mended[~missing], missing, schema[name]
        )
        return {name: cells}

    def decode_in(
        self,
        codes: Codes,
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
        done: Mapping[str, pd.Series],
        schema: Schema,
    ) -> pd.Series:
        """As `ColumnEncoder.decode_in`."""
        return self.series(done, schema)

    def __str__(self) -> str:
        return f"{', '.join(self.parts)} are a date"

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        return {
            "assembled": list(self.parts),
            "months": list(self.months),
            "column": self.column.to_json(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Assembled:
        """The inverse of `state`."""
        column = Column.from_json(state["column"])
        return cls(column, tuple(state["assembled"]), tuple(state["months"]))


def _plain(text: Any) -> str:
    """A text in small letters, as names of months are kept."""
    return str(text).strip().lower()


def _number(series: pd.Series, column: Column, words: Sequence[str]) -> Cells:
    """A column as whole numbers: those of its words, counted from 1, if there are any."""
    if not words and KINDS[column.kind].numeric:
        values, missing = numbers({column.name: series}, column)
        return np.rint(values).astype(np.int64), missing
    codes, distinct = pd.factorize(series)
    texts = cells_to_text(pd.Series(distinct), column)
    place = {word: i + 1 for i, word in enumerate(words)}
    if not words:
        # The one year of a table.
        place = {_plain(text): int(float(text)) for text in texts}
    number = [place.get(_plain(text), 0) for text in texts]
    # Code -1, a missing cell, reads the last entry.
    found = np.array([*number, 0], dtype=np.int64)[codes]
    return found, found == 0


# --------------------------------------------------------------------------------------
# The search


@dataclass(frozen=True)
class Calendars:
    """What was found in a table.

    Attributes:
        assembled: The dates that are spread over columns.
        parts: The columns that are parts of a date.
    """

    assembled: tuple[Assembled, ...] = ()
    parts: tuple[PartOf, ...] = ()

    def extended(self, frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
        """The table, with the dates that are spread over its columns."""
        return with_dates(frame, self.assembled, schema)

    def drawn(self, schema: Schema) -> Schema:
        """The columns that are not parts, and the dates that are spread over columns."""
        names_of_parts = {part.column.name for part in self.parts}
        kept = [c for c in schema.columns if c.name not in names_of_parts]
        return Schema((*kept, *(date.column for date in self.assembled)))


def with_dates(
    frame: pd.DataFrame, assembled: Sequence[Assembled], schema: Schema
) -> pd.DataFrame:
    """A table with the dates that are spread over its columns."""
    if not assembled:
        return frame
    cells = {date.column.name: date.series(frame, schema).array for date in assembled}
    return frame.assign(**cells)


def find_calendars(
    frame: pd.DataFrame,
    schema: Schema,
    target: str | None,
    rare: int,
    rng: np.random.Generator,
) -> Calendars:
    """Dates that are spread over columns, and parts of dates.

    Args:
        frame: The table, in the dtypes of the schema.
        schema: What its columns are.
        target: A column that models will predict: it is drawn whatever it follows from.
        rare: Texts that fewer rows have are not stored.
        rng: Chooses the rows that are looked at.
    """
    if len(frame) < FEWEST:
        return Calendars()
    sample = frame.iloc[rng.permutation(len(frame))[:ROWS]].reset_index(drop=True)
    candidates = [c for c in schema.columns if c.name != target and _may_be_part(c)]
    parts: list[PartOf] = []
    for column in schema.columns:
        if _is_date(column):
            of_date = in_unit(numbers(sample, column), column, "D")
            parts += _parts_of(column, of_date, sample, candidates, parts, rare)
    taken = {part.column.name for part in parts}
    left = [column for column in schema.columns if column.name not in taken]
    assembled = _spread_dates(sample, left, schema)
    for date in assembled:
        days, missing, _ = date.days(sample, schema)
        others = [c for c in candidates if c.name not in date.parts]
        used = {name for other in assembled for name in other.parts}
        others = [column for column in others if column.name not in used]
        parts += _parts_of(date.column, (days, missing), sample, others, parts, rare)
    return Calendars(tuple(assembled), tuple(parts))


def _is_date(column: Column) -> bool:
    """Whether a column has dates that have days."""
    if column.kind != "datetime" or column.options.get("words"):
        return False
    kind = KINDS[column.kind]
    form = column.options.get("format")
    is_plain = form is None or isinstance(form, str)
    unit = own_unit(column)
    return is_plain and kind.measure(column) == "date" and unit in dates.PER_DAY


def _may_be_part(column: Column) -> bool:
    """Whether a column may say a part of a date."""
    kind = KINDS[column.kind]
    if kind.constant or kind.invented or column.options.get("words"):
        return False
    return column.kind in ("integer", "float", "category", "boolean")


def _parts_of(
    date: Column,
    of_date: Cells,
    sample: pd.DataFrame,
    candidates: Sequence[Column],
    found: Sequence[PartOf],
    rare: int,
) -> list[PartOf]:
    """The columns that are parts of a date, if no other date says them."""
    days, missing = of_date
    present = days[~missing]
    if len(present) < FEWEST:
        return []
    taken = {part.column.name for part in found}
    distinct_days = len(np.unique(present))
    values = {name: part(days) for name, part in PARTS.items()}
    result = []
    for column in candidates:
        if column.name in taken:
            continue
        codes, distinct = pd.factorize(sample[column.name])
        codes = codes.astype(np.int64)
        # A cell is missing where the date is, and only there.
        together = ((codes < 0) == missing).mean()
        if len(distinct) < 2 or together < ALWAYS:
            continue
        both = ~missing & (codes >= 0)
        for name, value in values.items():
            part = _as_part(date, column, name, value, codes, distinct, both, rare)
            if part is None:
                continue
            kinds = len(np.unique(value[both]))
            if distinct_days >= DAYS_PER_VALUE * kinds:
                result.append(part)
                break
    return result


def _as_part(
    date: Column,
    column: Column,
    name: str,
    value: Integers,
    codes: Integers,
    distinct: Any,
    both: Mask,
    rare: int,
) -> PartOf | None:
    """The encoder of a column that is a part of a date; None if it is not."""
    _, part = np.unique(value[both], return_inverse=True)
    cell = codes[both]
    shares = np.bincount(cell) / len(cell)
    fails_alone = 1 - shares.max()
    if fails_alone * len(cell) < EVIDENCE:
        return None
    pairs, counts = np.unique(part * len(distinct) + cell, return_counts=True)
    owner = pairs // len(distinct)
    most = np.zeros(part.max() + 1, dtype=np.int64)
    np.maximum.at(most, owner, counts)
    fails = 1 - most.sum() / len(cell)
    if fails > 1 - ALWAYS or fails * LIFT > fails_alone:
        return None
    if KINDS[column.kind].numeric:
        cells, _ = numbers({column.name: pd.Series(distinct)}, column)
        gap = cells[cell] - value[both]
        offsets, rows = np.unique(gap, return_counts=True)
        offset = offsets[rows.argmax()]
        if rows.max() >= ALWAYS * len(gap) and float(offset).is_integer():
            return PartOf(column, date.name, name, int(offset), {})
    if len(distinct) > MOST_CELLS:
        return None
    known = np.unique(value[both])
    all_texts = cells_to_text(pd.Series(distinct), column)
    texts: dict[int, str] = {}
    for pair, count in sorted(zip(pairs.tolist(), counts.tolist(), strict=True)):
        number, of_cell = divmod(pair, len(distinct))
        if count == most[number] and count >= max(rare, 1):
            texts.setdefault(int(known[number]), str(all_texts[of_cell]))
    return PartOf(column, date.name, name, None, texts) if texts else None


def parts_of_spread(
    date: Assembled, frame: pd.DataFrame, schema: Schema, rare: int
) -> list[PartOf] | None:
    """The year, the month and the day of a spread date, as what the date says.

    None where they do not all follow from it. For a date that is measured from another.
    """
    days, missing, _ = date.days(frame, schema)
    found = []
    for name, part in zip(("year", "month", "day"), date.parts, strict=True):
        codes, distinct = pd.factorize(frame[part])
        codes = codes.astype(np.int64)
        both = ~missing & (codes >= 0)
        if schema[part].kind == "constant":
            # The one year of the table.
            continue
        if missing.any() or not _may_be_part(schema[part]):
            return None
        value = PARTS[name](days)
        of_part = _as_part(
            date.column, schema[part], name, value, codes, distinct, both, rare
        )
        if of_part is None:
            return None
        found.append(of_part)
    return found


def _spread_dates(
    sample: pd.DataFrame, columns: Sequence[Column], schema: Schema
) -> list[Assembled]:
    """Years, months and days that are dates together."""
    years: list[Column] = []
    # Each with the names of the months, if that is what it holds.
    months: list[tuple[Column, tuple[str, ...]]] = []
    days: list[Column] = []
    for column in columns:
        what = _looks_like(sample, column)
        if what == "year":
            years.append(column)
        elif what == "month":
            months.append((column, ()))
        elif what == "day":
            days.append(column)
    if not years or not days:
        return []
    for column in columns:
        words = _month_names(sample[column.name], column)
        if words:
            months.append((column, words))
    place = {column.name: i for i, column in enumerate(columns)}
    triples = []
    for year, (month, words), day in product(years, months, days):
        date = _assembled((year, month, day), words, schema)
        strength = _strength(date, sample, schema)
        if strength:
            spots = [place[name] for name in date.parts]
            triples.append((-strength, max(spots) - min(spots), min(spots), date))
    # The surest first; then those that stand side by side.
    triples.sort(key=lambda triple: triple[:3])
    found: list[Assembled] = []
    for *_, date in triples:
        used = {name for other in found for name in other.parts}
        if not used & set(date.parts):
            found.append(date)
    return found


def _looks_like(sample: pd.DataFrame, column: Column) -> str:
    """Whether a column of whole numbers may be a year, a month or a day; "" if not."""
    if column.kind == "constant":
        value = str(column.options.get("value"))
        is_year = value.isdigit() and YEARS[0] <= int(value) <= YEARS[1]
        return "year" if is_year and not column.missing else ""
    if not KINDS[column.kind].numeric or not _may_be_part(column):
        return ""
    values, missing = numbers(sample, column)
    present = values[~missing]
    if not len(present) or (present != np.rint(present)).any():
        return ""
    least, greatest = present.min(), present.max()
    if YEARS[0] <= least and greatest <= YEARS[1]:
        return "year"
    if least < 1 or greatest > 31:
        return ""
    if greatest <= 12:
        return "month"
    return "day" if greatest >= 28 else ""


def _month_names(series: pd.Series, column: Column) -> tuple[str, ...]:
    """The names of the months, in small letters, if that is what a column holds."""
    if KINDS[column.kind].numeric or not _may_be_part(column):
        return ()
    distinct = pd.Series(series.dropna().unique())
    if not 2 <= len(distinct) <= 12:
        return ()
    texts = {str(t).strip().lower() for t in cells_to_text(distinct, column)}
    for letter in ("B", "b"):
        for language in KNOWN[letter]:
            words = names(letter, language, "~") or ()
            if texts <= set(words):
                return words
            # Abbreviations are written with a full stop, or without.
            bare = tuple(word.rstrip(".") for word in words)
            if texts <= set(bare):
                return bare
    return ()


def _assembled(
    parts: tuple[Column, Column, Column], words: tuple[str, ...], schema: Schema
) -> Assembled:
    """The date of a year, a month and a day."""
    name = "date of " + ", ".join(column.name for column in parts)
    while name in schema.names:
        name += "'"
    options = {"unit": "D", "format": "%Y-%m-%d"}
    first, last = (
        parts[0].options.get(key, parts[0].options.get("value"))
        for key in ("minimum", "maximum")
    )
    if first is not None and last is not None:
        # Whole years, so that they tell no more than those.
        options["minimum"] = f"{int(first):04}-01-01"
        options["maximum"] = f"{int(last):04}-12-31"
    column = Column(name, "datetime", "datetime64[s]", options, missing=True)
    of_parts = tuple(part.name for part in parts)
    return Assembled(column, of_parts, words)


def _strength(date: Assembled, sample: pd.DataFrame, schema: Schema) -> int:
    """How sure it is that three columns are a date; 0 if they are none."""
    named = sum(
        bool(words & set(name_words(name)))
        for words, name in zip(WORDS, date.parts, strict=True)
    )
    named += 2 * bool(date.months)
    _, missing, wrong = date.days(sample, schema)
    if missing.mean() > 0.5 or wrong[~missing].mean() > 1 - ALWAYS:
        return 0
    day = date.parts[2]
    shuffled = sample.assign(**{day: np.roll(sample[day].array, len(sample) // 2)})
    _, _, wrong_by_chance = date.days(shuffled, schema)
    by_chance = int(wrong_by_chance.sum())
    is_sure = by_chance >= EVIDENCE and wrong.sum() * LIFT <= by_chance
    if not is_sure and named < NAMED:
        return 0
    # Columns of one date have a word in common: arrival_year, arrival_day.
    words = [set(name_words(name)) for name in date.parts]
    common = len(set.intersection(*words))
    return 1 + named + 2 * common
