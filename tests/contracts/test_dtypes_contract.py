"""Every dtype that pandas and Arrow have comes back in kind, or is refused with advice.

In kind: the same dtype, the same Python type, the same time zone, the same missing cell.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dateutil.tz
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synthtab import Synthesizer, evaluate
from synthtab.core.errors import DataError
from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.data import tables
from synthtab.data.columns import cells_to_text, infer, typed
from synthtab.data.encoder import TableEncoder

ROWS = 240
RNG = np.random.default_rng(3)


def pick(values: Iterable[Any]) -> list[Any]:
    """So many of them, each often."""
    listed = list(values)
    return [listed[i] for i in RNG.integers(0, len(listed), ROWS)]


def objects(values: Iterable[Any]) -> pd.Series:
    return pd.Series(pick(values), dtype=object)


def arrow(values: Iterable[Any], type_: Any) -> pd.Series:
    array = pa.array(pick(values), type=type_)
    return pd.Series(pd.arrays.ArrowExtensionArray(array))


def categorical(values: Any, ordered: bool = False) -> pd.Series:
    return pd.Series(pd.Categorical(pick(values), list(values), ordered=ordered))


DAYS = [dt.date(2020, 1, 1) + dt.timedelta(days=i) for i in range(40)]
MOMENTS = [dt.datetime(2020, 1, 1, 3, 5) + dt.timedelta(hours=7 * i) for i in range(40)]
STAMPS = pd.Series(pick(MOMENTS)).astype("datetime64[us]")
CLOCK = [dt.time(hour, minute, 30) for hour in range(24) for minute in (0, 15)]
LENGTHS = [dt.timedelta(minutes=7 * i) for i in range(40)]
DECIMALS = [Decimal(i).scaleb(-2) for i in range(110, 190, 5)]
BREAKS = pd.arrays.IntervalArray.from_breaks

NUMPY = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64"
NULLABLE = "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float32 Float64"
ZONES: dict[str, Any] = {
    "zoneinfo": ZoneInfo("Europe/Zurich"),
    "zoneinfo UTC": ZoneInfo("UTC"),
    "dateutil": dateutil.tz.gettz("Europe/Zurich"),
    "dateutil UTC": dateutil.tz.tzutc(),
    "dateutil offset": dateutil.tz.tzoffset("X", 3600),
    "dateutil nameless offset": dateutil.tz.tzoffset(None, -5400),
    "fixed": dt.timezone(dt.timedelta(hours=2)),
    "west": dt.timezone(-dt.timedelta(hours=3, minutes=30)),
    "UTC": dt.timezone.utc,
}
CATEGORIES: dict[str, Any] = {
    "text": ["b", "a", "c"],
    "int": [1, 2, 3],
    "float": [0.5, 1.5],
    "bool": [False, True],
    "mixed": [1, "a", 2.5],
    "timestamp": pd.date_range("2020-01-01", periods=5),
    "zoned": pd.date_range("2020-01-01", periods=5, tz="Europe/Zurich"),
    "period": pd.period_range("2020-01", periods=5, freq="M"),
    "interval": pd.interval_range(0.5, 5.5),
    "timedelta": pd.to_timedelta(range(5), unit="h"),
    "date": DAYS[:5],
}


def works(name: str, cells: pd.Series) -> bool:
    """Whether pandas and Arrow themselves can do with such cells what is asked here.

    The oldest versions that are allowed cannot count halves of Arrow, nor localise all
    zones of dateutil.
    """
    try:
        pd.factorize(cells)
        if name == "objects zoned Timestamp":
            STAMPS.dt.tz_localize(cells[0].tzinfo)
    except (pa.ArrowNotImplementedError, AttributeError):
        return False
    return True


def can_be_in_parquet(cells: pd.Series, path: Path) -> bool:
    """Whether pandas and Arrow write and read such cells."""
    dtype = str(cells.dtype)
    try:
        frame = pd.DataFrame({"x": cells})
        frame.to_parquet(path)
        back = pd.read_parquet(path)["x"].dtype
    except NotImplementedError:
        return "float16" not in dtype and "decimal256" not in dtype
    except Exception:
        # What is no type of Arrow is written as another.
        return True
    # One name for two dtypes, before pandas 3: which one it was, no file says.
    is_arrow = isinstance(cells.dtype, pd.ArrowDtype)
    return not (is_arrow and isinstance(back, pd.StringDtype))


def accepted() -> dict[str, pd.Series]:
    whole = pd.Series(pick(range(100)))
    cases = {name: whole.astype(name) for name in (NUMPY + " " + NULLABLE).split()}
    cases |= {
        "bool": pd.Series(pick([True, False])),
        "boolean": pd.Series(pick([True, False]), dtype="boolean"),
        "float64 with a fraction": pd.Series(pick([0.25, 1.5, 2.75])),
        "float16 with a fraction": pd.Series(pick([0.1, 0.2, 0.3])).astype("float16"),
    }
    for name in ("string[python]", "string", "str", "object"):
        cases[f"text as {name}"] = pd.Series(pick("abc"), dtype=name)
    cases |= {
        "objects int": objects(range(50)),
        "objects bool": objects([True, False]),
        "objects float": objects([0.5, 1.25, 2.0]),
        "objects int and float": objects([1, 2, 2.5, 3.25]),
        "objects int and str": objects([1, 2, "a", "b"]),
        "objects bool and str": objects([True, False, "perhaps"]),
        "objects Decimal": objects(DECIMALS),
        "objects Fraction": objects([Fraction(1, i) for i in range(2, 9)]),
        "objects UUID": objects([uuid.UUID(int=i) for i in range(9)]),
        "objects date": objects(DAYS),
        "objects datetime": objects(MOMENTS),
        "objects zoned datetime": objects(
            [m.replace(tzinfo=ZoneInfo("Europe/Zurich")) for m in MOMENTS]
        ),
        "objects time": objects(CLOCK),
        "objects timedelta": objects(LENGTHS),
        "objects Timestamp": objects(map(pd.Timestamp, MOMENTS)),
        "objects zoned Timestamp": objects(
            pd.Timestamp(m, tz=dateutil.tz.gettz("Asia/Tokyo")) for m in MOMENTS
        ),
        "objects Timedelta": objects(map(pd.Timedelta, LENGTHS)),
        "objects np.int64": objects(np.arange(50)),
        "objects np.float32": objects(np.arange(50, dtype=np.float32) / 4),
        "objects np.bool": objects([np.True_, np.False_]),
    }
    for name, values in CATEGORIES.items():
        cases[f"category of {name}"] = categorical(values)
        cases[f"ordered category of {name}"] = categorical(values, ordered=True)
    cases["category of int8"] = pd.Series(
        pd.Categorical(np.array(pick([1, 2, 3]), dtype="int8"))
    )
    for unit in ("s", "ms", "us", "ns"):
        cases[f"datetime64[{unit}]"] = STAMPS.astype(f"datetime64[{unit}]")
        lengths = pd.Series(pick(LENGTHS)).astype(f"timedelta64[{unit}]")
        cases[f"timedelta64[{unit}]"] = lengths
        cases[f"Arrow timestamp {unit}"] = arrow(MOMENTS, pa.timestamp(unit))
        cases[f"Arrow zoned timestamp {unit}"] = arrow(
            MOMENTS, pa.timestamp(unit, "Europe/Zurich")
        )
        cases[f"Arrow duration {unit}"] = arrow(LENGTHS, pa.duration(unit))
    for name, zone in ZONES.items():
        # pandas 2.2.0 fails at some zones by itself.
        with contextlib.suppress(AttributeError):
            cases[f"zone {name}"] = STAMPS.dt.tz_localize(zone)
    for freq in ("D", "M", "Q", "Q-JAN", "W", "W-WED", "h", "s", "Y"):
        cases[f"period {freq}"] = pd.Series(pd.PeriodIndex(STAMPS, freq=freq))
    far_years = pd.PeriodIndex([f"{year}-01" for year in range(1500, 1540)], freq="M")
    cases["period of far years"] = pd.Series(far_years[RNG.integers(0, 40, ROWS)])
    places = RNG.integers(0, 5, ROWS)
    cases |= {
        "interval of int": pd.Series(BREAKS(np.arange(6) * 10)[places]),
        "interval of float": pd.Series(BREAKS(np.arange(6) / 8, "left")[places]),
        "interval of days": pd.Series(
            BREAKS(pd.date_range("2020-01-01", periods=6))[places]
        ),
        "sparse float": pd.Series(
            pd.arrays.SparseArray(pick([np.nan, np.nan, 0.5, 2.25]))
        ),
        "sparse int": pd.Series(pd.arrays.SparseArray(pick([0, 0, 0, 5, 7]))),
        "sparse bool": pd.Series(pd.arrays.SparseArray(pick([False, False, True]))),
    }
    for name in NUMPY.split():
        type_ = pa.from_numpy_dtype(np.dtype(name))
        cases[f"Arrow {name}"] = arrow(np.arange(50).astype(name), type_)
    cases |= {
        "Arrow decimal128": arrow(DECIMALS, pa.decimal128(10, 2)),
        "Arrow decimal256": arrow(DECIMALS, pa.decimal256(50, 4)),
        "Arrow string": arrow("abc", pa.string()),
        "Arrow large_string": arrow("abc", pa.large_string()),
        "Arrow bool": arrow([True, False], pa.bool_()),
        "Arrow date32": arrow(DAYS, pa.date32()),
        "Arrow date64": arrow(DAYS, pa.date64()),
        "Arrow time32 s": arrow(CLOCK, pa.time32("s")),
        "Arrow time32 ms": arrow(CLOCK, pa.time32("ms")),
        "Arrow time64 us": arrow(CLOCK, pa.time64("us")),
        "Arrow time64 ns": arrow(CLOCK, pa.time64("ns")),
        "Arrow fixed offset": arrow(MOMENTS, pa.timestamp("us", "+02:00")),
        "Arrow dictionary": arrow("abc", pa.dictionary(pa.int32(), pa.string())),
        "Arrow ordered dictionary of int": arrow(
            [1, 2, 3], pa.dictionary(pa.int8(), pa.int64(), ordered=True)
        ),
        "Arrow null": arrow([None], pa.null()),
    }
    return cases


ACCEPTED = {name: cells for name, cells in accepted().items() if works(name, cells)}


def with_gaps(series: pd.Series) -> pd.Series:
    """Every seventh cell missing, in a dtype that has missing cells."""
    rows = np.arange(ROWS)
    if isinstance(series.dtype, pd.ArrowDtype):
        # `mask` ends the process with some types of Arrow 14.
        places = np.where(rows % 7 == 2, -1, rows)
        return pd.Series(series.array.take(places, allow_fill=True))
    return series.mask(pd.Series(rows % 7 == 2))


def has_gaps_in_kind(name: str) -> bool:
    series = ACCEPTED[name]
    if isinstance(series.dtype, pd.SparseDtype):
        return False
    return bool(with_gaps(series).dtype == series.dtype)


def round_trip(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, Schema]:
    """The table typed, and what its codes lead back to; schema and state through JSON."""
    schema = infer(frame, rare=5)
    schema = Schema.from_json(json.loads(json.dumps(schema.to_json())))
    cells = typed(frame, schema)
    encoder = TableEncoder.fit(cells, schema, Streams(0), rare=5)
    encoder = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    encoded = encoder.encode(cells, Streams(1))
    back = encoder.decode(encoded.codes, encoded.offsets, np.random.default_rng(0))
    return cells, back, schema


def python_types(series: pd.Series) -> set[type]:
    return {type(cell) for cell in series.dropna()}


def nulls(series: pd.Series) -> set[str]:
    return {repr(cell) for cell in series[series.isna()]}


def check(series: pd.Series) -> None:
    frame = pd.DataFrame({"x": series})
    cells, back, schema = round_trip(frame)
    made = back["x"]
    pd.testing.assert_series_equal(cells["x"], series, check_names=False)
    assert made.dtype == series.dtype
    assert python_types(made) == python_types(series)
    assert nulls(made) == nulls(series)
    zones = [getattr(s.dtype, "tz", None) for s in (made, series)]
    # All libraries have one UTC.
    assert type(zones[0]) is type(zones[1]) or zones[0] == dt.timezone.utc
    if schema["x"].kind in ("category", "boolean", "constant"):
        pd.testing.assert_series_equal(made, series, check_names=False)
    elif len(series.dropna()):
        # Of numbers and dates, the extremes are means.
        low, high = min(series.dropna()), max(series.dropna())
        assert all(low <= cell <= high for cell in made.dropna())
        assert 2 * made.nunique() >= series.nunique()
    # The cells of a CSV file lead back to them.
    texts = pd.Series(cells_to_text(cells["x"], schema["x"]), dtype=object)
    read = typed(pd.DataFrame({"x": texts.where(texts != "", None)}), schema)["x"]
    pd.testing.assert_series_equal(read, series, check_names=False)


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_dtype_comes_back_in_kind(name: str) -> None:
    check(ACCEPTED[name])


@pytest.mark.parametrize("name", [*filter(has_gaps_in_kind, ACCEPTED)])
def test_so_does_its_missing_cell(name: str) -> None:
    check(with_gaps(ACCEPTED[name]))


@pytest.mark.parametrize("null", [None, np.nan, pd.NA, pd.NaT])
@pytest.mark.parametrize("name", [n for n in ACCEPTED if n.startswith("objects ")])
def test_objects_keep_what_a_missing_cell_is(name: str, null: Any) -> None:
    series = ACCEPTED[name].copy()
    series.iloc[3:60:4] = pd.Series([null] * len(series.iloc[3:60:4]), dtype=object)
    assert nulls(series) == {repr(null)}
    check(series)


def pytz_zones() -> dict[str, Any]:
    pytz = pytest.importorskip("pytz")
    return {
        "named": pytz.timezone("Europe/Zurich"),
        "offset": pytz.FixedOffset(90),
        "UTC": pytz.UTC,
    }


@pytest.mark.parametrize("name", ["named", "offset", "UTC"])
def test_zones_of_pytz(name: str) -> None:
    check(STAMPS.dt.tz_localize(pytz_zones()[name]))


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_parquet_file_leads_back(name: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": ACCEPTED[name]})
    if not can_be_in_parquet(frame["x"], tmp_path / "by-pandas.parquet"):
        pytest.skip("this version of pandas or Arrow cannot do it by itself")
    schema = infer(frame, rare=5)
    tables.write(frame, tmp_path / "t.parquet", schema)
    back = tables.read(tmp_path / "t.parquet", schema=schema)
    pd.testing.assert_frame_equal(back, frame)


# What is refused -> how the advice makes a column that is accepted.
Advice = Callable[[pd.DataFrame], Any]
REFUSED: dict[str, tuple[pd.Series, str, Advice]] = {
    "complex": (
        pd.Series(pick([1j, 2 + 1j])),
        "np.real(df['x'].astype(complex))",
        lambda df: np.real(df["x"].astype(complex)),
    ),
    "complex objects": (
        objects([1j, 2 + 1j]),
        "np.real(df['x'].astype(complex))",
        lambda df: np.real(df["x"].astype(complex)),
    ),
    "bytes": (
        objects([b"a", b"b", None]),
        "df['x'].map(bytes.decode, na_action='ignore')",
        lambda df: df["x"].map(bytes.decode, na_action="ignore"),
    ),
    "Arrow binary": (
        arrow([b"a", b"b", None], pa.binary()),
        "df['x'].map(bytes.decode, na_action='ignore')",
        lambda df: df["x"].map(bytes.decode, na_action="ignore"),
    ),
    "objects of lists": (
        objects([[1], [2], None]),
        "df.drop(columns='x')",
        lambda df: None,
    ),
    "Arrow list": (
        arrow([[1], [2]], pa.list_(pa.int64())),
        "df.drop(columns='x')",
        lambda df: None,
    ),
    "Arrow struct": (
        arrow([{"a": 1}, {"a": 2}], pa.struct([("a", pa.int64())])),
        "df.drop(columns='x')",
        lambda df: None,
    ),
    "Arrow map": (
        arrow([[("a", 1)], [("b", 2)]], pa.map_(pa.string(), pa.int64())),
        "df.drop(columns='x')",
        lambda df: None,
    ),
    "mixed zones": (
        objects(
            m.replace(tzinfo=zone)
            for m in MOMENTS
            for zone in (dt.timezone.utc, ZoneInfo("Asia/Tokyo"))
        ),
        "pd.to_datetime(df['x'], utc=True)",
        lambda df: pd.to_datetime(df["x"], utc=True),
    ),
    "zoned and local": (
        objects(
            m.replace(tzinfo=zone) for m in MOMENTS for zone in (None, dt.timezone.utc)
        ),
        "pd.to_datetime(df['x'], utc=True)",
        lambda df: pd.to_datetime(df["x"], utc=True),
    ),
    "zoned times": (
        objects(t.replace(tzinfo=dt.timezone.utc) for t in CLOCK),
        "df['x'].map(lambda t: t.replace(tzinfo=None))",
        lambda df: df["x"].map(lambda t: t.replace(tzinfo=None)),
    ),
    "objects Period": (
        objects([pd.Period("2020-01", "M") + i for i in range(9)]),
        "df['x'].infer_objects()",
        lambda df: df["x"].infer_objects(),
    ),
    "objects Interval": (
        objects([pd.Interval(i, i + 1) for i in range(9)]),
        "df['x'].infer_objects()",
        lambda df: df["x"].infer_objects(),
    ),
    "objects that look alike": (
        objects([1, 2, "1", "a"]),
        ".astype(str)",
        lambda df: df["x"].astype(str),
    ),
    "tuples": (
        objects([(1, 2), (3, 4)]),
        ".astype(str)",
        lambda df: df["x"].astype(str),
    ),
}
if hasattr(pa, "string_view"):
    REFUSED["Arrow string_view"] = (
        arrow("abc", pa.string_view()),
        "list(df['x'])",
        lambda df: list(df["x"]),
    )


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_has_advice_that_works(name: str) -> None:
    series, advice, follow = REFUSED[name]
    frame = pd.DataFrame({"x": series})
    with pytest.raises(DataError, match="column 'x'") as caught:
        infer(frame)
    message = str(caught.value)
    assert advice in message
    assert "\n" not in message
    frame = frame.assign(x=follow(frame), y=1.0)
    if "drop" in advice:
        frame = frame.drop(columns="x")
    round_trip(frame)


@pytest.mark.parametrize(
    "values", [["no", "yes"], [0, 1], [0.0, 1.0], [False, True], ["true", "false"]]
)
@pytest.mark.parametrize("ordered", [False, True])
def test_a_categorical_declared_boolean_keeps_its_categories(
    values: list[Any], ordered: bool
) -> None:
    frame = pd.DataFrame({"x": with_gaps(categorical(values, ordered))})
    schema = infer(frame, {"x": "boolean"})
    assert schema["x"].kind == "boolean"
    cells = typed(frame, schema)
    encoder = TableEncoder.fit(cells, schema, Streams(0), rare=5)
    encoded = encoder.encode(cells, Streams(1))
    back = encoder.decode(encoded.codes, encoded.offsets, np.random.default_rng(0))
    pd.testing.assert_frame_equal(cells, frame)
    pd.testing.assert_frame_equal(back, frame)


@pytest.mark.slow
def test_a_model_of_dtypes_gives_them_back(tmp_path: Path) -> None:
    names = [
        "period M",
        "objects time",
        "objects zoned datetime",
        "objects int and str",
        "Arrow decimal128",
        "Arrow dictionary",
        "Arrow time64 us",
        "interval of int",
        "category of interval",
        "zone dateutil",
    ]
    frame = pd.DataFrame({name: ACCEPTED[name] for name in names})
    model = Synthesizer("quick", epochs=1, width=32, noise=16, batch=40, seed=0)
    rows = model.fit(frame).sample(200)
    assert rows.dtypes.tolist() == frame.dtypes.tolist()
    model.save(tmp_path / "m.synthtab")
    again = Synthesizer.load(tmp_path / "m.synthtab").sample(200)
    pd.testing.assert_frame_equal(again, rows)
    tables.write(rows, tmp_path / "rows.parquet", model.schema_)
    back = tables.read(tmp_path / "rows.parquet", schema=model.schema_)
    pd.testing.assert_frame_equal(back, rows)
    assert evaluate(frame, rows, schema=model.schema_).scores
