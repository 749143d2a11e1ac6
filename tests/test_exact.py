"""Numbers that neither int64 nor float64 holds exactly stay what they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synthtab import Synthesizer
from synthtab.core.errors import SchemaError
from synthtab.core.randomness import Streams
from synthtab.core.schema import Column, Schema
from synthtab.data import tables
from synthtab.data.columns import infer, typed
from synthtab.data.encoder import TableEncoder

ROWS = 1000


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def whole(low: int, high: int) -> list[int]:
    """Python's whole numbers, evenly."""
    digits = rng().random(ROWS)
    return [
        low + int(Decimal(float(d)) * (high - low)) + i for i, d in enumerate(digits)
    ]


def learnt(cells: Any, text: bool | None = None) -> tuple[Column, pd.Series, pd.Series]:
    """What a column is, its cells typed, and what any codes and offsets lead to."""
    frame = pd.DataFrame({"x": cells})
    schema = infer(frame, rare=5, text=text)
    schema = Schema.from_json(json.loads(json.dumps(schema.to_json())))
    cells_typed = typed(frame, schema)
    encoder = TableEncoder.fit(cells_typed, schema, Streams(0), rare=5)
    encoder = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    encoded = encoder.encode(cells_typed, Streams(1))
    made = encoder.decode(encoded.codes, encoded.offsets, rng())
    return schema["x"], cells_typed["x"], made["x"]


def check_alike(real: pd.Series, made: pd.Series, scale: int = 1) -> None:
    """Whole numbers of the same range and the same distribution, on no grid."""
    a = np.array(
        [int(cell) if scale == 1 else int(cell * scale) for cell in real], dtype=object
    )
    b = np.array(
        [int(cell) if scale == 1 else int(cell * scale) for cell in made], dtype=object
    )
    assert min(a) <= min(b) and max(b) <= max(a)
    assert len(set(b)) > 0.9 * len(set(a))
    # The same rank within a hundredth of the range.
    spread = max(a) - min(a)
    assert max(abs(np.sort(a) - np.sort(b))) <= 0.02 * spread
    # As many odd numbers as even ones, and any remainder of 256.
    assert 0.3 < np.mean(b % 2 == 1) < 0.7
    assert len({int(v) % 256 for v in b}) > 200


UNSIGNED: dict[str, Callable[[Any], pd.Series]] = {
    "uint64": lambda v: pd.Series(v, dtype="uint64"),
    # Through uint64: pandas 2.2.0 reads a list as floats.
    "UInt64": lambda v: pd.Series(v, dtype="uint64").astype("UInt64"),
    "UInt64 with gaps": lambda v: (
        pd.Series(v, dtype="uint64")
        .astype("UInt64")
        .mask(pd.Series(np.arange(len(v)) % 5 == 1))
    ),
    "Arrow": lambda v: pd.Series(
        pd.arrays.ArrowExtensionArray(pa.array(v, type=pa.uint64()))
    ),
}


@pytest.mark.parametrize("name", UNSIGNED)
def test_unsigned_numbers_beyond_2_to_63(name: str) -> None:
    series = UNSIGNED[name](whole(2**63 - 2**61, 2**64 - 2**60))
    column, cells, made = learnt(series)
    assert column.kind == "integer"
    assert made.dtype == series.dtype
    pd.testing.assert_series_equal(cells, series, check_names=False)
    assert (made.isna() == series.isna()).all()
    check_alike(series.dropna(), made.dropna())


@pytest.mark.parametrize("low", [0, 2**62, -(2**63)])
def test_int64_beyond_2_to_53_is_on_no_grid(low: int) -> None:
    series = pd.Series(whole(low, low + 2**62), dtype="int64")
    column, _, made = learnt(series)
    assert column.kind == "integer"
    assert made.dtype == "int64"
    check_alike(series, made)


@pytest.mark.parametrize("digits", [20, 25, 60])
def test_whole_numbers_of_text_stay_whole(digits: int) -> None:
    numbers = whole(10 ** (digits - 1), 10**digits - ROWS)
    texts = pd.Series([str(n) for n in numbers], dtype=object)
    column, cells, made = learnt(texts, text=True)
    assert column.kind == "integer"
    assert cells.tolist() == texts.tolist()
    assert made.str.fullmatch(r"\d+").all()
    assert set(made.str.len()) == {digits}
    check_alike(pd.Series(numbers, dtype=object), made.map(int))


def test_unsigned_text_becomes_unsigned_numbers() -> None:
    numbers = whole(2**63, 2**64 - ROWS)
    column, cells, made = learnt([str(n) for n in numbers], text=True)
    assert (column.dtype, str(made.dtype)) == ("uint64", "uint64")
    assert cells.tolist() == numbers


def test_python_numbers_of_any_length() -> None:
    for low, high in ((10**24, 10**25), (-(10**30), 10**30), (2**63 - 9, 2**63 + 9999)):
        series = pd.Series(whole(low, high), dtype=object)
        column, cells, made = learnt(series)
        assert column.kind == "integer"
        assert {type(cell) for cell in made} == {int}
        assert cells.tolist() == series.tolist()
        assert set(map(len, map(str, made))) <= set(map(len, map(str, series)))
        if high - low > ROWS * 100:
            check_alike(series, made)


def test_objects_within_64_bits_are_exact() -> None:
    numbers = [2**53 + 1, 2**53 + 3, 2**60 + 7] * 20
    _, cells, made = learnt(pd.Series(numbers, dtype=object))
    assert cells.tolist() == numbers
    assert made.tolist() == numbers


def test_frequent_numbers_come_back_to_the_last_digit() -> None:
    common = 7_123_456_789_012_345_678_901_234
    numbers = whole(10**24, 10**25)
    numbers[::3] = [common] * len(numbers[::3])
    _, _, made = learnt(pd.Series(numbers, dtype=object))
    assert (made == common).mean() == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("places", [0, 2, 9, 18])
def test_decimals_of_19_digits(places: int) -> None:
    numbers = whole(10**18, 9 * 10**18)
    decimals = [Decimal(n).scaleb(-places) for n in numbers]
    for series in (
        pd.Series(decimals, dtype=object),
        pd.Series(
            pd.arrays.ArrowExtensionArray(pa.array(decimals, pa.decimal128(38, places)))
        ),
    ):
        column, cells, made = learnt(series)
        assert column.kind == "float"
        assert made.dtype == series.dtype
        assert cells.tolist() == series.tolist()
        assert {-int(cell.as_tuple().exponent) for cell in made} == {places}
        check_alike(series, made, 10**places)


def test_long_decimals_of_text_come_back_as_they_are() -> None:
    texts = [f"{n}.{i % 100:02d}" for i, n in enumerate(whole(10**18, 9 * 10**18))]
    column, cells, made = learnt(texts, text=True)
    assert (column.kind, column.dtype) == ("float", "str")
    assert cells.tolist() == texts
    assert made.str.fullmatch(r"\d{19}\.\d\d").all()


def test_text_of_floats_is_floats() -> None:
    texts = [repr(float(v)) for v in rng().normal(size=200) * 1e4]
    column, cells, _ = learnt(texts, text=True)
    assert column.dtype == "float64"
    assert cells.tolist() == [float(text) for text in texts]


def test_decimals_keep_their_zeros() -> None:
    decimals = [Decimal("1.50"), Decimal("2.00"), Decimal("10.25")] * 20
    _, cells, made = learnt(pd.Series(decimals, dtype=object))
    for cell, wanted in zip(made, decimals, strict=True):
        assert cell.as_tuple() == wanted.as_tuple()
    assert [str(cell) for cell in cells] == [str(cell) for cell in decimals]


def test_a_file_of_such_numbers_is_written_as_it_was_read(tmp_path: Any) -> None:
    frame = pd.DataFrame(
        {
            "unsigned": whole(2**63, 2**64 - ROWS),
            "long": [str(n) for n in whole(10**21, 10**22 - ROWS)],
            "money": [f"{n}.50" for n in whole(10**20, 10**21 - ROWS)],
        }
    )
    frame.to_csv(tmp_path / "a.csv", index=False)
    read = tables.read(tmp_path / "a.csv")
    schema = infer(read)
    assert [c.kind for c in schema.columns] == ["integer", "integer", "float"]
    tables.write(tables.typed(read, schema), tmp_path / "b.csv", schema)
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "a.csv").read_text()


@pytest.mark.parametrize(
    "least", [10**20, -(10**20), 10**400], ids=["20", "-20", "400"]
)
def test_a_bound_beyond_all_numbers_of_the_column_is_no_traceback(least: int) -> None:
    frame = pd.DataFrame({"x": np.arange(100) % 9 * 7})
    schema = infer(frame).to_json()
    schema["columns"][0]["options"] |= {"minimum": least, "maximum": 10**21}
    if least > 10**309:
        with pytest.raises(SchemaError, match="'minimum' is beyond all floats"):
            Schema.from_json(schema)
        return
    model = Synthesizer("quick", epochs=1).fit(frame, Schema.from_json(schema))
    assert len(model.sample(5)) == 5
