"""Dates and times of day in any dtype, and as Python's objects <=> whole numbers."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import DataError
from synthtab.data.columns import dtypes
from synthtab.data.columns.base import Mask, as_dtype, natural

Integers = npt.NDArray[np.int64]
# Dtypes of times of day.
_CLOCK = re.compile(r"time(32|64)\[")


def is_clock(dtype: str, python: str) -> bool:
    """Whether the cells of a dtype, or these objects, are times of day."""
    return python == "time" or bool(_CLOCK.match(dtype))


def unit_of(dtype: str) -> str:
    """``"us"`` of ``datetime64[us]``; pandas' own unit where the name has none."""
    unit = re.search(r"\[(s|ms|us|ns)\b", dtype)
    if unit:
        return unit[1]
    # Of days and of periods, which may be far away.
    return "s" if dtype.startswith(("date32", "period")) else "ns"


def zone_of(cells: Any, name: str) -> str:
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


def counts(present: pd.Series) -> tuple[Integers, str]:
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


def cells_of(
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
    own_unit = unit_of(dtype)
    letter = "m8" if is_clock(dtype, "") else "M8"
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
