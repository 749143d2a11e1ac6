"""Dtypes: cells of any dtype <=> cells of the few dtypes that kinds work on.

`plain` leads from a dtype of pandas or Arrow to one that numpy has, or to Python's
objects; `restored` leads back. A dtype is stored by its name: `name_of` and `parse`.
`read_texts` is the inverse of ``str(cell)`` for cells of a dtype.
"""

from __future__ import annotations

import ast
import datetime
import re
import uuid
import zoneinfo
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from dateutil import tz as dateutil_tz

Texts = npt.NDArray[np.object_]

ARROW = "[pyarrow]"
_ZONED = re.compile(r"datetime64\[(\w+), (.+)\]")
_SPARSE = re.compile(r"Sparse\[(\w+), (.+)\]")
_DECIMAL = re.compile(r"(decimal\d*)\((\d+), (-?\d+)\)")
_TIMESTAMP = re.compile(r"timestamp\[(\w+), tz=(.+)\]")
_DICTIONARY = re.compile(r"dictionary<values=(.+), indices=(\w+), ordered=([01])>")
# A zone of dateutil or pytz that has no name: its class and its arguments.
_ZONE_CALL = re.compile(r"(tzoffset|tzutc|tzlocal|tzstr|pytz\.FixedOffset)(\(.*\))")

# Python's types whose cells their texts lead back to, the most particular first; how
# they are read.
READERS: dict[str, Callable[[str], Any]] = {
    "bool": {"True": True, "False": False}.__getitem__,
    "int": int,
    "float": float,
    "Decimal": Decimal,
    "Fraction": Fraction,
    "date": datetime.date.fromisoformat,
    "datetime": datetime.datetime.fromisoformat,
    "time": datetime.time.fromisoformat,
    "UUID": uuid.UUID,
    "str": str,
}
# The missing cells that objects have, by name.
NULLS: dict[str, Any] = {"None": None, "nan": np.nan, "NA": pd.NA, "NaT": pd.NaT}


# -- Names


def name_of(dtype: Any) -> str:
    """The name of a dtype, which `parse` reads; that of pandas where it is enough."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return f"datetime64[{dtype.unit}, {zone_name(dtype.tz)}]"
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA:
        usual = pd.StringDtype().storage
        return "string" if dtype.storage == usual else f"string[{dtype.storage}]"
    return str(dtype)


@lru_cache(maxsize=256)
def parse(name: str) -> Any:
    """The dtype of a name.

    Raises:
        TypeError, ValueError: There is none.
    """
    if name.endswith(ARROW):
        return pd.ArrowDtype(_arrow_type(name.removesuffix(ARROW)))
    if zoned := _ZONED.fullmatch(name):
        return pd.DatetimeTZDtype(zoned[1], zone(zoned[2]))
    if sparse := _SPARSE.fullmatch(name):
        fill = np.nan if sparse[2] == "nan" else ast.literal_eval(sparse[2])
        return pd.SparseDtype(sparse[1], fill)
    return pd.api.types.pandas_dtype(name)


def is_known(dtype: Any) -> bool:
    """Whether the name of a dtype leads back to it."""
    if isinstance(dtype, pd.CategoricalDtype):
        return True
    try:
        return bool(parse(name_of(dtype)) == dtype)
    except (TypeError, ValueError, NotImplementedError, KeyError, SyntaxError):
        return False


def _arrow_type(name: str) -> Any:
    """The type of Arrow whose ``str`` this is."""
    if decimal := _DECIMAL.fullmatch(name):
        return getattr(pa, decimal[1])(int(decimal[2]), int(decimal[3]))
    if stamp := _TIMESTAMP.fullmatch(name):
        return pa.timestamp(stamp[1], stamp[2])
    if coded := _DICTIONARY.fullmatch(name):
        index = pa.type_for_alias(coded[2])
        return pa.dictionary(index, _arrow_type(coded[1]), coded[3] == "1")
    if name == "string_view":
        return pa.string_view()
    return pa.type_for_alias(name)


# -- Time zones


def zone_name(zone_: Any) -> str:
    """The name of a time zone, with its library where another one would be taken."""
    library = type(zone_).__module__.partition(".")[0]
    name = str(zone_)
    if library == "dateutil":
        file = getattr(zone_, "_filename", None)
        if file is None or _ZONE_CALL.match(name):
            return name
        return f"dateutil/{file.rpartition('zoneinfo/')[2]}"
    # All libraries have one UTC.
    if name == "UTC" or _ZONE_CALL.match(name):
        return name
    try:
        usual = pd.DatetimeTZDtype("ns", name).tz
    except (TypeError, ValueError, KeyError):
        usual = None
    return name if type(usual) is type(zone_) else f"{library}/{name}"


def zone(name: str) -> Any:
    """The time zone of a name, as pandas takes it."""
    if call := _ZONE_CALL.fullmatch(name):
        arguments = ast.literal_eval(
            call[2].replace(")", ",)") if call[2] != "()" else "()"
        )
        if call[1].startswith("pytz"):
            import pytz

            return pytz.FixedOffset(*arguments)
        return getattr(dateutil_tz, call[1])(*arguments)
    library, _, rest = name.partition("/")
    if library == "zoneinfo":
        return zoneinfo.ZoneInfo(rest)
    if library == "pytz":
        import pytz

        return pytz.timezone(rest)
    return name


# -- Cells of any dtype <=> plain cells


def plain(series: pd.Series) -> pd.Series:
    """The cells in a dtype that numpy or pandas computes with.

    Dates and periods become datetime64 (a period its first moment), lengths of time and
    times of day timedelta64, decimals of Arrow objects, its dictionaries categoricals.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.SparseDtype):
        cells = pd.Series(np.asarray(series.array))
    elif isinstance(dtype, pd.PeriodDtype):
        cells = _starts(series)
    elif isinstance(dtype, pd.ArrowDtype):
        cells = _plain_arrow(series, dtype.pyarrow_dtype)
    else:
        return series
    return cells.set_axis(series.index).rename(series.name)


def _starts(periods: pd.Series) -> pd.Series:
    """The first moment of each period."""
    array: Any = periods.array
    finer = "ns" if array.freq.base.freqstr in ("ns", "us", "ms") else "s"
    seconds = array.asfreq(finer, how="start")
    stamps = seconds.asi8.astype(f"M8[{finer}]")
    stamps[periods.isna().to_numpy()] = np.datetime64("NaT")
    return pd.Series(stamps)


def _plain_arrow(series: pd.Series, type_: Any) -> pd.Series:
    array: Any = series.array
    cells = array.__arrow_array__()
    types = pa.types
    if types.is_date(type_):
        cells = cells.cast(pa.timestamp("s" if types.is_date32(type_) else "ms"))
    elif types.is_time(type_):
        width = pa.int32() if types.is_time32(type_) else pa.int64()
        cells = cells.cast(width).cast(pa.int64()).cast(pa.duration(type_.unit))
    elif type_ == _string_view():
        cells = cells.cast(pa.string())
    elif not (
        types.is_timestamp(type_)
        or types.is_duration(type_)
        or types.is_decimal(type_)
        or types.is_dictionary(type_)
    ):
        return series
    return pd.Series(cells.to_pandas())


def _string_view() -> Any:
    """Early versions of Arrow do not have it."""
    return pa.string_view() if hasattr(pa, "string_view") else None


def restored(series: pd.Series, dtype: Any) -> pd.Series:
    """Plain cells => the dtype."""
    if isinstance(dtype, pd.ArrowDtype):
        array = _arrow_array(series, dtype.pyarrow_dtype)
        # The protocol by which Arrow itself makes pandas' cells.
        arrow_dtype: Any = dtype
        cells: pd.Series = pd.Series(arrow_dtype.__from_arrow__(array))
        return cells.set_axis(series.index).rename(series.name)
    if isinstance(dtype, pd.PeriodDtype) and series.dtype.kind == "M":
        return series.dt.to_period(dtype.freq)
    if isinstance(dtype, pd.SparseDtype) and series.hasnans:
        series = series.astype("float64")
    result: pd.Series = series.astype(dtype)
    return result


def _arrow_array(series: pd.Series, type_: Any) -> Any:
    types = pa.types
    if types.is_dictionary(type_):
        values = _arrow_array(series.astype(object), type_.value_type)
        coded = values.dictionary_encode()
        indices = coded.indices.cast(type_.index_type)
        return pa.DictionaryArray.from_arrays(
            indices, coded.dictionary, ordered=type_.ordered
        )
    if types.is_float16(type_):
        halves = series.to_numpy(dtype=np.float16, na_value=np.nan)
        return pa.array(halves, type=type_, from_pandas=True)
    if types.is_time(type_) and series.dtype.kind == "m":
        width = pa.int32() if types.is_time32(type_) else pa.int64()
        counts = pa.array(series).cast(pa.duration(type_.unit), safe=False)
        return counts.cast(pa.int64()).cast(width).cast(type_)
    if types.is_date(type_) and series.dtype.kind == "M":
        return pa.array(series).cast(pa.timestamp("ms"), safe=False).cast(type_)
    if types.is_timestamp(type_) and series.dtype.kind == "M":
        return pa.array(series).cast(pa.timestamp(type_.unit), safe=False).cast(type_)
    if series.dtype == object:
        return pa.array(series.to_numpy(), type=type_, from_pandas=True)
    return pa.array(series, type=type_, from_pandas=True)


def storable_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of a table as `storable`."""
    columns = {name: storable(frame[name]) for name in frame.columns}
    return pd.DataFrame(columns, index=frame.index)


def storable(series: pd.Series) -> pd.Series:
    """The cells in a dtype that a Parquet file has; text where none is like theirs.

    With the schema, the file leads back to the cells.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.SparseDtype):
        return plain(series)
    if isinstance(dtype, pd.ArrowDtype):
        coded = pa.types.is_dictionary(dtype.pyarrow_dtype)
        return plain(series) if coded else series
    if isinstance(dtype, pd.DatetimeTZDtype) and _ZONE_CALL.match(zone_name(dtype.tz)):
        return series.dt.tz_convert("UTC")
    categories = dtype.categories if isinstance(dtype, pd.CategoricalDtype) else None
    if categories is not None and pd.api.types.is_numeric_dtype(categories.dtype):
        return series
    if categories is None and not pd.api.types.is_object_dtype(dtype):
        return series
    cells = series if categories is None else pd.Series(categories)
    kind = pd.api.types.infer_dtype(cells.dropna())
    # Moments as categories do not come back from a file.
    is_moment = categories is not None and categories.dtype.kind in "mM"
    if kind not in _UNLIKE and not is_moment:
        return series
    return series.astype(object).map(str, na_action="ignore").astype("str")


# What pandas says of objects or categories for which Parquet has nothing.
_UNLIKE = ("mixed", "mixed-integer", "period", "interval")


# -- Objects


def python_types(cells: Iterable[Any]) -> list[str]:
    """The names of the types of some cells, in the order of `READERS`."""
    names = {type(cell).__name__ for cell in cells}
    known = [name for name in READERS if name in names]
    return known + sorted(names - set(READERS))


def null_name(missing: Iterable[Any]) -> str:
    """Which of `NULLS` missing cells are; that which most of them are."""
    names = Counter("nan" if isinstance(c, float) else _name(c) for c in missing)
    return names.most_common(1)[0][0] if names else "None"


def _name(null: Any) -> str:
    return next((name for name, own in NULLS.items() if own is null), "None")


def scalar_option(cells: Iterable[Any]) -> dict[str, str]:
    """``{"scalar": type}`` where all objects are of one type of NumPy or pandas."""
    types = {type(cell) for cell in cells}
    if len(types) != 1:
        return {}
    only = types.pop()
    is_scalar = issubclass(only, (np.number, np.bool_, pd.Timestamp, pd.Timedelta))
    return {"scalar": only.__name__} if is_scalar else {}


def scalars(values: npt.NDArray[Any], scalar: str) -> Texts:
    """Values as objects of the type of an option "scalar"; else as they are."""
    if scalar in ("Timestamp", "Timedelta"):
        return _objects(map(getattr(pd, scalar), values.tolist()))
    if scalar:
        # Iteration over an array gives NumPy's scalars.
        return _objects(values.astype(scalar.rstrip("_")))
    return values.astype(object)


# -- Texts => cells


def read_texts(texts: Texts, name: str, types: Sequence[str] = ()) -> pd.Series:
    """Texts that are ``str`` of cells of a dtype => such cells.

    Args:
        texts: None of them is missing.
        name: Of the dtype.
        types: Where it is that of objects, the names of their types.
    """
    if name == "object":
        cells = [_read_object(text, types) for text in texts]
        return pd.Series(_objects(cells), dtype=object)
    dtype = parse(name)
    if isinstance(dtype, pd.PeriodDtype):
        # A week is written as its first and its last day.
        starts = [text.partition("/")[0] for text in texts]
        return pd.Series(pd.PeriodIndex(starts, freq=dtype.freq))
    if isinstance(dtype, pd.IntervalDtype):
        return _read_intervals(texts, dtype)
    type_ = dtype.pyarrow_dtype if isinstance(dtype, pd.ArrowDtype) else None
    if type_ is not None and pa.types.is_dictionary(type_):
        return restored(read_texts(texts, f"{type_.value_type}{ARROW}"), dtype)
    return restored(_read_plain(texts, name.lower()), dtype)


def _read_plain(texts: Texts, name: str) -> pd.Series:
    """Texts => plain cells of a dtype; its name is in small letters."""
    inner = name.removeprefix("sparse[")
    if inner.startswith("bool"):
        truths = [text.lower() in ("true", "1") for text in texts]
        return pd.Series(np.array(truths, dtype=bool))
    if re.match(r"u?int\d", inner):
        # A column with missing cells may have been written as floats.
        whole = [int(float(t)) if "." in t else int(t) for t in texts]
        return pd.Series(whole, dtype=None if whole else "int64")
    if inner.startswith("decimal"):
        return pd.Series(_objects(map(Decimal, texts)), dtype=object)
    if inner.startswith(("float", "double", "halffloat")):
        return pd.Series([float(text) for text in texts], dtype=np.float64)
    if inner.startswith(("datetime", "timestamp", "date")):
        return _read_stamps(texts, name)
    if inner.startswith(("timedelta", "duration", "time")):
        lengths = [pd.Timedelta(text).as_unit("ns").value for text in texts]
        return pd.Series(np.array(lengths, dtype="m8[ns]"))
    return pd.Series(texts, dtype=object)


def _read_stamps(texts: Texts, name: str) -> pd.Series:
    """Texts of dates => datetime64; in UTC where Arrow has a zone."""
    named = re.search(r"\[(s|ms|us|ns)\b", name)
    unit: Any = named[1] if named else "s"
    moments = []
    for text in texts:
        stamp = pd.Timestamp(text)
        if stamp.tzinfo is not None:
            stamp = stamp.tz_convert("UTC").tz_localize(None)
        moments.append(stamp.as_unit(unit).to_datetime64())
    series = pd.Series(np.array(moments, dtype=f"M8[{unit}]"))
    if name.startswith("datetime64") and "," in name:
        return series.dt.tz_localize("UTC")
    return series


def _read_intervals(texts: Texts, dtype: Any) -> pd.Series:
    """Texts such as "(0.5, 1.0]" => intervals."""
    ends = [text[1:-1].partition(", ") for text in texts]
    subtype = name_of(dtype.subtype)
    left = read_texts(_objects(low for low, _, _ in ends), subtype)
    right = read_texts(_objects(high for _, _, high in ends), subtype)
    index: Any = pd.IntervalIndex
    return pd.Series(index.from_arrays(left, right, closed=dtype.closed))


def _read_object(text: str, types: Sequence[str]) -> Any:
    """The cell of one of the types whose text this is; else the text."""
    for name in types:
        try:
            cell = READERS[name](text)
        except (ValueError, ArithmeticError, KeyError):
            continue
        if str(cell) == text:
            return cell
    return text


def _objects(cells: Iterable[Any]) -> Texts:
    listed = list(cells)
    return np.fromiter(listed, dtype=object, count=len(listed))
