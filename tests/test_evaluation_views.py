from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synthtab.core.errors import DataError
from synthtab.data.columns import infer
from synthtab.evaluation.design import tree_features
from synthtab.evaluation.views import prepare


def table(rows: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"x": rng.normal(size=rows).round(3), "c": rng.choice(["a", "b"], rows)}
    )


@pytest.mark.parametrize("name", ["synthetic", "holdout"])
def test_other_columns_are_named_in_one_line(name: str) -> None:
    other = table().rename(columns={"c": "d"})
    frames = {"synthetic": table(), "holdout": table()} | {name: other}
    with pytest.raises(DataError) as error:
        prepare(table(), **frames)
    text = str(error.value)
    assert name in text
    assert "lacks 'c'" in text
    assert "'d'" in text
    assert "\n" not in text


def test_an_empty_table_and_a_double_column_are_refused() -> None:
    with pytest.raises(DataError, match="synthetic table has no rows"):
        prepare(table(), table().iloc[:0])
    double = pd.concat([table(), table()[["x"]]], axis=1)
    with pytest.raises(DataError, match="more than one column named 'x'"):
        prepare(table(), double)


def test_an_unknown_target_or_numeric_column_is_refused() -> None:
    with pytest.raises(DataError, match="target 'y' is not a column"):
        prepare(table(), table(), target="y")
    with pytest.raises(DataError, match="'z' are not in the table"):
        prepare(table(), table(), numeric=["z"])


def test_nothing_to_compare_is_refused() -> None:
    frame = pd.DataFrame({"k": ["one"] * 20})
    with pytest.raises(DataError, match="no column to compare"):
        prepare(frame, frame)


def test_text_and_typed_cells_are_the_same() -> None:
    typed = pd.DataFrame(
        {
            "when": pd.to_datetime(
                ["2024-01-31", "2024-02-01", None, "2024-05-05"] * 10
            ),
            "yes": [True, False, True, True] * 10,
            "count": pd.array([1, 2, None, 40] * 10, dtype="Int64"),
            "code": pd.Categorical(["1", "2", "1", "3"] * 10),
            "x": [0.5, -1.25, 3.0, np.nan] * 10,
        }
    )
    text = pd.DataFrame(
        {
            "when": ["2024-01-31", "2024-02-01", "", "2024-05-05"] * 10,
            "yes": ["True", "False", "True", "True"] * 10,
            "count": ["1", "2", "", "40"] * 10,
            "code": ["1.0", "2", "1", "3"] * 10,
            "x": ["0.5", "-1.25", "3", "NA"] * 10,
        }
    )
    schema = infer(typed)
    assert schema["when"].kind == "datetime"
    tables = prepare(typed, text, schema=schema)
    np.testing.assert_array_equal(tables.real.numbers, tables.synthetic.numbers)
    np.testing.assert_array_equal(tables.real.codes, tables.synthetic.codes)
    assert np.isnan(tables.real.numbers).any(axis=0).sum() == 3


def test_words_of_a_boolean_column_equal_its_typed_cells() -> None:
    words = pd.DataFrame(
        {"b": ["yes", "no", "yes", ""] * 10, "x": ["1.5", "2.5", "3.5", "4.5"] * 10}
    )
    words.loc[3, "b"] = None
    schema = infer(words.replace("", None), {"b": "boolean"})
    typed = pd.DataFrame(
        {
            "b": pd.array([True, False, True, None] * 10, dtype="boolean"),
            "x": [1.5, 2.5, 3.5, 4.5] * 10,
        }
    )
    tables = prepare(words, typed, schema=schema)
    np.testing.assert_array_equal(tables.real.codes, tables.synthetic.codes)
    assert tables.categories == (("False", "True"),)


def test_dates_written_otherwise_are_read_one_by_one() -> None:
    real = pd.DataFrame(
        {"when": ["31.01.2024", "01.02.2024", "05.05.2024", "28.02.2024"] * 10}
    )
    other = pd.DataFrame(
        {"when": ["2024-01-31", "01.02.2024", "soon", "2024-02-28"] * 10}
    )
    tables = prepare(real, other, schema=infer(real))
    assert np.isnan(tables.synthetic.numbers).sum() == 10
    assert set(np.unique(tables.synthetic.numbers[:30])) < set(
        np.unique(tables.real.numbers)
    )


def test_words_among_numbers_and_infinities_count_as_missing() -> None:
    real = pd.DataFrame({"x": np.arange(40.0)})
    other = pd.DataFrame({"x": ["7", "seven", "inf", "1e308"] * 10})
    tables = prepare(real, other, numeric=["x"])
    assert np.isnan(tables.synthetic.numbers).sum() == 20
    assert np.isfinite(np.nansum(tables.synthetic.numbers**2))


@pytest.mark.parametrize(
    "odd",
    [[1], {"a": 1}, 1j, b"x", 10**30, pd.Timedelta(1), "word", None, float("inf")],
)
def test_no_cell_of_a_foreign_table_is_an_error(odd: object) -> None:
    real = pd.DataFrame(
        {"x": range(40), "day": ["2024-01-31", "2024-02-01"] * 20, "w": ["a", "b"] * 20}
    )
    schema = infer(real)
    for name in real.columns:
        other = real.astype(object)
        other.at[3, name] = odd
        view = prepare(real, other, other, schema=schema)
        same = prepare(real, real, schema=schema)
        assert len(view.synthetic) == 40
        differs = (
            view.synthetic.codes != same.synthetic.codes
        ).any() or not np.array_equal(
            view.synthetic.numbers, same.synthetic.numbers, equal_nan=True
        )
        assert differs, "it counts against the table"


def test_identifiers_and_constants_are_left_out() -> None:
    frame = table().assign(k=3, i=[f"row-{i:04d}" for i in range(40)])
    tables = prepare(frame, frame)
    assert set(tables.skipped) == {"k", "i"}
    assert tables.names == ("x", "c")


def test_an_empty_column_is_left_out() -> None:
    frame = table().assign(e=np.nan)
    assert prepare(frame, frame).names == ("x", "c")
    assert "e" in prepare(frame, frame, numeric=["x", "e"]).skipped


def test_features_keep_missing_cells_and_rank_vast_columns() -> None:
    many = pd.DataFrame(
        {"c": [f"w{i % 300}" for i in range(900)], "x": np.arange(900.0)}
    )
    many.loc[:99, "c"] = "w7"
    many.loc[100, "c"] = None
    tables = prepare(many, many, numeric=["x"])
    matrix, categorical = tree_features(tables, tables.real)
    assert categorical.tolist() == [False, False]
    assert np.isnan(matrix[:, 1]).sum() == 1
    commonest = tables.categories[0].index("w7")
    assert set(matrix[tables.real.codes[:, 0] == commonest, 1]) == {0.0}
