"""The rows that a fit held out are found again in the table that was fitted, and in no other."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import people

from synthtab import Synthesizer, infer
from synthtab.core.errors import DataError
from synthtab.core.randomness import Streams
from synthtab.data import tables
from synthtab.data.holdout import MIN_HOLDOUT, digest, split

TINY = dict(width=32, noise=16, batch=64, checks=1, epochs=1, rounds=0, rake=False)
ROWS = 240


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same table as CSV and as Parquet, and a model of it."""
    folder = tmp_path_factory.mktemp("holdout")
    (folder / "people.csv").write_text(people(ROWS))
    frame = tables.read(folder / "people.csv")
    schema = infer(frame)
    frame = tables.typed(frame, schema)
    tables.write(frame, folder / "people.parquet")
    Synthesizer("quick", seed=5, **TINY).fit(frame, schema).save(
        folder / "people.synthtab"
    )
    return folder


@pytest.fixture(scope="module")
def model(files: Path) -> Synthesizer:
    return Synthesizer.load(files / "people.synthtab", device="cpu")


def frame_of(files: Path, model: Synthesizer) -> pd.DataFrame:
    return tables.read(files / "people.csv", schema=model.schema_)


@pytest.mark.parametrize(
    ("rows", "share"), [(1_000, 0.1), (199, 0.1), (200, 0.1), (50, 0.0), (60, 0.5)]
)
def test_every_row_is_in_one_part(rows: int, share: float) -> None:
    learnt, held_out = split(rows, share, Streams(1))
    assert sorted([*learnt, *held_out]) == list(range(rows))
    assert len(held_out) == (int(share * rows) if share * rows >= MIN_HOLDOUT else 0)
    assert (np.diff(learnt) > 0).all() and (np.diff(held_out) > 0).all()


def test_the_split_is_that_of_the_fit(files: Path, model: Synthesizer) -> None:
    """The encoder remembers the real values of the rows it learnt: none comes from a held-out row alone."""
    frame = frame_of(files, model)
    learnt, held_out = model.split(frame)
    assert len(held_out) == model.report_["holdout_rows"] == 24
    assert sorted([*learnt.index, *held_out.index]) == list(range(ROWS))
    pd.testing.assert_frame_equal(learnt, frame.loc[learnt.index])
    expected = split(ROWS, model.config.holdout, Streams(5))[1]
    assert held_out.index.tolist() == expected.tolist()
    marked = frame.assign(pay=np.arange(ROWS) * 10.0, job="clerk")
    marked.loc[held_out.index, "job"] = (
        "astronaut"  # would be a word of the model if one such row were learnt
    )
    again = Synthesizer("quick", seed=5, **TINY).fit(marked)
    assert set(again.sample(300)["job"]) == {"clerk"}


def test_text_typed_parquet_and_other_column_orders_are_the_same_table(
    files: Path, model: Synthesizer
) -> None:
    frame = frame_of(files, model)
    expected = model.split(frame)[1].index
    for other in (
        tables.read(files / "people.csv"),
        tables.read(files / "people.parquet"),
        frame[list(frame.columns)[::-1]],
        frame.astype(object),
    ):
        assert model.split(other)[1].index.equals(expected)


@pytest.mark.parametrize("name", ["id", "age", "job", "pay", "joined", "remote"])
def test_one_other_cell_is_another_table(
    files: Path, model: Synthesizer, name: str
) -> None:
    frame = frame_of(files, model)
    other = frame.copy()
    position = next(
        i for i in range(1, ROWS) if frame[name].iloc[i] != frame[name].iloc[0]
    )
    other.loc[0, name] = frame[name].iloc[position]
    with pytest.raises(
        DataError, match="not the table that the model learnt: a cell or the order"
    ):
        model.split(other)


def test_other_rows_are_another_table(files: Path, model: Synthesizer) -> None:
    frame = frame_of(files, model)
    with pytest.raises(DataError, match="a cell or the order of the rows differs"):
        model.split(frame.iloc[::-1])
    with pytest.raises(DataError, match="it has 239 rows, that had 240"):
        model.split(frame.head(239))
    with pytest.raises(
        DataError, match=r"not the table that the model learnt: .*'pay'"
    ):
        model.split(frame.drop(columns="pay"))


def test_cells_do_not_run_into_each_other() -> None:
    """Moving a character from one cell to the next is another table."""
    one, other = (
        pd.DataFrame({"a": a, "b": b})
        for a, b in ((["xy", "z"], ["p", "q"]), (["x", "yz"], ["p", "q"]))
    )
    schema, none = infer(one), np.zeros(0, dtype=np.int64)
    assert digest(one, schema, none) != digest(other, schema, none)
    assert digest(one, schema, none) != digest(one, schema, np.array([1]))
    assert digest(one, schema, none) == digest(one.copy(), schema, none)


def test_no_rows_held_out_and_models_of_before_say_so(
    files: Path, model: Synthesizer
) -> None:
    frame = frame_of(files, model)
    few = Synthesizer("quick", **TINY).fit(frame.head(100))
    with pytest.raises(
        DataError, match="held no rows out: 10 of 100 would be fewer than 20"
    ):
        few.split(frame.head(100))
    older = Synthesizer.load(files / "people.synthtab", device="cpu")
    older.table_ = dataclasses.replace(older.table_, digest=None)
    with pytest.raises(DataError, match="older than the record"):
        older.split(frame)


def test_the_file_holds_a_digest_and_no_row_numbers(files: Path) -> None:
    with zipfile.ZipFile(files / "people.synthtab") as file:
        report = json.loads(file.read("manifest.json"))["report"]
    assert len(report["digest"]) == 64
    assert report["holdout_rows"] == 24
    assert not any(
        isinstance(value, list) and len(value) >= 24 for value in report.values()
    )


@pytest.mark.long
def test_evaluate_takes_the_holdout_from_the_model(
    call, files: Path, tmp_path: Path
) -> None:
    for path in files.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert (
        call(
            "sample", "-n", "200", "-m", "people.synthtab", "-o", "rows.csv", "-q"
        ).status
        == 0
    )
    for real in ("people.csv", "people.parquet"):
        said = call(
            "evaluate",
            real,
            "rows.csv",
            "--model",
            "people.synthtab",
            "--json",
            "-",
            "-q",
        )
        assert (said.status, said.err) == (0, "")
        report = json.loads(said.out)
        assert report["tables"]["rows"] == {
            "real": 216,
            "synthetic": 200,
            "holdout": 24,
        }
    # Without it, one sentence says what is not known, and how to know.
    said = call("evaluate", "people.csv", "rows.csv", "--json", "-", "-q")
    unknown = [
        v["text"] for v in json.loads(said.out)["verdicts"] if v["level"] == "unknown"
    ]
    assert sum("--model" in text for text in unknown) == 1
    assert sum("holdout" in text for text in unknown) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["short.csv", "people.csv", "-m", "people.synthtab"],
            "short.csv and people.synthtab: this is not the table that the model learnt: it has 239 rows",
        ),
        (
            [
                "people.csv",
                "people.csv",
                "-m",
                "people.synthtab",
                "--holdout",
                "people.csv",
            ],
            "leave one out",
        ),
        (
            ["people.csv", "people.csv", "-m", "absent.synthtab"],
            "no model file absent.synthtab",
        ),
        (
            ["people.csv", "people.csv", "-m", "people.csv"],
            "people.csv is not a synthtab model",
        ),
        (
            [
                "people.csv",
                "people.csv",
                "-m",
                "people.synthtab",
                "--json",
                "people.synthtab",
            ],
            "overwrite",
        ),
    ],
)
def test_a_wrong_table_or_model_is_one_line(
    call, files: Path, tmp_path: Path, arguments, message
) -> None:
    for path in files.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = (tmp_path / "people.csv").read_text().splitlines(keepends=True)
    (tmp_path / "short.csv").write_text("".join(lines[:-1]))
    said = call("evaluate", *arguments)
    assert said.status == 2
    assert said.err.count("\n") == 1
    assert message in said.err
