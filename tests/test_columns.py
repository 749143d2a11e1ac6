"""Which kind a column is taken for, and what each kind remembers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthtab.core.errors import DataError, SchemaError
from synthtab.core.schema import Column
from synthtab.data import tables
from synthtab.data.columns import KINDS, Cells, Settings, cells_to_text, dates, infer
from synthtab.data.columns.base import name_words
from synthtab.data.columns.categorical import digit_base
from synthtab.data.columns.identifier import IdentifierEncoder, names_a_key

WORDS = ["alpha", "beta", "gamma"]
RNG = np.random.default_rng(3)


def described(cells: Any, name: str = "x", text: bool = True) -> Column:
    return infer(pd.DataFrame({name: cells}), text=text, rare=0)[name]


TEXTS: list[tuple[str, list[str | None], str, str, dict[str, Any]]] = [
    (
        "whole numbers",
        ["1", "-2", "30"],
        "integer",
        "int64",
        {"minimum": -2, "maximum": 30},
    ),
    ("with gaps", ["1", None, "30"], "integer", "Int64", {}),
    ("with a token", ["1", "NA", "NA", "30"], "integer", "Int64", {"missing": "NA"}),
    (
        "question marks",
        ["1.5", "?", "2.5"],
        "float",
        "float64",
        {"missing": "?", "decimals": 1},
    ),
    (
        "blank cells",
        ["1.5", " ", "2"],
        "float",
        "float64",
        {"missing": " ", "decimals": 1, "shown": 0},
    ),
    ("leading zeros", ["0311", "0042", "7000"], "category", "str", {}),
    ("a plus", ["+41", "+42"], "integer", "int64", {"written": {"plus": True}}),
    (
        "thousands",
        ["1,000", "2,000"],
        "integer",
        "int64",
        {"written": {"thousands": ","}},
    ),
    ("beyond int64", ["9223372036854775808", "1"], "integer", "uint64", {}),
    ("padded", [" 39", " 50"], "integer", "int64", {}),
    (
        "one decimal shown",
        ["15.0", "-4.0", "3.5"],
        "float",
        "float64",
        {"decimals": 1, "shown": 1},
    ),
    ("money", ["15.00", "4.10"], "float", "float64", {"decimals": 1, "shown": 2}),
    ("exponents", ["1e-3", "2.5E10"], "float", "float64", {"decimals": None}),
    (
        "many decimals",
        ["0.1234567890123456", "1"],
        "float",
        "float64",
        {"decimals": None},
    ),
    ("point first", [".5", "-.25"], "float", "float64", {"decimals": 2}),
    ("words with NA", ["NA", "None", "x"], "category", "str", {}),
    ("question mark among words", ["?", "Mexico", "India"], "category", "str", {}),
    ("zero and one", ["0", "1", "1"], "integer", "int64", {}),
    (
        "yes and no",
        ["yes", "no", "yes"],
        "boolean",
        "bool",
        {"true": "yes", "false": "no"},
    ),
    (
        "True and False",
        ["True", "False", None],
        "boolean",
        "boolean",
        {"true": "True", "false": "False"},
    ),
    ("T and F", ["T", "F"], "boolean", "bool", {"true": "T", "false": "F"}),
    ("yes, no and more", ["yes", "no", "perhaps"], "category", "str", {}),
    (
        "days",
        ["2020-01-31", "2021-12-01"],
        "datetime",
        "datetime64[us]",
        {"format": "%Y-%m-%d", "unit": "D"},
    ),
    (
        "9999",
        ["2020-01-31", "9999-12-31"],
        "datetime",
        "datetime64[us]",
        {"maximum": "9999-12-31"},
    ),
    ("no such day", ["2020-02-30", "2020-02-01"], "category", "str", {}),
    (
        "seconds",
        ["2020-01-31 10:00:00", "2020-01-31 10:00:01"],
        "datetime",
        "datetime64[us]",
        {"unit": "s"},
    ),
    (
        "hours",
        ["2020-01-31 10:00:00", "2020-01-31 11:00:00"],
        "datetime",
        "datetime64[us]",
        {"unit": "h"},
    ),
    (
        "ISO with T",
        ["2020-01-31T10:05", "2020-01-31T10:00"],
        "datetime",
        "datetime64[us]",
        {"unit": "m"},
    ),
    (
        "UTC",
        ["2020-01-31T10:05:00Z"] * 2 + ["2020-01-31T10:00:00Z"],
        "datetime",
        "datetime64[us, UTC]",
        {},
    ),
    (
        "milliseconds",
        ["2020-01-31T10:05:00.125+02:00", "2020-01-31T10:05:00.250+02:00"],
        "datetime",
        "datetime64[us]",
        {"format": "%Y-%m-%dT%H:%M:%S.%3f+02:00", "unit": "ms"},
    ),
    (
        "day first",
        ["31/01/2020", "01/02/2020"],
        "datetime",
        "datetime64[us]",
        {"format": "%d/%m/%Y"},
    ),
    (
        "month first",
        ["01/31/2020", "01/02/2020"],
        "datetime",
        "datetime64[us]",
        {"format": "%m/%d/%Y"},
    ),
    (
        "ambiguous",
        ["01/05/2020", "01/02/2020"],
        "datetime",
        "datetime64[us]",
        {"format": "%m/%d/%Y"},
    ),
    (
        "dots",
        ["01.05.2020", "01.02.2020"],
        "datetime",
        "datetime64[us]",
        {"format": "%d.%m.%Y"},
    ),
    (
        "unpadded",
        ["1/31/2020 9:05", "12/1/2020 23:00"],
        "datetime",
        "datetime64[us]",
        {"format": "%-m/%-d/%Y %-H:%M"},
    ),
    (
        "short year",
        ["31/01/99", "01/02/01"],
        "datetime",
        "datetime64[us]",
        {"maximum": "01/02/01"},
    ),
    (
        "named month",
        ["31 Jan 2020", "01 Feb 2020"],
        "datetime",
        "datetime64[us]",
        {"format": "%d %b %Y"},
    ),
    (
        "upper month",
        ["31-JAN-2020", "01-FEB-2020"],
        "datetime",
        "datetime64[us]",
        {"format": "%d-%^b-%Y"},
    ),
    (
        "long month",
        ["January 31, 2020", "May 1, 2020"],
        "datetime",
        "datetime64[us]",
        {"format": "%B %-d, %Y"},
    ),
    (
        "time of day",
        ["10:05", "23:59", None],
        "datetime",
        "str",
        {"format": "%H:%M", "unit": "m"},
    ),
    (
        "dates and a token",
        ["2020-01-31", "?", "2021-12-01"],
        "datetime",
        "datetime64[us]",
        {"missing": "?"},
    ),
    ("one word", ["x", "x"], "constant", "str", {"value": "x"}),
    ("nothing", [None, None], "constant", "str", {"value": None}),
    ("mail", ["a@b.org", "c@d.com", "a@b.org"], "identifier", "str", {}),
]


@pytest.mark.parametrize(
    ("cells", "kind", "dtype", "options"),
    [t[1:] for t in TEXTS],
    ids=[t[0] for t in TEXTS],
)
def test_text_of_a_file(
    cells: list[str | None], kind: str, dtype: str, options: dict[str, Any]
) -> None:
    column = described(pd.Series(cells, dtype=object))
    assert (column.kind, column.dtype) == (kind, dtype)
    assert {k: column.options[k] for k in options} == options
    # What is written is what was read.
    typed = KINDS[kind].typed(pd.Series(cells, dtype=object, name="x"), column)
    assert str(typed.dtype) == (
        "object" if dtype == "str" and typed.dtype == object else dtype
    )
    if (
        "exponent" in column.why
        or column.options.get("decimals", 0) is None
        or cells[0] in (".5", " 39")
    ):
        return  # numbers whose spelling is not kept
    assert KINDS[kind].text(typed, column).tolist() == [c or "" for c in cells]


def test_the_same_text_in_a_users_frame_stays_text() -> None:
    for cells, kind in (
        (["1", "22"], "integer"),
        (["2020-01-01", "2020-01-05"], "datetime"),
        (["yes", "no"], "boolean"),
    ):
        for dtype in ("object", "string"):
            column = described(pd.Series(cells, dtype=dtype), text=False)
            assert (column.kind, column.dtype) == (kind, dtype)


def test_compact_dates_need_a_name_that_says_so() -> None:
    cells = ["20200131", "20210228"]
    assert described(cells, "order_date").options["format"] == "%Y%m%d"
    assert described(cells, "amount").kind == "integer"


def test_ambiguity_is_told() -> None:
    assert "ambiguous" in described(["01/05/2020", "01/02/2020"]).why
    assert "ambiguous" not in described(["01/05/2020", "01/22/2020"]).why


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("PassengerId", True),
        ("customerID", True),
        ("user_id", True),
        ("userid", True),
        ("Unnamed: 0", True),
        ("uuid", True),
        ("paid", False),
        ("humidity", False),
        ("idea", False),
        ("age", False),
    ],
)
def test_names_of_keys(name: str, key: bool) -> None:
    assert names_a_key(name) == key
    assert name_words("dateOfBirth2") == ["date", "of", "birth", "2"]


def test_keys_are_identifiers_only_by_name_and_if_unique() -> None:
    assert described(range(100), "row_id", text=False).kind == "identifier"
    assert described(range(100), "income", text=False).kind == "integer"
    assert described([*range(99), 0], "row_id", text=False).kind == "integer"


def test_words_that_hardly_repeat_are_invented_and_categories_are_not() -> None:
    names = [
        f"{a}{b} {c}son"
        for a in "ABC"
        for b in "aeiou"
        for c in ("Ander", "Peter", "Hen", "Nils")
    ]
    assert described(names).kind == "identifier"
    assert described(names * 3).kind == "category"
    assert described(names * 3, "email").kind == "identifier"
    assert described(names[:20]).kind == "category"
    assert described(names[:20], "FullName").kind == "identifier"
    assert described(names[:20] * 2, "FullName").kind == "category"
    assert (
        described([str(v) for v in range(4179000, 4179009)], "phone").kind
        == "identifier"
    )


def test_overrides() -> None:
    frame = pd.DataFrame(
        {"n": [1, 2, 2], "d": ["1/2/2020", "3/4/2020", "3/4/2020"], "w": WORDS}
    )
    schema = infer(frame, {"n": "category", "w": "identifier"})
    assert (schema["n"].kind, schema["n"].dtype, schema["w"].kind) == (
        "category",
        "int64",
        "identifier",
    )
    with pytest.raises(SchemaError, match="no column 'z'"):
        infer(frame, {"z": "float"})
    with pytest.raises(SchemaError, match="unknown kind 'number'"):
        infer(frame, {"n": "number"})
    with pytest.raises(SchemaError, match="'w' cannot be of kind datetime"):
        infer(frame, {"w": "datetime"})


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (["31/01/2020", "01/02/2020", None], "datetime64[us]"),
        (["4.10", "5.00", None], "float64"),
        (["4", "NA", "5"], "Int64"),
        (["yes", "no", None], "boolean"),
        (["10:30", "11:45", None], "str"),
    ],
)
def test_text_of_a_file_keeps_its_format_as_a_category(
    cells: list[str | None], dtype: str
) -> None:
    frame = pd.DataFrame({"x": pd.Series(cells, dtype=object)})
    schema = infer(frame, text=True).with_kind("x", "category")
    assert schema["x"].dtype == dtype
    typed = tables.typed(frame, schema)
    assert cells_to_text(typed["x"], schema["x"]).tolist() == [c or "" for c in cells]
    encoder = KINDS["category"].fit(typed["x"], schema["x"], RNG, Settings())
    assert encoder.blocks[0].size == 3
    codes, offsets = encoder.encode(typed["x"], RNG)
    pd.testing.assert_series_equal(encoder.decode(codes, offsets, RNG, 0), typed["x"])


def test_a_kind_set_by_hand_that_cannot_be() -> None:
    frame = pd.DataFrame(
        {
            "x": [1.5, 2.5, 3.5],
            "d": pd.date_range("2020-01-01", periods=3),
            "i": [1, 2, 4],
        }
    )
    with pytest.raises(SchemaError, match="no identifiers of dtype float64"):
        KINDS["identifier"].fit(
            frame["x"], infer(frame).with_kind("x", "identifier")["x"], RNG, Settings()
        )
    with pytest.raises(SchemaError, match="is not a whole number"):
        tables.typed(frame, infer(frame).with_kind("x", "integer"))
    with pytest.raises(SchemaError, match="lacks the date format"):
        tables.typed(
            pd.DataFrame({"w": WORDS}),
            infer(pd.DataFrame({"w": WORDS})).with_kind("w", "datetime"),
        )
    column = infer(frame).with_kind("i", "float")["i"]
    encoder = KINDS["float"].fit(frame["i"], column, RNG, Settings())
    pd.testing.assert_series_equal(
        encoder.decode(*encoder.encode(frame["i"], RNG), RNG, 0), frame["i"]
    )


def test_zero_and_one_are_boolean_on_demand() -> None:
    for text, dtype in ((True, "bool"), (False, "int64")):
        cells = ["0", "1", "1"] if text else [0, 1, 1]
        frame = pd.DataFrame({"x": cells})
        schema = infer(frame, {"x": "boolean"}, text=text)
        typed = tables.typed(frame, schema)
        assert str(typed["x"].dtype) == dtype
        assert cells_to_text(typed["x"], schema["x"]).tolist() == ["0", "1", "1"]


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 2],
        [1.5, 2.0, 2.0],
        [True, False, True],
        pd.to_datetime(["2020-01-01"] * 3),
    ],
)
def test_any_dtype_can_be_a_category_and_comes_back(values: Any) -> None:
    frame = pd.DataFrame({"x": values, "y": WORDS})
    column = infer(frame).with_kind("x", "category")["x"]
    encoder = KINDS["category"].fit(frame["x"], column, RNG, Settings())
    codes, offsets = encoder.encode(frame["x"], RNG)
    pd.testing.assert_series_equal(encoder.decode(codes, offsets, RNG, 0), frame["x"])


def file(**columns: list[str | None]) -> pd.DataFrame:
    """The cells of a CSV file."""
    return pd.DataFrame(
        {name: pd.Series(cells, dtype=object) for name, cells in columns.items()}
    )


def test_a_token_that_means_missing_among_numbers_does_so_among_words() -> None:
    frame = file(
        size=["1.5", "NA", "2.5", "NA"],
        sex=["m", "NA", "f", "NA"],
        ok=["yes", " NA", "no", "no"],
        key=["a7", "b9", "NA", "c3"],
        same=["k", "k", "NA", "k"],
        none=["NA"] * 4,
        word=["None", "?", "null", "x"],
    )
    schema = infer(frame, {"key": "identifier"}, text=True, rare=0)
    kinds = {c.name: (c.kind, c.dtype) for c in schema.columns}
    assert kinds == {
        "size": ("float", "float64"),
        "sex": ("category", "str"),
        "ok": ("boolean", "boolean"),
        "key": ("identifier", "str"),
        "same": ("constant", "str"),
        "none": ("constant", "str"),
        "word": ("category", "str"),
    }
    assert [c.missing for c in schema.columns] == [True] * 6 + [False]
    assert "'NA' means missing, as in 'size'" in schema["sex"].why
    typed = tables.typed(frame, schema)
    assert typed.isna().sum().tolist() == [2, 2, 1, 1, 1, 4, 0]
    for column in schema.columns:
        assert (
            cells_to_text(typed[column.name], column).tolist()
            == frame[column.name].tolist()
        )


def test_without_such_numbers_it_stays_a_word() -> None:
    frame = file(
        sex=["m", "NA", "f", "NA"],
        size=["1.5", "?", "2.5", ""],
        when=["2020-01-01", "2020-01-05", None, "-"],
    )
    schema = infer(frame, text=True)
    assert not schema["sex"].missing
    assert tables.typed(frame, schema)["sex"].tolist() == ["m", "NA", "f", "NA"]
    typed = frame.assign(size=[1.5, np.nan, 2.5, 3.5])
    assert not infer(typed, text=False)["sex"].missing
    numbers = file(sex=["m", "NA", "f"], size=["1.5", "NA", "2.5"])
    assert not infer(numbers, text=False)["sex"].missing, (
        "only files write missing cells as words"
    )


def test_a_key_may_be_missing_by_a_token() -> None:
    frame = file(row_id=["11", "12", "NA", "13"])
    column = infer(frame, text=True)["row_id"]
    assert (column.kind, column.dtype, column.missing) == ("identifier", "Int64", True)
    typed = tables.typed(frame, infer(frame, text=True))
    assert cells_to_text(typed["row_id"], column).tolist() == ["11", "12", "NA", "13"]


@pytest.mark.parametrize(
    "cells",
    [
        [*[str(v / 7) for v in range(200)], "inf", "-Infinity", None],
        ["inf"] * 9,
        ["inf", "-inf"] * 9,
        ["inf", None, "NA"],
        [np.inf] * 9,
        [1.5, np.inf, np.nan] * 9,
    ],
)
def test_infinite_numbers_are_refused_not_taken_for_words(cells: list[Any]) -> None:
    frame = pd.DataFrame({"pay": cells, "n": range(len(cells))})
    for text in (True, False):
        with pytest.raises(
            DataError,
            match="column 'pay' holds infinite values; make these cells missing or large",
        ):
            infer(frame, text=text)
    assert (
        infer(frame.astype({"pay": "str"}), {"pay": "category"}, text=True)["pay"].kind
        == "category"
    )


def test_nearly_infinite_numbers_are_numbers() -> None:
    for cells in (
        ["1e308", "-1.7e308", "2"],
        ["inf", "information"],
        ["fin", "coffee", "any"],
    ):
        assert described(cells).kind == ("float" if "2" in cells else "category")


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (pd.DataFrame({"x": [[1], [2]]}), "nested"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns are named 'a'"),
        (pd.DataFrame([[1, 2]], columns=["a", " "]), "blank name"),
        (pd.DataFrame([[1, 2]]), "column name 0 is not text"),
        (pd.DataFrame({"a": []}), "no rows"),
        (pd.DataFrame(index=[0]), "no columns"),
        (pd.DataFrame({("a", "b"): [1]}), "several levels"),
    ],
)
def test_tables_that_cannot_be_described(frame: pd.DataFrame, complaint: str) -> None:
    with pytest.raises(DataError) as caught:
        infer(frame)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1, (1, 1)), (129, (129, 1)), (130, (12, 2)), (16384, (128, 2)), (16385, (26, 3))],
)
def test_digits_of_many_categories(size: int, expected: tuple[int, int]) -> None:
    assert digit_base(size) == expected


def test_ten_thousand_categories_make_two_blocks_and_come_back() -> None:
    series = pd.Series([f"c{v}" for v in RNG.integers(0, 10_000, 50_000)], name="x")
    # Without a word, they look like the keys of somebody.
    column = infer(series.to_frame(), {"x": "category"})["x"]
    encoder = KINDS["category"].fit(series, column, RNG, Settings())
    assert [b.part for b in encoder.blocks] == ["digit 0", "digit 1"]
    assert max(b.size for b in encoder.blocks) <= 128
    codes, offsets = encoder.encode(series, RNG)
    assert encoder.decode(codes, offsets, RNG, 0).tolist() == series.tolist()
    impossible = np.full((1, 2), 255)
    assert encoder.decode(impossible, offsets[:1], RNG, 0)[0] in set(series)


def test_codes_go_by_frequency_then_text_with_missing_last() -> None:
    series = pd.Series(["b", "c", "a", "c", None], name="x")
    encoder = KINDS["category"].fit(series, described(series), RNG, Settings())
    codes, _ = encoder.encode(series, RNG)
    assert codes[:, 0].tolist() == [2, 0, 1, 0, 3]
    unseen, _ = encoder.encode(pd.Series(["z"]), RNG)
    assert unseen[0, 0] == 2


def make(texts: list[str], count: int, start: int = 0) -> list[str]:
    """New keys, by an encoder that was saved and loaded."""
    series = pd.Series(texts, name="x", dtype=object)
    column = IdentifierEncoder.accepts(Cells(series), forced=True)
    assert column is not None
    fitted = IdentifierEncoder.fit(series, column, np.random.default_rng(0), Settings())
    encoder = IdentifierEncoder.from_state(
        column, json.loads(json.dumps(fitted.state()))
    )
    none = np.zeros((count, 0))
    return encoder.decode(none, none, np.random.default_rng(1), start).tolist()  # type: ignore[no-any-return,arg-type]


def test_invented_keys_have_the_pattern_and_are_new_and_unique() -> None:
    real = [f"INV-{v:06d}-{'abcdef'[v % 6]}{v % 10}" for v in range(0, 5000, 3)]
    new = make(real, 20_000)
    assert all(
        pd.Series(new).str.fullmatch(
            r"INV-00\d{4}-[0-9a-f]{2}|INV-00\d{4}-[a-f]\d|INV-00\d{4}-[a-z]\d"
        )
    )
    assert len(set(new)) == 20_000
    assert not set(new) & set(real)


def test_invented_keys_do_not_depend_on_the_batch() -> None:
    real = [f"{v:04d}-{'ABC'[v % 3]}XY" for v in range(60)] + [
        f"Q{v}" for v in range(60)
    ]
    assert make(real, 100) == make(real, 40) + make(real, 60, start=40)


@pytest.mark.parametrize(
    ("real", "first", "last"),
    [
        ([f"C{v:05d}" for v in range(500)], "C00500", "C01499"),
        ([f"C{v:03d}" for v in range(500)], "C500", "C1499"),
        ([f"C{v}" for v in range(1, 501)], "C501", "C1500"),
        ([f"{v:04d}-EU" for v in range(0, 900, 2)], "0899-EU", "1898-EU"),
        (
            [f"user{v}@example.com" for v in range(10)],
            "user10@example.com",
            "user1009@example.com",
        ),
        ([f"{v:06d}/2024/77" for v in range(60)], "000060/2024/77", "001059/2024/77"),
        ([*[f"C{v:05d}" for v in range(500)], "unknown", "C7x"], "C00500", "C01499"),
    ],
)
def test_dense_keys_count_on_past_the_greatest(
    real: list[str], first: str, last: str
) -> None:
    new = make(real[::-1], 1000)
    assert (new[0], new[-1]) == (first, last)
    assert len(set(new)) == 1000
    assert not set(new) & set(real)
    assert make(real, 1000) == make(real, 400) + make(real, 600, start=400)


def test_several_series_of_keys_go_on_side_by_side() -> None:
    real = [
        f"INV-{year}-{v:04d}"
        for year in (2023, 2024)
        for v in range(1, 300 if year == 2023 else 100)
    ]
    new = make(real, 20_000)
    assert all(pd.Series(new).str.fullmatch(r"INV-202[34]-\d{4,5}"))
    assert len(set(new)) == 20_000
    assert not set(new) & set(real)
    assert 0.7 < np.mean(["2023" in key[:8] for key in new]) < 0.8


@pytest.mark.parametrize(
    ("real", "pattern"),
    [
        ([chr(65 + v) for v in range(26)], r"[A-Z]{2,4}"),
        ([chr(65 + v) for v in range(20)], r"[A-Z]{1,4}"),
        (
            [f"K{v}" for v in RNG.choice(90_000, 3000, replace=False) + 10_000],
            r"K\d{5,7}",
        ),
        ([f"K{v}" for v in RNG.choice(3000, 300, replace=False)], r"[A-Z]\d{1,9}"),
        (["--", "---", "..."], r"[-.]{2,3}\d{0,6}"),
    ],
)
def test_a_pattern_that_is_used_up_grows_in_its_own_class(
    real: list[str], pattern: str
) -> None:
    new = make(real, 30_000)
    assert all(pd.Series(new).str.fullmatch(pattern))
    assert len(set(new)) == 30_000
    assert not set(new) & set(real)
    assert new == make(real, 10_000) + make(real, 20_000, start=10_000)


def test_no_name_survives() -> None:
    real = [
        "Braund, Mr. Owen Harris",
        "Cumings, Mrs. John",
        "Ó Súilleabháin, Seán",
        "王 小明",
    ] * 1
    new = make(real, 50)
    parts = {p for r in real for p in r.replace(",", "").replace(".", "").split()}
    assert not parts & {
        p for n in new for p in n.replace(",", "").replace(".", "").split()
    }


def test_numbers_go_on_after_the_greatest_and_stop_at_the_dtype() -> None:
    frame = pd.DataFrame({"row_id": np.arange(100, dtype=np.int8), "y": 1.5})
    column = infer(frame)["row_id"]
    encoder = IdentifierEncoder.fit(frame["row_id"], column, RNG, Settings())
    none = np.zeros((28, 0))
    made = encoder.decode(none, none, RNG, 0)  # type: ignore[arg-type]
    assert made.tolist() == list(range(100, 128))
    assert made.dtype == np.int8
    with pytest.raises(DataError, match="no room for more keys"):
        encoder.decode(none, none, RNG, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%d", "%-d/%-m/%Y %-H:%M:%S", "%b %d, %Y", "%H:%M:%S.%9f", "%d.%m.%y %H:%M"],
)
def test_every_rendered_date_is_parsed_again(form: str) -> None:
    unit = dates.unit_of(form)
    span = (
        (0, dates.PER_DAY[unit])
        if "%Y" not in form and "%y" not in form
        else (-(10**4), 10**4)
    )
    values = RNG.integers(*span, 200) * (
        1 if span[0] == 0 or unit == "D" else dates.PER_DAY[unit] // 24
    )
    if "%y" in form:
        values = np.abs(values) % (30 * 365 * dates.PER_DAY[unit])
    texts = dates.render(values, unit, form)
    parsed = dates.parse(texts, form)
    assert parsed is not None
    assert (parsed == values).all()


def test_edited_bounds_hold() -> None:
    frame = pd.DataFrame(
        {"x": RNG.normal(size=300), "y": pd.date_range("2020-01-01", periods=300)}
    )
    schema = infer(frame)
    for name, least in (("x", 0.5), ("y", "2020-06-01")):
        column = schema[name]
        column = Column(
            name, column.kind, column.dtype, {**column.options, "minimum": least}
        )
        encoder = KINDS[column.kind].fit(frame[name], column, RNG, Settings())
        decoded = encoder.decode(*encoder.encode(frame[name], RNG), RNG, 0)
        assert decoded.min() == (least if name == "x" else pd.Timestamp(least))  # type: ignore[arg-type]
    bad = Column(
        "y", "datetime", "datetime64[ns]", {**schema["y"].options, "maximum": "June"}
    )
    encoder = KINDS["datetime"].fit(frame["y"], bad, RNG, Settings())
    with pytest.raises(SchemaError, match="bound 'June'"):
        encoder.decode(*encoder.encode(frame["y"], RNG), RNG, 0)
