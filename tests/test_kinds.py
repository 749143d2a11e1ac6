"""Times of day as numbers, durations, the calendar, nested cells, large categories, and mixes of all kinds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer, evaluate
from synthtab.core.errors import DataError, SchemaError
from synthtab.core.randomness import Streams
from synthtab.data import tables
from synthtab.data.columns import KINDS, Settings, infer
from synthtab.data.encoder import TableEncoder

TINY: dict[str, Any] = dict(epochs=2, rounds=0, width=32, depth=1, checks=1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def shares(cells: Any) -> pd.Series:
    return pd.Series(np.asarray(cells)).value_counts(normalize=True)


def distance(real: Any, made: Any) -> float:
    """Total variation."""
    return float(0.5 * shares(real).sub(shares(made), fill_value=0).abs().sum())


def drawn(encoder: TableEncoder, rows: int, seed: int = 0) -> pd.DataFrame:
    """What comes of any codes and offsets."""
    r = rng(seed)
    codes = np.column_stack(
        [r.integers(0, b.size, rows) for b in encoder.layout.blocks]
    )
    return encoder.decode(
        codes, r.random((rows, len(encoder.layout.continuous))).astype(np.float32), r
    )


# The clock


def clock(rows: int = 1000) -> pd.Series:
    minutes = np.clip(rng(1).normal(800, 250, rows).round(), 0, 1439).astype(int)
    return pd.Series(minutes // 60 * 100 + minutes % 60, name="dep_time")


@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64", "text", "padded"])
def test_no_quarter_past_sixty(dtype: str) -> None:
    cells: pd.Series = clock()
    cells = (
        cells.astype(str)
        if dtype == "text"
        else cells.map("{:04d}".format)
        if dtype == "padded"
        else cells
    )
    frame = (
        cells.to_frame()
        if dtype in ("text", "padded")
        else cells.astype(dtype).to_frame()
    )
    schema = infer(frame, text=dtype in ("text", "padded"))
    assert schema["dep_time"].kind == "clock"
    encoder = TableEncoder.fit(frame, schema, Streams(0), rare=5)
    made = drawn(encoder, 5000)["dep_time"]
    values = made.astype(int)
    assert (values % 100 < 60).all() and values.between(0, 2359).all()
    assert dtype != "padded" or made.str.fullmatch(r"\d{4}").all()


@pytest.mark.parametrize("written", ["number", "text"])
def test_a_time_after_another_is_of_the_same_day(written: str) -> None:
    """The column's own last times are not its bounds: few rows have them."""
    leaves = rng(2).integers(0, 1380, 600)
    share_of_the_day = rng(3).random(600) ** 3
    comes = leaves + np.ceil((1439 - leaves) * share_of_the_day).astype(int)
    times = pd.DataFrame({"dep_time": leaves, "arr_time": comes})
    hours, minutes = times // 60, times % 60
    frame = (
        hours * 100 + minutes
        if written == "number"
        else hours.map("{:02d}".format) + ":" + minutes.map("{:02d}".format)
    )
    schema = infer(frame.iloc[:100])
    encoder = TableEncoder.fit(tables.typed(frame, schema), schema, Streams(0), rare=5)
    made = drawn(encoder, 5000)
    tables.typed(made, schema)
    assert (made["arr_time"] >= made["dep_time"]).all()


def test_a_number_that_is_no_time_is_named() -> None:
    frame = clock().to_frame()
    with pytest.raises(
        SchemaError, match="column 'dep_time': '1275' is not a time of day such as 517"
    ):
        tables.typed(frame.replace(frame.iloc[0, 0], 1275), infer(frame))


@pytest.mark.long
def test_rows_of_another_generator_may_be_no_times() -> None:
    frame = pd.DataFrame({"dep_time": clock(), "x": rng().normal(size=1000)})
    broken = frame.assign(dep_time=rng().integers(0, 2400, 1000))
    report = evaluate(frame, broken, schema=infer(frame, rare=0))
    assert (
        report.score("shape_error").value
        > evaluate(frame, frame).score("shape_error").value
    )


# Durations


@pytest.mark.parametrize(
    "texts",
    [
        ["27:05:10", "1:00:00", "125:59:59"],
        ["027:05", "101:00"],
        ["1 days 02:03:04", "0 days 00:00:00", "-1 days +23:00:00"],
        ["0 days 00:15:00.500000", "12 days 10:00:00.250000"],
        ["-30:00:00.5", "40:00:00.0"],
    ],
)
def test_durations_keep_their_spelling(texts: list[str], tmp_path: Path) -> None:
    frame = pd.DataFrame({"took": texts * 20})
    frame.to_csv(tmp_path / "t.csv", index=False)
    read = tables.read(tmp_path / "t.csv")
    schema = infer(read)
    assert (schema["took"].kind, schema["took"].dtype) == (
        "duration",
        "timedelta64[us]",
    )
    typed = tables.typed(read, schema)
    assert typed["took"].max() == pd.to_timedelta(typed["took"]).max()
    tables.write(typed, tmp_path / "u.csv", schema)
    assert (tmp_path / "u.csv").read_text() == (tmp_path / "t.csv").read_text()


def test_a_cell_that_is_no_duration_is_named() -> None:
    frame = pd.DataFrame({"took": ["27:05:10", "1:00:00"] * 9})
    schema = infer(frame, text=True)
    for cell in ("soon", "1:75:00"):
        with pytest.raises(
            SchemaError, match=f"'took': '{cell}' is not a duration like H:M:S"
        ):
            tables.typed(pd.DataFrame({"took": ["1:00:00", cell]}), schema)
    with pytest.raises(SchemaError, match="is not a duration"):
        tables.typed(pd.DataFrame({"took": [1.5]}), schema)


# The calendar


def visits(rows: int = 6000) -> pd.DataFrame:
    """Office hours of three years, no Sundays, busy in summer."""
    r = rng(2)
    days = pd.date_range("2019-01-01", "2021-12-31")
    weight = np.where(days.day_of_week == 6, 0, 1) * (
        1 + 0.8 * np.sin((np.arange(len(days)) - 80) / 58)
    )
    day = r.choice(len(days), rows, p=weight / weight.sum())
    hour = np.where(r.random(rows) < 0.5, r.normal(9, 0.5, rows), r.normal(15, 1, rows))
    when = days[day] + pd.to_timedelta((hour * 3600).astype(int), unit="s")
    return pd.DataFrame({"when": when, "day": days[day], "x": hour.round(2)})


def test_weekdays_hours_and_seasons_are_parts_of_a_date() -> None:
    frame = visits()
    # Each by itself: the day is that of the instant.
    encoder = TableEncoder.fit(frame, infer(frame), Streams(0), rare=5, links=False)
    found = {
        c: [encoder.layout.blocks[b].part for b in blocks]
        for c, blocks in encoder.layout.columns.items()
    }
    assert found["when"] == ["week", "weekday", "time"] and found["day"] == [
        "week",
        "weekday",
    ]
    encoder = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    encoded = encoder.encode(frame, Streams(1))
    back = encoder.decode(encoded.codes, encoded.offsets, rng())
    for name in ("when", "day"):
        assert back[name].dtype == frame[name].dtype
        assert distance(frame[name].dt.day_of_week, back[name].dt.day_of_week) < 0.002
        assert distance(frame[name].dt.month, back[name].dt.month) < 0.01
        assert (back[name].dt.day_of_week != 6).mean() > 0.999
    assert distance(frame["when"].dt.hour, back["when"].dt.hour) < 0.005


@pytest.mark.long
def test_a_model_draws_them_together() -> None:
    frame = visits(3000)
    rows = (
        Synthesizer("quick", **{**TINY, "epochs": 12}, seed=0).fit(frame).sample(6000)
    )
    assert (rows["when"].dt.day_of_week == 6).mean() < 0.005, "closed on Sundays"
    assert distance(frame["when"].dt.hour, rows["when"].dt.hour) < 0.1
    assert distance(frame["when"].dt.quarter, rows["when"].dt.quarter) < 0.1


def test_parts_of_missing_dates_do_not_disturb_the_others() -> None:
    frame = visits()
    frame["when"] = frame["when"].mask(rng().random(len(frame)) < 0.4)
    schema = infer(frame)
    encoder = KINDS["datetime"].fit(
        frame["when"], schema["when"], rng(), Settings(rare=5)
    )
    codes, offsets = encoder.encode(frame["when"], rng(1))
    missing = frame["when"].isna().to_numpy()
    assert distance(codes[missing, 1], codes[~missing, 1]) < 0.03
    back = encoder.decode(codes, offsets, rng(), 0)
    assert (back.isna() == missing).all()


def test_days_without_a_pattern_stay_one_part() -> None:
    days = pd.Timestamp("2000-01-01") + pd.to_timedelta(
        rng().integers(0, 3000, 4000), unit="D"
    )
    frame = pd.DataFrame({"d": days})
    assert len(TableEncoder.fit(frame, infer(frame), Streams(0)).layout.blocks) == 1


# Cells that are tables


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (['{"a": 1, "b": [2]}', '{"a": 3}'], "objects"),
        (["[1, 2]", "[3]", "[]"], "lists"),
        (['[{"k": "v"}]'], "lists"),
    ],
)
def test_json_is_refused_with_advice(
    cells: list[str], what: str, call: Callable[..., Any], tmp_path: Path
) -> None:
    frame = pd.DataFrame({"tags": cells * 20, "x": range(20 * len(cells))})
    with pytest.raises(
        DataError, match=rf"column 'tags' holds JSON {what}; .*json_normalize"
    ):
        infer(frame)
    assert infer(frame, {"tags": "identifier"})["tags"].kind == "identifier"
    frame.to_csv(tmp_path / "t.csv", index=False)
    said = call("fit", "t.csv")
    assert (
        said.status == 2 and said.err.count("\n") == 1 and "json_normalize" in said.err
    )


def test_braces_alone_are_no_json() -> None:
    frame = pd.DataFrame({"x": ["[red]", "{blue}", "(green)"] * 10})
    assert infer(frame)["x"].kind == "category"


# Large categories


def test_many_categories_are_encoded_fast_and_bounded() -> None:
    """A smaller sibling of 100,000 categories in 1,000,000 rows."""
    names = np.array([f"item {i:06d}" for i in range(20_000)], dtype=object)
    weight = 1 / np.arange(1, 20_001)
    series = pd.Series(
        rng().choice(names, 200_000, p=weight / weight.sum()), name="item"
    )
    schema = infer(series.to_frame())
    started = time.perf_counter()
    encoder = KINDS["category"].fit(series, schema["item"], rng(), Settings(rare=5))
    codes, offsets = encoder.encode(series, rng())
    back = encoder.decode(codes, offsets, rng(), 0)
    assert time.perf_counter() - started < 10  # about 0.3 s, but machines are shared
    assert codes.dtype == np.uint8 and max(b.size for b in encoder.blocks) <= 128
    real, made = series.value_counts(), back.value_counts()
    head = real.index[:100]
    assert (made[head] / real[head] - 1).abs().max() < 0.08
    assert set(back) <= set(real.index[real >= 5])


@pytest.mark.long
def test_digits_are_drawn_given_the_ones_before() -> None:
    """The frequent items of a skewed column: 200 of them, the second digit of which depends on the first."""
    weight = 1 / np.arange(1, 201) ** 1.3
    item = rng().choice(200, 20_000, p=weight / weight.sum())
    frame = pd.DataFrame(
        {"item": [f"i{v:03d}" for v in item], "g": rng(1).choice(["a", "b"], 20_000)}
    )
    model = Synthesizer(
        "quick", **{**TINY, "epochs": 6, "rake": False}, holdout=0.0, passes=3, rare=0
    ).fit(frame)
    made = model.sample(40_000)["item"].value_counts(normalize=True)
    real = frame["item"].value_counts(normalize=True)
    assert len(model.requests.encoder.layout.units) == 3  # type: ignore[union-attr]
    assert (
        made.reindex(real.index[:8], fill_value=0) / real[:8] - 1
    ).abs().max() < 0.15


# All kinds together


def any_column(r: np.random.Generator, rows: int) -> pd.Series:
    """A column of some kind, its values repeating so that they may be stored."""

    def pick(values: Any) -> pd.Series:
        values = pd.Series(values)
        return values.iloc[r.integers(0, len(values), rows)].reset_index(drop=True)

    size = int(r.integers(2, 12))
    stamps = pd.Timestamp("2015-06-01") + pd.to_timedelta(
        r.integers(0, 10**8, size), unit="s"
    )
    makers: list[Callable[[], pd.Series]] = [
        lambda: pick(r.normal(size=size).round(int(r.integers(0, 6)))),
        lambda: pick(r.normal(size=size).astype("float32")),
        lambda: pick(r.integers(-(10**6), 10**6, size)).astype("Int64"),
        lambda: pick(r.integers(-100, 100, size)).astype("int8"),
        lambda: pick([True, False]),
        lambda: pick([f"{v:04d}" for v in r.integers(0, 999, size)]),
        lambda: pick([f'w{v}, "{v}"\n' for v in range(size)]).astype("string"),
        lambda: pick(
            pd.Categorical([f"g{v}" for v in range(size)], ordered=bool(r.integers(2)))
        ),
        lambda: pick(stamps),
        lambda: pick(stamps.tz_localize("Europe/Zurich")),
        lambda: pick(stamps.strftime("%d.%m.%Y %H:%M")),
        lambda: pick(stamps.date),
        lambda: pick(stamps - stamps.min()).astype("timedelta64[s]"),
        lambda: pick(
            [f"{v // 60}:{v % 60:02d}:30" for v in r.integers(1440, 9000, size)]
        ),
        lambda: pick([f"{v:02d}:30" for v in range(size)]),
    ]
    return makers[int(r.integers(len(makers)))]()


@pytest.mark.parametrize("seed", range(25))
def test_any_table_comes_back(seed: int, tmp_path: Path) -> None:
    """Names, order, dtypes, formats, decimals, bounds and categories, in a DataFrame and in a file."""
    r = rng(seed)
    rows = int(r.integers(120, 400))
    frame = pd.DataFrame(
        {
            f"column {i}" + "'\", é"[: i % 5]: any_column(r, rows)
            for i in range(int(r.integers(1, 8)))
        }
    )
    for name in frame:
        if r.random() < 0.3 and frame[name].dtype not in ("int8", "bool"):
            frame[name] = frame[name].mask(r.random(rows) < 0.2)
    schema = infer(frame)
    encoder = TableEncoder.fit(frame, schema, Streams(seed), rare=5)
    encoder = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    encoded = encoder.encode(frame, Streams(seed))
    back = encoder.decode(encoded.codes, encoded.offsets, rng())
    made = drawn(encoder, 300, seed) if encoder.layout.blocks else back
    for name in frame:
        counts = frame[name].value_counts(dropna=False)
        rare = frame[name].isin(counts.index[counts < 5]) & frame[name].notna()
        if (
            schema[name].kind != "datetime"
        ):  # in parts, each of which is shared by more rows than the whole
            pd.testing.assert_series_equal(
                back[name][~rare], frame[name][~rare], check_exact=True
            )
        for result in (back, made):
            assert (
                result[name].dtype == frame[name].dtype
                and result.columns.tolist() == frame.columns.tolist()
            )
            assert schema[name].missing or not result[name].isna().any()
            if schema[name].kind in ("integer", "float"):
                assert (
                    result[name]
                    .dropna()
                    .between(frame[name].min(), frame[name].max())
                    .all()
                )
            if schema[name].kind == "category":
                assert set(result[name].dropna()) <= set(frame[name].dropna())
    tables.write(made, tmp_path / "rows.csv", schema)
    read = tables.typed(tables.read(tmp_path / "rows.csv"), schema)
    pd.testing.assert_frame_equal(read, made)
