from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from synthtab.core.errors import SchemaError
from synthtab.core.schema import Column, Schema

SCHEMA = Schema(
    (
        Column(
            "age",
            "integer",
            "int64",
            {"minimum": 17, "maximum": 90},
            False,
            "73 distinct whole numbers",
        ),
        Column("größe", "float", "Float64", {"decimals": 2}, True, ""),
    )
)


def test_json_and_file_round_trip(tmp_path: Path) -> None:
    assert Schema.from_json(json.loads(json.dumps(SCHEMA.to_json()))) == SCHEMA
    SCHEMA.save(tmp_path / "s.json")
    assert Schema.load(tmp_path / "s.json") == SCHEMA
    assert "größe" in (tmp_path / "s.json").read_text(encoding="utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]


def test_lookup_and_change() -> None:
    assert SCHEMA.names == ("age", "größe")
    assert len(SCHEMA) == 2
    assert "age" in SCHEMA
    assert SCHEMA["age"].options["maximum"] == 90
    changed = SCHEMA.with_kind("age", "category")
    assert (changed["age"].kind, changed["age"].dtype) == ("category", "int64")
    assert SCHEMA["age"].kind == "integer"
    with pytest.raises(SchemaError, match="no column 'sex'; it has 'age', 'größe'"):
        SCHEMA["sex"]
    with pytest.raises(
        SchemaError, match="unknown kind 'number'; use one of float, integer"
    ):
        SCHEMA.with_kind("age", "number")


def test_check_names_every_disagreement_in_one_line() -> None:
    SCHEMA.check(pd.DataFrame({"größe": [1.0], "age": [1]}))
    with pytest.raises(SchemaError) as caught:
        SCHEMA.check(pd.DataFrame([[1, 2, 3]], columns=["age", "age", "x"]))
    message = str(caught.value)
    assert "lacks 'größe'" in message
    assert "does not know 'x'" in message
    assert "more than one 'age'" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not valid JSON: line 1"),
        ("[]", "not a schema"),
        (
            '{"format": 9, "columns": []}',
            "format 9; this version of synthtab reads format 1",
        ),
        ('{"format": 1, "columns": []}', "at least one column"),
        ('{"format": 1, "columns": [{}]}', 'needs a "name"'),
        (
            '{"format": 1, "columns": [{"name": "a", "dtype": "int64"}]}',
            "'a': the schema lacks its 'kind'",
        ),
        (
            '{"format": 1, "columns": [{"name": "a", "kind": "float", "dtype": 3}]}',
            "wrong type",
        ),
        (
            '{"format": 1, "columns": [{"name": "a", "kind": "float", "dtype": "x", "Missing": true}]}',
            "'Missing'",
        ),
        (
            '{"format": 1, "columns": [{"name": "a", "kind": "float", "dtype": "float64"},'
            ' {"name": "a", "kind": "float", "dtype": "float64"}]}',
            "two columns named 'a'",
        ),
    ],
)
def test_bad_files_are_one_line_errors(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(SchemaError) as caught:
        Schema.load(path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_binary_and_unwritable_files(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="No such file"):
        Schema.load(tmp_path / "none.json")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SchemaError, match="not a text file"):
        Schema.load(tmp_path / "b.json")
    with pytest.raises(SchemaError, match="cannot write"):
        SCHEMA.save(tmp_path / "none" / "s.json")
