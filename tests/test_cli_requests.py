"""Conditions, partial rows, shares and imputation through the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def here(tmp_path: Path, people_csv: Path, people_model: Path) -> Path:
    """A folder with a table and a model of it."""
    shutil.copy(people_csv, tmp_path / "people.csv")
    shutil.copy(people_model, tmp_path / "people.synthtab")
    return tmp_path


def test_conditions(call, here):
    said = call(
        "sample",
        "-n",
        "60",
        "-q",
        "-o",
        "rows.csv",
        "--where",
        "age in 30..40 and remote = yes",
        "--where",
        "pay is not missing",
    )
    assert said.status == 0, said.err
    rows = pd.read_csv(here / "rows.csv")
    assert len(rows) == 60 and rows["age"].between(30, 40).all()
    assert (
        (rows["remote"] == "yes").all()
        and rows["pay"].notna().all()
        and rows["id"].is_unique
    )


def test_partial_rows(call, here):
    (here / "partial.csv").write_text("job,age\nnurse,33\n,50\nnurse,\n")
    jobs = set(pd.read_csv(here / "people.csv")["job"].dropna())
    (here / "partial.csv").write_text(f"job,age\n{min(jobs)},33\n,50\n{max(jobs)},\n")
    assert call("sample", "--given", "partial.csv", "-o", "rows.csv", "-q").status == 0
    rows = pd.read_csv(here / "rows.csv")
    assert list(rows["age"].iloc[:2]) == [33, 50] and list(
        rows["job"].iloc[[0, 2]]
    ) == [min(jobs), max(jobs)]
    assert list(rows.columns) == list(pd.read_csv(here / "people.csv").columns)
    assert (
        call("sample", "-n", "7", "--given", "partial.csv", "-q").out.count("\n") == 8
    )


def test_shares(call, here):
    rows = call("sample", "-n", "101", "--balance", "remote", "-o", "rows.csv", "-q")
    assert rows.status == 0, rows.err
    assert sorted(pd.read_csv(here / "rows.csv")["remote"].value_counts()) == [50, 51]
    call(
        "sample",
        "-n",
        "100",
        "--weights",
        "remote: yes=3, no=1",
        "-o",
        "rows.csv",
        "-q",
    )
    assert pd.read_csv(here / "rows.csv")["remote"].value_counts().to_dict() == {
        "yes": 75,
        "no": 25,
    }


def test_impute_changes_missing_cells_alone(call, here):
    before = (here / "people.csv").read_text().splitlines()
    holes = [
        line if i % 3 else ",".join([*line.split(",")[:-1], ""])
        for i, line in enumerate(before)
    ]
    holes[0] = before[0]
    (here / "holes.csv").write_text("\n".join(holes) + "\n")
    said = call("impute", "holes.csv", "-m", "people.synthtab", "-o", "filled.csv")
    assert said.status == 0 and "cells filled" in said.err
    old, new = (
        pd.read_csv(here / n, dtype=str, keep_default_na=False)
        for n in ("holes.csv", "filled.csv")
    )
    assert (new != "").all().all() and ((old == new) | (old == "")).all().all()
    assert (
        call(
            "impute",
            "holes.csv",
            "-m",
            "people.synthtab",
            "-o",
            "f.csv.gz",
            "--draws",
            "2",
            "-q",
        ).status
        == 0
    )
    first, second = (pd.read_csv(here / f"f-{i}.csv.gz", dtype=str) for i in (1, 2))
    assert first.equals(new.astype(first.dtypes.to_dict())) and not first.equals(second)


def test_impute_fills_the_named_columns_alone(call, here):
    rows = pd.read_csv(here / "people.csv", dtype=str)
    rows.loc[::4, "job"] = None
    rows.to_csv(here / "holes.csv", index=False)
    fill = ["impute", "holes.csv", "-m", "people.synthtab", "-o", "filled.csv"]
    said = call(*fill, "--columns", "job")
    left = int(rows["pay"].isna().sum())
    assert f"75 cells filled, {left} of other columns left missing" in said.err
    filled = pd.read_csv(here / "filled.csv", dtype=str)
    assert filled["job"].notna().all()
    pd.testing.assert_frame_equal(filled.drop(columns="job"), rows.drop(columns="job"))
    assert call(*fill, "--columns", "job, pay", "-q").status == 0
    assert pd.read_csv(here / "filled.csv").notna().all().all()
    said = call(*fill, "--columns", "job,pey")
    assert said.status == 2 and "did you mean 'pay'?" in said.err


@pytest.mark.long
def test_impute_fits_a_model_where_none_is_named(call, here):
    (here / "people.synthtab").unlink()
    said = call("impute", "people.csv", "-o", "filled.csv", "--time", "1s", "-q")
    assert said.status == 0, said.err
    assert not pd.read_csv(here / "filled.csv").isna().any().any()
    assert sorted(p.name for p in here.iterdir()) == ["filled.csv", "people.csv"]


@pytest.mark.long
def test_a_word_that_is_filled_is_named(call, tmp_path):
    """It counts as missing: the number that takes its place was not there before."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"items": rng.integers(1, 9, 200), "price": rng.random(200)})
    words = frame.astype({"items": object})
    words.loc[4, "items"] = "many"
    words.loc[7, "items"] = None
    words.to_csv(tmp_path / "words.csv", index=False)
    assert call("fit", "words.csv", "--epochs", "1", "-q").status == 0
    said = call("impute", "words.csv", "-m", "words.synthtab", "-o", "filled.csv")
    assert "column 'items': 1 cell was filled that held what is no integer" in said.err
    assert "such as row 5" in said.err and "2 cells filled" in said.err
