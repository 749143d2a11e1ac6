"""Columns of numbers and dates in which some cells are neither."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from synthtab import Schema, Synthesizer, SynthtabWarning, infer
from synthtab.core.schema import Column
from synthtab.data import tables
from synthtab.data.columns import TEXT_MARK, cells_to_text

ROWS = 200
RNG = np.random.default_rng(5)
FLOATS = [f"{x:.3f}" for x in RNG.normal(8, 2, ROWS)]
WHOLE = [str(x) for x in RNG.integers(1, 500, ROWS)]
DAYS = pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 600, ROWS), "D")
DATES = [str(day.date()) for day in DAYS]
DURATIONS = [f"{x // 60}:{x % 60:02d}:00" for x in RNG.integers(0, 3000, ROWS)]


def with_cells(texts: Sequence[str], others: dict[int, str]) -> list[str]:
    """The texts, some of them replaced by others."""
    return [others.get(row, text) for row, text in enumerate(texts)]


def from_file(**columns: Sequence[str]) -> pd.DataFrame:
    """A table as `synthtab.data.tables.read` gives it."""
    frame = pd.DataFrame(columns, dtype="str")
    frame.attrs[TEXT_MARK] = True
    return frame


def column_of(texts: Sequence[str], name: str = "c", rare: int = 5) -> Column:
    """What inference says of a column of a file."""
    return infer(from_file(**{name: texts}), rare=rare)[name]


@pytest.mark.parametrize(
    "word",
    [
        "unknown",
        "None",
        "NONE",
        "Unknown",
        "n.a.",
        "#N/A",
        "-",
        "missing",
        "Not available",
    ],
)
@pytest.mark.parametrize(
    ("texts", "kind"), [(FLOATS, "float"), (WHOLE, "integer"), (DATES, "datetime")]
)
def test_usual_words_for_missing_are_missing_cells(
    texts: list[str], kind: str, word: str
) -> None:
    cells = with_cells(texts, dict.fromkeys(range(0, ROWS, 10), word))
    column = column_of(cells)
    assert (column.kind, column.missing) == (kind, True)
    typed = tables.typed(from_file(c=cells), Schema((column,)))["c"]
    assert typed.isna().sum() == ROWS // 10
    assert cells_to_text(typed, column).tolist() == cells
    assert f"20 cells with {word!r} count as missing" in column.note


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (FLOATS, "float"),
        (WHOLE, "integer"),
        (DATES, "datetime"),
        (DURATIONS, "duration"),
    ],
)
def test_words_that_some_rows_share_come_back_as_words(
    texts: list[str], kind: str
) -> None:
    cells = with_cells(texts, dict.fromkeys(range(3, 73, 10), "below zero"))
    column = column_of(cells)
    assert column.kind == kind
    assert not column.missing
    assert column.options["words"] == ["below zero"]
    assert "193 of 200 cells" in column.note
    assert "'below zero' (row 4)" in column.note
    schema = Schema((column,))
    typed = tables.typed(from_file(c=cells), schema)
    assert typed["c"].tolist() == cells
    model = Synthesizer(epochs=1, holdout=0).fit(from_file(c=cells))
    rows = model.sample(2000, seed=1)["c"]
    share = (rows == "below zero").mean()
    assert 0.005 < share < 0.15
    others = rows[rows != "below zero"]
    assert column_of(others.tolist()).kind == kind


def test_a_word_that_everyone_knows_is_kept_and_a_rare_text_is_not() -> None:
    cells = with_cells(FLOATS, {77: "err", 120: "Mrs Smith"})
    column = column_of(cells)
    assert (column.kind, column.missing) == ("float", True)
    assert column.options["words"] == ["err"]
    assert "'err' (row 78) is kept as a word" in column.note
    assert "1 other (row 121) counts as missing" in column.note
    assert "Smith" not in str(column.to_json())
    typed = tables.typed(from_file(c=cells), Schema((column,)))["c"]
    assert typed[77] == "err"
    assert pd.isna(typed[120])


def test_without_a_limit_every_word_is_kept() -> None:
    cells = with_cells(FLOATS, {77: "err", 120: "Mrs Smith"})
    assert column_of(cells, rare=0).options["words"] == ["err", "Mrs Smith"]


@pytest.mark.parametrize("bad", ["2020-02-30", "2021-13-01", "0000-00-00"])
def test_a_date_that_does_not_exist_is_no_reason_to_invent_dates(bad: str) -> None:
    column = column_of(with_cells(DATES, {9: bad}))
    assert (column.kind, column.missing) == ("datetime", True)
    many = with_cells(DATES, dict.fromkeys(range(0, 80, 10), bad))
    assert column_of(many).kind == "datetime"


def test_a_total_below_the_numbers_is_a_word() -> None:
    column = column_of(with_cells(WHOLE, {ROWS - 1: "Total"}))
    assert (column.kind, column.options["words"]) == ("integer", ["Total"])


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("postal codes", {3: "02134", 4: "00501", 5: "07030"}),
        ("diagnoses", {3: "V57", 4: "E11.9", 5: "V45"}),
        ("half words", dict.fromkeys(range(0, ROWS, 2), "low")),
    ],
)
def test_codes_and_categories_are_no_numbers(name: str, others: dict[int, str]) -> None:
    assert column_of(with_cells(WHOLE, others), name).kind in ("category", "identifier")


def test_two_misfits_in_a_hundred_are_one_column_of_floats() -> None:
    # Most cells are whole numbers; all but two are numbers.
    cells = with_cells(WHOLE, {0: "3.5", 1: "4.25", 2: "broken", 3: "broken"})
    assert column_of(cells).kind == "float"


@pytest.mark.long
def test_conditions_name_words() -> None:
    cells = with_cells(FLOATS, dict.fromkeys(range(0, 80, 10), "low"))
    stamps = [f"{date} 10:{row % 60:02d}:00" for row, date in enumerate(DATES)]
    stamps = with_cells(stamps, dict.fromkeys(range(0, 80, 10), "later"))
    grades = with_cells(
        [str(row % 9) for row in range(ROWS)], dict.fromkeys(range(8), "low")
    )
    frame = from_file(c=cells, t=stamps, grade=grades)
    model = Synthesizer(epochs=1, holdout=0).fit(frame)
    for where, column, words in (
        ("c = low", "c", {"low"}),
        ("t = later", "t", {"later"}),
        ("c != low", "c", set()),
        ("c > 7", "c", set()),
    ):
        rows = model.sample(50, where=where, seed=3)[column]
        assert set(rows[~rows.str.match(r"[\d.: -]+$")]) == words, where
    either = model.sample(200, where="grade in (low, 5)", seed=3)["grade"]
    assert set(either) == {"low", "5"}


def test_a_saved_model_keeps_its_words(tmp_path: pytest.TempPathFactory) -> None:
    cells = with_cells(WHOLE, dict.fromkeys(range(0, 80, 10), "many"))
    model = Synthesizer(epochs=1, holdout=0).fit(from_file(c=cells))
    path = f"{tmp_path}/m.synthtab"
    model.save(path)
    again = Synthesizer.load(path).sample(300, seed=2)
    pd.testing.assert_frame_equal(again, model.sample(300, seed=2))
    assert (again["c"] == "many").any()


def test_text_of_a_dataframe_stays_text() -> None:
    cells = with_cells(FLOATS, {3: "unknown", 4: "err"})
    frame = pd.DataFrame({"c": pd.Series(cells, dtype=object)})
    column = infer(frame)["c"]
    assert (column.kind, column.dtype) == ("float", "object")
    rows = Synthesizer(epochs=1, holdout=0).fit(frame).sample(100, seed=1)
    assert rows["c"].map(lambda cell: isinstance(cell, str)).all()


def test_words_among_numbers_are_told_in_the_library() -> None:
    frame = pd.DataFrame({"price": with_cells(FLOATS, {3: "unknown", 9: "unknown"})})
    with pytest.warns(SynthtabWarning, match="column 'price': .*unknown"):
        Synthesizer(epochs=1).fit(frame)
