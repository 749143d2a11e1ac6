"""The shipped tables are what their PROVENANCE.md says; the downloads fail clearly."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from synthtab import datasets
from synthtab.core.errors import DataError
from synthtab.core.schema import Schema
from synthtab.data.columns import infer
from synthtab.data.tables import read

SHAPES = {"penguins": (344, 8), "flights": (10_000, 10), "anes96": (944, 10)}


@pytest.mark.parametrize("name", datasets.SHIPPED)
def test_provenance_names_the_checksum(name: str) -> None:
    folder = datasets.path(name).parent
    text = (folder / "PROVENANCE.md").read_text(encoding="utf-8")
    for path in folder.glob("*.csv"):
        assert (
            f"**sha256 of {path.name}**: `{hashlib.sha256(path.read_bytes()).hexdigest()}`"
            in text
        )
    assert re.search(r"\*\*Licence.*\*\*: .*(CC0|public domain)", text)
    assert "**Source**" in text
    assert "**Changes**" in text


@pytest.mark.parametrize("name", datasets.SHIPPED)
def test_load_shipped(name: str) -> None:
    frame = datasets.load(name)
    assert frame.shape == SHAPES[name]
    schema = Schema.load(datasets.path(name).with_name(f"{name}.schema.json"))
    schema.check(frame)
    dtypes = [column.dtype for column in schema.columns]
    if int(pd.__version__.split(".")[0]) < 3:
        # Text had no dtype of its own before.
        dtypes = ["object" if dtype == "str" else dtype for dtype in dtypes]
    assert [str(dtype) for dtype in frame.dtypes] == dtypes


@pytest.mark.parametrize("name", datasets.SHIPPED)
def test_shipped_schema_is_what_inference_says(name: str) -> None:
    path = datasets.path(name)
    assert infer(read(path)) == Schema.load(path.with_name(f"{name}.schema.json"))


def test_unknown_name() -> None:
    with pytest.raises(DataError, match="did you mean 'penguins'"):
        datasets.load("pengiuns")
    with pytest.raises(DataError, match="ships with synthtab"):
        datasets.path("adult")
    assert "adult" in datasets.names()


def test_offline_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def offline(**_: Any) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(datasets, "fetch_openml", offline)
    with pytest.raises(
        DataError, match=r"cannot download 'adult' .*go online"
    ) as caught:
        datasets.load("adult", data_home=tmp_path)
    assert "\n" not in str(caught.value)


def test_a_download_of_another_shape_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Bunch:
        frame = pd.DataFrame({"a": [1]})

    monkeypatch.setattr(datasets, "fetch_openml", lambda **_: Bunch)
    with pytest.raises(DataError, match="48842 x 15"):
        datasets.load("adult", data_home=tmp_path)
