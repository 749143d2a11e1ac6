"""A table and its schema: all disagreements at once, in one line, and quickly."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pandas as pd
import pytest

from synthtab import infer, parse_constraint
from synthtab.core.errors import SchemaError
from synthtab.data import tables
from synthtab.data.check import agreed, disagreements

ROWS = 200


def frame() -> pd.DataFrame:
    r = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": r.integers(18, 90, ROWS),
            "pay": r.normal(2000, 300, ROWS).round(2),
            "born": pd.Timestamp("1970-01-01")
            + pd.to_timedelta(r.integers(0, 9000, ROWS), unit="D"),
            "size": pd.Categorical(
                r.choice(["S", "M", "L"], ROWS), ["S", "M", "L"], ordered=True
            ),
            "member": r.random(ROWS) < 0.4,
            "note": pd.Series(r.choice(["x", "y", "z"], ROWS)).mask(
                r.random(ROWS) < 0.1
            ),
        }
    )


def as_text() -> pd.DataFrame:
    """The table as a file gives it."""
    return frame().astype(str).astype(object).where(frame().notna(), None)


SCHEMA = infer(frame())


def test_a_table_agrees_with_its_own_schema() -> None:
    assert disagreements(frame(), SCHEMA) == []
    text = frame().astype({"size": str})
    assert disagreements(text, SCHEMA) == []


def test_every_column_with_a_problem_is_named_at_once() -> None:
    bad = as_text()
    bad.loc[3, "age"] = "old"
    bad.loc[[4, 9], "pay"] = None
    bad.loc[7, "born"] = "someday"
    schema = SCHEMA.enforcing(
        [
            parse_constraint("pay >= 0", SCHEMA),
            parse_constraint("member -> size", SCHEMA),
        ]
    )
    with pytest.raises(SchemaError) as caught:
        agreed(bad, schema)
    message = str(caught.value)
    for part in (
        "column 'age': 'old' is not a whole number",
        "column 'pay': no cell may be missing, but one is in 2 rows, such as row 5",
        "column 'born': 'someday' is not a date",
        "the constraint member -> size fails in",
    ):
        assert part in message
    assert "note" not in message and "\n" not in message and "pay >= 0" not in message


def test_reading_a_table_names_every_column_that_does_not_fit() -> None:
    bad = as_text()
    bad.loc[3, "age"], bad.loc[5, "pay"] = "old", "much"
    with pytest.raises(
        SchemaError, match=r"'old' is not a whole number.*'much' is not a number"
    ):
        tables.typed(bad, SCHEMA)


def test_other_columns_are_still_the_first_thing_said() -> None:
    with pytest.raises(SchemaError, match="the table lacks 'age'"):
        agreed(frame().drop(columns="age"), SCHEMA)


def test_a_missing_cell_is_fine_where_the_schema_says_so() -> None:
    gap = frame()
    gap.loc[0, "pay"] = np.nan
    assert disagreements(gap, SCHEMA) == [
        "column 'pay': no cell may be missing, but one is in row 1"
    ]
    assert (
        disagreements(
            gap, SCHEMA.replace(dataclasses.replace(SCHEMA["pay"], missing=True))
        )
        == []
    )


@pytest.mark.slow
def test_a_million_rows_are_checked_in_seconds() -> None:
    big = pd.concat([frame()] * 5000, ignore_index=True)
    start = time.perf_counter()
    assert disagreements(big, SCHEMA) == []
    assert time.perf_counter() - start < 10
