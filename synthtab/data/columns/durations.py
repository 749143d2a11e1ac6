"""Lengths of time: pandas timedeltas, and text such as "27:05:10" or "1 days 02:03:04"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column
from synthtab.data.columns import dates
from synthtab.data.columns.base import (
    Cells,
    Mask,
    Texts,
    cell_error,
    is_text,
    natural,
    parse_text,
)
from synthtab.data.columns.dates import TIME_OPTIONS
from synthtab.data.columns.numeric import BOUND_OPTIONS, NumberEncoder

Integers = npt.NDArray[np.int64]

SECOND = 10**9
FRACTION = r"(?:\.(\d{1,9}))?"
# Name -> sign, days, hours, minutes, seconds and their fraction. "75:30" may as well be
# minutes and seconds: it comes back as it was. As pandas writes it, "-1 days +23:00:00"
# is an hour less than nothing.
FORMS = {
    "H:M:S": re.compile(rf"(-?)()(\d+):([0-5]\d):([0-5]\d){FRACTION}"),
    "H:M": re.compile(r"(-?)()(\d+):([0-5]\d)()()"),
    "D days H:M:S": re.compile(
        rf"()(\d+|-\d+(?= days? \+)) days? \+?(\d+):([0-5]\d):([0-5]\d){FRACTION}"
    ),
}
# Seconds that fit into nanoseconds.
LONGEST = 2**62 // SECOND


class DurationEncoder(NumberEncoder):
    """Whole numbers of the coarsest unit that loses nothing.

    Options: ``format`` of the text (a key of `FORMS`; null for a column that was never text), ``width`` of its hours
    and ``digits`` of its fraction, ``unit``, ``minimum`` and ``maximum`` in units, ``missing``.
    """

    kind: ClassVar[str] = "duration"
    turn: ClassVar[int] = 40
    dtypes: ClassVar[re.Pattern[str] | None] = re.compile("timedelta|duration")
    schema_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **BOUND_OPTIONS,
        **TIME_OPTIONS,
        "width": {"type": "integer", "description": "Least digits of the hours."},
        "digits": {
            "type": "integer",
            "description": "Digits of a fraction of a second.",
        },
    }
    temporal: ClassVar[bool] = True
    in_units: ClassVar[bool] = True
    combinable: ClassVar[bool] = False

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Timedelta dtypes, and text of which every cell is written in one of `FORMS`."""
        options: dict[str, Any] = {"format": None}
        if cells.is_text:
            found = _detect(cells.words) if len(cells.words) else None
            if found is None:
                return None
            options, values = found
            unit, counts = "ns", None
            why, dtype = f"durations like {options['format']}", "timedelta64[us]"
        elif cells.dtype.startswith("timedelta"):
            unit, dtype = _unit_of_dtype(cells.dtype), cells.dtype
            values, _ = cls.numbers(
                cells.series, cells.column(cls.kind, dtype, "", {"unit": unit})
            )
            why, counts = f"dtype {cells.dtype}", np.ones(len(values), dtype=np.int64)
        else:
            return None
        coarse = dates.coarsest(values, unit)
        options |= {"unit": coarse} | cells.missing_options()
        ends = cells.bounds(dates.convert(values, unit, coarse), counts)
        if ends:
            options |= {"minimum": ends[0], "maximum": ends[1]}
            shown = cls.render(
                np.array(ends), cells.column(cls.kind, dtype, "", options)
            )
            why += f", from {shown[0]} to {shown[1]}"
        missing = cells.missing + (
            int(cells.counts[cells.token_mask].sum()) if cells.is_text else 0
        )
        return cells.column(
            cls.kind,
            "timedelta64[ns]" if coarse == "ns" else dtype,
            why,
            options,
            missing,
        )

    @classmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Integers, Mask]:
        """Cells => whole numbers of the column's unit."""
        unit = column.options.get("unit", "s")
        missing = series.isna().to_numpy(dtype=bool)
        if missing.all():
            return np.zeros(0, dtype=np.int64), missing
        if is_text(series):
            texts, missing = parse_text(series, column)
            codes, distinct = pd.factorize(texts)
            parsed = _parse(
                np.asarray(distinct, dtype=object),
                column.options.get("format") or "D days H:M:S",
            )
            if parsed is None:
                form = FORMS.get(column.options.get("format") or "D days H:M:S")
                if form is None:
                    raise SchemaError(
                        f"column {column.name!r}: the format of a duration is one of {', '.join(FORMS)}"
                    )
                culprit = next(
                    (t for t in distinct if not form.fullmatch(t)), distinct[0]
                )
                raise cell_error(
                    column,
                    culprit,
                    f"a duration like {column.options.get('format') or 'D days H:M:S'}",
                )
            return dates.convert(parsed, "ns", unit)[codes], missing
        present = series[~missing]
        stamps = (
            present.to_numpy(dtype="m8[us]")
            if isinstance(present.dtype, pd.ArrowDtype)
            else present.to_numpy()
        )
        if stamps.dtype.kind != "m":
            raise cell_error(column, present.iloc[0], "a duration")
        own = np.datetime_data(stamps.dtype)[0]
        return dates.convert(stamps.astype(np.int64), own, unit), missing

    @classmethod
    def natural(cls, values: Integers, missing: Mask, column: Column) -> pd.Series:
        """Whole numbers => timedelta64."""
        unit = column.options.get("unit", "s")
        stamps = values.astype(f"m8[{unit}]").astype(
            f"m8[{_unit_of_dtype(column.dtype)}]"
        )
        return natural(stamps, missing, column.dtype)

    @classmethod
    def decimals(cls, column: Column) -> int | None:
        """Whole numbers have none."""
        return 0

    @classmethod
    def render(cls, values: Integers, column: Column) -> Texts:
        """Whole numbers => texts in the format; pandas' own without one."""
        unit, form = column.options.get("unit", "s"), column.options.get("format")
        if not form:
            return (
                pd.Series(values.astype(f"m8[{unit}]"))
                .astype("timedelta64[ns]")
                .astype(str)
                .to_numpy(dtype=object)
            )
        nanoseconds = dates.convert(np.asarray(values, dtype=np.int64), unit, "ns")
        width, digits = (
            int(column.options.get("width", 1)),
            int(column.options.get("digits", 0)),
        )
        distinct, inverse = np.unique(nanoseconds, return_inverse=True)
        return np.array(
            [_text(n, form, width, digits) for n in distinct.tolist()], dtype=object
        )[inverse]


def _detect(words: Texts) -> tuple[dict[str, Any], Integers] | None:
    """The format of all of these texts with its options, and their nanoseconds."""
    texts = np.array([t.strip() for t in words], dtype=object)
    for name, form in FORMS.items():
        first = form.fullmatch(texts[0])
        values = _parse(texts, name) if first else None
        if first is None or values is None:
            continue
        hours = [len(m[3]) for m in map(form.fullmatch, texts.tolist()) if m]
        width, digits = min(hours), len(first[6] or "")
        if [_text(n, name, width, digits) for n in values.tolist()] == texts.tolist():
            return {"format": name, "width": width, "digits": digits}, values
    return None


def _parse(texts: Texts, name: str) -> Integers | None:
    """Texts => nanoseconds, or None unless all texts are of the form."""
    form = FORMS.get(name)
    found = [form.fullmatch(t) for t in texts.tolist()] if form else [None]
    values = []
    for m in found:
        if m is None:
            return None
        seconds = ((int(m[2] or 0) * 24 + int(m[3])) * 60 + int(m[4])) * 60 + int(
            m[5] or 0
        )
        if abs(seconds) >= LONGEST:
            return None
        values.append(
            (-1 if m[1] else 1) * (seconds * SECOND + int((m[6] or "").ljust(9, "0")))
        )
    return np.array(values, dtype=np.int64)


def _text(nanoseconds: int, form: str, width: int, digits: int) -> str:
    whole = form == "D days H:M:S"
    seconds, fraction = divmod(nanoseconds if whole else abs(nanoseconds), SECOND)
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    sign = "-" if nanoseconds < 0 else ""
    if form == "H:M":
        return f"{sign}{hours:0{width}d}:{m:02d}"
    end = f":{m:02d}:{s:02d}" + (f".{fraction:09d}"[: digits + 1] if digits else "")
    if form == "H:M:S":
        return f"{sign}{hours:0{width}d}{end}"
    days, hours = divmod(hours, 24)
    return f"{days} days {'+' if days < 0 else ''}{hours:0{width}d}{end}"


def _unit_of_dtype(dtype: str) -> str:
    found = re.search(r"\[(s|ms|us|ns)\b", dtype)
    return found[1] if found else "ns"
