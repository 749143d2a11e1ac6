"""Tables of polars and Arrow: rows come back as the table came in."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synthtab import Synthesizer, compare, evaluate
from synthtab.core.errors import ConfigError, DataError
from synthtab.data.frames import Frames, to_pandas


def arrow(rows: int = 60) -> pa.Table:
    rng = np.random.default_rng(0)
    number = rng.integers(0, 200, rows)
    return pa.table(
        {
            "whole": pa.array([None if n % 5 == 0 else n for n in number], pa.uint8()),
            "real": pa.array(rng.normal(size=rows), pa.float32()),
            "word": pa.array(rng.choice(["a", "b"], rows)).dictionary_encode(),
            "is": pa.array(
                [None if n % 7 == 0 else n % 2 == 0 for n in number.tolist()]
            ),
            "day": pa.array([dt.date(2020, 1, 1 + n % 28) for n in number.tolist()]),
            "at": pa.array(number.astype("datetime64[s]"), pa.timestamp("ms", "UTC")),
        }
    )


def model_of(table: Any) -> Synthesizer:
    return Synthesizer("quick", seed=0, rounds=0).fit(table)


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    return model_of(arrow())


def test_whole_numbers_with_gaps_stay_whole() -> None:
    frame = to_pandas(arrow())
    assert str(frame["whole"].dtype) == "UInt8" and str(frame["is"].dtype) == "boolean"
    assert Frames.of(arrow()).give(frame).equals(arrow())


@pytest.mark.long
def test_arrow_gives_arrow(model: Synthesizer) -> None:
    table = arrow()
    rows = model.sample(30)
    assert isinstance(rows, pa.Table) and rows.num_rows == 30
    assert [field.type for field in rows.schema] == [f.type for f in table.schema]
    assert rows.column("whole").null_count and not rows.column("real").null_count
    filled = model.impute(table)
    assert isinstance(filled, pa.Table) and not filled.column("whole").null_count
    part = table.select(["word"]).slice(0, 5)
    completed = model.sample(given=part)
    assert completed.column("word").to_pylist() == part.column("word").to_pylist()
    assert completed.schema.field("whole").type == pa.uint8()
    # The same rows as of pandas.
    frame = to_pandas(table)
    assert model.sample(30, frame="pandas").equals(model_of(frame).sample(30))
    assert isinstance(model.impute(frame), pd.DataFrame)


def test_an_unknown_library_is_an_error(model: Synthesizer) -> None:
    with pytest.raises(ConfigError, match="did you mean 'polars'"):
        model.sample(3, frame="polar")


@pytest.mark.long
def test_arrow_is_judged_as_pandas_is(model: Synthesizer) -> None:
    real, rows = arrow(), model.sample(60)
    few = ["shape_error", "trend_error"]
    ours = evaluate(real, rows, metrics=few)
    theirs = evaluate(to_pandas(real), to_pandas(rows), metrics=few)
    assert [s.value for s in ours.scores] == [s.value for s in theirs.scores]
    both = compare(real, {"x": rows}, metrics=few)
    assert both.reports["x"].scores[0].value >= 0


@pytest.mark.long
def test_polars_gives_polars() -> None:
    pl = pytest.importorskip("polars")
    days = [dt.datetime(2020, 1, 1 + i % 28, 3) for i in range(60)]
    frame = pl.from_arrow(arrow()).with_columns(
        enum=pl.Series(["x", "y", "z"] * 20, dtype=pl.Enum(["x", "y", "z"])),
        price=pl.Series([f"{i}.25" for i in range(60)]).cast(pl.Decimal(10, 2)),
        local=pl.Series(days).dt.replace_time_zone("Europe/Berlin"),
        long=pl.Series([dt.timedelta(minutes=i) for i in range(60)]),
    )
    model = model_of(frame)
    rows = model.sample(20)
    assert isinstance(rows, pl.DataFrame) and rows.schema == frame.schema
    assert model.impute(frame).schema == frame.schema
    assert isinstance(model.sample(5, frame="arrow"), pa.Table)
    assert model.sample(0).equals(frame.head(0))
    with pytest.raises(DataError, match=r"give it \.collect\(\)"):
        Synthesizer().fit(frame.lazy())
    report = evaluate(frame, rows, metrics=["shape_error"])
    assert 0 <= report.scores[0].value < 50
