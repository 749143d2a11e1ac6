"""Dates, instants and times of day, as numbers and in the parts that a calendar has.

A distribution of instants keeps their season, and blurs what repeats: office hours, free
Sundays. So the time of day is a part of its own wherever there is one beside a date, and
so is the weekday wherever the table's weekdays differ. The parts are blocks, each drawn
given the ones before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import DataError, SchemaError
from synthtab.core.layout import Block
from synthtab.core.schema import Column
from synthtab.data.columns import dates, dtypes, moments
from synthtab.data.columns.base import (
    Cells,
    Mask,
    Settings,
    Texts,
    cell_error,
    is_text,
    name_words,
    objects,
    parse_text,
)
from synthtab.data.columns.numbers import NumberCodec
from synthtab.data.columns.numeric import BOUND_OPTIONS, NumberEncoder

# A whole day, as conditions name it.
DAY = re.compile(r"\d{4}-\d\d-\d\d")
# A date without separators is one only if the column's name says so.
COMPACT = re.compile(r"(1[89]|2[01])\d{6}")
COMPACT_FORMAT = "%Y%m%d"
DATE_WORDS = frozenset({"date", "day", "dt", "dob", "birth", "born", "birthday"})

# Distinct days from which on the time of day is a part of its own. Beside a weekday it is
# one whatever their number.
FEWEST_DAYS = 3
# So many texts show in which form most cells are.
GLANCE = 20

Integers = npt.NDArray[np.int64]
# Of one part: codes and offsets, both ``[rows]``.
Encoded = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class DatetimeEncoder(NumberEncoder):
    """Whole numbers of the coarsest unit that loses nothing, such as days.

    Options:
        ``format`` of the text, see `synthtab.data.columns.dates`; ISO 8601 for a column
        that was never text.
        ``unit``: what the numbers count.
        ``minimum`` and ``maximum``, as text.
        ``missing``.

    Args:
        column: The schema's description of the column.
        codec: Of the cells. Where they come in parts: of their days or, if there is a
            ``weekday``, of their weeks.
        clock: Of their time of day, in units of the column, where that is a part.
        weekday: Whether the weekday is a part.
    """

    kind: ClassVar[str] = "datetime"
    turn: ClassVar[int] = 30
    # "timedelta64[ns]" is no date.
    dtypes: ClassVar[re.Pattern[str] | None] = re.compile("date|time(?!delta)|period")
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **BOUND_OPTIONS,
        **dates.TIME_OPTIONS,
    }
    temporal: ClassVar[bool] = True
    in_units: ClassVar[bool] = True

    def __init__(
        self,
        column: Column,
        codec: NumberCodec,
        clock: NumberCodec | None = None,
        weekday: bool = False,
    ) -> None:
        super().__init__(column, codec)
        self.clock = clock
        self.weekday = weekday
        self.per_day = dates.PER_DAY[column.options.get("unit", "s")]
        # Otherwise all is as in `NumberEncoder`.
        self.in_parts = clock is not None or weekday
        if not self.in_parts:
            return
        # The block of each part; None for one that does not vary, or is no part.
        self.date_block = codec.block(column.name)
        if self.date_block is not None:
            name = "week" if weekday else "day"
            self.date_block = replace(self.date_block, part=name)
        self.weekday_block = Block(column.name, "weekday", 7) if weekday else None
        self.time_block = None if clock is None else clock.block(column.name)
        if self.time_block is not None:
            self.time_block = replace(self.time_block, part="time")
        parts = (self.date_block, self.weekday_block, self.time_block)
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
        unit = column.options.get("unit", "s")
        days, times = np.divmod(values, dates.PER_DAY[unit])
        distinct, counts = np.unique(days, return_counts=True)
        # The first days of months have weekdays, too, but these say nothing.
        if column.dtype.startswith("period"):
            return cls.fit_whole(series, column, rng, settings)
        # A part costs a block: only where it says something.
        weekly = dates.weekdays_differ(distinct, counts)
        timed = unit != "D" and (weekly or len(distinct) >= FEWEST_DAYS)
        if not timed and not weekly:
            return cls.fit_whole(series, column, rng, settings)
        if weekly:
            days, _ = dates.weeks(days)
        blank, words = cls.blanks_and_words(series, missing, column)
        codec = NumberCodec.fit(days, blank, 0, rng, settings, words)
        clock = None
        if timed:
            # The first part has the code of "missing".
            none_missing = np.zeros(len(values), dtype=bool)
            clock = NumberCodec.fit(times, none_missing, 0, rng, settings)
        return cls(column, codec, clock, weekly)

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, parts]`` and offsets.

        All but the first part of a missing cell are those of another cell.
        """
        if not self.in_parts:
            return super().encode(series, rng)
        values, missing = self.numbers(series, self.column)
        rows = len(missing)
        days, times = np.divmod(values, self.per_day)
        weeks, weekdays = dates.weeks(days)
        # So that the blocks of a missing cell look like those of any other.
        other = rng.integers(0, max(len(values), 1), int(missing.sum()))
        none_missing = np.zeros(rows, dtype=bool)
        half = np.full(rows, 0.5, dtype=np.float32)

        date = self.codec.encode(weeks if self.weekday else days, missing, rng)
        self.write_words(date[0], series)
        weekday = (_filled(weekdays, missing, other), half)
        time: Encoded = (none_missing, half)
        if self.clock is not None:
            filled = _filled(times, missing, other)
            time = self.clock.encode(filled, none_missing, rng)

        # Only what varies has a block.
        codes = []
        offsets = []
        for (code, offset), block in (
            (date, self.date_block),
            (weekday, self.weekday_block),
            (time, self.time_block),
        ):
            if block is not None:
                codes.append(code)
                if block.modes:
                    offsets.append(offset)
        return (
            np.array(codes, dtype=np.uint8).reshape(len(codes), rows).T,
            np.array(offsets, dtype=np.float32).reshape(len(offsets), rows).T,
        )

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
        weekday, _ = read(self.weekday_block)
        time, time_offset = read(self.time_block)
        days, missing = self.codec.decode(*date)
        if self.weekday:
            days = dates.days_of(days, weekday[~missing].astype(np.int64))
        # Midnight of each day, in units of the column.
        values = days * self.per_day
        if self.clock is not None:
            times, _ = self.clock.decode(time[~missing], time_offset[~missing])
            values = values + times
        cells = self.series(self.within(values), missing)
        return self.with_words(cells, date[0])

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        state = self.codec.state()
        if self.in_parts:
            state["clock"] = self.clock.state() if self.clock else None
            state["weekday"] = self.weekday
        return state

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> DatetimeEncoder:
        """The inverse of `state`."""
        clock = None
        if state.get("clock"):
            clock = NumberCodec.from_state(state["clock"])
        codec = NumberCodec.from_state(state)
        return cls(column, codec, clock, state.get("weekday", False))

    @classmethod
    def fitting(cls, cells: Cells) -> Mask | None:
        """As `ColumnEncoder.fitting`: the cells of the form that most cells have."""
        stripped = objects((text.strip() for text in cells.words), len(cells.words))
        by_frequency = np.argsort(-cells.counts[~cells.token_mask], kind="stable")
        some = stripped[by_frequency[:GLANCE]]
        found = (dates.detect(some[i : i + 1]) for i in range(len(some)))
        best: Mask | None = None
        for form in {form for form, _ in filter(None, found)}:
            fits = _have_form(stripped, form)
            if best is None or cells.share_of(fits) > cells.share_of(best):
                best = fits
        return best

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Datetime dtypes, Python dates, and text in a common format."""
        if cells.is_text:
            return cls._accept_text(cells, forced)
        is_clock = moments.is_clock(cells.dtype, cells.python)
        if cells.python in ("date", "datetime", "time"):
            why = f"Python's {cells.python}"
        elif _is_temporal(cells.series) or is_clock:
            why = f"dtype {cells.dtype}"
        else:
            return None
        zone = moments.zone_of(cells.distinct, cells.name) if cells.python else ""
        if zone and is_clock:
            raise DataError(
                f"column {cells.name!r} has times of day in a time zone; leave it out, "
                f"with df[{cells.name!r}].map(lambda t: t.replace(tzinfo=None))"
            )
        unit = "s"
        values = np.zeros(0, dtype=np.int64)
        if cells.count:
            values, unit = moments.counts(cells.series.dropna())
        coarse = dates.coarsest(values, unit)
        form = _clock_format(coarse)
        if not is_clock:
            form = _iso_format(coarse, f", {zone}" if zone else cells.dtype)
        return cls._describe(cells, values, unit, form, why, zone)

    @classmethod
    def _accept_text(cls, cells: Cells, forced: bool) -> Column | None:
        if not len(cells.words):
            return None
        stripped = objects((text.strip() for text in cells.words), len(cells.words))
        detected: tuple[str, str] | None = None
        is_named = bool(DATE_WORDS & set(name_words(cells.name)))
        if cells.matches(COMPACT) and (forced or is_named):
            if dates.parse(stripped, COMPACT_FORMAT) is not None:
                detected = COMPACT_FORMAT, ""
        else:
            detected = dates.detect(stripped)
        if detected is None:
            return None
        form, remark = detected
        values = dates.parse(stripped, form)
        assert values is not None
        why = f"text like {form}{remark}"
        return cls._describe(cells, values, dates.unit_of(form), form, why)

    @classmethod
    def _describe(
        cls,
        cells: Cells,
        values: Integers,
        unit: str,
        form: str,
        why: str,
        zone: str = "",
    ) -> Column:
        """The column, given its distinct cells as whole numbers of a unit."""
        coarse = dates.coarsest(values, unit)
        missing = cells.missing_or_token
        options: dict[str, Any] = {"format": form, "unit": coarse}
        options |= cells.missing_options()
        if zone:
            options["zone"] = zone
        # pandas has no time of day.
        dtype = "str"
        if _has_date(form):
            zone = ", UTC" if form.endswith(("Z", "+00:00")) else ""
            dtype = f"datetime64[{'ns' if unit == 'ns' else 'us'}{zone}]"
        column = cells.column(cls.kind, dtype, why, options, missing)
        # What was never text has been counted cell by cell.
        counts = None if cells.is_text else np.ones(len(values), dtype=np.int64)
        ends = cells.bounds(dates.convert(values, unit, coarse), counts)
        if not ends:
            return column
        least, greatest = _bound_texts(np.array(ends), column)
        options |= {"minimum": least, "maximum": greatest}
        why = f"{why}, from {least} to {greatest}"
        return cells.column(cls.kind, dtype, why, options, missing)

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
            values, own_unit = moments.counts(present)
        except (TypeError, ValueError):
            raise cell_error(column, present.iloc[0], "a date or time") from None
        return dates.convert(values, own_unit, unit), missing

    @classmethod
    def _parse(
        cls, series: pd.Series, column: Column, unit: str
    ) -> tuple[Integers, Mask]:
        """`numbers` for text."""
        form = column.options.get("format")
        if not form:
            raise SchemaError(
                f"column {column.name!r}: the schema lacks the date format, "
                "such as %Y-%m-%d"
            )
        texts, missing = parse_text(series, column)
        codes, distinct = pd.factorize(texts)
        distinct = np.asarray(distinct, dtype=object)
        if not len(distinct):
            return np.zeros(0, dtype=np.int64), missing
        values = dates.parse(distinct, form)
        if values is None:
            one_by_one = (distinct[i : i + 1] for i in range(len(distinct)))
            culprit = next(one for one in one_by_one if dates.parse(one, form) is None)
            raise cell_error(column, culprit[0], f"a date or time like {form}")
        return dates.convert(values, dates.unit_of(form), unit)[codes], missing

    @classmethod
    def natural(cls, values: Integers, missing: Mask, column: Column) -> pd.Series:
        """Whole numbers => datetime64, with its zone, or Python's dates."""
        unit = column.options.get("unit", "s")
        options = column.options
        return moments.cells_of(values, missing, unit, column.dtype, options)

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
    def measure(cls, column: Column) -> str:
        """Dates and times of day cannot be compared."""
        form = column.options.get("format")
        if form and not _has_date(form):
            return "time of day"
        return "date"

    @classmethod
    def read_loosely(cls, value: Any, column: Column) -> Any:
        """A date in whatever form pandas can read."""
        stamp = pd.Timestamp(value).to_datetime64()
        count = np.array([stamp.astype(np.int64)])
        own = np.datetime_data(stamp.dtype)[0]
        return dates.convert(count, own, column.options.get("unit", "s"))[0]

    @classmethod
    def width(cls, value: Any, column: Column) -> int:
        """How many units a value covers: those of a day where it names a day."""
        unit = column.options.get("unit", "s")
        names_a_day = isinstance(value, str) and DAY.fullmatch(value.strip())
        return dates.PER_DAY[unit] if names_a_day else 1

    @classmethod
    def render(cls, values: Integers, column: Column) -> Texts:
        """Whole numbers => texts in the format; ISO 8601 without one."""
        unit = column.options.get("unit", "s")
        form = column.options.get("format") or _iso_format(unit, column.dtype)
        return dates.render(values, unit, form)


def _have_form(texts: Texts, form: str) -> Mask:
    """``[texts]``: which texts are dates of a form."""
    one_by_one = (texts[i : i + 1] for i in range(len(texts)))
    return np.array([dates.parse(one, form) is not None for one in one_by_one])


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


def _has_date(form: str) -> bool:
    """Whether a format has more than a time of day."""
    return "%Y" in form or "%y" in form


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
    form = column.options.get("format")
    if text is None or not form:
        return None
    values = dates.parse(np.array([text], dtype=object), form)
    if values is None:
        raise SchemaError(
            f"column {column.name!r}: the bound {text!r} is not a date or time "
            f"like {form}; correct it"
        )
    unit = column.options.get("unit", "s")
    return int(dates.convert(values, dates.unit_of(form), unit)[0])


def _is_temporal(series: pd.Series) -> bool:
    """Whether pandas knows the cells as dates."""
    return series.dtype.kind == "M"
