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
from synthtab.data.columns import dates, dtypes
from synthtab.data.columns.base import (
    Cells,
    Mask,
    Texts,
    cell_error,
    is_text,
    matching,
    natural,
    objects,
    parse_text,
)
from synthtab.data.columns.dates import TIME_OPTIONS
from synthtab.data.columns.numeric import BOUND_OPTIONS, NumberEncoder

Integers = npt.NDArray[np.int64]

# In nanoseconds.
SECOND = 10**9
# As pandas writes durations: "-1 days +23:00:00" is an hour less than nothing.
AS_PANDAS = "D days H:M:S"
# The groups of each form.
SIGN, DAYS, HOURS, MINUTES, SECONDS, FRACTION = range(1, 7)
_FRACTION = r"(?:\.(\d{1,9}))?"
# "75:30" may as well be minutes and seconds: it comes back as it was.
FORMS = {
    "H:M:S": re.compile(rf"(-?)()(\d+):([0-5]\d):([0-5]\d){_FRACTION}"),
    "H:M": re.compile(r"(-?)()(\d+):([0-5]\d)()()"),
    AS_PANDAS: re.compile(
        rf"()(\d+|-\d+(?= days? \+)) days? \+?(\d+):([0-5]\d):([0-5]\d){_FRACTION}"
    ),
}
# Seconds that fit into nanoseconds.
LONGEST = 2**62 // SECOND


class DurationEncoder(NumberEncoder):
    """Whole numbers of the coarsest unit that loses nothing.

    Options:
        ``format`` of the text, a key of `FORMS`; null for a column that was never text.
        ``width`` and ``digits``: how many digits its hours and its fraction have.
        ``unit``: what the numbers count.
        ``minimum`` and ``maximum``, in units.
        ``missing``.
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
    def fitting(cls, cells: Cells) -> Mask | None:
        """As `ColumnEncoder.fitting`: the cells of the form that most cells have."""
        texts = objects((text.strip() for text in cells.words), len(cells.words))
        masks = [matching(texts, form) for form in FORMS.values()]
        return max(masks, key=cells.share_of)

    @classmethod
    def accepts(cls, cells: Cells, forced: bool = False) -> Column | None:
        """Timedelta dtypes, and text of which every cell is written in one of `FORMS`."""
        options: dict[str, Any] = {"format": None}
        counts = None
        if cells.is_text:
            detected = _detect(cells.words) if len(cells.words) else None
            if detected is None:
                return None
            options, values = detected
            unit = "ns"
            dtype = "timedelta64[us]"
            why = f"durations like {options['format']}"
        elif cells.series.dtype.kind == "m" or cells.python == "timedelta":
            dtype = cells.dtype
            unit = "ns" if cells.python else _unit_of_dtype(str(cells.series.dtype))
            plain = cells.column(cls.kind, dtype, "", {"unit": unit})
            values, _ = cls.numbers(cells.series, plain)
            # These are all cells, not the distinct ones.
            counts = np.ones(len(values), dtype=np.int64)
            why = "Python's timedelta" if cells.python else f"dtype {dtype}"
        else:
            return None
        coarse = dates.coarsest(values, unit)
        options |= {"unit": coarse} | cells.missing_options()
        ends = cells.bounds(dates.convert(values, unit, coarse), counts)
        if ends:
            options |= {"minimum": ends[0], "maximum": ends[1]}
            column = cells.column(cls.kind, dtype, "", options)
            least, greatest = cls.render(np.array(ends), column)
            why += f", from {least} to {greatest}"
        if coarse == "ns":
            dtype = "timedelta64[ns]"
        return cells.column(cls.kind, dtype, why, options, cells.missing_or_token)

    @classmethod
    def numbers(cls, series: pd.Series, column: Column) -> tuple[Integers, Mask]:
        """Cells => whole numbers of the column's unit."""
        unit = column.options.get("unit", "s")
        missing = series.isna().to_numpy(dtype=bool)
        if missing.all():
            return np.zeros(0, dtype=np.int64), missing
        if is_text(series):
            return cls._parse(series, column, unit)
        present = dtypes.plain(series[~missing])
        stamps = present.to_numpy()
        if stamps.dtype == object:
            stamps = _of_objects(present, column)
        if stamps.dtype.kind != "m":
            raise cell_error(column, present.iloc[0], "a duration")
        own_unit = np.datetime_data(stamps.dtype)[0]
        return dates.convert(stamps.astype(np.int64), own_unit, unit), missing

    @classmethod
    def _parse(
        cls, series: pd.Series, column: Column, unit: str
    ) -> tuple[Integers, Mask]:
        """`numbers` for text."""
        texts, missing = parse_text(series, column)
        codes, distinct = pd.factorize(texts)
        name = column.options.get("format") or AS_PANDAS
        nanoseconds = _parse(np.asarray(distinct, dtype=object), name)
        if nanoseconds is not None:
            return dates.convert(nanoseconds, "ns", unit)[codes], missing
        form = FORMS.get(name)
        if form is None:
            raise SchemaError(
                f"column {column.name!r}: the format of a duration is one of "
                f"{', '.join(FORMS)}"
            )
        # If all are of the form, one of them is too long.
        culprits = (text for text in distinct if not form.fullmatch(text))
        culprit = next(culprits, distinct[0])
        raise cell_error(column, culprit, f"a duration like {name}")

    @classmethod
    def natural(cls, values: Integers, missing: Mask, column: Column) -> pd.Series:
        """Whole numbers => timedelta64."""
        stamps = values.astype(f"m8[{column.options.get('unit', 's')}]")
        if column.options.get("scalar") == "Timedelta":
            lengths = pd.Series(stamps.astype("m8[ns]")).array
            cells = np.array(lengths, dtype=object)
            return natural(cells, missing, "object", column.options)
        if column.options.get("python"):
            lengths = stamps.astype("m8[us]").astype(object)
            return natural(lengths, missing, "object", column.options)
        stamps = stamps.astype(f"m8[{_unit_of_dtype(column.dtype)}]")
        return natural(stamps, missing, column.dtype)

    @classmethod
    def decimals(cls, column: Column) -> int | None:
        """Whole numbers have none."""
        return 0

    @classmethod
    def render(cls, values: Integers, column: Column) -> Texts:
        """Whole numbers => texts in the format; pandas' own without one."""
        options = column.options
        unit = options.get("unit", "s")
        form = options.get("format")
        if not form:
            lengths = pd.Series(values.astype(f"m8[{unit}]").astype("m8[ns]"))
            return objects(map(str, lengths.array), len(lengths))
        width = int(options.get("width", 1))
        digits = int(options.get("digits", 0))
        # Each distinct duration is written once.
        nanoseconds = dates.convert(np.asarray(values, dtype=np.int64), unit, "ns")
        distinct, inverse = np.unique(nanoseconds, return_inverse=True)
        texts_of = [_text(one, form, width, digits) for one in distinct.tolist()]
        return np.array(texts_of, dtype=object)[inverse]


def _of_objects(present: pd.Series, column: Column) -> npt.NDArray[Any]:
    """Objects of lengths of time => timedelta64."""
    codes, distinct = pd.factorize(present)
    try:
        lengths = [pd.Timedelta(cell).as_unit("ns").value for cell in distinct]
    except (TypeError, ValueError):
        raise cell_error(column, present.iloc[0], "a duration") from None
    return np.array(lengths, dtype="m8[ns]")[codes]


def _detect(words: Texts) -> tuple[dict[str, Any], Integers] | None:
    """The format of all of these texts as options, and their nanoseconds."""
    texts = [text.strip() for text in words]
    for name, form in FORMS.items():
        if not form.fullmatch(texts[0]):
            continue
        values = _parse(np.array(texts, dtype=object), name)
        if values is None:
            continue
        parts = [match for match in map(form.fullmatch, texts) if match]
        width = min(len(match[HOURS]) for match in parts)
        digits = len(parts[0][FRACTION] or "")
        # Only if the texts come back as they are.
        if texts == [_text(one, name, width, digits) for one in values.tolist()]:
            return {"format": name, "width": width, "digits": digits}, values
    return None


def _parse(texts: Texts, name: str) -> Integers | None:
    """Texts => nanoseconds, or None unless all texts are of the form."""
    form = FORMS.get(name)
    if form is None:
        return None
    values = []
    for text in texts.tolist():
        match = form.fullmatch(text)
        if match is None:
            return None
        hours = int(match[DAYS] or 0) * 24 + int(match[HOURS])
        minutes = hours * 60 + int(match[MINUTES])
        seconds = minutes * 60 + int(match[SECONDS] or 0)
        if abs(seconds) >= LONGEST:
            return None
        fraction = (match[FRACTION] or "").ljust(9, "0")
        nanoseconds = seconds * SECOND + int(fraction)
        values.append(-nanoseconds if match[SIGN] else nanoseconds)
    return np.array(values, dtype=np.int64)


def _text(nanoseconds: int, form: str, width: int, digits: int) -> str:
    """A duration in a form, with so many digits of its hours and its fraction."""
    # pandas counts from negative days upwards; the others have a sign.
    signed = form != AS_PANDAS
    seconds, fraction = divmod(abs(nanoseconds) if signed else nanoseconds, SECOND)
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    sign = "-" if nanoseconds < 0 else ""
    if form == "H:M":
        return f"{sign}{hours:0{width}d}:{m:02d}"
    end = f":{m:02d}:{s:02d}"
    if digits:
        end += f".{fraction:09d}"[: digits + 1]
    if signed:
        return f"{sign}{hours:0{width}d}{end}"
    days, hours = divmod(hours, 24)
    plus = "+" if days < 0 else ""
    return f"{days} days {plus}{hours:0{width}d}{end}"


def _unit_of_dtype(dtype: str) -> str:
    """``"us"`` of ``timedelta64[us]``; pandas' own unit where the name has none."""
    unit = re.search(r"\[(s|ms|us|ns)\b", dtype)
    return unit[1] if unit else "ns"
