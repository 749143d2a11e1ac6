"""Dates, instants, times of day and durations, through the numbers that they are."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.columns import dates
from synthtab.columns.base import Cells, Mask, Texts, cell_error, is_text, natural, parse_text
from synthtab.columns.identifier import name_words
from synthtab.columns.numeric import NumberEncoder
from synthtab.errors import SchemaError
from synthtab.schema import Column

COMPACT = re.compile(r"(1[89]|2[01])\d{6}")
DATE_WORDS = frozenset({"date", "day", "dt", "dob", "birth", "born", "birthday"})

Integers = npt.NDArray[np.int64]


class DatetimeEncoder(NumberEncoder):
    """Whole numbers of the coarsest unit that loses nothing: days, where no cell has a time of day.

    Options: ``format`` of the text (see `synthtab.columns.dates`; ISO 8601 for a column that was
    never text, null for durations), ``unit``, ``minimum`` and ``maximum`` as text, ``missing``.
    """

    kind: ClassVar[str] = "datetime"

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Datetime and timedelta dtypes, Python dates, and text in a common format."""
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
        form = None if cells.dtype.startswith("timedelta") else _iso_format(dates.coarsest(values, unit), cells.dtype)
        return cls._describe(cells, values, unit, form, why, cells.missing)

    @classmethod
    def _accept_text(cls, cells: Cells, forced: bool) -> Column | None:
        if not len(cells.words):
            return None
        stripped = np.array([t.strip() for t in cells.words], dtype=object)
        found: tuple[str, str] | None
        if cells.matches(COMPACT) and (forced or DATE_WORDS & set(name_words(cells.name))):
            found = ("%Y%m%d", "") if dates.parse(stripped, "%Y%m%d") is not None else None
        else:
            found = dates.detect(stripped)
        if found is None:
            return None
        form, remark = found
        values = dates.parse(stripped, form)
        assert values is not None
        missing = cells.missing + int(cells.counts[cells.token_mask].sum())
        return cls._describe(cells, values, dates.unit_of(form), form, f"text like {form}{remark}", missing)

    @classmethod
    def _describe(cls, cells: Cells, values: Integers, unit: str, form: str | None, why: str, missing: int) -> Column:
        coarse = dates.coarsest(values, unit)
        options: dict[str, Any] = {"format": form, "unit": coarse} | cells.missing_options()
        if form is None or "%Y" in form or "%y" in form:
            zone = ", UTC" if form and form.endswith(("Z", "+00:00")) else ""
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
                stamps = stamps.astype("M8[us]" if column.options.get("python") else "M8[ns]")
            own = np.datetime_data(stamps.dtype)[0]
        except (TypeError, ValueError):
            raise cell_error(column, present.iloc[0], "a date or time") from None
        return dates.convert(stamps.astype(np.int64), own, unit), missing

    @classmethod
    def _parse(cls, series: pd.Series, column: Column, unit: str) -> tuple[Integers, Mask]:
        form = column.options.get("format")
        if column.dtype.startswith("timedelta"):
            return cls._parse_durations(series, column, unit)
        if not form:
            raise SchemaError(f"column {column.name!r}: the schema lacks the date format, such as %Y-%m-%d")
        texts, missing = parse_text(series, column)
        codes, distinct = pd.factorize(texts)
        values = dates.parse(np.asarray(distinct, dtype=object), form) if len(distinct) else np.zeros(0, np.int64)
        if values is None:
            culprit = next(t for t in distinct if dates.parse(np.array([t], dtype=object), form) is None)
            raise cell_error(column, culprit, f"a date or time like {form}")
        return dates.convert(values, dates.unit_of(form), unit)[codes], missing

    @classmethod
    def _parse_durations(cls, series: pd.Series, column: Column, unit: str) -> tuple[Integers, Mask]:
        texts, missing = parse_text(series, column)
        try:
            stamps = pd.to_timedelta(pd.Series(texts, dtype=object)).to_numpy()
        except ValueError:
            raise cell_error(column, texts[0], "a duration like '2 days 03:30:00'") from None
        return dates.convert(stamps.astype(np.int64), np.datetime_data(stamps.dtype)[0], unit), missing

    @classmethod
    def natural(cls, values: Integers, missing: Mask, column: Column) -> pd.Series:
        """Whole numbers => datetime64, with its zone, timedelta64 or Python's dates."""
        unit, python = column.options.get("unit", "s"), column.options.get("python")
        if python:
            stamps = values.astype(f"M8[{unit}]").astype("M8[D]" if python == "date" else "M8[us]")
            return natural(stamps.astype(object), missing, "object")
        letter = "m8" if column.dtype.startswith("timedelta") else "M8"
        own = _unit_of_dtype(column.dtype)
        stamps = values.astype(f"{letter}[{unit}]").astype(f"{letter}[{own}]")
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
        least, greatest = (_bound(column.options.get(key), column) for key in ("minimum", "maximum"))
        return least, greatest

    @classmethod
    def render(cls, values: Integers, column: Column) -> Texts:
        """Whole numbers => texts in the format; ISO 8601 without one."""
        unit, form = column.options.get("unit", "s"), column.options.get("format")
        if column.dtype.startswith("timedelta"):
            return pd.Series(values.astype(f"m8[{unit}]")).astype("timedelta64[ns]").astype(str).to_numpy(dtype=object)
        return dates.render(values, unit, form or _iso_format(unit, column.dtype))


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
        raise SchemaError(f"column {column.name!r}: the bound {text!r} is not a date or time like {form}; correct it")
    return int(dates.convert(values, dates.unit_of(form), column.options.get("unit", "s"))[0])


def _is_temporal(series: pd.Series) -> bool:
    if isinstance(series.dtype, pd.ArrowDtype):
        return str(series.dtype).startswith(("timestamp[", "date32")) and "tz=" not in str(series.dtype)
    return _is_zoned(series) or np.dtype(getattr(series.dtype, "base", None) or "O").kind in "mM"


def _is_zoned(series: pd.Series) -> bool:
    return isinstance(series.dtype, pd.DatetimeTZDtype)


def _unit_of_dtype(dtype: str) -> str:
    found = re.search(r"\[(s|ms|us|ns)\b", dtype)
    return found[1] if found else "ns"
