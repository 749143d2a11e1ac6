"""Keys of people, accounts and devices: found, invented, and repeated as in the table."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from synthtab import Schema, Synthesizer, infer
from synthtab.core.schema import Column
from synthtab.data.columns import KINDS, TEXT_MARK, Settings
from synthtab.data.columns.shapes import Shapes

RNG = np.random.default_rng(8)
# As of diabetes130's patients: 62 % have one row, 20 % two, ...
ROWS_EACH = RNG.choice([1, 2, 3, 4, 8], 1400, p=[0.62, 0.2, 0.1, 0.05, 0.03])


def rows_of(keys: np.ndarray) -> pd.Series:
    """A column in which keys repeat, in random order."""
    return pd.Series(RNG.permutation(np.repeat(keys, ROWS_EACH[: len(keys)])))


def distinct(low: int, high: int, count: int = 1400) -> np.ndarray:
    """So many whole numbers, none twice."""
    return RNG.permutation(np.unique(RNG.integers(low, high, 2 * count)))[:count]


NUMBERS = distinct(100, 190_000_000)
# Most people are patients of two hospitals.
CLUSTERED = np.r_[distinct(3_000_000, 9_000_000, 900), distinct(10**8, 2 * 10**8, 500)]
KEYS = {
    "patient_nbr": rows_of(CLUSTERED * 9),
    "customerId": rows_of(distinct(1, 10**6)),
    "CustomerNo": rows_of(distinct(1, 10**6)),
    "user_id": rows_of(np.arange(1, 944)),
    "member": rows_of(distinct(10**5, 10**6)),
    "account_number": rows_of(distinct(10**9, 10**10)),
    "card_no": rows_of(distinct(4 * 10**15, 5 * 10**15)),
    "imei": rows_of(distinct(35 * 10**13, 36 * 10**13)),
    "ssn": rows_of(distinct(10**8, 9 * 10**8)),
    "phone": rows_of(distinct(2 * 10**9, 9 * 10**9)),
    "policy_id": rows_of(distinct(10**6, 10**7)),
    "Kundennummer": rows_of(distinct(10**6, 10**7)),
    "order_id": rows_of(distinct(10**6, 10**9)),
    "loan_key": rows_of(distinct(10**6, 10**9)),
    # No name tells, but nothing is measured like that.
    "x": rows_of(distinct(10**8, 10**9)),
    "who": rows_of(distinct(1, 2**31)),
}


def codes(keys: np.ndarray, form: str) -> np.ndarray:
    return np.array([form.format(key) for key in keys], dtype=object)


TEXTS = {
    "c": rows_of(codes(distinct(1000, 9999), "C{}")),
    "customer": rows_of(codes(distinct(1000, 9999), "C{}")),
    "contact": rows_of(codes(NUMBERS, "u{}@example.org")),
    "account": rows_of(codes(distinct(10**9, 10**10), "DE{}")),
    "login": rows_of(codes(distinct(10, 9999), "jdoe{}")),
    "device": rows_of(codes(distinct(2**40, 2**48), "{:x}")),
    "session": rows_of(codes(distinct(2**62, 2**63), "{:016x}")),
    "z": rows_of(codes(distinct(2**60, 2**63), "{:016x}-ab01")),
    "ref_no": rows_of(codes(distinct(1000, 99999), "A-{}/7")),
}

N = 2000
QUANTITIES = {
    "number_inpatient": RNG.poisson(0.6, N),
    "num_lab_procedures": RNG.integers(1, 132, N),
    "num_visits": RNG.integers(1, 10**6, N),
    "year": RNG.integers(1950, 2024, N),
    "zip": RNG.choice(distinct(501, 99950, 400), N),
    "zip_code": RNG.choice(distinct(501, 99950, 900), N),
    "airport_id": RNG.choice(distinct(10135, 16869, 250), N),
    "store_id": RNG.choice(distinct(1, 10**5, 150), N),
    "admission_type_id": RNG.integers(1, 9, N),
    "fnlwgt": np.exp(RNG.normal(12, 0.5, N)).astype(int),
    "salary": RNG.choice(np.exp(RNG.normal(11, 0.4, 500)).astype(int), N),
    "annual": RNG.choice(np.exp(RNG.normal(11, 0.4, 500)).astype(int), N),
    "account_balance": RNG.integers(0, 10**7, N),
    "card_limit": RNG.integers(1, 100, N) * 1000,
    "patient_age": RNG.integers(0, 100, N),
    "customers": RNG.integers(100, 2000, N),
    "created": RNG.choice(RNG.integers(1_400_000_000, 1_700_000_000, 800), N),
    "epoch_ms": RNG.choice(RNG.integers(14 * 10**11, 17 * 10**11, 800), N),
    "day": RNG.choice(pd.date_range("2001", "2015").strftime("%Y%m%d").astype(int), N),
    "population": np.exp(RNG.normal(9, 2, N)).astype(int),
    "price": RNG.integers(100, 900, N) * 1000,
    "count": RNG.integers(0, 300, N),
    "temperature_sensor": RNG.integers(-40, 90, N),
}


def described(values: object, name: str, as_text: bool = False) -> Column:
    """What inference says of a column."""
    frame = pd.DataFrame({name: values})
    if as_text:
        frame = frame.astype("str")
        frame.attrs[TEXT_MARK] = True
    return infer(frame)[name]


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("name", KEYS)
def test_whole_numbers_that_name_somebody_are_identifiers(
    name: str, as_text: bool
) -> None:
    column = described(KEYS[name], name, as_text)
    assert column.kind == "identifier", column.why
    assert column.dtype == "int64"
    assert "invented, not learnt" in column.note


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_name_somebody_are_identifiers_though_they_repeat(name: str) -> None:
    # Each twice as often: less than half of the cells are distinct.
    cells = pd.concat([TEXTS[name], TEXTS[name]], ignore_index=True)
    assert described(cells, name).kind == "identifier"


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("name", QUANTITIES)
def test_quantities_codes_of_places_and_times_are_no_keys(
    name: str, as_text: bool
) -> None:
    assert described(QUANTITIES[name], name, as_text).kind != "identifier"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("icd", codes(distinct(100, 999, 300), "V{}")),
        ("postcode", codes(distinct(100, 999, 300), "AB{}")),
        ("zip", codes(distinct(501, 9999, 300), "{:05d}")),
        ("product_code", codes(distinct(100, 999, 300), "P{}")),
        ("city", codes(np.arange(60), "Town no{}")),
        ("occupation", codes(np.arange(60), "job{}")),
        ("customer_type", np.array(["new", "old", "gone"])),
    ],
)
def test_words_that_many_share_stay_categories(name: str, words: np.ndarray) -> None:
    assert described(RNG.choice(words, N), name).kind == "category"


def made_from(series: pd.Series, name: str, rows: int, rare: int = 5) -> pd.Series:
    """Invented cells of a column, by a model that was stored in between."""
    schema = infer(series.rename(name).to_frame())
    assert schema[name].kind == "identifier"
    kind = KINDS["identifier"]
    rng = np.random.default_rng(0)
    typed = kind.typed(series, schema[name])
    encoder = kind.fit(typed, schema[name], rng, Settings(rare=rare))
    state = json.loads(json.dumps(encoder.state()))
    encoder = kind.from_state(schema[name], state)
    codes = np.zeros((rows, len(encoder.blocks)), dtype=np.uint8)
    return encoder.decode(codes, np.zeros((rows, 0)), rng, 0)


def shares(series: pd.Series) -> dict[int, float]:
    """Share of the keys by their number of rows."""
    return series.value_counts().value_counts(normalize=True).to_dict()


@pytest.mark.parametrize(
    ("name", "cells"),
    [(name, KEYS[name]) for name in ("patient_nbr", "user_id", "phone", "x")]
    + [(name, TEXTS[name]) for name in ("customer", "contact", "account", "session")],
)
def test_new_keys_are_nobodys_and_repeat_as_often(name: str, cells: pd.Series) -> None:
    made = made_from(cells, name, len(cells))
    assert not set(made) & set(cells)
    real = shares(cells)
    new = shares(made)
    assert max(abs(real.get(k, 0) - new.get(k, 0)) for k in real | new) < 0.05
    # Their rows are scattered, but not over the whole table.
    assert 0 < (made == made.shift()).mean() < 0.1
    few = made_from(cells, name, 300)
    assert few.tolist() == made[:300].tolist()
    assert abs(shares(few).get(1, 0) - real[1]) < 0.15


def test_new_numbers_look_like_those_of_the_table() -> None:
    made = made_from(KEYS["phone"], "phone", 5000)
    assert made.astype(str).str.len().eq(10).all()
    assert made.between(KEYS["phone"].min() * 0.9, KEYS["phone"].max() * 1.1).all()


def test_nobody_with_unusually_many_rows_is_told() -> None:
    keys = np.repeat(distinct(10**6, 10**8, 400), 2)
    cells = pd.Series(np.r_[keys, np.full(37, 123_456_789)])
    made = made_from(cells, "customer_id", 5000)
    assert made.value_counts().max() == 2


def test_a_key_that_stands_for_nobody_spoils_nothing() -> None:
    cells = pd.concat([KEYS["customerId"], pd.Series([0] * 400)], ignore_index=True)
    assert described(cells, "customerId").kind == "identifier"


def test_a_schema_brings_the_number_back(tmp_path) -> None:
    frame = KEYS["patient_nbr"].rename("patient_nbr").to_frame()
    path = tmp_path / "schema.json"
    infer(frame).with_kind("patient_nbr", "integer").save(path)
    frame["age"] = RNG.integers(0, 99, len(frame))
    assert infer(frame, {"patient_nbr": "integer"})["patient_nbr"].kind == "integer"
    schema = Schema.load(path)
    frame = frame[["patient_nbr"]]
    model = Synthesizer(epochs=1, rounds=0, passes=1).fit(frame, schema)
    made = model.sample(50)["patient_nbr"]
    assert made.dtype == "int64"
    assert model.schema_["patient_nbr"].kind == "integer"


@pytest.mark.parametrize("dtype", ["float64", "Int64"])
def test_keys_some_of_which_are_missing(dtype: str) -> None:
    cells = KEYS["patient_nbr"].astype(dtype)
    cells[::7] = None
    made = made_from(cells, "patient_nbr", 2000)
    assert made.dtype == dtype
    assert not set(made.dropna()) & set(cells.dropna())


def test_keys_that_pandas_wrote_as_floats() -> None:
    cells = KEYS["patient_nbr"].astype("float64")
    cells[::7] = None
    texts = cells.astype("str").where(cells.notna(), "")
    column = described(texts, "patient_nbr", as_text=True)
    assert (column.kind, column.dtype) == ("identifier", "float64")
    kind = KINDS["identifier"]
    typed = kind.typed(texts, column)
    assert kind.text(typed, column).tolist() == texts.tolist()


# --------------------------------------------------------------------------------------
# Numbers that 64 bits do not hold


@pytest.mark.parametrize("repeat", [1, 3])
def test_unsigned_keys_beyond_64_bits_stay_whole(repeat: int) -> None:
    keys = RNG.integers(2**63, 2**64 - 1, 300, dtype=np.uint64)
    cells = pd.Series(np.repeat(keys, repeat))
    made = made_from(cells, "key", 900)
    assert made.dtype == "uint64"
    assert not set(made) & set(cells)
    assert made.min() > 2**62


def test_unsigned_keys_with_missing_cells() -> None:
    keys = RNG.integers(2**63, 2**64 - 1, 300, dtype=np.uint64)
    cells = pd.Series(np.repeat(keys, 2)).astype("UInt64")
    cells[::7] = pd.NA
    made = made_from(cells, "key", 900)
    assert made.dtype == "UInt64"
    assert not set(made.dropna()) & set(cells.dropna())


@pytest.mark.parametrize("name", ["key", "account"])
@pytest.mark.parametrize("repeat", [1, 3])
def test_keys_of_twenty_digits_are_texts(name: str, repeat: int) -> None:
    digits = RNG.integers(10**9, 10**10, (2, 300))
    texts = [f"{a}{b}" for a, b in digits.T] * repeat
    column = described(texts, name, as_text=True)
    assert column.kind == "identifier"
    made = made_from(pd.Series(texts), name, 900)
    assert made.str.fullmatch(r"[1-9]\d{19}").all()
    assert not set(made) & set(texts)


# Codes with words that many of them share => a pattern of new ones.
SHARED = {
    "airlines": (
        lambda i: f"{('LH', 'BA', 'EZY')[i % 3]}{10_000 + 217 * i}",
        r"(LH|BA|EZY)\d{5,}",
    ),
    "sources": (
        lambda i: (
            f"https://shop.example/{10_007 * i % 90_001 + 10_000}?ref={('mail', 'ad')[i % 2]}"
        ),
        r"https://shop\.example/\d{5,}\?ref=(mail|ad)",
    ),
    "lots": (
        lambda i: f"L{1000 + 11 * i}{'ABC'[i % 3]}{7 * i % 90 + 10}",
        r"L\d{4}[ABC]\d\d",
    ),
    "towns": (
        lambda i: (
            f"{('B', 'HH', 'KA')[i % 3]}-{chr(65 + i % 26)}{chr(65 + i * 7 % 26)} {37 * i % 9000 + 1000}"
        ),
        r"(B|HH|KA)-[A-Z]{2} \d{4}",
    ),
    "addresses of the net": (
        lambda i: "2001:db8:" + ":".join(f"{x:x}" for x in RNG.integers(0, 65_536, 6)),
        r"2001:db8(:[0-9a-f]{1,4}){6}",
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_words_that_many_codes_share_are_kept(name: str) -> None:
    make, pattern = SHARED[name]
    texts = np.array([make(i) for i in range(400)], dtype=object)
    assert len(set(texts)) == 400
    shapes = Shapes.fit(texts, np.random.default_rng(0), rare=5)
    again = Shapes.from_state(json.loads(json.dumps(shapes.state())))
    made = again.make(np.arange(2000))
    assert pd.Series(made).str.fullmatch(pattern).all()
    assert len(set(made)) == 2000
    assert not set(made) & set(texts)
    assert again.make(np.arange(90, 95)).tolist() == made[90:95].tolist()


def hexadecimal(rng: np.random.Generator, digits: int) -> str:
    return "".join(rng.choice(list("0123456789abcdef"), digits))


def of(alphabet: str, rng: np.random.Generator, count: int) -> str:
    return "".join(rng.choice(list(alphabet), count))


BASE_32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Codes whose characters are not all digits or all letters => a pattern of new ones.
ALPHABETS = {
    "sequences": (lambda r: of("ACGT", r, 14), r"[ACGT]{14}"),
    "geohashes": (
        lambda r: "u33" + of("0123456789bcdefghjkmnpqrstuvwxyz", r, 6),
        r"u33[0-9b-hjkmnp-z]{6}",
    ),
    "base 32": (lambda r: "01H" + of(BASE_32, r, 20), r"01H[0-9A-HJKMNP-TV-Z]{20}"),
    "check digits": (
        lambda r: f"{r.integers(10**6, 10**7)}-{r.choice(list('0123456789X'))}",
        r"[1-9]\d{6}-[\dX]",
    ),
    "variants": (
        lambda r: (
            f"{hexadecimal(r, 8)}-4{hexadecimal(r, 3)}-{of('89ab', r, 1)}{hexadecimal(r, 3)}"
        ),
        r"[0-9a-f]{8}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}",
    ),
    "plates": (
        lambda r: f"{of('BCDFGHJKLM', r, 2)}{r.integers(1000, 10_000)}",
        r"[BCDFGHJKLM]{2}[1-9]\d{3}",
    ),
    # Words before letters and digits, and joined with them.
    "sessions": (
        lambda r: f"{r.choice(['web', 'app'])}-{hexadecimal(r, 8)}",
        r"(web|app)-[0-9a-f]{8}",
    ),
    "makers": (
        lambda r: (
            f"{r.choice(['00:1a:2b', '3c:22:fb'])}:{hexadecimal(r, 2)}:{hexadecimal(r, 2)}"
        ),
        r"(00:1a:2b|3c:22:fb)(:[0-9a-f]{2}){2}",
    ),
    "securities": (
        lambda r: f"{r.choice(['US', 'DE', 'FR'])}{of(BASE_32, r, 9)}{r.integers(10)}",
        r"(US|DE|FR)[0-9A-HJKMNP-TV-Z]{9}\d",
    ),
    # Letters and digits in one place.
    "old and new plates": (
        lambda r: (
            f"{of('BCDFG', r, 2)}{r.integers(10, 100)}{of('XYZ', r, 3)}"
            if r.random() < 0.5
            else f"{of('BCDFG', r, 1)}{r.integers(100, 1000)}{of('XYZ', r, 3)}"
        ),
        r"[BCDFG]{2}\d{2}[XYZ]{3}|[BCDFG]\d{3}[XYZ]{3}",
    ),
    # Words that go together.
    "variations": (
        lambda r: f"c.{r.integers(1000, 90_000)}{r.choice(['A>G', 'C>T', 'G>A'])}",
        r"c\.\d{4,5}(A>G|C>T|G>A)",
    ),
    # Words beside which there are few texts.
    "flights": (
        lambda r: f"{r.choice(['LH', 'BA', 'AF', 'UA'])}{r.integers(1000, 10_000)}",
        r"(LH|BA|AF|UA)[1-9]\d{3}",
    ),
    "articles": (
        lambda r: (
            f"{r.choice(['TSH', 'JKT'])}-{r.choice(['RED', 'BLU'])}-{r.choice(['S', 'M', 'XL'])}-{r.integers(100, 1000)}"
        ),
        r"(TSH|JKT)-(RED|BLU)-(S|M|XL)-\d{3}",
    ),
    "masked cards": (
        lambda r: f"**** **** **** {r.integers(10_000):04d}",
        r"\*{4} \*{4} \*{4} \d{4}",
    ),
}


@pytest.mark.parametrize("name", ALPHABETS)
def test_new_codes_have_the_characters_and_words_of_the_table(name: str) -> None:
    make, pattern = ALPHABETS[name]
    rng = np.random.default_rng(5)
    texts = np.unique([make(rng) for _ in range(400)]).astype(object)
    shapes = Shapes.fit(texts, np.random.default_rng(0), rare=5)
    again = Shapes.from_state(json.loads(json.dumps(shapes.state())))
    made = again.make(np.arange(len(texts)))
    assert pd.Series(made).str.fullmatch(pattern).all()
    assert len(set(made)) == len(texts)
    assert not set(made) & set(texts)


def test_a_character_or_a_beginning_of_few_codes_is_in_no_model() -> None:
    rng = np.random.default_rng(5)
    texts = [f"{of('AB', rng, 2)}{of('CDEF23', rng, 12)}" for _ in range(400)]
    texts[7] = "ZZ" + texts[7][2:-1] + "Q"
    shapes = Shapes.fit(np.array(texts, dtype=object), np.random.default_rng(0), 5)
    state = json.dumps(shapes.state())
    assert "CDEF" in state and "ZZ" not in state
    # They are letters like those that no text has.
    assert state.count("Q") == state.count("R") and state.count("Z") == state.count("Y")
    made = pd.Series(Shapes.from_state(json.loads(state)).make(np.arange(1000)))
    assert made.str.fullmatch("[AB]{2}[CDEF23]{12}").all()


def test_codes_go_on_with_other_characters_before_they_get_longer() -> None:
    rng = np.random.default_rng(5)
    texts = np.unique([f"{of('ABC', rng, 2)}{rng.integers(10, 50)}" for _ in range(99)])
    shapes = Shapes.fit(texts.astype(object), np.random.default_rng(0), 5)
    made = pd.Series(shapes.make(np.arange(3000)))
    assert made.is_unique and not set(made) & set(texts)
    assert made[:90].str.fullmatch(r"[ABC]{2}[1-4]\d").all()
    length = made.str.len()
    assert set(length[:2000]) == {4} and length.is_monotonic_increasing


def test_shapes_of_before_alphabets_make_the_same_texts() -> None:
    """As `Shapes` stored them and made from them until 2026-11-26."""
    state = {
        "shapes": [
            ["\ue0009999", 0.7, 7, 3, 2937467307694268567, [2, 3]],
            ["99-999", 0.3, 3, 1, 1244171615822312904, [1, 2]],
        ],
        "words": [[["LH", 0.5], ["BA", 0.5]]],
    }
    made = [
        "LH2187",
        "LH2285",
        "BA0913",
        "LH5302",
        "44-068",
        "08-581",
        "87-955",
        "LH3062",
    ]
    assert Shapes.from_state(state).make(np.arange(8)).tolist() == made
    again = Shapes.from_state(Shapes.from_state(state).state())
    assert again.make(np.arange(8)).tolist() == made


def test_a_word_of_few_codes_is_in_no_model() -> None:
    texts = [f"{('LH', 'BA')[i % 2]}{10_000 + 217 * i}" for i in range(400)]
    texts[3] = "ZQXJW12345"
    # Many codes of one person are no many people.
    voices = np.arange(400)
    for i in range(20, 30):
        texts[i] = f"VKXJW{20_000 + i}"
        voices[i] = 20
    shapes = Shapes.fit(
        np.array(texts, dtype=object), np.random.default_rng(0), 5, voices
    )
    state = json.dumps(shapes.state())
    assert "LH" in state and "BA" in state
    assert "ZQXJW" not in state and "VKXJW" not in state


def test_names_of_people_are_invented_though_they_are_frequent() -> None:
    texts = [
        f"{('Smith', 'Rossi')[i % 2]}, {('Anna', 'Ben')[i // 2 % 2]} {i % 97}"
        for i in range(400)
    ]
    shapes = Shapes.fit(
        np.unique(texts).astype(object), np.random.default_rng(0), rare=5
    )
    assert "Smith" not in json.dumps(shapes.state().get("words", []))


@pytest.mark.parametrize("word", ["unknown", "N/A", "Total"])
def test_a_word_among_keys_is_named(word: str) -> None:
    rng = np.random.default_rng(0)
    keys = pd.Series([f"AB-{i:05d}" for i in rng.permutation(90_000)[:300]], name="key")
    clean = infer(keys.to_frame())["key"]
    keys[7] = word
    column = infer(keys.to_frame())["key"]
    assert column.kind == clean.kind == "identifier"
    assert f"'{word}' (row 8) is no key" in column.note
    assert "is no key" not in clean.note
