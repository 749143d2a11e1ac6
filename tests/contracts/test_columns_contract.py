"""What every column kind promises, for every kind in the registry."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthtab import infer
from synthtab.core.schema import Column
from synthtab.data import tables
from synthtab.data.columns import KINDS, Cells, Settings, in_turn
from synthtab.data.columns.base import ColumnEncoder
from synthtab.data.holdout import digest

ROWS = 60
RNG = np.random.default_rng(5)

WORDS = pd.Series(RNG.choice(["red", "green", "NA", "None", "0311"], ROWS))
STAMPS = pd.Series(
    pd.Timestamp("2021-03-01 10:00")
    + pd.to_timedelta(RNG.integers(0, 10**6, ROWS), unit="s")
)
DAYS = STAMPS.dt.normalize()
MINUTES = RNG.integers(0, 1440, ROWS)
CLOCK = MINUTES // 60 * 100 + MINUTES % 60


def with_gaps(series: pd.Series) -> pd.Series:
    return series.mask(pd.Series(np.arange(len(series)) % 7 == 2))


SERIES: dict[str, list[pd.Series]] = {
    "float": [
        pd.Series(RNG.normal(size=ROWS)),
        with_gaps(pd.Series(RNG.normal(size=ROWS).round(2))),
        pd.Series(RNG.normal(size=ROWS).astype("float32")),
        with_gaps(pd.Series(RNG.normal(size=ROWS).round(1), dtype="Float64")),
        pd.Series([0.0, -1e308, 1e308, 1e-300, 3.5] * 12),
        pd.Series([f"{v:.2f}" for v in RNG.normal(size=ROWS)], dtype="string"),
        pd.Series(
            [f"{v:.2f}" if v > -1 else "N/A" for v in RNG.normal(size=ROWS)],
            dtype=object,
        ),
        pd.Series([Decimal("1.50"), Decimal("2.25"), None] * 20, dtype=object),
    ],
    "compound": [
        pd.Series([f"{a}/{b}" for a, b in RNG.integers(5, 999, (ROWS, 2))]),
        with_gaps(
            pd.Series([f"{a:.1f} x {b:.1f}" for a, b in RNG.normal(50, 9, (ROWS, 2))])
        ),
    ],
    "integer": [
        pd.Series(RNG.integers(0, 9, ROWS)),
        pd.Series(RNG.integers(-128, 127, ROWS).astype("int8")),
        pd.Series(RNG.integers(0, 2**62, ROWS)),
        pd.Series([2**63 - 1, -(2**63), 0] * 20),
        with_gaps(pd.Series(RNG.integers(0, 1000, ROWS), dtype="Int64")),
        pd.Series([str(v) for v in RNG.integers(0, 1000, ROWS)]),
        pd.Series([7, None, 9] * 20, dtype=object),
    ],
    "boolean": [
        pd.Series(RNG.random(ROWS) < 0.3),
        with_gaps(pd.Series(RNG.random(ROWS) < 0.3, dtype="boolean")),
        pd.Series(RNG.choice(["Yes", "No"], ROWS)),
        with_gaps(pd.Series(RNG.choice(["t", "f"], ROWS), dtype="string")),
        pd.Series([True, False, None] * 20, dtype=object),
    ],
    "category": [
        WORDS,
        with_gaps(WORDS.astype("string")),
        pd.Series(
            pd.Categorical(
                RNG.choice(["low", "high"], ROWS),
                ["low", "middle", "high"],
                ordered=True,
            )
        ),
        with_gaps(pd.Series(pd.Categorical(RNG.choice([10, 20], ROWS), [10, 15, 20]))),
        pd.Series([f"c{v}" for v in RNG.integers(0, 20, ROWS)], dtype=object),
    ],
    "datetime": [
        STAMPS,
        with_gaps(DAYS),
        with_gaps(STAMPS.dt.tz_localize("Europe/Zurich")),
        STAMPS.astype("datetime64[s]"),
        STAMPS.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        with_gaps(DAYS.dt.strftime("%d/%m/%Y").astype("string")),
        STAMPS.dt.strftime("%H:%M"),
        pd.Series(
            [datetime.date(2020, 2, 29), None, datetime.date(9999, 12, 31)] * 20,
            dtype=object,
        ),
    ],
    "duration": [
        STAMPS - STAMPS.min(),
        with_gaps((DAYS - STAMPS).astype("timedelta64[s]")),
        pd.Series(
            [f"{v // 60}:{v % 60:02d}:07" for v in RNG.integers(0, 5000, ROWS)],
            dtype="string",
        ),
        with_gaps(
            pd.Series(
                [f"{v // 60:02d}:{v % 60:02d}" for v in RNG.integers(1440, 9000, ROWS)]
            )
        ),
        pd.Series(
            [
                f"{v} days {v % 24:02d}:05:{v % 60:02d}.500"
                for v in RNG.integers(0, 90, ROWS)
            ]
        ),
        pd.Series(["-27:10:00", "30:00:59", "0:00:00"] * 20),
    ],
    "clock": [
        pd.Series(CLOCK, name="dep_time"),
        with_gaps(pd.Series(CLOCK, name="sched_arr_time").astype("float64")),
        with_gaps(pd.Series(CLOCK, name="start").astype("Int64")),
        with_gaps(pd.Series(CLOCK, name="hhmm").map("{:04d}".format).astype("string")),
        pd.Series([*CLOCK[:-1], 2400], name="arrTime").astype(str),
    ],
    "identifier": [
        pd.Series([f"{i * 37:04d}-{'AB'[i % 2]}{'XYZ'[i % 3]}" for i in range(ROWS)]),
        with_gaps(pd.Series([f"user{i}@mail{i % 3}.org" for i in range(ROWS)])),
        pd.Series(range(1000, 1000 + ROWS), name="PassengerId"),
    ],
    "constant": [
        pd.Series(["same"] * ROWS),
        with_gaps(pd.Series([5.5] * ROWS)),
        pd.Series([7] * ROWS),
        pd.Series(pd.Categorical(["a"] * ROWS, ["a", "b"])),
        pd.Series([True] * ROWS),
        pd.Series([pd.Timestamp("2020-01-01 03:00", tz="UTC")] * ROWS),
    ],
}

CASES = [(kind, i) for kind in KINDS for i in range(len(SERIES.get(kind, ())))]


def describe(kind: str, series: pd.Series) -> Column:
    if series.name is None:
        series = series.rename("x")
    column = KINDS[kind].accepts(Cells(series), forced=True)
    assert column is not None
    return column


def fit(
    kind: str, series: pd.Series, column: Column, settings: Settings = Settings()
) -> ColumnEncoder:
    fitted = KINDS[kind].fit(series, column, np.random.default_rng(0), settings)
    return KINDS[kind].from_state(column, json.loads(json.dumps(fitted.state())))


def round_trip(encoder: ColumnEncoder, series: pd.Series) -> pd.Series:
    codes, offsets = encoder.encode(series, np.random.default_rng(1))
    assert codes.shape == (len(series), len(encoder.blocks))
    assert offsets.shape == (len(series), sum(b.modes > 0 for b in encoder.blocks))
    assert offsets.dtype == np.float32
    assert ((offsets >= 0) & (offsets <= 1)).all()
    for block, code in zip(encoder.blocks, codes.T, strict=True):
        assert code.max(initial=0) < block.size
    return encoder.decode(codes, offsets, np.random.default_rng(2), 0)


def check_same(kind: str, encoder: ColumnEncoder, series: pd.Series) -> None:
    back = round_trip(encoder, series)
    assert str(back.dtype) == str(series.dtype)
    assert back.name == encoder.column.name
    if kind != "identifier":
        pd.testing.assert_series_equal(
            back, series, check_names=False, check_exact=True
        )
    else:
        assert (back.isna() == series.isna()).all()
        assert back.dropna().is_unique
        assert not set(back.dropna()) & set(series.dropna())


def test_every_kind_is_named_and_has_examples() -> None:
    assert set(KINDS) == set(SERIES)
    assert all(KINDS[name].kind == name for name in KINDS)


@pytest.mark.parametrize(("kind", "i"), CASES)
def test_accepts_its_own_without_force(kind: str, i: int) -> None:
    series = SERIES[kind][i]
    series = series if series.name else series.rename("x")
    first = next(
        c for c in (k.accepts(Cells(series)) for k in in_turn()) if c is not None
    )
    assert first.kind == kind
    assert first.dtype == str(series.dtype)
    assert first.missing == (series.isna().any() or (series == "N/A").any())
    assert first.why
    assert Column.from_json(json.loads(json.dumps(first.to_json()))) == first


@pytest.mark.parametrize(("kind", "i"), CASES)
@pytest.mark.parametrize("continuous", ["cdf", "mixture"])
def test_decode_of_encode_is_the_column(kind: str, i: int, continuous: str) -> None:
    series = SERIES[kind][i]
    column = describe(kind, series)
    check_same(kind, fit(kind, series, column, Settings(continuous)), series)


@pytest.mark.parametrize(("kind", "i"), CASES)
def test_text_form_leads_back(kind: str, i: int) -> None:
    series = SERIES[kind][i]
    column = describe(kind, series)
    texts = pd.Series(KINDS[kind].text(series, column), dtype=object)
    assert all(isinstance(t, str) for t in texts)
    typed = KINDS[kind].typed(texts.where(texts != "", None), column)
    pd.testing.assert_series_equal(typed, series, check_names=False, check_exact=True)
    again = KINDS[kind].typed(typed, column)
    pd.testing.assert_series_equal(again, typed, check_exact=True)


@pytest.mark.parametrize(("kind", "i"), CASES)
def test_one_row(kind: str, i: int) -> None:
    series = SERIES[kind][i].iloc[:1]
    column = describe(kind, series)
    encoder = fit(kind, series, column)
    check_same(kind, encoder, series)


@pytest.mark.parametrize(("kind", "i"), CASES)
def test_training_rows_may_lack_what_the_schema_knows(kind: str, i: int) -> None:
    """Fit on some rows, encode others: unseen values and missing cells become something valid."""
    series = SERIES[kind][i]
    column = describe(kind, series)
    encoder = fit(kind, series.iloc[:2].reset_index(drop=True), column)
    assert len(round_trip(encoder, series)) == len(series)


# Dtype of a column without any value => the kinds, besides category and constant, as
# which a user may declare it.
EMPTY = {
    "float64": {"float", "integer", "boolean"},
    "Int64": {"float", "integer", "boolean"},
    "boolean": {"float", "integer", "boolean"},
    "object": {"boolean"},
    "category": {"boolean"},
    "datetime64[ns]": {"boolean", "datetime"},
    "string": set(),
}


def empty(dtype: str) -> pd.Series:
    words = pd.CategoricalDtype(["a"])
    return pd.Series([None] * 5, dtype=words if dtype == "category" else dtype)


@pytest.mark.parametrize("dtype", list(EMPTY))
def test_all_missing_is_constant_whatever_the_dtype(dtype: str) -> None:
    column = infer(empty(dtype).to_frame("x"))["x"]
    assert (column.kind, column.dtype) == ("constant", dtype)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("dtype", list(EMPTY))
def test_all_missing_comes_back_missing(kind: str, dtype: str) -> None:
    series = empty(dtype).rename("x")
    accepted = KINDS[kind].accepts(Cells(series), forced=True)
    if kind not in {"constant", "category"} | EMPTY[dtype]:
        assert accepted is None
        return
    assert accepted is not None
    back = round_trip(fit(kind, series, accepted), series)
    assert back.isna().all()
    assert str(back.dtype) == dtype


def may_be_missing() -> list[tuple[str, int]]:
    return [(kind, i) for kind, i in CASES if describe(kind, SERIES[kind][i]).missing]


def test_every_kind_has_an_example_with_missing_cells() -> None:
    assert {kind for kind, _ in may_be_missing()} == set(KINDS)


@pytest.mark.parametrize(("kind", "i"), may_be_missing())
def test_all_missing_training_rows(kind: str, i: int) -> None:
    """The schema knows values, but the rows of this fit hold none: none comes back."""
    column = describe(kind, SERIES[kind][i])
    gone = pd.Series([None] * ROWS, dtype=object)
    back = round_trip(fit(kind, gone, column), gone)
    texts = set(KINDS[kind].text(back, column))
    if KINDS[kind].invented:
        assert len(texts) == ROWS
    else:
        assert texts == {column.options.get("missing", "")}


FOREIGN = {
    "float": [WORDS, DAYS, pd.Series(["1.5", "x"]), pd.Series(["01.5", "2"])],
    "integer": [
        WORDS,
        pd.Series(["007", "008"]),
        pd.Series(["1.5"]),
        pd.Series([0.5, 1.5]),
        pd.Series(["+41", "+42"]),
    ],
    "compound": [WORDS, STAMPS, pd.Series(["V57", "E11", "Z00"])],
    "boolean": [
        WORDS,
        pd.Series(["yes", "NO"]),
        pd.Series(["yes", "false"]),
        pd.Series([0, 1]),
        pd.Series(["0", "1"]),
    ],
    "datetime": [
        WORDS,
        pd.Series([20200101, 20200102]),
        pd.Series(["2020-02-30"]),
    ],
    "duration": [
        WORDS,
        STAMPS,
        pd.Series(["1:75", "30:00"]),
        pd.Series(["90:00", "x"]),
    ],
    "clock": [
        WORDS,
        pd.Series(CLOCK, name="x"),
        pd.Series(range(60), name="hour"),
        pd.Series([*CLOCK, 1275], name="dep_time"),
        pd.Series(range(0, 2400, 50), name="start"),
        pd.Series(CLOCK + 0.5, name="dep_time"),
    ],
    "identifier": [
        WORDS,
        pd.Series(RNG.normal(size=99)),
        pd.Series(range(99), name="age"),
        pd.Series(["1.5", "2.5"] * 40),
    ],
    "constant": [WORDS, pd.Series([1.0, 2.0])],
    "category": [],
}


@pytest.mark.parametrize(
    ("kind", "i"), [(k, i) for k in KINDS for i in range(len(FOREIGN[k]))]
)
def test_declines_foreign_columns(kind: str, i: int) -> None:
    series = FOREIGN[kind][i]
    assert (
        KINDS[kind].accepts(Cells(series if series.name else series.rename("x")))
        is None
    )


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_a_column_has_one_digest_however_it_is_typed(
    kind: str, number: int, tmp_path: Path
) -> None:
    """A fit records it, and finds its table again by it."""
    frame = pd.DataFrame(
        {"x": SERIES[kind][number], "row": np.arange(len(SERIES[kind][number]))}
    )
    schema, none = infer(frame, overrides={"x": kind}), np.zeros(0, dtype=np.int64)
    typed = tables.typed(frame, schema)
    tables.write(typed, tmp_path / "t.csv", schema)
    expected = digest(frame, schema, none)
    assert digest(typed, schema, none) == expected
    assert digest(tables.read(tmp_path / "t.csv"), schema, none) == expected
    assert digest(frame.iloc[::-1], schema, none) != expected
