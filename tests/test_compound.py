"""Numbers with something between or around them are learnt as numbers, never made up digit
by digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthtab import Schema, Synthesizer, infer
from synthtab.core.errors import ConditionError
from synthtab.core.schema import Column
from synthtab.data import tables
from synthtab.data.columns import KINDS, TEXT_MARK, Settings, cells_to_text

ROWS = 200
RNG = np.random.default_rng(8)
LATITUDE = RNG.uniform(-90, 90, ROWS)
LONGITUDE = RNG.uniform(-180, 180, ROWS)
AMOUNT = RNG.lognormal(4, 1, ROWS)
UPPER = RNG.integers(95, 170, ROWS)
OCTETS = RNG.integers(1, 255, (ROWS, 4))

# Texts => a pattern that all made-up ones must have, with their numbers as groups.
TABLES = {
    "addresses of machines": (
        [".".join(map(str, row)) for row in OCTETS],
        r"(\d+)\.(\d+)\.(\d+)\.(\d+)",
    ),
    "coordinates": (
        [f"{a:.2f},{b:.2f}" for a, b in zip(LONGITUDE, LATITUDE, strict=True)],
        r"(-?\d+\.\d\d),(-?\d+\.\d\d)",
    ),
    "points": (
        [f"POINT({a:.4f} {b:.4f})" for a, b in zip(LONGITUDE, LATITUDE, strict=True)],
        r"POINT\((-?\d+\.\d{4}) (-?\d+\.\d{4})\)",
    ),
    "blood pressures": (
        [
            f"{x}/{x - d}"
            for x, d in zip(UPPER, RNG.integers(30, 60, ROWS), strict=True)
        ],
        r"(\d+)/(\d+)",
    ),
    "sizes": (
        [f"{a:.1f} x {b:.1f} cm" for a, b in zip(AMOUNT, AMOUNT * 2, strict=True)],
        r"(\d+\.\d) x (\d+\.\d) cm",
    ),
    "two currencies": (
        [f"${a:,.2f}" if i % 3 else f"€{a:,.2f}" for i, a in enumerate(AMOUNT * 100)],
        r"[$€](\d{1,3}(?:,\d{3})*\.\d\d)",
    ),
    "units of their size": (
        [f"{a:.2f} kg" if a > 60 else f"{a * 10:.1f} g" for a in AMOUNT],
        r"(\d+\.\d+) (?:kg|g)",
    ),
    "thousands and millions": (
        [f"{a / 1e6:.1f}M" if a > 1e6 else f"{a / 1e3:.1f}k" for a in AMOUNT**3],
        r"(\d+\.\d)[kM]",
    ),
}


def from_file(texts: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame({"c": pd.Series(texts, dtype="str")})
    frame.attrs[TEXT_MARK] = True
    return frame


def column_of(texts: list[str]) -> Column:
    return infer(from_file(texts))["c"]


def there_and_back(texts: list[str], column: Column) -> pd.Series:
    """The cells, encoded and decoded."""
    rng = np.random.default_rng(0)
    typed = tables.typed(from_file(texts), Schema((column,)))["c"]
    encoder = KINDS["compound"].fit(typed, column, rng, Settings(rare=5))
    again = KINDS["compound"].from_state(column, encoder.state())
    codes, offsets = encoder.encode(typed, rng)
    assert codes.shape == (len(texts), len(encoder.blocks))
    return again.decode(codes, offsets, rng, 0)


@pytest.mark.parametrize("name", TABLES)
def test_numbers_in_text_come_back_as_such(name: str) -> None:
    texts, pattern = TABLES[name]
    column = column_of(texts)
    assert column.kind == "compound"
    cells = there_and_back(texts, column)
    assert cells.str.fullmatch(pattern).all()

    def numbers(some: pd.Series) -> pd.Series:
        first = some.str.extract(rf"^{pattern}$").bfill(axis=1)[0]
        return first.str.replace(",", "").astype(float)

    # Of rare numbers averages come back, within those of the table.
    made, real = numbers(cells), numbers(pd.Series(texts))
    assert real.min() <= made.min()
    assert made.max() <= real.max()
    assert abs(made.median() - real.median()) < 0.2 * real.std()


@pytest.mark.parametrize(
    "texts",
    [
        [f"{a:03d}-{b:02d}-{c:04d}" for a, b, c in RNG.integers(10, 99, (ROWS, 3))],
        [f"+49 30 {x}" for x in RNG.integers(10**6, 10**7, ROWS)],
        [f"C{x}" for x in RNG.integers(1000, 9999, ROWS)],
        [f"12AB{x}" for x in RNG.integers(1000, 9999, ROWS)],
        [f"K{a}M{b}" for a, b in RNG.integers(100, 1000, (ROWS, 2))],
        [f"user{a}@mail{b}.org" for a, b in RNG.integers(1, 99, (ROWS, 2))],
        [f"{a}-{b}" for a, b in RNG.integers(1000, 9999, (ROWS, 2))],
        [f"2021/{x:05d}" for x in range(ROWS)],
        [":".join(f"{x:02x}" for x in row) for row in RNG.integers(0, 256, (ROWS, 6))],
    ],
    ids=lambda texts: texts[0],
)
def test_keys_stay_keys(texts: list[str]) -> None:
    assert column_of(texts).kind == "identifier"


def test_few_texts_that_repeat_are_categories() -> None:
    assert column_of(["2:1", "1:1", "0:3", "2:2"] * 30).kind == "category"


@pytest.mark.long
def test_a_model_of_them(tmp_path: Path) -> None:
    places, pattern = TABLES["coordinates"]
    places = [None if i % 10 == 0 else place for i, place in enumerate(places)]
    money = TABLES["two currencies"][0]
    frame = from_file(money).rename(columns={"c": "price"})
    frame["place"] = pd.Series(places, dtype="str")
    frame.attrs[TEXT_MARK] = True
    model = Synthesizer(epochs=1, holdout=0).fit(frame)
    model.save(tmp_path / "m.synthtab")
    loaded = Synthesizer.load(tmp_path / "m.synthtab")
    rows = loaded.sample(100, seed=1)
    pd.testing.assert_frame_equal(rows, model.sample(100, seed=1))
    assert rows["place"].isna().any()
    assert rows["place"].dropna().str.fullmatch(pattern).all()
    assert loaded.sample(20, where="place is missing")["place"].isna().all()
    assert loaded.sample(20, where="place is not missing")["place"].notna().all()
    with pytest.raises(ConditionError, match="numbers in text"):
        loaded.sample(5, where="price = '$5.00'")


@pytest.mark.long
@pytest.mark.parametrize(
    ("others", "word"),
    [
        ({ROWS - 1: "Total"}, "Total"),
        (dict.fromkeys(range(0, 80, 10), "see notes"), "see notes"),
        (dict.fromkeys(range(0, ROWS, 10), "n/a"), "n/a"),
        ({7: "see note 3"}, ""),
    ],
    ids=lambda value: str(value)[:12],
)
def test_cells_that_are_none_are_words_or_missing(
    others: dict[int, str], word: str
) -> None:
    texts = [others.get(i, text) for i, text in enumerate(TABLES["coordinates"][0])]
    frame = from_file(texts)
    column = infer(frame)["c"]
    assert column.kind == "compound"
    typed = tables.typed(frame, Schema((column,)))["c"]
    written = cells_to_text(typed, column).tolist()
    assert written == [word if i in others else text for i, text in enumerate(texts)]
    model = Synthesizer(epochs=1, holdout=0).fit(frame)
    rows = cells_to_text(model.sample(400, seed=1)["c"], column)
    pattern = TABLES["coordinates"][1]
    made = pd.Series(rows, dtype="object")
    assert (made.str.fullmatch(pattern) | (made == word)).all()


# More forms => a pattern of what is made.
NUMBER = RNG.integers(1, 900, 400)
MINUTE = RNG.integers(0, 60, 400)
HOUR = RNG.integers(7, 17, 400)
LATER = HOUR + RNG.integers(1, 6, 400)
FORMS = {
    "degrees": (
        [f"{x % 90}°{m:02d}'{m:02d}\"N" for x, m in zip(NUMBER, MINUTE, strict=True)],
        r"\d{1,2}°[0-5]\d'[0-5]\d\"N",
    ),
    "degrees padded": (
        [
            f"{x % 90:02d}°{m:02d}.{x % 10}'S"
            for x, m in zip(NUMBER, MINUTE, strict=True)
        ],
        r"[0-8]\d°[0-5]\d\.\d'S",
    ),
    "pace": (
        [f"{h}:{m:02d} min/km" for h, m in zip(HOUR, MINUTE, strict=True)],
        r"\d+:[0-5]\d min/km",
    ),
    "hours that all have two digits": (
        [
            f"{h:02d}:{m:02d}-{h % 7 + 13}:{m:02d}"
            for h, m in zip(HOUR, MINUTE, strict=True)
        ],
        r"[01]\d:[0-5]\d-1\d:[0-5]\d",
    ),
    "a constant beside numbers": (
        ["p<0.001" if x % 3 else f"p={x / 1000:.3f}" for x in NUMBER],
        r"p<0\.001|p=0\.\d{3}",
    ),
    "several constants": (
        [
            f"<{x % 2 + 1} mg" if x % 3 == 0 else f"{x / 9:.1f} mg/{x} ml"
            for x in NUMBER
        ],
        r"<[12] mg|\d+\.\d mg/\d+ ml",
    ),
    "magnitudes": (
        [f"{x}k" if x % 3 else f"{x / 100:.1f}M" for x in NUMBER],
        r"\d{1,3}k|\d\.\dM",
    ),
    "commas": (
        [
            f"{x / 10:.1f} x {y / 9:.1f} cm".replace(".", ",")
            for x, y in RNG.permuted([NUMBER, NUMBER], axis=1).T
        ],
        r"\d+,\d x \d+,\d cm",
    ),
    "mixed fractions": (
        [f"{x % 40} {('1/4', '1/2', '3/4')[x % 3]} in" for x in NUMBER],
        r"[123]?\d (1/4|1/2|3/4) in",
    ),
    "a direction and a unit": (
        [f"{('N', 'NE', 'SSW')[x % 3]} {x % 60} kt" for x in NUMBER],
        r"(N|NE|SSW) [1-5]?\d kt",
    ),
    "a rate and its name": (
        [f"EUR/USD {1 + x / 5000:.4f}" for x in NUMBER],
        r"EUR/USD 1\.[01]\d{3}",
    ),
    "years about some of which something is said": (
        [f"{'c. ' if x % 3 else ''}{1000 + x}" for x in NUMBER],
        r"(c\. )?1\d{3}",
    ),
    "abbreviations": (
        [
            f"E{x % 4 + 1}V{x % 5 + 1}M{m % 6 + 1}"
            for x, m in zip(NUMBER, MINUTE, strict=True)
        ],
        r"E[1-4]V[1-5]M[1-6]",
    ),
    "degrees below zero": (
        [
            f"{x % 180 - 90:+03d}° {m:02d}′ {x % 60:02d}″"
            for x, m in zip(NUMBER, MINUTE, strict=True)
        ],
        r"[+-]\d\d° [0-5]\d′ [0-5]\d″",
    ),
    "Japanese": (
        [f"第{x}章{m}節" for x, m in zip(NUMBER, MINUTE, strict=True)],
        r"第\d+章\d+節",
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_further_forms(name: str) -> None:
    texts, pattern = FORMS[name]
    column = column_of(texts)
    assert column.kind == "compound"
    assert there_and_back(texts, column).str.fullmatch(pattern).all()


def test_digits_up_to_99_are_those_of_keys() -> None:
    texts = [f"{h}-{x % 100:02d}" for h, x in zip(HOUR, NUMBER, strict=True)]
    assert column_of(texts).kind != "compound"


# Texts => their numbers, the lesser first.
RANGES = {
    "ages": (
        [f"{x}-{x + m}" for x, m in zip(NUMBER, MINUTE, strict=True)],
        r"(\d+)-(\d+)",
    ),
    "times": (
        [
            f"{a:02d}:{m:02d}-{b:02d}:{m:02d}"
            for a, b, m in zip(HOUR, LATER, MINUTE, strict=True)
        ],
        r"(\d\d:\d\d)-(\d\d:\d\d)",
    ),
    "years": (
        [f"{1000 + x}–{1000 + x + m}" for x, m in zip(NUMBER, MINUTE, strict=True)],
        r"(\d{4})–(\d{4})",
    ),
    "interval": (
        [f"{x} [{x - m}, {x + m}]" for x, m in zip(NUMBER + 60, MINUTE, strict=True)],
        r"\d+ \[(\d+), (\d+)\]",
    ),
}


@pytest.mark.parametrize("name", RANGES)
def test_the_ends_of_a_range_stay_in_order(name: str) -> None:
    texts, pattern = RANGES[name]
    column = column_of(texts)
    assert column.kind == "compound"
    typed = tables.typed(from_file(texts), Schema((column,)))["c"]
    encoder = KINDS["compound"].fit(typed, column, np.random.default_rng(0), Settings())
    # Any codes: the numbers of rows that have nothing to do with each other.
    codes, offsets = encoder.encode(typed, np.random.default_rng(0))
    mixed = RNG.permuted(codes, axis=0), RNG.permuted(offsets, axis=0)
    cells = encoder.decode(*mixed, np.random.default_rng(0), 0)
    ends = cells.str.extract(f"^{pattern}$")
    if name != "times":
        ends = ends.astype(int)
    assert (ends[0] <= ends[1]).all()
    assert cells.nunique() > 100


def test_scores_have_no_order() -> None:
    home, away = RNG.integers(0, 130, (2, 400))
    texts = [f"{a}-{b}" for a, b in zip(home, away, strict=True)]
    cells = there_and_back(texts, column_of(texts))
    ends = cells.str.extract(r"(\d+)-(\d+)").astype(int)
    assert 0.3 < (ends[0] > ends[1]).mean() < 0.7
