"""Dates, instants and times of day, through the numbers that they are, and in the parts that a calendar has.

A quantile table of instants keeps their season, and blurs what repeats: office hours, free Sundays. So the time of day
is a part of its own wherever there is one beside a date, and the weekday wherever the table's weekdays differ: further
blocks, each drawn given the ones before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.layout import Block
from synthtab.core.schema import Column
from synthtab.data.columns import dates
from synthtab.data.columns.base import (
    Cells,
    Mask,
    Settings,
    Texts,
    cell_error,
    is_text,
    natural,
    parse_text,
)
from synthtab.data.columns.identifier import name_words
from synthtab.data.columns.numbers import NumberCodec
from synthtab.data.columns.numeric import BOUND_OPTIONS, NumberEncoder

# A whole day, as conditions name it.
DAY = re.compile(r"\d{4}-\d\d-\d\d")
COMPACT = re.compile(r"(1[89]|2[01])\d{6}")
DATE_WORDS = frozenset({"date", "day", "dt", "dob", "birth", "born", "birthday"})

# Distinct days from which on the time of day is a part of its own; it is beside a
# weekday, whatever their number.
FEWEST_DAYS = 3

Integers = npt.NDArray[np.int64]


class DatetimeEncoder(NumberEncoder):
    """Whole numbers of the coarsest unit that loses nothing: days, where no cell has a time of day.

    Options: ``format`` of the text (see `synthtab.data.columns.dates`; ISO 8601 for a column that was
    never text), ``unit``, ``minimum`` and ``maximum`` as text, ``missing``.

    Args:
        column: The schema's word on the column.
        codec: Of the cells; of their days, or weeks if there is a ``weekday``, where they come in parts.
        clock: Of their time of day, in units of the column, where that is a part.
        weekday: Whether the weekday is a part.
    """

    kind: ClassVar[str] = "datetime"
    turn: ClassVar[int] = 30
    # "timedelta64[ns]" is no date.
    dtypes: ClassVar[re.Pattern[str] | None] = re.compile("date|time(?!delta)")
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
        self.clock, self.weekday = clock, weekday
        self.per_day = dates.PER_DAY[column.options.get("unit", "s")]
        if clock is None and not weekday:
            return
        day = codec.block(column.name)
        time = clock.block(column.name) if clock else None
        self.parts = (
            replace(day, part="week" if weekday else "day") if day else None,
            Block(column.name, "weekday", 7) if weekday else None,
            replace(time, part="time") if time else None,
        )
        self.blocks = tuple(part for part in self.parts if part)

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
        days, clock = np.divmod(values, dates.PER_DAY[unit])
        distinct, counts = np.unique(days, return_counts=True)
        weekly = dates.weekdays_differ(distinct, counts)
        timed = unit != "D" and (weekly or len(distinct) >= FEWEST_DAYS)
        if not timed and not weekly:
            return cls.fit_whole(series, column, rng, settings)
        first = NumberCodec.fit(
            dates.weeks(days)[0] if weekly else days, missing, 0, rng, settings
        )
        none = np.zeros(len(values), dtype=bool)
        return cls(
            column,
            first,
            NumberCodec.fit(clock, none, 0, rng, settings) if timed else None,
            weekly,
        )

    def encode(
        self, series: pd.Series, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Typed form => codes ``[rows, parts]`` and offsets; all but the first part of a missing cell are another's."""
        if self.clock is None and not self.weekday:
            return super().encode(series, rng)
        values, missing = self.numbers(series, self.column)
        days, clock = np.divmod(values, self.per_day)
        weeks, weekdays = dates.weeks(days)
        other = rng.integers(0, max(len(values), 1), int(missing.sum()))
        none, half = (
            np.zeros_like(missing),
            np.full(len(missing), 0.5, dtype=np.float32),
        )
        found = [
            self.codec.encode(weeks if self.weekday else days, missing, rng),
            (_filled(weekdays, missing, other).astype(np.uint8), half),
            self.clock.encode(_filled(clock, missing, other), none, rng)
            if self.clock
            else (none, half),
        ]
        there = [
            (pair, part) for pair, part in zip(found, self.parts, strict=True) if part
        ]
        codes = (
            np.array([pair[0] for pair, _ in there], dtype=np.uint8)
            .reshape(len(there), len(missing))
            .T
        )
        offsets = [pair[1] for pair, part in there if part.modes]
        return codes, np.array(offsets, dtype=np.float32).reshape(
            len(offsets), len(missing)
        ).T

    def decode(
        self,
        codes: npt.NDArray[np.integer[Any]],
        offsets: npt.NDArray[np.floating[Any]],
        rng: np.random.Generator,
        start: int,
    ) -> pd.Series:
        """Codes and offsets => typed form, within the bounds."""
        if self.clock is None and not self.weekday:
            return super().decode(codes, offsets, rng, start)
        code, offset = iter(codes.T), iter(offsets.T)
        zero, half = (
            np.zeros(len(codes), dtype=np.uint8),
            np.full(len(codes), 0.5, dtype=np.float32),
        )
        read = [
            (next(code) if p else zero, next(offset) if p and p.modes else half)
            for p in self.parts
        ]
        values, missing = self.codec.decode(*read[0])
        if self.weekday:
            values = dates.days_of(values, read[1][0][~missing].astype(np.int64))
        if self.clock:
            values = (
                values * self.per_day
                + self.clock.decode(read[2][0][~missing], read[2][1][~missing])[0]
            )
        elif self.weekday:
            values = values * self.per_day
        return self.series(self.within(values), missing)

    def state(self) -> dict[str, Any]:
        """Plain JSON data for `from_state`."""
        parts = {
            "clock": self.clock.state() if self.clock else None,
            "weekday": self.weekday,
        }
        return {**self.codec.state(), **(parts if self.clock or self.weekday else {})}

    @classmethod
    def from_state(cls, column: Column, state: Mapping[str, Any]) -> DatetimeEncoder:
        """The inverse of `state`."""
        clock = NumberCodec.from_state(state["clock"]) if state.get("clock") else None
        return cls(
            column, NumberCodec.from_state(state), clock, state.get("weekday", False)
        )

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Datetime dtypes, Python dates, and text in a common format."""
        if cells.is_text:
            return cls._accept_text(cells, forced)
        if cells.python in ("date", "datetime"):
            unit = "D" if cells.python == "date" else "us"
        elif _is_temporal(cells.series):
            unit = _unit_of_dtype(str(cells.series.dtype))
        else:
            return None
        column = cells.column(cls.kind, cells.dtype, "", {"unit": unit}, cells.missing)
        values, _ = cls.numbers(cells.series, column)
        why = f"Python's {cells.python}" if cells.python else f"dtype {cells.dtype}"
        form = _iso_format(dates.coarsest(values, unit), cells.dtype)
        return cls._describe(cells, values, unit, form, why, cells.missing)

    @classmethod
    def _accept_text(cls, cells: Cells, forced: bool) -> Column | None:
        if not len(cells.words):
            return None
        stripped = np.array([t.strip() for t in cells.words], dtype=object)
        found: tuple[str, str] | None
        if cells.matches(COMPACT) and (
            forced or DATE_WORDS & set(name_words(cells.name))
        ):
            found = (
                ("%Y%m%d", "") if dates.parse(stripped, "%Y%m%d") is not None else None
            )
        else:
            found = dates.detect(stripped)
        if found is None:
            return None
        form, remark = found
        values = dates.parse(stripped, form)
        assert values is not None
        missing = cells.missing + int(cells.counts[cells.token_mask].sum())
        return cls._describe(
            cells,
            values,
            dates.unit_of(form),
            form,
            f"text like {form}{remark}",
            missing,
        )

    @classmethod
    def _describe(
        cls,
        cells: Cells,
        values: Integers,
        unit: str,
        form: str,
        why: str,
        missing: int,
    ) -> Column:
        coarse = dates.coarsest(values, unit)
        options: dict[str, Any] = {
            "format": form,
            "unit": coarse,
        } | cells.missing_options()
        if "%Y" in form or "%y" in form:
            zone = ", UTC" if form.endswith(("Z", "+00:00")) else ""
            dtype = f"datetime64[{'ns' if unit == 'ns' else 'us'}{zone}]"
        else:
            dtype = "str"  # pandas has no time of day
        column = cells.column(cls.kind, dtype, why, options, missing)
        counts = None if cells.is_text else np.ones(len(values), dtype=np.int64)
        ends = cells.bounds(dates.convert(values, unit, coarse), counts)
        if not ends:
            return column
        least, greatest = _bound_texts(np.array(ends), column)
        bounds = {"minimum": least, "maximum": greatest}
        why = f"{why}, from {least} to {greatest}"
        return cells.column(cls.kind, dtype, why, options | bounds, missing)

    @classmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Integers, Mask]:
        """Cells => whole numbers of the column's unit since 1970, in UTC where there is a zone."""
        unit = column.options.get("unit", "s")
        missing = series.isna().to_numpy(dtype=bool)
        if missing.all():
            return np.zeros(0, dtype=np.int64), missing
        if is_text(series):
            return cls._parse(series, column, unit)
        present = series[~missing]
        if _is_zoned(present):
            present = present.dt.tz_convert("UTC").dt.tz_localize(None)
        try:
            stamps = present.to_numpy()
            if stamps.dtype == object:
                stamps = stamps.astype(
                    "M8[us]" if column.options.get("python") else "M8[ns]"
                )
            own = np.datetime_data(stamps.dtype)[0]
        except (TypeError, ValueError):
            raise cell_error(column, present.iloc[0], "a date or time") from None
        return dates.convert(stamps.astype(np.int64), own, unit), missing

    @classmethod
    def _parse(
        cls, series: pd.Series, column: Column, unit: str
    ) -> tuple[Integers, Mask]:
        form = column.options.get("format")
        if not form:
            raise SchemaError(
                f"column {column.name!r}: the schema lacks the date format, such as %Y-%m-%d"
            )
        texts, missing = parse_text(series, column)
        codes, distinct = pd.factorize(texts)
        values = (
            dates.parse(np.asarray(distinct, dtype=object), form)
            if len(distinct)
            else np.zeros(0, np.int64)
        )
        if values is None:
            culprit = next(
                t
                for t in distinct
                if dates.parse(np.array([t], dtype=object), form) is None
            )
            raise cell_error(column, culprit, f"a date or time like {form}")
        return dates.convert(values, dates.unit_of(form), unit)[codes], missing

    @classmethod
    def natural(cls, values: Integers, missing: Mask, column: Column) -> pd.Series:
        """Whole numbers => datetime64, with its zone, or Python's dates."""
        unit, python = column.options.get("unit", "s"), column.options.get("python")
        if python:
            stamps = values.astype(f"M8[{unit}]").astype(
                "M8[D]" if python == "date" else "M8[us]"
            )
            return natural(stamps.astype(object), missing, "object")
        own = _unit_of_dtype(column.dtype)
        stamps = values.astype(f"M8[{unit}]").astype(f"M8[{own}]")
        if not (zone := re.search(r", (.+)\]", column.dtype)):
            return natural(stamps, missing, column.dtype)
        local = natural(stamps, missing, f"datetime64[{own}]").dt.tz_localize("UTC")
        return local.astype(column.dtype) if zone[1] != "UTC" else local

    @classmethod
    def decimals(cls, column: Column) -> int | None:
        """Whole numbers have none."""
        return 0

    @classmethod
    def bounds(cls, column: Column) -> tuple[int | None, int | None]:
        """``minimum`` and ``maximum`` as numbers."""
        least, greatest = (
            _bound(column.options.get(key), column) for key in ("minimum", "maximum")
        )
        return least, greatest

    @classmethod
    def measure(cls, column: Column) -> str:
        """Dates and times of day cannot be compared."""
        form = column.options.get("format")
        if not form or "%Y" in form or "%y" in form:
            return "date"
        return "time of day"

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
        unit, form = column.options.get("unit", "s"), column.options.get("format")
        return dates.render(values, unit, form or _iso_format(unit, column.dtype))


def _filled(values: Integers, missing: Mask, other: Integers) -> Integers:
    """``[rows]``: the values of the cells that are not missing, and some of them where they are."""
    filled = np.zeros(len(missing), dtype=np.int64)
    filled[~missing] = values
    if len(values):
        filled[missing] = values[other]
    return filled


def _iso_format(unit: str, dtype: str) -> str:
    """ISO 8601 down to the unit, in UTC where the dtype has a zone."""
    fraction = {"ms": ".%3f", "us": ".%6f", "ns": ".%9f"}.get(unit, "")
    zone = "+00:00" if "," in dtype else ""
    return f"%Y-%m-%d %H:%M:%S{fraction}{zone}" if unit != "D" or zone else "%Y-%m-%d"


def _bound_texts(values: Integers, column: Column) -> tuple[str, str]:
    ends = np.array([values.min(), values.max()], dtype=np.int64)
    texts = DatetimeEncoder.render(ends, column)
    return str(texts[0]), str(texts[1])


def _bound(text: Any, column: Column) -> int | None:
    form = column.options.get("format")
    if text is None or not form:
        return None
    values = dates.parse(np.array([text], dtype=object), form)
    if values is None:
        raise SchemaError(
            f"column {column.name!r}: the bound {text!r} is not a date or time like {form}; correct it"
        )
    return int(
        dates.convert(values, dates.unit_of(form), column.options.get("unit", "s"))[0]
    )


def _is_temporal(series: pd.Series) -> bool:
    if isinstance(series.dtype, pd.ArrowDtype):
        return str(series.dtype).startswith(
            ("timestamp[", "date32")
        ) and "tz=" not in str(series.dtype)
    return (
        _is_zoned(series)
        or np.dtype(getattr(series.dtype, "base", None) or "O").kind == "M"
    )


def _is_zoned(series: pd.Series) -> bool:
    return isinstance(series.dtype, pd.DatetimeTZDtype)


def _unit_of_dtype(dtype: str) -> str:
    found = re.search(r"\[(s|ms|us|ns)\b", dtype)
    return found[1] if found else "ns"
