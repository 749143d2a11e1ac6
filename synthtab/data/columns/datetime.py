"""Dates, instants and times of day, as numbers and in the parts that a calendar has.

A distribution of instants keeps their season, and blurs what repeats: office hours, free
Sundays. So the time of day is a part of its own wherever there is one beside a date, and
so is the weekday wherever the table's weekdays differ. Where other columns come and go with
the season, the year and the time of year are parts, too. How a cell is written is one where
there are several ways. The parts are blocks, each drawn given the ones before.

An instant that stands apart, as 9999-12-31 does, is no sum of parts: it has a code in the
first of them, and the others say nothing.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import DataError, SchemaError
from synthtab.core.layout import Block
from synthtab.core.schema import Column
from synthtab.data.columns import dates, dtypes
from synthtab.data.columns.base import (
    Cells,
    Mask,
    Settings,
    Texts,
    as_dtype,
    cell_error,
    distinct_texts,
    holds_text,
    is_text,
    name_words,
    natural,
    objects,
)
from synthtab.data.columns.disclosure import people_of_values
from synthtab.data.columns.numbers import LEAST_ROWS, NumberCodec, around
from synthtab.data.columns.numeric import BOUND_OPTIONS, Ends, NumberEncoder, words_in

# How a date or time begins: with a number, a quarter or the name of a day or month.
BEGINS = re.compile(r"[(\[<\"#]?(?:\d|Q\d|[^\W\d_]{2,}[ .,/'-].*\d)")
# So many texts are looked at.
GLANCE = 100
# Digits alone are a date more readily if the column's name says so.
DATE_WORDS = frozenset({"date", "day", "dt", "dob", "birth", "born", "birthday"})
# Instants that stand apart: so many at most. One that has days of its own is three times
# as frequent as those around it; any other ten times, with such a share of the rows.
MOST_STAMPS = 20
ALONE = 3
AMONG_OTHERS = 10
STAMP_SHARE = 0.01

# How the values of conditions are read that are not written like cells.
DAY_FIRST = re.compile("%-?d.*%-?m")
ISO = re.compile(r"\d{4}")

# 0001-01-01 and 9999-12-31 in days since 1970.
FIRST_DAY = -719_162
LAST_DAY = 2_932_896

# Distinct days from which on the time of day is a part of its own. Beside a weekday it is
# one whatever their number.
FEWEST_DAYS = 3

# Days that a date must span for its season to come round.
SEASONS_DAYS = 550
# Conditions look at all combinations of the codes of a date. With more of them than this,
# a season is no part.
MOST_COMBINATIONS = 400_000

Integers = npt.NDArray[np.int64]
# Of one part: codes and offsets, both ``[rows]``.
Encoded = tuple[npt.NDArray[Any], npt.NDArray[Any]]


# Dtypes of times of day.
_CLOCK = re.compile(r"time(32|64)\[")


class DatetimeEncoder(NumberEncoder):
    """Whole numbers of the coarsest unit that loses nothing, such as days.

    Options:
        ``format`` of the text, see `synthtab.data.columns.dates`, or a list of them;
        ISO 8601 for a column that was never text.
        ``unit``: what the numbers count.
        ``minimum`` and ``maximum``, as text.
        ``missing``.

    Args:
        column: The schema's description of the column.
        codec: Of the cells. Where they come in parts: of their days or, if there is a
            ``weekday``, of their weeks; of their years, if there is a ``season``.
        clock: Of their time of day, in units of the column, where that is a part.
        weekday: Whether the weekday is a part.
        stamps: Instants that have a code of their own, the ones after those of the
            column's words.
        season: Of the days, or weeks, since their year began, where that is a part.
    """

    kind: ClassVar[str] = "datetime"
    of_text: ClassVar[bool] = True
    turn: ClassVar[int] = 30
    # "timedelta64[ns]" is no date.
    dtypes: ClassVar[re.Pattern[str] | None] = re.compile("date|time(?!delta)|period")
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **BOUND_OPTIONS,
        **dates.TIME_OPTIONS,
    }
    bounds_are_texts: ClassVar[bool] = True
    temporal: ClassVar[bool] = True
    in_units: ClassVar[bool] = True

    def __init__(
        self,
        column: Column,
        codec: NumberCodec,
        clock: NumberCodec | None = None,
        weekday: bool = False,
        stamps: Sequence[int] = (),
        season: NumberCodec | None = None,
    ) -> None:
        super().__init__(column, codec)
        self.clock = clock
        self.season = season
        self.weekday = weekday
        self.stamps = np.array(stamps, dtype=np.int64)
        self.forms = formats_of(column)
        self.per_day = _per_day(column)
        # Otherwise all is as in `NumberEncoder`.
        has_parts = clock is not None or weekday or season is not None
        self.in_parts = has_parts or len(self.forms) > 1
        if not self.in_parts:
            return
        # The block of each part; None for one that does not vary, or is no part.
        self.date_block = codec.block(column.name)
        if self.date_block is not None:
            name = "week" if weekday else "day"
            if season is not None:
                name = "year"
            self.date_block = replace(self.date_block, part=name)
        self.season_block = None if season is None else season.block(column.name)
        if self.season_block is not None:
            name = "week of the year" if weekday else "day of the year"
            self.season_block = replace(self.season_block, part=name)
        self.weekday_block = Block(column.name, "weekday", 7) if weekday else None
        self.time_block = None if clock is None else clock.block(column.name)
        if self.time_block is not None:
            self.time_block = replace(self.time_block, part="time")
        self.form_block = None
        if len(self.forms) > 1:
            self.form_block = Block(column.name, "form", len(self.forms))
        parts = (
            self.date_block,
            self.season_block,
            self.weekday_block,
            self.time_block,
            self.form_block,
        )
        self.blocks = tuple(block for block in parts if block is not None)

    @classmethod
    def fit(
        cls,
        series: pd.Series,
        column: Column,
        rng: np.random.Generator,
        settings: Settings,
    ) -> DatetimeEncoder:
        """Learn the parts, or one encoding where there are none."""
        values, missing = cls.numbers(series, column)
        has_times = _per_day(column) > 1
        people = settings.people_of(series[~missing])
        stamps = _stamps(values, _per_day(column), settings.rare, people)
        apart = np.isin(values, stamps)
        days, times = np.divmod(values[~apart], _per_day(column))
        distinct, counts = np.unique(days, return_counts=True)
        # The first days of months have weekdays, too, but these say nothing.
        if column.dtype.startswith("period"):
            return cls.fit_whole(series, column, rng, settings)
        # A part costs a block: only where it says something.
        unit = column.options.get("unit", "s")
        weekly = unit not in dates.LONG and dates.weekdays_differ(distinct, counts)
        several = len(formats_of(column)) > 1
        timed = has_times and (weekly or several or len(distinct) >= FEWEST_DAYS)
        seasonal = column.name in settings.seasonal
        if not timed and not weekly and not several and not seasonal:
            return cls.fit_whole(series, column, rng, settings)
        if weekly:
            days, _ = dates.weeks(days)
        since = days
        if seasonal:
            days, since = dates.years(days, weekly)
        blank, words = cls.blanks_and_words(series, missing, column)
        words += len(stamps)
        people = None if people is None else people[~apart]
        codec = NumberCodec.fit(days, blank, 0, rng, settings, words, people)
        clock = None
        if timed:
            # The first part has the code of "missing".
            none_missing = np.zeros(len(times), dtype=bool)
            clock = NumberCodec.fit(
                times, none_missing, 0, rng, settings, people=people
            )
        season = None
        if seasonal:
            none_missing = np.zeros(len(since), dtype=bool)
            season = NumberCodec.fit(
                since, none_missing, 0, rng, settings, people=people
            )
        encoder = cls(column, codec, clock, weekly, stamps.tolist(), season)
        combinations = np.prod([float(block.size) for block in encoder.blocks])
        if season is not None and combinations > MOST_COMBINATIONS:
            without = replace(settings, seasonal=frozenset())
            return cls.fit(series, column, rng, without)
        return encoder

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, parts]`` and offsets.

        All but the first part of a missing cell, and of an instant that stands apart,
        are those of another cell.
        """
        if not self.in_parts:
            return super().encode(series, rng)
        values, missing = self.numbers(series, self.column)
        rows = len(missing)
        # Which cells are the sum of their parts.
        is_stamp = np.isin(values, self.stamps)
        apart = missing.copy()
        apart[~missing] = is_stamp
        ordinary = values[~is_stamp]
        days, times = np.divmod(ordinary, self.per_day)
        weeks, weekdays = dates.weeks(days)
        # So that the blocks of a missing cell look like those of any other.
        other = rng.integers(0, max(len(ordinary), 1), int(apart.sum()))
        half = np.full(rows, 0.5, dtype=np.float32)

        none_missing = np.zeros(rows, dtype=bool)
        first = weeks if self.weekday else days
        season: Encoded = (none_missing, half)
        if self.season is not None:
            first, since = dates.years(first, self.weekday)
            filled = _filled(since, apart, other)
            season = self.season.encode(filled, none_missing, rng)
        date = self.codec.encode(first, apart, rng)
        self._write_stamps(date[0], values[is_stamp], apart & ~missing)
        self.write_words(date[0], series)
        weekday = (_filled(weekdays, apart, other), half)
        time: Encoded = (none_missing, half)
        if self.clock is not None:
            filled = _filled(times, apart, other)
            time = self.clock.encode(filled, none_missing, rng)
        form = (self._forms_of_cells(series, missing, rng), half)

        # Only what varies has a block.
        codes = []
        offsets = []
        for (code, offset), block in (
            (date, self.date_block),
            (season, self.season_block),
            (weekday, self.weekday_block),
            (time, self.time_block),
            (form, self.form_block),
        ):
            if block is not None:
                codes.append(code)
                if block.modes:
                    offsets.append(offset)
        return (
            np.array(codes, dtype=np.uint8).reshape(len(codes), rows).T,
            np.array(offsets, dtype=np.float32).reshape(len(offsets), rows).T,
        )

    def _write_stamps(
        self, codes: npt.NDArray[np.uint8], values: Integers, is_stamp: Mask
    ) -> None:
        """Write the codes of instants that stand apart; ``codes`` change in place."""
        if len(values):
            number = np.searchsorted(self.stamps, values)
            first = len(words_in(self.column))
            codes[is_stamp] = self.codec.code_of_word(first + number)

    def _forms_of_cells(
        self, series: pd.Series, missing: Mask, rng: np.random.Generator
    ) -> Integers:
        """``[rows]``: the number of the format in which each cell is written."""
        if self.form_block is None or not is_text(series):
            return np.zeros(len(missing), dtype=np.int64)
        unit = self.column.options.get("unit", "s")
        texts, codes, _ = distinct_texts(series, self.column)
        _, which = dates.read_any(texts, self.forms, unit)
        own = which[codes]
        other = rng.integers(0, max(len(own), 1), int(missing.sum()))
        return _filled(own, missing, other)

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """Codes and offsets => typed form, within the bounds."""
        if not self.in_parts:
            return super().decode(codes, offsets, rng, start)
        remaining_codes = iter(codes.T)
        remaining_offsets = iter(offsets.T)

        def read(block: Block | None) -> Encoded:
            """The next part; what does not vary has code 0."""
            code = np.zeros(len(codes), dtype=np.uint8)
            offset = np.full(len(codes), 0.5, dtype=np.float32)
            if block is not None:
                code = next(remaining_codes)
                if block.modes:
                    offset = next(remaining_offsets)
            return code, offset

        date = read(self.date_block)
        season, season_offset = read(self.season_block)
        weekday, _ = read(self.weekday_block)
        time, time_offset = read(self.time_block)
        form, _ = read(self.form_block)
        days, apart = self.codec.decode(*date)
        if self.season is not None:
            since, _ = self.season.decode(season[~apart], season_offset[~apart])
            days = dates.of_years(days, since, self.weekday)
        if self.weekday:
            days = dates.days_of(days, weekday[~apart].astype(np.int64))
        # Midnight of each day, in units of the column.
        values = np.zeros(len(codes), dtype=np.int64)
        values[~apart] = days * self.per_day
        if self.clock is not None:
            times, _ = self.clock.decode(time[~apart], time_offset[~apart])
            values[~apart] += times
        # Words come before instants that stand apart.
        stamp = self.codec.word_of(date[0]) - len(words_in(self.column))
        is_stamp = stamp >= 0
        values[is_stamp] = self.stamps[stamp[is_stamp]]
        missing = apart & ~is_stamp
        values = self.within(values[~missing])
        cells = self._cells(values, missing, form[~missing])
        return self.with_words(cells, date[0])

    def _cells(
        self, values: Integers, missing: Mask, forms: npt.NDArray[Any]
    ) -> pd.Series:
        """As `series`, each cell in its own format.

        Args:
            values: ``[present]``.
            missing: ``[rows]``.
            forms: ``[present]``: the number of the format of each.
        """
        if self.form_block is None or not holds_text(self.column):
            return self.series(values, missing)
        unit = self.column.options.get("unit", "s")
        texts = dates.render_each(values, unit, self.forms, forms)
        cells = self.of_texts(texts, missing, self.column)
        return cells.rename(self.column.name)

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        state = self.codec.state()
        if self.in_parts:
            state["clock"] = self.clock.state() if self.clock else None
            state["weekday"] = self.weekday
            state["stamps"] = self.stamps.tolist()
        if self.season is not None:
            state["season"] = self.season.state()
        return state

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> DatetimeEncoder:
        """The inverse of `state`."""
        clock = None
        if state.get("clock"):
            clock = NumberCodec.from_state(state["clock"])
        codec = NumberCodec.from_state(state)
        # Earlier versions had no instants that stand apart.
        stamps = state.get("stamps", [])
        season = None
        if state.get("season"):
            season = NumberCodec.from_state(state["season"])
        return cls(column, codec, clock, state.get("weekday", False), stamps, season)

    @classmethod
    def fitting(cls, cells: Cells) -> Mask | None:
        """As `ColumnEncoder.fitting`: the cells of the formats that most cells have."""
        detected = _detected(cells)
        return None if detected is None else detected.fits

    @classmethod
    def readable(cls, texts: Texts, column: Column) -> Mask:
        """As `ColumnEncoder.readable`."""
        unit = column.options.get("unit", "s")
        return dates.read_any(texts, formats_of(column), unit)[1] >= 0

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Datetime dtypes, Python dates, and text in a common format."""
        if cells.is_text:
            return cls._accept_text(cells, forced)
        is_clock = _is_clock(cells.dtype, cells.python)
        if cells.python in ("date", "datetime", "time"):
            why = f"Python's {cells.python}"
        elif _is_temporal(cells.series) or is_clock:
            why = f"dtype {cells.dtype}"
        else:
            return None
        zone = _zone_of(cells.distinct, cells.name) if cells.python else ""
        if zone and is_clock:
            raise DataError(
                f"column {cells.name!r} has times of day in a time zone; leave it out, "
                f"with df[{cells.name!r}].map(lambda t: t.replace(tzinfo=None))"
            )
        unit = "s"
        values = np.zeros(0, dtype=np.int64)
        if cells.count:
            values, unit = _counts(cells.series.dropna())
            _refuse_far_years(cells.name, values, unit)
        coarse = dates.coarsest(values, unit)
        form = _clock_format(coarse)
        if not is_clock:
            form = _iso_format(coarse, f", {zone}" if zone else cells.dtype)
        return cls._describe(cells, values, unit, (form,), why, zone)

    @classmethod
    def _accept_text(cls, cells: Cells, forced: bool) -> Column | None:
        detected = _detected(cells, forced)
        if detected is None or not detected.fits.all():
            return None
        why = f"text like {' or '.join(detected.forms)}{detected.remark}"
        values = detected.values
        return cls._describe(cells, values, detected.unit, detected.forms, why)

    @classmethod
    def _describe(
        cls,
        cells: Cells,
        values: Integers,
        unit: str,
        forms: Sequence[str],
        why: str,
        zone: str = "",
    ) -> Column:
        """The column, given its distinct cells as whole numbers of a unit."""
        coarse = dates.coarsest(values, unit)
        missing = cells.missing_or_token
        form: str | list[str] = forms[0] if len(forms) == 1 else list(forms)
        options: dict[str, Any] = {"format": form, "unit": coarse}
        options |= cells.missing_options()
        if zone:
            options["zone"] = zone
        # pandas has no time of day, no day of no year, and no dates that are written in
        # several ways.
        dtype = "str"
        if len(forms) == 1 and dates.has_year(forms[0]):
            zone = ", UTC" if dates.UTC.search(forms[0]) else ""
            dtype = f"datetime64[{'ns' if unit == 'ns' else 'us'}{zone}]"
        note = ""
        if unit == "ns" and cells.misfits:
            note = "dates with nanoseconds reach from 1677-09-21 to 2262-04-11"
        column = cells.column(cls.kind, dtype, why, options, missing, note)
        # What was never text has been counted cell by cell.
        counts = None if cells.is_text else np.ones(len(values), dtype=np.int64)
        ends = cells.bounds(dates.convert(values, unit, coarse), counts)
        if not ends:
            return column
        least, greatest = _bound_texts(np.array(ends), column)
        options |= {"minimum": least, "maximum": greatest}
        why = f"{why}, from {least} to {greatest}"
        return cells.column(cls.kind, dtype, why, options, missing, note)

    @classmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Integers, Mask]:
        """Cells => whole numbers of the column's unit since 1970.

        In UTC where there is a time zone.
        """
        unit = column.options.get("unit", "s")
        series = dtypes.plain(series)
        missing = series.isna().to_numpy(dtype=bool)
        if missing.all():
            return np.zeros(0, dtype=np.int64), missing
        if is_text(series):
            return cls._parse(series, column, unit)
        present = series[~missing]
        try:
            values, own_unit = _counts(present)
        except (TypeError, ValueError):
            raise cell_error(column, present.iloc[0], "a date or time") from None
        return dates.convert(values, own_unit, unit), missing

    @classmethod
    def _parse(
        cls, series: pd.Series, column: Column, unit: str
    ) -> tuple[Integers, Mask]:
        """`numbers` for text."""
        forms = formats_of(column)
        if not forms:
            raise SchemaError(
                f"column {column.name!r}: the schema lacks the date format, "
                "such as %Y-%m-%d"
            )
        texts, codes, missing = distinct_texts(series, column)
        values, which = dates.read_any(texts, forms, unit)
        if (which < 0).any():
            culprit = texts[which < 0][0]
            raise cell_error(column, culprit, f"a date or time like {forms[0]}")
        return values[codes], missing

    @classmethod
    def natural(cls, values: Integers, missing: Mask, column: Column) -> pd.Series:
        """Whole numbers => datetime64, with its zone, or Python's dates."""
        unit = column.options.get("unit", "s")
        if unit in dates.LONG:
            values = dates.convert(values, unit, "D")
            unit = "D"
        options = column.options
        return _cells_of(values, missing, unit, column.dtype, options)

    @classmethod
    def decimals(cls, column: Column) -> int | None:
        """Whole numbers have none."""
        return 0

    @classmethod
    def bounds(cls, column: Column) -> tuple[int | None, int | None]:
        """``minimum`` and ``maximum`` as numbers."""
        least = _bound(column.options.get("minimum"), column)
        greatest = _bound(column.options.get("maximum"), column)
        return least, greatest

    @classmethod
    def domain(cls, column: Column) -> Ends:
        """Of times of day one day; its end counts where midnight is 24:00."""
        if cls.measure(column) != "time of day":
            return None, None
        at_the_end = "%+H" in formats_of(column)[0]
        return 0, _per_day(column) - (not at_the_end)

    @classmethod
    def measure(cls, column: Column) -> str:
        """Dates and times of day cannot be compared."""
        forms = formats_of(column)
        if forms and not dates.has_date(forms[0]):
            return "time of day"
        if forms and not dates.has_year(forms[0]):
            return "day of the year"
        return "date"

    @classmethod
    def link_group(cls, column: Column) -> str:
        """As `ColumnEncoder.link_group`: none where cells are written in several ways."""
        return "" if len(formats_of(column)) > 1 else super().link_group(column)

    @classmethod
    def read_loosely(cls, value: Any, column: Column) -> Any:
        """A date in whatever form pandas can read, day and month as the column has them."""
        day_first = any(DAY_FIRST.search(form) for form in formats_of(column))
        is_iso = ISO.match(str(value).strip()) is not None
        try:
            read = pd.to_datetime(value, dayfirst=day_first and not is_iso)
        except pd.errors.OutOfBoundsDatetime:
            # pandas 2 counts nanoseconds here, but not where it is asked for one date.
            if not is_iso:
                raise
            read = pd.Timestamp(value)
        stamp = read.to_datetime64()
        count = np.array([stamp.astype(np.int64)])
        own = np.datetime_data(stamp.dtype)[0]
        unit = column.options.get("unit", "s")
        if unit in dates.LONG or dates.PER_DAY[unit] <= dates.PER_DAY[own]:
            return dates.convert(count, own, unit)[0]
        # What 64 bits do not reach in the column's unit is beyond all of its cells.
        exact = int(count[0]) * (dates.PER_DAY[unit] // dates.PER_DAY[own])
        return np.int64(min(max(exact, 1 - 2**63), 2**63 - 1))

    @classmethod
    def width(cls, value: Any, column: Column) -> int:
        """How many units a value covers: those of a day where it names a day."""
        if not isinstance(value, str):
            return 1
        forms = dates.forms_of(value.strip())
        names_a_day = any(dates.unit_of(form) == "D" for form in forms)
        return _per_day(column) if names_a_day else 1

    @classmethod
    def render(cls, values: Integers, column: Column) -> Texts:
        """Whole numbers => texts in the format; ISO 8601 without one."""
        unit = column.options.get("unit", "s")
        forms = formats_of(column) or (_iso_format(unit, column.dtype),)
        # The first that shows all of a value.
        finest = dates.finest_unit(forms)
        form = next((f for f in forms if dates.unit_of(f) == finest), forms[0])
        return dates.render(values, unit, form)


def formats_of(column: Column) -> tuple[str, ...]:
    """The formats in which the cells of a column are written.

    Raises:
        SchemaError: For a format with a part that there is not.
    """
    option = column.options.get("format")
    if not option:
        return ()
    forms = (option,) if isinstance(option, str) else tuple(option)
    for form in forms:
        part = dates.unknown_part(form)
        if part is not None:
            raise SchemaError(
                f"column {column.name!r}: the format {form!r} has an unknown part "
                f"{part}; docs/command-line.md lists those that there are"
            )
    return forms


def spans_years(column: Column) -> bool:
    """Whether a column has dates that go through more than one year and a half."""
    if column.kind != DatetimeEncoder.kind or DatetimeEncoder.measure(column) != "date":
        return False
    if column.options.get("unit", "s") not in dates.PER_DAY:
        return False
    low, high = DatetimeEncoder.bounds(column)
    if low is None or high is None:
        return False
    return high - low >= SEASONS_DAYS * _per_day(column)


def _per_day(column: Column) -> int:
    """How many units a day has; 1 where a unit has several days."""
    return dates.PER_DAY.get(column.options.get("unit", "s"), 1)


def _detected(cells: Cells, forced: bool = False) -> dates.Detected | None:
    """How the texts of a column are written, if they are dates or times."""
    if not len(cells.words):
        return None
    stripped = objects((text.strip() for text in cells.words), len(cells.words))
    if not any(map(BEGINS.match, stripped[:GLANCE])):
        return None
    counts = cells.people_once[~cells.token_mask]
    is_named = bool(DATE_WORDS & set(name_words(cells.name)))
    return dates.detect(stripped, counts, cells.rare, forced or is_named)


def _stamps(
    values: Integers, per_day: int, rare: int, people: Integers | None = None
) -> Integers:
    """The instants that stand apart, ascending.

    Args:
        values: ``[present]``: all instants.
        per_day: How many units a day has.
        rare: No instant that fewer rows have.
        people: ``[present]``: whom each is about, where fewer people are meant.
    """
    distinct, inverse, counts = np.unique(
        values, return_inverse=True, return_counts=True
    )
    if len(distinct) < 2:
        return distinct[:0]
    week = dates.weeks(distinct // per_day)[0]
    alone = np.bincount(np.unique(week, return_inverse=True)[1])
    is_alone = alone[np.unique(week, return_inverse=True)[1]] == 1
    ratio = counts / np.maximum(around(counts, np.arange(len(counts))), 1)
    shares = counts / counts.sum()
    stands_apart = (is_alone & (ratio >= ALONE)) | (
        (ratio >= AMONG_OTHERS) & (shares >= STAMP_SHARE)
    )
    holders = people_of_values(inverse, len(distinct), people)
    enough = (counts >= LEAST_ROWS) & (holders >= rare)
    chosen = np.flatnonzero(stands_apart & enough)
    by_frequency = np.argsort(-counts[chosen], kind="stable")
    chosen = chosen[by_frequency][:MOST_STAMPS]
    # Something must be left that is the sum of its parts.
    if len(chosen) == len(distinct):
        return distinct[:0]
    return np.sort(distinct[chosen])


def _filled(values: Integers, missing: Mask, other: Integers) -> Integers:
    """``[rows]``: the values of the cells that are not missing, and others' elsewhere.

    Args:
        values: ``[present]``.
        missing: ``[rows]``.
        other: Which value each missing cell takes.
    """
    filled = np.zeros(len(missing), dtype=np.int64)
    filled[~missing] = values
    if len(values):
        filled[missing] = values[other]
    return filled


def _iso_format(unit: str, dtype: str) -> str:
    """ISO 8601 down to the unit, in UTC where the dtype has a zone."""
    zone = "+00:00" if "," in dtype else ""
    if unit == "D" and not zone:
        return "%Y-%m-%d"
    fraction = {"ms": ".%3f", "us": ".%6f", "ns": ".%9f"}.get(unit, "")
    return f"%Y-%m-%d %H:%M:%S{fraction}{zone}"


def _clock_format(unit: str) -> str:
    """A time of day down to the unit."""
    fraction = {"ms": ".%3f", "us": ".%6f", "ns": ".%9f"}.get(unit, "")
    return f"%H:%M:%S{fraction}"


def _bound_texts(values: Integers, column: Column) -> tuple[str, str]:
    """The least and the greatest number as text."""
    ends = np.array([values.min(), values.max()], dtype=np.int64)
    least, greatest = DatetimeEncoder.render(ends, column)
    return str(least), str(greatest)


def _bound(text: Any, column: Column) -> int | None:
    """A bound of the schema as a number; None if there is none."""
    forms = formats_of(column)
    if text is None or not forms:
        return None
    unit = column.options.get("unit", "s")
    values, which = dates.read_any(np.array([text], dtype=object), forms, unit)
    if which[0] < 0:
        raise SchemaError(
            f"column {column.name!r}: the bound {text!r} is not a date or time "
            f"like {forms[0]}; correct it"
        )
    return int(values[0])


def _is_temporal(series: pd.Series) -> bool:
    """Whether pandas knows the cells as dates."""
    return series.dtype.kind == "M"


# -- Dates and times of day in any dtype, and as Python's objects <=> whole numbers


def _is_clock(dtype: str, python: str) -> bool:
    """Whether the cells of a dtype, or these objects, are times of day."""
    return python == "time" or bool(_CLOCK.match(dtype))


def _unit_of(dtype: str) -> str:
    """``"us"`` of ``datetime64[us]``; pandas' own unit where the name has none."""
    unit = re.search(r"\[(s|ms|us|ns)\b", dtype)
    if unit:
        return unit[1]
    # Of days and of periods, which may be far away.
    return "s" if dtype.startswith(("date32", "period")) else "ns"


def _zone_of(cells: Any, name: str) -> str:
    """The name of the time zone that all objects have; "" for none.

    Raises:
        DataError: They have several.
    """
    # Some zones are not hashable.
    zones = {id(zone): zone for zone in (getattr(c, "tzinfo", None) for c in cells)}
    names = {dtypes.zone_name(zone) if zone else "" for zone in zones.values()}
    if len(names) > 1:
        raise DataError(
            f"column {name!r} mixes time zones; convert it to one, with "
            f"pd.to_datetime(df[{name!r}], utc=True)"
        )
    return names.pop() if names else ""


def _refuse_far_years(name: str, values: Integers, unit: str) -> None:
    """Raise a `DataError` for years that are not written with four digits."""
    days = dates.convert(values, unit, "D")
    if days.min() < FIRST_DAY or days.max() > LAST_DAY:
        raise DataError(
            f"column {name!r} has dates before the year 1 or after 9999, which cannot be "
            "written; make these cells missing, or the years a column of numbers"
        )


def _counts(present: pd.Series) -> tuple[Integers, str]:
    """Dates in UTC as whole numbers since 1970, times of day since midnight.

    Args:
        present: Plain cells, none of them missing.

    Returns:
        The numbers, and their unit.

    Raises:
        TypeError, ValueError: A cell is neither.
    """
    if isinstance(present.dtype, pd.DatetimeTZDtype):
        present = present.dt.tz_convert("UTC").dt.tz_localize(None)
    stamps = present.to_numpy()
    if stamps.dtype == object:
        # Equal moments in two zones count as one cell.
        codes, distinct = pd.factorize(stamps)
        stamps = _of_objects(np.asarray(distinct, dtype=object))[codes]
    unit = np.datetime_data(stamps.dtype)[0]
    return stamps.astype(np.int64), unit


def _of_objects(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Objects => datetime64."""
    types = {type(cell) for cell in cells}
    is_local = all(getattr(cell, "tzinfo", None) is None for cell in cells)
    if types <= {datetime.date, datetime.datetime} and is_local:
        return cells.astype("M8[us]")
    stamps = [_stamp(cell) for cell in cells]
    # Nanoseconds reach from 1677 to 2262 only.
    unit: Any = "ns" if any(stamp.nanosecond for stamp in stamps) else "us"
    in_unit = (stamp.as_unit(unit).to_datetime64() for stamp in stamps)
    return np.array(list(in_unit), dtype=f"M8[{unit}]")


def _stamp(cell: Any) -> pd.Timestamp:
    """One cell as a moment in UTC; a time of day as one of the day 1970-01-01."""
    if isinstance(cell, datetime.time):
        cell = datetime.datetime.combine(datetime.date(1970, 1, 1), cell)
    if isinstance(cell, pd.Period):
        cell = cell.start_time
    stamp = pd.Timestamp(cell)
    if stamp.tzinfo is None:
        return stamp
    return stamp.tz_convert("UTC").tz_localize(None)


def _cells_of(
    values: Integers, missing: Mask, unit: str, dtype: str, options: Mapping[str, Any]
) -> pd.Series:
    """Whole numbers => cells of a dtype.

    Args:
        values: ``[present]``: since 1970, in UTC; or since midnight.
        missing: ``[rows]``.
        unit: What they count.
        dtype: Of the cells.
        options: Of the column: which objects they are.
    """
    python = options.get("python")
    if python:
        cells = _objects(values, unit, python, options)
        return natural(cells, missing, "object", options)
    own_unit = _unit_of(dtype)
    letter = "m8" if _is_clock(dtype, "") else "M8"
    stamps = values.astype(f"{letter}[{unit}]").astype(f"{letter}[{own_unit}]")
    if not isinstance(dtypes.parse(dtype), pd.DatetimeTZDtype):
        return natural(stamps, missing, dtype)
    in_utc = natural(stamps, missing, f"datetime64[{own_unit}]")
    return as_dtype(in_utc.dt.tz_localize("UTC"), dtype)


def _objects(
    values: Integers, unit: str, python: str, options: Mapping[str, Any]
) -> npt.NDArray[Any]:
    """Whole numbers => Python's dates, datetimes or times, or pandas' Timestamps."""
    fine = "ns" if unit == "ns" else "us"
    stamps = values.astype(f"M8[{unit}]").astype(
        f"M8[{'D' if python == 'date' else fine}]"
    )
    zone = options.get("zone")
    if not zone and options.get("scalar") != "Timestamp":
        cells = stamps.astype(object)
        if python == "time":
            cells = np.fromiter((cell.time() for cell in cells), object, len(cells))
        return cells
    series = pd.Series(stamps)
    if zone:
        series = series.dt.tz_localize("UTC").dt.tz_convert(dtypes.zone(zone))
    cells = np.array(series.astype(object), dtype=object)
    if options.get("scalar") == "Timestamp":
        return cells
    return np.fromiter((cell.to_pydatetime() for cell in cells), object, len(cells))
