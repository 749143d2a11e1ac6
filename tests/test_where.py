"""Conditions: what users write, and which cells meet it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab import infer
from synthtab.core.errors import ConditionError
from synthtab.sampling.language import parse
from synthtab.sampling.predicate import predicates

FRAME = pd.DataFrame(
    {
        "sex": ["Female", "Male", None, "Female", "Male"],
        "age": [18, 30, 44, 31, 17],
        "hours-per-week": [40.0, 37.5, np.nan, 20.25, 0.0],
        "city": ["Oslo", "Bergen", "Oslo", "New York", "it's"],
        "joined": pd.to_datetime(
            ["2013-05-01", "2013-05-31 15:00", "2013-06-01", None, "2012-01-01 00:30"],
            format="ISO8601",
        ),
        "member": [True, False, True, False, True],
        "size": pd.Categorical(
            ["S", "M", "L", "S", None], ["S", "M", "L"], ordered=True
        ),
        "income": [">50K", "<=50K", "<=50K", ">50K", ">50K"],
        "room type": ["a", "b", "a", "b", "a"],
        "time in office": [1, 2, 3, 4, 5],
    }
)
SCHEMA = infer(
    FRAME,
    dict.fromkeys(["sex", "city", "income", "room type"], "category")
    | {"age": "integer", "time in office": "integer", "hours-per-week": "float"},
    rare=0,
)


def met(where: Any) -> list[int]:
    """Rows of the frame that meet a condition."""
    asked = predicates(where, SCHEMA)
    return np.flatnonzero(
        np.all([p.holds(FRAME[p.column.name]) for p in asked], axis=0)
    ).tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("sex = Female", [0, 3]),
        ("sex == 'Female' AND age in 18..30", [0]),
        ("sex != Female", [1, 4]),
        ("sex is missing", [2]),
        ("sex is not missing", [0, 1, 3, 4]),
        ("age in 18..30", [0, 1]),
        ("age not in 18..30", [2, 3, 4]),
        ("age > 18 and age < 31", [1]),
        ("age >= 30.5", [2, 3]),
        ("age in ..18", [0, 4]),
        ("age in 31..", [2, 3]),
        ("age in (17, 44)", [2, 4]),
        ("age not in (17, 44)", [0, 1, 3]),
        ("hours-per-week > 37.5", [0]),
        ("hours-per-week <= 20.25", [3, 4]),
        ("hours-per-week in -5..20", [4]),
        ("hours-per-week != 40", [1, 3, 4]),
        ("city in (Oslo, 'New York')", [0, 2, 3]),
        ('city = "it\'s"', [4]),
        ("city = 'it''s'", [4]),
        ("`city` not in (Oslo, Bergen)", [3, 4]),
        ("joined in 2013-05-01..2013-05-31", [0, 1]),
        ("joined < 2013-05-31", [0, 4]),
        ("joined > 2013-05-31", [2]),
        ("joined is missing", [3]),
        ("member = True", [0, 2, 4]),
        ("size >= M", [1, 2]),
        ("size in S..M", [0, 1, 3]),
        ("income = >50K", [0, 3, 4]),
        ("income = <=50K", [1, 2]),
        ("income in ('>50K')", [0, 3, 4]),
        ("room type = b", [1, 3]),
        ("room type in (a, b) and age > 30", [2, 3]),
        ('"time in office" > 3', [3, 4]),
        ("`time in office` in 2..4", [1, 2, 3]),
    ],
)
def test_text(text: str, rows: list[int]) -> None:
    assert met(text) == rows


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({"sex": "Female", "age": (18, 30)}, [0]),
        ({"age": (None, 18)}, [0, 4]),
        ({"age": [17, 44]}, [2, 4]),
        ({"age": np.array([17, 44])}, [2, 4]),
        ({"sex": None}, [2]),
        ({"joined": (pd.Timestamp("2013-05-01"), pd.Timestamp("2013-05-31"))}, [0]),
        ({"member": False}, [1, 3]),
        ({"city": {"Oslo"}}, [0, 2]),
        (["sex = Female", "age > 20"], [3]),
        ({"size": ("M", "L")}, [1, 2]),
    ],
)
def test_values(where: Any, rows: list[int]) -> None:
    assert met(where) == rows


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("", "it is empty"),
        ("sex", "after 'sex', not 'the end'"),
        ("time in office > 3", 'quote a column that holds spaces: "time in office" >'),
        ("time is money = 3", 'quote a column that holds spaces: "time is money" ='),
        ("price (EUR) > 3", 'quote a column that holds signs: "price (EUR)"'),
        ("room typ = b", "there is no column 'room typ': did you mean 'room type'?"),
        ("sex = ", "expected a value"),
        ("sex = Female or age = 3", "there is no 'or'"),
        ("sex = Female age = 3", "expected 'and', not 'age' (quote what holds spaces)"),
        ("city in Oslo", "'in' is followed by low..high or by (value, value)"),
        ("city in (Oslo", "ends with )"),
        ("city = 'New York", "a quote is not closed"),
        ("city = Oslo!", "expected 'and', not '!'"),
        ("sex is unknown", "'is' is followed by missing"),
        ("sax = Female", "there is no column 'sax': did you mean 'sex'?"),
        ("city in a..b", "is of kind category, without ranges: list its values"),
        ("age = old", "'old' is not a whole number"),
        ("joined > soon", "'soon'"),
        ("size > XXL", "no value of 'size'"),
        ("age = ''", "write age is missing"),
        ({"age": (1, 2, 3)}, "a tuple is (low, high)"),
        ({"age": []}, "empty list"),
        ({"age": (None, None)}, "needs a bound"),
        ({"sex": ["Female", None]}, "missing cannot stand among values"),
        (17, "where is text"),
        ([17], "a list of conditions holds texts"),
    ],
)
def test_what_cannot_be_read_is_named(where: Any, message: str) -> None:
    with pytest.raises(ConditionError) as error:
        predicates(where, SCHEMA)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_condition_reads_as_it_was_written() -> None:
    texts = [
        "a = 1",
        "a != 1",
        "a in (1, 2)",
        "a not in (1, 2)",
        "a in 1..2",
        "a < 3",
        "a >= 3",
        "a is missing",
    ]
    for text in texts:
        (condition,) = parse(text)
        assert str(condition) == text and parse(str(condition)) == (condition,)


def test_cells_that_are_invented_cannot_be_asked_for() -> None:
    frame = pd.DataFrame(
        {"key": [f"K{i:05}" for i in range(200)], "x": np.arange(200) % 7}
    )
    schema = infer(frame)
    assert schema["key"].kind == "identifier"
    with pytest.raises(ConditionError, match="invented"):
        predicates("key = K00001", schema)
    assert not predicates("key is missing", schema)[0].holds(frame["key"]).any()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("age = 30.5", []),
        ("age = 30.0", [1]),
        ("age in (30.5, 44)", [2]),
        ("age != 30.5", [0, 1, 2, 3, 4]),
        ("age = 1e30", []),
        ("age <= 1e30", [0, 1, 2, 3, 4]),
        ("age < inf", [0, 1, 2, 3, 4]),
        ("age > inf", []),
        ("age >= -1e400", [0, 1, 2, 3, 4]),
        ("age < -1e30", []),
        ("age not in 18..1e19", [4]),
        ("age in 44..30", []),
    ],
)
def test_numbers_that_a_whole_column_cannot_hold(text: str, rows: list[int]) -> None:
    assert met(text) == rows


@pytest.mark.parametrize("bound", [0.1, 1e-20, 12345.678])
def test_the_bound_of_a_range_of_fractions_is_met_and_the_next_number_is_not(
    bound: float,
) -> None:
    (predicate,) = predicates(f"hours-per-week <= {bound}", SCHEMA)
    cells = pd.Series([bound, np.nextafter(bound, np.inf)])
    assert predicate.holds(cells).tolist() == [True, False]
