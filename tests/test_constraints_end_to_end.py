"""Constraints from the table to the sampled rows: held by all of them, through the library and the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthtab import Synthesizer, find_constraints, infer, parse_constraint
from synthtab.augment.by_class import ByClass
from synthtab.core.errors import DataError, SchemaError
from synthtab.core.progress import Progress
from synthtab.core.schema import Schema
from synthtab.data import tables
from synthtab.data.constraints import form_of, predicate
from synthtab.data.constraints.table import Table
from tests.constraint_tables import shop

TINY = dict(width=32, noise=16, batch=64, checks=1, epochs=2, rounds=0, passes=1)
DATA = (
    Path(
        os.environ.get(
            "SYNTHTAB_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"
        )
    )
    / "messy"
)


def held(rows: pd.DataFrame, real: pd.DataFrame, schema: Schema) -> dict[str, float]:
    """Share of the rows that hold each enforced constraint, as the real table teaches it."""
    shares = {}
    for constraint in schema.enforced:
        form = form_of(constraint, schema)
        shares[str(form)] = float(
            form.holds(Table(rows, schema), form.learn(Table(real, schema))).mean()
        )
    return shares


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return shop(1500).query("amount + price < 120").reset_index(drop=True)


@pytest.fixture(scope="module")
def schema(frame: pd.DataFrame) -> Schema:
    schema = infer(frame)
    written = [
        parse_constraint(text, schema)
        for text in ("unique(price, start, end)", "price < 99.5")
    ]
    return schema.enforcing([*find_constraints(frame, schema), *written])


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame, schema: Schema) -> Synthesizer:
    return Synthesizer(seed=1, **TINY).fit(frame, schema)


@pytest.mark.long
def test_every_row_holds_every_constraint_however_little_was_learnt(
    model: Synthesizer, frame: pd.DataFrame, schema: Schema
) -> None:
    said: list[Progress] = []
    rows = model.sample(6000, observe=said.append)
    assert len(rows) == 6000 and len(schema.enforced) >= 10
    assert set(held(rows, frame, schema).values()) == {1.0}
    assert list(rows.columns) == list(frame.columns)
    pd.testing.assert_series_equal(rows.dtypes, frame.dtypes)
    message = next(p.message for p in said if p.message)
    assert (
        "did not hold the constraints and were replaced" in message
        and "came = clock(planned + delay)" in message
    )


def test_fewer_rows_are_the_start_of_more(model: Synthesizer) -> None:
    many = model.sample(5000)
    pd.testing.assert_frame_equal(model.sample(10), many.head(10))
    pd.testing.assert_frame_equal(
        pd.concat(list(model.sample_blocks(5000)), ignore_index=True), many
    )
    assert not model.sample(50, seed=9).equals(many.head(50))


def test_the_model_file_keeps_them(model: Synthesizer, tmp_path: Path) -> None:
    model.save(tmp_path / "m.synthtab")
    again = Synthesizer.load(tmp_path / "m.synthtab", device="cpu")
    pd.testing.assert_frame_equal(again.sample(300), model.sample(300))
    facts = [
        text for heading, text in again.describe() if heading == "held by every row"
    ]
    assert "city -> country" in facts and len(facts) == len(model.schema_.enforced)


def test_a_group_of_bits_is_one_category_to_the_model(
    model: Synthesizer, frame: pd.DataFrame
) -> None:
    blocks = {block.column: block for block in model.requests.encoder.layout.blocks}  # type: ignore[union-attr]
    assert blocks["red"].size == 4 and not {
        "green",
        "blue",
        "grey",
        "country",
        "total",
    } & set(blocks)


def test_rows_of_one_class_hold_them_too(frame: pd.DataFrame) -> None:
    part = frame[["city", "country", "start", "end", "size"]]
    schema = infer(part)
    schema = schema.enforcing(
        [parse_constraint(t, schema) for t in ("city -> country", "start <= end")]
    )
    model = Synthesizer(seed=1, target="size", **TINY).fit(part, schema)
    for column, value in (
        ("size", "XL"),
        ("country", "it"),
    ):  # the latter is not learnt, but looked up
        rows = ByClass(model, column).sample_class(value, 300)
        assert len(rows) == 300 and (rows[column] == value).all()
        assert set(held(rows, part, schema).values()) == {1.0}


def test_predicates_hold_but_cannot_be_saved(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    small = predicate(
        lambda f: f["amount"] + f["price"] < 120, ["amount", "price"], "small"
    )
    part = frame[["amount", "price", "size"]]
    model = Synthesizer(seed=1, **TINY).fit(part, infer(part).with_constraints([small]))
    rows = model.sample(3000)
    assert (rows["amount"] + rows["price"] < 120).all()
    with pytest.raises(
        SchemaError, match="small is a Python function and cannot be stored"
    ):
        model.save(tmp_path / "m.synthtab")
    assert not list(tmp_path.iterdir())


def test_identifiers_go_on_where_rows_were_replaced(frame: pd.DataFrame) -> None:
    part = frame[["start", "end"]].assign(key=[f"K{i:05d}" for i in range(len(frame))])
    schema = infer(part)
    assert schema["key"].kind == "identifier"
    model = Synthesizer(seed=1, **TINY).fit(
        part, schema.enforcing([parse_constraint("start <= end", schema)])
    )
    rows = model.sample(6000)
    assert rows["key"].is_unique and not set(rows["key"]) & set(part["key"])
    assert (rows["start"] <= rows["end"]).all()
    pd.testing.assert_frame_equal(model.sample(10), rows.head(10))


@pytest.mark.long
def test_what_hardly_any_row_holds_is_an_error(frame: pd.DataFrame) -> None:
    part = frame[["amount", "price"]]
    never = predicate(
        lambda f: np.isin(f.index, part.index[:0]) | (len(f) == len(part)),
        ["amount"],
        "impossible",
    )
    model = Synthesizer(seed=1, **TINY).fit(part, infer(part).with_constraints([never]))
    with pytest.raises(
        DataError,
        match=r"of 1\d\d,\d{3} rows 0 hold the constraints \(impossible: 1e\+02 %\)",
    ):
        model.sample(5)


def test_a_table_that_violates_them_is_told_everything_at_once(
    frame: pd.DataFrame, schema: Schema
) -> None:
    bad = frame.copy()
    bad.loc[[3, 8], "end"] = pd.Timestamp("2001-01-01")
    bad.loc[5, "total"] = 1.0
    bad.loc[9, "noise"] = np.nan
    with pytest.raises(SchemaError) as caught:
        Synthesizer(**TINY).fit(bad, schema)
    message = str(caught.value)
    for part in (
        "start <= end fails in 2 rows, such as row 4",
        "total = price * amount fails in row 6",
        "'noise': no cell may be missing, but one is in row 10",
    ):
        assert part in message
    assert "\n" not in message


@pytest.mark.long
def test_command_line(call, tmp_path: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(tmp_path / "shop.csv", index=False)
    said = call("schema", "shop.csv", "-o", "schema.json")
    assert said.status == 0 and "city -> country" in said.out and "100 % of" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    data = json.loads((tmp_path / "schema.json").read_text())
    assert data["constraints"] and not any(c["enforce"] for c in data["constraints"])
    for constraint in data["constraints"]:
        constraint["enforce"] = constraint["form"] == "determines"
    (tmp_path / "schema.json").write_text(json.dumps(data))
    fit = ("fit", "shop.csv", "--preset", "ctgan", "--epochs", "1", "-q")
    said = call(
        *fit,
        "--schema",
        "schema.json",
        "-o",
        "a.synthtab",
        "--constraint",
        "end >= start",
    )
    assert said.status == 0, said.err
    out = call("inspect", "a.synthtab").out
    assert (
        "city -> country" in out
        and "start <= end" in out
        and "together(came, delay)" not in out
    )
    said = call("sample", "-n", "500", "-m", "a.synthtab", "-o", "rows.csv")
    assert said.status == 0 and "did not hold the constraints" in said.err
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert (rows["start"] <= rows["end"]).all() and (
        rows.groupby("city")["country"].nunique() == 1
    ).all()
    said = call(*fit, "--constraints", "found", "-o", "b.synthtab")
    assert (
        said.status == 0
        and "together(came, delay)" in call("inspect", "b.synthtab").out
    )


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--constraints", "all"), "can only be found"),
        (("--constraint", "end >= strat"), "did you mean 'start'"),
        (("--constraint", "end <= start"), "the constraint end <= start fails in"),
    ],
)
def test_bad_options_are_one_line(
    call, tmp_path: Path, frame: pd.DataFrame, options, complaint: str
) -> None:
    frame.to_csv(tmp_path / "shop.csv", index=False)
    said = call("fit", "shop.csv", *options)
    assert (
        said.status == 2 and complaint in said.err and len(said.err.splitlines()) == 1
    )


@pytest.mark.long
@pytest.mark.skipif(
    not DATA.is_dir(),
    reason=f"no tables in {DATA}; set SYNTHTAB_DATA to the folder that has messy/",
)
@pytest.mark.parametrize(
    ("name", "rows", "expected"),
    [
        (
            "nycflights.parquet",
            30_000,
            (
                "arr_time = clock(sched_arr_time + arr_delay)",
                "dep_time = clock(sched_dep_time + dep_delay)",
                "sched_dep_time = 100 * hour + minute",
                "month, day, hour -> time_hour",
                "combination(origin, dest, distance)",
                "together(dep_time, dep_delay)",
                "together(arr_delay, air_time)",
            ),
        ),
        (
            "covtype.parquet",
            10_000,
            (
                "one_hot(Wilderness_Area1, Wilderness_Area2, Wilderness_Area3, Wilderness_Area4)",
            ),
        ),
        (
            "telco.csv",
            None,
            (
                "MultipleLines is 'No phone service' exactly where PhoneService is 'No'",
                "TotalCharges is missing exactly where tenure is '0'",
                "TotalCharges = tenure * MonthlyCharges within 58 %",
                "OnlineSecurity, OnlineBackup, DeviceProtection, TechSupport, StreamingTV and StreamingMovies are "
                "'No internet service' exactly where InternetService is 'No'",
            ),
        ),
    ],
)
def test_messy_tables(name: str, rows: int | None, expected: tuple[str, ...]) -> None:
    frame = tables.read(DATA / name)
    if rows:
        frame = frame.sample(rows, random_state=0).reset_index(drop=True)
    schema = infer(frame)
    found = find_constraints(frame, schema)
    assert set(expected) <= {c.says for c in found} and len(found) <= 15
    bits = [len(c.columns) for c in found if c.form == "one_hot"]
    assert len(bits) == (2 if name == "covtype.parquet" else 0) and sum(bits) <= 44
