"""Numbers in text, however they are written, come back as numbers and as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtab import Schema, Synthesizer, evaluate, infer
from synthtab.core.schema import Column
from synthtab.data import tables
from synthtab.data.columns import DELIMITER_MARK, TEXT_MARK, cells_to_text
from synthtab.data.columns.writing import Writing, detect

# Written numbers => what they are.
WRITTEN = {
    "thousands": {"7,655,767": 7655767, "12,345": 12345, "999": 999, "1,000": 1000},
    "money": {"$669.72": 669.72, "$1,036.07": 1036.07, "-$5.00": -5.0},
    "minus behind the sign": {"$669.72": 669.72, "$-5.00": -5.0},
    "accounting": {"(1,234.50)": -1234.5, "12.00": 12.0, "3.10": 3.1},
    "accounting with a sign": {"($1,234.50)": -1234.5, "$12.00": 12.0},
    "percent": {"96.2%": 96.2, "5.9%": 5.9, "-3.1%": -3.1},
    "percent and space": {"96,2 %": 96.2, "5,9 %": 5.9},
    "German": {"1.234,50": 1234.5, "12,00": 12.0, "-3,25": -3.25},
    "French": {"1\u202f234,56 €": 1234.56, "12,00 €": 12.0, "-5,10 €": -5.1},
    "Swedish": {"1 234,56 kr": 1234.56, "12,00 kr": 12.0},
    "Swiss": {"CHF 1'234.50": 1234.5, "CHF 12.00": 12.0},
    "Indian": {"₹12,34,567.00": 1234567.0, "₹1,234.00": 1234.0, "₹99.00": 99.0},
    "code of a currency": {"USD 5.00": 5.0, "USD 12.50": 12.5},
    "unit": {"5 kg": 5, "12 kg": 12, "900 kg": 900},
    "unit of words": {"36.6°C": 36.6, "37.1°C": 37.1, "-3.0°C": -3.0},
    "rate": {"72 km/h": 72, "8 km/h": 8},
    "scientific": {"1.50E+03": 1500.0, "2.25E-05": 2.25e-5, "-9.99E+10": -9.99e10},
    "scientific of any length": {"1.5e-5": 1.5e-5, "2e-10": 2e-10, "3.25e-7": 3.25e-7},
    "another minus": {"−5.5": -5.5, "7.25": 7.25, "12.5": 12.5},
    "minus last": {"1,234.00-": -1234.0, "5.00": 5.0},
    "plus": {"+5": 5, "-3": -3, "+12": 12, "0": 0},
    "four digits without a mark": {"1234": 1234, "12,345": 12345, "999": 999},
    "apostrophe of a spreadsheet": {"'123": 123, "'45": 45},
    "thousand as k": {"1.2k": 1.2, "3.0k": 3.0},
    "about": {"~5": 5, "~12": 12, "~900": 900},
    "about in words": {"ca. 5": 5, "ca. 120": 120},
    "about some money": {"approx. $5.50": 5.5, "approx. $1,200.00": 1200.0},
    "a name before it": {"p=0.05": 0.05, "p=0.98": 0.98},
    "yen": {"30,726円": 30726, "500円": 500},
    "won": {"30,726원": 30726, "500원": 500},
    "rouble": {"5 руб.": 5, "120 руб.": 120},
    "no cents": {"738,- kr": 738, "12,- kr": 12},
    "no cents in Switzerland": {"738.-": 738, "12.-": 12},
    "unit of two words": {"3,086 sq ft": 3086, "771 sq ft": 771},
    "unit with a number": {"18,0 kWh/100km": 18.0, "9,5 kWh/100km": 9.5},
    "square metres": {"18 m2": 18, "120 m2": 120},
    "unit of another script": {"5 кг": 5, "12 кг": 12},
    "plural": {"1 review": 1, "2 reviews": 2, "1,234 reviews": 1234},
    "ordinal": {"1st": 1, "2nd": 2, "3rd": 3, "11th": 11, "112th": 112, "121st": 121},
    "ordinal and more": {"16th century": 16, "20th century": 20, "21st century": 21},
    "ordinal with a point": {"5.": 5, "12.": 12, "90.": 90},
    "ordinal in French": {"1er": 1, "2e": 2, "21e": 21},
    "Arabic digits": {"٣٢٣٧": 3237, "٩١": 91},
    "Arabic decimals": {"٩٫٠٨": 9.08, "١٢٫٥٦": 12.56},
    "wide digits": {"１２": 12, "９，０００": 9000},
    "Thai digits": {"๑๒ บาท": 12, "๙๐ บาท": 90},
}


def from_file(delimiter: str = ",", **columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(columns, dtype="str")
    frame.attrs[TEXT_MARK] = True
    frame.attrs[DELIMITER_MARK] = delimiter
    return frame


def column_of(texts: list[str], delimiter: str = ",") -> Column:
    return infer(from_file(delimiter, c=texts), rare=0)["c"]


@pytest.mark.parametrize("name", WRITTEN)
def test_written_numbers_are_numbers_and_come_back_as_they_were(name: str) -> None:
    values = WRITTEN[name]
    # More rows than distinct cells, as in a table.
    texts = list(values) * 8
    column = column_of(texts)
    assert column.kind in ("integer", "float"), column
    typed = tables.typed(from_file(c=texts), Schema((column,)))["c"]
    assert pd.api.types.is_numeric_dtype(typed.dtype)
    assert typed.tolist() == pytest.approx(list(values.values()) * 8)
    assert cells_to_text(typed, column).tolist() == texts


@pytest.mark.parametrize(
    "texts",
    [
        ["V57", "E11", "V45", "Z00"],
        ["02134", "10001", "07030"],
        ["1001-DE", "1002-FR", "1003-DE"],
        ["171 234 567", "171 234 568", "162 888 990"],
        ["12:30", "14:45", "09:00"],
        ["5 kg", "900 g", "3 lb"],
        ["M-1001", "M-1002", "M-1003"],
        ["AB12", "AB13", "AB144"],
        ["ID: 4711", "ID: 815", "ID: 1234"],
        ["2/5", "4/5", "5/5"],
        ["Room 12", "Room 13", "Room 144"],
    ],
    ids=" ".join,
)
def test_codes_are_no_numbers(texts: list[str]) -> None:
    # Times of day count as numbers, but not as these.
    assert column_of(texts * 3).kind not in ("integer", "float")


def test_the_delimiter_of_the_file_decides_what_a_comma_is() -> None:
    texts = ["296,570", "172,215", "3,512"] * 5
    assert column_of(texts, ",").kind == "integer"
    assert "is read as 1234, not as 1.234" in column_of(texts, ",").note
    with_semicolons = column_of(texts, ";")
    assert with_semicolons.kind == "float"
    typed = tables.typed(from_file(c=texts), Schema((with_semicolons,)))["c"]
    assert typed[0] == 296.57
    # Where a cell tells, there is no guess.
    assert column_of([*texts, "1,234,567"], ",").note == ""


def test_misfits_among_written_numbers() -> None:
    texts = [f"${x:,.2f}" for x in np.random.default_rng(0).lognormal(8, 1, 200)]
    texts[3] = "n/a"
    texts[4] = "err"
    texts[5] = "call us"
    column = column_of(texts)
    assert (column.kind, column.options["words"]) == ("float", ["err", "call us"])
    typed = tables.typed(from_file(c=texts), Schema((column,)))["c"]
    assert cells_to_text(typed, column).tolist() == texts


def test_a_schema_brings_written_numbers_back() -> None:
    texts = ["5 kg", "12 kg", "900 kg"] * 5
    frame = from_file(c=texts)
    assert infer(frame, {"c": "category"})["c"].kind == "category"
    assert infer(frame, {"c": "float"})["c"].options["written"] == {"after": " kg"}
    # A file of it can be read again.
    column = column_of(texts)
    assert Column.from_json(column.to_json()) == column


MARKS = st.sampled_from(
    [
        ("", "."),
        (",", "."),
        (".", ","),
        (" ", ","),
        ("'", "."),
        ("\u202f", ","),
        ("", ","),
    ]
)


@given(
    marks=MARKS,
    frame=st.sampled_from(
        [("", ""), ("$", ""), ("", " €"), ("", "%"), ("CHF ", ""), ("", " km/h")]
    ),
    negative=st.sampled_from(["-5", "(5)", "5-", "−5"]),
    values=st.lists(st.integers(-(10**9), 10**9), min_size=3, max_size=30),
    decimals=st.integers(0, 3),
)
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read(
    marks: tuple[str, str],
    frame: tuple[str, str],
    negative: str,
    values: list[int],
    decimals: int,
) -> None:
    writing = Writing(*frame, *marks, negative=negative)
    plain = np.array([f"{v / 10**decimals:.{decimals}f}" for v in values], dtype=object)
    plain = np.unique(np.array([p.replace("-0", "-0") for p in plain], dtype=object))
    plain = plain[[float(p) != 0 or not p.startswith("-") for p in plain]]
    if not len(plain):
        return
    texts = writing.written(plain)
    back, fits = writing.plain_texts(texts)
    assert fits.all()
    assert back.tolist() == plain.tolist()
    found = detect(texts, np.ones(len(texts), dtype=np.int64))
    if found is not None and found[1].all():
        # Whatever was found, the texts come back.
        again, _ = found[0].plain_texts(texts)
        assert found[0].written(again).tolist() == texts.tolist()


@pytest.mark.long
def test_the_whole_way_of_a_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    amounts = rng.lognormal(8, 1, 120)
    frame = from_file(
        price=[f"${x:,.2f}" for x in amounts],
        share=[f"{x:.1f} %" for x in rng.uniform(0, 100, 120)],
        weight=[f"{x:.0f} kg" for x in amounts / 50],
    )
    model = Synthesizer(epochs=1, holdout=0).fit(frame)
    path = tmp_path / "m.synthtab"
    model.save(path)
    rows = Synthesizer.load(path).sample(
        60, where="price > 1000 and share <= 50", seed=1
    )
    assert (rows["price"] > 1000).all()
    assert (rows["share"] <= 50).all()
    tables.write(rows, tmp_path / "rows.csv", model.schema_)
    again = tables.read(tmp_path / "rows.csv")
    assert again["price"].str.fullmatch(r"\$(\d{1,3})(,\d{3})*\.\d\d").all()
    assert again["share"].str.fullmatch(r"\d+\.\d %").all()
    assert again["weight"].str.fullmatch(r"\d+ kg").all()
    # No cell is missing: all could be read.
    report = evaluate(frame, again, metrics=["missing_error"])
    assert not report.score("missing_error").ok


def test_text_of_a_dataframe_stays_text() -> None:
    texts = [f"${x:,.2f}" for x in np.random.default_rng(2).lognormal(8, 1, 60)]
    frame = pd.DataFrame({"price": texts})
    rows = Synthesizer(epochs=1, holdout=0).fit(frame).sample(30, seed=1)
    assert rows["price"].str.fullmatch(r"\$(\d{1,3})(,\d{3})*\.\d\d").all()


@pytest.mark.parametrize(
    "word", ["<0.01", "> 5 mg/l", "not detected", "≤0.5"], ids=lambda word: word
)
def test_a_word_in_many_cells_beside_numbers(word: str) -> None:
    random = np.random.default_rng(0)
    unit = " mg/l" if "mg" in word else ""
    texts = [f"{x:.2f}{unit}" for x in random.lognormal(0, 1, 300)]
    texts[::4] = [word] * 75
    column = infer(from_file(c=texts), rare=5)["c"]
    assert (column.kind, column.options["words"]) == ("float", [word])
    typed = tables.typed(from_file(c=texts), Schema((column,)))["c"]
    assert cells_to_text(typed, column).tolist() == texts


def test_few_numbers_beside_words_are_categories() -> None:
    texts = [*"12345", "A", "B"] * 20
    assert infer(from_file(c=texts), rare=5)["c"].kind == "category"


@given(
    st.integers(0, 10**6),
    st.sampled_from(["st|nd|rd|th", "er|e"]),
)
def test_ordinals_come_back(number: int, ordinal: str) -> None:
    writing = Writing(ordinal=ordinal)
    assert writing.plain(writing.write(str(number))) == str(number)


def test_a_long_text_is_refused_at_once() -> None:
    for text in ("1" * 20_000 + "!", "~" * 20_000, "1 " * 20_000, "a=" * 20_000 + "1"):
        assert Writing().plain(text) is None
