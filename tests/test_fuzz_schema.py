"""Damaged schema files are refused in one line, or do what they say."""

from __future__ import annotations

import json
from typing import Any

import fuzzing
import numpy as np
import pandas as pd
import pytest

from synthtab.core.randomness import Streams
from synthtab.core.schema import Schema
from synthtab.data import tables
from synthtab.data.check import agreed
from synthtab.data.columns import infer
from synthtab.data.constraints.finding import find_constraints
from synthtab.data.constraints.text import parse_constraint
from synthtab.data.encoder import TableEncoder

ROWS = 60


def table() -> pd.DataFrame:
    """A column of each kind, as a file has them."""
    r = np.random.default_rng(0)
    seconds = r.integers(60, 9000, ROWS)
    minutes = r.integers(0, 1440, ROWS)
    a = r.integers(0, 50, ROWS)
    frame = pd.DataFrame(
        {
            "float": [f"{v:.2f}" for v in r.normal(size=ROWS)],
            "integer": r.integers(0, 90, ROWS).astype(str),
            "money": [f"${v:,.2f}" for v in r.lognormal(8, 1, ROWS)],
            "date": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(r.integers(0, 900, ROWS), unit="D"),
            "stamp": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(r.integers(0, 10**8, ROWS), unit="s"),
            "duration": [
                f"{s // 3600}:{s // 60 % 60:02d}:{s % 60:02d}" for s in seconds
            ],
            "clock": minutes // 60 * 100 + minutes % 60,
            "word": r.choice(["red", "green", "blue"], ROWS),
            "flag": r.choice(["yes", "no"], ROWS),
            "always": ["one"] * ROWS,
            "id": [f"A-{v:04d}" for v in r.permutation(ROWS)],
            "key": np.arange(ROWS),
            "a": a,
            "b": a + 5,
            "c": a + r.integers(0, 9, ROWS),
        }
    )
    return frame.astype(str)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    path = tmp_path_factory.mktemp("fuzz") / "t.csv"
    table().to_csv(path, index=False)
    return tables.read(path)


@pytest.fixture(scope="module")
def documents(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """A schema file for each column, and one for each constraint with its columns."""
    schema = infer(cells)
    listed = [Schema((column,)) for column in schema.columns]
    texts = ["a <= b", "0 <= a <= 60", "unique(key)", "b >= a"]
    found = find_constraints(cells, schema)[:12]
    for constraint in [*found, *(parse_constraint(text, schema) for text in texts)]:
        columns = tuple(schema[name] for name in dict.fromkeys(constraint.columns))
        listed.append(Schema(columns).enforcing([constraint]))
    return [json.loads(json.dumps(one.to_json())) for one in listed]


def used(document: Any, cells: pd.DataFrame) -> None:
    """Read the schema, learn the columns that it names, and make ten rows."""
    schema = Schema.from_json(document)
    names = [name for name in cells.columns if name in schema.names]
    frame = agreed(cells[names], schema)
    encoder = TableEncoder.fit(frame, schema, Streams(0), rare=5)
    encoder = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    encoded = encoder.encode(frame, Streams(1))
    some = encoded.take(np.arange(10))
    rows = encoder.decode(some.codes, some.offsets, Streams(2))
    assert list(rows.columns) == [column.name for column in schema.columns]
    assert len(rows) == 10


def check_many(
    documents: list[Any], cells: pd.DataFrame, cases: int, seed: int
) -> None:
    r = np.random.default_rng(seed)
    refused = 0
    for number in range(cases):
        document = fuzzing.damaged(documents[number % len(documents)], r)
        try:
            error = fuzzing.refused(lambda document=document: used(document, cells))
        except Exception as failure:
            text = json.dumps(document)[:1500]
            raise AssertionError(f"case {number}: {failure!r}\n{text}") from failure
        refused += error is not None
    # Neither is everything refused, nor everything taken.
    assert cases / 4 < refused < cases


def test_a_whole_schema_is_taken(documents: list[Any], cells: pd.DataFrame) -> None:
    for document in documents:
        used(document, cells)


def test_damaged_schemas(documents: list[Any], cells: pd.DataFrame) -> None:
    check_many(documents, cells, 400, 0)


@pytest.mark.long
def test_many_damaged_schemas(documents: list[Any], cells: pd.DataFrame) -> None:
    check_many(documents, cells, 2000, 2)


@pytest.mark.slow
def test_more_damaged_schemas(documents: list[Any], cells: pd.DataFrame) -> None:
    check_many(documents, cells, 5000, 1)
